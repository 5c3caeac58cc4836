/* Any envelope: what decodes is put together again from its fields, byte for byte, and everything
 * that reads it is total. */
#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_payload(struct buf *out, struct span payload)
{
    rlp_add_list_header(out, payload.size);
    buf_add_span(out, payload);
}

static void encode(struct buf *out, const struct tx *tx)
{
    if (tx->type != TX_LEGACY)
        buf_add_u8(out, (uint8_t)tx->type);
    size_t mark = rlp_list_begin(out);
    if (tx->type != TX_LEGACY)
        rlp_add_u64(out, tx->chain_id);
    rlp_add_u64(out, tx->nonce);
    if (tx->type >= TX_DYNAMIC_FEE)
        rlp_add_u256(out, &tx->max_priority_fee);
    rlp_add_u256(out, &tx->max_fee);
    rlp_add_u64(out, tx->gas_limit);
    rlp_add_bytes(out, SPAN(tx->to.bytes, tx->has_to ? 20 : 0));
    rlp_add_u256(out, &tx->value);
    rlp_add_bytes(out, tx->data);
    if (tx->type != TX_LEGACY)
        add_payload(out, tx->access_list);
    if (tx->type == TX_BLOB) {
        rlp_add_u256(out, &tx->max_fee_per_blob_gas);
        add_payload(out, tx->blob_hashes);
    }
    if (tx->type == TX_SET_CODE)
        add_payload(out, tx->authorizations);
    rlp_add_u256(out, &tx->v);
    rlp_add_u256(out, &tx->r);
    rlp_add_u256(out, &tx->s);
    rlp_list_end(out, mark);
}

static void check(const struct tx *tx, const struct crypto *crypto)
{
    struct tx_check checked;
    struct u256 price, base_fee = u256_from_u64(7);
    struct tx_authorization authorization;
    struct address20 signer;
    struct hash32 hash;
    tx_hash(&hash, tx);
    tx_effective_gas_price(&price, tx, true, &base_fee);
    ASSERT(u256_compare(&price, &tx->max_fee) <= 0);
    for (enum fork fork = FORK_FRONTIER; fork < FORK_COUNT; fork += 4)
        (void)!tx_check_for_fork(&checked, tx, crypto, fork, 1);
    size_t left = tx->authorizations.size;
    for (struct span rest = tx->authorizations; tx_authorization_next(&rest, &authorization);) {
        ASSERT(rest.size < left);
        left = rest.size;
        (void)!tx_authorization_signer(&signer, &authorization, crypto);
    }
    ASSERT(left == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[32] = {1};
    struct crypto *crypto = crypto_new(seed);
    struct buf again = {0}, scratch = {0};
    struct tx tx;
    if (tx_decode(&tx, SPAN(data, size)) == TX_VALID) {
        encode(&again, &tx);
        ASSERT(again.size == size && memcmp(again.data, data, size) == 0);
        check(&tx, crypto);
    }
    if (tx_decode_network(&tx, SPAN(data, size), &scratch) == TX_VALID) {
        struct tx_sidecar sidecar;
        check(&tx, crypto);
        if (tx_sidecar_of(&sidecar, SPAN(data, size)))
            ASSERT(sidecar.count == tx.blob_hashes_count);
    }
    buf_free(&again);
    buf_free(&scratch);
    crypto_free(crypto);
    return 0;
}
