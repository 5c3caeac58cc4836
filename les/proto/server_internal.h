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
    bool ready;                       /* in the server's list of those with something to do */
    bool blocked;                     /* taken out of it for this slice: its line is full */
    struct server_client *ready_next; /* in either list */
    enum les_announce_type announce_type;
    bool any_head;              /* it hears of heads that are not ahead */
    struct les_serve_head told; /* the newest head it was sent */
    struct flow_server flow;
    struct les_cost prices[LES_COST_CODES_COUNT]; /* as its Status said */
    uint64_t capacity, capacity_next;
    uint64_t connected_ms;
    struct server_pricing pricing;
    uint64_t balance;    /* as of settled_ms */
    double balance_part; /* of a unit, still owed */
    double debt;         /* used without a balance; fades */
    uint64_t settled_ms;
    bool raised;              /* it has more capacity than others for its balance */
    bool balance_changed;     /* since it was loaded or saved */
    struct timer cut;         /* to capacity_next */
    struct timer state_timer; /* the Status must come; frozen: look at the buffer */
    struct server_job *jobs, **jobs_tail;
    size_t jobs_count, jobs_bytes; /* bytes with the jobs themselves */
    size_t frozen_bytes;           /* that came after Stop */
    uint64_t active_ms;            /* when its last request came */
    uint64_t invalid, invalid_ms;
};

/* What items of one kind took lately, against go-ethereum's estimates. */
struct server_price {
    uint64_t expected_ns, spent_ns;
};

struct server {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log;
    struct server_config config;
    struct les_backend *backend;
    struct server_client *clients;
    struct server_client *ready, **ready_tail; /* they take turns */
    struct server_client *blocked;             /* within a slice */
    size_t jobs_bytes;                         /* of all clients */
    size_t out_bytes; /* on their way to all clients, or more: what was taken since is not known */
    struct timer run; /* the next slice of work */
    struct timer watch;              /* for requests that wait too long */
    uint64_t step_us;                /* when the step under way began */
    struct les_serve_head broadcast; /* the last one */
    uint64_t share_ms, share_1024;   /* part of the capacity in use, in 1/1024, as of share_ms */
    struct server_price prices[LES_COST_CODES_COUNT];
    struct server_pricing pricing; /* of clients to come */
    struct timer settle;           /* while anybody has a balance */
    uint64_t saved_ms;
    struct server_stats stats;
};

/* ---- server.c ---- */
void server_drop(struct server_client *client, enum peer_reason reason, const char *why);
/* Stop, or the end under les/2: what it asked for is dead. */
void server_freeze(struct server_client *client, const char *why);
bool server_send(struct server_client *client, unsigned code,
                 struct span payload); /* false: dropped */
/* The network, or a client, may be read again. */
void server_read_again(struct server_client *client);
/* One more item that was not there. False: that was one too many, the client is dropped. */
bool server_count_unavailable(struct server_client *client);
struct server_client *server_find(struct server *server, const struct hash32 *id); /* NULL: none */

/* ---- server_price.c ---- */
void server_price_init(struct server *server);
/* The table for a client that comes now. */
void server_price_table(const struct server *server, struct les_cost out[LES_COST_CODES_COUNT]);
uint64_t server_price_1024(const struct server *server, size_t index);
/* items of a kind took so long. */
void server_price_note(struct server *server, size_t index, uint64_t items, uint64_t work_us);

/* ---- server_balance.c ---- */
void server_balance_init(struct server *server);
void server_balance_open(struct server_client *client);  /* it has come */
void server_balance_close(struct server_client *client); /* it goes */
void server_balance_charge(struct server_client *client, uint64_t cost);
/* Makes a place for a client that is accepted now. False: there is none, it is to be dropped. */
bool server_make_place(struct server_client *client);

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
