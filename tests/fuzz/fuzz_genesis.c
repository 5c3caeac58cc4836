/* Any bytes as a genesis.json: an error with a text, or a genesis that can be built. */
#include "conf/genesis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct genesis *genesis;
    struct buf error = {0};
    struct hash32 first;
    if (genesis_parse(&genesis, SPAN(data, size), "fuzz", &error) == STATUS_OK) {
        genesis_build(genesis, NULL);
        first = genesis->spec.genesis_hash;
        genesis_build(genesis, NULL);
        ASSERT(hash32_equal(&first, &genesis->spec.genesis_hash));
        ASSERT(error.size == 0);
        genesis_free(genesis);
    } else {
        ASSERT(genesis == NULL && error.size > 0);
    }
    buf_free(&error);
    return 0;
}
