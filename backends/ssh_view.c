#include "backends/ssh_script.h"

#include "spec/base/num.h"
#include "spec/base/path.h"
#include "spec/base/vec.h"

#include <string.h>

/* --- the script --------------------------------------------------------------------------------------------------------------
 */

#define VIEW_SUM SSH_SUM("\"$@\" -mindepth 1")

/* $1: measure; $2: how many of the following are workspace roots; the others are looked at one by one.
 *
 * Absent is only what a directory that can be searched does not have. Times there are compared with one
 * another only. Where there may be many lines they are taken by $(...),
 * which reads blocks where `read` must take one byte at a time; and a process costs more than all else: three for each tree. ls
 * -l prints what each process has open as "... -> TARGET"; the case that picks those below our directories is put in for %BELOW%.
 */
static const char view_script[] =
    "m=$1;t=$2;shift 2;L=${IFS#??}\n"
    "reach(){ a=$1;while [ ! -e \"$a\" ];do [ ! -L \"$a\" ]||fail hidden \"$a\";a=${a%/*};[ \"$a\" ]||a=/;done\n"
    "[ ! -d \"$a\" ]||[ -x \"$a\" ]||fail hidden \"$a\";}\n"
    "hid(){ [ ! -e \"$1\" ]||fail hidden \"$1\";}\n"
    "one(){ if [ -f \"$2\" ]&&[ ! -L \"$2\" ];then [ -r \"$2\" ]||hid \"$2\";l=;IFS= read -r l <\"$2\";out \"$1 "
    "$l\";fi;}\n" VIEW_SUM
    "some(){ for x in \"$@\";do for y in \"$x\"/* \"$x\"/.[!.]* \"$x\"/..?*;do if [ -e \"$y\" ]||[ -L \"$y\" ];then echo "
    "1;return;fi;done;done;echo 0;}\n"
    "gone(){ hid \"$p\";out \"R a 0:0 $p\";}\n"
    "see(){ p=$1\n"
    "if [ -L \"$p\" ];then out \"R o 0:0 $p\";return;fi\n"
    "if [ ! -e \"$p\" ];then reach \"$p\";out \"R a 0:0 $p\";return;fi\n"
    "if [ ! -d \"$p\" ];then i=$(stat -c '%d:%i' \"$p\" 2>/dev/null)||{ gone;return;};out \"R o $i $p\";return;fi\n"
    "case ${p##*/} in .*.seed-*|.*.gone-*)out \"R d 0:0 $p\";out 'q 0';return;;esac\n"
    "[ -x \"$p\" ]||hid \"$p\"\n"
    "f=$p/.reconclaw;o=;if [ -d \"$f\" ]&&[ ! -L \"$f\" ];then [ -x \"$f\" ]||hid \"$f\"\n"
    "if [ -f \"$f/owner.json\" ]&&[ ! -L \"$f/owner.json\" ];then o=$f/owner.json;[ -r \"$o\" ]||hid \"$o\";fi;else "
    "f=;fi\n"
    "i=$(stat -c '%d:%i %s' \"$p\" ${o:+\"$o\"} 2>/dev/null)||{ if [ \"$o\" ]&&[ ! -e \"$o\" ];then see \"$p\";else "
    "gone;fi;return;}\n"
    "out \"R d ${i%% *} $p\"\n"
    "if [ \"$o\" ];then [ \"${i##* }\" -le 65536 ]||fail big \"$o\"\n"
    "while IFS= read -r l||[ \"$l\" ];do out \"o $l\";done <\"$o\";fi\n"
    "[ ! \"$f\" ]||{ one m \"$f/manifest\";one e \"$f/epoch\";one t \"$f/setup\";}\n"
    "w=;v=;[ ! -d \"$p/workspace\" ]||w=1;[ ! -d \"$p/agent\" ]||v=1\n"
    "if [ \"$m\" = 1 ];then sum ${w:+\"$p/workspace\"} ${v:+\"$p/agent\"};out \"s $n${b:+ $b $c $h}\"\n"
    "else out \"q $(some ${w:+\"$p/workspace\"} ${v:+\"$p/agent\"})\";fi\n"
    "[ -d \"$p\" ]||{ out 'X -';see \"$p\";};}\n"
    "while [ \"$t\" -gt 0 ];do t=$((t-1));T=$1;shift\n"
    "if [ -d \"$T\" ];then { [ -x \"$T\" ]&&[ -r \"$T\" ];}||fail hidden \"$T\"\n"
    "for p in \"$T\"/openclaw-ssh-* \"$T\"/reconclaw-* \"$T\"/.*.seed-* \"$T\"/.*.gone-* \"$T\"/*/.reconclaw;do\n"
    "case $p in *\"$L\"*)continue;;\"$T\"/openclaw-ssh-*/.reconclaw|\"$T\"/reconclaw-*/.reconclaw)continue;;esac\n"
    "if [ -e \"$p\" ]||[ -L \"$p\" ];then see \"${p%/.reconclaw}\";fi;done\n"
    "else reach \"$T\";fi;done\n"
    "for q in \"$@\";do see \"$q\";done\n"
    "if ls -l /proc/self/cwd >/dev/null 2>&1;then out 'b 1'\n"
    "B=$(r=$(ls -l /proc/[0-9]*/cwd /proc/[0-9]*/fd 2>/dev/null);set -f;IFS=$L;for l in $r;do case $l in "
    "/proc/*/fd:)p=${l%/fd:};p=${p#/proc/};;\n"
    "%BELOW%)k=$p;case $l in *' /proc/'*'/cwd -> '*)k=${l#*' /proc/'};k=${k%%/*};;esac\n"
    "z=;{ IFS= read -r z </proc/$k/stat;} 2>/dev/null;z=${z##*') '};case $z in [A-Z]' '*)IFS=' ';set -- $z;k=$4;IFS=$L;;esac;"
    "printf '%s\\n' \"B $k ${l#*' -> '}\";;esac;done)\n"
    "while IFS= read -r l;do [ ! \"$l\" ]||out \"$l\";done <<RECONCLAW_END\n$B\nRECONCLAW_END\n"
    "else out 'b 0';fi";

