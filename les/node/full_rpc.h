/* A JSON-RPC 2.0 client of the operator's own full node, over HTTP, WebSocket or an IPC socket, on
 * the links of struct loop. One object a node; one thread, the loop's.
 *
 * Calls made in one turn of the loop leave as one batch where the node takes batches (a node that
 * refuses one is asked one by one from then on). HTTP: FULL_LINKS_MAX connections with keep-alive,
 * one message on each at a time. WebSocket and IPC: one connection, FULL_IN_FLIGHT_MAX calls on it.
 * A connection that broke is made again, at once, then after growing waits; a call that was lost
 * with it is sent once more, so every call must be harmless when it happens twice.
 *
 * Nothing the node says is believed here or above: les/node/full_json.h compares with hashes. What
 * a broken or hostile node can cost is bounded by FULL_* in les/base/limits.h. */
#ifndef LES_NODE_FULL_RPC_H
#define LES_NODE_FULL_RPC_H

#include "les/base/log.h"
#include "les/base/loop.h"
#include "les/eth/types.h"

#include <jansson.h>

struct full_rpc;

struct full_rpc_config {
    /* http://HOST[:PORT][/PATH], ws://HOST[:PORT][/PATH], or the path of a Unix socket, plain or
     * after "ipc:". HOST is an IPv4 address, a bracketed IPv6 address, or localhost. The default
     * ports are 8545 and 8546. */
    const char *url;
    const char *authorization; /* value of that HTTP header ("Bearer ..."); NULL: none */
    uint64_t call_ms;          /* deadline of a call that names none; 0: FULL_CALL_MS */
    uint64_t poll_ms; /* how often the head is asked for where it is not announced; 0: FULL_POLL_MS
                       */
};

/* Everything in config is copied; log may be NULL. Connects as soon as the first call or watch is
 * there. INVALID: the address; *why (static text) says what is wrong with it, for https and wss
 * that a local node or a tunnel is needed. */
enum status full_rpc_new(struct full_rpc **out, struct loop *loop, struct log *log,
                         const struct full_rpc_config *config, const char **why) WARN_UNUSED;
/* NULL is legal. Calls under way are forgotten: their callbacks do not come. Legal from a callback.
 */
void full_rpc_free(struct full_rpc *rpc);

/* ---- calls ---- */
enum full_outcome {
    FULL_RESULT, /* result, which may be JSON null */
    FULL_ERROR,  /* the node answered with an error: code and message */
    FULL_FAILED  /* there is no answer: status */
};
struct full_reply {
    enum full_outcome outcome;
    json_t *result;      /* borrowed until the callback returns; json_incref keeps it */
    int64_t code;        /* as the node gave it */
    const char *message; /* FULL_ERROR: the node's text, borrowed, not to be trusted; FULL_FAILED:
                            why, borrowed */
    /* FULL_FAILED. UNAVAILABLE: not reachable (told at once
     * when it has not been for a while), or the connection was lost twice. TIMEOUT: the
     * call's deadline. LIMIT: too much waits already, or the answer is too large.
     * INVALID: what came is no answer to this call. FULL_RESULT: OK. FULL_ERROR: INVALID. */
    enum status status;
};
/* Does the node not know this method, or not offer it? By code and by the texts of the known nodes.
 */
bool full_reply_unsupported(const struct full_reply *reply);

struct full_call;
typedef void full_on_reply(void *owner, const struct full_reply *reply);
/* Calls method (copied). params is an array, stolen; NULL: none. deadline_ms counts from now; 0:
 * the config's. on_reply comes exactly once, never before this returns, unless the call is
 * cancelled or rpc is freed before. The call is valid until then; it may be forgotten. Never NULL.
 */
struct full_call *full_rpc_call(struct full_rpc *rpc, const char *method, json_t *params,
                                uint64_t deadline_ms, full_on_reply *on_reply, void *owner);
/* No callback comes any more. Before on_reply was called only. */
void full_call_cancel(struct full_call *call);

/* ---- the head ---- */
/* on_head: the node's newest block is another one than before; header is the node's object with the
 * block's fields (from a subscription: without transactions), borrowed, not checked: hash and
 * number are what it says. on_state: the node became reachable (with the protocol spoken), or
 * stopped being so; why is static text when it stopped. Either may be NULL. On WebSocket and IPC
 * the head comes by eth_subscribe("newHeads"), and every FULL_CHECK_MS it is asked for as well, in
 * case a subscription died in silence; on HTTP, or where the node has no subscriptions, it is asked
 * for every poll_ms. Again on every new connection. */
struct full_watch {
    void (*on_head)(void *owner, const struct hash32 *hash, uint64_t number, json_t *header);
    void (*on_state)(void *owner, bool up, const char *why);
};
/* At most once a rpc. watch must outlive it. */
void full_rpc_watch(struct full_rpc *rpc, const struct full_watch *watch, void *owner);
/* Asks for the head now: after something that makes a block. */
void full_rpc_poll(struct full_rpc *rpc);

/* ---- what happened ---- */
struct full_rpc_stats {
    bool up;                    /* the last exchange succeeded */
    bool batches;               /* the node takes them, as far as is known */
    bool subscribed;            /* new heads are announced */
    uint64_t queued, in_flight; /* calls, now */
    uint64_t calls, results, errors, failed, timeouts;
    uint64_t messages; /* sent: batches and single calls */
    uint64_t resent;   /* calls sent a second time */
    uint64_t faults;   /* answers that were none: not HTTP, not JSON, wrong ids, too large */
    uint64_t connects, disconnects;
    uint64_t bytes_in, bytes_out;
    uint64_t reply_us; /* sum over all results and errors, from the call to the callback */
};
void full_rpc_stats(const struct full_rpc *rpc, struct full_rpc_stats *out);

#endif
