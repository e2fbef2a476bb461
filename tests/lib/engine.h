/* engine: a real docker (or podman) engine of the test's own, by tests/lib/engine.sh. Tests run from the root of the repository.
 *
 *     struct test_engine *en = test_engine_acquire();   // the run's shared one (RECONCLAW_TEST_ENGINE), else a new one
 *     ... test_engine_host(en) ...
 *     test_engine_release(en);                          // stops it where it is not shared
 *
 * Programs that count what an engine holds share it one
 * after the other, not at once. A test that kills or restarts the engine takes one for itself with test_engine_start. It is
 * stopped also when this process dies without releasing it. What cannot be started ends the test program with a message: a skip
 * would count as a pass. */
#ifndef RECONCLAW_TESTS_LIB_ENGINE_H
#define RECONCLAW_TESTS_LIB_ENGINE_H

#include <stdbool.h>

#define TEST_IMAGE       "openclaw-sandbox:bookworm-slim"
#define TEST_IMAGE_OTHER "openclaw-sandbox:other" /* another content, so another id */

struct test_engine;

struct test_engine *test_engine_acquire(void);
struct test_engine *test_engine_start(bool with_bridge);
struct test_engine *test_engine_start_podman(void); /* podman's API service in place of dockerd: always one of its own */
void test_engine_release(struct test_engine *en);   /* accepts NULL */

const char *test_engine_host(const struct test_engine *en); /* "unix:///..." */
const char *test_engine_sock(const struct test_engine *en); /* the same without the scheme */
const char *test_engine_dir(const struct test_engine *en);

void test_engine_kill(struct test_engine *en);    /* SIGKILL; containers go on running */
void test_engine_restart(struct test_engine *en); /* after kill */
/* Loads the image under a name; another mark is another content, so that loading twice moves the tag. */
void test_engine_image(struct test_engine *en, const char *name, const char *mark);

#endif
