#include "les/proto/wire.h"

#include "les/eth/rlp.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/les_roundtrip.h"

#include <criterion/criterion.h>

TestSuite(wire, .fini = fixture_leak_gate);

#define HEAD_HASH "94365e3a8c0b35089c1d1195081fe7489b528a84b22199c916180db8b28ade7f"
#define SIGNATURE                                                                                  \
    "7ac387a29f8a4dbb1b3cc0043c063fb3ccc32ad9440a8e3d18dc7f661cc1ea0b5bf64712c1aad7f83f4b44e24f0d" \
    "61cb80d6760c5197fc33f0396cd2a400cd8401"
#define ANNOUNCE_SIGNED                                                                            \
    "f87ca0" HEAD_HASH "831d4c008902240c16eb8a228d1801f84af848847369676eb841" SIGNATURE
#define ANNOUNCE_PLAIN "f1a0" HEAD_HASH "831d4c008902240c16eb8a228d1880c0"
#define ANNOUNCE_CAPACITY                                                                          \
    "f84ea00000000000000000000000000000000000000000000000000000000000000000808080e9d38f666c6f7743" \
    "6f"                                                                                           \
    "6e74726f6c2f4d5252827d00d48e666c6f77436f6e74726f6c2f424c840b71b000"
#define STATUS_CLIENT                                                                              \
    "f8a8d18f70726f746f636f6c56657273696f6e04cb896e6574776f726b496401c88668656164546480ea88686561" \
    "64"                                                                                           \
    "48617368a00000000000000000000000000000000000000000000000000000000000000000c987686561644e756d" \
    "80"                                                                                           \
    "ed8b67656e6573697348617368a0d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3" \
    "ce"                                                                                           \
    "86666f726b4944c684be46d57c80ce8c616e6e6f756e63655479706502"
#define STATUS_SERVER                                                                              \
    "f90183d18f70726f746f636f6c56657273696f6e04cb896e6574776f726b496401d1866865616454648902240c16" \
    "eb"                                                                                           \
    "8a228d18ea886865616448617368a0" HEAD_HASH                                                     \
    "cc87686561644e756d831d4c00ed8b67656e6573697348617368"                                         \
    "a0d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3d186666f726b4944c98497c2c3" \
    "4c"                                                                                           \
    "832625a0ce8c73657276654865616465727380d18f7365727665436861696e53696e636580d18f73657276655374" \
    "61"                                                                                           \
    "746553696e636580d2907365727665526563656e7453746174657cc987747852656c617980d38e726563656e7454" \
    "78"                                                                                           \
    "4c6f6f6b75708323dbadd48e666c6f77436f6e74726f6c2f424c8405b8d800d38f666c6f77436f6e74726f6c2f4d" \
    "52"                                                                                           \
    "52823e80f84c8f666c6f77436f6e74726f6c2f4d5243f83ac802830493e082ea60c6048083155cc0c60680831e84" \
    "80"                                                                                           \
    "c60a80830dbba0c60f8083124f80c61180831e8480c61380830dbba0c614808307a120"
#define STATUS_LIVE                                                                                \
    "f9017bd18f70726f746f636f6c56657273696f6e04cd896e6574776f726b4964820539cc86686561645464840192" \
    "00"                                                                                           \
    "00ea886865616448617368a076ec330ae4c2a660bceea3b44c5cdc700848480999efb88d4878621708a8079fca87" \
    "68"                                                                                           \
    "6561644e756d81c8ed8b67656e6573697348617368a077671491bd1e3286cf29cd6893d616be4af37ec3e96c716c" \
    "95"                                                                                           \
    "dd43f6c2a6c880ce86666f726b4944c684ecbb4ee080ce8c73657276654865616465727380d18f73657276654368" \
    "61"                                                                                           \
    "696e53696e636580d18f7365727665537461746553696e636580d2907365727665526563656e7453746174657cc9" \
    "87"                                                                                           \
    "747852656c617980d38e726563656e7454784c6f6f6b75708323dbadd48e666c6f77436f6e74726f6c2f424c8405" \
    "b8"                                                                                           \
    "d800d38f666c6f77436f6e74726f6c2f4d5252823e80f84c8f666c6f77436f6e74726f6c2f4d5243f83ac6148083" \
    "07"                                                                                           \
    "a120c802830493e082ea60c6048083155cc0c60680831e8480c60a80830dbba0c60f8083124f80c61180831e8480" \
    "c6"                                                                                           \
    "1380830dbba0"

