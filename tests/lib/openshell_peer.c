#include "tests/lib/openshell_peer.h"

#include "tests/lib/openshell_world.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the program that runs: <out>/tests/contract/test_x and <out>/tests/tools/openshell. */
static void find_command(struct openshell_peer *p)
{
    char self[PATH_MAX], *slash;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    assert_true(n > 0);
    self[n] = '\0';
    for (int i = 0; i < 2; i++) {
        slash = strrchr(self, '/');
        assert_non_null(slash);
        *slash = '\0';
    }
    assert_true(snprintf(p->command, sizeof p->command, "%s/tools/openshell", self) < (int)sizeof p->command);
    if (access(p->command, X_OK) < 0)
        fail_msg("%s is not built: make tools in the same MODE", p->command);
}

void openshell_peer_start(struct openshell_peer *p, const char *release)
{
    char json[64];

    p->top = scratch_make();
    find_command(p);
    (void)snprintf(p->world, sizeof p->world, "%s/world", p->top);
    (void)snprintf(p->state, sizeof p->state, "%s/state", p->top);
    (void)snprintf(p->seed, sizeof p->seed, "%s/seed", p->top);
    scratch_mkdir(p->top, "world");
    scratch_mkdir(p->top, "state");
    scratch_write_text(p->top, "seed/a.txt", "first\n");
    scratch_write_text(p->top, "seed/.hidden/b", "second\n");
    scratch_write(p->top, "seed/run", "#!/bin/sh\n", 10, 0755);
    scratch_symlink(p->top, "seed/link", "a.txt");
    scratch_write_text(p->top, "config/openshell/gateways/ct/metadata.json",
                       "{\"name\":\"ct\",\"gateway_endpoint\":\"https://127.0.0.1:17670\"}");
    (void)snprintf(json, sizeof json, "\"%s\"", release);
    openshell_world_set(p->world, "version", json);
}

void openshell_peer_stop(struct openshell_peer *p)
{
    scratch_remove(p->top);
    p->top = NULL;
}

void openshell_peer_conf(const struct openshell_peer *p, struct arena *a, struct backend_conf *ret)
{
    struct node *options = node_object(a), *env = node_object(a);

    node_set(a, env, "OPENSHELL_STANDIN", node_string(a, p->world));
    node_set(a, env, "XDG_CONFIG_HOME", node_printf(a, "%s/config", p->top));
    node_set(a, env, "HOME", node_printf(a, "%s/home", p->top));
    /* It is started hundreds of times, and ends in the middle of its work. */
    node_set(a, env, "ASAN_OPTIONS", node_string(a, "detect_leaks=0"));
    node_set(a, options, "command", node_string(a, p->command));
    node_set(a, options, "env", env);
    *ret = (struct backend_conf){.endpoint = OPENSHELL_PEER_ENDPOINT, .address = "ct", .state_dir = p->state, .options = options};
}

void openshell_peer_switch(const struct openshell_peer *p, const char *key, const char *json)
{
    openshell_world_set(p->world, key, json);
}

void openshell_peer_clean(const struct openshell_peer *p)
{
    openshell_world_reset(p->world);
    scratch_clear(p->top, "state/openshell");
    scratch_clear(p->top, "world/log");
}

char *openshell_peer_file(const struct openshell_peer *p, const char *name, const char *path)
{
    ARENA_AUTO a = arena_new();
    struct openshell_world w;
    char *text = NULL;
    int i;

    openshell_world_open(&w, a, p->world);
    i = openshell_world_find(&w, NULL, name);
    if (i >= 0)
        text = scratch_read(openshell_world_path(&w, openshell_world_at(&w, i), "."), path, NULL);
    openshell_world_close(&w);
    return text;
}

char *openshell_peer_log(const struct openshell_peer *p)
{
    char *text = scratch_read(p->top, "world/log", NULL);

    return text != NULL ? text : calloc(1, 1);
}
