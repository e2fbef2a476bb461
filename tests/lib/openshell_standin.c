#include "tests/lib/openshell_standin.h"

#include "tests/lib/openshell_rules.h"

#include "spec/read/json.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct os os = {.w = {.lock = -1}, .verb = "", .workspace = "default"};

/* --- ends ------------------------------------------------------------------------------------------------------------------ */

void os_world_open(void)
{
    openshell_world_open(&os.w, os.a, os.dir);
}

void os_world_close(void)
{
    if (os.w.lock >= 0)
        openshell_world_close(&os.w);
}

/* As miette draws it: wrapped near 80 columns, continued behind a bar. */
void os_put_error(const char *msg)
{
    size_t col = 11;

    (void)fprintf(stderr, "Error:   \xc3\x97 ");
    while (*msg != '\0') {
        size_t n = strcspn(msg, " \n");

        if (col > 11 && col + n > 80) {
            (void)fprintf(stderr, "\n  \xe2\x94\x82 ");
            col = 4;
        }
        (void)fprintf(stderr, "%.*s", (int)n, msg);
        col += n;
        msg += n;
        if (*msg == '\n') {
            (void)fprintf(stderr, "\n  \xe2\x94\x82 ");
            col = 4;
        } else if (*msg == ' ') {
            (void)fprintf(stderr, " ");
            col++;
        } else
            break;
        msg++;
    }
    (void)fprintf(stderr, "\n");
}

void os_leave(int status)
{
    os_world_close();
    (void)fflush(NULL);
    exit(status);
}

void os_fail(const char *msg)
{
    os_put_error(msg);
    os_leave(1);
}

static const struct {
    const char *code, *text;
} codes[] = {{"NotFound", "Some requested entity was not found"},
             {"InvalidArgument", "Client specified an invalid argument"},
             {"FailedPrecondition", "The system is not in a state required for the operation's execution"},
             {"Unauthenticated", "The request does not have valid authentication credentials"},
             {"Internal", "Internal error"}};

/* What tonic 0.12 (up to 0.0.36) and 0.14 make of a status. */
static const char *grpc_text(const char *code, const char *msg)
{
    const char *text = code;

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].code, code) == 0)
            text = codes[i].text;
    if (os.version <= 36)
        return arena_printf(os.a,
                            "status: %s, message: \"%s\", details: [], metadata: MetadataMap { headers: {\"content-type\": "
                            "\"application/grpc\", \"content-length\": \"0\"} }",
                            code, msg);
    return arena_printf(os.a, "code: '%s', message: \"%s\"", text, msg);
}

void os_fail_grpc(const char *code, const char *msg)
{
    os_fail(grpc_text(code, msg));
}

void os_usage(const char *msg)
{
    (void)fprintf(stderr, "error: %s\n\nUsage: openshell [OPTIONS] [COMMAND]\n\nFor more information, try '--help'.\n", msg);
    os_leave(2);
}

/* --- the command line ------------------------------------------------------------------------------------------------------ */

