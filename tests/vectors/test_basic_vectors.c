/* ethereum/tests BasicTests: keys, ciphers, old transactions, genesis, difficulty. */
#include "les/eth/difficulty.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_node.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define FOLDER "vectors/ethereum-tests/BasicTests/"

TestSuite(basic_vectors, .fini = fixture_leak_gate, .timeout = 60);

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    cr_assert_not_null(value, "no %s", key);
    return value;
}

static struct crypto *new_crypto(void)
{
    static const uint8_t seed[32] = {1, 2, 3};
    return crypto_new(seed);
}

/* ---- keys and ciphers ---- */

static void check_key(const json_t *test, const struct crypto *crypto)
{
    struct hash32 seed_hash;
    struct seckey32 secret;
    struct pubkey64 key;
    struct address20 address;
    keccak256(&seed_hash, SPAN_STR(text(test, "seed")));
    fixture_expect_hex(SPAN(seed_hash.bytes, 32), text(test, "key"));
    memcpy(secret.bytes, seed_hash.bytes, 32);
    crypto_pubkey(crypto, &key, &secret);
    crypto_address(&address, &key);
    fixture_expect_hex(SPAN(address.bytes, 20), text(test, "addr"));
}

Test(basic_vectors, keys_and_addresses)
{
    struct tally tally = {.name = FOLDER "keyaddrtest.json"};
    struct crypto *crypto = new_crypto();
    json_t *file = fixture_json(tally.name), *test;
    size_t index;
    json_array_foreach(file, index, test)
    {
        check_key(test, crypto);
        tally_run(&tally);
        tally_skip(&tally, text(test, "seed"),
                   "sig_of_emptystring: signed over a digest of the proof-of-concept days that is "
                   "not given");
    }
    json_decref(file);
    crypto_free(crypto);
    tally_end(&tally);
}

/* R 65 || iv 16 || c || tag 32, keys from sha256(00000001 || x): as RLPx has it, without
 * authenticated data. */
static void check_ecies(const json_t *test, const struct crypto *crypto)
{
    struct buf cipher = fixture_hex(text(test, "cipher"));
    struct seckey32 secret;
    struct pubkey64 key;
    struct hash32 shared, keys, mac_key, tag;
    uint8_t seed36[36] = {0, 0, 0, 1};
    fixture_hex_exact(secret.bytes, 32, text(test, "key"));
    cr_assert_gt(cipher.size, 65 + 16 + 32);
    cr_assert_eq(cipher.data[0], 0x04);
    memcpy(key.bytes, cipher.data + 1, 64);
    cr_assert(crypto_ecdh(crypto, &shared, &secret, &key));
    memcpy(seed36 + 4, shared.bytes, 32);
    sha256(&keys, SPAN(seed36, sizeof seed36));
    sha256(&mac_key, SPAN(keys.bytes + 16, 16));
    struct span sealed = SPAN(cipher.data + 65, cipher.size - 65 - 32);
    hmac_sha256(&tag, SPAN(mac_key.bytes, 32), &sealed, 1);
    cr_assert_eq(memcmp(tag.bytes, cipher.data + cipher.size - 32, 32), 0);
    struct aes_ctr *aes = aes_ctr_new(SPAN(keys.bytes, 16), sealed.data);
    aes_ctr_xor(aes, cipher.data + 65 + 16, cipher.data + 65 + 16, sealed.size - 16);
    fixture_expect_hex(SPAN(sealed.data + 16, sealed.size - 16), text(test, "payload"));
    aes_ctr_free(aes);
    buf_free(&cipher);
}

static void check_aes(const json_t *test)
{
    static const uint8_t iv[16] = {0};
    struct buf key = fixture_hex(text(test, "key")), cipher = fixture_hex(text(test, "cipher"));
    struct aes_ctr *aes = aes_ctr_new(buf_span(&key), iv);
    aes_ctr_xor(aes, cipher.data, cipher.data, cipher.size);
    fixture_expect_hex(buf_span(&cipher), text(test, "payload"));
    aes_ctr_free(aes);
    buf_free(&key);
    buf_free(&cipher);
}

Test(basic_vectors, ciphers)
{
    struct tally tally = {.name = FOLDER "crypto.json"};
    struct crypto *crypto = new_crypto();
    json_t *file = fixture_json(tally.name), *test;
    const char *name;
    json_object_foreach(file, name, test)
    {
        if (strcmp(text(test, "decryption_type"), "aes_ctr") == 0)
            check_aes(test);
        else
            check_ecies(test, crypto);
        tally_run(&tally);
    }
    json_decref(file);
    crypto_free(crypto);
    tally_end(&tally);
}

