/* openshell_peer: a directory with a world of the stand-in `openshell`, a gateway "ct" in it, and a state directory of ours. */
#ifndef RECONCLAW_TESTS_LIB_OPENSHELL_PEER_H
#define RECONCLAW_TESTS_LIB_OPENSHELL_PEER_H

#include "backends/backend.h"

#define OPENSHELL_PEER_ENDPOINT "openshell:ct"

struct openshell_peer {
    char *top;                              /* a scratch directory */
    char world[512], state[512], seed[512]; /* below it; seed holds a small workspace and nothing else does */
    char command[512];                      /* the stand-in */
};

/* Fails the test where it cannot. */
void openshell_peer_start(struct openshell_peer *p, const char *release);
void openshell_peer_stop(struct openshell_peer *p);
void openshell_peer_conf(const struct openshell_peer *p, struct arena *a, struct backend_conf *ret);
/* A switch of the world: openshell_world_set(). */
void openshell_peer_switch(const struct openshell_peer *p, const char *key, const char *json);
/* Everything gone on both sides, switches off. */
void openshell_peer_clean(const struct openshell_peer *p);
/* The file of a sandbox, as it is there; malloc'd, or NULL. "sandbox/f" is /sandbox/f. */
char *openshell_peer_file(const struct openshell_peer *p, const char *name, const char *path);
/* What was called so far, one JSON array a line; malloc'd. */
char *openshell_peer_log(const struct openshell_peer *p);

#endif
