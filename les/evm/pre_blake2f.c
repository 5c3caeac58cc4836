/* The compression function F of BLAKE2b with a number of rounds (EIP-152, RFC 7693). */
#include "les/evm/precompile_internal.h"

static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                               0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                               0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const uint8_t sigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                      {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                      {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                      {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                      {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                      {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                      {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                      {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                      {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                      {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static uint64_t little_endian(const uint8_t *data)
{
    uint64_t value;
    memcpy(&value, data, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value >> bits | value << (64 - bits);
}

#define INLINE static inline __attribute__((always_inline))

INLINE void quarter(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

/* Inlined with a constant r, so that v stays in registers and the order of m is known. */
INLINE void one_round(uint64_t v[16], const uint64_t m[16], int r)
{
    const uint8_t *s = sigma[r];
    quarter(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    quarter(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    quarter(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    quarter(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
    quarter(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    quarter(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    quarter(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    quarter(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}

static void all_rounds(uint64_t state[16], const uint64_t m[16], uint32_t rounds)
{
    uint64_t v[16];
    memcpy(v, state, sizeof v);
    for (; rounds >= 10; rounds -= 10)
#pragma GCC unroll 10
        for (int r = 0; r < 10; r++)
            one_round(v, m, r);
#pragma GCC unroll 10
    for (int r = 0; r < 9; r++)
        if ((uint32_t)r < rounds)
            one_round(v, m, r);
    memcpy(state, v, sizeof v);
}

/* rounds[4] h[64] m[128] t[16] final[1]; rounds is big endian, the rest little. */
bool evm_blake2f(struct span input, struct buf *output)
{
    if (input.size != 213 || input.data[212] > 1)
        return false;
    uint64_t h[8], m[16], v[16];
    uint32_t rounds = (uint32_t)be_read(input.data, 4);
    for (size_t i = 0; i < 8; i++)
        h[i] = little_endian(input.data + 4 + 8 * i);
    for (size_t i = 0; i < 16; i++)
        m[i] = little_endian(input.data + 68 + 8 * i);
    memcpy(v, h, sizeof h);
    memcpy(v + 8, iv, sizeof iv);
    v[12] ^= little_endian(input.data + 196);
    v[13] ^= little_endian(input.data + 204);
    if (input.data[212] == 1)
        v[14] = ~v[14];
    all_rounds(v, m, rounds);
    for (size_t i = 0; i < 8; i++) {
        h[i] ^= v[i] ^ v[i + 8];
        for (unsigned j = 0; j < 8; j++)
            buf_add_u8(output, (uint8_t)(h[i] >> (8 * j)));
    }
    return true;
}