static const struct {
    unsigned code;
    const char *hex;
} GOLDEN[] = {
    {LES_STATUS, STATUS_CLIENT},
    {LES_STATUS, STATUS_SERVER},
    {LES_ANNOUNCE, ANNOUNCE_SIGNED},
    {LES_ANNOUNCE, ANNOUNCE_PLAIN},
    {LES_ANNOUNCE, ANNOUNCE_CAPACITY},
    {LES_STOP, "c0"},
    {LES_RESUME, "83b71b01"},
    {LES_RESUME, "8405b8d800"},
    {LES_GET_BLOCK_HEADERS, "c701c58081c08080"},
    {LES_TX_STATUS,
     "f2098405b641d6ebe603e3a0ddc6476b2e64109bd691e959fed65e3d7bce934105f4563836700afaf520"
     "eaae068080c380c080"},
    {LES_TX_STATUS, "dc0a8405b067e9d5d080c08d6e6f6e636520746f6f206c6f77c302c080"},
    {LES_PROOFS_V2,
     "eb058405b79282e4e3a120290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563"
     "2a"},
    {LES_PROOFS_V2, "c7068405b75b41c0"},
    {LES_CODE, "c8078405b70aa1c100"},
    {LES_PROOFS_V2, "c70d8405afccebc0"},
    {LES_ANNOUNCE,
     "f875a0db9ec9a0d1d0cc41389b03ce52ebc183ddcaf0afb22982d40fad19c57548bf6d81c98401940000"
     "80f84af848847369676eb8415ef429d650f965f10a968826c1531a473502ca61b64fb77c78846e324f75ce"
     "e559e5a43d88f18f668cd25b5cfd62398b6d27082e42f35df38d8f50966eb79aa700"},
    {LES_ANNOUNCE,
     "eaa07ae036920c37e2e156e498bb10533f1e2306c5c793b80e94bbeea863a0d6d45f81cb840198000080"
     "c0"},
    {LES_ANNOUNCE,
     "f84ea00000000000000000000000000000000000000000000000000000000000000000808080e9d38f66"
     "6c6f77436f6e74726f6c2f4d5252823e80d48e666c6f77436f6e74726f6c2f424c8405b8d800"},
};

Test(wire, golden_bytes_decode_and_encode_back)
{
    for (size_t i = 0; i < ARRAY_COUNT(GOLDEN); i++) {
        struct buf bytes = fixture_hex(GOLDEN[i].hex), again = {0};
        cr_assert(les_roundtrip(&again, GOLDEN[i].code, buf_span(&bytes)), "golden %zu", i);
        fixture_expect_hex(buf_span(&again), GOLDEN[i].hex);
        buf_free(&bytes);
        buf_free(&again);
    }
}

Test(wire, no_prefix_and_no_extension_of_a_message_decodes)
{
    for (size_t i = 0; i < ARRAY_COUNT(GOLDEN); i++) {
        struct buf bytes = fixture_hex(GOLDEN[i].hex), again = {0};
        for (size_t size = 0; size < bytes.size; size++)
            cr_assert_not(les_roundtrip(&again, GOLDEN[i].code, SPAN(bytes.data, size)),
                          "golden %zu cut to %zu", i, size);
        buf_add_u8(&bytes, 0x80);
        cr_assert_not(les_roundtrip(&again, GOLDEN[i].code, buf_span(&bytes)));
        buf_free(&bytes);
        buf_free(&again);
    }
}

static struct les_announce golden_announce(void)
{
    struct les_announce announce = {.head.number = 1920000, .reorg_depth = 1};
    fixture_hex_exact(announce.head.hash.bytes, 32, HEAD_HASH);
    announce.td.words[1] = 0x02;
    announce.td.words[0] = 0x240c16eb8a228d18;
    return announce;
}

Test(wire, announcement_is_signed_as_go_ethereum_signs_it)
{
    uint8_t seed[32] = {1};
    struct crypto *crypto = crypto_new(seed);
    struct seckey32 key;
    fixture_hex_exact(key.bytes, 32,
                      "b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291");
    struct les_announce announce = golden_announce();
    struct hash32 digest;
    les_announce_digest(&digest, &announce);
    fixture_expect_hex(SPAN(digest.bytes, 32),
                       "b89774494a74935eb87ff854d2cd38c0edd4bd95d1ece7718f5644966900302f");
    announce.has_sign = true;
    crypto_sign(crypto, &announce.sign, &digest, &key);
    fixture_expect_hex(SPAN(announce.sign.bytes, 65), SIGNATURE);
    struct buf out = {0};
    les_announce_encode(&out, &announce);
    fixture_expect_hex(buf_span(&out), ANNOUNCE_SIGNED);
    buf_free(&out);
    crypto_free(crypto);
}

