#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/evm/block_internal.h"

const char *block_fault_text(enum block_fault fault)
{
    switch (fault) {
#define X(name, text)                                                                              \
    case BLOCK_FAULT_##name:                                                                       \
        return text;
        BLOCK_FAULT_MAP(X)
#undef X
    }
    return "";
}

void block_outcome_free(struct block_outcome *outcome)
{
    buf_free(&outcome->receipts);
    buf_free(&outcome->requests);
    mem_free(outcome->txs);
    *outcome = (struct block_outcome){0};
}

enum block_fault block_fail(struct block_run *run, enum block_fault fault)
{
    return run->outcome->fault = fault;
}

/* ---- opening ---- */

static bool fill_block(struct block_run *run)
{
    const struct header *header = run->header;
    const struct chainspec *spec = run->place->spec;
    struct evm_block *block = &run->block;
    block->number = header->number;
    block->timestamp = header->timestamp;
    block->gas_limit = header->gas_limit;
    block->coinbase = header->coinbase;
    block->chain_id = spec->chain_id;
    block->block_hash = run->place->block_hash;
    block->owner = run->place->owner;
    if (run->revision >= EVM_PARIS)
        block->prev_randao = header->mix_hash;
    else
        u256_to_be32(block->prev_randao.bytes, &header->difficulty);
    if (HEADER_HAS_BASE_FEE(header))
        block->base_fee = header->base_fee;
    run->txs.gas_left = header->gas_limit;
    const struct blob_params *blobs = chainspec_blobs(spec, header->number, header->timestamp);
    if (run->revision >= EVM_CANCUN && blobs != NULL) {
        fee_blob_base(&block->blob_base_fee, header->excess_blob_gas, blobs->update_fraction);
        run->txs.blob_gas_left = blobs->max * EVM_BLOB_GAS;
    }
    bool sealed = spec->clique && run->revision < EVM_PARIS && run->place->evm == NULL;
    run->proof_of_work = !spec->clique && run->revision < EVM_PARIS;
    return !sealed || clique_signer(&block->coinbase, header, run->place->crypto);
}

static bool fields_fit(const struct block_run *run)
{
    unsigned want = run->revision >= EVM_PRAGUE     ? 6
                    : run->revision >= EVM_CANCUN   ? 5
                    : run->revision >= EVM_SHANGHAI ? 2
                    : run->revision >= EVM_LONDON   ? 1
                                                    : 0;
    return run->header->fields == want;
}

static void outcome_reset(struct block_outcome *outcome)
{
    struct block_outcome kept = *outcome;
    *outcome = (struct block_outcome){.receipts = kept.receipts,
                                      .requests = kept.requests,
                                      .txs = kept.txs,
                                      .txs_capacity = kept.txs_capacity};
    buf_clear(&outcome->receipts);
    buf_clear(&outcome->requests);
}

static void open_state(struct block_run *run)
{
    const struct block_place *place = run->place;
    run->state = place->state;
    if (run->state != NULL)
        return;
    evm_store_backend_init(&run->backend, place->store, &run->outcome->state_root);
    run->state = run->own_state = evm_state_new(&run->backend.backend, place->codes);
}

static void open_evm(struct block_run *run)
{
    const struct block_place *place = run->place;
    struct evm_config config = {.revision = run->revision,
                                .state = run->state,
                                .crypto = place->crypto,
                                .precompiles = place->precompiles,
                                .cancel = place->cancel};
    ASSERT(place->evm == NULL || place->state != NULL);
    run->evm = place->evm;
    if (run->evm == NULL)
        run->evm = run->own_evm = evm_new(&config);
}

