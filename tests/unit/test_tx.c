#include "les/eth/tx.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(tx, .fini = fixture_leak_gate);

static struct crypto *new_crypto(void)
{
    static const uint8_t seed[32] = {5};
    return crypto_new(seed);
}

/* The example of EIP-155: key 0x46..46, nonce 9, 20 gwei, 21000 gas, one ether to 0x3535..35,
 * chain 1. */
Test(tx, the_example_of_eip155)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret;
    struct tx tx = {.nonce = 9,
                    .gas_limit = 21000,
                    .has_to = true,
                    .has_chain_id = true,
                    .chain_id = 1},
              decoded;
    struct hash32 digest;
    struct buf envelope = {0};
    struct address20 sender;
    memset(secret.bytes, 0x46, 32);
    memset(tx.to.bytes, 0x35, 20);
    tx.gas_price = u256_from_u64(20000000000);
    tx.value = u256_from_u64(1000000000000000000);
    tx_signing_hash(&digest, &tx);
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    tx_sign(&envelope, &tx, crypto, &secret);
    fixture_expect_hex(
        buf_span(&envelope),
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a7640000"
        "8025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f"
        "761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
    cr_assert_eq(tx_decode(&decoded, buf_span(&envelope)), TX_VALID);
    cr_assert_eq(tx_sender(&sender, &decoded, crypto, true), TX_VALID);
    fixture_expect_hex(SPAN(sender.bytes, 20), "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f");
    buf_free(&envelope);
    crypto_free(crypto);
}

Test(tx, what_is_no_envelope)
{
    static const struct {
        const char *hex;
        enum tx_fault fault;
    } cases[] = {
        {"", TX_MALFORMED},        {"c0", TX_MALFORMED},    {"80", TX_MALFORMED},
        {"b801", TX_MALFORMED},    {"00", TX_TYPE_UNKNOWN}, {"05c0", TX_TYPE_UNKNOWN},
        {"7fc0", TX_TYPE_UNKNOWN}, {"01", TX_MALFORMED},    {"01c0", TX_MALFORMED},
        {"02c0", TX_MALFORMED},    {"03c0", TX_MALFORMED},  {"04c0", TX_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf envelope = fixture_hex(cases[i].hex);
        struct tx tx;
        cr_assert_eq(tx_decode(&tx, buf_span(&envelope)), cases[i].fault, "%s", cases[i].hex);
        cr_assert_null(tx.raw.data);
        buf_free(&envelope);
    }
}

/* v of a legacy transaction on the largest chain id is a number of 65 bits. */
Test(tx, chain_ids_reach_64_bits)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret;
    struct tx tx = {.has_chain_id = true, .chain_id = UINT64_MAX}, decoded;
    struct buf envelope = {0};
    struct address20 sender;
    memset(secret.bytes, 1, 32);
    tx_sign(&envelope, &tx, crypto, &secret);
    cr_assert_eq(tx_decode(&decoded, buf_span(&envelope)), TX_VALID);
    cr_assert_eq(decoded.chain_id, UINT64_MAX);
    cr_assert_eq(decoded.v.words[1], 2);
    cr_assert_eq(tx_sender(&sender, &decoded, crypto, true), TX_VALID);
    buf_clear(&envelope);

    size_t mark = rlp_list_begin(&envelope); /* 35 + 2 * 2^64 */
    for (int i = 0; i < 6; i++)
        rlp_add_u64(&envelope, 0);
    struct u256 v = {{35, 2, 0, 0}}, one = u256_from_u64(1);
    rlp_add_u256(&envelope, &v);
    rlp_add_u256(&envelope, &one);
    rlp_add_u256(&envelope, &one);
    rlp_list_end(&envelope, mark);
    cr_assert_eq(tx_decode(&decoded, buf_span(&envelope)), TX_CHAIN_ID_TOO_LARGE);
    buf_free(&envelope);
    crypto_free(crypto);
}

