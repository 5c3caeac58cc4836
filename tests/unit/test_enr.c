#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/p2p/basetext.h"
#include "les/p2p/enr.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(enr, .fini = fixture_leak_gate);

/* EIP-778, "Test Vectors". */
#define KEY_B "b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"
#define EIP778                                                                                     \
    "enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRc" \
    "y5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8"
/* Of a go-ethereum v1.10.26 light server (captured). */
#define GETH_LES                                                                                   \
    "enr:-KK4QKztt_x-mCykIDhRITpEM0QBa_Z7s3xwV43h5h9m8VE_G-xrdlSj7TRNsBfE3AZjDNYbnX6SiAIgvjHIUc4w" \
    "5juGAaIBsu9Yg2V0aMfGhOy7TuCAgmlkgnY0gmlwhH8AAAGDbGVzwQGJc2VjcDI1NmsxoQP9oc_2dMkMmhl1Of49-1MI" \
    "as5k-D7Xxuq-x0H384HMgIRzbmFwwIN0Y3CCghM"

static struct crypto *crypto_open(void)
{
    static const uint8_t seed32[32] = {1};
    return crypto_new(seed32);
}

Test(enr, base64url_and_base32_survive_the_way_through)
{
    for (size_t size = 0; size < 40; size++) {
        uint8_t bytes[40];
        struct buf text = {0}, back = {0};
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(i * 73 + size);
        base64url_encode(&text, SPAN(bytes, size));
        cr_assert(base64url_decode(&back, buf_span(&text)));
        cr_assert(span_equal(buf_span(&back), SPAN(bytes, size)));
        buf_clear(&text);
        buf_clear(&back);
        base32_encode(&text, SPAN(bytes, size));
        cr_assert(base32_decode(&back, buf_span(&text)));
        cr_assert(span_equal(buf_span(&back), SPAN(bytes, size)));
        buf_free(&text);
        buf_free(&back);
    }
}

Test(enr, base_texts_of_rfc_4648)
{
    static const char *const pairs[][3] = {{"f", "Zg", "MY"},
                                           {"fo", "Zm8", "MZXQ"},
                                           {"foo", "Zm9v", "MZXW6"},
                                           {"foobar", "Zm9vYmFy", "MZXW6YTBOI"}};
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        struct buf text = {0};
        base64url_encode(&text, SPAN_STR(pairs[i][0]));
        cr_assert(span_equal(buf_span(&text), SPAN_STR(pairs[i][1])));
        buf_clear(&text);
        base32_encode(&text, SPAN_STR(pairs[i][0]));
        cr_assert(span_equal(buf_span(&text), SPAN_STR(pairs[i][2])));
        buf_free(&text);
    }
}

Test(enr, bad_base_texts_are_refused_and_nothing_is_appended)
{
    static const char *const bad64[] = {"Zg==", "Z", "Zh", "Zm8+", "Zm 8", "Zm9v\n", "ZZZZZ"};
    static const char *const bad32[] = {"MY======", "M", "MZ", "my", "M1", "MZX", "MZXW6Y"};
    struct buf out = {0};
    buf_add_u8(&out, 7);
    for (size_t i = 0; i < ARRAY_COUNT(bad64); i++)
        cr_assert_not(base64url_decode(&out, SPAN_STR(bad64[i])), "%s", bad64[i]);
    for (size_t i = 0; i < ARRAY_COUNT(bad32); i++)
        cr_assert_not(base32_decode(&out, SPAN_STR(bad32[i])), "%s", bad32[i]);
    cr_assert_eq(out.size, 1);
    buf_free(&out);
}

Test(enr, the_record_of_eip_778_is_read)
{
    struct crypto *crypto = crypto_open();
    struct enr enr;
    struct hash32 id;
    struct enode enode;
    struct buf text = {0};
    cr_assert(enr_parse(&enr, crypto, SPAN_STR(EIP778)));
    enode_id(&id, &enr.key);
    fixture_expect_hex(SPAN(id.bytes, 32),
                       "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7");
    cr_assert_eq(enr.seq, 1);
    cr_assert(enr.has_ip4);
    fixture_expect_hex(SPAN(enr.ip4, 4), "7f000001");
    cr_assert_eq(enr.udp, 30303);
    cr_assert_eq(enr.tcp, 0);
    cr_assert_not(enr_enode(&enr, &enode));
    enr_format(&text, &enr);
    cr_assert(span_equal(buf_span(&text), SPAN_STR(EIP778)));
    buf_free(&text);
    crypto_free(crypto);
}

Test(enr, the_record_of_eip_778_is_made_byte_for_byte)
{
    struct crypto *crypto = crypto_open();
    struct seckey32 key;
    struct enr enr;
    struct buf text = {0};
    struct enr_content content = {.seq = 1, .has_ip = true, .udp_port = 30303};
    fixture_hex_exact(key.bytes, 32, KEY_B);
    cr_assert(endpoint_parse(&content.at, "127.0.0.1:0"));
    enr_make(&enr, crypto, &key, &content);
    enr_format(&text, &enr);
    cr_assert(span_equal(buf_span(&text), SPAN_STR(EIP778)));
    buf_free(&text);
    crypto_free(crypto);
}

Test(enr, what_a_light_server_publishes_is_read)
{
    struct crypto *crypto = crypto_open();
    struct enr enr;
    struct enode enode;
    struct span value;
    char text[ENODE_TEXT_SIZE];
    cr_assert(enr_parse(&enr, crypto, SPAN_STR(GETH_LES)));
    cr_assert_eq(enr.les, ENR_LES_VERSION);
    cr_assert_eq(enr.les_version, 1);
    cr_assert(enr.has_eth);
    fixture_expect_hex(SPAN(enr.eth.hash4, 4), "ecbb4ee0");
    cr_assert_eq(enr.eth.next, 0);
    cr_assert(enr_enode(&enr, &enode));
    enode_format(text, &enode);
    cr_assert_str_eq(strchr(text, '@'), "@127.0.0.1:33299?discport=0");
    cr_assert(enr_get(&enr, "snap", &value));
    fixture_expect_hex(value, "c0");
    cr_assert_not(enr_get(&enr, "nope", &value));
    crypto_free(crypto);
}

