/* Trees on real hosts: seeded, seen, patched, removed; and what half a seed and half a removal leave. */
#include "backends/ssh.h"
#include "tests/lib/scratch.h"
#include "tests/lib/ssh_peer.h"

#include "spec/base/text.h"
#include "spec/manifest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALL "0123456789abcdef"
#define CANARY  "canary-91bd-ssh"

static char *top;
static struct ssh_peer peer;
static const char *const *variant; /* options of the peer */
static const char *variant_name;

struct fixture {
    struct arena *a;
    struct backend *b;
    struct err e;
    char root[256], local[256];
};

#define must(f, call)                                                                                                            \
    do {                                                                                                                         \
        if ((call) < 0)                                                                                                          \
            fail_msg("%s: %s: %s: %s", variant_name, #call, err_class_name((f)->e.class), (f)->e.msg);                           \
    } while (0)

static const struct call long_call = {.timeout_ms = 30000};

static struct backend *open_through(struct fixture *f, int port, const char *install)
{
    struct node *options = node_object(f->a), *list = node_array(f->a), *tops = node_array(f->a);
    struct backend *b = NULL;
    node_push(f->a, list, ssh_peer_settings(&peer, f->a, port));
    node_push(f->a, tops, node_string(f->a, f->root));
    node_set(f->a, options, "connections", list);
    node_set(f->a, options, "workspaceRoots", tops);
    must(f, ssh_ops.open(&(struct backend_conf){.endpoint = "ssh:test", .install = install, .options = options}, &b, &f->e));
    return b;
}

static struct desired *desire(struct fixture *f, const char *name)
{
    struct desired *d = ARENA_NEW(f->a, struct desired);
    struct node *create = node_object(f->a), *dirs = node_array(f->a), *dir = node_object(f->a);
    node_set(f->a, dir, "name", node_string(f->a, "workspace"));
    node_set(f->a, dir, "local", node_string(f->a, f->local));
    node_push(f->a, dirs, dir);
    node_set(f->a, create, "root", node_printf(f->a, "%s/%s", f->root, name));
    node_set(f->a, create, "workspaceRoot", node_string(f->a, f->root));
    node_set(f->a, create, "dirs", dirs);
    *d = (struct desired){.endpoint = "ssh:test",
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = "Sandbox/x",
                          .install = INSTALL,
                          .want = WANT_RUNNING,
                          .config_hash = "hash",
                          .create = create};
    must(f, ssh_ops.check(f->a, d, &d->fields, &f->e));
    return d;
}

static int create(struct fixture *f, struct backend *b, const struct desired *d, const struct call *c, struct act_result *ret)
{
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000123};
    f->e = (struct err){0};
    return ssh_ops.apply(b, f->a, &act, c, ret, &f->e);
}

/* Another try has the same time of creation. */
static int replace(struct fixture *f, struct backend *b, const struct desired *d, const char *id, int64_t at_ms,
                   struct act_result *ret)
{
    struct backend_act act = {
        .step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = at_ms, .replaces = id, .epoch = 2};
    f->e = (struct err){0};
    return ssh_ops.apply(b, f->a, &act, &long_call, ret, &f->e);
}

static int take_away(struct fixture *f, struct backend *b, const char *name, const char *id, const struct observed *expect)
{
    struct backend_act act = {.step = STEP_REMOVE, .name = name, .id = id, .expect = expect};
    struct act_result r;
    f->e = (struct err){0};
    return ssh_ops.apply(b, f->a, &act, &long_call, &r, &f->e);
}

static struct observation observe(struct fixture *f, const struct desired *d)
{
    struct observe_req req = {.desired = d, .n_desired = d != NULL};
    struct observation o = {0};
    must(f, ssh_ops.observe(f->b, f->a, &req, &long_call, &o, &f->e));
    return o;
}

static const struct observed *seen(struct fixture *f, const struct desired *d)
{
    struct observation *o = ARENA_NEW(f->a, struct observation);
    *o = observe(f, d);
    for (size_t i = 0; i < o->n; i++)
        if (text_eq(o->v[i].name, d->name))
            return &o->v[i];
    return NULL;
}

