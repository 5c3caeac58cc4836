/* Puts a LES server on devp2p: a host that listens and offers les/2 to les/4. */
#ifndef LES_PROTO_SERVER_HOST_H
#define LES_PROTO_SERVER_HOST_H

#include "les/p2p/host.h"
#include "les/proto/server.h"

struct server_host;
struct server_host_config {
    struct seckey32 key;
    const char *client_id;  /* copied */
    struct endpoint listen; /* port 0: any free one */
    size_t clients_max;     /* at most HOST_PEERS_MAX */
};
/* server must outlive the host's use of it: free the server first (it says goodbye to its clients),
 * then the host. STATUS_IO: the listening address cannot be had. */
enum status server_host_new(struct server_host **out, struct loop *loop, struct crypto *crypto,
                            struct log *log, const struct server_host_config *config,
                            struct server *server) WARN_UNUSED;
void server_host_free(struct server_host *host); /* NULL is legal */
struct host *
server_host_inside(struct server_host *host); /* for its enode, discovery and metrics */

#endif
