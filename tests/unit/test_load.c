/* spec/openclaw/load, include, env: what the vectors do not show: positions through includes, all errors at once, the caps, the
 * files to watch, .env files, secrets, and configs that are no files. The rules themselves: test_parse_vectors.c. */
#include "reconciler/local_fs.h"
#include "spec/base/limits.h"
#include "spec/base/path.h"
#include "spec/openclaw/dotenv.h"
#include "spec/openclaw/env.h"
#include "spec/openclaw/load.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

static struct arena *a;
static char *dir; /* HOME; the config is home's .openclaw/openclaw.json, cwd is cwd/ */
static struct node *env;
static struct diags d;
static struct oc_paths paths;
static struct oc_source source;
static const struct oc_profile *line;

static int set_up(void **state)
{
    a = arena_new();
    dir = scratch_make();
    env = node_object(a);
    d = (struct diags){.arena = a};
    line = NULL;
    node_set(a, env, "HOME", node_string(a, dir));
    scratch_write_text(dir, ".openclaw/.keep", "");
    return 0;
}

static int tear_down(void **state)
{
    scratch_remove(dir);
    arena_free(a);
    return 0;
}

static void put(const char *rel, const char *text)
{
    scratch_write_text(dir, arena_printf(a, ".openclaw/%s", rel), text);
}

static void set_env(const char *name, const char *value)
{
    node_set(a, env, name, node_string(a, value));
}

static int load(void)
{
    d = (struct diags){.arena = a};
    oc_paths_find(a, &local_fs, env, path_resolve(a, dir, "cwd"), "/nonexistent", &paths);
    if (oc_load(a, &local_fs, &paths, env, &d, &source) < 0)
        return -1;
    oc_load_variables(a, line, &source, &d);
    return 0;
}

/* All diagnostics, sorted, one a line, the state directory as S. */
static char *told(void)
{
    BUF_AUTO b = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    const char *state = path_resolve(a, dir, ".openclaw");

    diags_sort(&d);
    for (size_t i = 0; i < d.n; i++) {
        diag_format(&b, &d.v[i]);
        buf_putc(&b, '\n');
    }
    const char *s = buf_str(&b);
    for (const char *hit; (hit = strstr(s, state)); s = hit + strlen(state)) {
        buf_put(&out, s, (size_t)(hit - s));
        buf_putc(&out, 'S');
    }
    buf_puts(&out, s);
    return arena_strdup(a, buf_str(&out));
}

static void loads(const char *json)
{
    if (load() < 0)
        fail_msg("%s", told());
    assert_string_equal(node_json(a, source.root), json);
}

static void fails(const char *errors)
{
    assert_int_equal(load(), -1);
    assert_null(source.root);
    assert_string_equal(told(), errors);
}

/* --- $include
 * --------------------------------------------------------------------------------------------------------------------- */

static void values_keep_the_file_they_were_written_in(void **state)
{
    put("openclaw.json", "{$include: 'd/a.json5', own: {\n k: 1}}");
    put("d/a.json5", "{agents: {\n $include: '../b.json5', x: '${NOPE}'}}");
    put("b.json5", "\n{ y: 1 }");
    loads("{\"agents\":{\"y\":1,\"x\":\"${NOPE}\"},\"own\":{\"k\":1}}");
    assert_string_equal(told(),
                        "S/d/a.json5:2:29: agents.x: warning: environment variable NOPE is not set; what needs this value "
                        "will not work\n");
    const struct node_member *m = node_member(node_get(source.root, "agents"), "y", 1);
    assert_true(text_has_suffix(m->pos.file, "/b.json5"));
    assert_int_equal(m->pos.line, 2);
    assert_int_equal(m->pos.col, 3);
    assert_true(text_has_suffix(node_path(source.root, "own", "k", NULL)->pos.file, "/openclaw.json"));
}

