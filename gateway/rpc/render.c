#include "gateway/rpc/render.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

#define GAS_PER_BLOB 131072 /* EIP-4844 */

void contract_address(struct address20 *out, const struct address20 *sender, uint64_t nonce)
{
    struct buf rlp = {0};
    struct hash32 hash;
    size_t mark = rlp_list_begin(&rlp);
    rlp_add_bytes(&rlp, SPAN(sender->bytes, 20));
    rlp_add_u64(&rlp, nonce);
    rlp_list_end(&rlp, mark);
    keccak256(&hash, buf_span(&rlp));
    buf_free(&rlp);
    memcpy(out->bytes, hash.bytes + 12, 20);
}

static void put_quantity(struct buf *out, const char *key, uint64_t value)
{
    json_put_key(out, key);
    json_put_quantity(out, value);
}

static void put_quantity256(struct buf *out, const char *key, const struct u256 *value)
{
    json_put_key(out, key);
    json_put_quantity256(out, value);
}

static void put_hash(struct buf *out, const char *key, const struct hash32 *hash)
{
    json_put_key(out, key);
    json_put_hash(out, hash);
}

static void put_address(struct buf *out, const char *key, const struct address20 *address)
{
    json_put_key(out, key);
    if (address == NULL)
        json_put_null(out);
    else
        json_put_address(out, address);
}

/* ---- transactions ---- */

static void put_access_list(struct buf *out, const struct tx *tx)
{
    struct span rest = tx->access_list, keys;
    struct address20 address;
    struct hash32 key;
    size_t count;
    json_put_key(out, "accessList");
    json_put_array(out);
    while (tx_access_next(&rest, &address, &keys, &count)) {
        json_put_object(out);
        put_address(out, "address", &address);
        json_put_key(out, "storageKeys");
        json_put_array(out);
        while (tx_hash_next(&keys, &key))
            json_put_hash(out, &key);
        json_put_array_end(out);
        json_put_object_end(out);
    }
    json_put_array_end(out);
}

static void put_authorizations(struct buf *out, const struct tx *tx)
{
    struct span rest = tx->authorizations;
    struct tx_authorization authorization;
    json_put_key(out, "authorizationList");
    json_put_array(out);
    while (tx_authorization_next(&rest, &authorization)) {
        json_put_object(out);
        put_quantity256(out, "chainId", &authorization.chain_id);
        put_address(out, "address", &authorization.address);
        put_quantity(out, "nonce", authorization.nonce);
        put_quantity(out, "yParity", authorization.y_parity);
        put_quantity256(out, "r", &authorization.r);
        put_quantity256(out, "s", &authorization.s);
        json_put_object_end(out);
    }
    json_put_array_end(out);
}

static void put_blob_hashes(struct buf *out, const struct tx *tx)
{
    struct span rest = tx->blob_hashes;
    struct hash32 hash;
    json_put_key(out, "blobVersionedHashes");
    json_put_array(out);
    while (tx_hash_next(&rest, &hash))
        json_put_hash(out, &hash);
    json_put_array_end(out);
}

static void put_tx_position(struct buf *out, const struct tx_position *place)
{
    json_put_key(out, "blockHash");
    if (place->block == NULL) {
        json_put_null(out);
        json_put_key(out, "blockNumber");
        json_put_null(out);
        json_put_key(out, "blockTimestamp");
        json_put_null(out);
        return;
    }
    json_put_hash(out, &place->block->hash);
    put_quantity(out, "blockNumber", place->block->header.number);
    put_quantity(out, "blockTimestamp", place->block->header.timestamp);
}

static void put_tx_fees(struct buf *out, const struct tx *tx, const struct tx_position *place)
{
    struct u256 price = tx->max_fee;
    const struct header *header = place->block != NULL ? &place->block->header : NULL;
    if (header != NULL)
        tx_effective_gas_price(&price, tx, HEADER_HAS_BASE_FEE(header), &header->base_fee);
    put_quantity256(out, "gasPrice", &price);
    if (tx->type >= TX_DYNAMIC_FEE) {
        put_quantity256(out, "maxFeePerGas", &tx->max_fee);
        put_quantity256(out, "maxPriorityFeePerGas", &tx->max_priority_fee);
    }
    if (tx->type == TX_BLOB)
        put_quantity256(out, "maxFeePerBlobGas", &tx->max_fee_per_blob_gas);
}

