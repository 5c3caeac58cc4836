#include "les/eth/tx.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"

/* Half of the secp256k1 group order: the largest s of a low signature (EIP-2). */
static const struct u256 HALF_ORDER = {
    {0xdfe92f46681b20a0, 0x5d576e7357a4501d, 0xffffffffffffffff, 0x7fffffffffffffff}};

static void add_list(struct buf *out, struct span payload)
{
    rlp_add_list_header(out, payload.size);
    buf_add_span(out, payload);
}

/* Everything up to the signature, in wire order. */
static void add_fields(struct buf *out, const struct tx *tx)
{
    if (tx->type != TX_LEGACY)
        rlp_add_u64(out, tx->chain_id);
    rlp_add_u64(out, tx->nonce);
    if (tx->type >= TX_DYNAMIC_FEE) {
        rlp_add_u256(out, &tx->max_priority_fee);
        rlp_add_u256(out, &tx->max_fee);
    } else {
        rlp_add_u256(out, &tx->gas_price);
    }
    rlp_add_u64(out, tx->gas_limit);
    rlp_add_bytes(out, SPAN(tx->to.bytes, tx->has_to ? 20 : 0));
    rlp_add_u256(out, &tx->value);
    rlp_add_bytes(out, tx->data);
    if (tx->type >= TX_ACCESS_LIST)
        add_list(out, tx->access_list);
    if (tx->type == TX_BLOB) {
        rlp_add_u256(out, &tx->max_fee_per_blob_gas);
        add_list(out, tx->blob_hashes);
    }
    if (tx->type == TX_SET_CODE)
        add_list(out, tx->authorizations);
}

void tx_hash(struct hash32 *out, const struct tx *tx)
{
    keccak256(out, tx->raw);
}

void tx_signing_hash(struct hash32 *out, const struct tx *tx)
{
    struct buf message = {0};
    if (tx->type != TX_LEGACY)
        buf_add_u8(&message, (uint8_t)tx->type);
    size_t mark = rlp_list_begin(&message);
    add_fields(&message, tx);
    if (tx->type == TX_LEGACY && tx->has_chain_id) { /* EIP-155 */
        rlp_add_u64(&message, tx->chain_id);
        rlp_add_u64(&message, 0);
        rlp_add_u64(&message, 0);
    }
    rlp_list_end(&message, mark);
    keccak256(out, buf_span(&message));
    buf_free(&message);
}

bool tx_y_parity(const struct tx *tx, unsigned *out)
{
    *out = 0;
    if (tx->type != TX_LEGACY) {
        *out = tx->v.words[0] & 1;
        return u256_fits_u64(&tx->v) && tx->v.words[0] <= 1;
    }
    if (!tx->has_chain_id) {
        *out = tx->v.words[0] == 28;
        return u256_fits_u64(&tx->v) && (tx->v.words[0] == 27 || tx->v.words[0] == 28);
    }
    *out = (unsigned)(tx->v.words[0] - 35) & 1;
    return true;
}

/* r and s in range is the curve library's business; it also refuses what has no key. */
static enum tx_fault recover(struct address20 *out, const struct crypto *crypto,
                             const struct hash32 *digest, const struct u256 *r,
                             const struct u256 *s, unsigned y_parity)
{
    struct sig65 sig;
    struct pubkey64 key;
    u256_to_be32(sig.bytes, r);
    u256_to_be32(sig.bytes + 32, s);
    sig.bytes[64] = (uint8_t)y_parity;
    if (!crypto_recover(crypto, &key, digest, &sig))
        return TX_SIGNATURE_INVALID;
    crypto_address(out, &key);
    return TX_VALID;
}

/* The s of impersonated transactions: the keccak of "lesgate impersonation" without its two highest
 * bits, so that it is low. */
static void impersonation_mark(struct u256 *out)
{
    struct hash32 hash;
    keccak256(&hash, SPAN_STR("lesgate impersonation"));
    hash.bytes[0] &= 0x3f;
    u256_from_be(out, SPAN(hash.bytes, 32));
}

