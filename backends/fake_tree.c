#include "backends/fake_world.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTENT_BYTES 65536u

static int read_content(struct arena *a, const char *workspace, const char **ret, struct err *e)
{
    const char *path = arena_printf(a, "%s/content", workspace);
    char *text = arena_alloc_array(a, CONTENT_BYTES + 1, 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    *ret = "";
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set(e, ERR_IO, errno, "opening %s", path);
    n = read(fd, text, CONTENT_BYTES);
    (void)close(fd);
    if (n < 0)
        return err_set(e, ERR_IO, errno, "reading %s", path);
    text[n] = '\0';
    *ret = text;
    return 0;
}

int fake_tree_seed(struct arena *a, const struct backend_act *act, const char **ret, struct err *e)
{
    const char *text = node_str(node_path(act->want->create, "seed", "content", NULL));
    const struct node *dirs = node_get(act->want->create, "dirs");
    const char *local = node_is(dirs, NODE_ARRAY) && dirs->n_items > 0 ? node_str(node_get(dirs->items[0], "local")) : NULL;

    if (act->seed_dir != NULL)
        return read_content(a, arena_printf(a, "%s/workspace", act->seed_dir), ret, e);
    if (text == NULL && local != NULL)
        return read_content(a, local, ret, e);
    *ret = text != NULL ? text : "";
    return 0;
}

static bool add_entry(struct archive *tar, const char *path, bool dir, const char *text)
{
    struct archive_entry *entry = archive_entry_new();
    size_t n = strlen(text);

    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, dir ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, dir ? 0755 : 0644);
    archive_entry_set_size(entry, (la_int64_t)n);
    bool ok = archive_write_header(tar, entry) == ARCHIVE_OK && archive_write_data(tar, text, n) == (la_ssize_t)n;
    archive_entry_free(entry);
    return ok;
}

int fake_tree_write(const char *content, int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx,
                    struct err *e)
{
    size_t max = strlen(content) + 65536, n = 0;
    char *bytes = malloc(max);
    struct archive *tar = archive_write_new();
    int r;

    if (bytes == NULL || tar == NULL)
        abort();
    bool ok = archive_write_set_format_gnutar(tar) == ARCHIVE_OK &&
              archive_write_open_memory(tar, bytes, max, &n) == ARCHIVE_OK && add_entry(tar, "workspace", true, "") &&
              (*content == '\0' || add_entry(tar, "workspace/content", false, content)) && archive_write_close(tar) == ARCHIVE_OK;
    r = ok ? write(ctx, bytes, n, e) : err_set(e, ERR_INTERNAL, 0, "writing a tar: %s", archive_error_string(tar));
    archive_write_free(tar);
    free(bytes);
    return r;
}

const struct manifest *fake_tree_manifest(struct arena *a, const char *content, const char *id, const char *install)
{
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, 2);
    struct manifest *m = ARENA_NEW(a, struct manifest);
    struct err e;

    v[0] = (struct manifest_entry){.path = "workspace", .type = MANIFEST_DIR, .mode = 0755};
    v[1] = (struct manifest_entry){.path = "workspace/content",
                                   .type = MANIFEST_FILE,
                                   .mode = 0644,
                                   .size = strlen(content),
                                   .digest = digest_sha256(a, content, strlen(content))};
    if (manifest_make(v, *content != '\0' ? 2 : 1, m, &e) < 0)
        return NULL;
    m->id = id;
    m->install = arena_strdup(a, install);
    return m;
}
