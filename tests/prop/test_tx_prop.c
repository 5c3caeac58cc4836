#include "les/eth/rlp.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(tx_prop, .fini = fixture_leak_gate, .timeout = 60);

#define ROUNDS 400

/* What a random transaction borrows. */
struct parts {
    struct buf access_list, blob_hashes, authorizations;
    uint8_t data[200];
};

static struct u256 random_u256(uint64_t *random)
{
    struct u256 value;
    for (int i = 0; i < 4; i++)
        value.words[i] = fixture_random(random);
    u256_shr(&value, &value, (unsigned)fixture_random_below(random, 257));
    return value;
}

static void add_random_access(struct buf *out, uint64_t *random)
{
    for (size_t i = fixture_random_below(random, 4); i > 0; i--) {
        uint8_t bytes[32];
        size_t mark = rlp_list_begin(out);
        fixture_random_bytes(random, bytes, 32);
        rlp_add_bytes(out, SPAN(bytes, 20));
        size_t keys = rlp_list_begin(out);
        for (size_t j = fixture_random_below(random, 4); j > 0; j--)
            rlp_add_bytes(out, SPAN(bytes, 32));
        rlp_list_end(out, keys);
        rlp_list_end(out, mark);
    }
}

static void add_random_authorizations(struct buf *out, uint64_t *random)
{
    for (size_t i = fixture_random_below(random, 4); i > 0; i--) {
        uint8_t address[20];
        struct u256 chain_id = random_u256(random), r = random_u256(random),
                    s = random_u256(random);
        fixture_random_bytes(random, address, 20);
        size_t mark = rlp_list_begin(out);
        rlp_add_u256(out, &chain_id);
        rlp_add_bytes(out, SPAN(address, 20));
        rlp_add_u64(out, fixture_random(random));
        rlp_add_u64(out, fixture_random_below(random, 256));
        rlp_add_u256(out, &r);
        rlp_add_u256(out, &s);
        rlp_list_end(out, mark);
    }
}

static struct tx random_tx(struct parts *parts, uint64_t *random)
{
    struct tx tx;
    memset(&tx, 0, sizeof tx);
    memset(parts, 0, sizeof *parts);
    tx.type = (enum tx_type)fixture_random_below(random, 5);
    tx.has_chain_id = tx.type != TX_LEGACY || fixture_random_below(random, 2);
    tx.chain_id = tx.has_chain_id ? fixture_random(random) >> fixture_random_below(random, 64) : 0;
    tx.nonce = fixture_random(random) >> fixture_random_below(random, 64);
    tx.gas_price = tx.max_fee = tx.max_priority_fee = random_u256(random);
    if (tx.type >= TX_DYNAMIC_FEE)
        tx.max_priority_fee = random_u256(random);
    tx.gas_limit = fixture_random(random) >> fixture_random_below(random, 64);
    tx.has_to = tx.type >= TX_BLOB || fixture_random_below(random, 2);
    if (tx.has_to)
        fixture_random_bytes(random, tx.to.bytes, 20);
    tx.value = random_u256(random);
    fixture_random_bytes(random, parts->data, sizeof parts->data);
    tx.data = SPAN(parts->data, fixture_random_below(random, sizeof parts->data + 1));
    if (tx.type >= TX_ACCESS_LIST)
        add_random_access(&parts->access_list, random);
    if (tx.type == TX_BLOB) {
        tx.max_fee_per_blob_gas = random_u256(random);
        for (tx.blob_hashes_count = fixture_random_below(random, 7);
             parts->blob_hashes.size < 33 * tx.blob_hashes_count;)
            rlp_add_bytes(&parts->blob_hashes, SPAN(parts->data, 32));
    }
    if (tx.type == TX_SET_CODE)
        add_random_authorizations(&parts->authorizations, random);
    tx.access_list = buf_span(&parts->access_list);
    tx.blob_hashes = buf_span(&parts->blob_hashes);
    tx.authorizations = buf_span(&parts->authorizations);
    return tx;
}

static void parts_free(struct parts *parts)
{
    buf_free(&parts->access_list);
    buf_free(&parts->blob_hashes);
    buf_free(&parts->authorizations);
}

