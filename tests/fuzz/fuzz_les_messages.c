/* The first byte is the message code, the rest its payload. What decodes must encode to something
 * that decodes to the same bytes: decode, encode, decode, encode. */
#include "les/proto/wire.h"
#include "tests/fixture/les_roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buf once = {0}, twice = {0};
    unsigned code = data[0];
    struct span payload = SPAN(data + 1, size - 1);
    if (les_roundtrip(&once, code, payload)) {
        ASSERT(les_roundtrip(&twice, code, buf_span(&once)));
        ASSERT(span_equal(buf_span(&once), buf_span(&twice)));
        if (code != LES_STATUS &&
            code != LES_ANNOUNCE) /* unknown keys are dropped, the order of keys is ours */
            ASSERT(span_equal(buf_span(&once), payload));
    }
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
