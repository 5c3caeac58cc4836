/* A simulation over proofs is the simulation over the whole state: random worlds and requests, run
 * as gateway/light/exec.c runs them (over guesses, fetching what was looked up, until nothing is
 * lacking) and once with everything at hand. The answers must be the same to the byte. */
#include "gateway/call/simulate.h"
#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(simulate_prop, .fini = fixture_leak_gate, .timeout = 300);

#define ACCOUNTS   30
#define SLOTS      12
#define NUMBER     300
#define TURNS      150
#define BLOCKS_MAX 4
#define CALLS_MAX  6

/* ---- the world ---- */

/* What contracts do, with the first words of their input. */
static const char *const CODES[] = {
    "602035600035556020602060200160006000a0",           /* slot[a] = b, and a log */
    "6000543560005260206000f3",                         /* returns what slot 0 points at */
    "600035ff",                                         /* goes away in favour of a */
    "60003540600055",                                   /* slot[0] = BLOCKHASH(a) */
    "60203560003555600080fd",                           /* the first, undone */
    "602035600035556000600060006000600160003561c350f1", /* and pays a one wei */
    "6000355430600160003e60005260206000f3",
    "60003531600055600035 3f600155", /* balance, code hash */
    "5b600056",
    "600060006001f0600055600060006001f05031", /* creates */
    "36600060003760003560205260406000a1600435ff"};

struct world {
    struct node_store *whole;
    struct chainspec spec;
    struct header base;
    struct hash32 hash;
    struct crypto *crypto;
    uint64_t seed;
};

static uint64_t below(struct world *world, uint64_t bound)
{
    return fixture_random_below(&world->seed, bound);
}

/* Low addresses, so that contracts find each other, and precompiled contracts among them. */
static struct address20 address_at(uint64_t index)
{
    struct address20 address = {{0}};
    be_write(address.bytes + 12, 8, index);
    return address;
}

static struct buf code_of(struct world *world)
{
    struct buf code = {0};
    const char *hex = CODES[below(world, ARRAY_COUNT(CODES))];
    unsigned digit, byte = 0, count = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        digit = *hex <= '9' ? (unsigned)(*hex - '0') : (unsigned)(*hex - 'a' + 10);
        byte = byte << 4 | digit;
        if (++count % 2 == 0)
            buf_add_u8(&code, (uint8_t)byte);
    }
    return code;
}

static void put_slot(struct evm_state *state, struct evm_account *account, uint64_t key,
                     uint64_t value)
{
    struct u256 key256 = u256_from_u64(key), value256 = u256_from_u64(value);
    struct evm_slot *slot = evm_state_slot(state, account, &key256);
    cr_assert(evm_state_load_slot(state, slot));
    evm_state_store(state, slot, &value256);
}

static void put_protocol(struct evm_state *state, const char *address_hex)
{
    struct address20 address;
    struct evm_account *account;
    fixture_hex_exact(address.bytes, 20, address_hex);
    cr_assert(evm_state_account(state, &address, &account));
    evm_state_set_nonce(state, account, 1);
    evm_state_set_code(state, account, SPAN("\0", 1));
}

static void put_state(struct world *world)
{
    struct evm_store_backend empty;
    struct hash32 root = EMPTY_TRIE_ROOT;
    evm_store_backend_init(&empty, world->whole, &root);
    struct evm_state *state = evm_state_new(&empty.backend, NULL);
    evm_state_begin(state);
    for (uint64_t i = 0; i < ACCOUNTS; i++) {
        struct address20 address = address_at(i);
        struct u256 balance = u256_from_u64(below(world, 1u << 20));
        struct evm_account *account;
        if (below(world, 4) == 0)
            continue;
        cr_assert(evm_state_account(state, &address, &account));
        evm_state_set_balance(state, account, &balance);
        evm_state_set_nonce(state, account, below(world, 3));
        if (below(world, 2) == 0)
            continue;
        struct buf code = code_of(world);
        evm_state_set_code(state, account, buf_span(&code));
        buf_free(&code);
        for (uint64_t slot = 0; slot < SLOTS; slot++)
            if (below(world, 2))
                put_slot(state, account, slot, 1 + below(world, ACCOUNTS));
    }
    put_protocol(state, "00000961ef480eb55e80d19ad83579a64c007002");
    put_protocol(state, "0000bbddc7ce488642fb579f8b00f3a590007251");
    evm_state_end(state, true);
    cr_assert_eq(evm_state_commit(state, world->whole, &root), STATUS_OK);
    evm_state_free(state);
    world->base.state_root = root;
}

