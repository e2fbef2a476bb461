/* daemon: `reconclaw run`. One event loop (sd-event) that owns all state: file hints, engine events, timers, signals. Every
 * trigger means only "look again"; a round runs in a thread of its own and is told to stop by a flag, so that a signal or an edit
 * is never waited for by an engine. What comes during a round starts another one after it. */
#ifndef RECONCLAW_RECONCILER_DAEMON_H
#define RECONCLAW_RECONCILER_DAEMON_H

#include "reconciler/cli.h"

/* Until SIGTERM or SIGINT; the exit code. */
int daemon_run(struct cli *cli);

#endif