static void put_tx_signature(struct buf *out, const struct tx *tx)
{
    put_quantity256(out, "v", &tx->v);
    put_quantity256(out, "r", &tx->r);
    put_quantity256(out, "s", &tx->s);
    if (tx->type != TX_LEGACY)
        put_quantity256(out, "yParity", &tx->v);
}

static void put_tx(struct buf *out, const struct tx *tx, const struct address20 *sender,
                   const struct tx_position *place)
{
    struct hash32 hash;
    tx_hash(&hash, tx);
    json_put_object(out);
    put_tx_position(out, place);
    put_address(out, "from", sender);
    put_quantity(out, "gas", tx->gas_limit);
    put_tx_fees(out, tx, place);
    put_hash(out, "hash", &hash);
    json_put_key(out, "input");
    json_put_data(out, tx->data);
    put_quantity(out, "nonce", tx->nonce);
    put_address(out, "to", tx->has_to ? &tx->to : NULL);
    json_put_key(out, "transactionIndex");
    if (place->block != NULL)
        json_put_quantity(out, place->index);
    else
        json_put_null(out);
    put_quantity256(out, "value", &tx->value);
    put_quantity(out, "type", tx->type);
    if (tx->type != TX_LEGACY)
        put_access_list(out, tx);
    if (tx->has_chain_id)
        put_quantity(out, "chainId", tx->chain_id);
    if (tx->type == TX_BLOB)
        put_blob_hashes(out, tx);
    if (tx->type == TX_SET_CODE)
        put_authorizations(out, tx);
    put_tx_signature(out, tx);
    json_put_object_end(out);
}

bool render_tx(struct buf *out, struct crypto *crypto, const struct tx *tx,
               const struct tx_position *place)
{
    struct address20 sender;
    if (tx_sender(&sender, tx, crypto, false) != TX_VALID)
        return false;
    put_tx(out, tx, &sender, place);
    return true;
}

/* ---- blocks ---- */

static void put_header_start(struct buf *out, const struct block_header *block, struct span calls)
{
    const struct header *header = &block->header;
    uint8_t nonce8[8];
    if (HEADER_HAS_BASE_FEE(header))
        put_quantity256(out, "baseFeePerGas", &header->base_fee);
    if (HEADER_HAS_BLOB_GAS(header))
        put_quantity(out, "blobGasUsed", header->blob_gas_used);
    if (calls.size > 0) {
        json_put_key(out, "calls");
        json_put_raw(out, calls);
    }
    put_quantity256(out, "difficulty", &header->difficulty);
    if (HEADER_HAS_BLOB_GAS(header))
        put_quantity(out, "excessBlobGas", header->excess_blob_gas);
    json_put_key(out, "extraData");
    json_put_data(out, header->extra);
    put_quantity(out, "gasLimit", header->gas_limit);
    put_quantity(out, "gasUsed", header->gas_used);
    put_hash(out, "hash", &block->hash);
    json_put_key(out, "logsBloom");
    json_put_data(out, SPAN(header->bloom.bytes, 256));
    put_address(out, "miner", &header->coinbase);
    put_hash(out, "mixHash", &header->mix_hash);
    be_write(nonce8, 8, header->nonce);
    json_put_key(out, "nonce");
    json_put_data(out, SPAN(nonce8, 8));
    put_quantity(out, "number", header->number);
    if (HEADER_HAS_BEACON_ROOT(header))
        put_hash(out, "parentBeaconBlockRoot", &header->parent_beacon_root);
    put_hash(out, "parentHash", &header->parent_hash);
    put_hash(out, "receiptsRoot", &header->receipts_root);
    if (HEADER_HAS_REQUESTS(header))
        put_hash(out, "requestsHash", &header->requests_hash);
    put_hash(out, "sha3Uncles", &header->uncles_hash);
}

static void put_header_roots(struct buf *out, const struct header *header)
{
    put_hash(out, "stateRoot", &header->state_root);
    put_quantity(out, "timestamp", header->timestamp);
}

void render_header(struct buf *out, const struct block_header *block)
{
    json_put_object(out);
    put_header_start(out, block, SPAN_EMPTY);
    put_header_roots(out, &block->header);
    put_hash(out, "transactionsRoot", &block->header.transactions_root);
    if (HEADER_HAS_WITHDRAWALS(&block->header))
        put_hash(out, "withdrawalsRoot", &block->header.withdrawals_root);
    json_put_object_end(out);
}

