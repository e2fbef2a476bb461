/* tree: directories of files as tar streams. A local directory is looked at and sent; a stream is received into a fresh local
 * directory, or only indexed; a stream is kept as a compressed file that is read back before it counts. For each there is a
 * manifest (spec/manifest.h) of what really went over.
 *
 * Seeding:     tree_scan(), tree_send() to the other side, tree_manifest(), tree_close()
 * Local now:   tree_scan() with digest set, tree_manifest(), tree_close()
 * Pulling:     tree_receive() from the other side's `tar -cf - .`
 * Snapshot:    tree_archive_open(), write the other side's stream (or tree_send()) to tree_archive_sink(), tree_archive_commit()
 * Restoring:   tree_file_open(), tree_receive() with compressed set; to another host: that into a directory of our own, then
 *              tree_scan() with TREE_LINKS_KEEP and tree_send()
 *
 * All work in buffers of TREE_CHUNK bytes: memory is bounded by the number of entries, cost follows the bytes. Every call has a
 * deadline; what is in the way of a callback is the callback's to bound. Nothing follows a symbolic link below the directory it
 * was given: everything is opened relative to the descriptor of a directory that was opened so itself.
 *
 * Sent streams are of GNU's tar format, since all that may stand at the other end reads it as it is meant: names of any bytes and
 * length and sizes past 8 GiB have the same form for GNU tar, busybox and libarchive. (pax headers carry names as UTF-8 or, by an
 * extension that GNU tar warns of for each file, as bytes; busybox does not read a pax size at all.) The receiver should run
 * `umask 0; tar -xf -`, since tar takes its own umask off the modes when it is not root. Owners and extended
 * attributes are not sent; mtimes are, in whole seconds. Streams that are read may be of any tar format. */
#ifndef RECONCLAW_BACKENDS_TREE_H
#define RECONCLAW_BACKENDS_TREE_H

#include "backends/backend.h"
#include "spec/base/digest.h"
#include "spec/manifest.h"

#define TREE_CHUNK 65536u

/* Where bytes go: all n of them, or -1. And where they come from: at most max, 0 only at the end. */
struct tree_sink {
    int (*write)(void *ctx, const void *p, size_t n, struct err *e);
    void *ctx;
};
struct tree_stream {
    int (*read)(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e);
    void *ctx;
};

/* 0: that of limits.h, which is also the most that may be set. */
struct tree_limits {
    size_t max_entries;
    uint64_t max_bytes;      /* of all files; a sparse one counts, and is sent, in full */
    uint64_t max_file_bytes; /* of one */
};

/* What is done with a symbolic link that is absolute or leads out of its directory, also where nothing is there. */
enum tree_links {
    TREE_LINKS_REFUSE, /* nothing is copied; all of them are named */
    TREE_LINKS_SKIP,   /* left out, with a remark */
    TREE_LINKS_KEEP,   /* copied as they are; they are never followed */
    TREE_LINKS_COUNT
};

/* Something about one path that its owner should know: why nothing was copied, or what was left out. Sockets, FIFOs and devices
 * are left out everywhere: they hold no content, so nothing is lost, and the socket of some helper must not stand in the way. */
struct tree_remark {
    const char *path, *why;
    bool refused; /* false: only left out */
};
struct tree_remarks {
    const struct tree_remark *v;
    size_t n; /* at most LIMIT_DIAGS */
};

/* --- a local directory ----------------------------------------------------------------------------------------------------- */

struct tree_dir {
    const char *name; /* what it is called in the tree: "workspace"; "": it is the tree, and the only one */
    const char *path; /* absolute; may itself be a link */
};

struct tree_scan_req {
    const struct tree_dir *dirs; /* at most LIMIT_TREE_DIRS, of different names */
    size_t n_dirs;
    struct tree_limits limits;
    enum tree_links links;
    bool digest; /* read all files, so that the manifest is known without sending */
};

struct tree;

/* Looks at all of it. Files must be readable. Everything that is wrong is found before anything is sent and is said at once:
 * ERR_INPUT names the first few paths, ret_remarks (may be NULL; set on -1 too) all. Hard links become files of their own. Keeps
 * a descriptor of each directory open. ERR_NOT_FOUND: a directory does not exist; ERR_CONFLICT: it changed meanwhile, try again.
 * The tree lives in the arena until it is closed. */
int tree_scan(struct arena *a, const struct tree_scan_req *req, const struct call *c, struct tree **ret,
              struct tree_remarks *ret_remarks, struct err *e);
