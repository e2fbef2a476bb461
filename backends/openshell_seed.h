/* openshell_seed: the first copy of the local directories into a sandbox of mode remote, which is canonical from then on.
 *
 * By ssh, as on a host (ssh_feed.h), but the directory itself (/sandbox, /agent) is a mount of the sandbox's and cannot be
 * renamed. So for each directory D the tar stream is unpacked in D/.reconclaw-seed-<id>, and when all of them are there, what is
 * in each is renamed into D one by one, after what the image had put there has been moved aside. The manifest (spec/manifest.h)
 * is renamed to WORKSPACE/.reconclaw/manifest last of all: that is the commit point. A sandbox without one is not seeded, and the
 * next create seeds it again from the start; then what it finds is kept in D/.reconclaw-replaced-<id>, since somebody may have
 * worked there meanwhile. In what is visible of half a seed every file is whole.
 *
 * The sandbox needs sh, mkdir, mv, rm, tar and sha256sum. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_SEED_H
#define RECONCLAW_BACKENDS_OPENSHELL_SEED_H

#include "backends/openshell_way.h"
#include "backends/ssh_feed.h"

struct openshell_seed {
    const struct openshell_spec *spec;
    struct ssh_feed feed; /* tree NULL: there is nothing to seed */
    char id[SSH_WORD];
    int64_t at_ms;
    const struct manifest *sent; /* once it is in place by this very push; else NULL */
};

/* Before the sandbox is made: all that can be wrong with the local directories (links that lead outside, what cannot be read) is
 * found here, and what is sent is what was looked at. seed_dir: of struct backend_act. The deadline is c's, and has to outlive
 * the seed. To be closed, also after -1. */
int openshell_seed_prepare(struct openshell_call *c, const struct openshell_spec *spec, const char *seed_dir, int64_t now_ms,
                           struct openshell_seed *ret, struct err *e);
/* Into a sandbox that is Ready. Does nothing where it has been seeded. resumed: it is not certain that nobody was there before.
 */
int openshell_seed_push(struct openshell_call *c, const char *name, const char *id, struct openshell_seed *s, bool resumed,
                        struct err *e);
void openshell_seed_close(struct openshell_seed *s);

#endif
