/* Every precompile. First byte: revision, its top bit: the rest is no input but the seed of a valid
 * one; second: which one. FUZZ_PRECOMPILE, where it is defined, stands above the second byte.
 *
 * What gas up to a limit pays for must end, must be the same twice, must add nothing when it fails,
 * and must keep the laws of precompile_laws.h. */
#include "tests/fuzz/precompile_laws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GAS_MAX = 300000, SEED_MAX = 1024 };

static enum evm_precompile chosen(uint8_t byte)
{
#ifdef FUZZ_PRECOMPILE
    (void)byte;
    return (enum evm_precompile)FUZZ_PRECOMPILE;
#else
    unsigned which = byte % 18u;
    return which == 0 ? EVM_P256_VERIFY : (enum evm_precompile)which;
#endif
}

static void run_twice(const struct laws *laws, enum evm_precompile id, struct span input,
                      struct span wanted)
{
    struct buf one = {0}, two = {0};
    buf_add_str(&two, "before");
    enum evm_precompile_result first = evm_precompile_run(id, laws->revision, laws->crypto,
                                                          laws->ops, input, &one),
                               second = evm_precompile_run(id, laws->revision, laws->crypto,
                                                           laws->ops, input, &two);
    ASSERT(first == second && first != EVM_PRECOMPILE_ABSENT);
    ASSERT(span_equal(buf_span(&one), SPAN(two.data + 6, two.size - 6)));
    ASSERT(first == EVM_PRECOMPILE_DONE || one.size == 0);
    ASSERT(wanted.size == 0 || span_equal(buf_span(&one), wanted));
    if (first == EVM_PRECOMPILE_DONE)
        laws_check(laws, id, input, buf_span(&one));
    buf_free(&one);
    buf_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crypto *crypto; /* slow to make; lives as long as the process */
    uint8_t seed[32] = {6};
    if (size < 2)
        return 0;
    if (crypto == NULL)
        crypto = crypto_new(seed);
    struct laws laws = {.revision = (enum evm_revision)((data[0] & 0x7f) % EVM_REVISION_COUNT),
                        .crypto = crypto,
                        .ops = evm_precompile_curves()};
    enum evm_precompile id = chosen(data[1]);
    struct span input = SPAN(data + 2, size - 2);
    struct buf made = {0}, wanted = {0};
    if (laws.ops == NULL && id >= EVM_KZG_POINT && id <= EVM_BLS_MAP_FP2) {
        ASSERT(evm_precompile_run(id, laws.revision, crypto, NULL, input, &made) ==
               EVM_PRECOMPILE_ABSENT);
        return 0;
    }
    if ((data[0] & 0x80) != 0 && input.size <= SEED_MAX) {
        laws_make(&laws, id, input, &made, &wanted);
        input = buf_span(&made);
    }
    if (evm_precompile_gas(id, laws.revision, input) <= GAS_MAX)
        run_twice(&laws, id, input, buf_span(&wanted));
    buf_free(&made);
    buf_free(&wanted);
    return 0;
}
