/* turns: is someone else undoing what we do?
 *
 * An act that ended well, and had to be done again for the same `want` within TURNS_WINDOW_MS, was undone by another owner in
 * between: one turn. After a few of them the planner leaves the runtime alone and says so. journal_append notes every act that
 * ends well, so the count lives in one small file of the home's keys, and asking costs one read and no journal. The file is
 * not synced: losing it costs a few turns more. */
#ifndef RECONCLAW_STATE_TURNS_H
#define RECONCLAW_STATE_TURNS_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"
#include "state/home.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TURNS_WINDOW_MS 3600000
#define TURNS_RUNTIMES  1000u /* remembered; of more, those acted on longest ago are forgotten */
#define TURNS_TIMES     16u   /* acts remembered of one runtime */

struct turns_act {
    const char *endpoint, *runtime;
    enum runtime_kind kind;
    const char *want; /* digest of all that was wanted: another one begins the count anew; NULL: that it be absent */
    bool asked;       /* by the owner's command: begins the count anew */
    int64_t time_ms;
};

struct turns {
    const char *endpoint, *runtime;
    enum runtime_kind kind;
    const char *want; /* "" for NULL */
    unsigned n;       /* at least 1, at most TURNS_TIMES - 1 */
    int64_t last_ms;  /* when it was done last */
};

/* Those with a turn in the window before now_ms, in the arena. A file that is not understood counts as none. */
int turns_read(struct home *h, struct arena *a, int64_t now_ms, struct turns **ret, size_t *ret_n, struct err *e);
/* Best effort. Two processes that note at once may lose one note. */
void turns_note(struct home *h, const struct turns_act *act);
/* On the owner's word: forgotten for one runtime; both NULL: for all. */
int turns_forget(struct home *h, const char *endpoint, const char *runtime, struct err *e);

#endif
