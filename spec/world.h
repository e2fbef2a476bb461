/* world: the values that the rooms exchange. What is wanted (struct desired), what was recorded (struct record), what an
 * endpoint shows (struct observed), and what is to be done about it (struct act). Plain data in the round's arena: no
 * handles, no callbacks. Times are milliseconds of wall-clock time since 1970. */
#ifndef RECONCLAW_SPEC_WORLD_H
#define RECONCLAW_SPEC_WORLD_H

#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_NONE INT64_MIN /* no time known */

/* --- fields: what drift is counted in -------------------------------------------------------------------------------------- */

/* What a change of a field costs. */
enum field_class {
    FIELD_NONE,     /* shown, never acted on */
    FIELD_PATCH,    /* changed in place */
    FIELD_RESTART,  /* stop and start */
    FIELD_RECREATE, /* remove and create */
    FIELD_CLASS_COUNT
};

/* One comparable setting of a runtime, under the key its owner writes: "docker.memory" = "512m". Values are normalised: equal
 * settings have equal texts, whichever way they were written or defaulted. */
struct field {
    const char *name;
    const char *value; /* never NULL; a field that is not set is not listed */
    enum field_class class;
    bool sensitive; /* shown as "(sensitive)" */
};

/* Sorted by name (byte order), each name once. */
struct fields {
    const struct field *v;
    size_t n;
};

/* from or to NULL: the field appears or goes. Sensitive values stay here unmasked: only field_change_format() shows them. */
struct field_change {
    const char *name;
    const char *from, *to;
    enum field_class class;
    bool sensitive;
};

/* --- what is wanted ----------------------------------------------------------------------------------------------------------
 */

enum runtime_kind {
    RUNTIME_CONTAINER, /* OpenClaw's sandbox of a scope */
    RUNTIME_BROWSER,   /* OpenClaw's browser of a scope */
    RUNTIME_SANDBOX,   /* of a `kind: Sandbox` */
    RUNTIME_KIND_COUNT
};

enum want { WANT_RUNNING, WANT_STOPPED, WANT_ABSENT, WANT_COUNT };
enum on_drift { ON_DRIFT_RECREATE, ON_DRIFT_REMOVE, ON_DRIFT_REPORT, ON_DRIFT_COUNT };
enum orphans { ORPHANS_REPORT, ORPHANS_PRUNE, ORPHANS_ADOPT, ORPHANS_COUNT };
enum ghosts { GHOSTS_FORGET, GHOSTS_RECREATE, GHOSTS_REPORT, GHOSTS_COUNT };
enum image_updates { IMAGE_UPDATES_RECREATE, IMAGE_UPDATES_REPORT, IMAGE_UPDATES_IGNORE, IMAGE_UPDATES_COUNT };
/* What becomes of the private workspace of a runtime of OpenClaw's that is pruned for good. */
enum on_prune { ON_PRUNE_QUARANTINE, ON_PRUNE_KEEP, ON_PRUNE_COUNT };

/* In force for one object after layering: the defaults, then `kind: Policy`, then the object. */
struct policy {
    int64_t hot_window_ms;           /* 300000 as OpenClaw 2026.5.3 */
    unsigned cap_percent, cap_count; /* removal cap: max(count, percent of the endpoint's known runtimes) */
    enum on_drift on_drift;
    enum orphans orphans;
    enum ghosts ghosts;
    enum image_updates image_updates;
    bool prune;           /* false: nothing is ever pruned or forgotten */
    bool protect;         /* true: no act that removes or restarts this runtime */
    bool ignore_busy;     /* guard off: live execs and sessions hold nothing */
    bool ignore_flapping; /* guard off: another owner's turns are not counted */
    unsigned concurrency; /* acts at a time on one endpoint */
    int64_t resync_ms;    /* the slow audit */
    enum on_prune on_prune;
    /* What is in quarantine is deleted when it is older, or the oldest of it where there is more. All 0: never. */
    unsigned retain_count;
    int64_t retain_ms;
    uint64_t retain_bytes;
    /* Snapshots of one runtime: likewise. */
    unsigned snapshot_count;
    int64_t snapshot_ms;
    uint64_t snapshot_bytes;
};

