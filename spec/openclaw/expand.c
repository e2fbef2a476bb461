#include "spec/openclaw/expand.h"

#include "spec/base/text.h"
#include "spec/openclaw/away.h"
#include "spec/openclaw/expand_run.h"
#include "spec/openclaw/left_behind.h"
#include "spec/openclaw/openshell.h"

#include <string.h>

static size_t look_up(const struct node *index, const char *key)
{
    const struct node *n = node_get(index, key);

    return n ? (size_t)n->num : RUN_NONE;
}

static void remember(struct arena *a, struct node *index, const char *key, size_t i)
{
    node_set(a, index, key, node_number(a, (double)i));
}

/* --- agents ------------------------------------------------------------------------------------------------------------------
 */

static struct pos pos_of(const struct node *config, const struct node *entry)
{
    const struct node *n = entry;

    if (!n)
        n = node_path(config, "agents", "defaults", "sandbox", NULL);
    if (!n)
        n = config;
    return n->pos;
}

/* entry: where it was met in the list; NULL: to be looked for. */
static void add_agent(struct run *r, const char *id, const struct node *entry)
{
    struct run_agent *g;
    bool is_plain;

    if (node_get(r->memo->agent_index, id))
        return;
    remember(r->a, r->memo->agent_index, id, r->memo->agents.n);
    g = VEC_ADD(r->a, &r->memo->agents);
    g->id = id;
    /* An entry without an id is main's, too. */
    if (!entry || strcmp(id, "main") == 0)
        entry = oc_agent_entry(r->a, r->oc->config, id);
    g->errors.arena = r->a;
    is_plain = !node_get(entry, "sandbox") && !node_get(entry, "tools");
    if (is_plain && r->memo->plain > 0) {
        g->sandbox = r->memo->agents.v[r->memo->plain - 1].sandbox;
        g->sandbox.entry = entry;
    } else {
        g->broken = oc_resolve(r->a, r->oc->config, r->oc->places, id, &g->sandbox, &g->errors) < 0;
    }
    g->pos = pos_of(r->oc->config, g->sandbox.entry);
    if (r->line->scope_by_workspace)
        g->workspace_dir = oc_agent_workspace_of(
            r->a, r->oc->config,
            &(struct oc_agent){.id = id, .entry = entry, .default_id = r->memo->default_id ? r->memo->default_id : ""},
            r->oc->places);
    if (g->broken)
        return;
    if (is_plain)
        r->memo->plain = r->memo->agents.n;
    g->mode = node_str(node_get(g->sandbox.config, "mode"));
    g->scope = node_str(node_get(g->sandbox.config, "scope"));
    g->backend = js_lower(r->a, node_str(node_get(g->sandbox.config, "backend")));
}

static void list_agents(struct run *r)
{
    const struct node *list = node_path(r->oc->config, "agents", "list", NULL);

    r->memo->agent_index = node_object(r->a);
    r->memo->default_id = oc_default_agent(r->a, r->line, r->oc->config);
    if (r->memo->default_id)
        add_agent(r, r->memo->default_id, NULL);
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
        const struct node *id = node_get(list->items[i], "id");

        if (node_is(id, NODE_STRING))
            add_agent(r, oc_agent_id_n(r->a, id->s, id->s_n), list->items[i]);
    }
}

/* What a backend means, where it is driven; NULL: it is left alone. */
static const struct oc_backend *driven(const struct run *r, const char *backend)
{
    const struct oc_backend *how = oc_backend_find(r->line, backend);

    return how && (how->has_container || !r->in || !r->in->drives || r->in->drives(how->id)) ? how : NULL;
}

static bool is_podman(const struct run *r, const char *backend)
{
    const struct oc_backend *how = oc_backend_find(r->line, backend);

    return how && how->which == OC_BACKEND_PODMAN;
}

static bool is_remote(const struct run *r, const char *backend)
{
    const struct oc_backend *how = oc_backend_find(r->line, backend);

    return how && !how->has_container;
}