Test(enr, a_record_of_ours_says_all_that_a_light_client_looks_for)
{
    struct crypto *crypto = crypto_open();
    struct seckey32 key;
    struct enr enr;
    struct span value;
    struct fork_id fork = {{0xbe, 0x46, 0xd5, 0x7c}, 0};
    struct enr_content content = {
        .seq = 9, .has_ip = true, .udp_port = 30301, .eth = &fork, .les = true};
    memset(key.bytes, 5, 32);
    cr_assert(endpoint_parse(&content.at, "[2001:db8::1]:30303"));
    enr_make(&enr, crypto, &key, &content);
    cr_assert(enr_get(&enr, "les", &value));
    fixture_expect_hex(value, "c101");
    cr_assert(enr_get(&enr, "eth", &value));
    fixture_expect_hex(value, "c7c684be46d57c80");
    cr_assert_eq(enr.seq, 9);
    cr_assert(enr.has_ip6);
    cr_assert_eq(enr.tcp6, 30303);
    cr_assert_eq(enr.udp6, 30301);
    crypto_free(crypto);
}

Test(enr, any_changed_or_missing_byte_is_refused)
{
    struct crypto *crypto = crypto_open();
    struct enr good, out;
    static const struct enr zero;
    cr_assert(enr_parse(&good, crypto, SPAN_STR(GETH_LES)));
    for (size_t i = 0; i < good.size; i++) {
        uint8_t bytes[ENR_SIZE_MAX];
        memcpy(bytes, good.rlp, good.size);
        bytes[i] ^= 1;
        cr_assert_not(enr_decode(&out, crypto, SPAN(bytes, good.size)), "byte %zu", i);
        cr_assert_not(enr_decode(&out, crypto, SPAN(good.rlp, i)));
        cr_assert_eq(memcmp(&out, &zero, sizeof(out)), 0);
    }
    crypto_free(crypto);
}

/* Signs whatever stands in items: [seq, k, v, ...] without the list header. */
static bool signed_record_is_read(struct crypto *crypto, struct span items)
{
    struct seckey32 key;
    struct buf list = {0}, record = {0};
    struct hash32 digest;
    struct sig65 sig;
    struct enr out;
    bool good;
    fixture_hex_exact(key.bytes, 32, KEY_B);
    rlp_add_list_header(&list, items.size);
    buf_add_span(&list, items);
    keccak256(&digest, buf_span(&list));
    crypto_sign(crypto, &sig, &digest, &key);
    size_t mark = rlp_list_begin(&record);
    rlp_add_bytes(&record, SPAN(sig.bytes, 64));
    buf_add_span(&record, items);
    rlp_list_end(&record, mark);
    good = enr_decode(&out, crypto, buf_span(&record));
    buf_free(&list);
    buf_free(&record);
    return good;
}

#define ID_V4 "826964827634"
#define SECP                                                                                       \
    "89736563703235366b31a103ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138"
#define ID_V5 "826964827635"

Test(enr, the_order_of_keys_the_scheme_and_the_size_are_checked)
{
    static const struct {
        const char *items;
        bool good;
    } records[] = {
        {"01" ID_V4 SECP, true},
        {"01" ID_V4 SECP "78c20102", true},
        {"01" ID_V4 SECP "8178c20102", false},
        {"01" SECP ID_V4, false},
        {"01" ID_V4 ID_V4 SECP, false},
        {"01" ID_V5 SECP, false},
        {"01" SECP, false},
        {"01" ID_V4, false},
        {"01" ID_V4 SECP "78", false},
        {"00" ID_V4 SECP, false},
        {"01" ID_V4 SECP "78c28100", false},
        {"01" ID_V4 SECP "c0c0", false},
    };
    struct crypto *crypto = crypto_open();
    struct buf items = {0};
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        items = fixture_hex(records[i].items);
        cr_assert_eq(signed_record_is_read(crypto, buf_span(&items)), records[i].good, "record %zu",
                     i);
        buf_free(&items);
    }
    for (size_t extra = 150; extra < 200; extra++) {
        uint8_t bytes[200] = {1};
        size_t size;
        items = fixture_hex("01" ID_V4 SECP "78");
        rlp_add_bytes(&items, SPAN(bytes, extra));
        size = 3 + 66 + items.size;
        cr_assert_eq(signed_record_is_read(crypto, buf_span(&items)), size <= ENR_SIZE_MAX,
                     "%zu bytes", size);
        buf_free(&items);
    }
    crypto_free(crypto);
}

Test(enr, text_without_prefix_or_too_long_is_refused)
{
    struct crypto *crypto = crypto_open();
    struct enr enr;
    struct buf text = {0};
    cr_assert_not(enr_parse(&enr, crypto, SPAN_STR("")));
    cr_assert_not(enr_parse(&enr, crypto, SPAN_STR("enr:")));
    cr_assert_not(enr_parse(&enr, crypto, SPAN_STR("ENR:-IS4")));
    buf_add_str(&text, "enr:");
    for (size_t i = 0; i < 1000; i++)
        buf_add_u8(&text, 'A');
    cr_assert_not(enr_parse(&enr, crypto, buf_span(&text)));
    buf_free(&text);
    crypto_free(crypto);
}
