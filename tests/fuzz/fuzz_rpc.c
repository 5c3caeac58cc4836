/* Any bytes as a message: every call ends, the reply is JSON or nothing, and what waits can be
 * abandoned. */
#include "gateway/rpc/rpc.h"
#include "tests/fixture/still.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct call_done fuzz_echo(struct call *call, void *ctx)
{
    (void)ctx;
    json_put_raw(call_result(call), call_params_text(call));
    return call_ok(call);
}

static void on_cancel(struct call *call)
{
    (void)call;
}

static struct call_done fuzz_wait(struct call *call, void *ctx)
{
    (void)ctx;
    return call_pending(call, on_cancel);
}

static const struct rpc_method FUZZ_METHODS[] = {
    {"e", fuzz_echo, "*?*?", CALL_CACHE_NEVER},
    {"w", fuzz_wait, "", CALL_CACHE_NEVER},
    {"eth_getBalance", fuzz_echo, "AB?", CALL_CACHE_NEVER}};

static void check_reply(void *owner, struct span reply)
{
    struct span value, rest;
    size_t *replies = owner;
    ++*replies;
    ASSERT(reply.size == 0 || (json_scan(&value, &rest, reply) && rest.size == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct still still;
    struct buf reply = {0};
    struct rpc_request *request;
    size_t replies = 0;
    still_init(&still);
    struct rpc *rpc = rpc_new(&(struct rpc_options){.loop = &still.loop,
                                                    .methods = FUZZ_METHODS,
                                                    .methods_count = ARRAY_COUNT(FUZZ_METHODS),
                                                    .timeout_ms = 10,
                                                    .calls_max = 10});
    for (int round = 0; round < 2; round++) {
        if (rpc_submit(rpc, SPAN(data, size), &reply, &request, check_reply, &replies) !=
            RPC_WAITING) {
            check_reply(&replies, buf_span(&reply));
        } else if (round == 0) {
            still.now_ms += 10; /* the deadline of every call */
            loop_turn(&still.loop);
        } else {
            rpc_abandon(request);
            replies++;
        }
        buf_clear(&reply);
        ASSERT(replies == (size_t)round + 1);
        ASSERT(rpc_counts(rpc)->in_flight == 0);
    }
    rpc_free(rpc);
    loop_turn(&still.loop);
    loop_deinit(&still.loop);
    buf_free(&reply);
    return 0;
}