struct block_run *block_run_open(const struct block_place *place,
                                 const struct hash32 *parent_state_root,
                                 const struct header *header, struct block_outcome *outcome)
{
    struct block_run *run = mem_alloc(sizeof *run);
    outcome_reset(outcome);
    run->place = place;
    run->header = header;
    run->outcome = outcome;
    run->revision = evm_revision_of(chainspec_fork(place->spec, header));
    if (parent_state_root != NULL)
        outcome->state_root = *parent_state_root;
    open_state(run);
    open_evm(run);
    run->txs = (struct tx_place){.evm = run->evm,
                                 .state = run->state,
                                 .revision = run->revision,
                                 .block = &run->block,
                                 .crypto = place->crypto};
    if (!fields_fit(run)) {
        (void)block_fail(run, BLOCK_FAULT_FIELDS);
    } else if (!fill_block(run)) {
        (void)block_fail(run, BLOCK_FAULT_SIGNER);
    } else {
        if (run->own_evm != NULL)
            evm_set_block(run->evm, &run->block);
        outcome->fault = block_system_open(run);
    }
    return run;
}

struct evm_state *block_run_state(struct block_run *run)
{
    return run->state;
}

const struct evm_block *block_run_block(const struct block_run *run)
{
    return &run->block;
}

void block_run_trace(struct block_run *run, struct evm_tracer *tracer)
{
    run->tracer = tracer;
}

void block_run_free(struct block_run *run)
{
    if (run == NULL)
        return;
    evm_free(run->own_evm);
    evm_state_free(run->own_state);
    buf_free(&run->envelopes);
    buf_free(&run->deposits);
    mem_free(run->envelope_sizes);
    mem_free(run);
}

/* ---- transactions and their receipts ---- */

static void collect_logs(struct block_run *run, struct buf *logs, struct bloom256 *bloom)
{
    size_t count;
    const struct evm_log *list = evm_state_logs(run->state, &count);
    for (size_t i = 0; i < count; i++) {
        struct log_entry entry = {.address = list[i].address,
                                  .topics_count = list[i].topics_count,
                                  .data = evm_state_log_data(run->state, &list[i])};
        memcpy(entry.topics, list[i].topics, sizeof entry.topics);
        log_encode(logs, &entry);
        bloom_add(bloom, SPAN(entry.address.bytes, 20));
        for (size_t j = 0; j < entry.topics_count; j++)
            bloom_add(bloom, SPAN(entry.topics[j].bytes, 32));
    }
}

static void keep_receipt(struct block_run *run, const struct receipt *receipt)
{
    struct block_outcome *outcome = run->outcome;
    size_t before = run->envelopes.size;
    receipt_encode(&run->envelopes, receipt);
    struct span envelope = SPAN(run->envelopes.data + before, run->envelopes.size - before);
    if (run->envelopes_count == run->envelopes_capacity) {
        run->envelopes_capacity = run->envelopes_capacity == 0 ? 64 : run->envelopes_capacity * 2;
        run->envelope_sizes = mem_realloc(run->envelope_sizes,
                                          run->envelopes_capacity * sizeof run->envelope_sizes[0]);
    }
    run->envelope_sizes[run->envelopes_count++] = envelope.size;
    if (receipt->type == TX_LEGACY)
        buf_add_span(&outcome->receipts, envelope);
    else
        rlp_add_bytes(&outcome->receipts, envelope);
    for (size_t i = 0; i < sizeof outcome->bloom.bytes; i++)
        outcome->bloom.bytes[i] |= receipt->bloom.bytes[i];
}

static enum block_fault commit(struct block_run *run)
{
    const struct block_place *place = run->place;
    struct hash32 *root = &run->outcome->state_root;
    enum status status = place->commit != NULL ? place->commit(place->owner, run->state, root)
                                               : evm_state_commit(run->state, place->store, root);
    return status == STATUS_OK ? BLOCK_FAULT_NONE : block_fail(run, BLOCK_FAULT_STORE);
}

static enum block_fault add_receipt(struct block_run *run, enum tx_type type,
                                    const struct tx_result *result)
{
    struct buf logs = {0};
    struct receipt receipt = {.type = (uint8_t)type,
                              .status = result->end == EVM_END_SUCCESS,
                              .cumulative_gas = run->outcome->gas_used};
    if (run->revision < EVM_BYZANTIUM) { /* EIP-658 came after */
        receipt.has_state_root = true;
        if (commit(run) != BLOCK_FAULT_NONE)
            return BLOCK_FAULT_STORE;
        receipt.state_root = run->outcome->state_root;
    }
    collect_logs(run, &logs, &receipt.bloom);
    receipt.logs = buf_span(&logs);
    keep_receipt(run, &receipt);
    buf_free(&logs);
    return BLOCK_FAULT_NONE;
}

