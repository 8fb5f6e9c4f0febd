/*
 * A file system in memory that can lose its power: `cutfs MOUNTPOINT`.
 *
 * Every file and directory has two states. The live one is what programs see. The durable one is what a power cut
 * leaves: the contents and the size as of the last fsync of the file, and the names as of the last fsync of their
 * directory. POSIX promises no more than that, and disks behave accordingly.
 *
 *     write ───────────▶ live page ──── fsync(file) ─────────▶ durable page
 *     create, rename,
 *     link, unlink ────▶ live name ──── fsync(directory) ────▶ durable name
 *
 * A durable page is kept only while it differs: the first write after an fsync copies the page aside (`undo`), and an
 * fsync forgets the copies.
 *
 * Writing "cut SEED" to the file `.cutfs` in the root cuts the power: each name that is not durable is undone, and of the
 * pages that are not durable, the seed decides which are undone: all, or some, or some sectors of them. Disks write pages
 * in any order, and a page in any order of its sectors. Reading `.cutfs` tells what was undone so far. The processes that
 * use the files must have ended before.
 *
 * It runs in one thread, and ends (and unmounts) with the process that started it.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, SECTOR = 512 };
static const char CONTROL[] = "/.cutfs";

struct node;

struct entry {
    char *name;
    struct node *node;
};

struct names {
    struct entry *entries;
    size_t count;
};

struct node {
    struct node *next; /* of all nodes */
    bool isMarked;
    int opens;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    ino_t number;
    struct timespec modified;
    /* a directory's */
    struct names live, durable;
    /* a file's; `undo` has one pointer per page of `capacity`, null where the page is durable */
    unsigned char *data;
    size_t size, durableSize, capacity;
    unsigned char **undo;
};

static struct node *nodes, *root;
static ino_t lastNumber;
static struct {
    unsigned cuts, names, pages, kept;
} lost;