static void every_error_is_told_at_once_where_it_is(void **state)
{
    put("openclaw.json", "{a: {$include: 'no.json5'}, b: [{$include: ['broken.json5', 7]}],\n"
                         " c: {$include: 'list.json5', k: 1}, d: {$include: {}}, e: {$include: 'nested.json5'},\n"
                         " f: {$include: '/etc/hostname'}, g: {$include: 'sub'}, h: {$include: 'a\\0b'}}");
    put("broken.json5", "{x: [1, }");
    put("list.json5", "[1]");
    put("nested.json5", "{deep: {$include: '/etc/x.json5'}}");
    put("sub/x", "");
    fails(
        "S/openclaw.json:1:16: a.$include: 'S/no.json5' does not exist\n"
        "S/openclaw.json:1:61: b[0].$include[1]: must be a path, not number\n"
        "S/openclaw.json:2:16: c.$include: beside other keys the included value must be an object, not array\n"
        "S/openclaw.json:2:51: d.$include: must be a path or a list of paths, not object\n"
        "S/openclaw.json:3:16: f.$include: '/etc/hostname' is outside of S (OPENCLAW_INCLUDE_ROOTS may allow more directories)\n"
        "S/openclaw.json:3:48: g.$include: 'S/sub' is a directory, not a regular file\n"
        "S/openclaw.json:3:70: h.$include: a path cannot hold a NUL\n"
        "S/broken.json5:1:9: x[1]: unexpected character '}': expected a value\n"
        "S/nested.json5:1:19: e.deep.$include: '/etc/x.json5' is outside of S (OPENCLAW_INCLUDE_ROOTS may allow more "
        "directories)\n");
}

static void an_include_cannot_leave_its_directory(void **state)
{
    scratch_write_text(dir, "out/x.json5", "{x: 1}");
    put("in.json5", "{}");
    scratch_symlink(dir, ".openclaw/file-link.json5", "../out/x.json5");
    scratch_symlink(dir, ".openclaw/dir-link", "../out");
    assert_int_equal(link(path_resolve(a, dir, ".openclaw/in.json5"), path_resolve(a, dir, ".openclaw/hard.json5")), 0);
    assert_int_equal(mkfifo(path_resolve(a, dir, ".openclaw/fifo.json5"), 0600), 0);
    put("openclaw.json", "{$include: ['../out/x.json5', 'file-link.json5',\n'dir-link/x.json5', 'hard.json5', 'fifo.json5']}");
    alarm(20);
    assert_int_equal(load(), -1);
    alarm(0);
    assert_int_equal(d.n_errors, 5);
    for (const char *const *p = (const char *const[]){"is outside of S", "file-link.json5' leads by a link to",
                                                      "dir-link/x.json5' leads by a link to", "has 2 names (hard links)",
                                                      "is a special file, not a regular file", NULL};
         *p; p++)
        if (!strstr(told(), *p))
            fail_msg("%s not in %s", *p, told());
    /* Allowed as a root, by name and through links alike. */
    set_env("OPENCLAW_INCLUDE_ROOTS", " :~/out: ");
    put("openclaw.json", "{$include: ['../out/x.json5', 'file-link.json5', 'dir-link/x.json5']}");
    loads("{\"x\":1}");
}

/* A directory that is a link: relative paths start from the link's own place, not from where it leads. */
static void relative_includes_start_from_the_name_of_the_including_file(void **state)
{
    put("real/deep/a.json5", "{$include: '../b.json5'}");
    put("real/b.json5", "{from: 'the target'}");
    put("b.json5", "{from: 'the link'}");
    scratch_symlink(dir, ".openclaw/link", "real/deep");
    put("openclaw.json", "{$include: 'link/a.json5'}");
    loads("{\"from\":\"the link\"}");
}

static void files_that_multiply_are_stopped(void **state)
{
    BUF_AUTO twenty = BUF_INIT(1 << 16);
    size_t read = 0;

    put("openclaw.json", "{$include: 'l0.json5'}");
    for (int i = 0; i < 8; i++) {
        buf_clear(&twenty);
        buf_puts(&twenty, "{$include: [");
        for (int k = 0; k < 20; k++)
            buf_printf(&twenty, "'l%d.json5',", i + 1);
        buf_puts(&twenty, "]}");
        put(arena_printf(a, "l%d.json5", i), twenty.s);
    }
    put("l8.json5", "{a: [1]}");
    assert_int_equal(load(), -1);
    assert_non_null(strstr(told(), "more than 1000 files are included"));
    for (size_t i = 0; i < source.files.n; i++)
        read += source.files.v[i].found;
    assert_true(read <= 10);
}

/* n includes of one small file. */
static int include_times(size_t n)
{
    BUF_AUTO b = BUF_INIT(1 << 20);

    buf_puts(&b, "{$include: [");
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, "'a.json5',");
    buf_puts(&b, "]}");
    put("openclaw.json", b.s);
    return load();
}

