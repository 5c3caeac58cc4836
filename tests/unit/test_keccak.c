#include "les/eth/keccak.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(keccak, .fini = fixture_leak_gate);

/* A slow reference, from the definitions of FIPS 202 section 3 (with the padding of the original
 * submission): lanes by coordinates, rotation offsets and round constants computed instead of
 * looked up. */
static uint64_t rotate(uint64_t lane, unsigned bits)
{
    return bits % 64 == 0 ? lane : lane << bits % 64 | lane >> (64 - bits % 64);
}

static uint64_t round_constant(unsigned round)
{
    uint64_t constant = 0;
    for (unsigned j = 0; j < 7; j++) {
        unsigned lfsr = 1;
        for (unsigned t = 0; t < 7 * round + j; t++)
            lfsr = lfsr << 1 ^ (lfsr & 0x80 ? 0x171 : 0);
        if (lfsr & 1)
            constant |= 1ull << ((1u << j) - 1);
    }
    return constant;
}

static void slow_permute(uint64_t a[5][5])
{
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5], b[5][5];
        for (int x = 0; x < 5; x++)
            c[x] = a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4];
        for (int x = 0; x < 5; x++)
            for (int y = 0; y < 5; y++)
                a[x][y] ^= c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
        unsigned x = 1, y = 0;
        b[0][0] = a[0][0];
        for (unsigned t = 0; t < 24; t++) {
            b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y], (t + 1) * (t + 2) / 2);
            unsigned next = (2 * x + 3 * y) % 5;
            x = y;
            y = next;
        }
        for (int i = 0; i < 5; i++)
            for (int j = 0; j < 5; j++)
                a[i][j] = b[i][j] ^ (~b[(i + 1) % 5][j] & b[(i + 2) % 5][j]);
        a[0][0] ^= round_constant(round);
    }
}

static void slow_keccak256(struct hash32 *out, struct span bytes)
{
    uint64_t a[5][5] = {{0}};
    size_t blocks = bytes.size / 136 + 1;
    uint8_t *padded = mem_alloc(blocks * 136);
    if (bytes.size > 0)
        memcpy(padded, bytes.data, bytes.size);
    padded[bytes.size] ^= 0x01;
    padded[blocks * 136 - 1] ^= 0x80;
    for (size_t block = 0; block < blocks; block++) {
        for (size_t i = 0; i < 136; i++)
            a[i / 8 % 5][i / 40] ^= (uint64_t)padded[block * 136 + i] << 8 * (i % 8);
        slow_permute(a);
    }
    for (size_t i = 0; i < 32; i++)
        out->bytes[i] = (uint8_t)(a[i / 8][0] >> 8 * (i % 8));
    mem_free(padded);
}

Test(keccak, known_digests)
{
    static const struct {
        const char *text, *digest;
    } known[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"testing", "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02"},
        {"transfer(address,uint256)",
         "a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        struct hash32 digest;
        keccak256(&digest, SPAN_STR(known[i].text));
        fixture_expect_hex(SPAN(digest.bytes, 32), known[i].digest);
    }
}

Test(keccak, every_length_over_three_blocks_equals_the_reference)
{
    uint8_t bytes[450];
    uint64_t random = fixture_seed();
    fixture_random_bytes(&random, bytes, sizeof bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct hash32 fast, slow;
        keccak256(&fast, SPAN(bytes, size));
        slow_keccak256(&slow, SPAN(bytes, size));
        cr_assert(hash32_equal(&fast, &slow), "size %zu", size);
    }
}

Test(keccak, pieces_make_the_same_digest_as_the_whole)
{
    uint8_t bytes[1000];
    uint64_t random = fixture_seed();
    fixture_random_bytes(&random, bytes, sizeof bytes);
    for (int round = 0; round < 500; round++) {
        struct keccak keccak;
        struct hash32 whole, pieces;
        size_t size = fixture_random_below(&random, sizeof bytes), done = 0;
        keccak_init(&keccak);
        while (done < size) {
            size_t part = fixture_random_below(&random, size - done + 1);
            keccak_update(&keccak, SPAN(bytes + done, part));
            done += part;
        }
        keccak_digest(&keccak, &pieces);
        keccak256(&whole, SPAN(bytes, size));
        cr_assert(hash32_equal(&whole, &pieces));
    }
}

Test(keccak, a_digest_on_the_way_does_not_end_the_state)
{
    struct keccak keccak;
    struct hash32 once, twice, later, direct;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN_STR("ab"));
    keccak_digest(&keccak, &once);
    keccak_digest(&keccak, &twice);
    cr_assert(hash32_equal(&once, &twice));
    keccak_update(&keccak, SPAN_STR("c"));
    keccak_digest(&keccak, &later);
    keccak256(&direct, SPAN_STR("abc"));
    cr_assert(hash32_equal(&later, &direct));
}

Test(keccak, the_empty_constants_are_digests)
{
    struct hash32 digest;
    keccak256(&digest, SPAN_EMPTY);
    cr_assert(hash32_equal(&digest, &EMPTY_CODE_HASH));
    keccak256(&digest, SPAN("\x80", 1));
    cr_assert(hash32_equal(&digest, &EMPTY_TRIE_ROOT));
    keccak256(&digest, SPAN("\xc0", 1));
    cr_assert(hash32_equal(&digest, &EMPTY_UNCLES_HASH));
}
