/* match: the parts of a world brought together, one unit per runtime. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_MATCH_H
#define RECONCLAW_RECONCILER_CORE_MATCH_H

#include "reconciler/core/plan.h"

/* One endpoint. */
struct site {
    const char *endpoint;
    bool known, can_save;
    const char *why, *remedy;         /* of !known */
    const char *host_key;             /* or NULL */
    const struct image_state *images; /* by reference */
    size_t n_images;
    size_t n_last;     /* of `last_seen` */
    size_t n_recorded; /* units with a record */
    size_t n_ours;     /* shown */
    size_t n_known;    /* units recorded or shown */
    bool suspicious;
    size_t n_granted, n_removals, cap; /* removals that no cap holds; the others */
    bool over_cap;
};

/* Why a unit's name is not free. */
enum taken {
    TAKEN_NO,
    TAKEN_FOREIGN, /* by what is nobody's of ours */
    TAKEN_INSTALL, /* by another install's runtime */
    TAKEN_SCOPE,   /* by the runtime of another scope, whose name came out the same */
    TAKEN_OURS     /* by another unit: another kind, or another install of ours */
};

#define UNIT_ACTS 3 /* adopt, report, and one that changes the runtime */
#define NO_UNIT   SIZE_MAX

struct unit {
    const char *endpoint, *name, *install;
    enum runtime_kind kind;
    struct site *site;
    const struct desired *d;
    const struct record *r;
    const struct observed *o; /* there; NULL where it is not, or not known to be this one */
    enum taken taken;
    const struct observed *taker;
    size_t taker_unit;   /* of TAKEN_OURS: index into units, or NO_UNIT */
    const char *clash;   /* why nothing may be done to any runtime of this name; NULL: no clash */
    const char *unknown; /* why the runtime's state is not known; NULL: it is */
    bool being_made;     /* a create or recreate of ours was begun and not seen to end */
    bool absent;         /* a look by id said that it is not there */
    const struct policy *policy;
    const struct install *in; /* NULL: not listed */
    const struct pause *pause;
    const struct turn *turn;
    const struct request *request;
    const struct seed_look *seed;
    unsigned grants;
    size_t moves_to;   /* wanted at another place, as that unit; NO_UNIT: it is not */
    size_t moved_from; /* of what is wanted: recorded at an old place, as that unit (the one made last), or NO_UNIT */
    size_t left_of;    /* a tree of that unit's that stands elsewhere on the same host, or NO_UNIT */

    /* What decide.c and those after it put here. */
    struct act *acts[UNIT_ACTS];
    size_t n_acts;
    size_t first_index;                     /* of acts[0] in the plan */
    size_t after_name;                      /* the unit whose removal comes first, or NO_UNIT */
    size_t after_move;                      /* of a removal: the unit that is made elsewhere first, or NO_UNIT */
    const size_t *after_rows, *after_ports; /* units, likewise */
    size_t n_after_rows, n_after_ports;
};

struct match {
    struct arena *arena;
    const struct world *world;
    int64_t now_ms;
    struct site *sites; /* by name */
    size_t n_sites;
    struct unit *units; /* by endpoint, name, kind, install */
    size_t n_units;
    int64_t next_due_ms;
};

void match_world(struct arena *a, const struct world *w, int64_t now_ms, struct match *ret);

/* The image's state, or NULL where it was not asked for. */
const struct image_state *site_image(const struct site *s, const char *ref);

/* Remembers that the world is to be looked at again at at_ms, where that is after now. */
void match_due(struct match *m, int64_t at_ms);

#endif
