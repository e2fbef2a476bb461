/* Making and removing trees. Each step over there is one script that either is done or can be told from what it leaves: a seed
 * grows beside its place and takes it by one rename; a removal leaves its place by one rename. */
#include "backends/ssh_backend.h"
#include "backends/ssh_feed.h"

#include "spec/base/limits.h"
#include "spec/base/path.h"

#include <stdlib.h>
#include <string.h>

/* --- failures ----------------------------------------------------------------------------------------------------------------
 */

/* What a script of ours says went wrong. */
static const struct {
    const char *word;
    enum err_class class;
    const char *text;
} failures[] = {
    {"taken", ERR_CONFLICT, "something stands there already"},
    {"changed", ERR_CONFLICT, "it is not what it was when it was looked at"},
    {"place", ERR_REFUSED, "the workspace root cannot be made or written to"},
    {"write", ERR_REFUSED, "writing failed"},
    {"tar", ERR_REFUSED, "unpacking the files failed"},
    {"digest", ERR_INPUT, "the manifest arrived changed"},
    {"move", ERR_REFUSED, "renaming failed"},
    {"left", ERR_REFUSED, "not all of it could be removed"},
};

static int judge(const struct ssh_reply *r, const char *what, const char *path, struct err *e)
{
    if (r->status == 0)
        return 0;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (ssh_reply_failure(r, failures[i].word))
            return err_set(e, failures[i].class, r->status, "%s %s: %s%s%s", what, path, failures[i].text,
                           r->complaint[0] ? ": " : "", r->complaint);
    return err_set(e, ERR_INTERNAL, r->status, "%s %s: status %d%s%s", what, path, r->status, r->complaint[0] ? ": " : "",
                   r->complaint);
}

static int run(struct ssh_backend *b, struct arena *a, const char *body, const char *const *args, const char *what,
               ssh_feed_fn feed, void *ctx, const struct deadline *d, struct err *e)
{
    struct ssh_reply r;
    struct ssh_script script = {.body = body, .args = args, .what = what, .feed = feed, .feed_ctx = ctx};
    if (ssh_script_run(b->link, a, &script, d, &r, e) < 0)
        return -1;
    return judge(&r, what, args[0], e);
}

/* --- removing ----------------------------------------------------------------------------------------------------------------
 */

/* rmx PATH...: all of them, and seen to be gone. What its owner made unwritable is made writable first. */
#define RMX                                                                                                                      \
    "rmx(){ rm -rf \"$@\" 2>/dev/null||{ find \"$@\" -type d -exec chmod u+rwx {} \\; 2>/dev/null;rm -rf \"$@\"||fail left "     \
    "\"$1\";}\n"                                                                                                                 \
    "for x in \"$@\";do [ ! -e \"$x\" ]&&[ ! -L \"$x\" ]||fail left \"$x\";done;}\n"

/* leave FROM TO DEV:INO OWNER: a tree leaves its place. OWNER: its owner.json as seen ("": it has none).
 *
 * Between looking and renaming another tree may have taken the place: what was renamed is looked at again, and put back. From the
 * rename on the name tells what it is, whatever is still in it: nothing needs to be written, for which there may be no room. */
#define LEAVE                                                                                                                    \
    "own(){ l=;w=;if [ -f \"$1/.reconclaw/owner.json\" ];then while IFS= read -r l||[ \"$l\" ];do w=$w${w:+$n}$l;done "          \
    "<\"$1/.reconclaw/owner.json\";fi;}\n"                                                                                       \
    "n=$(printf '\\n_');n=${n%_}\n"                                                                                              \
    "leave(){ [ \"$(stat -c %d:%i \"$1\" 2>/dev/null)\" = \"$3\" ]||fail changed\n"                                              \
    "own \"$1\";[ \"$w\" = \"$4\" ]||fail changed\n"                                                                             \
    "[ ! -e \"$2\" ]||rmx \"$2\"\n"                                                                                              \
    "mv -f -T \"$1\" \"$2\"||fail move\n"                                                                                        \
    "own \"$2\"\n"                                                                                                               \
    "if [ \"$(stat -c %d:%i \"$2\" 2>/dev/null)\" != \"$3\" ]||[ \"$w\" != \"$4\" ];then [ -e \"$1\" ]||mv -f -T \"$2\" "        \
    "\"$1\";fail changed;fi;}\n"

/* $1 where it stands, $2 where it goes, $3 $4 as above. */
static const char remove_script[] = RMX LEAVE "leave \"$@\"\nrmx \"$2\"";

