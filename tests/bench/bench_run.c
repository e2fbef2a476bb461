/* bench_run: runs a command once, to its end, and tells what it cost.
 *
 *   bench_run SAMPLES COMMAND [ARG...]
 *
 * Appends "WALL_US CPU_US PEAK_RSS_KB" to the file SAMPLES; CPU time is that of the command and of all it waited for, RSS that
 * of the greatest of them. The exit status is the command's, 128 + N after signal N. */
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

int main(int argc, char **argv)
{
    struct rusage used;
    int64_t begun_us;
    int status, failed;
    FILE *samples;
    pid_t pid;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: bench_run SAMPLES COMMAND [ARG...]\n");
        return 64;
    }
    begun_us = now_us();
    failed = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
    if (failed) {
        (void)fprintf(stderr, "bench_run: %s: %s\n", argv[2], strerror(failed));
        return 127;
    }
    while (wait4(pid, &status, 0, &used) < 0)
        if (errno != EINTR)
            return 1;
    int64_t wall_us = now_us() - begun_us;
    samples = fopen(argv[1], "ae");
    if (!samples ||
        fprintf(samples, "%" PRId64 " %" PRId64 " %ld\n", wall_us, us(used.ru_utime) + us(used.ru_stime), used.ru_maxrss) < 0 ||
        fclose(samples) != 0) {
        (void)fprintf(stderr, "bench_run: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
