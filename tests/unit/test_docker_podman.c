/* What podman shows in other words than docker: its inspections in docker's. */
#include "backends/docker_podman.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct node *body_of(struct arena *a, const char *bind)
{
    struct node *body = node_object(a), *host = node_object(a), *binds = node_array(a);

    if (bind)
        node_push(a, binds, node_string(a, bind));
    node_set(a, host, "Binds", binds);
    node_set(a, body, "HostConfig", host);
    return body;
}

/* A bind gets the options of the mount that its source is on: nobody asked for them, and nobody misses them. */
static void options_of_the_mount_below_are_nobodys_setting(void **state)
{
    static const struct {
        const char *wanted, *shown, *told;
    } table[] = {
        {"/a:/b:z", "/a:/b:rw,rprivate,nosuid,nodev,rbind", "/a:/b:rw,rprivate,rbind"},
        {"/a:/b:ro,z", "/a:/b:ro,noexec,nosuid,nodev,rbind", "/a:/b:ro,rbind"},
        {"/a:/b", "/a:/b:nosuid", "/a:/b:"},
        {"/a:/b:nosuid", "/a:/b:rw,nosuid,nodev,rbind", "/a:/b:rw,nosuid,rbind"},
        {"/a:/bb:nosuid", "/a:/b:rw,nosuid,rbind", "/a:/b:rw,rbind"},
        {"/x:/b:nosuid", "/a:/b:rw,nosuid,rbind", "/a:/b:rw,rbind"},
        {"vol:/b", "vol:/b:rw,rprivate,nosuid,nodev,rbind", "vol:/b:rw,rprivate,rbind"},
        {NULL, "/a:/b:nodev,rbind", "/a:/b:rbind"},
        {"/a:/b:z", "/a:/b:rw,nosuidx,rbind", "/a:/b:rw,nosuidx,rbind"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ARENA_AUTO a = arena_new();
        struct node *item = body_of(a, table[i].shown);
        const struct node *binds;

        node_set(a, item, "Config", node_object(a));
        binds = node_path(podman_inspection(a, item, body_of(a, table[i].wanted)), "HostConfig", "Binds", NULL);
        assert_int_equal(binds->n_items, 1);
        assert_string_equal(node_str(binds->items[0]), table[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_the_mount_below_are_nobodys_setting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
