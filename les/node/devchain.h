/* A development chain: makes blocks out of what is in the pool, for demos, tests and scripts;
 * nobody seals anything. Three ways, which may be mixed: by interval, on demand (automine: a
 * transaction that can be in a block gets one at once), and when told to.
 *
 * The next block must be past the merge: the chain's spec has a terminal total difficulty, and the
 * head has reached it. Blocks look like those of a merged chain with an honest proposer.
 *
 * Time: a block has the time of the clock, moved by an offset, but always one second after its
 * parent at least; then the clock goes on from there. Everything that makes a block differ follows
 * from the clock, the pool and what was set here: two chains of one simulated world are the same,
 * block by block.
 *
 * Irregular blocks: a state changed by hand, a base fee that was set, a gas limit that jumps. They
 * are blocks like others for whoever asks for proofs. Whoever executes them (les/node/follow.h)
 * refuses them. A change of the state is a block of its own without transactions, with the words
 * DEVCHAIN_MARK as its extra data.
 *
 * Traffic: when the account of DEVCHAIN_KEY_TEXT has funds in the state of the head, every block
 * carries a transfer from it, and once in a while a call of a small contract that counts and logs.
 * Which, follows from the block's number alone. */
#ifndef LES_NODE_DEVCHAIN_H
#define LES_NODE_DEVCHAIN_H

#include "les/base/loop.h"
#include "les/node/pool.h"

#define DEVCHAIN_KEY_TEXT "lesgate development account" /* the secret key is the keccak of this */
#define DEVCHAIN_MARK     "irregular state"

struct devchain;
/* NULL: the chain has not merged; a line in error says so. Everything is borrowed. period_ms 0: no
 * interval. Automine is off at first. */
struct devchain *devchain_new(struct loop *loop, struct ledger *ledger, struct pool *pool,
                              const struct crypto *crypto, struct log *log, uint64_t period_ms,
                              struct buf *error);
void devchain_free(struct devchain *devchain); /* NULL is legal */
/* The rules of a chain whose head is not past the merge, changed so that its next block is: no hash
 * of a block that exists changes by that. head_td: the total difficulty of that head. */
void devchain_merge(struct chainspec *spec, const struct u256 *head_td);
/* Makes one block now. False: it could not be made; the log says why. */
bool devchain_make_block(struct devchain *devchain);
void devchain_account(struct address20 *out, const struct crypto *crypto);

/* ---- when ---- */
void devchain_set_automine(struct devchain *devchain, bool automine);
bool devchain_automine(const struct devchain *devchain);
void devchain_set_interval(struct devchain *devchain, uint64_t period_ms); /* 0: none */
uint64_t devchain_interval(const struct devchain *devchain);
/* A transaction has come into the pool: with automine, a block is made later in this turn. */
void devchain_tx_came(struct devchain *devchain);
/* With automine: makes the blocks that are due now. False: one could not be made. */
bool devchain_mine_due(struct devchain *devchain);
/* Makes count blocks, a few milliseconds' worth at a stretch, each interval_s after the one before
 * (0 counts as 1; the first one takes the time that is next). on_done comes once, later; good
 * false: a block could not be made. One such run at a time: false, and no on_done, while another
 * goes on. While it runs (devchain_is_busy, up to the last block) no other block is made. */
bool devchain_make_blocks(struct devchain *devchain, uint64_t count, uint64_t interval_s,
                          void (*on_done)(void *owner, bool good), void *owner) WARN_UNUSED;
bool devchain_is_busy(const struct devchain *devchain); /* NULL: false */
/* Why the transaction that was thrown out of the pool last was not fit for a block; static text. */
const char *devchain_refusal(const struct devchain *devchain);

/* ---- what the next block is like ---- */
int64_t devchain_offset_s(const struct devchain *devchain);
void devchain_add_offset(struct devchain *devchain, int64_t seconds);
#define DEVCHAIN_TIME_MAX (INT64_MAX / 2) /* sums of times stay within 64 bits */
/* The exact time of the next block; the clock goes on from there. False: not after the head's, or
 * over DEVCHAIN_TIME_MAX. */
bool devchain_set_next_time(struct devchain *devchain, uint64_t timestamp) WARN_UNUSED;
/* What a block that is made now would have. */
void devchain_next_header(struct devchain *devchain, struct header *out);
void devchain_set_next_base_fee(struct devchain *devchain, const struct u256 *base_fee);
void devchain_set_next_randao(struct devchain *devchain, const struct hash32 *randao);
/* For all blocks from the next one on. */
void devchain_set_gas_limit(struct devchain *devchain, uint64_t gas_limit);
void devchain_set_coinbase(struct devchain *devchain, const struct address20 *coinbase);

/* ---- the state by hand ---- */
/* Changes the state as apply does, in an empty block that is made now. apply returns false when the
 * state lacks something (a bug of ours); accounts it changes must be loaded. What was set for the
 * next block stays set. False: no block was made. */
bool devchain_change(struct devchain *devchain, bool (*apply)(void *owner, struct evm_state *state),
                     void *owner);

/* ---- back ---- */
/* Remembers head, pool and everything set here under a number, 1 and up. */
uint64_t devchain_snapshot(struct devchain *devchain);
/* Goes back there; this one and later ones are gone. False: there is none with that number. */
bool devchain_revert(struct devchain *devchain, uint64_t id) WARN_UNUSED;
/* The head goes back by so many blocks; their transactions are lost. False: the chain is not that
 * long. Blocks made from here on differ from those left behind. */
bool devchain_go_back(struct devchain *devchain, uint64_t blocks) WARN_UNUSED;
/* To the genesis, and everything as at the start but how blocks are made. */
void devchain_reset(struct devchain *devchain);

#endif
