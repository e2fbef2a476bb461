/* shard: the bytes of one entry of OpenClaw's sandbox registry (2026.5.3), read, merged and written as it does. Pure.
 *
 * A shard is pretty JSON (two blanks) and one newline. Entries are objects with a string `containerName`; all else may be
 * missing or of any type. */
#ifndef RECONCLAW_STATE_SHARD_H
#define RECONCLAW_STATE_SHARD_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/world.h"

#include <stdbool.h>
#include <stddef.h>

enum shard_rule {
    /* OpenClaw's own: of an existing entry createdAtMs and image stay, whatever they hold; backendId, runtimeLabel,
     * configLabelKind and configHash stay where the new one has none; all else is the new one's. */
    SHARD_OPENCLAW,
    /* After a recreate, a first creation or an adoption by us: the entry tells what is there now, so createdAtMs, image and
     * configHash are the new ones, and an act of ours is no use, so an existing lastUsedAtMs stays. */
    SHARD_RECREATED,
    SHARD_VERBATIM, /* as given: OpenClaw's doctor */
    SHARD_RULE_COUNT
};

/* An entry as OpenClaw's schema lets it through: containerName first, then the rest as written, `__proto__` dropped. ERR_INPUT
 * where it is none. */
int shard_decode(struct arena *a, const char *bytes, size_t n, struct node **ret, struct err *e);
/* The same of a value that is parsed already; NULL where it is no entry. */
struct node *shard_entry(struct arena *a, const struct node *value);
/* As OpenClaw's readRegistry shows it: of containers backendId, runtimeLabel and configLabelKind trimmed or defaulted. ERR_INPUT
 * where one of them is no string (OpenClaw then shows no runtime at all). Changes the entry. */
int shard_normalise(struct arena *a, enum runtime_kind kind, struct node *entry, struct err *e);
/* What is stored for `entry` over `existing` (or NULL). */
struct node *shard_merge(struct arena *a, enum runtime_kind kind, const struct node *entry, const struct node *existing,
                         enum shard_rule rule);
/* The same of a row of SQLite (2026.9.6): backendTarget and runtimeState stay where the new entry has none, workspaceDir stays
 * (of a browser, and after a recreate by us, the new one's). `existing` is the row's entry as it is read: state/row.h. */
struct node *shard_merge_row(struct arena *a, enum runtime_kind kind, const struct node *entry, const struct node *existing,
                             enum shard_rule rule);
/* Its text. */
void shard_format(struct arena *a, const struct node *entry, struct buf *out);

/* The entry that OpenClaw would write for a record, in its order. What is absent is left out; for a shard, workspace_dir and
 * backend_target are to be. Of backends ssh and openshell it has no hash and no directory: `image` is their label, "u@h:22", and
 * config_label_kind what that is, "Target". */
struct node *shard_from_record(struct arena *a, const struct record *rec);
/* Endpoints of podman's that are not this machine's: "podman-target:<key of the row's target>". */
#define SHARD_PODMAN_ELSEWHERE "podman-target:"
/* The record of a normalised entry. endpoint: "docker" for browsers and backend docker, else the backend's id in lower case, but
 * for a podman that is another than the local one.
 * Times that are no numbers are TIME_NONE, fractions are cut off, ports outside 1..65535 are 0. install and version stay with
 * the caller. */
struct record shard_to_record(struct arena *a, enum runtime_kind kind, const struct node *entry);

/* Deep. */
struct record shard_copy_record(struct arena *a, const struct record *from);

/* "<64 hex>.json"; lone surrogates are hashed as U+FFFD. */
char *shard_file_name(struct arena *a, const char *name, size_t n);
const char *shard_dir_name(enum runtime_kind kind); /* "containers" "browsers" */

#endif