/* Every fork is the base's, or comes within the blocks. */
static void set_chain(struct world *world)
{
    enum fork fork = (enum fork)below(world, FORK_BPO1);
    world->spec = (struct chainspec){.chain_id = 1, .clique = below(world, 4) == 0};
    for (enum fork i = FORK_FRONTIER; i < FORK_COUNT; i++)
        world->spec.activation[i] = i >= FORK_BPO1       ? FORK_NEVER
                                    : i >= FORK_SHANGHAI ? (i <= fork ? 0 : 1012 + 12 * (i - fork))
                                                         : (i <= fork ? 0 : NUMBER + 1 + i - fork);
    world->spec.activation[FORK_DAO] = FORK_NEVER;
    world->spec.blobs[FORK_CANCUN] = (struct blob_params){true, 3, 6, 3338477};
    world->spec.blobs[FORK_PRAGUE] = (struct blob_params){true, 6, 9, 5007716};
    world->base = (struct header){.number = NUMBER, .timestamp = 1000, .gas_limit = 3000000};
    world->base.difficulty = u256_from_u64(fork < FORK_PARIS);
    world->base.fields = fork >= FORK_PRAGUE     ? 6
                         : fork >= FORK_CANCUN   ? 5
                         : fork >= FORK_SHANGHAI ? 2
                         : fork >= FORK_LONDON   ? 1
                                                 : 0;
}

static struct hash32 hash_at(uint64_t number)
{
    struct hash32 hash = {{0}};
    be_write(hash.bytes, 8, number * 0x9e3779b97f4a7c15ull);
    return hash;
}

/* ---- the request ---- */

struct request {
    struct simulate_block blocks[BLOCKS_MAX];
    struct call_args calls[BLOCKS_MAX][CALLS_MAX];
    struct account_override accounts[BLOCKS_MAX][2];
    struct slot_override slots[BLOCKS_MAX][2][SLOTS];
    uint8_t data[64 * BLOCKS_MAX * CALLS_MAX];
    struct buf code;
};

static void make_override(struct world *world, struct request *request, size_t block, size_t index)
{
    struct account_override *account = &request->accounts[block][index];
    struct slot_override *slots = request->slots[block][index];
    account->address = address_at(index * ACCOUNTS / 2 + below(world, ACCOUNTS / 2));
    account->has_balance = below(world, 3) == 0;
    account->balance = u256_from_u64(below(world, 3) * 100000);
    account->has_nonce = below(world, 4) == 0;
    account->nonce = below(world, 3);
    account->has_code = below(world, 3) == 0;
    account->code = below(world, 3) == 0 ? SPAN_EMPTY : buf_span(&request->code);
    size_t count = below(world, SLOTS);
    for (size_t i = 0; i < count; i++) {
        be_write(slots[i].slot.bytes + 24, 8, i);
        be_write(slots[i].value.bytes + 24, 8, below(world, 3));
    }
    account->has_state = below(world, 4) == 0;
    account->has_state_diff = !account->has_state && below(world, 2);
    account->state = account->state_diff = slots;
    account->state_count = account->has_state ? count : 0;
    account->state_diff_count = account->has_state_diff ? count : 0;
}

static void make_call(struct world *world, struct call_args *args, uint8_t *data64)
{
    args->has_from = true;
    args->from = address_at(below(world, ACCOUNTS));
    args->has_to = below(world, 8) != 0;
    args->to = address_at(below(world, ACCOUNTS + 2));
    args->has_value = below(world, 5) == 0;
    args->value = u256_from_u64(args->has_value ? below(world, 3) : 0);
    args->has_gas = true;
    args->gas = 60000 + below(world, 60000);
    args->has_gas_price = below(world, 4) == 0;
    memset(data64, 0, 64);
    data64[31] = (uint8_t)below(world, below(world, 2) ? SLOTS : ACCOUNTS);
    if (below(world, 6) == 0)
        be_write(data64 + 24, 8, NUMBER - 5 + below(world, 10));
    data64[63] = (uint8_t)(below(world, 3) ? 0 : below(world, ACCOUNTS));
    args->data = SPAN(data64, 64);
}

