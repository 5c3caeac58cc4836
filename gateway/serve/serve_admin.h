/* The operator's view of a lesserve on one loopback port: GET /metrics, GET /health, and JSON-RPC
 * with go-ethereum's names (les_serverInfo, les_addBalance, admin_peers, ...; gateway/README.md
 * lists them). Off unless --admin.listen is given; only loopback addresses are taken, since whoever
 * reaches the port may change balances. */
#ifndef GATEWAY_SERVE_ADMIN_H
#define GATEWAY_SERVE_ADMIN_H

#include "gateway/serve/serve_find.h"
#include "gateway/serve/serve_node.h"
#include "les/node/ledger.h"
#include "les/proto/server_host.h"
#include "payment/balances.h"

/* What there is to see; all borrowed, and used until serve_admin_close. */
struct serve_parts {
    const struct chainspec *spec;
    struct les_backend *backend;
    struct server *server;
    struct server_host *host;
    struct serve_find *find;
    struct balances *balances;
    struct ledger *ledger; /* NULL over a full node */
};

struct serve_admin;
struct serve_admin_config {
    struct loop *loop;
    struct log *log;
    struct crypto *crypto;
    const struct conf_serve *conf;
    const char *client_version; /* static text */
    struct serve_node *node;    /* NULL: no full node */
};
/* Listens, and says where in the log; `admin http://HOST:PORT` goes to standard output once
 * serve_admin_serving was called. STATUS_INVALID,
 * STATUS_IO: error has got one line. */
enum status serve_admin_open(struct serve_admin **out, const struct serve_admin_config *config,
                             struct buf *error) WARN_UNUSED;
/* The server is open. parts is copied. */
void serve_admin_serving(struct serve_admin *admin, const struct serve_parts *parts);
/* Ends the listening and all connections; on_closed comes later, once. Then the parts may go, and
 * after loop_run serve_admin_free. */
void serve_admin_close(struct serve_admin *admin, void (*on_closed)(void *owner), void *owner);
void serve_admin_free(struct serve_admin *admin); /* NULL is legal */

#endif
