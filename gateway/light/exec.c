#include "gateway/light/exec.h"

#include "gateway/light/query_private.h"
#include "les/eth/keccak.h"
#include "les/eth/u256.h"

#include <stdatomic.h>
#include <stdio.h>

/* Analysed code is kept from call to call, by one run at a time. */
struct code_slot {
    struct evm_code_cache *codes;
    bool taken;
};

struct exec {
    struct exec_options options;
    struct recall *recall;
    struct code_slot slots[EXEC_WORKERS_MAX];
    struct exec_run *queue; /* waiting for a slot; the oldest call first */
    struct exec_stats stats;
    size_t runs_alive;
    size_t bytes; /* of state that runs hold */
    bool closing;
};

struct exec_run {
    struct exec *exec;
    struct exec_job *job;
    struct query *query;      /* NULL: abandoned */
    struct held *held;        /* the query's */
    struct rpc_request *hold; /* the memory of job */
    struct block_header *block;
    struct witness *witness;
    struct code_slot *slot; /* while on a worker */
    uint64_t serial;        /* of calls as they came */
    struct exec_run *next;
    bool queued;
    struct work work;
    atomic_bool cancel;
    struct timer timer;
    uint64_t started_us, used_us; /* on workers */
    unsigned rounds;
    size_t bytes; /* its part of exec's */
    enum { RUN_WORKING, RUN_FETCHING, RUN_DONE } phase;
};

/* ---- life of exec ---- */

struct exec *exec_new(const struct exec_options *options)
{
    struct exec *exec = mem_alloc(sizeof *exec);
    uint64_t seed;
    exec->options = *options;
    if (options->gas_cap == 0)
        exec->options.gas_cap = EXEC_GAS_CAP_DEFAULT;
    if (options->state_bytes == 0)
        exec->options.state_bytes = EXEC_STATE_BYTES_MAX;
    if (options->timeout_ms == 0)
        exec->options.timeout_ms = EXEC_TIMEOUT_DEFAULT_MS;
    loop_random(options->loop, &seed, sizeof seed);
    exec->recall = recall_new(RECALL_ENTRIES_MAX, seed);
    for (size_t i = 0; i < EXEC_WORKERS_MAX; i++)
        exec->slots[i].codes = evm_code_cache_new(EXEC_CODE_BYTES);
    return exec;
}

static void free_if_idle(struct exec *exec)
{
    if (!exec->closing || exec->runs_alive > 0)
        return;
    for (size_t i = 0; i < EXEC_WORKERS_MAX; i++)
        evm_code_cache_free(exec->slots[i].codes);
    recall_free(exec->recall);
    mem_free(exec);
}

void exec_free(struct exec *exec)
{
    if (exec == NULL)
        return;
    exec->closing = true;
    free_if_idle(exec);
}

uint64_t exec_gas_cap(const struct exec *exec)
{
    return exec->options.gas_cap;
}

void exec_stats(const struct exec *exec, struct exec_stats *out)
{
    *out = exec->stats;
    out->bytes = exec->bytes;
}

/* ---- on the worker ---- */

static void on_work(struct work *work)
{
    struct exec_run *run = container_of(work, struct exec_run, work);
    const struct exec *exec = run->exec;
    struct exec_world world = {.backend = witness_backend(run->witness),
                               .nodes = witness_nodes(run->witness),
                               .witness = run->witness,
                               .spec = exec->options.spec,
                               .crypto = exec->options.crypto,
                               .precompiles = exec->options.precompiles,
                               .cancel = &run->cancel,
                               .codes = run->slot->codes,
                               .gas_cap = exec->options.gas_cap};
    run->job->run(run->job, &world);
}

/* ---- workers ---- */

static void free_run(struct exec_run *run)
{
    struct exec *exec = run->exec;
    if (run->job->free != NULL)
        run->job->free(run->job);
    timer_stop(&run->timer);
    call_unhold(run->hold);
    block_header_unref(run->block);
    witness_free(run->witness);
    exec->bytes -= run->bytes;
    mem_free(run);
    exec->runs_alive--;
    free_if_idle(exec);
}

