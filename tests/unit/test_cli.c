/* cli: the table of options and the table of commands fit each other, and every word of them can be said. */
#include "reconciler/cli.h"
#include "reconciler/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the command saw. */
static struct options seen;
static size_t n_seen_args;
static char seen_first[64];
static int n_runs;

static int run_probe(struct cli *cli)
{
    seen = cli->opt;
    n_seen_args = cli->n_args;
    (void)snprintf(seen_first, sizeof seen_first, "%s", cli->n_args ? cli->args[0] : "");
    n_runs++;
    return EXIT_OK;
}

static int run_json(struct cli *cli)
{
    cli_print_json(cli, cli_object(cli, "json"));
    return EXIT_HELD;
}

/* A command for every letter there is, one for none, one whose operands are its own. */
const struct command cli_commands[] = {
    {"every", "[X]...", "Every option", "yfxRUDFABtsaerwTdSn", run_probe},
    {"none", "", "No option", "", run_probe},
    {"exec", "X...", "Its own command line", "wt", run_probe},
    {"json", "", "JSON", "", run_json},
    {0},
};

/* What main() would have given; the words end with NULL. */
static int say(char **ret_out, char **ret_err, const char *first, ...)
{
    char words[16][64], *argv[17];
    size_t n_out = 0, n_err = 0;
    int argc = 0, code;
    va_list ap;

    va_start(ap, first);
    for (const char *w = first; w && argc < 16; w = va_arg(ap, const char *)) {
        (void)snprintf(words[argc], sizeof words[argc], "%s", w);
        argv[argc] = words[argc];
        argc++;
    }
    va_end(ap);
    argv[argc] = NULL;
    FILE *out = open_memstream(ret_out, &n_out), *err = open_memstream(ret_err, &n_err);
    seen = (struct options){0};
    n_runs = 0;
    code = cli_main(argc, argv, out, err);
    (void)fclose(out);
    (void)fclose(err);
    return code;
}

#define SAY(code, in_err, ...)                                                                                                   \
    do {                                                                                                                         \
        char *out_ = NULL, *err_ = NULL;                                                                                         \
        const char *wanted_ = (in_err);                                                                                          \
        int is_ = say(&out_, &err_, "reconclaw", __VA_ARGS__, NULL);                                                             \
        if (is_ != (code) || (wanted_ ? !strstr(err_, wanted_) : *err_ != '\0'))                                                 \
            fail_msg("exit %d, stdout '%s', stderr '%s'", is_, out_, err_);                                                      \
        free(out_);                                                                                                              \
        free(err_);                                                                                                              \
    } while (0)

static void every_option_is_in_the_help_and_is_taken(void **state)
{
    static const char *const flags[] = {
        "yes", "force", "detailed-exitcode", "allow-removals", "allow-in-use", "allow-data-loss", "fix", "all", "browser", "tty"};
    static const struct {
        const char *name, *value;
    } values[] = {{"output", "json"}, {"session", "k"}, {"agent", "i"},  {"endpoint", "e"}, {"runtime", "r"},
                  {"workdir", "/w"},  {"for", "2h"},    {"since", "7d"}, {"limit", "5"},    {"to", "/d"}};
    char *help = NULL, *err = NULL, word[80];
    size_t n = 0;

    (void)state;
    assert_int_equal(say(&help, &err, "reconclaw", "every", "--help", NULL), EXIT_OK);
    assert_int_equal(n_runs, 0);
    for (const char *p = help; (p = strstr(p, " --")); p += 3)
        n++;
    /* Completeness: an option that this test does not know fails here. */
    assert_int_equal(n, sizeof flags / sizeof flags[0] + sizeof values / sizeof values[0] + 1 /* --help */);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        (void)snprintf(word, sizeof word, "--%s", flags[i]);
        assert_non_null(strstr(help, word));
        SAY(EXIT_OK, NULL, "every", word);
        assert_int_equal(n_runs, 1);
        (void)snprintf(word, sizeof word, "--%s=x", flags[i]);
        SAY(EXIT_USAGE, "no value belongs to", "every", word);
        (void)snprintf(word, sizeof word, "--%.*s", (int)strlen(flags[i]) - 1, flags[i]);
        SAY(EXIT_USAGE, "did you mean", "every", word);
        assert_int_equal(n_runs, 0);
        (void)snprintf(word, sizeof word, "--%s", flags[i]);
        SAY(EXIT_USAGE, "unknown option", "none", word);
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        (void)snprintf(word, sizeof word, "--%s", values[i].name);
        assert_non_null(strstr(help, word));
        SAY(EXIT_OK, NULL, "every", word, values[i].value);
        SAY(EXIT_USAGE, "a value is missing after", "every", word);
        (void)snprintf(word, sizeof word, "--%s=%s", values[i].name, values[i].value);
        SAY(EXIT_OK, NULL, "every", word);
        (void)snprintf(word, sizeof word, "--%.*s", (int)strlen(values[i].name) - 1, values[i].name);
        SAY(EXIT_USAGE, "did you mean", "every", word, values[i].value);
    }
    free(help);
    free(err);
}

