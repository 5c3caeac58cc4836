#include "les/node/ledger_internal.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"

#include <inttypes.h>

/* ---- blocks in memory ---- */

static void block_free(struct ledger_block *block)
{
    mem_free(block->txs);
    mem_free(block->memory);
    mem_free(block);
}

static void block_hashes(struct ledger_block *block, const struct body *body)
{
    struct span *envelopes = mem_alloc(BLOCK_TRANSACTIONS_MAX * sizeof(struct span));
    ASSERT(body_transactions(body, envelopes, BLOCK_TRANSACTIONS_MAX, &block->txs_count));
    block->txs = mem_alloc(block->txs_count * sizeof(block->txs[0]) + 1);
    for (size_t i = 0; i < block->txs_count; i++) {
        block->txs[i] = (struct ledger_tx){.block = block, .index = i};
        keccak256(&block->txs[i].hash, envelopes[i]);
    }
    mem_free(envelopes);
}

static void body_add(struct buf *out, const struct body *body)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_list_header(out, body->transactions.size);
    buf_add_span(out, body->transactions);
    buf_add_span(out, body->uncles);
    if (body->has_withdrawals) {
        rlp_add_list_header(out, body->withdrawals.size);
        buf_add_span(out, body->withdrawals);
    }
    rlp_list_end(out, mark);
}

/* receipts: payload of their list; NULL when they are not known. */
static struct ledger_block *block_new(struct ledger_block *parent, struct span header_rlp,
                                      const struct body *body, const struct buf *receipts)
{
    struct buf bytes = {0};
    buf_add_span(&bytes, header_rlp);
    body_add(&bytes, body);
    size_t body_size = bytes.size - header_rlp.size;
    if (receipts != NULL) {
        rlp_add_list_header(&bytes, receipts->size);
        buf_add_span(&bytes, buf_span(receipts));
    }
    struct ledger_block *block = mem_alloc(sizeof(*block));
    block->memory = mem_copy(buf_span(&bytes));
    block->parent = parent;
    block->header_rlp = SPAN(block->memory, header_rlp.size);
    block->body_rlp = SPAN(block->memory + header_rlp.size, body_size);
    block->has_receipts = receipts != NULL;
    if (receipts != NULL)
        block->receipts_rlp =
            SPAN(block->body_rlp.data + body_size, bytes.size - header_rlp.size - body_size);
    buf_free(&bytes);
    ASSERT(header_decode(&block->header, block->header_rlp));
    header_hash(&block->hash, &block->header);
    block->td = block->header.difficulty;
    if (parent != NULL)
        u256_add(&block->td, &block->td, &parent->td);
    block_hashes(block, body);
    return block;
}

/* ---- the canonical chain ---- */

static void canonical_cut(struct ledger *ledger, size_t count)
{
    while (ledger->canonical_count > count) {
        struct ledger_block *block = ledger->canonical[--ledger->canonical_count];
        for (size_t i = 0; i < block->txs_count; i++)
            hash_map_remove(&ledger->txs, &block->txs[i].hash);
    }
}

static void canonical_put(struct ledger *ledger, struct ledger_block *block)
{
    ledger->canonical[block->header.number] = block;
    for (size_t i = 0; i < block->txs_count; i++)
        hash_map_put(&ledger->txs, &block->txs[i].hash, &block->txs[i]);
}

void ledger_set_head(struct ledger *ledger, struct ledger_block *head)
{
    struct ledger_block *before = ledger->head;
    if (before == head)
        return;
    size_t count = head->header.number + 1;
    struct ledger_block *fork = head;
    while (!ledger_is_canonical(ledger, fork))
        fork = fork->parent;
    canonical_cut(ledger, fork->header.number + 1);
    if (count > ledger->canonical_capacity) {
        ledger->canonical_capacity = count + count / 2 + 64;
        ledger->canonical = mem_realloc(ledger->canonical,
                                        ledger->canonical_capacity * sizeof(struct ledger_block *));
    }
    for (struct ledger_block *block = head; block != fork; block = block->parent)
        canonical_put(ledger, block);
    ledger->canonical_count = count;
    ledger->head = head;
    ledger_build_sections(ledger);
    if (ledger->config.on_head != NULL)
        ledger->config.on_head(ledger->config.owner, before, head);
}

static bool is_merged(const struct ledger *ledger, const struct ledger_block *block)
{
    return chainspec_fork(ledger->config.spec, &block->header) >= FORK_PARIS;
}

static bool is_better(const struct ledger *ledger, const struct ledger_block *block)
{
    const struct ledger_block *head = ledger->head;
    if (is_merged(ledger, block) != is_merged(ledger, head))
        return is_merged(ledger, block);
    if (is_merged(ledger, block))
        return block->header.number > head->header.number;
    return u256_compare(&block->td, &head->td) > 0;
}

