#include "spec/openclaw/keys.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/openclaw/paths.h"
#include "spec/openclaw/roster.h"
#include "spec/schema.h"

#include <string.h>

/* --- rules over the whole file ---------------------------------------------------------------------------------------------- */

struct agent_dir {
    const char *id, *dir;
    struct pos pos;
    const char *key;
};

#define ANYWHERE SIZE_MAX

/* An agent that only a binding names has the default directory too. place: of its entry in the list, or ANYWHERE. */
static struct agent_dir agent_dir(struct arena *a, const struct node *config, const char *id, size_t place,
                                  const struct oc_places *places)
{
    const struct node *list = node_path(config, "agents", "list", NULL), *own;
    const struct node *e = place == ANYWHERE ? oc_agent_entry(a, config, id) : list->items[place];
    struct agent_dir d = {.id = id, .key = "agents.list"};

    if (list)
        d.pos = list->pos;
    own = node_get(e, "agentDir");
    if (e) {
        d.pos = e->pos;
        d.key = place == ANYWHERE ? oc_roster_key_of(a, config, e) : oc_roster_key(a, config, place);
    }
    if (own && !js_is_blank(node_str(own))) {
        d.pos = own->pos;
        d.key = diag_key(a, d.key, "agentDir");
        d.dir = oc_user_path(a, places->home, places->cwd, own->s);
    } else {
        d.dir = path_join(a, path_join(a, path_join(a, places->state_dir, "agents"), id), "agent");
    }
    return d;
}

struct agent_dirs {
    struct node *ids, *dirs; /* seen: id -> true, directory -> id */
};

static void check_agent_dir(struct arena *a, const struct node *root, const char *id, size_t place,
                            const struct oc_places *places, struct agent_dirs *seen, struct diags *d)
{
    struct agent_dir mine;
    const char *other;

    if (node_get(seen->ids, id))
        return;
    node_set(a, seen->ids, id, node_bool(a, true));
    mine = agent_dir(a, root, id, place, places);
    other = node_str(node_get(seen->dirs, mine.dir));
    if (other)
        diag_error(d, mine.pos, mine.key, "agents '%s' and '%s' have one state directory; each needs its own agentDir", other,
                   id);
    else
        node_set(a, seen->dirs, mine.dir, node_string(a, id));
}

/* Agents that share a state directory overwrite each other's credentials: OpenClaw refuses to start. Ids that normalise to one
 * are one agent; an entry without an id counts where it is the default agent. */
static void check_agent_dirs(struct arena *a, const struct node *root, const struct oc_places *places, struct diags *d)
{
    const struct node *list = node_path(root, "agents", "list", NULL), *bindings = node_get(root, "bindings");
    size_t n_list = node_is(list, NODE_ARRAY) ? list->n_items : 0;
    size_t n_bindings = node_is(bindings, NODE_ARRAY) ? bindings->n_items : 0;
    struct agent_dirs seen = {node_object(a), node_object(a)};
    const char *default_id = oc_default_agent(a, oc_line_of(places), root);

    if (default_id)
        check_agent_dir(a, root, default_id, ANYWHERE, places, &seen, d);
    for (size_t i = 0; i < n_list + n_bindings; i++) {
        const struct node *item = i < n_list ? list->items[i] : bindings->items[i - n_list];
        const struct node *id = node_get(item, i < n_list ? "id" : "agentId");

        if (node_is(id, NODE_STRING) && id->s_n > 0 && (i < n_list || !js_is_blank(id->s))) {
            const char *agent = oc_agent_id_n(a, id->s, id->s_n);

            /* An entry without an id is main's, too. */
            check_agent_dir(a, root, agent, i < n_list && strcmp(agent, "main") != 0 ? i : ANYWHERE, places, &seen, d);
        }
    }
}

/* --- a keyed roster: 2026.9 ------------------------------------------------------------------------------------------------- */

