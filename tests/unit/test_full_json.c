/* The JSON of nodes that differ, and of nodes that lie. */
#include "les/eth/envelope.h"
#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"
#include "les/eth/u256.h"
#include "les/node/full_json.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(full_json, .fini = fixture_leak_gate);

/* ---- writing what a node would ---- */

static void set_u256(json_t *object, const char *field, const struct u256 *value)
{
    uint8_t bytes[32];
    char text[67] = "0x";
    u256_to_be32(bytes, value);
    hex_encode(text + 2, SPAN(bytes, 32));
    text[66] = 0;
    size_t skip = strspn(text + 2, "0");
    skip = skip == 64 ? 63 : skip;
    memmove(text + 2, text + 2 + skip, 65 - skip);
    json_object_set_new(object, field, json_string(text));
}

static void set_u64(json_t *object, const char *field, uint64_t value)
{
    json_object_set_new(object, field, full_json_u64(value));
}

static void set_hex(json_t *object, const char *field, const void *data, size_t size)
{
    json_object_set_new(object, field, full_json_hex(SPAN(data, size)));
}

static json_t *header_json(const struct header *header)
{
    json_t *json = json_object();
    struct hash32 hash;
    uint8_t nonce[8];
    header_hash(&hash, header);
    be_write(nonce, 8, header->nonce);
    set_hex(json, "hash", hash.bytes, 32);
    set_hex(json, "parentHash", header->parent_hash.bytes, 32);
    set_hex(json, "sha3Uncles", header->uncles_hash.bytes, 32);
    set_hex(json, "miner", header->coinbase.bytes, 20);
    set_hex(json, "stateRoot", header->state_root.bytes, 32);
    set_hex(json, "transactionsRoot", header->transactions_root.bytes, 32);
    set_hex(json, "receiptsRoot", header->receipts_root.bytes, 32);
    set_hex(json, "logsBloom", header->bloom.bytes, 256);
    set_u256(json, "difficulty", &header->difficulty);
    set_u64(json, "number", header->number);
    set_u64(json, "gasLimit", header->gas_limit);
    set_u64(json, "gasUsed", header->gas_used);
    set_u64(json, "timestamp", header->timestamp);
    set_hex(json, "extraData", header->extra.data, header->extra.size);
    set_hex(json, "mixHash", header->mix_hash.bytes, 32);
    set_hex(json, "nonce", nonce, 8);
    if (header->fields >= 1)
        set_u256(json, "baseFeePerGas", &header->base_fee);
    if (header->fields >= 2)
        set_hex(json, "withdrawalsRoot", header->withdrawals_root.bytes, 32);
    if (header->fields >= 4) {
        set_u64(json, "blobGasUsed", header->blob_gas_used);
        set_u64(json, "excessBlobGas", header->excess_blob_gas);
    }
    if (header->fields >= 5)
        set_hex(json, "parentBeaconBlockRoot", header->parent_beacon_root.bytes, 32);
    if (header->fields >= 6)
        set_hex(json, "requestsHash", header->requests_hash.bytes, 32);
    return json;
}

static struct header some_header(unsigned fields, uint64_t seed)
{
    struct header header = {.number = 1234567, .gas_limit = 30000000, .timestamp = 1700000000};
    fixture_random_bytes(&seed, header.parent_hash.bytes, 32);
    fixture_random_bytes(&seed, header.state_root.bytes, 32);
    fixture_random_bytes(&seed, header.coinbase.bytes, 20);
    fixture_random_bytes(&seed, header.bloom.bytes, 256);
    fixture_random_bytes(&seed, header.mix_hash.bytes, 32);
    header.uncles_hash = EMPTY_UNCLES_HASH;
    header.transactions_root = header.receipts_root = header.withdrawals_root = EMPTY_TRIE_ROOT;
    header.nonce = fixture_random(&seed);
    header.difficulty = u256_from_u64(fixture_random(&seed));
    header.extra = SPAN_STR("extra");
    header.fields = fields;
    header.base_fee = u256_from_u64(7);
    header.excess_blob_gas = 131072;
    header.requests_hash = header.state_root;
    return header;
}

static void expect_fault(const struct full_fault *fault, const char *what, const char *field)
{
    cr_assert_str_eq(fault->what, what, "%s: %s", fault->field, fault->what);
    cr_assert_str_eq(fault->field, field);
}

/* ---- headers ---- */