/* ---- transactions and genesis ---- */

static void check_transaction(const json_t *test, const struct crypto *crypto)
{
    struct buf signed_tx = fixture_hex(text(test, "signed")), made = {0};
    struct seckey32 secret;
    struct pubkey64 key;
    struct address20 address, sender;
    struct tx tx, again;
    fixture_hex_exact(secret.bytes, 32, text(test, "key"));
    crypto_pubkey(crypto, &key, &secret);
    crypto_address(&address, &key);
    cr_assert_eq(tx_decode(&tx, buf_span(&signed_tx)), TX_VALID);
    cr_assert_eq(tx_sender(&sender, &tx, crypto, false), TX_VALID);
    cr_assert(address20_equal(&sender, &address));
    cr_assert_eq(tx.nonce, (uint64_t)json_integer_value(json_object_get(test, "nonce")));
    cr_assert_eq(tx.gas_limit, (uint64_t)json_integer_value(json_object_get(test, "startgas")));
    cr_assert_eq(tx.gas_price.words[0],
                 (uint64_t)json_integer_value(json_object_get(test, "gasprice")));
    cr_assert_eq(tx.value.words[0], (uint64_t)json_integer_value(json_object_get(test, "value")));
    cr_assert_eq(tx.has_to, strlen(text(test, "to")) > 0);
    if (tx.has_to)
        fixture_expect_hex(SPAN(tx.to.bytes, 20), text(test, "to"));
    fixture_expect_hex(tx.data, text(test, "data"));

    tx_sign(&made, &tx, crypto,
            &secret); /* another nonce, so only the fields and the sender agree */
    cr_assert_eq(tx_decode(&again, buf_span(&made)), TX_VALID);
    cr_assert_eq(tx_sender(&sender, &again, crypto, true), TX_VALID);
    cr_assert(address20_equal(&sender, &address));

    struct buf bare = {0}; /* the unsigned form is the nine fields with an empty signature */
    size_t mark = rlp_list_begin(&bare);
    struct rlp outer = rlp_reader(buf_span(&signed_tx)), list = rlp_list(&outer);
    for (int i = 0; i < 6; i++)
        buf_add_span(&bare, rlp_raw(&list));
    for (int i = 0; i < 3; i++)
        rlp_add_u64(&bare, 0);
    rlp_list_end(&bare, mark);
    fixture_expect_hex(buf_span(&bare), text(test, "unsigned"));
    buf_free(&bare);
    buf_free(&made);
    buf_free(&signed_tx);
}

Test(basic_vectors, frontier_transactions)
{
    struct tally tally = {.name = FOLDER "txtest.json"};
    struct crypto *crypto = new_crypto();
    json_t *file = fixture_json(tally.name), *test;
    size_t index;
    json_array_foreach(file, index, test)
    {
        check_transaction(test, crypto);
        tally_run(&tally);
    }
    json_decref(file);
    crypto_free(crypto);
    tally_end(&tally);
}

Test(basic_vectors, mainnet_genesis)
{
    struct tally tally = {.name = FOLDER "genesishashestest.json"};
    json_t *file = fixture_json(tally.name);
    struct buf rlp = fixture_hex(text(file, "genesis_rlp_hex"));
    struct span header_rlp;
    struct body body;
    struct header header;
    struct hash32 hash;
    cr_assert(block_split(&header_rlp, &body, buf_span(&rlp)));
    cr_assert(header_decode(&header, header_rlp));
    cr_assert(body_matches(&body, &header));
    header_hash(&hash, &header);
    fixture_expect_hex(SPAN(hash.bytes, 32), text(file, "genesis_hash"));
    fixture_expect_hex(SPAN(header.state_root.bytes, 32), text(file, "genesis_state_root"));
    tally_run(&tally);
    tally_skip(
        &tally, FOLDER "blockgenesistest.json, 2 cases",
        "blocks of a proof of concept before Frontier, whose headers have no bloom, mix or nonce");
    tally.skip_count++; /* the second of the two */
    buf_free(&rlp);
    json_decref(file);
    tally_end(&tally);
}

/* The hex-prefix string of a leaf's path (terminated) or an extension's, taken out of a whole node.
 */
static void check_hex_prefix(const json_t *test)
{
    uint8_t key32[32] = {0};
    struct buf node = {0};
    struct trie_ref child;
    const json_t *nibble;
    size_t index;
    json_array_foreach(json_object_get(test, "seq"), index, nibble)
        trie_nibble_set(key32, (unsigned)index, (unsigned)json_integer_value(nibble));
    unsigned count = (unsigned)json_array_size(json_object_get(test, "seq"));
    trie_ref_hash(&child, EMPTY_TRIE_ROOT.bytes);
    if (json_is_true(json_object_get(test, "term")))
        trie_node_add_leaf(&node, key32, 0, count, SPAN_STR("value"));
    else
        trie_node_add_extension(&node, key32, 0, count, &child);
    struct rlp outer = rlp_reader(buf_span(&node)), list = rlp_list(&outer);
    fixture_expect_hex(rlp_bytes(&list), text(test, "out"));
    buf_free(&node);
}

