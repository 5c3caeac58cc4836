/* A development chain: makes a block every so often out of what is in the pool, and, so that there
 * is something to look at, a little traffic of its own. For demos and tests; nobody seals anything.
 *
 * Needs a genesis past the merge (terminal total difficulty 0): blocks look like those of a merged
 * chain with an honest proposer. The head's time is that of the clock, but always one second after
 * its parent at least.
 *
 * Traffic: when the account of DEVCHAIN_KEY_TEXT has funds in the state of the head, every block
 * carries a transfer from it, and once in a while a call of a small contract that counts and logs.
 * Which, follows from the block's number alone. */
#ifndef LES_NODE_DEVCHAIN_H
#define LES_NODE_DEVCHAIN_H

#include "les/base/loop.h"
#include "les/node/pool.h"

#define DEVCHAIN_KEY_TEXT "lesgate development account" /* the secret key is the keccak of this */

struct devchain;
/* NULL: the chain has not merged; a line in error says so. Everything is borrowed. */
struct devchain *devchain_new(struct loop *loop, struct ledger *ledger, struct pool *pool,
                              const struct crypto *crypto, struct log *log, uint64_t period_ms,
                              struct buf *error);
void devchain_free(struct devchain *devchain); /* NULL is legal */
/* Makes one block now. False: it could not be made; the log says why. */
bool devchain_make_block(struct devchain *devchain);
void devchain_account(struct address20 *out, const struct crypto *crypto);

#endif
