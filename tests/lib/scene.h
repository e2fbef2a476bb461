/* scene: one runtime and the world around it, for tests of the planner: what is wanted, recorded and seen of it, in the words of
 * the decision table, to be tweaked before it is planned. */
#ifndef RECONCLAW_TESTS_LIB_SCENE_H
#define RECONCLAW_TESTS_LIB_SCENE_H

#include "reconciler/core/plan.h"
#include "spec/base/vec.h"

#define NOW    ((int64_t)1700000000000)
#define OURS   "1111111111111111"
#define THEIRS "9999999999999999"
#define HASH   "aaaa"
#define DAY    86400000
#define WINDOW 300000

struct scene {
    struct arena *a;
    VEC(struct desired) desired;
    VEC(struct record) records;
    VEC(struct observed) seen;
    VEC(struct image_state) images;
    bool listed, twice;
    struct install install, other;
    struct pause pause;
    struct turn turn;
    struct grant grant;
    struct request request;
    struct last_seen last;
    bool has_pause, has_turn, has_grant, has_request, has_last;
    bool can_save;
    const char *host_key;
    struct snapshot_room room;
    struct seed_look look;
    struct approval approval;
    bool has_look, has_approval, has_other;
    struct plan plan;
    char *text; /* of the acts: "adopt hold(start)/hot" */
};

/* Nothing is there, the endpoint was listed, and the policy is scene_policy. */
void scene_begin(struct scene *s);
void scene_end(struct scene *s);
/* Plans it; the acts as text, also in s->text. */
const char *scene_plan(struct scene *s);

/* No guard, no cap; orphans are pruned. */
extern const struct policy scene_policy;

/* A container "n" of agent main on "docker", of hash HASH, the same in all three worlds: used a day ago and running. */
struct desired scene_desired(struct scene *s);
struct record scene_record(void);
struct observed scene_observed(struct scene *s);
/* docker.memory (patch), docker.tmpfs (restart), docker.network (recreate); of what is above: "1g", "/tmp", "none". */
struct fields scene_fields(struct arena *a, const char *memory, const char *tmpfs, const char *network);

/* What is wanted: nothing; absent; kept in step; made beforehand, with a setup; the same, stopped; by two. */
enum { D_NONE = 1, D_ABSENT = 2, D_EXIST = 4, D_PRE = 8, D_STOP = 16, D_TWO = 32, N_D = 6 };
/* What was recorded. */
enum { R_NONE = 1, R_OK = 2, R_STALE = 4, R_UNWANTED = 8, R_CREATING = 16, R_FAILED = 32, R_IDLE = 64, R_AGED = 128, N_R = 8 };
/* What is there. DRIFT, PATCH and RESTART run; so does OPENCLAW, which has no label of ours. */
enum {
    O_ENDPOINT = 1,
    O_UNKNOWN = 2,
    O_NONE = 4,
    O_FOREIGN = 8,
    O_OTHER = 16,
    O_STOPPED = 32,
    O_RUNNING = 64,
    O_DRIFT = 128,
    O_PATCH = 256,
    O_RESTART = 512,
    O_OPENCLAW = 1024,
    O_TWICE = 2048,
    N_O = 12
};

/* One of each puts the runtime into that state. */
void scene_want(struct scene *s, unsigned d);
void scene_recorded(struct scene *s, unsigned r);
void scene_seen(struct scene *s, unsigned o);
/* Wanted, recorded and running, but made from another hash; its hot window is WINDOW. */
void scene_drifted(struct scene *s);

/* A row of cmocka's: no fixture, since each case begins a scene of its own. */
#define TEST(name, fn)                                                                                                           \
    {                                                                                                                            \
        name, fn, NULL, NULL, NULL                                                                                               \
    }

#endif
