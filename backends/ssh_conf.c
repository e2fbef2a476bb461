#include "backends/ssh_conf.h"

#include "backends/proc.h"
#include "spec/base/num.h"
#include "spec/base/text.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define SSH_PROGRAM   "ssh"
#define SSH_G_BYTES   (256u << 10)
#define ARGV_MAX      24
#define DEFAULT_PORT  22
#define GLOBAL_KNOWN  "/etc/ssh/ssh_known_hosts"
#define GLOBAL_KNOWN2 "/etc/ssh/ssh_known_hosts2"

/* --- settings ----------------------------------------------------------------------------------------------------------------
 */

enum kind { TEXT, SECRET, FLAG, PORT };

static const struct key {
    const char *name;
    enum kind kind;
    size_t at; /* in struct ssh_settings */
} keys[] = {
    {"user", TEXT, offsetof(struct ssh_settings, user)},
    {"host", TEXT, offsetof(struct ssh_settings, host)},
    {"port", PORT, offsetof(struct ssh_settings, port)},
    {"userConfig", FLAG, offsetof(struct ssh_settings, user_config)},
    {"strictHostKeyChecking", FLAG, offsetof(struct ssh_settings, strict)},
    {"updateHostKeys", FLAG, offsetof(struct ssh_settings, update_host_keys)},
    {"identityFile", TEXT, offsetof(struct ssh_settings, identity_file)},
    {"certificateFile", TEXT, offsetof(struct ssh_settings, certificate_file)},
    {"knownHostsFile", TEXT, offsetof(struct ssh_settings, known_hosts_file)},
    {"identityData", SECRET, offsetof(struct ssh_settings, identity_data)},
    {"certificateData", SECRET, offsetof(struct ssh_settings, certificate_data)},
    {"knownHostsData", SECRET, offsetof(struct ssh_settings, known_hosts_data)},
    {"agentSocket", TEXT, offsetof(struct ssh_settings, agent_socket)},
    {"sshDir", TEXT, offsetof(struct ssh_settings, ssh_dir)},
};

static int read_key(struct arena *a, const struct key *k, const struct node *v, struct ssh_settings *s, struct err *e)
{
    char *field = (char *)s + k->at;
    switch (k->kind) {
    case TEXT:
    case SECRET:
        if (!node_is(v, NODE_STRING) || strlen(v->s) != v->s_n)
            return err_set(e, ERR_CONFIG, 0, "%s: a text is wanted", k->name);
        if (v->s_n > 0)
            *(const char **)field = arena_strdup(a, v->s);
        return 0;
    case FLAG:
        if (!node_is(v, NODE_BOOL))
            return err_set(e, ERR_CONFIG, 0, "%s: true or false is wanted", k->name);
        *(bool *)field = v->b;
        return 0;
    case PORT:
        if (!node_is(v, NODE_NUMBER) || !(v->num >= 1 && v->num <= 65535) || v->num != (int)v->num)
            return err_set(e, ERR_CONFIG, 0, "%s: a number from 1 to 65535 is wanted", k->name);
        *(int *)field = (int)v->num;
        return 0;
    }
    return 0;
}

/* Neither an option of ssh nor more than one word of its command line or of a log. */
static bool is_word(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    return *s && *s != '-';
}

int ssh_settings_read(struct arena *a, const struct node *n, struct ssh_settings *ret, struct err *e)
{
    struct ssh_settings s = {.strict = true, .update_host_keys = true};
    if (!node_is(n, NODE_OBJECT))
        return err_set(e, ERR_CONFIG, 0, "connections: settings are an object");
    for (size_t i = 0; i < n->n_members; i++) {
        const struct node_member *m = &n->members[i];
        const struct key *k = NULL;
        for (size_t j = 0; !k && j < sizeof keys / sizeof *keys; j++)
            k = text_eq(keys[j].name, m->key) ? &keys[j] : NULL;
        if (!k)
            return err_set(e, ERR_CONFIG, 0, "%s: not a setting of an ssh connection", m->key);
        if (!node_is(m->value, NODE_NULL) && read_key(a, k, m->value, &s, e) < 0)
            return -1;
    }
    if (!s.host)
        return err_set(e, ERR_CONFIG, 0, "host: an ssh connection needs one");
    size_t host_n = strlen(s.host);
    if (host_n > 2 && s.host[0] == '[' && s.host[host_n - 1] == ']')
        s.host = arena_memdup0(a, s.host + 1, host_n - 2);
    if (!is_word(s.host))
        return err_set(e, ERR_CONFIG, 0, "host: '%s' is no host", s.host);
    if (s.user && !is_word(s.user))
        return err_set(e, ERR_CONFIG, 0, "user: '%s' is no user", s.user);
    *ret = s;
    return 0;
}