static void each_option_sets_its_own_member(void **state)
{
    (void)state;
    SAY(EXIT_OK, NULL, "every", "--yes", "--detailed-exitcode", "--allow-removals", "--allow-in-use", "--allow-data-loss",
        "--fix", "--all", "--browser", "--tty", "-o", "json");
    assert_true(seen.yes && seen.detailed_exitcode && seen.allow_removals && seen.allow_in_use && seen.allow_data_loss &&
                seen.fix && seen.all && seen.browser && seen.tty && seen.json);
    SAY(EXIT_OK, NULL, "every", "--force");
    assert_true(seen.yes && !seen.fix && !seen.all && !seen.json);
    SAY(EXIT_OK, NULL, "every", "x", "--for", "2h", "--since=7d", "-n5", "--session", "s", "y");
    assert_int_equal(seen.for_ms, 2 * 3600 * 1000);
    assert_int_equal(seen.since_ms, INT64_C(7) * 86400 * 1000);
    assert_int_equal(seen.limit, 5);
    assert_int_equal(n_seen_args, 2);
    assert_string_equal(seen_first, "x");
    SAY(EXIT_OK, NULL, "every", "--", "--yes");
    assert_false(seen.yes);
    assert_string_equal(seen_first, "--yes");
    SAY(EXIT_OK, NULL, "every", "-o", "json", "-o", "text");
    assert_false(seen.json);
}

static void words_after_the_operand_of_exec_are_its_own(void **state)
{
    (void)state;
    SAY(EXIT_OK, NULL, "exec", "-t", "-w", "/x", "name", "ls", "--all", "-o", "json");
    assert_true(seen.tty && !seen.all && !seen.json);
    assert_int_equal(n_seen_args, 5);
    SAY(EXIT_USAGE, "unknown option '--al'", "exec", "--al", "name");
}

static void limits_of_values_are_kept(void **state)
{
    static const struct {
        const char *name, *value;
        bool ok;
    } cases[] = {{"--limit", "1", true},
                 {"--limit", "18446744073709551615", true},
                 {"--limit", "18446744073709551616", false},
                 {"--limit", "0", false},
                 {"--limit", "", false},
                 {"--limit", " 1", false},
                 {"--limit", "1x", false},
                 {"--for", "1s", true},
                 {"--for", "1ms", true},
                 {"--for", "0ms", false},
                 {"--for", "-1s", false},
                 {"--for", "99999999999999d", false},
                 {"--since", "1h30m", true},
                 {"--output", "JSON", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        SAY(cases[i].ok ? EXIT_OK : EXIT_USAGE, cases[i].ok ? NULL : " takes ", "every", cases[i].name, cases[i].value);
}

static void errors_are_json_where_that_was_asked_for_anywhere(void **state)
{
    char *out = NULL, *err = NULL;

    (void)state;
    assert_int_equal(say(&out, &err, "reconclaw", "every", "--nope", "x", "-o", "json", NULL), EXIT_USAGE);
    assert_non_null(strstr(out, "\"error\""));
    assert_non_null(strstr(out, "\"command\": \"every\""));
    assert_non_null(strstr(err, "unknown option '--nope'"));
    free(out);
    free(err);
    assert_int_equal(say(&out, &err, "reconclaw", "none", "x", "--output=json", NULL), EXIT_USAGE);
    assert_non_null(strstr(out, "\"class\": \"usage\""));
    free(out);
    free(err);
}

static void exit_codes_of_commands_are_passed_on(void **state)
{
    (void)state;
    SAY(EXIT_HELD, NULL, "json");
    SAY(EXIT_USAGE, "unknown command 'jsn': did you mean 'json'?", "jsn");
    SAY(EXIT_USAGE, "comes before the command", "-y", "every");
}

static void times_and_ages_are_for_people(void **state)
{
    ARENA_AUTO a = arena_new();
    static const struct {
        int64_t ms;
        const char *text;
    } ages[] = {{-1, "-"},       {0, "0s"},          {999, "0s"},      {59999, "59s"},      {60000, "1m"},  {61000, "1m 1s"},
                {3600000, "1h"}, {7500000, "2h 5m"}, {86400000, "1d"}, {90000000, "1d 1h"}, {3601000, "1h"}};

    (void)state;
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++)
        assert_string_equal(cli_age(a, ages[i].ms), ages[i].text);
    assert_string_equal(cli_time(a, 1777802400000), "2026-05-03T10:00:00Z");
    assert_string_equal(cli_time(a, INT64_MIN), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_in_the_help_and_is_taken),
        cmocka_unit_test(each_option_sets_its_own_member),
        cmocka_unit_test(words_after_the_operand_of_exec_are_its_own),
        cmocka_unit_test(limits_of_values_are_kept),
        cmocka_unit_test(errors_are_json_where_that_was_asked_for_anywhere),
        cmocka_unit_test(exit_codes_of_commands_are_passed_on),
        cmocka_unit_test(times_and_ages_are_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