/* --- its reply ---------------------------------------------------------------------------------------------------------------
 */

static int bad(const char *line, struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "a line of the reply that is none of ours: '%.80s'", line);
}

/* The next word of *p, or NULL. */
static const char *word(struct arena *a, const char **p)
{
    size_t n = strcspn(*p, " ");
    if (n == 0)
        return NULL;
    const char *w = arena_memdup0(a, *p, n);
    *p += n;
    *p += **p == ' ';
    return w;
}

static int take_root(struct arena *a, const char *p, struct ssh_seen *ret)
{
    const char *kind = word(a, &p), *dev_ino = word(a, &p);
    if (!kind || !dev_ino || strlen(kind) != 1 || *p != '/' || strspn(dev_ino, "0123456789:") != strlen(dev_ino))
        return -1;
    *ret = (struct ssh_seen){.path = arena_strdup(a, p), .dev_ino = dev_ino};
    switch (kind[0]) {
    case 'a':
        ret->kind = SSH_ABSENT;
        return 0;
    case 'd':
        ret->kind = SSH_DIR;
        return 0;
    case 'o':
        ret->kind = SSH_OTHER;
        return 0;
    }
    return -1;
}

int ssh_sum_decode(struct arena *a, const char *p, struct ssh_seen *s)
{
    uint64_t changed = 0;
    if (text_eq(p, "x")) { /* something in it cannot be read: so there is something */
        s->n_entries = 1;
        return 0;
    }
    const char *n = word(a, &p), *bytes = word(a, &p), *newest = word(a, &p), *stamp = word(a, &p);
    if (!n || !bytes || !newest || !stamp || *p || !num_parse_u64(n, &s->n_entries) || !num_parse_u64(bytes, &s->bytes) ||
        !num_parse_u64(newest, &changed) || strspn(stamp, "-0123456789") != strlen(stamp))
        return -1;
    s->changed_s = changed <= INT64_MAX / 1000 ? (int64_t)changed : 0; /* whoever works there sets times as he likes */
    s->stamp = stamp;
    s->measured = true;
    return 0;
}

