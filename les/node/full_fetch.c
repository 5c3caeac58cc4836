/* What is asked of the node. Each fetch puts what it verified into the cache and then wakes the
 * jobs that wait for it; the same thing is under way once. */
#include "les/node/full_private.h"

#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"

#include <stdio.h>

/* ---- life of a fetch ---- */

static void fetch_key(struct hash32 *out, enum full_fetch_kind kind, const void *data, size_t size)
{
    struct keccak keccak;
    uint8_t tag = (uint8_t)kind;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN(&tag, 1));
    keccak_update(&keccak, SPAN(data, size));
    keccak_digest(&keccak, out);
}

static struct full_fetch *fetch_find(struct full *full, const struct hash32 *key)
{
    return table_get(&full->fetches, key->bytes);
}

static struct full_fetch *fetch_new(struct full *full, enum full_fetch_kind kind,
                                    const struct hash32 *key)
{
    struct full_fetch *fetch = mem_alloc(sizeof(*fetch));
    fetch->full = full;
    fetch->kind = kind;
    fetch->key = *key;
    fetch->filed = true;
    fetch->next = full->all_fetches;
    if (fetch->next != NULL)
        fetch->next->previous = fetch;
    full->all_fetches = fetch;
    (void)table_put(&full->fetches, fetch->key.bytes, fetch);
    return fetch;
}

static void fetch_unfile(struct full_fetch *fetch)
{
    if (fetch->filed)
        table_remove(&fetch->full->fetches, fetch->key.bytes);
    fetch->filed = false;
}

static void fetch_free(struct full_fetch *fetch)
{
    struct full *full = fetch->full;
    fetch_unfile(fetch);
    if (fetch->next != NULL)
        fetch->next->previous = fetch->previous;
    if (fetch->previous != NULL)
        fetch->previous->next = fetch->next;
    else
        full->all_fetches = fetch->next;
    if (fetch->call != NULL)
        full_call_cancel(fetch->call);
    for (size_t i = 0; i < fetch->part_count; i++) {
        if (fetch->part[i].call != NULL)
            full_call_cancel(fetch->part[i].call);
    }
    mem_free(fetch->part);
    json_decref(fetch->block);
    json_decref(fetch->parts);
    mem_free(fetch);
}

void full_fetches_free(struct full *full)
{
    while (full->all_fetches != NULL)
        fetch_free(full->all_fetches);
}

static enum full_got wait_for(struct full_job *job, struct full_fetch *fetch)
{
    job->fetch = fetch;
    job->next_wait = fetch->waits;
    fetch->waits = job;
    return FULL_LATER;
}

void full_fetch_forget_job(struct full_job *job)
{
    if (job->fetch == NULL)
        return;
    struct full_job **at = &job->fetch->waits;
    while (*at != job)
        at = &(*at)->next_wait;
    *at = job->next_wait;
    job->fetch = NULL;
}

/* The fetch is gone afterwards. */
static void fetch_done(struct full_fetch *fetch, enum full_trouble trouble)
{
    struct full_job *waits = fetch->waits;
    fetch->waits = NULL;
    fetch_free(fetch);
    for (struct full_job *job = waits; job != NULL; job = job->next_wait) {
        job->fetch = NULL;
        job->trouble = trouble;
    }
    while (waits != NULL) { /* a step ends or forgets no job but its own */
        struct full_job *job = waits;
        waits = job->next_wait;
        full_job_run(job);
    }
}

static void fetch_unverified(struct full_fetch *fetch, enum full_kind kind,
                             const struct full_fault *fault)
{
    full_unverified(fetch->full, kind, fault, SPAN(fetch->hash.bytes, 32));
    fetch_done(fetch, FULL_UNVERIFIED);
}

/* True: there is a result, and it is not null. Otherwise the fetch has ended. */
static bool has_result(struct full_fetch *fetch, const char *what, const struct full_reply *reply)
{
    fetch->call = NULL;
    if (reply->outcome != FULL_RESULT) {
        fetch_done(fetch, full_no_result(fetch->full, what, reply));
        return false;
    }
    if (!json_is_null(reply->result))
        return true;
    fetch_done(fetch, FULL_NOTHING);
    return false;
}

json_t *full_block_param(const struct hash32 *hash)
{
    return full_json_hex(SPAN(hash->bytes, 32));
}

