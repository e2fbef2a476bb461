#include "backends/ssh_known.h"

#include "backends/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what is known -----------------------------------------------------------------------------------------------------------
 */

void ssh_known_revoked(struct buf *b, const char *text, size_t n)
{
    static const char mark[] = "@revoked";
    for (size_t at = 0; at < n;) {
        const char *line = text + at, *nl = memchr(line, '\n', n - at);
        size_t len = nl ? (size_t)(nl - line) : n - at, i = 0, from = 0, words = 0;
        at += len + 1;
        while (i < len && (line[i] == ' ' || line[i] == '\t'))
            i++;
        if (len - i < sizeof mark || memcmp(line + i, mark, sizeof mark - 1) != 0 || !strchr(" \t", line[i + sizeof mark - 1]))
            continue;
        while (i < len && words < 4) { /* @revoked hosts type key */
            while (i < len && (line[i] == ' ' || line[i] == '\t'))
                i++;
            from = i;
            while (i < len && line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
                i++;
            words += i > from;
            if (i < len && line[i] == '\r')
                break;
        }
        if (words == 4) {
            buf_putc(b, '\n');
            buf_put(b, line + from, i - from);
            buf_putc(b, '\n');
        }
    }
}

/* A file that is not there adds nothing; one that cannot be read is an error, since it may have said no. */
static int add_file(struct buf *b, const char *path, struct err *e)
{
    char bytes[16384];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && !b->full && (n = read(fd, bytes, sizeof bytes)) > 0)
        buf_put(b, bytes, (size_t)n);
    int sys = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return err_sys(e, ERR_UNAVAILABLE, sys, "reading known hosts %s", path);
    buf_putc(b, '\n');
    return 0;
}

int ssh_known_load(struct arena *a, const struct ssh_settings *s, const struct ssh_target *t, const char *pins,
                   const struct buf *memory, struct ssh_known *ret, struct err *e)
{
    BUF_AUTO text = BUF_INIT(SSH_KNOWN_BYTES);
    struct ssh_known k = {.fd = -1, .accept_new = !t->strict, .revoked = BUF_INIT(SSH_KNOWN_BYTES)};
    if (s->known_hosts_data) {
        buf_puts(&text, s->known_hosts_data);
        buf_putc(&text, '\n');
    }
    for (size_t i = 0; i < t->n_known_files; i++)
        if (add_file(&text, t->known_files[i], e) < 0)
            return -1;
    if (k.accept_new) {
        k.pins = pins;
        if (memory->n > 0)
            buf_put(&text, memory->s, memory->n);
        if (pins && add_file(&text, pins, e) < 0) {
            ssh_known_free(&k);
            return -1;
        }
    }
    if (text.full) {
        ssh_known_free(&k);
        return err_set(e, ERR_UNAVAILABLE, 0, "known hosts: more than %u bytes", SSH_KNOWN_BYTES);
    }
    ssh_known_revoked(&k.revoked, buf_str(&text), text.n);
    k.fd = proc_memfd("known_hosts", buf_str(&text), text.n, e);
    if (k.fd < 0) {
        ssh_known_free(&k);
        return -1;
    }
    (void)snprintf(k.path, sizeof k.path, "/proc/self/fd/%d", k.fd);
    *ret = k;
    return 0;
}

void ssh_known_free(struct ssh_known *k)
{
    if (k->fd >= 0)
        close(k->fd);
    buf_free(&k->revoked);
    k->fd = -1;
}

/* --- the check ---------------------------------------------------------------------------------------------------------------
 */

static int fingerprint(struct arena *a, ssh_session session, const char **ret_print, const char **ret_base64,
                       const char **ret_type, struct err *e)
{
    ssh_key key = NULL;
    unsigned char *hash = NULL;
    size_t n = 0;
    char *base64 = NULL, *print = NULL;
    if (ssh_get_server_publickey(session, &key) != SSH_OK)
        return err_set(e, ERR_UNAVAILABLE, 0, "the server gave no host key");
    if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &n) == 0) {
        print = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, n);
        ssh_clean_pubkey_hash(&hash);
    }
    (void)ssh_pki_export_pubkey_base64(key, &base64);
    *ret_type = arena_strdup(a, ssh_key_type_to_char(ssh_key_type(key)));
    *ret_print = arena_strdup(a, print ? print : "");
    *ret_base64 = arena_strdup(a, base64 ? base64 : "");
    ssh_string_free_char(print);
    ssh_string_free_char(base64);
    ssh_key_free(key);
    return 0;
}

/* The name of the host as known_hosts(5) has it. */
static const char *entry_name(struct arena *a, const struct ssh_target *t)
{
    return t->known_port == 22 ? t->known_as : arena_printf(a, "[%s]:%d", t->known_as, t->known_port);
}

