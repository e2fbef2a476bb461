#include "backends/openshell_cli.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 1000 /* the gateway's own cap */
/* `--from NAME` takes a directory NAME here for a source: here there are only numbers. */
#define NEUTRAL_DIR "/proc/self/task"

/* --- which command --------------------------------------------------------------------------------------------------------- */

static char *read_some(struct arena *a, const char *path, size_t max, size_t *ret_n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *bytes;
    ssize_t n;

    if (fd < 0)
        return NULL;
    bytes = arena_alloc(a, max + 1);
    n = read(fd, bytes, max);
    close(fd);
    if (n < 0)
        return NULL;
    *ret_n = (size_t)n;
    return bytes;
}

/* npm's package of that name is a chat bot with a command `openshell`. Starting it, even for its version, would be running it. */
static int refuse_npm(struct arena *a, const char *command, struct err *e)
{
    char real[PATH_MAX], *slash, *text;
    size_t n = 0;

    if (realpath(command, real) == NULL)
        return err_sys(e, ERR_UNAVAILABLE, errno, "%s", command);
    text = read_some(a, real, 256, &n);
    if (text != NULL && text_has_prefix(text, "#!") && strstr(arena_memdup0(a, text, strcspn(text, "\n")), "node") != NULL)
        return err_set(
            e, ERR_REFUSED, 0,
            "%s is a script for node: npm's package `openshell` is a chat bot and not NVIDIA OpenShell; name the right "
            "command by its absolute path",
            command);
    for (int i = 0; i < 4 && (slash = strrchr(real, '/')) != NULL && slash != real; i++) {
        const struct node *root;
        struct err ignored;

        *slash = '\0';
        text = read_some(a, arena_printf(a, "%s/package.json", real), 1u << 20, &n);
        root = text != NULL ? json_read_err(a, "package.json", text, n, &ignored) : NULL;
        if (text_eq(node_str(node_get(root, "name")), "openshell"))
            return err_set(e, ERR_REFUSED, 0,
                           "%s belongs to npm's package `openshell`, a chat bot and not NVIDIA OpenShell; name the right command "
                           "by its absolute path",
                           command);
    }
    return 0;
}

static int run_command(struct openshell_call *c, const struct proc_req *req, struct proc_result *ret, struct err *e)
{
    struct call rest = deadline_rest(&c->deadline);
    int ms;

    if (deadline_slice(&c->deadline, "openshell", &ms, e) < 0)
        return -1;
    if (proc_run(c->a, req, &rest, ret, e) < 0) {
        if (e->class != ERR_TIMEOUT && e->class != ERR_CANCELLED)
            e->class = ERR_UNAVAILABLE;
        return -1;
    }
    if (ret->out_cut)
        return err_set(e, ERR_INPUT, 0, "openshell: an answer of more than %u bytes", LIMIT_REPLY_BYTES);
    return 0;
}

static const char *command_of(struct openshell_call *c)
{
    return c->b->command != NULL ? c->b->command : proc_find(c->a, "openshell");
}

static bool same_file(const struct stat *x, const struct stat *y)
{
    return x->st_ino == y->st_ino && x->st_dev == y->st_dev && x->st_size == y->st_size &&
           x->st_mtim.tv_sec == y->st_mtim.tv_sec && x->st_mtim.tv_nsec == y->st_mtim.tv_nsec && x->st_ino != 0;
}

int openshell_cli_find(struct openshell_call *c, struct err *e)
{
    const char *command = command_of(c), *argv[] = {command, "--version", NULL}, *said;
    struct openshell *b = c->b;
    struct proc_result res;
    struct stat st;
    int ms;

    if (deadline_slice(&c->deadline, "openshell", &ms, e) < 0)
        return -1;
    if (command == NULL)
        return err_set(e, ERR_UNAVAILABLE, ENOENT, "there is no command `openshell`; name it by its absolute path");
    if (stat(command, &st) < 0)
        return err_sys(e, ERR_UNAVAILABLE, errno, "%s", command);
    if (same_file(&st, &b->asked))
        return 0;
    if (refuse_npm(c->a, command, e) < 0)
        return -1;
    if (run_command(c, &(struct proc_req){.argv = argv, .env = (const char *const *)b->env, .max_output = 65536}, &res, e) < 0)
        return -1;
    said = openshell_complaint(c->a, res.out, res.n_out);
    if (strstr(res.err, "TELEGRAM_BOT_TOKEN") != NULL || strstr(res.out, "TELEGRAM_BOT_TOKEN") != NULL)
        return err_set(e, ERR_REFUSED, 0, "%s is npm's chat bot of that name and not NVIDIA OpenShell", command);
    if (res.status != 0 || !openshell_release_read(said, &b->release))
        return err_set(e, ERR_UNSUPPORTED, res.status, "%s --version: '%.80s' with status %d: this is no OpenShell that is known",
                       command, said[0] != '\0' ? said : openshell_complaint(c->a, res.err, res.n_err), res.status);
    b->traits = openshell_traits_of(b->release);
    if (b->traits == NULL)
        return err_set(e, ERR_UNSUPPORTED, 0, "openshell %u.%u.%u: 0.0.36 or later is needed", b->release.major, b->release.minor,
                       b->release.patch);
    b->json_list = b->json_get = b->json_status = OPENSHELL_JSON_UNTRIED;
    b->asked = st;
    return 0;
}

