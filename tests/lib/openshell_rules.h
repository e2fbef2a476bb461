/* openshell_rules: what a real OpenShell gateway makes of a policy (v0.0.36 to v0.0.111), for the stand-in. */
#ifndef RECONCLAW_TESTS_LIB_OPENSHELL_RULES_H
#define RECONCLAW_TESTS_LIB_OPENSHELL_RULES_H

#include "spec/base/err.h"
#include "spec/node.h"

/* A policy file: the schema's keys only, version 1. ERR_CONFIG with the text that openshell gives. */
int openshell_rules_read(struct arena *a, const char *path, int version, struct node **ret, struct err *e);
/* What runs at first: the image's own policy where none was given, with the paths that the supervisor adds. */
struct node *openshell_rules_start(struct arena *a, const struct node *policy);
/* Whether a live sandbox may go from its first policy to this one; ERR_REFUSED with the gateway's text. */
int openshell_rules_change(const struct node *baseline, const struct node *policy, struct err *e);
/* With a rule for each attached provider. */
struct node *openshell_rules_effective(struct arena *a, const struct node *policy, const struct node *providers);
/* Block style, as `sandbox get --policy-only` prints it. */
void openshell_rules_yaml(struct buf *b, const struct node *n, unsigned indent);

#endif
