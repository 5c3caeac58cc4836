#include "conf/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever holds the lock; 0: nobody any more. */
static long holder(int file)
{
    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file, F_GETLK, &wanted) != 0 || wanted.l_type == F_UNLCK)
        return 0;
    return wanted.l_pid;
}

static bool take(int file, const char *directory, struct buf *error)
{
    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(file, F_SETLK, &wanted) == 0)
        return true;
    if (errno != EACCES && errno != EAGAIN) {
        buf_printf(error, "data directory %s cannot be locked: %s; give another with --datadir",
                   directory, strerror(errno));
        return false;
    }
    buf_printf(
        error,
        "data directory %s is in use by process %ld; stop that one or give another --datadir",
        directory, holder(file));
    return false;
}

enum status datadir_lock(int *lock, const char *directory, struct buf *error)
{
    char path[4096];
    *lock = -1;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        buf_printf(error, "data directory %s cannot be made: %s; give another with --datadir",
                   directory, strerror(errno));
        return STATUS_IO;
    }
    snprintf(path, sizeof path, "%s/LOCK", directory);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        buf_printf(error, "%s cannot be opened: %s; give another --datadir", path, strerror(errno));
        return STATUS_IO;
    }
    if (!take(file, directory, error)) {
        close(file);
        return STATUS_IO;
    }
    *lock = file;
    return STATUS_OK;
}

void datadir_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
