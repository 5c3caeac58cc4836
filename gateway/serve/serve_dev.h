/* lesserve --dev: a development chain with a JSON-RPC of its own (gateway/serve/dev.h) on HTTP and
 * WebSocket. Options, genesis, what is printed, and the order of closing. */
#ifndef GATEWAY_SERVE_DEV_H
#define GATEWAY_SERVE_DEV_H

#include "conf/conf.h"
#include "conf/genesis.h"
#include "les/node/devchain.h"
#include "les/proto/server_host.h"

struct serve_dev;
struct serve_dev_options {
    struct loop *loop;
    struct log *log;
    struct crypto *crypto;
    const struct conf_serve *conf;
    const struct genesis *genesis;
    struct ledger *ledger;
    struct pool *pool;
    struct devchain *devchain;
    struct server *server;
    struct server_host *host;
};
/* The genesis that conf names, or the built-in one. From here on crypto takes the senders of
 * impersonated transactions. Failures: as genesis_load. */
enum status serve_dev_genesis(struct genesis **out, const struct conf_serve *conf,
                              struct crypto *crypto, struct buf *error) WARN_UNUSED;
/* Everything is borrowed. Writes the built-in genesis to DATADIR/genesis.json, which is there.
 * NULL: error has got one line. */
struct serve_dev *serve_dev_open(const struct serve_dev_options *options, struct buf *error);
/* Accounts and the address, to standard output. */
void serve_dev_print(const struct serve_dev *dev);
/* on_stopped comes once, later, when no call is under way any more; then the devchain and the
 * server may go. serve_dev_free: after it, when the loop does not run; without a stop before it
 * only if the loop never ran. NULL is legal. */
void serve_dev_stop(struct serve_dev *dev, void (*on_stopped)(void *owner), void *owner);
void serve_dev_free(struct serve_dev *dev);

#endif
