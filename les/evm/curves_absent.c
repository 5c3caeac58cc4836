/* A build without blst and c-kzg: what they would do is absent, and says so. */
#include "les/evm/kzg.h"
#include "les/evm/precompile.h"

const struct evm_precompile_ops *evm_precompile_curves(void)
{
    return NULL;
}

struct kzg *kzg_new(void)
{
    return NULL;
}

void kzg_free(struct kzg *kzg)
{
    ASSERT(kzg == NULL);
}

enum kzg_result kzg_check(struct kzg *kzg, const struct tx_sidecar *sidecar)
{
    (void)sidecar;
    ASSERT(kzg == NULL);
    return KZG_ABSENT;
}
