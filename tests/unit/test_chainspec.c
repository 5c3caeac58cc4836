#include "les/eth/chainspec.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(chainspec, .fini = fixture_leak_gate);

#define ETHEREUM_GENESIS "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
#define MORDOR_GENESIS   "a68ebde7932eccb177d38d55dcc6461a019dd795a681e59b5a3e4f3a7259a3f1"

/* A chain whose rules change at these blocks, then at these times; which fork stands for which does
 * not matter here. */
static struct chainspec spec_of(const char *genesis, uint64_t genesis_time, const uint64_t *blocks,
                                size_t blocks_count, const uint64_t *times, size_t times_count)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    for (enum fork fork = FORK_HOMESTEAD; fork < FORK_COUNT; fork++)
        spec.activation[fork] = FORK_NEVER;
    for (size_t i = 0; i < blocks_count; i++)
        spec.activation[FORK_HOMESTEAD + i] = blocks[i];
    for (size_t i = 0; i < times_count; i++)
        spec.activation[FORK_SHANGHAI + i] = times[i];
    spec.genesis_time = genesis_time;
    fixture_hex_exact(spec.genesis_hash.bytes, 32, genesis);
    return spec;
}

static const uint64_t MAINNET_BLOCKS[] = {1150000,  1920000,  2463000, 2675000, 4370000,
                                          7280000,  7280000,  9069000, 9200000, 12244000,
                                          12965000, 13773000, 15050000};
static const uint64_t MAINNET_TIMES[] = {1681338455, 1710338135, 1746612311,
                                         1764798551, 1765290071, 1767747671};

static struct chainspec mainnet(size_t times_count)
{
    return spec_of(ETHEREUM_GENESIS, 1438269973, MAINNET_BLOCKS, ARRAY_COUNT(MAINNET_BLOCKS),
                   MAINNET_TIMES, times_count);
}

struct id_case {
    uint64_t number, time;
    const char *hash;
    uint64_t next;
};

static void check_ids(const struct chainspec *spec, const struct id_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fork_id id;
        chainspec_fork_id(&id, spec, cases[i].number, cases[i].time);
        fixture_expect_hex(SPAN(id.hash4, 4), cases[i].hash);
        cr_assert_eq(id.next, cases[i].next, "block %llu", (unsigned long long)cases[i].number);
    }
}

/* EIP-2124's table for mainnet, carried on by EIP-6122 and the forks since. */
Test(chainspec, fork_ids_of_ethereum)
{
    static const struct id_case cases[] = {
        {0, 0, "fc64ec04", 1150000},
        {1149999, 0, "fc64ec04", 1150000},
        {1150000, 0, "97c2c34c", 1920000},
        {1919999, 0, "97c2c34c", 1920000},
        {1920000, 0, "91d1f948", 2463000},
        {2463000, 0, "7a64da13", 2675000},
        {2675000, 0, "3edd5b10", 4370000},
        {4370000, 0, "a00bc324", 7280000},
        {7279999, 0, "a00bc324", 7280000},
        {7280000, 0, "668db0af", 9069000},
        {9069000, 0, "879d6e30", 9200000},
        {9200000, 0, "e029e991", 12244000},
        {12244000, 0, "0eb440f6", 12965000},
        {12965000, 0, "b715077d", 13773000},
        {13773000, 0, "20c327fc", 15050000},
        {15050000, 0, "f0afd0e3", 1681338455},
        {20000000, 1681338454, "f0afd0e3", 1681338455},
        {20000000, 1681338455, "dce96c2d", 1710338135},
        {20000000, 1710338135, "9f3d2254", 1746612311},
        {20000000, 1746612311, "c376cf8b", 1764798551},
        {20000000, 1764798551, "5167e2a6", 1765290071},
        {20000000, 1765290071, "cba2a1c0", 1767747671},
        {20000000, 1767747671, "07c9462e", 0},
    };
    struct chainspec spec = mainnet(ARRAY_COUNT(MAINNET_TIMES));
    check_ids(&spec, cases, ARRAY_COUNT(cases));
}

static const uint64_t CLASSIC_BLOCKS[] = {1150000,  2500000,  3000000,  5000000,
                                          5900000,  8772000,  9573000,  10500839,
                                          11700000, 13189133, 14525000, 19250000};

