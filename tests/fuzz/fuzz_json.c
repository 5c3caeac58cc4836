/* The scanner accepts what the tree parser accepts; walking ends; a string written and read is the
 * same. */
#include "gateway/rpc/json.h"
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

/* The tree says what the walk says. */
static void compare(const struct json_t *tree, struct span value)
{
    struct span cursor = value, key, item;
    size_t index = 0;
    enum json_kind kind = json_kind(tree);
    ASSERT((kind == JSON_KIND_OBJECT) == (value.data[0] == '{') &&
           (kind == JSON_KIND_ARRAY) == (value.data[0] == '['));
    ASSERT((kind == JSON_KIND_STRING) == (value.data[0] == '"'));
    if (kind != JSON_KIND_ARRAY && kind != JSON_KIND_OBJECT)
        return;
    for (; json_next(&cursor, &key, &item); index++)
        if (kind == JSON_KIND_ARRAY)
            compare(json_item(tree, index), item);
    ASSERT(index == json_count(tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = SPAN(data, size), value, rest;
    struct buf written = {0}, read = {0};
    if (json_scan(&value, &rest, text)) {
        walk(value, 0);
        uint8_t *alone = mem_copy(value); /* so that reading past the end is seen */
        struct json_t *tree = json_tree(SPAN(alone, value.size));
        ASSERT(tree != NULL || value.size > JSON_NODES_MAX);
        if (tree != NULL)
            compare(tree, value);
        json_free(tree);
        mem_free(alone);
    } else {
        struct json_t *tree = json_parse(text);
        ASSERT(tree == NULL);
    }
    json_put_string(&written, text);
    ASSERT(json_scan(&value, &rest, buf_span(&written)) && rest.size == 0);
    json_unescape(&read, value);
    ASSERT(is_utf8(buf_span(&read)));
    ASSERT(!is_utf8(text) || span_equal(text, buf_span(&read)));
    buf_free(&written);
    buf_free(&read);
    return 0;
}
