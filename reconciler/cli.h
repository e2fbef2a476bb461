/* cli: the command line's frame: the table of commands, their options, and how they speak. A command is one function in a
 * cmd_*.c that gets a struct cli and returns an exit code (design: 0 nothing to do or done, 1 failed, 2 the plan has changes,
 * 3 held or refused, 64 usage, 78 config). Results go to stdout, as text or as one JSON document with "version": 1; errors and
 * warnings go to stderr. */
#ifndef RECONCLAW_RECONCILER_CLI_H
#define RECONCLAW_RECONCILER_CLI_H

#include "reconciler/host.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/diag.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_OUTPUT_VERSION 1

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_CHANGES = 2, /* only with --detailed-exitcode */
    EXIT_HELD = 3,
    EXIT_USAGE = 64,
    EXIT_CONFIG = 78,
};

/* Every option of every command, decoded. What was not given is zero. */
struct options {
    bool json; /* -o json */
    bool help;
    bool yes;
    bool detailed_exitcode;
    bool allow_removals;  /* GRANT_CAP */
    bool allow_in_use;    /* GRANT_USE */
    bool allow_data_loss; /* GRANT_DATA */
    bool fix;
    bool all;
    bool browser;
    bool tty;
    bool keep_remote;
    const char *session, *agent;
    const char *endpoint;
    const char *runtime;
    const char *workdir;
    const char *to;
    int64_t for_ms;   /* 0: no expiry */
    int64_t since_ms; /* 0: from the beginning */
    uint64_t limit;   /* 0: the command's default */
};

struct cli {
    struct arena *a; /* of the whole run */
    const char *command;
    struct host host;
    struct options opt;
    const char *const *args; /* operands */
    size_t n_args;
    FILE *out, *err;
    bool color;       /* stdout is a terminal and NO_COLOR is not set */
    bool interactive; /* a person can be asked: stdin and stderr are terminals */
};

struct command {
    const char *name;
    const char *operands; /* for the usage line: "[FILE|DIR]..." */
    const char *summary;
    const char *options; /* letters of option_table that it takes besides -o and -h */
    int (*run)(struct cli *cli);
};

/* In the order of the help text; ends with a NULL name. */
extern const struct command cli_commands[];

/* May be called more than once in one process. */
int cli_main(int argc, char **argv, FILE *out, FILE *err);

/* Prints "reconclaw: <message>" on stderr, with -o json an object with the error on stdout too; gives the exit code of its class.
 */
int cli_fail(struct cli *cli, const struct err *e);
/* Prints all diagnostics on stderr, sorted. Gives EXIT_CONFIG where there is an error, else EXIT_OK. */
int cli_diags(struct cli *cli, struct diags *d);
/* As an array of {level, file, line, column, key, message}. */
struct node *cli_diags_json(struct arena *a, const struct diags *d);
/* After the diagnostics were printed: with -o json an object with the error and them on stdout. Gives EXIT_CONFIG. */
int cli_refuse_config(struct cli *cli, const struct diags *d);
/* Starts the object that a command prints with -o json: version, command. */
struct node *cli_object(struct cli *cli, const char *command);
/* Prints one JSON document and a newline on stdout. */
void cli_print_json(struct cli *cli, const struct node *n);
/* Asks on the terminal; anything but y or yes, end of input included, is no. */
bool cli_confirm(struct cli *cli, const char *question);
/* Flushes stdout; EXIT_FAILED where it could not be written (a full disk must not look like success). */
int cli_finish(struct cli *cli, int code);
/* "2026-05-03T10:00:00Z" in the arena; "-" for TIME_NONE. */
const char *cli_time(struct arena *a, int64_t ms);
/* "512B" "1.5K" "20G"; "?" where it is negative: not known. */
const char *cli_size(struct arena *a, int64_t bytes);
/* "3m" "2h 5m" "-": the two largest units, for people. */
const char *cli_age(struct arena *a, int64_t ms);

#endif
