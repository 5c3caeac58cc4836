/* The published vectors of EIP-2537 (assets/eip-2537 of ethereum/EIPs, CC0; those of up to 4,000
 * bytes of input) and of verify_kzg_proof (consensus-spec-tests, as c-kzg-4844 carries them, CC0;
 * those with inputs of the right size, the versioned hash added), in curves.json: output null means
 * that the call fails. */
#include "les/evm/precompile.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(curves, .fini = fixture_leak_gate, .timeout = 600);

static void check(const json_t *row, const struct evm_precompile_ops *ops)
{
    const char *name = json_string_value(json_object_get(row, "name"));
    enum evm_precompile id = (enum evm_precompile)json_integer_value(json_object_get(row, "id"));
    const json_t *wanted = json_object_get(row, "output"), *gas = json_object_get(row, "gas");
    struct buf input = fixture_hex(json_string_value(json_object_get(row, "input"))), output = {0};
    enum evm_precompile_result result =
        evm_precompile_run(id, EVM_PRAGUE, NULL, ops, buf_span(&input), &output);
    if (json_is_null(wanted)) {
        cr_assert_eq(result, EVM_PRECOMPILE_FAILED, "%s must fail", name);
        cr_assert_eq(output.size, 0, "%s", name);
    } else {
        cr_assert_eq(result, EVM_PRECOMPILE_DONE, "%s failed", name);
        fixture_expect_hex(buf_span(&output), json_string_value(wanted));
    }
    if (gas != NULL)
        cr_assert_eq(evm_precompile_gas(id, EVM_PRAGUE, buf_span(&input)),
                     (uint64_t)json_integer_value(gas), "%s: gas", name);
    buf_free(&input);
    buf_free(&output);
}

static void check_all(enum evm_precompile id, size_t least)
{
    const struct evm_precompile_ops *ops = evm_precompile_curves();
    if (ops == NULL)
        cr_skip_test("this build has no c-kzg");
    json_t *rows = fixture_json(SOURCE_DIR "/tests/vectors/curves.json"), *row;
    struct tally tally = {.name = evm_precompile_name(id)};
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (json_integer_value(json_object_get(row, "id")) != (json_int_t)id)
            continue;
        check(row, ops);
        tally_run(&tally);
    }
    json_decref(rows);
    cr_assert_geq(tally.run_count, least);
    tally_end(&tally);
}

#define VECTORS(name, id, least)                                                                   \
    Test(curves, name)                                                                             \
    {                                                                                              \
        check_all(id, least);                                                                      \
    }
VECTORS(kzg_point_evaluation, EVM_KZG_POINT, 100)
VECTORS(g1_add, EVM_BLS_G1_ADD, 16)
VECTORS(g1_msm, EVM_BLS_G1_MSM, 40)
VECTORS(g2_add, EVM_BLS_G2_ADD, 16)
VECTORS(g2_msm, EVM_BLS_G2_MSM, 27)
VECTORS(pairing, EVM_BLS_PAIRING, 39)
VECTORS(map_fp, EVM_BLS_MAP_FP, 10)
VECTORS(map_fp2, EVM_BLS_MAP_FP2, 10)
