#include "backends/openshell_seed.h"

#include "backends/tree.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* --- local ----------------------------------------------------------------------------------------------------------------- */

struct file_sink {
    int fd;
    EVP_MD_CTX *md;
};

static int write_all(int fd, const char *p, size_t n, struct err *e)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_sys(e, ERR_IO, errno, "writing the seed");
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static int sink_write(void *ctx, const void *p, size_t n, struct err *e)
{
    const struct file_sink *s = ctx;

    if (EVP_DigestUpdate(s->md, p, n) != 1)
        return err_set(e, ERR_IO, 0, "SHA-256 failed");
    return write_all(s->fd, p, n, e);
}

static int write_tar(struct openshell_call *c, struct tree *t, const char *dir, const char *path, char digest[65], struct err *e)
{
    struct file_sink s = {.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), .md = EVP_MD_CTX_new()};
    struct tree_sink sink = {.write = sink_write, .ctx = &s};
    struct call rest = deadline_rest(&c->deadline);
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int r = -1;

    if (s.fd < 0)
        (void)err_sys(e, ERR_IO, errno, "%s", path);
    else if (s.md == NULL || EVP_DigestInit_ex(s.md, EVP_sha256(), NULL) != 1)
        (void)err_set(e, ERR_IO, 0, "SHA-256 failed");
    else if (tree_send(t, dir, &sink, &rest, e) == 0 && EVP_DigestFinal_ex(s.md, raw, &n) == 1) {
        for (unsigned i = 0; i < n && i < 32; i++)
            (void)snprintf(digest + 2 * (size_t)i, 3, "%02x", raw[i]);
        r = 0;
    }
    EVP_MD_CTX_free(s.md);
    if (s.fd >= 0)
        close(s.fd);
    return r;
}

static int write_manifest(struct openshell_call *c, struct tree *t, struct openshell_seed *s, int64_t now_ms, struct err *e)
{
    const struct manifest *known = tree_manifest(t);
    BUF_AUTO text = BUF_INIT(LIMIT_MANIFEST_BYTES);
    struct manifest m;
    int fd, r;

    if (known == NULL)
        return err_set(e, ERR_CONFLICT, 0, "a file changed while it was read");
    m = *known;
    m.id = s->id;
    m.install = c->b->install;
    m.created_at_ms = now_ms;
    if (manifest_emit(&m, &text, e) < 0)
        return -1;
    s->manifest = arena_printf(c->a, "%s/manifest", s->scratch);
    fd = open(s->manifest, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "%s", s->manifest);
    r = write_all(fd, buf_str(&text), text.n, e);
    close(fd);
    return r;
}

static int pack(struct openshell_call *c, struct tree *t, struct openshell_seed *s, int64_t now_ms, struct err *e)
{
    for (size_t i = 0; i < s->spec->n_dirs; i++) {
        s->tar[i] = arena_printf(c->a, "%s/%s.tar", s->scratch, s->spec->dirs[i].name);
        if (write_tar(c, t, s->spec->dirs[i].name, s->tar[i], s->digest[i], e) < 0)
            return -1;
    }
    return write_manifest(c, t, s, now_ms, e);
}

int openshell_seed_prepare(struct openshell_call *c, const struct openshell_spec *spec, int64_t now_ms,
                           struct openshell_seed *ret, struct err *e)
{
    struct call rest = deadline_rest(&c->deadline);
    struct tree_dir dirs[OPENSHELL_MAX_DIRS];
    struct tree *t = NULL;
    unsigned char raw[16];
    int r;

    *ret = (struct openshell_seed){.spec = spec};
    if (spec->n_dirs == 0)
        return 0;
    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        return err_sys(e, ERR_IO, errno, "getrandom");
    for (size_t i = 0; i < sizeof raw; i++)
        (void)snprintf(ret->id + 2 * i, 3, "%02x", raw[i]);
    for (size_t i = 0; i < spec->n_dirs; i++)
        dirs[i] = (struct tree_dir){.name = spec->dirs[i].name, .path = spec->dirs[i].local};
    if (tree_scan(c->a, &(struct tree_scan_req){.dirs = dirs, .n_dirs = spec->n_dirs, .links = TREE_LINKS_REFUSE}, &rest, &t,
                  NULL, e) < 0) {
        if (e->class == ERR_NOT_FOUND)
            e->class = ERR_IO; /* it is the local directory that is not there */
        return err_wrap(e, "its seed");
    }
    r = openshell_store_scratch(&c->b->store, c->a, &ret->scratch, e);
    if (r == 0)
        r = pack(c, t, ret, now_ms, e);
    tree_close(t);
    return r < 0 ? err_wrap(e, "its seed") : 0;
}

void openshell_seed_close(struct openshell_seed *s)
{
    openshell_store_discard(s->scratch);
    s->scratch = NULL;
}

/* --- remote ---------------------------------------------------------------------------------------------------------------- */

