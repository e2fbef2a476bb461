#include "state/journal.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"
#include "spec/read/utf8.h"
#include "state/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEQ_DIGITS 20
#define LIMIT_MAX  100000u
#define CHUNK      (64u << 10)

static const struct {
    const char *name;
    bool sync; /* on the disk before journal_append returns */
} events[JOURNAL_EVENT_COUNT] = {
    [JOURNAL_START] = {"start", false},
    [JOURNAL_STOP] = {"stop", false},
    [JOURNAL_CONFIG] = {"config", false},
    [JOURNAL_CONFIG_ERROR] = {"config-error", false},
    [JOURNAL_ROUND] = {"round", false},
    [JOURNAL_ACT_BEGIN] = {"act-begin", true},
    [JOURNAL_ACT_END] = {"act-end", true},
    [JOURNAL_HOLD] = {"hold", false},
    [JOURNAL_REPORT] = {"report", false},
    [JOURNAL_SETUP] = {"setup", false},
    [JOURNAL_UNKNOWN] = {"unknown", false},
    [JOURNAL_KNOWN] = {"known", false},
    [JOURNAL_FLAPPING] = {"flapping", false},
    [JOURNAL_PAUSE] = {"pause", true},
    [JOURNAL_RESUME] = {"resume", true},
    [JOURNAL_APPROVE] = {"approve", true},
    [JOURNAL_ISSUE] = {"issue", false},
    [JOURNAL_DOCTOR] = {"doctor", true},
    [JOURNAL_UPGRADE] = {"upgrade", true},
    [JOURNAL_QUARANTINED] = {"workspace-quarantined", true},
    [JOURNAL_RESTORED] = {"workspace-restored", true},
    [JOURNAL_COLLECTED] = {"workspace-collected", true},
    [JOURNAL_SNAPSHOT] = {"snapshot", true},
    [JOURNAL_SNAPSHOT_DELETED] = {"snapshot-deleted", true},
};

static const char *const outcomes[JOURNAL_OUTCOME_COUNT] = {
    [JOURNAL_NO_OUTCOME] = "none",
    [JOURNAL_OK] = "ok",
    [JOURNAL_FAILED] = "failed",
    [JOURNAL_CANCELLED] = "cancelled",
};

const char *journal_event_name(enum journal_event v)
{
    return events[v].name;
}

const char *journal_outcome_name(enum journal_outcome v)
{
    return outcomes[v];
}

/* --- lines -------------------------------------------------------------------------------------------------------------------
 */

/* Where a text of n bytes may be cut at or before `at`. */
static size_t char_boundary(const char *s, size_t at)
{
    while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static struct node *text_node(struct arena *a, const char *s)
{
    size_t n;
    const char *clean = utf8_scrub(a, s, strlen(s), &n);

    if (n > JOURNAL_TEXT_BYTES)
        clean = arena_printf(a, "%.*s...", (int)char_boundary(clean, JOURNAL_TEXT_BYTES - 3), clean);
    return node_string(a, clean);
}

/* The beginning says what ran, the end why it failed. */
static struct node *output_node(struct arena *a, const char *s)
{
    size_t n, head, tail;
    const char *clean = utf8_scrub(a, s, strlen(s), &n);

    if (n <= JOURNAL_OUTPUT_BYTES)
        return node_string_n(a, clean, n);
    head = char_boundary(clean, JOURNAL_OUTPUT_BYTES / 4);
    tail = n - JOURNAL_OUTPUT_BYTES / 4 * 3;
    while (tail < n && ((unsigned char)clean[tail] & 0xc0) == 0x80)
        tail++;
    return node_printf(a, "%.*s\n[%zu bytes left out]\n%s", (int)head, clean, tail - head, clean + tail);
}

static void set_text(struct arena *a, struct node *o, const char *key, const char *s)
{
    if (s)
        node_set(a, o, key, text_node(a, s));
}

static struct node *fields_node(struct arena *a, const struct journal_entry *entry)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < entry->n_fields && i < JOURNAL_FIELDS; i++) {
        const struct field_change *f = &entry->fields[i];
        struct node *o = node_object(a);