Test(full_json, headers_of_every_fork)
{
    static const unsigned forks[] = {0, 1, 2, 4, 5, 6};
    for (size_t i = 0; i < ARRAY_COUNT(forks); i++) {
        struct header header = some_header(forks[i], i);
        struct full_fault fault;
        struct buf out = {0}, wanted = {0};
        struct hash32 hash, made;
        header_encode(&wanted, &header);
        header_hash(&hash, &header);
        json_t *json = header_json(&header);
        cr_assert(full_header(&out, &made, json, &hash, &fault));
        cr_assert(span_equal(buf_span(&out), buf_span(&wanted)));
        cr_assert(hash32_equal(&hash, &made));
        /* Fields that others write: unknown, null, or before their fork. */
        set_u64(json, "size", 600);
        json_object_set_new(json, "totalDifficulty", json_null());
        json_object_set_new(json, "l1BlockNumber", json_string("0x1"));
        if (forks[i] == 0)
            set_u64(json, "baseFeePerGas", 0);
        if (forks[i] == 2) {
            set_u64(json, "blobGasUsed", 0);
            set_u64(json, "excessBlobGas", 0);
        }
        buf_clear(&out);
        cr_assert(full_header(&out, NULL, json, NULL, &fault), "%s %s", fault.field, fault.what);
        cr_assert(span_equal(buf_span(&out), buf_span(&wanted)));
        /* What hashes otherwise is another header. */
        set_u64(json, "gasUsed", 1);
        buf_clear(&out);
        cr_assert(!full_header(&out, NULL, json, NULL, &fault));
        expect_fault(&fault, "differs, and there are unknown fields", "hash");
        json_object_del(json, "l1BlockNumber");
        cr_assert(!full_header(&out, NULL, json, NULL, &fault));
        expect_fault(&fault, "differs", "hash");
        cr_assert_eq(out.size, 0);
        json_decref(json);
        buf_free(&out);
        buf_free(&wanted);
    }
}

Test(full_json, a_header_without_seal_has_a_zero_one)
{
    struct header header = some_header(5, 1);
    struct full_fault fault;
    struct buf out = {0};
    header.nonce = 0;
    header.mix_hash = HASH32_ZERO;
    json_t *json = header_json(&header);
    json_object_del(json, "mixHash");
    json_object_set_new(json, "nonce", json_null());
    cr_assert(full_header(&out, NULL, json, NULL, &fault));
    json_decref(json);
    buf_free(&out);
}

