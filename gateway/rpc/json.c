#include "gateway/rpc/json.h"

#include "les/base/limits.h"

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

/* Of eight bytes at once: the place of the first control character, quote or backslash; 8 if there
 * is none. The lowest mark is exact, only those above it may be wrong (a borrow runs upwards). */
static size_t plain_count8(const uint8_t *at)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)at[i] << (8 * i); /* little endian on any machine; one load on most */
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    uint64_t found =
        (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
        highs;
    return found == 0 ? 8 : (size_t)__builtin_ctzll(found) / 8;
}

static bool scan_escape(struct scan *scan)
{
    if (++scan->at == scan->end)
        return false;
    if (*scan->at != 'u')
        return *scan->at != 0 && strchr("\"\\/bfnrt", *scan->at) != NULL;
    for (int i = 0; i < 4; i++)
        if (++scan->at == scan->end || !is_hex_digit(*scan->at))
            return false;
    return true;
}

static bool scan_string(struct scan *scan)
{
    for (scan->at++;; scan->at++) {
        for (size_t plain = 8; plain == 8 && scan->end - scan->at >= 8;)
            scan->at += plain = plain_count8(scan->at);
        if (scan->at == scan->end || *scan->at < 0x20)
            return false;
        if (*scan->at == '"') {
            scan->at++;
            return true;
        }
        if (*scan->at == '\\' && !scan_escape(scan))
            return false;
    }
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

/* ---- walking over what json_scan accepted: nothing is checked again, only the end is never passed
 * ---- */

static void skip_string(struct scan *scan)
{
    const uint8_t *at = scan->at + 1;
    for (;;) {
        const uint8_t *quote = memchr(at, '"', (size_t)(scan->end - at)), *slash = quote;
        if (quote == NULL) {
            scan->at = scan->end;
            return;
        }
        while (slash > at && slash[-1] == '\\')
            slash--;
        at = quote + 1;
        if ((quote - slash) % 2 == 0)
            break;
    }
    scan->at = at;
}

static void skip_value(struct scan *scan)
{
    size_t depth = 0;
    do {
        uint8_t c = *scan->at;
        if (c == '"') {
            skip_string(scan);
        } else if (c == '{' || c == '[') {
            depth++;
            scan->at++;
        } else if (c == '}' || c == ']') {
            depth--;
            scan->at++;
        } else if (depth > 0) {
            scan->at++;
        } else {
            while (scan->at < scan->end && memchr(",:]} \t\n\r", *scan->at, 8) == NULL)
                scan->at++;
        }
    } while (depth > 0 && scan->at < scan->end);
}

static struct span take_value(struct scan *scan)
{
    const uint8_t *start = scan->at;
    skip_value(scan);
    return SPAN(start, (size_t)(scan->at - start));
}

bool json_next(struct span *cursor, struct span *key, struct span *value)
{
    *key = *value = SPAN_EMPTY;
    if (cursor->size < 2)
        return false;
    struct scan scan = {cursor->data + 1,
                        cursor->data + cursor->size}; /* past the bracket or the comma */
    skip_space(&scan);
    if (cursor->data[0] == '}' || cursor->data[0] == ']' || scan.at == scan.end ||
        *scan.at == '}' || *scan.at == ']')
        return false;
    struct span item = take_value(&scan);
    skip_space(&scan);
    if (scan.at < scan.end && *scan.at == ':') {
        *key = SPAN(item.data + 1, item.size - 2);
        scan.at++;
        skip_space(&scan);
        item = take_value(&scan);
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
