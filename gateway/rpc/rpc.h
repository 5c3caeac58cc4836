/* JSON-RPC 2.0 as go-ethereum speaks it (its package rpc): parsing, batches, notifications, ids,
 * error codes and texts, deadlines, limits. Knows neither HTTP nor WebSocket nor any method; both
 * are given to it.
 *
 * Down: rpc_submit takes one message from a transport. Each call in it becomes a struct call, goes
 * to its method's handler and ends exactly once, in call_ok or call_fail, at once or later. When
 * the last call of the message has ended, the reply goes up. */
#ifndef GATEWAY_RPC_H
#define GATEWAY_RPC_H

#include "gateway/rpc/json.h"
#include "les/base/log.h"
#include "les/base/loop.h"

struct rpc;
struct call;

/* ---- for handlers ---- */

/* Returned only by call_ok, call_fail and call_pending: a handler cannot forget to say what
 * happens. */
struct call_done {
    int unused;
};

/* The error codes in use (JSON-RPC 2.0, EIP-1474, go-ethereum). */
enum rpc_code {
    RPC_PARSE_ERROR = -32700,
    RPC_INTERNAL = -32603,
    RPC_INVALID_PARAMS = -32602,
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_INVALID_REQUEST = -32600,
    RPC_LIMIT_EXCEEDED = -32005,
    RPC_RESPONSE_TOO_LARGE = -32003,
    RPC_TIMEOUT = -32002,
    RPC_SERVER_ERROR = -32000, /* go-ethereum's code for everything without its own */
    RPC_REVERTED = 3
};

/* Parameters. They were checked against the method's signature (methods.def) before the handler
 * ran; gateway/rpc/params.h reads them as typed values. */
size_t call_params_count(const struct call *call);
const struct json_t *call_param(const struct call *call,
                                size_t index); /* NULL: absent or null; lives as long as call */
struct span call_params_text(
    const struct call *call); /* the params array as it came ("[]" if none): for cache keys */
const char *call_method(const struct call *call);
struct loop *call_loop(const struct call *call);
struct log *call_log(const struct call *call);
uint64_t call_due_ms(const struct call *call); /* the deadline, on loop_now_ms */

/* Memory that lives as long as the call, zeroed, never NULL. */
void *call_alloc(struct call *call, size_t size);
/* For work off the loop: the memory of call_alloc stays until call_unhold, also when call is long
 * gone. Both are for the loop's thread. */
struct rpc_request *call_hold(struct call *call);
void call_unhold(struct rpc_request *held);
/* The handler's own pointer, for what comes back later. */
void call_set_state(struct call *call, void *state);
void *call_state(const struct call *call);

/* Where the JSON result is written (json_put_*), any time before call_ok. What is there when
 * call_fail comes is dropped. The buffer is not empty at the start: do not look at what precedes
 * your own bytes. */
struct buf *call_result(struct call *call);

/* The three ways out. After call_ok and call_fail call is gone. message and data are copied; data
 * is a finished JSON value or empty (then the field is left out). call_pending: only as the
 * handler's return value, when one of the other two will come later. on_cancel comes at most once,
 * instead, when the deadline passed or nobody waits any more: let go of everything that would
 * complete call; call is gone when it returns. */
struct call_done call_ok(struct call *call);
struct call_done call_fail(struct call *call, int code, const char *message, struct span data);
struct call_done call_fail_text(struct call *call, int code, struct span message,
                                struct span data); /* message may hold any byte */
struct call_done call_failf(struct call *call, int code, const char *format, ...) PRINTF(3, 4);
struct call_done call_pending(struct call *call, void (*on_cancel)(struct call *call));
/* call_pending is legal again on a call that is pending, when what it waited for has come and
 * another wait begins: then the new on_cancel takes the place of the old one. */

/* What the request cost, for the log line and the metrics. */
enum call_source {
    CALL_SOURCE_LOCAL,  /* known without asking: configuration, the verified head */
    CALL_SOURCE_CACHE,  /* all of it was proved before */
    CALL_SOURCE_PROVED, /* fetched for this call and proved */
    CALL_SOURCE_RELAYED /* a server's word that cannot be proved (a transaction sent, pending) */
};
void call_note_source(
    struct call *call,
    enum call_source source); /* the strongest one noted counts: the last in this order */
void call_note_server(struct call *call,
                      const char *server); /* a short name; each is listed once, the first 8 */
