/* The first byte chooses a signature, the rest is the params array. What the signature lets
 * through, the readers read. */
#include "gateway/rpc/trace_args.h"
#include "les/eth/tx.h"
#include "tests/fixture/still.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union scratch {
    struct address20 address;
    struct hash32 hash;
    struct block_ref block;
    uint64_t number;
    struct u256 wide;
    struct span text;
    bool flag;
    double *percentiles;
    struct storage_request *requests;
};

/* What was read is what a transaction's lists are made of. */
static bool lists_hold(const struct call_args *args)
{
    struct span rest = args->access_list, keys;
    struct address20 address;
    struct tx_authorization authorization;
    struct hash32 hash;
    size_t count, seen = 0;
    while (tx_access_next(&rest, &address, &keys, &count))
        for (; count > 0; count--)
            ASSERT(tx_hash_next(&keys, &hash));
    ASSERT(rest.size == 0);
    for (rest = args->blob_hashes; tx_hash_next(&rest, &hash);)
        seen++;
    ASSERT(rest.size == 0 && seen == args->blob_hashes_count);
    seen = 0;
    for (rest = args->authorizations; tx_authorization_next(&rest, &authorization);)
        seen++;
    return rest.size == 0 && seen == args->authorizations_count;
}

static bool is_sorted(const struct state_override *state)
{
    for (size_t i = 1; i < state->count; i++)
        if (memcmp(&state->accounts[i - 1].address, &state->accounts[i].address, 20) >= 0)
            return false;
    for (size_t i = 0; i < state->count; i++)
        for (size_t slot = 1; slot < state->accounts[i].state_count; slot++)
            if (memcmp(&state->accounts[i].state[slot - 1].slot,
                       &state->accounts[i].state[slot].slot, 32) >= 0)
                return false;
    return true;
}

static bool read_one(struct call *call, size_t index, char letter)
{
    union scratch out;
    struct log_filter filter;
    struct call_args args;
    struct state_override state;
    struct block_override block;
    struct trace_args trace;
    struct hash32 *keys;
    bool *was_hash, has;
    size_t count;
    switch (letter) {
    case 'A':
        return param_address(call, index, &out.address);
    case 'H':
        return param_hash(call, index, &out.hash);
    case 'B':
    case 'N':
        return param_block(call, index, &out.block);
    case 'I':
        return param_index(call, index, &out.number);
    case 'Q':
        return param_u64(call, index, &out.number);
    case 'U':
        return param_u256(call, index, &out.wide);
    case 'C':
        return param_count(call, index, &out.number);
    case 'D':
        return param_data(call, index, &out.text);
    case 'T':
        return param_bool(call, index, &out.flag);
    case 'S': /* these three are finer than the signature: either outcome will do */
        has = param_storage_key(call, index, &out.hash);
        return has || true;
    case 'L':
        has = param_storage_keys(call, index, &keys, &was_hash, &count);
        return has || true;
    case 'O':
        return param_call_args(call, index, &args) && lists_hold(&args);
    case 'V':
        return param_state_override(call, index, &state) && is_sorted(&state);
    case 'K':
        return param_block_override(call, index, &block);
    case 'Y':
    case 'Z':
        return param_trace(call, index, letter == 'Z', &trace) &&
               is_sorted(&trace.state_override) &&
               (trace.fault.size > 0 || trace.timeout_ms <= INT64_MAX);
    case 'F':
        return param_filter(call, index, &filter);
    case 'R':
        return param_storage_requests(call, index, &out.requests, &count);
    case 'P':
        return param_percentiles(call, index, &out.percentiles, &count);
    default:
        return true;
    }
}

static struct call_done fuzz_read(struct call *call, void *ctx)
{
    size_t index = 0;
    (void)ctx;
    for (const char *at = call_row(call)->params; *at != '\0'; at++) {
        if (*at == '?')
            continue;
        if (at[1] != '?' || call_param(call, index) != NULL)
            ASSERT(read_one(call, index, *at));
        index++;
    }
    json_put_null(call_result(call));
    return call_ok(call);
}

#define ROW(name, signature)                                                                       \
    {                                                                                              \
        name, fuzz_read, signature, CALL_CACHE_NEVER                                               \
    }
static const struct rpc_method FUZZ_METHODS[] = {
    ROW("a", "AB?"),     ROW("b", "HI"),   ROW("c", "NT"),  ROW("d", "QUC"), ROW("e", "D"),
    ROW("f", "ASB?"),    ROW("g", "ALB?"), ROW("h", "F"),   ROW("i", "RB?"), ROW("j", "CNP"),
    ROW("k", "OB?V?K?"), ROW("l", "B"),    ROW("m", "HY?"), ROW("n", "OBZ?")};

static void on_reply(void *owner, struct span reply)
{
    (void)owner;
    (void)reply;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct still still;
    struct buf message = {0}, reply = {0};
    struct rpc_request *request;
    struct span value, rest;
    if (size == 0)
        return 0;
    still_init(&still);
    struct rpc *rpc = rpc_new(&(struct rpc_options){.loop = &still.loop,
                                                    .methods = FUZZ_METHODS,
                                                    .methods_count = ARRAY_COUNT(FUZZ_METHODS),
                                                    .timeout_ms = 10,
                                                    .calls_max = 10});
    buf_printf(&message, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%c\",\"params\":",
               (int)('a' + data[0] % ARRAY_COUNT(FUZZ_METHODS)));
    buf_add(&message, data + 1, size - 1);
    buf_add_u8(&message, '}');
    ASSERT(rpc_submit(rpc, buf_span(&message), &reply, &request, on_reply, NULL) != RPC_WAITING);
    ASSERT(reply.size == 0 || json_scan(&value, &rest, buf_span(&reply)));
    rpc_free(rpc);
    loop_deinit(&still.loop);
    buf_free(&message);
    buf_free(&reply);
    return 0;
}
