/* Follows the chain of another lesserve over LES: every head it announces is fetched with what lies
 * between it and our ledger, and executed, so a follower serves nothing it has not checked.
 * Transactions that clients send here are passed on.
 *
 * The leader decides the order of blocks; it is dialled and kept as a trusted server. Several
 * followers of one leader have the same chain without knowing each other. */
#ifndef LES_NODE_FOLLOW_H
#define LES_NODE_FOLLOW_H

#include "les/node/ledger.h"
#include "les/proto/client.h"

struct follow;
/* Everything is borrowed; leader is copied. The connection has a key of its own, made anew each
 * time. */
enum status follow_new(struct follow **out, struct loop *loop, struct crypto *crypto,
                       struct log *log, struct ledger *ledger,
                       const struct enode *leader) WARN_UNUSED;
void follow_free(struct follow *follow); /* NULL is legal */
/* Passes a transaction on; envelope is copied. At most FOLLOW_TXS_MAX are under way, further ones
 * are dropped with a line in the log. */
void follow_send_tx(struct follow *follow, struct span envelope);

#endif
