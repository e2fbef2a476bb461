#include "reconciler/cli.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/world.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- options: one table; a command names the letters that it takes ------------------------------------------------------------
 */

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_FORMAT, OPTION_DURATION, OPTION_COUNT };

static const struct cli_option {
    char letter;      /* how commands name it */
    bool has_short;   /* -letter is given to users too */
    const char *name; /* --name */
    enum option_kind kind;
    size_t offset; /* in struct options */
    const char *argument, *help;
} option_table[] = {
#define AT(member) offsetof(struct options, member)
    {'o', true, "output", OPTION_FORMAT, AT(json), "text|json", "how to print (default: text)"},
    {'h', true, "help", OPTION_FLAG, AT(help), NULL, "this help"},
    {'y', true, "yes", OPTION_FLAG, AT(yes), NULL, "do not ask before destructive acts"},
    {'f', false, "force", OPTION_FLAG, AT(yes), NULL, "do not ask (as openclaw's flag of that name)"},
    {'x', false, "detailed-exitcode", OPTION_FLAG, AT(detailed_exitcode), NULL, "exit 2 where there are changes"},
    {'R', false, "allow-removals", OPTION_FLAG, AT(allow_removals), NULL, "lift the removal cap this once"},
    {'U', false, "allow-in-use", OPTION_FLAG, AT(allow_in_use), NULL, "act on hot and busy runtimes too, this once"},
    {'D', false, "allow-data-loss", OPTION_FLAG, AT(allow_data_loss), NULL,
     "destroy canonical workspaces where the plan says so"},
    {'F', false, "fix", OPTION_FLAG, AT(fix), NULL, "mend what is found"},
    {'A', false, "all", OPTION_FLAG, AT(all), NULL, "every runtime"},
    {'B', false, "browser", OPTION_FLAG, AT(browser), NULL, "browser containers instead of sandboxes"},
    {'t', true, "tty", OPTION_FLAG, AT(tty), NULL, "give the command a terminal"},
    {'k', false, "keep-remote", OPTION_FLAG, AT(keep_remote), NULL,
     "first bring what was changed there to a directory beside the local workspace"},
    {'s', false, "session", OPTION_TEXT, AT(session), "KEY", "the session (or scope) key"},
    {'a', false, "agent", OPTION_TEXT, AT(agent), "ID", "the agent"},
    {'e', false, "endpoint", OPTION_TEXT, AT(endpoint), "ENDPOINT", "only this endpoint (\"docker\", \"ssh://build-host\", ...)"},
    {'r', false, "runtime", OPTION_TEXT, AT(runtime), "NAME", "only this runtime"},
    {'w', true, "workdir", OPTION_TEXT, AT(workdir), "DIR", "working directory inside"},
    {'T', false, "to", OPTION_TEXT, AT(to), "DIR", "a directory of this machine that does not exist yet"},
    {'d', false, "for", OPTION_DURATION, AT(for_ms), "DURATION", "how long (\"30m\", \"2h\"); default: until resumed"},
    {'S', false, "since", OPTION_DURATION, AT(since_ms), "DURATION", "only what is younger (\"2h\", \"7d\")"},
    {'n', true, "limit", OPTION_COUNT, AT(limit), "N", "at most so many"},
#undef AT
};
#define N_OPTIONS (sizeof option_table / sizeof option_table[0])

static bool takes(const struct command *c, const struct cli_option *o)
{
    return o->letter == 'o' || o->letter == 'h' || strchr(c->options, o->letter);
}

static int usage(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int usage(struct cli *cli, const char *fmt, ...)
{
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    err_set(&e, ERR_USAGE, 0, "%s", arena_vprintf(cli->a, fmt, ap));
    va_end(ap);
    return cli_fail(cli, &e);
}

/* 0, or the exit code after telling. */
static int set_option(struct cli *cli, const struct cli_option *o, const char *value)
{
    void *at = (char *)&cli->opt + o->offset;

    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)at = value;
        return 0;
    case OPTION_FORMAT:
        if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
            return usage(cli, "--output takes text or json, not '%s'", value);
        *(bool *)at = value[0] == 'j';
        return 0;
    case OPTION_DURATION:
        if (!num_parse_duration_ms(value, at) || *(int64_t *)at == 0)
            return usage(cli, "--%s takes a duration like 30m or 2h, not '%s'", o->name, value);
        return 0;
    case OPTION_COUNT:
        if (!num_parse_u64(value, at) || *(uint64_t *)at == 0)
            return usage(cli, "--%s takes a whole number from 1, not '%s'", o->name, value);
        return 0;
    }
    abort();
}

