/* hash: openclaw.configHash, bit for bit, so that each side adopts what the other created.
 *
 * The hash is the SHA-256 of compact JSON whose object keys are sorted by String.prototype.localeCompare, that is by ICU's
 * collation for the locale OpenClaw runs under. The real hash therefore depends on LC_ALL, LC_MESSAGES and LANG: under et_EE
 * "z" sorts before "t". A collator is given the locale once and is used for a whole round; ICU (whose data takes a while to
 * open) is touched only when two keys cannot be told apart by the table of ASCII that all the usual locales share. */
#ifndef RECONCLAW_SPEC_OPENCLAW_HASH_H
#define RECONCLAW_SPEC_OPENCLAW_HASH_H

#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/node.h"

#include <stdbool.h>

/* Which locale Node's ICU takes from the environment: the first of the three that is set at all (an empty one counts), without
 * charset and modifier. "C", "POSIX" and nothing set are "en_US". NULL stands for an unset variable. */
const char *oc_locale(struct arena *a, const char *lc_all, const char *lc_messages, const char *lang);

/* One thread. Begin with OC_COLLATOR(locale), end with oc_collator_close(). */
struct oc_collator {
    const char *locale;
    void *icu;        /* private: opened on first need */
    bool looked, own; /* private: whether the locale has been looked up, and has an ASCII order of its own */
};

#define OC_COLLATOR(locale_) ((struct oc_collator){.locale = (locale_)})
#define OC_COLLATOR_AUTO     __attribute__((cleanup(oc_collator_close))) struct oc_collator
void oc_collator_close(struct oc_collator *c);
/* localeCompare of two texts: < 0, 0, > 0 in *ret. Fails (ERR_INTERNAL) only where ICU's data cannot be read. */
int oc_collate(struct arena *a, struct oc_collator *c, const char *x, size_t x_n, const char *y, size_t y_n, int *ret,
               struct err *e);

/* The tree with every object's keys in hash order: array-index keys ascending, then by the collator, ties as they stood. */
int oc_canonical(struct arena *a, struct oc_collator *c, const struct node *n, struct node **ret, struct err *e);
/* SHA-256 of that tree's compact JSON. */
int oc_hash(struct oc_collator *c, const struct node *n, char ret[DIGEST_HEX], struct err *e);

/* The docker object a browser is made from: docker with the browser's network, image and, where it has any key, binds. */
struct node *oc_browser_docker(struct arena *a, const struct node *docker, const struct node *browser);

struct oc_runtime;
/* What OpenClaw hashes for a container, or, where it has a browser object, for a browser. Of the runtime (create.h) everything is
 * needed but config_hash, created_at_ms and what follows them. The directories count as used, not realpathed. */
struct node *oc_hash_input(struct arena *a, const struct oc_runtime *r);

/* Whether a hash input tells that a variable of `env` (docker.env) would once have been kept from the sandbox:
 * OC_ENV_OPEN: it depends on which plugins of OpenClaw's are active; *ret_name is the variable. The hash is then of a process
 * that has its own plugins active and no other, as `openclaw sandbox list` is. */
enum oc_env_policy { OC_ENV_PLAIN, OC_ENV_CREDENTIALS, OC_ENV_OPEN };
enum oc_env_policy oc_env_policy(struct arena *a, const struct node *env, const char **ret_name);

#define OC_BROWSER_NETWORK "openclaw-sandbox-browser"

#endif
