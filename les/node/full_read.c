#include "les/node/full_read.h"

#include "les/eth/rlp.h"

#define QUANTITY_DIGITS_MAX 64

bool full_fail(struct full_fault *fault, const char *what, const char *field, size_t index)
{
    *fault = (struct full_fault){what, field, index};
    return false;
}

void full_fault_print(struct buf *out, const struct full_fault *fault)
{
    if (fault->field[0] != 0)
        buf_printf(out, "%s ", fault->field);
    buf_printf(out, "%s (item %zu)", fault->what, fault->index);
}

/* The digits after 0x. False: not a string of that form. */
static bool digits_of(json_t *json, const char **digits, size_t *count)
{
    if (!json_is_string(json))
        return false;
    const char *text = json_string_value(json);
    size_t size = json_string_length(json);
    if (size < 2 || text[0] != '0' || text[1] != 'x')
        return false;
    *digits = text + 2;
    *count = size - 2;
    /* A second prefix would pass the decoder of hex. */
    return size < 4 || (text[3] != 'x' && text[3] != 'X');
}

/* At most 64 digits as 32 bytes, big endian. */
static bool read_word(uint8_t out32[32], json_t *json)
{
    const char *digits;
    size_t count;
    char padded[QUANTITY_DIGITS_MAX];
    if (!digits_of(json, &digits, &count) || count == 0 || count > sizeof padded)
        return false;
    memset(padded, '0', sizeof padded);
    memcpy(padded + sizeof padded - count, digits, count);
    return hex_decode_exact(out32, 32, padded, sizeof padded);
}

bool full_read_u256(struct u256 *out, json_t *json)
{
    uint8_t word[32];
    memset(out, 0, sizeof *out);
    if (!read_word(word, json))
        return false;
    for (size_t i = 0; i < 4; i++)
        out->words[i] = be_read(word + 24 - 8 * i, 8);
    return true;
}

bool full_read_u64(uint64_t *out, json_t *json)
{
    struct u256 value;
    *out = 0;
    if (!full_read_u256(&value, json) || (value.words[1] | value.words[2] | value.words[3]) != 0)
        return false;
    *out = value.words[0];
    return true;
}

bool full_read_fixed(void *out, size_t size, json_t *json)
{
    const char *digits;
    size_t count;
    memset(out, 0, size);
    return digits_of(json, &digits, &count) && count == 2 * size &&
           hex_decode_exact(out, size, digits, count);
}

bool full_read_bytes(struct buf *out, size_t size_max, json_t *json)
{
    const char *digits;
    size_t count;
    return digits_of(json, &digits, &count) && count / 2 <= size_max &&
           hex_decode(out, digits, count);
}

json_t *full_json_u64(uint64_t value)
{
    return json_sprintf("0x%llx", (unsigned long long)value);
}

json_t *full_json_hex(struct span bytes)
{
    struct buf text = {0};
    buf_add_hex0x(&text, bytes);
    json_t *json = json_stringn((const char *)text.data, text.size);
    buf_free(&text);
    return json;
}

/* ---- fields ---- */

void full_read_fail(struct full_read *read, const char *what, const char *field)
{
    if (!read->bad)
        full_fail(read->fault, what, field, read->index);
    read->bad = true;
}

struct full_read full_read_of(json_t *json, size_t index, struct full_fault *fault)
{
    struct full_read read = {json, fault, index, false};
    if (!json_is_object(json))
        full_read_fail(&read, json_is_null(json) ? "null" : "not an object", "");
    return read;
}

bool full_read_has(const struct full_read *read, const char *field)
{
    json_t *json = json_object_get(read->object, field);
    return !read->bad && json != NULL && !json_is_null(json);
}

json_t *full_read_field(struct full_read *read, const char *field)
{
    if (full_read_has(read, field))
        return json_object_get(read->object, field);
    full_read_fail(read, "missing", field);
    return NULL;
}

uint64_t full_read_get_u64(struct full_read *read, const char *field)
{
    uint64_t value = 0;
    json_t *json = full_read_field(read, field);
    if (json != NULL && !full_read_u64(&value, json))
        full_read_fail(read, "not a quantity of 64 bits", field);
    return value;
}

void full_read_get_u256(struct full_read *read, const char *field, struct u256 *out)
{
    memset(out, 0, sizeof *out);
    json_t *json = full_read_field(read, field);
    if (json != NULL && !full_read_u256(out, json))
        full_read_fail(read, "not a quantity of 256 bits", field);
}

void full_read_get_fixed(struct full_read *read, const char *field, void *out, size_t size)
{
    memset(out, 0, size);
    json_t *json = full_read_field(read, field);
    if (json != NULL && !full_read_fixed(out, size, json))
        full_read_fail(read, "not hex of the right length", field);
}

void full_read_get_bytes(struct full_read *read, const char *field, struct buf *out,
                         size_t size_max)
{
    json_t *json = full_read_field(read, field);
    if (json != NULL && !full_read_bytes(out, size_max, json))
        full_read_fail(read, "not hex, or too long", field);
}

json_t *full_read_get_array(struct full_read *read, const char *field, size_t count_max)
{
    json_t *json = full_read_field(read, field);
    if (json == NULL)
        return NULL;
    if (json_is_array(json) && json_array_size(json) <= count_max)
        return json;
    full_read_fail(read, "not an array, or too long", field);
    return NULL;
}

void full_add_envelope(struct buf *out, struct span envelope)
{
    if (envelope.size > 0 && envelope.data[0] < 0x80)
        rlp_add_bytes(out, envelope);
    else
        buf_add_span(out, envelope);
}