static bool is_on(const struct run *r, const struct run_agent *g)
{
    return !g->broken && strcmp(g->mode, "off") != 0 && driven(r, g->backend);
}

/* NULL where it has an error; the agent is broken from then on. */
static const struct oc_context *context(struct run *r, size_t agent, const char *scope_key)
{
    struct run_agent *g = &r->memo->agents.v[agent];
    const char *key = arena_printf(r->a, "%s %s", g->id, scope_key);
    size_t i = look_up(r->memo->context_index, key);
    struct oc_context c;

    if (g->broken)
        return NULL;
    if (i != RUN_NONE)
        return r->memo->contexts.v[i];
    if (oc_context_of_scope(r->a, r->oc, g->id, &g->sandbox, scope_key, &c, &g->errors) < 0) {
        g->broken = true;
        return NULL;
    }
    remember(r->a, r->memo->context_index, key, r->memo->contexts.n);
    *VEC_ADD(r->a, &r->memo->contexts) = ARENA_NEW(r->a, struct oc_context);
    *r->memo->contexts.v[r->memo->contexts.n - 1] = c;
    return r->memo->contexts.v[r->memo->contexts.n - 1];
}

static const struct oc_container *runtime_of(const struct oc_context *c, enum runtime_kind kind)
{
    return kind == RUNTIME_BROWSER ? &c->browser : &c->container;
}

/* --- whose a scope key is ------------------------------------------------------------------------------------------------------
 */

static void claim(struct run *r, struct run_claims *c, const char *id, const char *scope, const char *session)
{
    if (id)
        VEC_PUSH(r->a, c,
                 ((struct run_claim){look_up(r->memo->agent_index, id), id, scope, session, oc_is_isolated_key(session)}));
}

const char *run_key_today(struct run *r, const struct run_agent *g, const char *scope, const char *session)
{
    return oc_scope_key(r->a, r->oc->places, scope, g->id, session ? session : arena_printf(r->a, "agent:%s:main", g->id),
                        g->workspace_dir);
}

/* "agent:<id>", as OpenClaw writes it: the id, else NULL. */
static const char *agent_scope_id(struct arena *a, const char *key)
{
    const char *id;

    if (!text_has_prefix(key, "agent:"))
        return NULL;
    id = oc_agent_id(a, key + strlen("agent:"));
    return strcmp(id, key + strlen("agent:")) == 0 ? id : NULL;
}

bool run_is_superseded(const struct run *r, const char *key)
{
    return strcmp(key, "shared") != 0 && oc_is_workspace_key(key) != r->line->scope_by_workspace;
}

struct run_claims run_claims_of(struct run *r, const char *key)
{
    const char *default_id = r->memo->default_id;
    const char *base = r->line->scope_by_workspace || run_is_superseded(r, key) ? oc_scope_base(r->a, key) : key;
    const char *id = agent_scope_id(r->a, base);
    struct run_claims c = {0};

    if (strcmp(key, "shared") == 0) {
        for (size_t i = 0; i < r->memo->agents.n; i++)
            claim(r, &c, r->memo->agents.v[i].id, "shared", NULL);
        if (!r->line->scope_by_workspace)
            claim(r, &c, default_id, "session", "shared"); /* a session that is called so */
    } else if (id) {
        claim(r, &c, id, "agent", NULL);
        /* Keys that name no agent run under the default agent's config, in main's runtime. */
        if (!r->line->scope_by_workspace && strcmp(id, "main") == 0 && strcmp(default_id, "main") != 0)
            claim(r, &c, default_id, "agent", NULL);
    } else if (oc_is_isolated_key(key)) {
        claim(r, &c, oc_scope_agent(r->a, r->line, key), "agent", key);
    } else {
        id = oc_session_key_agent(r->a, r->line, base);
        claim(r, &c, id ? id : default_id, "session", base);
    }
    return c;
}

