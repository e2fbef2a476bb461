/* plan_props: the planner's properties (design: one round), each over one world that the dice make. NULL: it holds; else what
 * does not, with the plan. The property tests and the fuzzer ask the same ones. */
#ifndef RECONCLAW_TESTS_LIB_PLAN_PROPS_H
#define RECONCLAW_TESTS_LIB_PLAN_PROPS_H

#include "tests/lib/model.h"

typedef const char *prop_fn(struct arena *a, struct dice *dice);

prop_fn prop_fixpoint;    /* carry it out, plan again: nothing is left to do */
prop_fn prop_determinism; /* another order of the input gives the same bytes */
prop_fn prop_safety;      /* nothing foreign, unknown, protected, busy or hot is touched; nothing goes with pruning off */
prop_fn prop_minimality;  /* what is equal in all three worlds is not in the plan */
prop_fn prop_order;       /* acyclic; removals first where a name or a registry row is shared; sorted */
prop_fn prop_crash;       /* any prefix, cut in the middle of an act, and planned again: the same end */
prop_fn prop_convergence; /* transient faults delay; a permanent one stops one runtime */
prop_fn prop_cap;         /* over the removal cap nothing is removed, and the plan says so */

struct prop {
    const char *name;
    prop_fn *holds;
};
extern const struct prop plan_props[];
extern const size_t n_plan_props;

#endif
