#include "spec/policy.h"

#include "spec/base/num.h"

#include <string.h>

#define DEFAULT_HOT_WINDOW_MS 300000 /* OpenClaw 2026.5.3 */
#define DEFAULT_CAP_PERCENT   30
#define DEFAULT_CAP_COUNT     1
#define DEFAULT_CONCURRENCY   4
#define DEFAULT_RESYNC_MS     300000

#define MAX_CONCURRENCY 256
#define MAX_CAP_COUNT   1000000
#define MAX_RESYNC_MS   86400000
#define MIN_RESYNC_MS   10000
#define MAX_HOT_MS      (30.0 * 86400000)
#define MIN_RETAIN_MS   3600000 /* what is mistyped shall not delete at once what was moved a moment ago */

/* In the order of their enums in spec/world.h. */
const char *const policy_on_drift_words[] = {"recreate", "remove", "report", NULL};
static const char *const orphans_words[] = {"report", "prune", "adopt", NULL};
static const char *const ghosts_words[] = {"forget", "recreate", "report", NULL};
static const char *const image_updates_words[] = {"recreate", "report", "ignore", NULL};
static const char *const on_prune_words[] = {"quarantine", "keep", NULL};
_Static_assert(sizeof policy_on_drift_words / sizeof *policy_on_drift_words == ON_DRIFT_COUNT + 1, "a word per value");
_Static_assert(sizeof orphans_words / sizeof *orphans_words == ORPHANS_COUNT + 1, "a word per value");
_Static_assert(sizeof ghosts_words / sizeof *ghosts_words == GHOSTS_COUNT + 1, "a word per value");
_Static_assert(sizeof image_updates_words / sizeof *image_updates_words == IMAGE_UPDATES_COUNT + 1, "a word per value");
_Static_assert(sizeof on_prune_words / sizeof *on_prune_words == ON_PRUNE_COUNT + 1, "a word per value");

static const struct schema_field guards_fields[] = {
    {"hot", "Leave a running runtime alone that was used within hotWindow.", {SCHEMA_BOOL}, .def = "true"},
    {"busy", "Leave a running runtime alone while somebody works in it.", {SCHEMA_BOOL}, .def = "true"},
    {"cap", "Remove nothing from an endpoint where more than removalCap would go at once.", {SCHEMA_BOOL}, .def = "true"},
    {"flapping", "Leave a runtime alone that another program keeps changing back.", {SCHEMA_BOOL}, .def = "true"},
};
static const struct schema_hint guards_hints[] = {
    {"unknown", "what could not be read is never taken for absent: that guard has no switch"},
    {"identity", "removal is always by immutable id: that guard has no switch"},
    {"ownership", "what is not ours is never touched: that guard has no switch"},
    {"data", "a canonical workspace is never destroyed unasked: that guard has no switch"},
    {"protect", "write protect: true on the object"},
    {NULL, NULL},
};
static const struct schema_object guards_schema = {
    .name = "guards",
    .doc = "Guards that can be switched off. All are on by default; those that keep what is foreign, unknown or irreplaceable "
           "cannot be switched off.",
    .fields = guards_fields,
    .n_fields = sizeof guards_fields / sizeof *guards_fields,
    .hints = guards_hints,
};

static const struct schema_field cap_fields[] = {
    {"percent", "So many of the known runtimes of an endpoint.", {SCHEMA_INT, .range = SCHEMA_RANGE(0, 100)}, .def = "30"},
    {"count", "But always at least so many.", {SCHEMA_INT, .range = SCHEMA_RANGE(0, MAX_CAP_COUNT)}, .def = "1"},
};
static const struct schema_object cap_schema = SCHEMA_OBJECT_OF(
    "removalCap", "How many runtimes of one endpoint may be pruned in one round: the larger of the two.", cap_fields);

static const struct schema_field retention_fields[] = {
    {"age", "Delete what has been there for longer.", {SCHEMA_DURATION, .range = SCHEMA_RANGE(MIN_RETAIN_MS, INFINITY)}},
    {"size", "Delete the oldest while all of it takes more.", {SCHEMA_SIZE, .range = SCHEMA_RANGE(1, JS_MAX_SAFE_INTEGER)}},
    {"count", "Delete the oldest while there are more.", {SCHEMA_INT, .range = SCHEMA_RANGE(1, MAX_CAP_COUNT)}},
};
static const struct schema_hint retention_hints[] = {
    {"days", "did you mean age: 30d?"},
    {"bytes", "did you mean size: 10g?"},
    {NULL, NULL},
};
static const struct schema_object retention_schema = {
    .name = "retention",
    .doc = "When a quarantined workspace is deleted. Without any of these it never is.",
    .fields = retention_fields,
    .n_fields = sizeof retention_fields / sizeof *retention_fields,
    .hints = retention_hints,
};
static const struct schema_field workspaces_fields[] = {
    {"onPrune",
     "What becomes of the private workspace of an OpenClaw runtime that is removed for good: moved aside, or left where it is.",
     {SCHEMA_ENUM, .words = on_prune_words},
     .def = "\"quarantine\""},
    {"retention", "When what was moved aside is deleted. By default never.", {SCHEMA_OBJECT, .object = &retention_schema}},
};
static const struct schema_object workspaces_schema =
    SCHEMA_OBJECT_OF("workspacesPolicy", "Private workspaces that runtimes of OpenClaw leave behind.", workspaces_fields);

