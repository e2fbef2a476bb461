/* left_behind: the private directories of runtimes that nobody wants any more, and who uses what is near them. */
#ifndef RECONCLAW_SPEC_OPENCLAW_LEFT_BEHIND_H
#define RECONCLAW_SPEC_OPENCLAW_LEFT_BEHIND_H

struct run;
struct oc_expansion;

/* After all records are judged. Sets the `dirs` of the run's records, the `lives` of its leftovers, and in ret what uses which
 * directory and the roots; the latter only where some record has directories, or all are asked for (with_dirs). */
void oc_find_left_behind(struct run *r, struct oc_expansion *ret);

#endif