Test(chainspec, fork_ids_of_ethereum_classic_and_mordor)
{
    static const struct id_case classic[] = {
        {0, 0, "fc64ec04", 1150000},         {1150000, 0, "97c2c34c", 2500000},
        {2500000, 0, "db06803f", 3000000},   {3000000, 0, "aff4bed4", 5000000},
        {5000000, 0, "f79a63c0", 5900000},   {5900000, 0, "744899d6", 8772000},
        {8772000, 0, "518b59c6", 9573000},   {9573000, 0, "7ba22882", 10500839},
        {10500839, 0, "9007bfcc", 11700000}, {11700000, 0, "db63a1ca", 13189133},
        {13189133, 0, "0f6bf187", 14525000}, {14525000, 0, "7fd1bb25", 19250000},
        {19250000, 0, "be46d57c", 0},        {25000000, 1800000000, "be46d57c", 0},
    };
    static const struct id_case mordor[] = {
        {0, 0, "175782aa", 301243},        {301243, 0, "604f6ee1", 999983},
        {999983, 0, "f42f5539", 2520000},  {2520000, 0, "66b5c286", 3985893},
        {3985893, 0, "92b323e0", 5520000}, {5520000, 0, "8c9b1797", 9957000},
        {9957000, 0, "3a6b00d7", 0},
    };
    static const uint64_t mordor_blocks[] = {0, 301243, 999983, 2520000, 3985893, 5520000, 9957000};
    struct chainspec spec =
        spec_of(ETHEREUM_GENESIS, 0, CLASSIC_BLOCKS, ARRAY_COUNT(CLASSIC_BLOCKS), NULL, 0);
    check_ids(&spec, classic, ARRAY_COUNT(classic));
    spec = spec_of(MORDOR_GENESIS, 0, mordor_blocks, ARRAY_COUNT(mordor_blocks), NULL, 0);
    check_ids(&spec, mordor, ARRAY_COUNT(mordor));
}

struct check_case {
    uint64_t number, time;
    const char *hash;
    uint64_t next;
    enum fork_id_result result;
};

static void check_remote(const struct chainspec *spec, const struct check_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fork_id remote = {.next = cases[i].next};
        fixture_hex_exact(remote.hash4, 4, cases[i].hash);
        cr_expect_eq(chainspec_fork_id_check(spec, cases[i].number, cases[i].time, &remote),
                     cases[i].result, "case %zu", i);
    }
}

/* The situations of EIP-2124's validation rules, on mainnet as of Petersburg. */
Test(chainspec, remote_fork_ids_are_judged_by_the_four_rules)
{
    static const uint64_t blocks[] = {1150000, 1920000, 2463000, 2675000, 4370000, 7280000};
    static const struct check_case cases[] = {
        {7987396, 0, "668db0af", 0, FORK_ID_COMPATIBLE}, /* same state, none knows more */
        {7987396, 0, "668db0af", UINT64_MAX,
         FORK_ID_COMPATIBLE},                            /* the remote knows a fork far ahead */
        {7279999, 0, "a00bc324", 0, FORK_ID_COMPATIBLE}, /* it does not know the next fork yet */
        {7279999, 0, "a00bc324", 7280000, FORK_ID_COMPATIBLE},
        {7279999, 0, "a00bc324", UINT64_MAX, FORK_ID_COMPATIBLE}, /* ... it expects another one */
        {7987396, 0, "a00bc324", 7280000, FORK_ID_COMPATIBLE}, /* still syncing, knows what comes */
        {7987396, 0, "3edd5b10", 4370000, FORK_ID_COMPATIBLE},
        {7279999, 0, "668db0af", 0, FORK_ID_COMPATIBLE}, /* ahead of us */
        {4369999, 0, "a00bc324", 0, FORK_ID_COMPATIBLE},
        {7987396, 0, "a00bc324", 0, FORK_ID_REMOTE_STALE},       /* passed it without upgrading */
        {7987396, 0, "5cddc0e1", 0, FORK_ID_LOCAL_INCOMPATIBLE}, /* a state of some other chain */
        {7987396, 0, "afec6b27", 0, FORK_ID_LOCAL_INCOMPATIBLE},
        {7987396, 0, "668db0af", 7987396,
         FORK_ID_LOCAL_INCOMPATIBLE}, /* we passed its fork unknowing */
        {88888888, 0, "668db0af", 88888888, FORK_ID_LOCAL_INCOMPATIBLE},
        {7279999, 0, "a00bc324", 7279999, FORK_ID_LOCAL_INCOMPATIBLE},
    };
    struct chainspec spec =
        spec_of(ETHEREUM_GENESIS, 1438269973, blocks, ARRAY_COUNT(blocks), NULL, 0);
    check_remote(&spec, cases, ARRAY_COUNT(cases));
}

Test(chainspec, times_are_judged_like_blocks)
{
    static const struct check_case cases[] = {
        {15050000, 0, "f0afd0e3", 1681338455, FORK_ID_COMPATIBLE},
        {20000000, 1681338454, "f0afd0e3", 0, FORK_ID_COMPATIBLE},
        {20000000, 1681338455, "f0afd0e3", 0, FORK_ID_REMOTE_STALE},
        {20000000, 1681338455, "f0afd0e3", 1681338455, FORK_ID_COMPATIBLE},
        {20000000, 1681338455, "dce96c2d", 1700000000, FORK_ID_COMPATIBLE},
        {20000000, 1700000000, "dce96c2d", 1700000000, FORK_ID_LOCAL_INCOMPATIBLE},
        {15050000, 0, "9f3d2254", 0, FORK_ID_COMPATIBLE},
    };
    struct chainspec spec = mainnet(2);
    check_remote(&spec, cases, ARRAY_COUNT(cases));
}