struct desired {
    const char *endpoint; /* "docker" "docker:unix:///run/x.sock" "bubblewrap" "fake": see backends/backend.h */
    const char *name;     /* of the runtime on its endpoint: the container's name */
    enum runtime_kind kind;
    const char *owner;   /* the object that wants it: "OpenClaw/home", "Sandbox/scratch" */
    const char *install; /* which registry it belongs to: 16 hex digits of the state directory's digest */
    enum want want;
    bool precreate;                   /* false: kept in step only where a record or a runtime exists (`ensure: existing`) */
    bool can_remake;                  /* made again from its spec without loss; false: removal destroys a canonical workspace */
    const char *scope_key, *agent_id; /* OpenClaw's; NULL otherwise */
    const char *backend_id;           /* as recorded: "docker", "ssh", ... */
    /* What OpenClaw records in place of an image, and its kind: "u@h" "Target", "openclaw" "Source"; NULL: image, "Image". */
    const char *config_label, *config_label_kind;
    const char *image;       /* reference as written, or NULL where the backend has none */
    const char *config_hash; /* OpenClaw's, or our own digest of `create`; 64 hex digits */
    /* Key of a setting on which OpenClaw's hash depends in a way that cannot be known from outside; NULL: the hash is certain. Of
     * one that is not, a difference of the hash alone means nothing. */
    const char *hash_uncertain;
    const struct node *create; /* what the backend makes it from: the Engine create body, the bubblewrap spec, ... */
    struct fields fields;      /* from backend check(): what `create` means, comparable with an observation */
    const char *setup;         /* run once inside after creation, or NULL */
                               /* Of this machine, made before it is created; NULL: none. */
    const char *workspace_dir, *agent_workspace_dir;
    const char *skills_dir;      /* and this one must be a directory and no link: what is in it comes from a sandbox */
    int64_t idle_ms, max_age_ms; /* prune after; 0: never */
    struct policy policy;
    struct pos origin;  /* where in the specs */
    const char *source; /* absolute path of the spec file that names it; NULL for OpenClaw's */
};

/* --- what was recorded --------------------------------------------------------------------------------------------------------
 */

/* An `unwanted_because`, and so a reason, that begins so: an upgrade of OpenClaw has left the runtime behind. */
#define RECORD_SUPERSEDED "superseded: "

/* A directory of this machine that belongs to one scope of OpenClaw's, and to nobody else: <root>/<slug>. It is there. */
struct private_dir {
    const char *root; /* absolute, as OpenClaw has it */
    const char *slug;
    const char *real;  /* <real path of root>/<slug>: what uses are compared with */
    const char *doubt; /* why it is not moved whatever happens ("it is a link"); NULL: it may be */
};

/* What a workspace on another host was last filled with, by our own record. */
struct seeded {
    const char *manifest; /* digest of its manifest, by which state/seeds.h keeps that; NULL: not known */
    /* Of the content that the local directories had when both ends were last in step; NULL: not known. */
    const char *source;
    const char *host_key; /* fingerprint of the key that the host showed: "SHA256:..."; NULL: none */
    int64_t at_ms;        /* 0: not known */
    int64_t epoch;        /* how often the runtime has been filled; 0: not known */
};