/* ---- headers ---- */

struct full_block *full_block_read(json_t *json, const struct hash32 *expected,
                                   struct full_fault *fault)
{
    struct buf rlp = {0};
    struct hash32 hash;
    struct full_block *block = NULL;
    if (full_header(&rlp, &hash, json, expected, fault)) {
        block = mem_alloc(sizeof(*block) + rlp.size);
        uint8_t *copy = (uint8_t *)(block + 1);
        memcpy(copy, rlp.data, rlp.size);
        block->rlp = SPAN(copy, rlp.size);
        block->hash = hash;
        ASSERT(header_decode(&block->header, block->rlp)); /* it was built from a header */
        block->has_td = full_read_u256(&block->td, json_object_get(json, "totalDifficulty"));
    }
    buf_free(&rlp);
    return block;
}

/* Puts a header into the cache; true when it is what was asked for. */
static bool keep_header(struct full *full, json_t *json, const struct hash32 *expected,
                        struct header *header, struct hash32 *hash, struct full_fault *fault)
{
    struct full_block *block = full_block_read(json, expected, fault);
    if (block == NULL)
        return false;
    full_cache_put(full->cache, FULL_CACHE_HEADER, &block->hash, block->rlp);
    full_learn_address(full, &block->header.coinbase);
    *header = block->header;
    header->extra = SPAN_EMPTY; /* goes with the block */
    *hash = block->hash;
    mem_free(block);
    return true;
}

static void on_header(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct full_fault fault;
    struct header header;
    struct hash32 hash;
    if (!has_result(fetch, "header", reply))
        return;
    if (keep_header(fetch->full, reply->result, &fetch->hash, &header, &hash, &fault))
        fetch_done(fetch, FULL_FINE);
    else
        fetch_unverified(fetch, FULL_HEADER, &fault);
}

static void on_number(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct full_fault fault = {.what = "another block's number", .field = "number"};
    struct header header;
    struct hash32 hash, key;
    if (!has_result(fetch, "header by number", reply))
        return;
    const struct hash32 *expected =
        fetch->number == 0 ? &fetch->full->config.spec->genesis_hash : NULL;
    if (!keep_header(fetch->full, reply->result, expected, &header, &hash, &fault) ||
        header.number != fetch->number) {
        be_write(fetch->hash.bytes + 24, 8, fetch->number);
        fetch_unverified(fetch, FULL_HEADER, &fault);
        return;
    }
    full_cache_number_key(&key, fetch->full->chain.epoch, fetch->number);
    full_cache_put(fetch->full->cache, FULL_CACHE_NUMBER, &key, SPAN(hash.bytes, 32));
    fetch_done(fetch, FULL_FINE);
}

/* The header in the window or the cache. */
static bool header_at_hand(struct full_job *job, const struct hash32 *hash,
                           const struct header **header, struct span *rlp)
{
    struct full *full = job->full;
    struct full_block *block = full_chain_by_hash(full, hash);
    struct span kept;
    if (block != NULL) {
        *header = &block->header;
        *rlp = block->rlp;
        return true;
    }
    if (!full_cache_get(full->cache, FULL_CACHE_HEADER, hash, &kept))
        return false;
    buf_clear(&job->header_rlp);
    buf_add_span(&job->header_rlp, kept);
    ASSERT(header_decode(&job->header, buf_span(&job->header_rlp)));
    *header = &job->header;
    *rlp = buf_span(&job->header_rlp);
    return true;
}

enum full_got full_want_header(struct full_job *job, const struct hash32 *hash,
                               const struct header **header, struct span *rlp)
{
    struct full *full = job->full;
    struct hash32 key;
    if (header_at_hand(job, hash, header, rlp))
        return FULL_GOT;
    if (job->trouble != FULL_FINE)
        return FULL_NOT;
    fetch_key(&key, FULL_FETCH_HEADER, hash, sizeof(*hash));
    struct full_fetch *fetch = fetch_find(full, &key);
    if (fetch == NULL) {
        fetch = fetch_new(full, FULL_FETCH_HEADER, &key);
        fetch->hash = *hash;
        fetch->call =
            full_rpc_call(full->config.rpc, "eth_getBlockByHash",
                          json_pack("[ob]", full_block_param(hash), 0), 0, on_header, fetch);
    }
    return wait_for(job, fetch);
}

