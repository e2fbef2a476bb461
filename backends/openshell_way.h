/* openshell_way: the way into one sandbox, by the ssh session that `sandbox ssh-config` leads to, and what is done there:
 * commands, its tree as a tar stream, how much is in it. The sessions are kept, one per sandbox, as long as the handle lives.
 *
 * ssh-config takes a name and asks nobody: so whoever is to be met has to have been found by its id just before. Between the two
 * lies one start of a process. A gateway that is given by its endpoint alone and is not registered leads nowhere: the proxy of
 * OpenShell wants a name. That is ERR_UNAVAILABLE, and says what to do.
 *
 * The tree is that of the directories of a runtime: `workspace/...` is what lies in its remoteWorkspaceDir, `agent/...` in the
 * other one. What reconclaw keeps there itself (".reconclaw" and what begins so, at the top of either) is no part of it. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_WAY_H
#define RECONCLAW_BACKENDS_OPENSHELL_WAY_H

#include "backends/openshell_cli.h"
#include "backends/ssh_script.h"

#define OPENSHELL_WAYS    16    /* kept at a time */
#define OPENSHELL_LOOK_MS 10000 /* for looking into one sandbox; one that is slower is not known */

/* Where a tree lies. */
struct openshell_place {
    const char *workspace, *agent; /* absolute */
    bool has_agent;                /* it belongs to the runtime; false: only if there is something in it */
};

struct openshell_content {
    bool known;
    bool seeded; /* it has a manifest of ours */
    uint64_t n_entries, bytes;
    int64_t changed_at_ms; /* or TIME_NONE */
    const char *stamp;     /* another one: something in it has changed */
};

/* name and id: of one that is Ready. The link is the handle's. */
int openshell_way_get(struct openshell_call *c, const char *name, const char *id, struct ssh_link **ret, struct err *e);
/* One that led to nothing is asked for anew the next time. */
void openshell_way_drop(struct openshell *b, const char *id);
void openshell_ways_free(struct openshell *b);

/* Best effort: what cannot be looked into is not known. */
struct openshell_content openshell_way_measure(struct openshell_call *c, const char *name, const char *id,
                                               const struct openshell_place *place);
int openshell_way_save(struct openshell_call *c, const char *name, const char *id, const struct openshell_place *place,
                       int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, struct err *e);

/* The error of a call by a way, with the hint that it may need. Gives -1. */
int openshell_way_failed(struct openshell *b, const char *id, struct err *e);

#endif
