/* limits: every cap on what comes from outside, in one place. Tests try each at n and at n+1. */
#ifndef RECONCLAW_SPEC_BASE_LIMITS_H
#define RECONCLAW_SPEC_BASE_LIMITS_H

#include <stdint.h>

#define LIMIT_DOC_BYTES        (64u << 20) /* one config, spec or included file as reconclaw reads it */
#define LIMIT_INCLUDE_BYTES    2097152u    /* OpenClaw 2026.5.3: one $include'd file */
#define LIMIT_INCLUDE_DEPTH    10u         /* OpenClaw 2026.5.3 */
#define LIMIT_INCLUDE_FILES    1000u       /* files that one config includes, counting each time */
#define LIMIT_INCLUDE_TOTAL    16777216u   /* and their bytes */
#define LIMIT_DOTENV_BYTES     1048576u    /* one .env file */
#define LIMIT_DOC_DEPTH        512u        /* nesting of one document */
#define LIMIT_DOC_NODES        4000000u    /* values in one document, aliases expanded */
#define LIMIT_YAML_ALIAS_NODES 100000u     /* values that aliases of one document may add */
#define LIMIT_SHARD_BYTES      (1u << 20)  /* one registry shard */
#define LIMIT_REPLY_BYTES      (64u << 20) /* one engine reply that is not streamed */
#define LIMIT_ITEM_BYTES       (4u << 20)  /* one element of a streamed engine list */
#define LIMIT_OUTPUT_BYTES     (1u << 20)  /* what is kept of a command's or a setup's output */
#define LIMIT_DIAGS            1000u       /* errors shown of one load */

/* A tree that is seeded, snapshot or restored, and its manifest. */
#define LIMIT_TREE_ENTRIES   500000u              /* directories, files and links */
#define LIMIT_TREE_BYTES     (UINT64_C(64) << 30) /* sum of the files' sizes; also of one file */
#define LIMIT_TREE_DEPTH     100u                 /* parts of a path: one descriptor is held per level */
#define LIMIT_TREE_PATH      4095u                /* bytes of a path in it, and of a link's target */
#define LIMIT_TREE_NAME      255u                 /* bytes of one part */
#define LIMIT_TREE_DIRS      16u                  /* local directories that one tree is made of */
#define LIMIT_TREE_NAMES     (64u << 20)          /* bytes of all paths and targets of one tree */
#define LIMIT_MANIFEST_BYTES (256u << 20)

#endif
