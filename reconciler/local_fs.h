/* local_fs: struct fs over this machine's file system. Nothing blocks: what is no regular file is never opened for reading. */
#ifndef RECONCLAW_RECONCILER_LOCAL_FS_H
#define RECONCLAW_RECONCILER_LOCAL_FS_H

#include "spec/fs.h"

extern const struct fs local_fs;

#endif
