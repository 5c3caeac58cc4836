#include "gateway/rpc/typed_data.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/u256.h"

#include <stdlib.h>

struct named_type {
    struct span name;
    const struct json_t *fields;
    bool hashed;
    struct hash32 hash; /* of the encoded type */
};

struct typing {
    struct named_type types[TYPED_TYPES_MAX];
    size_t count;
    const char *fault;
};

static bool fail(struct typing *typing, const char *fault)
{
    typing->fault = fault;
    return false;
}

static const struct json_t *member(const struct json_t *object, struct span name)
{
    struct span key;
    struct json_t *value;
    size_t position = 0;
    if (json_kind(object) != JSON_KIND_OBJECT)
        return NULL;
    while (json_each(object, &position, &key, &value))
        if (span_equal(key, name))
            return value;
    return NULL;
}

static struct named_type *find(struct typing *typing, struct span name)
{
    for (size_t i = 0; i < typing->count; i++)
        if (span_equal(typing->types[i].name, name))
            return &typing->types[i];
    return NULL;
}

/* "T[3]" is three of T, "T[]" any number. False: no array. */
static bool split_array(struct span type, struct span *element, bool *counted, uint64_t *count)
{
    size_t open = type.size;
    *counted = false;
    *count = 0;
    if (type.size < 3 || type.data[type.size - 1] != ']')
        return false;
    while (open > 0 && type.data[open - 1] != '[')
        open--;
    if (open < 2)
        return false;
    struct span digits = SPAN(type.data + open, type.size - 1 - open);
    struct u256 number;
    *element = SPAN(type.data, open - 1);
    *counted = digits.size > 0;
    if (digits.size > 9 || (*counted && !u256_parse_decimal(&number, digits)))
        return false;
    *count = *counted ? number.words[0] : 0;
    return true;
}

static struct span base_of(struct span type)
{
    struct span element;
    bool counted;
    uint64_t count;
    while (split_array(type, &element, &counted, &count))
        type = element;
    return type;
}

/* ---- types ---- */

static bool read_types(struct typing *typing, const struct json_t *types)
{
    struct span name;
    struct json_t *fields;
    size_t position = 0;
    if (json_kind(types) != JSON_KIND_OBJECT)
        return fail(typing, "types is not an object");
    while (json_each(types, &position, &name, &fields)) {
        if (typing->count == TYPED_TYPES_MAX)
            return fail(typing, "too many types");
        if (json_kind(fields) != JSON_KIND_ARRAY || find(typing, name) != NULL)
            return fail(typing, "a type is not an array of fields, or is there twice");
        if (json_count(fields) > TYPED_FIELDS_MAX)
            return fail(typing, "a type has too many fields");
        for (size_t i = 0; i < json_count(fields); i++) {
            const struct json_t *field = json_item(fields, i);
            if (json_text(member(field, SPAN_STR("type"))).size == 0 ||
                json_kind(member(field, SPAN_STR("name"))) != JSON_KIND_STRING)
                return fail(typing, "a field has no name or no type");
        }
        typing->types[typing->count++] = (struct named_type){.name = name, .fields = fields};
    }
    return true;
}

static struct span field_text(const struct named_type *type, size_t index, const char *what)
{
    return json_text(member(json_item(type->fields, index), SPAN_STR(what)));
}

static void encode_type(struct buf *out, const struct named_type *type)
{
    buf_add_span(out, type->name);
    buf_add_u8(out, '(');
    for (size_t i = 0; i < json_count(type->fields); i++) {
        if (i > 0)
            buf_add_u8(out, ',');
        buf_add_span(out, field_text(type, i, "type"));
        buf_add_u8(out, ' ');
        buf_add_span(out, field_text(type, i, "name"));
    }
    buf_add_u8(out, ')');
}

