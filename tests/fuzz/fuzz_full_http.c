/* HTTP responses: the cut does not matter, limits hold. The first byte chooses the size of pieces.
 */
#include "les/base/limits.h"
#include "les/node/full_frame.h"
#include "les/node/full_http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum full_http_state feed(struct full_http *http, struct span text, size_t piece,
                                 size_t *total)
{
    enum full_http_state state = FULL_HTTP_MORE;
    *total = 0;
    while (*total < text.size && state == FULL_HTTP_MORE) {
        size_t used, take = text.size - *total < piece ? text.size - *total : piece;
        uint8_t *copy = mem_copy(SPAN(text.data + *total, take));
        state = full_http_feed(http, SPAN(copy, take), &used);
        ASSERT(used <= take && (state != FULL_HTTP_MORE || used == take));
        mem_free(copy);
        *total += used;
    }
    return state;
}

static void frames(struct span text, size_t piece)
{
    struct full_frame frame = {0};
    enum full_frame_state state = FULL_FRAME_MORE;
    for (size_t at = 0; at < text.size && state <= FULL_FRAME_DONE;) {
        size_t used, take = text.size - at < piece ? text.size - at : piece;
        state = full_frame_feed(&frame, SPAN(text.data + at, take), &used);
        ASSERT(used > 0 && used <= take && frame.depth <= FULL_RESPONSE_DEPTH_MAX);
        at += used;
    }
    if (full_frame_whole(text))
        ASSERT(text.size >= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct full_http whole = {0}, cut = {0};
    struct span text = SPAN(data + 1, size - 1);
    size_t a, b, piece = 1 + data[0] % 32u;
    enum full_http_state at_once = feed(&whole, text, text.size + 1, &a);
    enum full_http_state in_pieces = feed(&cut, text, piece, &b);
    ASSERT(at_once == in_pieces);
    ASSERT(whole.head.size <= FULL_HTTP_HEAD_MAX && whole.body.size <= text.size);
    if (at_once == FULL_HTTP_DONE) {
        ASSERT(a == b && whole.status == cut.status && whole.keep_alive == cut.keep_alive);
        ASSERT(span_equal(buf_span(&whole.body), buf_span(&cut.body)));
        full_http_reset(&whole);
        ASSERT(full_http_idle(&whole));
    } else if (at_once == FULL_HTTP_MORE) {
        ASSERT(full_http_finish(&whole) == full_http_finish(&cut));
    }
    full_http_free(&whole);
    full_http_free(&cut);
    frames(text, piece);
    return 0;
}
