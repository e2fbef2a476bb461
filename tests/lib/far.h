/* far: a workspace root on another host, and the backend ssh over it, for tests. The host is an ssh_peer, so that what happens
 * there can be seen, and done, on disk. Nothing here ends a test but far_must(): several threads may each have one of these. */
#ifndef RECONCLAW_TESTS_LIB_FAR_H
#define RECONCLAW_TESTS_LIB_FAR_H

#include "backends/backend.h"
#include "tests/lib/ssh_peer.h"

#define FAR_INSTALL "0123456789abcdef"
#define FAR_ENOUGH  ((struct call){.timeout_ms = 30000})

struct far {
    struct arena *a;
    const struct ssh_peer *peer;
    char root[256];  /* the workspace root over there; below `top` */
    char local[256]; /* what becomes `workspace` */
    struct err e;
};

/* Makes both directories, below top: NAME.far, which everybody may write, and NAME.local with a few files. */
void far_init(struct far *f, const struct ssh_peer *peer, const char *top, const char *name);
void far_free(struct far *f);

/* port: of a proxy before the peer, or 0. Nothing is connected yet. */
struct backend *far_open(struct far *f, int port, const char *install);
struct desired *far_desire(struct far *f, const char *name);
int far_create(struct far *f, struct backend *b, const struct desired *d, struct call c, struct act_result *ret);
int far_remove(struct far *f, struct backend *b, const char *name, const char *id, const struct observed *expect, struct call c);
/* What is listed of that name; *ret NULL: nothing. */
int far_seen(struct far *f, struct backend *b, const struct desired *d, const struct observed **ret);

/* --- on disk --------------------------------------------------------------------------------------------------------------- */

enum far_disk { FAR_ABSENT, FAR_WHOLE, FAR_LIE };
/* Of a runtime's root: WHOLE where its workspace has just this tree digest (spec/manifest.h). What goes while it is read is
 * absent. */
enum far_disk far_on_disk(struct far *f, const char *name, const char *tree);
/* The digest of a directory as it is, as the tree (name "") or as what is called so in it. */
const char *far_tree(struct far *f, const char *name, const char *dir);
int far_count(const struct far *f); /* names in the root, but "." and ".." */
void far_clear(const struct far *f, const char *name);
/* `cp -a`, from one name in the root to another. */
void far_copy(const struct far *f, const char *from, const char *to);

/* For the thread that cmocka runs. */
#define far_must(f, call_)                                                                                                       \
    do {                                                                                                                         \
        if ((call_) < 0)                                                                                                         \
            fail_msg("%s: %s: %s", #call_, err_class_name((f)->e.class), (f)->e.msg);                                            \
    } while (0)

#endif