struct record {
    const char *endpoint, *name;
    enum runtime_kind kind;
    const char *install;
    const char *owner; /* object that made it, where our own record tells; NULL for a shard */
    const char *backend_id, *runtime_label, *scope_key;
    int64_t created_at_ms, last_used_at_ms; /* TIME_NONE where absent or no number */
    const char *image, *config_label_kind;
    const char *config_hash;   /* NULL: none recorded */
    int cdp_port, no_vnc_port; /* 0: none */
    /* OpenClaw 2026.9's; NULL in what 2026.5 wrote. */
    const char *workspace_dir; /* what is mounted as the workspace */
    /* Of podman: {"key", "globalArgs"} as recorded. Of a tree on another host, by our own record: where it is and how it was
     * reached, {"root", "workspaceRoot", "connection"}, without secrets; "left": other roots there where it may stand too, since
     * a move was begun; "guessed": true where nothing tells where it was made, and that of today's config is taken for it. Of
     * OpenShell its command and directories. */
    const struct node *backend_target;
    const char *id;      /* immutable id of the runtime, where our own record tells; else NULL */
    const char *source;  /* absolute path of the spec file it was made from, where our own record tells; else NULL */
    const char *version; /* digest of the stored bytes: the record goes only while it still has them */
    bool creating;       /* our own intent: a create or recreate was begun and not seen to end */
    bool setup_failed;   /* made, but its setup did not succeed: not good */
    /* OpenClaw's runtime whose agent, scope, backend and prefix no longer lead to this name. Set by whoever expands the config.
     */
    const char *unwanted_because;
    /* Still wanted, under its name, but on another endpoint: this one. It stays recorded where it is until its workspace has been
     * moved. Set likewise; NULL: it has not moved. */
    const char *moved_to;
    /* Removing its runtime destroys a workspace that exists nowhere else (remote and canonical), by what was wanted when it was
     * made; `can_remake` tells what is wanted now. */
    bool holds_data;
    struct seeded seed; /* of such a one */
    /* Of OpenClaw's: what it would leave behind. Set by whoever expands the config, where anything of that install is unwanted.
     */
    const struct private_dir *dirs;
    size_t n_dirs;
};

/* What was left behind by a runtime that was pruned, by our own record: it is to be moved to quarantine (the intent, written
 * before the prune), or is there. */
enum leftover_state {
    LEFTOVER_LEAVING, /* still <root>/<slug>, or moved and not yet noted */
    LEFTOVER_KEPT,    /* <root>/<quarantine>/<entry> */
    LEFTOVER_GOING,   /* its removal was begun */
    LEFTOVER_STATE_COUNT
};
struct leftover {
    enum leftover_state state;
    const char *install, *root, *slug;
    const char *entry;                          /* its name in the quarantine */
    const char *endpoint, *runtime, *scope_key; /* whose it was */
    enum runtime_kind kind;
    const char *reason; /* why that was pruned */
    int64_t at_ms;      /* of the intent; once it is kept: since then */
    uint64_t dev, ino;  /* the directory itself: another one of that name is not it */
    int64_t bytes;      /* -1: not known */
    const char *error;  /* why it could not be moved or removed when that was last tried; NULL */
    const char *real;   /* <real path of root>/<slug>; not stored */
    bool gone;          /* kept, and not there any more; not stored */
    const char *lives;  /* "agent 'work'": its scope is in use by today's config; NULL: it is not. Set by whoever expands that */
};

/* Who needs a directory of this machine where it is. */
struct dir_use {
    const char *path;            /* absolute */
    const char *who;             /* "agent 'work'" */
    const char *endpoint, *name; /* of the runtime; NULL where it is none */
};

/* --- what an endpoint shows
 * -------------------------------------------------------------------------------------------------------- */

enum run_state {
    RUN_UNKNOWN, /* there, or perhaps there, but not readable */
    RUN_STOPPED, /* created or exited or dead: there, not running */
    RUN_RUNNING,
    RUN_ABSENT, /* only as the answer of a look by id: the endpoint says in so many words that it is not there */
    RUN_STATE_COUNT
};

enum ownership {
    OWN_FOREIGN,  /* neither label nor record: never touched */
    OWN_OPENCLAW, /* OpenClaw's labels, none of ours */
    OWN_OURS,     /* our install label */
    OWNERSHIP_COUNT
};

