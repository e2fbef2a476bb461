#include "state/doctor.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/read/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const enum runtime_kind kinds[DOCTOR_N_FILES] = {RUNTIME_CONTAINER, RUNTIME_BROWSER};

static const char *file_name(enum runtime_kind kind)
{
    return kind == RUNTIME_BROWSER ? "browsers.json" : "containers.json";
}

static char *sandbox_dir(struct arena *a, const struct shards *s)
{
    return arena_printf(a, "%s/sandbox", s->state_dir);
}

/* --- planning ----------------------------------------------------------------------------------------------------------------
 */

/* Whether the runtime has a shard that counts, one that does not, or none. */
static int look_at_shard(struct arena *a, const struct file_dir *shards, const char *file, const struct node *name,
                         enum doctor_fate *ret, struct err *e)
{
    struct err own = {0};
    struct node *entry;
    const struct node *has;
    char *bytes;
    size_t n;

    *ret = DOCTOR_WRITE;
    if (shards->fd < 0)
        return 0;
    if (file_read(a, shards, file, LIMIT_SHARD_BYTES, &bytes, &n, NULL, &own) < 0) {
        if (own.class == ERR_NOT_FOUND)
            return 0;
        *e = own;
        return -1;
    }
    *ret = DOCTOR_REPLACE;
    if (shard_decode(a, bytes, n, &entry, &own) < 0)
        return 0;
    has = node_get(entry, "containerName");
    if (has->s_n == name->s_n && memcmp(has->s, name->s, name->s_n) == 0)
        *ret = DOCTOR_KEEP;
    return 0;
}

/* All entries, or NULL with the reason: a single bad one spoils the file, as in OpenClaw. */
static const char *decode_entries(struct arena *a, const char *bytes, size_t n, struct doctor_file *f)
{
    struct err e = {0};
    struct node *root = json_read_err(a, "registry", bytes, n, &e), *list;

    if (!root)
        return arena_strdup(a, e.msg);
    list = node_get(root, "entries");
    if (!node_is(list, NODE_ARRAY))
        return "no list of entries";
    f->entries = ARENA_ARRAY(a, struct doctor_entry, list->n_items);
    for (size_t i = 0; i < list->n_items; i++) {
        struct node *entry = shard_entry(a, list->items[i]);
        const struct node *name;

        if (!entry)
            return arena_printf(a, "entry %zu has no containerName", i + 1);
        name = node_get(entry, "containerName");
        f->entries[i] = (struct doctor_entry){
            .name = name->s, .file = shard_file_name(a, name->s, name->s_n), .entry = entry, .fate = DOCTOR_WRITE};
    }
    f->n_entries = list->n_items;
    return NULL;
}

/* By shard, then by place in the file. */
static int file_cmp(const void *pa, const void *pb)
{
    const struct doctor_entry *const *a = pa, *const *b = pb;
    int c = strcmp((*a)->file, (*b)->file);

    return c ? c : (*a < *b ? -1 : *a > *b);
}

static void mark_duplicates(struct arena *a, struct doctor_file *f)
{
    struct doctor_entry **sorted = ARENA_ARRAY(a, struct doctor_entry *, f->n_entries);

    for (size_t i = 0; i < f->n_entries; i++)
        sorted[i] = &f->entries[i];
    if (f->n_entries > 0)
        qsort(sorted, f->n_entries, sizeof *sorted, file_cmp);
    for (size_t i = 1; i < f->n_entries; i++)
        if (text_eq(sorted[i]->file, sorted[i - 1]->file))
            sorted[i]->fate = DOCTOR_DUPLICATE;
}