static const char *at(struct fixture *f, const char *path)
{
    return arena_printf(f->a, "%s/%s", f->root + strlen(top) + 1, path);
}

static const char *text_at(struct fixture *f, const char *path)
{
    size_t n;
    char *s = scratch_read(top, at(f, path), &n);
    const char *copy = arena_strdup(f->a, s);
    free(s);
    return copy;
}

static int count_at(struct fixture *f)
{
    return scratch_count(top, f->root + strlen(top) + 1);
}

static int chown_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return lchown(path, 4242, 4242);
}

/* What the test made over there belongs to the user over there. */
static void give(struct fixture *f)
{
    if (text_eq(peer.user, "ordinary"))
        assert_int_equal(nftw(f->root, chown_one, 16, FTW_PHYS), 0);
}

static int setup(void **state)
{
    static int serial;
    struct fixture *f = calloc(1, sizeof *f);
    char aside[64];
    f->a = arena_new();
    snprintf(aside, sizeof aside, "r%d", ++serial);
    scratch_mkdir(top, aside);
    snprintf(f->root, sizeof f->root, "%s/%s", top, aside);
    if (chmod(f->root, 0777) < 0)
        return -1;
    snprintf(f->local, sizeof f->local, "%s/l%d", top, serial);
    snprintf(aside, sizeof aside, "l%d/a file", serial);
    scratch_write_text(top, aside, "content\n");
    snprintf(aside, sizeof aside, "l%d/dir/it's", serial);
    scratch_write_text(top, aside, "more\n");
    snprintf(aside, sizeof aside, "l%d/dir/run.sh", serial);
    scratch_write(top, aside, "#!/bin/sh\n", 10, 0755);
    snprintf(aside, sizeof aside, "l%d/link", serial);
    scratch_symlink(top, aside, "dir/run.sh");
    f->b = open_through(f, 0, INSTALL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ssh_ops.close(f->b);
    arena_free(f->a);
    free(f);
    return 0;
}

/* --- life --------------------------------------------------------------------------------------------------------------------
 */

static void test_seed(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    struct stat st;
    must(f, create(f, f->b, d, &long_call, &r));
    assert_int_equal(strlen(r.id), 32);
    assert_string_equal(text_at(f, "reconclaw-a/workspace/a file"), "content\n");
    assert_string_equal(text_at(f, "reconclaw-a/workspace/dir/it's"), "more\n");
    assert_int_equal(stat(arena_printf(f->a, "%s/reconclaw-a/workspace/dir/run.sh", f->root), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(lstat(arena_printf(f->a, "%s/reconclaw-a/workspace/link", f->root), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(count_at(f), 1); /* nothing beside it */
    struct manifest m;
    const char *text = text_at(f, "reconclaw-a/.reconclaw/manifest");
    must(f, manifest_parse(f->a, text, strlen(text), &m, &f->e));
    assert_string_equal(m.id, r.id);
    assert_string_equal(m.install, INSTALL);
    assert_int_equal(m.n, 6);
    assert_non_null(manifest_find(&m, "workspace/dir/it's"));
    const struct observed *o = seen(f, d);
    assert_string_equal(o->id, r.id);
    assert_int_equal(o->ownership, OWN_OURS);
    assert_int_equal(o->state, RUN_RUNNING);
    assert_true(o->content_known);
    assert_int_equal(o->n_entries, 5);
    assert_int_equal(o->content_bytes, 8 + 5 + 10);
    struct field_change *ch;
    assert_int_equal(fields_diff(f->a, d->fields, o->fields, &ch), 0);
    /* Again is the same one, and what was changed there meanwhile stays. */
    scratch_write_text(top, at(f, "reconclaw-a/workspace/a file"), "work\n");
    struct act_result again;
    must(f, create(f, f->b, d, &long_call, &again));
    assert_string_equal(again.id, r.id);
    assert_string_equal(text_at(f, "reconclaw-a/workspace/a file"), "work\n");
    must(f, take_away(f, f->b, d->name, r.id, o));
    assert_int_equal(count_at(f), 0);
    must(f, take_away(f, f->b, d->name, r.id, o));
}

static void test_escaping_link_sends_nothing(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    scratch_symlink(top, arena_printf(f->a, "%s/out", f->local + strlen(top) + 1), "/etc/passwd");
    assert_int_equal(create(f, f->b, d, &long_call, &r), -1);
    assert_int_equal(f->e.class, ERR_INPUT);
    assert_int_equal(count_at(f), 0);
    assert_null(seen(f, d));
}

static void test_openclaws(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "openclaw-ssh-main-1");
    scratch_write_text(top, at(f, "openclaw-ssh-main-1/workspace/x"), "x");
    scratch_mkdir(top, at(f, "openclaw-ssh-bad-2/workspace"));
    give(f);
    const struct observed *o = seen(f, d);
    struct field_change *ch;
    assert_int_equal(o->ownership, OWN_OPENCLAW);
    assert_true(text_has_prefix(o->id, "inode:"));
    assert_int_equal(o->state, RUN_RUNNING);
    assert_int_equal(fields_diff(f->a, d->fields, o->fields, &ch), 0); /* it is adopted as it is */
    struct desired *bad = desire(f, "openclaw-ssh-bad-2");
    o = seen(f, bad);
    assert_string_equal(fields_get(o->fields, "seed.state"), "empty");
    must(f, take_away(f, f->b, bad->name, o->id, o));
    assert_null(seen(f, bad));
    scratch_mkdir(top, at(f, "openclaw-ssh-bad-3")); /* not even the directories in it */
    give(f);
    bad = desire(f, "openclaw-ssh-bad-3");
    o = seen(f, bad);
    assert_string_equal(fields_get(o->fields, "seed.state"), "empty");
    assert_int_equal(o->n_entries, 0);
    must(f, take_away(f, f->b, bad->name, o->id, o));
    o = seen(f, d);
    struct observed other = *o;
    other.ownership = OWN_OURS;
    assert_int_equal(take_away(f, f->b, d->name, o->id, &other), -1);
    assert_int_equal(f->e.class, ERR_CONFLICT);
    must(f, take_away(f, f->b, d->name, o->id, o));
    assert_int_equal(count_at(f), 0);
}

static void test_foreign_is_spared(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    scratch_write_text(top, at(f, "reconclaw-a/precious"), "x");
    assert_int_equal(create(f, f->b, d, &long_call, &r), -1);
    assert_int_equal(f->e.class, ERR_CONFLICT);
    assert_int_equal(seen(f, d)->ownership, OWN_FOREIGN);
    assert_int_equal(take_away(f, f->b, d->name, seen(f, d)->id, NULL), -1);
    assert_string_equal(text_at(f, "reconclaw-a/precious"), "x");
    assert_int_equal(observe(f, NULL).n, 0);
}

/* What is in them does not matter: not even their owner.json need be there. */
static void test_leftovers_are_ended(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    scratch_mkdir(top, at(f, ".reconclaw-a.seed-11.another"));
    scratch_write_text(top, at(f, ".reconclaw-a.gone-22." INSTALL "/workspace/half"), "x");
    give(f);
    const struct observed *o = seen(f, d);
    assert_string_equal(o->id, "22");
    assert_int_equal(o->ownership, OWN_OURS);
    assert_int_equal(o->kind, RUNTIME_SANDBOX);
    assert_int_equal(o->state, RUN_STOPPED);
    assert_true(o->content_known);
    assert_int_equal(o->n_entries, 0); /* nobody's only copy */
    assert_string_equal(fields_get(o->fields, "unfinished"), "removal");
    must(f, create(f, f->b, d, &long_call, &r));
    assert_string_equal(seen(f, d)->id, r.id);
    assert_int_equal(count_at(f), 2); /* ours, and the other install's leftover */
    /* Beside a whole one: a patch ends them. */
    scratch_mkdir(top, at(f, ".reconclaw-a.seed-33." INSTALL));
    scratch_write_text(top, at(f, ".reconclaw-a.gone-44." INSTALL "/workspace/half"), "x");
    give(f);
    o = seen(f, d);
    struct field_change *ch;
    assert_string_equal(o->id, r.id);
    assert_int_equal(fields_diff(f->a, d->fields, o->fields, &ch), 1);
    assert_string_equal(ch->name, "leftovers");
    assert_string_equal(ch->from, "2");
    assert_int_equal(ch->class, FIELD_PATCH);
    struct backend_act act = {
        .step = STEP_PATCH, .want = d, .name = d->name, .id = r.id, .expect = o, .changes = ch, .n_changes = 1};
    must(f, ssh_ops.apply(f->b, f->a, &act, &long_call, &r, &f->e));
    assert_int_equal(fields_diff(f->a, d->fields, seen(f, d)->fields, &ch), 0);
    assert_int_equal(count_at(f), 2);
    /* And a removal takes them with it. */
    scratch_mkdir(top, at(f, ".reconclaw-a.seed-55." INSTALL));
    give(f);
    must(f, take_away(f, f->b, d->name, seen(f, d)->id, NULL));
    assert_int_equal(count_at(f), 1);
    scratch_write_text(top, at(f, ".reconclaw-a.seed-66." INSTALL "/workspace/half"), "x");
    give(f);
    must(f, take_away(f, f->b, d->name, "66", NULL));
    assert_int_equal(count_at(f), 1);
}

static void test_removes_what_is_unwritable(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    d->setup = "mkdir -p x/y && echo a >x/y/z && chmod 500 x/y x && echo made";
    must(f, create(f, f->b, d, &long_call, &r));
    assert_int_equal(r.setup_status, 0);
    assert_string_equal(r.setup_output, "made\n");
    assert_string_equal(text_at(f, "reconclaw-a/.reconclaw/setup"), "done\n");
    must(f, take_away(f, f->b, d->name, r.id, NULL));
    assert_int_equal(count_at(f), 0);
}

static void test_setup_runs_till_it_went_well(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    d->setup = "echo x >>ran; [ -e good ]";
    assert_int_equal(create(f, f->b, d, &long_call, &r), -1);
    assert_int_equal(f->e.class, ERR_REFUSED);
    assert_int_equal(r.setup_status, 1);
    const char *id = r.id;
    scratch_write_text(top, at(f, "reconclaw-a/workspace/good"), "");
    must(f, create(f, f->b, d, &long_call, &r));
    assert_string_equal(r.id, id);
    must(f, create(f, f->b, d, &long_call, &r));
    assert_string_equal(text_at(f, "reconclaw-a/workspace/ran"), "x\nx\n");
}

static int keep(void *ctx, const void *p, size_t n, struct err *e)
{
    buf_put(ctx, p, n);
    return 0;
}

static void test_save(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    BUF_AUTO tar = BUF_INIT(8 << 20);
    must(f, create(f, f->b, d, &long_call, &r));
    must(f, ssh_ops.save(f->b, r.id, d->name, keep, &tar, &long_call, &f->e));
    assert_true(tar.n > 4096 && tar.n % 512 == 0);
    assert_non_null(memmem(tar.s, tar.n, "workspace/a file", 16));
    assert_int_equal(ssh_ops.save(f->b, "00000000000000000000000000000000", d->name, keep, &tar, &long_call, &f->e), -1);
    assert_int_equal(f->e.class, ERR_NOT_FOUND);
}

static void test_env_is_in_no_argv(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct node *env = node_object(f->a), *secret = node_string(f->a, CANARY);
    const char *argv[] = {"sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c \"$WANTED\"; echo $SECRET | cut -c1-6",
                          NULL};
    struct act_result r;
    int ends[2], status = -1;
    char out[256] = "";
    secret->secret = true;
    node_set(f->a, env, "SECRET", secret);
    node_set(f->a, env, "WANTED", node_string(f->a, "canary-91b[d]-ssh"));
    node_set(f->a, (struct node *)d->create, "env", env);
    must(f, create(f, f->b, d, &long_call, &r));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    must(f, ssh_ops.exec(f->b,
                         &(struct exec_req){
                             .name = d->name, .id = r.id, .argv = argv, .fd_in = -1, .fd_out = ends[1], .fd_err = -1, .want = d},
                         &long_call, &status, &f->e));
    close(ends[1]);
    assert_true(read(ends[0], out, sizeof out - 1) > 0);
    close(ends[0]);
    assert_string_equal(out, variant_name[0] == 'b' ? out : "0\ncanary\n");
    assert_null(strstr(text_at(f, "reconclaw-a/.reconclaw/owner.json"), CANARY));
}

/* --- faults ------------------------------------------------------------------------------------------------------------------
 */

static void big_file(struct fixture *f, size_t n)
{
    char *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    scratch_write(top, arena_printf(f->a, "%s/big", f->local + strlen(top) + 1), bytes, n, 0644);
    free(bytes);
}

static void test_replace(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r, again, third = {0};
    const char *mine = f->local + strlen(top) + 1;
    must(f, create(f, f->b, d, &long_call, &r));
    assert_non_null(r.seeded);
    assert_string_equal(r.seeded->id, r.id);
    assert_true(r.seeded_local && text_has_prefix(r.host_key, "SHA256:"));
    scratch_write_text(top, arena_printf(f->a, "%s/a file", mine), "second\n");
    scratch_write_text(top, at(f, "reconclaw-a/workspace/work"), "work\n");
    /* Of another id than is there: nothing happens. */
    assert_int_equal(replace(f, f->b, d, "0123456789abcdef0123456789abcdef", 1700000000200, &again), -1);
    assert_int_equal(f->e.class, ERR_CONFLICT);
    assert_string_equal(text_at(f, "reconclaw-a/workspace/work"), "work\n");
    must(f, replace(f, f->b, d, r.id, 1700000000200, &again));
    assert_string_not_equal(again.id, r.id);
    assert_string_equal(text_at(f, "reconclaw-a/workspace/a file"), "second\n");
    assert_false(scratch_exists(top, at(f, "reconclaw-a/workspace/work")));
    assert_string_equal(text_at(f, "reconclaw-a/.reconclaw/epoch"), "2\n");
    assert_int_equal(count_at(f), 1);
    assert_string_equal(seen(f, d)->id, again.id);
    /* Tried again it is done, and still known what was sent. */
    must(f, replace(f, f->b, d, r.id, 1700000000200, &third));
    assert_string_equal(third.id, again.id);
    assert_string_equal(third.seeded->tree, again.seeded->tree);
    assert_int_equal(replace(f, f->b, d, r.id, 1700000000300, &third), -1);
    assert_int_equal(f->e.class, ERR_CONFLICT);
    must(f, take_away(f, f->b, d->name, again.id, NULL));
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    struct act_result r;
    snprintf(f->root, sizeof f->root, "%s/small", peer.dir);
    ssh_ops.close(f->b);
    f->b = open_through(f, 0, INSTALL);
    struct desired *d = desire(f, "reconclaw-a");
    big_file(f, 900000);
    assert_int_equal(create(f, f->b, d, &long_call, &r), -1);
    assert_int_equal(f->e.class, ERR_REFUSED);
    assert_non_null(strstr(f->e.msg, "unpacking the files failed"));
    assert_null(seen(f, d)); /* and no leftover either */
    big_file(f, 1000);
    must(f, create(f, f->b, d, &long_call, &r));
    must(f, take_away(f, f->b, d->name, r.id, NULL));
}

static void test_read_only_root(void **state)
{
    struct fixture *f = *state;
    struct act_result r;
    snprintf(f->root, sizeof f->root, "/proc/sys/reconclaw");
    ssh_ops.close(f->b);
    f->b = open_through(f, 0, INSTALL);
    struct desired *d = desire(f, "reconclaw-a");
    assert_int_equal(create(f, f->b, d, &long_call, &r), -1);
    assert_int_equal(f->e.class, ERR_REFUSED);
    assert_non_null(strstr(f->e.msg, "cannot be made or written"));
    assert_null(seen(f, d));
}

static void test_hidden_is_not_absent(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, "reconclaw-a");
    struct act_result r;
    struct observed o;
    struct observe_req req = {.desired = d, .n_desired = 1};
    struct observation all;
    if (text_eq(peer.user, "root"))
        return; /* nothing is hidden from it: the other variants show it */
    must(f, create(f, f->b, d, &long_call, &r));
    assert_int_equal(chmod(f->root, 0), 0);
    int looked = ssh_ops.look(f->b, f->a, r.id, d->name, &long_call, &o, &f->e), class = f->e.class;
    int listed = ssh_ops.observe(f->b, f->a, &req, &long_call, &all, &f->e);
    int removed = take_away(f, f->b, d->name, r.id, NULL);
    assert_int_equal(chmod(f->root, 0777), 0);
    assert_int_equal(looked, -1);
    assert_int_equal(class, ERR_UNAVAILABLE);
    assert_int_equal(listed, -1);
    assert_int_equal(removed, -1);
    assert_string_equal(seen(f, d)->id, r.id);
}

static void test_records_are_looked_at(void **state)
{
    struct fixture *f = *state;
    struct node *target = node_object(f->a);
    struct record rec = {.endpoint = "ssh:test", .name = "old"};
    struct observe_req req = {.records = &rec, .n_records = 1};
    struct observation o;
    scratch_write_text(top, at(f, "elsewhere/old/workspace/x"), "x");
    node_set(f->a, target, "root", node_printf(f->a, "%s/elsewhere/old", f->root));
    rec.backend_target = target;
    must(f, ssh_ops.observe(f->b, f->a, &req, &long_call, &o, &f->e));
    assert_int_equal(o.n, 1);
    assert_string_equal(o.v[0].name, "old");
    assert_int_equal(o.v[0].ownership, OWN_FOREIGN);
}

static int begin(void **state)
{
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    top = scratch_make();
    if (chmod(top, 0755) < 0)
        return -1;
    ssh_peer_start(&peer, scratch_path(top, "peer"), variant);
    return 0;
}

static int end(void **state)
{
    ssh_peer_stop(&peer);
    scratch_remove(top);
    return 0;
}

#define T(name, test)                                                                                                            \
    {                                                                                                                            \
        name, test, setup, teardown, NULL                                                                                        \
    }

static const struct CMUnitTest tests[] = {
    T("a seed is whole, once, and goes again", test_seed),
    T("a link that leads outside is refused before anything is made", test_escaping_link_sends_nothing),
    T("what OpenClaw seeded is known, also where it failed", test_openclaws),
    T("what is not ours is neither taken over nor removed", test_foreign_is_spared),
    T("leftovers are ended, of one's own install only", test_leftovers_are_ended),
    T("a tree that was made unwritable is removed all the same", test_removes_what_is_unwritable),
    T("a setup runs until it went well, and not again", test_setup_runs_till_it_went_well),
    T("a tree is saved as a tar", test_save),
    T("variables are in no argv and in no file over there", test_env_is_in_no_argv),
    T("a tree gives way to one that is whole, once", test_replace),
    T("a full disk is said, and leaves nothing", test_full_disk),
    T("a root that cannot be written is said", test_read_only_root),
    T("what cannot be looked into is not absent", test_hidden_is_not_absent),
    T("what is only recorded is looked at too", test_records_are_looked_at),
};

int main(void)
{
    static const char *const root[] = {"--noise", "--tmpfs", "500000", NULL};
    static const char *const ordinary[] = {"--nobody", "--busybox", "--tmpfs", "500000", NULL};
    int failed;
    variant = root;
    variant_name = "as root, with noise";
    failed = cmocka_run_group_tests_name("ssh trees: noisy start-up files", tests, begin, end);
    variant = ordinary;
    variant_name = "busybox, as an ordinary user";
    return failed + cmocka_run_group_tests_name("ssh trees: an ordinary user, busybox", tests, begin, end);
}