static void the_number_of_includes_is_capped(void **state)
{
    put("a.json5", "{l: [1]}");
    assert_int_equal(include_times(LIMIT_INCLUDE_FILES), 0);
    assert_int_equal(node_get(source.root, "l")->n_items, LIMIT_INCLUDE_FILES);
    assert_int_equal(include_times(LIMIT_INCLUDE_FILES + 1), -1);
    assert_int_equal(d.n_errors, 1);
}

static void the_bytes_of_includes_are_capped(void **state)
{
    char *big = arena_alloc(a, LIMIT_INCLUDE_BYTES);

    memset(big, ' ', LIMIT_INCLUDE_BYTES);
    memcpy(big, "{}", 2);
    scratch_write(dir, ".openclaw/a.json5", big, LIMIT_INCLUDE_BYTES, 0644);
    assert_int_equal(include_times(LIMIT_INCLUDE_TOTAL / LIMIT_INCLUDE_BYTES), 0);
    assert_int_equal(include_times(LIMIT_INCLUDE_TOTAL / LIMIT_INCLUDE_BYTES + 1), -1);
    assert_non_null(strstr(told(), "larger than 16777216 bytes together"));
}

static void depth_is_capped_over_all_files(void **state)
{
    char deep[LIMIT_DOC_DEPTH + 1];

    for (unsigned depth = LIMIT_DOC_DEPTH - 2; depth <= LIMIT_DOC_DEPTH - 1; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, '\0', 1);
        char *closing = arena_strdup(a, deep);
        memset(closing, ']', depth);
        put("a.json5", arena_printf(a, "%s%s", deep, closing));
        put("openclaw.json", "{a: {b: {$include: 'a.json5'}}}");
        assert_int_equal(load(), depth == LIMIT_DOC_DEPTH - 2 ? 0 : -1);
    }
    assert_non_null(strstr(told(), "nested deeper than 512 levels"));
}

static void what_proto_includes_is_dropped_but_must_be_right(void **state)
{
    put("a.json5", "{x: 1}");
    put("openclaw.json", "{__proto__: {$include: 'a.json5'}, k: [{__proto__: {env: {AA: '1'}}}]}");
    loads("{\"k\":[{}]}");
    put("openclaw.json", "{__proto__: {$include: 'no.json5'}}");
    fails("S/openclaw.json:1:24: __proto__.$include: 'S/no.json5' does not exist\n");
}

/* --- the files to watch
 * -------------------------------------------------------------------------------------------------------------- */

static const struct oc_file *file_of(const char *rel)
{
    const char *path = path_resolve(a, dir, rel);

    for (size_t i = 0; i < source.files.n; i++)
        if (strcmp(source.files.v[i].path, path) == 0)
            return &source.files.v[i];
    fail_msg("%s is not among the files", path);
    return NULL;
}

static bool watches(const struct oc_file *f, const char *rel)
{
    for (size_t i = 0; i < f->n_dirs; i++)
        if (strcmp(f->dirs[i], path_resolve(a, dir, rel)) == 0)
            return true;
    return false;
}

static void every_file_and_the_directories_of_its_links_are_told(void **state)
{
    scratch_write_text(dir, "mnt/..2024/openclaw.json", "{$include: 'inc.json5'}");
    scratch_write_text(dir, "mnt/..2024/inc.json5", "{a: 1}");
    scratch_symlink(dir, "mnt/..data", "..2024");
    scratch_symlink(dir, "mnt/openclaw.json", "..data/openclaw.json");
    scratch_symlink(dir, "mnt/inc.json5", "..data/inc.json5");
    set_env("OPENCLAW_CONFIG_PATH", path_resolve(a, dir, "mnt/openclaw.json"));
    loads("{\"a\":1}");
    const struct oc_file *f = file_of("mnt/openclaw.json");
    assert_ptr_equal(f, &source.files.v[0]);
    assert_true(f->found);
    assert_string_equal(f->real, path_resolve(a, dir, "mnt/..2024/openclaw.json"));
    assert_true(watches(f, "mnt") && watches(f, "mnt/..2024"));
    assert_int_equal(f->n_dirs, 2);
    assert_true(file_of("mnt/inc.json5")->found);
    f = file_of("mnt/.env");
    assert_false(f->found);
    assert_null(f->real);
    assert_true(watches(f, "mnt"));
}

