#include "les/eth/types.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

const struct hash32 HASH32_ZERO = {{0}};

#define EMPTY_TRIE_ROOT_BYTES                                                                      \
    {                                                                                              \
        0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8,  \
            0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3,    \
            0x63, 0xb4, 0x21                                                                       \
    }
#define EMPTY_CODE_HASH_BYTES                                                                      \
    {                                                                                              \
        0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03,  \
            0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d,    \
            0x85, 0xa4, 0x70                                                                       \
    }
#define EMPTY_UNCLES_HASH_BYTES                                                                    \
    {                                                                                              \
        0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4,  \
            0x1a, 0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40,    \
            0xd4, 0x93, 0x47                                                                       \
    }

const struct hash32 EMPTY_TRIE_ROOT = {EMPTY_TRIE_ROOT_BYTES};
const struct hash32 EMPTY_CODE_HASH = {EMPTY_CODE_HASH_BYTES};
const struct hash32 EMPTY_UNCLES_HASH = {EMPTY_UNCLES_HASH_BYTES};
const struct account ACCOUNT_EMPTY = {
    .storage_root = {EMPTY_TRIE_ROOT_BYTES},
    .code_hash = {EMPTY_CODE_HASH_BYTES},
};

void buf_add_address(struct buf *out, const struct address20 *address)
{
    char digits[40];
    struct hash32 hash;
    hex_encode(digits, SPAN(address->bytes, 20));
    keccak256(&hash, SPAN(digits, sizeof digits));
    for (size_t i = 0; i < sizeof digits; i++) {
        unsigned nibble = hash.bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
        if (digits[i] >= 'a' && nibble >= 8)
            digits[i] = (char)(digits[i] - 'a' + 'A');
    }
    buf_add_str(out, "0x");
    buf_add(out, digits, sizeof digits);
}

bool account_decode(struct account *account, struct span rlp)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    account->nonce = rlp_u64(&list);
    rlp_u256(&list, &account->balance);
    rlp_fixed(&list, account->storage_root.bytes, 32);
    rlp_fixed(&list, account->code_hash.bytes, 32);
    if (rlp_end(&list) && rlp_end(&outer))
        return true;
    memset(account, 0, sizeof *account);
    return false;
}

void account_encode(struct buf *out, const struct account *account)
{
    size_t mark = rlp_list_begin(out);
    rlp_add_u64(out, account->nonce);
    rlp_add_u256(out, &account->balance);
    rlp_add_hash(out, &account->storage_root);
    rlp_add_hash(out, &account->code_hash);
    rlp_list_end(out, mark);
}