static const struct schema_field snapshots_fields[] = {
    {"keep", "So many of one runtime, the newest ones.", {SCHEMA_INT, .range = SCHEMA_RANGE(1, MAX_CAP_COUNT)}},
    {"age", "Delete what is older.", {SCHEMA_DURATION, .range = SCHEMA_RANGE(MIN_RETAIN_MS, INFINITY)}},
    {"size",
     "Delete the oldest while those of one runtime take more.",
     {SCHEMA_SIZE, .range = SCHEMA_RANGE(1, JS_MAX_SAFE_INTEGER)}},
};
static const struct schema_hint snapshots_hints[] = {
    {"count", "did you mean keep: 10?"},
    {"days", "did you mean age: 30d?"},
    {"bytes", "did you mean size: 10g?"},
    {NULL, NULL},
};
static const struct schema_object snapshots_schema = {
    .name = "snapshots",
    .doc = "When a snapshot of a workspace on another host is deleted. Without any of these none ever is, nor is the newest of a "
           "workspace that is not certainly there.",
    .fields = snapshots_fields,
    .n_fields = sizeof snapshots_fields / sizeof *snapshots_fields,
    .hints = snapshots_hints,
};

/* Rows of `policy:`; a Policy's spec has one more in front. */
#define POLICY_FIELDS                                                                                                            \
    {"guards", "Which guards are on.", {SCHEMA_OBJECT, .object = &guards_schema}},                                               \
        {"hotWindow",                                                                                                            \
         "How long after its last use a running runtime is left alone.",                                                         \
         {SCHEMA_DURATION, .range = SCHEMA_RANGE(0, MAX_HOT_MS)},                                                                \
         .def = "\"5m\""},                                                                                                       \
        {"removalCap", "How many runtimes of one endpoint may be pruned in one round.", {SCHEMA_OBJECT, .object = &cap_schema}}, \
        {"resync",                                                                                                               \
         "How often everything is looked at anew, even where nothing says that it changed.",                                     \
         {SCHEMA_DURATION, .range = SCHEMA_RANGE(MIN_RESYNC_MS, MAX_RESYNC_MS)},                                                 \
         .def = "\"5m\""},                                                                                                       \
        {"concurrency", "Acts at a time on one endpoint.", {SCHEMA_INT, .range = SCHEMA_RANGE(1, MAX_CONCURRENCY)}, .def = "4"}, \
        {"orphans",                                                                                                              \
         "What becomes of a runtime of ours that no record names.",                                                              \
         {SCHEMA_ENUM, .words = orphans_words},                                                                                  \
         .def = "\"report\""},                                                                                                   \
        {"ghosts",                                                                                                               \
         "What becomes of a record whose runtime is gone.",                                                                      \
         {SCHEMA_ENUM, .words = ghosts_words},                                                                                   \
         .def = "\"forget\""},                                                                                                   \
        {"imageUpdates",                                                                                                         \
         "What becomes of a runtime whose image reference now means another image.",                                             \
         {SCHEMA_ENUM, .words = image_updates_words},                                                                            \
         .def = "\"recreate\""},                                                                                                 \
        {"workspaces",                                                                                                           \
         "What becomes of the private workspaces that pruned runtimes of OpenClaw leave behind.",                                \
         {SCHEMA_OBJECT, .object = &workspaces_schema}},                                                                         \
        {"snapshots",                                                                                                            \
         "How long workspaces of other hosts are kept that were saved before something destroyed them. By default for ever.",    \
         {SCHEMA_OBJECT, .object = &snapshots_schema}},                                                                          \
    {                                                                                                                            \
        "prune", "Whether runtimes and records that nothing wants are removed at all.", {SCHEMA_BOOL}, .def = "true"             \
    }

#define ON_DRIFT_DOC                                                                                                             \
    "What becomes of a runtime that differs from its spec: made anew at once, removed and made anew at its next use, or only "   \
    "told."

static const struct schema_hint policy_hints[] = {
    {"onDrift", "onDrift stands beside policy, not in it"},
    {"protect", "protect stands beside policy, in a Sandbox"},
    {NULL, NULL},
};
static const struct schema_field policy_fields[] = {POLICY_FIELDS};
static const struct schema_field policy_kind_fields[] = {
    {"onDrift", ON_DRIFT_DOC, {SCHEMA_ENUM, .words = policy_on_drift_words}, .def = "\"recreate\""}, POLICY_FIELDS};

