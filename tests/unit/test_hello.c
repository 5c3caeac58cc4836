#include "les/eth/rlp.h"
#include "les/p2p/hello.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(hello, .fini = fixture_leak_gate);

/* Sent by go-ethereum v1.10.26 (captured). */
#define GETH_HELLO                                                                                 \
    "f8840599476574682f6c696e75782d616d6436342f676f312e31392e38e5c58365746842c58365746843c5836c65" \
    "7302c5836c657303c5836c657304c684736e61700180b840fda1cff674c90c9a197539fe3dfb53086ace64f83ed7" \
    "c6eabec741f7f381cc803e52ab2cd55d5569bce4347107a310dfd5f88a010cd2ffd1005ca406f1842877"
/* EIP-8, "devp2p Base Protocol": version 22 and a few more list elements. */
#define EIP8_HELLO                                                                                 \
    "f87137916b6e6574682f76302e39312f706c616e39cdc5836574683dc6846d6f726b1682270fb840fda1cff674c9" \
    "0c9a197539fe3dfb53086ace64f83ed7c6eabec741f7f381cc803e52ab2cd55d5569bce4347107a310dfd5f88a01" \
    "0cd2ffd1005ca406f1842877c883666f6f836261720304"

static enum hello_result decode_hex(struct hello *hello, const char *hex)
{
    struct buf bytes = fixture_hex(hex);
    enum hello_result result = hello_decode(hello, buf_span(&bytes));
    buf_free(&bytes);
    return result;
}

Test(hello, what_go_ethereum_sends_is_read_and_written_byte_for_byte)
{
    struct hello hello;
    struct buf out = {0};
    cr_assert_eq(decode_hex(&hello, GETH_HELLO), HELLO_OK);
    cr_assert_eq(hello.version, 5);
    cr_assert_str_eq(hello.client_id, "Geth/linux-amd64/go1.19.8");
    cr_assert_eq(hello.caps_count, 6);
    cr_assert_str_eq(hello.caps[0].name, "eth");
    cr_assert_eq(hello.caps[0].version, 66);
    cr_assert_str_eq(hello.caps[4].name, "les");
    cr_assert_eq(hello.caps[4].version, 4);
    cr_assert_eq(hello.listen_port, 0);
    hello_encode(&out, &hello);
    fixture_expect_hex(buf_span(&out), GETH_HELLO);
    buf_free(&out);
}

Test(hello, eip8_version_and_more_elements_are_ignored)
{
    struct hello hello;
    cr_assert_eq(decode_hex(&hello, EIP8_HELLO), HELLO_OK);
    cr_assert_eq(hello.version, 55);
    cr_assert_str_eq(hello.client_id, "kneth/v0.91/plan9");
    cr_assert_eq(hello.caps_count, 2);
    cr_assert_str_eq(hello.caps[1].name, "mork");
    cr_assert_eq(hello.listen_port, 9999);
}

Test(hello, every_cut_is_malformed)
{
    struct hello hello;
    struct buf bytes = fixture_hex(GETH_HELLO);
    for (size_t size = 0; size < bytes.size; size++)
        cr_assert_eq(hello_decode(&hello, SPAN(bytes.data, size)), HELLO_MALFORMED, "%zu", size);
    buf_add_u8(&bytes, 0x80);
    cr_assert_eq(hello_decode(&hello, buf_span(&bytes)), HELLO_MALFORMED);
    buf_free(&bytes);
}

Test(hello, an_identity_that_is_none_has_its_own_answer)
{
    struct hello hello = {.version = 5}, out;
    struct buf bytes = {0};
    hello_encode(&bytes, &hello);
    cr_assert_eq(hello_decode(&out, buf_span(&bytes)), HELLO_NULL_IDENTITY);
    buf_free(&bytes);
    cr_assert_eq(decode_hex(&out, "c70580c0808401020304"), HELLO_MALFORMED);
    cr_assert_eq(decode_hex(&out, "c90580c0808401020304"), HELLO_NULL_IDENTITY);
}

Test(hello, client_id_is_made_printable_and_cut)
{
    struct hello out;
    struct buf bytes = {0};
    uint8_t id[300];
    memset(id, 'x', sizeof(id));
    memcpy(id, "a\n\x1b\x7f\xc3", 5);
    size_t mark = rlp_list_begin(&bytes);
    rlp_add_u64(&bytes, 5);
    rlp_add_bytes(&bytes, SPAN(id, sizeof(id)));
    rlp_list_end(&bytes, rlp_list_begin(&bytes));
    rlp_add_u64(&bytes, 0);
    memset(id, 1, 64);
    rlp_add_bytes(&bytes, SPAN(id, 64));
    rlp_list_end(&bytes, mark);
    cr_assert_eq(hello_decode(&out, buf_span(&bytes)), HELLO_OK);
    cr_assert_eq(strlen(out.client_id), PEER_CLIENT_ID_MAX);
    cr_assert_eq(memcmp(out.client_id, "a????xxx", 8), 0);
    buf_free(&bytes);
}

