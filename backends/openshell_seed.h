/* openshell_seed: the first copy of the local directories into a sandbox of mode remote, which is canonical from then on.
 *
 * As on an ssh host, but the directory itself (/sandbox, /agent) is a mount of the sandbox's and cannot be renamed. So for each
 * directory D the tar stream is uploaded into D/.reconclaw-seed-<id>, checked by its digest, unpacked there, and then what is in
 * it is renamed into D one by one, after what the image had put there has been moved aside. The manifest (spec/manifest.h) is
 * renamed to WORKSPACE/.reconclaw/manifest last of all: that is the commit point. A sandbox without one is not seeded, and the
 * next create seeds it again from the start; then what it finds is kept in D/.reconclaw-replaced-<id>, since somebody may have
 * worked there meanwhile. In what is visible of half a seed every file is whole.
 *
 * Files go by `sandbox upload` of one file into a directory that ends in '/', which all releases take in the same way
 * (directories nest since 0.0.37, and links are followed before); the script by `sandbox exec` and its standard input. Nothing of
 * either is in an argv. The sandbox needs sh, mkdir, mv, rm, tar and sha256sum. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_SEED_H
#define RECONCLAW_BACKENDS_OPENSHELL_SEED_H

#include "backends/openshell_cli.h"

struct openshell_seed {
    const struct openshell_spec *spec;
    char *scratch; /* NULL: there is nothing to seed */
    char id[33];
    const char *tar[OPENSHELL_MAX_DIRS], *manifest;
    char digest[OPENSHELL_MAX_DIRS][65];
};

/* Before the sandbox is made: all that can be wrong with the local directories (links that lead outside, what cannot be read) is
 * found here, and what is sent is what was looked at. Both are to be closed, also after -1. */
int openshell_seed_prepare(struct openshell_call *c, const struct openshell_spec *spec, int64_t now_ms,
                           struct openshell_seed *ret, struct err *e);
/* Into a sandbox that is Ready. Does nothing where it has been seeded. resumed: it is not certain that nobody was there before.
 */
int openshell_seed_push(struct openshell_call *c, const char *name, const struct openshell_seed *s, bool resumed, struct err *e);
void openshell_seed_close(struct openshell_seed *s);

#endif
