/* plan: what is to be done, decided from what is wanted, recorded and observed. A pure function of its arguments: it
 * cannot fail, cannot act, reads no clock, and gives the same bytes for the same world in whatever order its parts come.
 *
 *     struct world w = {.desired = ..., .records = ..., .observations = ...};
 *     struct plan p;
 *     plan_compute(a, &w, now_ms, &p);          then plan_text.h to show it, or the executor to carry it out
 *
 * Everything the plan points to is in the arena or in the world it was made from: both outlive it. Time and memory grow with
 * n log n of the world's parts.
 *
 * One runtime is (endpoint, name, kind, install). Read `there` as: observed, ours or OpenClaw's, of this kind and install.
 * The first row that fits decides:
 *
 *  desired        recorded    observed            act
 *  -------------  ----------  ------------------  -------------------------------------------------------------------------
 *  two of a name  any         any                 hold CLASH, each of them
 *  any            any         endpoint unknown    hold UNKNOWN of what the record alone shows to be due; else nothing
 *  any            any         unknown             hold UNKNOWN of the same, or of a report where the record shows nothing due
 *  wanted         any         name taken          hold FOREIGN (or CLASH, where it is ours) of the create that is due
 *  none/absent    unwanted    name taken          hold FOREIGN of the forget
 *  any            any         there, asked for    what the request says: recreate, prune, reseed (1)
 *  absent         any         there               prune
 *  absent         recorded    not there           forget
 *  absent         none        not there           nothing
 *  none           unwanted    there               prune (a record whose creation was not seen to end is unwanted where undesired)
 *  none           unwanted    not there           forget
 *  none           recorded    any                 nothing: nobody said that it is unwanted
 *  none           none        there               by `orphans`: report, prune or adopt (2)
 *  wanted         recorded    idle or aged        pre-created: at its age recreate if there, never idle; else prune or forget
 *  wanted         none        not there           pre-created: create; else nothing
 *  wanted         recorded    not there           pre-created or being created: create; else by `ghosts`: forget, create, report
 *  wanted         any         there, half only    recreate, where it is recorded or pre-created; else prune
 *  wanted         any         there, being made   create was not seen to end: recreate where a setup is wanted, else as below
 *  wanted         any         there, setup failed recreate (where one is still wanted); hold SETUP for PLAN_SETUP_RETRY_MS
 *  wanted         any         there, drifted      by `on_drift`, and the highest class of what differs (3)
 *  running        any         there, stopped      start
 *  stopped        any         there, running      stop
 *  wanted         any         there, as wanted    nothing
 *
 *  Being made is what its record says so of, unless OpenClaw's labels alone show that it is OpenClaw's, made under the same name.
 *  In the rows of a wanted runtime that is there without a record (or whose creation has ended after all), an adopt comes
 *  first, unless the act writes the record anyway.
 *
 *  (1) A request is the owner's command, for this round. A prune of what is pre-created is a recreate: it would come back anyway.
 *  (2) An orphan is ours by our install label, or, where it has OpenClaw's labels only, by its scope: the agent of its scope key
 *      is an agent of exactly one install here. Others are another install's: not touched, not even reported.
 *  (3) recreate: FIELD_RECREATE recreate, FIELD_RESTART patch with stop and start, FIELD_PATCH patch. remove: as recreate, but
 *      where it is FIELD_RECREATE and not pre-created: prune, and the next use makes it. report: report. FIELD_NONE never acts.
 *
 * Drift of what is there: every field that differs, where the backend compared fields; the image's id, where it is not what the
 * reference means now, by `image_updates`; and the config hash. For OpenClaw's kinds the hash of the label (of the record, where
 * there is no label) decides as OpenClaw decides: it differs, so recreate, whether or not a field does; but of a desired
 * runtime whose hash is uncertain the fields alone decide, or two who work it out differently would remake it by turns. For kind
 * Sandbox the fields decide, so that a new release of ours recreates nothing; the hash only where no field was compared.
 *
 * Then the guards, the first that fits turns the act into a hold. D: acts that interrupt a running runtime (stop, patch with
 * restart, recreate, reseed, prune). R: removals (prune, forget).
 *
 *  guard     holds                                   until                    lifted by
 *  --------  --------------------------------------  -----------------------  ------------------------------
 *  (prune off) R become a report                     -                        policy
 *  PAUSED    every act                               the pause ends           resume
 *  RELEASE   every act of an install whose release   -                        a request, of a removal (5)
 *            of OpenClaw is not known
 *  FLAPPING  every act, after PLAN_FLAP_TURNS turns  -                        the caller drops the turn, policy
 *  CONFIG    R, while the last good config is used   -                        the config loads
 *  PROTECT   D (also of a stopped one), R            -                        policy
 *  DATA      what destroys a canonical workspace     -                        GRANT_DATA
 *            of which no snapshot can be had (6)
 *  DATA      reseed of a tree that was changed there -                        an approval of just that, GRANT_DATA
 *  SETUP     recreate after a failed setup           created + retry          time, a changed hash
 *  IMAGE     create, recreate: image not there       -                        the image; never torn down first
 *  BUSY      D, with live execs or sessions          -                        GRANT_USE, policy
 *  HOT       D, used within the hot window (4)       last use + window        GRANT_USE, time
 *  UNKNOWN   prune, forget at a host that shows      -                        GRANT_CAP
 *            another key than when it was made (7)
 *  UNKNOWN   forget                                  a look by id             RUN_ABSENT in the observation, GRANT_CAP
 *            where the listing is suspiciously empty
 *  CAP       all R of an endpoint, where more of     -                        GRANT_CAP
 *            them are due than max(count, percent)
 *  (the      create or adopt of a name, a registry row or a host port that a held removal still has: the same guard)
 *  blocker's)
 *
 *  (4) Due exactly at last use + window, as OpenClaw 2026.5.3. What we made beforehand and nobody has used since (its last use is
 *      its creation) is not hot. Without a number for the last use: kind Sandbox was never used and is not hot (only its owner's
 *      exec is use); what is adopted now counts as used now; else OpenClaw's kinds are hot, as OpenClaw has it, until the window
 *      has passed since their creation if the backend can tell that nobody is in them, or else for as long as they run.
 *
 *  (5) A recreate is then a prune: what OpenClaw of such a release would make is not known.
 *
 *  (6) Recreate, reseed and prune of what cannot be made again from its spec, or could not by the one it was made from
 *      (record.holds_data): a snapshot comes first (act.snapshot), whatever was granted, and where it fails nothing else is done.
 * None can be had where the backend cannot save, where there is nowhere to keep one, or no room for what it is known to hold. A
 * tree without anything in it needs none, and holds nothing.
 *
 *  (7) Unless what is seen has the very id that was recorded.
 *
 * Seeds. A runtime that is wanted and holds a canonical workspace (!can_remake) is reseeded in place:
 *
 *  its root is there, never filled      by seed.policy: once, onChange reseed; manual report. No other drift is looked at then
 *  asked for                            the look says that both ends hold the same: report; else reseed
 *  a snapshot asked to be put back      reseed from that, without a look; create where it is not there
 *  seed.policy onChange, looked at      what it is seeded from has changed since: the same, without the report
 *
 *  A reseed without a look at both ends is held UNKNOWN. What `lost` tells of it is undone by the reseed: it is held DATA until
 *  just that was approved. Another change there has another digest, and asks again.
 *
 * Moves. Where a kind Sandbox is to be made and a record of it at another endpoint is unwanted, with its tree there: the create
 * knows it (act.moves_from), its tree is kept in a snapshot, and the old one is pruned after the create (act.after), or held as
 * the create is. A create that has to wait for another removal is no move, so that nothing ever waits in a circle.
 *
 * OpenClaw's runtimes of other hosts have one row in its registry, whatever the place. Where the row, or our own record, tells of
 * one that is wanted on another endpoint now (record.moved_to), its unit there reads, the first that fits:
 *
 *  old place          new place    act
 *  -----------------  -----------  ---------------------------------------------------------------------------------------------
 *  the same directory             forget the old name after an adopt of the new one: two names of one machine are no move
 *  perhaps the same               hold UNKNOWN of the prune
 *  there              not there    create, even where nothing is made beforehand; prune after it. One waits with the other
 *  there              there        adopt, then prune
 *  not known          not there    hold UNKNOWN of both: what is there is not to be had, and nothing is begun beside it
 *  not known          there        adopt; hold UNKNOWN of the prune
 *  not there          any          forget; at the new place as of any ghost. Where its root was only guessed: hold UNKNOWN
 *
 * The create or adopt takes the row over (act.moves_rec), and our own record of the old place stays until that is seen gone
 * (act.row_stays). Such a prune is in no cap. A root that changes on the same endpoint is drift of the runtime: a recreate that
 * makes the new one first (act.relocates). A tree that is left at a root of before is pruned when the one at the wanted root is
 * whole.
 *
 * Suspiciously empty: PLAN_SUSPICIOUS_MIN or more runtimes of ours are recorded there or were there last time, and the listing
 * shows none.
 *
 * Private workspaces. OpenClaw's scopes have directories of their own on this machine, which outlive their runtimes. What becomes
 * of them when the last runtime of the scope is removed for good is part of the plan (act.dirs); the first row that fits decides:
 *
 *  the policy is keep; its release is not known; doubt about the directory      stays
 *  its scope is one of today's config (only the backend or name changed)        stays: its next use comes back to it
 *  used by what does not go in this plan (a)                                    stays
 *  an endpoint is unknown, or its mounts                                        waits: moved once that can be told
 *  else                                                                         goes to quarantine
 *
 *  (a) By path, equal or below: wanted runtimes, recorded ones, mounts of any container, workspaces of agents and sandboxes. And
 *      what uses the root itself (scope shared). Two that go share it: it goes with them.
 *
 * What was to be moved, and was not yet (`leftovers`), is decided anew in each plan by the same rows (plan.moves); where it is
 * wanted again, the intent is dropped. What is in quarantine is deleted by retention, the oldest first, but nothing at all where
 * more would go than the removal cap allows of that install's, its config does not load, or all is paused.
 *
 * Order of acts: by endpoint, name, kind, install, then adopt before the rest. `after` makes removals come before what takes
 * their name, their registry row (one per name and kind in an install, over all endpoints) or their host port, and an adopt
 * before what follows it. It is acyclic: an adopt waits only for removals, and a removal for nothing, or (a move) for a create
 * whose name is free, which waits at most for browsers' ports. */
