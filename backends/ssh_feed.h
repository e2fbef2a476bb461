/* ssh_feed: local directories as the input of a script on another host, for whoever seeds a tree there.
 *
 *     struct ssh_feed x;
 *     ssh_feed_scan(a, dirs, n, keep_links, d, &x, e)           everything that can be wrong with them is found here
 *     .feed = ssh_feed_tree, .feed_ctx = &x                     x.dir: one of the directories, by its name; NULL: all as one tree
 *     ssh_feed_manifest(&x, id, install, at_ms, digest, e)      of what went over
 *     .feed = ssh_feed_text, .feed_ctx = &x                     that manifest
 *     ssh_feed_close(&x)
 *
 * The tree stands still from the scan to the end of the last stream, or there is an error. */
#ifndef RECONCLAW_BACKENDS_SSH_FEED_H
#define RECONCLAW_BACKENDS_SSH_FEED_H

#include "backends/ssh_session.h"
#include "backends/tree.h"

struct ssh_feed {
    struct tree *tree;
    const char *dir;
    struct buf text;      /* the manifest */
    struct manifest sent; /* the same, once ssh_feed_manifest() has made it; outlives the feed in the scan's arena */
    const struct deadline *d;
    ssh_write_fn write; /* private */
    void *w;
};

/* links of a snapshot are kept as they are; of the owner's directories, those that lead outside are refused. */
int ssh_feed_scan(struct arena *a, const struct tree_dir *dirs, size_t n, bool keep_links, const struct deadline *d,
                  struct ssh_feed *ret, struct err *e);
int ssh_feed_tree(void *ctx, ssh_write_fn write, void *w, struct err *e);
int ssh_feed_text(void *ctx, ssh_write_fn write, void *w, struct err *e);
/* ERR_CONFLICT where not all of it has gone over. */
int ssh_feed_manifest(struct ssh_feed *x, const char *id, const char *install, int64_t at_ms, char digest[DIGEST_HEX],
                      struct err *e);
void ssh_feed_close(struct ssh_feed *x); /* accepts one of zeros */

#endif