static int by_name(const void *first, const void *second)
{
    struct span a = (*(struct named_type *const *)first)->name,
                b = (*(struct named_type *const *)second)->name;
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The type itself, then those that it refers to, sorted. */
static const struct hash32 *type_hash(struct typing *typing, struct named_type *type)
{
    struct named_type *used[TYPED_TYPES_MAX] = {type};
    size_t count = 1;
    if (type->hashed)
        return &type->hash;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < json_count(used[i]->fields); k++) {
            struct named_type *other = find(typing, base_of(field_text(used[i], k, "type")));
            size_t at = 0;
            while (at < count && used[at] != other)
                at++;
            if (other != NULL && at == count)
                used[count++] = other;
        }
    qsort(used + 1, count - 1, sizeof(used[0]), by_name);
    struct buf text = {0};
    for (size_t i = 0; i < count; i++)
        encode_type(&text, used[i]);
    keccak256(&type->hash, buf_span(&text));
    buf_free(&text);
    type->hashed = true;
    return &type->hash;
}

/* ---- values ---- */

static bool starts_with(struct span text, const char *start)
{
    return text.size >= strlen(start) && memcmp(text.data, start, strlen(start)) == 0;
}

/* The digits after a name: uint8, bytes32. all: the name alone stands for this. 0: none of these.
 */
static uint64_t digits_after(struct span type, const char *name, uint64_t all)
{
    struct span digits = SPAN(type.data + strlen(name), type.size - strlen(name));
    struct u256 number;
    if (digits.size == 0)
        return all;
    if (digits.size > 3 || digits.data[0] == '0' || !u256_parse_decimal(&number, digits))
        return 0;
    return number.words[0];
}

static bool put_integer(struct typing *typing, struct buf *out, struct span type, bool is_signed,
                        const struct json_t *value)
{
    uint64_t bits = digits_after(type, is_signed ? "int" : "uint", 256);
    struct span text = json_text(value);
    struct u256 number = {{0}}, limit = u256_from_u64(1);
    bool negative = false, good = bits > 0 && bits <= 256 && bits % 8 == 0;
    if (json_kind(value) == JSON_KIND_INTEGER) {
        int64_t integer = json_integer_of(value);
        negative = integer < 0;
        number = u256_from_u64(negative ? 0 - (uint64_t)integer : (uint64_t)integer);
    } else {
        negative = starts_with(text, "-");
        if (negative)
            text = SPAN(text.data + 1, text.size - 1);
        good = good && (starts_with(text, "0x") ? u256_parse_hex(&number, text)
                                                : u256_parse_decimal(&number, text));
    }
    if (!good || (negative && !is_signed))
        return fail(typing, "a value is not an integer of its type");
    u256_shl(&limit, &limit, (unsigned)bits - is_signed); /* 0: everything fits */
    if (!u256_is_zero(&limit)) {
        int order = u256_compare(&number, &limit);
        if (order > 0 || (order == 0 && !negative))
            return fail(typing, "a value is too large for its type");
    }
    struct u256 zero = {{0}};
    uint8_t word[32];
    if (negative)
        u256_sub(&number, &zero, &number);
    u256_to_be32(word, &number);
    buf_add(out, word, 32);
    return true;
}

static bool put_bytes(struct typing *typing, struct buf *out, struct span type,
                      const struct json_t *value)
{
    struct span text = json_text(value);
    uint64_t size = digits_after(type, "bytes", 0);
    struct buf bytes = {0};
    uint8_t word[32] = {0};
    bool good = starts_with(text, "0x") && hex_decode(&bytes, (const char *)text.data, text.size) &&
                (type.size == 5 || (size > 0 && size <= 32 && bytes.size == size));
    if (good && type.size == 5) {
        struct hash32 hash;
        keccak256(&hash, buf_span(&bytes));
        memcpy(word, hash.bytes, 32);
    } else if (good) {
        memcpy(word, bytes.data, bytes.size);
    }
    buf_add(out, word, 32);
    buf_free(&bytes);
    return good || fail(typing, "a value is not bytes of its type");
}