static bool number_at_hand(struct full_job *job, uint64_t number, struct hash32 *hash,
                           const struct header **header, struct span *rlp)
{
    struct full *full = job->full;
    struct full_block *block = full_chain_by_number(full, number);
    struct hash32 key;
    struct span kept;
    if (block != NULL) {
        *hash = block->hash;
        *header = &block->header;
        *rlp = block->rlp;
        return true;
    }
    full_cache_number_key(&key, full->chain.epoch, number);
    if (!full_cache_get(full->cache, FULL_CACHE_NUMBER, &key, &kept))
        return false;
    memcpy(hash->bytes, kept.data, 32);
    return header_at_hand(job, hash, header, rlp);
}

static struct full_fetch *fetch_number(struct full *full, uint64_t number)
{
    struct hash32 key;
    fetch_key(&key, FULL_FETCH_NUMBER, &number, sizeof(number));
    struct full_fetch *fetch = fetch_find(full, &key);
    if (fetch != NULL)
        return fetch;
    fetch = fetch_new(full, FULL_FETCH_NUMBER, &key);
    fetch->number = number;
    fetch->call = full_rpc_call(full->config.rpc, "eth_getBlockByNumber",
                                json_pack("[ob]", full_json_u64(number), 0), 0, on_number, fetch);
    return fetch;
}

enum full_got full_want_number(struct full_job *job, uint64_t number, int64_t step, uint64_t ahead,
                               struct hash32 *hash, const struct header **header, struct span *rlp)
{
    struct full *full = job->full;
    struct full_block *head = full->chain.head;
    if (head == NULL || number > head->header.number) {
        job->trouble = FULL_NOTHING;
        return FULL_NOT;
    }
    if (number_at_hand(job, number, hash, header, rlp))
        return FULL_GOT;
    if (job->trouble != FULL_FINE)
        return FULL_NOT;
    enum full_got got = wait_for(job, fetch_number(full, number));
    int64_t at = (int64_t)number;
    for (uint64_t i = 0; i < ahead; i++) {
        if (__builtin_add_overflow(at, step, &at) || at < 0 || (uint64_t)at > head->header.number)
            break;
        const struct header *unused_header;
        struct hash32 unused_hash;
        struct span unused_rlp;
        if (!number_at_hand(job, (uint64_t)at, &unused_hash, &unused_header, &unused_rlp))
            (void)fetch_number(full, (uint64_t)at);
    }
    return got;
}

/* ---- bodies ---- */

/* Addresses that a block names: somebody may ask for them by their hash. */
static void learn_address_json(struct full *full, json_t *value)
{
    struct address20 address;
    if (json_is_string(value) && full_read_fixed(address.bytes, 20, value))
        full_learn_address(full, &address);
}

static void learn_block(struct full *full, json_t *block)
{
    size_t i, j;
    json_t *tx, *entry, *slot;
    json_array_foreach(json_object_get(block, "transactions"), i, tx)
    {
        learn_address_json(full, json_object_get(tx, "from"));
        learn_address_json(full, json_object_get(tx, "to"));
        json_array_foreach(json_object_get(tx, "accessList"), j, entry)
        {
            size_t k;
            struct hash32 key;
            learn_address_json(full, json_object_get(entry, "address"));
            json_array_foreach(json_object_get(entry, "storageKeys"), k, slot)
            {
                if (full_read_fixed(key.bytes, 32, slot))
                    full_learn_slot(full, &key);
            }
        }
    }
    json_array_foreach(json_object_get(block, "withdrawals"), i, entry)
        learn_address_json(full, json_object_get(entry, "address"));
}

static void body_finish(struct full_fetch *fetch)
{
    struct full *full = fetch->full;
    struct full_fault fault;
    struct buf body = {0};
    struct full_block *block = full_block_read(fetch->block, &fetch->hash, &fault);
    bool good = block != NULL;
    if (good) {
        full_cache_put(full->cache, FULL_CACHE_HEADER, &block->hash, block->rlp);
        good = full_body(&body, fetch->block, fetch->parts, &block->header, &fault);
    }
    if (good) {
        full_cache_put(full->cache, FULL_CACHE_BODY, &fetch->hash, buf_span(&body));
        learn_block(full, fetch->block);
    }
    buf_free(&body);
    if (good)
        fetch_done(fetch, FULL_FINE);
    else
        fetch_unverified(fetch, block == NULL ? FULL_HEADER : FULL_BODY, &fault);
    mem_free(block);
}