#ifndef RECONCLAW_RECONCILER_CORE_PLAN_H
#define RECONCLAW_RECONCILER_CORE_PLAN_H

#include "spec/base/arena.h"
#include "spec/manifest_diff.h"
#include "spec/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_FLAP_TURNS     3      /* undone by another owner so often: left alone */
#define PLAN_SETUP_RETRY_MS 600000 /* after a failed setup */
#define PLAN_SUSPICIOUS_MIN 2      /* runtimes that cannot all be gone without a second look */

/* A registry that is ours to keep: every desired and record names one as its `install`. What names another is another
 * install's, and not touched. (The install of a desired runtime is ours even where it is not listed.) */
struct install {
    const char *id;
    struct policy policy; /* for what is not desired: unwanted records and orphans */
    bool config_ok;       /* false: its specs do not load, the last good ones are in force */
    const char *why;      /* of !config_ok */
    /* What it is instead of a release that is understood; NULL: it is one. Then only what a request names is removed, and nothing
     * made. */
    const char *release_unknown;
    bool own; /* no registry of OpenClaw's, but reconclaw's own: its mark on a runtime of OpenClaw's tells who made that only */
};

struct pause {
    const char *endpoint; /* NULL: everything */
    const char *name;     /* NULL: the whole endpoint */
    int64_t until_ms;     /* TIME_NONE: until resumed. Passed: no pause */
    const char *why;      /* or NULL */
};

