/* The scanner accepts what the tree parser accepts; walking ends; a string written and read is the
 * same. */
#include "gateway/json.h"
#include "les/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct span value, unsigned depth)
{
    struct span key, item, before = value;
    ASSERT(depth <= JSON_DEPTH_MAX + 1);
    if (value.data[0] != '{' && value.data[0] != '[')
        return;
    while (json_next(&value, &key, &item)) {
        ASSERT(item.size > 0 && value.size < before.size);
        before = value;
        walk(item, depth + 1);
    }
}

static bool is_utf8(struct span text)
{
    for (size_t at = 0; at < text.size;) {
        size_t used = json_utf8_size(text.data + at, text.size - at);
        if (used == 0)
            return false;
        at += used;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = SPAN(data, size), value, rest;
    struct buf written = {0}, read = {0};
    bool scanned = json_scan(&value, &rest, text);
    /* jansson takes a NUL for white space in places; the scanner does not */
    bool plain = size > 0 && size < 4096 && memchr(data, 0, size) == NULL;
    struct json_t *tree = plain ? json_parse(text) : NULL;
    size_t depth = 0, deepest = 0;
    for (size_t i = 0; i < size; i++) {
        depth += data[i] == '[' || data[i] == '{';
        deepest = depth > deepest ? depth : deepest;
    }
    ASSERT(tree == NULL || scanned || deepest > JSON_DEPTH_MAX);
    json_free(tree);
    if (scanned)
        walk(value, 0);
    json_put_string(&written, text);
    ASSERT(json_scan(&value, &rest, buf_span(&written)) && rest.size == 0);
    json_unescape(&read, value);
    ASSERT(is_utf8(buf_span(&read)));
    ASSERT(!is_utf8(text) || span_equal(text, buf_span(&read)));
    buf_free(&written);
    buf_free(&read);
    return 0;
}