        set_text(a, o, "name", f->name);
        set_text(a, o, "from", f->from && f->sensitive ? "(sensitive)" : f->from);
        set_text(a, o, "to", f->to && f->sensitive ? "(sensitive)" : f->to);
        node_push(a, list, o);
    }
    return list;
}

static void format_line(struct arena *a, const struct journal_entry *entry, bool whole, struct buf *out)
{
    struct node *o = node_object(a);

    node_set(a, o, "seq", node_number(a, (double)entry->seq));
    node_set(a, o, "timeMs", node_number(a, (double)entry->time_ms));
    node_set(a, o, "event", node_string(a, events[entry->event].name));
    set_text(a, o, "object", entry->object);
    set_text(a, o, "endpoint", entry->endpoint);
    if (entry->runtime) {
        node_set(a, o, "kind", node_string(a, runtime_kind_name(entry->kind)));
        set_text(a, o, "runtime", entry->runtime);
    }
    set_text(a, o, "id", entry->id);
    set_text(a, o, "act", entry->act);
    set_text(a, o, "guard", entry->guard);
    set_text(a, o, "reason", entry->reason);
    set_text(a, o, "want", entry->want);
    if (entry->asked)
        node_set(a, o, "asked", node_bool(a, true));
    if (entry->n_fields > 0 && whole)
        node_set(a, o, "fields", fields_node(a, entry));
    if (entry->n_fields > (whole ? JOURNAL_FIELDS : 0))
        node_set(a, o, "nFields", node_number(a, (double)entry->n_fields));
    if (entry->outcome != JOURNAL_NO_OUTCOME)
        node_set(a, o, "outcome", node_string(a, outcomes[entry->outcome]));
    if (entry->error != ERR_NONE)
        node_set(a, o, "error", node_string(a, err_class_name(entry->error)));
    set_text(a, o, "message", entry->message);
    if (entry->output)
        node_set(a, o, "output", whole ? output_node(a, entry->output) : node_string(a, "[left out]"));
    node_emit(out, o, 0, 0);
    buf_putc(out, '\n');
}

void journal_format(struct arena *a, const struct journal_entry *entry, struct buf *out)
{
    BUF_AUTO line = BUF_INIT(JOURNAL_LINE_BYTES);

    format_line(a, entry, true, &line);
    if (line.full) {
        /* Texts full of control characters are escaped to six times their size. */
        buf_clear(&line);
        format_line(a, entry, false, &line);
    }
    buf_put(out, buf_str(&line), line.n);
}

static bool decode_word(const struct node *v, const char *(*name)(unsigned), unsigned n, unsigned *ret)
{
    for (unsigned i = 0; i < n; i++)
        if (node_str(v) && text_eq(name(i), node_str(v))) {
            *ret = i;
            return true;
        }
    return false;
}

static const char *event_at(unsigned i)
{
    return events[i].name;
}

static const char *outcome_at(unsigned i)
{
    return outcomes[i];
}

static const char *class_at(unsigned i)
{
    return err_class_name((enum err_class)i);
}

static const char *kind_at(unsigned i)
{
    return runtime_kind_name((enum runtime_kind)i);
}

static bool is_whole(const struct node *n, double max)
{
    return node_is(n, NODE_NUMBER) && fabs(n->num) <= max && n->num == floor(n->num);
}

static void decode_fields(struct arena *a, const struct node *list, struct journal_entry *ret)
{
    struct field_change *v;
    size_t n = 0;

    if (!node_is(list, NODE_ARRAY) || list->n_items > JOURNAL_FIELDS)
        return;
    v = ARENA_ARRAY(a, struct field_change, list->n_items);
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *o = list->items[i];

        v[n] = (struct field_change){
            .name = node_str(node_get(o, "name")), .from = node_str(node_get(o, "from")), .to = node_str(node_get(o, "to"))};
        n += v[n].name != NULL;
    }
    ret->fields = v;
    ret->n_fields = n;
}