static const char *remedy_file(const struct ssh_settings *s, const struct ssh_target *t)
{
    return s->known_hosts_data ? "knownHostsData" : t->n_known_files > 0 ? t->known_files[0] : "known_hosts";
}

/* Others may be pinning the same host at this moment: the first one's key stays. */
static int append_pin(struct ssh_known *k, const struct ssh_target *t, struct arena *a, const char *line,
                      const struct deadline *d, struct err *e)
{
    int fd = open(k->pins, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600), r = -1;
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "opening our own known hosts %s", k->pins);
    BUF_AUTO now = BUF_INIT(SSH_KNOWN_BYTES);
    buf_putc(&now, '\n');
    while (flock(fd, LOCK_EX | LOCK_NB) < 0)
        if (deadline_pause(d, "waiting for our own known hosts", 20, e) < 0)
            goto out;
    if (add_file(&now, k->pins, e) < 0)
        goto out;
    if (strstr(buf_str(&now), arena_printf(a, "\n%s ", entry_name(a, t)))) {
        r = strstr(buf_str(&now), arena_printf(a, "\n%s", line)) ? 0 : 1;
        goto out;
    }
    size_t n = strlen(line);
    ssize_t put = write(fd, line, n);
    r = put == (ssize_t)n && fsync(fd) == 0
            ? 0
            : err_sys(e, ERR_IO, put < 0 || put == (ssize_t)n ? errno : ENOSPC, "pinning the host key in %s", k->pins);
out:
    close(fd);
    return r;
}

/* 1: another key was pinned meanwhile. */
static int pin(struct arena *a, struct ssh_known *k, const struct ssh_target *t, ssh_session session, struct buf *memory,
               const struct deadline *d, struct err *e)
{
    char *text = NULL;
    if (ssh_session_export_known_hosts_entry(session, &text) != SSH_OK || !text)
        return err_set(e, ERR_IO, 0, "pinning the host key: %s", ssh_get_error(session));
    const char *line = arena_strdup(a, text);
    ssh_string_free_char(text);
    int r = k->pins ? append_pin(k, t, a, line, d, e) : 0;
    if (r == 0)
        buf_puts(memory, line);
    return r;
}

static int changed(struct arena *a, const struct ssh_known *k, const struct ssh_settings *s, const struct ssh_target *t,
                   const char *type, const char *print, struct err *e)
{
    const char *file = k->accept_new && k->pins ? k->pins : remedy_file(s, t);
    return err_set(
        e, ERR_UNAVAILABLE, 0,
        "host key verification failed: the key of %s HAS CHANGED: it is now %s %s. Either another machine answers "
        "there, or the host was made anew; if that is so: ssh-keygen -R '%s' -f '%s', then ssh-keyscan -p %d %s >> '%s'",
        entry_name(a, t), type, print, entry_name(a, t), file, t->port, t->host, file);
}

int ssh_known_check(struct arena *a, struct ssh_known *k, const struct ssh_settings *s, const struct ssh_target *t,
                    ssh_session session, struct buf *memory, const struct deadline *d, const char **ret_fingerprint,
                    struct err *e)
{
    const char *print, *base64, *type;
    if (fingerprint(a, session, &print, &base64, &type, e) < 0)
        return -1;
    if (strstr(buf_str(&k->revoked), arena_printf(a, "\n%s\n", base64)))
        return err_set(e, ERR_UNAVAILABLE, 0, "host key verification failed: the key of %s (%s %s) is marked as revoked in %s",
                       entry_name(a, t), type, print, remedy_file(s, t));
    int r = 0;
    switch (ssh_session_is_known_server(session)) {
    case SSH_KNOWN_HOSTS_OK:
        break;
    case SSH_KNOWN_HOSTS_CHANGED:
    case SSH_KNOWN_HOSTS_OTHER:
        r = 1;
        break;
    case SSH_KNOWN_HOSTS_UNKNOWN:
    case SSH_KNOWN_HOSTS_NOT_FOUND:
        if (!k->accept_new)
            return err_set(e, ERR_UNAVAILABLE, 0,
                           "host key verification failed: the key of %s (%s %s) is not known; compare it with the host's, then: "
                           "ssh-keyscan -p %d %s >> '%s'",
                           entry_name(a, t), type, print, t->port, t->host, remedy_file(s, t));
        r = pin(a, k, t, session, memory, d, e);
        break;
    case SSH_KNOWN_HOSTS_ERROR:
        return err_set(e, ERR_UNAVAILABLE, 0, "host key verification failed: %s", ssh_get_error(session));
    }
    if (r > 0)
        return changed(a, k, s, t, type, print, e);
    if (r == 0)
        *ret_fingerprint = print;
    return r;
}