static uint64_t timeout_ms(const struct exec_run *run)
{
    return run->job->timeout_ms != 0 ? run->job->timeout_ms : run->exec->options.timeout_ms;
}

static uint64_t left_ms(const struct exec_run *run)
{
    uint64_t used_ms =
        (run->used_us + loop_now_us(run->exec->options.loop) - run->started_us) / 1000;
    return used_ms >= timeout_ms(run) ? 0 : timeout_ms(run) - used_ms;
}

static uint64_t next_look_ms(const struct exec_run *run)
{
    uint64_t left = left_ms(run);
    return left < EXEC_GUESS_MS ? left : EXEC_GUESS_MS;
}

static void start_waiting(struct exec *exec)
{
    for (size_t i = 0; i < EXEC_WORKERS_MAX && exec->queue != NULL; i++) {
        if (exec->slots[i].taken)
            continue;
        struct exec_run *run = exec->queue;
        exec->queue = run->next;
        run->queued = false;
        run->slot = &exec->slots[i];
        run->slot->taken = true;
        run->started_us = loop_now_us(exec->options.loop);
        exec->stats.running++;
        exec->stats.runs++;
        timer_start(&run->timer, next_look_ms(run));
        loop_work(exec->options.loop, &run->work);
    }
}

/* In the order of the calls, not of their rounds: under too many calls some are answered in time,
 * where taking turns would let all of them fail. */
static void enqueue(struct exec_run *run)
{
    struct exec *exec = run->exec;
    struct exec_run **at = &exec->queue;
    witness_begin(run->witness, !exec->options.no_guessing);
    atomic_store(&run->cancel, false);
    run->phase = RUN_WORKING;
    while (*at != NULL && (*at)->serial < run->serial)
        at = &(*at)->next;
    run->next = *at;
    *at = run;
    run->queued = true;
    start_waiting(exec);
}

static void unqueue(struct exec_run *run)
{
    struct exec_run **at = &run->exec->queue;
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    run->queued = false;
}

/* A run that guesses may be in a loop that only the guess made endless; one that does not may take
 * all its time. */
static void on_timer(struct timer *timer)
{
    struct exec_run *run = container_of(timer, struct exec_run, timer);
    if (left_ms(run) == 0 || witness_guessed(run->witness))
        atomic_store(&run->cancel, true);
    else
        timer_start(timer, next_look_ms(run));
}

static void on_work_done(struct work *work)
{
    struct exec_run *run = container_of(work, struct exec_run, work);
    struct exec *exec = run->exec;
    run->used_us += loop_now_us(exec->options.loop) - run->started_us;
    run->slot->taken = false;
    run->slot = NULL;
    exec->stats.running--;
    timer_stop(&run->timer);
    start_waiting(exec);
    if (run->query == NULL) {
        free_run(run);
        return;
    }
    bool guessed = witness_guessed(run->witness);
    exec->stats.guessed_runs += guessed;
    run->phase = guessed ? RUN_FETCHING : RUN_DONE;
    query_held_arrived(run->held);
}

static void on_abandon(void *work)
{
    struct exec_run *run = work;
    run->query = NULL;
    run->held = NULL;
    if (run->queued)
        unqueue(run);
    if (run->slot == NULL)
        free_run(run);
    else
        atomic_store(&run->cancel, true);
}

/* ---- fetching what a run lacked ---- */

static void set_failed(struct query *query, int code, const char *text)
{
    if (query->failed)
        return;
    query->failed = true;
    query->fail_code = code;
    snprintf(query->fail_text, sizeof query->fail_text, "%s", text);
}

static void fail(struct exec_run *run, int code, const char *text)
{
    set_failed(run->query, code, text);
}

