/* Inside the LES server: server.c (clients, Status, messages), server_job.c (requests in work),
 * server_announce.c. */
#ifndef LES_PROTO_SERVER_INTERNAL_H
#define LES_PROTO_SERVER_INTERNAL_H

#include "les/base/limits.h"
#include "les/proto/flow.h"
#include "les/proto/server.h"

enum server_client_state { CLIENT_HANDSHAKE, CLIENT_READY, CLIENT_FROZEN };

/* One accepted request. */
struct server_job {
    struct server_client *client;
    struct server_job *next; /* of the client, in order of arrival */
    unsigned code;
    uint64_t id;
    uint64_t items_count, issued, consumed;
    uint64_t ticket, cost_max;
    uint64_t arrived_ms;
    uint64_t work_us;
    uint8_t *payload; /* own copy */
    size_t payload_size;
    struct les_items items; /* not yet issued; points into payload */
    struct les_headers_query headers;
    struct les_question *window[SERVER_WINDOW]; /* by item index modulo the size */
    struct buf body;                            /* of the reply */
    struct buf aux;
    struct server_seen *seen;
    bool failed; /* an item failed in a way that leaves no reply at all */
    bool asking; /* its ask is on the stack */
    bool dead;   /* ended while asking: freed when the ask returns */
};

struct server_client {
    struct server *server;
    struct server_client *previous, *next;
    const struct server_line_ops *ops;
    void *line;
    unsigned version;
    struct hash32 id;
    enum server_client_state state;
    bool gone; /* memory until the end of the turn */
    bool paused;
    bool ready; /* in the server's list of those with something to do */
    struct server_client *ready_next;
    enum les_announce_type announce_type;
    struct les_serve_head told; /* the newest head it was sent */
    struct flow_server flow;
    uint64_t capacity, capacity_next;
    struct timer cut;         /* to capacity_next */
    struct timer state_timer; /* the Status must come; frozen: look at the buffer */
    struct server_job *jobs, **jobs_tail;
    size_t jobs_count, jobs_bytes;
    uint64_t active_ms; /* when its last request came */
    uint64_t invalid, invalid_ms;
};

struct server {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log;
    struct server_config config;
    struct les_backend *backend;
    struct server_client *clients;
    struct server_client *ready, **ready_tail; /* they take turns */
    struct timer run;                          /* the next slice of work */
    struct timer watch;                        /* for requests that wait too long */
    uint64_t step_us;                          /* when the step under way began */
    struct les_serve_head broadcast;           /* the last one */
    uint64_t share_ms, share_1024; /* part of the capacity in use, in 1/1024, as of share_ms */
    struct server_stats stats;
};

/* ---- server.c ---- */
void server_drop(struct server_client *client, enum peer_reason reason, const char *why);
/* Stop, or the end under les/2: what it asked for is dead. */
void server_freeze(struct server_client *client, const char *why);
bool server_send(struct server_client *client, unsigned code,
                 struct span payload); /* false: dropped */
/* One more item that was not there. False: that was one too many, the client is dropped. */
bool server_count_unavailable(struct server_client *client);
struct les_flow_params server_flow_params(uint64_t capacity);

/* ---- server_job.c ---- */
/* A request that may be accepted: checks it, takes its price and puts it in the queue. */
void server_request(struct server_client *client, unsigned code, struct span payload);
void server_drop_jobs(struct server_client *client);
void server_on_run(struct timer *timer);
void server_on_watch(struct timer *timer);

/* ---- server_announce.c ---- */
/* Is a ahead of b? */
bool server_head_ahead(const struct les_serve_head *a, const struct les_serve_head *b);
/* Tells a client that has just been accepted if the head moved since our Status. */
void server_tell_newcomer(struct server_client *client);
void server_tell_capacity(struct server_client *client, uint64_t capacity);

#endif
