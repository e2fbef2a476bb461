#include "backends/openshell_seed.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <unistd.h>

/* --- local ----------------------------------------------------------------------------------------------------------------- */

int openshell_seed_prepare(struct openshell_call *c, const struct openshell_spec *spec, const char *seed_dir, int64_t now_ms,
                           struct openshell_seed *ret, struct err *e)
{
    struct tree_dir dirs[OPENSHELL_MAX_DIRS];

    *ret = (struct openshell_seed){.spec = spec, .at_ms = now_ms};
    if (spec->n_dirs == 0)
        return 0;
    ssh_word(ret->id);
    for (size_t i = 0; i < spec->n_dirs; i++) {
        dirs[i] = (struct tree_dir){.name = spec->dirs[i].name, .path = spec->dirs[i].local};
        if (seed_dir != NULL)
            dirs[i].path = arena_printf(c->a, "%s/%s", seed_dir, dirs[i].name);
        if (seed_dir != NULL && access(dirs[i].path, F_OK) < 0)
            dirs[i].path = spec->dirs[i].local; /* it came later than the snapshot */
    }
    if (ssh_feed_scan(c->a, dirs, spec->n_dirs, seed_dir != NULL, &c->deadline, &ret->feed, e) < 0) {
        if (e->class == ERR_NOT_FOUND)
            e->class = ERR_IO; /* it is the local directory that is not there */
        return err_wrap(e, "its seed");
    }
    return 0;
}

void openshell_seed_close(struct openshell_seed *s)
{
    ssh_feed_close(&s->feed);
}

/* --- remote ---------------------------------------------------------------------------------------------------------------- */

/* $1 the seed's directory. Then a tar. */
static const char unpack_script[] = "S=$1;rm -rf \"$S\"&&mkdir -p \"$S/new\" \"$S/old\"||fail write \"$S\"\n"
                                    "umask 0;tar -x -f - -C \"$S/new\"||fail tar \"$S\"";

/* $1 the id, $2 1 where it is resumed, $3 the workspace, $4 the manifest's digest, $5... the directories. Then the manifest. */
static const char publish_script[] =
    "id=$1;resumed=$2;top=$3;digest=$4;shift 4;umask 0\n"
    "m=$top/.reconclaw-seed-$id/manifest;mkdir -p \"${m%/*}\"&&cat >\"$m\"||fail write \"$m\"\n"
    "h=$(sha256sum <\"$m\")||fail write \"$m\";[ \"${h%% *}\" = \"$digest\" ]||fail digest \"$m\"\n"
    "for d in \"$@\";do s=$d/.reconclaw-seed-$id\n"
    "for f in \"$d\"/* \"$d\"/.[!.]* \"$d\"/..?*;do\n"
    "if [ ! -e \"$f\" ]&&[ ! -L \"$f\" ];then continue;fi\n"
    "case ${f##*/} in \".reconclaw-seed-$id\"|.reconclaw|.reconclaw-replaced-*)continue;;esac\n"
    "mv \"$f\" \"$s/old/\"||fail move \"$f\";done\n"
    "for f in \"$s/new\"/* \"$s/new\"/.[!.]* \"$s/new\"/..?*;do\n"
    "if [ -e \"$f\" ]||[ -L \"$f\" ];then mv \"$f\" \"$d/\"||fail move \"$f\";fi;done\n"
    "if [ \"$resumed\" = 1 ];then rmdir \"$s/old\" 2>/dev/null||mv \"$s/old\" \"$d/.reconclaw-replaced-$id\"||fail move "
    "\"$s/old\"\n"
    "fi;done\n"
    "mkdir -p \"$top/.reconclaw\"&&mv \"$m\" \"$top/.reconclaw/manifest\"||fail move \"$m\"\n"
    "rm -rf \"$top/.reconclaw-seed-$id\";for d in \"$@\";do rm -rf \"$d/.reconclaw-seed-$id\";done";

static const struct {
    const char *word, *text;
} failures[] = {{"write", "it cannot be written to"},
                {"tar", "unpacking the files failed"},
                {"digest", "the manifest arrived changed"},
                {"move", "renaming failed"}};

static int run(struct openshell_call *c, const char *id, struct ssh_link *link, const struct ssh_script *script,
               struct ssh_reply *r, struct err *e)
{
    if (ssh_script_run(link, c->a, script, &c->deadline, r, e) < 0)
        return openshell_way_failed(c->b, id, e);
    for (size_t i = 0; r->status != 0 && i < sizeof failures / sizeof *failures; i++) {
        const char *path = ssh_reply_failure(r, failures[i].word);

        if (path != NULL)
            return err_set(e, ERR_REFUSED, r->status, "%s: %s%s%s", path, failures[i].text, r->complaint[0] ? ": " : "",
                           r->complaint);
    }
    return r->status == 0 ? 0 : err_set(e, ERR_INTERNAL, r->status, "status %d: %s", r->status, r->complaint);
}

int openshell_seed_push(struct openshell_call *c, const char *name, const char *id, struct openshell_seed *s, bool resumed,
                        struct err *e)
{
    const char *ask[] = {s->spec->workspace_dir, NULL};
    char digest[DIGEST_HEX];
    VEC(const char *) args = {0};
    struct ssh_link *link;
    struct ssh_reply r;

    if (s->feed.tree == NULL)
        return 0;
    if (openshell_way_get(c, name, id, &link, e) < 0 ||
        run(c, id, link,
            &(struct ssh_script){.body = "[ ! -f \"$1/.reconclaw/manifest\" ]||out m", .args = ask, .what = "looking into it"},
            &r, e) < 0)
        return -1;
    if (r.n > 0)
        return 0;
    for (size_t i = 0; i < s->spec->n_dirs; i++) {
        const char *place[] = {arena_printf(c->a, "%s/.reconclaw-seed-%s", s->spec->dirs[i].remote, s->id), NULL};
        const struct ssh_script unpack = {
            .body = unpack_script, .args = place, .what = "sending it", .feed = ssh_feed_tree, .feed_ctx = &s->feed};

        s->feed.dir = s->spec->dirs[i].name;
        if (run(c, id, link, &unpack, &r, e) < 0)
            return -1;
    }
    if (ssh_feed_manifest(&s->feed, s->id, c->b->install, s->at_ms, digest, e) < 0)
        return -1;
    VEC_PUSH(c->a, &args, s->id);
    VEC_PUSH(c->a, &args, resumed ? "1" : "0");
    VEC_PUSH(c->a, &args, s->spec->workspace_dir);
    VEC_PUSH(c->a, &args, digest);
    for (size_t i = 0; i < s->spec->n_dirs; i++)
        VEC_PUSH(c->a, &args, s->spec->dirs[i].remote);
    VEC_PUSH(c->a, &args, NULL);
    if (run(c, id, link,
            &(struct ssh_script){.body = publish_script,
                                 .args = args.v,
                                 .what = "putting it in place",
                                 .feed = ssh_feed_text,
                                 .feed_ctx = &s->feed},
            &r, e) < 0)
        return -1;
    struct manifest *sent = ARENA_NEW(c->a, struct manifest);

    *sent = s->feed.sent;
    sent->id = arena_strdup(c->a, s->id); /* the seed ends before what is told of it */
    sent->install = arena_strdup(c->a, c->b->install);
    s->sent = sent;
    return 0;
}