static void wipe(const char **s)
{
    if (*s)
        explicit_bzero((char *)*s, strlen(*s));
    *s = NULL;
}

void ssh_settings_wipe(struct ssh_settings *s)
{
    wipe(&s->identity_data);
    wipe(&s->certificate_data);
    wipe(&s->known_hosts_data);
}

/* --- what ssh makes of the user's config ---------------------------------------------------------------------------------------
 */

static const char *port_text(struct arena *a, int port)
{
    return arena_printf(a, "%d", port);
}

/* ssh_config(5), TOKENS, as far as they stand for what is known here; "~/" too. NULL: another token. */
static const char *expand(struct arena *a, const struct ssh_target *t, const char *text, bool path)
{
    BUF_AUTO b = BUF_INIT(8192);
    if (path && text_has_prefix(text, "~/")) {
        buf_puts(&b, t->home);
        text++;
    }
    for (const char *p = text; *p; p++) {
        if (*p != '%') {
            buf_putc(&b, *p);
            continue;
        }
        switch (*++p) {
        case '%':
            buf_putc(&b, '%');
            break;
        case 'h':
        case 'n':
            buf_puts(&b, t->host);
            break;
        case 'k':
            buf_puts(&b, t->known_as);
            break;
        case 'p':
            buf_puts(&b, port_text(a, t->port));
            break;
        case 'r':
            buf_puts(&b, t->user);
            break;
        case 'u':
            buf_puts(&b, t->login);
            break;
        case 'd':
            buf_puts(&b, t->home);
            break;
        default:
            return NULL;
        }
    }
    return b.full ? NULL : arena_strdup(a, buf_str(&b));
}

static int add_file(struct arena *a, const struct ssh_target *t, const char *key, const char *value, const char **files,
                    size_t *n, struct err *e)
{
    const char *path = expand(a, t, value, true);
    if (!path)
        return err_set(e, ERR_UNSUPPORTED, 0, "%s '%s' of your ssh config: this token is not known here", key, value);
    if (*n == SSH_MAX_FILES)
        return err_set(e, ERR_UNSUPPORTED, 0, "%s of your ssh config: more than %d files", key, SSH_MAX_FILES);
    files[(*n)++] = path;
    return 0;
}

/* Words separated by blanks; ssh -G does not quote them. */
static int add_files(struct arena *a, const struct ssh_target *t, const char *key, const char *value, const char **files,
                     size_t *n, struct err *e)
{
    for (const char *p = value; *p;) {
        size_t len = strcspn(p, " ");
        if (len > 0 && add_file(a, t, key, arena_memdup0(a, p, len), files, n, e) < 0)
            return -1;
        p += len;
        p += strspn(p, " ");
    }
    return 0;
}

static const char *const *keep_argv(struct arena *a, const char *const *v, size_t n)
{
    const char **argv = ARENA_ARRAY(a, const char *, n + 1);
    memcpy(argv, v, n * sizeof *v);
    return argv;
}

/* As ssh does it: another ssh to the last of the hosts, through the ones before it. It must not ask anything. */
static void jump_through(struct arena *a, struct ssh_target *t, const char *program, const char *config, const char *hops)
{
    const char *argv[ARGV_MAX];
    size_t n = 0;
    const char *last = strrchr(hops, ',');
    argv[n++] = program;
    if (config) {
        argv[n++] = "-F";
        argv[n++] = config;
    }
    argv[n++] = "-oBatchMode=yes";
    argv[n++] = "-oClearAllForwardings=yes";
    if (last) {
        argv[n++] = "-J";
        argv[n++] = arena_memdup0(a, hops, (size_t)(last - hops));
    }
    argv[n++] = "-W";
    argv[n++] = arena_printf(a, "[%s]:%d", t->host, t->port);
    argv[n++] = "--";
    last = last ? last + 1 : hops;
    argv[n++] = text_has_prefix(last, "ssh://") ? last : arena_printf(a, "ssh://%s", last);
    t->proxy_argv = keep_argv(a, argv, n);
}

