/* bubblewrap: local sandboxes by the `bwrap` command, without a daemon and without root. They outlive reconclaw: what is known of
 * them is in state_dir/bubblewrap (bwrap_store.h), and pid, start time and boot say which process is one (bwrap_proc.h).
 *
 * What it is made from is `create` of a bubblewrap Sandbox: spec/kinds_desired.h. Needs unprivileged user namespaces (or root)
 * and bubblewrap 0.8. What runs inside sees: its root read-only, /proc and /dev of its own, an empty /tmp, /run and
 * /home/sandbox in memory, and its workspaces. It has no capability, cannot gain one, cannot make namespaces, and has no network
 * but the machine's where `network: host` says so. It is the same user as reconclaw: what keeps it from that user's other files
 * is that it does not see them. No seccomp filter: the kernel's whole surface for an ordinary user is in reach. Run by root it
 * is root's uid without any capability, with what /proc would let that uid do covered; with `network: host` it also reaches
 * abstract sockets, of which some trust root's uid: run it as an ordinary user where that matters.
 *
 * Limits hold where a control group can be made (bwrap_cgroup.h); where not, probe's remark and a warning of each act say so.
 *
 * Options: none. One endpoint per machine and state directory: no address. */
#ifndef RECONCLAW_BACKENDS_BUBBLEWRAP_H
#define RECONCLAW_BACKENDS_BUBBLEWRAP_H

#include "backends/backend.h"

extern const struct backend_ops bubblewrap_ops;

#endif
