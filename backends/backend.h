/* backend: the small vtable behind which every kind of endpoint stands.
 *
 * Calling sequence: open, then probe / observe / look / apply / exec in any order, from one thread at a time per handle, then
 * close. A second handle for the same endpoint may be used in another thread. Everything is synchronous and blocking with a
 * deadline; nothing logs or retries. A timeout means unknown: observe again. A failed or cut listing is an error, never an
 * empty list.
 *
 * Endpoints are named "<backend>" for the default one of a kind and "<backend>:<address>" otherwise: "docker",
 * "docker:unix:///run/user/1000/docker.sock", "bubblewrap", "fake:a". */
#ifndef RECONCLAW_BACKENDS_BACKEND_H
#define RECONCLAW_BACKENDS_BACKEND_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/manifest.h"
#include "spec/node.h"
#include "spec/world.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct backend; /* every implementation's handle begins with `const struct backend_ops *ops` */

/* How long a call may take and who may end it early. */
struct call {
    int timeout_ms;            /* > 0; when it passes: ERR_TIMEOUT, outcome unknown */
    const atomic_bool *cancel; /* may be NULL; looked at at least every 100 ms; true: ERR_CANCELLED, outcome unknown */
    /* For follow: a descriptor that becomes readable when cancel is set, so that it need not be looked at. 0: there is none. */
    int wake_fd;
};

struct backend_conf {
    const char *endpoint; /* name, see above */
    const char *address;  /* "unix:///..." "tcp://..." or NULL: the backend's default */
    const char *tls_dir;  /* ca.pem cert.pem key.pem, or NULL */
    bool tls_verify;
    const char *state_dir; /* reconclaw's own, for backends that keep pid files and the like; exists, 0700; NULL: not made yet, so
                              this backend keeps nothing there */
    const char *install;   /* of our registry */
    const struct node *options; /* backend's own (fake's script, trace's inner backend and file); may be NULL */
};

struct backend_info {
    char version[64];
    char api[32];
    char remark[256];      /* what does not work here ("no cgroup: limits are not enforced"), or "" */
    unsigned major, minor; /* of the version, where it is an engine's; 0.0: not known */
    bool rootless;         /* of podman: it runs without root */
};

struct observe_req {
    const char *const *images; /* references whose ids are wanted */
    size_t n_images;
    /* What is wanted there, so that the backend can save looks: a runtime whose hash label equals the desired one and that
     * `memo` proves unchanged since it was last compared field by field needs no second request. */
    const struct desired *desired;
    size_t n_desired;
    /* What is recorded there: of a runtime on another host, backend_target tells its root ({"root": ABSOLUTE}), which need not be
     * where it is wanted by now. */
    const struct record *records;
    size_t n_records;
    const char *memo; /* of the last observation, or NULL */
    int64_t now_ms;   /* wall clock; 0: not known, and a memo that needs it is not believed */
    bool deep;        /* the slow audit: believe no memo */
    bool mounts;      /* what every container there mounts of this machine is asked for, too */
};

/* One step on one runtime. Recreate is remove, then create, by the caller. */
enum step { STEP_CREATE, STEP_START, STEP_STOP, STEP_PATCH, STEP_REMOVE, STEP_COUNT };

struct backend_act {
    enum step step;
    const struct desired *want; /* for create, patch; for start where it is known: secrets are kept nowhere else */
    const char *name;
    const char *id; /* for all but create: acted on by this id, never by name */
    /* For stop, patch, remove: labels are read again first, and ERR_CONFLICT is given where the runtime under this id is not
     * (any more) what was observed: ownership, install, owner, name. */
    const struct observed *expect;
    int64_t created_at_ms; /* for create: what the label says */
    /* For create, where the backend seeds: an absolute directory that holds the wanted directories by their names (a snapshot
     * that was unpacked), instead of the local ones; links in it are kept as they are. Or NULL. */
    const char *seed_dir;
    /* For create, of a workspace that is seeded anew: the id of the one that gives way, as `expect` shows it. The new one grows
     * beside it and takes its place only when it is whole; then the old one is deleted. Where that is cut, the old one is still
     * in its place, or the new one is, or (between two renames) a create without `replaces` finishes it. ERR_UNSUPPORTED, nothing
     * done, where a backend cannot. Or NULL. */
    const char *replaces;
    int64_t epoch;                      /* for create: how often the runtime has been seeded, with this one; 0: not known */
    const struct field_change *changes; /* for patch */
    size_t n_changes;
};

