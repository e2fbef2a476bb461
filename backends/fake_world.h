/* fake_world: the shared insides of backends/fake.c. Private to it, fake_world.c and fake_shell.c. */
#ifndef RECONCLAW_BACKENDS_FAKE_WORLD_H
#define RECONCLAW_BACKENDS_FAKE_WORLD_H

#include "backends/deadline.h"
#include "backends/fake.h"
#include "spec/base/text.h"

#include <pthread.h>

struct fake_runtime {
    struct arena *arena; /* of all below */
    struct observed o;   /* o.endpoint is not set */
    const char *setup;   /* as wanted, or NULL */
    const char *content; /* of its tree; NULL: it has none */
    bool good;           /* made, and its setup went well */
    uint64_t changed;    /* world's serial at the last change */
};

struct fake_live_fault {
    struct fake_fault f;
    unsigned seen;
};

struct fake_world {
    struct fake_world *next;
    char *endpoint;
    pthread_mutex_t mutex;
    pthread_cond_t changed_cond; /* CLOCK_MONOTONIC */
    struct fake_clock clock;     /* all NULL: real time */
    bool unreachable;
    uint64_t serial;         /* grows with every change */
    uint64_t hints;          /* grows with every change and every fake_world_hint() */
    uint64_t next_id;        /* never goes back, also over a reset */
    struct fake_runtime **v; /* sorted by name */
    size_t n, cap;
    struct image_state *images;
    size_t n_images;
    struct fake_live_fault *faults;
    size_t n_faults;
    unsigned calls[FAKE_CALL_COUNT];
    struct buf history;
};

/* With the mutex held. */
struct fake_runtime *fake_runtime_by_name(struct fake_world *w, const char *name);
struct fake_runtime *fake_runtime_by_id(struct fake_world *w, const char *id);
struct fake_runtime *fake_runtime_add(struct fake_world *w, const struct observed *o); /* copies; replaces its name */
void fake_runtime_drop(struct fake_world *w, struct fake_runtime *r);
void fake_runtime_set_field(struct fake_runtime *r, const struct field *f); /* value NULL: taken away */
void fake_runtime_set_content(struct fake_world *w, struct fake_runtime *r, const char *content);
const char *fake_image_id(const struct fake_world *w, const char *ref);
void fake_world_changed(struct fake_world *w, struct fake_runtime *r); /* r may be NULL */
void fake_observed_copy(struct arena *a, const char *endpoint, const struct observed *from, struct observed *to);
/* Counts the call and takes the fault that hits it, if one does (its kind is FAKE_FAULT_KIND_COUNT otherwise). */
struct fake_fault fake_world_enter(struct fake_world *w, enum fake_call call, const char *runtime);
int64_t fake_world_now(const struct fake_world *w);

/* Without it. Waits `ms` (-1: until timeout or cancel) of the call, in the world's time. */
int fake_world_wait(struct fake_world *w, const struct call *c, const struct deadline *d, int ms, const char *what,
                    struct err *e);

/* What a seed begins with, and the tree as one tar stream (fake_tree.c). */
int fake_tree_seed(struct arena *a, const struct backend_act *act, const char **ret, struct err *e);
/* Of a tree that holds nothing else: what fake_tree_write() writes. */
const struct manifest *fake_tree_manifest(struct arena *a, const char *content, const char *id, const char *install);
int fake_tree_write(const char *content, int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx,
                    struct err *e);

/* The shell forms of fake.h. Output goes through `put`; a sleep waits in the world's time. Returns the exit status, or -1 with e
 * on timeout or cancel. */
struct fake_shell {
    struct fake_world *world;
    const struct call *call;
    const struct deadline *deadline;
    const char *workdir;
    int (*put)(void *ctx, bool is_err, const char *s, size_t n);
    int fd_in; /* of cat; -1: empty */
    void *ctx;
};
int fake_shell_run(const struct fake_shell *sh, const char *script, int *ret_status, struct err *e);

#endif