/* ---- life ---- */

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    const struct ledger *ledger = owner;
    const struct ledger_block *block = ledger->place_parent;
    if (number < ledger->canonical_count && ledger_is_canonical(ledger, block) &&
        number <= block->header.number)
        block = ledger->canonical[number];
    while (block != NULL && block->header.number > number)
        block = block->parent;
    if (block == NULL || block->header.number != number)
        return EVM_LOOKUP_ABSENT;
    *out = block->hash;
    return EVM_LOOKUP_FOUND;
}

struct ledger *ledger_new(const struct ledger_config *config, const struct header *genesis)
{
    struct ledger *ledger = mem_alloc(sizeof(*ledger));
    ledger->config = *config;
    if (ledger->config.section_size == 0)
        ledger->config.section_size = CHT_SECTION_SIZE;
    if (ledger->config.section_confirmations == 0)
        ledger->config.section_confirmations = CHT_SERVER_CONFIRMATIONS;
    ledger->codes = evm_code_cache_new(LEDGER_CODE_CACHE_BYTES);
    ledger->place = (struct block_place){.spec = config->spec,
                                         .crypto = config->crypto,
                                         .store = config->store,
                                         .codes = ledger->codes,
                                         .precompiles = evm_precompile_curves(),
                                         .block_hash = on_block_hash,
                                         .owner = ledger};
    static const uint8_t NO_UNCLES[] = {0xc0};
    struct body body = {.uncles = SPAN(NO_UNCLES, 1),
                        .has_withdrawals = HEADER_HAS_WITHDRAWALS(genesis)};
    struct buf rlp = {0}, no_receipts = {0};
    header_encode(&rlp, genesis);
    struct ledger_block *block = block_new(NULL, buf_span(&rlp), &body, &no_receipts);
    buf_free(&rlp);
    block->has_state = true;
    hash_map_put(&ledger->blocks, &block->hash, block);
    ledger->canonical_capacity = 64;
    ledger->canonical = mem_alloc(ledger->canonical_capacity * sizeof(struct ledger_block *));
    ledger->canonical[0] = ledger->head = block;
    ledger->canonical_count = 1;
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    size_t at = 0;
    for (struct ledger_block *block; (block = hash_map_next(&ledger->blocks, &at)) != NULL;)
        block_free(block);
    hash_map_free(&ledger->blocks);
    hash_map_free(&ledger->txs);
    mem_free(ledger->canonical);
    mem_free(ledger->sections);
    block_outcome_free(&ledger->outcome);
    evm_code_cache_free(ledger->codes);
    mem_free(ledger);
}

const struct block_place *ledger_place(struct ledger *ledger, struct ledger_block *parent)
{
    ledger->place_parent = parent;
    return &ledger->place;
}

/* ---- adding ---- */

static enum status refuse(struct buf *error, const struct header *header, const char *what)
{
    struct hash32 hash;
    header_hash(&hash, header);
    buf_clear(error);
    buf_printf(error, "block %" PRIu64 " ", header->number);
    buf_add_hex0x(error, SPAN(hash.bytes, 32));
    buf_printf(error, ": %s", what);
    return STATUS_INVALID;
}

static enum status refuse_execution(struct buf *error, const struct header *header,
                                    const struct block_outcome *outcome)
{
    refuse(error, header, block_fault_text(outcome->fault));
    switch (outcome->fault) {
    case BLOCK_FAULT_TX_REFUSED:
        buf_printf(error, " (transaction %zu: %s)", outcome->tx_index,
                   tx_refusal_text(outcome->refusal));
        break;
    case BLOCK_FAULT_TX_MALFORMED:
    case BLOCK_FAULT_TX_SENDER:
        buf_printf(error, " (transaction %zu)", outcome->tx_index);
        break;
    case BLOCK_FAULT_STOPPED:
        buf_printf(error, " (transaction %zu: %s)", outcome->tx_index, evm_end_text(outcome->end));
        break;
    case BLOCK_FAULT_STATE:
        buf_add_str(error, ": computed ");
        buf_add_hex0x(error, SPAN(outcome->state_root.bytes, 32));
        break;
    case BLOCK_FAULT_RECEIPTS:
        buf_add_str(error, ": computed ");
        buf_add_hex0x(error, SPAN(outcome->receipts_root.bytes, 32));
        break;
    case BLOCK_FAULT_GAS_USED:
        buf_printf(error, ": computed %" PRIu64, outcome->gas_used);
        break;
    case BLOCK_FAULT_NONE:
    case BLOCK_FAULT_BODY:
    case BLOCK_FAULT_SIGNER:
    case BLOCK_FAULT_UNCLES:
    case BLOCK_FAULT_WITHDRAWALS:
    case BLOCK_FAULT_SYSTEM_CALL:
    case BLOCK_FAULT_DEPOSIT:
    case BLOCK_FAULT_FIELDS:
    case BLOCK_FAULT_SIZE:
    case BLOCK_FAULT_BLOB_GAS:
    case BLOCK_FAULT_BLOOM:
    case BLOCK_FAULT_REQUESTS:
    case BLOCK_FAULT_STORE:
        break;
    }
    return STATUS_INVALID;
}

