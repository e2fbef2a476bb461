#include "spec/world.h"

#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

const char *runtime_kind_name(enum runtime_kind k)
{
    static const char *const names[RUNTIME_KIND_COUNT] = {
        [RUNTIME_CONTAINER] = "container", [RUNTIME_BROWSER] = "browser", [RUNTIME_SANDBOX] = "sandbox"};

    return names[k];
}

const char *run_state_name(enum run_state s)
{
    static const char *const names[RUN_STATE_COUNT] = {
        [RUN_UNKNOWN] = "unknown", [RUN_STOPPED] = "stopped", [RUN_RUNNING] = "running", [RUN_ABSENT] = "absent"};

    return names[s];
}

const char *act_kind_name(enum act_kind k)
{
    static const char *const names[ACT_KIND_COUNT] = {
        [ACT_CREATE] = "create",     [ACT_START] = "start",   [ACT_STOP] = "stop",    [ACT_PATCH] = "patch",
        [ACT_RECREATE] = "recreate", [ACT_RESEED] = "reseed", [ACT_PRUNE] = "prune",  [ACT_ADOPT] = "adopt",
        [ACT_FORGET] = "forget",     [ACT_HOLD] = "hold",     [ACT_REPORT] = "report"};

    return names[k];
}

const char *guard_name(enum guard g)
{
    static const char *const names[GUARD_COUNT] = {
        [GUARD_NONE] = "none",   [GUARD_UNKNOWN] = "unknown",   [GUARD_CAP] = "cap",         [GUARD_HOT] = "hot",
        [GUARD_BUSY] = "busy",   [GUARD_PROTECT] = "protect",   [GUARD_FOREIGN] = "foreign", [GUARD_IMAGE] = "image",
        [GUARD_DATA] = "data",   [GUARD_FLAPPING] = "flapping", [GUARD_PAUSED] = "paused",   [GUARD_CONFIG] = "config",
        [GUARD_CLASH] = "clash", [GUARD_SETUP] = "setup",       [GUARD_RELEASE] = "release"};

    return names[g];
}

const char *dir_fate_name(enum dir_fate f)
{
    static const char *const names[DIR_FATE_COUNT] = {[DIR_MOVES] = "quarantine", [DIR_WAITS] = "waits", [DIR_STAYS] = "stays"};

    return names[f];
}

const char *leftover_state_name(enum leftover_state s)
{
    static const char *const names[LEFTOVER_STATE_COUNT] = {
        [LEFTOVER_LEAVING] = "leaving", [LEFTOVER_KEPT] = "kept", [LEFTOVER_GOING] = "going"};

    return names[s];
}

const char *field_class_name(enum field_class c)
{
    static const char *const names[FIELD_CLASS_COUNT] = {
        [FIELD_NONE] = "none", [FIELD_PATCH] = "patch", [FIELD_RESTART] = "restart", [FIELD_RECREATE] = "recreate"};

    return names[c];
}

/* --- fields ------------------------------------------------------------------------------------------------------------------
 */

struct placed {
    struct field field;
    size_t place;
};

static int compare_placed(const void *x, const void *y)
{
    const struct placed *a = x, *b = y;
    int c = strcmp(a->field.name, b->field.name);

    return c ? c : a->place < b->place ? -1 : a->place > b->place;
}

struct fields fields_make(struct arena *a, struct field *v, size_t n)
{
    struct placed *p = ARENA_ARRAY(a, struct placed, n);
    struct field *out = ARENA_ARRAY(a, struct field, n);
    size_t k = 0;

    if (n == 0)
        return (struct fields){0};
    for (size_t i = 0; i < n; i++)
        p[i] = (struct placed){.field = v[i], .place = i};
    qsort(p, n, sizeof *p, compare_placed);
    for (size_t i = 0; i < n; i++) {
        if (k > 0 && strcmp(out[k - 1].name, p[i].field.name) == 0)
            k--;
        out[k++] = p[i].field;
    }
    return (struct fields){.v = out, .n = k};
}

const char *fields_get(struct fields f, const char *name)
{
    size_t lo = 0, hi = f.n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(name, f.v[mid].name);

        if (c == 0)
            return f.v[mid].value;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

size_t fields_diff(struct arena *a, struct fields desired, struct fields observed, struct field_change **ret)
{
    VEC(struct field_change) changes = {0};
    size_t i = 0, j = 0;

    while (i < desired.n || j < observed.n) {
        const struct field *d = i < desired.n ? &desired.v[i] : NULL;
        const struct field *o = j < observed.n ? &observed.v[j] : NULL;

        if (d && o) {
            int c = strcmp(d->name, o->name);

            d = c <= 0 ? d : NULL;
            o = c >= 0 ? o : NULL;
        }
        if (!d && !o)
            break; /* not reached: strcmp() is 0 only for both */
        i += d != NULL;
        j += o != NULL;
        if (d && o && strcmp(d->value, o->value) == 0)
            continue;
        VEC_PUSH(a, &changes,
                 ((struct field_change){.name = d ? d->name : o->name,
                                        .from = o ? o->value : NULL,
                                        .to = d ? d->value : NULL,
                                        .class = d ? d->class : o->class,
                                        .sensitive = (d && d->sensitive) || (o && o->sensitive)}));
    }
    *ret = changes.v;
    return changes.n;
}

static void put_value(struct buf *b, const char *value, bool sensitive)
{
    if (!value)
        buf_puts(b, "(none)");
    else if (sensitive)
        buf_puts(b, "(sensitive)");
    else
        text_escape(b, value, strlen(value));
}

void field_change_format(struct buf *b, const struct field_change *c)
{
    text_escape(b, c->name, strlen(c->name));
    buf_puts(b, ": ");
    put_value(b, c->from, c->sensitive);
    buf_puts(b, " -> ");
    put_value(b, c->to, c->sensitive);
}
