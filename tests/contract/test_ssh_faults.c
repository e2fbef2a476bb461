/* Hosts on which something is wrong: no room, nothing may be written, tools are missing, clocks are, start-up files are broken,
 * and whoever works there dies between any two commands. What is at a root is whole, or was never there; what is refused is said;
 * and once the fault is gone the next call ends the matter and leaves nothing beside it. */
#include "backends/ssh.h"
#include "spec/base/text.h"
#include "spec/remote.h"
#include "tests/lib/far.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME  "reconclaw-a"
#define OTHER "openclaw-ssh-main-1"

static char *top;
static struct ssh_peer peer;

struct fixture {
    struct far f;
    struct backend *b;
    struct desired *d;
    const char *tree;
};

static int setup(void **state)
{
    static int serial;
    struct fixture *x = calloc(1, sizeof *x);
    char name[16];

    (void)snprintf(name, sizeof name, "r%d", ++serial);
    far_init(&x->f, &peer, top, name);
    x->b = far_open(&x->f, 0, FAR_INSTALL);
    x->d = far_desire(&x->f, NAME);
    x->tree = far_tree(&x->f, "", x->f.local);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    scratch_clear(peer.dir, "home/.bashrc");
    ssh_ops.close(x->b);
    far_free(&x->f);
    free(x);
    return 0;
}

/* The same root over another server of the same keys. */
static void restart(const char *const *options)
{
    ssh_peer_stop(&peer);
    ssh_peer_again(&peer, options);
}

static void start_up(const char *text)
{
    scratch_write_text(peer.dir, "home/.bashrc", text);
}

static const char *make(struct fixture *x)
{
    struct act_result r;

    far_must(&x->f, far_create(&x->f, x->b, x->d, FAR_ENOUGH, &r));
    assert_int_equal(far_on_disk(&x->f, x->d->name, x->tree), FAR_WHOLE);
    return r.id;
}

static void must_fail(struct fixture *x, int r, enum err_class class, const char *fragment)
{
    if (r == 0 || x->f.e.class != class || !strstr(x->f.e.msg, fragment))
        fail_msg("%d: %s: %s; wanted: %s: %s", r, err_class_name(x->f.e.class), x->f.e.msg, err_class_name(class), fragment);
}

static int remove_it(struct fixture *x, const char *id)
{
    return far_remove(&x->f, x->b, x->d->name, id, NULL, FAR_ENOUGH);
}

static const struct observed *seen(struct fixture *x)
{
    const struct observed *o;

    far_must(&x->f, far_seen(&x->f, x->b, x->d, &o));
    return o;
}

static int keep(void *ctx, const void *p, size_t n, struct err *e)
{
    buf_put(ctx, p, n);
    return 0;
}

