/* The balances of a LES server's clients on disk: DIR/balances.sqlite, one row for each node id
 * that has any. What it says is money's worth, so a broken file is an error and is not replaced by
 * an empty one. */
#ifndef PAYMENT_BALANCES_H
#define PAYMENT_BALANCES_H

#include "les/base/log.h"
#include "les/proto/server.h"

struct balances;
/* directory must exist. STATUS_IO: error has got a line that says what and what to do. log may be
 * NULL. */
enum status balances_open(struct balances **out, struct log *log, const char *directory,
                          struct buf *error) WARN_UNUSED;
void balances_close(struct balances *balances); /* NULL is legal */
/* For struct server_config; valid until balances_close. A row that cannot be written leaves a line
 * in the log. */
struct server_balances *balances_seam(struct balances *balances);
/* The ids from first to last (inclusive), in order, at most count of them. */
void balances_each(struct balances *balances, const struct hash32 *first, const struct hash32 *last,
                   size_t count,
                   void (*each)(void *owner, const struct hash32 *id, uint64_t amount),
                   void *owner);

#endif
