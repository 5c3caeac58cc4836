#include "gateway/rpc/json.h"
#include "les/base/limits.h"

#include <errno.h>
#include <stdlib.h>

#define BLOCK_SIZE 1024

/* One value. next: while its container is being read. Nodes, lists of children and decoded strings
 * lie in blocks that the root owns. */
struct json_t {
    enum json_kind kind;
    bool truth;
    struct span text; /* a string decoded, a number as it came */
    struct span key;  /* decoded, in an object */
    struct json_t **items, *next;
    size_t count;
};

struct block {
    struct block *next;
    size_t used, size;
    max_align_t data[];
};

/* In front of the root. */
struct tree {
    struct block *blocks;
    size_t nodes;
    struct json_t root;
};

static void *take(struct tree *tree, size_t size)
{
    struct block *block = tree->blocks;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (block == NULL || block->size - block->used < size) {
        size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = mem_realloc(NULL, sizeof *block + capacity); /* not zeroed: the hot path */
        block->next = tree->blocks;
        block->used = 0;
        block->size = capacity;
        tree->blocks = block;
    }
    void *memory = (uint8_t *)block->data + block->used;
    block->used += size;
    return memory;
}

/* raw is without its quotes. */
static struct span decode(struct tree *tree, struct span raw)
{
    struct buf plain = {0};
    size_t at = 0;
    while (at < raw.size && raw.data[at] != '\\' && raw.data[at] < 0x80)
        at++;
    if (at == raw.size)
        return raw;
    json_unescape(&plain, SPAN(raw.data - 1, raw.size + 2));
    uint8_t *kept = take(tree, plain.size + 1);
    if (plain.size > 0)
        memcpy(kept, plain.data, plain.size);
    struct span text = SPAN(kept, plain.size);
    buf_free(&plain);
    return text;
}

/* ---- one pass over text that json_scan accepted; at is the next byte ---- */

static const uint8_t *skip_space(const uint8_t *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        at++;
    return at;
}

/* at is the opening quote; the result is past the closing one. */
static const uint8_t *read_string(struct tree *tree, struct span *out, const uint8_t *at)
{
    const uint8_t *start = ++at;
    for (; *at != '"'; at++)
        at += *at == '\\';
    *out = decode(tree, SPAN(start, (size_t)(at - start)));
    return at + 1;
}

/* With a NUL behind, for strtod. end: of the whole text, a number may be its last bytes. */
static const uint8_t *read_number(struct tree *tree, struct json_t *out, const uint8_t *at,
                                  const uint8_t *end)
{
    const uint8_t *start = at;
    bool whole = true;
    for (; at < end && memchr("+-.eE0123456789", *at, 15) != NULL; at++)
        whole = whole && *at != '.' && *at != 'e' && *at != 'E';
    size_t size = (size_t)(at - start);
    char *text = take(tree, size + 1);
    memcpy(text, start, size);
    text[size] = '\0';
    out->text = SPAN(text, size);
    errno = 0;
    (void)strtoll(text, NULL, 10);
    out->kind = whole && errno == 0 ? JSON_KIND_INTEGER : JSON_KIND_REAL;
    return at;
}

static const uint8_t *read_value(struct tree *tree, struct json_t *out, const uint8_t *at,
                                 const uint8_t *end);

/* NULL: too many values. */
static const uint8_t *read_items(struct tree *tree, struct json_t *out, const uint8_t *at,
                                 const uint8_t *end)
{
    const uint8_t close = *at == '{' ? '}' : ']';
    struct json_t *first = NULL, **link = &first;
    for (at = skip_space(at + 1); *at != close; at = skip_space(at)) {
        struct json_t *child = take(tree, sizeof *child);
        struct span key = SPAN_EMPTY;
        if (++tree->nodes > JSON_NODES_MAX)
            return NULL;
        if (*at == ',')
            at = skip_space(at + 1);
        if (close == '}')
            at = skip_space(skip_space(read_string(tree, &key, at)) + 1);
        at = read_value(tree, child, at, end);
        if (at == NULL)
            return NULL;
        child->key = key;
        *link = child;
        link = &child->next;
        out->count++;
    }
    out->items = take(tree, out->count * sizeof *out->items);
    for (size_t i = 0; i < out->count; i++, first = first->next)
        out->items[i] = first;
    return at + 1;
}

