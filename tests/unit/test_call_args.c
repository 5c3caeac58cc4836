#include "gateway/rpc/call_args.h"
#include "les/eth/tx.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/still.h"

#include <criterion/criterion.h>

TestSuite(call_args, .fini = fixture_leak_gate);

/* ---- methods that say what they read ---- */

static void put_args(struct buf *out, const struct call_args *args)
{
    static const char *const names[] = {"from", "to",      "gas",   "price", "fee",
                                        "tip",  "value",   "nonce", "al",    "chainId",
                                        "bfee", "bhashes", "blobs", "auths"};
    const bool has[] = {args->has_from,
                        args->has_to,
                        args->has_gas,
                        args->has_gas_price,
                        args->has_max_fee,
                        args->has_max_priority_fee,
                        args->has_value,
                        args->has_nonce,
                        args->has_access_list,
                        args->has_chain_id,
                        args->has_max_fee_per_blob_gas,
                        args->has_blob_hashes,
                        args->has_blobs,
                        args->has_authorizations};
    json_put_object(out);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (has[i]) {
            json_put_key(out, names[i]);
            json_put_bool(out, true);
        }
    json_put_key(out, "data");
    json_put_data(out, args->data);
    json_put_key(out, "differs");
    json_put_bool(out, args->data_differs);
    json_put_key(out, "numbers");
    json_put_array(out);
    json_put_u64(out, args->gas);
    json_put_u64(out, args->nonce);
    json_put_quantity256(out, &args->gas_price);
    json_put_quantity256(out, &args->max_fee);
    json_put_quantity256(out, &args->max_priority_fee);
    json_put_quantity256(out, &args->value);
    json_put_quantity256(out, &args->chain_id);
    json_put_quantity256(out, &args->max_fee_per_blob_gas);
    json_put_array_end(out);
    json_put_key(out, "lists");
    json_put_array(out);
    json_put_data(out, args->access_list);
    json_put_u64(out, args->blob_hashes_count);
    json_put_u64(out, args->authorizations_count);
    json_put_array_end(out);
    json_put_object_end(out);
}

static struct call_done test_args(struct call *call, void *ctx)
{
    struct call_args args;
    (void)ctx;
    if (!param_call_args(call, 0, &args))
        return call_fail_param(call);
    put_args(call_result(call), &args);
    return call_ok(call);
}

static struct call_done test_lists(struct call *call, void *ctx)
{
    struct call_args args;
    struct buf *out = call_result(call);
    struct tx_authorization authorization;
    struct hash32 hash;
    (void)ctx;
    if (!param_call_args(call, 0, &args))
        return call_fail_param(call);
    json_put_array(out);
    while (tx_hash_next(&args.blob_hashes, &hash))
        json_put_hash(out, &hash);
    while (tx_authorization_next(&args.authorizations, &authorization)) {
        json_put_quantity256(out, &authorization.chain_id);
        json_put_address(out, &authorization.address);
        json_put_u64(out, authorization.nonce);
        json_put_u64(out, authorization.y_parity);
        json_put_quantity256(out, &authorization.r);
        json_put_quantity256(out, &authorization.s);
    }
    json_put_array_end(out);
    return call_ok(call);
}

static void put_slots(struct buf *out, const struct slot_override *slots, size_t count)
{
    json_put_array(out);
    for (size_t i = 0; i < count; i++) {
        json_put_u64(out, slots[i].slot.bytes[31]);
        json_put_u64(out, slots[i].value.bytes[31]);
    }
    json_put_array_end(out);
}

static void put_state(struct buf *out, const struct state_override *state)
{
    json_put_array(out);
    for (size_t i = 0; i < state->count; i++) {
        const struct account_override *account = &state->accounts[i];
        json_put_u64(out, account->address.bytes[19]);
        if (account->has_nonce)
            json_put_quantity(out, account->nonce);
        if (account->has_code)
            json_put_data(out, account->code);
        if (account->has_balance)
            json_put_quantity256(out, &account->balance);
        if (account->has_state)
            put_slots(out, account->state, account->state_count);
        if (account->has_state_diff)
            put_slots(out, account->state_diff, account->state_diff_count);
        if (account->has_move_to)
            json_put_u64(out, account->move_to.bytes[19]);
    }
    json_put_array_end(out);
}

