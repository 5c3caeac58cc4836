/* Transactions of a development chain's own accounts and of impersonated ones: straight into the
 * pool of this process. */
#include "gateway/serve/dev.h"

#include "gateway/rpc/call_args.h"
#include "gateway/rpc/typed_data.h"
#include "les/eth/keccak.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"

#define TIP_WEI 1000000000

/* ---- who ---- */

static const struct seckey32 *key_of(const struct dev *dev, const struct address20 *address)
{
    for (size_t i = 0; i < DEV_ACCOUNTS; i++)
        if (address20_equal(&dev->accounts[i].address, address))
            return &dev->accounts[i].key;
    return NULL;
}

static size_t place_of(const struct dev *dev, const struct address20 *address)
{
    size_t i = 0;
    while (i < dev->impersonated_count && !address20_equal(&dev->impersonated[i], address))
        i++;
    return i;
}

bool dev_is_impersonated(const struct dev *dev, const struct address20 *address)
{
    return dev->impersonate_all || place_of(dev, address) < dev->impersonated_count;
}

struct call_done dev_impersonate(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct address20 address;
    if (!param_address(call, 0, &address))
        return call_fail_param(call);
    size_t place = place_of(dev, &address);
    if (place == DEV_IMPERSONATED_MAX)
        return call_fail(call, RPC_SERVER_ERROR, "too many accounts are impersonated", SPAN_EMPTY);
    if (place == dev->impersonated_count)
        dev->impersonated[dev->impersonated_count++] = address;
    return dev_ok_nothing(dev, call);
}

struct call_done dev_stop_impersonating(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct address20 address;
    if (!param_address(call, 0, &address))
        return call_fail_param(call);
    size_t place = place_of(dev, &address);
    if (place < dev->impersonated_count)
        dev->impersonated[place] = dev->impersonated[--dev->impersonated_count];
    return dev_ok_nothing(dev, call);
}

struct call_done dev_auto_impersonate(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    if (!param_bool(call, 0, &dev->impersonate_all))
        return call_fail_param(call);
    return dev_ok_nothing(dev, call);
}

struct call_done dev_accounts_list(struct call *call, void *ctx)
{
    const struct dev *dev = ctx;
    struct buf *out = call_result(call);
    json_put_array(out);
    for (size_t i = 0; i < DEV_ACCOUNTS; i++)
        json_put_address(out, &dev->accounts[i].address);
    for (size_t i = 0; i < dev->impersonated_count; i++)
        json_put_address(out, &dev->impersonated[i]);
    json_put_array_end(out);
    return call_ok(call);
}

/* `pending` is what the pool says; the rest is proved like everything else. */
static struct call_done count_proved(struct call *call, struct dev *dev)
{
    return eth_get_transaction_count(call, dev->light);
}

struct call_done dev_transaction_count(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct address20 address;
    struct block_ref ref;
    if (!param_address(call, 0, &address) || !param_block(call, 1, &ref))
        return call_fail_param(call);
    if (ref.tag != BLOCK_PENDING)
        return dev_when_settled(dev, call, count_proved);
    json_put_quantity(call_result(call), pool_next_nonce(dev->pool, &address));
    return call_ok(call);
}

/* ---- into the pool, and with automine into a block ---- */