int journal_decode(struct arena *a, const char *line, size_t n, struct journal_entry *ret, struct err *e)
{
    struct node *o = json_read_err(a, "journal line", line, n, e);
    struct journal_entry entry = {0};
    unsigned word = 0;

    if (!o)
        return -1;
    if (!is_whole(node_get(o, "seq"), JS_MAX_SAFE_INTEGER) || node_get(o, "seq")->num < 0 ||
        !is_whole(node_get(o, "timeMs"), JS_MAX_SAFE_INTEGER) ||
        !decode_word(node_get(o, "event"), event_at, JOURNAL_EVENT_COUNT, &word))
        return err_set(e, ERR_INPUT, 0, "journal line: seq, timeMs or event is missing or unknown");
    entry.seq = (uint64_t)node_get(o, "seq")->num;
    entry.time_ms = (int64_t)node_get(o, "timeMs")->num;
    entry.event = (enum journal_event)word;
    entry.object = node_str(node_get(o, "object"));
    entry.endpoint = node_str(node_get(o, "endpoint"));
    entry.runtime = node_str(node_get(o, "runtime"));
    if (decode_word(node_get(o, "kind"), kind_at, RUNTIME_KIND_COUNT, &word))
        entry.kind = (enum runtime_kind)word;
    entry.id = node_str(node_get(o, "id"));
    entry.act = node_str(node_get(o, "act"));
    entry.guard = node_str(node_get(o, "guard"));
    entry.reason = node_str(node_get(o, "reason"));
    entry.want = node_str(node_get(o, "want"));
    entry.asked = node_is(node_get(o, "asked"), NODE_BOOL) && node_get(o, "asked")->b;
    decode_fields(a, node_get(o, "fields"), &entry);
    if (decode_word(node_get(o, "outcome"), outcome_at, JOURNAL_OUTCOME_COUNT, &word))
        entry.outcome = (enum journal_outcome)word;
    if (decode_word(node_get(o, "error"), class_at, ERR_CLASS_COUNT, &word))
        entry.error = (enum err_class)word;
    entry.message = node_str(node_get(o, "message"));
    entry.output = node_str(node_get(o, "output"));
    *ret = entry;
    return 0;
}

/* --- files -------------------------------------------------------------------------------------------------------------------
 */

struct journal {
    pthread_mutex_t mutex; /* the flock is of the file, and says nothing to threads */
    struct home *home;
    const struct file_dir *dir;
    size_t file_bytes;
    int fd; /* of the file that is written; -1: none yet */
    char name[SEQ_DIGITS + 8];
    off_t size;    /* when we last looked: another size means that another process wrote */
    uint64_t next; /* seq */
};

static bool is_journal_file(const char *name, uint64_t *ret_first)
{
    char digits[SEQ_DIGITS + 1];

    if (strlen(name) != SEQ_DIGITS + 6 || !text_has_suffix(name, ".jsonl"))
        return false;
    memcpy(digits, name, SEQ_DIGITS);
    digits[SEQ_DIGITS] = '\0';
    return num_parse_u64(digits, ret_first);
}

/* The journal's files, oldest first. */
static int list_files(struct arena *a, const struct file_dir *d, struct file_name **ret, size_t *ret_n, struct err *e)
{
    struct file_name *names;
    size_t n = 0, n_names;
    uint64_t first;

    if (file_list(a, d, &names, &n_names, e) < 0)
        return -1;
    for (size_t i = 0; i < n_names; i++)
        if (is_journal_file(names[i].name, &first))
            names[n++] = names[i];
    *ret = names;
    *ret_n = n;
    return 0;
}