/* What is done there by its owner. */
static int run(struct fixture *x, const char *id, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct call c = FAR_ENOUGH;
    int status = -1;

    far_must(&x->f,
             ssh_ops.exec(x->b,
                          &(struct exec_req){.name = x->d->name, .id = id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                          &c, &status, &x->f.e));
    return status;
}

/* --- no room --------------------------------------------------------------------------------------------------------------- */

/* On a file system of 400 kB that only the server sees. */
static void on_small_disk(struct fixture *x)
{
    (void)snprintf(x->f.root, sizeof x->f.root, "%s/small", peer.dir);
    ssh_ops.close(x->b);
    x->b = far_open(&x->f, 0, FAR_INSTALL);
    x->d = far_desire(&x->f, NAME);
}

static void grow(struct fixture *x, size_t n)
{
    char *bytes = calloc(1, n);

    memset(bytes, 'x', n);
    scratch_write(x->f.local, "big", bytes, n, 0644);
    free(bytes);
}

static void test_full_disk(void **state)
{
    static const char *const small[] = {"--tmpfs", "400000", NULL};
    struct fixture *x = *state;
    struct act_result r;
    BUF_AUTO tar = BUF_INIT(8 << 20);
    struct call c = FAR_ENOUGH;

    restart(small);
    on_small_disk(x);
    /* It fills while the seed is on its way. */
    grow(x, 900000);
    must_fail(x, far_create(&x->f, x->b, x->d, FAR_ENOUGH, &r), ERR_REFUSED, "unpacking the files failed");
    assert_null(seen(x)); /* and nothing is left of it */
    grow(x, 100000);
    far_must(&x->f, far_create(&x->f, x->b, x->d, FAR_ENOUGH, &r));
    const char *id = arena_strdup(x->f.a, r.id);
    /* Not a byte is left: what is there can be seen, saved, and is not replaced by less. */
    (void)run(x, id, "dd if=/dev/zero of=../../fill bs=4096 2>/dev/null");
    const struct observed *o = seen(x);
    assert_int_equal(o->state, RUN_RUNNING);
    far_must(&x->f, ssh_ops.save(x->b, id, x->d->name, keep, &tar, &c, &x->f.e));
    assert_true(tar.n > 100000);
    struct backend_act act = {
        .step = STEP_CREATE, .want = x->d, .name = x->d->name, .replaces = id, .expect = o, .created_at_ms = 7};
    assert_int_equal(ssh_ops.apply(x->b, x->f.a, &act, &c, &r, &x->f.e), -1);
    assert_int_equal(x->f.e.class, ERR_REFUSED);
    o = seen(x);
    assert_string_equal(o->id, id);
    assert_int_equal(o->state, RUN_RUNNING);
    assert_null(fields_get(o->fields, "leftovers"));
    /* And what takes no room can be done: it goes. */
    far_must(&x->f, remove_it(x, id));
    assert_null(seen(x));
    restart(NULL);
}

/* OpenClaw's has nothing of ours in it, and nothing need be written to it for its removal. */
static void test_full_disk_openclaws(void **state)
{
    static const char *const small[] = {"--tmpfs", "400000", NULL};
    struct fixture *x = *state;
    struct act_result r;

    restart(small);
    on_small_disk(x);
    far_must(&x->f, far_create(&x->f, x->b, x->d, FAR_ENOUGH, &r));
    const char *id = arena_strdup(x->f.a, r.id);
    (void)run(x, id,
              "mkdir -p ../../" OTHER "/workspace && echo x >../../" OTHER "/workspace/f && "
              "dd if=/dev/zero of=../../fill bs=4096 2>/dev/null");
    x->d = far_desire(&x->f, OTHER);
    const struct observed *o = seen(x);
    assert_int_equal(o->ownership, OWN_OPENCLAW);
    far_must(&x->f, remove_it(x, o->id));
    assert_null(seen(x));
    restart(NULL);
}

/* As a quota does: each file may only be so large. */
static void test_limited_files(void **state)
{
    struct fixture *x = *state;
    struct act_result r;

    grow(x, 300000);
    x->tree = far_tree(&x->f, "", x->f.local);
    start_up("ulimit -f 64\n");
    assert_int_equal(far_create(&x->f, x->b, x->d, FAR_ENOUGH, &r), -1);
    assert_int_equal(far_on_disk(&x->f, NAME, x->tree), FAR_ABSENT);
    start_up("");
    const char *id = make(x);
    assert_int_equal(far_count(&x->f), 1);
    far_must(&x->f, remove_it(x, id));
}

static void test_read_only(void **state)
{
    struct fixture *x = *state;
    const char *const only[] = {"--read-only", x->f.root, NULL};
    struct act_result r;
    BUF_AUTO tar = BUF_INIT(8 << 20);
    struct call c = FAR_ENOUGH;
    const char *id = make(x);

    restart(only);
    must_fail(x, remove_it(x, id), ERR_REFUSED, "renaming failed");
    assert_int_equal(far_on_disk(&x->f, NAME, x->tree), FAR_WHOLE);
    far_must(&x->f, ssh_ops.save(x->b, id, NAME, keep, &tar, &c, &x->f.e));
    assert_string_equal(seen(x)->id, id);
    struct desired *d = far_desire(&x->f, "reconclaw-b");
    must_fail(x, far_create(&x->f, x->b, d, FAR_ENOUGH, &r), ERR_REFUSED, "cannot be made or written");
    restart(NULL);
    assert_int_equal(far_count(&x->f), 1);
    far_must(&x->f, remove_it(x, id));
    assert_int_equal(far_count(&x->f), 0);
}

/* --- what is there, and is not ------------------------------------------------------------------------------------------------
 */

/* Without one of what is needed: nothing half is seen, and with it again all goes well. */
static void test_missing_tools(void **state)
{
    static const char *const tools[] = {"tar", "sha256sum", "mv", "mkdir", "stat", "find", "cat", "ls", "rm"};
    struct fixture *x = *state;
    const char *bin = arena_printf(x->f.a, "%s/tools", top);
    const char *const options[] = {"--path", bin, NULL};

    scratch_mkdir(top, "tools");
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        scratch_symlink(top, arena_printf(x->f.a, "tools/%s", tools[i]), arena_printf(x->f.a, "/usr/bin/%s", tools[i]));
    scratch_symlink(top, "tools/sh", "/bin/sh");
    scratch_symlink(top, "tools/rmdir", "/usr/bin/rmdir");
    restart(options);
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        const char *tool = arena_printf(x->f.a, "tools/%s", tools[i]);
        struct act_result r;
        struct backend_info info;
        struct call c = FAR_ENOUGH;

        scratch_clear(top, tool);
        far_must(&x->f, ssh_ops.probe(x->b, &c, &info, &x->f.e));
        if (!strstr(info.remark, tools[i]))
            fail_msg("%s: '%s'", tools[i], info.remark);
        int made = far_create(&x->f, x->b, x->d, FAR_ENOUGH, &r);
        if (far_on_disk(&x->f, NAME, x->tree) != (made == 0 ? FAR_WHOLE : FAR_ABSENT))
            fail_msg("without %s: %d: %s", tools[i], made, x->f.e.msg);
        scratch_symlink(top, tool, arena_printf(x->f.a, "/usr/bin/%s", tools[i]));
        const char *id = make(x);
        assert_int_equal(far_count(&x->f), 1);
        /* And a removal: a tree that cannot be looked at is not gone. */
        scratch_clear(top, tool);
        int gone = remove_it(x, id);
        enum far_disk disk = far_on_disk(&x->f, NAME, x->tree);
        if (disk == FAR_LIE || (gone == 0 && (disk != FAR_ABSENT || far_count(&x->f) != 0)))
            fail_msg("without %s: %d, on disk %d", tools[i], gone, disk);
        scratch_symlink(top, tool, arena_printf(x->f.a, "/usr/bin/%s", tools[i]));
        far_must(&x->f, remove_it(x, id));
        assert_int_equal(far_count(&x->f), 0);
    }
    restart(NULL);
}