/* les.md 7.4: a client at block 0 takes any server of either chain by rule 3, and is taken by
 * rule 2. */
Test(chainspec, a_fresh_classic_client_and_a_server_accept_each_other)
{
    struct chainspec spec =
        spec_of(ETHEREUM_GENESIS, 0, CLASSIC_BLOCKS, ARRAY_COUNT(CLASSIC_BLOCKS), NULL, 0);
    static const struct check_case cases[] = {
        {0, 0, "be46d57c", 0, FORK_ID_COMPATIBLE},
        {20000000, 0, "fc64ec04", 1150000, FORK_ID_COMPATIBLE},
        {0, 0, "91d1f948", 2463000, FORK_ID_LOCAL_INCOMPATIBLE}, /* Ethereum after the DAO */
    };
    check_remote(&spec, cases, ARRAY_COUNT(cases));
}

Test(chainspec, forks_at_zero_and_twice_at_one_block_leave_no_trace)
{
    static const uint64_t plain[] = {10, 20}, noisy[] = {0, 20, 0, 10, 10, 20};
    struct chainspec a = spec_of(MORDOR_GENESIS, 5, plain, 2, NULL, 0);
    static const uint64_t times[] = {0, 5}; /* not after the genesis: no points either */
    struct chainspec b = spec_of(MORDOR_GENESIS, 5, noisy, 6, times, 2);
    for (uint64_t number = 0; number < 30; number++) {
        struct fork_id id_a, id_b;
        chainspec_fork_id(&id_a, &a, number, 100);
        chainspec_fork_id(&id_b, &b, number, 100);
        cr_assert_eq(memcmp(id_a.hash4, id_b.hash4, 4), 0);
        cr_assert_eq(id_a.next, id_b.next);
    }
}

Test(chainspec, the_newest_fork_wins)
{
    struct chainspec spec = mainnet(ARRAY_COUNT(MAINNET_TIMES));
    cr_assert_eq(chainspec_fork_at(&spec, 0, 0, false), FORK_FRONTIER);
    cr_assert_eq(chainspec_fork_at(&spec, 1150000, 0, false), FORK_HOMESTEAD);
    cr_assert_eq(chainspec_fork_at(&spec, 7280000, 0, false), FORK_PETERSBURG);
    cr_assert_eq(chainspec_fork_at(&spec, 15050000, 9999999999, false), FORK_GRAY_GLACIER);
    cr_assert_eq(chainspec_fork_at(&spec, 15537394, 1681338454, true), FORK_PARIS);
    cr_assert_eq(chainspec_fork_at(&spec, 20000000, 1681338455, true), FORK_SHANGHAI);
    cr_assert_eq(chainspec_fork_at(&spec, 20000000, UINT64_MAX, true), FORK_BPO2);
}

Test(chainspec, a_header_tells_whether_it_is_merged)
{
    struct chainspec spec = mainnet(1);
    struct header header;
    memset(&header, 0, sizeof header);
    header.timestamp = MAINNET_TIMES[0];
    cr_assert_eq(chainspec_fork(&spec, &header), FORK_FRONTIER,
                 "a genesis is not, though its difficulty be 0");
    spec.has_terminal_td = true;
    cr_assert_eq(chainspec_fork(&spec, &header), FORK_SHANGHAI,
                 "unless the terminal difficulty is 0");
    spec.terminal_td.words[0] = 1;
    header.number = 1;
    cr_assert_eq(chainspec_fork(&spec, &header), FORK_SHANGHAI);
    header.difficulty.words[3] = 1;
    cr_assert_eq(chainspec_fork(&spec, &header), FORK_FRONTIER);
}

Test(chainspec, blob_parameters_default_and_carry_over)
{
    struct chainspec spec = mainnet(5);
    cr_assert_null(chainspec_blobs(&spec, 20000000, MAINNET_TIMES[1] - 1));
    cr_assert_null(chainspec_blobs(&spec, 1, MAINNET_TIMES[2]), "not before London");
    const struct blob_params *cancun = chainspec_blobs(&spec, 20000000, MAINNET_TIMES[1]);
    cr_assert_eq(cancun->target, 3);
    cr_assert_eq(cancun->update_fraction, 3338477);
    const struct blob_params *prague = chainspec_blobs(&spec, 20000000, MAINNET_TIMES[2]);
    cr_assert_eq(prague->max, 9);
    cr_assert_eq(chainspec_blobs(&spec, 20000000, MAINNET_TIMES[3]), prague,
                 "Osaka changes nothing by itself");
    spec.blobs[FORK_BPO1] = (struct blob_params){true, 10, 15, 8346193};
    cr_assert_eq(chainspec_blobs(&spec, 20000000, MAINNET_TIMES[4])->max, 15);
    spec.blobs[FORK_CANCUN] = (struct blob_params){true, 1, 2, 3};
    cr_assert_eq(chainspec_blobs(&spec, 20000000, MAINNET_TIMES[1])->max, 2);
}
