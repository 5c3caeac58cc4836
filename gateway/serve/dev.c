#include "gateway/serve/dev.h"

#include "les/eth/keccak.h"
#include "les/evm/precompile.h"
#include "les/p2p/host.h"

#define CACHE_BYTES MIB(16)

/* ---- waiting for the light client ---- */

struct dev_wait {
    struct dev_wait *next;
    struct call *call;
    struct dev *dev;
    uint64_t number; /* of the head when the call came */
    struct call_done (*then)(struct call *call, struct dev *dev);
};

/* The light client stands on the ledger's chain, at number or above, or at its head if that has
 * gone back since. */
static bool has_caught_up(const struct dev *dev, uint64_t number)
{
    const struct block_header *seen = chain_head(dev->light->chain);
    const struct ledger_block *head = ledger_head(dev->ledger);
    if (seen == NULL)
        return false;
    if (number > head->header.number)
        number = head->header.number;
    const struct ledger_block *same = ledger_by_number(dev->ledger, seen->header.number);
    return seen->header.number >= number && same != NULL && hash32_equal(&same->hash, &seen->hash);
}

static void remove_wait(struct dev *dev, struct dev_wait *wait)
{
    struct dev_wait **at = &dev->first;
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    if (*at == NULL)
        dev->last = at;
}

static void on_wait_cancel(struct call *call)
{
    struct dev_wait *wait = call_state(call);
    remove_wait(wait->dev, wait);
}

struct call_done dev_when_settled(struct dev *dev, struct call *call,
                                  struct call_done (*then)(struct call *call, struct dev *dev))
{
    uint64_t number = ledger_head(dev->ledger)->header.number;
    if (!devchain_is_busy(dev->devchain) && has_caught_up(dev, number))
        return then(call, dev);
    struct dev_wait *wait = call_alloc(call, sizeof(*wait));
    *wait = (struct dev_wait){.call = call, .dev = dev, .number = number, .then = then};
    *dev->last = wait;
    dev->last = &wait->next;
    call_set_state(call, wait);
    return call_pending(call, on_wait_cancel);
}

static struct dev_wait *first_ready(const struct dev *dev)
{
    struct dev_wait *wait = dev->first;
    while (wait != NULL && !has_caught_up(dev, wait->number))
        wait = wait->next;
    return wait;
}

/* From the start after each one: the end of a call may cancel others of its request. */
static void on_settled(struct task *task)
{
    struct dev *dev = container_of(task, struct dev, settled);
    struct dev_wait *wait;
    while (!devchain_is_busy(dev->devchain) && (wait = first_ready(dev)) != NULL) {
        remove_wait(dev, wait);
        wait->then(wait->call, dev);
    }
}

static void on_head(void *owner, struct block_header *old, struct block_header *new_head,
                    uint64_t fork_number)
{
    struct dev *dev = owner;
    (void)old, (void)fork_number;
    if (new_head == NULL)
        return;
    if (dev->server != NULL) /* a new connection starts with the smallest capacity */
        (void)server_set_capacity(dev->server, &dev->light_id, DEV_CAPACITY);
    loop_defer(dev->loop, &dev->settled);
}

static struct call_done finish(struct call *call, struct dev *dev)
{
    (void)dev;
    return call_ok(call);
}

struct call_done dev_ok(struct dev *dev, struct call *call)
{
    loop_defer(dev->loop, &dev->settled); /* a head that went back may be what others wait for */
    return dev_when_settled(dev, call, finish);
}

struct call_done dev_ok_nothing(struct dev *dev, struct call *call)
{
    if (strncmp(call_method(call), "hardhat_", 8) == 0)
        json_put_bool(call_result(call), true);
    else
        json_put_null(call_result(call));
    return dev_ok(dev, call);
}

struct call_done dev_fail_busy(struct call *call)
{
    return call_fail(call, RPC_SERVER_ERROR, "a run of blocks is being made: try again after it",
                     SPAN_EMPTY);
}

/* ---- the table ---- */

static const struct rpc_method DEV_METHODS[] = {
#define RPC_METHOD(name, handler, signature, cache) {name, handler, signature, CALL_CACHE_##cache},
#include "gateway/serve/dev_methods.def"
#undef RPC_METHOD
};

