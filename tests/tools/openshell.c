/* openshell: a stand-in for NVIDIA OpenShell's command line and its gateway, for a machine that has neither. It keeps what it is
 * told (tests/lib/openshell_world.h), runs real commands on real files in a namespace per sandbox, and answers as the releases
 * 0.0.36, 0.0.37, 0.0.88 and 0.0.111 do (and as what lies between them: each difference has its release below).
 *
 * OPENSHELL_STANDIN is the directory of the world. Gateways are found as the real one finds them: --gateway-endpoint, --gateway,
 * OPENSHELL_GATEWAY_ENDPOINT, OPENSHELL_GATEWAY, active_gateway below ${XDG_CONFIG_HOME:-~/.config}/openshell.
 *
 *     openshell standin set KEY JSON | unset KEY | reset | show     the switches */
#include "tests/lib/openshell_rules.h"
#include "tests/lib/openshell_world.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/read/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGS 256

static struct arena *a;
static struct openshell_world w;
static const char *dir, *self;
static int version; /* 0.0.N -> N; 0.1.0 and later: 1000 and more */
static const char *verb = "";
static const char *gateway, *endpoint, *workspace = "default";

/* --- ends ------------------------------------------------------------------------------------------------------------------ */

static void world_open(void)
{
    openshell_world_open(&w, a, dir);
}

static void world_close(void)
{
    if (w.lock >= 0)
        openshell_world_close(&w);
}

/* As miette draws it: wrapped near 80 columns, continued behind a bar. */
static void put_error(const char *msg)
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

static void leave(int status) __attribute__((noreturn));
static void leave(int status)
{
    world_close();
    (void)fflush(NULL);
    exit(status);
}

static void fail(const char *msg) __attribute__((noreturn));
static void fail(const char *msg)
{
    put_error(msg);
    leave(1);
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
    if (version <= 36)
        return arena_printf(a,
                            "status: %s, message: \"%s\", details: [], metadata: MetadataMap { headers: {\"content-type\": "
                            "\"application/grpc\", \"content-length\": \"0\"} }",
                            code, msg);
    return arena_printf(a, "code: '%s', message: \"%s\"", text, msg);
}

static void fail_grpc(const char *code, const char *msg) __attribute__((noreturn));
static void fail_grpc(const char *code, const char *msg)
{
    fail(grpc_text(code, msg));
}

static void usage(const char *msg) __attribute__((noreturn));
static void usage(const char *msg)
{
    (void)fprintf(stderr, "error: %s\n\nUsage: openshell [OPTIONS] [COMMAND]\n\nFor more information, try '--help'.\n", msg);
    leave(2);
}

/* --- the command line ------------------------------------------------------------------------------------------------------ */

struct flag {
    const char *verb; /* "*": every one */
    const char *name;
    char letter;
    bool value;
    int since, until; /* releases that have it; 0: all */
};

static const struct flag flags[] = {
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

static struct {
    const struct flag *flag;
    const char *value;
} given[MAX_ARGS];
static size_t n_given;
static const char *words[MAX_ARGS];
static size_t n_words;
static char **trailing; /* behind --, or the command of exec */

static bool is_there(const struct flag *f)
{
    return (f->since == 0 || version >= f->since) && (f->until == 0 || version <= f->until);
}

static const struct flag *find_flag(const char *name, size_t n, char letter)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const struct flag *f = &flags[i];

        if ((strcmp(f->verb, "*") != 0 && strcmp(f->verb, verb) != 0) || !is_there(f) || f->name[0] == '\0')
            continue;
        if (letter != 0 ? f->letter == letter : strlen(f->name) == n && memcmp(f->name, name, n) == 0)
            return f;
    }
    return NULL;
}

static bool verb_exists(const char *v)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i].verb, v) == 0 && (flags[i].name[0] != '\0' || is_there(&flags[i])))
            return true;
    return false;
}

static const char *option(const char *name)
{
    for (size_t i = n_given; i-- > 0;)
        if (strcmp(given[i].flag->name, name) == 0)
            return given[i].value;
    return NULL;
}

static char **parse_flag(char **arg)
{
    bool is_long = arg[0][1] == '-';
    const char *name = *arg + (is_long ? 2 : 1);
    size_t n = strcspn(name, "=");
    const struct flag *f = find_flag(name, n, is_long ? 0 : name[0]);

    if (f == NULL)
        usage(arena_printf(a, "unexpected argument '%s' found", *arg));
    if (n_given == MAX_ARGS)
        usage("too many arguments");
    given[n_given].flag = f;
    if (!f->value)
        given[n_given].value = "";
    else if (is_long && name[n] == '=')
        given[n_given].value = name + n + 1;
    else if (!is_long && name[1] != '\0')
        given[n_given].value = name + 1;
    else if (arg[1] != NULL)
        given[n_given].value = *++arg;
    else
        usage(arena_printf(a, "a value is required for '--%s <VALUE>' but none was supplied", f->name));
    n_given++;
    return arg + 1;
}

static void parse(char **arg)
{
    while (*arg != NULL) {
        if (strcmp(*arg, "--") == 0) {
            trailing = arg + 1;
            return;
        }
        if ((*arg)[0] == '-' && (*arg)[1] != '\0') {
            arg = parse_flag(arg);
            continue;
        }
        if (strcmp(verb, "sandbox exec") == 0) { /* trailing_var_arg */
            trailing = arg;
            return;
        }
        if (n_words < MAX_ARGS)
            words[n_words++] = *arg;
        arg++;
        if (n_words == 1 && verb[0] == '\0') {
            verb = words[0];
            if (strcmp(verb, "status") == 0 || strcmp(verb, "ssh-proxy") == 0)
                n_words = 0;
        } else if (n_words == 2 &&
                   (strcmp(verb, "sandbox") == 0 || strcmp(verb, "policy") == 0 || strcmp(verb, "gateway") == 0)) {
            verb = arena_printf(a, "%s %s", verb, words[1]);
            n_words = 0;
            if (!verb_exists(verb))
                usage(arena_printf(a, "unrecognized subcommand '%s'", strchr(verb, ' ') + 1));
        }
    }
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
    return arena_strdup(a, buf_str(&text));
}

