#include "les/eth/header.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

/* The optional fields that the forks appended, as many as are there. */
static void read_optional(struct rlp *list, struct header *header)
{
    static const struct header none;
    header->fields = (unsigned)rlp_count(*list);
    header->base_fee = none.base_fee;
    header->withdrawals_root = none.withdrawals_root;
    header->blob_gas_used = header->excess_blob_gas = 0;
    header->parent_beacon_root = header->requests_hash = none.requests_hash;
    if (HEADER_HAS_BASE_FEE(header))
        rlp_u256(list, &header->base_fee);
    if (HEADER_HAS_WITHDRAWALS(header))
        rlp_fixed(list, header->withdrawals_root.bytes, 32);
    if (header->fields == 3)
        rlp_fail(list); /* Cancun appended two fields at once */
    if (HEADER_HAS_BLOB_GAS(header)) {
        header->blob_gas_used = rlp_u64(list);
        header->excess_blob_gas = rlp_u64(list);
    }
    if (HEADER_HAS_BEACON_ROOT(header))
        rlp_fixed(list, header->parent_beacon_root.bytes, 32);
    if (HEADER_HAS_REQUESTS(header))
        rlp_fixed(list, header->requests_hash.bytes, 32);
}

bool header_decode(struct header *header, struct span rlp)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    rlp_fixed(&list, header->parent_hash.bytes, 32);
    rlp_fixed(&list, header->uncles_hash.bytes, 32);
    rlp_fixed(&list, header->coinbase.bytes, 20);
    rlp_fixed(&list, header->state_root.bytes, 32);
    rlp_fixed(&list, header->transactions_root.bytes, 32);
    rlp_fixed(&list, header->receipts_root.bytes, 32);
    rlp_fixed(&list, header->bloom.bytes, 256);
    rlp_u256(&list, &header->difficulty);
    header->number = rlp_u64(&list);
    header->gas_limit = rlp_u64(&list);
    header->gas_used = rlp_u64(&list);
    header->timestamp = rlp_u64(&list);
    header->extra = rlp_bytes(&list);
    rlp_fixed(&list, header->mix_hash.bytes, 32);
    uint8_t nonce[8];
    rlp_fixed(&list, nonce, sizeof nonce);
    header->nonce = be_read(nonce, sizeof nonce);
    read_optional(&list, header);
    if (rlp_end(&list) && rlp_end(&outer) && header->extra.size <= HEADER_EXTRA_MAX)
        return true;
    memset(header, 0, sizeof *header);
    return false;
}

void header_encode(struct buf *out, const struct header *header)
{
    ASSERT(header->fields <= 6 && header->fields != 3);
    size_t mark = rlp_list_begin(out);
    buf_reserve(out, 700 + header->extra.size);
    rlp_add_hash(out, &header->parent_hash);
    rlp_add_hash(out, &header->uncles_hash);
    rlp_add_bytes(out, SPAN(header->coinbase.bytes, 20));
    rlp_add_hash(out, &header->state_root);
    rlp_add_hash(out, &header->transactions_root);
    rlp_add_hash(out, &header->receipts_root);
    rlp_add_bytes(out, SPAN(header->bloom.bytes, 256));
    rlp_add_u256(out, &header->difficulty);
    rlp_add_u64(out, header->number);
    rlp_add_u64(out, header->gas_limit);
    rlp_add_u64(out, header->gas_used);
    rlp_add_u64(out, header->timestamp);
    rlp_add_bytes(out, header->extra);
    rlp_add_hash(out, &header->mix_hash);
    uint8_t nonce[8];
    be_write(nonce, sizeof nonce, header->nonce);
    rlp_add_bytes(out, SPAN(nonce, sizeof nonce));
    if (HEADER_HAS_BASE_FEE(header))
        rlp_add_u256(out, &header->base_fee);
    if (HEADER_HAS_WITHDRAWALS(header))
        rlp_add_hash(out, &header->withdrawals_root);
    if (HEADER_HAS_BLOB_GAS(header)) {
        rlp_add_u64(out, header->blob_gas_used);
        rlp_add_u64(out, header->excess_blob_gas);
    }
    if (HEADER_HAS_BEACON_ROOT(header))
        rlp_add_hash(out, &header->parent_beacon_root);
    if (HEADER_HAS_REQUESTS(header))
        rlp_add_hash(out, &header->requests_hash);
    rlp_list_end(out, mark);
}

void header_hash(struct hash32 *out, const struct header *header)
{
    struct buf rlp = {0};
    header_encode(&rlp, header);
    keccak256(out, buf_span(&rlp));
    buf_free(&rlp);
}
