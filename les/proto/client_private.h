/* What client.c (servers) and client_ops.c (questions) share. Nobody else includes this. */
#ifndef LES_PROTO_CLIENT_PRIVATE_H
#define LES_PROTO_CLIENT_PRIVATE_H

#include "les/base/limits.h"
#include "les/proto/session.h"

/* A server that went with something held against it. */
struct les_past {
    struct hash32 id;
    struct les_record record;
};

struct les_client {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log;
    const struct chainspec *spec;
    struct les_client_events events;
    void *owner;
    struct host *host;
    struct hash32 *trusted; /* node ids */
    size_t trusted_count;
    struct les_block_ref fork_head;
    uint64_t fork_time;
    struct les_server *servers[LES_SERVERS_MAX];
    size_t servers_count;
    struct les_past past[LES_PAST_SERVERS_MAX];
    size_t past_next;
    struct les_op *queue_head, *queue_tail;
    struct task schedule;
    struct timer retry; /* flow control or a server that may come */
    struct timer sweep;
    uint64_t next_id;
    bool closing;
    struct les_client_stats stats;
};

/* ---- client_ops.c ---- */
/* Sets up the tasks and timers of the queue; ends every question that is still there. */
void client_ops_init(struct les_client *client);
void client_ops_end(struct les_client *client);

#endif
