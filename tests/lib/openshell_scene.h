/* openshell_scene: one sandbox on the stand-in for OpenShell, and what tests of its driver do with it: what the contract suite
 * cannot ask of every backend. */
#ifndef RECONCLAW_TESTS_LIB_OPENSHELL_SCENE_H
#define RECONCLAW_TESTS_LIB_OPENSHELL_SCENE_H

#include "backends/openshell.h"
#include "tests/lib/openshell_peer.h"
#include "tests/lib/openshell_world.h"
#include "tests/lib/scratch.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#define INSTALL "0123456789abcdef"
#define NAME    "ct-one"

#define N_RELEASES 4
extern const char *const releases[N_RELEASES]; /* the profiles */

struct scene {
    struct openshell_peer p;
    struct arena *a;
    struct backend *b;
    struct err e;
};

extern const struct call generous;

#define must(s, call)                                                                                                            \
    do {                                                                                                                         \
        if ((call) < 0)                                                                                                          \
            fail_msg("%s: %s: %s", #call, err_class_name((s)->e.class), (s)->e.msg);                                             \
    } while (0)

#define must_fail(s, call, wanted)                                                                                               \
    do {                                                                                                                         \
        if ((call) >= 0)                                                                                                         \
            fail_msg("%s: went well", #call);                                                                                    \
        if ((s)->e.class != (wanted))                                                                                            \
            fail_msg("%s: %s is wanted: %s: %s", #call, err_class_name(wanted), err_class_name((s)->e.class), (s)->e.msg);       \
    } while (0)

#define must_say(s, words)                                                                                                       \
    do {                                                                                                                         \
        if (strstr((s)->e.msg, words) == NULL)                                                                                   \
            fail_msg("'%s' is not in: %s", words, (s)->e.msg);                                                                   \
    } while (0)

int scene_setup(void **state);
int scene_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)

void scene_reopen(struct scene *s);
/* Nothing is there, and it is another release. */
void scene_become(struct scene *s, const char *release);
/* config_hash and fields of what is in d->create. */
void scene_rehash(struct scene *s, struct desired *d);
/* host: of the policy's one rule; NULL: no policy. */
struct desired *scene_desire(struct scene *s, const char *name, const char *mode, const char *host);
int scene_create(struct scene *s, const struct desired *d, const struct call *c, struct act_result *ret);
const char *scene_made(struct scene *s, const struct desired *d); /* its id */
int scene_act(struct scene *s, enum step step, const struct desired *d, const char *id, const struct call *c);
struct observed scene_look(struct scene *s, const char *id);
struct observation scene_observe(struct scene *s, const struct desired *d);
bool scene_log_has(const struct scene *s, const char *words);
/* text NULL: it is not there. */
void scene_assert_file(const struct scene *s, const char *path, const char *text);
/* What tests change behind the driver's back: the sandbox, or NULL. */
struct node *scene_world_open(struct scene *s, struct openshell_world *w);

#endif