static const char *config_dir(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (xdg != NULL && xdg[0] == '/')
        return arena_printf(a, "%s/openshell", xdg);
    return arena_printf(a, "%s/.config/openshell", home != NULL ? home : "");
}

/* NULL: there is no such gateway. */
static const char *gateway_endpoint(const char *name)
{
    const char *text = slurp(arena_printf(a, "%s/gateways/%s/metadata.json", config_dir(), name));
    struct err e;

    return text == NULL ? NULL : node_str(node_get(json_read_err(a, "metadata", text, strlen(text), &e), "gateway_endpoint"));
}

static void resolve_gateway(void)
{
    endpoint = option("gateway-endpoint") != NULL ? option("gateway-endpoint") : getenv("OPENSHELL_GATEWAY_ENDPOINT");
    gateway = option("gateway") != NULL ? option("gateway") : getenv("OPENSHELL_GATEWAY");
    workspace = option("workspace") != NULL ? option("workspace") : "default";
    if (endpoint != NULL) {
        if (gateway == NULL)
            gateway = endpoint;
        return;
    }
    if (gateway == NULL)
        gateway = slurp(arena_printf(a, "%s/active_gateway", config_dir()));
    if (gateway == NULL)
        fail("No active gateway.\nSet one with: openshell gateway select <name>\nOr register one: openshell gateway add "
             "<endpoint>");
    endpoint = gateway_endpoint(gateway);
    if (endpoint == NULL)
        fail(arena_printf(a, "Unknown gateway '%s'.\nList available gateways: openshell gateway list", gateway));
}

/* Whether connections to the endpoint are refused. */
static bool is_down(void)
{
    const struct node *down = node_get(w.state, "down");

    return (node_is(down, NODE_BOOL) && down->b) || text_eq(node_str(down), endpoint);
}

/* Takes one of the failures that were asked for; NULL: none. */
static struct node *take_failure(const char *word, bool after)
{
    struct node *f = node_path(w.state, "fail", word, NULL), *times = node_get(f, "times"), *late = node_get(f, "after");

    if (times == NULL || times->num <= 0 || (node_is(late, NODE_BOOL) && late->b) != after)
        return NULL;
    times->num -= 1;
    return f;
}

static const char *fail_word(void)
{
    const char *space = strchr(verb, ' ');

    if (text_has_prefix(verb, "policy "))
        return arena_printf(a, "policy-%s", space + 1);
    if (strcmp(verb, "sandbox provider") == 0)
        return "provider-list";
    return space != NULL ? space + 1 : verb;
}

static void fail_as_told(bool after)
{
    struct node *f = take_failure(fail_word(), after);
    const char *text;

    if (f == NULL)
        return;
    text = node_str(node_get(f, "text"));
    fail_grpc("Internal", text != NULL ? text : "database is locked");
}

/* Opens the world for one request. */
static void connect_gateway(void)
{
    int ms;

    world_open();
    ms = (int)openshell_world_number(&w, "slowMs", 0);
    if (ms > 0) {
        world_close();
        poll(NULL, 0, ms);
        world_open();
    }
    if (is_down()) {
        if (strcmp(verb, "sandbox create") == 0 && version <= 36 && option("no-bootstrap") == NULL) {
            node_set(a, w.state, "bootstrapped", node_bool(a, true)); /* it would have started a gateway of its own */
            fail("failed to bootstrap gateway");
        }
        if (strcmp(verb, "sandbox create") == 0)
            put_error(
                arena_printf(a,
                             "failed to connect to gateway '%s' at %s. Start the gateway service with the installed package "
                             "manager, or register a different endpoint with `openshell gateway add <endpoint>`.",
                             gateway, endpoint));
        else
            put_error("transport error");
        (void)fprintf(stderr, "  \xe2\x94\x9c\xe2\x94\x80\xe2\x96\xb6 tcp connect error\n  \xe2\x95\xb0\xe2\x94\x80\xe2\x96\xb6 "
                              "Connection refused (os error 111)\n");
        leave(1);
    }
    if (openshell_world_flag(&w, "authExpired"))
        fail_grpc("Unauthenticated", "invalid token: ExpiredSignature");
    fail_as_told(false);
}

/* --- rendering ------------------------------------------------------------------------------------------------------------- */

static const char *date_text(const struct node *s)
{
    time_t t = (time_t)(node_get(s, "createdAtMs")->num / 1000);
    char text[32];
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "-";
    return arena_strdup(a, text);
}

static struct node *list_item(const struct node *s)
{
    struct node *o = node_object(a);

    node_set(a, o, "id", node_get(s, "id"));
    node_set(a, o, "name", node_get(s, "name"));
    node_set(a, o, "workspace", node_string(a, workspace));
    node_set(a, o, "labels", node_get(s, "labels"));
    node_set(a, o, "annotations", node_object(a));
    node_set(a, o, "resource_version", node_get(s, "resourceVersion"));
    node_set(a, o, "created_at", node_string(a, date_text(s)));
    node_set(a, o, "phase", node_string(a, openshell_world_phase(&w, s)));
    node_set(a, o, "current_policy_version",
             node_get(s, "policyVersion") != NULL ? node_get(s, "policyVersion") : node_number(a, 0));
    return o;
}

static void print_yaml(const struct node *n, unsigned indent)
{
    BUF_AUTO b = BUF_INIT(4u << 20);

    openshell_rules_yaml(&b, n, indent);
    (void)fputs(buf_str(&b), stdout);
}

static bool is_output(const char *format)
{
    const char *o = option("output");

    if (o != NULL && strcmp(o, "table") != 0 && strcmp(o, "yaml") != 0 && strcmp(o, "json") != 0)
        usage(arena_printf(a, "invalid value '%s' for '--output <OUTPUT>'", o));
    return text_eq(o, format);
}

/* true: printed. */
static bool print_output(const struct node *n)
{
    BUF_AUTO b = BUF_INIT(16u << 20);

    if (is_output("yaml")) {
        print_yaml(n, 0);
        return true;
    }
    if (!is_output("json"))
        return false;
    node_emit(&b, n, 2, 0);
    (void)puts(buf_str(&b));
    return true;
}

