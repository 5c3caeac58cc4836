/* struct evm_precompile_ops of a build with blst and c-kzg. */
#include "les/evm/pre_curves.h"

static enum evm_precompile_result run(const struct evm_precompile_ops *ops, enum evm_precompile id,
                                      struct span input, struct buf *output)
{
    static bool (*const bodies[])(struct span input, struct buf * output) = {
        [EVM_KZG_POINT] = evm_kzg_point,   [EVM_BLS_G1_ADD] = evm_bls_g1_add,
        [EVM_BLS_G1_MSM] = evm_bls_g1_msm, [EVM_BLS_G2_ADD] = evm_bls_g2_add,
        [EVM_BLS_G2_MSM] = evm_bls_g2_msm, [EVM_BLS_PAIRING] = evm_bls_pairing,
        [EVM_BLS_MAP_FP] = evm_bls_map_fp, [EVM_BLS_MAP_FP2] = evm_bls_map_fp2,
    };
    (void)ops;
    ASSERT(id >= EVM_KZG_POINT && id <= EVM_BLS_MAP_FP2);
    return bodies[id](input, output) ? EVM_PRECOMPILE_DONE : EVM_PRECOMPILE_FAILED;
}

const struct evm_precompile_ops *evm_precompile_curves(void)
{
    static const struct evm_precompile_ops ops = {run};
    return &ops;
}
