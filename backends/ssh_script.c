#include "backends/ssh_script.h"

#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Reads the script up to a line that is $1, and runs it only when all of it has come: a script that was cut must not do a part of
 * its work. The loop reads byte by byte, as `read` must, so that what follows is left to the script. A newline comes from IFS,
 * which no shell takes from its environment: within the quotes not every login shell takes one, and $(printf) costs a process. */
#define READ_SCRIPT "n=${IFS#??};t=;g=;while IFS= read -r l;do case $l in \"$1\")g=1;break;;esac;t=$t$l$n;done;"
#define BOOT        "exec /bin/sh -c '" READ_SCRIPT "[ $g ]&&eval \"$t\"' reconclaw %s"
#define BOOT_TTY    "exec /bin/sh -c 's=$(stty -g);stty raw -echo;" READ_SCRIPT "stty \"$s\";[ $g ]&&eval \"$t\"' reconclaw %s"

static const char prelude[] = "LC_ALL=C;export LC_ALL;umask 077\n"
                              "out(){ C=$((C+1));printf '%s\\n' \"$*\";}\n"
                              "end(){ printf '\\n%s > %s %s\\n' \"$N\" \"$1\" \"$C\";exit \"$1\";}\n"
                              "fail(){ out \"!$*\";end 1;}\n"
                              "C=0;printf '\\n%s < %s\\n' \"$N\" \"$$\"\n";

void ssh_quote(struct buf *b, const char *word)
{
    buf_putc(b, '\'');
    for (const char *p = word; *p; p++)
        if (*p == '\'')
            buf_puts(b, "'\"'\"'");
        else
            buf_putc(b, *p);
    buf_putc(b, '\'');
}

void ssh_word(char out[SSH_WORD])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char r[(SSH_WORD - 1) / 2];
    if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
        abort();
    for (size_t i = 0; i < sizeof r; i++) {
        out[2 * i] = hex[r[i] >> 4];
        out[2 * i + 1] = hex[r[i] & 15];
    }
    out[SSH_WORD - 1] = '\0';
}

/* --- replies -----------------------------------------------------------------------------------------------------------------
 */

static int cut(struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "the reply is cut or not one of ours");
}

/* "WORD > STATUS LINES" */
static bool is_end(const char *line, const char *word, int *ret_status, uint64_t *ret_lines)
{
    char digits[2][24];
    size_t word_n = strlen(word);
    if (strncmp(line, word, word_n) != 0 || strncmp(line + word_n, " > ", 3) != 0)
        return false;
    const char *p = line + word_n + 3;
    for (int i = 0; i < 2; i++) {
        size_t n = strspn(p, "0123456789");
        if (n == 0 || n >= sizeof digits[i])
            return false;
        memcpy(digits[i], p, n);
        digits[i][n] = '\0';
        p += n;
        if (*p != (i == 0 ? ' ' : '\0'))
            return false;
        p += i == 0;
    }
    uint64_t status;
    if (!num_parse_u64(digits[0], &status) || status > 255 || !num_parse_u64(digits[1], ret_lines))
        return false;
    *ret_status = (int)status;
    return true;
}

int ssh_reply_decode(struct arena *a, const char *word, const char *bytes, size_t n, struct ssh_reply *ret, struct err *e)
{
    VEC(const char *) lines = {0};
    const char *begin = arena_printf(a, "\n%s < ", word);
    const char *text = memchr(bytes, '\0', n) ? NULL : arena_memdup0(a, bytes, n); /* no script of ours writes a NUL */
    const char *p = text ? strstr(text, begin) : NULL;
    if (!p || !(p = strchr(p + 1, '\n')))
        return cut(e);
    for (p++; *p;) {
        const char *nl = strchr(p, '\n');
        if (!nl)
            return cut(e);
        const char *line = arena_memdup0(a, p, (size_t)(nl - p));
        uint64_t count = 0;
        int status = 0;
        if (is_end(line, word, &status, &count)) {
            /* The end begins with an empty line of its own. */
            if (lines.n == 0 || lines.v[lines.n - 1][0] || lines.n - 1 != count || nl[1])
                return cut(e);
            *ret = (struct ssh_reply){.lines = lines.v, .n = lines.n - 1, .status = status, .complaint = ""};
            return 0;
        }
        VEC_PUSH(a, &lines, line);
        p = nl + 1;
    }
    return cut(e);
}

const char *ssh_reply_failure(const struct ssh_reply *r, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < r->n; i++)
        if (r->lines[i][0] == '!' && strncmp(r->lines[i] + 1, word, n) == 0 && (r->lines[i][n + 1] == ' ' || !r->lines[i][n + 1]))
            return r->lines[i] + n + 1 + (r->lines[i][n + 1] == ' ');
    return NULL;
}

/* --- calls -------------------------------------------------------------------------------------------------------------------
 */

/* Looks for the line that begins a reply, in what comes piece by piece. */
struct finder {
    char begin[SSH_WORD + 4]; /* "\nWORD < " */
    struct buf seen;
    bool found;
    int group;
};