/* Of a runtime that another line's rules named, whose agent and scope would be right: what it is called by those of this one. */
static const char *new_name(struct run *r, const struct run_claim *c, enum runtime_kind kind)
{
    const struct run_agent *g = &r->memo->agents.v[c->agent];
    const struct oc_context *x = context(r, c->agent, run_key_today(r, g, c->scope, c->session));

    if (!x)
        return NULL;
    if (kind == RUNTIME_BROWSER && !x->has_browser)
        return x->no_browser;
    return arena_printf(r->a, RECORD_SUPERSEDED "OpenClaw %s names it %s", r->line->name, runtime_of(x, kind)->name);
}

/* Whether enough is known of an engine to tell what is made there. */
static bool is_known(const struct run *r, const char *backend)
{
    return !is_podman(r, backend) || r->oc->podman;
}

/* Whether OpenClaw uses on what an older plugin named so. */
static bool is_old_name(const struct run *r, const struct oc_context *x, const char *key, const char *name)
{
    return x->how->which == OC_BACKEND_OPENSHELL && text_eq(oc_openshell_old_name(r->a, r->line, key), name);
}

/* What is recorded or shown, and has to be judged. */
struct found {
    enum runtime_kind kind;
    const char *key, *name, *backend;
    const char *hash;     /* that it has now, or NULL */
    const char *endpoint; /* of a remote one: where it is */
    bool holds_data;
};

/* The agent's mode leaves the claim's session out; NULL: it does not. The claim's scope is the agent's, and not isolated. */
static const char *switched_off(struct run *r, const struct run_claim *c)
{
    const struct run_agent *g = &r->memo->agents.v[c->agent];

    if (strcmp(g->mode, "off") == 0)
        return "mode is off";
    if (strcmp(g->scope, "session") == 0 && !oc_is_sandboxed(r->a, r->oc->config, g->mode, g->id, c->session))
        return "mode is non-main, and this is the main session";
    return NULL;
}

/* Why a claim does not want what was found; NULL: it does, or is in doubt (a broken agent, an isolated session, a podman that is
 * not known; switched off, where its workspace would go with it: switched on again it comes back to that). */
static const char *refusal(struct run *r, const struct run_claim *c, const struct found *f)
{
    const char *key = f->key, *backend = f->backend, *now;
    const struct run_agent *g;
    const struct oc_context *x;

    if (c->agent == RUN_NONE)
        return arena_printf(r->a, "agent '%s' is gone", c->id);
    g = &r->memo->agents.v[c->agent];
    if (g->broken)
        return NULL;
    if (!f->holds_data && strcmp(g->mode, "off") == 0 && !c->isolated)
        return switched_off(r, c);
    if (strcmp(g->scope, c->scope) != 0 && !c->isolated)
        return arena_printf(r->a, "scope is now %s", g->scope);
    if (strcmp(g->backend, backend) != 0)
        return arena_printf(r->a, "backend is now %s", g->backend);
    if (c->isolated || !is_known(r, backend))
        return NULL;
    if (!f->holds_data && switched_off(r, c))
        return switched_off(r, c);
    if (run_is_superseded(r, key))
        return is_podman(r, backend) ? NULL : new_name(r, c, f->kind); /* no line before knew podman */
    if (r->line->scope_by_workspace && strcmp(run_key_today(r, g, c->scope, c->session), key) != 0)
        return arena_printf(r->a, "workspace of agent '%s' is now %s", g->id, g->workspace_dir);
    x = context(r, c->agent, key);
    if (!x)
        return NULL;
    if (f->kind == RUNTIME_BROWSER && !x->has_browser)
        return x->no_browser;
    now = runtime_of(x, f->kind)->name;
    return strcmp(now, f->name) == 0 || is_old_name(r, x, key, f->name) ? NULL : arena_printf(r->a, "name is now %s", now);
}

enum verdict { WANTED, UNWANTED, IN_DOUBT };

/* Whether it is as one agent wants it: of several that share it, that one's config holds. */
static bool is_right(const struct run *r, const struct found *f, const struct oc_context *x)
{
    const struct oc_container *runtime = runtime_of(x, f->kind);

    return is_remote(r, f->backend) ? text_eq(runtime->endpoint, f->endpoint) : f->hash && text_eq(runtime->config_hash, f->hash);
}

