/* lesserve over the operator's full node: the address, the genesis, the check that both are of one
 * chain, and the backend that follows the node. */
#ifndef GATEWAY_SERVE_NODE_H
#define GATEWAY_SERVE_NODE_H

#include "conf/conf.h"
#include "les/node/full.h"

struct serve_node;
struct serve_node_events {
    /* The head is verified: spec, backend and recent_state can be used. Once. */
    void (*on_ready)(void *owner);
    void (*on_head)(void *owner, const struct les_serve_head *head); /* from the second on */
    /* It can never be: why in one line, borrowed. The object is to be freed, from here if need be.
     */
    void (*on_failed)(void *owner, struct span why);
};
/* Reads node_* and genesis of conf. Without a genesis the node's own is taken, if it tells its
 * rules, and written to DATADIR/genesis.json for clients. A node that is not there yet is waited
 * for. NULL: error has got one line. Callbacks come later, never from here. */
struct serve_node *serve_node_new(struct loop *loop, struct log *log, const struct conf_serve *conf,
                                  const struct serve_node_events *events, void *owner,
                                  struct buf *error);
void serve_node_free(struct serve_node *node); /* NULL is legal; the server must be gone */

/* After on_ready. */
const struct chainspec *serve_node_spec(const struct serve_node *node);
struct les_backend *serve_node_backend(struct serve_node *node);
/* For serveRecentState; where the node proves nothing at all: 1. */
uint64_t serve_node_recent_state(const struct serve_node *node);
/* Zero before on_ready. rpc may be NULL. */
void serve_node_stats(const struct serve_node *node, struct full_stats *full,
                      struct full_rpc_stats *rpc);

#endif