/* Once found: how much of the bytes seen belongs to the line and what is before it; 0: not yet. */
static size_t find_begin(struct finder *f, const char *p, size_t n)
{
    uint64_t group = 0;
    buf_put(&f->seen, p, n);
    const char *at = f->seen.s ? memmem(f->seen.s, f->seen.n, f->begin, strlen(f->begin)) : NULL;
    if (!at)
        return 0;
    const char *digits = at + strlen(f->begin), *nl = memchr(digits, '\n', f->seen.n - (size_t)(digits - f->seen.s));
    if (!nl)
        return 0;
    for (const char *d = digits; d < nl && *d >= '0' && *d <= '9' && group < 100000000; d++)
        group = group * 10 + (uint64_t)(*d - '0');
    f->group = (int)group;
    f->found = true;
    return (size_t)(nl + 1 - f->seen.s);
}

static void begin_of(struct finder *f, const char *word, size_t max)
{
    *f = (struct finder){.seen = BUF_INIT(max)};
    BUF_AUTO b = BUF_INIT(sizeof f->begin);
    buf_printf(&b, "\n%s < ", word);
    memcpy(f->begin, buf_str(&b), b.n + 1);
}

struct collecting {
    struct finder out;
    struct buf err;
};

static int collect(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    struct collecting *x = ctx;
    if (stream == 2) {
        size_t room = x->err.max - x->err.n;
        buf_put(&x->err, p, n < room ? n : room);
        return 0;
    }
    if (x->out.found)
        buf_put(&x->out.seen, p, n);
    else
        (void)find_begin(&x->out, p, n);
    if (x->out.seen.full)
        return err_set(e, ERR_INPUT, 0, "the reply is longer than %zu bytes", x->out.seen.max);
    return 0;
}

static const char *last_lines(struct arena *a, const struct buf *b)
{
    size_t n = b->n;
    while (n > 0 && (b->s[n - 1] == '\n' || b->s[n - 1] == '\r'))
        n--;
    size_t from = n > SSH_COMPLAINT ? n - SSH_COMPLAINT : 0;
    return n > 0 ? arena_memdup0(a, b->s + from, n - from) : "";
}

int ssh_script_run(struct ssh_link *s, struct arena *a, const struct ssh_script *script, const struct deadline *d,
                   struct ssh_reply *ret, struct err *e)
{
    char stop[SSH_WORD], word[SSH_WORD], command[512];
    struct collecting x = {.err = BUF_INIT(65536)};
    struct buf text = BUF_INIT(16u << 20);
    int status = 0;
    ssh_word(stop);
    ssh_word(word);
    begin_of(&x.out, word, SSH_REPLY_BYTES);
    buf_printf(&text, "N=%s\n%s", word, prelude);
    if (script->args) {
        buf_puts(&text, "set --");
        for (const char *const *p = script->args; *p; p++) {
            buf_putc(&text, ' ');
            ssh_quote(&text, *p);
        }
        buf_putc(&text, '\n');
    }
    buf_printf(&text, "%s\nend 0\n%s\n", script->body, stop);
    (void)snprintf(command, sizeof command, BOOT, stop);
    struct ssh_run run = {.command = command,
                          .head = buf_str(&text),
                          .n_head = text.n,
                          .feed = script->feed,
                          .feed_ctx = script->feed_ctx,
                          .fd_in = -1,
                          .fd_tty = -1,
                          .sink = collect,
                          .sink_ctx = &x,
                          .group = &x.out.group};
    int r = text.full ? err_set(e, ERR_INPUT, 0, "the script is too long") : ssh_link_run(s, &run, d, &status, e);
    if (r == 0) {
        const char *complaint = last_lines(a, &x.err);
        r = ssh_reply_decode(a, word, buf_str(&x.out.seen), x.out.seen.n, ret, e);
        if (r == 0)
            ret->complaint = complaint;
        else
            (void)err_set(e, ERR_UNAVAILABLE, status, "no whole reply (exit status %d)%s%s", status, complaint[0] ? ": " : "",
                          complaint);
    }
    buf_wipe(&text);
    buf_free(&x.out.seen);
    buf_free(&x.err);
    return r < 0 ? err_wrap(e, "%s", script->what) : 0;
}

/* --- commands of the owner -----------------------------------------------------------------------------------------------------
 */

struct passing {
    const struct ssh_command *c;
    const struct deadline *d;
    struct finder out, err;
    struct buf refused; /* "WORD ! why" */
};

static int give(struct passing *x, int stream, const char *p, size_t n, struct err *e)
{
    if (x->c->sink)
        return x->c->sink(x->c->sink_ctx, stream, p, n, e);
    if (x->c->output) {
        size_t room = x->c->output->max - x->c->output->n;
        buf_put(x->c->output, p, n < room ? n : room);
        return 0;
    }
    int fd = stream == 2 ? x->c->fd_err : x->c->fd_out, ms;
    while (fd >= 0 && n > 0) {
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};
        if (deadline_slice(x->d, "writing the command's output", &ms, e) < 0)
            return -1;
        if (poll(&pfd, 1, ms) <= 0)
            continue;
        ssize_t put = write(fd, p, n < 4096 ? n : 4096); /* a pipe that is writable takes this much at once */
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "writing the command's output");
        p += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* What start-up files print comes before the line that begins, and goes no further. */