Test(tx, y_parity_of_each_form)
{
    static const struct {
        enum tx_type type;
        uint64_t v;
        bool has_chain_id, valid;
        unsigned y_parity;
    } cases[] = {
        {TX_LEGACY, 27, false, true, 0},      {TX_LEGACY, 28, false, true, 1},
        {TX_LEGACY, 29, false, false, 0},     {TX_LEGACY, 0, false, false, 0},
        {TX_LEGACY, 37, true, true, 0},       {TX_LEGACY, 38, true, true, 1},
        {TX_SET_CODE, 0, true, true, 0},      {TX_SET_CODE, 1, true, true, 1},
        {TX_DYNAMIC_FEE, 27, true, false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct tx tx = {.type = cases[i].type, .has_chain_id = cases[i].has_chain_id};
        unsigned y_parity;
        tx.v = u256_from_u64(cases[i].v);
        cr_assert_eq(tx_y_parity(&tx, &y_parity), cases[i].valid, "case %zu", i);
        if (cases[i].valid)
            cr_assert_eq(y_parity, cases[i].y_parity, "case %zu", i);
        tx.v.words[2] = 1;
        if (cases[i].type != TX_LEGACY || !cases[i].has_chain_id)
            cr_assert_not(tx_y_parity(&tx, &y_parity));
    }
}

Test(tx, blob_and_set_code_transactions_cannot_create)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret;
    memset(secret.bytes, 1, 32);
    for (int type = TX_LEGACY; type <= TX_SET_CODE; type++) {
        struct tx tx = {.type = (enum tx_type)type, .has_chain_id = true, .chain_id = 1}, decoded;
        struct buf envelope = {0};
        tx_sign(&envelope, &tx, crypto, &secret);
        cr_assert_eq(tx_decode(&decoded, buf_span(&envelope)),
                     type < TX_BLOB ? TX_VALID : TX_MALFORMED);
        buf_free(&envelope);
    }
    crypto_free(crypto);
}

Test(tx, effective_gas_price)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE};
    struct u256 base = u256_from_u64(100), price;
    tx.gas_price = tx.max_fee = u256_from_u64(150);
    tx.max_priority_fee = u256_from_u64(20);
    tx_effective_gas_price(&price, &tx, true, &base);
    cr_assert_eq(price.words[0], 120);
    tx.max_priority_fee = u256_from_u64(60);
    tx_effective_gas_price(&price, &tx, true, &base);
    cr_assert_eq(price.words[0], 150);
    tx_effective_gas_price(&price, &tx, false, NULL);
    cr_assert_eq(price.words[0], 150);
    memset(&tx.max_priority_fee, 0xff, sizeof tx.max_priority_fee);
    tx_effective_gas_price(&price, &tx, true, &base);
    cr_assert_eq(price.words[0], 150, "the sum passes 256 bits");
    tx.type = TX_ACCESS_LIST;
    tx_effective_gas_price(&price, &tx, true, &base);
    cr_assert_eq(price.words[0], 150);
}

/* An access list of two addresses, with two keys and with none. */
static void add_access_list(struct buf *out)
{
    static const uint8_t address[20] = {1};
    for (int entry = 0; entry < 2; entry++) {
        size_t mark = rlp_list_begin(out);
        rlp_add_bytes(out, SPAN(address, 20));
        size_t keys = rlp_list_begin(out);
        for (int key = 0; key < 2 && entry == 0; key++)
            rlp_add_hash(out, &EMPTY_CODE_HASH);
        rlp_list_end(out, keys);
        rlp_list_end(out, mark);
    }
}

/* [chain id, address, nonce, y parity, r, s] */
static void add_authorization(struct buf *out, uint64_t y_parity)
{
    static const uint8_t address[20] = {2};
    size_t mark = rlp_list_begin(out);
    rlp_add_u64(out, 1);
    rlp_add_bytes(out, SPAN(address, 20));
    rlp_add_u64(out, 7);
    rlp_add_u64(out, y_parity);
    rlp_add_u64(out, 11);
    rlp_add_u64(out, 12);
    rlp_list_end(out, mark);
}