static struct node *effective(const struct node *s)
{
    return openshell_rules_effective(a, node_get(s, "policy"), node_get(s, "providers"));
}

static const char *word(size_t i, const char *what)
{
    if (i >= n_words)
        usage(arena_printf(a, "the following required arguments were not provided:\n  <%s>", what));
    return words[i];
}

/* The index of the sandbox; ends the program where there is none. */
static int must_find(const char *name)
{
    int i = openshell_world_find(&w, endpoint, name);

    if (i < 0)
        fail_grpc("NotFound", "sandbox not found");
    return i;
}

/* --- looking --------------------------------------------------------------------------------------------------------------- */

static void do_get(void)
{
    const char *name = word(0, "NAME");
    struct node *s, *o;

    if (option("policy-only") != NULL && option("output") != NULL)
        usage("the argument '--policy-only' cannot be used with '--output <OUTPUT>'");
    connect_gateway();
    openshell_world_tick(&w);
    s = openshell_world_at(&w, must_find(name));
    if (option("policy-only") != NULL) {
        print_yaml(effective(s), 0);
        return;
    }
    o = list_item(s);
    node_set(a, o, "policy_source", node_string(a, "sandbox"));
    node_set(a, o, "revision", node_get(s, "policyVersion"));
    node_set(a, o, "policy", effective(s));
    if (print_output(o))
        return;
    (void)printf("Sandbox:\n\n  Id: %s\n  Name: %s\n", node_str(node_get(s, "id")), name);
    if (version <= 36)
        (void)printf("  Namespace: default\n");
    (void)printf("  Phase: %s\n", openshell_world_phase(&w, s));
    if (version >= 88)
        (void)printf("  Resource version: %d\n", (int)node_get(s, "resourceVersion")->num);
    if (version >= 37 && node_get(s, "labels")->n_members > 0) {
        const struct node *l = node_get(s, "labels");

        (void)printf("  Labels: \n");
        for (size_t i = 0; i < l->n_members; i++)
            (void)printf("    %s: %s\n", l->members[i].key, node_str(l->members[i].value));
    }
    (void)printf("  Policy source: sandbox\n  Revision: %d\n\nPolicy:\n\n", (int)node_get(s, "policyVersion")->num);
    print_yaml(effective(s), 2);
}

/* "k=v,k=v" */
static bool selected(const struct node *s, const char *selector)
{
    while (selector != NULL && *selector != '\0') {
        size_t n = strcspn(selector, ","), k = strcspn(selector, "=");
        const char *have;

        if (k >= n)
            fail_grpc("InvalidArgument",
                      arena_printf(a, "invalid label selector: expected 'key=value', got '%.*s'", (int)n, selector));
        have = node_str(node_get(node_get(s, "labels"), arena_memdup0(a, selector, k)));
        if (!text_eq(have, arena_memdup0(a, selector + k + 1, n - k - 1)))
            return false;
        selector += n + (selector[n] == ',');
    }
    return true;
}

static void print_list(const struct node *list)
{
    int width = 4;

    if (list->n_items == 0) {
        (void)puts("No sandboxes found.");
        return;
    }
    for (size_t i = 0; i < list->n_items; i++) {
        int n = (int)strlen(node_str(node_get(list->items[i], "name")));

        width = n > width ? n : width;
    }
    (void)printf("%-*s  %s%-19s  %s\n", width, "NAME", version <= 36 ? "NAMESPACE  " : "", "CREATED", "PHASE");
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *o = list->items[i];

        (void)printf("%-*s  %s%-19s  %s\n", width, node_str(node_get(o, "name")), version <= 36 ? "default    " : "",
                     node_str(node_get(o, "created_at")), node_str(node_get(o, "phase")));
    }
}

static void do_list(void)
{
    uint64_t limit = 100, offset = 0, seen = 0;
    struct node *list = node_array(a), *empty;
    const char *bare = option("ids") != NULL ? "id" : option("names") != NULL ? "name" : NULL;

    if ((option("limit") != NULL && !num_parse_u64(option("limit"), &limit)) ||
        (option("offset") != NULL && !num_parse_u64(option("offset"), &offset)))
        usage("invalid value for '--limit <LIMIT>'");
    if (bare != NULL && option("output") != NULL)
        usage("the argument '--output <OUTPUT>' cannot be used with '--ids'");
    connect_gateway();
    openshell_world_tick(&w);
    empty = node_get(w.state, "emptyList");
    if (limit > 1000)
        limit = 1000;
    if (empty != NULL && empty->num > 0)
        empty->num -= 1;
    else
        for (size_t i = 0; i < openshell_world_count(&w); i++) {
            const struct node *s = openshell_world_at(&w, (int)i);

            if (!text_eq(node_str(node_get(s, "endpoint")), endpoint) || !selected(s, option("selector")))
                continue;
            if (seen++ >= offset && list->n_items < limit)
                node_push(a, list, list_item(s));
        }
    if (bare == NULL) {
        if (!print_output(list))
            print_list(list);
        return;
    }
    for (size_t i = 0; i < list->n_items; i++)
        (void)puts(node_str(node_get(list->items[i], bare)));
}

static void do_status(void)
{
    struct node *o = node_object(a), *auth = node_object(a);
    bool down, expired;
    int ms;

    world_open();
    ms = (int)openshell_world_number(&w, "slowMs", 0);
    world_close();
    if (ms > 0)
        poll(NULL, 0, ms);
    world_open();
    fail_as_told(false);
    down = is_down();
    expired = openshell_world_flag(&w, "authExpired");
    node_set(a, o, "gateway", node_string(a, gateway));
    node_set(a, o, "server", node_string(a, endpoint));
    node_set(a, o, "status", node_string(a, down ? "disconnected" : "connected"));
    node_set(a, auth, "status", node_string(a, down ? "unverified" : expired ? "failed" : "authenticated"));
    node_set(a, o, "authentication", auth);
    if (down)
        node_set(a, o, "error", node_string(a, "transport error: tcp connect error: Connection refused (os error 111)"));
    else
        node_set(a, o, "version", node_get(w.state, "version"));
    if (print_output(o))
        return;
    (void)printf("Server Status\n\n  Gateway: %s\n  Server: %s\n", gateway, endpoint);
    if (down)
        (void)printf("  Status: Disconnected\n  Error: transport error\n");
    else
        (void)printf("  Status: Connected\n%s  Version: %s\n", expired && version >= 95 ? "  Authentication: Failed\n" : "",
                     node_str(node_get(w.state, "version")));
}