static uint64_t list_size(size_t payload)
{
    return rlp_header_size(payload) + payload;
}

uint64_t block_rlp_size(const struct block_header *block, const struct body *body)
{
    size_t payload = block->rlp.size + list_size(body->transactions.size) + body->uncles.size;
    if (body->has_withdrawals)
        payload += list_size(body->withdrawals.size);
    return list_size(payload);
}

void render_uncle(struct buf *out, const struct block_header *uncle)
{
    static const uint8_t EMPTY_LIST[] = {0xc0};
    struct body body = {.uncles = SPAN(EMPTY_LIST, 1)};
    json_put_object(out);
    put_header_start(out, uncle, SPAN_EMPTY);
    put_quantity(out, "size", block_rlp_size(uncle, &body));
    put_header_roots(out, &uncle->header);
    put_hash(out, "transactionsRoot", &uncle->header.transactions_root);
    json_put_key(out, "uncles");
    json_put_array(out);
    json_put_array_end(out);
    if (HEADER_HAS_WITHDRAWALS(&uncle->header))
        put_hash(out, "withdrawalsRoot", &uncle->header.withdrawals_root);
    json_put_object_end(out);
}

static bool put_transactions(struct buf *out, struct crypto *crypto,
                             const struct block_header *block, const struct body *body, bool full)
{
    size_t count;
    if (!body_transactions(body, NULL, BLOCK_TRANSACTIONS_MAX, &count))
        return false;
    struct span *envelopes = mem_alloc((count + 1) * sizeof *envelopes);
    bool good = body_transactions(body, envelopes, count, &count);
    json_put_key(out, "transactions");
    json_put_array(out);
    for (size_t i = 0; good && i < count; i++) {
        struct tx_position place = {block, i};
        struct tx tx;
        struct hash32 hash;
        keccak256(&hash, envelopes[i]);
        if (full)
            good = tx_decode(&tx, envelopes[i]) == TX_VALID && render_tx(out, crypto, &tx, &place);
        else
            json_put_hash(out, &hash);
    }
    json_put_array_end(out);
    mem_free(envelopes);
    return good;
}

static void put_uncle_hashes(struct buf *out, const struct body *body)
{
    struct rlp outer = rlp_reader(body->uncles);
    struct rlp list = rlp_list(&outer);
    json_put_key(out, "uncles");
    json_put_array(out);
    while (rlp_more(&list)) {
        struct hash32 hash;
        keccak256(&hash, rlp_raw(&list));
        json_put_hash(out, &hash);
    }
    json_put_array_end(out);
}

static bool put_withdrawals(struct buf *out, const struct body *body)
{
    struct rlp list = rlp_reader(body->withdrawals);
    json_put_key(out, "withdrawals");
    json_put_array(out);
    while (rlp_more(&list)) {
        struct withdrawal withdrawal;
        if (!withdrawal_decode(&withdrawal, rlp_raw(&list)))
            return false;
        json_put_object(out);
        put_quantity(out, "index", withdrawal.index);
        put_quantity(out, "validatorIndex", withdrawal.validator_index);
        put_address(out, "address", &withdrawal.address);
        put_quantity(out, "amount", withdrawal.amount_gwei);
        json_put_object_end(out);
    }
    json_put_array_end(out);
    return rlp_end(&list);
}

bool render_block(struct buf *out, struct crypto *crypto, const struct block_header *block,
                  const struct body *body, bool full)
{
    json_put_object(out);
    put_header_start(out, block, SPAN_EMPTY);
    put_quantity(out, "size", block_rlp_size(block, body));
    put_header_roots(out, &block->header);
    bool good = put_transactions(out, crypto, block, body, full);
    put_hash(out, "transactionsRoot", &block->header.transactions_root);
    put_uncle_hashes(out, body);
    if (body->has_withdrawals) {
        good = good && put_withdrawals(out, body);
        put_hash(out, "withdrawalsRoot", &block->header.withdrawals_root);
    }
    json_put_object_end(out);
    return good;
}