/* Roughly the memory that a value takes. Its depth was bounded when it came. */
static size_t weight_of(json_t *value)
{
    size_t weight = 100, i;
    const char *key;
    json_t *item;
    if (json_is_string(value))
        return weight + json_string_length(value);
    json_array_foreach(value, i, item) weight += weight_of(item);
    json_object_foreach(value, key, item) weight += weight_of(item);
    return weight;
}

/* One uncle, one receipt. */
static void on_part(void *owner, const struct full_reply *reply)
{
    struct full_part *part = owner;
    struct full_fetch *fetch = part->fetch;
    bool uncles = fetch->kind == FULL_FETCH_BODY;
    part->call = NULL;
    fetch->parts_bytes += reply->outcome == FULL_RESULT ? weight_of(reply->result) : 0;
    if (fetch->parts_bytes > FULL_PARTS_BYTES_MAX && !fetch->parts_failed) {
        struct full_fault fault = {.what = "too large", .field = uncles ? "uncles" : "receipts"};
        full_unverified(fetch->full, uncles ? FULL_BODY : FULL_RECEIPTS, &fault,
                        SPAN(fetch->hash.bytes, 32));
        fetch->parts_failed = true;
        json_array_clear(fetch->parts);
    }
    if (fetch->parts_failed) {
        ; /* nothing more is kept */
    } else if (reply->outcome == FULL_RESULT) {
        json_array_set(fetch->parts, part->index, reply->result);
    } else {
        (void)full_no_result(fetch->full, uncles ? "uncle" : "receipt", reply);
        fetch->parts_failed = true;
    }
    if (--fetch->parts_open > 0)
        return;
    if (fetch->parts_failed) {
        fetch_done(fetch, FULL_NO_ANSWER);
        return;
    }
    if (uncles) {
        body_finish(fetch);
        return;
    }
    struct full_fault fault;
    struct buf list = {0};
    bool good = full_receipts(&list, fetch->parts, &fetch->root, &fault);
    if (good)
        full_cache_put(fetch->full->cache, FULL_CACHE_RECEIPTS, &fetch->hash, buf_span(&list));
    buf_free(&list);
    if (good)
        fetch_done(fetch, FULL_FINE);
    else
        fetch_unverified(fetch, FULL_RECEIPTS, &fault);
}

static void parts_begin(struct full_fetch *fetch, size_t count)
{
    fetch->parts = json_array();
    fetch->part = mem_alloc(count * sizeof(*fetch->part));
    fetch->part_count = fetch->parts_open = count;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(fetch->parts, json_null());
        fetch->part[i] = (struct full_part){.fetch = fetch, .index = i};
    }
}

static void on_body(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct full_fault fault = {.what = "too many", .field = "uncles"};
    size_t count = 0;
    if (!has_result(fetch, "body", reply))
        return;
    if (!full_uncles_count(&count, reply->result, &fault) || count > FULL_UNCLES_MAX) {
        fetch_unverified(fetch, FULL_BODY, &fault);
        return;
    }
    fetch->block = json_incref(reply->result);
    if (count == 0) {
        body_finish(fetch);
        return;
    }
    parts_begin(fetch, count);
    for (size_t i = 0; i < count; i++)
        fetch->part[i].call =
            full_rpc_call(fetch->full->config.rpc, "eth_getUncleByBlockHashAndIndex",
                          json_pack("[oo]", full_block_param(&fetch->hash), full_json_u64(i)), 0,
                          on_part, &fetch->part[i]);
}

