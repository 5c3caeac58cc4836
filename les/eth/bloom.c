#include "les/eth/receipt.h"

#include "les/eth/keccak.h"

void bloom_bits(unsigned out3[3], struct span item)
{
    struct hash32 hash;
    keccak256(&hash, item);
    for (size_t i = 0; i < 3; i++)
        out3[i] = (unsigned)be_read(hash.bytes + 2 * i, 2) % 2048;
}

void bloom_add(struct bloom256 *bloom, struct span item)
{
    unsigned bits[3];
    bloom_bits(bits, item);
    for (int i = 0; i < 3; i++)
        bloom->bytes[255 - bits[i] / 8] |= (uint8_t)(1u << bits[i] % 8);
}

bool bloom_may_contain(const struct bloom256 *bloom, struct span item)
{
    unsigned bits[3];
    bloom_bits(bits, item);
    for (int i = 0; i < 3; i++)
        if ((bloom->bytes[255 - bits[i] / 8] >> bits[i] % 8 & 1) == 0)
            return false;
    return true;
}