static struct call_done enter(struct dev *dev, struct call *call, struct span envelope,
                              const char *why)
{
    struct tx tx;
    struct hash32 hash;
    struct buf scratch = {0};
    struct address20 sender;
    if (why != NULL)
        return call_fail(call, RPC_SERVER_ERROR, why, SPAN_EMPTY);
    bool decoded = tx_decode_network(&tx, envelope, &scratch) == TX_VALID &&
                   tx_sender(&sender, &tx, dev->crypto, true) == TX_VALID;
    ASSERT(decoded); /* the pool took it */
    tx_hash(&hash, &tx);
    bool mined = devchain_mine_due(dev->devchain);
    bool waits = pool_state(dev->pool, &hash) != POOL_UNKNOWN;
    if (waits)
        sent_add(dev->light->sent, &hash, &sender, tx.nonce, tx.raw, loop_now_ms(dev->loop));
    buf_free(&scratch);
    if (!mined)
        return call_fail(call, RPC_SERVER_ERROR, "no block could be made; the log says why",
                         SPAN_EMPTY);
    if (!waits && ledger_tx(dev->ledger, &hash) == NULL)
        return call_fail(call, RPC_SERVER_ERROR, devchain_refusal(dev->devchain), SPAN_EMPTY);
    json_put_hash(call_result(call), &hash);
    return dev_ok(dev, call);
}

/* With automine nothing would ever come of it, and a script would wait for ever. */
static const char *fee_fault(struct dev *dev, const struct tx *tx)
{
    struct header next;
    devchain_next_header(dev->devchain, &next);
    if (devchain_automine(dev->devchain) && u256_compare(&tx->max_fee, &next.base_fee) < 0)
        return "max fee per gas less than block base fee";
    return NULL;
}

struct call_done dev_send_raw(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct span envelope;
    struct tx tx;
    struct buf scratch = {0};
    if (!param_data(call, 0, &envelope))
        return call_fail_param(call);
    const char *why = NULL;
    bool decoded = tx_decode_network(&tx, envelope, &scratch) == TX_VALID;
    if (!decoded) /* for the words of go-ethereum */
        return eth_send_raw_transaction(call, dev->light);
    why = fee_fault(dev, &tx);
    buf_free(&scratch);
    if (why == NULL)
        why = pool_add(dev->pool, envelope);
    return enter(dev, call, envelope, why);
}

/* ---- eth_sendTransaction ---- */

struct sending {
    struct dev *dev;
    struct call_args args;
    struct rpc_request *estimate; /* under way */
};

static enum tx_type type_of(const struct call_args *args)
{
    if (args->has_authorizations)
        return TX_SET_CODE;
    if (!args->has_gas_price)
        return TX_DYNAMIC_FEE;
    return args->has_access_list ? TX_ACCESS_LIST : TX_LEGACY;
}

static void fill_fees(struct dev *dev, const struct call_args *args, struct tx *tx)
{
    struct header next;
    if (args->has_gas_price) {
        tx->gas_price = tx->max_fee = tx->max_priority_fee = args->gas_price;
        return;
    }
    devchain_next_header(dev->devchain, &next);
    tx->max_priority_fee = u256_from_u64(TIP_WEI);
    if (args->has_max_priority_fee)
        tx->max_priority_fee = args->max_priority_fee;
    else if (args->has_max_fee && u256_compare(&args->max_fee, &tx->max_priority_fee) < 0)
        tx->max_priority_fee = args->max_fee;
    u256_add(&tx->max_fee, &next.base_fee, &next.base_fee);
    u256_add(&tx->max_fee, &tx->max_fee, &tx->max_priority_fee);
    if (args->has_max_fee)
        tx->max_fee = args->max_fee;
    tx->gas_price = tx->max_fee;
}

static struct call_done send(struct call *call, struct sending *sending, uint64_t gas)
{
    struct dev *dev = sending->dev;
    const struct call_args *args = &sending->args;
    const struct seckey32 *key = key_of(dev, &args->from);
    struct tx tx = {.type = type_of(args),
                    .has_chain_id = true,
                    .chain_id = ledger_spec(dev->ledger)->chain_id,
                    .nonce =
                        args->has_nonce ? args->nonce : pool_next_nonce(dev->pool, &args->from),
                    .gas_limit = gas,
                    .has_to = args->has_to,
                    .to = args->to,
                    .value = args->value,
                    .data = args->data,
                    .access_list = args->access_list,
                    .authorizations = args->authorizations};
    fill_fees(dev, args, &tx);
    const char *why = fee_fault(dev, &tx);
    struct buf envelope = {0};
    if (key != NULL)
        tx_sign(&envelope, &tx, dev->crypto, key);
    else
        tx_sign_as(&envelope, &tx, &args->from);
    if (why == NULL)
        why = key != NULL ? pool_add(dev->pool, buf_span(&envelope))
                          : pool_add_impersonated(dev->pool, buf_span(&envelope));
    struct call_done done = enter(dev, call, buf_span(&envelope), why);
    buf_free(&envelope);
    return done;
}