static const uint8_t *read_value(struct tree *tree, struct json_t *out, const uint8_t *at,
                                 const uint8_t *end)
{
    *out = (struct json_t){.kind = JSON_KIND_NULL};
    switch (*at) {
    case '{':
        out->kind = JSON_KIND_OBJECT;
        return read_items(tree, out, at, end);
    case '[':
        out->kind = JSON_KIND_ARRAY;
        return read_items(tree, out, at, end);
    case '"':
        out->kind = JSON_KIND_STRING;
        return read_string(tree, &out->text, at);
    case 't':
    case 'f':
        out->kind = JSON_KIND_BOOL;
        out->truth = *at == 't';
        return at + (out->truth ? 4 : 5);
    case 'n':
        return at + 4;
    default:
        return read_number(tree, out, at, end);
    }
}

static void free_tree(struct tree *tree)
{
    for (struct block *block = tree->blocks, *next; block != NULL; block = next) {
        next = block->next;
        mem_free(block);
    }
}

struct json_t *json_tree(struct span scanned)
{
    struct tree first = {NULL, 1, {.kind = JSON_KIND_NULL}};
    struct tree *tree = take(&first, sizeof *tree);
    *tree = first;
    if (read_value(tree, &tree->root, scanned.data, scanned.data + scanned.size) != NULL)
        return &tree->root;
    free_tree(tree);
    return NULL;
}

struct json_t *json_parse(struct span text)
{
    struct span value, rest;
    if (!json_scan(&value, &rest, text))
        return NULL;
    for (size_t i = 0; i < rest.size; i++)
        if (memchr(" \t\n\r", rest.data[i], 4) == NULL)
            return NULL;
    return json_tree(value);
}

void json_free(struct json_t *value)
{
    if (value != NULL) {
        struct tree copy =
            *container_of(value, struct tree, root); /* it lies in one of the blocks */
        free_tree(&copy);
    }
}

/* ---- reading ---- */

enum json_kind json_kind(const struct json_t *value)
{
    return value == NULL ? JSON_KIND_NULL : value->kind;
}

struct span json_text(const struct json_t *value)
{
    return json_kind(value) == JSON_KIND_STRING ? value->text : SPAN_EMPTY;
}

int64_t json_integer_of(const struct json_t *value)
{
    return json_kind(value) == JSON_KIND_INTEGER ? strtoll((const char *)value->text.data, NULL, 10)
                                                 : 0;
}

double json_real_of(const struct json_t *value)
{
    enum json_kind kind = json_kind(value);
    return kind == JSON_KIND_INTEGER || kind == JSON_KIND_REAL
               ? strtod((const char *)value->text.data, NULL)
               : 0;
}

bool json_bool_of(const struct json_t *value)
{
    return json_kind(value) == JSON_KIND_BOOL && value->truth;
}

size_t json_count(const struct json_t *value)
{
    return value == NULL ? 0 : value->count;
}

struct json_t *json_item(const struct json_t *array, size_t index)
{
    return json_kind(array) == JSON_KIND_ARRAY && index < array->count ? array->items[index] : NULL;
}

struct json_t *json_member(const struct json_t *object, const char *key)
{
    if (json_kind(object) != JSON_KIND_OBJECT)
        return NULL;
    for (size_t i = object->count; i-- > 0;) /* of two the last counts */
        if (span_equal(object->items[i]->key, SPAN_STR(key)))
            return object->items[i];
    return NULL;
}

bool json_each(const struct json_t *object, size_t *position, struct span *key,
               struct json_t **value)
{
    if (json_kind(object) != JSON_KIND_OBJECT || *position == object->count)
        return false;
    *value = object->items[(*position)++];
    *key = (*value)->key;
    return true;
}
