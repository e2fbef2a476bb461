#include "tests/lib/openshell_rules.h"
#include "tests/lib/openshell_standin.h"

#include "spec/base/digest.h"

#include <stdio.h>
#include <string.h>

/* --- policies -------------------------------------------------------------------------------------------------------------- */

static const char *policy_hash(const struct node *policy)
{
    const char *json = node_json(os.a, policy);

    return digest_sha256(os.a, json, strlen(json));
}

void os_do_policy_set(void)
{
    const char *name = os_word(0, "NAME"), *path = os_option("policy"), *then;
    struct node *s, *wanted = NULL;
    struct err e;
    int n;

    if (path == NULL)
        os_usage("the following required arguments were not provided:\n  --policy <POLICY>");
    if (openshell_rules_read(os.a, path, os.version, &wanted, &e) < 0)
        os_fail(e.msg);
    os_connect();
    s = openshell_world_at(&os.w, os_must_find(name));
    if (openshell_rules_change(node_get(s, "baseline"), wanted, &e) < 0)
        os_fail_grpc("InvalidArgument", e.msg);
    n = (int)node_get(s, "policyVersion")->num;
    if (node_equal(wanted, node_get(s, "policy"))) {
        (void)fprintf(stderr, "\xc2\xb7 Policy unchanged (version %d, hash: %.12s)\n", n, policy_hash(wanted));
        return;
    }
    n++;
    then = node_str(node_get(os.w.state, "policyWait"));
    then = then != NULL ? then : "loaded";
    node_set(os.a, s, "policyVersion", node_number(os.a, n));
    openshell_world_touch(&os.w, s);
    if (strcmp(then, "loaded") == 0)
        node_set(os.a, s, "policy", wanted);
    os_fail_as_told(true);
    (void)fprintf(stderr, "\xe2\x9c\x93 Policy version %d submitted (hash: %.12s)\n", n, policy_hash(wanted));
    if (os_option("wait") == NULL)
        return;
    if (strcmp(then, "failed") == 0) {
        (void)fprintf(stderr, "\xe2\x9c\x97 Policy version %d failed to load: rule 'x' does not compile\n", n);
        os_leave(1);
    }
    if (strcmp(then, "timeout") == 0) {
        (void)fprintf(stderr, "\xe2\x9c\x97 Timeout waiting for policy version %d to load\n", n);
        os_leave(124);
    }
    if (strcmp(then, "superseded") == 0)
        (void)fprintf(stderr, "\xe2\x9a\xa0 Policy version %d was superseded (active version: %d)\n", n, n + 1);
    else
        (void)fprintf(stderr, "\xe2\x9c\x93 Policy version %d loaded (active version: %d)\n", n, n);
}

void os_do_policy_get(void)
{
    const char *name = os_word(0, "NAME"), *o = os_option("output");
    bool full = os_option("full") != NULL, base = os_option("base") != NULL;
    struct node *s, *out = node_object(os.a), *policy;
    BUF_AUTO b = BUF_INIT(4u << 20);

    if (full && base)
        os_usage("the argument '--full' cannot be used with '--base'");
    if (o != NULL && strcmp(o, "json") != 0 && strcmp(o, "table") != 0)
        os_usage(arena_printf(os.a, "invalid value '%s' for '--output <OUTPUT>'", o));
    os_connect();
    s = openshell_world_at(&os.w, os_must_find(name));
    policy = base ? node_get(s, "policy") : os_effective(s);
    if (!text_eq(o, "json")) {
        (void)printf("Version:      %d\nHash:         %s\nStatus:       %s\n", (int)node_get(s, "policyVersion")->num,
                     policy_hash(policy), os.version <= 36 ? "Loaded" : "Effective");
        if (full || base) {
            (void)puts("---");
            os_print_yaml(policy, 0);
        }
        return;
    }
    node_set(os.a, out, "scope", node_string(os.a, "sandbox"));
    node_set(os.a, out, "sandbox", node_string(os.a, name));
    node_set(os.a, out, "version", node_get(s, "policyVersion"));
    node_set(os.a, out, "active_version", node_get(s, "policyVersion"));
    node_set(os.a, out, "hash", node_string(os.a, policy_hash(policy)));
    node_set(os.a, out, "status", node_string(os.a, "effective"));
    node_set(os.a, out, "config_revision", node_get(s, "policyVersion"));
    node_set(os.a, out, "policy_source", node_string(os.a, "sandbox"));
    if (full || base)
        node_set(os.a, out, "policy", policy);
    node_emit(&b, out, 2, 0);
    (void)puts(buf_str(&b));
}