/* The seq behind the last line that says one. Lines that are none count as one each, so that no seq is given twice. */
static int find_next_seq(struct journal *j, uint64_t first, struct err *e)
{
    size_t want = (size_t)j->size < 2 * JOURNAL_LINE_BYTES ? (size_t)j->size : 2 * JOURNAL_LINE_BYTES;
    char *tail = malloc(want + 1);
    uint64_t bad = 0;
    size_t end = want;
    ssize_t got;

    if (!tail)
        abort();
    got = pread(j->fd, tail, want, j->size - (off_t)want);
    if (got != (ssize_t)want) {
        free(tail);
        return err_sys(e, ERR_IO, got < 0 ? errno : EIO, "reading %s/%s", j->dir->path, j->name);
    }
    j->next = first;
    while (end > 0) {
        ARENA_AUTO a = arena_new();
        struct journal_entry entry = {0};
        struct err ignored = {0};
        size_t from = end - 1;

        while (from > 0 && tail[from - 1] != '\n')
            from--;
        if (journal_decode(a, tail + from, end - from - (tail[end - 1] == '\n'), &entry, &ignored) == 0) {
            j->next = entry.seq + 1;
            break;
        }
        bad++;
        end = from;
    }
    j->next += bad;
    free(tail);
    return 0;
}

/* After another process wrote, or at the start: where the end is, and that it is the end of a line. Under the flock. */
static int catch_up(struct journal *j, struct err *e)
{
    struct stat st;
    char last = '\n';
    uint64_t first = 1;

    if (fstat(j->fd, &st) < 0)
        return err_sys(e, ERR_IO, errno, "looking at %s/%s", j->dir->path, j->name);
    if (st.st_size == j->size && j->next > 0)
        return 0;
    if (st.st_size > 0 && pread(j->fd, &last, 1, st.st_size - 1) != 1)
        return err_sys(e, ERR_IO, errno, "reading %s/%s", j->dir->path, j->name);
    if (last != '\n') {
        if (write(j->fd, "\n", 1) != 1)
            return err_sys(e, ERR_IO, errno, "closing a torn line of %s/%s", j->dir->path, j->name);
        st.st_size++;
    }
    j->size = st.st_size;
    (void)is_journal_file(j->name, &first);
    return find_next_seq(j, first, e);
}

static int open_file(struct journal *j, const char *name, int flags, struct err *e)
{
    int fd = openat(j->dir->fd, name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "opening %s/%s", j->dir->path, name);
    file_closep(&j->fd);
    j->fd = fd;
    j->size = -1;
    memcpy(j->name, name, SEQ_DIGITS + 7);
    return 0;
}

/* The newest file, opened; nothing where there is none. */
static int open_newest(struct arena *a, struct journal *j, struct err *e)
{
    struct file_name *files;
    size_t n;

    if (list_files(a, j->dir, &files, &n, e) < 0)
        return -1;
    if (n == 0) {
        file_closep(&j->fd);
        j->next = j->next ? j->next : 1;
        return 0;
    }
    if (j->fd >= 0 && text_eq(j->name, files[n - 1].name))
        return 0;
    j->next = 0;
    if (open_file(j, files[n - 1].name, 0, e) < 0)
        return -1;
    return catch_up(j, e);
}

/* Begins a file and drops the oldest. */
static int begin_file(struct arena *a, struct journal *j, struct err *e)
{
    struct file_name *files;
    struct err ignored = {0};
    size_t n;
    int sys = file_step(j->dir->hook, "create");

    if (sys != 0)
        return err_sys(e, ERR_IO, sys, "beginning a file in %s", j->dir->path);
    if (open_file(j, arena_printf(a, "%0*llu.jsonl", SEQ_DIGITS, (unsigned long long)j->next), O_CREAT | O_EXCL, e) < 0)
        return -1;
    j->size = 0;
    (void)fsync(j->dir->fd);
    if (list_files(a, j->dir, &files, &n, &ignored) == 0)
        for (size_t i = 0; i + JOURNAL_KEEP_FILES + 1 < n; i++)
            (void)file_remove(j->dir, files[i].name, &ignored);
    return 0;
}

/* The file that the next line goes to, its end known. Under the flock. */
static int ready(struct arena *a, struct journal *j, struct err *e)
{
    struct stat st;

    if (j->fd >= 0 && (fstat(j->fd, &st) < 0 || st.st_nlink == 0))
        file_closep(&j->fd);
    if (j->fd >= 0 && catch_up(j, e) < 0)
        return -1;
    /* A file is closed once it is full: then a newer one may be there, of another process. */
    if ((j->fd < 0 || (size_t)j->size >= j->file_bytes) && open_newest(a, j, e) < 0)
        return -1;
    if (j->fd < 0 || (size_t)j->size >= j->file_bytes)
        return begin_file(a, j, e);
    return 0;
}

