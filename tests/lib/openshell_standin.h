/* openshell_standin: the parts of the stand-in `openshell` (tests/tools/openshell.c): its command line, its gateways, how it says
 * things and ends, and what it does inside a sandbox. One program, one call: the functions end it where they fail, as the real
 * one does. */
#ifndef RECONCLAW_TESTS_LIB_OPENSHELL_STANDIN_H
#define RECONCLAW_TESTS_LIB_OPENSHELL_STANDIN_H

#include "tests/lib/openshell_world.h"

#include "spec/base/arena.h"
#include "spec/base/text.h"

#include <sys/types.h>

#define OS_MAX_ARGS 256

struct os_flag {
    const char *verb; /* "*": every one */
    const char *name;
    char letter;
    bool value;
    int since, until; /* releases that have it; 0: all */
};

/* This call. */
struct os {
    struct arena *a;
    struct openshell_world w;
    const char *dir, *self; /* the world; this program */
    int version;            /* 0.0.N -> N; 0.1.0 and later: 1000 and more */
    const char *verb;
    const char *gateway, *endpoint, *workspace;
    struct {
        const struct os_flag *flag;
        const char *value;
    } given[OS_MAX_ARGS];
    size_t n_given;
    const char *words[OS_MAX_ARGS];
    size_t n_words;
    char **trailing; /* behind --, or the command of exec */
};
extern struct os os;

void os_world_open(void);
void os_world_close(void);

/* --- ends ------------------------------------------------------------------------------------------------------------------ */

void os_put_error(const char *msg); /* as miette draws it */
void os_leave(int status) __attribute__((noreturn));
void os_fail(const char *msg) __attribute__((noreturn));
void os_fail_grpc(const char *code, const char *msg) __attribute__((noreturn));
void os_usage(const char *msg) __attribute__((noreturn));

/* --- the command line ------------------------------------------------------------------------------------------------------ */

void os_parse(char **arg);
bool os_verb_exists(const char *v);
const char *os_option(const char *name); /* NULL: not given */
const char *os_word(size_t i, const char *what);

/* --- gateways -------------------------------------------------------------------------------------------------------------- */

const char *os_config_dir(void);
const char *os_gateway_endpoint(const char *name); /* NULL: there is no such gateway */
void os_resolve_gateway(void);
bool os_is_down(void);
void os_fail_as_told(bool after); /* by the switches */
void os_connect(void);            /* opens the world for one request */
int os_must_find(const char *name);
struct node *os_must_be_ready(const char *name);

/* --- rendering ------------------------------------------------------------------------------------------------------------- */

struct node *os_list_item(const struct node *sandbox);
void os_print_yaml(const struct node *n, unsigned indent);
bool os_is_output(const char *format);
bool os_print_output(const struct node *n); /* true: printed */
struct node *os_effective(const struct node *sandbox);

/* --- inside a sandbox ------------------------------------------------------------------------------------------------------ */

/* The argv that runs a command with the sandbox's files at /sandbox, /agent and /tmp. */
char **os_inside(const struct node *sandbox, const char *workdir, const char *const *command);
pid_t os_start(char **argv, int fd_in, int fd_out); /* -1: ours */
int os_wait_for(pid_t pid);

/* --- verbs ----------------------------------------------------------------------------------------------------------------- */

void os_do_exec(void);
void os_do_upload(void);
void os_do_download(void);
void os_do_policy_set(void);
void os_do_policy_get(void);
void os_do_ssh_config(void);
void os_do_ssh_proxy(void);

#endif