struct observed {
    const char *endpoint, *name;
    const char *id; /* immutable */
    enum runtime_kind kind;
    enum ownership ownership;
    enum run_state state;
    const char *install, *owner; /* from our labels; NULL otherwise */
    const char *scope_key;       /* from the label */
    const char *config_hash;     /* from the label */
    int64_t created_at_ms;       /* from the label, else the endpoint's own */
    const char *image_id;        /* that it was made from */
    const char *image;           /* reference it was made from */
    bool fields_known;           /* false: not looked at, since the hash label equals the desired one and nothing changed it */
    struct fields fields;
    unsigned busy; /* live execs or sessions */
    bool busy_known;
    int cdp_port, no_vnc_port; /* host ports of a running browser */
    /* Of a tree on another host. */
    bool content_known;
    uint64_t n_entries, content_bytes;
    int64_t changed_at_ms;     /* newest change in it by that host's clock, or TIME_NONE: to be shown, decides nothing */
    const char *content_stamp; /* another one: something in it has changed, whatever its clocks say; or NULL */
    const char *root;          /* absolute, where it stands; NULL: its backend has no say in that */
};

struct image_state {
    const char *ref;
    const char *id; /* NULL: the endpoint has no such image */
};

/* A directory or file of this machine that a container mounts. */
struct mount_use {
    const char *name; /* of the container */
    const char *source;
};

/* All that one endpoint shows in one pass. */
struct observation {
    const char *endpoint;
    bool ok; /* false: could not be listed, `why` says so; every runtime there is unknown */
    const char *why;
    const char *remedy; /* the command that mends it, or NULL */
    struct observed *v;
    size_t n;
    struct image_state *images; /* of the references that were asked for */
    size_t n_images;
    /* What its containers mount of this machine, strangers' too; only where that was asked for and can be told. */
    bool mounts_known;
    const struct mount_use *mounts;
    size_t n_mounts;
    const char *host_key; /* that the host showed: "SHA256:..."; NULL: it has none */
    bool can_save;        /* the trees of its runtimes can be saved as they are */
    const char *memo;     /* what the backend wants to be given at the next observation; losing it costs only time */
};

/* --- what is to be done
 * ---------------------------------------------------------------------------------------------------------------- */

enum act_kind {
    ACT_CREATE,
    ACT_START,
    ACT_STOP,
    ACT_PATCH,
    ACT_RECREATE,
    ACT_RESEED,
    ACT_PRUNE,  /* remove the runtime, verify, drop its record */
    ACT_ADOPT,  /* a runtime without a record gets one; nothing is done to the runtime */
    ACT_FORGET, /* drop a record whose runtime is confirmed absent */
    ACT_HOLD,   /* wait: `held` is the act that is due when `until_ms` passes or the guard clears */
    ACT_REPORT, /* named, by policy not acted on */
    ACT_KIND_COUNT
};

enum guard {
    GUARD_NONE,
    GUARD_UNKNOWN,  /* endpoint or runtime could not be read */
    GUARD_CAP,      /* removal cap */
    GUARD_HOT,      /* used within the hot window */
    GUARD_BUSY,     /* live execs or sessions */
    GUARD_PROTECT,  /* protect: true */
    GUARD_FOREIGN,  /* the name is taken by something that is not ours */
    GUARD_IMAGE,    /* the image is not there */
    GUARD_DATA,     /* would destroy a canonical workspace */
    GUARD_FLAPPING, /* another owner keeps undoing it */
    GUARD_PAUSED,   /* paused by the owner */
    GUARD_CONFIG,   /* the specs do not load: last good in force */
    GUARD_CLASH,    /* two desired runtimes want one name */
    GUARD_RELEASE,  /* its OpenClaw is of a release that is not known */
    GUARD_SETUP,    /* its setup failed a moment ago: tried again later */
    GUARD_COUNT
};

