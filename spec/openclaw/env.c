#include "spec/openclaw/env.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/crumb.h"
#include "spec/openclaw/dotenv.h"
#include "spec/read/utf8.h"

#include <stdlib.h>
#include <string.h>

/* --- what a config may not set
 * -------------------------------------------------------------------------------------------------- */

/* OpenClaw 2026.5.3: isDangerousHostEnvVarName and isDangerousHostEnvOverrideVarName together; sorted, upper case. */
static const char *const blocked[] = {
    "ALL_PROXY",
    "AMQP_URL",
    "ANSIBLE_CALLBACK_PLUGINS",
    "ANSIBLE_COLLECTIONS_PATH",
    "ANSIBLE_CONFIG",
    "ANSIBLE_CONNECTION_PLUGINS",
    "ANSIBLE_FILTER_PLUGINS",
    "ANSIBLE_INVENTORY_PLUGINS",
    "ANSIBLE_LIBRARY",
    "ANSIBLE_LOOKUP_PLUGINS",
    "ANSIBLE_MODULE_UTILS",
    "ANSIBLE_REMOTE_TEMP",
    "ANSIBLE_ROLES_PATH",
    "ANSIBLE_STRATEGY_PLUGINS",
    "ANT_OPTS",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_AUTH_LOCATION",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "BASH_ENV",
    "BROWSER",
    "BUNDLE_GEMFILE",
    "BUN_CONFIG_REGISTRY",
    "BZR_EDITOR",
    "BZR_PLUGIN_PATH",
    "BZR_SSH",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_HOME",
    "CATALINA_OPTS",
    "CC",
    "CFLAGS",
    "CGO_CFLAGS",
    "CGO_LDFLAGS",
    "CLASSPATH",
    "CMAKE_CXX_COMPILER",
    "CMAKE_C_COMPILER",
    "CMAKE_TOOLCHAIN_FILE",
    "COMPOSER_HOME",
    "CONFIG_SHELL",
    "CONFIG_SITE",
    "CORECLR_PROFILER",
    "CORECLR_PROFILER_PATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "CURL_CA_BUNDLE",
    "CURL_HOME",
    "CXX",
    "C_INCLUDE_PATH",
    "DATABASE_URL",
    "DENO_DIR",
    "DOCKER_CERT_PATH",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "DOTNET_ADDITIONAL_DEPS",
    "DOTNET_STARTUP_HOOKS",
    "EDITOR",
    "ELIXIR_ERL_OPTIONS",
    "EMACSLOADPATH",
    "ENV",
    "ERL_AFLAGS",
    "ERL_FLAGS",
    "ERL_ZFLAGS",
    "EXINIT",
    "FCEDIT",
    "GCONV_PATH",
    "GEM_HOME",
    "GEM_PATH",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ASKPASS",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_HOOK_PATH",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_NO_VERIFY",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
    "GLIBC_TUNABLES",
    "GOENV",
    "GOFLAGS",
    "GONOPROXY",
    "GONOSUMCHECK",
    "GONOSUMDB",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOPATH",
    "GOPRIVATE",
    "GOPROXY",
    "GRADLE_OPTS",
    "GRADLE_USER_HOME",
    "GVIMINIT",
    "HELM_HOME",
    "HELM_PLUGINS",
    "HGRCPATH",
    "HISTFILE",
    "HOME",
    "HOSTALIASES",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JULIA_EDITOR",
    "KUBECONFIG",
    "LDFLAGS",
    "LESSCLOSE",
    "LESSOPEN",
    "LIBRARY_PATH",
    "LUA_CPATH",
    "LUA_INIT",
    "LUA_INIT_5_1",
    "LUA_INIT_5_2",
    "LUA_INIT_5_3",
    "LUA_INIT_5_4",
    "LUA_PATH",
    "MAKEFLAGS",
    "MANPAGER",
    "MAVEN_OPTS",
    "MFLAGS",
    "MONGODB_URI",
    "MYVIMRC",
    "NODE_AUTH_TOKEN",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NO_PROXY",
    "NPM_TOKEN",
    "OBJC_INCLUDE_PATH",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "PACKER_PLUGIN_PATH",
    "PAGER",
    "PERL5DB",
    "PERL5DBCMD",
    "PERL5LIB",
    "PERL5OPT",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PIP_CONFIG_FILE",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_PYPI_URL",
    "PIP_TRUSTED_HOST",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONBREAKPOINT",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "REDIS_URL",
    "REQUESTS_CA_BUNDLE",
    "RUBYLIB",
    "RUBYOPT",
    "RUBYSHELL",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "R_ENVIRON",
    "R_ENVIRON_USER",
    "R_LIBS_USER",
    "R_PROFILE",
    "R_PROFILE_USER",
    "SBT_OPTS",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SUDO_ASKPASS",
    "SUDO_EDITOR",
    "SVN_EDITOR",
    "SVN_SSH",
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_PYTHON",
    "VAGRANT_VAGRANTFILE",
    "VIMINIT",
    "VIRTUAL_ENV",
    "VISUAL",
    "WGETRC",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "YARN_RC_FILENAME",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
};
/* OpenClaw 2026.9.6 blocks these too, and CARGO_TARGET_<any>_LINKER and _RUNNER; sorted, upper case. */
static const char *const blocked_2026_9[] = {
    "BASHOPTS",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTDOC",
    "CONDA_DEFAULT_ENV",
    "CONDA_PREFIX",
    "CPP",
    "CXXCPP",
    "FPATH",
    "GIT_ALLOW_PROTOCOL",
    "GIT_PROTOCOL_FROM_USER",
    "HGEDITOR",
    "HGMERGE",
    "KSH_ENV",
    "MAKE",
    "NODE_REDIRECT_WARNINGS",
    "NODE_REPL_EXTERNAL_MODULE",
    "NODE_REPL_HISTORY",
    "NODE_V8_COVERAGE",
    "OPENCLAW_ALLOW_OLDER_BINARY_DESTRUCTIVE_ACTIONS",
    "OPENCLAW_CONFIG_READONLY",
    "OPENCLAW_INCLUDE_ROOTS",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTUP_DIST_ROOT",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_UPDATE_ROOT",
    "SYSTEMROOT",
    "TCLLIBPATH",
    "WINDIR",
    "XDG_CACHE_HOME",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
};
static const char *const blocked_prefixes[] = {"BASH_FUNC_", "CARGO_REGISTRIES_", "DYLD_",  "GIT_CONFIG_",
                                               "LD_",        "NPM_CONFIG_",       "TF_VAR_"};