/* ret_agent where WANTED, ret_why where UNWANTED. */
static enum verdict judge(struct run *r, const struct found *f, size_t *ret_agent, const char **ret_why)
{
    const char *key = f->key;
    struct run_claims c = run_claims_of(r, key);
    const char *first = NULL;
    size_t chosen = RUN_NONE;
    bool doubt = false;

    for (size_t i = 0; i < c.n; i++) {
        const char *why = refusal(r, &c.v[i], f);
        const struct oc_context *x;

        if (why) {
            first = first ? first : why;
            continue;
        }
        x = c.v[i].isolated || r->memo->agents.v[c.v[i].agent].broken || run_is_superseded(r, key) || !is_known(r, f->backend) ||
                    switched_off(r, &c.v[i])
                ? NULL
                : context(r, c.v[i].agent, key);
        if (!x || strcmp(runtime_of(x, f->kind)->name, f->name) != 0) {
            doubt = true;
            continue;
        }
        if (chosen == RUN_NONE || is_right(r, f, x))
            chosen = c.v[i].agent;
        if (is_right(r, f, x))
            break;
    }
    if (c.n == 0 && run_is_superseded(r, key))
        first = arena_printf(r->a, RECORD_SUPERSEDED "OpenClaw %s has no agent for it", r->line->name);
    *ret_agent = chosen;
    *ret_why = first;
    return chosen != RUN_NONE ? WANTED : doubt || !first ? IN_DOUBT : UNWANTED;
}

/* --- what is wanted ------------------------------------------------------------------------------------------------------------
 */

/* Of one scope docker and podman may each have a runtime. */
static const char *slot_key(struct run *r, enum runtime_kind kind, const char *backend, const char *scope_key)
{
    return arena_printf(r->a, "%s %s %s", runtime_kind_name(kind), backend, scope_key);
}

static bool has_slot(struct run *r, enum runtime_kind kind, const char *backend, const char *scope_key)
{
    return look_up(r->slot_index, slot_key(r, kind, backend, scope_key)) != RUN_NONE;
}

/* OpenClaw refuses to use what is recorded elsewhere, and makes nothing in its place before it is known to be gone there. */
static bool is_elsewhere(struct run *r, const struct run_agent *g, const struct oc_context *c)
{
    const char *where = c->is_podman ? node_str(node_get(r->other_podman, c->container.name)) : NULL;

    if (where)
        diag_warning(r->d, g->pos, "", "agent '%s': its sandbox %s is recorded on another podman (%s), and left to that", g->id,
                     c->container.name, where);
    return where;
}

static void want(struct run *r, enum runtime_kind kind, size_t agent, const char *scope_key, bool precreate)
{
    const struct run_agent *g = &r->memo->agents.v[agent];
    const char *key = slot_key(r, kind, g->backend, scope_key);
    size_t i = look_up(r->slot_index, key);
    const struct oc_context *c;

    if (i < r->slots.n) {
        r->slots.v[i].precreate = r->slots.v[i].precreate || precreate;
        return;
    }
    c = is_known(r, g->backend) ? context(r, agent, scope_key) : NULL;
    if (!c || (kind == RUNTIME_BROWSER ? !c->has_browser : is_elsewhere(r, g, c)))
        return;
    remember(r->a, r->slot_index, key, r->slots.n);
    VEC_PUSH(r->a, &r->slots, ((struct run_slot){.kind = kind, .c = c, .agent = agent, .precreate = precreate}));
}

bool run_is_openclaws(enum runtime_kind kind)
{
    return kind == RUNTIME_CONTAINER || kind == RUNTIME_BROWSER;
}

static const char *lower_id(struct arena *a, const char *backend_id)
{
    return js_is_blank(backend_id) ? "docker" : js_lower(a, js_trim(a, backend_id));
}