static void *must(void *memory) {
    if (memory == NULL) {
        fputs("cutfs: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* ---- nodes and names ------------------------------------------------------------------------------------------- */

static struct node *makeNode(mode_t mode) {
    struct node *node = must(calloc(1, sizeof *node));
    struct fuse_context *caller = fuse_get_context();
    node->mode = mode;
    node->uid = caller == NULL ? getuid() : caller->uid;
    node->gid = caller == NULL ? getgid() : caller->gid;
    node->number = ++lastNumber;
    clock_gettime(CLOCK_REALTIME, &node->modified);
    node->next = nodes;
    nodes = node;
    return node;
}

static struct entry *findName(struct names *names, const char *name, size_t length) {
    for (size_t i = 0; i < names->count; i++) {
        const char *other = names->entries[i].name;
        if (strncmp(other, name, length) == 0 && other[length] == 0) return &names->entries[i];
    }
    return NULL;
}

static void addName(struct names *names, const char *name, struct node *node) {
    names->entries = must(realloc(names->entries, (names->count + 1) * sizeof *names->entries));
    names->entries[names->count].name = must(strdup(name));
    names->entries[names->count].node = node;
    names->count++;
}

static void removeName(struct names *names, struct entry *entry) {
    free(entry->name);
    *entry = names->entries[--names->count];
}

static void copyNames(struct names *to, const struct names *from) {
    for (size_t i = 0; i < to->count; i++) free(to->entries[i].name);
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) addName(to, from->entries[i].name, from->entries[i].node);
}

/* Null where a part of the path is missing. `last` gets the name after the last slash, of the parent that is returned. */
static struct node *findParent(const char *path, const char **last) {
    struct node *at = root;
    for (;;) {
        while (*path == '/') path++;
        const char *end = strchrnul(path, '/');
        if (*end == 0) {
            *last = path;
            return at;
        }
        struct entry *entry = findName(&at->live, path, (size_t)(end - path));
        if (entry == NULL || !S_ISDIR(entry->node->mode)) return NULL;
        at = entry->node;
        path = end;
    }
}

static struct node *find(const char *path) {
    const char *name;
    struct node *parent = findParent(path, &name);
    if (parent == NULL) return NULL;
    if (*name == 0) return parent;
    struct entry *entry = findName(&parent->live, name, strlen(name));
    return entry == NULL ? NULL : entry->node;
}

static struct node *nodeOf(const char *path, struct fuse_file_info *info) {
    return info != NULL && info->fh != 0 ? (struct node *)(uintptr_t)info->fh : find(path);
}

static void mark(struct node *node) {
    if (node->isMarked) return;
    node->isMarked = true;
    for (size_t i = 0; i < node->live.count; i++) mark(node->live.entries[i].node);
    for (size_t i = 0; i < node->durable.count; i++) mark(node->durable.entries[i].node);
}

static void forgetUndo(struct node *node) {
    for (size_t page = 0; page < node->capacity / PAGE; page++) {
        free(node->undo[page]);
        node->undo[page] = NULL;
    }
}

/* Frees what neither a name nor an open file leads to. */
static void collect(void) {
    for (struct node *node = nodes; node != NULL; node = node->next) node->isMarked = false;
    mark(root);
    for (struct node *node = nodes; node != NULL; node = node->next)
        if (node->opens > 0) mark(node);
    for (struct node **link = &nodes; *link != NULL;) {
        struct node *node = *link;
        if (node->isMarked) {
            link = &node->next;
            continue;
        }
        *link = node->next;
        forgetUndo(node);
        copyNames(&node->live, &(struct names){0});
        copyNames(&node->durable, &(struct names){0});
        free(node->live.entries);
        free(node->durable.entries);
        free(node->undo);
        free(node->data);
        free(node);
    }
}

/* ---- contents -------------------------------------------------------------------------------------------------- */

static void reserve(struct node *node, size_t size) {
    if (size <= node->capacity) return;
    size_t capacity = node->capacity == 0 ? 16 * PAGE : node->capacity;
    while (capacity < size) capacity *= 2;
    node->data = must(realloc(node->data, capacity));
    memset(node->data + node->capacity, 0, capacity - node->capacity);
    node->undo = must(realloc(node->undo, capacity / PAGE * sizeof *node->undo));
    for (size_t page = node->capacity / PAGE; page < capacity / PAGE; page++) node->undo[page] = NULL;
    node->capacity = capacity;
}

/* Before bytes of it change: keeps what is durable of the pages. */
static void keepPages(struct node *node, size_t from, size_t to) {
    for (size_t page = from / PAGE; page * PAGE < to; page++) {
        if (node->undo[page] != NULL) continue;
        node->undo[page] = must(malloc(PAGE));
        memcpy(node->undo[page], node->data + page * PAGE, PAGE);
    }
}

static void resize(struct node *node, size_t size) {
    reserve(node, size > node->size ? size : node->size);
    if (size < node->size) {
        keepPages(node, size, node->size);
        memset(node->data + size, 0, node->size - size);
    }
    node->size = size;
    clock_gettime(CLOCK_REALTIME, &node->modified);
}

/* ---- the power cut --------------------------------------------------------------------------------------------- */

/* SplitMix64, Steele et al., "Fast splittable pseudorandom number generators", 2014. */
static uint64_t nextRandom(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

enum cutMode { UNDO_ALL, UNDO_SOME_PAGES, UNDO_SOME_SECTORS };

static void cutFile(struct node *node, enum cutMode mode, uint64_t *random) {
    for (size_t page = 0; page < node->capacity / PAGE; page++) {
        unsigned char *undo = node->undo[page];
        if (undo == NULL) continue;
        unsigned char *data = node->data + page * PAGE;
        unsigned undone = 0;
        uint64_t choice = nextRandom(random);
        for (unsigned sector = 0; sector < PAGE / SECTOR; sector++) {
            bool isUndone = mode == UNDO_ALL || (choice >> (mode == UNDO_SOME_PAGES ? 0 : sector) & 1) != 0;
            if (!isUndone) continue;
            memcpy(data + sector * SECTOR, undo + sector * SECTOR, SECTOR);
            undone++;
        }
        if (undone == 0) lost.kept++;
        else lost.pages++;
    }
    forgetUndo(node);
    if (node->size > node->durableSize) memset(node->data + node->durableSize, 0, node->size - node->durableSize);
    node->size = node->durableSize;
}

static void cut(uint64_t seed) {
    uint64_t random = seed;
    lost.cuts++;
    for (struct node *node = nodes; node != NULL; node = node->next) {
        node->opens = 0;
        if (!S_ISDIR(node->mode)) {
            cutFile(node, (enum cutMode)(nextRandom(&random) % 3), &random);
            continue;
        }
        for (size_t i = 0; i < node->live.count; i++) {
            struct entry *live = &node->live.entries[i];
            struct entry *durable = findName(&node->durable, live->name, strlen(live->name));
            if (durable == NULL || durable->node != live->node) lost.names++;
        }
        copyNames(&node->live, &node->durable);
    }
    collect();
}

/* ---- what the kernel asks -------------------------------------------------------------------------------------- */

static int doGetattr(const char *path, struct stat *stat, struct fuse_file_info *info) {
    memset(stat, 0, sizeof *stat);
    if (path != NULL && strcmp(path, CONTROL) == 0) {
        stat->st_mode = S_IFREG | 0600;
        stat->st_nlink = 1;
        return 0;
    }
    struct node *node = nodeOf(path, info);
    if (node == NULL) return -ENOENT;
    stat->st_ino = node->number;
    stat->st_mode = node->mode;
    stat->st_nlink = S_ISDIR(node->mode) ? 2 : 1;
    stat->st_uid = node->uid;
    stat->st_gid = node->gid;
    stat->st_size = (off_t)node->size;
    stat->st_blocks = (blkcnt_t)((node->size + SECTOR - 1) / SECTOR);
    stat->st_mtim = stat->st_ctim = stat->st_atim = node->modified;
    return 0;
}

static int doReaddir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
                     enum fuse_readdir_flags flags) {
    (void)offset;
    (void)flags;
    struct node *node = nodeOf(path, info);
    if (node == NULL) return -ENOENT;
    fill(buffer, ".", NULL, 0, 0);
    fill(buffer, "..", NULL, 0, 0);
    for (size_t i = 0; i < node->live.count; i++) fill(buffer, node->live.entries[i].name, NULL, 0, 0);
    return 0;
}

static int make(const char *path, mode_t mode, struct node **made) {
    const char *name;
    struct node *parent = findParent(path, &name);
    if (parent == NULL) return -ENOENT;
    if (findName(&parent->live, name, strlen(name)) != NULL) return -EEXIST;
    struct node *node = makeNode(mode);
    addName(&parent->live, name, node);
    if (made != NULL) *made = node;
    return 0;
}

static int doMkdir(const char *path, mode_t mode) {
    return make(path, S_IFDIR | (mode & 07777), NULL);
}

static int doCreate(const char *path, mode_t mode, struct fuse_file_info *info) {
    struct node *node;
    int error = make(path, S_IFREG | (mode & 07777), &node);
    if (error != 0) return error;
    node->opens++;
    info->fh = (uint64_t)(uintptr_t)node;
    return 0;
}

static int doOpen(const char *path, struct fuse_file_info *info) {
    if (strcmp(path, CONTROL) == 0) {
        info->direct_io = 1;
        return 0;
    }
    struct node *node = find(path);
    if (node == NULL) return -ENOENT;
    if ((info->flags & O_TRUNC) != 0) resize(node, 0);
    node->opens++;
    info->fh = (uint64_t)(uintptr_t)node;
    return 0;
}

static int doOpendir(const char *path, struct fuse_file_info *info) {
    struct node *node = find(path);
    if (node == NULL) return -ENOENT;
    if (!S_ISDIR(node->mode)) return -ENOTDIR;
    node->opens++;
    info->fh = (uint64_t)(uintptr_t)node;
    return 0;
}

static int doRelease(const char *path, struct fuse_file_info *info) {
    (void)path;
    struct node *node = (struct node *)(uintptr_t)info->fh;
    if (node == NULL) return 0;
    if (node->opens > 0) node->opens--;
    return 0;
}

static int drop(const char *path, bool isDirectory) {
    const char *name;
    struct node *parent = findParent(path, &name);
    struct entry *entry = parent == NULL ? NULL : findName(&parent->live, name, strlen(name));
    if (entry == NULL) return -ENOENT;
    if (isDirectory && entry->node->live.count > 0) return -ENOTEMPTY;
    removeName(&parent->live, entry);
    collect();
    return 0;
}

static int doUnlink(const char *path) {
    return drop(path, false);
}

static int doRmdir(const char *path) {
    return drop(path, true);
}

static int doRename(const char *from, const char *to, unsigned flags) {
    if (flags != 0) return -EINVAL;
    const char *oldName, *newName;
    struct node *oldParent = findParent(from, &oldName), *newParent = findParent(to, &newName);
    if (oldParent == NULL || newParent == NULL) return -ENOENT;
    struct entry *entry = findName(&oldParent->live, oldName, strlen(oldName));
    if (entry == NULL) return -ENOENT;
    struct node *node = entry->node;
    removeName(&oldParent->live, entry);
    struct entry *replaced = findName(&newParent->live, newName, strlen(newName));
    if (replaced != NULL) replaced->node = node;
    else addName(&newParent->live, newName, node);
    collect();
    return 0;
}

static int doLink(const char *from, const char *to) {
    struct node *node = find(from);
    const char *name;
    struct node *parent = findParent(to, &name);
    if (node == NULL || parent == NULL) return -ENOENT;
    if (findName(&parent->live, name, strlen(name)) != NULL) return -EEXIST;
    addName(&parent->live, name, node);
    return 0;
}

static int doRead(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
    (void)path;
    struct node *node = (struct node *)(uintptr_t)info->fh;
    if (node == NULL) {
        char text[128];
        int length = snprintf(text, sizeof text, "cuts=%u names=%u pages=%u kept=%u\n", lost.cuts, lost.names, lost.pages,
                              lost.kept);
        if (offset >= length) return 0;
        size_t count = (size_t)(length - offset) < size ? (size_t)(length - offset) : size;
        memcpy(buffer, text + offset, count);
        return (int)count;
    }
    if ((size_t)offset >= node->size) return 0;
    size_t count = node->size - (size_t)offset < size ? node->size - (size_t)offset : size;
    memcpy(buffer, node->data + offset, count);
    return (int)count;
}

static int doWrite(const char *path, const char *buffer, size_t size, off_t offset, struct fuse_file_info *info) {
    (void)path;
    struct node *node = (struct node *)(uintptr_t)info->fh;
    if (node == NULL) {
        uint64_t seed;
        char text[64] = {0};
        memcpy(text, buffer, size < sizeof text ? size : sizeof text - 1);
        if (sscanf(text, "cut %" SCNu64, &seed) != 1) return -EINVAL;
        cut(seed);
        return (int)size;
    }
    size_t end = (size_t)offset + size;
    reserve(node, end);
    keepPages(node, (size_t)offset, end);
    memcpy(node->data + offset, buffer, size);
    if (end > node->size) node->size = end;
    clock_gettime(CLOCK_REALTIME, &node->modified);
    return (int)size;
}

static int doTruncate(const char *path, off_t size, struct fuse_file_info *info) {
    if (path != NULL && strcmp(path, CONTROL) == 0) return 0;
    struct node *node = nodeOf(path, info);
    if (node == NULL) return -ENOENT;
    resize(node, (size_t)size);
    return 0;
}

static int doFsync(const char *path, int isDataOnly, struct fuse_file_info *info) {
    (void)isDataOnly;
    struct node *node = nodeOf(path, info);
    if (node == NULL) return 0;
    forgetUndo(node);
    node->durableSize = node->size;
    return 0;
}

static int doFsyncdir(const char *path, int isDataOnly, struct fuse_file_info *info) {
    (void)isDataOnly;
    struct node *node = nodeOf(path, info);
    if (node == NULL) return -ENOENT;
    copyNames(&node->durable, &node->live);
    collect();
    return 0;
}

static int doUtimens(const char *path, const struct timespec times[2], struct fuse_file_info *info) {
    struct node *node = nodeOf(path, info);
    if (node == NULL) return -ENOENT;
    if (times[1].tv_nsec == UTIME_NOW) clock_gettime(CLOCK_REALTIME, &node->modified);
    else if (times[1].tv_nsec != UTIME_OMIT) node->modified = times[1];
    return 0;
}

static int doChmod(const char *path, mode_t mode, struct fuse_file_info *info) {
    struct node *node = nodeOf(path, info);
    if (node == NULL) return -ENOENT;
    node->mode = (node->mode & S_IFMT) | (mode & 07777);
    return 0;
}

static int doChown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *info) {
    struct node *node = nodeOf(path, info);
    if (node == NULL) return -ENOENT;
    if (uid != (uid_t)-1) node->uid = uid;
    if (gid != (gid_t)-1) node->gid = gid;
    return 0;
}

static int doStatfs(const char *path, struct statvfs *stat) {
    (void)path;
    memset(stat, 0, sizeof *stat);
    stat->f_bsize = stat->f_frsize = PAGE;
    stat->f_blocks = stat->f_bfree = stat->f_bavail = (fsblkcnt_t)1 << 22;
    stat->f_namemax = 255;
    return 0;
}

static void *doInit(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    /* An unlinked file that is open is gone, and nothing is remembered in the kernel that a cut would change. */
    config->hard_remove = 1;
    config->nullpath_ok = 1;
    config->use_ino = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("usage: cutfs MOUNTPOINT\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    root = makeNode(S_IFDIR | 0755);
    const struct fuse_operations operations = {
        .init = doInit, .getattr = doGetattr, .opendir = doOpendir, .readdir = doReaddir, .releasedir = doRelease, .mkdir = doMkdir, .rmdir = doRmdir,
        .unlink = doUnlink, .rename = doRename, .link = doLink, .create = doCreate, .open = doOpen,
        .release = doRelease, .read = doRead, .write = doWrite, .truncate = doTruncate, .fsync = doFsync,
        .fsyncdir = doFsyncdir, .utimens = doUtimens, .chmod = doChmod, .chown = doChown, .statfs = doStatfs,
    };
    char *arguments[] = {argv[0], argv[1], "-f", "-s", NULL};
    return fuse_main(4, arguments, &operations, NULL);
}
