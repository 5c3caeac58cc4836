#include "gateway/json.h"

#include "les/base/limits.h"

#include <jansson.h>

/* ---- scanning ---- */

struct scan {
    const uint8_t *at, *end;
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool is_digit(const struct scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool is_hex_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool scan_string(struct scan *scan)
{
    for (scan->at++; scan->at < scan->end; scan->at++) {
        uint8_t c = *scan->at;
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (++scan->at == scan->end)
            return false;
        c = *scan->at;
        if (c != 'u') {
            if (c == 0 || strchr("\"\\/bfnrt", c) == NULL)
                return false;
            continue;
        }
        for (int i = 0; i < 4; i++)
            if (++scan->at == scan->end || !is_hex_digit(*scan->at))
                return false;
    }
    return false;
}

static bool scan_digits(struct scan *scan)
{
    if (!is_digit(scan))
        return false;
    while (is_digit(scan))
        scan->at++;
    return true;
}

static bool scan_number(struct scan *scan)
{
    if (*scan->at == '-')
        scan->at++;
    if (scan->at < scan->end && *scan->at == '0')
        scan->at++;
    else if (!scan_digits(scan))
        return false;
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return false;
    scan->at += size;
    return true;
}

static bool scan_value(struct scan *scan, unsigned depth);

/* After the opening bracket. */
static bool scan_members(struct scan *scan, unsigned depth, uint8_t close)
{
    scan->at++;
    skip_space(scan);
    if (scan->at < scan->end && *scan->at == close) {
        scan->at++;
        return true;
    }
    for (;;) {
        skip_space(scan);
        if (close == '}') {
            if (scan->at == scan->end || *scan->at != '"' || !scan_string(scan))
                return false;
            skip_space(scan);
            if (scan->at == scan->end || *scan->at++ != ':')
                return false;
            skip_space(scan);
        }
        if (!scan_value(scan, depth + 1))
            return false;
        skip_space(scan);
        if (scan->at == scan->end)
            return false;
        uint8_t c = *scan->at++;
        if (c == close)
            return true;
        if (c != ',')
            return false;
    }
}

static bool scan_value(struct scan *scan, unsigned depth)
{
    if (scan->at == scan->end || depth > JSON_DEPTH_MAX)
        return false;
    switch (*scan->at) {
    case '{':
        return scan_members(scan, depth, '}');
    case '[':
        return scan_members(scan, depth, ']');
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

bool json_scan(struct span *value, struct span *rest, struct span text)
{
    struct scan scan = {text.data, text.data + text.size};
    *value = *rest = SPAN_EMPTY;
    if (text.size == 0)
        return false;
    skip_space(&scan);
    const uint8_t *start = scan.at;
    if (!scan_value(&scan, 0))
        return false;
    *value = SPAN(start, (size_t)(scan.at - start));
    *rest = SPAN(scan.at, (size_t)(scan.end - scan.at));
    return true;
}

bool json_next(struct span *cursor, struct span *key, struct span *value)
{
    *key = *value = SPAN_EMPTY;
    if (cursor->size == 0)
        return false;
    struct scan scan = {cursor->data + 1,
                        cursor->data + cursor->size}; /* past the bracket or the comma */
    struct span item, rest;
    skip_space(&scan);
    if (scan.at == scan.end || *scan.at == '}' || *scan.at == ']' || cursor->data[0] == '}' ||
        cursor->data[0] == ']')
        return false;
    if (!json_scan(&item, &rest, SPAN(scan.at, (size_t)(scan.end - scan.at))))
        return false;
    scan.at = rest.data;
    skip_space(&scan);
    if (scan.at < scan.end && *scan.at == ':') {
        *key = SPAN(item.data + 1, item.size - 2);
        if (!json_scan(&item, &rest, SPAN(scan.at + 1, (size_t)(scan.end - scan.at - 1))))
            return false;
        scan.at = rest.data;
        skip_space(&scan);
    }
    *value = item;
    *cursor = SPAN(scan.at, (size_t)(scan.end - scan.at));
    return true;
}

static unsigned hex4(const uint8_t *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = digits[i];
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static void add_utf8(struct buf *out, unsigned code)
{
    if (code < 0x80) {
        buf_add_u8(out, (uint8_t)code);
    } else if (code < 0x800) {
        buf_add_u8(out, (uint8_t)(0xc0 | code >> 6));
        buf_add_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else {
        if (code < 0x10000) {
            buf_add_u8(out, (uint8_t)(0xe0 | code >> 12));
        } else {
            buf_add_u8(out, (uint8_t)(0xf0 | code >> 18));
            buf_add_u8(out, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
        }
        buf_add_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        buf_add_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    }
}

/* text is past the backslash and the u; returns how many bytes were used. */
static size_t unescape_u(struct buf *out, const uint8_t *text, const uint8_t *end)
{
    unsigned code = hex4(text);
    if (code >= 0xd800 && code < 0xdc00 && end - text >= 10 && text[4] == '\\' && text[5] == 'u') {
        unsigned low = hex4(text + 6);
        if (low >= 0xdc00 && low < 0xe000) {
            add_utf8(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            return 10;
        }
    }
    add_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return 4;
}

void json_unescape(struct buf *out, struct span string)
{
    const uint8_t *at = string.data + 1, *end = string.data + string.size - 1;
    while (at < end) {
        size_t used = json_utf8_size(at, (size_t)(end - at));
        if (used == 0) {
            add_utf8(out, 0xfffd);
            at++;
        } else if (*at != '\\') {
            buf_add(out, at, used);
            at += used;
        } else if (at[1] == 'u') {
            at += 2 + unescape_u(out, at + 2, end);
        } else {
            static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
            const char *found = strchr(from, at[1]);
            buf_add_u8(out, found != NULL ? (uint8_t)to[found - from] : at[1]);
            at += 2;
        }
    }
}

/* ---- trees ---- */

struct json_t *json_parse(struct span text)
{
    return json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

void json_free(struct json_t *value)
{
    json_decref(value);
}

enum json_kind json_kind(const struct json_t *value)
{
    if (value == NULL)
        return JSON_KIND_NULL;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return JSON_KIND_OBJECT;
    case JSON_ARRAY:
        return JSON_KIND_ARRAY;
    case JSON_STRING:
        return JSON_KIND_STRING;
    case JSON_INTEGER:
        return JSON_KIND_INTEGER;
    case JSON_REAL:
        return JSON_KIND_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_KIND_BOOL;
    case JSON_NULL:
        return JSON_KIND_NULL;
    }
    return JSON_KIND_NULL;
}

struct span json_text(const struct json_t *value)
{
    return SPAN(json_string_value(value), json_string_length(value));
}

int64_t json_integer_of(const struct json_t *value)
{
    return json_integer_value(value);
}

double json_real_of(const struct json_t *value)
{
    return json_number_value(value);
}

bool json_bool_of(const struct json_t *value)
{
    return json_is_true(value);
}

size_t json_count(const struct json_t *value)
{
    return json_is_object(value) ? json_object_size(value) : json_array_size(value);
}

struct json_t *json_item(const struct json_t *array, size_t index)
{
    return json_array_get(array, index);
}

struct json_t *json_member(const struct json_t *object, const char *key)
{
    return json_object_get(object, key);
}

bool json_each(const struct json_t *object, void **position, struct span *key,
               struct json_t **value)
{
    json_t *walked = (json_t *)(uintptr_t)object; /* jansson's iterator changes nothing */
    *position =
        *position == NULL ? json_object_iter(walked) : json_object_iter_next(walked, *position);
    if (*position == NULL)
        return false;
    const char *text = json_object_iter_key(*position);
    *key = SPAN_STR(text);
    *value = json_object_iter_value(*position);
    return true;
}
