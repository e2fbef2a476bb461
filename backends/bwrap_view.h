/* bwrap_view: all that is known of the sandboxes of one state directory at one moment, read once: records, marked processes, live
 * sessions; and what of it is shown. Private to backends/bubblewrap.c. */
#ifndef RECONCLAW_BACKENDS_BWRAP_VIEW_H
#define RECONCLAW_BACKENDS_BWRAP_VIEW_H

#include "backends/bwrap_proc.h"
#include "backends/bwrap_store.h"

struct bubblewrap {
    const struct backend_ops *ops;
    char *endpoint, *install;
    struct bwrap_store store;
};

struct bwrap_view {
    struct bwrap_here here;
    struct bwrap_entry *entries;
    size_t n_entries;
    struct bwrap_orphan *marked;
    size_t n_marked;
    const char *const *sessions;
    size_t n_sessions;
};

int bwrap_view_read(const struct bubblewrap *b, struct arena *a, const struct call *c, struct bwrap_view *v, struct err *e);

const struct bwrap_orphan *bwrap_view_marked(const struct bwrap_view *v, const char *id);
const struct bwrap_entry *bwrap_view_by_name(const struct bwrap_view *v, const char *name);
const struct bwrap_entry *bwrap_view_by_id(const struct bwrap_view *v, const char *id);
/* ERR_INPUT where a record that cannot be read may be the one that is looked for (name NULL: any may). */
int bwrap_view_doubt(const struct bwrap_view *v, const char *name, struct err *e);
/* The process of a recorded sandbox, and whether it lives. */
int bwrap_view_process(const struct bwrap_view *v, const struct bwrap_record *r, struct bwrap_process *ret, bool *ret_alive,
                       struct err *e);
enum ownership bwrap_view_ownership(const struct bubblewrap *b, const struct bwrap_record *r);

/* What is shown of a record, of one that cannot be read, of a running sandbox whose record is lost. Beside a record of its name
 * an orphan gets another one, "<name>.orphan-<id>", so that names stay one each. */
struct observed bwrap_view_record(const struct bubblewrap *b, struct arena *a, const struct bwrap_view *v,
                                  const struct bwrap_record *r);
struct observed bwrap_view_unreadable(const struct bubblewrap *b, struct arena *a, const struct bwrap_entry *x);
struct observed bwrap_view_orphan(const struct bubblewrap *b, struct arena *a, const struct bwrap_view *v,
                                  const struct bwrap_orphan *x);

#endif
