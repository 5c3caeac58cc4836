/* The precompiles that blst and c-kzg compute. In a build with them only. False: the call fails.
 * Output is appended. */
#ifndef LES_EVM_PRE_CURVES_H
#define LES_EVM_PRE_CURVES_H

#include "les/evm/precompile.h"

bool evm_bls_g1_add(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bls_g1_msm(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bls_g2_add(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bls_g2_msm(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bls_pairing(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bls_map_fp(struct span input, struct buf *output) WARN_UNUSED;
bool evm_bls_map_fp2(struct span input, struct buf *output) WARN_UNUSED;
bool evm_kzg_point(struct span input, struct buf *output) WARN_UNUSED;

#endif