static void cap_add(struct buf *out, struct span name, uint64_t version)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_bytes(out, name);
    rlp_add_u64(out, version);
    rlp_list_end(out, mark);
}

Test(hello, capabilities_that_we_cannot_name_are_left_out)
{
    struct hello hello;
    struct buf bytes = {0};
    uint8_t key[64] = {1};
    size_t mark = rlp_list_begin(&bytes);
    rlp_add_u64(&bytes, 5);
    rlp_add_bytes(&bytes, SPAN_STR("x"));
    size_t caps = rlp_list_begin(&bytes);
    cap_add(&bytes, SPAN_EMPTY, 1);
    cap_add(&bytes, SPAN_STR("ninechars"), 1);
    cap_add(&bytes, SPAN("a\0b", 3), 1);
    cap_add(&bytes, SPAN_STR("les"), 1ull << 32);
    cap_add(&bytes, SPAN_STR("les"), 4);
    rlp_list_end(&bytes, caps);
    rlp_add_u64(&bytes, 70000);
    rlp_add_bytes(&bytes, SPAN(key, 64));
    rlp_list_end(&bytes, mark);
    cr_assert_eq(hello_decode(&hello, buf_span(&bytes)), HELLO_OK);
    cr_assert_eq(hello.caps_count, 1);
    cr_assert_str_eq(hello.caps[0].name, "les");
    cr_assert_eq(hello.caps[0].version, 4);
    cr_assert_eq(hello.listen_port, 0);
    buf_free(&bytes);
}

Test(hello, disconnect_goes_out_as_a_list)
{
    struct buf out = {0};
    disconnect_encode(&out, PEER_TOO_MANY);
    disconnect_encode(&out, PEER_SUBPROTOCOL);
    disconnect_encode(&out, PEER_REQUESTED);
    fixture_expect_hex(buf_span(&out), "c104c110c180");
    buf_free(&out);
}

Test(hello, disconnect_is_read_in_every_form_seen)
{
    static const struct {
        const char *hex;
        unsigned reason;
    } forms[] = {
        {"c104", 4}, {"c110", 16},    {"c180", 0},   {"c100", 0},       {"c0", 0},
        {"", 0},     {"10", 16},      {"08", 8},     {"03", 3},         {"00", 0},
        {"80", 0},   {"c281ff", 255}, {"81c8", 200}, {"c3820100", 255}, {"c20405", 4},
    };
    static const char *const bad[] = {"c1", "c2c104", "c20001", "8100", "820001", "f8"};
    enum peer_reason reason;
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct buf bytes = fixture_hex(forms[i].hex);
        cr_assert(disconnect_decode(&reason, buf_span(&bytes)), "%s", forms[i].hex);
        cr_assert_eq((unsigned)reason, forms[i].reason, "%s", forms[i].hex);
        buf_free(&bytes);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct buf bytes = fixture_hex(bad[i]);
        cr_assert_not(disconnect_decode(&reason, buf_span(&bytes)), "%s", bad[i]);
        buf_free(&bytes);
    }
}

Test(hello, shared_capabilities_are_sorted_and_only_the_highest_version_stays)
{
    static const struct peer_cap mine[] = {{"lsm", 1, 8},   {"les", 4, 24}, {"les", 2, 22},
                                           {"eth", 66, 17}, {"les", 3, 24}, {"zzz", 1, 1}};
    static const struct peer_cap theirs[] = {{"les", 2, 0}, {"les", 3, 0}, {"les", 3, 0},
                                             {"les", 5, 0}, {"lsm", 1, 0}, {"eth", 66, 0},
                                             {"eth", 67, 0}};
    struct peer_cap shared[PEER_CAPS_MAX];
    size_t count = peer_caps_match(shared, mine, ARRAY_COUNT(mine), theirs, ARRAY_COUNT(theirs));
    cr_assert_eq(count, 3);
    cr_assert_str_eq(shared[0].name, "eth");
    cr_assert_eq(shared[0].length, 17);
    cr_assert_str_eq(shared[1].name, "les");
    cr_assert_eq(shared[1].version, 3);
    cr_assert_eq(shared[1].length, 24);
    cr_assert_str_eq(shared[2].name, "lsm");
    cr_assert_eq(peer_caps_match(shared, mine, 1, theirs, 4), 0);
}