static void keep_result(struct block_outcome *outcome, const struct tx_result *result)
{
    if (outcome->txs_count == outcome->txs_capacity) {
        outcome->txs_capacity = outcome->txs_capacity == 0 ? 64 : outcome->txs_capacity * 2;
        outcome->txs = mem_realloc(outcome->txs, outcome->txs_capacity * sizeof outcome->txs[0]);
    }
    outcome->txs[outcome->txs_count] = *result;
    outcome->txs[outcome->txs_count++].output = SPAN_EMPTY;
}

/* A transaction that cannot be taken leaves the block as it was; everything else ends it. */
static bool is_final(enum block_fault fault)
{
    return fault != BLOCK_FAULT_NONE && fault != BLOCK_FAULT_TX_MALFORMED &&
           fault != BLOCK_FAULT_TX_SENDER && fault != BLOCK_FAULT_TX_REFUSED;
}

enum block_fault block_run_took(struct block_run *run, enum tx_type type,
                                const struct tx_result *result)
{
    struct block_outcome *outcome = run->outcome;
    outcome->fault = BLOCK_FAULT_NONE;
    outcome->gas_used += result->gas_used;
    outcome->blob_gas_used += result->blob_gas_used;
    keep_result(outcome, result);
    if (run->place->store == NULL)
        return BLOCK_FAULT_NONE;
    enum block_fault fault = block_system_deposits(run);
    return fault == BLOCK_FAULT_NONE ? add_receipt(run, type, result) : fault;
}

enum block_fault block_run_add(struct block_run *run, struct span envelope)
{
    struct tx tx;
    struct tx_result result;
    struct address20 sender;
    struct block_outcome *outcome = run->outcome;
    outcome->tx_index = outcome->txs_count;
    if (is_final(outcome->fault))
        return outcome->fault;
    if (tx_decode(&tx, envelope) != TX_VALID)
        return block_fail(run, BLOCK_FAULT_TX_MALFORMED);
    if (tx_sender(&sender, &tx, run->place->crypto, run->revision >= EVM_HOMESTEAD) != TX_VALID)
        return block_fail(run, BLOCK_FAULT_TX_SENDER);
    evm_set_tracer(run->evm, run->tracer);
    struct tx_leniency leniency = {.any_sender = crypto_impersonates(run->place->crypto) &&
                                                 tx_is_impersonated(&tx)};
    outcome->refusal = tx_execute(&run->txs, &tx, &sender, &leniency, &result);
    evm_set_tracer(run->evm, NULL);
    if (outcome->refusal == TX_REFUSAL_STOPPED) {
        outcome->end = result.end;
        return block_fail(run, BLOCK_FAULT_STOPPED);
    }
    if (outcome->refusal != TX_REFUSAL_NONE)
        return block_fail(run, BLOCK_FAULT_TX_REFUSED);
    return block_run_took(run, tx.type, &result);
}

/* ---- closing ---- */

static void receipts_root(struct block_run *run)
{
    struct span *items = mem_alloc((run->envelopes_count + 1) * sizeof items[0]);
    size_t at = 0;
    for (size_t i = 0; i < run->envelopes_count; i++) {
        items[i] = SPAN(run->envelopes.data + at, run->envelope_sizes[i]);
        at += run->envelope_sizes[i];
    }
    trie_list_root(&run->outcome->receipts_root, items, run->envelopes_count);
    mem_free(items);
}

