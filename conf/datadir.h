/* The data directory belongs to one process at a time. */
#ifndef GATEWAY_DATADIR_H
#define GATEWAY_DATADIR_H

#include "les/base/bytes.h"

/* Makes the directory if it is not there (0700) and takes its lock: DIR/LOCK, which holds until
 * datadir_unlock or the end of the process, however it comes. *lock gets the file. STATUS_IO: error
 * names the process that has it, or what else is wrong. */
enum status datadir_lock(int *lock, const char *directory, struct buf *error) WARN_UNUSED;
void datadir_unlock(int lock); /* negative: none */

#endif
