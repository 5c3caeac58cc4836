/* Answers a LES server's questions out of a ledger and its pool, each before ask returns. */
#ifndef LES_NODE_BACKEND_H
#define LES_NODE_BACKEND_H

#include "les/node/pool.h"
#include "les/proto/server.h"

struct node_backend {
    struct les_backend base;
    struct ledger *ledger;
    struct pool *pool;
    /* A transaction came from a client and is in the pool now. May be NULL. envelope is as the
     * client sent it. */
    void (*on_tx)(void *owner, struct span envelope);
    void *owner;
};
/* ledger and pool must outlive it. */
void node_backend_init(struct node_backend *backend, struct ledger *ledger, struct pool *pool);

#endif
