/* report: what a round came to, as `status` shows it: kept in the state directory by the daemon after each round. */
#ifndef RECONCLAW_RECONCILER_REPORT_H
#define RECONCLAW_RECONCILER_REPORT_H

#include "reconciler/act.h"
#include "reconciler/load.h"
#include "reconciler/round.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stdint.h>

#define REPORT_KEY "status"

/* What the daemon knows beyond one round. */
struct report_service {
    int64_t pid, started_ms;
    uint64_t rounds;
    /* Each set of specs that loads is a generation; the one in force, and the last of which nothing is left to do. */
    uint64_t generation, applied_generation;
    const struct load *broken; /* what is in the files now, where it does not load; NULL: what is in force */
    const char *round_error;   /* the last round could not be made at all; NULL otherwise */
};

/* {"service": {...}, "round": {...}, "lines": [...], "endpoints": [...], "held": [...], "failed": [...], "notices": [...],
 * "diagnostics": [...]}. r and done may be NULL: no round yet. */
struct node *report_node(struct arena *a, const struct report_service *s, const struct round *r, const struct act_report *done);
/* For people; alive: the daemon that wrote it still runs. */
void report_text(struct arena *a, struct buf *b, const struct node *report, bool alive, int64_t now_ms);

#endif