/* A remote one is where it was made, whatever the config says now. */
static bool find_place(struct run *r, struct record *rec, const struct oc_backend *how, struct oc_expansion *ret)
{
    const char *endpoint = oc_away_endpoint(r->a, r->oc, rec, how);

    if (!endpoint) {
        ret->n_unplaced++;
        return false;
    }
    rec->endpoint = endpoint;
    rec->holds_data = rec->holds_data || oc_away_holds_data(r->a, r->oc, how);
    return true;
}

static void note_move(struct run *r, struct record *rec, size_t agent, const char *key)
{
    const struct oc_context *c = context(r, agent, key);

    if (c && !c->has_container && !text_eq(c->container.endpoint, rec->endpoint))
        rec->moved_to = c->container.endpoint;
    if (rec->moved_to && !rec->backend_target)
        rec->backend_target = oc_away_guess(r->a, r->oc, rec, c);
}

static void judge_record(struct run *r, struct record *rec, const char *owner, struct oc_expansion *ret)
{
    const char *key = rec->scope_key, *why, *backend = lower_id(r->a, rec->backend_id);
    const struct oc_backend *how = driven(r, backend);
    size_t agent;

    if (!run_is_openclaws(rec->kind) || !text_eq(rec->install, r->in->install) || (rec->owner && !text_eq(rec->owner, owner)))
        return;
    if (is_podman(r, backend) && !text_eq(rec->endpoint, OC_PODMAN_ENDPOINT)) {
        if (rec->name)
            node_set(r->a, r->other_podman, rec->name, node_string(r->a, rec->endpoint));
        ret->n_other_podman++;
        return;
    }
    if (!how) {
        ret->n_foreign_backend++;
        return;
    }
    if (js_is_blank(key) || !rec->name)
        return;
    if (r->oc->missing) {
        r->left_alone = true;
        return;
    }
    if (!how->has_container && !find_place(r, rec, how, ret))
        return;
    key = js_trim(r->a, key);
    switch (judge(r, &(struct found){rec->kind, key, rec->name, backend, rec->config_hash, rec->endpoint, rec->holds_data},
                  &agent, &why)) {
    case WANTED:
        want(r, rec->kind, agent, key, false);
        note_move(r, rec, agent, key);
        break;
    case UNWANTED:
        rec->unwanted_because = why;
        break;
    case IN_DOUBT:
        break;
    }
}

/* Shown, and not recorded (or its slot would be there): wanted where it certainly is of this install. */
static void judge_observed(struct run *r, const struct oc_backend *how, const struct observed *o)
{
    const char *key = o->scope_key, *why;
    bool ours = o->ownership == OWN_OURS && text_eq(o->install, r->in->install);
    const struct oc_context *c;
    size_t agent;

    if (!run_is_openclaws(o->kind) || js_is_blank(key) || !o->name || (!ours && (o->ownership != OWN_OPENCLAW || o->install)))
        return;
    key = js_trim(r->a, key);
    if (has_slot(r, o->kind, how->id, key) ||
        judge(r, &(struct found){o->kind, key, o->name, how->id, o->config_hash, o->endpoint, false}, &agent, &why) != WANTED)
        return;
    c = context(r, agent, key);
    /* Ours elsewhere is what a move has left behind. The hash of a remote one tells nothing of whose it is. */
    if (!how->has_container ? ours && c && text_eq(c->container.endpoint, o->endpoint)
                            : ours || (c && text_eq(runtime_of(c, o->kind)->config_hash, o->config_hash)))
        want(r, o->kind, agent, key, false);
}

/* The scope that is made beforehand for an agent; NULL: none. */
static const char *first_scope(struct run *r, const struct run_agent *g)
{
    const char *main_key;

    if (strcmp(g->scope, "session") != 0)
        return run_key_today(r, g, g->scope, NULL);
    main_key = oc_main_session_key(r->a, r->oc->config, g->id);
    /* The one global session is the default agent's; 2026.9 has several names for it, and only its gateway knows which. */
    if (strcmp(main_key, "global") == 0 && (r->line->scope_by_workspace || !text_eq(g->id, r->memo->default_id)))
        return NULL;
    return oc_is_sandboxed(r->a, r->oc->config, g->mode, g->id, main_key) ? run_key_today(r, g, g->scope, main_key) : NULL;
}

