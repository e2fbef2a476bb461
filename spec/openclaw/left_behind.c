#include "spec/openclaw/left_behind.h"

#include "spec/base/text.h"
#include "spec/openclaw/expand_run.h"
#include "spec/openclaw/private.h"

#include <string.h>

struct roots {
    const char **v;
    size_t n, cap;
};

static void add_root(struct run *r, struct roots *roots, const struct node *sandbox)
{
    const char *root = node_str(node_get(sandbox, "workspaceRoot"));

    for (size_t i = 0; root && i < roots->n; i++)
        if (strcmp(roots->v[i], root) == 0)
            return;
    if (root)
        VEC_PUSH(r->a, roots, root);
}

/* Of an agent that is not listed, or has nothing of its own. */
static void add_default_root(struct run *r, struct roots *roots, const char *id)
{
    struct diags ignored = {.arena = r->a};
    struct oc_sandbox sandbox = {0};

    if (oc_resolve(r->a, r->oc->config, r->oc->places, id, &sandbox, &ignored) == 0)
        add_root(r, roots, sandbox.config);
}

/* Whether the scope is one of today's config, whatever becomes of the runtime (another backend, another name, no browser, the
 * mode, which is switched off and on again): then its next use comes back to the same directory. In doubt it is. */
static bool scope_lives(struct run *r, const struct run_claim *c, const char *key)
{
    const struct run_agent *g = c->agent == RUN_NONE ? NULL : &r->memo->agents.v[c->agent];

    if (!g)
        return false;
    if (g->broken || c->isolated)
        return true;
    if (strcmp(g->scope, c->scope) != 0 || run_is_superseded(r, key))
        return false;
    return !r->line->scope_by_workspace || text_eq(run_key_today(r, g, c->scope, c->session), key);
}

/* Who has the scope; NULL: nobody any more. */
static const char *who_lives(struct run *r, const char *scope_key)
{
    const char *key = js_trim(r->a, scope_key);
    struct run_claims c = run_claims_of(r, key);

    if (r->oc->missing)
        return "an OpenClaw whose config file is gone";
    for (size_t i = 0; i < c.n; i++)
        if (scope_lives(r, &c.v[i], key))
            return arena_printf(r->a, "agent '%s'", c.v[i].id);
    return NULL;
}

/* Those of the agents that have the scope key, gone ones as the defaults have it. */
static void find_dirs(struct run *r, struct record *rec)
{
    const char *who = who_lives(r, rec->scope_key);
    struct run_claims c = run_claims_of(r, js_trim(r->a, rec->scope_key));
    struct roots roots = {0};

    for (size_t i = 0; i < c.n; i++) {
        if (c.v[i].agent == RUN_NONE)
            add_default_root(r, &roots, c.v[i].id);
        else if (!r->memo->agents.v[c.v[i].agent].broken)
            add_root(r, &roots, r->memo->agents.v[c.v[i].agent].sandbox.config);
    }
    rec->n_dirs = oc_private_dirs(r->a, r->oc->fs, r->oc->places, rec, roots.v, roots.n,
                                  who ? arena_printf(r->a, "its scope is still that of %s", who) : NULL, &rec->dirs);
}

static bool may_have_dirs(const struct run *r, const struct record *rec)
{
    return run_is_openclaws(rec->kind) && text_eq(rec->install, r->in->install) && rec->name && !js_is_blank(rec->scope_key);
}

static void find_uses(struct run *r, struct oc_expansion *ret)
{
    struct dir_use *uses = ARENA_ARRAY(r->a, struct dir_use, 2 * r->memo->agents.n);
    struct roots roots = {0};

    add_default_root(r, &roots, "");
    for (size_t i = 0; i < r->memo->agents.n; i++) {
        const struct run_agent *g = &r->memo->agents.v[i];
        const struct oc_agent agent = {
            .id = g->id, .entry = g->sandbox.entry, .default_id = r->memo->default_id ? r->memo->default_id : ""};
        const char *dir = g->workspace_dir ? g->workspace_dir : oc_agent_workspace_of(r->a, r->oc->config, &agent, r->oc->places);
        const char *who = arena_printf(r->a, "agent '%s'", g->id);
        struct err ignored = {0};
        char *real = NULL;

        if (!g->broken)
            add_root(r, &roots, g->sandbox.config);
        uses[ret->n_uses++] = (struct dir_use){.path = dir, .who = who};
        if (r->oc->fs->realpath(r->oc->fs->ctx, r->a, dir, &real, &ignored) == 0 && strcmp(real, dir) != 0)
            uses[ret->n_uses++] = (struct dir_use){.path = real, .who = who};
    }
    for (size_t i = 0; i < roots.n; i++)
        roots.v[i] = oc_private_root(r->a, roots.v[i], r->oc->places);
    VEC_PUSH(r->a, &roots, oc_private_skills_root(r->a, r->oc->places));
    ret->uses = uses;
    ret->roots = roots.v;
    ret->n_roots = roots.n;
}

/* What is unwanted first: where that has nothing, nobody needs to know of the rest. */
void oc_find_left_behind(struct run *r, struct oc_expansion *ret)
{
    const struct oc_expand *in = r->in;

    for (size_t i = 0; i < in->n_leftovers; i++)
        if (text_eq(in->leftovers[i].install, in->install) && !js_is_blank(in->leftovers[i].scope_key))
            in->leftovers[i].lives = who_lives(r, in->leftovers[i].scope_key);
    ret->has_dirs = in->with_dirs;
    for (size_t i = 0; i < in->n_records; i++) {
        struct record *rec = &in->records[i];

        if (!may_have_dirs(r, rec) || !rec->unwanted_because)
            continue;
        find_dirs(r, rec);
        ret->has_dirs = ret->has_dirs || rec->n_dirs > 0;
    }
    if (!ret->has_dirs)
        return;
    for (size_t i = 0; i < in->n_records; i++)
        if (may_have_dirs(r, &in->records[i]) && !in->records[i].unwanted_because)
            find_dirs(r, &in->records[i]);
    find_uses(r, ret);
}