/* A block of a chain file or a peer, apart, on its parent. */
struct candidate {
    struct span header_rlp;
    struct body body;
    struct header header;
    struct ledger_block *parent;
    bool known;
};

static enum status open_candidate(struct ledger *ledger, struct candidate *candidate,
                                  struct span block_rlp, struct buf *error)
{
    *candidate = (struct candidate){0};
    if (!block_split(&candidate->header_rlp, &candidate->body, block_rlp) ||
        !header_decode(&candidate->header, candidate->header_rlp)) {
        buf_clear(error);
        buf_add_str(error, "a block is malformed");
        return STATUS_INVALID;
    }
    struct hash32 hash;
    header_hash(&hash, &candidate->header);
    candidate->known = hash_map_get(&ledger->blocks, &hash) != NULL;
    if (candidate->known)
        return STATUS_OK;
    candidate->parent = hash_map_get(&ledger->blocks, &candidate->header.parent_hash);
    if (candidate->parent == NULL) {
        refuse(error, &candidate->header, "its parent is not known");
        return STATUS_NOT_FOUND;
    }
    const char *fault = ledger_check_header(ledger, &candidate->header, candidate->parent);
    if (fault == NULL)
        fault = ledger_check_uncles(ledger, &candidate->body, candidate->parent);
    return fault == NULL ? STATUS_OK : refuse(error, &candidate->header, fault);
}

static void enter_block(struct ledger *ledger, struct ledger_block *block)
{
    hash_map_put(&ledger->blocks, &block->hash, block);
    if (is_better(ledger, block))
        ledger_set_head(ledger, block);
}

enum status ledger_add(struct ledger *ledger, struct span block_rlp, struct buf *error)
{
    struct candidate candidate;
    enum status status = open_candidate(ledger, &candidate, block_rlp, error);
    if (status != STATUS_OK || candidate.known)
        return status;
    struct ledger_block *parent = candidate.parent;
    if (!parent->has_state)
        return refuse(error, &candidate.header, "the state of its parent is not here");
    if (block_execute(ledger_place(ledger, parent), &parent->header.state_root, &candidate.header,
                      &candidate.body, &ledger->outcome) != BLOCK_FAULT_NONE)
        return refuse_execution(error, &candidate.header, &ledger->outcome);
    struct ledger_block *block =
        block_new(parent, candidate.header_rlp, &candidate.body, &ledger->outcome.receipts);
    block->has_state = true;
    enter_block(ledger, block);
    return STATUS_OK;
}

enum status ledger_add_made(struct ledger *ledger, struct span block_rlp,
                            const struct buf *receipts, struct buf *error)
{
    struct span header_rlp, root_node;
    struct body body;
    struct header header;
    bool good = block_split(&header_rlp, &body, block_rlp) && header_decode(&header, header_rlp);
    ASSERT(good); /* it is our own */
    struct ledger_block *parent = hash_map_get(&ledger->blocks, &header.parent_hash);
    if (parent == NULL || !parent->has_state)
        return refuse(error, &header, "the state of its parent is not here");
    if (header.number != parent->header.number + 1)
        return refuse(error, &header, "number does not follow its parent's");
    if (header.timestamp <= parent->header.timestamp)
        return refuse(error, &header, "timestamp is not after its parent's");
    if (!body_matches(&body, &header))
        return refuse(error, &header, block_fault_text(BLOCK_FAULT_BODY));
    if (!hash32_equal(&header.state_root, &EMPTY_TRIE_ROOT) &&
        !node_store_get(ledger->config.store, &header.state_root, &root_node))
        return refuse(error, &header, block_fault_text(BLOCK_FAULT_STORE));
    struct hash32 hash;
    header_hash(&hash, &header);
    if (hash_map_get(&ledger->blocks, &hash) != NULL)
        return STATUS_OK;
    struct ledger_block *block = block_new(parent, header_rlp, &body, receipts);
    block->has_state = true;
    enter_block(ledger, block);
    return STATUS_OK;
}

