/* follow: the event streams of endpoints, each in a thread of its own, as wake-ups of the loop. A stream that breaks is opened
 * again, after a while that doubles up to five seconds; each time it is armed there is a hint, since anything may have happened
 * meanwhile. */
#ifndef RECONCLAW_RECONCILER_FOLLOW_H
#define RECONCLAW_RECONCILER_FOLLOW_H

#include "reconciler/endpoint.h"

#include <stddef.h>

struct follow;

/* wake_fd: an eventfd that is written to at each hint. opener and what it points to outlive the follow. */
struct follow *follow_new(const struct endpoint_opener *opener, int wake_fd);
/* Which endpoints to follow from now on; others are let go. */
void follow_set(struct follow *f, const char *const *endpoints, size_t n);
/* Ends all threads, within a second or so. Accepts NULL. */
void follow_free(struct follow *f);

#endif
