#include "state/lock.h"

#include "spec/base/num.h"
#include "spec/read/json.h"
#include "spec/world.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* --- what a lock file says -------------------------------------------------------------------------------------------------- */

static bool is_count(const struct node *n)
{
    return node_is(n, NODE_NUMBER) && n->num >= 0 && !isinf(n->num) && n->num == floor(n->num);
}

/* Beyond every pid and start time there is: which of them does not matter. */
static int64_t count_of(const struct node *n)
{
    return n->num < 9e18 ? (int64_t)n->num : INT64_MAX;
}

/* n decimal digits. */
static bool take_digits(const char **s, unsigned n, int *ret)
{
    int v = 0;

    for (; n > 0; n--, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        v = v * 10 + (**s - '0');
    }
    *ret = v;
    return true;
}

static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "2026-05-03T10:00:00.000Z", the form that Date's toISOString writes; the fraction may have any length or be missing, and an
 * offset may stand for the Z. Anything else is no time. */
static int64_t parse_iso_time(const char *s)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, mo, d, h, mi, sec, ms = 0, oh = 0, om = 0, sign = 0;

    if (!take_digits(&s, 4, &y) || *s++ != '-' || !take_digits(&s, 2, &mo) || *s++ != '-' || !take_digits(&s, 2, &d) ||
        *s++ != 'T' || !take_digits(&s, 2, &h) || *s++ != ':' || !take_digits(&s, 2, &mi) || *s++ != ':' ||
        !take_digits(&s, 2, &sec))
        return TIME_NONE;
    if (*s == '.') {
        int scale = 100;

        if (*++s < '0' || *s > '9')
            return TIME_NONE;
        for (; *s >= '0' && *s <= '9'; s++, scale /= 10)
            ms += (*s - '0') * scale;
    }
    if (*s == 'Z') {
        s++;
    } else if (*s == '+' || *s == '-') {
        sign = *s++ == '+' ? -1 : 1;
        if (!take_digits(&s, 2, &oh) || *s++ != ':' || !take_digits(&s, 2, &om))
            return TIME_NONE;
    } else {
        return TIME_NONE;
    }
    if (*s || mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] || h > 24 || mi > 59 || sec > 59 || oh > 23 || om > 59)
        return TIME_NONE;
    if (h == 24 && (mi || sec || ms))
        return TIME_NONE;
    return (((days_from_civil(y, mo, d) * 24 + h + sign * oh) * 60 + mi + sign * om) * 60 + sec) * 1000 + ms;
}

void lock_decode(const char *bytes, size_t n, struct lock_holder *ret)
{
    ARENA_AUTO a = arena_new();
    struct err ignored = {0};
    struct node *root = json_read_err(a, "lock", bytes, n, &ignored), *created, *start;

    *ret = (struct lock_holder){.created_at_ms = TIME_NONE};
    if (!node_is(root, NODE_OBJECT))
        return;
    if (is_count(node_get(root, "pid")))
        ret->pid = count_of(node_get(root, "pid"));
    created = node_get(root, "createdAt");
    if (node_is(created, NODE_STRING) && strlen(created->s) == created->s_n)
        ret->created_at_ms = parse_iso_time(created->s);
    start = node_get(root, "starttime");
    if (is_count(start)) {
        ret->has_starttime = true;
        ret->starttime = (uint64_t)count_of(start);
    }
}

enum lock_verdict lock_judge(const struct lock_holder *h, const struct lock_facts *f)
{
    int64_t age;

    if (h->pid > 0 && !f->alive)
        return LOCK_STALE_DEAD;
    if (h->pid > 0 && h->has_starttime && f->starttime_known && f->starttime != h->starttime)
        return LOCK_STALE_RECYCLED;
    if (h->created_at_ms != TIME_NONE && f->now_ms - h->created_at_ms > LOCK_STALE_MS)
        return LOCK_STALE_OLD;
    /* Without a start time our own number may be that of an earlier life; with one, it was seen above to be this life's. */
    if (h->pid > 0 && f->own_pid && !f->held_here && (!h->has_starttime || f->starttime_known))
        return LOCK_STALE_SELF;
    if (h->pid > 0 && h->created_at_ms != TIME_NONE)
        return LOCK_HELD;
    /* It may be a lock that is being written this moment. */
    age = f->now_ms - f->mtime_ms;
    return age > LOCK_ORPHAN_GRACE_MS ? LOCK_STALE_GARBAGE : LOCK_HELD;
}

static const char *const verdicts[LOCK_VERDICT_COUNT] = {
    [LOCK_HELD] = "held",
    [LOCK_STALE_DEAD] = "dead process",
    [LOCK_STALE_RECYCLED] = "dead process, its number reused",
    [LOCK_STALE_OLD] = "too old",
    [LOCK_STALE_SELF] = "an earlier life of this process",
    [LOCK_STALE_GARBAGE] = "not readable",
};

