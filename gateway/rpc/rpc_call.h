/* Inside of rpc: what rpc.c, rpc_call.c and params.c share. Nobody else includes this. */
#ifndef GATEWAY_RPC_CALL_H
#define GATEWAY_RPC_CALL_H

#include "gateway/rpc/rpc.h"
#include "les/base/limits.h"

enum call_stage {
    CALL_RUNNING, /* in its handler */
    CALL_PENDING, /* the handler returned call_pending */
    CALL_ENDED    /* out holds the reply, or stays empty when none is due */
};

struct call {
    struct rpc_request *request;
    const struct rpc_method *row;
    struct span id; /* empty: a notification */
    struct span params_text;
    struct json_t *params;
    struct buf out;     /* the whole reply object */
    size_t result_at;   /* where the result starts in out; 0: not begun */
    size_t answer_size; /* bytes of the result or the error object, for the limit on batches */
    enum call_stage stage;
    bool silent; /* a notification: nothing is replied */
    bool failed, timed_out;
    int code; /* of the failure, for the log */
    void (*on_cancel)(struct call *call);
    void *state;
    struct timer timer;
    uint64_t born_us, due_ms;
    int noted_code; /* call_fail_param */
    struct buf noted;
    enum call_source source;
    uint64_t bytes_in;
    const char *servers[RPC_CALL_SERVERS_MAX];
    size_t servers_count;
    struct rpc_answer_key answer_key;
};

/* One message of a transport: a call or a batch. Everything of it lives in one arena and dies with
 * it. */
struct rpc_request {
    struct rpc *rpc;
    struct rpc_request *previous, *next; /* of those that wait */
    bool batch;
    bool submitting; /* rpc_submit is on the stack */
    bool too_large;  /* the answers passed RPC_BATCH_RESULTS_MAX: what is not answered yet will not
                        be */
    bool finished;
    bool released;  /* done, but somebody holds its memory */
    unsigned holds; /* call_hold */
    size_t calls_count, left;
    size_t results_size; /* of the answers so far */
    struct chunk *chunks;
    void (*on_reply)(void *owner, struct span reply);
    void *owner;
    struct call
        calls[]; /* behind them the text of the message, which ids and parameters point to */
};

void *request_alloc(struct rpc_request *request, size_t size);
struct span request_copy(struct rpc_request *request, struct span bytes);
void request_free_chunks(struct rpc_request *request);
/* What call_ok and call_fail end with, in rpc.c. */
void rpc_call_ended(struct call *call);
struct loop *rpc_loop(const struct rpc *rpc);
struct log *rpc_log(const struct rpc *rpc);

#endif