static void fail_time(struct exec_run *run)
{
    char text[64];
    uint64_t ms = timeout_ms(run);
    run->exec->stats.timed_out++;
    if (run->job->timeout_text != NULL)
        snprintf(text, sizeof text, "%s", run->job->timeout_text);
    else if (ms % 1000 == 0)
        snprintf(text, sizeof text, "execution aborted (timeout = %llus)",
                 (unsigned long long)(ms / 1000));
    else
        snprintf(text, sizeof text, "execution aborted (timeout = %llums)", (unsigned long long)ms);
    fail(run, RPC_SERVER_ERROR, text);
}

/* Copies the nodes of a path as it is walked. */
struct kept_source {
    struct trie_source source;
    struct trie_source *nodes;
    struct node_store *store;
};

static bool on_kept_node(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct kept_source *kept = container_of(source, struct kept_source, source);
    if (!kept->nodes->get(kept->nodes, hash, node))
        return false;
    node_store_put(kept->store, hash, *node);
    return true;
}

/* HERE: with keep_nodes the nodes are in the witness. */
static enum query_got keep_path(struct exec_run *run, const struct hash32 *root,
                                const struct hash32 *key32)
{
    struct query *query = run->query;
    struct node_store *store = witness_nodes(run->witness);
    struct trie_walk walk;
    if (store == NULL)
        return QUERY_HERE;
    struct kept_source kept = {{on_kept_node}, objects_nodes(query_light(query)->objects), store};
    enum trie_result result = trie_walk(&walk, &kept.source, root, SPAN(key32->bytes, 32));
    if (result == TRIE_FOUND || result == TRIE_ABSENT)
        return QUERY_HERE;
    fail(run, RPC_LIMIT_EXCEEDED, "the cache is too small for this request");
    return QUERY_LATER;
}

static enum query_got fetch_account(struct exec_run *run, const struct address20 *address,
                                    struct account *out)
{
    const struct hash32 *root = &run->block->header.state_root;
    bool exists;
    struct object_key key = {.plain = true, .address = *address};
    struct span leaf;
    if (witness_has_account(run->witness, address, out, &exists))
        return QUERY_HERE;
    keccak256(&key.key32, SPAN(address->bytes, 20));
    enum query_got got = query_leaf(run->query, run->block, root, &key, &leaf);
    if (got == QUERY_LATER)
        return QUERY_LATER;
    *out = ACCOUNT_EMPTY;
    if (got == QUERY_HERE && !account_decode(out, leaf)) {
        fail(run, RPC_SERVER_ERROR, "the state holds a malformed account");
        return QUERY_LATER;
    }
    if (keep_path(run, root, &key.key32) != QUERY_HERE)
        return QUERY_LATER;
    witness_put_account(run->witness, address, out, got == QUERY_HERE);
    return QUERY_HERE;
}

static enum query_got fetch_slot(struct exec_run *run, const struct witness_want *want)
{
    struct account account;
    struct hash32 word, key32;
    struct u256 value;
    enum query_got got = fetch_account(run, &want->address, &account);
    if (got != QUERY_HERE)
        return got;
    got = query_slot(run->query, run->block, &want->address, &account.storage_root, &want->key,
                     &word);
    if (got != QUERY_HERE)
        return got;
    keccak256(&key32, SPAN(want->key.bytes, 32));
    if (keep_path(run, &account.storage_root, &key32) != QUERY_HERE)
        return QUERY_LATER;
    u256_from_be(&value, SPAN(word.bytes, 32));
    witness_put_slot(run->witness, &want->address, &want->key, &value);
    return QUERY_HERE;
}

static enum query_got fetch_code(struct exec_run *run, const struct witness_want *want)
{
    struct objects *objects = query_light(run->query)->objects;
    struct account account;
    struct span code;
    if (cache_get(objects_cache(objects), CACHE_CODE, &want->key, &code)) {
        witness_put_code(run->witness, &want->key, code);
        return QUERY_HERE;
    }
    enum query_got got = fetch_account(run, &want->address, &account);
    /* The hash may come from a guess about an account that has other code now. */
    if (got != QUERY_HERE || !hash32_equal(&account.code_hash, &want->key))
        return got;
    got = query_code(run->query, run->block, &want->address, &want->key, &code);
    if (got == QUERY_HERE)
        witness_put_code(run->witness, &want->key, code);
    return got;
}

