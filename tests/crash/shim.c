/* Sits between a program and its files (LD_PRELOAD): counts the calls that change what lies below one folder, writes
 * each into a journal once it has succeeded, and ends the process before the n-th; or else lets the disk be full from
 * then on.
 *
 * A record of the journal: struct record, then the path, then the data (for link and rename the second path).
 * Everything happens under one lock, so the journal's order is the order of the calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct __attribute__((packed)) record {
    char what; /* c create, w write, t truncate, s sync, u unlink, r rename, l link, m mkdir, ! said by the program */
    int64_t offset;
    uint32_t path_size;
    uint32_t data_size;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_size; /* 0: nothing is watched yet */
static int journal = -1;
static long left = -1; /* calls before the end; below 0: it never comes */
static int filling; /* what comes is no end, but a disk without room */
static int full;    /* it has come */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note(char what, const char *path, int64_t offset, const void *data, size_t size)
{
    struct record head = {what, offset, (uint32_t)strlen(path), (uint32_t)size};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.path_size}, {(void *)data, size}};
    if (syscall(SYS_writev, journal, parts, 3) != (long)(sizeof head + head.path_size + size))
        _exit(70); /* a journal with holes proves nothing */
}

/* From now on, watch what lies below `below`, and end the process before the n-th change (counted from 1); or, with
 * `fill`, let every write from the n-th change on fail for want of room (new names mostly fit in what there is). */
void crash_arm(const char *below, const char *journal_path, long n, int fill)
{
    journal = (int)syscall(SYS_openat, AT_FDCWD, journal_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0)
        _exit(71);
    strncpy(folder, below, sizeof folder - 1);
    left = n - 1;
    filling = fill;
    folder_size = strlen(folder);
}

/* What the program says has happened; it stands in the journal when the call returns. */
void crash_say(const char *text)
{
    pthread_mutex_lock(&turn);
    note('!', "", 0, text, strlen(text));
    pthread_mutex_unlock(&turn);
}

static int watched(const char *path)
{
    return folder_size && strncmp(path, folder, folder_size) == 0
        && (path[folder_size] == '/' || path[folder_size] == '\0');
}

static int watched_file(int fd, char *path)
{
    char link[64];
    ssize_t size;
    if (!folder_size || fd == journal)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0)
        return 0;
    path[size] = '\0';
    return watched(path);
}

static void begin(void)
{
    pthread_mutex_lock(&turn);
    if (left == 0 && !filling)
        _exit(137);
    if (left > 0)
        left--;
    else if (left == 0)
        full = 1;
}

static void end(void)
{
    int kept = errno;
    pthread_mutex_unlock(&turn);
    errno = kept;
}

/* To be asked between begin and end: whether there is no room. */
static int no_room(void)
{
    if (full)
        errno = ENOSPC;
    return full;
}

ssize_t write(int fd, const void *data, size_t size)
{
    char path[PATH_MAX];
    ssize_t done;
    if (!watched_file(fd, path))
        return REAL(write)(fd, data, size);
    begin();
    off_t at = lseek(fd, 0, SEEK_CUR);
    done = no_room() ? -1 : REAL(write)(fd, data, size);
    if (done > 0)
        note('w', path, at, data, (size_t)done);
    end();
    return done;
}

static ssize_t write_at(int fd, const void *data, size_t size, off64_t at)
{
    char path[PATH_MAX];
    ssize_t done;
    if (!watched_file(fd, path))
        return REAL(pwrite64)(fd, data, size, at);
    begin();
    done = no_room() ? -1 : REAL(pwrite64)(fd, data, size, at);
    if (done > 0)
        note('w', path, at, data, (size_t)done);
    end();
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return write_at(fd, data, size, at); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return write_at(fd, data, size, at); }

static int cut(int fd, off64_t size)
{
    char path[PATH_MAX];
    int failed;
    if (!watched_file(fd, path))
        return REAL(ftruncate64)(fd, size);
    begin();
    failed = REAL(ftruncate64)(fd, size);
    if (!failed)
        note('t', path, size, "", 0);
    end();
    return failed;
}

int ftruncate64(int fd, off64_t size) { return cut(fd, size); }
int ftruncate(int fd, off_t size) { return cut(fd, size); }

#define SYNC(name)                          \
    int name(int fd)                        \
    {                                       \
        char path[PATH_MAX];                \
        int failed;                         \
        if (!watched_file(fd, path))        \
            return REAL(name)(fd);          \
        begin();                            \
        failed = REAL(name)(fd);            \
        if (!failed)                        \
            note('s', path, 0, "", 0);      \
        end();                              \
        return failed;                      \
    }
SYNC(fsync)
SYNC(fdatasync)

#define ON_PATH(name, what, declared, passed, path)  \
    int name declared                                \
    {                                                \
        int failed;                                  \
        if (!watched(path))                          \
            return REAL(name) passed;                \
        begin();                                     \
        failed = REAL(name) passed; \
        if (!failed)                                 \
            note(what, path, 0, "", 0);              \
        end();                                       \
        return failed;                               \
    }
ON_PATH(unlink, 'u', (const char *path), (path), path)
ON_PATH(unlinkat, 'u', (int at, const char *path, int flags), (at, path, flags), path)
ON_PATH(rmdir, 'u', (const char *path), (path), path)
ON_PATH(mkdir, 'm', (const char *path, mode_t mode), (path, mode), path)

#define FROM_TO(name, what, declared, passed)        \
    int name declared                                \
    {                                                \
        int failed;                                  \
        if (!watched(to))                            \
            return REAL(name) passed;                \
        begin();                                     \
        failed = REAL(name) passed; \
        if (!failed)                                 \
            note(what, from, 0, to, strlen(to));     \
        end();                                       \
        return failed;                               \
    }
FROM_TO(rename, 'r', (const char *from, const char *to), (from, to))
FROM_TO(renameat, 'r', (int f, const char *from, int t, const char *to), (f, from, t, to))
FROM_TO(link, 'l', (const char *from, const char *to), (from, to))
FROM_TO(linkat, 'l', (int f, const char *from, int t, const char *to, int flags), (f, from, t, to, flags))

static int open_file(const char *path, int flags, mode_t mode)
{
    int fd, fresh;
    if (!(flags & (O_CREAT | O_TRUNC)) || !watched(path))
        return REAL(open64)(path, flags, mode);
    /* Only this process makes files here while it is watched. */
    fresh = access(path, F_OK) != 0;
    if (!fresh && !(flags & O_TRUNC))
        return REAL(open64)(path, flags, mode);
    begin();
    fd = REAL(open64)(path, flags, mode);
    if (fd >= 0)
        note(fresh ? 'c' : 't', path, 0, "", 0);
    end();
    return fd;
}

#define OPEN(name)                                  \
    int name(const char *path, int flags, ...)      \
    {                                               \
        va_list rest;                               \
        mode_t mode;                                \
        va_start(rest, flags);                      \
        mode = va_arg(rest, mode_t);                \
        va_end(rest);                               \
        return open_file(path, flags, mode);        \
    }
OPEN(open)
OPEN(open64)