int journal_open(struct home *h, size_t file_bytes, struct journal **ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct journal *j = calloc(1, sizeof *j);
    FD_AUTO lock = -1;

    if (!j)
        abort();
    *j = (struct journal){.home = h,
                          .mutex = PTHREAD_MUTEX_INITIALIZER,
                          .dir = home_dir(h, "journal"),
                          .file_bytes = file_bytes ? file_bytes : JOURNAL_FILE_BYTES,
                          .fd = -1,
                          .size = -1};
    if (file_dir_flock(j->dir, HOME_WAIT_MS, &lock, e) < 0 || open_newest(a, j, e) < 0) {
        journal_close(j);
        return err_wrap(e, "opening the journal");
    }
    *ret = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    file_closep(&j->fd);
    pthread_mutex_destroy(&j->mutex);
    free(j);
}

static int append(struct journal *j, const struct journal_entry *entry, uint64_t *ret_seq, struct err *e)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO line = BUF_INIT(JOURNAL_LINE_BYTES);
    struct journal_entry numbered = *entry;
    FD_AUTO lock = -1;
    int sys;

    if (file_dir_flock(j->dir, HOME_WAIT_MS, &lock, e) < 0 || ready(a, j, e) < 0)
        return err_wrap(e, "writing the journal");
    numbered.seq = j->next;
    journal_format(a, &numbered, &line);
    sys = file_write_all(j->fd, buf_str(&line), line.n, j->dir->hook);
    if (sys != 0) {
        /* No half line stays: we hold the flock, so what is behind the old end is ours. */
        (void)!ftruncate(j->fd, j->size);
        return err_sys(e, ERR_IO, sys, "writing the journal: %s/%s", j->dir->path, j->name);
    }
    j->size += (off_t)line.n;
    j->next++;
    if (entry->event == JOURNAL_ACT_END && entry->outcome == JOURNAL_OK && entry->runtime && entry->endpoint)
        turns_note(j->home, &(struct turns_act){.endpoint = entry->endpoint,
                                                .runtime = entry->runtime,
                                                .kind = entry->kind,
                                                .want = entry->want,
                                                .asked = entry->asked,
                                                .time_ms = entry->time_ms});
    if (events[entry->event].sync) {
        sys = file_step(j->dir->hook, "fsync");
        if (sys == 0 && fdatasync(j->fd) < 0)
            sys = errno;
        if (sys != 0)
            return err_sys(e, ERR_IO, sys, "syncing the journal: %s/%s", j->dir->path, j->name);
    }
    if (ret_seq)
        *ret_seq = numbered.seq;
    return 0;
}

int journal_append(struct journal *j, const struct journal_entry *entry, uint64_t *ret_seq, struct err *e)
{
    int rc;

    pthread_mutex_lock(&j->mutex);
    rc = append(j, entry, ret_seq, e);
    pthread_mutex_unlock(&j->mutex);
    return rc;
}

/* --- reading -----------------------------------------------------------------------------------------------------------------
 */

struct reader {
    const struct journal_filter *filter;
    bool (*on_entry)(void *ctx, const struct journal_entry *entry);
    void *ctx;
    size_t n_bad;
    bool ended;
    char **ring; /* of the last lines that match, where there is a limit */
    size_t ring_n, ring_at, limit;
};

static bool matches(const struct journal_filter *f, const struct journal_entry *entry)
{
    return (f->since_ms == TIME_NONE || entry->time_ms >= f->since_ms) && entry->seq > f->after_seq &&
           (!f->runtime || text_eq(f->runtime, entry->runtime)) && (!f->endpoint || text_eq(f->endpoint, entry->endpoint));
}

