#include "spec/engine_ref.h"

#include "spec/base/text.h"

#include <stdint.h>
#include <string.h>

static int refuse(struct err *e, const char *s, const char *why)
{
    return err_set(e, ERR_CONFIG, 0, "'%s' %s", s, why);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* --- addresses
 * -------------------------------------------------------------------------------------------------------------------- */

/* Four numbers without leading zeros, each below 256. */
static bool parse_ipv4(const char *s, size_t n, uint8_t out[4])
{
    const char *end = s + n;
    for (int i = 0; i < 4; i++) {
        unsigned v = 0, digits = 0;
        for (; s < end && is_digit(*s) && digits < 4; s++, digits++)
            v = v * 10 + (unsigned)(*s - '0');
        if (digits == 0 || digits > 3 || v > 255 || (digits > 1 && s[-(int)digits] == '0'))
            return false;
        out[i] = (uint8_t)v;
        if (i < 3 && (s == end || *s++ != '.'))
            return false;
    }
    return s == end;
}

static int hex_value(char c)
{
    return is_digit(c) ? c - '0' : to_lower(c) >= 'a' && to_lower(c) <= 'f' ? to_lower(c) - 'a' + 10 : -1;
}

/* RFC 4291 text, without a zone. */
static bool parse_ipv6(const char *s, size_t n, uint8_t out[16])
{
    const char *end = s + n;
    int at = 0, gap = -1;
    memset(out, 0, 16);
    if (n >= 2 && s[0] == ':' && s[1] == ':') {
        gap = 0;
        s += 2;
    }
    while (s < end && at < 16) {
        const char *start = s;
        unsigned v = 0;
        for (; s < end && hex_value(*s) >= 0 && s - start < 5; s++)
            v = v << 4 | (unsigned)hex_value(*s);
        if (s < end && *s == '.') {
            if (at > 12 || !parse_ipv4(start, (size_t)(end - start), out + at))
                return false;
            at += 4;
            s = end;
            break;
        }
        if (s == start || s - start > 4)
            return false;
        out[at++] = (uint8_t)(v >> 8);
        out[at++] = (uint8_t)v;
        if (s == end)
            break;
        if (*s++ != ':' || s == end)
            return false;
        if (*s == ':') {
            if (gap >= 0)
                return false;
            gap = at;
            s++;
        }
    }
    if (s != end || (gap < 0 && at != 16) || (gap >= 0 && at == 16))
        return false;
    if (gap >= 0) {
        memmove(out + 16 - (at - gap), out + gap, (size_t)(at - gap));
        memset(out + gap, 0, (size_t)(16 - at));
    }
    return true;
}

/* RFC 5952: the first longest run of at least two zero groups is left out. */
static char *format_ipv6(struct arena *a, const uint8_t ip[16])
{
    int run = -1, run_n = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && ip[2 * (i + n)] == 0 && ip[2 * (i + n) + 1] == 0)
            n++;
        if (n > run_n) {
            run = i;
            run_n = n;
        }
        i += n > 0 ? n - 1 : 0;
    }
    BUF_AUTO b = BUF_INIT(64);
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            buf_puts(&b, "::");
            i += run_n - 1;
            continue;
        }
        if (i > 0 && i != run + run_n)
            buf_putc(&b, ':');
        buf_printf(&b, "%x", (unsigned)ip[2 * i] << 8 | ip[2 * i + 1]);
    }
    return arena_strdup(a, buf_str(&b));
}

/* unicode.IsSpace, which strings.TrimSpace goes by. */
static bool go_is_space(uint32_t cp)
{
    return cp == 0x85 || (js_is_space(cp) && cp != 0xFEFF);
}

static const char *go_trim(struct arena *a, const char *s)
{
    size_t n = strlen(s), begin = n, end = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);
        if (len == 0 || !go_is_space(cp)) {
            begin = begin < i ? begin : i;
            end = i + (len > 0 ? len : 1);
        }
        i += len > 0 ? len : 1;
    }
    return end == 0 ? "" : arena_memdup0(a, s + begin, end - begin);
}