struct answer {
    const char *user, *host, *alias, *proxy_command, *jump, *agent, *known, *global, *strict, *only, *fdpass;
    uint64_t port;
};

static int take_line(struct arena *a, struct ssh_target *t, struct answer *r, const char *key, const char *value, struct err *e)
{
    const struct {
        const char *key;
        const char **to;
    } rows[] = {
        {"user", &r->user},
        {"hostname", &r->host},
        {"hostkeyalias", &r->alias},
        {"proxycommand", &r->proxy_command},
        {"proxyjump", &r->jump},
        {"identityagent", &r->agent},
        {"userknownhostsfile", &r->known},
        {"globalknownhostsfile", &r->global},
        {"stricthostkeychecking", &r->strict},
        {"identitiesonly", &r->only},
        {"proxyusefdpass", &r->fdpass},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (text_eq(rows[i].key, key))
            *rows[i].to = value;
    if (text_eq(key, "port") && (!num_parse_u64(value, &r->port) || r->port < 1 || r->port > 65535))
        return err_set(e, ERR_INPUT, 0, "ssh -G: port '%s'", value);
    return 0;
}

static bool is_none(const char *s)
{
    return !s || text_eq(s, "none");
}

static int take_answer(struct arena *a, const struct answer *r, const char *config, struct ssh_target *t, struct err *e)
{
    if (!r->host || !is_word(r->host))
        return err_set(e, ERR_INPUT, 0, "ssh -G: no host in its answer");
    t->host = r->host;
    t->user = r->user && is_word(r->user) ? r->user : t->user;
    t->port = r->port ? (int)r->port : t->port;
    t->known_as = is_none(r->alias) ? t->host : r->alias;
    t->known_port = is_none(r->alias) ? t->port : DEFAULT_PORT;
    if (r->strict)
        t->strict = !text_eq(r->strict, "false") && !text_eq(r->strict, "no") && !text_eq(r->strict, "off") &&
                    !text_eq(r->strict, "accept-new");
    t->identities_only = text_eq(r->only, "yes");
    if (text_eq(r->fdpass, "yes"))
        return err_set(e, ERR_UNSUPPORTED, 0, "ProxyUseFdpass of your ssh config cannot be used here");
    if (is_none(r->agent))
        t->agent_socket = r->agent ? NULL : t->agent_socket;
    else if (!text_eq(r->agent, "SSH_AUTH_SOCK") && r->agent[0] != '$' && !(t->agent_socket = expand(a, t, r->agent, true)))
        return err_set(e, ERR_UNSUPPORTED, 0, "IdentityAgent '%s' of your ssh config: this token is not known here", r->agent);
    t->n_known_files = 0;
    if ((!is_none(r->known) && add_files(a, t, "UserKnownHostsFile", r->known, t->known_files, &t->n_known_files, e) < 0) ||
        (!is_none(r->global) && add_files(a, t, "GlobalKnownHostsFile", r->global, t->known_files, &t->n_known_files, e) < 0))
        return -1;
    if (!is_none(r->jump)) {
        jump_through(a, t, arena_strdup(a, proc_find(a, SSH_PROGRAM) ? proc_find(a, SSH_PROGRAM) : "/usr/bin/ssh"), config,
                     r->jump);
    } else if (!is_none(r->proxy_command)) {
        const char *command = expand(a, t, r->proxy_command, false);
        if (!command)
            return err_set(e, ERR_UNSUPPORTED, 0, "ProxyCommand of your ssh config: a token in it is not known here");
        const char *argv[] = {"/bin/sh", "-c", arena_printf(a, "exec %s", command)};
        t->proxy_argv = keep_argv(a, argv, 3);
    }
    return 0;
}

int ssh_target_decode(struct arena *a, const char *text, const char *config, struct ssh_target *t, struct err *e)
{
    struct answer r = {0};
    const char *files[2 * SSH_MAX_FILES][2];
    size_t n_files = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        size_t key_n = strcspn(p, " \n");
        if (key_n > 0 && key_n < len) {
            const char *key = arena_memdup0(a, p, key_n), *value = arena_memdup0(a, p + key_n + 1, len - key_n - 1);
            if (take_line(a, t, &r, key, value, e) < 0)
                return -1;
            if ((text_eq(key, "identityfile") || text_eq(key, "certificatefile")) && n_files < 2 * SSH_MAX_FILES) {
                files[n_files][0] = key;
                files[n_files++][1] = value;
            }
        }
        p += len;
        p += *p == '\n';
    }
    if (take_answer(a, &r, config, t, e) < 0)
        return -1;
    /* Their tokens want all the rest. */
    t->n_identities = t->n_certificates = 0;
    for (size_t i = 0; i < n_files; i++) {
        bool cert = text_eq(files[i][0], "certificatefile");
        if (!is_none(files[i][1]) &&
            add_file(a, t, cert ? "CertificateFile" : "IdentityFile", files[i][1], cert ? t->certificates : t->identities,
                     cert ? &t->n_certificates : &t->n_identities, e) < 0)
            return -1;
    }
    return 0;
}