static bool put_plain(struct typing *typing, struct buf *out, struct span type,
                      const struct json_t *value)
{
    struct span text = json_text(value);
    uint8_t word[32] = {0};
    if (span_equal(type, SPAN_STR("string"))) {
        struct hash32 hash;
        if (json_kind(value) != JSON_KIND_STRING)
            return fail(typing, "a value is not a string");
        keccak256(&hash, text);
        buf_add(out, hash.bytes, 32);
        return true;
    }
    if (span_equal(type, SPAN_STR("bool"))) {
        if (json_kind(value) != JSON_KIND_BOOL)
            return fail(typing, "a value is not true or false");
        word[31] = json_bool_of(value);
        buf_add(out, word, 32);
        return true;
    }
    if (span_equal(type, SPAN_STR("address"))) {
        if (!hex_decode_exact(word + 12, 20, (const char *)text.data, text.size))
            return fail(typing, "a value is not an address");
        buf_add(out, word, 32);
        return true;
    }
    if (starts_with(type, "uint"))
        return put_integer(typing, out, type, false, value);
    if (starts_with(type, "int"))
        return put_integer(typing, out, type, true, value);
    if (starts_with(type, "bytes"))
        return put_bytes(typing, out, type, value);
    return fail(typing, "a type is not declared");
}

static bool hash_struct(struct typing *typing, struct hash32 *out, struct named_type *type,
                        const struct json_t *value);

/* Appends 32 bytes. Goes down one level of the JSON with each call, so JSON_DEPTH_MAX bounds it. */
static bool put_value(struct typing *typing, struct buf *out, struct span type,
                      const struct json_t *value)
{
    struct named_type *named = find(typing, type);
    struct hash32 hash;
    struct span element;
    bool counted, good = true;
    uint64_t count;
    if (named != NULL) {
        good = hash_struct(typing, &hash, named, value);
        buf_add(out, hash.bytes, 32);
        return good;
    }
    if (!split_array(type, &element, &counted, &count))
        return put_plain(typing, out, type, value);
    if (json_kind(value) != JSON_KIND_ARRAY || (counted && json_count(value) != count))
        return fail(typing, "a value is not an array of its type");
    struct buf items = {0};
    for (size_t i = 0; good && i < json_count(value); i++)
        good = put_value(typing, &items, element, json_item(value, i));
    keccak256(&hash, buf_span(&items));
    buf_add(out, hash.bytes, 32);
    buf_free(&items);
    return good;
}

static bool hash_struct(struct typing *typing, struct hash32 *out, struct named_type *type,
                        const struct json_t *value)
{
    struct buf data = {0};
    bool good = true;
    *out = HASH32_ZERO;
    if (json_kind(value) != JSON_KIND_OBJECT)
        return fail(typing, "a value is not an object of its type");
    buf_add(&data, type_hash(typing, type)->bytes, 32);
    for (size_t i = 0; good && i < json_count(type->fields); i++) {
        const struct json_t *field = member(value, field_text(type, i, "name"));
        good = field != NULL || fail(typing, "a field of a type has no value");
        good = good && put_value(typing, &data, field_text(type, i, "type"), field);
    }
    keccak256(out, buf_span(&data));
    buf_free(&data);
    return good;
}

const char *typed_data_digest(struct hash32 *out, const struct json_t *data)
{
    struct typing *typing = mem_alloc(sizeof(*typing));
    struct span primary_name = json_text(member(data, SPAN_STR("primaryType")));
    struct hash32 hashes[2] = {0};
    uint8_t text[66] = {0x19, 0x01};
    bool good = read_types(typing, member(data, SPAN_STR("types")));
    struct named_type *domain = find(typing, SPAN_STR("EIP712Domain")),
                      *primary = find(typing, primary_name);
    if (good && (domain == NULL || primary == NULL))
        good = fail(typing, "EIP712Domain or primaryType is not among the types");
    good = good && hash_struct(typing, &hashes[0], domain, member(data, SPAN_STR("domain"))) &&
           (primary == domain || /* the domain alone is signed */
            hash_struct(typing, &hashes[1], primary, member(data, SPAN_STR("message"))));
    memcpy(text + 2, hashes[0].bytes, 32);
    memcpy(text + 34, hashes[1].bytes, 32);
    keccak256(out, SPAN(text, primary == domain ? 34 : 66));
    const char *fault = good ? NULL : typing->fault;
    mem_free(typing);
    return fault;
}
