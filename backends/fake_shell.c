#include "backends/fake_world.h"

#include "spec/base/num.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int shell_cat(const struct fake_shell *sh, int *ret_status, struct err *e)
{
    char bytes[4096];

    for (;;) {
        struct pollfd p = {.fd = sh->fd_in, .events = POLLIN};
        ssize_t n;
        int ms;

        if (sh->fd_in < 0)
            break;
        if (deadline_slice(sh->deadline, "cat", &ms, e) < 0)
            return -1;
        if (poll(&p, 1, ms) <= 0)
            continue;
        n = read(sh->fd_in, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (sh->put(sh->ctx, false, bytes, (size_t)n) < 0)
            break;
    }
    *ret_status = 0;
    return 0;
}

static int shell_form(const struct fake_shell *sh, const char *form, bool *ret_exit, int *ret_status, struct err *e)
{
    uint64_t n;

    *ret_exit = false;
    *ret_status = 0;
    if (text_has_prefix(form, "exit ") && num_parse_u64(form + 5, &n)) {
        *ret_exit = true;
        *ret_status = (int)(n & 0xff);
    } else if (text_has_prefix(form, "kill -") && text_has_suffix(form, " $$")) {
        *ret_exit = true;
        *ret_status = 128 + (int)strtol(form + 6, NULL, 10);
    } else if (text_has_prefix(form, "sleep ") && num_parse_u64(form + 6, &n)) {
        return fake_world_wait(sh->world, sh->call, sh->deadline, n > 100000 ? -1 : (int)n * 1000, "sleep", e);
    } else if (text_eq(form, "cat")) {
        return shell_cat(sh, ret_status, e);
    } else if (text_eq(form, "pwd")) {
        sh->put(sh->ctx, false, sh->workdir, strlen(sh->workdir));
        sh->put(sh->ctx, false, "\n", 1);
    } else if (text_has_prefix(form, "echo ")) {
        bool is_err = text_has_suffix(form, " >&2");

        sh->put(sh->ctx, is_err, form + 5, strlen(form + 5) - (is_err ? 4 : 0));
        sh->put(sh->ctx, is_err, "\n", 1);
    } else {
        sh->put(sh->ctx, true, form, strlen(form));
        sh->put(sh->ctx, true, ": not found\n", 12);
        *ret_status = 127;
    }
    return 0;
}

int fake_shell_run(const struct fake_shell *sh, const char *script, int *ret_status, struct err *e)
{
    char *copy = strdup(script), *rest = copy;
    int status = 0, r = 0;
    bool is_exit = false;

    if (copy == NULL)
        abort();
    while (r == 0 && !is_exit && rest != NULL) {
        char *form = rest;

        rest = strstr(form, "; ");
        if (rest != NULL) {
            *rest = '\0';
            rest += 2;
        }
        r = shell_form(sh, form, &is_exit, &status, e);
    }
    free(copy);
    if (r == 0)
        *ret_status = status;
    return r;
}
