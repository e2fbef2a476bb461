/* bwrap_spec: what a bubblewrap sandbox is made from: the `create` object of spec/kinds_desired.h, decoded and checked, the
 * comparable fields that it means, and the arguments of bwrap that make it so. Pure but for bwrap_spec_args(), which looks at
 * the root and the workspaces.
 *
 * A secret value of `env` is either a secret string (as wanted) or {"secret": DIGEST} (as our record keeps it): both give the
 * same field. */
#ifndef RECONCLAW_BACKENDS_BWRAP_SPEC_H
#define RECONCLAW_BACKENDS_BWRAP_SPEC_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BWRAP_MAX_WORKSPACES 256
#define BWRAP_MAX_ENV        1024
#define BWRAP_MAX_ARGV       1024
#define BWRAP_MAX_NAME       100

struct bwrap_workspace {
    const char *path, *target;
    bool read_only;
};

struct bwrap_env {
    const char *name;
    const char *value;  /* NULL: a secret that is not at hand */
    const char *digest; /* of a secret; NULL: it is none */
};

struct bwrap_limits {
    uint64_t memory_bytes, pids; /* 0: none */
    double cpus;                 /* 0: none */
};

struct bwrap_spec {
    const char *root;                   /* NULL: this machine's system directories */
    struct bwrap_workspace *workspaces; /* by target: an outer one before what lies in it */
    size_t n_workspaces;
    struct bwrap_env *env; /* by name */
    size_t n_env;
    struct bwrap_limits limits;
    bool network_host;
    const char *const *command; /* NULL-terminated; never NULL: idle is {"sleep", "infinity"} */
    bool idle;                  /* no command was given */
    const char *workdir;        /* never NULL */
    const struct node *labels;  /* object of strings, or NULL */
};

/* ERR_CONFIG; the message begins with the key. */
int bwrap_spec_decode(struct arena *a, const struct node *create, struct bwrap_spec *ret, struct err *e);
/* setup: as wanted and known to have succeeded, or NULL: a runtime whose setup did not succeed lacks that field. */
struct fields bwrap_spec_fields(struct arena *a, const struct bwrap_spec *s, const char *setup_digest);
const char *bwrap_setup_digest(struct arena *a, const char *setup);
/* A deep copy with {"secret": DIGEST} for every secret: what may be kept. */
struct node *bwrap_spec_masked(struct arena *a, const struct node *create);
/* Values for the secrets of `s` out of what is wanted now; false where one is missing or another than the recorded one. */
bool bwrap_spec_take_secrets(struct bwrap_spec *s, const struct bwrap_spec *from);

/* "scratch": what may be a file's and a host's name. NULL where it is fine, else what is wrong with it. */
const char *bwrap_name_flaw(const char *name);

/* A file of the sandbox that comes from us: bwrap reads it from descriptor BWRAP_FILE_FD + its place. */
struct bwrap_file {
    const char *content;
};
#define BWRAP_FILE_FD   20
#define BWRAP_MAX_FILES 8

/* Arguments for bwrap's --args, NUL-separated, without --info-fd and the like. */
struct bwrap_args {
    char *bytes;
    size_t n;
    struct bwrap_file files[BWRAP_MAX_FILES];
    size_t n_files;
};
/* Looks at the root and the workspaces: ERR_NOT_FOUND or ERR_REFUSED where they are not what they have to be. tmp_bytes: size of
 * /tmp and the like, or 0 for the kernel's own. Secrets are not among the arguments: see bwrap_spec_environ(). */
int bwrap_spec_args(struct arena *a, const struct bwrap_spec *s, const char *hostname, uint64_t tmp_bytes, struct bwrap_args *ret,
                    struct err *e);
/* The sandbox's environment, "NAME=VALUE", NULL-terminated, PATH, HOME and LANG defaulted. `loader` chooses: true only what the
 * dynamic loader of bwrap itself would heed (given by --setenv, never secret), false all others. */
const char *const *bwrap_spec_environ(struct arena *a, const struct bwrap_spec *s, bool loader);

#endif