/* $1 a leftover, $2 what it is called as half a removal; and so on in pairs. Half a seed is taken away from whoever still works
 * on it (a script of a connection that broke may live on) before anything of it goes: its rename to ROOT then finds nothing, and
 * cannot show half of it. */
static const char sweep_script[] = RMX "while [ $# -gt 0 ];do if [ \"$1\" != \"$2\" ];then [ ! -e \"$2\" ]||rmx \"$2\"\n"
                                       "mv -f -T \"$1\" \"$2\"||{ [ -e \"$1\" ]||fail changed;fail move;};fi\n"
                                       "rmx \"$2\";shift 2;done";

static const char *path_of(const struct ssh_backend *b, struct arena *a, const char *top, const char *name, const char *id,
                           bool removal)
{
    const struct ssh_leftover l = {.name = name, .id = id, .install = b->install, .removal = removal};
    return ssh_leftover_path(a, top, &l);
}

/* All leftovers of that name. */
static int sweep(struct ssh_backend *b, struct arena *a, const struct ssh_trees *t, const char *top, const char *name,
                 const struct deadline *d, struct err *e)
{
    VEC(const char *) args = {0};
    for (size_t i = 0; i < t->n; i++) {
        if (!ssh_is_leftover_of(&t->v[i], top, name))
            continue;
        VEC_PUSH(a, &args, t->v[i].seen->path);
        VEC_PUSH(a, &args, path_of(b, a, top, name, t->v[i].o.id, true));
    }
    if (args.n == 0)
        return 0;
    VEC_PUSH(a, &args, NULL);
    return run(b, a, sweep_script, args.v, "cleaning up", NULL, NULL, d, e);
}

static int remove_tree(struct ssh_backend *b, struct arena *a, const struct ssh_tree *t, const struct deadline *d, struct err *e)
{
    const char *gone = path_of(b, a, t->top, t->name, t->o.id, true);
    const char *args[] = {t->seen->path, gone, t->seen->dev_ino, t->seen->owner ? t->seen->owner : "", NULL};
    return run(b, a, remove_script, args, "removing", NULL, NULL, d, e);
}

int ssh_expected(const struct observed *o, const struct observed *expect, struct err *e)
{
    if (expect && (o->ownership != expect->ownership || !text_eq(o->install, expect->install) ||
                   !text_eq(o->owner, expect->owner) || !text_eq(o->name, expect->name)))
        return err_set(e, ERR_CONFLICT, 0, "'%s' is not what was observed", o->name);
    if (o->ownership == OWN_FOREIGN)
        return err_set(e, ERR_CONFLICT, 0, "'%s' belongs to somebody else", o->name);
    return 0;
}

int ssh_remove(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct deadline *d, struct err *e)
{
    struct ssh_trees t;
    if (ssh_trees_take(b, a, NULL, 0, false, d, &t, e) < 0)
        return -1;
    const struct ssh_tree *hit = ssh_trees_by_id(&t, act->id);
    if (!hit) { /* one that is not called as the glob has it */
        const char **paths = ARENA_ARRAY(a, const char *, b->tops.n + 1);
        for (size_t i = 0; i < b->tops.n; i++)
            paths[i] = arena_printf(a, "%s/%s", text_eq(b->tops.v[i], "/") ? "" : b->tops.v[i], act->name);
        if (ssh_trees_take(b, a, paths, act->name ? b->tops.n : 0, false, d, &t, e) < 0)
            return -1;
        hit = ssh_trees_by_id(&t, act->id);
    }
    if (!hit)
        return 0;
    if (ssh_expected(&hit->o, act->expect, e) < 0 || sweep(b, a, &t, hit->top, hit->name, d, e) < 0)
        return -1;
    return hit->leftover ? 0 : remove_tree(b, a, hit, d, e);
}

/* --- patching ----------------------------------------------------------------------------------------------------------------
 */

/* $1 the tree, $2 owner.json as seen, $3 as it shall be. */
static const char patch_script[] =
    "n=$(printf '\\n_');n=${n%_};f=$1/.reconclaw/owner.json;w=;while IFS= read -r l||[ \"$l\" ];do w=$w${w:+$n}$l;done <\"$f\"\n"
    "[ \"$w\" = \"$2\" ]||[ \"$w\" = \"$3\" ]||fail changed\n"
    "printf '%s\\n' \"$3\" >\"$f.new\"&&mv -f \"$f.new\" \"$f\"||fail write";

