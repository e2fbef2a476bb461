#include "state/snapshots.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/node.h"
#include "spec/read/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define FORMAT_VERSION 1
#define ARCHIVE_SUFFIX ".tar.zst"
#define PART_INFIX     ".part-"
#define DIR_TEXT       80 /* of a runtime's name in that of its directory: the digest behind it tells them apart */
#define NAME_TRIES     1000

/* --- the format ------------------------------------------------------------------------------------------------------------ */

enum field_type { FIELD_TEXT, FIELD_DIGEST, FIELD_TIME, FIELD_SIZE };

static const struct snapshot_field {
    const char *key;
    size_t at;
    enum field_type type;
    bool required;
} snapshot_fields[] = {
#define AT(member) offsetof(struct snapshot, member)
    {"endpoint", AT(endpoint), FIELD_TEXT, true},
    {"runtime", AT(runtime), FIELD_TEXT, true},
    {"install", AT(install), FIELD_TEXT, true},
    {"owner", AT(owner), FIELD_TEXT, false},
    {"scopeKey", AT(scope_key), FIELD_TEXT, false},
    {"treeId", AT(tree_id), FIELD_TEXT, false},
    {"reason", AT(reason), FIELD_TEXT, false},
    {"atMs", AT(at_ms), FIELD_TIME, true},
    {"bytes", AT(bytes), FIELD_SIZE, true},
    {"digest", AT(digest), FIELD_DIGEST, true},
    {"manifestDigest", AT(manifest_digest), FIELD_DIGEST, true},
    {"tree", AT(tree), FIELD_DIGEST, true},
    {"entries", AT(n_entries), FIELD_SIZE, true},
    {"contentBytes", AT(content_bytes), FIELD_SIZE, true},
#undef AT
};
#define N_FIELDS (sizeof snapshot_fields / sizeof *snapshot_fields)

void snapshot_format(struct arena *a, const struct snapshot *s, struct buf *out)
{
    struct node *o = node_object(a);

    node_set(a, o, "format", node_number(a, FORMAT_VERSION));
    node_set(a, o, "kind", node_string(a, runtime_kind_name(s->kind)));
    for (size_t i = 0; i < N_FIELDS; i++) {
        const void *p = (const char *)s + snapshot_fields[i].at;

        switch (snapshot_fields[i].type) {
        case FIELD_TEXT:
        case FIELD_DIGEST:
            node_set_text(a, o, snapshot_fields[i].key, *(const char *const *)p);
            break;
        case FIELD_TIME:
            node_set(a, o, snapshot_fields[i].key, node_number(a, (double)*(const int64_t *)p));
            break;
        case FIELD_SIZE:
            node_set(a, o, snapshot_fields[i].key, node_number(a, (double)*(const uint64_t *)p));
            break;
        }
    }
    node_emit(out, o, 2, 0);
    buf_putc(out, '\n');
}

static bool is_digest(const char *s)
{
    return strlen(s) == DIGEST_HEX - 1 && strspn(s, "0123456789abcdef") == DIGEST_HEX - 1;
}

static bool decode_field(struct arena *a, const struct node *v, const struct snapshot_field *f, struct snapshot *s)
{
    void *p = (char *)s + f->at;

    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_DIGEST:
        if (!node_is(v, NODE_STRING) || strlen(v->s) != v->s_n || (f->type == FIELD_DIGEST && !is_digest(v->s)))
            return false;
        *(const char **)p = arena_strdup(a, v->s);
        return true;
    case FIELD_TIME:
        if (!node_is(v, NODE_NUMBER) || v->num != floor(v->num) || fabs(v->num) > JS_MAX_SAFE_INTEGER)
            return false;
        *(int64_t *)p = (int64_t)v->num;
        return true;
    case FIELD_SIZE:
        if (!node_is(v, NODE_NUMBER) || v->num != floor(v->num) || v->num < 0 || v->num > JS_MAX_SAFE_INTEGER)
            return false;
        *(uint64_t *)p = (uint64_t)v->num;
        return true;
    }
    return false;
}

