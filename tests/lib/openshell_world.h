/* openshell_world: what the stand-in `openshell` (tests/tools/openshell.c) remembers: gateways' sandboxes, their files, and the
 * switches by which a test makes it fail. One directory:
 *
 *     state.json       below; replaced whole, under `lock`
 *     fs/<id>/sandbox  a sandbox's /sandbox; agent and tmp beside it
 *     log              one line per call: a JSON array of its argv
 *
 * The program finds it by the environment variable OPENSHELL_STANDIN. Tests change it by these functions or by
 * `openshell standin ...`. */
#ifndef RECONCLAW_TESTS_LIB_OPENSHELL_WORLD_H
#define RECONCLAW_TESTS_LIB_OPENSHELL_WORLD_H

#include "spec/node.h"

#include <stdbool.h>
#include <stdint.h>

/* Members of state.json, all optional:
 *
 *     version          "0.0.111": what it is and how it behaves; the profiles are 0.0.36, 0.0.37, 0.0.88, 0.0.111
 *     down             true, or an endpoint: connections are refused
 *     slowMs           waited before each answer of a gateway
 *     fail             {"<verb>": {"times": n, "text": "...", "after": bool}}: the next n calls of the verb fail with an internal
 *                      error, before or after they took effect. Verbs: list get create delete stop start exec upload download
 *                      policy-set policy-get status ssh-config version provider-list
 *     deletingPolls    how many looks a deleted sandbox stays in Deleting; default 1; -1: for ever
 *     provisionPolls   how many looks a new one stays in Provisioning; its create then times out. Default 0; -1: for ever
 *     authExpired      true: the token is refused
 *     phases           {"<name>": "Stopped"}: shown in place of the true phase
 *     policyWait       what becomes of a policy that is set: loaded (default), failed, superseded, timeout
 *     providers        names that exist
 *     emptyList        n: the next n listings are empty, and say nothing is wrong
 *     ssh              {"host","port","user","shape":"proxy"|"host"}: where ssh-config leads; without it, into the sandbox itself
 *     sshCut           n: a connection into a sandbox is cut once it has carried so many bytes there
 *     sandboxes        what exists */
struct openshell_world {
    struct arena *a;
    const char *dir;
    struct node *state;
    int lock; /* held while it is not -1 */
};

/* Locks and reads; makes what is not there. Ends the program where it cannot. */
void openshell_world_open(struct openshell_world *w, struct arena *a, const char *dir);
/* Writes, and unlocks. */
void openshell_world_close(struct openshell_world *w);
/* Opens, sets a member (NULL takes it away) and closes. */
void openshell_world_set(const char *dir, const char *key, const char *json);
/* Sandboxes gone with their files, switches off; the version stays. */
void openshell_world_reset(const char *dir);

/* --- of an open one -------------------------------------------------------------------------------------------------------- */

double openshell_world_number(const struct openshell_world *w, const char *key, double otherwise);
bool openshell_world_flag(const struct openshell_world *w, const char *key);
/* An index, or -1. endpoint NULL: of any gateway. */
int openshell_world_find(const struct openshell_world *w, const char *endpoint, const char *name);
struct node *openshell_world_at(const struct openshell_world *w, int i);
size_t openshell_world_count(const struct openshell_world *w);
/* A new one with an id and directories; the caller sets the rest. */
struct node *openshell_world_add(struct openshell_world *w, const char *endpoint, const char *name);
/* With its files. */
void openshell_world_drop(struct openshell_world *w, int i);
/* The phase as it is shown. */
const char *openshell_world_phase(const struct openshell_world *w, const struct node *sandbox);
/* dir/fs/<id>/<sub>, in the arena. */
char *openshell_world_path(const struct openshell_world *w, const struct node *sandbox, const char *sub);
/* One look: what is provisioning or deleting comes a step further. */
void openshell_world_tick(struct openshell_world *w);
/* resource_version goes up. */
void openshell_world_touch(struct openshell_world *w, struct node *sandbox);

#endif
