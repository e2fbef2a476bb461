/* teller: what the daemon says on stderr, which journald and terminals both take: one line for each change of state. What stays
 * as it was in the round before (a hold, an endpoint that does not answer, an act that fails in the same way again) is not said
 * again; when it changes or ends, it is.
 *
 *     t = teller_new(stderr)
 *     teller_act(...)      from the threads of a round, one at a time (struct act_conf, progress)
 *     teller_round(...)    once its threads have ended; or teller_no_round(...)
 *     teller_free(t) */
#ifndef RECONCLAW_RECONCILER_TELLER_H
#define RECONCLAW_RECONCILER_TELLER_H

#include "reconciler/act.h"
#include "reconciler/round.h"

#include <stdint.h>
#include <stdio.h>

struct teller;

struct teller *teller_new(FILE *out);
void teller_free(struct teller *t); /* accepts NULL */

/* One line, with the time before it. From any thread; lines do not mix. */
void teller_say(struct teller *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An act that ended; ended NULL (it begins) says nothing. */
void teller_act(struct teller *t, const struct act *act, const struct act_ended *ended);
/* The n-th round: what it holds back and cannot see, and what it did. */
void teller_round(struct teller *t, uint64_t n, const struct round *r, const struct act_report *report);
/* A round that could not be made at all. */
void teller_no_round(struct teller *t, const char *why);

#endif