Test(tx, intrinsic_gas_by_fork)
{
    static const uint8_t data[40] = {0, 0, 1, 2, 3}; /* 3 non-zero, 37 zero */
    struct buf list = {0}, authorizations = {0};
    struct tx_gas_rules frontier = tx_gas_rules_of(FORK_FRONTIER),
                        homestead = tx_gas_rules_of(FORK_HOMESTEAD);
    struct tx_gas_rules istanbul = tx_gas_rules_of(FORK_ISTANBUL),
                        shanghai = tx_gas_rules_of(FORK_SHANGHAI);
    struct tx_gas_rules prague = tx_gas_rules_of(FORK_PRAGUE);
    struct tx tx = {.data = SPAN(data, sizeof data)};
    uint64_t gas, floor_gas;
    cr_assert(tx_intrinsic_gas(&gas, &floor_gas, &tx, frontier));
    cr_assert_eq(gas, 21000 + 37 * 4 + 3 * 68);
    cr_assert(tx_intrinsic_gas(&gas, &floor_gas, &tx, homestead));
    cr_assert_eq(gas, 53000 + 37 * 4 + 3 * 68);
    cr_assert(tx_intrinsic_gas(&gas, &floor_gas, &tx, istanbul));
    cr_assert_eq(gas, 53000 + 37 * 4 + 3 * 16);
    cr_assert(tx_intrinsic_gas(&gas, &floor_gas, &tx, shanghai));
    cr_assert_eq(gas, 53000 + 37 * 4 + 3 * 16 + 2 * 2);
    cr_assert_eq(floor_gas, 0);
    tx.has_to = true;
    cr_assert(tx_intrinsic_gas(&gas, &floor_gas, &tx, prague));
    cr_assert_eq(gas, 21000 + 37 * 4 + 3 * 16);
    cr_assert_eq(floor_gas, 21000 + 10 * (37 + 3 * 4));
    add_access_list(&list);
    add_authorization(&authorizations, 1);
    tx.type = TX_SET_CODE;
    tx.access_list = buf_span(&list);
    tx.authorizations = buf_span(&authorizations);
    cr_assert(tx_intrinsic_gas(&gas, &floor_gas, &tx, prague));
    cr_assert_eq(gas, 21000 + 37 * 4 + 3 * 16 + 2 * 2400 + 2 * 1900 + 25000);
    buf_free(&list);
    buf_free(&authorizations);
}

Test(tx, lists_are_walked_and_checked)
{
    struct buf list = {0}, authorizations = {0};
    struct span rest, keys;
    struct address20 address;
    struct hash32 key;
    size_t keys_count;
    add_access_list(&list);
    rest = buf_span(&list);
    cr_assert(tx_access_next(&rest, &address, &keys, &keys_count));
    cr_assert_eq(keys_count, 2);
    cr_assert(tx_hash_next(&keys, &key));
    cr_assert(hash32_equal(&key, &EMPTY_CODE_HASH));
    cr_assert(tx_hash_next(&keys, &key));
    cr_assert_not(tx_hash_next(&keys, &key));
    cr_assert(tx_access_next(&rest, &address, &keys, &keys_count));
    cr_assert_eq(keys_count, 0);
    cr_assert_not(tx_access_next(&rest, &address, &keys, &keys_count));
    cr_assert_eq(rest.size, 0);

    struct tx_authorization authorization;
    add_authorization(&authorizations, 255);
    add_authorization(&authorizations, 256);
    rest = buf_span(&authorizations);
    cr_assert(tx_authorization_next(&rest, &authorization));
    cr_assert_eq(authorization.nonce, 7);
    cr_assert_eq(authorization.y_parity, 255);
    cr_assert_not(tx_authorization_next(&rest, &authorization), "y parity has one byte");
    cr_assert_gt(rest.size, 0);
    buf_free(&list);
    buf_free(&authorizations);
}

/* ---- blob transactions as they travel ---- */

struct sidecar {
    size_t blobs_count, commitments_count, proofs_count;
    bool cell_proofs;
    uint64_t version;
    uint8_t commitment_first; /* changes the commitment, so that its hash does not fit */
};

static void add_strings(struct buf *out, size_t size, size_t count, uint8_t first)
{
    uint8_t *bytes = mem_alloc(size);
    bytes[0] = first;
    size_t mark = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++)
        rlp_add_bytes(out, SPAN(bytes, size));
    rlp_list_end(out, mark);
    mem_free(bytes);
}

