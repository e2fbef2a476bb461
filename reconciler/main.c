/* The commands of reconclaw, one line each. */
#include "reconciler/cli.h"
#include "reconciler/cmd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

const struct command cli_commands[] = {
    {"validate", "[FILE|DIR]...", "Check specs and OpenClaw configs, all errors at once", "", cmd_validate},
    {"plan", "[FILE|DIR]...", "Show what would be done, and why, field by field; touches nothing", "xRUDe", cmd_plan},
    {"apply", "[FILE|DIR]...", "Do it: one round, then report", "yRUDe", cmd_apply},
    {"run", "[FILE|DIR]...", "Watch specs, registries and engines, and converge until told to stop", "", cmd_run},
    {"status", "", "What the daemon last did, and what is held back", "", cmd_status},
    {"list", "[FILE|DIR]...", "Every runtime: state, image, drift", "Be", cmd_list},
    {"explain", "[FILE|DIR]...", "What OpenClaw's config means for one agent or session, and where each value comes from", "as",
     cmd_explain},
    {"config", "print FILE", "Print a config after JSON5, $include and ${VAR}", "", cmd_config},
    {"recreate", "[NAME]...", "Remove runtimes and make them anew (flags as openclaw sandbox recreate)", "AsaBfyRUDe",
     cmd_recreate},
    {"reseed", "[NAME]...",
     "Fill workspaces of other hosts anew from the local ones; what was changed there is kept in a snapshot", "kyUDe",
     cmd_reseed},
    {"approve", "NAME...", "Agree that a reseed undoes what was changed there: that, and nothing that is changed later", "ye",
     cmd_approve},
    {"prune", "[FILE|DIR]...", "Remove what is no longer wanted, and nothing else", "yRUDe", cmd_prune},
    {"doctor", "[FILE|DIR]...", "What is wrong with registries and endpoints, and with --fix mend it", "F", cmd_doctor},
    {"history", "", "What was decided, done and verified", "Srne", cmd_history},
    {"workspaces", "[list | restore NAME | prune [NAME]...]",
     "Private workspaces that removed runtimes left behind: what is kept, put back, or deleted", "yR", cmd_workspaces},
    {"snapshots", "[list | show NAME | restore NAME [--to DIR] | prune [NAME]...]",
     "Workspaces of other hosts that were saved before something destroyed them", "yTUDe", cmd_snapshots},
    {"forget", "NAME...", "Drop what is recorded of a runtime whose endpoint is gone for good; what is there stays there", "ye",
     cmd_forget},
    {"pause", "[NAME]", "Leave everything, an endpoint or a runtime alone for a while", "de", cmd_pause},
    {"resume", "[NAME]", "End a pause", "Ae", cmd_resume},
    {"exec", "NAME COMMAND [ARGUMENT]...", "Run a command inside a runtime", "wte", cmd_exec},
    {"schema", "", "Print the JSON Schema of the spec kinds", "", cmd_schema},
    {"version", "", "Print the version", "", cmd_version},
    {0},
};

/* Where a standard stream was closed, the next file that is opened would take its place, and what is printed would go into a
 * registry. Held by /dev/null in the wrong direction a write still fails, as it should. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
            abort();
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    /* A reader that goes away must not end us in the middle of an act; what we start gets the default again. */
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
#ifndef __SANITIZE_ADDRESS__ /* its search for leaks looks at us from outside */
    /* Secrets are in our memory: no core dump, and no other process of this user reads it. Ends with execve(). */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    return cli_main(argc, argv, stdout, stderr);
}
