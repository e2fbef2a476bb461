/* cmd_act: what the commands that act share (apply, prune, recreate, reseed): the plan shown, its owner asked, done, told. */
#ifndef RECONCLAW_RECONCILER_CMD_ACT_H
#define RECONCLAW_RECONCILER_CMD_ACT_H

#include "reconciler/cli.h"
#include "reconciler/look.h"

/* Gives the exit code. pulled: of a reseed, what was brought here before (an array for the JSON); or NULL. */
int cmd_act_go(struct cli *cli, const char *command, struct look *look, struct node *pulled);

/* The spec files that the runtimes named by the operands were made from, where none of the default places has them; n 0: the
 * default places alone. 0, or the exit code after telling. */
int cmd_act_specs(struct cli *cli, const char *const **ret, size_t *ret_n);
/* For look_keep_acts(). */
bool cmd_act_is_requested(const struct cli *cli, const struct round *r, const struct act *act);
/* Each that was asked for and that nothing is done about. past: "recreated". */
void cmd_act_tell_unheeded(struct cli *cli, const struct round *r, const char *past);

#endif