static struct call_done test_state(struct call *call, void *ctx)
{
    struct state_override state;
    (void)ctx;
    if (!param_state_override(call, 0, &state))
        return call_fail_param(call);
    put_state(call_result(call), &state);
    return call_ok(call);
}

static struct call_done test_block(struct call *call, void *ctx)
{
    struct block_override block;
    struct buf *out = call_result(call);
    (void)ctx;
    if (!param_block_override(call, 0, &block))
        return call_fail_param(call);
    json_put_array(out);
    if (block.has_number)
        json_put_quantity256(out, &block.number);
    if (block.has_difficulty)
        json_put_quantity256(out, &block.difficulty);
    if (block.has_time)
        json_put_u64(out, block.time);
    if (block.has_gas_limit)
        json_put_u64(out, block.gas_limit);
    if (block.has_fee_recipient)
        json_put_address(out, &block.fee_recipient);
    if (block.has_prev_randao)
        json_put_hash(out, &block.prev_randao);
    if (block.has_base_fee)
        json_put_quantity256(out, &block.base_fee);
    if (block.has_blob_base_fee)
        json_put_quantity256(out, &block.blob_base_fee);
    if (block.has_beacon_root)
        json_put_hash(out, &block.beacon_root);
    for (size_t i = 0; block.has_withdrawals && i < block.withdrawals_count; i++) {
        json_put_u64(out, block.withdrawals[i].index);
        json_put_u64(out, block.withdrawals[i].validator_index);
        json_put_u64(out, block.withdrawals[i].address.bytes[19]);
        json_put_u64(out, block.withdrawals[i].amount_gwei);
    }
    json_put_array_end(out);
    return call_ok(call);
}

/* As eth_simulateV1 nests them: one of each below the first member. */
static struct call_done test_nested(struct call *call, void *ctx)
{
    const struct json_t *root = call_param(call, 0);
    struct call_args args;
    struct state_override state;
    struct block_override block;
    (void)ctx;
    if (!field_call_args(call, 0, "BlockStateCalls.Calls.", json_member(root, "call"), &args) ||
        !field_state_override(call, 0, "BlockStateCalls.StateOverrides.",
                              json_member(root, "state"), &state) ||
        !field_block_override(call, 0, "BlockStateCalls.BlockOverrides.",
                              json_member(root, "block"), &block))
        return call_fail_param(call);
    json_put_bool(call_result(call), true);
    return call_ok(call);
}

static const struct rpc_method TEST_METHODS[] = {
    {"args", test_args, "O", CALL_CACHE_NEVER},     {"lists", test_lists, "O", CALL_CACHE_NEVER},
    {"state", test_state, "V?", CALL_CACHE_NEVER},  {"block", test_block, "K?", CALL_CACHE_NEVER},
    {"nested", test_nested, "*", CALL_CACHE_NEVER},
};

static void on_reply(void *owner, struct span reply)
{
    (void)owner;
    (void)reply;
    cr_assert(false, "every answer comes at once");
}

/* The result, or the error's message. */
static void expect(const char *method, const char *params, const char *want)
{
    struct still world;
    struct buf message = {0}, reply = {0}, wanted = {0};
    struct rpc_request *request;
    still_init(&world);
    struct rpc *rpc = rpc_new(&(struct rpc_options){.loop = &world.loop,
                                                    .methods = TEST_METHODS,
                                                    .methods_count = ARRAY_COUNT(TEST_METHODS),
                                                    .timeout_ms = 1000,
                                                    .calls_max = 10});
    buf_printf(&message, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":[%s]}", method,
               params);
    cr_assert_eq(rpc_submit(rpc, buf_span(&message), &reply, &request, on_reply, NULL),
                 RPC_ANSWERED);
    if (want[0] == '{' || want[0] == '[' || want[0] == 't') {
        buf_printf(&wanted, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":%s}", want);
    } else {
        buf_add_str(&wanted,
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":");
        json_put_string(&wanted, SPAN_STR(want));
        buf_add_str(&wanted, "}}");
    }
    while (reply.size > 0 && reply.data[reply.size - 1] == '\n')
        reply.size--;
    cr_assert(span_equal(buf_span(&reply), buf_span(&wanted)), "%s\n got %.*s\nwant %.*s", params,
              (int)reply.size, (const char *)reply.data, (int)wanted.size,
              (const char *)wanted.data);
    rpc_free(rpc);
    loop_deinit(&world.loop);
    buf_free(&message);
    buf_free(&reply);
    buf_free(&wanted);
}