static void test_start_up_files(void **state)
{
    static const struct {
        const char *text;
        bool works;
    } rows[] = {
        {"echo noise; echo more >&2\n", true},
        {"printf 'no newline'\n", true},
        {"head -c 200000 /dev/zero | tr '\\0' x\n", true},
        {"alias mv=false rm=false; set -u; umask 0\n", true},
        {"exit 7\n", false},
        {"kill -9 $$\n", false},
        {"exec echo what\n", false},
        {"exec </dev/null\n", false},
        {"exec >/dev/null\n", false},
    };
    struct fixture *x = *state;
    const char *id = make(x);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct observed *o = NULL;

        start_up(rows[i].text);
        int r = far_seen(&x->f, x->b, x->d, &o);
        if (rows[i].works != (r == 0 && o && text_eq(o->id, id)))
            fail_msg("row %zu: %d: %s", i, r, x->f.e.msg);
        if (!rows[i].works && x->f.e.class != ERR_UNAVAILABLE)
            fail_msg("row %zu: %s: %s", i, err_class_name(x->f.e.class), x->f.e.msg);
        if (!rows[i].works && remove_it(x, id) == 0)
            fail_msg("row %zu: it is said to be gone", i);
        assert_int_equal(far_on_disk(&x->f, NAME, x->tree), FAR_WHOLE);
    }
    start_up("");
    far_must(&x->f, remove_it(x, id));
    assert_int_equal(far_count(&x->f), 0);
}

static void test_changed_host_key(void **state)
{
    struct fixture *x = *state;
    const char *id = make(x), *was = arena_printf(x->f.a, "%s/host_key", peer.dir);
    char *key = scratch_read(peer.dir, "host_key", NULL), *other = scratch_read(peer.dir, "other", NULL);

    scratch_write(peer.dir, "host_key", other, strlen(other), 0600);
    restart(NULL);
    must_fail(x, remove_it(x, id), ERR_UNAVAILABLE, "HAS CHANGED");
    assert_int_equal(far_on_disk(&x->f, NAME, x->tree), FAR_WHOLE);
    scratch_write(peer.dir, "host_key", key, strlen(key), 0600);
    assert_int_equal(chmod(was, 0600), 0);
    restart(NULL);
    far_must(&x->f, remove_it(x, id));
    free(key);
    free(other);
}