/* --- calls ----------------------------------------------------------------------------------------------------------------- */

int openshell_cli_run(struct openshell_call *c, const char *const *args, const char *workdir, const char *input, size_t n_input,
                      struct proc_result *ret, struct err *e)
{
    const struct openshell *b = c->b;
    VEC(const char *) argv = {0};

    if (openshell_cli_find(c, e) < 0)
        return -1;
    VEC_PUSH(c->a, &argv, command_of(c));
    if (b->gateway != NULL) {
        VEC_PUSH(c->a, &argv, "--gateway");
        VEC_PUSH(c->a, &argv, b->gateway);
    }
    if (b->gateway_url != NULL) {
        VEC_PUSH(c->a, &argv, "--gateway-endpoint");
        VEC_PUSH(c->a, &argv, b->gateway_url);
    }
    if (b->workspace != NULL) {
        if (openshell_release_cmp(b->release, (struct openshell_release){0, 0, 88}) < 0)
            return err_set(e, ERR_UNSUPPORTED, 0, "openshell before 0.0.88 has no workspaces, and '%s' is wanted", b->workspace);
        VEC_PUSH(c->a, &argv, "--workspace");
        VEC_PUSH(c->a, &argv, b->workspace);
    }
    for (; *args != NULL; args++)
        VEC_PUSH(c->a, &argv, *args);
    VEC_PUSH(c->a, &argv, NULL);
    return run_command(c,
                       &(struct proc_req){.argv = argv.v,
                                          .env = (const char *const *)b->env,
                                          .workdir = workdir != NULL ? workdir : NEUTRAL_DIR,
                                          .input = input,
                                          .n_input = n_input,
                                          .max_output = LIMIT_REPLY_BYTES},
                       ret, e);
}

/* As `args` with "-o json", where the verb has it: *ret_json. */
static int run_json(struct openshell_call *c, enum openshell_json *known, const char *const *args, bool *ret_json,
                    struct proc_result *ret, struct err *e)
{
    VEC(const char *) with = {0};

    if (openshell_cli_find(c, e) < 0)
        return -1;
    *ret_json = false;
    if (*known == OPENSHELL_JSON_NO)
        return openshell_cli_run(c, args, NULL, NULL, 0, ret, e);
    for (const char *const *s = args; *s != NULL; s++)
        VEC_PUSH(c->a, &with, *s);
    VEC_PUSH(c->a, &with, "-o");
    VEC_PUSH(c->a, &with, "json");
    VEC_PUSH(c->a, &with, NULL);
    if (openshell_cli_run(c, with.v, NULL, NULL, 0, ret, e) < 0)
        return -1;
    if (ret->status == 2) { /* a usage error: this release does not have it */
        *known = OPENSHELL_JSON_NO;
        return openshell_cli_run(c, args, NULL, NULL, 0, ret, e);
    }
    *known = OPENSHELL_JSON_YES;
    *ret_json = true;
    return 0;
}

int openshell_cli_connected(struct openshell_call *c, struct openshell_status *ret, struct err *e)
{
    static const char *const args[] = {"status", NULL};
    struct openshell_status s;
    struct proc_result res;
    bool json;
    int r;

    if (run_json(c, &c->b->json_status, args, &json, &res, e) < 0)
        return -1;
    if (res.status != 0) {
        const char *said = openshell_complaint(c->a, res.err, res.n_err);

        return err_set(e, ERR_UNAVAILABLE, res.status, "openshell status: %s", said[0] != '\0' ? said : "it failed");
    }
    r = json ? openshell_status_json(c->a, res.out, res.n_out, &s, e) : openshell_status_text(c->a, res.out, res.n_out, &s, e);
    if (r < 0)
        return err_wrap(e, "openshell");
    if (s.link == OPENSHELL_NOT_ADMITTED)
        return err_set(e, ERR_UNAVAILABLE, 0, "%s: log in again with `openshell gateway login`", s.why);
    if (s.link != OPENSHELL_CONNECTED)
        return err_set(e, ERR_UNAVAILABLE, 0, "the gateway is not connected: %s", s.why);
    if (ret != NULL)
        *ret = s;
    return 0;
}

int openshell_cli_failed(struct openshell_call *c, const char *what, const struct proc_result *res, struct err *e)
{
    const char *said = openshell_complaint(c->a, res->err, res->n_err);

    if (openshell_cli_connected(c, NULL, e) < 0)
        return err_wrap(e, "%s", what);
    /* 0.0.111 tells this in status, older ones only here. */
    if (openshell_complains_of(said, "Unauthenticated") || openshell_complains_of(said, "valid authentication credentials"))
        return err_set(e, ERR_UNAVAILABLE, res->status, "%s: the gateway refuses the credentials: %s", what, said);
    return err_set(e, ERR_INTERNAL, res->status, "%s: %s", what,
                   said[0] != '\0' ? said : arena_printf(c->a, "status %d", res->status));
}