Test(full_json, what_is_no_header)
{
    static const struct {
        const char *field, *value; /* value NULL: left out */
        const char *what;
    } cases[] = {
        {"parentHash", NULL, "missing"},
        {"parentHash", "0x12", "not hex of the right length"},
        {"miner", "0x00000000000000000000000000000000000000zz", "not hex of the right length"},
        {"logsBloom", "0x", "not hex of the right length"},
        {"difficulty", "0x", "not a quantity of 256 bits"},
        {"difficulty", "17", "not a quantity of 256 bits"},
        {"number", "0x10000000000000000", "not a quantity of 64 bits"},
        {"number", "0x0x1", "not a quantity of 64 bits"},
        {"number", "0X1", "not a quantity of 64 bits"},
        {"timestamp", "0x-1", "not a quantity of 64 bits"},
        {"extraData", "0x123", "not hex, or too long"},
        {"extraData", "00", "not hex, or too long"},
        {"nonce", "0x0", "not hex of the right length"},
        {"withdrawalsRoot", NULL, "missing"},
        {"blobGasUsed", NULL, "missing"},
        {"hash", NULL, "missing"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct header header = some_header(6, 9);
        struct full_fault fault;
        struct buf out = {0};
        json_t *json = header_json(&header);
        if (cases[i].value == NULL)
            json_object_del(json, cases[i].field);
        else
            json_object_set_new(json, cases[i].field, json_string(cases[i].value));
        cr_assert(!full_header(&out, NULL, json, NULL, &fault), "case %zu", i);
        expect_fault(&fault, cases[i].what, cases[i].field);
        cr_assert_eq(out.size, 0);
        json_object_set_new(json, cases[i].field, json_integer(1));
        cr_assert(!full_header(&out, NULL, json, NULL, &fault));
        buf_free(&out);
        json_decref(json);
    }
    struct full_fault fault;
    struct buf out = {0};
    json_t *null = json_null(), *list = json_array();
    cr_assert(!full_header(&out, NULL, null, NULL, &fault));
    expect_fault(&fault, "null", "");
    cr_assert(!full_header(&out, NULL, list, NULL, &fault));
    expect_fault(&fault, "not an object", "");
    cr_assert(!full_header(&out, NULL, NULL, NULL, &fault));
    json_decref(list);
}

/* ---- transactions ---- */

struct made_tx {
    struct buf envelope, access, auths, blobs;
    struct tx tx;
};

static void make_tx(struct made_tx *made, enum tx_type type, bool protected)
{
    static const uint8_t seed[32] = {3};
    static const uint8_t input[] = {1, 2, 3};
    struct crypto *crypto = crypto_new(seed);
    struct seckey32 secret;
    struct tx tx = {.type = type, .nonce = 5, .gas_limit = 100000, .has_to = true};
    struct hash32 key = {{1}};
    memset(made, 0, sizeof *made);
    memset(secret.bytes, 0x33, 32);
    memset(tx.to.bytes, 0x44, 20);
    tx.has_chain_id = type != TX_LEGACY || protected;
    tx.chain_id = tx.has_chain_id ? 1337 : 0;
    tx.gas_price = tx.max_fee = u256_from_u64(2000000000);
    tx.max_priority_fee = u256_from_u64(type >= TX_DYNAMIC_FEE ? 1 : 2000000000);
    tx.value = u256_from_u64(77);
    tx.data = SPAN(input, sizeof input);
    if (type != TX_LEGACY) {
        size_t mark = rlp_list_begin(&made->access);
        rlp_add_bytes(&made->access, SPAN(tx.to.bytes, 20));
        size_t keys = rlp_list_begin(&made->access);
        rlp_add_hash(&made->access, &key);
        rlp_list_end(&made->access, keys);
        rlp_list_end(&made->access, mark);
    }
    if (type == TX_BLOB) {
        rlp_add_hash(&made->blobs, &key);
        tx.max_fee_per_blob_gas = u256_from_u64(9);
    }
    if (type == TX_SET_CODE) {
        size_t mark = rlp_list_begin(&made->auths);
        rlp_add_u64(&made->auths, 1337);
        rlp_add_bytes(&made->auths, SPAN(tx.to.bytes, 20));
        rlp_add_u64(&made->auths, 8);
        rlp_add_u64(&made->auths, 1);
        rlp_add_u64(&made->auths, 1000);
        rlp_add_u64(&made->auths, 2000);
        rlp_list_end(&made->auths, mark);
    }
    tx.access_list = buf_span(&made->access);
    tx.blob_hashes = buf_span(&made->blobs);
    tx.authorizations = buf_span(&made->auths);
    tx_sign(&made->envelope, &tx, crypto, &secret);
    cr_assert_eq(tx_decode(&made->tx, buf_span(&made->envelope)), TX_VALID);
    crypto_free(crypto);
}

static void free_tx(struct made_tx *made)
{
    buf_free(&made->envelope);
    buf_free(&made->access);
    buf_free(&made->auths);
    buf_free(&made->blobs);
}

static json_t *tx_json(const struct tx *tx)
{
    json_t *json = json_object();
    struct hash32 hash;
    tx_hash(&hash, tx);
    set_hex(json, "hash", hash.bytes, 32);
    set_u64(json, "type", tx->type);
    set_u64(json, "nonce", tx->nonce);
    set_u64(json, "gas", tx->gas_limit);
    set_u256(json, "value", &tx->value);
    set_hex(json, "input", tx->data.data, tx->data.size);
    set_hex(json, "to", tx->to.bytes, 20);
    set_u256(json, "r", &tx->r);
    set_u256(json, "s", &tx->s);
    set_u256(json, "v", &tx->v);
    set_u256(json, "gasPrice", &tx->gas_price);
    if (tx->type >= TX_DYNAMIC_FEE) {
        set_u256(json, "maxFeePerGas", &tx->max_fee);
        set_u256(json, "maxPriorityFeePerGas", &tx->max_priority_fee);
    }
    if (tx->has_chain_id)
        set_u64(json, "chainId", tx->chain_id);
    if (tx->type != TX_LEGACY) {
        json_t *entry = json_object();
        uint8_t key[32] = {1};
        set_hex(entry, "address", tx->to.bytes, 20);
        json_object_set_new(entry, "storageKeys", json_pack("[o]", full_json_hex(SPAN(key, 32))));
        json_object_set_new(json, "accessList", json_pack("[o]", entry));
        if (tx->type == TX_BLOB) {
            set_u256(json, "maxFeePerBlobGas", &tx->max_fee_per_blob_gas);
            json_object_set_new(json, "blobVersionedHashes",
                                json_pack("[o]", full_json_hex(SPAN(key, 32))));
        }
        set_u256(json, "yParity", &tx->v);
    }
    if (tx->type == TX_SET_CODE) {
        json_t *entry = json_object();
        set_u64(entry, "chainId", 1337);
        set_hex(entry, "address", tx->to.bytes, 20);
        set_u64(entry, "nonce", 8);
        set_u64(entry, "yParity", 1);
        set_u64(entry, "r", 1000);
        set_u64(entry, "s", 2000);
        json_object_set_new(json, "authorizationList", json_pack("[o]", entry));
    }
    return json;
}

static void expect_tx(json_t *json, const struct made_tx *made, const char *what)
{
    struct buf out = {0};
    struct full_fault fault;
    cr_assert(full_tx(&out, json, &fault), "type %d, %s: %s %s", made->tx.type, what, fault.field,
              fault.what);
    cr_assert(span_equal(buf_span(&out), buf_span(&made->envelope)), "%s", what);
    buf_free(&out);
}

Test(full_json, transactions_in_the_words_of_every_node)
{
    for (int i = 0; i <= TX_SET_CODE + 1; i++) {
        struct made_tx made;
        bool old = i > TX_SET_CODE; /* without EIP-155 */
        make_tx(&made, old ? TX_LEGACY : (enum tx_type)i, !old);
        unsigned parity;
        cr_assert(tx_y_parity(&made.tx, &parity));
        json_t *json = tx_json(&made.tx);
        expect_tx(json, &made, "as it is");
        set_u64(json, "v", parity);
        expect_tx(json, &made, "parity alone");
        set_u64(json, "v", parity + 27);
        expect_tx(json, &made, "parity and 27");
        if (made.tx.type != TX_LEGACY) {
            json_object_del(json, "yParity");
            expect_tx(json, &made, "no yParity");
        } else {
            json_object_del(json, "type");
            json_object_set_new(json, "accessList", json_null());
            if (old)
                json_object_set_new(json, "chainId", json_null());
            expect_tx(json, &made, "an old legacy form");
        }
        json_object_set(json, "data", json_object_get(json, "input"));
        json_object_del(json, "input");
        expect_tx(json, &made, "data for input");
        json_object_set_new(json, "nonce", json_string("0x0005"));
        expect_tx(json, &made, "leading zeros");
        json_decref(json);
        free_tx(&made);
    }
}

Test(full_json, what_is_no_transaction)
{
    static const struct {
        enum tx_type type;
        const char *field, *value, *what;
    } cases[] = {
        {TX_LEGACY, "type", "0x5", "is of a kind we do not know"},
        {TX_LEGACY, "type", "0x7e", "is of a kind we do not know"},
        {TX_LEGACY, "hash", NULL, "missing"},
        {TX_LEGACY, "gasPrice", NULL, "missing"},
        {TX_LEGACY, "to", "0x12", "not hex of the right length"},
        {TX_LEGACY, "v", NULL, "missing"},
        {TX_ACCESS_LIST, "chainId", NULL, "missing"},
        {TX_ACCESS_LIST, "accessList", "[]", "not an array, or too long"},
        {TX_DYNAMIC_FEE, "maxFeePerGas", NULL, "missing"},
        {TX_BLOB, "blobVersionedHashes", NULL, "missing"},
        {TX_BLOB, "maxFeePerBlobGas", NULL, "missing"},
        {TX_SET_CODE, "authorizationList", NULL, "missing"},
        {TX_DYNAMIC_FEE, "r", "0x1", "differs"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct made_tx made;
        struct full_fault fault;
        struct buf out = {0};
        make_tx(&made, cases[i].type, true);
        json_t *json = tx_json(&made.tx);
        if (cases[i].value == NULL)
            json_object_del(json, cases[i].field);
        else
            json_object_set_new(json, cases[i].field, json_string(cases[i].value));
        cr_assert(!full_tx(&out, json, &fault), "case %zu", i);
        bool differs = strcmp(cases[i].what, "differs") == 0;
        expect_fault(&fault, cases[i].what, differs ? "hash" : cases[i].field);
        cr_assert_eq(out.size, 0);
        buf_free(&out);
        json_decref(json);
        free_tx(&made);
    }
}

/* ---- bodies ---- */

Test(full_json, a_body_with_everything)
{
    struct made_tx legacy, typed;
    struct header header = some_header(2, 3), uncle = some_header(0, 4);
    struct buf wanted = {0}, out = {0};
    struct full_fault fault;
    struct body body;
    struct address20 payee = {{9}};
    make_tx(&legacy, TX_LEGACY, true);
    make_tx(&typed, TX_SET_CODE, true);
    size_t mark = rlp_list_begin(&wanted), txs = rlp_list_begin(&wanted);
    buf_add_span(&wanted, buf_span(&legacy.envelope));
    rlp_add_bytes(&wanted, buf_span(&typed.envelope));
    rlp_list_end(&wanted, txs);
    size_t uncles = rlp_list_begin(&wanted);
    header_encode(&wanted, &uncle);
    rlp_list_end(&wanted, uncles);
    size_t withdrawals = rlp_list_begin(&wanted), one = rlp_list_begin(&wanted);
    rlp_add_u64(&wanted, 1);
    rlp_add_u64(&wanted, 200);
    rlp_add_bytes(&wanted, SPAN(payee.bytes, 20));
    rlp_add_u64(&wanted, 3000);
    rlp_list_end(&wanted, one);
    rlp_list_end(&wanted, withdrawals);
    rlp_list_end(&wanted, mark);
    cr_assert(body_decode(&body, buf_span(&wanted)));
    struct span envelopes[] = {buf_span(&legacy.envelope), buf_span(&typed.envelope)};
    trie_list_root(&header.transactions_root, envelopes, 2);
    keccak256(&header.uncles_hash, body.uncles);
    trie_list_root(&header.withdrawals_root, &body.withdrawals, 1);
    json_t *json = header_json(&header), *uncle_json = header_json(&uncle);
    json_t *uncle_list = json_pack("[o]", uncle_json), *withdrawal = json_object();
    json_object_set_new(json, "transactions",
                        json_pack("[o, o]", tx_json(&legacy.tx), tx_json(&typed.tx)));
    json_object_set_new(json, "uncles", json_pack("[O]", json_object_get(uncle_json, "hash")));
    set_u64(withdrawal, "index", 1);
    set_u64(withdrawal, "validatorIndex", 200);
    set_hex(withdrawal, "address", payee.bytes, 20);
    set_u64(withdrawal, "amount", 3000);
    json_object_set_new(json, "withdrawals", json_pack("[o]", withdrawal));
    cr_assert(full_body(&out, json, uncle_list, &header, &fault), "%s %s", fault.field, fault.what);
    cr_assert(span_equal(buf_span(&out), buf_span(&wanted)));
    buf_clear(&out);
    /* One lie after the other. */
    set_u64(withdrawal, "amount", 3001);
    cr_assert(!full_body(&out, json, uncle_list, &header, &fault));
    expect_fault(&fault, "differs", "withdrawalsRoot");
    json_object_del(withdrawal, "amount");
    cr_assert(!full_body(&out, json, uncle_list, &header, &fault));
    expect_fault(&fault, "missing", "amount");
    json_object_del(json, "withdrawals");
    cr_assert(!full_body(&out, json, uncle_list, &header, &fault));
    expect_fault(&fault, "missing", "withdrawals");
    set_u64(uncle_json, "gasUsed", 5);
    cr_assert(!full_body(&out, json, uncle_list, &header, &fault));
    expect_fault(&fault, "differs", "hash");
    json_array_remove(json_object_get(json, "transactions"), 1);
    json_object_set_new(json, "uncles", json_array());
    cr_assert(!full_body(&out, json, uncle_list, &header, &fault));
    expect_fault(&fault, "are not as many as the block names", "uncles");
    header.uncles_hash = EMPTY_UNCLES_HASH;
    header.fields = 1;
    cr_assert(!full_body(&out, json, NULL, &header, &fault));
    expect_fault(&fault, "differs", "transactionsRoot");
    json_object_set_new(json_array_get(json_object_get(json, "transactions"), 0), "nonce",
                        json_string("0x99"));
    json_array_insert_new(json_object_get(json, "transactions"), 0, tx_json(&typed.tx));
    cr_assert(!full_body(&out, json, NULL, &header, &fault));
    expect_fault(&fault, "differs", "hash");
    cr_assert_eq(fault.index, 1);
    cr_assert_eq(out.size, 0);
    json_decref(json);
    json_decref(uncle_list);
    buf_free(&wanted);
    buf_free(&out);
    free_tx(&legacy);
    free_tx(&typed);
}

/* ---- receipts ---- */

static json_t *receipt_json(uint64_t type, uint64_t index, uint64_t gas, const char *status,
                            const char *root, uint8_t topic)
{
    json_t *json = json_object(), *log = json_object();
    struct hash32 hash = {{topic}};
    struct address20 address = {{topic}};
    set_u64(json, "type", type);
    set_u64(json, "transactionIndex", index);
    set_u64(json, "cumulativeGasUsed", gas);
    if (status != NULL)
        json_object_set_new(json, "status", json_string(status));
    if (root != NULL)
        json_object_set_new(json, "root", json_string(root));
    set_hex(log, "address", address.bytes, 20);
    json_object_set_new(log, "topics", json_pack("[o]", full_json_hex(SPAN(hash.bytes, 32))));
    set_hex(log, "data", hash.bytes, 5);
    json_object_set_new(json, "logs", topic == 0 ? json_array() : json_pack("[O]", log));
    json_decref(log);
    return json;
}

#define ROOT "0x1111111111111111111111111111111111111111111111111111111111111111"

/* The list that receipt_json describes. */
static void add_receipt(struct buf *out, uint8_t type, uint64_t gas, bool has_root, uint64_t status,
                        uint8_t topic)
{
    struct receipt receipt = {
        .type = type, .has_state_root = has_root, .status = status, .cumulative_gas = gas};
    struct buf logs = {0}, envelope = {0};
    struct log_entry log = {.topics_count = 1, .topics = {{{topic}}}, .address = {{topic}}};
    memset(receipt.state_root.bytes, 0x11, has_root ? 32 : 0);
    log.data = SPAN(log.topics[0].bytes, 5);
    if (topic != 0) {
        log_encode(&logs, &log);
        bloom_add(&receipt.bloom, SPAN(log.address.bytes, 20));
        bloom_add(&receipt.bloom, SPAN(log.topics[0].bytes, 32));
    }
    receipt.logs = buf_span(&logs);
    receipt_encode(&envelope, &receipt);
    if (type == 0)
        buf_add_span(out, buf_span(&envelope));
    else
        rlp_add_bytes(out, buf_span(&envelope));
    buf_free(&logs);
    buf_free(&envelope);
}

Test(full_json, receipts_before_and_after_byzantium)
{
    for (int old = 0; old < 2; old++) {
        struct buf wanted = {0}, out = {0};
        struct hash32 root;
        struct full_fault fault;
        size_t mark = rlp_list_begin(&wanted);
        add_receipt(&wanted, 0, 21000, old, 1, 0);
        add_receipt(&wanted, old ? 0 : 3, 50000, old, 0, 7);
        rlp_list_end(&wanted, mark);
        struct rlp outer = rlp_reader(buf_span(&wanted)), list = rlp_list(&outer);
        cr_assert(envelope_root(&root, SPAN(list.data, list.size), 10));
        const char *state = old ? ROOT : NULL;
        json_t *json = json_pack("[o, o]", receipt_json(0, 0, 21000, old ? NULL : "0x1", state, 0),
                                 receipt_json(old ? 0 : 3, 1, 50000, old ? NULL : "0x0", state, 7));
        cr_assert(full_receipts(&out, json, &root, &fault), "%s %s", fault.field, fault.what);
        cr_assert(span_equal(buf_span(&out), buf_span(&wanted)));
        buf_clear(&out);
        /* Some write both, whatever the fork; or null for what does not apply. */
        for (size_t i = 0; i < 2; i++) {
            json_t *one = json_array_get(json, i);
            if (old)
                json_object_set_new(one, "status", json_string("0x1"));
            else
                json_object_set_new(one, "root", json_string(i == 0 ? ROOT : "0x"));
        }
        cr_assert(full_receipts(&out, json, &root, &fault), "%s %s", fault.field, fault.what);
        cr_assert(span_equal(buf_span(&out), buf_span(&wanted)));
        buf_clear(&out);
        if (old) { /* without the roots nothing can be rebuilt */
            json_object_set_new(json_array_get(json, 0), "root", json_null());
            cr_assert(!full_receipts(&out, json, &root, &fault));
            expect_fault(&fault, "differs", "receiptsRoot");
        } else {
            json_object_del(json_array_get(json, 0), "type");
            cr_assert(full_receipts(&out, json, &root, &fault));
            buf_clear(&out);
            set_u64(json_array_get(json, 1), "transactionIndex", 0);
            cr_assert(!full_receipts(&out, json, &root, &fault));
            expect_fault(&fault, "is not its place in the list", "transactionIndex");
            cr_assert_eq(fault.index, 1);
            json_object_del(json_array_get(json, 1), "transactionIndex");
            json_object_del(json_array_get(json, 1), "logs");
            cr_assert(!full_receipts(&out, json, &root, &fault));
            expect_fault(&fault, "missing", "logs");
        }
        cr_assert_eq(out.size, 0);
        json_decref(json);
        buf_free(&wanted);
        buf_free(&out);
    }
}

Test(full_json, no_receipts_and_none_at_all)
{
    struct full_fault fault;
    struct buf out = {0};
    json_t *none = json_array(), *null = json_null();
    cr_assert(full_receipts(&out, none, &EMPTY_TRIE_ROOT, &fault));
    fixture_expect_hex(buf_span(&out), "c0");
    buf_clear(&out);
    cr_assert(!full_receipts(&out, none, &EMPTY_UNCLES_HASH, &fault));
    cr_assert(!full_receipts(&out, null, &EMPTY_TRIE_ROOT, &fault));
    expect_fault(&fault, "null", "");
    cr_assert_eq(out.size, 0);
    json_decref(none);
    buf_free(&out);
}

/* ---- proofs ---- */

struct state {
    struct node_store *store;
    struct hash32 state_root, storage_root;
    struct address20 contract;
    struct hash32 slot;
};

static void put(struct trie *trie, struct span name, struct span value)
{
    struct hash32 key;
    keccak256(&key, name);
    cr_assert_eq(trie_put(trie, SPAN(key.bytes, 32), value), STATUS_OK);
}

static void state_make(struct state *state)
{
    struct buf value = {0};
    memset(state, 0, sizeof *state);
    state->store = node_store_new();
    struct trie *storage = trie_new(state->store, &EMPTY_TRIE_ROOT);
    for (unsigned i = 0; i < 40; i++) {
        struct hash32 slot = {{0}};
        slot.bytes[31] = (uint8_t)i;
        buf_clear(&value);
        rlp_add_u64(&value, i + 1000);
        put(storage, SPAN(slot.bytes, 32), buf_span(&value));
    }
    trie_commit(storage, &state->storage_root);
    trie_free(storage);
    struct trie *accounts = trie_new(state->store, &EMPTY_TRIE_ROOT);
    for (unsigned i = 0; i < 60; i++) {
        struct address20 address = {{(uint8_t)i}};
        struct account account = ACCOUNT_EMPTY;
        account.nonce = i;
        if (i == 7)
            account.storage_root = state->storage_root;
        buf_clear(&value);
        account_encode(&value, &account);
        put(accounts, SPAN(address.bytes, 20), buf_span(&value));
    }
    trie_commit(accounts, &state->state_root);
    trie_free(accounts);
    state->contract.bytes[0] = 7;
    state->slot.bytes[31] = 9;
    buf_free(&value);
}

/* The nodes for name under root as an array of hex strings. */
static json_t *proof_nodes(struct state *state, const struct hash32 *root, struct span name)
{
    struct buf nodes = {0};
    struct hash32 key;
    json_t *list = json_array();
    keccak256(&key, name);
    cr_assert_eq(trie_prove(state->store, root, SPAN(key.bytes, 32), 0, NULL, NULL, &nodes),
                 STATUS_OK);
    struct rlp reader = rlp_reader(buf_span(&nodes));
    while (rlp_more(&reader))
        json_array_append_new(list, full_json_hex(rlp_raw(&reader)));
    buf_free(&nodes);
    return list;
}

static json_t *proof_json(struct state *state, const struct address20 *address, const char *key)
{
    return json_pack("{s:o, s:[{s:s, s:o}]}", "accountProof",
                     proof_nodes(state, &state->state_root, SPAN(address->bytes, 20)),
                     "storageProof", "key", key, "proof",
                     proof_nodes(state, &state->storage_root, SPAN(state->slot.bytes, 32)));
}

static bool prove(struct state *state, json_t *proof, const struct address20 *address,
                  struct account *account, bool *exists, size_t *nodes, struct full_fault *fault)
{
    struct buf out = {0}, hashes = {0};
    bool fine = full_account_proof(&out, &hashes, account, exists, proof, &state->state_root,
                                   address, fault);
    cr_assert(fine || (out.size == 0 && hashes.size == 0));
    struct rlp reader = rlp_reader(buf_span(&out));
    *nodes = rlp_count(reader);
    cr_assert_eq(*nodes, hashes.size / 32);
    cr_assert(*nodes == 0 || memcmp(hashes.data, state->state_root.bytes, 32) == 0);
    buf_free(&out);
    buf_free(&hashes);
    return fine;
}

Test(full_json, accounts_that_are_there_and_not)
{
    struct state state;
    struct full_fault fault;
    struct account account;
    size_t nodes, count;
    bool exists;
    state_make(&state);
    for (unsigned i = 0; i < 100; i++) {
        struct address20 address = {{(uint8_t)i}};
        json_t *proof = proof_json(&state, &address, "0x9");
        json_t *list = json_object_get(proof, "accountProof");
        count = json_array_size(list);
        cr_assert(prove(&state, proof, &address, &account, &exists, &nodes, &fault));
        cr_assert_eq(exists, i < 60);
        cr_assert_eq(account.nonce, i < 60 ? i : 0);
        cr_assert_eq(nodes, count);
        /* Order does not matter, and what is not needed is left out. */
        json_array_insert(list, 0, json_array_get(list, count - 1));
        json_array_append_new(list, json_string("0x80"));
        cr_assert(prove(&state, proof, &address, &account, &exists, &nodes, &fault));
        cr_assert_eq(nodes, count);
        json_array_remove(list, count + 1);
        json_array_remove(list, 0);
        json_array_remove(list, count - 1);
        cr_assert(!prove(&state, proof, &address, &account, &exists, &nodes, &fault));
        expect_fault(&fault, "lacks a node on the path", "accountProof");
        cr_assert_eq(account.nonce, 0);
        json_array_clear(list);
        cr_assert(!prove(&state, proof, &address, &account, &exists, &nodes, &fault));
        expect_fault(&fault, "does not begin at the root", "accountProof");
        json_array_append_new(list, json_string("0x8"));
        cr_assert(!prove(&state, proof, &address, &account, &exists, &nodes, &fault));
        expect_fault(&fault, "not hex, or too long", "accountProof");
        json_decref(proof);
    }
    node_store_free(state.store);
}

Test(full_json, slots_by_whatever_key)
{
    static const char *const keys[] = {
        "0x9", "0x09", "0x0000000000000000000000000000000000000000000000000000000000000009"};
    struct state state;
    struct full_fault fault;
    struct buf out = {0}, hashes = {0};
    struct hash32 value;
    state_make(&state);
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        json_t *proof = proof_json(&state, &state.contract, keys[i]);
        cr_assert(full_storage_proof(&out, &hashes, &value, proof, &state.storage_root, &state.slot,
                                     &fault));
        cr_assert_eq(be_read(value.bytes + 24, 8), 1009);
        cr_assert_gt(hashes.size, 0);
        buf_clear(&out);
        buf_clear(&hashes);
        cr_assert(!full_storage_proof(&out, &hashes, &value, proof, &state.state_root, &state.slot,
                                      &fault));
        struct hash32 other = state.slot;
        other.bytes[30] = 1;
        cr_assert(
            !full_storage_proof(&out, &hashes, &value, proof, &state.storage_root, &other, &fault));
        expect_fault(&fault, "lacks the slot", "storageProof");
        cr_assert(
            full_storage_proof(&out, &hashes, &value, proof, &EMPTY_TRIE_ROOT, &other, &fault));
        cr_assert(hash32_is_zero(&value));
        cr_assert_eq(out.size + hashes.size, 0);
        json_decref(proof);
    }
    buf_free(&out);
    buf_free(&hashes);
    node_store_free(state.store);
}

Test(full_json, code_and_raw_bytes)
{
    struct full_fault fault;
    struct buf out = {0};
    struct hash32 hash;
    json_t *code = json_string("0x6001"), *none = json_string("0x"), *null = json_null();
    keccak256(&hash, SPAN("\x60\x01", 2));
    cr_assert(full_code(&out, code, &hash, &fault));
    fixture_expect_hex(buf_span(&out), "6001");
    cr_assert(full_code(&out, none, &EMPTY_CODE_HASH, &fault));
    cr_assert_eq(out.size, 2);
    cr_assert(!full_code(&out, none, &hash, &fault));
    expect_fault(&fault, "differs", "hash");
    cr_assert(!full_code(&out, null, &hash, &fault));
    expect_fault(&fault, "null", "");
    cr_assert_eq(out.size, 2);
    json_decref(code);
    json_decref(none);
    buf_free(&out);
}
