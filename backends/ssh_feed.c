#include "backends/ssh_feed.h"

#include "spec/base/limits.h"

int ssh_feed_scan(struct arena *a, const struct tree_dir *dirs, size_t n, bool keep_links, const struct deadline *d,
                  struct ssh_feed *ret, struct err *e)
{
    struct call c = deadline_rest(d);
    struct tree_scan_req req = {.dirs = dirs, .n_dirs = n, .links = keep_links ? TREE_LINKS_KEEP : TREE_LINKS_REFUSE};
    *ret = (struct ssh_feed){.d = d, .text = BUF_INIT(LIMIT_MANIFEST_BYTES)};
    return tree_scan(a, &req, &c, &ret->tree, NULL, e);
}

static int on_tar(void *ctx, const void *p, size_t n, struct err *e)
{
    struct ssh_feed *x = ctx;
    return x->write(x->w, p, n, e);
}

int ssh_feed_tree(void *ctx, ssh_write_fn write, void *w, struct err *e)
{
    struct ssh_feed *x = ctx;
    struct call c = deadline_rest(x->d);
    x->write = write;
    x->w = w;
    return tree_send(x->tree, x->dir, &(struct tree_sink){.write = on_tar, .ctx = x}, &c, e);
}

int ssh_feed_text(void *ctx, ssh_write_fn write, void *w, struct err *e)
{
    struct ssh_feed *x = ctx;
    return write(w, x->text.s, x->text.n, e);
}

int ssh_feed_manifest(struct ssh_feed *x, const char *id, const char *install, int64_t at_ms, char digest[DIGEST_HEX],
                      struct err *e)
{
    const struct manifest *known = tree_manifest(x->tree);
    if (!known)
        return err_set(e, ERR_CONFLICT, 0, "not all of the files were sent");
    struct manifest m = *known;
    m.id = id;
    m.install = install;
    m.created_at_ms = at_ms;
    buf_clear(&x->text);
    if (manifest_emit(&m, &x->text, e) < 0)
        return -1;
    digest_sha256_hex(buf_str(&x->text), x->text.n, digest);
    x->sent = m;
    return 0;
}

void ssh_feed_close(struct ssh_feed *x)
{
    buf_free(&x->text);
    tree_close(x->tree);
    x->tree = NULL;
}