static void also_those_of_a_config_that_does_not_load(void **state)
{
    put("openclaw.json", "{a: {$include: 'later/x.json5'}, b: {$include: 'broken.json5'}}");
    put("broken.json5", "{");
    assert_int_equal(load(), -1);
    assert_false(file_of(".openclaw/later/x.json5")->found);
    assert_true(watches(file_of(".openclaw/later/x.json5"), ".openclaw/later"));
    assert_true(file_of(".openclaw/broken.json5")->found);
}

/* --- configs that are no configs
 * -------------------------------------------------------------------------------------------------------- */

static void a_missing_config_is_empty_and_said_to_be(void **state)
{
    loads("{}");
    assert_true(source.missing);
    assert_false(source.files.v[0].found);
    assert_true(watches(&source.files.v[0], ".openclaw"));
    put("openclaw.json", "{}");
    loads("{}");
    assert_false(source.missing);
}

static void what_is_no_readable_file_is_an_error_and_never_empty(void **state)
{
    char *config = path_resolve(a, dir, ".openclaw/openclaw.json");

    alarm(20);
    scratch_symlink(dir, ".openclaw/openclaw.json", "nothing");
    fails("S/openclaw.json: a link to nothing\n");
    unlink(config);
    scratch_symlink(dir, ".openclaw/openclaw.json", "openclaw.json");
    assert_int_equal(load(), -1);
    unlink(config);
    assert_int_equal(mkfifo(config, 0600), 0);
    fails("S/openclaw.json: reading 'S/openclaw.json': it is a FIFO, not a regular file\n");
    unlink(config);
    assert_int_equal(mkdir(config, 0700), 0);
    fails("S/openclaw.json: reading 'S/openclaw.json': it is a directory, not a regular file\n");
    rmdir(config);
    put("openclaw.json", "\x7f"
                         "ELF\x02\x01");
    fails("S/openclaw.json:1:1: unexpected character U+007F: expected a value\n");
    assert_int_equal(truncate(config, (off_t)LIMIT_DOC_BYTES + 1), 0);
    fails("S/openclaw.json: reading 'S/openclaw.json': larger than 67108864 bytes\n");
    alarm(0);
}

static int deny_read(void *ctx, struct arena *arena, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    return err_sys(e, ERR_IO, EACCES, "reading '%s'", path);
}

static void a_config_that_may_not_be_read_is_an_error(void **state)
{
    struct fs denied = local_fs;

    denied.read = deny_read;
    put("openclaw.json", "{}");
    oc_paths_find(a, &denied, env, "/", "/nonexistent", &paths);
    assert_int_equal(oc_load(a, &denied, &paths, env, &d, &source), -1);
    assert_non_null(strstr(told(), "S/openclaw.json: reading 'S/openclaw.json': Permission denied"));
    assert_false(source.missing);
}

/* --- the environment
 * ---------------------------------------------------------------------------------------------------------------------- */

static void texts_with_a_reference_are_secret_and_no_others(void **state)
{
    set_env("TOKEN", "t0p\xff");
    put("openclaw.json", "{env: {OWN: 'o'}, a: 'x-${TOKEN}', b: '$${TOKEN}', c: '${NOPE}', d: ['${OWN}'], e: 'plain'}");
    loads("{\"env\":{\"OWN\":\"o\"},\"a\":\"x-t0p\xef\xbf\xbd\",\"b\":\"${TOKEN}\",\"c\":\"${NOPE}\",\"d\":[\"o\"],\"e\":"
          "\"plain\"}");
    assert_true(node_get(source.root, "a")->secret);
    assert_true(node_get(source.root, "c")->secret); /* today it is not set: what it made yesterday is a secret still */
    assert_true(node_get(source.root, "d")->items[0]->secret);
    for (const char *const *p = (const char *const[]){"b", "e", NULL}; *p; p++)
        assert_false(node_get(source.root, *p)->secret);
    assert_string_equal(node_str(node_get(source.env, "OWN")), "o");
    assert_null(node_get(env, "OWN")); /* the caller's stays as it was */
    assert_null(strstr(told(), "t0p"));
}

static void an_env_block_of_any_shape_does_no_harm(void **state)
{
    for (const char *const *p = (const char *const[]){"{env: null}", "{env: 'text'}", "{env: [1]}", "{env: {vars: []}}",
                                                      "{env: {vars: 'x', A: 1, B: null, '': 'x', ' ': 'y'}}", "[{env: {A: 'x'}}]",
                                                      "42", "null", NULL};
         *p; p++) {
        put("openclaw.json", *p);
        assert_int_equal(load(), 0);
        assert_int_equal(source.env->n_members, env->n_members);
    }
}

