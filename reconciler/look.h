/* look: what most commands begin with: load the specs that the operands name, open the state directory, and take one look.
 *
 *     __attribute__((cleanup(look_close))) struct look look = {0};
 *     int code = look_open(cli, LOOK_DRY, &look);
 *     if (code)
 *         return code;                   already told on stderr
 */
#ifndef RECONCLAW_RECONCILER_LOOK_H
#define RECONCLAW_RECONCILER_LOOK_H

#include "reconciler/cli.h"
#include "reconciler/load.h"
#include "reconciler/round.h"

enum look_mode {
    LOOK_DRY,     /* makes, writes and locks nothing */
    LOOK_LENIENT, /* the same, and goes on where specs have errors: for commands that only need what is recorded */
    LOOK_MEND,    /* lenient, with the state directory and the lock of LOOK_ACT */
    LOOK_ACT,     /* the state directory is made, and the round lock held until look_close() */
};

/* Not to be copied: what is worked out points into the store. */
struct look {
    struct load *load;
    struct store store;
    struct round *round;
    int lock_fd; /* LOOK_ACT */
    bool locked;
};

/* Operands are taken as spec files. -1 is never given: the exit code, 0 for success. Errors in the specs are printed and give
 * EXIT_CONFIG; nothing is looked at then. */
int look_open(struct cli *cli, enum look_mode mode, struct look *ret);
/* The same for commands whose operands are something else: with no spec files named. requests may be added to by `ask`, which
 * sees a first round and fills in requests for the second; NULL: one look is enough. */
struct look_ask {
    bool wide; /* as look_open_wide(); ask may then be NULL */
    int (*ask)(struct cli *cli, const struct round *first, struct request **ret, size_t *ret_n);
};
int look_open_asking(struct cli *cli, enum look_mode mode, const char *const *names, size_t n_names, const struct look_ask *ask,
                     struct look *ret);
/* No operand is a spec file, and private directories are looked for whatever is planned. */
int look_open_wide(struct cli *cli, enum look_mode mode, struct look *ret);
void look_close(struct look *l);

/* Leaves of the plan the acts that `keep` takes, with what of them waits for what; and of --endpoint alone, what is moved. */
void look_keep_acts(const struct cli *cli, struct round *r,
                    bool (*keep)(const struct cli *, const struct round *, const struct act *));
/* Leaves what is in quarantine there: for a command that is about something else. */
void look_keep_no_collect(struct round *r);
/* Of --endpoint, where it is given. */
bool look_is_here(const struct cli *cli, const struct round *r, const struct act *act);

/* Notices, and diagnostics that only showed in the look, on stderr. */
void look_print_notices(struct cli *cli, const struct round *r);
struct node *look_notices_json(struct arena *a, const struct round *r);

#endif