/* --- sandboxes -----------------------------------------------------------------------------------------------------------------
 */

static int list_page(struct openshell_call *c, size_t offset, struct openshell_items *ret, struct err *e)
{
    const char *args[] = {"sandbox", "list", "--limit", "1000", "--offset", arena_printf(c->a, "%zu", offset), NULL};
    struct proc_result res;
    bool json;
    int r;

    if (run_json(c, &c->b->json_list, args, &json, &res, e) < 0)
        return -1;
    if (res.status != 0)
        return openshell_cli_failed(c, "listing", &res, e);
    r = json ? openshell_list_json(c->a, res.out, res.n_out, ret, e) : openshell_list_text(c->a, res.out, res.n_out, ret, e);
    return r < 0 ? err_wrap(e, "openshell sandbox") : 0;
}

static int list_once(struct openshell_call *c, struct openshell_items *ret, struct err *e)
{
    VEC(struct openshell_item) all = {0};
    struct openshell_items page;

    do {
        if (list_page(c, all.n, &page, e) < 0)
            return -1;
        for (size_t i = 0; i < page.n; i++)
            VEC_PUSH(c->a, &all, page.v[i]);
        if (all.n > OPENSHELL_MAX_LISTED)
            return err_set(e, ERR_INPUT, 0, "openshell: more than %u sandboxes", OPENSHELL_MAX_LISTED);
    } while (page.n >= PAGE);
    *ret = (struct openshell_items){all.v, all.n};
    return 0;
}

int openshell_cli_list(struct openshell_call *c, struct openshell_items *ret, struct err *e)
{
    if (list_once(c, ret, e) < 0)
        return -1;
    if (ret->n > 0)
        return 0;
    return openshell_cli_connected(c, NULL, e) < 0 ? -1 : list_once(c, ret, e);
}

int openshell_cli_words(struct openshell_call *c, const char *flag, const char *selector, const char *const **ret, size_t *ret_n,
                        struct err *e)
{
    VEC(const char *) all = {0};
    size_t n;

    do {
        const char *args[] = {"sandbox",
                              "list",
                              flag,
                              "--limit",
                              "1000",
                              "--offset",
                              arena_printf(c->a, "%zu", all.n),
                              selector != NULL ? "--selector" : NULL,
                              selector,
                              NULL};
        const char *const *page;
        struct proc_result res;

        if (openshell_cli_run(c, args, NULL, NULL, 0, &res, e) < 0)
            return -1;
        if (res.status != 0)
            return openshell_cli_failed(c, "listing", &res, e);
        if (openshell_list_lines(c->a, res.out, res.n_out, &page, &n, e) < 0)
            return err_wrap(e, "openshell sandbox");
        for (size_t i = 0; i < n; i++)
            VEC_PUSH(c->a, &all, page[i]);
        if (all.n > OPENSHELL_MAX_LISTED)
            return err_set(e, ERR_INPUT, 0, "openshell: more than %u sandboxes", OPENSHELL_MAX_LISTED);
    } while (n >= PAGE);
    *ret = all.v;
    *ret_n = all.n;
    return 0;
}

int openshell_cli_get(struct openshell_call *c, const char *name, struct openshell_item *ret, struct err *e)
{
    const char *args[] = {"sandbox", "get", name, NULL};
    struct openshell_items all;
    struct proc_result res;
    bool json;
    int r;

    if (run_json(c, &c->b->json_get, args, &json, &res, e) < 0)
        return -1;
    if (res.status != 0) {
        (void)openshell_cli_failed(c, arena_printf(c->a, "looking at '%s'", name), &res, e);
        if (e->class != ERR_INTERNAL)
            return -1;
        /* It is connected, and does not give this one: is it there? */
        struct err why = *e;

        if (openshell_cli_list(c, &all, e) < 0)
            return -1;
        for (size_t i = 0; i < all.n; i++)
            if (text_eq(all.v[i].name, name)) {
                *e = why;
                return -1;
            }
        return err_set(e, ERR_NOT_FOUND, 0, "there is no sandbox '%s'", name);
    }
    r = json ? openshell_get_json(c->a, res.out, res.n_out, ret, e) : openshell_get_text(c->a, res.out, res.n_out, ret, e);
    if (r < 0)
        return err_wrap(e, "openshell sandbox");
    if (!text_eq(ret->name, name))
        return err_set(e, ERR_INPUT, 0, "openshell sandbox get: '%s' was asked for, and '%s' came", name, ret->name);
    return 0;
}

int openshell_cli_policy(struct openshell_call *c, const char *name, struct node **ret, struct err *e)
{
    const char *args[] = {"sandbox", "get", name, "--policy-only", NULL};
    struct proc_result res;

    if (openshell_cli_run(c, args, NULL, NULL, 0, &res, e) < 0)
        return -1;
    if (res.status != 0)
        return openshell_cli_failed(c, arena_printf(c->a, "reading the policy of '%s'", name), &res, e);
    return openshell_policy_yaml(c->a, "policy", res.out, res.n_out, ret, e);
}
