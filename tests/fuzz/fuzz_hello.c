/* Hello and Disconnect as they come off the wire. A Hello that decodes encodes to one that decodes
 * to the same. */
#include "les/p2p/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hello once, twice;
    struct buf out = {0};
    enum peer_reason reason;
    if (hello_decode(&once, SPAN(data, size)) == HELLO_OK) {
        hello_encode(&out, &once);
        ASSERT(hello_decode(&twice, buf_span(&out)) == HELLO_OK);
        ASSERT(memcmp(&once, &twice, sizeof(once)) == 0);
    }
    if (disconnect_decode(&reason, SPAN(data, size)))
        ASSERT((unsigned)reason <= UINT8_MAX && peer_reason_text(reason));
    buf_free(&out);
    return 0;
}