/* Another owner undid what we did. Counted by the caller, who also forgets it: on the owner's word, or when the spec changed. */
struct turn {
    const char *endpoint, *name;
    unsigned n;
    int64_t last_ms;
    const char *other; /* who it is, or NULL */
};

/* What the owner allowed by command, for this round. GRANT_BEGUN is the caller's own word: this removal was begun and failed. It
 * was within the cap then, and one that always fails must not keep all others from going; of the cap alone it is free. */
enum { GRANT_CAP = 1, GRANT_USE = 2, GRANT_DATA = 4, GRANT_BEGUN = 8 };
struct grant {
    const char *endpoint; /* NULL: everywhere */
    const char *name;     /* NULL: everything there */
    unsigned allows;      /* GRANT_... */
};

/* What the owner asked for by command: ACT_RECREATE, ACT_PRUNE or ACT_RESEED. Guards hold it as anything else. */
struct request {
    const char *endpoint, *name;
    enum runtime_kind runtime;
    enum act_kind kind;
    const char *snapshot; /* of ACT_RESEED: what it is put back from; NULL: what is local */
};

/* Both ends of a seed, compared by whoever could look at them. Only of runtimes where a reseed was asked for, or whose source is
 * not any more what it was seeded from. */
struct seed_look {
    const char *endpoint, *name;
    enum runtime_kind runtime;
    const char *doubt; /* why they could not be compared; NULL: they were */
    enum manifest_verdict verdict;
    /* What the reseed would undo of what was done there since. */
    size_t n_lost;
    uint64_t lost_bytes;
    const char *lost;        /* for people, by manifest_changes_format(); or NULL */
    const char *digest;      /* of all of it, and of which tree it is in: what an approval is of */
    const char *remote_tree; /* digest of what is there: of another tree this says nothing. NULL: not known */
};

