#include "les/eth/header.h"
#include "les/eth/rlp.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(body, .fini = fixture_leak_gate);

static bool decodes(const char *hex)
{
    struct body body;
    struct buf rlp = fixture_hex(hex);
    bool valid = body_decode(&body, buf_span(&rlp));
    if (!valid)
        cr_assert(body.transactions.data == NULL && body.uncles.data == NULL, "zeroed");
    buf_free(&rlp);
    return valid;
}

Test(body, shapes_that_are_bodies)
{
    cr_assert(decodes("c2c0c0"), "empty");
    cr_assert(decodes("c3c0c0c0"), "empty, with withdrawals");
    cr_assert(decodes("c4c2c180c0"), "one legacy transaction");
    cr_assert(decodes("c5c3820201c0"), "one typed transaction");
    cr_assert(decodes("c4c0c2c180"), "one uncle");
}

Test(body, shapes_that_are_not)
{
    static const char *const bad[] = {
        "",
        "80",
        "c0",
        "c1c0",
        "c28080",
        "c2c080",
        "c3c0c080",
        "c4c0c0c0c0",
        "c2c0c000",
        "c3c0c101",
        "c4c0c0c101",
        "c3c101c0",     /* a typed envelope of one byte */
        "c3c180c0",     /* an empty one */
        "c5c38280c0c0", /* a list hidden in a string: same envelope, other bytes */
        "c4c2c2c0c0",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        cr_assert_not(decodes(bad[i]), "%s", bad[i]);
}

/* A legacy transaction inside a string would have the same root as the real body. */
Test(body, one_list_of_envelopes_has_one_form)
{
    struct body body;
    struct header header;
    struct buf honest = fixture_hex("c4c2c180c0"), twisted = fixture_hex("c5c382c180c0");
    struct hash32 root;
    memset(&header, 0, sizeof header);
    header.uncles_hash = EMPTY_UNCLES_HASH;
    fixture_hex_exact(root.bytes, 32,
                      "00000000000000000000000000000000000000000000000000000000000000ff");
    header.transactions_root = root;
    cr_assert(body_decode(&body, buf_span(&honest)));
    cr_assert_not(body_matches(&body, &header));
    cr_assert_not(body_decode(&body, buf_span(&twisted)));
    buf_free(&honest);
    buf_free(&twisted);
}

Test(body, presence_of_withdrawals_is_part_of_the_match)
{
    struct header header;
    struct body body;
    struct buf without = fixture_hex("c2c0c0"), with = fixture_hex("c3c0c0c0");
    memset(&header, 0, sizeof header);
    header.uncles_hash = EMPTY_UNCLES_HASH;
    header.transactions_root = header.withdrawals_root = EMPTY_TRIE_ROOT;
    cr_assert(body_decode(&body, buf_span(&without)));
    cr_assert(body_matches(&body, &header));
    header.fields = 2;
    cr_assert_not(body_matches(&body, &header));
    cr_assert(body_decode(&body, buf_span(&with)));
    cr_assert(body_matches(&body, &header));
    header.fields = 1;
    cr_assert_not(body_matches(&body, &header));
    buf_free(&without);
    buf_free(&with);
}

Test(body, transactions_are_split_and_counted)
{
    struct buf rlp = fixture_hex("c9c7c18082020103c0c0"), good = fixture_hex("c8c6c180820201c0c0");
    struct body body;
    struct span list[3];
    size_t count;
    cr_assert_not(body_decode(&body, buf_span(&rlp)), "03 alone is no envelope");
    cr_assert(body_decode(&body, buf_span(&good)));
    cr_assert_not(body_transactions(&body, list, 2, &count));
    cr_assert_eq(count, 0);
    cr_assert(body_transactions(&body, list, 3, &count));
    cr_assert_eq(count, 3);
    fixture_expect_hex(list[0], "c180");
    fixture_expect_hex(list[1], "0201");
    fixture_expect_hex(list[2], "c0");
    buf_free(&rlp);
    buf_free(&good);
}

Test(body, a_withdrawal_has_four_fields)
{
    struct withdrawal withdrawal;
    struct buf rlp = fixture_hex("d80102940303030303030303030303030303030303030303"
                                 "04");
    cr_assert(withdrawal_decode(&withdrawal, buf_span(&rlp)));
    cr_assert_eq(withdrawal.index, 1);
    cr_assert_eq(withdrawal.validator_index, 2);
    cr_assert_eq(withdrawal.address.bytes[19], 3);
    cr_assert_eq(withdrawal.amount_gwei, 4);
    rlp.data[1] = 0;
    cr_assert_not(withdrawal_decode(&withdrawal, buf_span(&rlp)));
    cr_assert_eq(withdrawal.amount_gwei, 0);
    buf_free(&rlp);
}

Test(body, a_block_is_header_and_body)
{
    struct span header_rlp;
    struct body body;
    struct buf rlp = fixture_hex("c6c20102c0c0c0"), no_header = fixture_hex("c380c0c0");
    cr_assert(block_split(&header_rlp, &body, buf_span(&rlp)));
    fixture_expect_hex(header_rlp, "c20102");
    cr_assert(body.has_withdrawals);
    cr_assert_not(block_split(&header_rlp, &body, buf_span(&no_header)));
    cr_assert_eq(header_rlp.size, 0);
    buf_free(&rlp);
    buf_free(&no_header);
}
