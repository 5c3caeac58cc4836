#include "les/node/full_frame.h"

#include "les/base/limits.h"

_Static_assert(FULL_RESPONSE_DEPTH_MAX <= 64, "full_frame.objects has a bit for each");

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static enum full_frame_state open_bracket(struct full_frame *frame, bool object)
{
    if (frame->depth == FULL_RESPONSE_DEPTH_MAX)
        return FULL_FRAME_LARGE;
    frame->objects = frame->objects << 1 | object;
    frame->depth++;
    frame->values++;
    return FULL_FRAME_MORE;
}

static enum full_frame_state close_bracket(struct full_frame *frame, bool object)
{
    if (frame->depth == 0 || (frame->objects & 1) != object)
        return FULL_FRAME_BAD;
    frame->objects >>= 1;
    frame->depth--;
    return frame->depth == 0 ? FULL_FRAME_DONE : FULL_FRAME_MORE;
}

static enum full_frame_state take(struct full_frame *frame, uint8_t c)
{
    if (frame->in_string) {
        frame->in_string = c != '"' || frame->escaped;
        frame->escaped = c == '\\' && !frame->escaped;
        return FULL_FRAME_MORE;
    }
    switch (c) {
    case '{':
    case '[':
        return open_bracket(frame, c == '{');
    case '}':
    case ']':
        return close_bracket(frame, c == '}');
    default:
        break;
    }
    if (frame->depth == 0)
        return is_blank(c) ? FULL_FRAME_MORE : FULL_FRAME_BAD;
    frame->in_string = c == '"';
    frame->values += c == ',';
    return FULL_FRAME_MORE;
}

enum full_frame_state full_frame_feed(struct full_frame *frame, struct span bytes, size_t *used)
{
    for (*used = 0; *used < bytes.size;) {
        uint8_t c = bytes.data[(*used)++];
        enum full_frame_state state = take(frame, c);
        frame->size += frame->depth > 0;
        if (state == FULL_FRAME_DONE)
            *frame = (struct full_frame){0};
        if (state != FULL_FRAME_MORE)
            return state;
        if (frame->size > FULL_RESPONSE_BYTES_MAX || frame->values > FULL_RESPONSE_VALUES_MAX)
            return FULL_FRAME_LARGE;
    }
    return FULL_FRAME_MORE;
}

bool full_frame_whole(struct span text)
{
    struct full_frame frame = {0};
    size_t used;
    if (full_frame_feed(&frame, text, &used) != FULL_FRAME_DONE)
        return false;
    for (; used < text.size; used++)
        if (!is_blank(text.data[used]))
            return false;
    return true;
}
