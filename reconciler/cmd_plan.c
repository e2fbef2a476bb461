/* plan, list: one look, nothing touched. */
#include "reconciler/cmd.h"

#include "reconciler/core/plan_text.h"
#include "reconciler/look.h"
#include "reconciler/round.h"
#include "spec/base/text.h"

#include <stdlib.h>
#include <string.h>

int cmd_plan(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    int code = look_open(cli, LOOK_DRY, &look);

    if (code)
        return code;
    look_keep_acts(cli, look.round, look_is_here);
    look_print_notices(cli, look.round);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "plan");

        node_set(cli->a, o, "plan", plan_node(cli->a, &look.round->plan));
        node_set(cli->a, o, "notices", look_notices_json(cli->a, look.round));
        node_set(cli->a, o, "diagnostics", cli_diags_json(cli->a, &look.round->diags));
        cli_print_json(cli, o);
    } else {
        BUF_AUTO text = BUF_INIT(SIZE_MAX / 4);

        plan_emit_text(&text, &look.round->plan, cli->color ? PLAN_TEXT_COLOUR : 0);
        (void)fwrite(buf_str(&text), 1, text.n, cli->out);
    }
    if (look.round->diags.n_errors)
        return EXIT_CONFIG;
    /* What could not be looked at may hide anything: never "no changes". */
    if (look.round->blocked || look.round->plan.n_unknown)
        return EXIT_HELD;
    if (cli->opt.detailed_exitcode && !plan_is_empty(&look.round->plan))
        return EXIT_CHANGES;
    return EXIT_OK;
}
