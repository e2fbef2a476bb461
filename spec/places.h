/* places: directories of this machine that no sandbox of ours is shown: the machine's own workings, and the credentials of
 * the user. OpenClaw 2026.5.3 blocks the like as bind sources, but not what lies above them ("/var", the home itself). */
#ifndef RECONCLAW_SPEC_PLACES_H
#define RECONCLAW_SPEC_PLACES_H

#include "spec/base/arena.h"

/* Why `path` (absolute, normalised) may not be shown, as the end of a sentence about it; NULL: it may. home: NULL where it is
 * not known. */
const char *places_refuse(struct arena *a, const char *home, const char *path);

#endif