static const struct os_flag flags[] = {
    {"*", "gateway", 'g', true, 0, 0},
    {"*", "gateway-endpoint", 0, true, 0, 0},
    {"*", "gateway-insecure", 0, false, 59, 0},
    {"*", "workspace", 0, true, 88, 0},
    {"*", "verbose", 'v', false, 0, 0},
    {"sandbox create", "name", 0, true, 0, 0},
    {"sandbox create", "from", 0, true, 0, 0},
    {"sandbox create", "upload", 0, true, 0, 0},
    {"sandbox create", "no-git-ignore", 0, false, 0, 0},
    {"sandbox create", "keep", 0, false, 0, 0},
    {"sandbox create", "no-keep", 0, false, 0, 0},
    {"sandbox create", "gpu", 0, false, 0, 0},
    {"sandbox create", "provider", 0, true, 0, 0},
    {"sandbox create", "policy", 0, true, 0, 0},
    {"sandbox create", "tty", 0, false, 0, 0},
    {"sandbox create", "no-tty", 0, false, 0, 0},
    {"sandbox create", "bootstrap", 0, false, 0, 36},
    {"sandbox create", "no-bootstrap", 0, false, 0, 36},
    {"sandbox create", "auto-providers", 0, false, 0, 0},
    {"sandbox create", "no-auto-providers", 0, false, 0, 0},
    {"sandbox create", "label", 0, true, 37, 0},
    {"sandbox create", "cpu", 0, true, 69, 0},
    {"sandbox create", "memory", 0, true, 69, 0},
    {"sandbox create", "env", 0, true, 59, 0},
    {"sandbox create", "approval-mode", 0, true, 53, 0},
    {"sandbox create", "driver-config-json", 0, true, 58, 0},
    {"sandbox create", "detach", 0, false, 111, 0},
    {"sandbox create", "no-credential-warnings", 0, false, 111, 0},
    {"sandbox create", "output", 'o', true, 95, 0},
    {"sandbox get", "policy-only", 0, false, 0, 0},
    {"sandbox get", "output", 'o', true, 95, 0},
    {"sandbox list", "limit", 0, true, 0, 0},
    {"sandbox list", "offset", 0, true, 0, 0},
    {"sandbox list", "ids", 0, false, 0, 0},
    {"sandbox list", "names", 0, false, 0, 0},
    {"sandbox list", "selector", 0, true, 37, 0},
    {"sandbox list", "output", 'o', true, 44, 0},
    {"sandbox list", "all-workspaces", 0, false, 88, 0},
    {"sandbox delete", "all", 0, false, 0, 0},
    {"sandbox stop", "", 0, false, 105, 0},
    {"sandbox start", "", 0, false, 105, 0},
    {"sandbox exec", "name", 'n', true, 0, 0},
    {"sandbox exec", "workdir", 0, true, 0, 0},
    {"sandbox exec", "timeout", 0, true, 0, 0},
    {"sandbox exec", "tty", 0, false, 0, 0},
    {"sandbox exec", "no-tty", 0, false, 0, 0},
    {"sandbox exec", "env", 0, true, 59, 0},
    {"sandbox upload", "no-git-ignore", 0, false, 0, 0},
    {"sandbox download", "", 0, false, 0, 0},
    {"sandbox ssh-config", "", 0, false, 0, 0},
    {"sandbox provider", "", 0, false, 37, 0},
    {"policy set", "policy", 0, true, 0, 0},
    {"policy set", "wait", 0, false, 0, 0},
    {"policy set", "timeout", 0, true, 0, 0},
    {"policy get", "rev", 0, true, 0, 0},
    {"policy get", "full", 0, false, 0, 0},
    {"policy get", "base", 0, false, 72, 0},
    {"policy get", "output", 'o', true, 47, 0},
    {"status", "output", 'o', true, 95, 0},
    {"gateway list", "output", 'o', true, 37, 0},
    {"gateway select", "", 0, false, 0, 0},
    {"ssh-proxy", "gateway-name", 0, true, 0, 0},
    {"ssh-proxy", "name", 0, true, 0, 0},
};

static bool is_there(const struct os_flag *f)
{
    return (f->since == 0 || os.version >= f->since) && (f->until == 0 || os.version <= f->until);
}

static const struct os_flag *find_flag(const char *name, size_t n, char letter)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const struct os_flag *f = &flags[i];

        if ((strcmp(f->verb, "*") != 0 && strcmp(f->verb, os.verb) != 0) || !is_there(f) || f->name[0] == '\0')
            continue;
        if (letter != 0 ? f->letter == letter : strlen(f->name) == n && memcmp(f->name, name, n) == 0)
            return f;
    }
    return NULL;
}

bool os_verb_exists(const char *v)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i].verb, v) == 0 && (flags[i].name[0] != '\0' || is_there(&flags[i])))
            return true;
    return false;
}

const char *os_option(const char *name)
{
    for (size_t i = os.n_given; i-- > 0;)
        if (strcmp(os.given[i].flag->name, name) == 0)
            return os.given[i].value;
    return NULL;
}

static char **parse_flag(char **arg)
{
    bool is_long = arg[0][1] == '-';
    const char *name = *arg + (is_long ? 2 : 1);
    size_t n = strcspn(name, "=");
    const struct os_flag *f = find_flag(name, n, is_long ? 0 : name[0]);

    if (f == NULL)
        os_usage(arena_printf(os.a, "unexpected argument '%s' found", *arg));
    if (os.n_given == OS_MAX_ARGS)
        os_usage("too many arguments");
    os.given[os.n_given].flag = f;
    if (!f->value)
        os.given[os.n_given].value = "";
    else if (is_long && name[n] == '=')
        os.given[os.n_given].value = name + n + 1;
    else if (!is_long && name[1] != '\0')
        os.given[os.n_given].value = name + 1;
    else if (arg[1] != NULL)
        os.given[os.n_given].value = *++arg;
    else
        os_usage(arena_printf(os.a, "a value is required for '--%s <VALUE>' but none was supplied", f->name));
    os.n_given++;
    return arg + 1;
}

