/* 256-bit unsigned arithmetic modulo 2^256, as the EVM defines it (Yellow Paper, appendix H). No
 * heap, no branches on secrets promised. Out parameters may alias inputs. */
#ifndef LES_ETH_U256_H
#define LES_ETH_U256_H

#include "les/eth/types.h"

static inline struct u256 u256_from_u64(uint64_t value)
{
    return (struct u256){{value, 0, 0, 0}};
}
static inline bool u256_is_zero(const struct u256 *a)
{
    return (a->words[0] | a->words[1] | a->words[2] | a->words[3]) == 0;
}
static inline bool u256_fits_u64(const struct u256 *a)
{
    return (a->words[1] | a->words[2] | a->words[3]) == 0;
}
static inline bool u256_equal(const struct u256 *a, const struct u256 *b)
{
    return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
            (a->words[2] ^ b->words[2]) | (a->words[3] ^ b->words[3])) == 0;
}
int u256_compare(const struct u256 *a, const struct u256 *b); /* <0, 0, >0 */
unsigned u256_bit_length(const struct u256 *a);
unsigned u256_byte_length(const struct u256 *a); /* 0 for zero */

bool u256_add(struct u256 *out, const struct u256 *a,
              const struct u256 *b); /* true: it overflowed */
bool u256_sub(struct u256 *out, const struct u256 *a,
              const struct u256 *b); /* true: it went below zero */
bool u256_mul(struct u256 *out, const struct u256 *a,
              const struct u256 *b); /* true: it overflowed */
void u256_div(struct u256 *out, const struct u256 *a, const struct u256 *b); /* by zero: 0 */
void u256_mod(struct u256 *out, const struct u256 *a, const struct u256 *b); /* by zero: 0 */
void u256_divmod(struct u256 *quotient, struct u256 *remainder, const struct u256 *a,
                 const struct u256 *b);
void u256_sdiv(struct u256 *out, const struct u256 *a, const struct u256 *b);
void u256_smod(struct u256 *out, const struct u256 *a, const struct u256 *b);
void u256_addmod(struct u256 *out, const struct u256 *a, const struct u256 *b,
                 const struct u256 *m);
void u256_mulmod(struct u256 *out, const struct u256 *a, const struct u256 *b,
                 const struct u256 *m);
void u256_exp(struct u256 *out, const struct u256 *base, const struct u256 *exponent);
void u256_signextend(struct u256 *out, const struct u256 *byte_index, const struct u256 *a);
int u256_scompare(const struct u256 *a, const struct u256 *b);
void u256_shl(struct u256 *out, const struct u256 *a, unsigned bits); /* bits >= 256: 0 */
void u256_shr(struct u256 *out, const struct u256 *a, unsigned bits);
void u256_sar(struct u256 *out, const struct u256 *a, unsigned bits);

void u256_from_be(struct u256 *out,
                  struct span bytes); /* at most 32 bytes, shorter ones are padded on the left */
void u256_to_be32(uint8_t out32[32], const struct u256 *a);

/* Decimal and hex text. The parsers take the whole text; false: out is zero. */
bool u256_parse_decimal(struct u256 *out, struct span text) WARN_UNUSED;
bool u256_parse_hex(struct u256 *out, struct span text)
    WARN_UNUSED; /* with 0x, 1 to 64 digits, leading zeros allowed */
void buf_add_u256_decimal(struct buf *buf, const struct u256 *a);
void buf_add_u256_hex(struct buf *buf, const struct u256 *a); /* JSON-RPC quantity: 0x0, 0x1f */

#endif
