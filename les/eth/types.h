/* Fixed-size values of Ethereum. The size stands in each name that is an array. */
#ifndef LES_ETH_TYPES_H
#define LES_ETH_TYPES_H

#include "les/base/bytes.h"

struct hash32 {
    uint8_t bytes[32];
};
struct address20 {
    uint8_t bytes[20];
};
struct bloom256 {
    uint8_t bytes[256];
};
/* 256-bit integer, least significant word first. */
struct u256 {
    uint64_t words[4];
};

extern const struct hash32 HASH32_ZERO;
extern const struct hash32 EMPTY_TRIE_ROOT;   /* keccak(0x80) */
extern const struct hash32 EMPTY_CODE_HASH;   /* keccak("") */
extern const struct hash32 EMPTY_UNCLES_HASH; /* keccak(0xc0) */

static inline bool hash32_equal(const struct hash32 *a, const struct hash32 *b)
{
    return memcmp(a->bytes, b->bytes, 32) == 0;
}
static inline bool hash32_is_zero(const struct hash32 *a)
{
    return hash32_equal(a, &HASH32_ZERO);
}
static inline bool address20_equal(const struct address20 *a, const struct address20 *b)
{
    return memcmp(a->bytes, b->bytes, 20) == 0;
}

/* With 0x and the letters of EIP-55, as go-ethereum prints addresses in texts. */
void buf_add_address(struct buf *out, const struct address20 *address);

/* A state-trie leaf: RLP [nonce, balance, storage root, code hash]. */
struct account {
    uint64_t nonce;
    struct u256 balance;
    struct hash32 storage_root;
    struct hash32 code_hash;
};
/* Strict. False: account is zeroed. */
bool account_decode(struct account *account, struct span rlp) WARN_UNUSED;
void account_encode(struct buf *out, const struct account *account);
/* What an absent account reads as: zero balance and nonce, no code, empty storage. */
extern const struct account ACCOUNT_EMPTY;

#endif