int snapshot_decode(struct arena *a, const char *bytes, size_t n, struct snapshot *ret, struct err *e)
{
    struct snapshot s = {.kind = RUNTIME_KIND_COUNT};
    const struct node *root = json_read_err(a, "snapshot", bytes, n, e), *format;

    if (!root)
        return -1;
    format = node_get(root, "format");
    if (!node_is(format, NODE_NUMBER) || format->num != FORMAT_VERSION)
        return err_set(e, ERR_INPUT, 0, "snapshot: format is not %d", FORMAT_VERSION);
    for (enum runtime_kind k = 0; k < RUNTIME_KIND_COUNT; k++)
        if (text_eq(node_str(node_get(root, "kind")), runtime_kind_name(k)))
            s.kind = k;
    if (s.kind == RUNTIME_KIND_COUNT)
        return err_set(e, ERR_INPUT, 0, "snapshot: unknown kind");
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct node *v = node_get(root, snapshot_fields[i].key);

        if (v ? !decode_field(a, v, &snapshot_fields[i], &s) : snapshot_fields[i].required)
            return err_set(e, ERR_INPUT, 0, "snapshot: %s is %s", snapshot_fields[i].key, v ? "of the wrong type" : "missing");
    }
    *ret = s;
    return 0;
}

/* --- names ----------------------------------------------------------------------------------------------------------------- */

static const struct file_dir *top_of(const struct home *h)
{
    return home_dir(h, "snapshots");
}

/* "reconclaw-a-0123456789abcdef": readable, and one for each runtime. */
static char *dir_name(struct arena *a, const struct snapshot *s)
{
    const char *key = arena_printf(a, "%d %zu %zu %s%s%s", (int)s->kind, strlen(s->endpoint), strlen(s->install), s->endpoint,
                                   s->install, s->runtime);
    char *text = arena_memdup0(a, s->runtime, strnlen(s->runtime, DIR_TEXT));

    for (char *p = text; *p; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') && !strchr("-_.", *p))
            *p = '_';
    if (text[0] == '.')
        text[0] = '_';
    return arena_printf(a, "%s-%.16s", text, digest_sha256(a, key, strlen(key)));
}

/* "20261122T191500.123Z" */
static char *time_name(struct arena *a, int64_t ms)
{
    int64_t rest = ((ms % 1000) + 1000) % 1000;
    time_t s = (time_t)((ms - rest) / 1000);
    struct tm tm = {0};
    char text[32];

    if (!gmtime_r(&s, &tm) || strftime(text, sizeof text, "%Y%m%dT%H%M%S", &tm) == 0)
        return NULL;
    return arena_printf(a, "%s.%03dZ", text, (int)rest);
}

static void set_names(struct home *h, struct arena *a, struct snapshot *s, const char *dir, const char *stem)
{
    s->name = arena_printf(a, "%s/%s", dir, stem);
    s->path = arena_printf(a, "%s/%s%s", top_of(h)->path, s->name, ARCHIVE_SUFFIX);
}

static const char *stem_of(const struct snapshot *s)
{
    return strrchr(s->name, '/') + 1;
}

/* Of a snapshot with its names set. No link is followed: what is there, we made. */
static int open_dir(struct home *h, struct arena *a, const struct snapshot *s, struct file_dir *ret, struct err *e)
{
    const char *path = arena_memdup0(a, s->path, (size_t)(strrchr(s->path, '/') - s->path));

    return file_dir_open(path, false, top_of(h)->hook, ret, e);
}

#define DIR_AUTO __attribute__((cleanup(file_dir_close))) struct file_dir

/* Hidden ones are others': what is being unpacked. */
static bool is_runtime_dir(const struct file_name *f)
{
    return f->name[0] != '.' && (f->type == DT_DIR || f->type == DT_UNKNOWN);
}

/* --- reading --------------------------------------------------------------------------------------------------------------- */

static bool has_name(const struct file_name *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i].name, name) == 0)
            return true;
    return false;
}

static void read_one(struct home *h, struct arena *a, const struct file_dir *d, const char *dir, const char *file, bool whole,
                     struct snapshots_view *view, struct snapshot *ret)
{
    const char *stem = arena_memdup0(a, file, strlen(file) - strlen(".json"));
    struct snapshot s;
    struct err e = {0};
    char *bytes = NULL;
    size_t n = 0;

