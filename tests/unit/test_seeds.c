/* state/seeds and reconciler/approvals: what was sent is kept beside the records, what was agreed to until it is done. */
#include "reconciler/approvals.h"
#include "spec/base/text.h"
#include "state/seeds.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char *dir;
    struct arena *a;
    struct home *h;
    struct err e;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.dir = scratch_make(), .a = arena_new()};
    assert_int_equal(home_open(f->dir, NULL, &f->h, &f->e), 0);
}

static void end(struct fixture *f)
{
    home_close(f->h);
    arena_free(f->a);
    scratch_remove(f->dir);
}

static struct manifest manifest_of(struct arena *a, const char *id, const char *text)
{
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, 2);
    struct manifest m;
    struct err e;

    v[0] = (struct manifest_entry){.path = "workspace", .type = MANIFEST_DIR, .mode = 0755};
    v[1] = (struct manifest_entry){.path = "workspace/a b",
                                   .type = MANIFEST_FILE,
                                   .mode = 0644,
                                   .size = strlen(text),
                                   .digest = digest_sha256(a, text, strlen(text))};
    assert_int_equal(manifest_make(v, 2, &m, &e), 0);
    m.id = id;
    return m;
}

static void a_manifest_comes_back_by_its_digest(void **state)
{
    struct fixture f;
    struct manifest m, again;
    char digest[DIGEST_HEX], same[DIGEST_HEX];

    (void)state;
    begin(&f);
    m = manifest_of(f.a, "0123456789abcdef0123456789abcdef", "hello");
    assert_int_equal(seeds_put(f.h, &m, digest, &f.e), 0);
    assert_int_equal(seeds_put(f.h, &m, same, &f.e), 0);
    assert_string_equal(digest, same);
    assert_int_equal(scratch_count(f.dir, "seeds"), 1);
    assert_int_equal(seeds_get(f.h, f.a, digest, &again, &f.e), 0);
    assert_string_equal(again.id, m.id);
    assert_string_equal(again.tree, m.tree);
    assert_int_equal(again.n, 2);
    digest[0] = digest[0] == '0' ? '1' : '0';
    assert_int_equal(seeds_get(f.h, f.a, digest, &again, &f.e), -1);
    assert_int_equal(f.e.class, ERR_NOT_FOUND);
    assert_int_equal(seeds_get(f.h, f.a, "../keys/x", &again, &f.e), -1);
    assert_int_equal(f.e.class, ERR_INPUT);
    end(&f);
}

static void a_damaged_manifest_is_none(void **state)
{
    struct fixture f;
    struct manifest m, again;
    char digest[DIGEST_HEX], *text;
    size_t n;

    (void)state;
    begin(&f);
    m = manifest_of(f.a, NULL, "hello");
    assert_int_equal(seeds_put(f.h, &m, digest, &f.e), 0);
    const char *path = arena_printf(f.a, "seeds/%s.manifest", digest);
    text = scratch_read(f.dir, path, &n);
    text[n - 3] ^= 1;
    scratch_write(f.dir, path, text, n, 0600);
    free(text);
    assert_int_equal(seeds_get(f.h, f.a, digest, &again, &f.e), -1);
    assert_int_equal(f.e.class, ERR_INPUT);
    assert_non_null(strstr(f.e.msg, "damaged"));
    end(&f);
}

static void what_no_record_names_goes_and_what_one_names_stays(void **state)
{
    struct fixture f;
    struct manifest m;
    char kept[DIGEST_HEX], old[DIGEST_HEX];
    size_t n = 9;

    (void)state;
    begin(&f);
    m = manifest_of(f.a, NULL, "old");
    assert_int_equal(seeds_put(f.h, &m, old, &f.e), 0);
    m = manifest_of(f.a, NULL, "new");
    assert_int_equal(seeds_put(f.h, &m, kept, &f.e), 0);
    scratch_write_text(f.dir, "seeds/of-somebody-else", "x");
    scratch_write_text(f.dir, "seeds/x.manifest.01234567-89ab-4cde-8f01-23456789abcd.tmp", "half");
    const char *named[] = {kept};
    assert_int_equal(seeds_sweep(f.h, named, 1, true, &n, &f.e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(scratch_count(f.dir, "seeds"), 4);
    assert_int_equal(seeds_sweep(f.h, named, 1, false, &n, &f.e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(scratch_count(f.dir, "seeds"), 2);
    assert_int_equal(seeds_get(f.h, f.a, kept, &m, &f.e), 0);
    assert_int_equal(seeds_sweep(f.h, named, 1, false, &n, &f.e), 0);
    assert_int_equal(n, 0);
    end(&f);
}

static void an_approval_stays_until_it_is_used_or_another_takes_its_place(void **state)
{
    struct fixture f;
    struct approval *v;
    size_t n = 9;

    (void)state;
    begin(&f);
    assert_int_equal(approvals_read(NULL, f.a, &v, &n, &f.e), 0);
    assert_int_equal(n, 0);
    assert_int_equal(approvals_add(f.h, f.a, &(struct approval){"e", "one", "d1"}, &f.e), 0);
    assert_int_equal(approvals_add(f.h, f.a, &(struct approval){"e", "two", "d2"}, &f.e), 0);
    assert_int_equal(approvals_add(f.h, f.a, &(struct approval){"e", "one", "d3"}, &f.e), 0);
    assert_int_equal(approvals_read(f.h, f.a, &v, &n, &f.e), 0);
    assert_int_equal(n, 2);
    assert_string_equal(v[0].name, "two");
    assert_string_equal(v[1].digest, "d3");
    assert_int_equal(approvals_remove(f.h, f.a, "e", "one", &f.e), 0);
    assert_int_equal(approvals_remove(f.h, f.a, "other", "two", &f.e), 0);
    assert_int_equal(approvals_read(f.h, f.a, &v, &n, &f.e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(approvals_remove(f.h, f.a, "e", "two", &f.e), 0);
    assert_int_equal(scratch_count(f.dir, "keys"), 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_comes_back_by_its_digest),
        cmocka_unit_test(a_damaged_manifest_is_none),
        cmocka_unit_test(what_no_record_names_goes_and_what_one_names_stays),
        cmocka_unit_test(an_approval_stays_until_it_is_used_or_another_takes_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