static void want_all(struct run *r)
{
    for (size_t i = 0; i < r->memo->agents.n; i++) {
        const char *key = is_on(r, &r->memo->agents.v[i]) ? first_scope(r, &r->memo->agents.v[i]) : NULL;

        if (!key)
            continue;
        want(r, RUNTIME_CONTAINER, i, key, true);
        want(r, RUNTIME_BROWSER, i, key, true);
    }
}

/* The hash holds the agent's own directories, so that OpenClaw takes a shared runtime for outdated whenever the next agent
 * uses it. Nothing we could mend; but its owner should know. */
static void warn_of_shared(struct run *r, const char *backend)
{
    const struct oc_context *first = NULL;

    if (!has_slot(r, RUNTIME_CONTAINER, backend, "shared"))
        return;
    for (size_t i = 0; i < r->memo->agents.n; i++) {
        const struct run_agent *g = &r->memo->agents.v[i];
        const struct oc_context *c;

        if (!is_on(r, g) || strcmp(g->backend, backend) != 0 || strcmp(g->scope, "shared") != 0 || !(c = context(r, i, "shared")))
            continue;
        if (!first) {
            first = c;
        } else if (!text_eq(first->container.config_hash, c->container.config_hash)) {
            diag_warning(r->d, g->pos, "",
                         "agents '%s' and '%s' share one runtime but not its workspaces or settings: OpenClaw makes it anew "
                         "when another of its agents uses it",
                         first->agent_id, g->id);
            return;
        }
    }
}

/* Hours or days in milliseconds; 0 is never, and so is what no clock will see. */
static int64_t span_ms(const struct node *sandbox, const char *key, int64_t unit_ms)
{
    const struct node *n = node_path(sandbox, "prune", key, NULL);
    double x = node_is(n, NODE_NUMBER) ? n->num : 0;

    return x >= (double)(INT64_MAX / unit_ms) ? 0 : (int64_t)x * unit_ms;
}

static struct desired desired_of(struct run *r, const struct run_slot *s, const char *owner)
{
    const struct oc_container *runtime = runtime_of(s->c, s->kind);
    const struct node *sandbox = s->c->sandbox.config;
    const char *setup = node_str(node_path(sandbox, "docker", "setupCommand", NULL));
    bool remote = !s->c->has_container;
    /* Made beforehand with a hash that OpenClaw may not agree to, it would be made again at the first use: left to that. So is a
     * copy of what OpenClaw has not laid out yet. */
    bool precreate = s->precreate && !runtime->hash_uncertain && (!remote || runtime->laid_out);

    return (struct desired){
        .endpoint = remote            ? runtime->endpoint
                    : s->c->is_podman ? OC_PODMAN_ENDPOINT
                                      : r->in->endpoint,
        .name = runtime->name,
        .kind = s->kind,
        .owner = owner,
        .install = r->in->install,
        .want = WANT_RUNNING,
        .precreate = precreate,
        .can_remake = !runtime->only_copy,
        .scope_key = s->c->scope_key,
        .agent_id = s->c->agent_id,
        .backend_id = s->c->how->id,
        .config_label = runtime->label,
        .config_label_kind = remote ? s->c->how->label_kind : NULL,
        .image = runtime->image,
        .config_hash = runtime->config_hash,
        .hash_uncertain = runtime->hash_uncertain,
        .create = runtime->create,
        .setup = s->kind == RUNTIME_CONTAINER && !remote && !js_is_blank(setup) ? setup : NULL,
        .workspace_dir = remote ? NULL : s->c->workspace_dir,
        .agent_workspace_dir = s->c->mounts_agent ? s->c->agent_workspace_dir : NULL,
        .skills_dir = s->c->skills_dir,
        .idle_ms = precreate ? 0 : span_ms(sandbox, "idleHours", 3600000),
        .max_age_ms = span_ms(sandbox, "maxAgeDays", 86400000),
        .policy = r->in->object->policy,
        .origin = r->memo->agents.v[s->agent].pos,
    };
}

