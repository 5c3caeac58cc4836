#include "tests/fuzz/precompile_laws.h"

void laws_run(const struct laws *laws, enum evm_precompile id, struct span input,
              struct buf *output)
{
    ASSERT(evm_precompile_run(id, laws->revision, laws->crypto, laws->ops, input, output) ==
           EVM_PRECOMPILE_DONE);
}

void laws_expect(const struct laws *laws, enum evm_precompile id, struct span input,
                 struct span wanted)
{
    struct buf output = {0};
    laws_run(laws, id, input, &output);
    ASSERT(span_equal(buf_span(&output), wanted));
    buf_free(&output);
}

void laws_expect_failure(const struct laws *laws, enum evm_precompile id, struct span input)
{
    struct buf output = {0};
    ASSERT(evm_precompile_run(id, laws->revision, laws->crypto, laws->ops, input, &output) ==
           EVM_PRECOMPILE_FAILED);
    ASSERT(output.size == 0);
    buf_free(&output);
}

void laws_check(const struct laws *laws, enum evm_precompile id, struct span input,
                struct span output)
{
    switch (id) {
    case EVM_PRECOMPILE_NONE:
        break;
    case EVM_ECRECOVER:
        laws_check_ecrecover(laws, input, output);
        break;
    case EVM_SHA256:
    case EVM_RIPEMD160:
        laws_check_hash(id, input, output);
        break;
    case EVM_IDENTITY:
        ASSERT(span_equal(input, output));
        break;
    case EVM_MODEXP:
        laws_check_modexp(input, output);
        break;
    case EVM_BLAKE2F:
        laws_check_blake2f(input, output);
        break;
    case EVM_BN254_MUL:
        laws_check_mul(laws, input, output);
        break;
    case EVM_BN254_ADD:
    case EVM_BLS_G1_ADD:
    case EVM_BLS_G2_ADD:
        laws_check_add(laws, id, input, output);
        break;
    case EVM_BLS_G1_MSM:
    case EVM_BLS_G2_MSM:
        laws_check_msm(laws, id, input, output);
        break;
    case EVM_BN254_PAIRING:
    case EVM_BLS_PAIRING:
        laws_check_pairing(laws, id, input, output);
        break;
    case EVM_BLS_MAP_FP:
    case EVM_BLS_MAP_FP2:
        laws_check_map(laws, id, input, output);
        break;
    case EVM_KZG_POINT:
        laws_check_kzg(laws, input);
        break;
    case EVM_P256_VERIFY:
        laws_check_p256(laws, input, output);
        break;
    }
}

void laws_make(const struct laws *laws, enum evm_precompile id, struct span seed, struct buf *input,
               struct buf *wanted)
{
    switch (id) {
    case EVM_PRECOMPILE_NONE:
        break;
    case EVM_ECRECOVER:
        laws_make_ecrecover(laws, seed, input, wanted);
        break;
    case EVM_SHA256:
    case EVM_RIPEMD160:
    case EVM_IDENTITY:
    case EVM_BLS_MAP_FP:
    case EVM_BLS_MAP_FP2:
        buf_add_span(input, seed);
        break;
    case EVM_MODEXP:
        laws_make_modexp(seed, input);
        break;
    case EVM_BLAKE2F:
        laws_make_blake2f(seed, input);
        break;
    case EVM_BN254_ADD:
    case EVM_BN254_MUL:
    case EVM_BN254_PAIRING:
    case EVM_BLS_G1_ADD:
    case EVM_BLS_G1_MSM:
    case EVM_BLS_G2_ADD:
    case EVM_BLS_G2_MSM:
    case EVM_BLS_PAIRING:
        laws_make_points(laws, id, seed, input, wanted);
        break;
    case EVM_KZG_POINT:
        laws_make_kzg(laws, seed, input, wanted);
        break;
    case EVM_P256_VERIFY:
        laws_make_p256(seed, input, wanted);
        break;
    }
}
