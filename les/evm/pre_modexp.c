/* Modular exponentiation over GMP: EIP-198; prices of EIP-2565 and EIP-7883; bounds of EIP-7823. */
#include "les/eth/u256.h"
#include "les/evm/precompile_internal.h"

#include <gmp.h>

enum { OSAKA_LENGTH_MAX = 1024 };

struct lengths {
    uint64_t base, exponent, modulus;
    bool base_huge, exponent_huge, modulus_huge; /* beyond 64 bits */
};

static uint64_t length_at(struct span input, uint64_t offset, bool *huge)
{
    uint8_t padded[32];
    struct u256 value;
    u256_from_be(&value, evm_input_part(input, offset, 32, padded));
    *huge |= !u256_fits_u64(&value);
    return value.words[0];
}

static struct lengths lengths_of(struct span input)
{
    struct lengths out = {0};
    out.base = length_at(input, 0, &out.base_huge);
    out.exponent = length_at(input, 32, &out.exponent_huge);
    out.modulus = length_at(input, 64, &out.modulus_huge);
    return out;
}

/* The highest bit of the first 32 bytes of the exponent, and what its further bytes count for. */
static void exponent_size(struct span input, const struct lengths *lengths, unsigned *head_bits,
                          uint64_t *tail)
{
    uint8_t padded[32];
    size_t head = lengths->exponent < 32 ? (size_t)lengths->exponent : 32;
    struct u256 value = u256_from_u64(0);
    if (lengths->base <= UINT64_MAX - 96)
        u256_from_be(&value, evm_input_part(input, 96 + lengths->base, head, padded));
    *head_bits = u256_bit_length(&value);
    *tail = lengths->exponent > 32 ? lengths->exponent - 32 : 0;
}

#define WIDE unsigned __int128

/* EIP-198 */
static WIDE complexity_byzantium(uint64_t x)
{
    WIDE square = (WIDE)x * x;
    if (x <= 64)
        return square;
    return x <= 1024 ? square / 4 + 96 * (WIDE)x - 3072 : square / 16 + 480 * (WIDE)x - 199680;
}

static WIDE complexity_berlin(uint64_t x)
{
    WIDE words = ((WIDE)x + 7) / 8;
    return words * words;
}

/* EIP-7883 */
static WIDE complexity_osaka(uint64_t x)
{
    return x <= 32 ? 16 : 2 * complexity_berlin(x);
}

uint64_t evm_modexp_gas(enum evm_revision revision, struct span input)
{
    struct lengths lengths = lengths_of(input);
    uint64_t least = revision >= EVM_OSAKA ? 500 : revision >= EVM_BERLIN ? 200 : 0;
    uint64_t larger = lengths.base > lengths.modulus ? lengths.base : lengths.modulus, tail;
    unsigned head_bits;
    /* Lengths that no memory holds: the price is beyond all gas, unless there is nothing to
     * multiply. */
    bool operands_huge = lengths.base_huge || lengths.modulus_huge;
    if (!operands_huge && larger == 0 && revision < EVM_OSAKA)
        return least;
    if (operands_huge || lengths.exponent_huge || larger > UINT32_MAX ||
        lengths.exponent > UINT32_MAX)
        return UINT64_MAX;
    exponent_size(input, &lengths, &head_bits, &tail);
    WIDE complexity = revision >= EVM_OSAKA    ? complexity_osaka(larger)
                      : revision >= EVM_BERLIN ? complexity_berlin(larger)
                                               : complexity_byzantium(larger);
    WIDE iterations =
        (WIDE)tail * (revision >= EVM_OSAKA ? 16 : 8) + (head_bits > 0 ? head_bits - 1 : 0);
    if (iterations == 0)
        iterations = 1;
    WIDE gas = complexity * iterations /
               (revision >= EVM_OSAKA    ? 1
                : revision >= EVM_BERLIN ? 3
                                         : 20);
    if (gas > UINT64_MAX)
        return UINT64_MAX;
    return (uint64_t)gas < least ? least : (uint64_t)gas;
}

/* A number of size bytes at offset; bytes after the input's end are zero. */
static void import(mpz_t out, struct span input, uint64_t offset, uint64_t size)
{
    if (offset >= input.size)
        return;
    size_t have = input.size - (size_t)offset;
    if (have > size)
        have = (size_t)size;
    mpz_import(out, have, 1, 1, 1, 0, input.data + offset);
    if (mpz_sgn(out) != 0)
        mpz_mul_2exp(out, out, (mp_bitcnt_t)(8 * (size - have)));
}

static void power(struct span input, const struct lengths *lengths, uint8_t *result)
{
    mpz_t base, exponent, modulus;
    mpz_inits(base, exponent, modulus, NULL);
    import(base, input, 96, lengths->base);
    import(exponent, input, 96 + lengths->base, lengths->exponent);
    import(modulus, input, 96 + lengths->base + lengths->exponent, lengths->modulus);
    if (mpz_sgn(modulus) != 0) {
        mpz_powm(base, base, exponent, modulus);
        if (mpz_sgn(base) != 0)
            mpz_export(result + lengths->modulus - (mpz_sizeinbase(base, 256)), NULL, 1, 1, 1, 0,
                       base);
    }
    mpz_clears(base, exponent, modulus, NULL);
}

bool evm_modexp(enum evm_revision revision, struct span input, struct buf *output)
{
    struct lengths lengths = lengths_of(input);
    if (revision >= EVM_OSAKA &&
        (lengths.base_huge || lengths.exponent_huge || lengths.modulus_huge ||
         lengths.base > OSAKA_LENGTH_MAX || lengths.exponent > OSAKA_LENGTH_MAX ||
         lengths.modulus > OSAKA_LENGTH_MAX))
        return false;
    if (lengths.modulus == 0)
        return true;
    buf_reserve(output, (size_t)lengths.modulus);
    memset(output->data + output->size, 0, (size_t)lengths.modulus);
    power(input, &lengths, output->data + output->size);
    output->size += (size_t)lengths.modulus;
    return true;
}