#define A1        "0x0000000000000000000000000000000000000001"
#define A2        "0x0000000000000000000000000000000000000002"
#define H(digits) "0x00000000000000000000000000000000000000000000000000000000000000" digits
#define NOTHING   "\"numbers\":[0,0,\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"]"

Test(call_args, what_was_given_is_read_and_nothing_else)
{
    expect("args", "{}", "{\"data\":\"0x\",\"differs\":false," NOTHING ",\"lists\":[\"0x\",0,0]}");
    expect("args", "null",
           "{\"data\":\"0x\",\"differs\":false," NOTHING ",\"lists\":[\"0x\",0,0]}");
    expect("args",
           "{\"from\":\"" A1 "\",\"to\":\"" A2 "\",\"gas\":\"0x5208\",\"gasPrice\":\"0x1\","
           "\"maxFeePerGas\":\"0x2\",\"maxPriorityFeePerGas\":\"0x3\",\"value\":\"0x4\","
           "\"nonce\":\"0x5\",\"chainId\":\"0x6\",\"maxFeePerBlobGas\":\"0x7\",\"unknown\":[]}",
           "{\"from\":true,\"to\":true,\"gas\":true,\"price\":true,\"fee\":true,\"tip\":true,"
           "\"value\":true,\"nonce\":true,\"chainId\":true,\"bfee\":true,\"data\":\"0x\","
           "\"differs\":false,"
           "\"numbers\":[21000,5,\"0x1\",\"0x2\",\"0x3\",\"0x4\",\"0x6\",\"0x7\"],"
           "\"lists\":[\"0x\",0,0]}");
    expect("args", "{\"TO\":\"" A2 "\",\"value\":null}",
           "{\"to\":true,\"data\":\"0x\",\"differs\":false," NOTHING ",\"lists\":[\"0x\",0,0]}");
}

Test(call_args, input_comes_before_data)
{
    expect("args", "{\"data\":\"0x01\"}",
           "{\"data\":\"0x01\",\"differs\":false," NOTHING ",\"lists\":[\"0x\",0,0]}");
    expect("args", "{\"data\":\"0x01\",\"input\":\"0x02\"}",
           "{\"data\":\"0x02\",\"differs\":true," NOTHING ",\"lists\":[\"0x\",0,0]}");
    expect("args", "{\"data\":\"0x01\",\"input\":\"0x\"}",
           "{\"data\":\"0x\",\"differs\":true," NOTHING ",\"lists\":[\"0x\",0,0]}");
    expect("args", "{\"data\":\"0x01\",\"input\":\"0x01\"}",
           "{\"data\":\"0x01\",\"differs\":false," NOTHING ",\"lists\":[\"0x\",0,0]}");
}

Test(call_args, lists_become_rlp)
{
    expect("args", "{\"accessList\":[]}",
           "{\"al\":true,\"data\":\"0x\",\"differs\":false," NOTHING ",\"lists\":[\"0x\",0,0]}");
    expect("args",
           "{\"accessList\":[{\"address\":\"" A1 "\",\"storageKeys\":[]},"
           "{\"storageKeys\":[\"" H("05") "\"],\"address\":\"" A2 "\"}]}",
           "{\"al\":true,\"data\":\"0x\",\"differs\":false," NOTHING ",\"lists\":[\"0x"
           "d6940000000000000000000000000000000000000001c0"
           "f7940000000000000000000000000000000000000002e1a0"
           "0000000000000000000000000000000000000000000000000000000000000005\",0,0]}");
    expect("lists",
           "{\"blobVersionedHashes\":[\"" H("01") "\",\"" H(
               "02") "\"],\"blobs\":[],"
                     "\"commitments\":null,\"authorizationList\":[{\"chainId\":\"0x1\",\"address\":"
                     "\"" A1
                     "\",\"nonce\":\"0x2\",\"yParity\":\"0x101\",\"r\":\"0x3\",\"s\":\"0x4\"}]}",
           "[\"" H("01") "\",\"" H("02") "\",\"0x1\",\"" A1 "\",2,1,\"0x3\",\"0x4\"]");
}