static struct request *make_request(struct world *world, struct simulate_job *job)
{
    struct request *request = mem_alloc(sizeof *request);
    uint8_t *data = request->data;
    request->code = code_of(world);
    job->blocks = request->blocks;
    job->blocks_count = 1 + below(world, BLOCKS_MAX);
    job->trace_transfers = below(world, 2);
    job->full_transactions = below(world, 2);
    uint64_t number = NUMBER;
    for (size_t i = 0; i < job->blocks_count; i++) {
        struct simulate_block *block = &request->blocks[i];
        number += 1 + below(world, 3) / 2;
        block->block.has_number = true;
        block->block.number = u256_from_u64(number);
        block->block.has_fee_recipient = below(world, 2);
        block->block.fee_recipient = address_at(below(world, ACCOUNTS));
        block->state.accounts = request->accounts[i];
        block->state.count = below(world, 3);
        for (size_t j = 0; j < block->state.count; j++)
            make_override(world, request, i, j);
        block->calls = request->calls[i];
        block->calls_count = below(world, CALLS_MAX + 1);
        for (size_t j = 0; j < block->calls_count; j++)
            make_call(world, &request->calls[i][j], data + 64 * (i * CALLS_MAX + j));
    }
    return request;
}

static void free_request(struct request *request)
{
    buf_free(&request->code);
    mem_free(request);
}

/* ---- fetching, as gateway/light/exec.c does it ---- */

static void keep_path(struct world *world, struct witness *witness, const struct hash32 *root,
                      const struct hash32 *key)
{
    struct buf proof = {0};
    cr_assert_eq(trie_prove(world->whole, root, SPAN(key->bytes, 32), 0, NULL, NULL, &proof),
                 STATUS_OK);
    struct rlp items = rlp_reader(buf_span(&proof));
    while (rlp_more(&items)) {
        struct span node = rlp_raw(&items);
        struct hash32 hash;
        keccak256(&hash, node);
        node_store_put(witness_nodes(witness), &hash, node);
    }
    buf_free(&proof);
}

static void fetch_account(struct world *world, struct witness *witness,
                          const struct address20 *address, struct account *out)
{
    struct evm_store_backend backend;
    struct hash32 key;
    keccak256(&key, SPAN(address->bytes, 20));
    *out = ACCOUNT_EMPTY;
    evm_store_backend_init(&backend, world->whole, &world->base.state_root);
    bool exists = backend.backend.ops->account(&backend.backend, address, out) == EVM_LOOKUP_FOUND;
    witness_put_account(witness, address, out, exists);
    keep_path(world, witness, &world->base.state_root, &key);
}

static void fetch_slot(struct world *world, struct witness *witness,
                       const struct witness_want *want)
{
    struct evm_store_backend backend;
    struct account account;
    struct u256 value = u256_from_u64(0);
    struct hash32 key;
    keccak256(&key, SPAN(want->key.bytes, 32));
    evm_store_backend_init(&backend, world->whole, &world->base.state_root);
    fetch_account(world, witness, &want->address, &account);
    if (backend.backend.ops->storage(&backend.backend, &want->address, &account.storage_root,
                                     &want->key, &value) != EVM_LOOKUP_FOUND)
        value = u256_from_u64(0);
    witness_put_slot(witness, &want->address, &want->key, &value);
    keep_path(world, witness, &account.storage_root, &key);
}

static void fetch(struct world *world, struct witness *witness, const struct witness_want *want)
{
    struct account account;
    struct hash32 root = world->base.state_root, hash;
    struct span code;
    switch (want->kind) {
    case WITNESS_ACCOUNT:
        fetch_account(world, witness, &want->address, &account);
        return;
    case WITNESS_SLOT:
        fetch_slot(world, witness, want);
        return;
    case WITNESS_CODE:
        if (node_store_get(world->whole, &want->key, &code))
            witness_put_code(witness, &want->key, code);
        return;
    case WITNESS_BLOCK_HASH:
        hash = hash_at(want->number);
        witness_put_block_hash(witness, want->number, &hash, true);
        return;
    case WITNESS_NODE:
        if (want->in_storage) {
            fetch_account(world, witness, &want->address, &account);
            root = account.storage_root;
        }
        keep_path(world, witness, &root, &want->key);
        return;
    }
}