enum full_got full_want_body(struct full_job *job, const struct hash32 *hash, struct span *rlp)
{
    struct full *full = job->full;
    struct hash32 key;
    if (full_cache_get(full->cache, FULL_CACHE_BODY, hash, rlp))
        return FULL_GOT;
    if (job->trouble != FULL_FINE)
        return FULL_NOT;
    fetch_key(&key, FULL_FETCH_BODY, hash, sizeof(*hash));
    struct full_fetch *fetch = fetch_find(full, &key);
    if (fetch == NULL) {
        fetch = fetch_new(full, FULL_FETCH_BODY, &key);
        fetch->hash = *hash;
        fetch->call =
            full_rpc_call(full->config.rpc, "eth_getBlockByHash",
                          json_pack("[ob]", full_block_param(hash), 1), 0, on_body, fetch);
    }
    return wait_for(job, fetch);
}

/* ---- receipts ---- */

static void learn_receipts(struct full *full, json_t *receipts)
{
    size_t i, j, k;
    json_t *receipt, *log, *topic;
    json_array_foreach(receipts, i, receipt)
    {
        learn_address_json(full, json_object_get(receipt, "contractAddress"));
        json_array_foreach(json_object_get(receipt, "logs"), j, log)
        {
            learn_address_json(full, json_object_get(log, "address"));
            json_array_foreach(json_object_get(log, "topics"), k, topic)
            {
                static const uint8_t ZEROS[12];
                struct hash32 word;
                struct address20 address;
                if (!full_read_fixed(word.bytes, 32, topic) || memcmp(word.bytes, ZEROS, 12) != 0)
                    continue;
                memcpy(address.bytes, word.bytes + 12, 20);
                full_learn_address(full, &address);
            }
        }
    }
}

/* For a node without eth_getBlockReceipts: the block's list of hashes, then each. */
static void on_receipt_hashes(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct full_fault fault = {.what = "not a list", .field = "transactions"};
    if (!has_result(fetch, "transaction hashes", reply))
        return;
    json_t *hashes = json_object_get(reply->result, "transactions");
    size_t count = json_array_size(hashes);
    if (count == 0 || count > BLOCK_TRANSACTIONS_MAX) {
        fetch_unverified(fetch, FULL_RECEIPTS, &fault);
        return;
    }
    parts_begin(fetch, count);
    for (size_t i = 0; i < count; i++)
        fetch->part[i].call =
            full_rpc_call(fetch->full->config.rpc, "eth_getTransactionReceipt",
                          json_pack("[O]", json_array_get(hashes, i)), 0, on_part, &fetch->part[i]);
}

static void ask_receipts_one_by_one(struct full_fetch *fetch)
{
    fetch->call = full_rpc_call(fetch->full->config.rpc, "eth_getBlockByHash",
                                json_pack("[ob]", full_block_param(&fetch->hash), 0), 0,
                                on_receipt_hashes, fetch);
}

static void on_receipts(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct full_fault fault;
    struct buf list = {0};
    if (reply->outcome == FULL_ERROR && full_reply_unsupported(reply)) {
        fetch->full->no_block_receipts = true;
        ask_receipts_one_by_one(fetch);
        return;
    }
    if (!has_result(fetch, "receipts", reply))
        return;
    bool good = full_receipts(&list, reply->result, &fetch->root, &fault);
    if (good) {
        full_cache_put(fetch->full->cache, FULL_CACHE_RECEIPTS, &fetch->hash, buf_span(&list));
        learn_receipts(fetch->full, reply->result);
    }
    buf_free(&list);
    if (good)
        fetch_done(fetch, FULL_FINE);
    else
        fetch_unverified(fetch, FULL_RECEIPTS, &fault);
}

enum full_got full_want_receipts(struct full_job *job, const struct hash32 *hash,
                                 const struct header *header, struct span *rlp)
{
    struct full *full = job->full;
    struct hash32 key;
    if (full_cache_get(full->cache, FULL_CACHE_RECEIPTS, hash, rlp))
        return FULL_GOT;
    if (job->trouble != FULL_FINE)
        return FULL_NOT;
    fetch_key(&key, FULL_FETCH_RECEIPTS, hash, sizeof(*hash));
    struct full_fetch *fetch = fetch_find(full, &key);
    if (fetch == NULL) {
        fetch = fetch_new(full, FULL_FETCH_RECEIPTS, &key);
        fetch->hash = *hash;
        fetch->root = header->receipts_root;
        if (full->no_block_receipts)
            ask_receipts_one_by_one(fetch);
        else
            fetch->call =
                full_rpc_call(full->config.rpc, "eth_getBlockReceipts",
                              json_pack("[o]", full_block_param(hash)), 0, on_receipts, fetch);
    }
    return wait_for(job, fetch);
}