Test(wire, announcement_fields_are_read)
{
    struct buf bytes = fixture_hex(ANNOUNCE_CAPACITY);
    struct les_announce announce;
    cr_assert(les_announce_decode(&announce, buf_span(&bytes)));
    cr_assert(hash32_is_zero(&announce.head.hash));
    cr_assert(announce.has_flow && !announce.has_sign);
    cr_assert_eq(announce.recharge, 32000u);
    cr_assert_eq(announce.buffer_limit, 192000000u);
    cr_assert_eq(announce.update_size, 15 + 3 + 8 + 14 + 5 + 8u);
    buf_free(&bytes);
}

Test(wire, total_difficulty_over_100_bits_is_refused)
{
    struct les_announce announce = golden_announce(), back;
    for (unsigned bits = 99; bits <= 101; bits++) {
        announce.td = (struct u256){{0, 1ull << (bits - 65), 0, 0}};
        struct buf out = {0};
        les_announce_encode(&out, &announce);
        cr_assert_eq(les_announce_decode(&back, buf_span(&out)), bits <= 100, "%u bits", bits);
        buf_free(&out);
    }
}

Test(wire, capacity_needs_both_of_its_keys)
{
    struct buf out = {0};
    size_t list = rlp_list_begin(&out);
    rlp_add_hash(&out, &HASH32_ZERO);
    for (int i = 0; i < 3; i++)
        rlp_add_u64(&out, 0);
    size_t update = rlp_list_begin(&out), pair = rlp_list_begin(&out);
    rlp_add_bytes(&out, SPAN_STR("flowControl/BL"));
    rlp_add_u64(&out, 77);
    rlp_list_end(&out, pair);
    rlp_list_end(&out, update);
    rlp_list_end(&out, list);
    struct les_announce announce;
    cr_assert(les_announce_decode(&announce, buf_span(&out)));
    cr_assert(!announce.has_flow && announce.buffer_limit == 0);
    buf_free(&out);
}

Test(wire, status_of_a_live_server_is_read)
{
    struct buf bytes = fixture_hex(STATUS_LIVE);
    struct les_status status;
    cr_assert(les_status_decode(&status, buf_span(&bytes)));
    cr_assert_eq(status.version, 4u);
    cr_assert_eq(status.network_id, 1337u);
    cr_assert_eq(status.head.number, 200u);
    cr_assert_eq(status.serve_recent_state, 124u);
    cr_assert_eq(status.recent_tx_lookup, 2350000u - 3);
    cr_assert(status.has_flow && status.tx_relay && status.serve_headers);
    cr_assert_eq(status.flow.buffer_limit, 96000000u);
    cr_assert_eq(status.flow.recharge, 16000u);
    static const struct les_cost TABLE[] = {{300000, 60000}, {0, 1400000}, {0, 2000000},
                                            {0, 900000},     {0, 1200000}, {0, 2000000},
                                            {0, 900000},     {0, 500000}};
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        cr_assert(status.flow.has_cost[i]);
        cr_assert_eq(status.flow.costs[i].base, TABLE[i].base);
        cr_assert_eq(status.flow.costs[i].per_item, TABLE[i].per_item);
    }
    cr_assert(!status.has_announce_type);
    cr_assert_eq(status.announce_type, LES_ANNOUNCE_SIMPLE);
    buf_free(&bytes);
}

/* A Status with one pair more, or with the pair of drop left out. */
static struct buf status_with(const char *key, struct span value, const char *drop)
{
    struct buf bytes = fixture_hex(STATUS_CLIENT), out = {0};
    struct rlp outer = rlp_reader(buf_span(&bytes)), list = rlp_list(&outer);
    size_t mark = rlp_list_begin(&out);
    while (rlp_more(&list)) {
        struct rlp peek = list, pair = rlp_list(&peek);
        struct span raw = rlp_raw(&list);
        if (drop == NULL || !span_equal(rlp_bytes(&pair), SPAN_STR(drop)))
            buf_add_span(&out, raw);
    }
    if (key != NULL) {
        size_t pair = rlp_list_begin(&out);
        rlp_add_bytes(&out, SPAN_STR(key));
        buf_add_span(&out, value);
        rlp_list_end(&out, pair);
    }
    rlp_list_end(&out, mark);
    buf_free(&bytes);
    return out;
}