static int take_line(struct arena *a, struct ssh_seen *s, const char *line, struct err *e)
{
    const char *text = line + 2;
    switch (line[0]) {
    case 'o':
        s->owner = s->owner ? arena_printf(a, "%s\n%s", s->owner, text) : text;
        return strlen(s->owner) <= SSH_OWNER_BYTES ? 0 : bad("owner.json", e);
    case 'm':
        s->manifest = text;
        return 0;
    case 'e':
        s->epoch = text;
        return 0;
    case 't':
        s->setup = text;
        return 0;
    case 's':
        return ssh_sum_decode(a, text, s) < 0 ? bad(line, e) : 0;
    case 'q':
        if (!text_eq(text, "0") && !text_eq(text, "1"))
            return bad(line, e);
        s->n_entries = text[0] == '1';
        return 0;
    }
    return bad(line, e);
}

struct user {
    const char *session, *path;
};

static int by_session(const struct user *u, size_t n, const char *root, struct arena *a)
{
    const char *prefix = arena_printf(a, "%s/", root);
    unsigned count = 0;
    for (size_t i = 0; i < n; i++) {
        bool first = text_has_prefix(u[i].path, prefix) || text_eq(u[i].path, root);
        for (size_t j = 0; first && j < i; j++)
            first = !(text_eq(u[j].session, u[i].session) && (text_has_prefix(u[j].path, prefix) || text_eq(u[j].path, root)));
        count += first;
    }
    return (int)count;
}

int ssh_view_decode(struct arena *a, const struct ssh_reply *r, struct ssh_view *ret, struct err *e)
{
    VEC(struct ssh_seen) seen = {0};
    VEC(struct user) users = {0};
    bool known = false, told = false;
    for (size_t i = 0; i < r->n; i++) {
        const char *line = r->lines[i], *p = line[0] ? line + 2 : line;
        if (!line[0] || line[1] != ' ')
            return bad(line, e);
        if (line[0] == 'X') { /* it went while it was looked at: what was said of it is of nothing */
            if (seen.n == 0)
                return bad(line, e);
            seen.n--;
        } else if (line[0] == 'R') {
            if (take_root(a, p, VEC_ADD(a, &seen)) < 0)
                return bad(line, e);
        } else if (line[0] == 'b') {
            if (told || (!text_eq(p, "0") && !text_eq(p, "1")))
                return bad(line, e);
            told = true;
            known = p[0] == '1';
        } else if (line[0] == 'B') {
            const char *session = word(a, &p);
            if (!session || users.n >= 100000)
                return bad(line, e);
            VEC_PUSH(a, &users, ((struct user){.session = session, .path = p}));
        } else if (seen.n == 0 || seen.v[seen.n - 1].kind != SSH_DIR) {
            return bad(line, e);
        } else if (take_line(a, &seen.v[seen.n - 1], line, e) < 0) {
            return -1;
        }
    }
    if (!told)
        return bad("(none that ends it)", e);
    for (size_t i = 0; i < seen.n; i++)
        seen.v[i].busy = (unsigned)by_session(users.v, users.n, seen.v[i].path, a);
    *ret = (struct ssh_view){.v = seen.v, .n = seen.n, .busy_known = known};
    return 0;
}

const struct ssh_seen *ssh_view_find(const struct ssh_view *v, const char *path)
{
    for (size_t i = 0; i < v->n; i++)
        if (text_eq(v->v[i].path, path))
            return &v->v[i];
    return NULL;
}

/* --- the call ----------------------------------------------------------------------------------------------------------------
 */

static bool listed(const char *const *v, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (text_eq(v[i], s))
            return true;
    return false;
}

/* Whether the glob of its workspace root finds it, where it is. */
static bool in_glob(struct arena *a, const char *const *tops, size_t n_tops, const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    return listed(tops, n_tops, path_dirname(a, path)) &&
           (text_has_prefix(name, "openclaw-ssh-") || text_has_prefix(name, "reconclaw-") ||
            (name[0] == '.' && (strstr(name, ".seed-") || strstr(name, ".gone-"))));
}

