/* openshell_options: what the backend openshell is opened with on this machine. */
#ifndef RECONCLAW_RECONCILER_OPENSHELL_OPTIONS_H
#define RECONCLAW_RECONCILER_OPENSHELL_OPTIONS_H

#include "reconciler/host.h"
#include "spec/node.h"

/* backend_conf.options: the command, absolute, and the variables by which it finds its gateways and credentials and gets to them.
 * command: as it is wanted, a path or a name to be found on PATH; NULL: "openshell". That one alone may also be found where the
 * backend looks by itself; any other name that is not on PATH is left as it is, and refused when the endpoint is opened. What npm
 * has put beside OpenClaw under that name is not looked for: it is another program. */
struct node *openshell_options(struct arena *a, const struct host *h, const char *command);

#endif
