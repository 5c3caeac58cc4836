/* eth_sendRawTransaction: what can be judged here is judged with go-ethereum's words; the rest, the
 * pool's own rules, is up to the servers, whose answer cannot be proved. */
#include "gateway/eth/methods.h"
#include "gateway/light/query.h"
#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"

struct send_args {
    struct span input; /* as it came: network form */
    struct tx tx;
    struct hash32 hash;
    struct address20 sender;
};

/* ---- why it does not decode ---- */

static const char *const TYPE_NAMES[] = {[TX_LEGACY] = "types.LegacyTx",
                                         [TX_ACCESS_LIST] = "types.AccessListTx",
                                         [TX_DYNAMIC_FEE] = "types.DynamicFeeTx",
                                         [TX_BLOB] = "types.BlobTx",
                                         [TX_SET_CODE] = "types.SetCodeTx"};
static const size_t FIELD_COUNTS[] = {[TX_LEGACY] = 9,
                                      [TX_ACCESS_LIST] = 11,
                                      [TX_DYNAMIC_FEE] = 12,
                                      [TX_BLOB] = 14,
                                      [TX_SET_CODE] = 13};

/* The list header's own fault, or NULL; *payload: what it holds. */
static const char *list_fault(struct span rlp, struct span *payload)
{
    *payload = SPAN_EMPTY;
    if (rlp.size == 0)
        return "EOF";
    size_t size_bytes = rlp.data[0] < 0xf8 ? 0 : rlp.data[0] - 0xf7u;
    if (1 + size_bytes > rlp.size)
        return "rlp: value size exceeds available input length";
    uint64_t size = size_bytes == 0 ? rlp.data[0] - 0xc0u : be_read(rlp.data + 1, size_bytes);
    if (size_bytes > 0 && (rlp.data[1] == 0 || size < 56))
        return "rlp: non-canonical size information";
    if (size > rlp.size - 1 - size_bytes)
        return "rlp: value size exceeds available input length";
    if (size < rlp.size - 1 - size_bytes)
        return "rlp: input contains more than one value";
    *payload = SPAN(rlp.data + 1 + size_bytes, size);
    return NULL;
}

static struct call_done fail_undecodable(struct query *query, struct span input)
{
    enum tx_type type = TX_LEGACY;
    struct span payload;
    if (input.size == 0 || (input.data[0] < 0x80 && input.size == 1))
        return query_fail(query, RPC_SERVER_ERROR, "typed transaction too short");
    if (input.data[0] < 0x80) {
        type = (enum tx_type)input.data[0];
        input = SPAN(input.data + 1, input.size - 1);
    }
    if (input.data[0] < 0xc0)
        return query_failf(query, RPC_SERVER_ERROR, "rlp: expected input list for %s",
                           TYPE_NAMES[type]);
    const char *fault = list_fault(input, &payload);
    if (fault != NULL)
        return query_fail(query, RPC_SERVER_ERROR, fault);
    struct rlp list = rlp_reader(payload);
    bool sidecar = type == TX_BLOB && rlp_peek(&list) == RLP_LIST;
    size_t count = rlp_count(list);
    bool counted = count > 0 || payload.size == 0; /* otherwise an item is broken */
    if (counted && !sidecar && count < FIELD_COUNTS[type])
        return query_failf(query, RPC_SERVER_ERROR, "rlp: too few elements for %s",
                           TYPE_NAMES[type]);
    if (counted && !sidecar && count > FIELD_COUNTS[type])
        return query_failf(query, RPC_SERVER_ERROR, "rlp: input list has too many elements for %s",
                           TYPE_NAMES[type]);
    return query_failf(query, RPC_SERVER_ERROR, "rlp: invalid field, decoding into (%s)",
                       TYPE_NAMES[type]);
}

/* ---- why a pool would refuse it ---- */

static struct call_done fail_rule(struct query *query, enum tx_rule rule,
                                  const struct tx_check *check)
{
    const struct tx *tx = &((struct send_args *)query_args(query))->tx;
    const char *text = tx_rule_text(rule);
    unsigned long long gas = tx->gas_limit;
    switch (rule) {
    case TX_RULE_TYPE:
        return query_failf(query, RPC_SERVER_ERROR,
                           "%s: type %u rejected, its fork is not active yet", text,
                           (unsigned)tx->type);
    case TX_RULE_CHAIN_ID:
        return query_failf(query, RPC_SERVER_ERROR, "invalid sender: %s: have %llu want %llu", text,
                           (unsigned long long)tx->chain_id,
                           (unsigned long long)query_light(query)->spec->chain_id);
    case TX_RULE_SIGNATURE:
        return query_failf(query, RPC_SERVER_ERROR, "invalid sender: %s", text);
    case TX_RULE_INITCODE_SIZE:
        return query_failf(query, RPC_SERVER_ERROR, "%s: code size %zu, limit 49152", text,
                           tx->data.size);
    case TX_RULE_INTRINSIC_GAS:
        return query_failf(query, RPC_SERVER_ERROR, "%s: gas %llu, minimum needed %llu", text, gas,
                           (unsigned long long)check->intrinsic_gas);
    case TX_RULE_FLOOR_GAS:
        return query_failf(query, RPC_SERVER_ERROR, "%s: gas %llu, minimum needed %llu", text, gas,
                           (unsigned long long)check->floor_gas);
    case TX_RULE_GAS_LIMIT:
        return query_failf(query, RPC_SERVER_ERROR, "%s (cap: 16777216, tx: %llu)", text, gas);
    case TX_RULE_AUTHORIZATIONS_NONE:
        return query_fail(query, RPC_SERVER_ERROR,
                          "set code tx must have at least one authorization tuple");
    case TX_RULE_KEPT:
    case TX_RULE_NONCE_MAX:
    case TX_RULE_TIP_ABOVE_FEE:
    case TX_RULE_COST_OVERFLOW:
    case TX_RULE_BLOBS_NONE:
    case TX_RULE_BLOBS_MANY:
    case TX_RULE_BLOB_VERSION:
        break;
    }
    return query_fail(query, RPC_SERVER_ERROR, text);
}

