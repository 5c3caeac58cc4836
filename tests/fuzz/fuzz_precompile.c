/* Every precompile over any input. First byte: revision, second: which one. What gas up to a limit
 * pays for must end, must be the same twice, and must add nothing when it fails. */
#include "les/evm/precompile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GAS_MAX = 300000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t seed[32] = {6};
    struct buf one = {0}, two = {0};
    if (size < 2)
        return 0;
    enum evm_revision revision = (enum evm_revision)(data[0] % EVM_REVISION_COUNT);
    unsigned which = data[1] % 18u;
    enum evm_precompile id = which == 0 ? EVM_P256_VERIFY : (enum evm_precompile)which;
    struct span input = SPAN(data + 2, size - 2);
    if (evm_precompile_gas(id, revision, input) > GAS_MAX)
        return 0;
    static struct crypto *crypto; /* slow to make; lives as long as the process */
    if (crypto == NULL)
        crypto = crypto_new(seed);
    enum evm_precompile_result first = evm_precompile_run(id, revision, crypto, NULL, input, &one);
    enum evm_precompile_result second = evm_precompile_run(id, revision, crypto, NULL, input, &two);
    ASSERT(first == second);
    ASSERT(span_equal(buf_span(&one), buf_span(&two)));
    ASSERT(first == EVM_PRECOMPILE_DONE || one.size == 0);
    ASSERT((first == EVM_PRECOMPILE_ABSENT) == (id >= EVM_KZG_POINT && id <= EVM_BLS_MAP_FP2));
    buf_free(&one);
    buf_free(&two);
    return 0;
}
