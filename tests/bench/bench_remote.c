/* bench_remote: what directories on another host cost, against what one would do by hand and against the least that libssh
 * allows, on a real sshd of its own, in one interleaved run.
 *
 *   bench_remote [ROUNDS [TREES [FILES]]]      default: 7 rounds, 50 trees on the host, a workspace of 5000 files
 *
 * Each round runs every contender once after the other, the first of them another one each time, with all that was written put on
 * disk in between. Ratios are made within a round; told are their medians, and the least and the greatest. A bench is no test of
 * time: the exit status is 0 whatever the ratios are, and 1 where something did not work or did not do its work. */
#include "backends/deadline.h"
#include "backends/ssh.h"
#include "spec/base/limits.h"
#include "tests/lib/scratch.h"
#include "tests/lib/ssh_peer.h"
#include "tests/lib/trees.h"

#include <libssh/libssh.h>

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 1000
#define COMMANDS   20 /* of one sample */
#define TREE_FILES 20 /* of each tree that is looked at */
#define ENDPOINT   "ssh:bench"

extern char **environ;

static struct {
    int rounds, trees, files;
    char *dir;
    struct ssh_peer sshd;
    struct arena *a;
    struct backend *kept;
    ssh_session raw;
    struct desired *seen; /* the trees that are looked at */
    uint64_t seed_bytes;
} bench;

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void run(const char *const *argv)
{
    pid_t pid;
    int status = -1, failed = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);

    if (failed)
        die(argv[0], strerror(failed));
    if (waitpid(pid, &status, 0) != pid || status != 0)
        die(argv[0], "it failed");
}

static void shell(const char *line)
{
    run((const char *const[]){"/bin/sh", "-ec", line, NULL});
}

/* --- what is seeded ----------------------------------------------------------------------------------------------------------
 */

static size_t size_of_file(uint64_t *seed)
{
    /* As in a repository: most are small, a few hold most of the bytes. */
    static const struct {
        unsigned percent;
        size_t min, max;
    } rows[] = {{55, 100, 2000}, {85, 2000, 16000}, {97, 16000, 100000}, {100, 100000, 500000}};
    unsigned at = (unsigned)(trees_random(seed) % 100), i = 0;

    while (at >= rows[i].percent)
        i++;
    return rows[i].min + trees_random(seed) % (rows[i].max - rows[i].min);
}

static void make_workspace(const char *name, int files)
{
    ARENA_AUTO a = arena_new();
    const char *dir = arena_strdup(a, scratch_path(bench.dir, name));
    static char bytes[500000];
    uint64_t seed = 1;

    scratch_mkdir(bench.dir, name);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = "etaoin shrdlu\n"[trees_random(&seed) % 14];
    for (int i = 0; i < files; i++) {
        size_t n = size_of_file(&seed);

        scratch_write(dir, arena_printf(a, "src%d/part%d/file%d.txt", i / 400, i / 20, i), bytes, n, 0644);
    }
}

static struct {
    int files;
    uint64_t bytes;
} counted;

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    counted.files += type == FTW_F;
    counted.bytes += type == FTW_F ? (uint64_t)st->st_size : 0;
    return 0;
}

static void count(const char *path)
{
    counted.files = 0;
    counted.bytes = 0;
    (void)nftw(path, on_entry, 32, FTW_PHYS);
}

/* The copy is whole; then it goes. */
static void check_copy(const char *path)
{
    count(path);
    if (counted.files != bench.files || counted.bytes != bench.seed_bytes)
        die(path, "not all of it was copied");
}

/* --- reconclaw's -------------------------------------------------------------------------------------------------------------
 */

static const char *top(void)
{
    return scratch_path(bench.dir, "peer/home/boxes");
}

static struct desired want(const char *name, const char *local)
{
    struct arena *a = bench.a;
    struct node *create = node_object(a), *dirs = node_array(a), *dir = node_object(a);
    struct desired d = {.endpoint = ENDPOINT,
                        .name = name,
                        .install = "bench",
                        .owner = name,
                        .kind = RUNTIME_SANDBOX,
                        .want = WANT_RUNNING,
                        .config_hash = "0",
                        .create = create};
    struct err e;

    node_set(a, dir, "name", node_string(a, "workspace"));
    node_set(a, dir, "local", node_string(a, local));
    node_push(a, dirs, dir);
    node_set(a, create, "root", node_printf(a, "%s/%s", top(), name));
    node_set(a, create, "workspaceRoot", node_string(a, top()));
    node_set(a, create, "dirs", dirs);
    if (ssh_ops.check(a, &d, &d.fields, &e) < 0)
        die("check", e.msg);
    return d;
}