void tree_close(struct tree *t); /* accepts NULL */
/* Reads all files of a tree that was scanned without `digest`. ERR_CONFLICT: it is not as the scan saw it. */
int tree_read(struct tree *t, const struct call *c, struct err *e);
/* What changes whenever anything in it does, without a look at what is in files: of paths, types, modes, sizes, inodes and times.
 * *ret_newest_ms: its newest time. A change within the clock's own step of that may show nowhere: who compares with it later
 * waits until it is past. */
void tree_stamp_digest(const struct tree *t, char ret[DIGEST_HEX], int64_t *ret_newest_ms);
size_t tree_entries(const struct tree *t);
uint64_t tree_bytes(const struct tree *t);

/* One tar stream of the whole tree or, where dir is not NULL, of what is in that one of its directories. In the manifest's order.
 * ERR_CONFLICT as soon as anything is not as the scan saw it, at the latest when the last byte has gone: then what was sent is
 * worth nothing, and the caller scans again. On 0, the tree stood still from the scan to the end of the stream. */
int tree_send(struct tree *t, const char *dir, const struct tree_sink *to, const struct call *c, struct err *e);

/* What was sent (or digested), head empty but for the directories. NULL as long as the digest of a file is not known. */
const struct manifest *tree_manifest(struct tree *t);

/* --- a stream -------------------------------------------------------------------------------------------------------------- */

struct tree_read_req {
    struct tree_limits limits;
    enum tree_links links;
    bool compressed;               /* the stream is one of gzip or zstd; false: it is a tar as it is */
    bool special_modes;            /* keep setuid, setgid and sticky bits */
    const struct manifest *expect; /* what must come out, else ERR_CONFLICT names some of the differences; may be NULL */
};

/* What a tar holds, writing nothing. ERR_INPUT: it is cut, damaged or sparse, has names that are absolute, lead outside or occur
 * twice, entries before their directory, hard links to what is no file in it, or is over a cap. A whole tar ends with two blocks
 * of zeros: one without is cut. The manifest is in the arena. */
int tree_index(struct arena *a, const struct tree_read_req *req, const struct tree_stream *from, const struct call *c,
               struct manifest *ret, struct tree_remarks *ret_remarks, struct err *e);

/* As tree_index, into directory `dir`, an absolute path whose parent exists and which does not exist itself (else ERR_CONFLICT).
 * It appears by one rename when everything is in it and on disk; until then, or when we are killed, there is only a sibling
 * ".NAME.part-<random>", which a failure removes. Its own mode is 0700. Hard links become files of their own. */
int tree_receive(struct arena *a, const struct tree_read_req *req, const struct tree_stream *from, const char *dir,
                 const struct call *c, struct manifest *ret, struct tree_remarks *ret_remarks, struct err *e);

/* --- compressed files --------------------------------------------------------------------------------------------------------
 */

enum tree_coding { TREE_ZSTD, TREE_GZIP, TREE_CODING_COUNT };

struct tree_archive;

struct tree_archive_info {
    uint64_t bytes;          /* of the file */
    char digest[DIGEST_HEX]; /* of the file */
};

/* A new file (0600) at an absolute path that must not exist, from the bytes of one tar. Nothing is at the path before the commit:
 * the bytes go to a sibling ".NAME.part-<random>". A full disk is ERR_IO with sys ENOSPC. */
int tree_archive_open(const char *path, enum tree_coding coding, struct tree_archive **ret, struct err *e);
/* Bytes of the tar, uncompressed. Good until the archive is closed. */
struct tree_sink tree_archive_sink(struct tree_archive *w);
/* Ends the file, puts it on disk, reads it back from there by tree_index (req->compressed is taken for granted), and only then
 * gives it its name. ret_info may be NULL. After it, whatever it returned, only close may follow. */
int tree_archive_commit(struct arena *a, struct tree_archive *w, const struct tree_read_req *req, const struct call *c,
                        struct manifest *ret, struct tree_archive_info *ret_info, struct err *e);
void tree_archive_close(struct tree_archive *w); /* accepts NULL; what is not committed goes */

/* A file as a stream. */
struct tree_file;
int tree_file_open(const char *path, struct tree_file **ret, struct err *e);
struct tree_stream tree_file_stream(struct tree_file *f);
void tree_file_close(struct tree_file *f); /* accepts NULL */

/* Removes what is at dir_fd/name, a directory with all in it or a file, following nothing. Gone already is fine. */
int tree_remove(int dir_fd, const char *name, const struct call *c, struct err *e);

#endif
