#include "gateway/rpc/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void separate(struct buf *out)
{
    if (out->size == 0)
        return;
    uint8_t last = out->data[out->size - 1];
    if (last != '{' && last != '[' && last != ':' && last != ',')
        buf_add_u8(out, ',');
}

void json_put_object(struct buf *out)
{
    separate(out);
    buf_add_u8(out, '{');
}

void json_put_object_end(struct buf *out)
{
    buf_add_u8(out, '}');
}

void json_put_array(struct buf *out)
{
    separate(out);
    buf_add_u8(out, '[');
}

void json_put_array_end(struct buf *out)
{
    buf_add_u8(out, ']');
}

void json_put_key(struct buf *out, const char *key)
{
    size_t size = strlen(key);
    separate(out);
    buf_reserve(out, size + 3);
    buf_add_u8(out, '"');
    buf_add(out, key, size);
    buf_add(out, "\":", 2);
}

void json_put_null(struct buf *out)
{
    separate(out);
    buf_add(out, "null", 4);
}

void json_put_bool(struct buf *out, bool value)
{
    separate(out);
    buf_add_str(out, value ? "true" : "false");
}

void json_put_u64(struct buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    separate(out);
    buf_add(out, digits + at, sizeof digits - at);
}

void json_put_i64(struct buf *out, int64_t value)
{
    if (value >= 0) {
        json_put_u64(out, (uint64_t)value);
        return;
    }
    separate(out);
    buf_printf(out, "%lld", (long long)value);
}

/* Go: the shortest digits that read back as the same number; plain from 1e-6 up to 1e21, else with
 * an exponent. */
void json_put_double(struct buf *out, double value)
{
    char text[40];
    int precision =
        fabs(value) < DBL_MIN ? 0 : 14; /* 15 digits hold any shorter text, but of subnormals */
    separate(out);
    if (value == 0 || !isfinite(value)) {
        buf_add_str(out, signbit(value) && value == 0 ? "-0" : "0");
        return;
    }
    do
        snprintf(text, sizeof text, "%.*e", precision, value);
    while (precision++ < 16 && strtod(text, NULL) != value);
    char digits[20];
    int count = 0, exponent = atoi(strchr(text, 'e') + 1);
    for (const char *at = text; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    buf_add_str(out, value < 0 ? "-" : "");
    if (exponent < -6 || exponent >= 21) {
        buf_add(out, digits, 1);
        buf_add_str(out, count > 1 ? "." : "");
        buf_add(out, digits + 1, (size_t)count - 1);
        buf_printf(out, "e%+d", exponent);
        return;
    }
    if (exponent < 0)
        buf_add_str(out, "0.");
    for (int i = exponent + 1; i < 0; i++)
        buf_add_u8(out, '0');
    for (int i = 0; i < count || i <= exponent; i++) {
        if (exponent >= 0 && i == exponent + 1)
            buf_add_u8(out, '.');
        buf_add_u8(out, i < count ? (uint8_t)digits[i] : '0');
    }
}

void json_put_quantity(struct buf *out, uint64_t value)
{
    char text[20];
    size_t at = sizeof text;
    text[--at] = '"';
    do
        text[--at] = "0123456789abcdef"[value & 15];
    while ((value >>= 4) != 0);
    text[--at] = 'x';
    text[--at] = '0';
    separate(out);
    buf_add_u8(out, '"');
    buf_add(out, text + at, sizeof text - at);
}

void json_put_quantity256(struct buf *out, const struct u256 *value)
{
    separate(out);
    buf_add_u8(out, '"');
    buf_add_u256_hex(out, value);
    buf_add_u8(out, '"');
}

void json_put_data(struct buf *out, struct span bytes)
{
    separate(out);
    buf_reserve(out, bytes.size * 2 + 4);
    buf_add_u8(out, '"');
    buf_add_hex0x(out, bytes);
    buf_add_u8(out, '"');
}

void json_put_raw(struct buf *out, struct span json)
{
    separate(out);
    buf_add_span(out, json);
}

/* ---- strings ---- */

size_t json_utf8_size(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    size_t size = lead >= 0xc2 && lead <= 0xdf   ? 2
                  : lead >= 0xe0 && lead <= 0xef ? 3
                  : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                 : 0;
    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool surrogate = lead == 0xed && at[1] >= 0xa0;
    bool beyond = lead == 0xf4 && at[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : size;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void add_escaped(struct buf *out, uint8_t c)
{
    static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    const char *found = c == 0 ? NULL : strchr(from, c);
    if (found != NULL) {
        buf_add_u8(out, '\\');
        buf_add_u8(out, (uint8_t)to[found - from]);
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

void json_put_string(struct buf *out, struct span text)
{
    separate(out);
    buf_add_u8(out, '"');
    for (size_t i = 0; i < text.size;) {
        size_t start = i;
        while (i < text.size && is_plain(text.data[i]))
            i++;
        buf_add(out, text.data + start, i - start);
        if (i == text.size)
            break;
        size_t size = json_utf8_size(text.data + i, text.size - i);
        if (size == 1) {
            add_escaped(out, text.data[i]);
        } else if (size == 0) {
            buf_add_str(out, "\\ufffd");
            size = 1;
        } else if (size == 3 && memcmp(text.data + i, "\xe2\x80", 2) == 0 &&
                   (text.data[i + 2] | 1) == 0xa9) {
            buf_printf(out, "\\u20%02x", text.data[i + 2] == 0xa8 ? 0x28u : 0x29u);
        } else {
            buf_add(out, text.data + i, size);
        }
        i += size;
    }
    buf_add_u8(out, '"');
}
