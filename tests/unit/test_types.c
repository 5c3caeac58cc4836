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