void os_parse(char **arg)
{
    while (*arg != NULL) {
        if (strcmp(*arg, "--") == 0) {
            os.trailing = arg + 1;
            return;
        }
        if ((*arg)[0] == '-' && (*arg)[1] != '\0') {
            arg = parse_flag(arg);
            continue;
        }
        if (strcmp(os.verb, "sandbox exec") == 0) { /* trailing_var_arg */
            os.trailing = arg;
            return;
        }
        if (os.n_words < OS_MAX_ARGS)
            os.words[os.n_words++] = *arg;
        arg++;
        if (os.n_words == 1 && os.verb[0] == '\0') {
            os.verb = os.words[0];
            if (strcmp(os.verb, "status") == 0 || strcmp(os.verb, "ssh-proxy") == 0)
                os.n_words = 0;
        } else if (os.n_words == 2 &&
                   (strcmp(os.verb, "sandbox") == 0 || strcmp(os.verb, "policy") == 0 || strcmp(os.verb, "gateway") == 0)) {
            os.verb = arena_printf(os.a, "%s %s", os.verb, os.words[1]);
            os.n_words = 0;
            if (!os_verb_exists(os.verb))
                os_usage(arena_printf(os.a, "unrecognized subcommand '%s'", strchr(os.verb, ' ') + 1));
        }
    }
}

const char *os_word(size_t i, const char *what)
{
    if (i >= os.n_words)
        os_usage(arena_printf(os.a, "the following required arguments were not provided:\n  <%s>", what));
    return os.words[i];
}

/* --- gateways -------------------------------------------------------------------------------------------------------------- */

