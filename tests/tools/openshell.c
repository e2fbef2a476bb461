/* openshell: a stand-in for NVIDIA OpenShell's command line and its gateway, for a machine that has neither. It keeps what it is
 * told (tests/lib/openshell_world.h), runs real commands on real files in a namespace per sandbox, and answers as the releases
 * 0.0.36, 0.0.37, 0.0.88 and 0.0.111 do (and as what lies between them: each difference has its release below).
 *
 * OPENSHELL_STANDIN is the directory of the world. Gateways are found as the real one finds them: --gateway-endpoint, --gateway,
 * OPENSHELL_GATEWAY_ENDPOINT, OPENSHELL_GATEWAY, active_gateway below ${XDG_CONFIG_HOME:-~/.config}/openshell.
 *
 *     openshell standin set KEY JSON | unset KEY | reset | show     the switches */
#include "tests/lib/openshell_rules.h"
#include "tests/lib/openshell_standin.h"

#include "spec/base/num.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- looking --------------------------------------------------------------------------------------------------------------- */

static void do_get(void)
{
    const char *name = os_word(0, "NAME");
    struct node *s, *o;

    if (os_option("policy-only") != NULL && os_option("output") != NULL)
        os_usage("the argument '--policy-only' cannot be used with '--output <OUTPUT>'");
    os_connect();
    openshell_world_tick(&os.w);
    s = openshell_world_at(&os.w, os_must_find(name));
    if (os_option("policy-only") != NULL) {
        os_print_yaml(os_effective(s), 0);
        return;
    }
    o = os_list_item(s);
    node_set(os.a, o, "policy_source", node_string(os.a, "sandbox"));
    node_set(os.a, o, "revision", node_get(s, "policyVersion"));
    node_set(os.a, o, "policy", os_effective(s));
    if (os_print_output(o))
        return;
    (void)printf("Sandbox:\n\n  Id: %s\n  Name: %s\n", node_str(node_get(s, "id")), name);
    if (os.version <= 36)
        (void)printf("  Namespace: default\n");
    (void)printf("  Phase: %s\n", openshell_world_phase(&os.w, s));
    if (os.version >= 88)
        (void)printf("  Resource version: %d\n", (int)node_get(s, "resourceVersion")->num);
    if (os.version >= 37 && node_get(s, "labels")->n_members > 0) {
        const struct node *l = node_get(s, "labels");

        (void)printf("  Labels: \n");
        for (size_t i = 0; i < l->n_members; i++)
            (void)printf("    %s: %s\n", l->members[i].key, node_str(l->members[i].value));
    }
    (void)printf("  Policy source: sandbox\n  Revision: %d\n\nPolicy:\n\n", (int)node_get(s, "policyVersion")->num);
    os_print_yaml(os_effective(s), 2);
}

/* "k=v,k=v" */
static bool selected(const struct node *s, const char *selector)
{
    while (selector != NULL && *selector != '\0') {
        size_t n = strcspn(selector, ","), k = strcspn(selector, "=");
        const char *have;

        if (k >= n)
            os_fail_grpc("InvalidArgument",
                         arena_printf(os.a, "invalid label selector: expected 'key=value', got '%.*s'", (int)n, selector));
        have = node_str(node_get(node_get(s, "labels"), arena_memdup0(os.a, selector, k)));
        if (!text_eq(have, arena_memdup0(os.a, selector + k + 1, n - k - 1)))
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
    (void)printf("%-*s  %s%-19s  %s\n", width, "NAME", os.version <= 36 ? "NAMESPACE  " : "", "CREATED", "PHASE");
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *o = list->items[i];

        (void)printf("%-*s  %s%-19s  %s\n", width, node_str(node_get(o, "name")), os.version <= 36 ? "default    " : "",
                     node_str(node_get(o, "created_at")), node_str(node_get(o, "phase")));
    }
}