void render_simulated_block(struct buf *out, const struct block_header *block,
                            const struct body *body, const struct simulated_txs *simulated)
{
    json_put_object(out);
    put_header_start(out, block, simulated->calls);
    put_quantity(out, "size", block_rlp_size(block, body));
    put_header_roots(out, &block->header);
    json_put_key(out, "transactions");
    json_put_array(out);
    for (size_t i = 0; i < simulated->count; i++) {
        struct tx_position place = {block, i};
        struct hash32 hash;
        tx_hash(&hash, &simulated->txs[i]);
        if (simulated->full)
            put_tx(out, &simulated->txs[i], &simulated->senders[i], &place);
        else
            json_put_hash(out, &hash);
    }
    json_put_array_end(out);
    put_hash(out, "transactionsRoot", &block->header.transactions_root);
    put_uncle_hashes(out, body);
    if (body->has_withdrawals) {
        bool good = put_withdrawals(out, body);
        ASSERT(good);
        put_hash(out, "withdrawalsRoot", &block->header.withdrawals_root);
    }
    json_put_object_end(out);
}

/* ---- receipts ---- */

void render_log(struct buf *out, const struct log_entry *log, const struct log_place *place)
{
    json_put_object(out);
    put_address(out, "address", &log->address);
    json_put_key(out, "topics");
    json_put_array(out);
    for (size_t i = 0; i < log->topics_count; i++)
        json_put_hash(out, &log->topics[i]);
    json_put_array_end(out);
    json_put_key(out, "data");
    json_put_data(out, log->data);
    put_quantity(out, "blockNumber", place->block->header.number);
    put_hash(out, "transactionHash", place->tx_hash);
    put_quantity(out, "transactionIndex", place->tx_index);
    put_hash(out, "blockHash", &place->block->hash);
    put_quantity(out, "blockTimestamp", place->block->header.timestamp);
    put_quantity(out, "logIndex", place->log_index);
    json_put_key(out, "removed");
    json_put_bool(out, false);
    json_put_object_end(out);
}

static void put_blob_costs(struct buf *out, const struct tx *tx, const struct receipt_place *place)
{
    const struct header *header = &place->block->header;
    const struct blob_params *blobs =
        chainspec_blobs(place->spec, header->number, header->timestamp);
    if (tx->type != TX_BLOB || blobs == NULL)
        return;
    struct u256 price;
    fee_blob_base(&price, header->excess_blob_gas, blobs->update_fraction);
    put_quantity256(out, "blobGasPrice", &price);
    put_quantity(out, "blobGasUsed", GAS_PER_BLOB * tx->blob_hashes_count);
}

bool render_receipt(struct buf *out, struct crypto *crypto, const struct receipt *receipt,
                    const struct tx *tx, const struct receipt_place *place)
{
    const struct header *header = &place->block->header;
    struct address20 sender, created;
    struct hash32 hash;
    struct u256 price;
    if (tx_sender(&sender, tx, crypto, false) != TX_VALID)
        return false;
    tx_hash(&hash, tx);
    tx_effective_gas_price(&price, tx, HEADER_HAS_BASE_FEE(header), &header->base_fee);
    json_put_object(out);
    put_blob_costs(out, tx, place);
    put_hash(out, "blockHash", &place->block->hash);
    put_quantity(out, "blockNumber", header->number);
    if (!tx->has_to)
        contract_address(&created, &sender, tx->nonce);
    put_address(out, "contractAddress", tx->has_to ? NULL : &created);
    put_quantity(out, "cumulativeGasUsed", receipt->cumulative_gas);
    put_quantity256(out, "effectiveGasPrice", &price);
    put_address(out, "from", &sender);
    put_quantity(out, "gasUsed", receipt->cumulative_gas - place->gas_before);
    struct log_place at = {place->block, &hash, place->tx_index, place->first_log_index};
    struct span rest = receipt->logs;
    struct log_entry log;
    json_put_key(out, "logs");
    json_put_array(out);
    for (; log_next(&rest, &log); at.log_index++)
        render_log(out, &log, &at);
    json_put_array_end(out);
    json_put_key(out, "logsBloom");
    json_put_data(out, SPAN(receipt->bloom.bytes, 256));
    if (receipt->has_state_root)
        put_hash(out, "root", &receipt->state_root);
    else
        put_quantity(out, "status", receipt->status);
    put_address(out, "to", tx->has_to ? &tx->to : NULL);
    put_hash(out, "transactionHash", &hash);
    put_quantity(out, "transactionIndex", place->tx_index);
    put_quantity(out, "type", tx->type);
    json_put_object_end(out);
    return true;
}