struct act_result {
    const char *id; /* of what was created */
    int cdp_port, no_vnc_port;
    int setup_status;         /* exit status of the setup; 0 where none was wanted */
    const char *setup_output; /* at most LIMIT_OUTPUT_BYTES, or NULL */
    const char *const *warnings;
    size_t n_warnings;
    /* Of a create that filled a workspace, now or in an earlier try: what went over, its head naming the tree. In the arena that
     * was given. NULL: nothing is known of that. */
    const struct manifest *seeded;
    bool seeded_local;    /* from the wanted directories, not from seed_dir */
    const char *host_key; /* that the host showed: "SHA256:..."; NULL: it has none */
};

/* exec inside a runtime: fds are the caller's and stay open; -1 is /dev/null. */
struct exec_req {
    const char *name, *id;
    const char *const *argv; /* NULL-terminated */
    const char *workdir;     /* or NULL */
    int fd_in, fd_out, fd_err;
    bool tty;
    const struct desired *want; /* where it is known: a backend that keeps no environment takes it from here; or NULL */
};

struct backend_ops {
    const char *name; /* "docker" */

    /* No request is sent yet. */
    int (*open)(const struct backend_conf *conf, struct backend **ret, struct err *e);

    /* Whether the endpoint answers, and as what. ERR_UNAVAILABLE or ERR_TIMEOUT where it does not. */
    int (*probe)(struct backend *b, const struct call *c, struct backend_info *ret, struct err *e);

    /* Everything on the endpoint that is ours or OpenClaw's by label, and everything whose name is wanted (a foreign runtime
     * under a wanted name is listed as OWN_FOREIGN), in one pass. All of it or an error. ret is in the arena, also after close,
     * and ok is true. */
    int (*observe)(struct backend *b, struct arena *a, const struct observe_req *req, const struct call *c,
                   struct observation *ret, struct err *e);

    /* One runtime by id (or by name where id is NULL), looked at anew. RUN_ABSENT only where the endpoint says that it does not
     * exist; every doubt is an error. */
    int (*look)(struct backend *b, struct arena *a, const char *id, const char *name, const struct call *c, struct observed *ret,
                struct err *e);

    /* Pure; needs no handle. Refuses what this backend cannot do (ERR_CONFIG, the message begins with the key) and gives the
     * fields that d->create means. If it passes, apply can fail only at run time. */
    int (*check)(struct arena *a, const struct desired *d, struct fields *ret, struct err *e);

    /* Idempotent: creating what exists with our labels and the same hash (ret->id is then the existing one's), starting what
     * runs, stopping what does not, removing what is not there all succeed. A create leaves the runtime running where want is
     * WANT_RUNNING, its setup run, and stopped where want is WANT_STOPPED; a setup that failed is ERR_REFUSED with the output in
     * ret (the one case in which ret is set on -1), and the runtime stays for its owner to look at. Creating under a name that
     * is taken by anything else (foreign, another hash) is ERR_CONFLICT and touches nothing; one that was begun and not ended
     * (its setup failed, we were killed) is made anew where the backend can tell. Starting, stopping or patching an id that does
     * not exist is ERR_NOT_FOUND. A remove returns only once the runtime is seen to be gone. */
    int (*apply)(struct backend *b, struct arena *a, const struct backend_act *act, const struct call *c, struct act_result *ret,
                 struct err *e);

    /* NULL where the backend cannot. Gives the exit status (128 + signal where killed; 127: no such command, 126: not
     * executable). ERR_NOT_FOUND: no such runtime; ERR_CONFLICT: it does not run. On a timeout or cancel the process is ended. */
    int (*exec)(struct backend *b, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e);

    /* Hints that something changed, until c->cancel (then 0; c->timeout_ms is not looked at). on_hint is called from this thread,
     * once when the watch is armed and then at each change, and says only "look again". Returns -1 when the stream breaks. NULL
     * where the backend has no events. */
    int (*follow)(struct backend *b, void (*on_hint)(void *ctx), void *ctx, const struct call *c, struct err *e);

    /* The tree of a runtime as it is now, as one tar stream (`workspace/...`, `agent/...`), given piece by piece to write, which
     * returns -1 to end it. On 0 the stream is whole; what was written before a -1 is worth nothing. ERR_NOT_FOUND: there is no
     * such runtime. NULL where there is no tree to save, or it is on this machine. */
    int (*save)(struct backend *b, const char *id, const char *name,
                int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, const struct call *c, struct err *e);

    void (*close)(struct backend *b); /* accepts NULL */
};

struct backend {
    const struct backend_ops *ops;
};

/* The table of all backends; NULL for a name that is none. "docker:unix:///x" finds docker. */
const struct backend_ops *backend_find(const char *endpoint);
const struct backend_ops *const *backend_all(size_t *ret_n);

#endif