static void do_list(void)
{
    uint64_t limit = 100, offset = 0, seen = 0;
    struct node *list = node_array(os.a), *empty;
    const char *bare = os_option("ids") != NULL ? "id" : os_option("names") != NULL ? "name" : NULL;

    if ((os_option("limit") != NULL && !num_parse_u64(os_option("limit"), &limit)) ||
        (os_option("offset") != NULL && !num_parse_u64(os_option("offset"), &offset)))
        os_usage("invalid value for '--limit <LIMIT>'");
    if (bare != NULL && os_option("output") != NULL)
        os_usage("the argument '--output <OUTPUT>' cannot be used with '--ids'");
    os_connect();
    openshell_world_tick(&os.w);
    empty = node_get(os.w.state, "emptyList");
    if (limit > 1000)
        limit = 1000;
    if (empty != NULL && empty->num > 0)
        empty->num -= 1;
    else
        for (size_t i = 0; i < openshell_world_count(&os.w); i++) {
            const struct node *s = openshell_world_at(&os.w, (int)i);

            if (!text_eq(node_str(node_get(s, "endpoint")), os.endpoint) || !selected(s, os_option("selector")))
                continue;
            if (seen++ >= offset && list->n_items < limit)
                node_push(os.a, list, os_list_item(s));
        }
    if (bare == NULL) {
        if (!os_print_output(list))
            print_list(list);
        return;
    }
    for (size_t i = 0; i < list->n_items; i++)
        (void)puts(node_str(node_get(list->items[i], bare)));
}

static void do_status(void)
{
    struct node *o = node_object(os.a), *auth = node_object(os.a);
    bool down, expired;
    int ms;

    os_world_open();
    ms = (int)openshell_world_number(&os.w, "slowMs", 0);
    os_world_close();
    if (ms > 0)
        poll(NULL, 0, ms);
    os_world_open();
    os_fail_as_told(false);
    down = os_is_down();
    expired = openshell_world_flag(&os.w, "authExpired");
    node_set(os.a, o, "gateway", node_string(os.a, os.gateway));
    node_set(os.a, o, "server", node_string(os.a, os.endpoint));
    node_set(os.a, o, "status", node_string(os.a, down ? "disconnected" : "connected"));
    node_set(os.a, auth, "status", node_string(os.a, down ? "unverified" : expired ? "failed" : "authenticated"));
    node_set(os.a, o, "authentication", auth);
    if (down)
        node_set(os.a, o, "error", node_string(os.a, "transport error: tcp connect error: Connection refused (os error 111)"));
    else
        node_set(os.a, o, "version", node_get(os.w.state, "version"));
    if (os_print_output(o))
        return;
    (void)printf("Server Status\n\n  Gateway: %s\n  Server: %s\n", os.gateway, os.endpoint);
    if (down)
        (void)printf("  Status: Disconnected\n  Error: transport error\n");
    else
        (void)printf("  Status: Connected\n%s  Version: %s\n", expired && os.version >= 95 ? "  Authentication: Failed\n" : "",
                     node_str(node_get(os.w.state, "version")));
}
/* --- creating and removing ---------------------------------------------------------------------------------------------------
 */

