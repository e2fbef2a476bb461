/* cmd: the commands of reconclaw's command line, one function each, in cmd_NAME.c. Each returns an exit code (cli.h). */
#ifndef RECONCLAW_RECONCILER_CMD_H
#define RECONCLAW_RECONCILER_CMD_H

#include "reconciler/cli.h"

int cmd_apply(struct cli *cli);
int cmd_approve(struct cli *cli);
int cmd_config(struct cli *cli);
int cmd_doctor(struct cli *cli);
int cmd_exec(struct cli *cli);
int cmd_explain(struct cli *cli);
int cmd_forget(struct cli *cli);
int cmd_history(struct cli *cli);
int cmd_list(struct cli *cli);
int cmd_pause(struct cli *cli);
int cmd_plan(struct cli *cli);
int cmd_prune(struct cli *cli);
int cmd_recreate(struct cli *cli);
int cmd_reseed(struct cli *cli);
int cmd_resume(struct cli *cli);
int cmd_run(struct cli *cli);
int cmd_schema(struct cli *cli);
int cmd_snapshots(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_validate(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_workspaces(struct cli *cli);

#endif
