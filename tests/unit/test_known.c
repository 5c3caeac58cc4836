/* The rules of public networks give the fork ids that the networks published. */
#include "conf/genesis.h"
#include "conf/known.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(known, .fini = fixture_leak_gate);

struct point {
    uint64_t number, time;
    const char *hash4;
    uint64_t next;
};

static void expect_ids(uint64_t chain_id, const char *genesis_hash, uint64_t genesis_time,
                       const struct point *points, size_t count)
{
    struct hash32 hash;
    struct genesis *genesis;
    struct buf text = {0}, error = {0};
    fixture_hex_exact(hash.bytes, 32, genesis_hash);
    const char *config = known_config(chain_id, &hash);
    cr_assert_not_null(config);
    buf_printf(&text, "{\"config\":%s,\"gasLimit\":\"0x1\",\"difficulty\":\"0x1\",\"alloc\":{}}",
               config);
    cr_assert_eq(genesis_parse(&genesis, buf_span(&text), "known", &error), STATUS_OK, "%.*s",
                 (int)error.size, (const char *)error.data);
    genesis->spec.genesis_hash = hash;
    genesis->spec.genesis_time = genesis_time;
    for (size_t i = 0; i < count; i++) {
        struct fork_id id;
        uint8_t expected[4];
        chainspec_fork_id(&id, &genesis->spec, points[i].number, points[i].time);
        fixture_hex_exact(expected, 4, points[i].hash4);
        cr_assert(memcmp(id.hash4, expected, 4) == 0 && id.next == points[i].next,
                  "chain %zu, point %zu: %02x%02x%02x%02x next %zu", (size_t)chain_id, i,
                  id.hash4[0], id.hash4[1], id.hash4[2], id.hash4[3], (size_t)id.next);
    }
    genesis_free(genesis);
    buf_free(&text);
    buf_free(&error);
}

Test(known, mainnet)
{
    static const struct point POINTS[] = {{0, 0, "fc64ec04", 1150000},
                                          {15050000, 0, "f0afd0e3", 1681338455},
                                          {30000000, 1746612311, "c376cf8b", 1764798551},
                                          {30000000, 1764798551, "5167e2a6", 1765290071},
                                          {30000000, 1765290071, "cba2a1c0", 1767747671},
                                          {30000000, 1767747671, "07c9462e", 0}};
    expect_ids(1, "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3", 0, POINTS,
               ARRAY_COUNT(POINTS));
}

Test(known, sepolia)
{
    static const struct point POINTS[] = {{0, 0, "fe3366e7", 1735371},
                                          {1735371, 0, "b96cbd13", 1677557088},
                                          {9000000, 1741159776, "ed88b5fd", 1760427360},
                                          {9000000, 1760427360, "e2ae4999", 1761017184},
                                          {9000000, 1761017184, "56078a1e", 1761607008},
                                          {9000000, 1761607008, "268956b6", 0}};
    expect_ids(11155111, "25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9",
               1633267481, POINTS, ARRAY_COUNT(POINTS));
}

Test(known, hoodi)
{
    static const struct point POINTS[] = {{0, 1742212800, "bef71d30", 1742999832},
                                          {1, 1742999832, "0929e24e", 1761677592},
                                          {1, 1761677592, "e7e0e7ff", 1762365720},
                                          {1, 1762365720, "3893353e", 1762955544},
                                          {1, 1762955544, "23aa1351", 0}};
    expect_ids(560048, "bbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b",
               1742212800, POINTS, ARRAY_COUNT(POINTS));
}

Test(known, another_chain_with_a_known_id_is_not_known)
{
    cr_assert_null(known_config(1, &HASH32_ZERO));
    cr_assert_null(known_config(31337, &HASH32_ZERO));
}