static struct backend *connect_anew(void)
{
    struct arena *a = bench.a;
    struct node *options = node_object(a), *connections = node_array(a);
    struct backend *b = NULL;
    struct err e;

    node_push(a, connections, ssh_peer_settings(&bench.sshd, a, 0));
    node_set(a, options, "connections", connections);
    if (ssh_ops.open(&(struct backend_conf){.endpoint = ENDPOINT, .install = "bench", .options = options}, &b, &e) < 0)
        die("open", e.msg);
    return b;
}

static const struct call minute = {.timeout_ms = 600000};

static void create(struct backend *b, const struct desired *d)
{
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000000};
    struct act_result result = {0};
    ARENA_AUTO a = arena_new();
    struct err e;

    if (b->ops->apply(b, a, &act, &minute, &result, &e) < 0)
        die("create", e.msg);
}

static void observe(struct backend *b)
{
    struct observe_req req = {.desired = bench.seen, .n_desired = (size_t)bench.trees};
    struct observation o = {0};
    ARENA_AUTO a = arena_new();
    struct err e;

    if (b->ops->observe(b, a, &req, &minute, &o, &e) < 0)
        die("observe", e.msg);
    for (size_t i = 0; i < o.n; i++)
        if (o.v[i].state != RUN_RUNNING || o.v[i].n_entries != TREE_FILES + 2 || o.v[i].ownership != OWN_OURS)
            die(o.v[i].name, "it is not seen as it is");
    if (o.n != (size_t)bench.trees)
        die("observe", "not all of them are seen");
}

static void look_kept(void)
{
    observe(bench.kept);
}

static void look_anew(void)
{
    struct backend *b = connect_anew();

    observe(b);
    b->ops->close(b);
}

static void exec_kept(void)
{
    static const char *const argv[] = {"/bin/true", NULL};
    struct exec_req req = {
        .name = bench.seen[0].name, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1, .want = &bench.seen[0]};
    struct err e;

    for (int i = 0; i < COMMANDS; i++) {
        int status = -1;
        if (bench.kept->ops->exec(bench.kept, &req, &minute, &status, &e) < 0 || status != 0)
            die("exec", e.msg);
    }
}

static void seed(struct backend *b)
{
    struct desired d = want("reconclaw-seed", scratch_path(bench.dir, "work"));

    create(b, &d);
}

static void seed_kept(void)
{
    seed(bench.kept);
}

static void seed_anew(void)
{
    struct backend *b = connect_anew();

    seed(b);
    b->ops->close(b);
}

/* --- the others --------------------------------------------------------------------------------------------------------------
 */

static const char *config(void)
{
    return scratch_path(bench.dir, "config");
}

static void write_config(void)
{
    ARENA_AUTO a = arena_new();

    scratch_write_text(bench.dir, "config",
                       arena_printf(a,
                                    "Host bench\nHostName 127.0.0.1\nPort %d\nUser %s\nIdentityFile %s/id\nIdentitiesOnly yes\n"
                                    "UserKnownHostsFile %s/known_hosts\nGlobalKnownHostsFile /dev/null\nBatchMode yes\n"
                                    "StrictHostKeyChecking yes\nUpdateHostKeys no\n",
                                    bench.sshd.port, bench.sshd.user, bench.sshd.dir, bench.sshd.dir));
}

static void look_ssh(void)
{
    for (int i = 0; i < bench.trees; i++)
        run((const char *const[]){"ssh", "-F", config(), "bench", "true", NULL});
}

static void seed_tar(void)
{
    ARENA_AUTO a = arena_new();
    const char *to = scratch_path(bench.dir, "peer/home/tar");

    shell(arena_printf(a, "tar -C '%s' -cf - . | ssh -F '%s' bench \"mkdir -p '%s' && tar -xf - -C '%s'\"",
                       scratch_path(bench.dir, "work"), config(), to, to));
}

static void seed_rsync(void)
{
    ARENA_AUTO a = arena_new();

    run((const char *const[]){"rsync", "-a", "-e", arena_printf(a, "ssh -F %s", config()),
                              arena_printf(a, "%s/", scratch_path(bench.dir, "work")),
                              arena_printf(a, "bench:%s/", scratch_path(bench.dir, "peer/home/rsync")), NULL});
}