static char *slurp(const char *path)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    FILE *f = fopen(path, "re");
    char bytes[4096];
    size_t got;

    if (f == NULL)
        return NULL;
    while ((got = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_put(&text, bytes, got);
    (void)fclose(f);
    while (text.n > 0 && text.s[text.n - 1] == '\n')
        text.s[--text.n] = '\0';
    return arena_strdup(os.a, buf_str(&text));
}

const char *os_config_dir(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (xdg != NULL && xdg[0] == '/')
        return arena_printf(os.a, "%s/openshell", xdg);
    return arena_printf(os.a, "%s/.config/openshell", home != NULL ? home : "");
}

/* NULL: there is no such gateway. */
const char *os_gateway_endpoint(const char *name)
{
    const char *text = slurp(arena_printf(os.a, "%s/gateways/%s/metadata.json", os_config_dir(), name));
    struct err e;

    return text == NULL ? NULL : node_str(node_get(json_read_err(os.a, "metadata", text, strlen(text), &e), "gateway_endpoint"));
}

void os_resolve_gateway(void)
{
    os.endpoint = os_option("gateway-endpoint") != NULL ? os_option("gateway-endpoint") : getenv("OPENSHELL_GATEWAY_ENDPOINT");
    os.gateway = os_option("gateway") != NULL ? os_option("gateway") : getenv("OPENSHELL_GATEWAY");
    os.workspace = os_option("workspace") != NULL ? os_option("workspace") : "default";
    if (os.endpoint != NULL) {
        if (os.gateway == NULL)
            os.gateway = os.endpoint;
        return;
    }
    if (os.gateway == NULL)
        os.gateway = slurp(arena_printf(os.a, "%s/active_gateway", os_config_dir()));
    if (os.gateway == NULL)
        os_fail("No active gateway.\nSet one with: openshell gateway select <name>\nOr register one: openshell gateway add "
                "<endpoint>");
    os.endpoint = os_gateway_endpoint(os.gateway);
    if (os.endpoint == NULL)
        os_fail(arena_printf(os.a, "Unknown gateway '%s'.\nList available gateways: openshell gateway list", os.gateway));
}

/* Whether connections to the endpoint are refused. */
bool os_is_down(void)
{
    const struct node *down = node_get(os.w.state, "down");

    return (node_is(down, NODE_BOOL) && down->b) || text_eq(node_str(down), os.endpoint);
}

/* Takes one of the failures that were asked for; NULL: none. */
static struct node *take_failure(const char *what, bool after)
{
    struct node *f = node_path(os.w.state, "fail", what, NULL), *times = node_get(f, "times"), *late = node_get(f, "after");

    if (times == NULL || times->num <= 0 || (node_is(late, NODE_BOOL) && late->b) != after)
        return NULL;
    times->num -= 1;
    return f;
}

static const char *fail_word(void)
{
    const char *space = strchr(os.verb, ' ');

    if (text_has_prefix(os.verb, "policy "))
        return arena_printf(os.a, "policy-%s", space + 1);
    if (strcmp(os.verb, "sandbox provider") == 0)
        return "provider-list";
    return space != NULL ? space + 1 : os.verb;
}

void os_fail_as_told(bool after)
{
    struct node *f = take_failure(fail_word(), after);
    const char *text;

    if (f == NULL)
        return;
    text = node_str(node_get(f, "text"));
    os_fail_grpc("Internal", text != NULL ? text : "database is locked");
}

/* Opens the world for one request. */
void os_connect(void)
{
    int ms;

    os_world_open();
    ms = (int)openshell_world_number(&os.w, "slowMs", 0);
    if (ms > 0) {
        os_world_close();
        poll(NULL, 0, ms);
        os_world_open();
    }
    if (os_is_down()) {
        if (strcmp(os.verb, "sandbox create") == 0 && os.version <= 36 && os_option("no-bootstrap") == NULL) {
            node_set(os.a, os.w.state, "bootstrapped", node_bool(os.a, true)); /* it would have started a gateway of its own */
            os_fail("failed to bootstrap gateway");
        }
        if (strcmp(os.verb, "sandbox create") == 0)
            os_put_error(
                arena_printf(os.a,
                             "failed to connect to gateway '%s' at %s. Start the gateway service with the installed package "
                             "manager, or register a different endpoint with `openshell gateway add <endpoint>`.",
                             os.gateway, os.endpoint));
        else
            os_put_error("transport error");
        (void)fprintf(stderr, "  \xe2\x94\x9c\xe2\x94\x80\xe2\x96\xb6 tcp connect error\n  \xe2\x95\xb0\xe2\x94\x80\xe2\x96\xb6 "
                              "Connection refused (os error 111)\n");
        os_leave(1);
    }
    if (openshell_world_flag(&os.w, "authExpired"))
        os_fail_grpc("Unauthenticated", "invalid token: ExpiredSignature");
    os_fail_as_told(false);
}

/* --- rendering ------------------------------------------------------------------------------------------------------------- */

static const char *date_text(const struct node *s)
{
    time_t t = (time_t)(node_get(s, "createdAtMs")->num / 1000);
    char text[32];
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "-";
    return arena_strdup(os.a, text);
}

struct node *os_list_item(const struct node *s)
{
    struct node *o = node_object(os.a);

    node_set(os.a, o, "id", node_get(s, "id"));
    node_set(os.a, o, "name", node_get(s, "name"));
    node_set(os.a, o, "workspace", node_string(os.a, os.workspace));
    node_set(os.a, o, "labels", node_get(s, "labels"));
    node_set(os.a, o, "annotations", node_object(os.a));
    node_set(os.a, o, "resource_version", node_get(s, "resourceVersion"));
    node_set(os.a, o, "created_at", node_string(os.a, date_text(s)));
    node_set(os.a, o, "phase", node_string(os.a, openshell_world_phase(&os.w, s)));
    node_set(os.a, o, "current_policy_version",
             node_get(s, "policyVersion") != NULL ? node_get(s, "policyVersion") : node_number(os.a, 0));
    return o;
}

void os_print_yaml(const struct node *n, unsigned indent)
{
    BUF_AUTO b = BUF_INIT(4u << 20);

    openshell_rules_yaml(&b, n, indent);
    (void)fputs(buf_str(&b), stdout);
}

bool os_is_output(const char *format)
{
    const char *o = os_option("output");

    if (o != NULL && strcmp(o, "table") != 0 && strcmp(o, "yaml") != 0 && strcmp(o, "json") != 0)
        os_usage(arena_printf(os.a, "invalid value '%s' for '--output <OUTPUT>'", o));
    return text_eq(o, format);
}

/* true: printed. */
bool os_print_output(const struct node *n)
{
    BUF_AUTO b = BUF_INIT(16u << 20);

    if (os_is_output("yaml")) {
        os_print_yaml(n, 0);
        return true;
    }
    if (!os_is_output("json"))
        return false;
    node_emit(&b, n, 2, 0);
    (void)puts(buf_str(&b));
    return true;
}

struct node *os_effective(const struct node *s)
{
    return openshell_rules_effective(os.a, node_get(s, "policy"), node_get(s, "providers"));
}

/* The index of the sandbox; ends the program where there is none. */
int os_must_find(const char *name)
{
    int i = openshell_world_find(&os.w, os.endpoint, name);

    if (i < 0)
        os_fail_grpc("NotFound", "sandbox not found");
    return i;
}