/* ---- both ways ---- */

static void run(struct world *world, struct simulate_job *job, struct evm_backend *backend,
                struct witness *witness, struct node_store *nodes)
{
    static const _Atomic bool never = false;
    struct exec_world at = {.backend = backend,
                            .nodes = nodes,
                            .witness = witness,
                            .spec = &world->spec,
                            .crypto = world->crypto,
                            .precompiles = evm_precompile_curves(),
                            .cancel = &never,
                            .gas_cap = 2000000};
    simulate_run(&job->job, &at);
}

static void keep_answer(const struct simulate_job *job, struct buf *out)
{
    buf_clear(out);
    if (job->error.code != 0)
        buf_printf(out, "%d %.*s", job->error.code, (int)job->error.text.size,
                   (const char *)job->error.text.data);
    else
        buf_add_span(out, buf_span(&job->answer));
}

static void run_whole(struct world *world, struct simulate_job *job, struct buf *out)
{
    struct evm_store_backend backend;
    struct witness *witness = witness_new(NULL, &world->base.state_root, false);
    evm_store_backend_init(&backend, world->whole, &world->base.state_root);
    for (uint64_t number = 0; number < NUMBER; number++) {
        struct hash32 hash = hash_at(number);
        witness_put_block_hash(witness, number, &hash, true);
    }
    witness_begin(witness, false);
    run(world, job, &backend.backend, witness, world->whole);
    cr_assert(!witness_guessed(witness));
    keep_answer(job, out);
    witness_free(witness);
}

static unsigned run_proved(struct world *world, struct simulate_job *job, struct recall *recall,
                           bool guessing, struct buf *out)
{
    struct witness *witness = witness_new(recall, &world->base.state_root, true);
    for (unsigned runs = 1;; runs++) {
        size_t count;
        witness_begin(witness, guessing);
        run(world, job, witness_backend(witness), witness, witness_nodes(witness));
        if (!witness_guessed(witness)) {
            keep_answer(job, out);
            witness_free(witness);
            return runs;
        }
        const struct witness_want *wants = witness_wants(witness, &count);
        cr_assert_gt(count, 0);
        for (size_t i = 0; i < count; i++)
            fetch(world, witness, &wants[i]);
        cr_assert_lt(runs, guessing ? 40u : 600u);
    }
}

Test(simulate_prop, over_proofs_it_is_what_it_is_over_the_whole_state)
{
    struct world world = {.seed = fixture_seed()};
    uint8_t seed32[32] = {3};
    unsigned runs = 0, most = 0, answers = 0;
    world.crypto = crypto_new(seed32);
    struct recall *recall = recall_new(RECALL_ENTRIES_MAX, 1);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct buf expected = {0}, got = {0};
        struct simulate_job job = {0};
        world.whole = node_store_new();
        set_chain(&world);
        put_state(&world);
        job.base = world.base;
        header_hash(&job.base_hash, &job.base);
        struct request *request = make_request(&world, &job);
        run_whole(&world, &job, &expected);
        answers += job.error.code == 0;
        bool guessing = turn % 5 != 0;
        unsigned tries = run_proved(&world, &job, turn % 2 ? recall : NULL, guessing, &got);
        cr_assert(span_equal(buf_span(&expected), buf_span(&got)), "turn %u: %.*s\nand not %.*s",
                  turn, (int)got.size, got.data, (int)expected.size, expected.data);
        if (guessing) {
            runs += tries;
            most = tries > most ? tries : most;
        }
        call_error_free(&job.error);
        buf_free(&job.answer);
        buf_free(&expected);
        buf_free(&got);
        free_request(request);
        node_store_free(world.whole);
    }
    recall_free(recall);
    crypto_free(world.crypto);
    cr_log_info("%u of %u simulations had an answer; over guesses %.1f runs each, at most %u",
                answers, TURNS, runs / (TURNS * 0.8), most);
    cr_assert_gt(answers, TURNS / 4);
}
