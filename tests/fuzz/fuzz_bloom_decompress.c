/* Two bytes for the size of the vector, the rest is its packed form. What unpacks must pack to the
 * same bytes. */
#include "les/eth/cht.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint8_t vector[CHT_BLOOM_VECTOR_SIZE_MAX];
    size_t vector_size = (size_t)be_read(data, 2) % sizeof(vector) + 1;
    struct span packed = SPAN(data + 2, size - 2);
    if (cht_bloom_decompress(vector, vector_size, packed)) {
        struct buf again = {0};
        cht_bloom_compress(&again, SPAN(vector, vector_size));
        ASSERT(span_equal(buf_span(&again), packed));
        buf_free(&again);
    }
    return 0;
}