static void take_line(struct reader *r, const char *line, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct journal_entry entry = {0};
    struct err ignored = {0};

    if (n == 0)
        return;
    if (journal_decode(a, line, n, &entry, &ignored) < 0) {
        r->n_bad++;
        return;
    }
    if (!matches(r->filter, &entry))
        return;
    if (r->limit == 0) {
        r->ended = !r->on_entry(r->ctx, &entry);
        return;
    }
    free(r->ring[r->ring_at]);
    r->ring[r->ring_at] = strndup(line, n);
    if (!r->ring[r->ring_at])
        abort();
    r->ring_at = (r->ring_at + 1) % r->limit;
    r->ring_n += r->ring_n < r->limit;
}

static int read_lines(struct reader *r, int fd)
{
    BUF_AUTO line = BUF_INIT(JOURNAL_LINE_BYTES);
    char *chunk = malloc(CHUNK);
    int sys = 0;

    if (!chunk)
        abort();
    while (!r->ended) {
        ssize_t got = read(fd, chunk, CHUNK);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            sys = got < 0 ? errno : 0;
            break;
        }
        for (size_t at = 0; at < (size_t)got && !r->ended;) {
            const char *nl = memchr(chunk + at, '\n', (size_t)got - at);
            size_t part = nl ? (size_t)(nl - chunk) - at : (size_t)got - at;

            buf_put(&line, chunk + at, part);
            at += part + (nl != NULL);
            if (!nl)
                break;
            if (line.full)
                r->n_bad++;
            else
                take_line(r, buf_str(&line), line.n);
            buf_clear(&line);
        }
    }
    /* The last line may be one that is being written, or torn: it counts where it is whole. */
    if (sys == 0 && !r->ended && line.n > 0)
        take_line(r, buf_str(&line), line.n);
    free(chunk);
    return sys;
}

/* A file that was last written well before `since` holds nothing to show. */
static bool is_older(int fd, int64_t since_ms)
{
    struct stat st;

    return since_ms != TIME_NONE && fstat(fd, &st) == 0 && ((int64_t)st.st_mtim.tv_sec + 60) * 1000 < since_ms;
}

static int read_files(struct reader *r, const struct file_dir *d, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct file_name *files;
    size_t n;

    if (list_files(a, d, &files, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n && !r->ended; i++) {
        FD_AUTO fd = openat(d->fd, files[i].name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        uint64_t next_first;
        int sys;

        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return err_sys(e, ERR_IO, errno, "opening %s/%s", d->path, files[i].name);
        if (is_older(fd, r->filter->since_ms) ||
            (i + 1 < n && is_journal_file(files[i + 1].name, &next_first) && next_first <= r->filter->after_seq))
            continue;
        sys = read_lines(r, fd);
        if (sys != 0)
            return err_sys(e, ERR_IO, sys, "reading %s/%s", d->path, files[i].name);
    }
    return 0;
}

static void give_ring(struct reader *r)
{
    size_t from = (r->ring_at + r->limit - r->ring_n) % r->limit;

    for (size_t i = 0; i < r->ring_n && !r->ended; i++) {
        ARENA_AUTO a = arena_new();
        const char *line = r->ring[(from + i) % r->limit];
        struct journal_entry entry = {0};
        struct err ignored = {0};

        if (journal_decode(a, line, strlen(line), &entry, &ignored) == 0)
            r->ended = !r->on_entry(r->ctx, &entry);
    }
}

int journal_read(struct home *h, const struct journal_filter *f, bool (*on_entry)(void *ctx, const struct journal_entry *entry),
                 void *ctx, size_t *ret_n_bad, struct err *e)
{
    struct reader r = {.filter = f, .on_entry = on_entry, .ctx = ctx, .limit = f->limit > LIMIT_MAX ? LIMIT_MAX : f->limit};
    int rc;

    if (r.limit > 0 && !(r.ring = calloc(r.limit, sizeof *r.ring)))
        abort();
    rc = read_files(&r, home_dir(h, "journal"), e);
    if (rc == 0 && r.limit > 0)
        give_ring(&r);
    for (size_t i = 0; i < r.limit; i++)
        free(r.ring[i]);
    free(r.ring);
    if (rc == 0 && ret_n_bad)
        *ret_n_bad = r.n_bad;
    return rc < 0 ? err_wrap(e, "reading the journal") : 0;
}
