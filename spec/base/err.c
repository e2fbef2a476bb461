#include "spec/base/err.h"

#include "spec/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Cuts at a character's boundary and says so. */
static void err_store(struct err *e, const struct buf *text)
{
    size_t room = sizeof e->msg - 1, n = text->n;

    if (n > room) {
        n = room - 3;
        while (n > 0 && ((unsigned char)text->s[n] & 0xc0) == 0x80)
            n--;
    }
    if (n > 0)
        memcpy(e->msg, text->s, n);
    if (n < text->n)
        memcpy(e->msg + n, "...", 4);
    else
        e->msg[n] = '\0';
}

__attribute__((format(printf, 2, 0))) static void err_format(struct buf *out, const char *fmt, va_list ap)
{
    BUF_AUTO raw = BUF_INIT(64u << 10);

    buf_vprintf(&raw, fmt, ap);
    text_escape(out, buf_str(&raw), raw.n);
}

int(err_set)(struct err *e, enum err_class class, int sys, const char *fmt, ...)
{
    BUF_AUTO text = BUF_INIT(256u << 10);
    va_list ap;

    va_start(ap, fmt);
    err_format(&text, fmt, ap);
    va_end(ap);
    e->class = class;
    e->sys = sys;
    err_store(e, &text);
    return -1;
}

int(err_sys)(struct err *e, enum err_class class, int sys, const char *fmt, ...)
{
    BUF_AUTO text = BUF_INIT(256u << 10);
    char reason[128];
    va_list ap;

    va_start(ap, fmt);
    err_format(&text, fmt, ap);
    va_end(ap);
    buf_printf(&text, ": %s", strerror_r(sys, reason, sizeof reason));
    e->class = class;
    e->sys = sys;
    err_store(e, &text);
    return -1;
}

int(err_wrap)(struct err *e, const char *fmt, ...)
{
    BUF_AUTO text = BUF_INIT(256u << 10);
    va_list ap;

    va_start(ap, fmt);
    err_format(&text, fmt, ap);
    va_end(ap);
    buf_printf(&text, ": %s", e->msg);
    err_store(e, &text);
    return -1;
}

static const struct {
    const char *name;
    int exit_code;
    bool transient;
} classes[ERR_CLASS_COUNT] = {
    [ERR_NONE] = {"none", 0, false},
    [ERR_USAGE] = {"usage", 64, false},
    [ERR_CONFIG] = {"config", 78, false},
    [ERR_INPUT] = {"input", 1, false},
    [ERR_NOT_FOUND] = {"not-found", 1, false},
    [ERR_CONFLICT] = {"conflict", 1, true},
    [ERR_BUSY] = {"busy", 1, true},
    [ERR_REFUSED] = {"refused", 3, false},
    [ERR_UNSUPPORTED] = {"unsupported", 1, false},
    [ERR_TIMEOUT] = {"timeout", 1, true},
    [ERR_UNAVAILABLE] = {"unavailable", 1, true},
    [ERR_IO] = {"io", 1, false},
    [ERR_CANCELLED] = {"cancelled", 1, false},
    [ERR_INTERNAL] = {"internal", 1, true},
};

const char *err_class_name(enum err_class class)
{
    return classes[class].name;
}

bool err_is_transient(enum err_class class)
{
    return classes[class].transient;
}

int err_exit_code(enum err_class class)
{
    return classes[class].exit_code;
}

enum err_class err_class_of_errno(int sys)
{
    switch (sys) {
    case 0:
        return ERR_NONE;
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_CONFLICT;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
        return ERR_BUSY;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENETUNREACH:
    case EHOSTUNREACH:
        return ERR_UNAVAILABLE;
    case ECANCELED:
        return ERR_CANCELLED;
    default:
        return ERR_IO;
    }
}
