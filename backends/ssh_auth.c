#include "backends/ssh_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES (256u << 10) /* of one identity or certificate */

/* --- an agent that does not answer -------------------------------------------------------------------------------------------
 */

/* libssh waits for an agent without end, be it hung or waiting for its owner to touch a key. This cuts it off in time. */
struct watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    const struct deadline *d;
    int fd; /* a duplicate: still ours when libssh has closed its own */
    bool done, running;
};

static void *watch(void *arg)
{
    struct watchdog *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->done && deadline_state(w->d) == ERR_NONE) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += DEADLINE_SLICE_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
    }
    if (!w->done)
        (void)shutdown(w->fd, SHUT_RDWR);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void watchdog_start(struct watchdog *w, int fd, const struct deadline *d)
{
    pthread_condattr_t attr;
    *w = (struct watchdog){.d = d, .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    w->running = w->fd >= 0 && pthread_create(&w->thread, NULL, watch, w) == 0;
}

static void watchdog_end(struct watchdog *w)
{
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->running)
        pthread_join(w->thread, NULL);
    if (w->fd >= 0)
        close(w->fd);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}

/* --- keys --------------------------------------------------------------------------------------------------------------------
 */

struct trying {
    const struct ssh_settings *s;
    const struct ssh_target *t;
    ssh_session session;
    const struct deadline *d;
    struct buf tried; /* "identity /x: no; ..." */
    bool second;      /* a key was accepted, and another proof is wanted */
    struct err *e;
};

static void note(struct trying *x, const char *what, const char *name, const char *how)
{
    buf_printf(&x->tried, "%s%s%s%s: %s", x->tried.n > 0 ? "; " : "", what, name[0] ? " " : "", name, how);
}

/* Nobody is asked for a passphrase; that one was wanted is remembered. */
static int no_passphrase(const char *prompt, char *buf, size_t len, int echo, int verify, void *userdata)
{
    *(bool *)userdata = true;
    return -1;
}

/* 0, or an errno. */
static int read_secret(const char *path, struct buf *b)
{
    char bytes[4096];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    int sys = fstat(fd, &st) < 0 ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
    /* As ssh: a key that others can read is none. */
    if (sys == 0 && st.st_uid == getuid() && (st.st_mode & 077) != 0)
        sys = EPERM;
    ssize_t n = 0;
    while (sys == 0 && (n = read(fd, bytes, sizeof bytes)) > 0)
        buf_put(b, bytes, (size_t)n);
    if (n < 0)
        sys = errno;
    explicit_bzero(bytes, sizeof bytes);
    close(fd);
    return sys ? sys : b->full ? EFBIG : 0;
}

static int read_public(const char *path, struct buf *b)
{
    char bytes[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && (n = read(fd, bytes, sizeof bytes)) > 0)
        buf_put(b, bytes, (size_t)n);
    int sys = n < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return sys ? sys : b->full ? EFBIG : 0;
}

/* "ssh-ed25519-cert-v01@openssh.com AAAA... comment" */
static ssh_key certificate(const char *text)
{
    ARENA_AUTO a = arena_new();
    ssh_key cert = NULL;
    text += strspn(text, " \t\r\n");
    size_t type_n = strcspn(text, " \t\r\n");
    const char *type = arena_memdup0(a, text, type_n), *blob = text + type_n + strspn(text + type_n, " \t");
    enum ssh_keytypes_e kind = ssh_key_type_from_name(type);
    blob = arena_memdup0(a, blob, strcspn(blob, " \t\r\n"));
    if (kind == SSH_KEYTYPE_UNKNOWN || ssh_pki_import_cert_base64(blob, kind, &cert) != SSH_OK)
        return NULL;
    return cert;
}

enum outcome { AUTH_DONE, AUTH_NO, AUTH_BROKEN };

static enum outcome wait_for(struct trying *x, int (*attempt)(struct trying *x, void *ctx), void *ctx)
{
    for (;;) {
        int r = attempt(x, ctx);
        switch (r) {
        case SSH_AUTH_SUCCESS:
            return AUTH_DONE;
        case SSH_AUTH_DENIED:
            return AUTH_NO;
        case SSH_AUTH_PARTIAL:
            x->second = true;
            return AUTH_NO;
        case SSH_AUTH_AGAIN:
            if (ssh_wait(x->session, x->d, "authenticating", x->e) < 0)
                return AUTH_BROKEN;
            break;
        default:
            if (deadline_state(x->d) != ERR_NONE)
                (void)err_set(x->e, deadline_state(x->d), 0, "authenticating: no end within the time given");
            else
                (void)err_set(x->e, ERR_UNAVAILABLE, 0, "authenticating: %s", ssh_said(x->session));
            return AUTH_BROKEN;
        }
    }
}

static int offer(struct trying *x, void *ctx)
{
    return ssh_userauth_publickey(x->session, NULL, ctx);
}

static int offer_nothing(struct trying *x, void *ctx)
{
    return ssh_userauth_none(x->session, NULL);
}

static int ask_agent(struct trying *x, void *ctx)
{
    return ssh_userauth_agent(x->session, NULL);
}

