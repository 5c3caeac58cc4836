/* The parsers of les/base: endpoints and hex. What parses must format to something that parses to
 * the same. */
#include "les/base/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_endpoint(const char *text)
{
    struct endpoint first, second;
    char formatted[ENDPOINT_TEXT_SIZE];
    if (!endpoint_parse(&first, text))
        return;
    endpoint_format(formatted, &first);
    ASSERT(endpoint_parse(&second, formatted));
    ASSERT(memcmp(first.ip, second.ip, sizeof(first.ip)) == 0 && first.port == second.port);
}

static void try_hex(const char *text, size_t size)
{
    struct buf decoded = {0}, encoded = {0}, again = {0};
    if (hex_decode(&decoded, text, size)) {
        buf_add_hex0x(&encoded, buf_span(&decoded));
        ASSERT(hex_decode(&again, (const char *)encoded.data, encoded.size));
        ASSERT(span_equal(buf_span(&decoded), buf_span(&again)));
        uint8_t *exact = mem_alloc(decoded.size);
        ASSERT(hex_decode_exact(exact, decoded.size, text, size));
        ASSERT(span_equal(SPAN(exact, decoded.size), buf_span(&decoded)));
        mem_free(exact);
    } else {
        ASSERT(decoded.size == 0);
        uint8_t exact[4] = {1, 1, 1, 1};
        ASSERT(!hex_decode_exact(exact, sizeof(exact), text, size));
        ASSERT(be_read(exact, sizeof(exact)) == 0);
    }
    buf_free(&decoded);
    buf_free(&encoded);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size + 1);
    if (size != 0)
        memcpy(text, data, size);
    try_endpoint(text);
    try_hex((const char *)data, size);
    mem_free(text);
    return 0;
}
