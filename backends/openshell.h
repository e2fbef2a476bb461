/* openshell: NVIDIA OpenShell's sandboxes behind one gateway, by the `openshell` command (releases 0.0.36 to 0.0.111; later ones
 * are driven as 0.0.111, and probe says so).
 *
 * Endpoints: "openshell" (the active gateway), "openshell:NAME" (a registered gateway), "openshell:https://..." (by its
 * endpoint), "openshell:NAME@https://..." (both, as OpenClaw's config may give both), each with "#WORKSPACE" behind where it is
 * not the default one (0.0.88). Which gateway the active one is may change under us; one that is to be relied on has a name.
 *
 * Options of struct backend_conf, all of them optional:
 *
 *     command    absolute path of the command; else `openshell` on PROC_PATH. npm's package of that name is never run
 *     env        {"NAME": "VALUE"}: its environment beside PATH, LC_ALL and NO_COLOR: HOME or XDG_CONFIG_HOME, where its gateways
 * and credentials are, and whatever of OPENSHELL_* and proxies its owner has set
 *     remoteWorkspaceDir, remoteAgentWorkspaceDir
 *                where the trees lie of which no record of ours tells; /sandbox and /agent
 *
 * What `create` means: openshell_spec.h. What is written down here: openshell_store.h.
 *
 * Whose a sandbox is: labels reconclaw.install .owner .kind .configHash .configHash2 .createdAtMs where the release has labels
 * (0.0.37), and our own record of its id. A sandbox of neither whose name has OpenClaw's form is OpenClaw's, of
 * RUNTIME_CONTAINER: OpenClaw leaves no other mark. Other names are foreign.
 *
 * Phases: Ready runs; Stopped and Error do not, and Error is a difference of its own (openshell.phase); every other one is in
 * between, and shown as RUN_UNKNOWN: nothing is decided about it until it has come to rest. Deleting is not absent.
 *
 * A sandbox is removed by name, since OpenShell has no other way, right after its id was read again; between the two lies one
 * start of a process. Stop and start are of 0.0.105; before, stopping is ERR_UNSUPPORTED. A create whose time runs out leaves the
 * sandbox where it is; the next one goes on from there. Live sessions are not listed by OpenShell: busy_known is false.
 *
 * Commands, trees and what is in them: by ssh, whose sessions are kept (openshell_way.h). Of mode remote the content is measured
 * at each look; what cannot be measured is not known, and no reason to doubt the rest. What is not Ready cannot be saved.
 *
 * Seeding (mode remote; in mode mirror OpenClaw brings all along itself): openshell_seed.h. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_H
#define RECONCLAW_BACKENDS_OPENSHELL_H

#include "backends/backend.h"

#define OPENSHELL_POLICY_BYTES 262144u /* of one policy: the gateway's cap */

extern const struct backend_ops openshell_ops;

#endif
