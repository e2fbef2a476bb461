#include "tests/lib/far.h"

#include "backends/ssh.h"
#include "backends/tree.h"
#include "spec/base/text.h"
#include "tests/lib/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCAL_BYTES 20000

extern char **environ;

static void must(bool ok, const char *what, const char *path)
{
    if (!ok) {
        (void)fprintf(stderr, "far: %s %s: %s\n", what, path, strerror(errno));
        abort();
    }
}

void far_init(struct far *f, const struct ssh_peer *peer, const char *top, const char *name)
{
    char path[300], *bytes = malloc(LOCAL_BYTES);

    *f = (struct far){.a = arena_new(), .peer = peer};
    (void)snprintf(f->root, sizeof f->root, "%s/%s.far", top, name);
    (void)snprintf(f->local, sizeof f->local, "%s/%s.local", top, name);
    must(mkdir(f->root, 0700) == 0 && chmod(f->root, 0777) == 0 && mkdir(f->local, 0755) == 0 && bytes, "making", f->root);
    for (size_t i = 0; i < LOCAL_BYTES; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    (void)snprintf(path, sizeof path, "%s.local/big", name);
    scratch_write(top, path, bytes, LOCAL_BYTES, 0644);
    (void)snprintf(path, sizeof path, "%s.local/a file", name);
    scratch_write_text(top, path, "content\n");
    (void)snprintf(path, sizeof path, "%s.local/dir/run.sh", name);
    scratch_write(top, path, "#!/bin/sh\n", 10, 0755);
    (void)snprintf(path, sizeof path, "%s.local/dir/it's", name);
    scratch_write_text(top, path, "more\n");
    (void)snprintf(path, sizeof path, "%s.local/link", name);
    scratch_symlink(top, path, "dir/run.sh");
    free(bytes);
}

void far_free(struct far *f)
{
    arena_free(f->a);
}

struct backend *far_open(struct far *f, int port, const char *install)
{
    struct node *options = node_object(f->a), *list = node_array(f->a), *tops = node_array(f->a);
    struct backend_conf conf = {.endpoint = "ssh:test", .install = install, .options = options};
    struct backend *b = NULL;

    node_push(f->a, list, ssh_peer_settings(f->peer, f->a, port));
    node_push(f->a, tops, node_string(f->a, f->root));
    node_set(f->a, options, "connections", list);
    node_set(f->a, options, "workspaceRoots", tops);
    must(ssh_ops.open(&conf, &b, &f->e) == 0, "opening", f->e.msg);
    return b;
}

struct desired *far_desire(struct far *f, const char *name)
{
    struct desired *d = ARENA_NEW(f->a, struct desired);
    struct node *create = node_object(f->a), *dirs = node_array(f->a), *dir = node_object(f->a);

    node_set(f->a, dir, "name", node_string(f->a, "workspace"));
    node_set(f->a, dir, "local", node_string(f->a, f->local));
    node_push(f->a, dirs, dir);
    node_set(f->a, create, "root", node_printf(f->a, "%s/%s", f->root, name));
    node_set(f->a, create, "workspaceRoot", node_string(f->a, f->root));
    node_set(f->a, create, "dirs", dirs);
    *d = (struct desired){.endpoint = "ssh:test",
                          .name = arena_strdup(f->a, name),
                          .kind = RUNTIME_SANDBOX,
                          .owner = "Sandbox/x",
                          .install = FAR_INSTALL,
                          .want = WANT_RUNNING,
                          .config_hash = "hash",
                          .create = create};
    must(ssh_ops.check(f->a, d, &d->fields, &f->e) == 0, "checking", f->e.msg);
    return d;
}

int far_create(struct far *f, struct backend *b, const struct desired *d, struct call c, struct act_result *ret)
{
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000123};

    f->e = (struct err){0};
    return ssh_ops.apply(b, f->a, &act, &c, ret, &f->e);
}

int far_remove(struct far *f, struct backend *b, const char *name, const char *id, const struct observed *expect, struct call c)
{
    struct backend_act act = {.step = STEP_REMOVE, .name = name, .id = id, .expect = expect};
    struct act_result r;

    f->e = (struct err){0};
    return ssh_ops.apply(b, f->a, &act, &c, &r, &f->e);
}

int far_seen(struct far *f, struct backend *b, const struct desired *d, const struct observed **ret)
{
    struct observe_req req = {.desired = d, .n_desired = 1};
    struct observation *o = ARENA_NEW(f->a, struct observation);
    struct call c = FAR_ENOUGH;

    *ret = NULL;
    if (ssh_ops.observe(b, f->a, &req, &c, o, &f->e) < 0)
        return -1;
    for (size_t i = 0; i < o->n; i++)
        if (text_eq(o->v[i].name, d->name))
            *ret = &o->v[i];
    return 0;
}

/* --- on disk ----------------------------------------------------------------------------------------------------------------
 */

/* NULL where it is not there, or changes while it is read. */
static const char *digest_of(struct far *f, const char *name, const char *path)
{
    struct tree_dir dir = {.name = name, .path = path};
    struct tree_scan_req req = {.dirs = &dir, .n_dirs = 1, .links = TREE_LINKS_KEEP, .digest = true};
    struct call c = FAR_ENOUGH;
    struct tree *t = NULL;
    const char *digest = NULL;

    if (tree_scan(f->a, &req, &c, &t, NULL, &f->e) < 0)
        return NULL;
    if (tree_manifest(t))
        digest = arena_strdup(f->a, tree_manifest(t)->tree);
    tree_close(t);
    return digest;
}

const char *far_tree(struct far *f, const char *name, const char *dir)
{
    const char *digest = digest_of(f, name, dir);

    must(digest != NULL, "reading", f->e.msg);
    return digest;
}

enum far_disk far_on_disk(struct far *f, const char *name, const char *tree)
{
    const char *path = arena_printf(f->a, "%s/%s", f->root, name);
    struct stat before, after;

    if (lstat(path, &before) < 0)
        return FAR_ABSENT;
    const char *digest = digest_of(f, "", arena_printf(f->a, "%s/workspace", path));
    if (text_eq(digest, tree))
        return FAR_WHOLE;
    return lstat(path, &after) < 0 ? FAR_ABSENT : FAR_LIE;
}

int far_count(const struct far *f)
{
    DIR *d = opendir(f->root);
    int n = -2;

    must(d != NULL, "listing", f->root);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

void far_clear(const struct far *f, const char *name)
{
    scratch_clear(f->root, name);
}

void far_copy(const struct far *f, const char *from, const char *to)
{
    char source[600], target[600], cp[] = "cp", all[] = "-a", *const argv[] = {cp, all, source, target, NULL};
    int status = -1;
    pid_t pid;

    (void)snprintf(source, sizeof source, "%s/%s", f->root, from);
    (void)snprintf(target, sizeof target, "%s/%s", f->root, to);
    must(posix_spawnp(&pid, "cp", NULL, NULL, argv, environ) == 0 && waitpid(pid, &status, 0) == pid && status == 0, "copying",
         source);
}
