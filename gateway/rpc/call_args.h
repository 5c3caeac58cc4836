/* What a call says: the transaction, the state and the block that it wants, read from JSON as
 * go-ethereum reads its TransactionArgs, StateOverride and BlockOverrides, with its error texts.
 * Plain data in the call's memory, so that a worker may read it.
 *
 * Readers return false after they noted the error in the call (call_fail_param). `within` is where
 * the value stands inside the parameter, as Go prints it: "" for the parameter itself,
 * "BlockStateCalls.Calls." in eth_simulateV1. Sizes are bounded by HTTP_BODY_MAX and
 * JSON_NODES_MAX. */
#ifndef GATEWAY_CALL_ARGS_H
#define GATEWAY_CALL_ARGS_H

#include "gateway/rpc/params.h"

/* ---- the transaction ---- */

/* has_*: given and not null. What was not given is zero or empty. */
struct call_args {
    bool has_from, has_to, has_gas, has_gas_price, has_max_fee, has_max_priority_fee, has_value,
        has_nonce, has_access_list, has_chain_id, has_max_fee_per_blob_gas, has_blob_hashes,
        has_blobs, has_authorizations;
    struct address20 from, to;
    uint64_t gas, nonce;
    struct u256 gas_price, max_fee, max_priority_fee, value, chain_id, max_fee_per_blob_gas;
    struct span data;  /* `input`, or `data` when there is no input */
    bool data_differs; /* both were given, and differ: go-ethereum's calls take `input`, what makes
                          a transaction refuses */
    /* Payloads of RLP lists, as in struct tx. */
    struct span access_list, blob_hashes, authorizations;
    size_t blob_hashes_count, authorizations_count;
};
/* Absent or null: all of it is absent. */
bool param_call_args(struct call *call, size_t index, struct call_args *out) WARN_UNUSED;
bool field_call_args(struct call *call, size_t index, const char *within,
                     const struct json_t *value, struct call_args *out) WARN_UNUSED;

/* ---- the state ---- */

struct slot_override {
    struct hash32 slot, value;
};
struct account_override {
    struct address20 address;
    bool has_nonce, has_code, has_balance, has_state, has_state_diff, has_move_to;
    uint64_t nonce;
    struct span code;
    struct u256 balance;
    const struct slot_override *state, *state_diff; /* each slot once */
    size_t state_count, state_diff_count;
    struct address20 move_to; /* movePrecompileToAddress */
};
struct state_override {
    const struct account_override *accounts; /* sorted by address, each once */
    size_t count;
};
bool param_state_override(struct call *call, size_t index, struct state_override *out) WARN_UNUSED;
bool field_state_override(struct call *call, size_t index, const char *within,
                          const struct json_t *value, struct state_override *out) WARN_UNUSED;

/* ---- the block ---- */

struct block_override {
    bool has_number, has_difficulty, has_time, has_gas_limit, has_fee_recipient, has_prev_randao,
        has_base_fee, has_blob_base_fee, has_beacon_root, has_withdrawals;
    struct u256 number, difficulty, base_fee, blob_base_fee;
    uint64_t time, gas_limit;
    struct address20 fee_recipient;
    struct hash32 prev_randao, beacon_root;
    const struct withdrawal *withdrawals; /* eth_simulateV1 only */
    size_t withdrawals_count;
};
bool param_block_override(struct call *call, size_t index, struct block_override *out) WARN_UNUSED;
bool field_block_override(struct call *call, size_t index, const char *within,
                          const struct json_t *value, struct block_override *out) WARN_UNUSED;

#endif