static void test_one_session_at_a_time(void **state)
{
    static const char *const one[] = {"--max-sessions", "1", NULL};
    struct fixture *x = *state;
    BUF_AUTO tar = BUF_INIT(8 << 20);
    struct call c = FAR_ENOUGH, brief = {.timeout_ms = 150};
    const char *argv[] = {"sleep", "30", NULL};
    int status;

    restart(one);
    const char *id = make(x);
    far_must(&x->f, ssh_ops.save(x->b, id, NAME, keep, &tar, &c, &x->f.e));
    /* One that is given up is in the way of the next only until the session is made anew. */
    assert_int_equal(
        ssh_ops.exec(x->b, &(struct exec_req){.name = NAME, .id = id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                     &brief, &status, &x->f.e),
        -1);
    assert_int_equal(x->f.e.class, ERR_TIMEOUT);
    assert_string_equal(seen(x)->id, id);
    far_must(&x->f, remove_it(x, id));
    restart(NULL);
}

/* --- clocks ---------------------------------------------------------------------------------------------------------------- */

static void set_time(struct fixture *x, const char *path, int64_t s)
{
    struct timespec t[2] = {{.tv_sec = s}, {.tv_sec = s}};

    assert_int_equal(utimensat(AT_FDCWD, arena_printf(x->f.a, "%s/%s", x->f.root, path), t, AT_SYMLINK_NOFOLLOW), 0);
}

/* Times over there are shown, and decide nothing: neither whether it is whole, nor whether it has changed. */
static void test_clocks(void **state)
{
    static const int64_t times[] = {4102444800, 253402300799, 0, -1, -4102444800, INT64_MAX / 1000 + 7};
    struct fixture *x = *state;
    const char *id = make(x), *file = arena_printf(x->f.a, "%s/%s/workspace/a file", x->f.root, NAME);

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        set_time(x, NAME "/workspace/big", times[i]);
        set_time(x, NAME "/.reconclaw/owner.json", times[i]);
        set_time(x, NAME, times[i]);
        const struct observed *before = seen(x);
        assert_string_equal(before->id, id);
        assert_int_equal(before->state, RUN_RUNNING);
        assert_true(before->content_known);
        assert_int_equal(before->created_at_ms, 1700000000123); /* by our clock */
        /* Another content of the same size, at the same time of day as before. */
        struct stat st;
        assert_int_equal(stat(file, &st), 0);
        int fd = open(file, O_WRONLY);
        assert_true(fd >= 0 && pwrite(fd, i % 2 ? "content\n" : "CONTENT\n", 8, 0) == 8);
        struct timespec same[2] = {st.st_atim, st.st_mtim};
        assert_int_equal(futimens(fd, same), 0);
        close(fd);
        const struct observed *after = seen(x);
        assert_int_equal(after->n_entries, before->n_entries);
        assert_int_equal(after->content_bytes, before->content_bytes);
        assert_int_equal(after->changed_at_ms, before->changed_at_ms);
        assert_string_not_equal(after->content_stamp, before->content_stamp);
        assert_string_equal(seen(x)->content_stamp, after->content_stamp);
    }
    far_must(&x->f, remove_it(x, id));
    assert_int_equal(far_count(&x->f), 0);
}

/* --- dying between any two commands ------------------------------------------------------------------------------------------
 */

static const char wrapper[] = "#!/bin/sh\n"
                              "D=%s\nPATH=/usr/bin:/bin\n"
                              "die(){ read -r _ _ _ _ g _ </proc/self/stat;read -r _ _ _ p _ </proc/$g/stat\n"
                              "[ ! -e $D/server ]||kill -9 $p;kill -9 0;}\n"
                              "n=$(($(cat $D/n)+1));echo $n >$D/n\n"
                              "[ \"$n\" != \"$(cat $D/before)\" ]||die\n"
                              "%s \"$@\";r=$?\n"
                              "[ \"$n\" != \"$(cat $D/after)\" ]||die\n"
                              "exit $r\n";

static void deadly(struct fixture *x, const char *dir, int before, int after, bool server)
{
    scratch_write_text(dir, "before", arena_printf(x->f.a, "%d\n", before));
    scratch_write_text(dir, "after", arena_printf(x->f.a, "%d\n", after));
    scratch_write_text(dir, "n", "0\n");
    scratch_clear(dir, "server");
    if (server)
        scratch_write_text(dir, "server", "");
}

static bool settled(struct fixture *x, int wanted)
{
    for (int i = 0; i < 40 && far_count(&x->f) != wanted; i++)
        poll(NULL, 0, 5);
    return far_count(&x->f) == wanted;
}

enum deed { SEED, REPLACE, REMOVE };