static enum query_got fetch_block_hash(struct exec_run *run, const struct witness_want *want)
{
    struct block_header *own, *header;
    enum query_got got = query_number(run->query, run->block->header.number, &own);
    if (got == QUERY_LATER)
        return QUERY_LATER;
    if (got == QUERY_ABSENT || !hash32_equal(&own->hash, &run->block->hash)) {
        fail(run, RPC_SERVER_ERROR, "the block is not on the chain any more");
        return QUERY_LATER;
    }
    got = query_number(run->query, want->number, &header);
    if (got == QUERY_LATER)
        return QUERY_LATER;
    witness_put_block_hash(run->witness, want->number,
                           got == QUERY_HERE ? &header->hash : &HASH32_ZERO, got == QUERY_HERE);
    return QUERY_HERE;
}

/* A node is proved by walking a key through it. */
static enum query_got fetch_node(struct exec_run *run, const struct witness_want *want)
{
    struct hash32 root = run->block->header.state_root;
    /* Only the beginning of the key is known: nothing that has it as its hash. */
    struct object_key key = {
        .key32 = want->key, .in_storage = want->in_storage, .address = want->address};
    struct account account;
    struct span unused;
    if (want->in_storage) {
        enum query_got got = fetch_account(run, &want->address, &account);
        if (got != QUERY_HERE)
            return got;
        root = account.storage_root;
    }
    if (query_leaf(run->query, run->block, &root, &key, &unused) == QUERY_LATER)
        return QUERY_LATER;
    return keep_path(run, &root, &want->key);
}

static enum query_got fetch_want(struct exec_run *run, const struct witness_want *want)
{
    struct account account;
    switch (want->kind) {
    case WITNESS_ACCOUNT:
        return fetch_account(run, &want->address, &account);
    case WITNESS_SLOT:
        return fetch_slot(run, want);
    case WITNESS_CODE:
        return fetch_code(run, want);
    case WITNESS_BLOCK_HASH:
        return fetch_block_hash(run, want);
    case WITNESS_NODE:
        return fetch_node(run, want);
    }
    ASSERT(false);
}

/* Its proof is at hand, or came with the witness. */
static bool account_at_hand(const struct exec_run *run, const struct address20 *address)
{
    struct account account;
    struct hash32 key32;
    struct trie_walk walk;
    bool exists;
    if (witness_has_account(run->witness, address, &account, &exists))
        return true;
    keccak256(&key32, SPAN(address->bytes, 20));
    return trie_walk(&walk, objects_nodes(query_light(run->query)->objects),
                     &run->block->header.state_root, SPAN(key32.bytes, 32)) != TRIE_MISSING;
}

/* Slots of accounts whose storage root is not known yet are asked for together with the account.
 * Marks what is under way. */
static void fetch_slots_ahead(struct exec_run *run, const struct witness_want *wants, size_t count,
                              bool *under_way)
{
    struct hash32 slots[LES_SLOTS_KEYS_MAX];
    bool *seen = mem_alloc(count + 1);
    for (size_t i = 0; i < count; i++) {
        if (wants[i].kind != WITNESS_SLOT || seen[i])
            continue;
        const struct address20 *address = &wants[i].address;
        bool at_hand = account_at_hand(run, address), later = false;
        size_t slots_count = 0;
        for (size_t j = i; j < count; j++) {
            if (wants[j].kind != WITNESS_SLOT || !address20_equal(&wants[j].address, address))
                continue;
            seen[j] = true;
            if (!at_hand)
                slots[slots_count++] = wants[j].key;
            if (slots_count == LES_SLOTS_KEYS_MAX) {
                later |= query_slots_ahead(run->query, run->block, address, slots, slots_count) ==
                         QUERY_LATER;
                slots_count = 0;
            }
        }
        if (slots_count > 0)
            later |= query_slots_ahead(run->query, run->block, address, slots, slots_count) ==
                     QUERY_LATER;
        for (size_t j = 0; later && j < count; j++)
            under_way[j] |= wants[j].kind <= WITNESS_CODE &&
                            address20_equal(&wants[j].address, address) &&
                            (wants[j].kind != WITNESS_CODE || !at_hand);
    }
    mem_free(seen);
}

