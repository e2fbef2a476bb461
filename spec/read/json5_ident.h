/* json5_ident: which characters a JSON5 key without quotes may hold: ID_Start and ID_Continue of Unicode 10, as json5 2.2.3
 * has them. A table of our own, since a newer Unicode (ICU's) would accept keys that OpenClaw's reader refuses. */
#ifndef RECONCLAW_SPEC_READ_JSON5_IDENT_H
#define RECONCLAW_SPEC_READ_JSON5_IDENT_H

#include <stdbool.h>
#include <stdint.h>

bool json5_is_id_start(uint32_t cp);
bool json5_is_id_part(uint32_t cp); /* ID_Continue, ZWNJ, ZWJ */

#endif