/* One text by either line: variables in `env` itself, names that the newer line blocks, two names of one variable. */
static void an_env_block_sets_what_its_line_lets_it_set(void **state)
{
    static const struct {
        const char *set, *value; /* in the environment, or NULL */
        const char *block, *text, *want_2026_5, *want_2026_9;
    } t[] = {
        {NULL, NULL, "vars: {A: 'x'}", "${A}", "x", "x"},
        {NULL, NULL, "vars: {A: 'x'}, A: 'y'", "${A}", "y", "y"},
        {NULL, NULL, "vars: {A: 'x'}, A: '${HOME}'", "${A}", "${A}", "x"},
        {NULL, NULL, "vars: {A: 'x', ' A ': '${B}'}", "${A}", "${A}", "x"},
        {NULL, NULL, "vars: {A: 'x'}, A: '$${B}'", "${A}", "$${B}", "$${B}"},
        {"A", "z", "vars: {A: 'x'}", "${A}", "z", "z"},
        {NULL, NULL, "vars: {RUSTC: 'x', OPENCLAW_CONFIG_READONLY: 'y'}", "${RUSTC}${OPENCLAW_CONFIG_READONLY}", "xy",
         "${RUSTC}${OPENCLAW_CONFIG_READONLY}"},
        {NULL, NULL, "vars: {CARGO_TARGET_A_LINKER: 'x'}", "${CARGO_TARGET_A_LINKER}", "x", "${CARGO_TARGET_A_LINKER}"},
        {NULL, NULL, "vars: {CARGO_TARGET_LINKER: 'x', CARGO_TARGET__RUNNER: 'y', CARGO_TARGET_A_LINKER_: 'z'}",
         "${CARGO_TARGET_LINKER}${CARGO_TARGET__RUNNER}${CARGO_TARGET_A_LINKER_}", "xyz", "xyz"},
        {NULL, NULL, "vars: {Z_AI_API_KEY: 'x'}", "${ZAI_API_KEY}", "${ZAI_API_KEY}", "x"},
        {NULL, NULL, "vars: {Z_AI_API_KEY: 'x', ZAI_API_KEY: 'y'}", "${ZAI_API_KEY}${Z_AI_API_KEY}", "yx", "yx"},
        {"ZAI_API_KEY", "z", "vars: {Z_AI_API_KEY: 'x'}", "${Z_AI_API_KEY}", "x", "z"},
        {"Z_AI_API_KEY", "z", "vars: {ZAI_API_KEY: 'x'}", "${ZAI_API_KEY}", "x", "z"},
        {"Z_AI_API_KEY", "x", "vars: {ZAI_API_KEY: 'y', Z_AI_API_KEY: 'x'}", "${ZAI_API_KEY}", "y", "y"},
    };

    for (size_t i = 0; i < N(t); i++)
        for (int l = 0; l < OC_LINE_COUNT; l++) {
            const char *want = l == OC_LINE_2026_5 ? t[i].want_2026_5 : t[i].want_2026_9;

            line = &oc_profiles[l];
            if (t[i].set)
                set_env(t[i].set, t[i].value);
            put("openclaw.json", arena_printf(a, "{env: {%s}, text: '%s'}", t[i].block, t[i].text));
            assert_int_equal(load(), 0);
            if (!text_eq(node_str(node_get(source.root, "text")), want))
                fail_msg("%s: {%s}: %s instead of %s", line->name, t[i].block, node_str(node_get(source.root, "text")), want);
            assert_true(node_get(source.root, "text")->secret);
            if (t[i].set)
                node_unset(env, t[i].set);
        }
}

