/* kinds: reconclaw's own specs. YAML or JSON documents of `apiVersion: reconclaw/v1` with kind OpenClaw, Sandbox or Policy:
 * from bytes to checked, layered objects (specs_load), and from Sandbox objects to what their backends are asked for
 * (spec/kinds_desired.h). OpenClaw objects are expanded by spec/openclaw/. Reading files and directories is
 * reconciler/spec_files.h's.
 *
 * A load is all or nothing: with one error in any file there are no objects, and what was in force stays. */
#ifndef RECONCLAW_SPEC_KINDS_H
#define RECONCLAW_SPEC_KINDS_H

#include "spec/base/arena.h"
#include "spec/diag.h"
#include "spec/node.h"
#include "spec/openclaw/profile.h"
#include "spec/schema.h"
#include "spec/ssh_name.h"
#include "spec/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPECS_API_VERSION "reconclaw/v1"

/* One file as read. A name that ends in ".json" is read as JSON, any other as YAML. */
struct spec_file {
    const char *name; /* as the user named it: stands in positions */
    const char *dir;  /* absolute: relative paths in the file start here */
    const char *bytes;
    size_t n;
};

enum ensure { ENSURE_EXISTING, ENSURE_ALL, ENSURE_COUNT };
enum sandbox_backend { SANDBOX_DOCKER, SANDBOX_BUBBLEWRAP, SANDBOX_SSH, SANDBOX_OPENSHELL, SANDBOX_BACKEND_COUNT };
/* Who makes a container. */
enum sandbox_engine { SANDBOX_ENGINE_DOCKER, SANDBOX_ENGINE_PODMAN, SANDBOX_ENGINE_COUNT };

/* When local files are copied to a remote workspace, which is the canonical one from then on: once; again whenever they have
 * changed, if nothing there has; or only by command. */
enum seed_policy { SEED_ONCE, SEED_ON_CHANGE, SEED_MANUAL, SEED_POLICY_COUNT };
/* What a workspace that is made again, or elsewhere, begins with. */
enum seed_from { SEED_FROM_SNAPSHOT, SEED_FROM_LOCAL, SEED_FROM_COUNT };

struct seed_rule {
    enum seed_policy policy;
    enum seed_from from;
};

/* What every object has. */
struct spec_head {
    const char *name;
    struct pos pos;            /* of the name; file NULL where the object is implied */
    const struct node *labels; /* object of strings, or NULL */
};

struct openclaw_object {
    struct spec_head head;
    const char *config;    /* absolute path, or NULL: found by OpenClaw's own rules */
    const char *state_dir; /* likewise */
    enum ensure ensure;
    const struct oc_profile *line; /* as its owner says; NULL: found by spec/openclaw/detect.h */
    struct seed_rule seed;         /* of its remote runtimes */
    struct policy policy;          /* in force: defaults, Policy, this object */
};

struct sandbox_workspace {
    const char *path; /* absolute, on this machine */
    const char *target;
    bool read_only;
    struct pos pos;
};

/* One variable: a literal, or where to get it. Exactly one is not NULL. */
struct sandbox_env {
    const char *name;
    const char *value, *from_env, *from_file; /* from_file: absolute */
    struct pos pos;
};

/* How a host is reached. */
struct sandbox_ssh {
    struct ssh_name target;
    const char *workspace_root; /* absolute, on the host */
    bool strict_host_keys, update_host_keys;
    const char *identity_file, *certificate_file, *known_hosts_file; /* absolute, on this machine; or NULL */
    struct sandbox_env *data; /* in place of a file; named by its key: identityData, certificateData, knownHostsData */
    size_t n_data;
};

struct sandbox_object {
    struct spec_head head;
    enum sandbox_backend backend;
    enum sandbox_engine engine; /* of backend docker */
    const char *endpoint;       /* "unix:///..." "tcp://...", or NULL: the backend's default */
    const char *image;          /* docker */
    const char *root;           /* bubblewrap; NULL: this machine's system directories, read-only */
    struct sandbox_workspace *workspaces;
    size_t n_workspaces;
    struct sandbox_env *env; /* sorted by name */
    size_t n_env;
    uint64_t memory_bytes, pids;  /* 0: no limit */
    double cpus;                  /* 0: no limit */
    const char *network;          /* never NULL */
    const char *user, *workdir;   /* or NULL */
    const char *const *command;   /* NULL-terminated, or NULL: idle */
    const char *setup;            /* or NULL */
    struct sandbox_ssh ssh;       /* of backend ssh */
    const struct node *openshell; /* of backend openshell: settings as of spec/openclaw/openshell */
    struct seed_rule seed;
    enum want want;
    struct policy policy;
};

struct specs {
    struct openclaw_object *openclaws;
    size_t n_openclaws;
    struct sandbox_object *sandboxes;
    size_t n_sandboxes;
    struct policy policy;  /* defaults and Policy: for what belongs to no object */
    struct pos policy_pos; /* of the Policy; file NULL: none */
};

/* Objects keep the order of the files. home: for "~", absolute, or NULL where it is not known. -1: there were errors, all of
 * them in d; ret is untouched. Warnings may come with 0. */
int specs_load(struct arena *a, const struct spec_file *files, size_t n_files, const char *home, struct diags *d,
               struct specs *ret);
/* Where no spec was found: one OpenClaw named "default", on the default config. */
void specs_implied(struct arena *a, struct specs *ret);

/* The JSON Schema of a document of any kind. */
struct node *specs_schema(struct arena *a);

/* What drives it, as it is recorded: "docker" "podman" "bubblewrap" "ssh" "openshell". */
const char *sandbox_endpoint_kind(const struct sandbox_object *o);
/* "docker" "docker:unix:///x.sock" "bubblewrap" "ssh://user@host" "openshell:lab". */
const char *sandbox_endpoint(struct arena *a, const struct sandbox_object *o);
/* Name of the runtime on its endpoint: "reconclaw-scratch" where names are shared with others; "scratch" with bubblewrap; with
 * openshell, whose names have at most 19 characters, "rc-" and 16 digits of a hash of it. */
const char *sandbox_runtime_name(struct arena *a, const struct sandbox_object *o);

#endif
