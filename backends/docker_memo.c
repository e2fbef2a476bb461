#include "backends/docker_memo.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MEMO_HEAD     "docker-memo 1"
#define MEMO_MAX      (8u << 20)
#define CLOCK_SKEW_MS 2000

struct proof {
    const char *id, *digest;
};

struct anchor {
    int64_t nano; /* 0: none */
    char what[DIGEST_HEX];
};

struct docker_memo {
    struct anchor anchor, next; /* of the memo that was read; of the one to write */
    VEC(struct proof) old;      /* sorted by id */
    VEC(struct proof) keep;
    VEC(const char *) changed; /* ids that events named */
    struct arena *arena;
    bool anchored; /* the anchor was among the events */
    bool proving;
};

static int proof_cmp(const void *a, const void *b)
{
    return strcmp(((const struct proof *)a)->id, ((const struct proof *)b)->id);
}

/* One line up to its newline, cut in place; NULL at the end. A last line without one was cut off. */
static char *next_line(char **p)
{
    char *line = *p, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    *p = end + 1;
    return line;
}

static bool is_digest(const char *s)
{
    return strlen(s) == DIGEST_HEX - 1 && strspn(s, "0123456789abcdef") == DIGEST_HEX - 1;
}

struct docker_memo *docker_memo_read(struct arena *a, const char *text)
{
    struct docker_memo *m = ARENA_NEW(a, struct docker_memo);
    if (!text || strnlen(text, MEMO_MAX) == MEMO_MAX)
        return m;
    char *p = arena_strdup(a, text), *line = next_line(&p);
    if (!line || strcmp(line, MEMO_HEAD) != 0 || !(line = next_line(&p)))
        return m;
    char *what = strchr(line, ' ');
    if (!what)
        return m;
    *what++ = '\0';
    struct anchor anchor = {0};
    if (!num_parse_i64(line, &anchor.nano) || anchor.nano <= 0 || !is_digest(what))
        return m;
    memcpy(anchor.what, what, sizeof anchor.what);
    while ((line = next_line(&p))) {
        char *digest = strchr(line, ' ');
        if (!digest)
            return m;
        *digest++ = '\0';
        if (!docker_is_id(line) || !is_digest(digest))
            return m;
        VEC_PUSH(a, &m->old, ((struct proof){line, digest}));
    }
    if (m->old.n)
        qsort(m->old.v, m->old.n, sizeof *m->old.v, proof_cmp);
    m->anchor = anchor;
    return m;
}

/* --- events ------------------------------------------------------------------------------------------------------------------
 */

static void note_change(struct docker_memo *m, const char *id)
{
    if (id)
        VEC_PUSH(m->arena, &m->changed, arena_strdup(m->arena, id));
}

static int on_event(void *ctx, json_t *item, struct err *e)
{
    struct docker_memo *m = ctx;
    const json_t *actor = json_object_get(item, "Actor"), *nano = json_object_get(item, "timeNano");
    const char *type = engine_text(item, "Type"), *action = engine_text(item, "Action"), *id = engine_text(actor, "ID");
    if (!type || !action || !id || !json_is_integer(nano))
        return err_set(e, ERR_INPUT, 0, "an event lacks its type, action, time or actor");
    BUF_AUTO b = BUF_INIT(65536);
    buf_printf(&b, "%s\n%s\n%s\n", type, action, id);
    struct anchor at = {.nano = json_integer_value(nano)};
    digest_sha256_hex(buf_str(&b), b.n, at.what);
    bool is_anchor = at.nano == m->anchor.nano && strcmp(at.what, m->anchor.what) == 0;
    m->anchored |= is_anchor;
    if (at.nano >= m->next.nano)
        m->next = at;
    if (is_anchor)
        return 0;
    if (strcmp(type, "container") == 0 && (strcmp(action, "update") == 0 || strcmp(action, "rename") == 0))
        note_change(m, id);
    else if (strcmp(type, "network") == 0)
        note_change(m, engine_text(json_object_get(actor, "Attributes"), "container"));
    return 0;
}

int docker_memo_prove(struct docker_memo *m, struct docker *dk, struct arena *a, int64_t now_ms, int64_t elapsed_ms,
                      const struct deadline *d, struct err *e)
{
    int64_t clock_ms = engine_clock_ms(dk->en), behind = clock_ms - now_ms;
    /* An `until` that is still to come would be waited for, and one long past would leave out what happened since. */
    if (now_ms <= 0 || clock_ms < 0 || behind <= -1000 || behind > elapsed_ms + CLOCK_SKEW_MS || !engine_is_docker(dk->en))
        return 0;
    if (m->anchor.nano > now_ms * 1000000)
        m->anchor = (struct anchor){0};
    /* What happened within the millisecond that now_ms names belongs to what is known now. */
    now_ms++;
    const char *path = arena_printf(a, "/events?since=%" PRId64 ".%09" PRId64 "&until=%" PRId64 ".%03" PRId64,
                                    m->anchor.nano / 1000000000, m->anchor.nano % 1000000000, now_ms / 1000, now_ms % 1000);
    struct err why;
    m->arena = a;
    if (engine_list(dk->en, path, ENGINE_LINES, on_event, m, d, &why) < 0) {
        m->next = (struct anchor){0};
        if (why.class != ERR_UNAVAILABLE && why.class != ERR_TIMEOUT && why.class != ERR_CANCELLED)
            return 0;
        *e = why;
        return -1;
    }
    m->proving = m->anchor.nano && m->anchored;
    return 0;
}

/* --- proofs ------------------------------------------------------------------------------------------------------------------
 */

bool docker_memo_proves(const struct docker_memo *m, const char *id, const char *digest)
{
    if (!m->proving || m->old.n == 0)
        return false;
    const struct proof key = {.id = id}, *p = bsearch(&key, m->old.v, m->old.n, sizeof key, proof_cmp);
    if (!p || strcmp(p->digest, digest) != 0)
        return false;
    for (size_t i = 0; i < m->changed.n; i++)
        if (strcmp(m->changed.v[i], id) == 0)
            return false;
    return true;
}

void docker_memo_keep(struct docker_memo *m, struct arena *a, const char *id, const char *digest)
{
    VEC_PUSH(a, &m->keep, ((struct proof){id, digest}));
}

const char *docker_memo_write(const struct docker_memo *m, struct arena *a)
{
    if (m->next.nano <= 0)
        return NULL;
    BUF_AUTO b = BUF_INIT(MEMO_MAX - 1);
    buf_printf(&b, MEMO_HEAD "\n%" PRId64 " %s\n", m->next.nano, m->next.what);
    for (size_t i = 0; i < m->keep.n; i++)
        buf_printf(&b, "%s %s\n", m->keep.v[i].id, m->keep.v[i].digest);
    return b.full ? NULL : arena_strdup(a, buf_str(&b));
}

const char *docker_memo_digest(struct arena *a, struct fields f)
{
    BUF_AUTO b = BUF_INIT(64u << 20);
    for (size_t i = 0; i < f.n; i++) {
        buf_puts(&b, f.v[i].name);
        buf_putc(&b, '\0');
        buf_puts(&b, f.v[i].value);
        buf_putc(&b, '\0');
    }
    /* The values may be secret. */
    char *hex = digest_sha256(a, buf_str(&b), b.n);
    buf_wipe(&b);
    return hex;
}