static const struct command *find_command(const char *name)
{
    for (const struct command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* What getopt_long() stopped at: '?' or ':'. A long option is `word`; of a bundle of short ones only optopt is known. */
static int refuse_option(struct cli *cli, const struct command *c, int found, const char *word)
{
    const char *names[N_OPTIONS], *near = NULL, *wrong = "unknown option";
    const char *name = arena_memdup0(cli->a, word, strcspn(word, "="));
    size_t n = 0;
    bool is_long = text_has_prefix(word, "--") && (!optopt || found == ':' || strchr(word, '='));

    if (!is_long)
        name = arena_printf(cli->a, "-%c", optopt);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct cli_option *o = &option_table[i];

        if (!takes(c, o))
            continue;
        names[n++] = o->name;
        if (is_long && !near && text_has_prefix(o->name, name + 2))
            near = o->name;
        if (is_long ? text_eq(o->name, name + 2) : o->has_short && o->letter == optopt)
            wrong = found == ':' ? "a value is missing after" : "no value belongs to";
    }
    if (is_long && !near)
        near = text_closest(name + 2, names, n);
    if (strcmp(wrong, "unknown option") != 0)
        near = NULL;
    return usage(cli, "%s: %s '%s'%s%s%s; see reconclaw %s --help", c->name, wrong, name, near ? ": did you mean '--" : "",
                 near ? near : "", near ? "'?" : "", c->name);
}

/* getopt_long() takes the beginning of a name for the whole of it. We do not: what a script says must mean the same when there
 * are more options one day. */
static bool is_spelt_out(const char *word, const struct cli_option *o)
{
    size_t n = strlen(o->name);

    return !text_has_prefix(word, "--") || (strncmp(word + 2, o->name, n) == 0 && (word[2 + n] == '\0' || word[2 + n] == '='));
}

/* getopt_long() with tables made for this command; operands may stand between options. All options are read also after a bad
 * one, since -o json, wherever it stands, says how the error is to be told. */
static int parse(struct cli *cli, const struct command *c, int argc, char **argv)
{
    struct option longs[N_OPTIONS + 1] = {0};
    char shorts[2 * N_OPTIONS + 4];
    size_t n_longs = 0, n_shorts = 0;
    int found, code = 0;

    /* exec's command line is its own: options stop at the first operand. Elsewhere ":" reports a missing value. */
    if (strcmp(c->name, "exec") == 0)
        shorts[n_shorts++] = '+';
    shorts[n_shorts++] = ':';
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct cli_option *o = &option_table[i];

        if (!takes(c, o))
            continue;
        longs[n_longs++] = (struct option){.name = o->name, .has_arg = o->kind != OPTION_FLAG, .val = o->letter};
        if (o->has_short) {
            shorts[n_shorts++] = o->letter;
            if (o->kind != OPTION_FLAG)
                shorts[n_shorts++] = ':';
        }
    }
    shorts[n_shorts] = '\0';
    opterr = 0;
    /* First what says how to speak, then everything. */
    for (int pass = 0; pass < 2 && code == 0; pass++) {
        char **copy = ARENA_ARRAY(cli->a, char *, (size_t)argc + 1); /* getopt_long() sorts it */

        memcpy(copy, argv, (size_t)argc * sizeof *copy);
        optind = 0; /* also resets glibc's state */
        while (code == 0 && (found = getopt_long(argc, copy, shorts, longs, NULL)) != -1) {
            /* A value of its own word comes after the option's. */
            int at = optind - 1 - (optarg && optind > 1 && optarg == copy[optind - 1]);
            const char *word = at > 0 ? copy[at] : "";
            const struct cli_option *o = NULL;

            for (size_t i = 0; i < N_OPTIONS; i++)
                if (option_table[i].letter == found)
                    o = &option_table[i];
            if (pass == 0) {
                if (found == 'o' && is_spelt_out(word, o))
                    cli->opt.json = strcmp(optarg, "json") == 0;
                continue;
            }
            if (!o) {
                code = refuse_option(cli, c, found, word);
            } else if (!is_spelt_out(word, o)) {
                optopt = 0;
                code = refuse_option(cli, c, '?', word);
            } else {
                code = set_option(cli, o, optarg);
            }
        }
        cli->args = (const char *const *)&copy[optind];
        cli->n_args = (size_t)(argc - optind);
    }
    return code;
}

