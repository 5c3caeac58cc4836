/* The server side of LES (les.md 3): sessions with light clients, flow control, announcements, and
 * the work of answering them out of a backend. Speaks les/2 to les/4 as go-ethereum's client
 * expects it.
 *
 * This is a machine without a network: clients hang on a line (server_attach);
 * les/proto/server_host.h puts it on devp2p. One loop, one thread. What one client can cost is
 * bounded (les/base/limits.h): its queue in requests and bytes, the bytes on their way to it, the
 * time a slice of work may hold the loop; clients take turns question by question.
 *
 * Price of service: a request is accepted at its maximum cost by the table of les.md 3.8 and
 * charged what it really took: the nanoseconds of this thread, times the part of the server's
 * capacity that recently active clients hold. A client alone on an idle server can so use all of
 * it, and pays the full price when others want their part.
 *
 * The table follows what requests really take (server_measure, then what is served): twice the
 * average, between a quarter of go-ethereum's price and the one at which its clients still get what
 * they count on (a third of the buffer for 192 headers, 64 transaction states, 16 helper proofs).
 * A client keeps the table of its Status for as long as it is connected.
 *
 * Balances (les.md 6.2): the operator gives a node id a balance in cost units. While it lasts the
 * client is served before others when places are scarce, may be given more capacity, and pays with
 * it: for the time it is connected and for its requests, by factors that the operator sets. What
 * clients use without a balance is counted too, fades, and decides who has to go first. */
#ifndef LES_PROTO_SERVER_H
#define LES_PROTO_SERVER_H

#include "les/base/log.h"
#include "les/base/loop.h"
#include "les/p2p/peer.h"
#include "les/proto/wire.h"

/* ---- questions to the backend ---- */
enum les_answer {
    LES_ANSWER_GIVEN,
    LES_ANSWER_NONE,       /* there is no such thing: left out of the reply */
    LES_ANSWER_UNAVAILABLE /* as NONE, and counted against the client: unknown block, state too old,
                              absent account */
};

/* One item of a request; for headers the whole run. Spans are borrowed until les_answer. */
struct les_question {
    unsigned code; /* LES_GET_BLOCK_HEADERS ...: which of `ask` */
    union {
        struct les_headers_query headers; /* amount 1..192 */
        struct hash32 block_hash;         /* bodies, receipts */
        struct les_code_item code;        /* account: 20 bytes (address) or 32 (its keccak) */
        struct les_proof_item proof;      /* account: empty, 20 or 32 bytes; key: at most 32 bytes,
                                             33 in a storage trie if plain_keys */
        struct les_helper_item helper;
        struct {
            struct span envelope; /* legacy: the list; typed: type || rlp; well formed */
            struct hash32 hash;
        } send_tx;
        struct hash32 tx_hash;
    } ask;

    /* The answer. The buffers are the server's; they come empty and the backend appends:
     * headers: raw headers one after another (none: GIVEN with nothing); body, receipts: one raw
     * RLP item; code: its bytes; proof, helper: raw trie nodes, and in node_hashes 32 bytes for
     * each of them in the same order. */
    struct buf out;
    struct buf node_hashes;
    struct buf aux;              /* helper: the header if it was asked for */
    struct les_tx_status status; /* send_tx, tx_status; error is static text or lies in out */

    void *private_job;
    bool private_answered;
    enum les_answer private_answer;
};
/* Completes a question; exactly once for each. Legal from within ask and at any time later, until
 * forget. */
void les_answer(struct les_question *question, enum les_answer answer);

/* The head of the chain as clients are told. */
struct les_serve_head {
    struct les_block_ref block;
    struct u256 td;
    bool merged; /* difficulty 0: ordered by number from here on */
    uint64_t time;
    bool has_safe, has_finalized;
    struct les_block_ref safe, finalized;
    bool has_checkpoint; /* newest section with helper tries */
    struct les_checkpoint checkpoint;
};

struct les_backend;
struct les_backend_ops {
    /* Starts a question. The backend calls les_answer once, before ask returns or later. */
    void (*ask)(struct les_backend *backend, struct les_question *question);
    /* The server wants no answer any more: afterwards question is not touched. Only for questions
     * not yet answered. */
    void (*forget)(struct les_backend *backend, struct les_question *question);
    void (*head)(struct les_backend *backend, struct les_serve_head *out);
    /* The number of the newest common ancestor of two blocks that were both heads. False: it is not
     * known any more. */
    bool (*ancestor)(struct les_backend *backend, const struct hash32 *a, const struct hash32 *b,
                     uint64_t *number);
};
struct les_backend {
    const struct les_backend_ops *ops;
};

/* ---- the server ---- */
struct server;
struct server_config {
    const struct chainspec *spec; /* must outlive the server */
    struct seckey32 key;          /* signs announcements */
    uint64_t recent_state;        /* serveRecentState: 0 all */
    uint64_t recent_tx_lookup;    /* recentTxLookup: 0 all, 1 none */
    bool plain_keys;   /* the backend takes the plain keys of les_proof_item; clients are told */
    uint64_t capacity; /* of a new client, in units of the smallest (16,000 a millisecond); 0 counts
                          as 1 */
    uint64_t capacity_total; /* what this server can give; 0 counts as one processor (62) */
    /* Tells of heads and answers GetBlockHeaders, so that clients can link them; any other request
     * is passed over in silence. Its Status says neither chain, state nor relay of transactions. */
    bool announce_only;
    uint64_t clients_max;             /* after their Status; 0: whatever the network lets in */
    struct server_balances *balances; /* borrowed; NULL: none outlive their connection */
};
#define SERVER_RECHARGE_UNIT                                                                       \
    16000ul /* cost units per millisecond, the smallest capacity of go-ethereum */
