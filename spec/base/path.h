/* path: path names as text, by the rules of Node's path module on POSIX, since OpenClaw's directories, names and hashes are
 * made of what those functions return. Nothing here looks at a file system: links are not followed. */
#ifndef RECONCLAW_SPEC_BASE_PATH_H
#define RECONCLAW_SPEC_BASE_PATH_H

#include "spec/base/arena.h"

#include <stdbool.h>

/* path.resolve(cwd, p): absolute, without ".", "..", doubled or trailing slashes. cwd must be absolute; "" gives cwd. */
char *path_resolve(struct arena *a, const char *cwd, const char *p);
/* path.join(dir, p): "." and ".." are worked out, a trailing slash of p stays. */
char *path_join(struct arena *a, const char *dir, const char *p);
/* path.dirname(p): "/a/b/" -> "/a", "a" -> ".", "/" -> "/". */
char *path_dirname(struct arena *a, const char *p);
/* Whether p is dir or below it. Both must be results of path_resolve or of realpath. */
bool path_is_inside(const char *dir, const char *p);

#endif
