#include "state/issue.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <stdarg.h>

void issue_add(struct arena *a, struct issues *all, enum issue_kind kind, const char *dir, const char *file, const char *runtime,
               bool hides_record, const char *fmt, ...)
{
    struct issue *i = VEC_ADD(a, all);
    va_list ap;

    i->kind = kind;
    i->path = arena_printf(a, "%s/%s", dir, file);
    i->runtime = arena_strdup(a, runtime);
    i->hides_record = hides_record;
    va_start(ap, fmt);
    i->text = arena_vprintf(a, fmt, ap);
    va_end(ap);
}

void issue_add_err(struct arena *a, struct issues *all, const char *dir, const char *file, const struct err *e)
{
    enum issue_kind kind = ISSUE_UNREADABLE;

    if (e->class == ERR_INPUT)
        kind = e->sys == EFBIG ? ISSUE_TOO_LARGE : e->sys == EISDIR || e->sys == ENXIO ? ISSUE_NOT_A_FILE : ISSUE_CORRUPT;
    issue_add(a, all, kind, dir, file, NULL, true, "%s", e->msg);
}

bool issue_read_own(struct arena *a, struct issues *all, const struct file_dir *d, const char *file, char **ret, size_t *ret_n)
{
    struct err e = {0};

    if (!text_has_suffix(file, ".json")) {
        issue_add(a, all, file_is_leftover(file) ? ISSUE_LEFTOVER : ISSUE_ALIEN, d->path, file, NULL, false, "%s",
                  file_is_leftover(file) ? "left over from an interrupted write" : "no file of ours");
        return false;
    }
    if (file_read(a, d, file, LIMIT_SHARD_BYTES, ret, ret_n, NULL, &e) == 0)
        return true;
    if (e.class != ERR_NOT_FOUND)
        issue_add_err(a, all, d->path, file, &e);
    return false;
}

struct issue issue_copy(struct arena *a, const struct issue *from)
{
    return (struct issue){from->kind, arena_strdup(a, from->path), arena_strdup(a, from->runtime), arena_strdup(a, from->text),
                          from->hides_record};
}

static const char *const names[ISSUE_KIND_COUNT] = {
    [ISSUE_UNREADABLE] = "unreadable", [ISSUE_TOO_LARGE] = "too-large",   [ISSUE_NOT_A_FILE] = "not-a-file",
    [ISSUE_SYMLINK] = "symlink",       [ISSUE_CORRUPT] = "corrupt",       [ISSUE_FIELD] = "field",
    [ISSUE_MISNAMED] = "misnamed",     [ISSUE_DUPLICATE] = "duplicate",   [ISSUE_ALIEN] = "alien",
    [ISSUE_LEFTOVER] = "leftover",     [ISSUE_STALE_LOCK] = "stale-lock",
};

const char *issue_kind_name(enum issue_kind kind)
{
    return names[kind];
}
