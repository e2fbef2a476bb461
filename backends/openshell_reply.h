/* openshell_reply: what the `openshell` command prints, decoded. Any bytes are decoded or refused (ERR_INPUT); nothing here runs
 * anything. Text is read as releases 0.0.36 to 0.0.111 write it when their output is no terminal, colours are taken off before;
 * JSON by the shapes of `-o json`. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_REPLY_H
#define RECONCLAW_BACKENDS_OPENSHELL_REPLY_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPENSHELL_MAX_LISTED 20000u /* sandboxes of one gateway */

/* "openshell 0.0.111": its release. Of 0.1.0 and later, too. */
struct openshell_release {
    unsigned major, minor, patch;
};

bool openshell_release_read(const char *text, struct openshell_release *ret);
int openshell_release_cmp(struct openshell_release a, struct openshell_release b);

enum openshell_link {
    OPENSHELL_CONNECTED,
    OPENSHELL_NOT_CONNECTED, /* error, disconnected, answers HTTP only */
    OPENSHELL_NOT_ADMITTED,  /* it answers, and refuses our credentials */
};

struct openshell_status {
    enum openshell_link link;
    const char *version; /* of the gateway, or NULL */
    const char *why;     /* where not connected */
};

int openshell_status_json(struct arena *a, const char *text, size_t n, struct openshell_status *ret, struct err *e);
int openshell_status_text(struct arena *a, const char *text, size_t n, struct openshell_status *ret, struct err *e);

enum openshell_phase {
    OPENSHELL_UNKNOWN, /* what it says itself, and every word that is not known here */
    OPENSHELL_PROVISIONING,
    OPENSHELL_READY,
    OPENSHELL_ERROR,
    OPENSHELL_DELETING,
    OPENSHELL_STOPPING,
    OPENSHELL_STOPPED,
    OPENSHELL_STARTING,
    OPENSHELL_PHASE_COUNT
};

const char *openshell_phase_name(enum openshell_phase p);
enum openshell_phase openshell_phase_of(const char *word);

struct openshell_item {
    const char *id; /* NULL: the listing does not tell */
    const char *name;
    enum openshell_phase phase;
    int64_t created_at_ms;     /* whole seconds; TIME_NONE: not told */
    const struct node *labels; /* strings by key; NULL: not told */
    const struct node *policy; /* of a `get` in JSON that has one; NULL */
};

struct openshell_items {
    struct openshell_item *v;
    size_t n;
};

int openshell_list_json(struct arena *a, const char *text, size_t n, struct openshell_items *ret, struct err *e);
int openshell_list_text(struct arena *a, const char *text, size_t n, struct openshell_items *ret, struct err *e);
/* --ids and --names: one word a line. */
int openshell_list_lines(struct arena *a, const char *text, size_t n, const char *const **ret, size_t *ret_n, struct err *e);
int openshell_get_json(struct arena *a, const char *text, size_t n, struct openshell_item *ret, struct err *e);
int openshell_get_text(struct arena *a, const char *text, size_t n, struct openshell_item *ret, struct err *e);
/* `get --policy-only`: YAML. */
int openshell_policy_yaml(struct arena *a, const char *what, const char *text, size_t n, struct node **ret, struct err *e);

/* What went wrong, from stderr: one line without miette's drawing. "" where nothing was said. */
char *openshell_complaint(struct arena *a, const char *text, size_t n);
/* Whether the complaint, however it is wrapped, has these words. */
bool openshell_complains_of(const char *complaint, const char *words);

#endif
