#include "tests/lib/registry.h"

#include "tests/lib/child.h"
#include "tests/lib/scratch.h"

#include <string.h>

void registry_begin(struct registry *r)
{
    *r = (struct registry){.dir = scratch_make(), .a = arena_new()};
    r->s = (struct shards){.state_dir = r->dir, .install = "0123456789abcdef"};
    r->wait = (struct lock_wait){.now_ms = child_wall_ms(), .timeout_ms = 5000};
}

void registry_end(struct registry *r)
{
    arena_free(r->a);
    scratch_remove(r->dir);
}

const char *registry_path(struct registry *r, enum runtime_kind kind, const char *name)
{
    return arena_printf(r->a, "sandbox/%s/%s", shard_dir_name(kind), shard_file_name(r->a, name, strlen(name)));
}

struct record registry_record(const char *name)
{
    return (struct record){.kind = RUNTIME_CONTAINER,
                           .name = name,
                           .backend_id = "docker",
                           .runtime_label = name,
                           .scope_key = "agent:main",
                           .created_at_ms = 1700000000000,
                           .last_used_at_ms = 1700000001000,
                           .image = "img:1",
                           .config_label_kind = "Image",
                           .config_hash = "abab"};
}
