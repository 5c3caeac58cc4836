#include "les/eth/tx.h"

#include "les/eth/rlp.h"

#define BLOB_SIZE            131072 /* EIP-4844 */
#define COMMITMENT_SIZE      48
#define CELL_PROOFS_PER_BLOB 128 /* EIP-7594 */

/* ---- lists inside a transaction ---- */

bool tx_access_next(struct span *rest, struct address20 *address, struct span *keys,
                    size_t *keys_count)
{
    struct rlp items = rlp_reader(*rest), entry = rlp_list(&items);
    rlp_fixed(&entry, address->bytes, 20);
    struct rlp list = rlp_list(&entry);
    *keys = SPAN(list.data, list.size);
    *keys_count = list.size / 33;
    if (!rlp_end(&entry)) {
        *keys = SPAN_EMPTY;
        *keys_count = 0;
        return false;
    }
    *rest = SPAN(items.data, items.size);
    return true;
}

bool tx_hash_next(struct span *rest, struct hash32 *out)
{
    struct rlp items = rlp_reader(*rest);
    rlp_fixed(&items, out->bytes, 32);
    if (items.bad)
        return false;
    *rest = SPAN(items.data, items.size);
    return true;
}

bool tx_authorization_next(struct span *rest, struct tx_authorization *out)
{
    struct rlp items = rlp_reader(*rest), entry = rlp_list(&items);
    rlp_u256(&entry, &out->chain_id);
    rlp_fixed(&entry, out->address.bytes, 20);
    out->nonce = rlp_u64(&entry);
    out->y_parity = rlp_u64(&entry);
    rlp_u256(&entry, &out->r);
    rlp_u256(&entry, &out->s);
    if (!rlp_end(&entry) || out->y_parity > UINT8_MAX) {
        memset(out, 0, sizeof *out);
        return false;
    }
    *rest = SPAN(items.data, items.size);
    return true;
}

static bool hashes_valid(struct span hashes)
{
    struct hash32 hash;
    while (tx_hash_next(&hashes, &hash))
        continue;
    return hashes.size == 0;
}

static void read_access_list(struct rlp *list, struct tx *tx)
{
    struct rlp inner = rlp_list(list);
    struct span rest = SPAN(inner.data, inner.size), keys;
    struct address20 address;
    size_t keys_count;
    tx->access_list = rest;
    while (tx_access_next(&rest, &address, &keys, &keys_count))
        if (!hashes_valid(keys))
            rlp_fail(list);
    if (rest.size > 0)
        rlp_fail(list);
}

static void read_blob_hashes(struct rlp *list, struct tx *tx)
{
    struct rlp inner = rlp_list(list);
    tx->blob_hashes = SPAN(inner.data, inner.size);
    tx->blob_hashes_count = inner.size / 33;
    if (!hashes_valid(tx->blob_hashes))
        rlp_fail(list);
}

static void read_authorizations(struct rlp *list, struct tx *tx)
{
    struct rlp inner = rlp_list(list);
    struct span rest = SPAN(inner.data, inner.size);
    struct tx_authorization authorization;
    tx->authorizations = rest;
    while (tx_authorization_next(&rest, &authorization))
        continue;
    if (rest.size > 0)
        rlp_fail(list);
}

/* ---- the transaction itself ---- */

/* Blob and set-code transactions cannot create: their `to` is always there (EIP-4844, EIP-7702). */
static void read_to(struct rlp *list, struct tx *tx)
{
    struct span to = rlp_bytes(list);
    bool may_create = tx->type < TX_BLOB;
    tx->has_to = to.size == 20;
    if (tx->has_to)
        memcpy(tx->to.bytes, to.data, 20);
    else if (to.size != 0 || !may_create)
        rlp_fail(list);
}

static void read_fees(struct rlp *list, struct tx *tx)
{
    if (tx->type >= TX_DYNAMIC_FEE) {
        rlp_u256(list, &tx->max_priority_fee);
        rlp_u256(list, &tx->max_fee);
        tx->gas_price = tx->max_fee;
    } else {
        rlp_u256(list, &tx->gas_price);
        tx->max_fee = tx->max_priority_fee = tx->gas_price;
    }
}

/* EIP-155: v = 35 + 2 * chain id + recovery id. False: the chain id has more than 64 bits. */
static bool chain_id_from_v(struct tx *tx)
{
    const struct u256 *v = &tx->v;
    if (v->words[1] > 2 || (v->words[2] | v->words[3]) != 0)
        return false;
    if (v->words[1] == 0 && v->words[0] < 35)
        return true;
    unsigned __int128 twice = ((unsigned __int128)v->words[1] << 64 | v->words[0]) - 35;
    if (twice >> 65 != 0)
        return false;
    tx->has_chain_id = true;
    tx->chain_id = (uint64_t)(twice >> 1);
    return true;
}

