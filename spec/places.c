#include "spec/places.h"

#include "spec/base/path.h"

#include <stddef.h>

static const char *const system_places[] = {"/proc", "/sys", "/dev", "/boot", "/etc", "/run", "/var/run"};
static const char *const home_places[] = {".ssh", ".aws", ".gnupg", ".docker", ".config", ".cargo", ".npm", ".netrc"};

static const char *refuse(struct arena *a, const char *place, const char *path)
{
    if (path_is_inside(place, path))
        return arena_printf(a, "lies in %s, which is not shown to a sandbox", place);
    if (path_is_inside(path, place))
        return arena_printf(a, "holds %s, which is not shown to a sandbox: name a directory of its own", place);
    return NULL;
}

const char *places_refuse(struct arena *a, const char *home, const char *path)
{
    const char *why = NULL;
    for (size_t i = 0; !why && i < sizeof system_places / sizeof *system_places; i++)
        why = refuse(a, system_places[i], path);
    for (size_t i = 0; !why && home && i < sizeof home_places / sizeof *home_places; i++)
        why = refuse(a, path_resolve(a, home, home_places[i]), path);
    return why;
}
