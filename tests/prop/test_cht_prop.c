/* Packing of bloom vectors: every vector comes back, and nothing but the packed form of a vector is
 * taken for one. */
#include "les/eth/cht.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(cht_prop, .fini = fixture_leak_gate);

#define ROUNDS 4000

static size_t random_size(uint64_t *seed)
{
    static const size_t usual[] = {1, 7, 8, 9, 63, 64, 65, 512, CHT_BLOOM_VECTOR_SIZE_MAX};
    if (fixture_random_below(seed, 2))
        return usual[fixture_random_below(seed, ARRAY_COUNT(usual))];
    return 1 + fixture_random_below(seed, 600);
}

/* From empty to full. */
static void random_vector(uint64_t *seed, uint8_t *vector, size_t size)
{
    uint64_t density = fixture_random_below(seed, 65);
    for (size_t i = 0; i < size; i++)
        vector[i] = fixture_random_below(seed, 64) < density ? (uint8_t)fixture_random(seed) : 0;
}

Test(cht_prop, every_vector_comes_back_and_never_grows)
{
    uint64_t seed = fixture_seed();
    uint8_t vector[CHT_BLOOM_VECTOR_SIZE_MAX], again[CHT_BLOOM_VECTOR_SIZE_MAX];
    struct buf packed = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = random_size(&seed);
        random_vector(&seed, vector, size);
        buf_clear(&packed);
        buf_add_u8(&packed, 0xaa); /* it appends */
        cht_bloom_compress(&packed, SPAN(vector, size));
        cr_assert_eq(packed.data[0], 0xaa);
        cr_assert_leq(packed.size - 1, size);
        cr_assert(cht_bloom_decompress(again, size, SPAN(packed.data + 1, packed.size - 1)));
        cr_assert(span_equal(SPAN(vector, size), SPAN(again, size)));
    }
    buf_free(&packed);
}

Test(cht_prop, what_is_unpacked_packs_to_the_same_bytes)
{
    uint64_t seed = fixture_seed();
    uint8_t vector[CHT_BLOOM_VECTOR_SIZE_MAX], data[CHT_BLOOM_VECTOR_SIZE_MAX + 1];
    size_t taken = 0;
    struct buf packed = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = random_size(&seed);
        random_vector(&seed, vector, size);
        buf_clear(&packed);
        cht_bloom_compress(&packed, SPAN(vector, size));
        size_t data_size = packed.size;
        if (data_size != 0)
            memcpy(data, packed.data, data_size);
        if (data_size != 0 && fixture_random_below(&seed, 2))
            data[fixture_random_below(&seed, data_size)] ^=
                (uint8_t)(1u << fixture_random_below(&seed, 8));
        else if (data_size != 0 && fixture_random_below(&seed, 2))
            data_size--;
        else
            data[data_size++] = (uint8_t)fixture_random_below(&seed, 3);
        if (!cht_bloom_decompress(vector, size, SPAN(data, data_size)))
            continue;
        taken++;
        buf_clear(&packed);
        cht_bloom_compress(&packed, SPAN(vector, size));
        cr_assert(span_equal(buf_span(&packed), SPAN(data, data_size)));
    }
    cr_assert(taken > 0 && taken < ROUNDS);
    buf_free(&packed);
}
