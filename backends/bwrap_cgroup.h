/* bwrap_cgroup: a control group per sandbox, where this machine lets us make one: v2 (as root at the top, as an ordinary user
 * below the topmost group delegated to us), v1 as root, or both mixed. It holds the sandbox to its limits and takes it out of
 * our own service's group, so that it outlives us. Where no group can be made the sandbox runs without its limits, and that is
 * said: never silently. */
#ifndef RECONCLAW_BACKENDS_BWRAP_CGROUP_H
#define RECONCLAW_BACKENDS_BWRAP_CGROUP_H

#include "backends/bwrap_record.h"
#include "backends/bwrap_spec.h"

enum bwrap_controller { BWRAP_MEMORY, BWRAP_PIDS, BWRAP_CPU, BWRAP_CONTROLLER_COUNT };

/* Where groups can be made; strings in the arena. */
struct bwrap_cgroup_place {
    const char *base; /* groups are made at base/reconclaw/<id>; NULL: this controller cannot be had */
    bool v2;
};
struct bwrap_cgroups {
    struct bwrap_cgroup_place of[BWRAP_CONTROLLER_COUNT];
    const char *plain; /* a hierarchy without one of these controllers that names services (v2, or v1's name=systemd), or NULL */
};

/* Never fails: what cannot be had is NULL. sysroot: "" on the real machine; tests give a directory with proc/ and sys/ of
 * their own below it. */
void bwrap_cgroups_find(struct arena *a, const char *sysroot, struct bwrap_cgroups *ret);

/* "memory and pids are not limited: ...", or "" where all limits work. */
const char *bwrap_cgroups_remark(struct arena *a, const struct bwrap_cgroups *g);

/* Makes the groups of a sandbox and writes its limits; the directories go into r->cgroups. What is wanted and cannot be had is
 * added to `warnings`. */
struct bwrap_warnings {
    const char *v[BWRAP_CONTROLLER_COUNT * 2];
    size_t n;
};
void bwrap_cgroups_make(struct arena *a, const struct bwrap_cgroups *g, const struct bwrap_limits *l, struct bwrap_record *r,
                        struct bwrap_warnings *warnings);
/* The limits of existing groups; the same warnings. */
void bwrap_cgroups_limit(struct arena *a, const struct bwrap_limits *l, const struct bwrap_record *r,
                         struct bwrap_warnings *warnings);
/* The groups that a sandbox whose record is lost would have. */
void bwrap_cgroups_derive(struct arena *a, const struct bwrap_cgroups *g, struct bwrap_record *r);
/* After the last process has ended. Forgets those that are gone from r. */
void bwrap_cgroups_remove(struct bwrap_record *r);

#endif