    if (file_read(a, d, file, LIMIT_SHARD_BYTES, &bytes, &n, NULL, &e) < 0) {
        if (e.class != ERR_NOT_FOUND)
            issue_add_err(a, &view->issues, d->path, file, &e);
        return;
    }
    if (snapshot_decode(a, bytes, n, &s, &e) < 0)
        issue_add(a, &view->issues, ISSUE_CORRUPT, d->path, file, NULL, false, "%s", e.msg);
    else if (strcmp(dir_name(a, &s), dir) != 0 || !text_eq(time_name(a, s.at_ms), stem))
        issue_add(a, &view->issues, ISSUE_MISNAMED, d->path, file, s.runtime, false, "is under another's name: not used");
    else if (!whole)
        issue_add(a, &view->issues, ISSUE_CORRUPT, d->path, file, s.runtime, false, "its archive or its manifest is gone");
    else {
        set_names(h, a, &s, dir, stem);
        *ret = s;
    }
}

typedef VEC(struct snapshot) snapshot_vec;

static int read_dir(struct home *h, struct arena *a, const char *dir, struct snapshots_view *view, snapshot_vec *all,
                    struct err *e)
{
    DIR_AUTO d = {.fd = -1};
    struct file_name *names;
    size_t n;

    if (file_dir_open(arena_printf(a, "%s/%s", top_of(h)->path, dir), false, top_of(h)->hook, &d, e) < 0)
        return e->class == ERR_NOT_FOUND ? 0 : -1; /* removed meanwhile */
    if (file_list(a, &d, &names, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) { /* by name: oldest first */
        const char *stem = names[i].name;
        struct snapshot s = {0};

        if (!text_has_suffix(stem, ".json"))
            continue;
        stem = arena_memdup0(a, stem, strlen(stem) - strlen(".json"));
        read_one(h, a, &d, dir, names[i].name,
                 has_name(names, n, arena_printf(a, "%s" ARCHIVE_SUFFIX, stem)) &&
                     has_name(names, n, arena_printf(a, "%s.manifest", stem)),
                 view, &s);
        if (s.name)
            VEC_PUSH(a, all, s);
    }
    return 0;
}

int snapshots_read(struct home *h, struct arena *a, struct snapshots_view *ret, struct err *e)
{
    struct snapshots_view view = {0};
    snapshot_vec all = {0};
    struct file_name *dirs;
    size_t n;

    if (file_list(a, top_of(h), &dirs, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (is_runtime_dir(&dirs[i]) && read_dir(h, a, dirs[i].name, &view, &all, e) < 0)
            return err_wrap(e, "reading the snapshots");
    view.v = all.v;
    view.n = all.n;
    *ret = view;
    return 0;
}

bool snapshot_is_of(const struct snapshot *s, const struct snapshot *like)
{
    return s->kind == like->kind && strcmp(s->endpoint, like->endpoint) == 0 && strcmp(s->runtime, like->runtime) == 0 &&
           strcmp(s->install, like->install) == 0;
}

const struct snapshot *snapshots_find(const struct snapshots_view *v, const struct snapshot *like)
{
    for (size_t i = v->n; i-- > 0;)
        if (snapshot_is_of(&v->v[i], like))
            return &v->v[i];
    return NULL;
}

int snapshots_named(const struct snapshots_view *v, const char *name, const struct snapshot **ret, struct err *e)
{
    const struct snapshot *found = NULL;

    for (size_t i = 0; i < v->n; i++) {
        const struct snapshot *s = &v->v[i];
        size_t n_dir = (size_t)(stem_of(s) - s->name) - 1;

        if (strcmp(s->name, name) == 0) {
            *ret = s;
            return 0;
        }
        if (strcmp(s->runtime, name) != 0 && (strlen(name) != n_dir || strncmp(s->name, name, n_dir) != 0))
            continue;
        if (found && !snapshot_is_of(s, found))
            return err_set(e, ERR_USAGE, 0, "'%s' has snapshots of several endpoints: name one of reconclaw snapshots", name);
        found = s; /* the later one of a runtime is the newer */
    }
    if (!found)
        return err_set(e, ERR_NOT_FOUND, 0,
                       "there is no snapshot '%s', and none of a runtime of that name; see reconclaw snapshots", name);
    *ret = found;
    return 0;
}

/* --- what is half ---------------------------------------------------------------------------------------------------------- */

static bool is_part(const char *name)
{
    return name[0] == '.' && strstr(name, ARCHIVE_SUFFIX PART_INFIX);
}

/* An archive or a manifest that no .json speaks for. */
static bool is_orphan(struct arena *a, const struct file_name *names, size_t n, const char *name)
{
    const char *suffix = text_has_suffix(name, ARCHIVE_SUFFIX) ? ARCHIVE_SUFFIX
                         : text_has_suffix(name, ".manifest")  ? ".manifest"
                                                               : NULL;

    return suffix && name[0] != '.' &&
           !has_name(names, n, arena_printf(a, "%.*s.json", (int)(strlen(name) - strlen(suffix)), name));
}

static int sweep_dir(struct arena *a, const struct file_dir *d, size_t *n_swept, struct err *e)
{
    struct file_name *names;
    size_t n;

    if (file_list(a, d, &names, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!is_part(names[i].name) && !file_is_leftover(names[i].name) && !is_orphan(a, names, n, names[i].name))
            continue;
        if (file_remove(d, names[i].name, e) < 0)
            return -1;
        ++*n_swept;
    }
    return 0;
}

int snapshots_sweep(struct home *h, size_t *ret_n, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct file_name *dirs;
    size_t n, n_swept = 0;

    if (file_list(a, top_of(h), &dirs, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        DIR_AUTO d = {.fd = -1};

        if (!is_runtime_dir(&dirs[i]))
            continue;
        if (file_dir_open(arena_printf(a, "%s/%s", top_of(h)->path, dirs[i].name), false, top_of(h)->hook, &d, e) < 0 ||
            sweep_dir(a, &d, &n_swept, e) < 0)
            return err_wrap(e, "clearing half snapshots away");
        (void)unlinkat(top_of(h)->fd, dirs[i].name, AT_REMOVEDIR); /* where nothing is left in it */
    }
    *ret_n = n_swept;
    return 0;
}

/* --- writing --------------------------------------------------------------------------------------------------------------- */

int snapshots_free(struct home *h, uint64_t *ret, struct err *e)
{
    const struct file_dir *top = top_of(h);
    struct statvfs fs;
    uint64_t room;

    if (fstatvfs(top->fd, &fs) < 0)
        return err_sys(e, ERR_IO, errno, "asking how much room '%s' has", top->path);
    if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &room))
        room = UINT64_MAX;
    *ret = room > SNAPSHOTS_RESERVE_BYTES ? room - SNAPSHOTS_RESERVE_BYTES : 0;
    return 0;
}

int snapshots_room(struct home *h, uint64_t bytes, struct err *e)
{
    const struct file_dir *top = top_of(h);
    int sys = file_step(top->hook, "room");
    uint64_t room = 0;

    if (!sys && snapshots_free(h, &room, e) < 0)
        return -1;
    if (sys || room < bytes)
        return err_set(e, ERR_IO, sys ? sys : ENOSPC,
                       "no room for a snapshot of %llu bytes in '%s': there are %llu, beside those that always stay free",
                       (unsigned long long)bytes, top->path, (unsigned long long)room);
    return 0;
}

/* At that time or, where it is taken, a little later. */
static int take_name(struct home *h, struct arena *a, const struct file_dir *d, const char *dir, struct snapshot *s,
                     struct err *e)
{
    for (int i = 0; i < NAME_TRIES; i++, s->at_ms++) {
        const char *stem = time_name(a, s->at_ms);
        struct stat st;

        if (!stem)
            break;
        if (fstatat(d->fd, arena_printf(a, "%s" ARCHIVE_SUFFIX, stem), &st, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        if (errno != ENOENT)
            return err_sys(e, ERR_IO, errno, "looking into '%s'", d->path);
        set_names(h, a, s, dir, stem);
        return 0;
    }
    return err_set(e, ERR_INPUT, 0, "there is no name for a snapshot of that time");
}

int snapshots_begin(struct home *h, struct arena *a, struct snapshot *s, struct err *e)
{
    const char *dir = dir_name(a, s);
    DIR_AUTO d = {.fd = -1};
    struct snapshot named = *s;
    size_t n_swept = 0;

    if (file_dir_open(arena_printf(a, "%s/%s", top_of(h)->path, dir), true, top_of(h)->hook, &d, e) < 0 ||
        sweep_dir(a, &d, &n_swept, e) < 0)
        return err_wrap(e, "making room for a snapshot");
    if (snapshots_room(h, s->content_bytes, e) < 0 || take_name(h, a, &d, dir, &named, e) < 0)
        return -1;
    /* The directory itself must outlive a crash, too. */
    if (fsync(top_of(h)->fd) < 0)
        return err_sys(e, ERR_IO, errno, "writing '%s' to disk", top_of(h)->path);
    *s = named;
    return 0;
}

int snapshots_commit(struct home *h, struct snapshot *s, const struct manifest *m, struct arena *a, struct err *e)
{
    BUF_AUTO text = BUF_INIT(LIMIT_MANIFEST_BYTES + 1);
    BUF_AUTO json = BUF_INIT(LIMIT_SHARD_BYTES);
    DIR_AUTO d = {.fd = -1};
    struct snapshot whole = *s;

    if (manifest_emit(m, &text, e) < 0)
        return err_wrap(e, "describing a snapshot");
    whole.manifest_digest = digest_sha256(a, buf_str(&text), text.n);
    whole.tree = arena_strdup(a, m->tree);
    whole.n_entries = m->n;
    whole.content_bytes = manifest_bytes(m);
    snapshot_format(a, &whole, &json);
    if (json.full)
        return err_set(e, ERR_INPUT, 0, "describing a snapshot: more than %u bytes", LIMIT_SHARD_BYTES);
    if (open_dir(h, a, s, &d, e) < 0 ||
        file_replace(&d, arena_printf(a, "%s.manifest", stem_of(s)), buf_str(&text), text.n, 0600, FILE_SYNC, e) < 0 ||
        file_replace(&d, arena_printf(a, "%s.json", stem_of(s)), buf_str(&json), json.n, 0600, FILE_SYNC, e) < 0)
        return err_wrap(e, "recording a snapshot");
    *s = whole;
    return 0;
}

int snapshots_manifest(struct home *h, struct arena *a, const struct snapshot *s, struct manifest *ret, struct err *e)
{
    DIR_AUTO d = {.fd = -1};
    char *text = NULL;
    size_t n = 0;

    if (open_dir(h, a, s, &d, e) < 0 ||
        file_read(a, &d, arena_printf(a, "%s.manifest", stem_of(s)), LIMIT_MANIFEST_BYTES, &text, &n, NULL, e) < 0)
        return err_wrap(e, "reading the manifest of a snapshot");
    if (!text_eq(digest_sha256(a, text, n), s->manifest_digest))
        return err_set(e, ERR_INPUT, 0, "the manifest of snapshot '%s' is not the one that was written", s->name);
    return manifest_parse(a, text, n, ret, e);
}

int snapshots_remove(struct home *h, const struct snapshot *s, struct err *e)
{
    static const char *const suffixes[] = {".json", ".manifest", ARCHIVE_SUFFIX}; /* the first ends it */
    ARENA_AUTO a = arena_new();
    DIR_AUTO d = {.fd = -1};
    struct err why = {0};

    if (open_dir(h, a, s, &d, &why) < 0) {
        if (why.class == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return err_wrap(e, "deleting a snapshot");
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (file_remove(&d, arena_printf(a, "%s%s", stem_of(s), suffixes[i]), e) < 0)
            return err_wrap(e, "deleting snapshot '%s'", s->name);
    if (fsync(d.fd) < 0)
        return err_sys(e, ERR_IO, errno, "writing '%s' to disk", d.path);
    (void)unlinkat(top_of(h)->fd, arena_memdup0(a, s->name, (size_t)(stem_of(s) - s->name) - 1), AT_REMOVEDIR);
    return 0;
}

/* --- how long -------------------------------------------------------------------------------------------------------------- */

const char *snapshots_over(struct arena *a, const struct snapshots_view *v, size_t i, const struct retention *r, bool alive,
                           int64_t now_ms)
{
    const struct snapshot *s = &v->v[i];
    size_t n_newer = 0;
    uint64_t bytes = s->bytes;
    char text[64];

    for (size_t k = i + 1; k < v->n; k++)
        if (snapshot_is_of(&v->v[k], s)) {
            n_newer++;
            bytes = bytes > UINT64_MAX - v->v[k].bytes ? UINT64_MAX : bytes + v->v[k].bytes;
        }
    if (n_newer == 0 && !alive)
        return NULL;
    if (r->count > 0 && n_newer >= r->count)
        return arena_printf(a, "there are %zu newer ones, and %u are kept", n_newer, r->count);
    if (r->age_ms > 0 && now_ms - s->at_ms > r->age_ms)
        return arena_printf(a, "it is older than %s", num_format_duration(r->age_ms, text));
    if (r->bytes > 0 && bytes > r->bytes)
        return arena_printf(a, "with the newer ones it takes more than %llu bytes", (unsigned long long)r->bytes);
    return NULL;
}