int engine_parse_ip(struct arena *a, const char *s, const char **ret, struct err *e)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const char *t = go_trim(a, s);
    uint8_t ip[16];
    if (parse_ipv4(t, strlen(t), ip + 12) || (parse_ipv6(t, strlen(t), ip) && memcmp(ip, mapped, 12) == 0))
        *ret = arena_printf(a, "%u.%u.%u.%u", ip[12], ip[13], ip[14], ip[15]);
    else if (parse_ipv6(t, strlen(t), ip))
        *ret = format_ipv6(a, ip);
    else
        return refuse(e, s, "is no IP address");
    return 0;
}

int engine_parse_extra_host(struct arena *a, const char *s, const char **ret, struct err *e)
{
    const char *at = strchr(s, '=');
    if (at == NULL)
        at = strchr(s, ':');
    if (at == NULL || at == s || memchr(s, ':', (size_t)(at - s)) != NULL)
        return refuse(e, s, "is no host and address (wanted: db:10.0.0.5)");
    const char *address = at + 1;
    size_t n = strlen(address);
    if (strcmp(address, "host-gateway") != 0) {
        if (n > 2 && address[0] == '[' && address[n - 1] == ']')
            address = arena_memdup0(a, address + 1, n - 2);
        const char *canonical;
        if (engine_parse_ip(a, address, &canonical, e) < 0)
            return -1;
    }
    *ret = arena_printf(a, "%.*s:%s", (int)(at - s), s, address);
    return 0;
}

/* --- images
 * ----------------------------------------------------------------------------------------------------------------------- */

static bool is_lower_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool all_hex(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(s[i]) && (s[i] < 'a' || s[i] > 'f'))
            return false;
    return true;
}

/* "sha256:<64 hex>" and the like, lower case. */
static bool is_digest(const char *s)
{
    static const struct {
        const char *prefix;
        size_t hex;
    } kinds[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].prefix);
        if (strncmp(s, kinds[i].prefix, n) == 0)
            return strlen(s + n) == kinds[i].hex && all_hex(s + n, kinds[i].hex);
    }
    return false;
}

/* Lower-case letters and digits, joined by ".", "_", "__" or any number of "-". */
static bool is_path_component(const char *s, size_t n)
{
    size_t i = 0;
    for (;;) {
        size_t start = i;
        while (i < n && is_lower_alnum(s[i]))
            i++;
        if (i == start)
            return false;
        if (i == n)
            return true;
        start = i;
        while (i < n && s[i] == s[start] && s[i] != '\0' && strchr("._-", s[i]) != NULL)
            i++;
        size_t run = i - start;
        if (run == 0 || (s[start] == '.' && run > 1) || (s[start] == '_' && run > 2))
            return false;
    }
}

/* Labels of letters, digits and inner dashes, or an IPv6 address in brackets; then perhaps a port. */
static bool is_domain(const char *s, size_t n)
{
    size_t i = 0;
    if (n > 0 && s[0] == '[') {
        const char *end = memchr(s, ']', n);
        if (end == NULL || end == s + 1)
            return false;
        for (i = 1; s + i < end; i++)
            if (hex_value(s[i]) < 0 && s[i] != ':')
                return false;
        i++;
    } else {
        while (true) {
            size_t start = i;
            while (i < n && (is_alnum(s[i]) || s[i] == '-'))
                i++;
            if (i == start || s[start] == '-' || s[i - 1] == '-')
                return false;
            if (i == n || s[i] != '.')
                break;
            i++;
        }
    }
    if (i == n)
        return true;
    if (s[i] != ':' || i + 1 == n)
        return false;
    for (i++; i < n; i++)
        if (!is_digit(s[i]))
            return false;
    return true;
}

