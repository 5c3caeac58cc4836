/* Rendered answers, so that a question asked again costs no walk through tries: rpc.h asks here
 * before it calls a handler. They live in the light client's cache, under keys that hold the hash
 * of the block they belong to: a reorg makes them unreachable, not wrong.
 *
 *   BLOCK   key: hash of the block that the parameters name, as long as it is known to be
 * canonical; method; the other parameters. eth_getLogs: hash of the last block and number of the
 *           first.
 *   HEAD    key: hash of the head; method; parameters.
 *   TX      key: method; parameters. The value holds the hash of the block that the transaction is
 *           in and counts only while that is known to be canonical.
 *   STATIC  not kept: their handlers are cheaper than a look-up.
 *
 * A call whose very text was answered before under the same head is found by that text, without
 * its parameters being read again.
 *
 * null is kept under the head's hash only, so it is asked for again with the next head. Errors and
 * whatever is said about `pending` are not kept. */
#ifndef GATEWAY_ANSWERS_H
#define GATEWAY_ANSWERS_H

#include "gateway/light/light.h"
#include "gateway/rpc/rpc.h"

/* light may be closed before answers_free, once no call runs any more. */
struct rpc_answers *answers_new(struct light *light);
void answers_free(struct rpc_answers *answers); /* NULL is legal */

#endif
