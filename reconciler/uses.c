#include "reconciler/uses.h"

#include "reconciler/local_fs.h"
#include "spec/base/vec.h"

#include <string.h>

struct finding {
    struct arena *a;
    VEC(struct dir_use) uses;
};

/* The path's real one, where that is another. */
static void add_real(struct finding *f, const char *path, const char *who, const char *endpoint, const char *name)
{
    struct err ignored = {0};
    char *real = NULL;

    if (path && local_fs.realpath(local_fs.ctx, f->a, path, &real, &ignored) == 0 && strcmp(real, path) != 0)
        VEC_PUSH(f->a, &f->uses, ((struct dir_use){.path = real, .who = who, .endpoint = endpoint, .name = name}));
}

void uses_find(struct round *r, const struct dir_use *given, size_t n_given, const struct dir_use **ret, size_t *ret_n)
{
    const struct specs *specs = &r->load->specs;
    struct finding f = {.a = r->a};

    for (size_t i = 0; i < n_given; i++)
        VEC_PUSH(f.a, &f.uses, given[i]);
    for (size_t i = 0; i < r->n_looks; i++) {
        const struct observation *o = &r->looks[i].seen;

        for (size_t k = 0; o->ok && k < o->n_mounts; k++)
            add_real(&f, o->mounts[k].source, arena_printf(f.a, "%s/%s", o->endpoint, o->mounts[k].name), o->endpoint,
                     o->mounts[k].name);
    }
    for (size_t i = 0; i < specs->n_sandboxes; i++) {
        const struct sandbox_object *s = &specs->sandboxes[i];
        const char *who = arena_printf(f.a, "Sandbox/%s", s->head.name);

        for (size_t k = 0; k < s->n_workspaces; k++) {
            VEC_PUSH(f.a, &f.uses, ((struct dir_use){.path = s->workspaces[k].path, .who = who}));
            add_real(&f, s->workspaces[k].path, who, NULL, NULL);
        }
    }
    for (size_t i = 0; i < r->n_desired; i++) {
        const struct desired *d = &r->desired[i];

        add_real(&f, d->workspace_dir, arena_printf(f.a, "%s/%s, which is wanted", d->endpoint, d->name), NULL, NULL);
    }
    for (size_t i = 0; i < r->n_records; i++) {
        const struct record *rec = &r->records[i];

        add_real(&f, rec->workspace_dir, arena_printf(f.a, "%s/%s", rec->endpoint, rec->name), rec->endpoint, rec->name);
    }
    *ret = f.uses.v;
    *ret_n = f.uses.n;
}
