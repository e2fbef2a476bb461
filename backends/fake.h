/* fake: an endpoint in memory with scripted faults, in real or virtual time. It ships: simulation tests run whole rounds
 * against it, and `backend: fake` lets a spec be tried without any engine.
 *
 * All handles of one endpoint name ("fake", "fake:a") share one world, from any thread. A world is made by the first
 * fake_world_get() or open of its name and stays until fake_world_drop(): handles come and go, runtimes stay.
 *
 * What a runtime is made from may be any object: each scalar below `create` is one field, named by its path ("docker.memory"),
 * each array one field with its JSON. The class of a field is read off its name: one of its words is "patch" or "limits": patch
 * in place; "restart": restart; "note": none; else recreate. A key "unsupported" is refused by check().
 *
 * A runtime that cannot be made again (can_remake false) has a tree of one file, workspace/content, which its seed gives: that
 * file below seed_dir or below the local directory `workspace` of `create.dirs`, or the text `create.seed.content`, or nothing.
 * Of `create.seed` nothing is ever drift.
 *
 * Commands and setups are a handful of shell forms, enough for tests (also as argv {"sh", "-c", FORM}): "exit N", "echo TEXT",
 * "echo TEXT >&2", "cat", "pwd", "sleep N", "kill -N $$", and any other word as "not found" (127). Forms are joined by "; ".
 *
 * options (conf->options), all optional:
 *     images: {REF: ID}
 *     faults: [{call, runtime?, kind, class?, skip?, count?, ms?}]      words as below, lower case with dashes
 * They are added to the world at each open that finds it without runtimes, images and faults. */
#ifndef RECONCLAW_BACKENDS_FAKE_H
#define RECONCLAW_BACKENDS_FAKE_H

#include "backends/backend.h"

extern const struct backend_ops fake_ops;

enum fake_call {
    FAKE_PROBE,
    FAKE_OBSERVE,
    FAKE_LOOK,
    FAKE_CREATE,
    FAKE_START,
    FAKE_STOP,
    FAKE_PATCH,
    FAKE_REMOVE,
    FAKE_EXEC,
    FAKE_FOLLOW,
    FAKE_SAVE,
    FAKE_ANY, /* in a fault: each of the above */
    FAKE_CALL_COUNT
};

enum fake_fault_kind {
    FAKE_FAIL,        /* with `class`, before anything was done */
    FAKE_FAIL_AFTER,  /* done, and then answered with `class` */
    FAKE_HANG,        /* until timeout or cancel; nothing was done */
    FAKE_HANG_AFTER,  /* done, but the answer never comes */
    FAKE_SLOW,        /* `ms` longer than usual, then as usual */
    FAKE_PARTIAL,     /* observe: the listing breaks off half-way: ERR_UNAVAILABLE */
    FAKE_EMPTY,       /* observe: answers ok with nothing in it, whatever there is */
    FAKE_UNREADABLE,  /* observe, look: the runtime is listed as RUN_UNKNOWN */
    FAKE_SETUP_FAILS, /* create: the setup gives status 1 */
    FAKE_FAULT_KIND_COUNT
};

struct fake_fault {
    enum fake_call call;
    const char *runtime; /* by name; NULL: any */
    enum fake_fault_kind kind;
    enum err_class class; /* of the two FAILs; ERR_NONE is read as ERR_INTERNAL */
    unsigned skip;        /* so many calls that match go well first */
    unsigned count;       /* then so many are hit; 0: all from then on */
    int ms;               /* of FAKE_SLOW */
};

/* Where time comes from. wait() lets `ms` pass (virtual time: at once). Both are called without the world's mutex. */
struct fake_clock {
    int64_t (*now_ms)(void *ctx); /* wall clock: created_at_ms of runtimes that are given none; 0 without a clock */
    void (*wait)(void *ctx, int ms);
    void *ctx;
};

struct fake_world;

/* Finds or makes. Valid until dropped. */
struct fake_world *fake_world_get(const char *endpoint);
/* Forgets the world. No handle of it may be open and no call under way. */
void fake_world_drop(const char *endpoint);
/* No runtimes, images, faults, counts; reachable; real time. */
void fake_world_reset(struct fake_world *w);

/* NULL: real time. */
void fake_world_set_clock(struct fake_world *w, const struct fake_clock *clock);
void fake_world_add_fault(struct fake_world *w, const struct fake_fault *f);
void fake_world_clear_faults(struct fake_world *w);
void fake_world_set_reachable(struct fake_world *w, bool reachable);              /* false: everything is ERR_UNAVAILABLE */
void fake_world_set_image(struct fake_world *w, const char *ref, const char *id); /* id NULL: gone */

/* The others on this endpoint: what OpenClaw, a second install or a person at the engine does. Each is seen by follow. */

/* Adds a runtime as described (id NULL: a fresh one; endpoint is not looked at). Returns its id, valid while the runtime is. A
 * runtime of the same name is replaced. */
const char *fake_world_put(struct fake_world *w, const struct observed *o);
bool fake_world_remove(struct fake_world *w, const char *name); /* false: not there */
bool fake_world_set_state(struct fake_world *w, const char *name, enum run_state s);
bool fake_world_set_busy(struct fake_world *w, const char *name, unsigned busy);
bool fake_world_set_content(struct fake_world *w, const char *name, const char *content); /* of its tree */
bool fake_world_set_hash(struct fake_world *w, const char *name, const char *hash);       /* the label; NULL: none */
/* Drift: sets one field, or takes it away (value NULL). The hash label stays. */
bool fake_world_set_field(struct fake_world *w, const char *name, const char *field, const char *value);
void fake_world_hint(struct fake_world *w); /* an event with nothing behind it */

/* What there is, copied; NULL where there is none. By name, as an observation would give it. */
const struct observed *fake_world_find(struct fake_world *w, struct arena *a, const char *name);
const char *fake_world_content(struct fake_world *w, struct arena *a, const char *name); /* of its tree; NULL: it has none */
size_t fake_world_count(struct fake_world *w);
/* Calls made since the last reset, failed ones too. */
unsigned fake_world_calls(struct fake_world *w, enum fake_call call);
unsigned fake_world_mutations(struct fake_world *w); /* create, start, stop, patch, remove together */
/* All acts in the order in which they changed something: "create a\nremove b\n". */
const char *fake_world_history(struct fake_world *w, struct arena *a);

const char *fake_call_name(enum fake_call c);
const char *fake_fault_kind_name(enum fake_fault_kind k);

#endif