enum block_fault block_run_close(struct block_run *run, struct span uncles, struct span withdrawals)
{
    struct block_outcome *outcome = run->outcome;
    ASSERT(run->place->store != NULL);
    if (is_final(outcome->fault))
        return outcome->fault;
    enum block_fault fault = block_system_requests(run);
    evm_state_begin(run->state);
    if (fault == BLOCK_FAULT_NONE)
        fault = block_rewards(run, uncles);
    if (fault == BLOCK_FAULT_NONE)
        fault = block_withdrawals(run, withdrawals);
    if (fault != BLOCK_FAULT_NONE)
        return fault;
    evm_state_end(run->state, run->revision >= EVM_SPURIOUS);
    receipts_root(run);
    fault = commit(run);
    return fault == BLOCK_FAULT_NONE ? block_fail(run, BLOCK_FAULT_NONE) : fault;
}

static enum block_fault compare(const struct block_run *run)
{
    const struct header *header = run->header;
    const struct block_outcome *outcome = run->outcome;
    if (outcome->gas_used != header->gas_used)
        return BLOCK_FAULT_GAS_USED;
    if (HEADER_HAS_BLOB_GAS(header) && outcome->blob_gas_used != header->blob_gas_used)
        return BLOCK_FAULT_BLOB_GAS;
    if (!hash32_equal(&outcome->receipts_root, &header->receipts_root))
        return BLOCK_FAULT_RECEIPTS;
    if (memcmp(outcome->bloom.bytes, header->bloom.bytes, sizeof header->bloom.bytes) != 0)
        return BLOCK_FAULT_BLOOM;
    if (HEADER_HAS_REQUESTS(header) &&
        !hash32_equal(&outcome->requests_hash, &header->requests_hash))
        return BLOCK_FAULT_REQUESTS;
    return hash32_equal(&outcome->state_root, &header->state_root) ? BLOCK_FAULT_NONE
                                                                   : BLOCK_FAULT_STATE;
}

/* EIP-7934 */
static bool size_fits(const struct block_run *run, const struct body *body)
{
    struct buf header = {0};
    header_encode(&header, run->header);
    size_t payload = header.size + rlp_header_size(body->transactions.size) +
                     body->transactions.size + body->uncles.size;
    if (body->has_withdrawals)
        payload += rlp_header_size(body->withdrawals.size) + body->withdrawals.size;
    buf_free(&header);
    return run->revision < EVM_OSAKA || rlp_header_size(payload) + payload <= EVM_BLOCK_RLP_MAX;
}

static enum block_fault execute(struct block_run *run, const struct body *body)
{
    struct block_outcome *outcome = run->outcome;
    struct rlp uncles = rlp_reader(body->uncles), inside = rlp_list(&uncles);
    size_t room = rlp_count(rlp_reader(body->transactions)), count = 0;
    if (room > BLOCK_TRANSACTIONS_MAX)
        return block_fail(run, BLOCK_FAULT_BODY);
    struct span *txs = mem_alloc((room + 1) * sizeof txs[0]);
    if (outcome->fault == BLOCK_FAULT_NONE && !size_fits(run, body))
        (void)block_fail(run, BLOCK_FAULT_SIZE);
    if (outcome->fault == BLOCK_FAULT_NONE &&
        (!body_matches(body, run->header) || !body_transactions(body, txs, room, &count)))
        (void)block_fail(run, BLOCK_FAULT_BODY);
    for (size_t i = 0; outcome->fault == BLOCK_FAULT_NONE && i < count; i++)
        outcome->fault = block_run_add(run, txs[i]);
    mem_free(txs);
    struct span withdrawals = body->has_withdrawals ? body->withdrawals : SPAN_EMPTY;
    if (outcome->fault == BLOCK_FAULT_NONE)
        outcome->fault = block_run_close(run, SPAN(inside.data, inside.size), withdrawals);
    return outcome->fault == BLOCK_FAULT_NONE ? block_fail(run, compare(run)) : outcome->fault;
}

enum block_fault block_execute(const struct block_place *place,
                               const struct hash32 *parent_state_root, const struct header *header,
                               const struct body *body, struct block_outcome *outcome)
{
    struct block_run *run = block_run_open(place, parent_state_root, header, outcome);
    enum block_fault fault = execute(run, body);
    block_run_free(run);
    return fault;
}