static void check_same(const struct tx *a, const struct tx *b)
{
    cr_assert_eq(a->type, b->type);
    cr_assert_eq(a->has_chain_id, b->has_chain_id);
    cr_assert_eq(a->chain_id, b->chain_id);
    cr_assert_eq(a->nonce, b->nonce);
    cr_assert(u256_equal(&a->gas_price, &b->gas_price) && u256_equal(&a->max_fee, &b->max_fee));
    cr_assert(u256_equal(&a->max_priority_fee, &b->max_priority_fee));
    cr_assert_eq(a->gas_limit, b->gas_limit);
    cr_assert(a->has_to == b->has_to && address20_equal(&a->to, &b->to));
    cr_assert(u256_equal(&a->value, &b->value) && span_equal(a->data, b->data));
    cr_assert(span_equal(a->access_list, b->access_list));
    cr_assert(u256_equal(&a->max_fee_per_blob_gas, &b->max_fee_per_blob_gas));
    cr_assert(span_equal(a->blob_hashes, b->blob_hashes));
    cr_assert_eq(a->blob_hashes_count, b->blob_hashes_count);
    cr_assert(span_equal(a->authorizations, b->authorizations));
}

Test(tx_prop, what_was_signed_decodes_to_itself_and_its_sender)
{
    static const uint8_t seed[32] = {1};
    struct crypto *crypto = crypto_new(seed);
    uint64_t random = fixture_seed();
    for (int round = 0; round < ROUNDS; round++) {
        struct parts parts;
        struct tx tx = random_tx(&parts, &random), decoded;
        struct seckey32 secret;
        struct pubkey64 key;
        struct address20 address, sender;
        struct buf envelope = {0}, again = {0};
        do
            fixture_random_bytes(&random, secret.bytes, 32);
        while (!crypto_seckey_valid(crypto, &secret));
        crypto_pubkey(crypto, &key, &secret);
        crypto_address(&address, &key);
        tx_sign(&envelope, &tx, crypto, &secret);
        cr_assert_eq(tx_decode(&decoded, buf_span(&envelope)), TX_VALID);
        check_same(&tx, &decoded);
        cr_assert_eq(tx_sender(&sender, &decoded, crypto, true), TX_VALID);
        cr_assert(address20_equal(&sender, &address));
        tx_sign(&again, &decoded, crypto, &secret);
        cr_assert(span_equal(buf_span(&again), buf_span(&envelope)));
        buf_free(&envelope);
        buf_free(&again);
        parts_free(&parts);
    }
    crypto_free(crypto);
}

/* The sender is bound to every byte: a changed envelope is malformed, has no sender, or has another
 * one. */
Test(tx_prop, a_damaged_envelope_never_keeps_its_sender)
{
    static const uint8_t seed[32] = {1};
    struct crypto *crypto = crypto_new(seed);
    struct seckey32 secret;
    struct pubkey64 key;
    struct address20 address;
    uint64_t random = fixture_seed();
    size_t malformed = 0, moved = 0;
    memset(secret.bytes, 9, 32);
    crypto_pubkey(crypto, &key, &secret);
    crypto_address(&address, &key);
    for (int round = 0; round < ROUNDS; round++) {
        struct parts parts;
        struct tx tx = random_tx(&parts, &random), decoded;
        struct address20 sender;
        struct buf envelope = {0};
        tx_sign(&envelope, &tx, crypto, &secret);
        envelope.data[fixture_random_below(&random, envelope.size)] ^=
            (uint8_t)(1u << fixture_random_below(&random, 8));
        if (tx_decode(&decoded, buf_span(&envelope)) != TX_VALID ||
            tx_sender(&sender, &decoded, crypto, true) != TX_VALID) {
            malformed++;
        } else {
            cr_assert_not(address20_equal(&sender, &address));
            moved++;
        }
        buf_free(&envelope);
        parts_free(&parts);
    }
    cr_assert_gt(malformed, 0);
    cr_assert_gt(moved, 0);
    crypto_free(crypto);
}
