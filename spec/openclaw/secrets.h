/* secrets: what a secret reference in OpenClaw's config leads to: {source, provider, id}, through secrets.providers.
 *
 * env   the variable `id`, if the provider's allowlist (where it has one) names it. A provider "default" (secrets.defaults.env)
 *       need not be configured
 * file  the provider's `path`: mode "json" (the default): `id` is a JSON pointer into it; "singleValue": the whole file but for
 *       one newline at its end, and `id` is "value". Not through a link, and, unless allowInsecurePath is set, the user's own
 *       and readable by nobody else
 * exec  a command that is asked, and `store`, a table of OpenClaw's database (2026.9): neither is followed here
 *
 * What cannot be had is an error. It is never taken for absent, as OpenClaw 2026.5's command line does: without the key that its
 * owner meant, another would be tried. */
#ifndef RECONCLAW_SPEC_OPENCLAW_SECRETS_H
#define RECONCLAW_SPEC_OPENCLAW_SECRETS_H

#include "spec/fs.h"
#include "spec/node.h"
#include "spec/openclaw/names.h"
#include "spec/secret.h"

#include <stdint.h>

struct oc_secrets {
    const struct node *config;
    const struct oc_places *places;
    const struct fs *fs;                /* for whose a file is */
    const struct node *env;             /* in force for OpenClaw (oc_load()); NULL: empty */
    const struct secret_source *source; /* of files; NULL: references cannot be followed here */
    uint32_t uid;                       /* of this process */
};

/* Whether a value is a reference: an object, or a text that is "${NAME}" or "$NAME" alone. */
bool oc_is_secret_reference(const struct node *value);
/* reference: one that passed oc_validate(), or such a text. *ret is a secret string that is not empty, at the reference's place.
 * No message holds a value. */
int oc_secret_resolve(struct arena *a, const struct oc_secrets *s, const struct node *reference, struct node **ret,
                      struct err *e);

#endif