/* --- creating and removing ---------------------------------------------------------------------------------------------------
 */

static void check_name(const char *name)
{
    size_t n = strlen(name), max = version >= 88 ? 19 : 253;
    bool plain = true;

    if (n > max)
        fail_grpc("InvalidArgument", arena_printf(a, "name exceeds maximum length (%zu > %zu)", n, max));
    if (version < 88)
        return;
    for (size_t i = 0; i < n; i++)
        plain = plain && ((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '-');
    if (!plain)
        fail_grpc("InvalidArgument", "name must contain only lowercase alphanumeric characters or '-'");
    if (name[0] == '-' || name[n - 1] == '-')
        fail_grpc("InvalidArgument", "name must start and end with an alphanumeric character");
    if (strstr(name, "--") != NULL)
        fail_grpc("InvalidArgument", "name must not contain consecutive hyphens");
}

static bool alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The syntax of a label's value, and of the last part of its key. */
static bool label_part(const char *s, bool may_be_empty)
{
    size_t n = strlen(s);

    if (n == 0)
        return may_be_empty;
    for (size_t i = 0; i < n; i++)
        if (!alnum(s[i]) && strchr("-_.", s[i]) == NULL)
            return false;
    return n <= 63 && alnum(s[0]) && alnum(s[n - 1]);
}

static struct node *read_labels(void)
{
    struct node *labels = node_object(a);

    for (size_t i = 0; i < n_given; i++) {
        const char *v = given[i].value, *eq, *slash, *key;

        if (strcmp(given[i].flag->name, "label") != 0)
            continue;
        eq = strchr(v, '=');
        if (eq == NULL)
            fail(arena_printf(a, "invalid label format '%s': expected key=value", v));
        key = arena_memdup0(a, v, (size_t)(eq - v));
        slash = strrchr(key, '/');
        if (!label_part(slash != NULL ? slash + 1 : key, false))
            fail_grpc("InvalidArgument", arena_printf(a, "label key name segment contains invalid characters: '%s'", key));
        if (strlen(eq + 1) > 63)
            fail_grpc("InvalidArgument", arena_printf(a, "label value exceeds 63 characters: '%s'", eq + 1));
        if (!label_part(eq + 1, true))
            fail_grpc("InvalidArgument",
                      arena_printf(a,
                                   "label value contains invalid characters (must be alphanumeric, '-', '_', or "
                                   "'.'): '%s'",
                                   eq + 1));
        node_set(a, labels, key, node_string(a, eq + 1));
    }
    return labels;
}

/* The gateway's order: a Dockerfile or a directory that has one, an image, a name of the community's. */
static const char *resolve_from(const char *from)
{
    struct stat st;
    const char *base = strrchr(from, '/');

    if (stat(from, &st) == 0 && S_ISREG(st.st_mode) && strcasestr(base != NULL ? base + 1 : from, "dockerfile") != NULL)
        return arena_printf(a, "build:%s", from);
    if (stat(from, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (access(arena_printf(a, "%s/Dockerfile", from), R_OK) == 0)
            return arena_printf(a, "build:%s/Dockerfile", from);
        fail(arena_printf(a, "No Dockerfile found in directory: %s", from));
    }
    if (from[0] == '/' || text_has_prefix(from, "./") || text_has_prefix(from, "../"))
        fail(arena_printf(a, "local --from path does not exist: %s", from));
    return strpbrk(from, "/:.") != NULL ? from : arena_printf(a, "ghcr.io/nvidia/openshell-community/sandboxes/%s:latest", from);
}

static struct node *read_providers(void)
{
    struct node *list = node_array(a), *have = node_get(w.state, "providers");

    for (size_t i = 0; i < n_given; i++) {
        bool known = false;

        if (strcmp(given[i].flag->name, "provider") != 0)
            continue;
        for (size_t j = 0; have != NULL && j < have->n_items; j++)
            known = known || text_eq(node_str(have->items[j]), given[i].value);
        if (!known)
            fail(arena_printf(a, "provider '%s' not found", given[i].value));
        node_push(a, list, node_string(a, given[i].value));
    }
    return list;
}

/* What is given as the main process and ends at once makes the sandbox an error (0.0.111). */
static bool main_process_lives(void)
{
    const char *base;

    if (trailing == NULL || trailing[0] == NULL)
        return true;
    base = strrchr(trailing[0], '/');
    base = base != NULL ? base + 1 : trailing[0];
    return strcmp(base, "sleep") == 0 || strcmp(base, "tail") == 0;
}

static void do_create(void)
{
    const char *name = option("name"), *policy = option("policy"), *from = option("from");
    struct node *s, *wanted = NULL, *labels, *providers;
    double polls;
    struct err e;

    if (option("output") != NULL && trailing != NULL)
        usage("the argument '--output <OUTPUT>' cannot be used with '[COMMAND]...'");
    connect_gateway();
    labels = read_labels();
    if (from != NULL)
        from = resolve_from(from);
    providers = read_providers();
    if (policy != NULL && openshell_rules_read(a, policy, version, &wanted, &e) < 0)
        fail(e.msg);
    if (name == NULL)
        name = "brisk-otter";
    check_name(name);
    if (openshell_world_find(&w, endpoint, name) >= 0)
        fail(arena_printf(
            a,
            "sandbox '%s' already exists\n\nhint: delete it first with: openshell sandbox delete <name>\n      or use "
            "a different name",
            name));
    s = openshell_world_add(&w, endpoint, name);
    node_set(a, s, "labels", labels);
    node_set(a, s, "providers", providers);
    node_set(a, s, "from", from != NULL ? node_string(a, from) : node_null(a));
    node_set(a, s, "gpu", node_bool(a, option("gpu") != NULL));
    node_set(a, s, "baseline", openshell_rules_start(a, wanted));
    if (wanted != NULL)
        node_set(a, s, "baseline", wanted);
    node_set(a, s, "policy", openshell_rules_start(a, wanted));
    node_set(a, s, "policyVersion", node_number(a, 1));
    fail_as_told(true);
    if (!is_output("json") && !is_output("yaml"))
        (void)printf("\nCreated sandbox: %s\n\n  [0.0s] Requesting compute...\n", name);
    else
        (void)fprintf(stderr, "Provisioning sandbox (structured output on stdout)...\n");
    polls = openshell_world_number(&w, "provisionPolls", 0);
    if (polls != 0) {
        node_set(a, s, "phase", node_string(a, "Provisioning"));
        node_set(a, s, "left", node_number(a, polls));
        fail("sandbox provisioning timed out after 300s");
    }
    if (version >= 111 && !main_process_lives()) {
        node_set(a, s, "phase", node_string(a, "Error"));
        fail("sandbox entered error phase while provisioning: MainProcessExited: main process exited with code 0");
    }
    (void)print_output(list_item(s));
}

static void do_delete(void)
{
    double polls;

    (void)word(0, "NAME");
    connect_gateway();
    polls = openshell_world_number(&w, "deletingPolls", 1);
    for (size_t i = 0; i < n_words; i++) {
        struct node *s = openshell_world_at(&w, must_find(words[i]));

        if (!text_eq(node_str(node_get(s, "phase")), "Deleting")) {
            node_set(a, s, "phase", node_string(a, "Deleting"));
            node_set(a, s, "left", node_number(a, polls));
            openshell_world_touch(&w, s);
        }
        fail_as_told(true);
        (void)printf("\xe2\x9c\x93 Deleted sandbox %s\n", words[i]);
    }
}

static void do_stop_start(const char *phase, const char *done)
{
    const char *name = word(0, "NAME");
    struct node *s;

    connect_gateway();
    s = openshell_world_at(&w, must_find(name));
    if (text_eq(node_str(node_get(s, "phase")), "Deleting"))
        fail_grpc("FailedPrecondition", "sandbox is being deleted");
    node_set(a, s, "phase", node_string(a, phase));
    openshell_world_touch(&w, s);
    fail_as_told(true);
    (void)printf("\xe2\x9c\x93 %s sandbox %s\n", done, name);
}

static void do_provider(void)
{
    const struct node *s, *list;

    if (!text_eq(word(0, "COMMAND"), "list"))
        usage("unrecognized subcommand");
    (void)word(1, "NAME");
    connect_gateway();
    s = openshell_world_at(&w, must_find(words[1]));
    list = node_get(s, "providers");
    if (list == NULL || list->n_items == 0)
        (void)printf("No providers attached to sandbox %s.\n", words[1]);
    for (size_t i = 0; list != NULL && i < list->n_items; i++)
        (void)printf("%s\n", node_str(list->items[i]));
}

/* --- policies -------------------------------------------------------------------------------------------------------------- */

static const char *policy_hash(const struct node *policy)
{
    const char *json = node_json(a, policy);

    return digest_sha256(a, json, strlen(json));
}

static void do_policy_set(void)
{
    const char *name = word(0, "NAME"), *path = option("policy"), *then;
    struct node *s, *wanted = NULL;
    struct err e;
    int n;

    if (path == NULL)
        usage("the following required arguments were not provided:\n  --policy <POLICY>");
    if (openshell_rules_read(a, path, version, &wanted, &e) < 0)
        fail(e.msg);
    connect_gateway();
    s = openshell_world_at(&w, must_find(name));
    if (openshell_rules_change(node_get(s, "baseline"), wanted, &e) < 0)
        fail_grpc("InvalidArgument", e.msg);
    n = (int)node_get(s, "policyVersion")->num;
    if (node_equal(wanted, node_get(s, "policy"))) {
        (void)fprintf(stderr, "\xc2\xb7 Policy unchanged (version %d, hash: %.12s)\n", n, policy_hash(wanted));
        return;
    }
    n++;
    then = node_str(node_get(w.state, "policyWait"));
    then = then != NULL ? then : "loaded";
    node_set(a, s, "policyVersion", node_number(a, n));
    openshell_world_touch(&w, s);
    if (strcmp(then, "loaded") == 0)
        node_set(a, s, "policy", wanted);
    fail_as_told(true);
    (void)fprintf(stderr, "\xe2\x9c\x93 Policy version %d submitted (hash: %.12s)\n", n, policy_hash(wanted));
    if (option("wait") == NULL)
        return;
    if (strcmp(then, "failed") == 0) {
        (void)fprintf(stderr, "\xe2\x9c\x97 Policy version %d failed to load: rule 'x' does not compile\n", n);
        leave(1);
    }
    if (strcmp(then, "timeout") == 0) {
        (void)fprintf(stderr, "\xe2\x9c\x97 Timeout waiting for policy version %d to load\n", n);
        leave(124);
    }
    if (strcmp(then, "superseded") == 0)
        (void)fprintf(stderr, "\xe2\x9a\xa0 Policy version %d was superseded (active version: %d)\n", n, n + 1);
    else
        (void)fprintf(stderr, "\xe2\x9c\x93 Policy version %d loaded (active version: %d)\n", n, n);
}

static void do_policy_get(void)
{
    const char *name = word(0, "NAME"), *o = option("output");
    bool full = option("full") != NULL, base = option("base") != NULL;
    struct node *s, *out = node_object(a), *policy;
    BUF_AUTO b = BUF_INIT(4u << 20);

    if (full && base)
        usage("the argument '--full' cannot be used with '--base'");
    if (o != NULL && strcmp(o, "json") != 0 && strcmp(o, "table") != 0)
        usage(arena_printf(a, "invalid value '%s' for '--output <OUTPUT>'", o));
    connect_gateway();
    s = openshell_world_at(&w, must_find(name));
    policy = base ? node_get(s, "policy") : effective(s);
    if (!text_eq(o, "json")) {
        (void)printf("Version:      %d\nHash:         %s\nStatus:       %s\n", (int)node_get(s, "policyVersion")->num,
                     policy_hash(policy), version <= 36 ? "Loaded" : "Effective");
        if (full || base) {
            (void)puts("---");
            print_yaml(policy, 0);
        }
        return;
    }
    node_set(a, out, "scope", node_string(a, "sandbox"));
    node_set(a, out, "sandbox", node_string(a, name));
    node_set(a, out, "version", node_get(s, "policyVersion"));
    node_set(a, out, "active_version", node_get(s, "policyVersion"));
    node_set(a, out, "hash", node_string(a, policy_hash(policy)));
    node_set(a, out, "status", node_string(a, "effective"));
    node_set(a, out, "config_revision", node_get(s, "policyVersion"));
    node_set(a, out, "policy_source", node_string(a, "sandbox"));
    if (full || base)
        node_set(a, out, "policy", policy);
    node_emit(&b, out, 2, 0);
    (void)puts(buf_str(&b));
}

/* --- inside a sandbox ------------------------------------------------------------------------------------------------------ */

/* The argv that runs a command with the sandbox's files at /sandbox, /agent and /tmp. */
static char **inside(const struct node *s, const char *workdir, const char *const *command)
{
    const char *head[] = {"bwrap",
                          "--unshare-pid",
                          "--unshare-ipc",
                          "--die-with-parent",
                          "--clearenv",
                          "--setenv",
                          "PATH",
                          "/usr/local/bin:/usr/bin:/bin",
                          "--setenv",
                          "HOME",
                          "/sandbox",
                          "--setenv",
                          "LC_ALL",
                          "C.UTF-8",
                          "--ro-bind",
                          "/usr",
                          "/usr",
                          "--symlink",
                          "usr/bin",
                          "/bin",
                          "--symlink",
                          "usr/lib",
                          "/lib",
                          "--symlink",
                          "usr/lib64",
                          "/lib64",
                          "--symlink",
                          "usr/sbin",
                          "/sbin",
                          "--dir",
                          "/etc",
                          "--proc",
                          "/proc",
                          "--dev",
                          "/dev",
                          "--bind",
                          openshell_world_path(&w, s, "sandbox"),
                          "/sandbox",
                          "--bind",
                          openshell_world_path(&w, s, "agent"),
                          "/agent",
                          "--bind",
                          openshell_world_path(&w, s, "tmp"),
                          "/tmp",
                          "--chdir",
                          workdir != NULL ? workdir : "/sandbox",
                          "--"};
    size_t n = sizeof head / sizeof *head, m = 0;
    char **argv;

    while (command[m] != NULL)
        m++;
    argv = ARENA_ARRAY(a, char *, n + m + 1);
    for (size_t i = 0; i < n; i++)
        argv[i] = arena_strdup(a, head[i]);
    for (size_t i = 0; i < m; i++)
        argv[n + i] = arena_strdup(a, command[i]);
    return argv;
}

/* fd_in, fd_out: -1: ours. */
static pid_t start(char **argv, int fd_in, int fd_out)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fd_in >= 0)
        (void)dup2(fd_in, 0);
    if (fd_out >= 0)
        (void)dup2(fd_out, 1);
    (void)execvp(argv[0], argv);
    _exit(127);
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* from | to; the status of the one inside the sandbox. */
static int run_pipe(char **from, char **to, bool from_counts)
{
    int ends[2], x, y;
    pid_t p, q;

    if (pipe2(ends, O_CLOEXEC) < 0)
        fail("pipe");
    p = start(from, -1, ends[1]);
    q = start(to, ends[0], -1);
    close(ends[0]);
    close(ends[1]);
    x = wait_for(p);
    y = wait_for(q);
    return from_counts && x != 0 ? x : y;
}

static struct node *must_be_ready(const char *name)
{
    struct node *s = openshell_world_at(&w, must_find(name));

    if (!text_eq(openshell_world_phase(&w, s), "Ready"))
        fail_grpc("FailedPrecondition", "sandbox is not ready");
    return s;
}

static void on_alarm(int n)
{
    _exit(124);
}

static void do_exec(void)
{
    const char *name = option("name"), *const *command = (const char *const *)trailing;
    const char *shell[MAX_ARGS + 1] = {"sh", "-c", "exec \"$@\"", "exec"}; /* as sshd does it: 127 and 126 are the shell's */
    uint64_t seconds = 0;
    struct node *s;
    pid_t pid;

    if (trailing == NULL || trailing[0] == NULL)
        usage("the following required arguments were not provided:\n  <COMMAND>...");
    if (name == NULL || (option("timeout") != NULL && !num_parse_u64(option("timeout"), &seconds)))
        usage("a name is wanted");
    connect_gateway();
    for (int i = 0; version < 88 && trailing[i] != NULL; i++)
        if (strpbrk(trailing[i], "\r\n") != NULL)
            fail_grpc("InvalidArgument",
                      arena_printf(a, "command argument %d contains newline or carriage return characters", i));
    s = must_be_ready(name);
    world_close();
    for (size_t i = 0; i + 4 < MAX_ARGS && command[i] != NULL; i++)
        shell[i + 4] = command[i];
    pid = start(inside(s, option("workdir"), shell), -1, -1);
    if (seconds > 0) {
        (void)sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
        (void)alarm((unsigned)seconds);
    }
    leave(wait_for(pid));
}

static void do_upload(void)
{
    const char *name = word(0, "NAME"), *local = word(1, "LOCAL_PATH"), *dest = n_words > 2 ? words[2] : "/sandbox", *base, *into;
    struct node *s;
    struct stat st;
    int status;

    connect_gateway();
    if (lstat(local, &st) < 0)
        fail(arena_printf(a, "local path does not exist: %s", local));
    s = must_be_ready(name);
    world_close();
    (void)fprintf(stderr, "Uploading %s -> sandbox:%s\n", local, dest);
    base = strrchr(local, '/') != NULL ? strrchr(local, '/') + 1 : local;
    if (S_ISDIR(st.st_mode)) {
        bool flat = version <= 36 || strcmp(base, ".") == 0 || base[0] == '\0';
        const char *tar[] = {"tar",
                             version <= 36 ? "-chf" : "-cf",
                             "-",
                             "-C",
                             flat ? local : arena_printf(a, "%s/..", local),
                             "--",
                             flat ? "." : base,
                             NULL};
        const char *in[] = {"sh", "-c", "mkdir -p \"$1\" && tar xf - -C \"$1\"", "upload", dest, NULL};

        if (!flat && strchr(local, '/') == NULL)
            tar[4] = ".";
        status = run_pipe((char **)tar, inside(s, NULL, in), true);
    } else {
        const char *slash = strrchr(dest, '/'), *target = dest;
        const char *cat[] = {"cat", "--", local, NULL};

        if (slash != NULL && slash[1] == '\0')
            target = arena_printf(a, "%s%s", dest, base);
        else if (slash == dest) /* the parent is / */
            target = arena_printf(a, "%s/%s", dest, base);
        into = arena_printf(a, "%o", (unsigned)st.st_mode & 07777);
        const char *in[] = {
            "sh",
            "-c",
            "mkdir -p \"$(dirname \"$1\")\" && { [ -d \"$1\" ] || rm -f \"$1\"; } && cat >\"$1\" && chmod \"$2\" \"$1\"",
            "upload",
            target,
            into,
            NULL};

        status = run_pipe((char **)cat, inside(s, NULL, in), true);
    }
    if (status != 0)
        fail(arena_printf(a, "ssh tar extract exited with status exit status: %d", status));
    world_open();
    fail_as_told(true);
    (void)fprintf(stderr, "\xe2\x9c\x93 Upload complete\n");
}

/* The first line that a command inside prints. */
static const char *ask(const struct node *s, const char *script, const char *arg)
{
    const char *in[] = {"sh", "-c", script, "ask", arg, NULL};
    char text[PATH_MAX];
    size_t n = 0;
    ssize_t got;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        fail("pipe");
    pid = start(inside(s, NULL, in), -1, ends[1]);
    close(ends[1]);
    while (n + 1 < sizeof text && (got = read(ends[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    close(ends[0]);
    (void)wait_for(pid);
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return arena_strdup(a, text);
}

static bool below(const char *path, const char *top)
{
    size_t n = strlen(top);

    return strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void do_download(void)
{
    const char *name = word(0, "NAME"), *from = word(1, "SANDBOX_PATH"), *dest = n_words > 2 ? words[2] : ".", *real = from,
               *base;
    struct node *s;
    struct stat st;
    int status;

    connect_gateway();
    s = must_be_ready(name);
    world_close();
    (void)fprintf(stderr, "Downloading sandbox:%s -> %s\n", from, dest);
    if (version >= 41) {
        const char *clean = ask(s, "realpath -ms -- \"$1\"", from);

        if (!below(clean, "/sandbox"))
            fail(arena_printf(a, "sandbox source path '%s' is outside the sandbox workspace (/sandbox)", from));
        real = ask(s, "realpath -e -- \"$1\" 2>/dev/null", from);
        if (real[0] == '\0')
            fail(arena_printf(a, "sandbox source path '%s' does not exist", from));
        if (!below(real, "/sandbox"))
            fail(arena_printf(a, "sandbox source path '%s' resolves to '%s', outside the sandbox workspace (/sandbox)", from,
                              real));
    }
    base = strrchr(real, '/') != NULL ? strrchr(real, '/') + 1 : real;
    if (text_eq(ask(s, "test -d \"$1\" && echo d", real), "d")) {
        const char *in[] = {"tar", "-cf", "-", "-C", real, ".", NULL}, *tar[] = {"tar", "-xf", "-", "-C", dest, NULL};

        (void)mkdir(dest, 0777);
        status = run_pipe(inside(s, NULL, in), (char **)tar, true);
    } else {
        const char *in[] = {"cat", "--", real, NULL};
        int fd;

        if (version <= 36 || dest[strlen(dest) - 1] == '/' || (stat(dest, &st) == 0 && S_ISDIR(st.st_mode))) {
            (void)mkdir(dest, 0777);
            dest = arena_printf(a, "%s/%s", dest, base);
        }
        fd = open(dest, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0)
            fail(arena_printf(a, "failed to write %s", dest));
        status = wait_for(start(inside(s, NULL, in), -1, fd));
        close(fd);
    }
    if (status != 0)
        fail(arena_printf(a, "ssh tar create exited with status exit status: %d", status));
    world_open();
    fail_as_told(true);
    (void)fprintf(stderr, "\xe2\x9c\x93 Download complete\n");
}

/* --- ssh ------------------------------------------------------------------------------------------------------------------- */

static void do_ssh_config(void)
{
    const char *name = word(0, "NAME");
    const struct node *ssh;
    const char *user, *host;

    world_open();
    fail_as_told(false);
    ssh = node_get(w.state, "ssh");
    user = node_str(node_get(ssh, "user"));
    host = node_str(node_get(ssh, "host"));
    (void)printf(
        "Host openshell-%s%s%s\n    User %s\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n"
        "    GlobalKnownHostsFile /dev/null\n    LogLevel ERROR\n    ServerAliveInterval 15\n    ServerAliveCountMax 3\n",
        name, version >= 88 ? "." : "", version >= 88 ? workspace : "", user != NULL ? user : "sandbox");
    if (text_eq(node_str(node_get(ssh, "shape")), "host")) {
        (void)printf("    HostName %s\n    Port %d\n", host, (int)node_get(ssh, "port")->num);
        return;
    }
    (void)printf("    ProxyCommand /usr/bin/env 'OPENSHELL_STANDIN=%s' '%s' ssh-proxy --gateway-name '%s' --name '%s'", dir, self,
                 gateway, name);
    if (version >= 88)
        (void)printf(" --workspace '%s'", workspace);
    (void)printf("\n");
}

/* Carries bytes between our standard streams and the sshd that the world names. */
static void do_ssh_proxy(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};
    const struct node *ssh;
    const char *host;
    char bytes[65536];

    gateway = option("gateway-name");
    endpoint = gateway != NULL && strstr(gateway, "://") == NULL ? gateway_endpoint(gateway) : NULL;
    if (gateway != NULL && strstr(gateway, "://") != NULL)
        fail(arena_printf(a, "Unknown gateway '%s'.", gateway)); /* the name of none: what an endpoint alone leads to */
    if (endpoint == NULL)
        fail(arena_printf(a, "Unknown gateway '%s'.", gateway != NULL ? gateway : ""));
    connect_gateway();
    (void)must_be_ready(option("name") != NULL ? option("name") : "");
    ssh = node_get(w.state, "ssh");
    host = node_str(node_get(ssh, "host"));
    to.sin_port = htons((uint16_t)(node_get(ssh, "port") != NULL ? node_get(ssh, "port")->num : 0));
    if (inet_pton(AF_INET, host != NULL ? host : "127.0.0.1", &to.sin_addr) != 1)
        fail("no address");
    world_close();
    p[1].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p[1].fd < 0 || connect(p[1].fd, (struct sockaddr *)&to, sizeof to) < 0)
        fail("tcp connect error");
    for (;;) {
        if (poll(p, 2, -1) < 0)
            continue;
        for (int i = 0; i < 2; i++) {
            ssize_t n;

            if (p[i].revents == 0)
                continue;
            n = read(p[i].fd, bytes, sizeof bytes);
            if (n <= 0) {
                if (i == 1)
                    leave(0);
                (void)shutdown(p[1].fd, SHUT_WR);
                p[0].fd = -1;
                continue;
            }
            for (ssize_t done = 0, put; done < n; done += put) {
                put = write(i == 0 ? p[1].fd : 1, bytes + done, (size_t)(n - done));
                if (put < 0)
                    leave(0);
            }
        }
    }
}

/* --- gateways and switches ---------------------------------------------------------------------------------------------------
 */

static void do_gateway_select(void)
{
    const char *name = word(0, "NAME");
    FILE *f;

    if (gateway_endpoint(name) == NULL)
        fail(arena_printf(a, "No gateway metadata found for '%s'.", name));
    f = fopen(arena_printf(a, "%s/active_gateway", config_dir()), "we");
    if (f == NULL)
        fail("cannot write active_gateway");
    (void)fputs(name, f);
    (void)fclose(f);
    (void)fprintf(stderr, "\xe2\x9c\x93 Active gateway set to '%s'\n", name);
}

static int do_standin(int n, char **v)
{
    ARENA_AUTO mine = arena_new();

    a = mine;
    if (n == 3 && strcmp(v[0], "set") == 0)
        openshell_world_set(dir, v[1], v[2]);
    else if (n == 2 && strcmp(v[0], "unset") == 0)
        openshell_world_set(dir, v[1], NULL);
    else if (n == 1 && strcmp(v[0], "reset") == 0)
        openshell_world_reset(dir);
    else if (n == 1 && strcmp(v[0], "show") == 0) {
        world_open();
        (void)puts(node_json(a, w.state));
        world_close();
    } else {
        (void)fprintf(stderr, "usage: openshell standin set KEY JSON | unset KEY | reset | show\n");
        return 64;
    }
    return 0;
}

static void write_log(char **argv)
{
    struct node *line = node_array(a);
    FILE *f = fopen(arena_printf(a, "%s/log", dir), "ae");

    for (char **s = argv + 1; *s != NULL; s++)
        node_push(a, line, node_string(a, *s));
    if (f != NULL) {
        (void)fprintf(f, "%s\n", node_json(a, line));
        (void)fclose(f);
    }
}

static void run(char **argv)
{
    static const struct {
        const char *verb;
        void (*run)(void);
    } verbs[] = {
        {"sandbox get", do_get},           {"sandbox list", do_list},         {"status", do_status},
        {"sandbox create", do_create},     {"sandbox delete", do_delete},     {"sandbox exec", do_exec},
        {"sandbox upload", do_upload},     {"sandbox download", do_download}, {"sandbox ssh-config", do_ssh_config},
        {"sandbox provider", do_provider}, {"policy set", do_policy_set},     {"policy get", do_policy_get},
    };

    parse(argv + 1);
    if (strcmp(verb, "gateway select") == 0)
        do_gateway_select();
    else if (strcmp(verb, "ssh-proxy") == 0)
        do_ssh_proxy();
    else {
        if (!verb_exists(verb))
            usage(arena_printf(a, "unrecognized subcommand '%s'", verb));
        resolve_gateway();
        if (strcmp(verb, "sandbox stop") == 0)
            do_stop_start("Stopped", "Stopped");
        else if (strcmp(verb, "sandbox start") == 0)
            do_stop_start("Ready", "Started");
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
            if (strcmp(verbs[i].verb, verb) == 0)
                verbs[i].run();
    }
    leave(0);
}

int main(int argc, char **argv)
{
    ARENA_AUTO mine = arena_new();
    char path[PATH_MAX];
    const char *text;

    a = mine;
    w.lock = -1;
    dir = getenv("OPENSHELL_STANDIN");
    if (dir == NULL || dir[0] != '/' || realpath("/proc/self/exe", path) == NULL) {
        (void)fprintf(stderr, "openshell stand-in: OPENSHELL_STANDIN must be the absolute path of its world\n");
        return 70;
    }
    self = path;
    if (argc > 2 && strcmp(argv[1], "standin") == 0)
        return do_standin(argc - 2, argv + 2);
    write_log(argv);
    world_open();
    text = node_str(node_get(w.state, "version"));
    {
        const char *dot = strrchr(text, '.');
        uint64_t n = 0;

        (void)num_parse_u64(dot + 1, &n);
        version = text_has_prefix(text, "0.0.") ? (int)n : 1000 + (int)n;
    }
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        verb = "version";
        fail_as_told(false);
        (void)printf("openshell %s\n", text);
        leave(0);
    }
    world_close();
    run(argv);
}
