/* Contract code ready to run: padded so that the interpreter may read past the end, jump
 * destinations marked. Shared by reference count within one thread. */
#ifndef LES_EVM_CODE_H
#define LES_EVM_CODE_H

#include "les/eth/types.h"

#define EVM_CODE_PADDING 33 /* a PUSH32 as the last byte, and a STOP after its data */

struct evm_code {
    uint32_t references;
    struct hash32 hash; /* zero for initcode */
    size_t size;
    const uint8_t *bytes;   /* size bytes of code, then EVM_CODE_PADDING zeros */
    const uint8_t *targets; /* bit i: byte i is a JUMPDEST and not push data */
};

/* Copies and analyses bytes. hash may be NULL. The caller holds one reference. */
struct evm_code *evm_code_new(struct span bytes, const struct hash32 *hash);
struct evm_code *evm_code_hold(struct evm_code *code);
void evm_code_release(struct evm_code *code); /* NULL is legal */

static inline bool evm_code_is_target(const struct evm_code *code, uint64_t at)
{
    return at < code->size && (code->targets[at / 8] >> (at % 8) & 1) != 0;
}

/* Analysed code by its hash, at most bytes_max of it; when full, what nobody else holds is dropped.
 * One thread. */
struct evm_code_cache;
struct evm_code_cache *evm_code_cache_new(size_t bytes_max);
void evm_code_cache_free(struct evm_code_cache *cache);
/* NULL: not there. The caller gets a reference. */
struct evm_code *evm_code_cache_get(struct evm_code_cache *cache, const struct hash32 *hash);
void evm_code_cache_put(struct evm_code_cache *cache,
                        struct evm_code *code); /* takes its own reference */

/* EIP-7702: code that is exactly 0xef0100 || address. */
bool evm_code_delegate(struct span code, struct address20 *target);
#define EVM_DELEGATION_SIZE 23

#endif
