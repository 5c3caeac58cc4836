#include "les/eth/keccak.h"

#define RATE 136

static const uint64_t ROUND_CONSTANTS[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

#define ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

/* theta, rho and pi for one output row: five lanes of `in`, one of each column, one of each input
 * row. */
#define ROW(in, i0, r0, i1, r1, i2, r2, i3, r3, i4, r4)                                            \
    do {                                                                                           \
        b0 = ROTATE((in)[(i0)] ^ d[(i0) % 5], r0);                                                 \
        b1 = ROTATE((in)[(i1)] ^ d[(i1) % 5], r1);                                                 \
        b2 = ROTATE((in)[(i2)] ^ d[(i2) % 5], r2);                                                 \
        b3 = ROTATE((in)[(i3)] ^ d[(i3) % 5], r3);                                                 \
        b4 = ROTATE((in)[(i4)] ^ d[(i4) % 5], r4);                                                 \
    } while (0)

#define CHI(out, row)                                                                              \
    do {                                                                                           \
        (out)[(row) + 0] = b0 ^ (~b1 & b2);                                                        \
        (out)[(row) + 1] = b1 ^ (~b2 & b3);                                                        \
        (out)[(row) + 2] = b2 ^ (~b3 & b4);                                                        \
        (out)[(row) + 3] = b3 ^ (~b4 & b0);                                                        \
        (out)[(row) + 4] = b4 ^ (~b0 & b1);                                                        \
    } while (0)

/* One round from in to out: lanes are numbered x + 5y. Two arrays spare the moves of an in-place
 * round. */
#define ROUND(out, in, constant)                                                                   \
    do {                                                                                           \
        uint64_t b0, b1, b2, b3, b4, c[5], d[5];                                                   \
        c[0] = (in)[0] ^ (in)[5] ^ (in)[10] ^ (in)[15] ^ (in)[20];                                 \
        c[1] = (in)[1] ^ (in)[6] ^ (in)[11] ^ (in)[16] ^ (in)[21];                                 \
        c[2] = (in)[2] ^ (in)[7] ^ (in)[12] ^ (in)[17] ^ (in)[22];                                 \
        c[3] = (in)[3] ^ (in)[8] ^ (in)[13] ^ (in)[18] ^ (in)[23];                                 \
        c[4] = (in)[4] ^ (in)[9] ^ (in)[14] ^ (in)[19] ^ (in)[24];                                 \
        d[0] = c[4] ^ ROTATE(c[1], 1);                                                             \
        d[1] = c[0] ^ ROTATE(c[2], 1);                                                             \
        d[2] = c[1] ^ ROTATE(c[3], 1);                                                             \
        d[3] = c[2] ^ ROTATE(c[4], 1);                                                             \
        d[4] = c[3] ^ ROTATE(c[0], 1);                                                             \
        b0 = (in)[0] ^ d[0];                                                                       \
        b1 = ROTATE((in)[6] ^ d[1], 44);                                                           \
        b2 = ROTATE((in)[12] ^ d[2], 43);                                                          \
        b3 = ROTATE((in)[18] ^ d[3], 21);                                                          \
        b4 = ROTATE((in)[24] ^ d[4], 14);                                                          \
        CHI(out, 0);                                                                               \
        (out)[0] ^= (constant);                                                                    \
        ROW(in, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);                                              \
        CHI(out, 5);                                                                               \
        ROW(in, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);                                                \
        CHI(out, 10);                                                                              \
        ROW(in, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);                                             \
        CHI(out, 15);                                                                              \
        ROW(in, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);                                              \
        CHI(out, 20);                                                                              \
    } while (0)

static inline __attribute__((always_inline)) void rounds(uint64_t state[25])
{
    uint64_t a[25], e[25];
    memcpy(a, state, sizeof a);
    for (int round = 0; round < 24; round += 2) {
        ROUND(e, a, ROUND_CONSTANTS[round]);
        ROUND(a, e, ROUND_CONSTANTS[round + 1]);
    }
    memcpy(state, a, sizeof a);
}

#ifdef __x86_64__
/* and-not and rotation without a copy: a tenth to a quarter less time where the processor has them
 */
__attribute__((target("bmi,bmi2"))) static void permute_bmi(uint64_t state[25])
{
    rounds(state);
}
#endif

static void permute(uint64_t state[25])
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
        permute_bmi(state);
        return;
    }
#endif
    rounds(state);
}

static inline uint64_t load_le64(const uint8_t *data)
{
    uint64_t value;
    memcpy(&value, data, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static void absorb_block(uint64_t state[25], const uint8_t *block)
{
    for (size_t i = 0; i < RATE / 8; i++)
        state[i] ^= load_le64(block + 8 * i);
    permute(state);
}

static inline void xor_byte(uint64_t state[25], size_t offset, uint8_t byte)
{
    state[offset / 8] ^= (uint64_t)byte << 8 * (offset % 8);
}

/* XORs fewer bytes than a block into the state, whole lanes where they line up. */
static void absorb_part(uint64_t state[25], size_t offset, const uint8_t *data, size_t size)
{
    size_t i = 0;
    for (; i < size && (offset + i) % 8 != 0; i++)
        xor_byte(state, offset + i, data[i]);
    for (; i + 8 <= size; i += 8)
        state[(offset + i) / 8] ^= load_le64(data + i);
    for (; i < size; i++)
        xor_byte(state, offset + i, data[i]);
}

static void finish(uint64_t state[25], size_t offset, struct hash32 *out)
{
    xor_byte(state, offset, 0x01);
    xor_byte(state, RATE - 1, 0x80);
    permute(state);
    for (size_t i = 0; i < 4; i++) {
        uint64_t lane = load_le64((const uint8_t *)&state[i]);
        memcpy(out->bytes + 8 * i, &lane, 8);
    }
}

void keccak_init(struct keccak *keccak)
{
    memset(keccak, 0, sizeof *keccak);
}

void keccak_update(struct keccak *keccak, struct span bytes)
{
    const uint8_t *data = bytes.data;
    size_t size = bytes.size;
    if (keccak->offset > 0) {
        size_t part = RATE - keccak->offset;
        if (part > size)
            part = size;
        absorb_part(keccak->state, keccak->offset, data, part);
        keccak->offset += part;
        if (keccak->offset < RATE)
            return;
        permute(keccak->state);
        keccak->offset = 0;
        data += part;
        size -= part;
    }
    for (; size >= RATE; data += RATE, size -= RATE)
        absorb_block(keccak->state, data);
    absorb_part(keccak->state, 0, data, size);
    keccak->offset = size;
}

void keccak_digest(const struct keccak *keccak, struct hash32 *out)
{
    uint64_t state[25];
    memcpy(state, keccak->state, sizeof state);
    finish(state, keccak->offset, out);
}

void keccak256(struct hash32 *out, struct span bytes)
{
    struct keccak keccak;
    keccak_init(&keccak);
    keccak_update(&keccak, bytes);
    finish(keccak.state, keccak.offset, out);
}
