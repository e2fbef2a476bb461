#include "tests/lib/data.h"

#include "spec/base/path.h"
#include "spec/openclaw/keys.h"
#include "spec/openclaw/load.h"
#include "spec/read/json5.h"
#include "tests/lib/memfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct node *data_json5(struct arena *a, const char *text)
{
    struct diags d = {.arena = a};
    struct node *n = json5_read(a, "openclaw.json", text, strlen(text), &d);

    if (!n)
        fail_msg("%s: %s", text, d.n ? d.v[0].msg : "no JSON5");
    return n;
}

struct node *data_config(struct arena *a, const char *text, const struct node *env, const struct oc_places *places,
                         struct diags *d)
{
    struct oc_paths paths = {.cwd = places->cwd,
                             .os_home = places->home,
                             .home = places->home,
                             .state_dir = places->state_dir,
                             .config_path = path_join(a, places->state_dir, "openclaw.json")};
    struct oc_source source;
    struct memfs fs;

    memfs_init(&fs, a);
    (void)memfs_file(&fs, paths.config_path, text);
    if (oc_load(a, &fs.fs, &paths, env ? env : node_object(a), d, &source) < 0)
        return NULL;
    oc_load_variables(a, places->line, &source, d);
    if (oc_validate(a, source.root, places, d) < 0)
        return NULL;
    oc_normalise(a, &paths, &source);
    return source.root;
}

struct node *data_get(const struct node *object, const char *key, enum node_kind kind)
{
    struct node *n = node_get(object, key);

    if (!node_is(n, kind))
        fail_msg("%s is missing or of another kind", key);
    return n;
}

const char *data_str(const struct node *object, const char *key)
{
    return data_get(object, key, NODE_STRING)->s;
}