static enum tx_fault read_fields(struct rlp *list, struct tx *tx)
{
    struct u256 chain_id = {{0}};
    if (tx->type != TX_LEGACY)
        rlp_u256(list, &chain_id);
    tx->nonce = rlp_u64(list);
    read_fees(list, tx);
    tx->gas_limit = rlp_u64(list);
    read_to(list, tx);
    rlp_u256(list, &tx->value);
    tx->data = rlp_bytes(list);
    if (tx->type >= TX_ACCESS_LIST)
        read_access_list(list, tx);
    if (tx->type == TX_BLOB) {
        rlp_u256(list, &tx->max_fee_per_blob_gas);
        read_blob_hashes(list, tx);
    }
    if (tx->type == TX_SET_CODE)
        read_authorizations(list, tx);
    rlp_u256(list, &tx->v);
    rlp_u256(list, &tx->r);
    rlp_u256(list, &tx->s);
    if (!rlp_end(list))
        return TX_MALFORMED;
    if (tx->type == TX_LEGACY)
        return chain_id_from_v(tx) ? TX_VALID : TX_CHAIN_ID_TOO_LARGE;
    tx->has_chain_id = true;
    tx->chain_id = chain_id.words[0];
    bool fits = (chain_id.words[1] | chain_id.words[2] | chain_id.words[3]) == 0;
    return fits ? TX_VALID : TX_CHAIN_ID_TOO_LARGE;
}

/* The type byte of an envelope and the RLP behind it. */
static enum tx_fault open_envelope(struct span envelope, enum tx_type *type, struct span *rlp)
{
    *type = TX_LEGACY;
    *rlp = envelope;
    if (envelope.size == 0)
        return TX_MALFORMED;
    if (envelope.data[0] >= 0xc0)
        return TX_VALID;
    if (envelope.data[0] >= 0x80)
        return TX_MALFORMED; /* EIP-2718: types end at 0x7f */
    if (envelope.data[0] < TX_ACCESS_LIST || envelope.data[0] > TX_SET_CODE)
        return TX_TYPE_UNKNOWN;
    *type = (enum tx_type)envelope.data[0];
    *rlp = SPAN(envelope.data + 1, envelope.size - 1);
    return TX_VALID;
}

enum tx_fault tx_decode(struct tx *tx, struct span envelope)
{
    struct span rlp;
    memset(tx, 0, sizeof *tx);
    enum tx_fault fault = open_envelope(envelope, &tx->type, &rlp);
    if (fault != TX_VALID)
        return fault;
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    if (!rlp_end(&outer))
        return TX_MALFORMED;
    tx->raw = envelope;
    fault = read_fields(&list, tx);
    if (fault != TX_VALID)
        memset(tx, 0, sizeof *tx);
    return fault;
}

/* ---- blob transactions with their sidecar ---- */

/* A list of exactly count strings of exactly size bytes. */
static bool fixed_list(struct rlp list, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rlp_bytes(&list).size != size)
            return false;
    return rlp_end(&list);
}

/* EIP-4844: a versioned hash is 0x01 || sha256(commitment)[1:]. */
static bool commitments_match(struct rlp commitments, struct span hashes)
{
    struct hash32 expected, hash;
    while (tx_hash_next(&hashes, &expected)) {
        sha256(&hash, rlp_bytes(&commitments));
        hash.bytes[0] = 0x01;
        if (!hash32_equal(&hash, &expected))
            return false;
    }
    return true;
}

enum tx_fault tx_decode_network(struct tx *tx, struct span envelope, struct buf *scratch)
{
    struct span rlp;
    enum tx_type type;
    if (open_envelope(envelope, &type, &rlp) != TX_VALID || type != TX_BLOB)
        return tx_decode(tx, envelope);
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    if (!rlp_end(&outer) || rlp_peek(&list) != RLP_LIST)
        return tx_decode(tx, envelope);

    struct span inner = rlp_raw(&list);
    bool cell_proofs = rlp_peek(&list) == RLP_STRING;
    bool version_known = !cell_proofs || rlp_u64(&list) == 1;
    struct rlp blobs = rlp_list(&list), commitments = rlp_list(&list), proofs = rlp_list(&list);
    size_t mark = scratch->size;
    buf_add_u8(scratch, TX_BLOB);
    buf_add_span(scratch, inner);
    enum tx_fault fault = tx_decode(tx, SPAN(scratch->data + mark, scratch->size - mark));
    size_t count = tx->blob_hashes_count;
    if (fault == TX_VALID &&
        !(rlp_end(&list) && version_known && fixed_list(blobs, BLOB_SIZE, count) &&
          fixed_list(commitments, COMMITMENT_SIZE, count) &&
          fixed_list(proofs, COMMITMENT_SIZE, cell_proofs ? count * CELL_PROOFS_PER_BLOB : count) &&
          commitments_match(commitments, tx->blob_hashes)))
        fault = TX_MALFORMED;
    if (fault != TX_VALID) {
        memset(tx, 0, sizeof *tx);
        scratch->size = mark;
    }
    return fault;
}

bool tx_sidecar_of(struct tx_sidecar *out, struct span envelope)
{
    struct span rlp;
    enum tx_type type;
    memset(out, 0, sizeof *out);
    if (open_envelope(envelope, &type, &rlp) != TX_VALID || type != TX_BLOB)
        return false;
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    if (rlp_peek(&list) != RLP_LIST)
        return false;
    (void)rlp_raw(&list);
    if (rlp_peek(&list) == RLP_STRING)
        out->version = (unsigned)rlp_u64(&list);
    struct rlp blobs = rlp_list(&list), commitments = rlp_list(&list), proofs = rlp_list(&list);
    ASSERT(rlp_end(&list));
    out->count = rlp_count(commitments);
    out->blobs = SPAN(blobs.data, blobs.size);
    out->commitments = SPAN(commitments.data, commitments.size);
    out->proofs = SPAN(proofs.data, proofs.size);
    return true;
}
