/* The precompiles that have a file of their own. False: the call fails. Output is appended. */
#ifndef LES_EVM_PRECOMPILE_INTERNAL_H
#define LES_EVM_PRECOMPILE_INTERNAL_H

#include "les/evm/precompile.h"

/* Copies input[offset..offset+size) to padded, zeros where the input ends early; returns it. */
struct span evm_input_part(struct span input, uint64_t offset, size_t size, uint8_t *padded);

uint64_t evm_modexp_gas(enum evm_revision revision, struct span input);
bool evm_modexp(enum evm_revision revision, struct span input, struct buf *output) WARN_UNUSED;
bool evm_blake2f(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bn254_add(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bn254_mul(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bn254_pairing(struct span input, struct buf *output) WARN_UNUSED;

#endif
