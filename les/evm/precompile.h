/* Contracts that are part of the protocol, at addresses 1 to 17 and 0x100: their gas and what they
 * compute. */
#ifndef LES_EVM_PRECOMPILE_H
#define LES_EVM_PRECOMPILE_H

#include "les/eth/crypto.h"
#include "les/eth/crypto_p256.h"
#include "les/evm/revision.h"

enum evm_precompile {
    EVM_PRECOMPILE_NONE = 0,
    EVM_ECRECOVER = 1,
    EVM_SHA256 = 2,
    EVM_RIPEMD160 = 3,
    EVM_IDENTITY = 4,
    EVM_MODEXP = 5,    /* EIP-198, EIP-2565, EIP-7883, EIP-7823 */
    EVM_BN254_ADD = 6, /* EIP-196, EIP-1108 */
    EVM_BN254_MUL = 7,
    EVM_BN254_PAIRING = 8, /* EIP-197 */
    EVM_BLAKE2F = 9,       /* EIP-152 */
    EVM_KZG_POINT = 10,    /* EIP-4844 */
    EVM_BLS_G1_ADD = 11,   /* EIP-2537 */
    EVM_BLS_G1_MSM = 12,
    EVM_BLS_G2_ADD = 13,
    EVM_BLS_G2_MSM = 14,
    EVM_BLS_PAIRING = 15,
    EVM_BLS_MAP_FP = 16,
    EVM_BLS_MAP_FP2 = 17,
    EVM_P256_VERIFY = 256 /* EIP-7951 */
};
const char *evm_precompile_name(enum evm_precompile id);
/* The contract at address under revision's rules, or NONE. */
enum evm_precompile evm_precompile_at(enum evm_revision revision, const struct address20 *address);
void evm_precompile_address(struct address20 *out, enum evm_precompile id);

/* Contracts that somebody moved for a simulation: what differs from the revision. */
struct evm_precompile_move {
    struct address20 address;
    enum evm_precompile id; /* what is there now; NONE: nothing any more */
};
struct evm_precompile_moves {
    const struct evm_precompile_move *rows; /* of two with one address the last counts */
    size_t count;
};
/* The contract at address; moves may be NULL. */
enum evm_precompile evm_precompile_find(enum evm_revision revision,
                                        const struct evm_precompile_moves *moves,
                                        const struct address20 *address);

enum evm_precompile_result { EVM_PRECOMPILE_DONE, EVM_PRECOMPILE_FAILED, EVM_PRECOMPILE_ABSENT };

/* The curves that come from outside libraries (KZG, BLS12-381): ids EVM_KZG_POINT to
 * EVM_BLS_MAP_FP2. Gas is paid before; run checks the input's size and everything in it and appends
 * the output. Must be a pure function. */
struct evm_precompile_ops {
    enum evm_precompile_result (*run)(const struct evm_precompile_ops *ops, enum evm_precompile id,
                                      struct span input, struct buf *output);
};
/* The curves as blst and c-kzg compute them; static. NULL: this build has neither. */
const struct evm_precompile_ops *evm_precompile_curves(void);

/* Gas for input; UINT64_MAX: more than anyone has, or the input cannot be valid. */
uint64_t evm_precompile_gas(enum evm_precompile id, enum evm_revision revision, struct span input);
/* Appends the output. ABSENT: this build has no code for id. */
enum evm_precompile_result evm_precompile_run(enum evm_precompile id, enum evm_revision revision,
                                              const struct crypto *crypto,
                                              const struct evm_precompile_ops *ops,
                                              struct span input, struct buf *output);

/* Why it failed for this input, in go-ethereum's words, as far as the form of the input shows it;
 * NULL: something inside is wrong. */
const char *evm_precompile_fault(enum evm_precompile id, struct span input);

#endif
