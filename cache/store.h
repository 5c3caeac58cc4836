/* What must outlast a restart, in one SQLite file in the data directory: raw headers by hash, so
 * that the head of yesterday need not be fetched again. Nothing in the file is believed: headers
 * are checked by hash, and which of them are canonical is decided by the trusted servers' votes. A
 * broken or foreign file is set aside and a new one made. */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include "les/base/log.h"
#include "les/base/loop.h"
#include "les/proto/chain.h"

struct store;
/* Opens or makes DIR/headers.sqlite. STATUS_IO: error says what and what to do. genesis tells
 * chains apart: a file of another one is an error, not emptied. */
enum status store_open(struct store **out, struct loop *loop, struct log *log,
                       const char *directory, const struct hash32 *genesis,
                       struct buf *error) WARN_UNUSED;
void store_close(struct store *store); /* writes what is pending; NULL is legal */
struct chain_store *store_headers(struct store *store);

#endif