int ssh_patch(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct deadline *d, struct err *e)
{
    struct ssh_trees t;
    const char *root = node_str(node_get(act->want->create, "root"));
    if (ssh_trees_take(b, a, &root, root != NULL, false, d, &t, e) < 0)
        return -1;
    const struct ssh_tree *hit = ssh_trees_by_id(&t, act->id);
    if (!hit || hit->leftover)
        return err_set(e, ERR_NOT_FOUND, 0, "'%s' is not there", act->name);
    if (ssh_expected(&hit->o, act->expect, e) < 0)
        return -1;
    if (sweep(b, a, &t, hit->top, hit->name, d, e) < 0)
        return -1;
    if (!hit->owned && fields_get(hit->o.fields, SSH_LEFTOVERS))
        return 0; /* what else differs shows at the next look */
    if (!hit->owned)
        return err_set(e, ERR_UNSUPPORTED, 0, "'%s' was made by OpenClaw: nothing is kept there that could be changed",
                       act->name);
    struct ssh_owner owner = hit->owner;
    owner.owner = act->want->owner;
    owner.config_hash = act->want->config_hash;
    owner.fields = act->want->fields;
    const char *args[] = {hit->seen->path, hit->seen->owner, ssh_owner_encode(a, &owner), NULL};
    return run(b, a, patch_script, args, "patching", NULL, NULL, d, e);
}

/* --- seeding -----------------------------------------------------------------------------------------------------------------
 */

/* $1 the seed's directory, $2 the workspace root, $3 owner.json, $4... its directories. Then a tar on standard input. */
static const char begin_script[] = "S=$1;mkdir -p \"$2\"||fail place\n"
                                   "mkdir -m 700 \"$S\"||fail place\n"
                                   "mkdir \"$S/.reconclaw\"&&printf '%s\\n' \"$3\" >\"$S/.reconclaw/owner.json\"||fail write\n"
                                   "shift 3;umask 0;tar -x -f - -C \"$S\"||fail tar\n"
                                   "for x in \"$@\";do [ -d \"$S/$x\" ]||fail tar;done";

/* $1 the seed, $2 ROOT, $3 the manifest's digest, $4 the setup's mark or "", $5 the epoch. Then the manifest on standard input.
 */
#define COMPLETE                                                                                                                 \
    "m=$1/.reconclaw/manifest;cat >\"$m\"||fail write\n"                                                                         \
    "h=$(sha256sum <\"$m\")||fail write;[ \"${h%% *}\" = \"$3\" ]||fail digest\n"                                                \
    "printf '%s\\n' \"$5\" >\"$1/.reconclaw/epoch\"||fail write\n"                                                               \
    "[ ! \"$4\" ]||printf '%s\\n' \"$4\" >\"$1/.reconclaw/setup\"||fail write\n"

/* mv -T goes into no directory that is there: a busybox's refuses any, GNU's one that is not empty. */
static const char commit_script[] = COMPLETE "if [ -e \"$2\" ]||[ -L \"$2\" ];then rmdir \"$2\" 2>/dev/null||fail taken;fi\n"
                                             "mv -f -T \"$1\" \"$2\"||{ [ ! -e \"$2\" ]||fail taken;fail move;}";

/* $6... the tree that gives way: where it goes, its dev:ino, its owner.json as seen ("": it has none). Between the two renames
 * its place is empty, and both stand whole beside it. */
static const char replace_script[] =
    RMX LEAVE COMPLETE "leave \"$2\" \"$6\" \"$7\" \"$8\"\n"
                       "mv -f -T \"$1\" \"$2\"||{ [ -e \"$2\" ]||mv -f -T \"$6\" \"$2\";fail move;}";

static int scan(struct arena *a, const struct backend_act *act, const struct deadline *d, struct ssh_feed *ret, struct err *e)
{
    const struct node *dirs = node_get(act->want->create, "dirs");
    struct tree_dir *v = ARENA_ARRAY(a, struct tree_dir, dirs->n_items);
    for (size_t i = 0; i < dirs->n_items; i++) {
        v[i].name = node_str(node_get(dirs->items[i], "name"));
        v[i].path =
            act->seed_dir ? arena_printf(a, "%s/%s", act->seed_dir, v[i].name) : node_str(node_get(dirs->items[i], "local"));
    }
    return ssh_feed_scan(a, v, dirs->n_items, act->seed_dir != NULL, d, ret, e);
}