Test(wire, status_without_a_required_key_is_refused)
{
    static const char *const KEYS[] = {"protocolVersion", "networkId", "headTd",
                                       "headHash",        "headNum",   "genesisHash"};
    for (size_t i = 0; i < ARRAY_COUNT(KEYS); i++) {
        struct buf bytes = status_with(NULL, SPAN_EMPTY, KEYS[i]);
        struct les_status status;
        cr_assert_not(les_status_decode(&status, buf_span(&bytes)), "without %s", KEYS[i]);
        buf_free(&bytes);
    }
    struct buf bytes = status_with(NULL, SPAN_EMPTY, "announceType");
    struct les_status status;
    cr_assert(les_status_decode(&status, buf_span(&bytes)));
    cr_assert_eq(status.announce_type, LES_ANNOUNCE_SIMPLE);
    buf_free(&bytes);
}

Test(wire, unknown_keys_pass_and_the_last_of_a_repeated_key_counts)
{
    struct buf bytes = status_with("cake/flavour", SPAN_STR("\xc2\x01\x02"), NULL);
    struct les_status status;
    cr_assert(les_status_decode(&status, buf_span(&bytes)));
    buf_free(&bytes);
    bytes = status_with("networkId", SPAN_STR("\x07"), NULL);
    cr_assert(les_status_decode(&status, buf_span(&bytes)));
    cr_assert_eq(status.network_id, 7u);
    buf_free(&bytes);
    bytes = status_with("networkId", SPAN("\x00", 1), NULL); /* not minimal */
    cr_assert_not(les_status_decode(&status, buf_span(&bytes)));
    buf_free(&bytes);
}

Test(wire, key_list_over_its_budget_is_refused)
{
    for (size_t size = 99000; size <= 100000; size += 1000) {
        struct buf value = {0}, text = {0};
        buf_reserve(&text, size);
        memset(text.data, 'x', size);
        text.size = size;
        rlp_add_bytes(&value, buf_span(&text));
        struct buf bytes = status_with("x", buf_span(&value), NULL);
        struct les_status status;
        cr_assert_eq(les_status_decode(&status, buf_span(&bytes)), size == 99000, "%zu", size);
        buf_free(&bytes);
        buf_free(&value);
        buf_free(&text);
    }
}

Test(wire, safe_and_finalized_travel_in_status_and_announcement)
{
    struct les_announce announce = golden_announce(), back;
    announce.has_safe = announce.has_finalized = true;
    announce.safe = (struct les_block_ref){.hash = {{1}}, .number = 10};
    announce.finalized = (struct les_block_ref){.hash = {{2}}, .number = 9};
    struct buf out = {0};
    les_announce_encode(&out, &announce);
    cr_assert(les_announce_decode(&back, buf_span(&out)));
    cr_assert(back.has_safe && back.safe.number == 10 && back.safe.hash.bytes[0] == 1);
    cr_assert(back.has_finalized && back.finalized.number == 9 &&
              back.finalized.hash.bytes[0] == 2);
    buf_clear(&out);

    struct les_status status = {.version = 4, .has_safe = true, .safe = announce.safe}, again;
    status.has_checkpoint = true;
    status.checkpoint = (struct les_checkpoint){.section = 3, .head = {{4}}, .cht_root = {{5}}};
    les_status_encode(&out, &status);
    cr_assert(les_status_decode(&again, buf_span(&out)));
    cr_assert(again.has_safe && !again.has_finalized && again.safe.number == 10);
    cr_assert(again.has_checkpoint && again.checkpoint.section == 3);
    cr_assert_eq(again.checkpoint.head.bytes[0], 4);
    buf_free(&out);
}

Test(wire, header_query_by_hash_or_number)
{
    struct les_headers_query query = {
        .by_hash = true, .hash = {{9}}, .amount = 5, .skip = 2, .reverse = true};
    struct buf out = {0};
    les_headers_query_encode(&out, &query);
    struct les_headers_query back;
    cr_assert(les_headers_query_decode(&back, buf_span(&out)));
    cr_assert(back.by_hash && back.hash.bytes[0] == 9 && back.amount == 5 && back.skip == 2 &&
              back.reverse);
    buf_free(&out);
    static const char *const BAD[] = {
        "89ffffffffffffffffff010180", /* an origin of nine bytes */
        "8201000180",                 /* a field is missing */
        "820100018002",               /* reverse is no boolean */
        "82010001808080",             /* one too many */
        "8200ff018080",               /* not minimal */
        "c0018080",                   /* a list */
    };
    for (size_t i = 0; i < ARRAY_COUNT(BAD); i++) {
        struct buf bytes = fixture_hex(BAD[i]);
        cr_assert_not(les_headers_query_decode(&back, buf_span(&bytes)), "%s", BAD[i]);
        buf_free(&bytes);
    }
}