static void check_bytes(struct exec_run *run)
{
    struct exec *exec = run->exec;
    size_t bytes = witness_bytes(run->witness);
    exec->bytes += bytes - run->bytes;
    run->bytes = bytes;
    if (bytes > EXEC_WITNESS_BYTES_MAX)
        fail(run, RPC_LIMIT_EXCEEDED, "the request reads more state than one call may");
    else if (exec->bytes > exec->options.state_bytes)
        fail(run, RPC_LIMIT_EXCEEDED, "the calls under way hold too much state, try again");
}

static enum query_got fetch(struct exec_run *run)
{
    size_t count;
    const struct witness_want *wants = witness_wants(run->witness, &count);
    bool *under_way = mem_alloc(count + 1);
    bool later = false;
    fetch_slots_ahead(run, wants, count, under_way);
    check_bytes(run);
    for (size_t i = 0; i < count && !run->query->failed; i++) {
        later |= under_way[i] || fetch_want(run, &wants[i]) != QUERY_HERE;
        check_bytes(run);
    }
    mem_free(under_way);
    return later || run->query->failed ? QUERY_LATER : QUERY_HERE;
}

/* ---- rounds ---- */

static struct exec_run *start(struct query *query, struct exec_job *job, struct block_header *block)
{
    struct exec *exec = query_light(query)->exec;
    struct exec_run *run = mem_alloc(sizeof *run);
    struct hash32 key;
    query_held_key(&key, HELD_WORK, &job, sizeof job);
    run->exec = exec;
    run->job = job;
    run->query = query;
    run->hold = call_hold(query_call(query));
    run->block = block_header_ref(block);
    run->witness = witness_new(exec->recall, &block->header.state_root, job->keep_nodes);
    run->work.on_work = on_work;
    run->work.on_done = on_work_done;
    timer_init(&run->timer, exec->options.loop, on_timer);
    run->held = query_held_new(query, HELD_WORK, &key);
    run->held->work = run;
    run->held->abandon = on_abandon;
    job->under_way = run;
    exec->runs_alive++;
    run->serial = exec->stats.jobs++;
    enqueue(run);
    return run;
}

static enum query_got next_round(struct exec_run *run)
{
    struct exec *exec = run->exec;
    if (fetch(run) != QUERY_HERE)
        return QUERY_LATER;
    size_t count;
    (void)witness_wants(run->witness, &count);
    exec->stats.wants += count;
    exec->stats.rounds++;
    if (++run->rounds > EXEC_ROUNDS_MAX)
        fail(run, RPC_LIMIT_EXCEEDED, "the request needs too many rounds of fetching state");
    else if (run->used_us / 1000 >= timeout_ms(run))
        fail_time(run);
    if (run->query->failed)
        return QUERY_LATER;
    query_release_state(run->query); /* the witness has it */
    run->held->arrived = false;
    run->query->outstanding++;
    enqueue(run);
    return QUERY_LATER;
}

enum query_got query_execute(struct query *query, struct exec_job *job, struct block_header *block)
{
    struct exec_run *run = job->under_way;
    if (run == NULL && query_light(query)->exec->runs_alive >= EXEC_JOBS_MAX) {
        set_failed(query, RPC_LIMIT_EXCEEDED, "too many calls are being executed, try again");
        return QUERY_LATER;
    }
    if (run == NULL)
        run = start(query, job, block);
    switch (run->phase) {
    case RUN_WORKING:
        return QUERY_LATER;
    case RUN_FETCHING:
        return next_round(run);
    case RUN_DONE:
        if (!atomic_load(&run->cancel))
            return QUERY_HERE;
        fail_time(run);
        return QUERY_LATER;
    }
    ASSERT(false);
}