/* true: it came to its end before the command that was to be deadly. */
static bool die_at(struct fixture *x, const char *dir, enum deed deed, int before, int after)
{
    const char *id = NULL, *old = x->tree, *new = x->tree;
    struct act_result r;
    struct call c = FAR_ENOUGH;
    int done;

    deadly(x, dir, -1, -1, false);
    scratch_write_text(x->f.local, "a file", "content\n");
    if (deed != SEED)
        id = arena_strdup(x->f.a, make(x));
    if (deed == REPLACE) {
        scratch_write_text(x->f.local, "a file", "another content\n");
        new = far_tree(&x->f, "", x->f.local);
    }
    deadly(x, dir, before, after, (before + after) % 2 == 0);
    struct backend_act act = {
        .step = STEP_CREATE, .want = x->d, .name = NAME, .replaces = deed == REPLACE ? id : NULL, .created_at_ms = 1700000000999};
    done = deed == REMOVE ? remove_it(x, id) : ssh_ops.apply(x->b, x->f.a, &act, &c, &r, &x->f.e);
    deadly(x, dir, -1, -1, false);
    if (far_on_disk(&x->f, NAME, old) == FAR_LIE && far_on_disk(&x->f, NAME, new) == FAR_LIE)
        fail_msg("deed %d, before %d, after %d: the root is not whole", deed, before, after);
    const struct observed *o = seen(x);
    if (o && (o->state == RUN_RUNNING) == (fields_get(o->fields, REMOTE_UNFINISHED) != NULL))
        fail_msg("deed %d, before %d, after %d: listed as %s", deed, before, after, run_state_name(o->state));
    if (deed == REMOVE) {
        far_must(&x->f, remove_it(x, id));
    } else {
        act.expect = NULL;
        far_must(&x->f, ssh_ops.apply(x->b, x->f.a, &act, &c, &r, &x->f.e));
        if (far_on_disk(&x->f, NAME, new) != FAR_WHOLE)
            fail_msg("deed %d, before %d, after %d: not made", deed, before, after);
    }
    if (!settled(x, deed != REMOVE))
        fail_msg("deed %d, before %d, after %d: %d names", deed, before, after, far_count(&x->f));
    far_clear(&x->f, NAME);
    return done == 0;
}

static void test_death(void **state)
{
    static const char *const tools[] = {"tar", "sha256sum", "mv", "mkdir", "cat", "rm", "rmdir"};
    struct fixture *x = *state;
    const char *dir = arena_printf(x->f.a, "%s/deadly", top), *bin = arena_printf(x->f.a, "%s/bin:/usr/bin:/bin", dir);
    const char *const options[] = {"--path", bin, "--shell", "/bin/sh", NULL};
    static const int at_least[] = {6, 7, 2};

    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        char *text = NULL;
        assert_true(asprintf(&text, wrapper, dir, tools[i]) > 0);
        scratch_write(top, arena_printf(x->f.a, "deadly/bin/%s", tools[i]), text, strlen(text), 0755);
        free(text);
    }
    deadly(x, dir, -1, -1, false);
    restart(options);
    for (enum deed deed = SEED; deed <= REMOVE; deed++) {
        int k = 1;
        while (!die_at(x, dir, deed, k, -1))
            k++;
        assert_true(k > at_least[deed]);
        for (int i = 1; i < k; i++)
            (void)die_at(x, dir, deed, -1, i);
        print_message("deed %d: %d commands, death before and after each\n", deed, k - 1);
    }
    restart(NULL);
}

static int start(void **state)
{
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    top = scratch_make();
    if (chmod(top, 0755) < 0)
        return -1;
    ssh_peer_start(&peer, scratch_path(top, "peer"), NULL);
    return 0;
}

static int stop(void **state)
{
    ssh_peer_stop(&peer);
    scratch_remove(top);
    return 0;
}

#define T(name, test)                                                                                                            \
    {                                                                                                                            \
        name, test, setup, teardown, NULL                                                                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        T("a disk that fills or is full: no half seed, no loss, and a removal goes through", test_full_disk),
        T("a full disk: what OpenClaw made is removed all the same", test_full_disk_openclaws),
        T("files that may not be so large: no half seed", test_limited_files),
        T("a root that is read-only: nothing goes, and all can be read", test_read_only),
        T("a tool that is missing there: nothing half is seen, and it is named", test_missing_tools),
        T("start-up files that print, change or end the shell: what is not heard is not absent", test_start_up_files),
        T("a changed host key: nothing is done", test_changed_host_key),
        T("a server that gives one session at a time is enough", test_one_session_at_a_time),
        T("clocks that are wrong, and times from any year: all changes are seen", test_clocks),
        T("death before or after each command over there: whole or ended by the next call", test_death),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