/* old: what gives way, or NULL. */
static int seed(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const char *id, const struct ssh_tree *old,
                const struct deadline *d, const struct manifest **ret, struct err *e)
{
    const struct desired *want = act->want;
    const char *root = node_str(node_get(want->create, "root")), *top = path_dirname(a, root);
    const struct node *dirs = node_get(want->create, "dirs");
    const char *place = path_of(b, a, top, want->name, id, false);
    struct ssh_owner owner = {.id = id,
                              .install = b->install,
                              .name = want->name,
                              .owner = want->owner,
                              .scope_key = want->scope_key,
                              .config_hash = want->config_hash,
                              .kind = want->kind,
                              .created_at_ms = act->created_at_ms,
                              .fields = want->fields};
    struct ssh_feed x;
    char digest[DIGEST_HEX];
    if (scan(a, act, d, &x, e) < 0)
        return err_wrap(e, "seeding '%s'", want->name);
    VEC(const char *) args = {0};
    VEC_PUSH(a, &args, place);
    VEC_PUSH(a, &args, top);
    VEC_PUSH(a, &args, ssh_owner_encode(a, &owner));
    for (size_t i = 0; i < dirs->n_items; i++)
        VEC_PUSH(a, &args, node_str(node_get(dirs->items[i], "name")));
    VEC_PUSH(a, &args, NULL);
    int r = run(b, a, begin_script, args.v, "seeding", ssh_feed_tree, &x, d, e);
    if (r == 0)
        r = ssh_feed_manifest(&x, id, want->install, act->created_at_ms, digest, e);
    if (r == 0) {
        const char *gone = old ? path_of(b, a, old->top, old->name, old->o.id, true) : NULL;
        const char *commit[] = {place,
                                root,
                                digest,
                                want->setup ? "pending" : "",
                                arena_printf(a, "%lld", (long long)(act->epoch > 0 ? act->epoch : 1)),
                                gone,
                                old ? old->seen->dev_ino : NULL,
                                old && old->seen->owner ? old->seen->owner : "",
                                NULL};
        r = run(b, a, old ? replace_script : commit_script, commit, "seeding", ssh_feed_text, &x, d, e);
    }
    if (r == 0) {
        struct manifest *sent = ARENA_NEW(a, struct manifest);
        *sent = x.sent;
        *ret = sent;
    }
    /* Told no, it does not wait for the next round to be cleaned away. */
    if (r < 0 && deadline_state(d) == ERR_NONE && e->class != ERR_UNAVAILABLE && e->class != ERR_TIMEOUT) {
        const char *pair[] = {place, path_of(b, a, top, want->name, id, true), NULL};
        struct err aside;
        (void)run(b, a, sweep_script, pair, "cleaning up", NULL, NULL, d, &aside);
    }
    ssh_feed_close(&x);
    return r;
}

/* --- setup -------------------------------------------------------------------------------------------------------------------
 */

static int mark_setup(struct ssh_backend *b, struct arena *a, const char *root, const char *word, const struct deadline *d,
                      struct err *e)
{
    const char *args[] = {root, word, NULL};
    return run(b, a, "printf '%s\\n' \"$2\" >\"$1/.reconclaw/setup\"||fail write", args, "marking the setup of", NULL, NULL, d,
               e);
}

static int set_up(struct ssh_backend *b, struct arena *a, const struct desired *want, const char *id, const struct deadline *d,
                  struct act_result *ret, struct err *e)
{
    const char *root = node_str(node_get(want->create, "root"));
    const char *argv[] = {"/bin/sh", "-c", want->setup, NULL};
    BUF_AUTO output = BUF_INIT(LIMIT_OUTPUT_BYTES);
    struct ssh_command command = {.root = root,
                                  .workdir = arena_printf(a, "%s/workspace", root),
                                  .env = node_get(want->create, "env"),
                                  .argv = argv,
                                  .fd_in = -1,
                                  .fd_out = -1,
                                  .fd_err = -1,
                                  .output = &output};
    int status = 0;
    if (ssh_command_run(b->link, &command, d, &status, e) < 0 ||
        mark_setup(b, a, root, status == 0 ? "done" : "failed", d, e) < 0)
        return err_wrap(e, "setup of '%s'", want->name);
    ret->id = id;
    ret->setup_status = status;
    ret->setup_output = arena_memdup0(a, buf_str(&output), output.n);
    if (status != 0)
        return err_set(e, ERR_REFUSED, status, "setup of '%s': exit status %d", want->name, status);
    return 0;
}

/* --- create ------------------------------------------------------------------------------------------------------------------
 */

static struct act_result existing(struct ssh_backend *b, struct arena *a, const struct ssh_tree *t)
{
    const char *key = ssh_link_host_key(b->link);
    return (struct act_result){.id = t->o.id, .host_key = *key ? arena_strdup(a, key) : NULL};
}