const char *lock_verdict_name(enum lock_verdict v)
{
    return verdicts[v];
}

/* --- what the system says --------------------------------------------------------------------------------------------------- */

static bool read_proc(int64_t pid, const char *file, char *buf, size_t size)
{
    char path[64];
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%lld/%s", (long long)pid, file);
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, buf, size - 1);
    if (n <= 0)
        return false;
    buf[n] = '\0';
    return true;
}

/* Behind the last ')' stand the fields from the third, the state, on. */
static bool read_stat(int64_t pid, char *ret_state, uint64_t *ret_starttime)
{
    char text[1024], *p;

    if (!read_proc(pid, "stat", text, sizeof text))
        return false;
    p = strrchr(text, ')');
    if (!p || p[1] != ' ' || !p[2])
        return false;
    p += 2;
    *ret_state = *p;
    for (unsigned field = 3; field < 22; field++) {
        p = strchr(p, ' ');
        if (!p)
            return false;
        p++;
    }
    p[strcspn(p, " \n")] = '\0';
    return num_parse_u64(p, ret_starttime);
}

bool lock_pid_starttime(int64_t pid, uint64_t *ret)
{
    char state;

    return read_stat(pid, &state, ret);
}

static void gather_facts(const struct lock_holder *h, int64_t now_ms, int fd, struct lock_facts *ret)
{
    struct stat st;
    char state = '?';

    *ret = (struct lock_facts){.now_ms = now_ms, .mtime_ms = now_ms};
    if (fstat(fd, &st) == 0)
        ret->mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    if (h->pid <= 0 || h->pid > INT32_MAX)
        return;
    ret->alive = kill((pid_t)h->pid, 0) == 0 || errno == EPERM;
    ret->starttime_known = read_stat(h->pid, &state, &ret->starttime);
    if (state == 'Z')
        ret->alive = false;
    ret->own_pid = h->pid == getpid();
    /* Whoever of us holds a lock holds flock(2) on its file, too. */
    if (ret->own_pid) {
        ret->held_here = flock(fd, LOCK_EX | LOCK_NB) < 0;
        if (!ret->held_here)
            (void)flock(fd, LOCK_UN);
    }
}

/* The lock file's descriptor stays with the caller. */
static int look(int dir_fd, const char *name, int64_t now_ms, struct lock_holder *ret_holder, enum lock_verdict *ret_verdict)
{
    struct lock_facts facts;
    char bytes[LOCK_BYTES_MAX + 1];
    ssize_t n;
    int fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -1;
    n = read(fd, bytes, sizeof bytes);
    lock_decode(bytes, n < 0 || n > LOCK_BYTES_MAX ? 0 : (size_t)n, ret_holder);
    gather_facts(ret_holder, now_ms, fd, &facts);
    *ret_verdict = lock_judge(ret_holder, &facts);
    return fd;
}

int lock_look(const struct file_dir *d, const char *name, int64_t now_ms, struct lock_holder *ret_holder,
              enum lock_verdict *ret_verdict, struct err *e)
{
    FD_AUTO fd = look(d->fd, name, now_ms, ret_holder, ret_verdict);

    if (fd < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "reading lock %s/%s", d->path, name);
    return 0;
}

/* --- taking and letting go -------------------------------------------------------------------------------------------------- */

