/* eth_simulateV1 from its parameters to its answer. The first byte chooses the fork of the base
 * block and whether the state is known or guessed, the rest is the params array. Over a known state
 * the answer is JSON, or there is an error, and asking again brings the same; with the nodes of
 * that state at hand nothing is ever wanted. */
#include "gateway/call/simulate.h"
#include "tests/fixture/still.h"

#include "les/eth/keccak.h"
#include "les/eth/u256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NUMBER = 20, TIMESTAMP = 1000, GAS_CAP = 300000 };

static const uint64_t shanghai = 1012, cancun = 1024, prague = 1036;

static void set_chain(struct chainspec *spec, struct header *base, unsigned kind)
{
    static const uint64_t starts[] = {TIMESTAMP - 12, 1000, 1012, 1024, 1036};
    *spec = (struct chainspec){.chain_id = 1, .clique = kind == 5};
    for (size_t i = 0; i < FORK_COUNT; i++)
        spec->activation[i] =
            i <= FORK_BERLIN ? (kind == 6 && i > FORK_HOMESTEAD ? 30 : 0) : FORK_NEVER;
    *base = (struct header){.number = NUMBER, .timestamp = TIMESTAMP, .gas_limit = 10000000};
    if (kind >= 5) {
        base->difficulty = u256_from_u64(2);
        return;
    }
    spec->activation[FORK_LONDON] = NUMBER;
    spec->activation[FORK_PARIS] = NUMBER;
    spec->activation[FORK_SHANGHAI] = shanghai;
    spec->activation[FORK_CANCUN] = cancun;
    spec->activation[FORK_PRAGUE] = prague;
    spec->blobs[FORK_CANCUN] = (struct blob_params){true, 3, 6, 3338477};
    spec->blobs[FORK_PRAGUE] = (struct blob_params){true, 6, 9, 5007716};
    base->fields = 1;
    base->base_fee = u256_from_u64(7);
    base->timestamp = starts[kind];
}

/* Some who are rich, contracts that store and log, and what the protocol calls. */
static struct hash32 make_state(struct node_store *store)
{
    static const struct address20 places[] = {
        {{[19] = 0xa1}},
        {{[19] = 0xc0}},
        {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e, 0xb5, 0x5e, 0x80,
          0xd1, 0x9a, 0xd8, 0x35, 0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}},
        {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48, 0x86, 0x42, 0xfb,
          0x57, 0x9f, 0x8b, 0x00, 0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}},
        {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
          0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}}};
    /* slot[calldata word] = second word, then a log of it */
    static const uint8_t code[] = {0x60, 0x20, 0x35, 0x60, 0x00, 0x35, 0x55,
                                   0x60, 0x40, 0x60, 0x00, 0xa0, 0x00};
    struct evm_store_backend empty;
    struct hash32 root = EMPTY_TRIE_ROOT;
    struct u256 rich = {{0, 0, 1, 0}};
    evm_store_backend_init(&empty, store, &root);
    struct evm_state *state = evm_state_new(&empty.backend, NULL);
    evm_state_begin(state);
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        struct evm_account *account;
        ASSERT(evm_state_account(state, &places[i], &account));
        evm_state_set_balance(state, account, &rich);
        if (i > 0)
            evm_state_set_code(state, account, i == 1 ? SPAN(code, sizeof code) : SPAN("", 1));
        for (uint64_t slot = 0; slot < 8 && i == 1; slot++) {
            struct u256 key = u256_from_u64(slot), value = u256_from_u64(slot + 1);
            struct evm_slot *entry = evm_state_slot(state, account, &key);
            ASSERT(evm_state_load_slot(state, entry));
            evm_state_store(state, entry, &value);
        }
    }
    evm_state_end(state, true);
    ASSERT(evm_state_commit(state, store, &root) == STATUS_OK);
    evm_state_free(state);
    return root;
}

struct stage {
    struct chainspec spec;
    struct header base;
    const struct crypto *crypto;
    bool guessing;
};

static void run(struct simulate_job *job, const struct stage *stage)
{
    static const _Atomic bool never = false;
    struct evm_store_backend known;
    struct witness *witness = witness_new(NULL, &job->base.state_root, true);
    (void)make_state(witness_nodes(witness));
    evm_store_backend_init(&known, witness_nodes(witness), &job->base.state_root);
    for (uint64_t number = 0; number < NUMBER; number++)
        witness_put_block_hash(witness, number, &EMPTY_CODE_HASH, true);
    witness_begin(witness, stage->guessing);
    struct exec_world world = {.backend =
                                   stage->guessing ? witness_backend(witness) : &known.backend,
                               .nodes = witness_nodes(witness),
                               .witness = witness,
                               .spec = &stage->spec,
                               .crypto = stage->crypto,
                               .precompiles = evm_precompile_curves(),
                               .cancel = &never,
                               .gas_cap = GAS_CAP};
    simulate_run(&job->job, &world);
    ASSERT(stage->guessing || !witness_guessed(witness));
    witness_free(witness);
}

static void check(struct simulate_job *job, const struct stage *stage)
{
    struct span value, rest;
    struct buf first = {0};
    run(job, stage);
    if (!stage->guessing && job->error.code == 0) {
        ASSERT(json_scan(&value, &rest, buf_span(&job->answer)));
        buf_add_span(&first, buf_span(&job->answer));
        run(job, stage);
        ASSERT(span_equal(buf_span(&first), buf_span(&job->answer)));
    }
    buf_free(&first);
    call_error_free(&job->error);
    buf_free(&job->answer);
}

static struct call_done on_call(struct call *call, void *ctx)
{
    const struct stage *stage = ctx;
    struct simulate_job *job = call_alloc(call, sizeof *job);
    if (!simulate_options(call, job) || !param_block(call, 1, &job->base_ref))
        return call_fail_param(call);
    struct node_store *store = node_store_new();
    job->base = stage->base;
    job->base.state_root = make_state(store);
    node_store_free(store);
    header_hash(&job->base_hash, &job->base);
    check(job, stage);
    json_put_null(call_result(call));
    return call_ok(call);
}

static void on_reply(void *owner, struct span reply)
{
    (void)owner;
    (void)reply;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crypto *crypto;
    static const uint8_t seed[32] = {1};
    static const struct rpc_method methods[] = {{"a", on_call, "*B?", CALL_CACHE_NEVER}};
    struct still still;
    struct stage stage;
    struct buf message = {0}, reply = {0};
    struct rpc_request *request;
    if (size == 0)
        return 0;
    if (crypto == NULL)
        crypto = crypto_new(seed);
    stage.crypto = crypto;
    set_chain(&stage.spec, &stage.base, data[0] % 7);
    stage.guessing = data[0] & 0x80;
    still_init(&still);
    struct rpc *rpc = rpc_new(&(struct rpc_options){.loop = &still.loop,
                                                    .methods = methods,
                                                    .methods_count = 1,
                                                    .ctx = &stage,
                                                    .timeout_ms = 10,
                                                    .calls_max = 10});
    buf_printf(&message, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":");
    buf_add(&message, data + 1, size - 1);
    buf_add_u8(&message, '}');
    ASSERT(rpc_submit(rpc, buf_span(&message), &reply, &request, on_reply, NULL) != RPC_WAITING);
    rpc_free(rpc);
    loop_deinit(&still.loop);
    buf_free(&message);
    buf_free(&reply);
    return 0;
}