static const char *body(struct arena *a, const char *const *dirs, size_t n)
{
    BUF_AUTO b = BUF_INIT(16u << 20);
    const char *mark = strstr(view_script, "%BELOW%");
    buf_put(&b, view_script, (size_t)(mark - view_script));
    for (size_t i = 0; i < n; i++) {
        const char *arrow = arena_printf(a, " -> %s", text_eq(dirs[i], "/") ? "" : dirs[i]);
        buf_puts(&b, i > 0 ? "|*" : "*");
        ssh_quote(&b, arrow);
        buf_puts(&b, "/*");
    }
    buf_puts(&b, mark + strlen("%BELOW%"));
    return arena_strdup(a, buf_str(&b));
}

int ssh_view_take(struct ssh_link *s, struct arena *a, const char *const *tops, size_t n_tops, const char *const *paths,
                  size_t n_paths, bool measure, const struct deadline *d, struct ssh_view *ret, struct err *e)
{
    VEC(const char *) args = {0};
    VEC(const char *) dirs = {0};
    struct ssh_reply reply;
    struct ssh_view v;
    VEC_PUSH(a, &args, measure ? "1" : "0");
    VEC_PUSH(a, &args, arena_printf(a, "%zu", n_tops));
    for (size_t i = 0; i < n_tops; i++) {
        VEC_PUSH(a, &args, tops[i]);
        VEC_PUSH(a, &dirs, tops[i]);
    }
    for (size_t i = 0; i < n_paths; i++) {
        const char *dir = path_dirname(a, paths[i]);
        if (!in_glob(a, tops, n_tops, paths[i]))
            VEC_PUSH(a, &args, paths[i]);
        if (!listed(dirs.v, dirs.n, dir))
            VEC_PUSH(a, &dirs, dir);
    }
    VEC_PUSH(a, &args, NULL);
    if (dirs.n == 0)
        VEC_PUSH(a, &dirs, "/nowhere");
    struct ssh_script script = {.body = body(a, dirs.v, dirs.n), .args = args.v, .what = "looking at the trees"};
    if (ssh_script_run(s, a, &script, d, &reply, e) < 0)
        return -1;
    const char *hidden = ssh_reply_failure(&reply, "hidden"), *big = ssh_reply_failure(&reply, "big");
    if (hidden)
        return err_set(e, ERR_UNAVAILABLE, 0, "looking at the trees: '%s' cannot be looked into", hidden);
    if (big)
        return err_set(e, ERR_INPUT, 0, "looking at the trees: '%s' is longer than %u bytes", big, SSH_OWNER_BYTES);
    if (reply.status != 0)
        return err_set(e, ERR_UNAVAILABLE, reply.status, "looking at the trees: status %d%s%s", reply.status,
                       reply.complaint[0] ? ": " : "", reply.complaint);
    if (ssh_view_decode(a, &reply, &v, e) < 0)
        return err_wrap(e, "looking at the trees");
    /* Each once; what was asked for and the glob did not find is not there. */
    VEC(struct ssh_seen) all = {0};
    for (size_t i = 0; i < v.n; i++) {
        bool again = false;
        for (size_t j = 0; j < all.n && !again; j++)
            again = text_eq(all.v[j].path, v.v[i].path);
        if (!again)
            VEC_PUSH(a, &all, v.v[i]);
    }
    *ret = (struct ssh_view){.v = all.v, .n = all.n, .busy_known = v.busy_known};
    for (size_t i = 0; i < n_paths; i++)
        if (!ssh_view_find(ret, paths[i])) {
            VEC_PUSH(a, &all, ((struct ssh_seen){.path = paths[i], .kind = SSH_ABSENT, .dev_ino = "0:0"}));
            *ret = (struct ssh_view){.v = all.v, .n = all.n, .busy_known = v.busy_known};
        }
    return 0;
}
