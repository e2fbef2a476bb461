/* openshell_private: between the files of the driver. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_PRIVATE_H
#define RECONCLAW_BACKENDS_OPENSHELL_PRIVATE_H

#include "backends/openshell_cli.h"
#include "backends/openshell_way.h"

#define OPENSHELL_LABEL_INSTALL "reconclaw.install"
#define OPENSHELL_LABEL_OWNER   "reconclaw.owner"
#define OPENSHELL_LABEL_KIND    "reconclaw.kind"
#define OPENSHELL_LABEL_HASH    "reconclaw.configHash"  /* the first 32 digits: a value has at most 63 characters */
#define OPENSHELL_LABEL_HASH_2  "reconclaw.configHash2" /* the others */
#define OPENSHELL_LABEL_CREATED "reconclaw.createdAtMs"
#define OPENSHELL_MAX_LABELS    6

/* A sandbox with what is known of it here. */
struct openshell_view {
    struct openshell_item item;     /* with its id */
    struct openshell_record record; /* name NULL: none that is of this very sandbox */
    enum ownership ownership;
    const char *install, *owner, *hash;
    const char *source; /* what OpenClaw recorded that it was made from; NULL: nothing is known */
    enum runtime_kind kind;
    int64_t created_at_ms;
};

/* The value of a label: the text itself where Kubernetes' syntax takes it (with ".." for '/'), else "sha256." and 40 digits. */
char *openshell_label_value(struct arena *a, const char *text);
/* "k=v"..., of what is to be made. */
size_t openshell_labels(struct arena *a, const struct desired *d, const char *install, int64_t created_at_ms,
                        const char *ret[OPENSHELL_MAX_LABELS]);
/* record may be of another sandbox of that name, or {0}. */
struct openshell_view openshell_view_of(const struct openshell_call *c, const struct openshell_item *item,
                                        const struct openshell_record *record);
/* live: its policy, or NULL. want: what is wanted under this name, or NULL: where the record is lost and the hash is the wanted
 * one, it was made from that. */
struct observed openshell_observed(struct openshell_call *c, const struct openshell_view *v, const struct node *live,
                                   const struct desired *want);
/* Whether its policy has to be read for its fields. */
bool openshell_view_has_policy(const struct openshell_call *c, const struct openshell_view *v, const struct desired *want);

/* Where its tree lies: by its record, else as the endpoint has it. */
struct openshell_place openshell_place_of(const struct openshell_call *c, const struct openshell_view *v);

/* By id, anew. *ret_found false: the gateway says that there is no such id. name: where it was, looked at first. */
int openshell_find_id(struct openshell_call *c, const char *name, const char *id, struct openshell_item *ret, bool *ret_found,
                      struct err *e);
/* By name; the listing is asked, then the sandbox. */
int openshell_find_name(struct openshell_call *c, const char *name, struct openshell_item *ret, bool *ret_found, struct err *e);

int openshell_check_spec(struct arena *a, const struct desired *d, struct openshell_spec *ret, struct err *e);
char *openshell_setup_digest(struct arena *a, const char *setup);

int openshell_observe(struct backend *handle, struct arena *a, const struct observe_req *req, const struct call *call,
                      struct observation *ret, struct err *e);
int openshell_look(struct backend *handle, struct arena *a, const char *id, const char *name, const struct call *call,
                   struct observed *ret, struct err *e);
int openshell_apply(struct backend *handle, struct arena *a, const struct backend_act *act, const struct call *call,
                    struct act_result *ret, struct err *e);

#endif