/* The answer of eth_estimateGas: its result is the gas, its error is ours. */
static struct call_done take_estimate(struct call *call, struct sending *sending, struct span reply)
{
    struct json_t *answer = json_parse(reply);
    const struct json_t *error = json_member(answer, "error");
    struct span text = json_text(json_member(answer, "result"));
    struct u256 gas = {{0}};
    struct call_done done;
    if (json_kind(error) == JSON_KIND_OBJECT) {
        struct buf data = {0};
        const struct json_t *more = json_member(error, "data");
        if (json_kind(more) == JSON_KIND_STRING)
            json_put_string(&data, json_text(more));
        done = call_fail_text(call, (int)json_integer_of(json_member(error, "code")),
                              json_text(json_member(error, "message")), buf_span(&data));
        buf_free(&data);
    } else if (!u256_parse_hex(&gas, text)) {
        done = call_fail(call, RPC_SERVER_ERROR, "the gas could not be estimated", SPAN_EMPTY);
    } else {
        done = send(call, sending, gas.words[0]);
    }
    json_free(answer);
    return done;
}

static void on_estimate(void *owner, struct span reply)
{
    struct call *call = owner;
    struct sending *sending = call_state(call);
    sending->estimate = NULL;
    take_estimate(call, sending, reply);
}

static void on_send_cancel(struct call *call)
{
    struct sending *sending = call_state(call);
    if (sending->estimate != NULL)
        rpc_abandon(sending->estimate);
    sending->estimate = NULL;
}

static struct call_done estimate(struct call *call, struct sending *sending)
{
    struct span cursor = call_params_text(call), name, value;
    struct buf request = {0}, reply = {0};
    bool some = json_next(&cursor, &name, &value);
    ASSERT(some);
    buf_add_str(&request,
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_estimateGas\",\"params\":[");
    buf_add_span(&request, value);
    buf_add_str(&request, "]}");
    call_set_state(call, sending);
    enum rpc_outcome outcome = rpc_submit(sending->dev->rpc, buf_span(&request), &reply,
                                          &sending->estimate, on_estimate, call);
    struct call_done done = outcome == RPC_WAITING ? call_pending(call, on_send_cancel)
                                                   : take_estimate(call, sending, buf_span(&reply));
    buf_free(&request);
    buf_free(&reply);
    return done;
}

static const char *args_fault(const struct dev *dev, const struct call_args *args)
{
    if (!args->has_from)
        return "from is missing";
    if (key_of(dev, &args->from) == NULL && !dev_is_impersonated(dev, &args->from))
        return "unknown account";
    if (args->has_blob_hashes || args->has_blobs)
        return "transactions with blobs come signed, with eth_sendRawTransaction";
    if (args->data_differs)
        return "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass "
               "transaction call data";
    if (args->has_gas_price && (args->has_max_fee || args->has_max_priority_fee))
        return "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
    if (!args->has_to && args->data.size == 0)
        return "contract creation without any data provided";
    return NULL;
}

static struct call_done go_on(struct call *call, struct dev *dev)
{
    struct sending *sending = call_alloc(call, sizeof(*sending));
    sending->dev = dev;
    if (!param_call_args(call, 0, &sending->args))
        return call_fail_param(call);
    const char *why = args_fault(dev, &sending->args);
    if (why != NULL)
        return call_fail(call, RPC_SERVER_ERROR, why, SPAN_EMPTY);
    if (sending->args.has_chain_id) {
        struct u256 chain_id = u256_from_u64(ledger_spec(dev->ledger)->chain_id);
        if (!u256_equal(&chain_id, &sending->args.chain_id))
            return call_fail(call, RPC_SERVER_ERROR, "invalid chain id for signer", SPAN_EMPTY);
    }
    return sending->args.has_gas ? send(call, sending, sending->args.gas) : estimate(call, sending);
}