/* ---- proofs ---- */

static void keep_nodes(struct full *full, const struct buf *nodes, const struct buf *hashes)
{
    struct rlp reader = rlp_reader(buf_span(nodes));
    for (size_t i = 0; i < hashes->size; i += 32) {
        struct hash32 hash;
        memcpy(hash.bytes, hashes->data + i, 32);
        full_cache_put(full->cache, FULL_CACHE_NODE, &hash, rlp_raw(&reader));
    }
}

static bool keep_proof(struct full_fetch *fetch, json_t *json, struct full_fault *fault)
{
    struct buf nodes = {0}, hashes = {0};
    struct account account;
    struct hash32 unused;
    bool exists;
    bool good = full_account_proof(&nodes, &hashes, &account, &exists, json, &fetch->root,
                                   &fetch->address, fault);
    for (size_t i = 0; good && exists && i < fetch->slots_count; i++)
        good = full_storage_proof(&nodes, &hashes, &unused, json, &account.storage_root,
                                  &fetch->slots[i], fault);
    if (good)
        keep_nodes(fetch->full, &nodes, &hashes);
    buf_free(&nodes);
    buf_free(&hashes);
    return good;
}

static void send_proof(struct full_fetch *fetch);

static void on_proof(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct full_fault fault;
    struct full_block *block = full_chain_by_hash(fetch->full, &fetch->hash);
    /* Older nodes want a number. */
    if (reply->outcome == FULL_ERROR && !fetch->by_number && block != NULL && block->canonical) {
        fetch->by_number = true;
        send_proof(fetch);
        return;
    }
    if (!has_result(fetch, "proof", reply))
        return;
    if (fetch->by_number)
        fetch->full->proofs_by_number = true;
    if (keep_proof(fetch, reply->result, &fault))
        fetch_done(fetch, FULL_FINE);
    else
        fetch_unverified(fetch, FULL_PROOF, &fault);
}

static void send_proof(struct full_fetch *fetch)
{
    struct full *full = fetch->full;
    struct full_block *block = full_chain_by_hash(full, &fetch->hash);
    bool by_number =
        block != NULL && block->canonical && (fetch->by_number || full->proofs_by_number);
    json_t *slots = json_array();
    for (size_t i = 0; i < fetch->slots_count; i++)
        json_array_append_new(slots, full_json_hex(SPAN(fetch->slots[i].bytes, 32)));
    json_t *at = by_number ? full_json_u64(block->header.number)
                           : json_pack("{s:o}", "blockHash", full_block_param(&fetch->hash));
    fetch->by_number = by_number;
    fetch->call =
        full_rpc_call(full->config.rpc, "eth_getProof",
                      json_pack("[ooo]", full_json_hex(SPAN(fetch->address.bytes, 20)), slots, at),
                      0, on_proof, fetch);
}

/* Once a turn: the slots of an account that were asked for in it go in one call. */
void full_on_send_proofs(struct task *task)
{
    struct full *full = container_of(task, struct full, send_proofs);
    for (struct full_fetch *fetch = full->all_fetches; fetch != NULL; fetch = fetch->next) {
        if (fetch->kind != FULL_FETCH_PROOF || !fetch->filed)
            continue;
        fetch_unfile(fetch);
        send_proof(fetch);
    }
}

static bool add_slot(struct full_fetch *fetch, const struct hash32 *slot)
{
    for (size_t i = 0; i < fetch->slots_count; i++) {
        if (hash32_equal(&fetch->slots[i], slot))
            return true;
    }
    if (fetch->slots_count == FULL_PROOF_SLOTS_MAX)
        return false;
    fetch->slots[fetch->slots_count++] = *slot;
    return true;
}

