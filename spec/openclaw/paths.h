/* paths: where OpenClaw's home, state directory and config are, as OpenClaw, of either line, finds them from environment
 * variables.
 *
 * The environment is an object of strings; cwd and os_home (the password database's) are absolute. Existence is asked through
 * struct fs; what cannot be looked at (no permission) counts as there, so that reading it fails with its reason instead of
 * another file being taken for it. */
#ifndef RECONCLAW_SPEC_OPENCLAW_PATHS_H
#define RECONCLAW_SPEC_OPENCLAW_PATHS_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/fs.h"
#include "spec/node.h"

#include <stdbool.h>

struct oc_paths {
    const char *cwd, *os_home; /* as given */
    const char *home;          /* OPENCLAW_HOME, HOME, USERPROFILE, os_home: the first that says something */
    const char *state_dir;     /* OPENCLAW_STATE_DIR, ~/.openclaw, ~/.clawdbot */
    const char *config_path;   /* OPENCLAW_CONFIG_PATH, or openclaw.json or clawdbot.json in one of the state directories */
};

void oc_paths_find(struct arena *a, const struct fs *fs, const struct node *env, const char *cwd, const char *os_home,
                   struct oc_paths *ret);

/* What `openclaw --profile NAME` does to its environment before anything is looked for: OPENCLAW_PROFILE is set, and where
 * they are unset OPENCLAW_STATE_DIR (<HOME>/.openclaw-NAME; plain for "default") and OPENCLAW_CONFIG_PATH. ret_env is a
 * copy. OPENCLAW_PROFILE in the environment alone moves neither. ERR_USAGE for a name that OpenClaw refuses. */
int oc_profile_apply(struct arena *a, const char *profile, const struct node *env, const char *cwd, const char *os_home,
                     struct node **ret_env, struct err *e);

/* The effective home of an environment, and a path as a user writes it: trimmed, "~", "~/x" from home, absolute from cwd. */
char *oc_home(struct arena *a, const struct node *env, const char *cwd, const char *os_home);
char *oc_user_path(struct arena *a, const char *home, const char *cwd, const char *path);
/* Whether the text begins with a "~" that oc_user_path replaces. */
bool oc_has_tilde(const char *path);

/* Variables as OpenClaw reads them: trimmed; NULL where unset or blank. */
char *oc_env_get(struct arena *a, const struct node *env, const char *name);

#endif