/* publish DIR NAME DIGEST, with $id and $resumed set. */
static const char functions[] =
    "umask 0\n"
    "fail() { echo \"$1\"; exit 9; }\n"
    "publish() {\n"
    "    d=$1 s=$1/.reconclaw-seed-$id\n"
    "    h=$(sha256sum <\"$s/$2.tar\") || fail \"$2: no digest\"\n"
    "    [ \"${h%% *}\" = \"$3\" ] || fail \"$2: what came over is not what was sent\"\n"
    "    mkdir \"$s/new\" \"$s/old\" && tar -xf \"$s/$2.tar\" -C \"$s/new\" || fail \"$2: it could not be unpacked\"\n"
    "    rm -f \"$s/$2.tar\"\n"
    "    for f in \"$d\"/* \"$d\"/.[!.]* \"$d\"/..?*; do\n"
    "        [ -e \"$f\" ] || [ -L \"$f\" ] || continue\n"
    "        case ${f##*/} in \".reconclaw-seed-$id\" | .reconclaw | .reconclaw-replaced-*) continue ;; esac\n"
    "        mv \"$f\" \"$s/old/\" || fail \"$f: it is in the way\"\n"
    "    done\n"
    "    for f in \"$s/new\"/* \"$s/new\"/.[!.]* \"$s/new\"/..?*; do\n"
    "        [ -e \"$f\" ] || [ -L \"$f\" ] || continue\n"
    "        mv \"$f\" \"$d/\" || fail \"$f: it could not be put in place\"\n"
    "    done\n"
    "    if [ \"$resumed\" = 1 ]; then\n"
    "        rmdir \"$s/old\" 2>/dev/null || mv \"$s/old\" \"$d/.reconclaw-replaced-$id\" || fail \"$2: what was there stays "
    "aside\"\n"
    "    fi\n"
    "}\n";

static void put_quoted(struct buf *b, const char *s)
{
    buf_putc(b, '\'');
    for (; *s != '\0'; s++)
        if (*s == '\'')
            buf_puts(b, "'\"'\"'");
        else
            buf_putc(b, *s);
    buf_putc(b, '\'');
}

static int upload(struct openshell_call *c, const char *name, const char *file, const char *dir, const char *id, struct err *e)
{
    const char *args[] = {
        "sandbox", "upload", "--no-git-ignore", name, file, arena_printf(c->a, "%s/.reconclaw-seed-%s/", dir, id), NULL};
    struct proc_result res;

    if (openshell_cli_run(c, args, NULL, NULL, 0, &res, e) < 0)
        return -1;
    return res.status == 0 ? 0 : openshell_cli_failed(c, "uploading", &res, e);
}

static int run(struct openshell_call *c, const char *name, const char *script, int *ret_status, const char **ret_said,
               struct err *e)
{
    char *said;
    size_t n;

    if (openshell_cli_script(c, name, script, ret_status, ret_said, e) < 0)
        return -1;
    said = arena_strdup(c->a, *ret_said);
    for (n = strlen(said); n > 0 && said[n - 1] == '\n'; n--)
        said[n - 1] = '\0';
    *ret_said = said;
    return 0;
}

static int is_seeded(struct openshell_call *c, const char *name, const struct openshell_seed *s, bool *ret, struct err *e)
{
    BUF_AUTO script = BUF_INIT(16384);
    const char *said;
    int status;

    buf_puts(&script, "test -f ");
    put_quoted(&script, arena_printf(c->a, "%s/.reconclaw/manifest", s->spec->workspace_dir));
    if (run(c, name, buf_str(&script), &status, &said, e) < 0)
        return -1;
    if (status > 1)
        return err_set(e, ERR_INTERNAL, status, "looking for its manifest: %s", said);
    *ret = status == 0;
    return 0;
}

int openshell_seed_push(struct openshell_call *c, const char *name, const struct openshell_seed *s, bool resumed, struct err *e)
{
    const char *top = s->spec->workspace_dir, *said;
    BUF_AUTO script = BUF_INIT(65536);
    bool done = false;
    int status;

    if (s->scratch == NULL)
        return 0;
    if (is_seeded(c, name, s, &done, e) < 0)
        return -1;
    if (done)
        return 0;
    buf_puts(&script, functions);
    buf_printf(&script, "id=%s resumed=%d\n", s->id, resumed);
    for (size_t i = 0; i < s->spec->n_dirs; i++) {
        const struct openshell_dir *d = &s->spec->dirs[i];

        if (upload(c, name, s->tar[i], d->remote, s->id, e) < 0)
            return -1;
        buf_puts(&script, "publish ");
        put_quoted(&script, d->remote);
        buf_printf(&script, " %s %s\n", d->name, s->digest[i]);
    }
    if (upload(c, name, s->manifest, top, s->id, e) < 0)
        return -1;
    buf_puts(&script, "top=");
    put_quoted(&script, top);
    buf_puts(&script,
             "\nmkdir -p \"$top/.reconclaw\" && mv \"$top/.reconclaw-seed-$id/manifest\" \"$top/.reconclaw/manifest\" || "
             "fail \"the manifest could not be put in place\"\nrm -rf \"$top/.reconclaw-seed-$id\"");
    for (size_t i = 0; i < s->spec->n_dirs; i++) {
        buf_putc(&script, ' ');
        put_quoted(&script, s->spec->dirs[i].remote);
        buf_puts(&script, "/\".reconclaw-seed-$id\"");
    }
    buf_putc(&script, '\n');
    if (run(c, name, buf_str(&script), &status, &said, e) < 0)
        return -1;
    return status == 0 ? 0 : err_set(e, ERR_INTERNAL, status, "%s", said);
}