Test(basic_vectors, hex_prefix)
{
    struct tally tally = {.name = FOLDER "hexencodetest.json"};
    json_t *file = fixture_json(tally.name), *test;
    const char *name;
    json_object_foreach(file, name, test)
    {
        check_hex_prefix(test);
        tally_run(&tally);
    }
    json_decref(file);
    tally_end(&tally);
}

/* ---- difficulty ---- */

static const struct chainspec MAINNET_TO_BYZANTIUM = {
    .activation = {[FORK_HOMESTEAD] = 1150000,
                   [FORK_DAO] = 1920000,
                   [FORK_TANGERINE] = 2463000,
                   [FORK_SPURIOUS] = 2675000,
                   [FORK_BYZANTIUM] = 4370000,
                   [FORK_CONSTANTINOPLE... FORK_COUNT - 1] = FORK_NEVER}};
static const struct chainspec HOMESTEAD_ONLY = {
    .activation = {[FORK_DAO... FORK_COUNT - 1] = FORK_NEVER}};
static const struct chainspec ROPSTEN_TO_CONSTANTINOPLE = {
    .activation = {[FORK_DAO] = FORK_NEVER,
                   [FORK_SPURIOUS] = 10,
                   [FORK_BYZANTIUM] = 1700000,
                   [FORK_CONSTANTINOPLE] = 4230000,
                   [FORK_PETERSBURG... FORK_COUNT - 1] = FORK_NEVER}};

static struct u256 quantity(const json_t *test, const char *key)
{
    struct u256 value;
    const char *digits = text(test, key);
    bool hex = strncmp(digits, "0x", 2) == 0;
    cr_assert(hex ? u256_parse_hex(&value, SPAN_STR(digits))
                  : u256_parse_decimal(&value, SPAN_STR(digits)),
              "%s", digits);
    return value;
}

static void check_difficulties(const char *path, const struct chainspec *spec)
{
    struct tally tally = {.name = path};
    json_t *file = fixture_json(path), *test;
    const char *name;
    size_t below_minimum = 0;
    json_object_foreach(file, name, test)
    {
        struct header parent;
        struct u256 made, expected = quantity(test, "currentDifficulty");
        memset(&parent, 0, sizeof parent);
        parent.number = quantity(test, "currentBlockNumber").words[0] - 1;
        parent.timestamp = quantity(test, "parentTimestamp").words[0];
        parent.difficulty = quantity(test, "parentDifficulty");
        if (u256_fits_u64(&parent.difficulty) && parent.difficulty.words[0] < 131072) {
            below_minimum++;
            continue;
        }
        parent.uncles_hash = EMPTY_UNCLES_HASH;
        if (json_object_get(test, "parentUncles") != NULL)
            fixture_hex_exact(parent.uncles_hash.bytes, 32, text(test, "parentUncles"));
        difficulty_next(&made, spec, &parent, quantity(test, "currentTimestamp").words[0]);
        cr_expect(u256_equal(&made, &expected), "%s: %s", path, name);
        tally_run(&tally);
    }
    json_decref(file);
    if (below_minimum > 0) {
        fprintf(stderr, "%zu cases are skipped together:\n", below_minimum);
        tally_skip(&tally, "every parent below the least difficulty",
                   "cannot exist; the files add the bomb before the minimum, go-ethereum after it");
        tally.skip_count += below_minimum - 1;
    }
    tally_end(&tally);
}

Test(basic_vectors, difficulty_of_mainnet)
{
    check_difficulties(FOLDER "difficulty.json", &MAINNET_TO_BYZANTIUM);
    check_difficulties(FOLDER "difficultyMainNetwork.json", &MAINNET_TO_BYZANTIUM);
    check_difficulties(FOLDER "difficultyCustomMainNetwork.json", &MAINNET_TO_BYZANTIUM);
}

Test(basic_vectors, difficulty_of_homestead)
{
    check_difficulties(FOLDER "difficultyCustomHomestead.json", &HOMESTEAD_ONLY);
}

Test(basic_vectors, difficulty_of_ropsten)
{
    check_difficulties(FOLDER "difficultyRopsten.json", &ROPSTEN_TO_CONSTANTINOPLE);
}
