/* tree_part: what is not there until it is whole. A file or directory is made under another name beside where it will be, and
 * gets its own by one rename, in the way of nothing. For tree*.c alone.
 *
 * tree_part_open(), make `part` in `parent` and fill it, put it on disk, tree_part_publish(); tree_part_close() in any case. */
#ifndef RECONCLAW_BACKENDS_TREE_PART_H
#define RECONCLAW_BACKENDS_TREE_PART_H

#include "spec/base/err.h"

struct tree_part {
    int parent; /* descriptor of the directory; -1: not open */
    char name[256], part[256];
    bool published;
};

/* path is absolute, its directory exists, and it does not, else ERR_CONFLICT. */
int tree_part_open(const char *path, struct tree_part *ret, struct err *e);
/* ERR_CONFLICT where something has the name by now. The directory is on disk then, too. */
int tree_part_publish(struct tree_part *p, struct err *e);
/* Removes what was not published. */
void tree_part_close(struct tree_part *p);

#endif