/* Not before the chain is at rest: the nonce and the fee are those of the next block. */
struct call_done dev_send(struct call *call, void *ctx)
{
    return dev_when_settled(ctx, call, go_on);
}

/* ---- signatures ---- */

static struct call_done sign_digest(struct call *call, const struct dev *dev,
                                    const struct address20 *address, const struct hash32 *digest)
{
    const struct seckey32 *key = key_of(dev, address);
    struct sig65 sig;
    if (key == NULL)
        return call_fail(call, RPC_SERVER_ERROR, "unknown account", SPAN_EMPTY);
    crypto_sign(dev->crypto, &sig, digest, key);
    sig.bytes[64] += 27;
    json_put_data(call_result(call), SPAN(sig.bytes, 65));
    return call_ok(call);
}

/* EIP-191, version 0x45 */
static struct call_done sign(struct call *call, const struct dev *dev,
                             const struct address20 *address, struct span message)
{
    struct buf text = {0};
    struct hash32 digest;
    buf_printf(&text,
               "\x19"
               "Ethereum Signed Message:\n%zu",
               message.size);
    buf_add_span(&text, message);
    keccak256(&digest, buf_span(&text));
    buf_free(&text);
    return sign_digest(call, dev, address, &digest);
}

/* The data comes as an object, or as its text in a string. */
struct call_done dev_sign_typed(struct call *call, void *ctx)
{
    struct address20 address;
    struct hash32 digest;
    const struct json_t *data = call_param(call, 1);
    struct json_t *inside = NULL;
    if (!param_address(call, 0, &address))
        return call_fail_param(call);
    if (json_kind(data) == JSON_KIND_STRING)
        data = inside = json_parse(json_text(data));
    const char *fault = typed_data_digest(&digest, data);
    json_free(inside);
    if (fault != NULL)
        return call_fail(call, RPC_INVALID_PARAMS, fault, SPAN_EMPTY);
    return sign_digest(call, ctx, &address, &digest);
}

struct call_done dev_sign(struct call *call, void *ctx)
{
    struct address20 address;
    struct span message;
    if (!param_address(call, 0, &address) || !param_data(call, 1, &message))
        return call_fail_param(call);
    return sign(call, ctx, &address, message);
}

struct call_done dev_sign_personal(struct call *call, void *ctx)
{
    struct address20 address;
    struct span message;
    if (!param_data(call, 0, &message) || !param_address(call, 1, &address))
        return call_fail_param(call);
    return sign(call, ctx, &address, message);
}

/* ---- out of the pool ---- */

struct call_done dev_drop_transaction(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    struct hash32 hash;
    if (!param_hash(call, 0, &hash))
        return call_fail_param(call);
    bool there = pool_state(dev->pool, &hash) != POOL_UNKNOWN;
    pool_remove(dev->pool, &hash);
    sent_drop(dev->light->sent, &hash);
    if (strncmp(call_method(call), "hardhat_", 8) == 0)
        json_put_bool(call_result(call), there);
    else if (there)
        json_put_hash(call_result(call), &hash);
    else
        json_put_null(call_result(call));
    return call_ok(call);
}

struct call_done dev_drop_all(struct call *call, void *ctx)
{
    struct dev *dev = ctx;
    uint64_t seed;
    pool_clear(dev->pool);
    loop_random(dev->loop, &seed, sizeof(seed));
    sent_free(dev->light->sent);
    dev->light->sent = sent_new(seed);
    return dev_ok_nothing(dev, call);
}