static void env_files_of_the_installation_add_what_is_not_set(void **state)
{
    set_env("SET", "shell");
    set_env("EMPTY", "");
    put(".env", "FIRST=state\nSET=state\nEMPTY=state\nBOTH=state\nbad-name=x\nNODE_OPTIONS=kept\n");
    scratch_write_text(dir, ".config/openclaw/gateway.env", "GATEWAY=g\nBOTH=g\n");
    scratch_write_text(dir, "cwd/.env", "CWD=c\n");
    put("openclaw.json", "{a: ['${FIRST}', '${SET}', '${BOTH}', '${GATEWAY}', '${NODE_OPTIONS}', '${EMPTY}', '${CWD}'],"
                         " env: {FIRST: 'late'}}");
    loads("{\"a\":[\"state\",\"shell\",\"state\",\"g\",\"kept\",\"${EMPTY}\",\"${CWD}\"],\"env\":{\"FIRST\":\"late\"}}");
    assert_true(node_get(source.env, "FIRST")->secret);
    assert_null(node_get(source.env, "bad-name"));
    /* A state directory of its own takes its own file, and not the gateway's. */
    set_env("OPENCLAW_STATE_DIR", "~/other");
    scratch_write_text(dir, "other/.env", "FIRST=other\n");
    scratch_write_text(dir, "other/openclaw.json", "{a: '${FIRST}${GATEWAY}'}");
    loads("{\"a\":\"other${GATEWAY}\"}");
    /* A config elsewhere brings the one beside it, after the state directory's. */
    node_unset(env, "OPENCLAW_STATE_DIR");
    set_env("OPENCLAW_CONFIG_PATH", "~/c/x.json");
    scratch_write_text(dir, "c/.env", "FIRST=c\nC=c\n");
    scratch_write_text(dir, "c/x.json", "{a: '${FIRST}${C}'}");
    loads("{\"a\":\"statec\"}");
}

static void an_env_file_that_cannot_be_read_is_warned_of(void **state)
{
    scratch_write_text(dir, ".openclaw/.env/x", "");
    put("openclaw.json", "{}");
    loads("{}");
    assert_non_null(strstr(told(), "S/.env: warning: the variables in it are missing"));
}

/* Answers of dotenv 17.4.2. */
static void env_files_are_read_as_dotenv_does(void **state)
{
    static const struct {
        const char *text, *json;
    } t[] = {
        {"", "{}"},
        {"A=1\nB = two words  \n  C=3", "{\"A\":\"1\",\"B\":\"two words\",\"C\":\"3\"}"},
        {"export A=1\nexport=2\nexport  B=3", "{\"A\":\"1\",\"export\":\"2\",\"B\":\"3\"}"},
        {"A=\nB=''\nC=\"\"\nD=", "{\"A\":\"\",\"B\":\"\",\"C\":\"\",\"D\":\"\"}"},
        {"# c\nA=1 # c\nB='a # b' # c\nC=a#b\nD=#x", "{\"A\":\"1\",\"B\":\"a # b\",\"C\":\"a\",\"D\":\"\"}"},
        {"A='a\\nb'\nB=\"a\\nb\\r\\t\"\nC=a\\nb\nD=`it's \"x\"`",
         "{\"A\":\"a\\\\nb\",\"B\":\"a\\nb\\r\\\\t\",\"C\":\"a\\\\nb\",\"D\":\"it's \\\"x\\\"\"}"},
        {"A='l1\nl2'\nB=\"l1\n\nl2\"", "{\"A\":\"l1\\nl2\",\"B\":\"l1\\n\\nl2\"}"},
        {"A: 1\nB:2\nC : 3", "{\"A\":\"1\"}"},
        {"A=1\r\nB=2\rC=3", "{\"A\":\"1\",\"B\":\"2\",\"C\":\"3\"}"},
        {"A='a\\'b'\nB=\"a\\\"b\"", "{\"A\":\"a\\\\'b\",\"B\":\"a\\\\\\\"b\"}"},
        {"A='a' b\nB='c\nC=1", "{\"A\":\"'a' b\",\"B\":\"'c\",\"C\":\"1\"}"},
        {"A=1\nA=2\nno assignment\n=x\nB.c-d=3", "{\"A\":\"2\",\"B.c-d\":\"3\"}"},
        {"\xef\xbb\xbf"
         "A=1",
         "{\"A\":\"1\"}"},
        {"A=\n'x'", "{\"A\":\"x\"}"},
        {"A\n=\n1", "{\"A\":\"\"}"},
        {"A=a=b", "{\"A\":\"a=b\"}"},
        {"__proto__=x\nA=1", "{\"A\":\"1\"}"},
    };

    for (size_t i = 0; i < N(t); i++)
        assert_string_equal(node_json(a, dotenv_read(a, t[i].text, strlen(t[i].text))), t[i].json);
}

/* --- after the check
 * ------------------------------------------------------------------------------------------------------------------------ */