static int compare_name(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

static bool in_table(const char *upper, const char *const *table, size_t n)
{
    return bsearch(upper, table, n, sizeof *table, compare_name) != NULL;
}

/* ^CARGO_TARGET_[A-Z0-9_]+_(?:LINKER|RUNNER)$, of a name in upper case that is an environment variable's. */
static bool is_cargo_target_program(const char *upper)
{
    static const char before[] = "CARGO_TARGET_", *const after[] = {"_LINKER", "_RUNNER"};
    size_t n = strlen(upper);

    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        size_t rest = strlen(after[i]);

        if (strncmp(upper, before, strlen(before)) == 0 && n > strlen(before) + rest && strcmp(upper + n - rest, after[i]) == 0)
            return true;
    }
    return false;
}

bool oc_env_is_blocked(struct arena *a, const struct oc_profile *line, const char *name)
{
    char *upper = arena_strdup(a, name);

    for (size_t i = 0; i < sizeof blocked_prefixes / sizeof blocked_prefixes[0]; i++)
        if (strncasecmp(name, blocked_prefixes[i], strlen(blocked_prefixes[i])) == 0)
            return true;
    for (char *p = upper; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    return in_table(upper, blocked, sizeof blocked / sizeof blocked[0]) ||
           (oc_line(line)->strict_env_block &&
            (in_table(upper, blocked_2026_9, sizeof blocked_2026_9 / sizeof blocked_2026_9[0]) ||
             is_cargo_target_program(upper)));
}

/* --- ${NAME}
 * -------------------------------------------------------------------------------------------------------------------- */

#define NAME_START "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define NAME_REST  NAME_START "0123456789"

/* At a '$': a reference ${NAME}, an escaped one $${NAME}, or neither. */
struct token {
    enum { TOKEN_NONE, TOKEN_REFERENCE, TOKEN_ESCAPED } kind;
    const char *name;
    size_t name_n;
    const char *end; /* behind it */
};

static struct token token_at(const char *p)
{
    struct token t = {.kind = p[1] == '$' ? TOKEN_ESCAPED : TOKEN_REFERENCE};

    t.name = p + (p[1] == '$' ? 3 : 2);
    if (t.name[-1] != '{' || *t.name == '\0' || !strchr(NAME_START, *t.name))
        return (struct token){0};
    t.name_n = strspn(t.name, NAME_REST);
    t.end = t.name + t.name_n + 1;
    return t.name[t.name_n] == '}' ? t : (struct token){0};
}

static bool has_reference(const char *s)
{
    while ((s = strchr(s, '$'))) {
        struct token t = token_at(s);

        if (t.kind == TOKEN_REFERENCE)
            return true;
        s = t.kind == TOKEN_ESCAPED ? t.end : s + 1;
    }
    return false;
}

static void substitute_string(struct arena *a, struct node *n, const struct node *env, const struct crumb *at, struct diags *d)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);
    const char *end = n->s + n->s_n, *p = n->s;

    if (!memchr(p, '$', n->s_n))
        return;
    while (p < end) {
        const char *dollar = memchr(p, '$', (size_t)(end - p));

        buf_put(&b, p, (size_t)((dollar ? dollar : end) - p));
        if (!dollar)
            break;
        struct token t = token_at(dollar);
        p = t.kind == TOKEN_NONE ? dollar + 1 : t.end;
        if (t.kind == TOKEN_NONE) {
            buf_putc(&b, '$');
            continue;
        }
        const char *name = arena_memdup0(a, t.name, t.name_n), *value = node_str(node_get(env, name));
        /* Also where it is not set now: what it was compared with would show the secret that it was. */
        n->secret = n->secret || t.kind == TOKEN_REFERENCE;
        if (t.kind == TOKEN_REFERENCE && value && value[0]) {
            size_t value_n;
            const char *text = utf8_scrub(a, value, strlen(value), &value_n);

            buf_put(&b, text, value_n);
            continue;
        }
        buf_printf(&b, "${%s}", name);
        if (t.kind == TOKEN_REFERENCE)
            diag_warning(d, n->pos, crumb_path(a, at), "environment variable %s is not set; what needs this value will not work",
                         name);
    }
    n->s = arena_memdup0(a, buf_str(&b), b.n);
    n->s_n = b.n;
}