/* What becomes of a private directory when its runtime is pruned. */
enum dir_fate {
    DIR_MOVES, /* to quarantine, as soon as the runtime is seen to be gone */
    DIR_WAITS, /* the same, once it can be told that nothing else uses it */
    DIR_STAYS,
    DIR_FATE_COUNT
};
struct dir_end {
    const struct private_dir *dir;
    enum dir_fate fate;
    const char *why; /* of waits and stays */
};

struct act {
    enum act_kind kind;
    enum act_kind held; /* of ACT_HOLD: what waits. Of ACT_REPORT: what the policy left undone */
    enum guard guard;   /* of ACT_HOLD */
    int64_t until_ms;   /* of ACT_HOLD: when it comes due by itself, or TIME_NONE */
    const char *endpoint, *name;
    const char *install; /* whose registry has or gets the record */
    enum runtime_kind runtime;
    const char *reason;                 /* one sentence without a full stop: "docker.memory changed", "agent 'x' is gone" */
    const char *hold_reason;            /* of ACT_HOLD: why it waits: "used 12s ago"; NULL otherwise */
    const char *remedy;                 /* of ACT_HOLD: the command that clears the guard, or NULL */
    const struct field_change *changes; /* why, field by field */
    size_t n_changes;
    const struct desired *want;        /* NULL for a prune */
    const struct record *rec;          /* NULL: none */
    const struct observed *obs;        /* NULL: not seen */
    bool data_loss;                    /* destroys a canonical workspace */
    bool snapshot;                     /* held or not: a snapshot of its tree is kept and verified before anything of it goes */
    const struct seed_look *seed;      /* of a reseed: both ends of it (plan.h); NULL: not looked at */
    const struct observed *moves_from; /* of a create: itself at its old place, which goes once this is made. NULL: nowhere */
    /* Of a create or adopt: what is recorded of it at its old place, which may have its registry row till then. NULL: nothing. */
    const struct record *moves_rec;
    const char
        *restores;    /* of a reseed or create: the snapshot that it begins with, by its owner's word; NULL: as its spec has it */
    bool row_stays;   /* of a removal: the registry row is that of its new place by then, and does not go with it */
    bool leaves_root; /* of a removal: only of a tree of it at a root of its host where it is not wanted any more */
    bool relocates;   /* of a recreate: on the same host, at another root. It is made there before it goes here */
    bool restart;     /* of ACT_PATCH: a field is of FIELD_RESTART: stop, patch, start */
    bool superseded;  /* an upgrade of OpenClaw left it behind */
    const struct dir_end *dirs; /* of a removal for good, held or not: what becomes of its private directories */
    size_t n_dirs;
    bool needs_look; /* looked at anew, by id, just before: absent must be absent, and idle still idle */
    size_t *after;   /* indices of acts that must have succeeded before this one starts */
    size_t n_after;
};

/* Names used in text, JSON and the journal: stable. */
const char *runtime_kind_name(enum runtime_kind k);
const char *run_state_name(enum run_state s);
const char *act_kind_name(enum act_kind k);
const char *guard_name(enum guard g);
const char *dir_fate_name(enum dir_fate f);             /* "quarantine" "waits" "stays" */
const char *leftover_state_name(enum leftover_state s); /* "leaving" "kept" "going" */
const char *field_class_name(enum field_class c);

/* Sorts, and returns the fields in the arena; of a name given twice the later stays. */
struct fields fields_make(struct arena *a, struct field *v, size_t n);
const char *fields_get(struct fields f, const char *name);
/* All differences, by name. The class is the desired field's, or the observed one's where it goes. */
size_t fields_diff(struct arena *a, struct fields desired, struct fields observed, struct field_change **ret);
/* "docker.memory: 512m -> 1g"; "(none)" for NULL; "(sensitive)" for what is. Escaped for a terminal. */
void field_change_format(struct buf *b, const struct field_change *c);

#endif