/* An agents.list is taken over where each id is in its normal form, and none stands twice. */
static void check_listed_ids(struct arena *a, const struct node *list, struct diags *d)
{
    struct node *seen = node_object(a);

    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *id = node_get(list->items[i], "id");
        const char *key = diag_key(a, diag_index(a, "agents.list", i), "id"), *normal;

        if (!node_is(id, NODE_STRING))
            continue; /* told by the table */
        normal = oc_agent_id_n(a, id->s, id->s_n);
        if (strlen(normal) != id->s_n || memcmp(normal, id->s, id->s_n) != 0)
            diag_error(d, id->pos, key, "OpenClaw 2026.9 takes a list of agents over only where ids are in normal form: '%s'",
                       normal);
        else if (node_get(seen, normal))
            diag_error(d, id->pos, key, "'%s' is the id of another agent too", normal);
        else
            node_set(a, seen, normal, node_bool(a, true));
    }
}

static void check_keys_apart(struct arena *a, const struct node *entries, struct diags *d)
{
    struct node *seen = node_object(a);

    for (size_t i = 0; i < entries->n_members; i++) {
        const struct node_member *m = &entries->members[i];
        const char *id = oc_agent_id_n(a, m->key, m->key_n), *other = node_str(node_get(seen, id));

        if (other)
            diag_error(d, m->pos, diag_key(a, "agents.entries", m->key), "is the same agent as '%s': both are '%s'", other, id);
        else
            node_set(a, seen, id, node_string(a, m->key));
    }
}

/* Who owns what names no agent: with two agents and more it must be said that nobody does, or one be marked. */
static void check_ownership(struct arena *a, const struct node *config, struct diags *d)
{
    const struct node *agents = node_get(config, "agents"), *list = node_get(agents, "list");
    const struct node *ownership = node_get(agents, "ownership");
    bool is_explicit = text_eq(node_str(ownership), "explicit");
    size_t n = node_is(list, NODE_ARRAY) ? list->n_items : 0, n_marked = 0;

    for (size_t i = 0; i < n; i++) {
        const struct node *mark = node_get(list->items[i], "default");
        const char *key = diag_key(a, oc_roster_key(a, config, i), "default");

        if (!node_is(mark, NODE_BOOL) || !mark->b)
            continue;
        if (n_marked++ > 0)
            diag_error(d, mark->pos, key, "another agent is marked too; one at most can be");
        else if (is_explicit)
            diag_error(d, mark->pos, key, "cannot stand beside agents.ownership: \"explicit\"; leave one of the two out");
        else
            diag_warning(d, mark->pos, key,
                         "OpenClaw 2026.9 takes this for its own old mark: this agent keeps agents.defaults.workspace and the "
                         "sessions that name no agent; its `openclaw doctor --fix` writes that down");
    }
    if (n > 1 && n_marked == 0 && !is_explicit)
        diag_error(d, ownership ? ownership->pos : list->pos, "agents.ownership",
                   "OpenClaw 2026.9 wants \"explicit\" here where there are several agents and none has default: true");
    if (n == 0 && is_explicit)
        diag_error(d, ownership->pos, "agents.ownership", "there must be an agent where ownership is explicit");
}

static void check_roster(struct arena *a, const struct node *config, struct diags *d)
{
    const struct node *agents = node_get(config, "agents"), *entries = node_get(agents, "entries");
    const struct node *list = node_get(agents, "list");

    if (node_is(entries, NODE_OBJECT))
        check_keys_apart(a, entries, d);
    else if (node_is(list, NODE_ARRAY)) {
        check_listed_ids(a, list, d);
        diag_warning(d, list->pos, "agents.list",
                     "this is the form of OpenClaw 2026.5; 2026.9 reads it as agents.entries, and its `openclaw doctor --fix` "
                     "rewrites it");
    }
    check_ownership(a, config, d);
}