static void check_name(const char *name)
{
    size_t n = strlen(name), max = os.version >= 88 ? 19 : 253;
    bool plain = true;

    if (n > max)
        os_fail_grpc("InvalidArgument", arena_printf(os.a, "name exceeds maximum length (%zu > %zu)", n, max));
    if (os.version < 88)
        return;
    for (size_t i = 0; i < n; i++)
        plain = plain && ((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '-');
    if (!plain)
        os_fail_grpc("InvalidArgument", "name must contain only lowercase alphanumeric characters or '-'");
    if (name[0] == '-' || name[n - 1] == '-')
        os_fail_grpc("InvalidArgument", "name must start and end with an alphanumeric character");
    if (strstr(name, "--") != NULL)
        os_fail_grpc("InvalidArgument", "name must not contain consecutive hyphens");
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
    struct node *labels = node_object(os.a);

    for (size_t i = 0; i < os.n_given; i++) {
        const char *v = os.given[i].value, *eq, *slash, *key;

        if (strcmp(os.given[i].flag->name, "label") != 0)
            continue;
        eq = strchr(v, '=');
        if (eq == NULL)
            os_fail(arena_printf(os.a, "invalid label format '%s': expected key=value", v));
        key = arena_memdup0(os.a, v, (size_t)(eq - v));
        slash = strrchr(key, '/');
        if (!label_part(slash != NULL ? slash + 1 : key, false))
            os_fail_grpc("InvalidArgument", arena_printf(os.a, "label key name segment contains invalid characters: '%s'", key));
        if (strlen(eq + 1) > 63)
            os_fail_grpc("InvalidArgument", arena_printf(os.a, "label value exceeds 63 characters: '%s'", eq + 1));
        if (!label_part(eq + 1, true))
            os_fail_grpc("InvalidArgument",
                         arena_printf(os.a,
                                      "label value contains invalid characters (must be alphanumeric, '-', '_', or "
                                      "'.'): '%s'",
                                      eq + 1));
        node_set(os.a, labels, key, node_string(os.a, eq + 1));
    }
    return labels;
}

/* The gateway's order: a Dockerfile or a directory that has one, an image, a name of the community's. */
static const char *resolve_from(const char *from)
{
    struct stat st;
    const char *base = strrchr(from, '/');

    if (stat(from, &st) == 0 && S_ISREG(st.st_mode) && strcasestr(base != NULL ? base + 1 : from, "dockerfile") != NULL)
        return arena_printf(os.a, "build:%s", from);
    if (stat(from, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (access(arena_printf(os.a, "%s/Dockerfile", from), R_OK) == 0)
            return arena_printf(os.a, "build:%s/Dockerfile", from);
        os_fail(arena_printf(os.a, "No Dockerfile found in directory: %s", from));
    }
    if (from[0] == '/' || text_has_prefix(from, "./") || text_has_prefix(from, "../"))
        os_fail(arena_printf(os.a, "local --from path does not exist: %s", from));
    return strpbrk(from, "/:.") != NULL ? from
                                        : arena_printf(os.a, "ghcr.io/nvidia/openshell-community/sandboxes/%s:latest", from);
}

static struct node *read_providers(void)
{
    struct node *list = node_array(os.a), *have = node_get(os.w.state, "providers");

    for (size_t i = 0; i < os.n_given; i++) {
        bool known = false;

        if (strcmp(os.given[i].flag->name, "provider") != 0)
            continue;
        for (size_t j = 0; have != NULL && j < have->n_items; j++)
            known = known || text_eq(node_str(have->items[j]), os.given[i].value);
        if (!known)
            os_fail(arena_printf(os.a, "provider '%s' not found", os.given[i].value));
        node_push(os.a, list, node_string(os.a, os.given[i].value));
    }
    return list;
}

/* What is given as the main process and ends at once makes the sandbox an error (0.0.111). */
static bool main_process_lives(void)
{
    const char *base;

    if (os.trailing == NULL || os.trailing[0] == NULL)
        return true;
    base = strrchr(os.trailing[0], '/');
    base = base != NULL ? base + 1 : os.trailing[0];
    return strcmp(base, "sleep") == 0 || strcmp(base, "tail") == 0;
}

static void do_create(void)
{
    const char *name = os_option("name"), *policy = os_option("policy"), *from = os_option("from");
    struct node *s, *wanted = NULL, *labels, *providers;
    double polls;
    struct err e;

    if (os_option("output") != NULL && os.trailing != NULL)
        os_usage("the argument '--output <OUTPUT>' cannot be used with '[COMMAND]...'");
    os_connect();
    labels = read_labels();
    if (from != NULL)
        from = resolve_from(from);
    providers = read_providers();
    if (policy != NULL && openshell_rules_read(os.a, policy, os.version, &wanted, &e) < 0)
        os_fail(e.msg);
    if (name == NULL)
        name = "brisk-otter";
    check_name(name);
    if (openshell_world_find(&os.w, os.endpoint, name) >= 0)
        os_fail(arena_printf(
            os.a,
            "sandbox '%s' already exists\n\nhint: delete it first with: openshell sandbox delete <name>\n      or use "
            "a different name",
            name));
    s = openshell_world_add(&os.w, os.endpoint, name);
    node_set(os.a, s, "labels", labels);
    node_set(os.a, s, "providers", providers);
    node_set(os.a, s, "from", from != NULL ? node_string(os.a, from) : node_null(os.a));
    node_set(os.a, s, "gpu", node_bool(os.a, os_option("gpu") != NULL));
    node_set(os.a, s, "baseline", openshell_rules_start(os.a, wanted));
    if (wanted != NULL)
        node_set(os.a, s, "baseline", wanted);
    node_set(os.a, s, "policy", openshell_rules_start(os.a, wanted));
    node_set(os.a, s, "policyVersion", node_number(os.a, 1));
    os_fail_as_told(true);
    if (!os_is_output("json") && !os_is_output("yaml"))
        (void)printf("\nCreated sandbox: %s\n\n  [0.0s] Requesting compute...\n", name);
    else
        (void)fprintf(stderr, "Provisioning sandbox (structured output on stdout)...\n");
    polls = openshell_world_number(&os.w, "provisionPolls", 0);
    if (polls != 0) {
        node_set(os.a, s, "phase", node_string(os.a, "Provisioning"));
        node_set(os.a, s, "left", node_number(os.a, polls));
        os_fail("sandbox provisioning timed out after 300s");
    }
    if (os.version >= 111 && !main_process_lives()) {
        node_set(os.a, s, "phase", node_string(os.a, "Error"));
        os_fail("sandbox entered error phase while provisioning: MainProcessExited: main process exited with code 0");
    }
    (void)os_print_output(os_list_item(s));
}

static void do_delete(void)
{
    double polls;

    (void)os_word(0, "NAME");
    os_connect();
    polls = openshell_world_number(&os.w, "deletingPolls", 1);
    for (size_t i = 0; i < os.n_words; i++) {
        struct node *s = openshell_world_at(&os.w, os_must_find(os.words[i]));

        if (!text_eq(node_str(node_get(s, "phase")), "Deleting")) {
            node_set(os.a, s, "phase", node_string(os.a, "Deleting"));
            node_set(os.a, s, "left", node_number(os.a, polls));
            openshell_world_touch(&os.w, s);
        }
        os_fail_as_told(true);
        (void)printf("\xe2\x9c\x93 Deleted sandbox %s\n", os.words[i]);
    }
}

static void do_stop_start(const char *phase, const char *done)
{
    const char *name = os_word(0, "NAME");
    struct node *s;

    os_connect();
    s = openshell_world_at(&os.w, os_must_find(name));
    if (text_eq(node_str(node_get(s, "phase")), "Deleting"))
        os_fail_grpc("FailedPrecondition", "sandbox is being deleted");
    node_set(os.a, s, "phase", node_string(os.a, phase));
    openshell_world_touch(&os.w, s);
    os_fail_as_told(true);
    (void)printf("\xe2\x9c\x93 %s sandbox %s\n", done, name);
}

static void do_provider(void)
{
    const struct node *s, *list;

    if (!text_eq(os_word(0, "COMMAND"), "list"))
        os_usage("unrecognized subcommand");
    (void)os_word(1, "NAME");
    os_connect();
    s = openshell_world_at(&os.w, os_must_find(os.words[1]));
    list = node_get(s, "providers");
    if (list == NULL || list->n_items == 0)
        (void)printf("No providers attached to sandbox %s.\n", os.words[1]);
    for (size_t i = 0; list != NULL && i < list->n_items; i++)
        (void)printf("%s\n", node_str(list->items[i]));
}
/* --- gateways and switches ---------------------------------------------------------------------------------------------------
 */

static void do_gateway_select(void)
{
    const char *name = os_word(0, "NAME");
    FILE *f;

    if (os_gateway_endpoint(name) == NULL)
        os_fail(arena_printf(os.a, "No gateway metadata found for '%s'.", name));
    f = fopen(arena_printf(os.a, "%s/active_gateway", os_config_dir()), "we");
    if (f == NULL)
        os_fail("cannot write active_gateway");
    (void)fputs(name, f);
    (void)fclose(f);
    (void)fprintf(stderr, "\xe2\x9c\x93 Active gateway set to '%s'\n", name);
}

static int do_standin(int n, char **v)
{
    ARENA_AUTO mine = arena_new();

    os.a = mine;
    if (n == 3 && strcmp(v[0], "set") == 0)
        openshell_world_set(os.dir, v[1], v[2]);
    else if (n == 2 && strcmp(v[0], "unset") == 0)
        openshell_world_set(os.dir, v[1], NULL);
    else if (n == 1 && strcmp(v[0], "reset") == 0)
        openshell_world_reset(os.dir);
    else if (n == 1 && strcmp(v[0], "show") == 0) {
        os_world_open();
        (void)puts(node_json(os.a, os.w.state));
        os_world_close();
    } else {
        (void)fprintf(stderr, "usage: openshell standin set KEY JSON | unset KEY | reset | show\n");
        return 64;
    }
    return 0;
}

static void write_log(char **argv)
{
    struct node *line = node_array(os.a);
    FILE *f = fopen(arena_printf(os.a, "%s/log", os.dir), "ae");

    for (char **s = argv + 1; *s != NULL; s++)
        node_push(os.a, line, node_string(os.a, *s));
    if (f != NULL) {
        (void)fprintf(f, "%s\n", node_json(os.a, line));
        (void)fclose(f);
    }
}

static void run(char **argv)
{
    static const struct {
        const char *verb;
        void (*run)(void);
    } verbs[] = {
        {"sandbox get", do_get},
        {"sandbox list", do_list},
        {"status", do_status},
        {"sandbox create", do_create},
        {"sandbox delete", do_delete},
        {"sandbox exec", os_do_exec},
        {"sandbox upload", os_do_upload},
        {"sandbox download", os_do_download},
        {"sandbox ssh-config", os_do_ssh_config},
        {"sandbox provider", do_provider},
        {"policy set", os_do_policy_set},
        {"policy get", os_do_policy_get},
    };

    os_parse(argv + 1);
    if (strcmp(os.verb, "gateway select") == 0)
        do_gateway_select();
    else if (strcmp(os.verb, "ssh-proxy") == 0)
        os_do_ssh_proxy();
    else {
        if (!os_verb_exists(os.verb))
            os_usage(arena_printf(os.a, "unrecognized subcommand '%s'", os.verb));
        os_resolve_gateway();
        if (strcmp(os.verb, "sandbox stop") == 0)
            do_stop_start("Stopped", "Stopped");
        else if (strcmp(os.verb, "sandbox start") == 0)
            do_stop_start("Ready", "Started");
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
            if (strcmp(verbs[i].verb, os.verb) == 0)
                verbs[i].run();
    }
    os_leave(0);
}

int main(int argc, char **argv)
{
    ARENA_AUTO mine = arena_new();
    char path[PATH_MAX];
    const char *text;

    os.a = mine;
    os.dir = getenv("OPENSHELL_STANDIN");
    if (os.dir == NULL || os.dir[0] != '/' || realpath("/proc/self/exe", path) == NULL) {
        (void)fprintf(stderr, "openshell stand-in: OPENSHELL_STANDIN must be the absolute path of its world\n");
        return 70;
    }
    os.self = path;
    if (argc > 2 && strcmp(argv[1], "standin") == 0)
        return do_standin(argc - 2, argv + 2);
    write_log(argv);
    os_world_open();
    text = node_str(node_get(os.w.state, "version"));
    {
        const char *dot = strrchr(text, '.');
        uint64_t n = 0;

        (void)num_parse_u64(dot + 1, &n);
        os.version = text_has_prefix(text, "0.0.") ? (int)n : 1000 + (int)n;
    }
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        os.verb = "version";
        os_fail_as_told(false);
        (void)printf("openshell %s\n", text);
        os_leave(0);
    }
    os_world_close();
    run(argv);
}
