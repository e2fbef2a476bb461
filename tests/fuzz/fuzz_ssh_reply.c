/* What another host may answer: replies, what they say of trees, owner.json, what `ssh -G` prints, and known hosts. */
#include "backends/ssh_known.h"
#include "backends/ssh_owner.h"
#include "backends/ssh_script.h"
#include "tests/lib/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define WORD "0123456789abcdef0123456789abcdef"

static void reply(struct arena *a, const char *bytes, size_t n)
{
    struct ssh_reply r;
    struct ssh_view v;
    struct err e = {0};

    if (ssh_reply_decode(a, WORD, bytes, n, &r, &e) < 0) {
        if (e.class != ERR_INPUT)
            abort();
        return;
    }
    (void)ssh_reply_failure(&r, "hidden");
    if (ssh_view_decode(a, &r, &v, &e) < 0)
        return;
    for (size_t i = 0; i < v.n; i++)
        if (v.v[i].path[0] != '/' || v.v[i].kind > SSH_OTHER || ssh_view_find(&v, v.v[i].path) == NULL)
            abort();
}

static void owner(struct arena *a, const char *text)
{
    struct ssh_owner o, again;
    struct err e = {0};
    struct ssh_leftover l, same;

    if (ssh_leftover_decode(a, text, &l) &&
        (!ssh_leftover_decode(a, ssh_leftover_path(a, "/w", &l) + 3, &same) || strcmp(l.name, same.name) != 0 ||
         strcmp(l.id, same.id) != 0 || strcmp(l.install, same.install) != 0 || l.removal != same.removal))
        abort();
    if (ssh_owner_decode(a, text, &o, &e) < 0)
        return;
    if (ssh_owner_decode(a, ssh_owner_encode(a, &o), &again, &e) < 0 || strcmp(o.id, again.id) != 0 ||
        strcmp(o.name, again.name) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    const char *text = arena_memdup0(a, data, n);
    struct ssh_target t = {.user = "u", .host = "h", .port = 22, .known_as = "h", .home = "/home/u", .login = "u"};
    struct err e = {0};
    BUF_AUTO revoked = BUF_INIT(1 << 20);

    reply(a, text, n);
    /* The fuzzer need not find the frame by itself. */
    const char *framed = arena_printf(a, "\n%s < 12\n%s", WORD, text);
    reply(a, framed, strlen(framed));
    owner(a, text);
    if (ssh_target_decode(a, text, NULL, &t, &e) == 0 && (!t.host || !t.host[0] || t.port < 1 || t.port > 65535))
        abort();
    const char *alias, *answer;
    if (ssh_config_read(a, text, &alias, &answer, &e) == 0 && (alias[0] == '\0' || strstr(answer, "hostname ") == NULL))
        abort();
    ssh_known_revoked(&revoked, text, n);
    arena_free(a);
    return 0;
}