/* --- variables of a container: 2026.9 --------------------------------------------------------------------------------------- */

/* A file with a variable on each line carries them, so that a name must be portable and a value one line. */
static const char *env_fault(const struct node_member *m)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    size_t n = 0;

    while (n < m->key_n && (strchr(letters, m->key[n]) || (n > 0 && m->key[n] >= '0' && m->key[n] <= '9')) && m->key[n])
        n++;
    if (n == 0 || n < m->key_n)
        return "the name of a container's variable has letters, digits and _ only, and no digit at the beginning";
    if (m->value->kind == NODE_STRING && strpbrk(m->value->s, "\r\n"))
        return "the value of a container's variable must be one line; put what has more into a file that is mounted";
    return NULL;
}

static const char *backend_of(struct arena *a, const struct node *agent, const struct node *defaults)
{
    const char *own = node_str(node_get(agent, "backend")), *all = node_str(node_get(defaults, "backend"));

    return own && !js_is_blank(own) ? js_trim(a, own) : all && !js_is_blank(all) ? js_trim(a, all) : "docker";
}

/* Of one agent in force, for docker and podman alone; entry NULL: no agent is listed. What agents have in common is told once. */
static void check_env_of(struct arena *a, const struct node *config, const struct node *entry, struct node *told, struct diags *d)
{
    const struct node *defaults = node_path(config, "agents", "defaults", "sandbox", NULL), *own = node_get(entry, "sandbox");
    const struct node *scope = node_get(own, "scope"), *layer[2];
    const char *backend = backend_of(a, own, defaults);

    scope = scope ? scope : node_get(defaults, "scope");
    layer[0] = text_eq(node_str(scope), "shared") ? NULL : node_path(own, "docker", "env", NULL);
    layer[1] = node_path(defaults, "docker", "env", NULL);
    if (strcmp(backend, "docker") != 0 && strcmp(backend, "podman") != 0)
        return;
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; node_is(layer[l], NODE_OBJECT) && i < layer[l]->n_members; i++) {
            const struct node_member *m = &layer[l]->members[i];
            const char *fault = l == 1 && node_member(layer[0], m->key, m->key_n) ? NULL : env_fault(m), *key;

            if (!fault)
                continue;
            key = l == 0 ? diag_key(a, oc_roster_key_of(a, config, entry), "sandbox") : "agents.defaults.sandbox";
            key = diag_key(a, diag_key(a, diag_key(a, key, "docker"), "env"), m->key);
            if (!node_get(told, key))
                diag_error(d, m->pos, key, "%s", fault);
            node_set(a, told, key, node_bool(a, true));
        }
}

static void check_env(struct arena *a, const struct node *config, struct diags *d)
{
    const struct node *list = node_path(config, "agents", "list", NULL);
    struct node *told = node_object(a);
    size_t n = node_is(list, NODE_ARRAY) ? list->n_items : 0;

    if (n == 0)
        check_env_of(a, config, NULL, told, d);
    for (size_t i = 0; i < n; i++)
        check_env_of(a, config, list->items[i], told, d);
}

int oc_validate(struct arena *a, struct node *root, const struct oc_places *places, struct diags *d)
{
    const struct oc_profile *line = oc_line_of(places);
    const struct node *agents = node_get(root, "agents"), *config;
    size_t before = d->n_errors;

    schema_check(a, line->keys, root, "", d);
    if (line->keyed_roster && node_get(agents, "entries") && node_get(agents, "list")) {
        diag_error(d, node_get(agents, "list")->pos, "agents.list", "cannot stand beside agents.entries; put all agents there");
        return -1;
    }
    config = line->keyed_roster ? oc_roster(a, root) : root;
    if (line->keyed_roster)
        check_roster(a, config, d);
    if (line->env_by_file)
        check_env(a, config, d);
    check_agent_dirs(a, config, places, d);
    return d->n_errors > before ? -1 : 0;
}