#define SERVER_BUFFER_UNIT 96000000ul /* BL at that capacity: 6 s of recharge */

/* backend and crypto must outlive the server; log may be NULL. config is copied. */
struct server *server_new(struct loop *loop, struct crypto *crypto, struct log *log,
                          const struct server_config *config, struct les_backend *backend);
/* Closes every line with "quitting", forgets every question. */
void server_free(struct server *server);
/* The backend has a new head. Broadcast to those who want it, if it is ahead of the last broadcast.
 */
void server_head_changed(struct server *server);
/* The same for a backend that follows another's choice: a head that is not ahead (the same height,
 * or a step back) is told to clients that said lesgate/anyHead. */
void server_head_switched(struct server *server);
/* Times questions about the head, SERVER_MEASURE_US at most, for the first cost table. Before there
 * are clients. A backend that does not answer at once is learned about as it serves. */
void server_measure(struct server *server);

/* ---- clients ---- */
struct server_line_ops {
    bool (*send)(void *line, unsigned code,
                 struct span payload); /* false: the line cannot take it */
    /* The server ends it; afterwards the line does not know its client any more and no op is
     * called. */
    void (*close)(void *line, enum peer_reason reason);
    size_t (*queue_size)(void *line); /* bytes on their way */
    void (*pause)(void *line, bool paused);
};
struct server_client;
/* A client is there: our Status goes out at once. NULL: the Status could not be sent; nothing holds
 * line then. ops must outlive the client; version is 2 to 4; id is its node id. */
struct server_client *server_attach(struct server *server, const struct server_line_ops *ops,
                                    void *line, unsigned version, const struct hash32 *id);
/* A message of it; payload is borrowed. The client may be gone when this returns: the line was
 * closed then. */
void server_message(struct server_client *client, unsigned code, struct span payload);
/* The line is gone; the client is freed. Not after close. */
void server_detach(struct server_client *client);

/* Gives the client with this node id a capacity, in units; announced to it. A cut takes effect
 * after SERVER_CUT_DELAY_MS. False: it is not connected. */
bool server_set_capacity(struct server *server, const struct hash32 *id, uint64_t capacity);

/* ---- balances ----
 * Amounts are cost units, at most INT64_MAX. */
struct server_balances {
    uint64_t (*load)(struct server_balances *balances, const struct hash32 *id); /* 0: none */
    void (*save)(struct server_balances *balances, const struct hash32 *id, uint64_t amount);
};
/* Cost units: for a nanosecond connected; for one at a million units per millisecond of capacity;
 * for each unit that a request was charged. */
struct server_factors {
    double time, capacity, request;
};
struct server_pricing {
    struct server_factors positive, negative; /* while there is a balance; when there is none */
};
struct server_client_info {
    struct hash32 id;
    unsigned version;
    uint64_t connected_ms;
    uint64_t capacity; /* units per millisecond */
    uint64_t balance, debt;
};
/* Clients after their Status. False: not connected. */
bool server_client_info(struct server *server, const struct hash32 *id,
                        struct server_client_info *out);
void server_each_client(struct server *server,
                        void (*each)(void *owner, const struct server_client_info *info),
                        void *owner);
uint64_t server_balance(struct server *server, const struct hash32 *id); /* connected or not */
/* Adds to a balance, which ends at 0 or more. False: it would pass INT64_MAX; nothing changed. */
bool server_add_balance(struct server *server, const struct hash32 *id, int64_t amount,
                        uint64_t *before, uint64_t *after);
/* id NULL: for clients to come. False: not connected. */
bool server_pricing_get(struct server *server, const struct hash32 *id, struct server_pricing *out);
bool server_pricing_set(struct server *server, const struct hash32 *id,
                        const struct server_pricing *pricing);
/* Settles and writes all balances now. */
void server_save_balances(struct server *server);
/* Sends Stop, as if its buffer had run out; or ends the connection. False: not connected. */
bool server_freeze_client(struct server *server, const struct hash32 *id);
bool server_drop_client(struct server *server, const struct hash32 *id);
/* Units per millisecond: what it can give, and what clients after their Status hold. */
void server_capacities(const struct server *server, uint64_t *total, uint64_t *connected);
uint64_t server_priority_capacity(const struct server *server); /* of those with a balance */

struct server_stats {
    uint64_t clients;       /* now, after their Status */
    uint64_t clients_total; /* so far */
    uint64_t requests[LES_COST_CODES_COUNT], items[LES_COST_CODES_COUNT];
    uint64_t replies, reply_bytes;
    uint64_t ignored; /* requests with no item or too many, or while frozen */
    uint64_t stops, resumes;
    uint64_t unavailable;   /* items that counted against a client */
    uint64_t refused;       /* Status not accepted */
    uint64_t dropped;       /* closed by us after Status */
    uint64_t announcements; /* messages sent with a head */
    uint64_t cost_charged, work_us;
    uint64_t queued;    /* requests waiting or in work, now */
    uint64_t displaced; /* clients that had to go for one with a balance; turned away for want of
                           a place */
    uint64_t turned_away;
    uint64_t price_1024[LES_COST_CODES_COUNT]; /* prices now, in 1/1024 of go-ethereum's */
};
void server_stats(const struct server *server, struct server_stats *out);

#endif