/* The least that libssh allows: one session, a channel for each command. */
static void raw_connect(void)
{
    ARENA_AUTO a = arena_new();
    const char *identity = arena_printf(a, "%s/id", bench.sshd.dir), *known = arena_printf(a, "%s/known_hosts", bench.sshd.dir);
    unsigned port = (unsigned)bench.sshd.port;
    bool no = false;
    int yes = 1;
    ssh_key key = NULL;

    bench.raw = ssh_new();
    ssh_options_set(bench.raw, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(bench.raw, SSH_OPTIONS_HOST, "127.0.0.1");
    ssh_options_set(bench.raw, SSH_OPTIONS_PORT, &port);
    ssh_options_set(bench.raw, SSH_OPTIONS_USER, bench.sshd.user);
    ssh_options_set(bench.raw, SSH_OPTIONS_KNOWNHOSTS, known);
    ssh_options_set(bench.raw, SSH_OPTIONS_NODELAY, &yes); /* without it, it is ten times as slow */
    if (ssh_connect(bench.raw) != SSH_OK || ssh_session_is_known_server(bench.raw) != SSH_KNOWN_HOSTS_OK ||
        ssh_pki_import_privkey_file(identity, NULL, NULL, NULL, &key) != SSH_OK ||
        ssh_userauth_publickey(bench.raw, NULL, key) != SSH_AUTH_SUCCESS)
        die("libssh", ssh_get_error(bench.raw));
    ssh_key_free(key);
}

static void exec_raw(void)
{
    for (int i = 0; i < COMMANDS; i++) {
        ssh_channel c = ssh_channel_new(bench.raw);
        char bytes[256];

        if (!c || ssh_channel_open_session(c) != SSH_OK || ssh_channel_request_exec(c, "exec /bin/true") != SSH_OK)
            die("libssh", ssh_get_error(bench.raw));
        while (ssh_channel_read(c, bytes, sizeof bytes, 0) > 0)
            continue;
        if (ssh_channel_get_exit_status(c) != 0)
            die("libssh", "the command failed");
        ssh_channel_free(c);
    }
}

/* --- rounds and figures ------------------------------------------------------------------------------------------------------
 */

enum who { LOOK_KEPT, LOOK_ANEW, LOOK_SSH, EXEC_KEPT, EXEC_RAW, SEED_KEPT, SEED_ANEW, SEED_TAR, SEED_RSYNC, WHO_COUNT };

static const struct {
    const char *label;
    void (*once)(void);
    const char *copy; /* what it makes, below the scratch directory */
    bool many;        /* COMMANDS of them */
} contenders[WHO_COUNT] = {
    [LOOK_KEPT] = {"look at all trees, on the kept session", look_kept},
    [LOOK_ANEW] = {"look at all trees, connecting first", look_anew},
    [LOOK_SSH] = {"ssh host true, once for each tree", look_ssh},
    [EXEC_KEPT] = {"a command in a tree, on the kept session", exec_kept, .many = true},
    [EXEC_RAW] = {"raw libssh: a command on a kept session", exec_raw, .many = true},
    [SEED_KEPT] = {"seed, on the kept session", seed_kept, "peer/home/boxes/reconclaw-seed"},
    [SEED_ANEW] = {"seed, connecting first", seed_anew, "peer/home/boxes/reconclaw-seed"},
    [SEED_TAR] = {"tar | ssh tar", seed_tar, "peer/home/tar"},
    [SEED_RSYNC] = {"rsync -a", seed_rsync, "peer/home/rsync"},
};

static double us[WHO_COUNT][MAX_ROUNDS];

static void sample(enum who w, int round)
{
    const char *copy = contenders[w].copy;

    sync();
    int64_t begun = now_us();
    contenders[w].once();
    us[w][round] = (double)(now_us() - begun) / (contenders[w].many ? COMMANDS : 1);
    if (copy) {
        ARENA_AUTO a = arena_new();

        check_copy(scratch_exists(bench.dir, arena_printf(a, "%s/workspace", copy))
                       ? scratch_path(bench.dir, arena_printf(a, "%s/workspace", copy))
                       : scratch_path(bench.dir, copy));
        scratch_clear(bench.dir, copy);
    }
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

/* Sorts. */
static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void tell_times(void)
{
    printf("%-46s %12s %12s %12s\n", "", "median ms", "least", "greatest");
    for (enum who w = 0; w < WHO_COUNT; w++) {
        double v[MAX_ROUNDS];

        memcpy(v, us[w], sizeof v);
        double m = median(v, bench.rounds);
        printf("%-46s %12.2f %12.2f %12.2f\n", contenders[w].label, m / 1000, v[0] / 1000, v[bench.rounds - 1] / 1000);
    }
}

/* limit > 0: a goal, at least (least) or at most so much. */
static void tell_ratio(const char *label, enum who over, double times, enum who under, double limit, bool least)
{
    double v[MAX_ROUNDS], m;
    char goal[64] = "";

    for (int i = 0; i < bench.rounds; i++)
        v[i] = us[over][i] * times / us[under][i];
    m = median(v, bench.rounds);
    if (limit > 0)
        (void)snprintf(goal, sizeof goal, "%s %g: %s", least ? ">=" : "<=", limit,
                       (least ? m >= limit : m <= limit) ? "holds" : "does not hold");
    printf("%-64s %9.2fx %9.2f %9.2f  %s\n", label, m, v[0], v[bench.rounds - 1], goal);
}

static void tell(void)
{
    printf("\n%-64s %10s %9s %9s\n", "ratio", "median", "least", "greatest");
    tell_ratio("ssh for each tree / a look on the kept session", LOOK_SSH, 1, LOOK_KEPT, 0, true);
    tell_ratio("ssh for each tree / a look that connects first", LOOK_SSH, 1, LOOK_ANEW, 0, true);
    tell_ratio("a command on the kept session / raw libssh", EXEC_KEPT, 1, EXEC_RAW, 1.3, false);
    tell_ratio("ssh host true / a command on the kept session", LOOK_SSH, 1.0 / bench.trees, EXEC_KEPT, 20, true);
    tell_ratio("seed, connecting first / tar | ssh tar", SEED_ANEW, 1, SEED_TAR, 0, false);
    tell_ratio("seed, on the kept session / tar | ssh tar", SEED_KEPT, 1, SEED_TAR, 0, false);
    tell_ratio("seed, connecting first / rsync -a", SEED_ANEW, 1, SEED_RSYNC, 0, false);
    tell_ratio("seed, on the kept session / rsync -a", SEED_KEPT, 1, SEED_RSYNC, 0, false);
}

/* --- set-up ------------------------------------------------------------------------------------------------------------------
 */

static int number(int argc, char **argv, int i, int otherwise, int max)
{
    if (argc <= i)
        return otherwise;
    char *end;
    long n = strtol(argv[i], &end, 10);
    if (*end || n < 1 || n > max) {
        (void)fprintf(stderr, "usage: bench_remote [ROUNDS [TREES [FILES]]]\n");
        exit(64);
    }
    return (int)n;
}

static void set_up(void)
{
    bench.a = arena_new();
    bench.dir = scratch_make();
    if (chmod(bench.dir, 0755) < 0)
        die(bench.dir, "its mode cannot be set");
    ssh_peer_start(&bench.sshd, scratch_path(bench.dir, "peer"), NULL);
    write_config();
    make_workspace("small", TREE_FILES);
    make_workspace("work", bench.files);
    count(scratch_path(bench.dir, "work"));
    bench.seed_bytes = counted.bytes;
    bench.kept = connect_anew();
    bench.seen = ARENA_ARRAY(bench.a, struct desired, (size_t)bench.trees);
    for (int i = 0; i < bench.trees; i++) {
        bench.seen[i] =
            want(arena_printf(bench.a, "reconclaw-tree%d", i), arena_strdup(bench.a, scratch_path(bench.dir, "small")));
        create(bench.kept, &bench.seen[i]);
    }
    raw_connect();
}

int main(int argc, char **argv)
{
    double load = 0;

    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    bench.rounds = number(argc, argv, 1, 7, MAX_ROUNDS);
    bench.trees = number(argc, argv, 2, 50, 1000);
    bench.files = number(argc, argv, 3, 5000, 100000);
    set_up();
    (void)getloadavg(&load, 1);
    printf("%d rounds; %d trees on one host; a workspace of %d files, %.1f MB; %ld processors, load %.1f\n\n", bench.rounds,
           bench.trees, bench.files, (double)bench.seed_bytes / 1e6, sysconf(_SC_NPROCESSORS_ONLN), load);
    for (enum who w = 0; w < WHO_COUNT; w++) /* whatever is slow only once */
        sample(w, 0);
    (void)fflush(stdout);
    for (int round = 0; round < bench.rounds; round++)
        for (int i = 0; i < WHO_COUNT; i++)
            sample((enum who)((round + i) % WHO_COUNT), round);
    tell_times();
    tell();
    bench.kept->ops->close(bench.kept);
    ssh_disconnect(bench.raw);
    ssh_free(bench.raw);
    ssh_peer_stop(&bench.sshd);
    scratch_remove(bench.dir);
    arena_free(bench.a);
    return 0;
}
