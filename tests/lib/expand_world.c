#include "tests/lib/expand_world.h"

#include "tests/lib/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct expand_world *expand_world_new(struct arena *a, const struct oc_places *at, const char *endpoint, const char *config)
{
    struct expand_world *w = ARENA_NEW(a, struct expand_world);

    w->a = a;
    w->d.arena = a;
    memfs_init(&w->fs, a);
    w->collator = OC_COLLATOR("en_US");
    w->oc = (struct oc_instance){.places = at, .fs = &w->fs.fs, .collator = &w->collator};
    w->oc.config = data_config(a, config, NULL, at, &w->d);
    if (!w->oc.config)
        fail_msg("%s: %s: %s", config, w->d.v[0].key, w->d.v[0].msg);
    w->object = (struct openclaw_object){.head = {.name = "home"}, .policy = {.cap_percent = 30}};
    w->observation = (struct observation){.endpoint = endpoint, .ok = true, .v = w->seen};
    return w;
}

void expand_world_free(struct expand_world **w)
{
    oc_collator_close(&(*w)->collator);
}

void expand_world_run(struct expand_world *w, enum ensure ensure)
{
    const struct oc_expand in = {.object = &w->object,
                                 .oc = &w->oc,
                                 .install = EXPAND_WORLD_INSTALL,
                                 .endpoint = "docker",
                                 .drives = w->drives,
                                 .records = w->records,
                                 .n_records = w->n_records,
                                 .observations = &w->observation,
                                 .n_observations = 1};

    w->object.ensure = ensure;
    w->d = (struct diags){.arena = w->a};
    for (size_t i = 0; i < w->n_records; i++)
        w->records[i].unwanted_because = NULL;
    w->rc = oc_expand(w->a, &in, &w->out, &w->d);
}