void call_note_bytes(struct call *call, uint64_t bytes_in); /* adds to what came from servers */

/* ---- the table of methods (methods.def) ---- */

/* How long an answer stays true (docs in methods.def). */
enum call_cache {
    CALL_CACHE_NEVER,
    CALL_CACHE_STATIC, /* for the life of the process */
    CALL_CACHE_HEAD,   /* until the next head */
    CALL_CACHE_BLOCK,  /* for ever, under the hash of the block that the parameters name */
    CALL_CACHE_TX      /* under the transaction's hash; re-checked until final */
};
struct rpc_method {
    const char *name;
    struct call_done (*handler)(struct call *call, void *ctx);
    const char *params; /* signature, see params.h */
    enum call_cache cache;
};
const struct rpc_method *call_row(const struct call *call);

/* Rendered answers kept by someone above (NULL: none). Asked for every method that is not
 * CALL_CACHE_NEVER, after its parameters were checked. */
struct rpc_answers {
    /* Appends the answer to call_result(call) and returns true, or returns false and writes
     * nothing. */
    bool (*find)(struct rpc_answers *answers, struct call *call);
    /* A handler has answered; result is borrowed. */
    void (*keep)(struct rpc_answers *answers, struct call *call, struct span result);
    /* As find, but before the parameters were read and checked: for a call whose row and parameter
     * text find has answered before. May be NULL. */
    bool (*find_again)(struct rpc_answers *answers, struct call *call);
};

/* What find worked out about a call, for keep: the key and what went into it besides the call. */
struct rpc_answer_key {
    char kind; /* 0: nothing yet */
    struct hash32 anchor;
    uint64_t number;
    struct hash32 key;
    bool has_block; /* call_note_block */
    struct hash32 block;
};
struct rpc_answer_key *call_answer_key(struct call *call);
/* The handler says of which block its answer is, which a tag in the parameters may not name any
 * more when the answer comes. */
void call_note_block(struct call *call, const struct hash32 *hash);

/* ---- for transports and main ---- */

struct rpc_options {
    struct loop *loop;
    struct log *log;                  /* may be NULL */
    const struct rpc_method *methods; /* borrowed, need not be sorted */
    size_t methods_count;
    void *ctx;                   /* given to every handler */
    struct rpc_answers *answers; /* may be NULL */
    uint64_t timeout_ms;         /* of each call, from its birth */
    uint64_t calls_max;          /* in flight at once, over all transports */
};
struct rpc *rpc_new(const struct rpc_options *options);
/* Cancels what is in flight (no reply comes) and frees at the end of the turn. Transports must be
 * closed before. */
void rpc_free(struct rpc *rpc);

struct rpc_counts { /* since the start; for metrics */
    uint64_t requests, batches, calls, failed, timed_out, cancelled, refused, parse_errors,
        bytes_in, bytes_out;
    uint64_t in_flight; /* now */
};
const struct rpc_counts *rpc_counts(const struct rpc *rpc);
struct rpc_method_counts {
    uint64_t calls, failed, cached, us; /* us: from birth to end, added up */
};
/* Of row `index` of the table given to rpc_new; name may be NULL. Index past the end: NULL. */
const struct rpc_method_counts *rpc_method_counts(const struct rpc *rpc, size_t index,
                                                  const char **name);

struct rpc_request; /* a message being answered */
enum rpc_outcome {
    RPC_ANSWERED, /* reply holds the answer; it is empty when none is due (notifications, responses,
                     no message) */
    RPC_UNPARSABLE, /* the same, after a parse error */
    RPC_REFUSED,    /* the same: calls_max reached; the transport may say so in its own way */
    RPC_WAITING     /* *request is set: on_reply comes exactly once, later, unless rpc_abandon comes
                       first */
};
/* In:    text is borrowed until this returns. reply is appended to.
 * on_reply: bytes are borrowed until it returns; empty when no answer is due. */
enum rpc_outcome rpc_submit(struct rpc *rpc, struct span text, struct buf *reply,
                            struct rpc_request **request,
                            void (*on_reply)(void *owner, struct span reply), void *owner);
/* The reply for a message that a transport turns away because of a limit of its own. */
void rpc_refuse(struct rpc *rpc, struct span text, struct buf *reply);
/* Nobody waits any more: on_reply will not come, pending calls are cancelled. */
void rpc_abandon(struct rpc_request *request);

#endif