Test(call_args, faults_are_named_as_go_ethereum_names_them)
{
#define FAULT(what, field, type)                                                                   \
    "invalid argument 0: json: cannot unmarshal " what " into Go struct field " field              \
    " of type " type
    expect("args", "5",
           "invalid argument 0: json: cannot unmarshal number into Go value of type "
           "ethapi.TransactionArgs");
    expect("args", "{\"from\":\"01\"}",
           FAULT("hex string without 0x prefix", "TransactionArgs.from", "common.Address"));
    expect("args", "{\"from\":\"0x01\"}",
           "invalid argument 0: hex string has length 2, want 40 for common.Address");
    expect("args", "{\"gas\":21000}", FAULT("non-string", "TransactionArgs.gas", "hexutil.Uint64"));
    expect("args", "{\"gas\":\"0x10000000000000000\"}",
           FAULT("hex number > 64 bits", "TransactionArgs.gas", "hexutil.Uint64"));
    expect("args", "{\"value\":\"0x01\"}",
           FAULT("hex number with leading zero digits", "TransactionArgs.value", "*hexutil.Big"));
    expect("args", "{\"input\":\"0x1\"}",
           FAULT("hex string of odd length", "TransactionArgs.input", "hexutil.Bytes"));
    expect("args", "{\"accessList\":{}}",
           FAULT("object", "TransactionArgs.accessList", "types.AccessList"));
    expect("args", "{\"accessList\":[1]}",
           FAULT("number", "TransactionArgs.accessList", "types.AccessTuple"));
    expect("args", "{\"accessList\":[{\"storageKeys\":[]}]}",
           "invalid argument 0: missing required field 'address' for AccessTuple");
    expect("args", "{\"accessList\":[null]}",
           "invalid argument 0: missing required field 'address' for AccessTuple");
    expect("args", "{\"accessList\":[{\"address\":\"" A1 "\"}]}",
           "invalid argument 0: missing required field 'storageKeys' for AccessTuple");
    expect("args", "{\"accessList\":[{\"address\":\"" A1 "\",\"storageKeys\":[7]}]}",
           FAULT("non-string", "TransactionArgs.accessList.storageKeys", "common.Hash"));
    expect("args", "{\"authorizationList\":[{\"chainId\":\"0x1\"}]}",
           "invalid argument 0: missing required field 'address' for SetCodeAuthorization");
    expect("args", "{\"authorizationList\":[{\"chainId\":\"1\"}]}",
           FAULT("hex string without 0x prefix", "TransactionArgs.authorizationList.chainId",
                 "*uint256.Int"));
    expect("args", "{\"blobVersionedHashes\":\"0x\"}",
           FAULT("string", "TransactionArgs.blobVersionedHashes", "[]common.Hash"));
    expect("args", "{\"blobs\":[\"0x00\"]}",
           "invalid argument 0: hex string has length 2, want 262144 for kzg4844.Blob");
}

Test(call_args, state_overrides_are_sorted_and_the_last_of_two_counts)
{
    expect("state", "null", "[]");
    expect("state", "{}", "[]");
    expect("state",
           "{\"" A2 "\":{\"nonce\":\"0x7\",\"code\":\"0x60\",\"balance\":\"0x8\"},"
           "\"" A1 "\":{\"stateDiff\":{\"" H("09") "\":\"" H("01") "\"}}}",
           "[1,[9,1],2,\"0x7\",\"0x60\",\"0x8\"]");
    expect("state",
           "{\"" A2 "\":{\"nonce\":\"0x7\"},\"" A1 "\":{},\"" A2 "\":{\"balance\":\"0x1\"}}",
           "[1,2,\"0x1\"]");
    expect("state",
           "{\"" A1 "\":{\"state\":{\"" H("03") "\":\"" H("01") "\",\"" H("02") "\":\"" H(
               "05") "\",\"" H("03") "\":\"" H("04") "\"},\"movePrecompileToAddress\":\"" A2 "\"}}",
           "[1,[2,5,3,4],2]");
    expect("state", "{\"" A1 "\":{\"state\":{}}}", "[1,[]]");
    expect("state", "{\"" A1 "\":null}", "[1]");
}