static int pass(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    struct passing *x = ctx;
    struct finder *f = stream == 2 && !x->c->tty ? &x->err : &x->out;
    if (f->found)
        return give(x, stream, p, n, e);
    size_t used = find_begin(f, p, n);
    if (f->seen.full)
        return err_set(e, ERR_INPUT, 0, "the start-up files over there print without end");
    return used > 0 && f->seen.n > used ? give(x, stream, f->seen.s + used, f->seen.n - used, e) : 0;
}

static void command_text(struct buf *b, const struct ssh_command *c, const char *word)
{
    buf_printf(b, "N=%s\nno(){ printf '\\n%%s ! %%s\\n' \"$N\" \"$1\";exit 125;}\nR=", word);
    ssh_quote(b, c->root);
    buf_puts(b, "\nif [ ! -d \"$R\" ];then a=$R;while [ ! -e \"$a\" ]&&[ \"$a\" ];do a=${a%/*};done\n"
                "[ ! -d \"${a:-/}\" ]||[ -x \"${a:-/}\" ]||no hidden;no absent;fi\n");
    if (c->proof)
        buf_printf(b, "%s||no absent\n", c->proof);
    buf_puts(b, "{ cd \"$R\"&&cd ");
    ssh_quote(b, c->workdir);
    buf_puts(b, ";}||no nodir\n");
    for (size_t i = 0; node_is(c->env, NODE_OBJECT) && i < c->env->n_members; i++) {
        const char *value = node_str(c->env->members[i].value);
        if (!value)
            continue;
        buf_printf(b, "export %s=", c->env->members[i].key);
        ssh_quote(b, value);
        buf_putc(b, '\n');
    }
    buf_puts(b, "printf '\\n%s < %s\\n' \"$N\" \"$$\"\n");
    if (!c->tty)
        buf_puts(b, "printf '\\n%s < \\n' \"$N\" >&2\n");
    buf_puts(b, "unset N R a t l n g s\nexec");
    for (const char *const *p = c->argv; *p; p++) {
        buf_putc(b, ' ');
        ssh_quote(b, *p);
    }
    buf_putc(b, '\n');
}

static int not_begun(const struct ssh_command *c, const struct passing *x, const char *word, int status, struct err *e)
{
    static const struct {
        const char *why;
        enum err_class class;
        const char *text;
    } rows[] = {{"absent", ERR_NOT_FOUND, "there is no such directory"},
                {"hidden", ERR_UNAVAILABLE, "the directory cannot be looked into"},
                {"nodir", ERR_REFUSED, "the working directory cannot be entered"}};
    BUF_AUTO mark = BUF_INIT(128);
    for (size_t i = 0; x->out.seen.s && i < sizeof rows / sizeof *rows; i++) {
        buf_clear(&mark);
        buf_printf(&mark, "\n%s ! %s", word, rows[i].why);
        if (memmem(x->out.seen.s, x->out.seen.n, buf_str(&mark), mark.n))
            return err_set(e, rows[i].class, 0, "%s: %s", i == 2 ? c->workdir : c->root, rows[i].text);
    }
    return err_set(e, ERR_UNAVAILABLE, status, "the command was not begun (exit status %d)", status);
}

int ssh_command_run(struct ssh_link *s, const struct ssh_command *c, const struct deadline *d, int *ret_status, struct err *e)
{
    char stop[SSH_WORD], word[SSH_WORD], boot[512];
    struct passing x = {.c = c, .d = d};
    struct buf text = BUF_INIT(16u << 20);
    int status = 0;
    ssh_word(stop);
    ssh_word(word);
    begin_of(&x.out, word, 1u << 20);
    begin_of(&x.err, word, 1u << 20);
    command_text(&text, c, word);
    buf_printf(&text, "%s\n", stop);
    (void)snprintf(boot, sizeof boot, c->tty ? BOOT_TTY : BOOT, stop);
    struct ssh_run run = {.command = boot,
                          .head = buf_str(&text),
                          .n_head = text.n,
                          .fd_in = c->fd_in,
                          .tty = c->tty,
                          .fd_tty = c->tty ? c->fd_out : -1,
                          .sink = pass,
                          .sink_ctx = &x,
                          .group = &x.out.group};
    int r = text.full ? err_set(e, ERR_INPUT, 0, "the command is too long") : ssh_link_run(s, &run, d, &status, e);
    if (r == 0 && !x.out.found)
        r = not_begun(c, &x, word, status, e);
    if (r == 0)
        *ret_status = status;
    buf_wipe(&text);
    buf_free(&x.out.seen);
    buf_free(&x.err.seen);
    return r;
}