Test(wire, transaction_status_without_lookup_must_be_an_empty_list)
{
    static const struct {
        const char *hex;
        bool good;
    } CASES[] = {{"c302c080", true}, {"c3028080", false},   {"c304c080", false},
                 {"c202c0", false},  {"c402c08080", false}, {"c502c2010280", false}};
    for (size_t i = 0; i < ARRAY_COUNT(CASES); i++) {
        struct buf bytes = fixture_hex(CASES[i].hex);
        struct les_items items = {.rest = buf_span(&bytes)};
        struct les_tx_status status;
        cr_assert_eq(les_tx_status_next(&items, &status), CASES[i].good, "%s", CASES[i].hex);
        cr_assert_eq(items.bad, !CASES[i].good);
        cr_assert_not(les_tx_status_next(&items, &status));
        buf_free(&bytes);
    }
}

Test(wire, codes_have_names_replies_and_prices)
{
    cr_assert_str_eq(les_code_name(LES_GET_PROOFS_V2), "get_proofs_v2");
    cr_assert_str_eq(les_code_name(0x08), "unknown");
    cr_assert_eq(les_reply_code(LES_SEND_TX_V2), LES_TX_STATUS);
    cr_assert_eq(les_reply_code(LES_TX_STATUS), 0u);
    cr_assert_eq(les_items_max(LES_GET_BLOCK_HEADERS), 192u);
    cr_assert_eq(les_version_length(2), 22u);
    cr_assert_eq(les_version_length(3), 24u);
    cr_assert_eq(les_version_length(4), 24u);
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        cr_assert_eq(les_cost_index(LES_COST_CODES[i]), i);
        cr_assert_neq(les_reply_code(LES_COST_CODES[i]), 0u);
    }
    cr_assert_eq(les_cost_index(LES_STATUS), LES_COST_CODES_COUNT);
}

/* ---- recorded exchanges ---- */

/* Sorts the rows of a cost table: go-ethereum writes them in random order. */
static struct buf with_sorted_costs(struct span status)
{
    struct buf out = {0};
    struct rlp outer = rlp_reader(status), list = rlp_list(&outer);
    size_t mark = rlp_list_begin(&out);
    while (rlp_more(&list)) {
        struct rlp peek = list, pair = rlp_list(&peek);
        struct span raw = rlp_raw(&list);
        if (!span_equal(rlp_bytes(&pair), SPAN_STR("flowControl/MRC"))) {
            buf_add_span(&out, raw);
            continue;
        }
        size_t entry = rlp_list_begin(&out);
        rlp_add_bytes(&out, SPAN_STR("flowControl/MRC"));
        size_t table = rlp_list_begin(&out);
        struct rlp rows = rlp_list(&pair);
        for (unsigned code = 0; code < 0x18; code++) {
            for (struct rlp at = rows; rlp_more(&at);) {
                struct rlp row_peek = at, row = rlp_list(&row_peek);
                struct span row_raw = rlp_raw(&at);
                if (rlp_u64(&row) == code)
                    buf_add_span(&out, row_raw);
            }
        }
        rlp_list_end(&out, table);
        rlp_list_end(&out, entry);
    }
    rlp_list_end(&out, mark);
    return out;
}

static void replay(const char *path)
{
    json_t *file = fixture_json(path), *message;
    struct tally tally = {.name = path};
    size_t i;
    json_array_foreach(json_object_get(file, "messages"), i, message)
    {
        unsigned code = (unsigned)json_integer_value(json_object_get(message, "code"));
        struct buf bytes = fixture_hex(json_string_value(json_object_get(message, "payload")));
        struct buf again = {0};
        cr_assert(les_roundtrip(&again, code, buf_span(&bytes)), "%s", les_code_name(code));
        if (code == LES_STATUS) {
            struct buf sorted = with_sorted_costs(buf_span(&bytes));
            buf_free(&bytes);
            bytes = sorted;
        }
        cr_assert(span_equal(buf_span(&again), buf_span(&bytes)), "%s message %zu: %s", path, i,
                  json_string_value(json_object_get(message, "note")));
        buf_free(&bytes);
        buf_free(&again);
        tally_run(&tally);
    }
    json_decref(file);
    tally_end(&tally);
}

Test(wire, recorded_les2_exchange_encodes_back)
{
    replay("vectors/geth-les/small-les2.json");
}

Test(wire, recorded_les3_exchange_encodes_back)
{
    replay("vectors/geth-les/small-les3.json");
}

Test(wire, recorded_exchange_on_a_big_chain_encodes_back)
{
    replay("vectors/geth-les/big-les3.json");
}