static enum outcome offer_key(struct trying *x, ssh_key key, const char *name, const char *certificate_text)
{
    if (certificate_text) {
        ssh_key cert = certificate(certificate_text);
        ssh_key both = cert ? ssh_key_dup(key) : NULL;
        enum outcome r = AUTH_NO;
        if (both && ssh_pki_copy_cert_to_privkey(cert, both) == SSH_OK) {
            r = wait_for(x, offer, both);
            if (r == AUTH_NO)
                note(x, "certificate for", name, "not accepted");
        } else {
            note(x, "certificate for", name, "is no certificate that can be used");
        }
        ssh_key_free(both);
        ssh_key_free(cert);
        if (r != AUTH_NO || x->second)
            return r;
    }
    enum outcome r = wait_for(x, offer, key);
    if (r == AUTH_NO)
        note(x, "identity", name, x->second ? "accepted, but the server wants another proof too" : "not accepted");
    return r;
}

/* text: of a private key. */
static enum outcome offer_text(struct trying *x, const char *text, const char *name, const char *path)
{
    ssh_key key = NULL;
    bool locked = false;
    if (ssh_pki_import_privkey_base64(text, NULL, no_passphrase, &locked, &key) != SSH_OK || !key) {
        locked = locked || strstr(text, "ENCRYPTED") != NULL;
        note(x, "identity", name,
             locked ? "has a passphrase, and nobody can be asked (ssh-add it to an agent)"
                    : "is no private key that can be read");
        return AUTH_NO;
    }
    BUF_AUTO cert = BUF_INIT(KEY_BYTES);
    bool have = false;
    if (x->s->certificate_data) {
        buf_puts(&cert, x->s->certificate_data);
        have = true;
    } else if (x->t->n_certificates > 0) {
        int sys = read_public(x->t->certificates[0], &cert);
        have = sys == 0;
        if (sys != 0)
            note(x, "certificate", x->t->certificates[0], strerror(sys));
    } else if (path) { /* as ssh: beside the identity */
        BUF_AUTO beside = BUF_INIT(8192);
        buf_printf(&beside, "%s-cert.pub", path);
        have = read_public(buf_str(&beside), &cert) == 0;
    }
    enum outcome r = offer_key(x, key, name, have ? buf_str(&cert) : NULL);
    ssh_key_free(key);
    return r;
}

static enum outcome offer_file(struct trying *x, const char *path, bool wanted)
{
    struct buf text = BUF_INIT(KEY_BYTES);
    int sys = read_secret(path, &text);
    enum outcome r = AUTH_NO;
    if (sys == EPERM)
        note(x, "identity", path, "others than its owner can read it, so it is not used (chmod 600)");
    else if (sys != 0 && (wanted || sys != ENOENT))
        note(x, "identity", path, strerror(sys));
    else if (sys == 0)
        r = offer_text(x, buf_str(&text), path, path);
    buf_wipe(&text);
    return r;
}

static enum outcome offer_agent(struct trying *x)
{
    struct err aside;
    int fd = ssh_dial_agent(x->t->agent_socket, &aside);
    if (fd < 0) {
        note(x, "agent", x->t->agent_socket, "does not answer");
        return AUTH_NO;
    }
    struct watchdog w;
    watchdog_start(&w, fd, x->d);
    if (ssh_set_agent_socket(x->session, fd) != SSH_OK) {
        watchdog_end(&w);
        close(fd);
        return AUTH_NO;
    }
    enum outcome r = w.running ? wait_for(x, ask_agent, NULL) : AUTH_NO;
    watchdog_end(&w);
    int ms;
    if (r != AUTH_DONE && deadline_slice(x->d, "waiting for the ssh agent", &ms, x->e) < 0)
        return AUTH_BROKEN;
    if (r == AUTH_NO)
        note(x, "agent", x->t->agent_socket,
             x->second ? "accepted, but the server wants another proof too" : "none of its keys accepted");
    return r;
}

int ssh_authenticate(const struct ssh_settings *s, const struct ssh_target *t, ssh_session session, const struct deadline *d,
                     bool *ret_denied, struct err *e)
{
    struct trying x = {.s = s, .t = t, .session = session, .d = d, .tried = BUF_INIT(2048), .e = e};
    enum outcome r = AUTH_NO;
    bool own = s->identity_data || s->identity_file;
    if (s->config) /* who comes by its proxy command is let in */
        r = wait_for(&x, offer_nothing, NULL);
    if (r == AUTH_NO && s->identity_data)
        r = offer_text(&x, s->identity_data, "identityData", NULL);
    /* As ssh: an agent's keys first, and none of them where the identities are named. */
    if (r == AUTH_NO && !x.second && t->agent_socket && !t->identities_only)
        r = offer_agent(&x);
    for (size_t i = 0; r == AUTH_NO && !x.second && i < t->n_identities; i++)
        r = offer_file(&x, t->identities[i], own);
    if (r == AUTH_NO)
        (void)err_set(e, ERR_UNAVAILABLE, 0, "permission denied: %s at %s port %d accepts none of the keys (%s)", t->user,
                      t->host, t->port, x.tried.n > 0 ? buf_str(&x.tried) : "there are none");
    *ret_denied = r == AUTH_NO;
    buf_free(&x.tried);
    return r == AUTH_DONE ? 0 : -1;
}