enum full_got full_want_proof(struct full_job *job, const struct hash32 *hash,
                              const struct header *header, const struct address20 *address,
                              const struct hash32 *slot)
{
    struct full *full = job->full;
    uint8_t id[52];
    struct hash32 key;
    if (job->trouble != FULL_FINE)
        return FULL_NOT;
    memcpy(id, hash->bytes, 32);
    memcpy(id + 32, address->bytes, 20);
    fetch_key(&key, FULL_FETCH_PROOF, id, sizeof(id));
    struct full_fetch *fetch = fetch_find(full, &key);
    if (fetch != NULL && slot != NULL && !add_slot(fetch, slot)) {
        fetch_unfile(fetch);
        send_proof(fetch);
        fetch = NULL;
    }
    if (fetch == NULL) {
        fetch = fetch_new(full, FULL_FETCH_PROOF, &key);
        fetch->hash = *hash;
        fetch->root = header->state_root;
        fetch->address = *address;
        if (slot != NULL)
            ASSERT(add_slot(fetch, slot));
        loop_defer(full->loop, &full->send_proofs);
    }
    return wait_for(job, fetch);
}

/* ---- code ---- */

static void on_code(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct full_fault fault;
    struct buf code = {0};
    if (!has_result(fetch, "code", reply))
        return;
    bool good = full_code(&code, reply->result, &fetch->hash, &fault);
    if (good)
        full_cache_put(fetch->full->cache, FULL_CACHE_CODE, &fetch->hash, buf_span(&code));
    buf_free(&code);
    if (good)
        fetch_done(fetch, FULL_FINE);
    else
        fetch_unverified(fetch, FULL_CODE, &fault);
}

enum full_got full_want_code(struct full_job *job, const struct hash32 *block_hash,
                             const struct header *header, const struct address20 *address,
                             const struct hash32 *code_hash, struct span *code)
{
    struct full *full = job->full;
    struct hash32 key;
    if (full_cache_get(full->cache, FULL_CACHE_CODE, code_hash, code))
        return FULL_GOT;
    if (job->trouble != FULL_FINE)
        return FULL_NOT;
    fetch_key(&key, FULL_FETCH_CODE, code_hash, sizeof(*code_hash));
    struct full_fetch *fetch = fetch_find(full, &key);
    if (fetch == NULL) {
        struct full_block *block = full_chain_by_hash(full, block_hash);
        bool by_number = full->proofs_by_number && block != NULL && block->canonical;
        fetch = fetch_new(full, FULL_FETCH_CODE, &key);
        fetch->hash = *code_hash;
        fetch->call = full_rpc_call(
            full->config.rpc, "eth_getCode",
            json_pack("[oo]", full_json_hex(SPAN(address->bytes, 20)),
                      by_number ? full_json_u64(header->number)
                                : json_pack("{s:o}", "blockHash", full_block_param(block_hash))),
            0, on_code, fetch);
    }
    return wait_for(job, fetch);
}

/* ---- names ---- */

static void on_name(void *owner, const struct full_reply *reply)
{
    struct full_fetch *fetch = owner;
    struct buf name = {0};
    struct hash32 hash;
    fetch->call = NULL;
    if (reply->outcome == FULL_ERROR && full_reply_unsupported(reply))
        fetch->full->no_preimages = true;
    if (reply->outcome == FULL_RESULT && full_read_bytes(&name, 32, reply->result)) {
        keccak256(&hash, buf_span(&name));
        if (hash32_equal(&hash, &fetch->hash))
            full_cache_put(fetch->full->names, FULL_CACHE_NAME, &hash, buf_span(&name));
    }
    buf_free(&name);
    fetch_done(fetch, FULL_FINE); /* who does not find it there now has no name */
}

enum full_got full_want_name(struct full_job *job, const struct hash32 *hash, void *out,
                             size_t size)
{
    struct full *full = job->full;
    struct hash32 key;
    struct span name;
    if (full_cache_get(full->names, FULL_CACHE_NAME, hash, &name) && name.size == size) {
        memcpy(out, name.data, size);
        return FULL_GOT;
    }
    if (full->no_preimages || job->stage > 1)
        return FULL_NOT;
    job->stage++; /* an account's name and a slot's */
    fetch_key(&key, FULL_FETCH_NAME, hash, sizeof(*hash));
    struct full_fetch *fetch = fetch_find(full, &key);
    if (fetch == NULL) {
        fetch = fetch_new(full, FULL_FETCH_NAME, &key);
        fetch->hash = *hash;
        fetch->call = full_rpc_call(full->config.rpc, "debug_preimage",
                                    json_pack("[o]", full_block_param(hash)), 0, on_name, fetch);
    }
    return wait_for(job, fetch);
}