/* What an earlier try of this very act sent: its manifest lies there. A failure costs that knowledge only. */
static void recall_seed(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct ssh_tree *t,
                        const struct deadline *d, struct act_result *ret)
{
    static const char *const argv[] = {"cat", ".reconclaw/manifest", NULL};
    BUF_AUTO text = BUF_INIT(LIMIT_MANIFEST_BYTES + 1);
    struct ssh_command command = {
        .root = t->seen->path, .workdir = ".", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1, .output = &text};
    struct manifest *m = ARENA_NEW(a, struct manifest);
    struct err aside;
    int status = 0;
    if (act->created_at_ms == TIME_NONE || t->o.created_at_ms != act->created_at_ms ||
        ssh_command_run(b->link, &command, d, &status, &aside) < 0 || status != 0 ||
        manifest_parse(a, buf_str(&text), text.n, m, &aside) < 0 || !text_eq(m->id, t->o.id))
        return;
    ret->seeded = m;
    ret->seeded_local = !act->seed_dir;
}

/* Runs the setup where it has not run. */
static int end_create(struct ssh_backend *b, struct arena *a, const struct desired *want, bool set, const struct deadline *d,
                      struct act_result *ret, struct err *e)
{
    struct act_result res = *ret;
    if (!set || !want->setup)
        return 0;
    int r = set_up(b, a, want, res.id, d, &res, e);
    if (r == 0 || res.setup_status != 0)
        *ret = res;
    return r;
}

static int create_over(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct ssh_tree *there,
                       const struct deadline *d, struct act_result *ret, struct err *e)
{
    struct act_result res = existing(b, a, there);
    recall_seed(b, a, act, there, d, &res);
    int r = end_create(b, a, act->want, !text_eq(there->seen->setup, "done"), d, &res, e);
    if (r == 0 || res.setup_status != 0)
        *ret = res;
    return r;
}

/* The tree that is to give way; NULL: the place is free, or the new one is there already (*ret_done). */
static int find_old(const struct backend_act *act, const struct ssh_tree *there, const struct ssh_tree **ret, bool *ret_done,
                    struct err *e)
{
    *ret = NULL;
    *ret_done = false;
    if (!there)
        return 0;
    if (act->replaces && text_eq(there->o.id, act->replaces)) {
        *ret = there;
        return ssh_expected(&there->o, act->expect, e);
    }
    *ret_done = there->owned && there->o.ownership == OWN_OURS && text_eq(there->owner.config_hash, act->want->config_hash) &&
                (!act->replaces || there->o.created_at_ms == act->created_at_ms);
    if (*ret_done)
        return 0;
    return err_set(e, ERR_CONFLICT, 0, "creating '%s': %s is taken by %s", act->want->name, there->seen->path,
                   !there->owned ? "something that is not ours" : "another one");
}

int ssh_create(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct deadline *d,
               struct act_result *ret, struct err *e)
{
    struct desired want = *act->want;
    struct backend_act own = *act;
    struct ssh_trees t;
    const struct ssh_tree *old;
    char id[SSH_WORD];
    bool done;
    if (ssh_ops.check(a, &want, &want.fields, e) < 0)
        return -1;
    own.want = &want;
    const char *root = node_str(node_get(want.create, "root")), *top = path_dirname(a, root);
    if (ssh_trees_take(b, a, &root, 1, false, d, &t, e) < 0)
        return -1;
    const struct ssh_tree *there = ssh_trees_at(&t, root);
    if (find_old(&own, there, &old, &done, e) < 0 || sweep(b, a, &t, top, want.name, d, e) < 0)
        return -1;
    if (done)
        return create_over(b, a, &own, there, d, ret, e);
    ssh_word(id);
    const char *made = arena_strdup(a, id);
    struct act_result res = {.id = made, .seeded_local = !act->seed_dir};
    if (seed(b, a, &own, made, old, d, &res.seeded, e) < 0)
        return -1;
    const char *key = ssh_link_host_key(b->link);
    res.host_key = *key ? arena_strdup(a, key) : NULL;
    if (old) {
        const char *gone = path_of(b, a, top, want.name, old->o.id, true), *pair[] = {gone, gone, NULL};
        if (run(b, a, sweep_script, pair, "removing what was replaced", NULL, NULL, d, e) < 0)
            return -1;
    }
    int r = end_create(b, a, &want, true, d, &res, e);
    if (r == 0 || res.setup_status != 0)
        *ret = res;
    return r;
}