/* True: it may go out. False: *done says what became of the call. */
static bool judge(struct query *query, const struct block_header *head, struct call_done *done)
{
    struct send_args *args = query_args(query);
    const struct light *light = query_light(query);
    const struct tx *tx = &args->tx;
    struct tx_check check;
    if (tx->type == TX_LEGACY && !tx->has_chain_id) {
        *done = query_fail(query, RPC_SERVER_ERROR,
                           "only replay-protected (EIP-155) transactions allowed over RPC");
        return false;
    }
    if (tx->raw.size > SEND_TX_SIZE_MAX) {
        *done =
            query_failf(query, RPC_SERVER_ERROR, "oversized data: transaction size %zu, limit %lu",
                        tx->raw.size, SEND_TX_SIZE_MAX);
        return false;
    }
    enum tx_rule rule =
        tx_check_for_fork(&check, tx, light->crypto, chainspec_fork(light->spec, &head->header),
                          light->spec->chain_id);
    if (rule != TX_RULE_KEPT) {
        *done = fail_rule(query, rule, &check);
        return false;
    }
    if (tx->gas_limit > head->header.gas_limit) {
        *done = query_fail(query, RPC_SERVER_ERROR, "exceeds block gas limit");
        return false;
    }
    args->sender = check.sender;
    return true;
}

/* ---- sending ---- */

static bool decode(struct query *query, struct call_done *done)
{
    struct send_args *args = query_args(query);
    struct buf scratch = {0};
    enum tx_fault fault = tx_decode_network(&args->tx, args->input, &scratch);
    switch (fault) {
    case TX_VALID:
        break;
    case TX_TYPE_UNKNOWN:
        *done = query_fail(query, RPC_SERVER_ERROR,
                           args->input.size < 2 ? "typed transaction too short"
                                                : "transaction type not supported");
        break;
    case TX_CHAIN_ID_TOO_LARGE:
    case TX_SIGNATURE_INVALID:
        *done = query_fail(query, RPC_SERVER_ERROR, "invalid sender: invalid chain id for signer");
        break;
    case TX_MALFORMED:
        *done = fail_undecodable(query, args->input);
        break;
    }
    if (fault == TX_VALID && scratch.size > 0) { /* it must live as long as the call */
        uint8_t *copy = call_alloc(query_call(query), scratch.size);
        memcpy(copy, scratch.data, scratch.size);
        fault = tx_decode(&args->tx, SPAN(copy, scratch.size));
        ASSERT(fault == TX_VALID);
    }
    buf_free(&scratch);
    return fault == TX_VALID;
}

static struct call_done finish(struct query *query, const struct les_tx_status *status,
                               struct span error)
{
    struct send_args *args = query_args(query);
    struct light *light = query_light(query);
    call_note_source(query_call(query), CALL_SOURCE_RELAYED);
    if (status->state == LES_TX_UNKNOWN && error.size > 0)
        return query_failf(query, RPC_SERVER_ERROR, "%.*s",
                           (int)(error.size < 200 ? error.size : 200), (const char *)error.data);
    if (status->state == LES_TX_UNKNOWN)
        return query_fail(query, RPC_SERVER_ERROR, "no server took the transaction");
    if (status->state != LES_TX_INCLUDED)
        sent_add(light->sent, &args->hash, &args->sender, args->tx.nonce, args->tx.raw,
                 loop_now_ms(light->loop));
    json_put_hash(call_result(query_call(query)), &args->hash);
    return query_ok(query);
}

static struct call_done on_send(struct query *query)
{
    struct send_args *args = query_args(query);
    struct block_ref latest = {.tag = BLOCK_LATEST};
    struct block_header *head;
    struct les_tx_status status;
    struct call_done done;
    struct span error;
    if (args->tx.raw.size == 0) { /* the first run */
        if (!decode(query, &done))
            return done;
        if (query_block(query, &latest, &head) != QUERY_HERE)
            return query_wait(query);
        if (!judge(query, head, &done))
            return done;
        tx_hash(&args->hash, &args->tx);
    }
    if (query_send_tx(query, args->input, &args->hash, &status, &error) != QUERY_HERE)
        return query_wait(query);
    return finish(query, &status, error);
}

struct call_done eth_send_raw_transaction(struct call *call, void *ctx)
{
    struct send_args *args = call_alloc(call, sizeof *args);
    if (!param_data(call, 0, &args->input))
        return call_fail_param(call);
    return query_start(call, ctx, on_send, args);
}