static enum status add_unexecuted(struct ledger *ledger, struct span block_rlp, struct buf *error)
{
    struct candidate candidate;
    const struct buf none = {0};
    enum status status = open_candidate(ledger, &candidate, block_rlp, error);
    if (status != STATUS_OK || candidate.known)
        return status;
    if (!body_matches(&candidate.body, &candidate.header))
        return refuse(error, &candidate.header, block_fault_text(BLOCK_FAULT_BODY));
    bool empty = hash32_equal(&candidate.header.receipts_root, &EMPTY_TRIE_ROOT);
    enter_block(ledger, block_new(candidate.parent, candidate.header_rlp, &candidate.body,
                                  empty ? &none : NULL));
    return STATUS_OK;
}

static enum status import(struct ledger *ledger, struct span chain_rlp,
                          enum status (*add)(struct ledger *ledger, struct span block_rlp,
                                             struct buf *error),
                          struct buf *error)
{
    struct rlp reader = rlp_reader(chain_rlp);
    for (size_t count = 0; rlp_more(&reader); count++) {
        struct span block_rlp = rlp_raw(&reader);
        if (reader.bad)
            break;
        enum status status = add(ledger, block_rlp, error);
        if (status != STATUS_OK)
            return status;
        if (ledger->config.stopped != NULL && ledger->config.stopped(ledger->config.owner))
            return STATUS_CANCELLED;
        if (count % LEDGER_IMPORT_LOG_BLOCKS == LEDGER_IMPORT_LOG_BLOCKS - 1) {
            char number[24];
            log_write(ledger->config.log, LOG_INFO, "ledger", "importing", "block",
                      log_u64(number, ledger->head->header.number), NULL);
        }
    }
    if (rlp_end(&reader))
        return STATUS_OK;
    buf_clear(error);
    buf_printf(error, "the chain file is malformed after block %" PRIu64,
               ledger->head->header.number);
    return STATUS_INVALID;
}

enum status ledger_import(struct ledger *ledger, struct span chain_rlp, struct buf *error)
{
    return import(ledger, chain_rlp, ledger_add, error);
}

enum status ledger_import_unexecuted(struct ledger *ledger, struct span chain_rlp,
                                     struct buf *error)
{
    struct span root_node;
    enum status status = import(ledger, chain_rlp, add_unexecuted, error);
    struct ledger_block *head = ledger->head;
    if (status == STATUS_OK &&
        node_store_get(ledger->config.store, &head->header.state_root, &root_node))
        head->has_state = true;
    return status;
}

/* ---- looking ---- */

struct ledger_block *ledger_head(const struct ledger *ledger)
{
    return ledger->head;
}

struct ledger_block *ledger_genesis(const struct ledger *ledger)
{
    return ledger->canonical[0];
}

struct ledger_block *ledger_by_hash(const struct ledger *ledger, const struct hash32 *hash)
{
    return hash_map_get(&ledger->blocks, hash);
}

struct ledger_block *ledger_by_number(const struct ledger *ledger, uint64_t number)
{
    return number < ledger->canonical_count ? ledger->canonical[number] : NULL;
}

bool ledger_is_canonical(const struct ledger *ledger, const struct ledger_block *block)
{
    return ledger_by_number(ledger, block->header.number) == block;
}

const struct ledger_tx *ledger_tx(const struct ledger *ledger, const struct hash32 *hash)
{
    return hash_map_get(&ledger->txs, hash);
}

struct ledger_block *ledger_ancestor(struct ledger_block *a, struct ledger_block *b)
{
    while (a != b) {
        if (a->header.number >= b->header.number)
            a = a->parent;
        else
            b = b->parent;
    }
    return a;
}

static struct ledger_block *behind(const struct ledger *ledger, uint64_t distance)
{
    uint64_t number = ledger->head->header.number;
    if (!is_merged(ledger, ledger->head))
        return NULL;
    return ledger->canonical[number > distance ? number - distance : 0];
}

struct ledger_block *ledger_safe(const struct ledger *ledger)
{
    return behind(ledger, ledger->config.safe_distance);
}

struct ledger_block *ledger_finalized(const struct ledger *ledger)
{
    return behind(ledger, ledger->config.finalized_distance);
}

const struct chainspec *ledger_spec(const struct ledger *ledger)
{
    return ledger->config.spec;
}

struct node_store *ledger_store(const struct ledger *ledger)
{
    return ledger->config.store;
}

bool ledger_account(const struct ledger *ledger, const struct ledger_block *block,
                    const struct hash32 *key, struct account *out)
{
    struct trie_walk walk;
    *out = ACCOUNT_EMPTY;
    return block->has_state &&
           trie_walk(&walk, node_store_source(ledger->config.store), &block->header.state_root,
                     SPAN(key->bytes, 32)) == TRIE_FOUND &&
           account_decode(out, walk.value);
}