static int ask_ssh(struct arena *a, const struct ssh_settings *s, const struct deadline *d, struct ssh_target *t, struct err *e)
{
    const char *program = proc_find(a, SSH_PROGRAM);
    if (!program)
        return 0; /* nobody here has a config for it */
    const char *config = s->ssh_dir ? arena_printf(a, "%s/config", s->ssh_dir) : NULL;
    const char *argv[ARGV_MAX];
    size_t n = 0;
    argv[n++] = program;
    argv[n++] = "-G";
    argv[n++] = "-T";
    if (config) {
        argv[n++] = "-F";
        argv[n++] = config;
    }
    if (s->user) {
        argv[n++] = "-l";
        argv[n++] = s->user;
    }
    if (s->port) {
        argv[n++] = "-p";
        argv[n++] = port_text(a, s->port);
    }
    argv[n++] = "--";
    argv[n++] = s->host;
    argv[n] = NULL;
    static const char path[] = "PATH=" PROC_PATH;
    const char *env[] = {path, arena_printf(a, "HOME=%s", t->home), arena_printf(a, "USER=%s", t->login),
                         t->agent_socket ? arena_printf(a, "SSH_AUTH_SOCK=%s", t->agent_socket) : NULL, NULL};
    int64_t left = d->end_ms - deadline_now_ms();
    struct call c = {.timeout_ms = left < 1 ? 1 : (int)left, .cancel = d->cancel};
    struct proc_result r;
    if (proc_run(a, &(struct proc_req){.argv = argv, .env = env, .max_output = SSH_G_BYTES}, &c, &r, e) < 0)
        return err_wrap(e, "asking ssh for the settings of '%s'", s->host);
    if (r.status != 0 || r.out_cut)
        return err_set(e, ERR_UNAVAILABLE, r.status, "asking ssh for the settings of '%s': exit status %d: %.*s", s->host,
                       r.status, (int)strcspn(r.err, "\n"), r.err);
    return ssh_target_decode(a, r.out, config, t, e);
}

/* --- a config that another program wrote ---------------------------------------------------------------------------------------
 */

