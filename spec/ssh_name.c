#include "spec/ssh_name.h"

#include "spec/base/num.h"
#include "spec/base/text.h"

#include <string.h>

bool ssh_is_plain(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0xFFFD;
        len = utf8_decode(s + i, n - i, &cp);
        len = len > 0 ? len : 1;
        if (cp < 0x20 || cp == 0x7f || js_is_space(cp))
            return false;
    }
    return true;
}

static bool has_shell_signs(const char *s)
{
    return s[strcspn(s, "'`\"$\\;&<>|(){}*?")] != '\0';
}

const char *ssh_user_refuse(const char *user)
{
    return *user == '\0' || *user == '-' || !ssh_is_plain(user) || has_shell_signs(user)
               ? "the user has characters that no user's name has"
               : NULL;
}

const char *ssh_host_refuse(const char *host)
{
    if (strpbrk(host, ":[]") != NULL)
        return "an IPv6 address is written in brackets and with a port, [fe80::1]:22";
    if (strchr(host, '@') != NULL)
        return "it has more than one '@'";
    if (*host == '\0' || *host == '-' || !ssh_is_plain(host) || has_shell_signs(host) || strpbrk(host, "/%#") != NULL)
        return "the host has characters that no host's name has";
    return NULL;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_ipv4(const char *s, size_t n)
{
    size_t dots = 0, digits = 0, value = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.') {
            if (digits == 0)
                return false;
            dots++;
            digits = value = 0;
        } else {
            value = value * 10 + (size_t)(s[i] - '0');
            if (s[i] < '0' || s[i] > '9' || ++digits > 3 || value > 255)
                return false;
        }
    }
    return dots == 3 && digits > 0;
}

/* RFC 4291, 2.2: eight groups of at most four hex digits; one run of them may be "::"; the last two may be IPv4. */
static bool is_ipv6(const char *s, size_t n)
{
    size_t groups = 0, i = 0;
    bool cut = n >= 2 && s[0] == ':' && s[1] == ':';
    i = cut ? 2 : 0;
    while (i < n) {
        size_t len = 0;
        while (i + len < n && is_hex(s[i + len]))
            len++;
        if (i + len < n && s[i + len] == '.') {
            groups += 2;
            return is_ipv4(s + i, n - i) && (cut ? groups <= 7 : groups == 8);
        }
        if (len == 0 || len > 4)
            return false;
        groups++;
        i += len;
        if (i == n)
            break;
        if (s[i++] != ':' || i == n)
            return false;
        if (s[i] == ':') {
            if (cut)
                return false;
            cut = true;
            i++;
        }
    }
    return cut ? groups <= 7 : groups == 8;
}

/* An IPv6 address with or without a zone, in lower case; NULL: it is none. */
static char *ipv6(struct arena *a, const char *s)
{
    size_t n = strcspn(s, "%");
    const char *zone = s[n] != '\0' ? s + n + 1 : NULL;
    if (!is_ipv6(s, n) ||
        (zone != NULL && (*zone == '\0' || strpbrk(zone, "%/:@[]#") != NULL || has_shell_signs(zone) || !ssh_is_plain(zone))))
        return NULL;
    char *address = js_lower_n(a, s, n);
    return zone != NULL ? arena_printf(a, "%s%%%s", address, zone) : address;
}

char *ssh_bracketed(struct arena *a, const char *host)
{
    size_t n = strlen(host);
    return n > 2 && host[0] == '[' && host[n - 1] == ']' ? ipv6(a, arena_memdup0(a, host + 1, n - 2)) : NULL;
}

int ssh_name_read(struct arena *a, const char *text, struct ssh_name *ret, struct err *e)
{
    const char *shown = text_escaped(a, text), *s = js_trim(a, text);
    struct ssh_name n = {0};
    uint64_t port = 0;
    if (text_has_prefix(s, "ssh://"))
        return err_set(e, ERR_CONFIG, 0, "'%s' is no target: write user@host:port, without ssh://", shown);
    const char *at = strrchr(s, '@');
    if (at != NULL)
        n.user = arena_memdup0(a, s, (size_t)(at - s));
    const char *rest = at != NULL ? at + 1 : s;
    const char *colon = *rest == '[' ? strstr(rest, "]:") : strchr(rest, ':');
    n.host = ipv6(a, rest);
    if (n.host == NULL && colon != NULL) {
        colon += *rest == '[';
        if (!num_parse_u64(colon + 1, &port) || port == 0 || port > SSH_MAX_PORT)
            return err_set(e, ERR_CONFIG, 0, "'%s': a port is a number from 1 to %d", shown, SSH_MAX_PORT);
        rest = arena_memdup0(a, rest, (size_t)(colon - rest));
    }
    if (n.host == NULL)
        n.host = ssh_bracketed(a, rest);
    const char *why = n.host == NULL ? ssh_host_refuse(rest) : NULL;
    if (why == NULL && n.user != NULL)
        why = ssh_user_refuse(n.user);
    if (why != NULL)
        return err_set(e, ERR_CONFIG, 0, "'%s': %s", shown, why);
    n.host = n.host != NULL ? n.host : rest;
    n.port = (int)port;
    *ret = n;
    return 0;
}

char *ssh_name_endpoint(struct arena *a, const struct ssh_name *n)
{
    bool v6 = strchr(n->host, ':') != NULL;
    return arena_printf(a, "ssh://%s%s%s%s%s%s", n->user != NULL ? n->user : "", n->user != NULL ? "@" : "", v6 ? "[" : "",
                        n->host, v6 ? "]" : "", n->port > 0 ? arena_printf(a, ":%d", n->port) : "");
}