static const struct rpc_method *find_method(const struct rpc_method *rows, size_t count,
                                            const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static struct call_done run_eth(struct call *call, struct dev *dev)
{
    return find_method(METHODS, METHODS_COUNT, call_method(call))->handler(call, dev->light);
}

static struct call_done on_eth(struct call *call, void *ctx)
{
    return dev_when_settled(ctx, call, run_eth);
}

static void make_table(struct dev *dev)
{
    size_t own = ARRAY_COUNT(DEV_METHODS);
    dev->table = mem_alloc((own + METHODS_COUNT) * sizeof(dev->table[0]));
    memcpy(dev->table, DEV_METHODS, sizeof(DEV_METHODS));
    dev->table_count = own;
    for (size_t i = 0; i < METHODS_COUNT; i++) {
        if (find_method(DEV_METHODS, own, METHODS[i].name) != NULL)
            continue;
        struct rpc_method *row = &dev->table[dev->table_count++];
        *row = METHODS[i];
        row->handler = on_eth;
        row->cache = CALL_CACHE_NEVER; /* an answer that is kept would not wait for the head */
    }
}

/* ---- life ---- */

static enum status open_light(struct dev *dev, const struct dev_options *options)
{
    struct pubkey64 key;
    header_encode(&dev->genesis_rlp, options->genesis);
    struct light_options light = {.loop = dev->loop,
                                  .log = dev->log,
                                  .crypto = dev->crypto,
                                  .spec = ledger_spec(dev->ledger),
                                  .genesis_rlp = buf_span(&dev->genesis_rlp),
                                  .client_version = options->client_version,
                                  .trusted = &options->self,
                                  .trusted_count = 1,
                                  .fraction_percent = 100,
                                  .cache_bytes = CACHE_BYTES,
                                  .precompiles = evm_precompile_curves(),
                                  .on_head = on_head,
                                  .owner = dev};
    do
        loop_random(dev->loop, light.key.bytes, sizeof(light.key.bytes));
    while (!crypto_seckey_valid(dev->crypto, &light.key));
    crypto_pubkey(dev->crypto, &key, &light.key);
    enode_id(&dev->light_id, &key);
    enum status status = light_open(&dev->light, &light);
    mem_wipe(&light.key, sizeof(light.key));
    return status;
}

enum status dev_open(struct dev **out, const struct dev_options *options)
{
    struct dev *dev = mem_alloc(sizeof(*dev));
    ASSERT(crypto_impersonates(options->crypto));
    *dev = (struct dev){.loop = options->loop,
                        .log = options->log,
                        .crypto = options->crypto,
                        .ledger = options->ledger,
                        .pool = options->pool,
                        .devchain = options->devchain,
                        .server = options->server,
                        .settled = {.on_run = on_settled}};
    dev->last = &dev->first;
    dev_accounts(dev->accounts, dev->crypto);
    make_table(dev);
    *out = dev;
    enum status status = open_light(dev, options);
    if (status != STATUS_OK)
        return status;
    dev->rpc = rpc_new(&(struct rpc_options){.loop = dev->loop,
                                             .log = dev->log,
                                             .methods = dev->table,
                                             .methods_count = dev->table_count,
                                             .ctx = dev,
                                             .timeout_ms = DEV_TIMEOUT_MS,
                                             .calls_max = DEV_CALLS_MAX});
    return STATUS_OK;
}

void dev_close(struct dev *dev)
{
    if (dev == NULL)
        return;
    task_cancel(&dev->settled);
    light_close(dev->light);
    dev->light = NULL;
}

static void on_release(void *pointer)
{
    struct dev *dev = pointer;
    buf_free(&dev->genesis_rlp);
    mem_free(dev->table);
    mem_free(dev);
}

void dev_free(struct dev *dev)
{
    if (dev == NULL)
        return;
    rpc_free(dev->rpc);
    loop_sweep(dev->loop, dev, on_release); /* the task may still be in line */
}

/* ---- parameters ---- */

static bool read_number(const struct json_t *value, struct u256 *out)
{
    struct span text = json_text(value);
    switch (json_kind(value)) {
    case JSON_KIND_INTEGER:
        *out = u256_from_u64((uint64_t)json_integer_of(value));
        return json_integer_of(value) >= 0;
    case JSON_KIND_STRING:
        return text.size > 1 && text.data[1] == 'x' ? u256_parse_hex(out, text)
                                                    : u256_parse_decimal(out, text);
    case JSON_KIND_NULL:
    case JSON_KIND_BOOL:
    case JSON_KIND_REAL:
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        break;
    }
    return false;
}

bool dev_param_u256(struct call *call, size_t index, bool *has, struct u256 *out)
{
    const struct json_t *value = call_param(call, index);
    *out = (struct u256){{0}};
    if (has != NULL)
        *has = value != NULL;
    if (value == NULL && has != NULL)
        return true;
    if (read_number(value, out))
        return true;
    return param_note(call, RPC_INVALID_PARAMS,
                      "invalid argument %zu: a number is wanted, as a quantity, a decimal string "
                      "or a JSON integer",
                      index);
}

bool dev_param_u64(struct call *call, size_t index, bool *has, uint64_t *out)
{
    struct u256 value;
    *out = 0;
    if (!dev_param_u256(call, index, has, &value))
        return false;
    *out = value.words[0];
    return u256_fits_u64(&value) ||
           param_note(call, RPC_INVALID_PARAMS, "invalid argument %zu: more than 64 bits", index);
}