/* --- help ---------------------------------------------------------------------------------------------------------------------
 */

static void print_help(FILE *f)
{
    (void)fprintf(
        f, "reconclaw keeps AI-agent sandboxes in the state their owner wrote down.\n\nusage: reconclaw COMMAND [OPTION]... "
           "[OPERAND]...\n\n");
    for (const struct command *c = cli_commands; c->name; c++)
        (void)fprintf(f, "  %-10s %s\n", c->name, c->summary);
    (void)fprintf(
        f, "\nreconclaw COMMAND --help tells a command's options. Exit status: 0 done or nothing to do, 1 failed, 2 changes "
           "(plan\n--detailed-exitcode), 3 held or refused by a guard, 64 usage, 78 config.\n");
}

static void print_command_help(FILE *f, const struct command *c)
{
    (void)fprintf(f, "usage: reconclaw %s [OPTION]...%s%s\n\n%s.\n\n", c->name, c->operands[0] ? " " : "", c->operands,
                  c->summary);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct cli_option *o = &option_table[i];
        char left[64];

        if (!takes(c, o))
            continue;
        (void)snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->has_short ? '-' : ' ', o->has_short ? o->letter : ' ',
                       o->has_short ? "," : " ", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        (void)fprintf(f, "  %-32s %s\n", left, o->help);
    }
}

/* --- speaking -----------------------------------------------------------------------------------------------------------------
 */

struct node *cli_object(struct cli *cli, const char *command)
{
    struct node *o = node_object(cli->a);

    node_set(cli->a, o, "version", node_number(cli->a, CLI_OUTPUT_VERSION));
    node_set(cli->a, o, "command", node_string(cli->a, command));
    return o;
}

void cli_print_json(struct cli *cli, const struct node *n)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    node_emit(&b, n, 2, 0);
    (void)fwrite(buf_str(&b), 1, b.n, cli->out);
    (void)fputc('\n', cli->out);
}

int cli_fail(struct cli *cli, const struct err *e)
{
    (void)fprintf(cli->err, "reconclaw: %s\n", e->msg);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, cli->command), *inner = node_object(cli->a);

        node_set(cli->a, inner, "class", node_string(cli->a, err_class_name(e->class)));
        node_set(cli->a, inner, "message", node_string(cli->a, e->msg));
        node_set(cli->a, o, "error", inner);
        cli_print_json(cli, o);
    }
    return err_exit_code(e->class);
}

int cli_diags(struct cli *cli, struct diags *d)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    diags_sort(d);
    for (size_t i = 0; i < d->n; i++) {
        buf_clear(&b);
        diag_format(&b, &d->v[i]);
        (void)fprintf(cli->err, "%s\n", buf_str(&b));
    }
    if (d->truncated)
        (void)fprintf(cli->err, "... and more: %zu errors in all\n", d->n_errors);
    return d->n_errors ? EXIT_CONFIG : EXIT_OK;
}

struct node *cli_diags_json(struct arena *a, const struct diags *d)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < d->n; i++) {
        const struct diag *one = &d->v[i];
        struct node *o = node_object(a);

        node_set(a, o, "level", node_string(a, one->level == DIAG_ERROR ? "error" : "warning"));
        if (one->pos.file)
            node_set(a, o, "file", node_string(a, one->pos.file));
        if (one->pos.file && one->pos.line) {
            node_set(a, o, "line", node_number(a, one->pos.line));
            node_set(a, o, "column", node_number(a, one->pos.col));
        }
        node_set(a, o, "key", node_string(a, one->key));
        node_set(a, o, "message", node_string(a, one->msg));
        node_push(a, list, o);
    }
    return list;
}

int cli_refuse_config(struct cli *cli, const struct diags *d)
{
    if (cli->opt.json) {
        struct node *o = cli_object(cli, cli->command), *inner = node_object(cli->a);

        node_set(cli->a, inner, "class", node_string(cli->a, err_class_name(ERR_CONFIG)));
        node_set(cli->a, inner, "message", node_string(cli->a, "the specs or what they name have errors: see the diagnostics"));
        node_set(cli->a, o, "error", inner);
        node_set(cli->a, o, "diagnostics", cli_diags_json(cli->a, d));
        cli_print_json(cli, o);
    }
    return EXIT_CONFIG;
}