bool tx_is_impersonated(const struct tx *tx)
{
    struct u256 mark;
    if (tx->r.words[3] != 0 || tx->r.words[2] >> 32 != 0)
        return false;
    impersonation_mark(&mark);
    return u256_equal(&tx->s, &mark);
}

enum tx_fault tx_sender(struct address20 *out, const struct tx *tx, const struct crypto *crypto,
                        bool homestead)
{
    unsigned y_parity;
    struct hash32 digest;
    memset(out, 0, sizeof *out);
    if (!tx_y_parity(tx, &y_parity) || (homestead && u256_compare(&tx->s, &HALF_ORDER) > 0))
        return TX_SIGNATURE_INVALID;
    if (crypto_impersonates(crypto) && tx_is_impersonated(tx)) {
        uint8_t word[32];
        u256_to_be32(word, &tx->r);
        memcpy(out->bytes, word + 12, 20);
        return TX_VALID;
    }
    tx_signing_hash(&digest, tx);
    return recover(out, crypto, &digest, &tx->r, &tx->s, y_parity);
}

bool tx_authorization_signer(struct address20 *out, const struct tx_authorization *authorization,
                             const struct crypto *crypto)
{
    struct hash32 digest;
    struct buf message = {0};
    memset(out, 0, sizeof *out);
    if (authorization->y_parity > 1 || u256_compare(&authorization->s, &HALF_ORDER) > 0)
        return false;
    buf_add_u8(&message, 0x05); /* EIP-7702: MAGIC */
    size_t mark = rlp_list_begin(&message);
    rlp_add_u256(&message, &authorization->chain_id);
    rlp_add_bytes(&message, SPAN(authorization->address.bytes, 20));
    rlp_add_u64(&message, authorization->nonce);
    rlp_list_end(&message, mark);
    keccak256(&digest, buf_span(&message));
    buf_free(&message);
    return recover(out, crypto, &digest, &authorization->r, &authorization->s,
                   (unsigned)authorization->y_parity) == TX_VALID;
}

/* v as it goes on the wire. */
static struct u256 wire_v(const struct tx *tx, unsigned y_parity)
{
    struct u256 v = u256_from_u64(y_parity);
    struct u256 base = u256_from_u64(0);
    if (tx->type == TX_LEGACY) {
        base = u256_from_u64(tx->has_chain_id ? 35 : 27);
        struct u256 chain_id = u256_from_u64(tx->has_chain_id ? tx->chain_id : 0);
        u256_add(&base, &base, &chain_id);
        u256_add(&base, &base, &chain_id);
    }
    u256_add(&v, &v, &base);
    return v;
}

void tx_encode(struct buf *out, const struct tx *tx)
{
    if (tx->type != TX_LEGACY)
        buf_add_u8(out, (uint8_t)tx->type);
    size_t mark = rlp_list_begin(out);
    add_fields(out, tx);
    rlp_add_u256(out, &tx->v);
    rlp_add_u256(out, &tx->r);
    rlp_add_u256(out, &tx->s);
    rlp_list_end(out, mark);
}

void tx_sign(struct buf *out, const struct tx *tx, const struct crypto *crypto,
             const struct seckey32 *secret)
{
    struct hash32 digest;
    struct sig65 sig;
    struct tx is_signed = *tx;
    tx_signing_hash(&digest, tx);
    crypto_sign(crypto, &sig, &digest, secret);
    u256_from_be(&is_signed.r, SPAN(sig.bytes, 32));
    u256_from_be(&is_signed.s, SPAN(sig.bytes + 32, 32));
    is_signed.v = wire_v(tx, sig.bytes[64]);
    tx_encode(out, &is_signed);
}

void tx_sign_as(struct buf *out, const struct tx *tx, const struct address20 *sender)
{
    struct tx is_signed = *tx;
    u256_from_be(&is_signed.r, SPAN(sender->bytes, 20));
    impersonation_mark(&is_signed.s);
    is_signed.v = wire_v(tx, 0);
    tx_encode(out, &is_signed);
}