/* `<file>.invalid-<ms>`, the ms counted up where that one is taken. */
static const char *free_quarantine(struct arena *a, const struct file_dir *d, const char *file, int64_t now_ms)
{
    for (;; now_ms++) {
        const char *name = arena_printf(a, "%s.invalid-%lld", file, (long long)now_ms);

        if (faccessat(d->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            return name;
    }
}

static int plan_entries(struct arena *a, const struct shards *s, struct doctor_file *f, struct err *e)
{
    struct file_dir shards = {.fd = -1};
    struct err own = {0};
    int r = 0;

    mark_duplicates(a, f);
    if (file_dir_open(shards_dir_path(a, s, f->kind), false, s->hook, &shards, &own) < 0 && own.class != ERR_NOT_FOUND) {
        *e = own;
        return -1;
    }
    for (size_t i = 0; r == 0 && i < f->n_entries; i++)
        if (f->entries[i].fate != DOCTOR_DUPLICATE)
            r = look_at_shard(a, &shards, f->entries[i].file, node_get(f->entries[i].entry, "containerName"), &f->entries[i].fate,
                              e);
    file_dir_close(&shards);
    return r;
}

static int plan_file(struct arena *a, const struct shards *s, const struct file_dir *d, enum runtime_kind kind, int64_t now_ms,
                     struct doctor_file *ret, struct err *e)
{
    struct doctor_file f = {.kind = kind, .path = arena_printf(a, "%s/%s", d->path, file_name(kind))};
    struct err own = {0};
    char *bytes;
    size_t n;

    if (d->fd < 0 || file_read(a, d, file_name(kind), DOCTOR_FILE_BYTES, &bytes, &n, NULL, &own) < 0) {
        if (d->fd >= 0 && own.class != ERR_NOT_FOUND) {
            *e = own;
            return -1;
        }
        *ret = f;
        return 0;
    }
    f.why = decode_entries(a, bytes, n, &f);
    if (f.why) {
        f.status = DOCTOR_QUARANTINED;
        f.entries = NULL;
        f.quarantine = arena_printf(a, "%s/%s", d->path, free_quarantine(a, d, file_name(kind), now_ms));
    } else {
        f.status = f.n_entries > 0 ? DOCTOR_MIGRATED : DOCTOR_REMOVED_EMPTY;
        if (plan_entries(a, s, &f, e) < 0)
            return -1;
    }
    *ret = f;
    return 0;
}

/* fd -1 where there is no such directory. */
static int open_sandbox(struct arena *a, const struct shards *s, struct file_dir *ret, struct err *e)
{
    struct err own = {0};

    *ret = (struct file_dir){.fd = -1, .path = sandbox_dir(a, s)};
    if (file_dir_open(ret->path, false, s->hook, ret, &own) < 0 && own.class != ERR_NOT_FOUND) {
        *e = own;
        return -1;
    }
    return 0;
}

int doctor_plan(struct arena *a, const struct shards *s, int64_t now_ms, struct doctor_plan *ret, struct err *e)
{
    struct doctor_plan plan = {.is_empty = true};
    struct file_dir d;
    int r = open_sandbox(a, s, &d, e);

    for (size_t i = 0; r == 0 && i < DOCTOR_N_FILES; i++) {
        r = plan_file(a, s, &d, kinds[i], now_ms, &plan.files[i], e);
        plan.is_empty = plan.is_empty && plan.files[i].status == DOCTOR_MISSING;
    }
    file_dir_close(&d);
    if (r == 0)
        *ret = plan;
    return r;
}

/* --- doing -------------------------------------------------------------------------------------------------------------------
 */

static int quarantine(const struct file_dir *d, const struct doctor_file *f, struct err *e)
{
    const char *to = strrchr(f->quarantine, '/') + 1;
    int sys = file_step(d->hook, "rename");

    if (sys == 0 && renameat2(d->fd, file_name(f->kind), d->fd, to, RENAME_NOREPLACE) < 0)
        sys = errno;
    /* File systems without that flag: the name was free a moment ago. */
    if (sys == EINVAL || sys == ENOSYS)
        sys = renameat(d->fd, file_name(f->kind), d->fd, to) < 0 ? errno : 0;
    if (sys != 0)
        return err_sys(e, ERR_IO, sys, "renaming %s to %s", f->path, f->quarantine);
    return 0;
}

static int write_entries(const struct shards *s, const struct doctor_file *f, const struct lock_wait *w, struct err *e)
{
    for (size_t i = 0; i < f->n_entries; i++) {
        const struct doctor_entry *entry = &f->entries[i];
        struct err own = {0};

        if (entry->fate == DOCTOR_KEEP || entry->fate == DOCTOR_DUPLICATE)
            continue;
        /* A shard that OpenClaw has written since the plan wins. */
        if (shards_update(s, f->kind, entry->entry, SHARD_VERBATIM, SHARDS_NO_ENTRY, w, NULL, &own) < 0 &&
            own.class != ERR_CONFLICT) {
            *e = own;
            return err_wrap(e, "migrating %s", f->path);
        }
    }
    return 0;
}

static int apply_file(struct arena *a, const struct shards *s, const struct file_dir *d, struct doctor_file *f,
                      const struct lock_wait *w, struct err *e)
{
    LOCK_AUTO lock = LOCK_INIT;
    struct doctor_file now;

    if (lock_acquire(&lock, d, file_name(f->kind), w, e) < 0)
        return -1;
    /* Under the lock it stays as it is now. */
    if (plan_file(a, s, d, f->kind, w->now_ms, &now, e) < 0)
        return -1;
    *f = now;
    if (f->status == DOCTOR_MISSING)
        return 0;
    if (f->status == DOCTOR_QUARANTINED)
        return quarantine(d, f, e);
    if (f->status == DOCTOR_MIGRATED && write_entries(s, f, w, e) < 0)
        return -1;
    if (file_remove(d, file_name(f->kind), e) < 0)
        return -1;
    (void)fsync(d->fd);
    return 0;
}

int doctor_apply(struct arena *a, const struct shards *s, struct doctor_plan *plan, const struct lock_wait *w, struct err *e)
{
    struct file_dir d;
    int r = open_sandbox(a, s, &d, e);

    for (size_t i = 0; r == 0 && d.fd >= 0 && i < DOCTOR_N_FILES; i++)
        if (plan->files[i].status != DOCTOR_MISSING)
            r = apply_file(a, s, &d, &plan->files[i], w, e);
    file_dir_close(&d);
    return r;
}

static const char *const statuses[DOCTOR_STATUS_COUNT] = {
    [DOCTOR_MISSING] = "missing",
    [DOCTOR_MIGRATED] = "migrated",
    [DOCTOR_REMOVED_EMPTY] = "removed-empty",
    [DOCTOR_QUARANTINED] = "quarantined-invalid",
};

const char *doctor_status_name(enum doctor_status s)
{
    return statuses[s];
}

static const char *const fates[DOCTOR_FATE_COUNT] = {
    [DOCTOR_WRITE] = "write",
    [DOCTOR_REPLACE] = "replace",
    [DOCTOR_KEEP] = "keep",
    [DOCTOR_DUPLICATE] = "duplicate",
};

const char *doctor_fate_name(enum doctor_fate f)
{
    return fates[f];
}