bool cli_confirm(struct cli *cli, const char *question)
{
    char answer[16];

    (void)fprintf(cli->err, "%s [y/N] ", question);
    (void)fflush(cli->err);
    if (!fgets(answer, sizeof answer, stdin)) {
        (void)fputc('\n', cli->err);
        return false;
    }
    return strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0 || strcmp(answer, "Y\n") == 0;
}

int cli_finish(struct cli *cli, int code)
{
    int sys;

    errno = 0;
    if (fflush(cli->out) == 0 && !ferror(cli->out))
        return code;
    sys = errno;
    /* A reader that had enough, `| head`, knows. */
    if (sys != EPIPE)
        (void)fprintf(cli->err, "reconclaw: the output could not be written%s%s\n", sys ? ": " : "", sys ? strerror(sys) : "");
    return EXIT_FAILED;
}

const char *cli_time(struct arena *a, int64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];

    if (ms == TIME_NONE || ms < 0 || !gmtime_r(&s, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return "-";
    return arena_strdup(a, text);
}

const char *cli_size(struct arena *a, int64_t bytes)
{
    static const char *const units[] = {"B", "K", "M", "G", "T"};
    double x = (double)bytes;
    size_t i = 0;

    if (bytes < 0)
        return "?";
    while (x >= 1024 && i + 1 < sizeof units / sizeof *units) {
        x /= 1024;
        i++;
    }
    return arena_printf(a, i == 0 || x >= 100 ? "%.0f%s" : "%.1f%s", x, units[i]);
}

const char *cli_age(struct arena *a, int64_t ms)
{
    static const struct {
        const char *name;
        int64_t s;
    } units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
    int64_t s = ms / 1000;

    if (ms < 0)
        return "-";
    for (size_t i = 0; i + 1 < sizeof units / sizeof units[0]; i++) {
        int64_t rest = s % units[i].s / units[i + 1].s;

        if (s < units[i].s)
            continue;
        if (rest == 0)
            return arena_printf(a, "%lld%s", (long long)(s / units[i].s), units[i].name);
        return arena_printf(a, "%lld%s %lld%s", (long long)(s / units[i].s), units[i].name, (long long)rest, units[i + 1].name);
    }
    return arena_printf(a, "%llds", (long long)s);
}

/* --- the way in ---------------------------------------------------------------------------------------------------------------
 */

static int unknown_command(struct cli *cli, const char *word)
{
    const char *names[64], *near;
    size_t n = 0;

    if (word[0] == '-')
        return usage(cli, "'%s' comes before the command; options come after it: reconclaw COMMAND [OPTION]...", word);
    for (const struct command *c = cli_commands; c->name && n < sizeof names / sizeof names[0]; c++)
        names[n++] = c->name;
    near = text_closest(word, names, n);
    return usage(cli, "unknown command '%s'%s%s%s; see reconclaw --help", word, near ? ": did you mean '" : "", near ? near : "",
                 near ? "'?" : "");
}

static int run(struct cli *cli, int argc, char **argv)
{
    bool asks_help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0;
    const struct command *c = find_command(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    int code;

    if (asks_help && argc == 2) {
        print_help(cli->out);
        return EXIT_OK;
    }
    if (asks_help)
        c = find_command(argv[2]);
    if (!c)
        return unknown_command(cli, argv[asks_help ? 2 : 1]);
    cli->command = c->name;
    code = asks_help ? 0 : parse(cli, c, argc - 1, argv + 1);
    if (code)
        return code;
    if (asks_help || cli->opt.help) {
        print_command_help(cli->out, c);
        return EXIT_OK;
    }
    if (!c->operands[0] && cli->n_args > 0)
        return usage(cli, "%s takes no operand, and was given '%s'; see reconclaw %s --help", c->name, cli->args[0], c->name);
    return c->run(cli);
}

int cli_main(int argc, char **argv, FILE *out, FILE *err)
{
    ARENA_AUTO a = arena_new();
    struct cli cli = {.a = a, .out = out, .err = err, .command = "reconclaw"};
    struct err e;

    if (host_read(a, &cli.host, &e) < 0)
        return cli_fail(&cli, &e);
    cli.color = isatty(fileno(out)) == 1 && !host_env(&cli.host, "NO_COLOR");
    cli.interactive = isatty(STDIN_FILENO) == 1 && isatty(fileno(err)) == 1;
    if (argc < 2) {
        print_help(err);
        return EXIT_USAGE;
    }
    return cli_finish(&cli, run(&cli, argc, argv));
}
