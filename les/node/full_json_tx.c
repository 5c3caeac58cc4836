#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "les/node/full_read.h"

#define ITEMS_MAX 1048576 /* of one list in a transaction; its bytes are bounded already */

/* The lists of a transaction, which struct tx borrows. */
struct parts {
    struct buf data, access_list, blob_hashes, authorizations;
};

static void parts_free(struct parts *parts)
{
    buf_free(&parts->data);
    buf_free(&parts->access_list);
    buf_free(&parts->blob_hashes);
    buf_free(&parts->authorizations);
}

/* An absent or null list is an empty one: go-ethereum writes nil slices as null. */
static json_t *list_or_none(struct full_read *read, const char *field)
{
    return full_read_has(read, field) ? full_read_get_array(read, field, ITEMS_MAX) : NULL;
}

static void add_hashes(struct buf *out, json_t *list, struct full_read *read, const char *field)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        struct hash32 hash;
        if (!full_read_fixed(hash.bytes, 32, item))
            full_read_fail(read, "not a hash", field);
        rlp_add_hash(out, &hash);
    }
}

static void read_access_list(struct buf *out, struct full_read *read)
{
    json_t *list = list_or_none(read, "accessList"), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        struct address20 address;
        struct full_read entry = full_read_of(item, read->index, read->fault);
        full_read_get_fixed(&entry, "address", address.bytes, 20);
        size_t mark = rlp_list_begin(out);
        rlp_add_bytes(out, SPAN(address.bytes, 20));
        size_t keys = rlp_list_begin(out);
        add_hashes(out, list_or_none(&entry, "storageKeys"), &entry, "storageKeys");
        rlp_list_end(out, keys);
        rlp_list_end(out, mark);
        if (entry.bad) {
            read->bad = true;
            return;
        }
    }
}

static void read_authorizations(struct buf *out, struct full_read *read)
{
    json_t *list = full_read_get_array(read, "authorizationList", ITEMS_MAX), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        struct tx_authorization auth;
        struct full_read entry = full_read_of(item, read->index, read->fault);
        full_read_get_u256(&entry, "chainId", &auth.chain_id);
        full_read_get_fixed(&entry, "address", auth.address.bytes, 20);
        auth.nonce = full_read_get_u64(&entry, "nonce");
        auth.y_parity =
            full_read_get_u64(&entry, full_read_has(&entry, "yParity") ? "yParity" : "v");
        full_read_get_u256(&entry, "r", &auth.r);
        full_read_get_u256(&entry, "s", &auth.s);
        size_t mark = rlp_list_begin(out);
        rlp_add_u256(out, &auth.chain_id);
        rlp_add_bytes(out, SPAN(auth.address.bytes, 20));
        rlp_add_u64(out, auth.nonce);
        rlp_add_u64(out, auth.y_parity);
        rlp_add_u256(out, &auth.r);
        rlp_add_u256(out, &auth.s);
        rlp_list_end(out, mark);
        if (entry.bad) {
            read->bad = true;
            return;
        }
    }
}

/* What the types share. input is the name of the specification, data an old one. */
static void read_common(struct tx *tx, struct parts *parts, struct full_read *read)
{
    tx->nonce = full_read_get_u64(read, "nonce");
    tx->gas_limit = full_read_get_u64(read, "gas");
    full_read_get_u256(read, "value", &tx->value);
    full_read_get_bytes(read, full_read_has(read, "input") ? "input" : "data", &parts->data,
                        SIZE_MAX);
    tx->data = buf_span(&parts->data);
    tx->has_to = full_read_has(read, "to");
    if (tx->has_to)
        full_read_get_fixed(read, "to", tx->to.bytes, 20);
    full_read_get_u256(read, "r", &tx->r);
    full_read_get_u256(read, "s", &tx->s);
}

static void read_typed(struct tx *tx, struct parts *parts, struct full_read *read)
{
    if (tx->type >= TX_DYNAMIC_FEE) {
        full_read_get_u256(read, "maxFeePerGas", &tx->max_fee);
        full_read_get_u256(read, "maxPriorityFeePerGas", &tx->max_priority_fee);
    } else {
        full_read_get_u256(read, "gasPrice", &tx->gas_price);
    }
    if (tx->type == TX_LEGACY) {
        full_read_get_u256(read, "v", &tx->v);
        return;
    }
    full_read_get_u256(read, full_read_has(read, "yParity") ? "yParity" : "v", &tx->v);
    tx->has_chain_id = true;
    tx->chain_id = full_read_get_u64(read, "chainId");
    read_access_list(&parts->access_list, read);
    tx->access_list = buf_span(&parts->access_list);
    if (tx->type == TX_BLOB) {
        full_read_get_u256(read, "maxFeePerBlobGas", &tx->max_fee_per_blob_gas);
        add_hashes(&parts->blob_hashes, full_read_get_array(read, "blobVersionedHashes", ITEMS_MAX),
                   read, "blobVersionedHashes");
        tx->blob_hashes = buf_span(&parts->blob_hashes);
    }
    if (tx->type == TX_SET_CODE) {
        read_authorizations(&parts->authorizations, read);
        tx->authorizations = buf_span(&parts->authorizations);
    }
}

static bool encodes_to(struct buf *out, const struct tx *tx, const struct hash32 *expected)
{
    struct hash32 hash;
    size_t before = out->size;
    tx_encode(out, tx);
    keccak256(&hash, SPAN(out->data + before, out->size - before));
    if (hash32_equal(&hash, expected))
        return true;
    out->size = before;
    return false;
}

/* Nodes write the last field of a signature in several ways: as on the wire; as the parity alone;
 * with 27 added. The hash knows which was meant. */
static bool fit_signature(struct buf *out, struct tx *tx, uint64_t chain_id,
                          const struct hash32 *expected)
{
    if (encodes_to(out, tx, expected))
        return true;
    uint64_t v = tx->v.words[0];
    if (!u256_fits_u64(&tx->v) || (v > 1 && v != 27 && v != 28) || chain_id > UINT64_MAX / 2 - 36)
        return false;
    uint64_t parity = v > 1 ? v - 27 : v;
    uint64_t forms[] = {parity, parity + 27, parity + 35 + 2 * chain_id};
    for (size_t i = 0; i < (tx->type == TX_LEGACY ? ARRAY_COUNT(forms) : 1); i++) {
        tx->v = (struct u256){{forms[i]}};
        if (encodes_to(out, tx, expected))
            return true;
    }
    return false;
}

bool full_tx(struct buf *out, json_t *json, struct full_fault *fault)
{
    struct tx tx = {0};
    struct parts parts = {0};
    struct hash32 hash;
    struct full_read read = full_read_of(json, 0, fault);
    uint64_t type = full_read_has(&read, "type") ? full_read_get_u64(&read, "type") : 0;
    if (type > TX_SET_CODE)
        full_read_fail(&read, "is of a kind we do not know", "type");
    else
        tx.type = (enum tx_type)type;
    full_read_get_fixed(&read, "hash", hash.bytes, 32);
    read_common(&tx, &parts, &read);
    read_typed(&tx, &parts, &read);
    uint64_t chain_id = full_read_has(&read, "chainId") ? full_read_get_u64(&read, "chainId") : 0;
    if (!read.bad && !fit_signature(out, &tx, chain_id, &hash))
        full_read_fail(&read, "differs", "hash");
    parts_free(&parts);
    return !read.bad;
}