static bool is_tag(const char *s, size_t n)
{
    if (n == 0 || n > 128 || s[0] == '.' || s[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && (s[i] == '\0' || strchr("_.-", s[i]) == NULL))
            return false;
    return true;
}

/* Whether the part before the first slash names a registry. */
static bool names_domain(const char *s, size_t n)
{
    if (n == strlen("localhost") && memcmp(s, "localhost", n) == 0)
        return true;
    for (size_t i = 0; i < n; i++)
        if (s[i] == '.' || s[i] == ':' || (s[i] >= 'A' && s[i] <= 'Z'))
            return true;
    return false;
}

int engine_check_image(const char *s, struct err *e)
{
    enum { PATH_MAX_BYTES = 255 };
    if (*s == '\0')
        return err_set(e, ERR_CONFIG, 0, "the image has no name");
    if ((strlen(s) == 64 && all_hex(s, 64)) || is_digest(s))
        return 0;
    const char *digest = strchr(s, '@');
    if (digest != NULL && !is_digest(digest + 1))
        return refuse(e, s, "has no valid digest (wanted: @sha256:<64 hex digits>)");
    size_t n = digest != NULL ? (size_t)(digest - s) : strlen(s);
    const char *path = s, *slash = memchr(s, '/', n);
    bool on_hub = true;
    if (slash != NULL && names_domain(s, (size_t)(slash - s))) {
        size_t domain_n = (size_t)(slash - s);
        if (!is_domain(s, domain_n))
            return refuse(e, s, "has no valid registry name");
        path = slash + 1;
        on_hub = (domain_n == 9 && memcmp(s, "docker.io", 9) == 0) || (domain_n == 15 && memcmp(s, "index.docker.io", 15) == 0);
    }
    const char *end = s + n, *colon = memchr(path, ':', (size_t)(end - path));
    if (colon != NULL && !is_tag(colon + 1, (size_t)(end - colon - 1)))
        return refuse(e, s, "has no valid tag");
    const char *path_end = colon != NULL ? colon : end;
    /* A name of one part on Docker's hub is one below "library/". */
    size_t path_n = (size_t)(path_end - path);
    path_n += on_hub && memchr(path, '/', (size_t)(path_end - path)) == NULL ? strlen("library/") : 0;
    for (const char *p = path;; p++) {
        const char *next = memchr(p, '/', (size_t)(path_end - p));
        next = next != NULL ? next : path_end;
        if (!is_path_component(p, (size_t)(next - p)))
            return refuse(e, s, "is no reference to an image (lower case, digits, and . _ - between them)");
        p = next;
        if (p == path_end)
            break;
    }
    return path_n > PATH_MAX_BYTES ? refuse(e, s, "is longer than 255 characters") : 0;
}

const char *engine_short_image(struct arena *a, const char *ref)
{
    static const char *const hubs[] = {"docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/"};
    for (size_t i = 0; i < sizeof hubs / sizeof *hubs; i++)
        if (text_has_prefix(ref, hubs[i])) {
            ref += strlen(hubs[i]);
            break;
        }
    const char *slash = strrchr(ref, '/'), *name = slash != NULL ? slash + 1 : ref;
    bool bare = *name != '\0' && strpbrk(name, ":@") == NULL && strlen(ref) != 64;
    return bare ? arena_printf(a, "%s:latest", ref) : ref;
}

bool engine_shows_image(struct arena *a, const char *shown, const char *wanted)
{
    shown = engine_short_image(a, shown);
    wanted = engine_short_image(a, wanted);
    /* Podman puts images that were built or loaded here under "localhost/". */
    return strcmp(shown, wanted) == 0 ||
           (text_has_prefix(shown, "localhost/") && strcmp(shown + strlen("localhost/"), wanted) == 0);
}

bool engine_is_container_name(const char *s)
{
    if (!is_alnum(*s) || s[1] == '\0')
        return false;
    for (s++; *s != '\0'; s++)
        if (!is_alnum(*s) && strchr("_.-", *s) == NULL)
            return false;
    return true;
}
