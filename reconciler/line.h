/* line: which line of OpenClaw each install is, by what is there now and by what it was when it was last seen. */
#ifndef RECONCLAW_RECONCILER_LINE_H
#define RECONCLAW_RECONCILER_LINE_H

#include "reconciler/host.h"
#include "spec/base/arena.h"
#include "spec/node.h"
#include "spec/openclaw/detect.h"
#include "state/home.h"

/* Looks at the state directory; writes nothing. config: as loaded, or NULL. asked: of the spec, or NULL. */
void line_detect(struct arena *a, const struct host *host, const char *state_dir, const char *install, const struct node *config,
                 const struct oc_profile *asked, struct oc_detected *ret);

/* The line that an install was when it was last known for certain; NULL: never. */
const struct oc_profile *line_last(struct home *h, const char *install);
/* Best effort: without it a database that goes is not missed until the next start. */
void line_remember(struct home *h, const char *install, const struct oc_profile *line);

#endif
