/* bench_floor: the least that a round can cost, as a whole process, to be measured against.
 *
 *   bench_floor list SOCKET SHARDS            one list request, its parse, and a read and parse of every shard
 *   bench_floor cycle SOCKET NAME BODY        remove NAME by force, create it from the file BODY, start it
 *
 * It compares and writes nothing: a bound, not an implementation. */
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes {
    char *s;
    size_t n;
};

static size_t keep(char *p, size_t size, size_t n, void *ctx)
{
    struct bytes *b = ctx;

    b->s = realloc(b->s, b->n + size * n + 1);
    if (!b->s)
        abort();
    memcpy(b->s + b->n, p, size * n);
    b->n += size * n;
    b->s[b->n] = '\0';
    return size * n;
}

static long request(CURL *c, const char *method, const char *url, const char *body, struct bytes *reply)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    long status = 0;

    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body ? body : "");
    } else {
        curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    }
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, reply);
    if (curl_easy_perform(c) == CURLE_OK)
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return status;
}

static struct bytes slurp(const char *path)
{
    struct bytes b = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0 || !(b.s = calloc(1, (size_t)st.st_size + 1)))
        return b;
    ssize_t n = read(fd, b.s, (size_t)st.st_size);
    b.n = n > 0 ? (size_t)n : 0;
    (void)close(fd);
    return b;
}

static int list(CURL *c, const char *dir)
{
    struct bytes reply = {0};
    json_t *parsed;
    size_t shards = 0;
    DIR *d;

    if (request(c, "GET", "http://d/v1.41/containers/json?all=1", NULL, &reply) != 200 ||
        !(parsed = json_loadb(reply.s, reply.n, 0, NULL)))
        return 1;
    d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[4096];
        struct bytes b;

        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        b = slurp(path);
        json_t *shard = json_loadb(b.s ? b.s : "", b.n, 0, NULL);
        shards += shard != NULL;
        json_decref(shard);
        free(b.s);
    }
    if (d)
        (void)closedir(d);
    printf("%zu containers, %zu shards\n", json_array_size(parsed), shards);
    json_decref(parsed);
    free(reply.s);
    return 0;
}

static int cycle(CURL *c, const char *name, const char *body_file)
{
    struct bytes body = slurp(body_file), reply = {0};
    char url[4096];
    long removed, created, started;

    (void)snprintf(url, sizeof url, "http://d/v1.41/containers/%s?force=1", name);
    removed = request(c, "DELETE", url, NULL, &reply);
    (void)snprintf(url, sizeof url, "http://d/v1.41/containers/create?name=%s", name);
    created = request(c, "POST", url, body.s, &reply);
    (void)snprintf(url, sizeof url, "http://d/v1.41/containers/%s/start", name);
    started = request(c, "POST", url, NULL, &reply);
    free(body.s);
    if ((removed != 204 && removed != 404) || created != 201 || started != 204) {
        (void)fprintf(stderr, "cycle: %ld %ld %ld: %s\n", removed, created, started, reply.s ? reply.s : "");
        free(reply.s);
        return 1;
    }
    free(reply.s);
    return 0;
}

int main(int argc, char **argv)
{
    CURL *c = curl_easy_init();
    int code = 64;

    if (!c)
        return 1;
    if (argc > 2)
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, argv[2]);
    if (argc == 4 && strcmp(argv[1], "list") == 0)
        code = list(c, argv[3]);
    else if (argc == 5 && strcmp(argv[1], "cycle") == 0)
        code = cycle(c, argv[3], argv[4]);
    else
        (void)fprintf(stderr, "usage: bench_floor list SOCKET SHARDS | cycle SOCKET NAME BODY\n");
    curl_easy_cleanup(c);
    return code;
}
