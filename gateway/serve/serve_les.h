/* lesserve's LES server: the machine, its place on the network, and how it is found. */
#ifndef GATEWAY_SERVE_LES_H
#define GATEWAY_SERVE_LES_H

#include "gateway/serve/serve_find.h"
#include "les/proto/server_host.h"

struct serve_les {
    struct server *server; /* all three or none */
    struct server_host *host;
    struct serve_find *find;
};
struct serve_les_config {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log;
    const struct conf_serve *conf;
    const char *client_id;
    const struct chainspec *spec; /* these must outlive it */
    struct les_backend *backend;
    struct server_balances *balances;
    uint64_t recent_state; /* as in struct server_config */
    bool plain_keys;
};
/* Loads or makes the node key, times the backend, listens. False: error has got one line, out is
 * empty. */
bool serve_les_open(struct serve_les *out, const struct serve_les_config *config,
                    struct buf *error) WARN_UNUSED;
/* Says goodbye to the clients; an empty one is legal, and afterwards it is one. */
void serve_les_close(struct serve_les *les);
/* One line: what this run was worth. Nothing of an empty one. */
void serve_les_log(const struct serve_les *les, struct log *log);

#endif