static enum tx_fault decode_with(const struct sidecar *sidecar, bool canonical)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret;
    uint8_t commitment[48] = {0xc0};
    struct hash32 hash;
    struct buf hashes = {0}, envelope = {0}, network = {0}, scratch = {0};
    struct tx tx = {.type = TX_BLOB, .has_chain_id = true, .chain_id = 1, .has_to = true}, decoded;
    memset(secret.bytes, 2, 32);
    sha256(&hash, SPAN(commitment, 48));
    hash.bytes[0] = 1;
    rlp_add_hash(&hashes, &hash);
    tx.blob_hashes = buf_span(&hashes);
    tx_sign(&envelope, &tx, crypto, &secret);

    buf_add_u8(&network, TX_BLOB);
    size_t mark = rlp_list_begin(&network);
    buf_add(&network, envelope.data + 1, envelope.size - 1);
    if (sidecar->cell_proofs)
        rlp_add_u64(&network, sidecar->version);
    add_strings(&network, 131072, sidecar->blobs_count, 0);
    add_strings(&network, 48, sidecar->commitments_count, sidecar->commitment_first);
    add_strings(&network, 48, sidecar->proofs_count, 1);
    rlp_list_end(&network, mark);
    buf_add_str(&scratch, "before");
    struct span given = canonical ? buf_span(&envelope) : buf_span(&network);
    enum tx_fault fault = tx_decode_network(&decoded, given, &scratch);
    if (fault == TX_VALID) {
        cr_assert(span_equal(decoded.raw, buf_span(&envelope)), "raw is the canonical envelope");
        cr_assert_eq(decoded.blob_hashes_count, 1);
    }
    bool appended = fault == TX_VALID && !canonical;
    if (fault == TX_VALID) {
        struct tx_sidecar parts;
        cr_assert_eq(tx_sidecar_of(&parts, given), !canonical);
        cr_assert_eq(parts.count, canonical ? 0 : sidecar->blobs_count);
        cr_assert_eq(parts.version, canonical ? 0 : sidecar->version);
        cr_assert_eq(parts.commitments.size, canonical ? 0 : 49 * sidecar->commitments_count);
        cr_assert_eq(parts.proofs.size, canonical ? 0 : 49 * sidecar->proofs_count);
    }
    cr_assert_eq(scratch.size, 6 + (appended ? envelope.size : 0));
    if (!canonical)
        cr_assert_eq(tx_decode(&decoded, given), TX_MALFORMED,
                     "only the network form has a sidecar");
    buf_free(&hashes);
    buf_free(&envelope);
    buf_free(&network);
    buf_free(&scratch);
    crypto_free(crypto);
    return fault;
}

Test(tx, blob_transactions_travel_with_their_sidecar)
{
    static const struct sidecar good = {1, 1, 1, false, 0, 0xc0},
                                cells = {1, 1, 128, true, 1, 0xc0};
    static const struct sidecar bad[] = {
        {0, 1, 1, false, 0, 0xc0},  {2, 1, 1, false, 0, 0xc0},  {1, 0, 1, false, 0, 0xc0},
        {1, 1, 2, false, 0, 0xc0},  {1, 1, 1, false, 0, 0xc1},  {1, 1, 128, true, 0, 0xc0},
        {1, 1, 128, true, 2, 0xc0}, {1, 1, 127, true, 1, 0xc0}, {1, 1, 128, false, 0, 0xc0},
    };
    cr_assert_eq(decode_with(&good, false), TX_VALID);
    cr_assert_eq(decode_with(&good, true), TX_VALID);
    cr_assert_eq(decode_with(&cells, false), TX_VALID);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        cr_assert_eq(decode_with(&bad[i], false), TX_MALFORMED, "case %zu", i);
}

Test(tx, the_signer_of_an_authorization)
{
    struct crypto *crypto = new_crypto();
    struct seckey32 secret;
    struct pubkey64 key;
    struct address20 address, signer;
    struct tx_authorization authorization = {.nonce = 3, .chain_id = {{1, 0, 0, 0}}};
    struct hash32 digest;
    struct sig65 sig;
    memset(secret.bytes, 3, 32);
    crypto_pubkey(crypto, &key, &secret);
    crypto_address(&address, &key);
    /* EIP-7702: keccak(0x05 || rlp([chain_id, address, nonce])) */
    struct buf expected = fixture_hex("05d70194000000000000000000000000000000000000000003");

    keccak256(&digest, buf_span(&expected));
    crypto_sign(crypto, &sig, &digest, &secret);
    u256_from_be(&authorization.r, SPAN(sig.bytes, 32));
    u256_from_be(&authorization.s, SPAN(sig.bytes + 32, 32));
    authorization.y_parity = sig.bytes[64];
    cr_assert(tx_authorization_signer(&signer, &authorization, crypto));
    cr_assert(address20_equal(&signer, &address));
    authorization.y_parity = 2;
    cr_assert_not(tx_authorization_signer(&signer, &authorization, crypto));
    authorization.y_parity = sig.bytes[64];
    authorization.s.words[3] = UINT64_MAX;
    cr_assert_not(tx_authorization_signer(&signer, &authorization, crypto), "s is high");
    buf_free(&expected);
    crypto_free(crypto);
}
