#include "les/eth/types.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(types, .fini = fixture_leak_gate);

static const struct account SAMPLE = {
    .nonce = 300,
    .balance = {{1, 2, 0, 0}},
    .storage_root = {{1, 2, 3}},
    .code_hash = {{4, 5, 6}},
};

Test(types, an_account_comes_back)
{
    struct buf rlp = {0}, again = {0};
    struct account account;
    account_encode(&rlp, &SAMPLE);
    cr_assert(account_decode(&account, buf_span(&rlp)));
    cr_assert_eq(account.nonce, 300);
    account_encode(&again, &account);
    cr_assert(span_equal(buf_span(&rlp), buf_span(&again)));
    buf_free(&rlp);
    buf_free(&again);
}

Test(types, the_empty_account_is_that_of_an_untouched_address)
{
    struct buf rlp = {0};
    account_encode(&rlp, &ACCOUNT_EMPTY);
    fixture_expect_hex(buf_span(&rlp),
                       "f8448080a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
                       "a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    buf_free(&rlp);
}

Test(types, every_cut_or_longer_account_is_refused_and_zeroed)
{
    struct buf rlp = {0};
    struct account account, zero;
    memset(&zero, 0, sizeof zero);
    account_encode(&rlp, &SAMPLE);
    buf_add_u8(&rlp, 0x80);
    for (size_t size = 0; size <= rlp.size; size++) {
        bool whole = size == rlp.size - 1;
        cr_assert_eq(account_decode(&account, SPAN(rlp.data, size)), whole);
        if (!whole)
            cr_assert_eq(memcmp(&account, &zero, sizeof zero), 0);
    }
    buf_free(&rlp);
}

/* EIP-55's own examples. */
Test(types, addresses_carry_their_checksum_in_their_letters)
{
    static const char *const samples[] = {
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
    };
    struct address20 address;
    struct buf text = {0};
    for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
        cr_assert(hex_decode_exact(address.bytes, 20, samples[i], 42));
        buf_clear(&text);
        buf_add_address(&text, &address);
        cr_assert(span_equal(buf_span(&text), SPAN_STR(samples[i])), "%s", samples[i]);
    }
    buf_free(&text);
}