struct oc_memo *oc_memo_new(struct arena *a)
{
    return ARENA_NEW(a, struct oc_memo);
}

static void start(struct run *r)
{
    r->memo = r->oc->memo ? r->oc->memo : oc_memo_new(r->a);
    r->slot_index = node_object(r->a);
    r->other_podman = node_object(r->a);
    if (r->memo->ready)
        return;
    r->memo->ready = true;
    r->memo->context_index = node_object(r->a);
    list_agents(r);
}

/* What the broken agents have to say. 0 where there is none. */
static int finish(struct run *r)
{
    int rc = 0;

    for (size_t i = 0; i < r->memo->agents.n; i++) {
        const struct run_agent *g = &r->memo->agents.v[i];

        for (size_t k = 0; g->broken && k < g->errors.n; k++)
            diag_add(r->d, g->errors.v[k].level, g->errors.v[k].pos, g->errors.v[k].key, "%s", g->errors.v[k].msg);
        if (g->broken)
            rc = -1;
    }
    return rc;
}

/* What OpenClaw's runtimes on an endpoint are; NULL: it has none there. */
static const struct oc_backend *where(const struct run *r, const char *endpoint)
{
    const struct oc_backend *how = oc_backend_of_endpoint(r->line, endpoint);

    if (text_eq(endpoint, r->in->endpoint))
        return oc_backend_find(r->line, "docker");
    if (!how || (how->has_container && !text_eq(endpoint, OC_PODMAN_ENDPOINT)))
        return NULL;
    return driven(r, how->id);
}

int oc_expand(struct arena *a, const struct oc_expand *in, struct oc_expansion *ret, struct diags *d)
{
    const char *owner = arena_printf(a, "OpenClaw/%s", in->object->head.name);
    struct run r = {.a = a, .in = in, .oc = in->oc, .line = oc_line_of(in->oc->places), .d = d};

    *ret = (struct oc_expansion){0};
    start(&r);
    for (size_t i = 0; i < in->n_records; i++)
        judge_record(&r, &in->records[i], owner, ret);
    if (r.left_alone)
        diag_warning(d, in->object->head.pos, "", "%s: there is no config file; what is recorded is left alone", owner);
    for (size_t i = 0; i < in->n_observations; i++) {
        const struct oc_backend *how = where(&r, in->observations[i].endpoint);

        for (size_t j = 0; how && j < in->observations[i].n; j++)
            judge_observed(&r, how, &in->observations[i].v[j]);
    }
    if (in->object->ensure == ENSURE_ALL)
        want_all(&r);
    warn_of_shared(&r, "docker");
    warn_of_shared(&r, "podman");
    oc_find_left_behind(&r, ret);
    ret->v = ARENA_ARRAY(a, struct desired, r.slots.n);
    for (size_t i = 0; i < r.slots.n; i++)
        ret->v[ret->n++] = desired_of(&r, &r.slots.v[i], owner);
    return finish(&r);
}

bool oc_asks_podman(struct arena *a, const struct oc_instance *oc)
{
    struct run r = {.a = a, .oc = oc, .line = oc_line_of(oc->places)};

    if (!r.line->has_podman)
        return false;
    start(&r);
    for (size_t i = 0; i < r.memo->agents.n; i++)
        if (is_on(&r, &r.memo->agents.v[i]) && is_podman(&r, r.memo->agents.v[i].backend))
            return true;
    return false;
}

int oc_check_agents(struct arena *a, const struct oc_instance *oc, struct diags *d)
{
    struct run r = {.a = a, .oc = oc, .line = oc_line_of(oc->places), .d = d};

    start(&r);
    for (size_t i = 0; i < r.memo->agents.n; i++) {
        const struct run_agent *g = &r.memo->agents.v[i];

        const struct oc_context *c;

        if (!is_on(&r, g))
            continue;
        c = context(&r, i, run_key_today(&r, g, strcmp(g->scope, "shared") == 0 ? "shared" : "agent", NULL));
        if (c)
            oc_context_warn(oc, c, d);
    }
    return finish(&r);
}