/* The keyword in lower case, and where its value begins; what stands around that goes. NULL: there is none. */
static const char *config_line(struct arena *a, const char *line, size_t n, const char **ret_value)
{
    while (n > 0 && strchr(" \t\r", line[n - 1]))
        n--;
    while (n > 0 && strchr(" \t", *line)) {
        line++;
        n--;
    }
    size_t key_n = 0;
    while (key_n < n && !strchr(" \t=", line[key_n]))
        key_n++;
    if (key_n == 0 || line[0] == '#')
        return NULL;
    char *key = arena_memdup0(a, line, key_n);
    for (char *c = key; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    size_t at = key_n;
    while (at < n && strchr(" \t=", line[at]))
        at++;
    if (!text_eq(key, "proxycommand") && n > at + 1 && line[at] == '"' && line[n - 1] == '"') {
        at++;
        n--;
    }
    *ret_value = arena_memdup0(a, line + at, n - at);
    return key;
}

int ssh_config_read(struct arena *a, const char *text, const char **ret_alias, const char **ret_answer, struct err *e)
{
    BUF_AUTO out = BUF_INIT(SSH_G_BYTES), seen = BUF_INIT(SSH_G_BYTES);
    const char *alias = NULL;
    buf_putc(&seen, '\n');
    for (const char *p = text; *p;) {
        const char *value = NULL, *key;
        size_t len = strcspn(p, "\n");
        key = config_line(a, p, len, &value);
        p += len;
        p += *p == '\n';
        if (!key)
            continue;
        if (text_eq(key, "host") || text_eq(key, "match")) {
            if (alias)
                break;
            if (text_eq(key, "host"))
                alias = arena_memdup0(a, value, strcspn(value, " \t"));
            continue;
        }
        /* The first counts, but of files all do. */
        const char *mark = arena_printf(a, "\n%s\n", key);
        bool is_file = text_eq(key, "identityfile") || text_eq(key, "certificatefile");
        if (!alias || (!is_file && strstr(buf_str(&seen), mark)))
            continue;
        buf_printf(&seen, "%s\n", key);
        buf_printf(&out, "%s %s\n", key, value);
    }
    if (!alias || !is_word(alias))
        return err_set(e, ERR_INPUT, 0, "an ssh config without a host");
    if (!strstr(buf_str(&seen), "\nhostname\n"))
        buf_printf(&out, "hostname %s\n", alias);
    if (out.full || seen.full)
        return err_set(e, ERR_INPUT, 0, "an ssh config of more than %u bytes", SSH_G_BYTES);
    *ret_alias = alias;
    *ret_answer = arena_strdup(a, buf_str(&out));
    return 0;
}

/* --- all of it -----------------------------------------------------------------------------------------------------------------
 */

static int who_am_i(struct arena *a, struct ssh_target *t, struct err *e)
{
    struct passwd pw, *found = NULL;
    char *text = arena_alloc(a, 16384);
    int r = getpwuid_r(getuid(), &pw, text, 16384, &found);
    if (!found)
        return err_sys(e, ERR_IO, r ? r : ENOENT, "no account of user id %u", (unsigned)getuid());
    t->home = pw.pw_dir;
    t->login = pw.pw_name;
    return 0;
}

int ssh_settings_resolve(struct arena *a, const struct ssh_settings *s, const struct deadline *d, struct ssh_target *ret,
                         struct err *e)
{
    static const char *const names[] = {"id_rsa", "id_ecdsa", "id_ed25519"}; /* in ssh's order */
    struct ssh_target t = {.host = s->host, .port = s->port ? s->port : DEFAULT_PORT, .agent_socket = s->agent_socket};
    if (who_am_i(a, &t, e) < 0)
        return -1;
    const char *dir = s->ssh_dir ? s->ssh_dir : arena_printf(a, "%s/.ssh", t.home);
    t.user = s->user ? s->user : t.login;
    t.known_as = t.host;
    t.known_port = t.port;
    t.strict = s->strict;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        t.identities[t.n_identities++] = arena_printf(a, "%s/%s", dir, names[i]);
    t.known_files[t.n_known_files++] = arena_printf(a, "%s/known_hosts", dir);
    t.known_files[t.n_known_files++] = arena_printf(a, "%s/known_hosts2", dir);
    t.known_files[t.n_known_files++] = GLOBAL_KNOWN;
    t.known_files[t.n_known_files++] = GLOBAL_KNOWN2;
    if (s->user_config && ask_ssh(a, s, d, &t, e) < 0)
        return -1;
    if (s->config) {
        const char *alias, *answer;
        t.n_identities = 0;
        t.proxy_env = s->proxy_env;
        if (ssh_config_read(a, s->config, &alias, &answer, e) < 0 || ssh_target_decode(a, answer, NULL, &t, e) < 0)
            return -1;
    }
    /* What the runtime's owner wrote down comes before what ssh's config says. */
    t.strict = t.strict && s->strict;
    if (s->identity_file || s->identity_data || s->certificate_file || s->certificate_data)
        t.identities_only = true;
    if (s->identity_file || s->identity_data)
        t.n_identities = 0;
    if (s->identity_file && !s->identity_data)
        t.identities[t.n_identities++] = s->identity_file;
    if (s->certificate_file || s->certificate_data)
        t.n_certificates = 0;
    if (s->certificate_file && !s->certificate_data)
        t.certificates[t.n_certificates++] = s->certificate_file;
    if (s->known_hosts_file || s->known_hosts_data) {
        t.n_known_files = 0;
        if (!s->known_hosts_data)
            t.known_files[t.n_known_files++] = s->known_hosts_file;
        t.known_files[t.n_known_files++] = GLOBAL_KNOWN;
        t.known_files[t.n_known_files++] = GLOBAL_KNOWN2;
    }
    *ret = t;
    return 0;
}