static void tildes_in_paths_become_absolute(void **state)
{
    put("openclaw.json", "{agents: {defaults: {workspace: ' ~/w ', sandbox: {workspaceRoot: '~', docker: {workdir: '~/../x',\n"
                         " binds: ['~/b:/b'], env: {MY_PATH: '~/bin', OTHER: '~/o', SOME_DIR: '~x'}}}}},\n"
                         " paths: ['~/p', 1, ['~/no'], {file: '~/f'}], pathPrepend: ['~/q'], myPaths: ['~/no'],\n"
                         " FILE: '~\\\\z', rel: {dir: 'x/y'}, dirs: '~/no', session: {mainKey: 'work', scope: 'global'}}");
    loads("{\"agents\":{\"defaults\":{\"workspace\":\" ~/w "
          "\",\"sandbox\":{\"workspaceRoot\":\"~\",\"docker\":{\"workdir\":\"~/../x\","
          "\"binds\":[\"~/b:/b\"],\"env\":{\"MY_PATH\":\"~/bin\",\"OTHER\":\"~/o\",\"SOME_DIR\":\"~x\"}}}}},"
          "\"paths\":[\"~/p\",1,[\"~/no\"],{\"file\":\"~/f\"}],\"pathPrepend\":[\"~/q\"],\"myPaths\":[\"~/no\"],"
          "\"FILE\":\"~\\\\z\",\"rel\":{\"dir\":\"x/y\"},\"dirs\":\"~/"
          "no\",\"session\":{\"mainKey\":\"work\",\"scope\":\"global\"}}");
    set_env("OPENCLAW_HOME", "/h"); /* not what was in force at the load */
    node_set(a, source.env, "OPENCLAW_HOME", node_string(a, "/h"));
    oc_normalise(a, &paths, &source);
    assert_string_equal(
        node_json(a, source.root),
        "{\"agents\":{\"defaults\":{\"workspace\":\"/h/w\",\"sandbox\":{\"workspaceRoot\":\"/h\",\"docker\":{\"workdir\":\"/x\","
        "\"binds\":[\"~/b:/b\"],\"env\":{\"MY_PATH\":\"/h/bin\",\"OTHER\":\"~/o\",\"SOME_DIR\":\"~x\"}}}}},"
        "\"paths\":[\"/h/p\",1,[\"~/no\"],{\"file\":\"/h/f\"}],\"pathPrepend\":[\"/h/q\"],\"myPaths\":[\"~/no\"],"
        "\"FILE\":\"/h\\\\z\",\"rel\":{\"dir\":\"x/y\"},\"dirs\":\"~/"
        "no\",\"session\":{\"mainKey\":\"main\",\"scope\":\"global\"}}");
}

static void a_session_without_main_key_gets_none(void **state)
{
    put("openclaw.json", "{session: {scope: 'global'}}");
    assert_int_equal(load(), 0);
    oc_normalise(a, &paths, &source);
    assert_string_equal(node_json(a, source.root), "{\"session\":{\"scope\":\"global\"}}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_keep_the_file_they_were_written_in),
        TEST(every_error_is_told_at_once_where_it_is),
        TEST(an_include_cannot_leave_its_directory),
        TEST(relative_includes_start_from_the_name_of_the_including_file),
        TEST(files_that_multiply_are_stopped),
        TEST(the_number_of_includes_is_capped),
        TEST(the_bytes_of_includes_are_capped),
        TEST(depth_is_capped_over_all_files),
        TEST(what_proto_includes_is_dropped_but_must_be_right),
        TEST(every_file_and_the_directories_of_its_links_are_told),
        TEST(also_those_of_a_config_that_does_not_load),
        TEST(a_missing_config_is_empty_and_said_to_be),
        TEST(what_is_no_readable_file_is_an_error_and_never_empty),
        TEST(a_config_that_may_not_be_read_is_an_error),
        TEST(texts_with_a_reference_are_secret_and_no_others),
        TEST(an_env_block_of_any_shape_does_no_harm),
        TEST(an_env_block_sets_what_its_line_lets_it_set),
        TEST(env_files_of_the_installation_add_what_is_not_set),
        TEST(an_env_file_that_cannot_be_read_is_warned_of),
        TEST(env_files_are_read_as_dotenv_does),
        TEST(tildes_in_paths_become_absolute),
        TEST(a_session_without_main_key_gets_none),
    };

    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
