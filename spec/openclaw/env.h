/* env: what environment variables do to OpenClaw's config, of either line, and the config to them. An environment is an object of
 * strings. In the order in which a load uses them:
 *
 *     oc_env_apply_dotenv   .env files add what is not set
 *     oc_env_apply_block    the config's `env` and `env.vars` add what is not set or blank
 *     oc_env_substitute     ${NAME} in the config's texts
 */
#ifndef RECONCLAW_SPEC_OPENCLAW_ENV_H
#define RECONCLAW_SPEC_OPENCLAW_ENV_H

#include "spec/base/arena.h"
#include "spec/diag.h"
#include "spec/node.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>
#include <stddef.h>

/* Names that a config's env block cannot set, in any case: loaders' and interpreters' variables, HOME, proxies, credentials; the
 * newer line has more of them. */
bool oc_env_is_blocked(struct arena *a, const struct oc_profile *line, const char *name);

/* Sets the variables of a .env file that env does not have, blank ones included. Their values are secret. */
void oc_env_apply_dotenv(struct arena *a, const char *bytes, size_t n, struct node *env);

/* Sets X of env.X, or else of env.vars.X, where the variable is unset or blank, its name is [A-Za-z_][A-Za-z0-9_]* and not
 * blocked, and the value is not blank and refers to no ${NAME}. `shellEnv` is no variable. The values are secret. An env.X with a
 * ${NAME} hides env.vars.X in 2026.5, and not in 2026.9, which refuses a file with env.X when its keys are checked (keys.h), but
 * has looked for ${X} by then. In 2026.9 Z_AI_API_KEY is ZAI_API_KEY too. */
void oc_env_apply_block(struct arena *a, const struct oc_profile *line, const struct node *root, struct node *env);

/* Puts the value of [A-Z_][A-Z0-9_]* for each ${NAME} of the texts below root, in place, and marks those texts secret. $${NAME}
 * gives ${NAME}. An unset or empty variable stays as it is written, with a warning, and its text is secret too. Keys are not
 * touched, values are not looked through again. The recursion is as deep as the tree. */
void oc_env_substitute(struct arena *a, struct node *root, const struct node *env, struct diags *d);

#endif
