#include "state/seeds.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"

#include <string.h>

#define SUFFIX ".manifest"

static const struct file_dir *dir_of(const struct home *h)
{
    return home_dir(h, "seeds");
}

static bool is_digest(const char *s)
{
    return strlen(s) == DIGEST_HEX - 1 && strspn(s, "0123456789abcdef") == DIGEST_HEX - 1;
}

int seeds_put(struct home *h, const struct manifest *m, char ret_digest[DIGEST_HEX], struct err *e)
{
    BUF_AUTO text = BUF_INIT(LIMIT_MANIFEST_BYTES + 1);
    ARENA_AUTO a = arena_new();

    if (manifest_emit(m, &text, e) < 0)
        return err_wrap(e, "keeping the manifest of a seed");
    digest_sha256_hex(buf_str(&text), text.n, ret_digest);
    if (file_replace(dir_of(h), arena_printf(a, "%s" SUFFIX, ret_digest), buf_str(&text), text.n, 0600, FILE_SYNC, e) < 0)
        return err_wrap(e, "keeping the manifest of a seed");
    return 0;
}

int seeds_get(struct home *h, struct arena *a, const char *digest, struct manifest *ret, struct err *e)
{
    char *text, now[DIGEST_HEX];
    size_t n;

    if (!is_digest(digest))
        return err_set(e, ERR_INPUT, 0, "the manifest of a seed: '%s' is no digest", digest);
    if (file_read(a, dir_of(h), arena_printf(a, "%s" SUFFIX, digest), LIMIT_MANIFEST_BYTES, &text, &n, NULL, e) < 0)
        return err_wrap(e, "the manifest of a seed");
    digest_sha256_hex(text, n, now);
    if (strcmp(now, digest) != 0)
        return err_set(e, ERR_INPUT, 0, "the manifest of a seed: '%s/%s" SUFFIX "' is damaged", dir_of(h)->path, digest);
    return manifest_parse(a, text, n, ret, e);
}

static bool is_named(struct arena *a, const char *file, const char *const *named, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(file, arena_printf(a, "%s" SUFFIX, named[i])) == 0)
            return true;
    return false;
}

int seeds_sweep(struct home *h, const char *const *named, size_t n, bool dry, size_t *ret_n, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct file_name *names;
    size_t n_names, n_swept = 0;

    if (file_list(a, dir_of(h), &names, &n_names, e) < 0)
        return -1;
    for (size_t i = 0; i < n_names; i++) {
        const char *file = names[i].name;

        if (!file_is_leftover(file) && (!text_has_suffix(file, SUFFIX) || is_named(a, file, named, n)))
            continue;
        if (!dry && file_remove(dir_of(h), file, e) < 0)
            return err_wrap(e, "clearing manifests of old seeds away");
        n_swept++;
    }
    *ret_n = n_swept;
    return 0;
}
