#include "tests/lib/fault.h"

#include <unistd.h>

int fault_step(void *ctx, const char *what)
{
    struct fault *f = ctx;

    if (++f->seen != f->at)
        return 0;
    if (f->die)
        _exit(FAULT_EXIT_STATUS);
    return f->sys;
}