Test(call_args, state_overrides_with_faults)
{
    expect("state", "[]",
           "invalid argument 0: json: cannot unmarshal array into Go value of type "
           "override.StateOverride");
    expect("state", "{\"0x01\":{}}",
           "invalid argument 0: hex string has length 2, want 40 for Address");
    expect("state", "{\"" A1 "\":3}",
           "invalid argument 0: json: cannot unmarshal number into Go value of type "
           "override.OverrideAccount");
    expect("state", "{\"" A1 "\":{\"balance\":1}}",
           FAULT("non-string", "OverrideAccount.balance", "*hexutil.Big"));
    expect("state", "{\"" A1 "\":{\"state\":[]}}",
           FAULT("array", "OverrideAccount.state", "map[common.Hash]common.Hash"));
    expect("state", "{\"" A1 "\":{\"state\":{\"0x1\":\"" H("01") "\"}}}",
           "invalid argument 0: hex string of odd length");
    expect("state", "{\"" A1 "\":{\"stateDiff\":{\"" H("01") "\":\"0x1\"}}}",
           FAULT("hex string of odd length", "OverrideAccount.stateDiff", "common.Hash"));
}

Test(call_args, block_overrides)
{
    expect("block", "null", "[]");
    expect("block",
           "{\"number\":\"0x1\",\"difficulty\":\"0x2\",\"time\":\"0x3\",\"gasLimit\":\"0x4\","
           "\"feeRecipient\":\"" A1 "\",\"prevRandao\":\"" H(
               "05") "\",\"baseFeePerGas\":\"0x6\","
                     "\"blobBaseFee\":\"0x7\",\"beaconRoot\":\"" H(
                         "08") "\",\"withdrawals\":[{\"index\":"
                               "\"0x9\",\"validatorIndex\":\"0xa\",\"address\":\"" A2
                               "\",\"amount\":\"0xb\"},{}]}",
           "[\"0x1\",\"0x2\",3,4,\"" A1
           "\",\"" H("05") "\",\"0x6\",\"0x7\",\"" H("08") "\",9,10,2,11,0,0,0,0]");
    expect("block", "\"x\"",
           "invalid argument 0: json: cannot unmarshal string into Go value of type "
           "override.BlockOverrides");
    expect("block", "{\"time\":3}", FAULT("non-string", "BlockOverrides.Time", "hexutil.Uint64"));
    expect("block", "{\"withdrawals\":[{\"amount\":3}]}",
           FAULT("non-string", "BlockOverrides.Withdrawals.amount", "hexutil.Uint64"));
}

Test(call_args, nested_ones_say_where_they_are)
{
    expect("nested", "{\"call\":{},\"state\":{},\"block\":{}}", "true");
    expect("nested", "{\"call\":{\"gas\":1}}",
           FAULT("non-string", "TransactionArgs.BlockStateCalls.Calls.gas", "hexutil.Uint64"));
    expect("nested", "{\"call\":[]}",
           FAULT("array", "simBlock.BlockStateCalls.Calls", "ethapi.TransactionArgs"));
    expect("nested", "{\"state\":{\"" A1 "\":{\"nonce\":1}}}",
           FAULT("non-string", "OverrideAccount.BlockStateCalls.StateOverrides.nonce",
                 "hexutil.Uint64"));
    expect("nested", "{\"block\":{\"number\":1}}",
           FAULT("non-string", "BlockOverrides.BlockStateCalls.BlockOverrides.Number",
                 "*hexutil.Big"));
}