/* Whether `name` is still the file behind fd. */
static bool is_same_file(int dir_fd, const char *name, int fd)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static void format_lock(struct buf *b, int64_t now_ms)
{
    uint64_t starttime;
    struct tm tm;
    time_t s = (time_t)(now_ms / 1000);
    int ms = (int)(now_ms % 1000);

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    (void)gmtime_r(&s, &tm);
    buf_printf(b, "{\n  \"pid\": %d,\n  \"createdAt\": \"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", (int)getpid(), tm.tm_year + 1900,
               tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
    if (lock_pid_starttime(getpid(), &starttime))
        buf_printf(b, ",\n  \"starttime\": %llu", (unsigned long long)starttime);
    buf_puts(b, "\n}");
}

/* 0, EEXIST where someone else has it, or another errno (then nothing of ours is left behind). */
static int try_create(const struct file_dir *d, const char *name, int64_t now_ms, int *ret_fd)
{
    BUF_AUTO text = BUF_INIT(LOCK_BYTES_MAX);
    int sys = file_step(d->hook, "lock");
    int fd;

    if (sys != 0)
        return sys;
    fd = openat(d->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    /* Before the pid is in it, so that our other threads see it held as soon as they see it ours. Where the file system knows
     * no flock(2), they take it for held, too. */
    (void)flock(fd, LOCK_EX | LOCK_NB);
    file_give_to_owner(d, fd);
    format_lock(&text, now_ms);
    sys = file_write_all(fd, buf_str(&text), text.n, d->hook);
    if (sys != 0) {
        (void)unlinkat(d->fd, name, 0);
        (void)close(fd);
        return sys;
    }
    *ret_fd = fd;
    return 0;
}

/* Takes a stale lock away. flock(2) on its very file decides who of us does: the others find that the name has left it. */
static void reclaim(const struct file_dir *d, const char *name, int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return;
    if (is_same_file(d->fd, name, fd) && file_step(d->hook, "unlink") == 0)
        (void)unlinkat(d->fd, name, 0);
}

static int fail_busy(const struct file_dir *d, const char *name, int timeout_ms, const struct lock_holder *h, struct err *e)
{
    if (h->pid > 0)
        return err_set(e, ERR_BUSY, EWOULDBLOCK, "waiting %d ms for lock %s/%s: held by process %lld", timeout_ms, d->path, name,
                       (long long)h->pid);
    return err_set(e, ERR_BUSY, EWOULDBLOCK, "waiting %d ms for lock %s/%s: held by an unknown process", timeout_ms, d->path,
                   name);
}

/* In slices, so that a cancel is seen soon. */
static bool pause_or_cancel(int ms, const atomic_bool *cancel)
{
    while (ms > 0 && !(cancel && atomic_load(cancel))) {
        int slice = ms < 50 ? ms : 50;

        file_pause_ms(slice);
        ms -= slice;
    }
    return !(cancel && atomic_load(cancel));
}

static int wait_for_it(const struct file_dir *d, const char *name, const struct lock_wait *w, int *ret_fd, struct err *e)
{
    int timeout_ms = w->timeout_ms > 0 ? w->timeout_ms : LOCK_TIMEOUT_MS;
    int64_t start = file_monotonic_ms(), spent;
    struct lock_holder holder = {.created_at_ms = TIME_NONE};

    for (int attempt = 1;; attempt++) {
        enum lock_verdict verdict = LOCK_HELD;
        int64_t delay;
        int sys = try_create(d, name, w->now_ms + (file_monotonic_ms() - start), ret_fd);

        if (sys == 0)
            return 0;
        if (sys != EEXIST)
            return err_sys(e, ERR_IO, sys, "creating lock %s/%s", d->path, name);
        FD_AUTO fd = look(d->fd, name, w->now_ms + (file_monotonic_ms() - start), &holder, &verdict);
        if (fd < 0 && errno != ENOENT && errno != ELOOP)
            return err_sys(e, ERR_IO, errno, "reading lock %s/%s", d->path, name);
        if (fd >= 0 && verdict != LOCK_HELD)
            reclaim(d, name, fd);
        spent = file_monotonic_ms() - start;
        if (spent >= timeout_ms)
            return fail_busy(d, name, timeout_ms, &holder, e);
        /* Gone or taken away meanwhile: at once again, but never in a circle without a rest. */
        if ((fd < 0 || verdict != LOCK_HELD) && attempt < 3)
            continue;
        delay = 50 * (int64_t)attempt;
        delay = delay > 1000 ? 1000 : delay;
        delay = delay > timeout_ms - spent ? timeout_ms - spent : delay;
        if (!pause_or_cancel((int)delay, w->cancel))
            return err_set(e, ERR_CANCELLED, 0, "waiting for lock %s/%s: cancelled", d->path, name);
    }
}

int lock_acquire(struct lock *l, const struct file_dir *d, const char *file, const struct lock_wait *w, struct err *e)
{
    BUF_AUTO name = BUF_INIT(4096);
    int fd = -1;

    buf_printf(&name, "%s.lock", file);
    if (wait_for_it(d, buf_str(&name), w, &fd, e) < 0)
        return -1;
    *l = (struct lock){.dir_fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0), .fd = fd, .name = strdup(buf_str(&name)), .hook = d->hook};
    if (!l->name)
        abort();
    if (l->dir_fd < 0) {
        int sys = errno;

        (void)unlinkat(d->fd, l->name, 0);
        file_closep(&l->fd);
        free(l->name);
        *l = LOCK_INIT;
        return err_sys(e, ERR_IO, sys, "locking %s/%s", d->path, file);
    }
    return 0;
}

bool lock_still_held(const struct lock *l)
{
    return l->fd >= 0 && is_same_file(l->dir_fd, l->name, l->fd);
}

void lock_release(struct lock *l)
{
    if (l->fd < 0)
        return;
    if (is_same_file(l->dir_fd, l->name, l->fd) && file_step(l->hook, "unlock") == 0)
        (void)unlinkat(l->dir_fd, l->name, 0);
    file_closep(&l->fd);
    file_closep(&l->dir_fd);
    free(l->name);
    *l = LOCK_INIT;
}