static void substitute(struct arena *a, struct node *n, const struct node *env, const struct crumb *at, struct diags *d)
{
    if (n->kind == NODE_STRING)
        substitute_string(a, n, env, at, d);
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++)
        substitute(a, n->items[i], env, &((struct crumb){.up = at, .index = i}), d);
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        substitute(a, n->members[i].value, env, &((struct crumb){.up = at, .key = n->members[i].key}), d);
}

void oc_env_substitute(struct arena *a, struct node *root, const struct node *env, struct diags *d)
{
    substitute(a, root, env, NULL, d);
}

/* --- the env block, and .env files
 * ------------------------------------------------------------------------------------------------ */

/* [A-Za-z_][A-Za-z0-9_]* after trimming; NULL otherwise. */
static const char *portable_name(struct arena *a, const char *key, size_t n)
{
    const char *name = js_trim(a, key);

    if (strlen(key) != n || !name[0] || (name[0] >= '0' && name[0] <= '9'))
        return NULL;
    return strspn(name, NAME_REST "abcdefghijklmnopqrstuvwxyz") == strlen(name) ? name : NULL;
}

static void collect(struct arena *a, const struct oc_profile *line, const struct node *block, bool top, struct node *entries)
{
    for (size_t i = 0; node_is(block, NODE_OBJECT) && i < block->n_members; i++) {
        const struct node_member *m = &block->members[i];
        const char *name = portable_name(a, m->key, m->key_n);

        if (!name || !node_is(m->value, NODE_STRING) || js_is_blank(m->value->s) || oc_env_is_blocked(a, line, name))
            continue;
        if (line->strict_env_block && has_reference(m->value->s))
            continue;
        if (!top || (strcmp(m->key, "vars") != 0 && strcmp(m->key, "shellEnv") != 0))
            node_set(a, entries, name, m->value);
    }
}

static void set_secret(struct arena *a, struct node *env, const char *name, const struct node *value)
{
    struct node *copy = node_copy(a, value);

    copy->secret = true;
    node_set(a, env, name, copy);
}

/* Two names of one variable, the first of which counts (OpenClaw 2026.9.6: ENV_NORMALIZATION_KEY_GROUPS). */
static const char *const aliases[] = {"ZAI_API_KEY", "Z_AI_API_KEY"};
enum { N_ALIASES = sizeof aliases / sizeof aliases[0] };

/* What is set under either name, and by no entry, holds for every entry with one of them. */
static void apply_aliases(struct arena *a, struct node *entries, struct node *env)
{
    struct node *winner = NULL;

    for (size_t i = 0; !winner && i < N_ALIASES; i++) {
        const char *set = node_str(node_get(env, aliases[i]));
        bool by_entry = false;

        for (size_t k = 0; k < N_ALIASES; k++)
            by_entry = by_entry || text_eq(node_str(node_get(entries, aliases[k])), set);
        if (!js_is_blank(set) && !by_entry)
            winner = node_get(env, aliases[i]);
    }
    for (size_t i = 0; winner && i < N_ALIASES; i++)
        if (node_get(entries, aliases[i]))
            set_secret(a, env, aliases[i], winner);
}

void oc_env_apply_block(struct arena *a, const struct oc_profile *line, const struct node *root, struct node *env)
{
    const struct node *block = node_get(root, "env");
    struct node *entries = node_object(a);

    line = oc_line(line);
    collect(a, line, node_get(block, "vars"), false, entries);
    collect(a, line, block, true, entries);
    if (line->strict_env_block)
        apply_aliases(a, entries, env);
    for (size_t i = 0; i < entries->n_members; i++) {
        const struct node_member *m = &entries->members[i];

        if (js_is_blank(node_str(node_get(env, m->key))) && !has_reference(m->value->s))
            set_secret(a, env, m->key, m->value);
    }
    if (line->strict_env_block && js_is_blank(node_str(node_get(env, aliases[0]))) &&
        !js_is_blank(node_str(node_get(env, aliases[1]))))
        set_secret(a, env, aliases[0], node_get(env, aliases[1]));
}

void oc_env_apply_dotenv(struct arena *a, const char *bytes, size_t n, struct node *env)
{
    struct node *entries = dotenv_read(a, bytes, n);

    for (size_t i = 0; i < entries->n_members; i++) {
        const struct node_member *m = &entries->members[i];
        const char *name = portable_name(a, m->key, m->key_n);

        if (name && !node_get(env, name))
            node_set(a, env, name, m->value)->value->secret = true;
    }
}
