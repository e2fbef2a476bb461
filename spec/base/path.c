#include "spec/base/path.h"

#include "spec/base/text.h"

#include <string.h>

/* Works "." , ".." and doubled slashes out of p, in place. ".." above the root of an absolute path is dropped, in front of a
 * relative one it stays. The result has no trailing slash unless it is "/"; of a relative path it may be "". */
static void squeeze(char *p)
{
    bool absolute = p[0] == '/';
    char *base = p + absolute, *out = base;
    const char *in = base;

    while (*in) {
        size_t n = strcspn(in, "/");

        if (n == 2 && in[0] == '.' && in[1] == '.') {
            char *last = out;

            while (last > base && last[-1] != '/')
                last--;
            bool climbs = out == base || strncmp(last, "..", (size_t)(out - last)) == 0;
            if (!climbs) {
                out = last > base ? last - 1 : base;
            } else if (!absolute) {
                if (out > base)
                    *out++ = '/';
                *out++ = '.';
                *out++ = '.';
            }
        } else if (n > 0 && !(n == 1 && in[0] == '.')) {
            if (out > base)
                *out++ = '/';
            memmove(out, in, n);
            out += n;
        }
        in += n;
        in += *in == '/';
    }
    *out = '\0';
}

char *path_resolve(struct arena *a, const char *cwd, const char *p)
{
    char *r = p[0] == '/' ? arena_strdup(a, p) : arena_printf(a, "%s/%s", cwd, p);

    squeeze(r);
    return r;
}

char *path_join(struct arena *a, const char *dir, const char *p)
{
    char *r = arena_printf(a, "%s%s%s", dir, dir[0] && p[0] ? "/" : "", p);
    bool slash = text_has_suffix(r, "/");

    squeeze(r);
    if (r[0] == '\0')
        return arena_strdup(a, slash ? "./" : ".");
    return slash && strcmp(r, "/") != 0 ? arena_printf(a, "%s/", r) : r;
}

char *path_dirname(struct arena *a, const char *p)
{
    size_t n = strlen(p);

    while (n > 1 && p[n - 1] == '/')
        n--;
    while (n > 0 && p[n - 1] != '/')
        n--;
    if (n <= 1)
        return arena_strdup(a, n == 0 ? "." : "/");
    /* The slash before the last name goes, and no other: "/a//b" gives "/a/", and "//b" keeps both. */
    return arena_memdup0(a, p, n == 2 && p[0] == '/' ? 2 : n - 1);
}

bool path_is_inside(const char *dir, const char *p)
{
    size_t n = strlen(dir);

    if (strcmp(dir, "/") == 0)
        return p[0] == '/';
    return strncmp(p, dir, n) == 0 && (p[n] == '\0' || p[n] == '/');
}