const struct schema_object policy_schema = {
    .name = "policy",
    .doc = "What may be done without asking. Each key overrides the Policy's.",
    .fields = policy_fields,
    .n_fields = sizeof policy_fields / sizeof *policy_fields,
    .hints = policy_hints,
};
static const struct schema_hint policy_kind_hints[] = {
    {"protect", "protect is a key of each Sandbox"},
    {NULL, NULL},
};
const struct schema_object policy_kind_schema = {
    .name = "PolicySpec",
    .doc = "What may be done without asking, for all objects that do not say otherwise.",
    .fields = policy_kind_fields,
    .n_fields = sizeof policy_kind_fields / sizeof *policy_kind_fields,
    .hints = policy_kind_hints,
};

/* --- layering --------------------------------------------------------------------------------------------------------- */

/* The strongest layer's value of key, of key.sub, or of key.sub.deep. */
static const struct node *strongest(const struct node *const *layers, size_t n, const char *key, const char *sub,
                                    const char *deep)
{
    for (size_t i = n; i-- > 0;) {
        const struct node *v = layers[i] ? node_get(layers[i], key) : NULL;
        if (v && sub)
            v = node_get(v, sub);
        if (v && deep)
            v = node_get(v, deep);
        if (v)
            return v;
    }
    return NULL;
}

static unsigned word_of(const struct node *v, const char *const *words, unsigned otherwise)
{
    for (unsigned i = 0; v && words[i]; i++)
        if (strcmp(words[i], v->s) == 0)
            return i;
    return otherwise;
}

static int64_t ms_of(const struct node *v, int64_t otherwise)
{
    int64_t ms = otherwise;
    return v && schema_duration_ms(v, &ms) ? ms : otherwise;
}

static unsigned uint_of(const struct node *v, unsigned otherwise)
{
    return v ? (unsigned)v->num : otherwise;
}

static uint64_t bytes_of(const struct node *v)
{
    uint64_t bytes = 0;
    return v && schema_size_bytes(v, &bytes) ? bytes : 0;
}

static bool bool_of(const struct node *v, bool otherwise)
{
    return v ? v->b : otherwise;
}

struct policy policy_resolve(const struct node *const *layers, size_t n)
{
#define GET(key)      strongest(layers, n, key, NULL, NULL)
#define SUB(key, sub) strongest(layers, n, key, sub, NULL)
#define RETAIN(deep)  strongest(layers, n, "workspaces", "retention", deep)
    struct policy p = {
        .hot_window_ms = ms_of(GET("hotWindow"), DEFAULT_HOT_WINDOW_MS),
        .cap_percent = uint_of(SUB("removalCap", "percent"), DEFAULT_CAP_PERCENT),
        .cap_count = uint_of(SUB("removalCap", "count"), DEFAULT_CAP_COUNT),
        .on_drift = word_of(GET("onDrift"), policy_on_drift_words, ON_DRIFT_RECREATE),
        .orphans = word_of(GET("orphans"), orphans_words, ORPHANS_REPORT),
        .ghosts = word_of(GET("ghosts"), ghosts_words, GHOSTS_FORGET),
        .image_updates = word_of(GET("imageUpdates"), image_updates_words, IMAGE_UPDATES_RECREATE),
        .prune = bool_of(GET("prune"), true),
        .protect = bool_of(GET("protect"), false),
        .ignore_busy = !bool_of(SUB("guards", "busy"), true),
        .ignore_flapping = !bool_of(SUB("guards", "flapping"), true),
        .concurrency = uint_of(GET("concurrency"), DEFAULT_CONCURRENCY),
        .resync_ms = ms_of(GET("resync"), DEFAULT_RESYNC_MS),
        .on_prune = word_of(SUB("workspaces", "onPrune"), on_prune_words, ON_PRUNE_QUARANTINE),
        .retain_ms = ms_of(RETAIN("age"), 0),
        .retain_bytes = bytes_of(RETAIN("size")),
        .retain_count = uint_of(RETAIN("count"), 0),
        .snapshot_count = uint_of(SUB("snapshots", "keep"), 0),
        .snapshot_ms = ms_of(SUB("snapshots", "age"), 0),
        .snapshot_bytes = bytes_of(SUB("snapshots", "size")),
    };
#undef RETAIN
#undef GET
#undef SUB
    /* Two guards are figures in struct policy: off is the figure that never holds. */
    if (!bool_of(strongest(layers, n, "guards", "hot", NULL), true))
        p.hot_window_ms = 0;
    if (!bool_of(strongest(layers, n, "guards", "cap", NULL), true))
        p.cap_percent = 100;
    return p;
}
