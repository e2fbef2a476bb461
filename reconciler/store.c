#include "reconciler/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct cache_slot {
    char install[INSTALL_HEX];
    struct registry_cache *cache;
};

int store_open(const struct host *host, bool make, struct store *ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct store s = {0};
    struct stat st;

    load_install_id(host->home_dir, s.install);
    /* A directory that stands ready and is empty is not filled by a dry run either. */
    if (make || stat(arena_printf(a, "%s/records", host->home_dir), &st) == 0) {
        if (home_open(host->home_dir, NULL, &s.home, e) < 0)
            return -1;
        load_install_id(host->home_dir, s.install);
    } else if (errno != ENOENT) {
        return err_sys(e, ERR_IO, errno, "reconclaw's state directory '%s'", host->home_dir);
    }
    s.reach = reach_new();
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
        registry_cache_free(s->slots[i].cache);
    free(s->slots);
    for (size_t i = 0; i < s->n_slow; i++)
        free(s->slow[i]);
    free(s->slow);
    reach_free(s->reach);
    home_close(s->home);
    *s = (struct store){0};
}

struct registry_cache *store_cache(struct store *s, const char *install)
{
    for (size_t i = 0; i < s->n_slots; i++)
        if (strcmp(s->slots[i].install, install) == 0)
            return s->slots[i].cache;
    struct cache_slot *bigger = realloc(s->slots, (s->n_slots + 1) * sizeof *bigger);
    if (!bigger)
        abort();
    s->slots = bigger;
    struct cache_slot *slot = &s->slots[s->n_slots++];
    memcpy(slot->install, install, sizeof slot->install);
    slot->cache = registry_cache_new();
    return slot->cache;
}

int store_lock(const struct store *s, int timeout_ms, const atomic_bool *cancel, int *ret_fd, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *path = arena_printf(a, "%s/round.lock", home_path(s->home));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int64_t end = host_monotonic_ms() + timeout_ms;

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "opening '%s'", path);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            err_sys(e, ERR_IO, errno, "locking '%s'", path);
        } else if (cancel && atomic_load(cancel)) {
            err_set(e, ERR_CANCELLED, 0, "told to stop while another reconclaw acts");
        } else if (host_monotonic_ms() >= end) {
            err_set(e, ERR_BUSY, 0, "another reconclaw is acting with '%s'", home_path(s->home));
        } else {
            file_pause_ms(50);
            continue;
        }
        (void)close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

static size_t find_slow(const struct store *s, const char *endpoint)
{
    size_t i = 0;

    while (i < s->n_slow && strcmp(s->slow[i], endpoint) != 0)
        i++;
    return i;
}

bool store_is_slow(const struct store *s, const char *endpoint)
{
    return find_slow(s, endpoint) < s->n_slow;
}

void store_note_look(struct store *s, const char *endpoint, bool timed_out, bool answered)
{
    size_t i = find_slow(s, endpoint);

    if (timed_out && i == s->n_slow) {
        char **bigger = realloc(s->slow, (s->n_slow + 1) * sizeof *bigger);

        if (!bigger || !(bigger[s->n_slow] = strdup(endpoint)))
            abort();
        s->slow = bigger;
        s->n_slow++;
    } else if (answered && i < s->n_slow) {
        free(s->slow[i]);
        s->slow[i] = s->slow[--s->n_slow];
    }
}
