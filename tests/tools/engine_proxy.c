/* engine_proxy LISTEN UPSTREAM LOG [FAULTS]: a recording, faulty proxy of an engine's socket for shell tests, until it is
 * terminated. LOG gets one line per request ("GET /v1.41/containers/json?all=1"). FAULTS is read before each request: lines of
 * "delay MS MATCH", "hang 0 MATCH", "cut BYTES MATCH", "drop 0 MATCH", "status CODE MATCH". Prints "ready" when it listens. */
#include "tests/lib/engine_proxy.h"

#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    sigset_t end;
    int sig;
    if (argc < 4) {
        fprintf(stderr, "usage: %s LISTEN UPSTREAM LOG [FAULTS]\n", argv[0]);
        return 64;
    }
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    sigprocmask(SIG_BLOCK, &end, NULL);
    struct engine_proxy *p = engine_proxy_start(argv[1], argv[2]);
    engine_proxy_files(p, argv[3], argv[4]);
    puts("ready");
    fflush(stdout);
    sigwait(&end, &sig);
    engine_proxy_stop(p);
    return 0;
}