/* The owner has seen what would be lost, and agrees. */
struct approval {
    const char *endpoint, *name;
    const char *digest; /* as in the look */
};

/* Where snapshots are kept. */
struct snapshot_room {
    bool open;       /* there is such a place */
    const char *why; /* of !open; NULL: this version keeps none */
    uint64_t bytes;  /* free there for them */
};

/* How many runtimes of ours an endpoint showed when it was last listed. */
struct last_seen {
    const char *endpoint;
    size_t n;
};

/* What is to be done about a directory that was left behind. */
enum move_kind {
    MOVE_QUARANTINE, /* the prune is through, the directory still to be moved */
    MOVE_COLLECT,    /* its retention has passed */
    MOVE_DROP,       /* it is needed after all: only our intent goes */
    MOVE_KIND_COUNT
};
struct plan_move {
    const struct leftover *leftover;
    enum move_kind kind;
    bool held;
    const char *why;    /* a sentence without a full stop: why it is done, or (held) why not yet */
    const char *remedy; /* or NULL */
};

/* An endpoint that is named by a desired, a record or `last`, and has no observation (or two), is unknown. */
struct world {
    const struct desired *desired;
    size_t n_desired;
    const struct record *records;
    size_t n_records;
    const struct observation *observations;
    size_t n_observations;
    const struct install *installs;
    size_t n_installs;
    const struct pause *pauses;
    size_t n_pauses;
    const struct turn *turns;
    size_t n_turns;
    const struct grant *grants;
    size_t n_grants;
    const struct request *requests;
    size_t n_requests;
    const struct seed_look *seeds;
    size_t n_seeds;
    const struct approval *approvals;
    size_t n_approvals;
    struct snapshot_room snapshots;
    const struct last_seen *last;
    size_t n_last;
    const struct leftover *leftovers;
    size_t n_leftovers;
    const struct dir_use *uses; /* beyond what the rest of the world tells: agents' workspaces, other paths to what is mounted */
    size_t n_uses;
};

struct plan_endpoint {
    const char *name;
    bool known;
    const char *why, *remedy; /* of !known; remedy may be NULL */
    bool suspicious;          /* shows none of the runtimes that should be there */
    size_t n_ours;            /* shown there, ours or OpenClaw's: the next round's `last_seen` where known */
    size_t n_known;           /* recorded or shown: what the cap is counted from */
    size_t n_removals;        /* due by all other guards, without a grant */
    size_t cap;               /* SIZE_MAX: granted. The smallest of the policies concerned; 0 where no removal is due */
    bool over_cap;            /* nothing is removed there */
};

struct plan {
    int64_t now_ms;
    const struct act *acts;
    size_t n_acts;
    const struct plan_endpoint *endpoints; /* by name; every one the world names */
    size_t n_endpoints;
    size_t count[ACT_KIND_COUNT];  /* of acts, by kind */
    const struct plan_move *moves; /* by age of the leftover */
    size_t n_moves;
    size_t n_unknown;    /* endpoints not known */
    int64_t next_due_ms; /* the earliest moment after now at which a plan of this same world may differ; or TIME_NONE */
};

void plan_compute(struct arena *a, const struct world *w, int64_t now_ms, struct plan *ret);

/* Who uses each of these directories, whatever is planned; NULL: nobody, as far as can be told. *ret_unknown: why that is not
 * all, or NULL. */
void plan_dir_users(struct arena *a, const struct world *w, int64_t now_ms, const struct private_dir *dirs, size_t n,
                    const char **ret_who, const char **ret_unknown);

/* Whether there is anything to carry out (holds and reports are not). */
bool plan_is_empty(const struct plan *p);
/* Moves of this kind that are not held. */
size_t plan_count_moves(const struct plan *p, enum move_kind kind);
const char *move_kind_name(enum move_kind k); /* "quarantine" "collect" "drop" */

#endif
