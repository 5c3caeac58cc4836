#include "gateway/rpc/params.h"

#include "gateway/rpc/trace_args.h"
#include "gateway/rpc/params_hex.h"
#include "gateway/rpc/rpc_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* ---- errors ---- */

bool param_note(struct call *call, int code, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    ASSERT(size >= 0);
    buf_clear(&call->noted);
    buf_reserve(&call->noted, (size_t)size + 1);
    vsnprintf((char *)call->noted.data, (size_t)size + 1, format, again);
    call->noted.size = (size_t)size;
    call->noted_code = code;
    va_end(again);
    va_end(args);
    return false;
}

struct call_done call_fail_param(struct call *call)
{
    ASSERT(call->noted_code != 0);
    return call_fail_text(call, call->noted_code, buf_span(&call->noted), SPAN_EMPTY);
}

bool place_fault(const struct place *at, const char *text)
{
    return param_note(at->call, RPC_INVALID_PARAMS, "invalid argument %zu: %s", at->index, text);
}

bool place_type_fault(const struct place *at, const char *what, const char *type)
{
    if (at->field != NULL) {
        const char *dot = strchr(at->field, '.');
        int owner = dot == NULL || at->within == NULL ? 0 : (int)(dot + 1 - at->field);
        return param_note(at->call, RPC_INVALID_PARAMS,
                          "invalid argument %zu: json: cannot unmarshal %s into Go struct field "
                          "%.*s%s%s of type %s",
                          at->index, what, owner, at->field, owner == 0 ? "" : at->within,
                          at->field + owner, type);
    }
    return param_note(at->call, RPC_INVALID_PARAMS,
                      "invalid argument %zu: json: cannot unmarshal %s into Go value of type %s",
                      at->index, what, type);
}

const char *go_kind(const struct json_t *value)
{
    switch (json_kind(value)) {
    case JSON_KIND_NULL:
        return "null";
    case JSON_KIND_BOOL:
        return "bool";
    case JSON_KIND_INTEGER:
    case JSON_KIND_REAL:
        return "number";
    case JSON_KIND_STRING:
        return "string";
    case JSON_KIND_ARRAY:
        return "array";
    case JSON_KIND_OBJECT:
        return "object";
    }
    return "value";
}

/* ---- hex ---- */

static const char *const HEX_TEXT[] = {
    [HEX_OK] = "",
    [HEX_EMPTY] = "empty hex string",
    [HEX_SYNTAX] = "invalid hex string",
    [HEX_PREFIX] = "hex string without 0x prefix",
    [HEX_ODD] = "hex string of odd length",
    [HEX_EMPTY_NUMBER] = "hex string \"0x\"",
    [HEX_LEADING_ZERO] = "hex number with leading zero digits",
    [HEX_RANGE_64] = "hex number > 64 bits",
    [HEX_RANGE_256] = "hex number > 256 bits",
};

const char *hex_text(enum hex_fault fault)
{
    return HEX_TEXT[fault];
}

static bool has_prefix(struct span text)
{
    return text.size >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x';
}

static bool all_hex(struct span digits)
{
    for (size_t i = 0; i < digits.size; i++) {
        uint8_t c = digits.data[i];
        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')))
            return false;
    }
    return true;
}

enum hex_fault hex_number(struct u256 *out, struct span text, size_t digits_max)
{
    *out = u256_from_u64(0);
    if (text.size == 0)
        return HEX_EMPTY;
    if (!has_prefix(text))
        return HEX_PREFIX;
    struct span digits = SPAN(text.data + 2, text.size - 2);
    if (digits.size == 0)
        return HEX_EMPTY_NUMBER;
    if (digits.size > 1 && digits.data[0] == '0')
        return HEX_LEADING_ZERO;
    if (digits.size > digits_max)
        return digits_max == 64 ? HEX_RANGE_256 : HEX_RANGE_64;
    if (!all_hex(digits))
        return HEX_SYNTAX;
    uint8_t bytes32[32] = {0};
    char padded[64];
    memset(padded, '0', sizeof padded);
    memcpy(padded + 64 - digits.size, digits.data, digits.size);
    ASSERT(hex_decode_exact(bytes32, 32, padded, 64));
    u256_from_be(out, SPAN(bytes32, 32));
    return HEX_OK;
}

enum hex_fault hex_bytes(struct call *call, struct span *out, struct span text)
{
    *out = SPAN_EMPTY;
    if (text.size == 0)
        return HEX_OK;
    if (!has_prefix(text))
        return HEX_PREFIX;
    if (text.size % 2 != 0)
        return HEX_ODD;
    size_t size = text.size / 2 - 1;
    uint8_t *bytes = call_alloc(call, size + 1);
    if (!hex_decode_exact(bytes, size, (const char *)text.data + 2, text.size - 2))
        return HEX_SYNTAX;
    *out = SPAN(bytes, size);
    return HEX_OK;
}

enum hex_fault hex_fixed(void *out, size_t size, struct span text, size_t *digits)
{
    *digits = 0;
    if (text.size > 0 && !has_prefix(text))
        return HEX_PREFIX;
    if (text.size % 2 != 0)
        return HEX_ODD;
    *digits = text.size == 0 ? 0 : text.size - 2;
    if (*digits != size * 2)
        return HEX_OK;
    return hex_decode_exact(out, size, (const char *)text.data + 2, *digits) ? HEX_OK : HEX_SYNTAX;
}

/* ---- values at a place ---- */

bool place_fixed(const struct place *at, const struct json_t *value, void *out, size_t size,
                 const char *type)
{
    size_t digits;
    if (json_kind(value) != JSON_KIND_STRING)
        return place_type_fault(at, "non-string", type);
    enum hex_fault fault = hex_fixed(out, size, json_text(value), &digits);
    if (fault != HEX_OK)
        return place_type_fault(at, hex_text(fault), type);
    if (digits == size * 2)
        return true;
    return param_note(at->call, RPC_INVALID_PARAMS,
                      "invalid argument %zu: hex string has length %zu, want %zu for %s", at->index,
                      digits, size * 2, type);
}

bool place_address(const struct place *at, const struct json_t *value, struct address20 *out)
{
    return place_fixed(at, value, out->bytes, 20, "common.Address");
}

bool place_hash(const struct place *at, const struct json_t *value, struct hash32 *out)
{
    return place_fixed(at, value, out->bytes, 32, "common.Hash");
}

static bool read_number(const struct place *at, const struct json_t *value, size_t digits_max,
                        const char *type, struct u256 *out)
{
    if (json_kind(value) != JSON_KIND_STRING)
        return place_type_fault(at, "non-string", type);
    enum hex_fault fault = hex_number(out, json_text(value), digits_max);
    return fault == HEX_OK || fault == HEX_EMPTY || place_type_fault(at, hex_text(fault), type);
}

bool place_u64(const struct place *at, const struct json_t *value, const char *type, uint64_t *out)
{
    struct u256 wide;
    bool good = read_number(at, value, 16, type, &wide);
    *out = good ? wide.words[0] : 0;
    return good;
}

bool place_u256(const struct place *at, const struct json_t *value, const char *type,
                struct u256 *out)
{
    return read_number(at, value, 64, type, out);
}

bool place_data(const struct place *at, const struct json_t *value, struct span *out)
{
    *out = SPAN_EMPTY;
    if (json_kind(value) != JSON_KIND_STRING)
        return place_type_fault(at, "non-string", "hexutil.Bytes");
    enum hex_fault fault = hex_bytes(at->call, out, json_text(value));
    return fault == HEX_OK || place_type_fault(at, hex_text(fault), "hexutil.Bytes");
}

bool place_key(const struct place *at, struct span key, void *out, size_t size, const char *what)
{
    size_t digits;
    enum hex_fault fault = hex_fixed(out, size, key, &digits);
    if (fault != HEX_OK)
        return place_fault(at, hex_text(fault));
    if (digits == size * 2)
        return true;
    return param_note(at->call, RPC_INVALID_PARAMS,
                      "invalid argument %zu: hex string has length %zu, want %zu for %s", at->index,
                      digits, size * 2, what);
}

/* Go: math.HexOrDecimal64, which takes numbers as well as strings. */
static bool read_count(const struct place *at, const struct json_t *value, uint64_t *out)
{
    struct span raw = SPAN_EMPTY, key, cursor = at->call->params_text;
    struct u256 wide = {{0}};
    for (size_t i = 0; i <= at->index && json_next(&cursor, &key, &raw); i++)
        ;
    bool is_text = json_kind(value) == JSON_KIND_STRING;
    struct span text = is_text ? json_text(value) : raw, digits = text;
    while (digits.size > 1 && digits.data[0] == '0' && (digits.data[1] | 0x20) != 'x')
        digits = SPAN(digits.data + 1, digits.size - 1);
    bool good = text.size == 0;
    if (!good && has_prefix(text)) {
        while (text.size > 3 && text.data[2] == '0')
            text = SPAN(text.data + 1, text.size - 1);
        good = text.size > 2 && text.size <= 18 && all_hex(SPAN(text.data + 2, text.size - 2));
        for (size_t i = 2; good && i < text.size; i++)
            wide.words[0] = wide.words[0] << 4 |
                            (uint64_t)(text.data[i] <= '9' ? text.data[i] - '0'
                                                           : (text.data[i] | 0x20) - 'a' + 10);
    } else if (!good) {
        good = u256_parse_decimal(&wide, digits) && u256_fits_u64(&wide);
    }
    *out = good ? wide.words[0] : 0;
    if (good)
        return true;
    struct buf quoted = {0};
    if (raw.size >= 2 && raw.data[0] == '"')
        raw = SPAN(raw.data + 1, raw.size - 2);
    json_put_string(&quoted, raw);
    param_note(at->call, RPC_INVALID_PARAMS,
               "invalid argument %zu: invalid hex or decimal integer %.*s", at->index,
               (int)quoted.size, (const char *)quoted.data);
    buf_free(&quoted);
    return false;
}

static bool read_bool(const struct place *at, const struct json_t *value, bool *out)
{
    *out = json_bool_of(value);
    if (json_kind(value) == JSON_KIND_BOOL || json_kind(value) == JSON_KIND_NULL)
        return true;
    return place_type_fault(at, go_kind(value), "bool");
}

static bool read_string(const struct place *at, const struct json_t *value, struct span *out)
{
    *out = json_text(value);
    if (json_kind(value) == JSON_KIND_STRING || json_kind(value) == JSON_KIND_NULL)
        return true;
    return place_type_fault(at, go_kind(value), "string");
}

/* ---- blocks ---- */

static bool block_tag_of(struct span text, struct block_ref *out)
{
    static const struct {
        const char *text;
        enum block_tag tag;
    } rows[] = {{"latest", BLOCK_LATEST},
                {"pending", BLOCK_PENDING},
                {"safe", BLOCK_SAFE},
                {"finalized", BLOCK_FINALIZED},
                {"earliest", BLOCK_EARLIEST}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (span_equal(text, SPAN_STR(rows[i].text))) {
            out->tag = rows[i].tag;
            return true;
        }
    }
    return false;
}

static bool read_block_text(const struct place *at, struct span text, const char *too_high,
                            struct block_ref *out)
{
    struct u256 number;
    if (block_tag_of(text, out))
        return true;
    enum hex_fault fault = hex_number(&number, text, 16);
    if (fault != HEX_OK)
        return place_fault(at, hex_text(fault));
    if (number.words[0] > INT64_MAX)
        return place_fault(at, too_high);
    out->tag = BLOCK_NUMBER;
    out->number = number.words[0];
    return true;
}

bool place_block_number(const struct place *at, const struct json_t *value, struct block_ref *out)
{
    *out = (struct block_ref){.tag = BLOCK_LATEST};
    if (json_kind(value) != JSON_KIND_STRING)
        return place_fault(at, hex_text(HEX_PREFIX));
    return read_block_text(at, json_text(value), "block number larger than int64", out);
}

/* Go compares the names of fields without regard to case; the last of two counts. */
const struct json_t *member_fold(const struct json_t *object, const char *name)
{
    const struct json_t *found = NULL;
    struct json_t *value;
    struct span key;
    size_t position = 0;
    while (json_each(object, &position, &key, &value))
        if (key.size == strlen(name) && strncasecmp((const char *)key.data, name, key.size) == 0)
            found = value;
    return json_kind(found) == JSON_KIND_NULL ? NULL : found;
}

/* EIP-1898. Any fault inside is reported by go-ethereum as if text had been wanted. */
static bool read_block_object(const struct place *at, const struct json_t *value,
                              struct block_ref *out)
{
    const struct json_t *number = member_fold(value, "blockNumber"),
                        *hash = member_fold(value, "blockHash");
    const struct json_t *canonical = member_fold(value, "requireCanonical");
    bool good = (number == NULL || place_block_number(at, number, out)) &&
                (hash == NULL || place_hash(at, hash, &out->hash)) &&
                (canonical == NULL || read_bool(at, canonical, &out->require_canonical));
    if (!good)
        return place_type_fault(at, "object", "string");
    if (number != NULL && hash != NULL)
        return place_fault(
            at, "cannot specify both BlockHash and BlockNumber, choose one or the other");
    if (number == NULL && hash == NULL)
        return place_fault(at, "must specify either BlockHash or BlockNumber");
    if (hash != NULL)
        out->tag = BLOCK_HASH;
    return true;
}

static bool read_block(const struct place *at, const struct json_t *value, struct block_ref *out)
{
    struct span text = json_text(value);
    size_t digits;
    *out = (struct block_ref){.tag = BLOCK_LATEST};
    if (json_kind(value) == JSON_KIND_OBJECT || json_kind(value) == JSON_KIND_NULL)
        return read_block_object(at, value, out);
    if (json_kind(value) != JSON_KIND_STRING)
        return place_type_fault(at, go_kind(value), "string");
    if (text.size != 66 || block_tag_of(text, out))
        return read_block_text(at, text, "blocknumber too high", out);
    enum hex_fault fault = hex_fixed(out->hash.bytes, 32, text, &digits);
    out->tag = BLOCK_HASH;
    return fault == HEX_OK || place_fault(at, hex_text(fault));
}

/* ---- parameters by index ---- */

static bool is_absent(const struct call *call, size_t index)
{
    return index >= json_count(call->params);
}

static bool note_missing(struct call *call, size_t index)
{
    return param_note(call, RPC_INVALID_PARAMS, "missing value for required argument %zu", index);
}

#define PARAM(name, out_type, expression)                                                          \
    bool name(struct call *call, size_t index, out_type *out)                                      \
    {                                                                                              \
        const struct place at = {.call = call, .index = index};                                    \
        const struct json_t *value = json_item(call->params, index);                               \
        if (is_absent(call, index))                                                                \
            return note_missing(call, index);                                                      \
        return expression;                                                                         \
    }
PARAM(param_address, struct address20, place_address(&at, value, out))
PARAM(param_hash, struct hash32, place_hash(&at, value, out))
PARAM(param_u64, uint64_t, place_u64(&at, value, "hexutil.Uint64", out))
PARAM(param_index, uint64_t, place_u64(&at, value, "hexutil.Uint", out))
PARAM(param_count, uint64_t, read_count(&at, value, out))
PARAM(param_u256, struct u256, place_u256(&at, value, "*hexutil.Big", out))
PARAM(param_data, struct span, place_data(&at, value, out))
PARAM(param_string, struct span, read_string(&at, value, out))
#undef PARAM

bool param_bool(struct call *call, size_t index, bool *out)
{
    const struct place at = {.call = call, .index = index};
    return read_bool(&at, json_item(call->params, index), out);
}

bool param_block(struct call *call, size_t index, struct block_ref *out)
{
    const struct place at = {.call = call, .index = index};
    *out = (struct block_ref){.tag = BLOCK_LATEST};
    return call_param(call, index) == NULL || read_block(&at, call_param(call, index), out);
}

/* ---- signatures ---- */

static bool check_strings(const struct place *at, const struct json_t *value)
{
    struct span text;
    if (json_kind(value) == JSON_KIND_NULL)
        return true;
    if (json_kind(value) != JSON_KIND_ARRAY)
        return place_type_fault(at, go_kind(value), "[]string");
    for (size_t i = 0; i < json_count(value); i++)
        if (!read_string(at, json_item(value, i), &text))
            return false;
    return true;
}

static bool check_one(struct call *call, size_t index, char letter)
{
    const struct place at = {.call = call, .index = index};
    const struct json_t *value = json_item(call->params, index);
    union {
        struct address20 address;
        struct hash32 hash;
        struct block_ref block;
        uint64_t number;
        struct u256 wide;
        struct span text;
        bool flag;
        double *percentiles;
        struct storage_request *requests;
        struct state_override state;
    } scratch;
    struct log_filter filter;
    struct call_args args;
    struct block_override overridden;
    struct trace_args trace;
    size_t count;
    switch (letter) {
    case 'A':
        return place_address(&at, value, &scratch.address);
    case 'H':
        return place_hash(&at, value, &scratch.hash);
    case 'B':
        return read_block(&at, value, &scratch.block);
    case 'N':
        return place_block_number(&at, value, &scratch.block);
    case 'I':
        return place_u64(&at, value, "hexutil.Uint", &scratch.number);
    case 'Q':
        return place_u64(&at, value, "hexutil.Uint64", &scratch.number);
    case 'U':
        return place_u256(&at, value, "*hexutil.Big", &scratch.wide);
    case 'C':
        return read_count(&at, value, &scratch.number);
    case 'D':
        return place_data(&at, value, &scratch.text);
    case 'T':
        return read_bool(&at, value, &scratch.flag);
    case 'S':
        return read_string(&at, value, &scratch.text);
    case 'L':
        return check_strings(&at, value);
    case 'O':
        return param_call_args(call, index, &args);
    case 'V':
        return param_state_override(call, index, &scratch.state);
    case 'K':
        return param_block_override(call, index, &overridden);
    case 'Y':
    case 'Z':
        return param_trace(call, index, letter == 'Z', &trace);
    case 'F':
        return param_filter(call, index, &filter);
    case 'R':
        return param_storage_requests(call, index, &scratch.requests, &count);
    case 'P':
        return param_percentiles(call, index, &scratch.percentiles, &count);
    default:
        ASSERT(letter == '*');
        return true;
    }
}

bool params_check(struct call *call, const char *signature)
{
    size_t given = json_count(call->params), index = 0, wanted = 0;
    for (const char *at = signature; *at != '\0'; at++)
        wanted += *at != '?';
    for (const char *at = signature; *at != '\0' && index < given; index++) {
        char letter = *at++;
        bool optional = *at == '?';
        at += optional;
        if (optional && call_param(call, index) == NULL)
            continue;
        if (!check_one(call, index, letter))
            return false;
    }
    if (given > wanted)
        return param_note(call, RPC_INVALID_PARAMS, "too many arguments, want at most %zu", wanted);
    index = 0;
    for (const char *at = signature; *at != '\0'; index++) {
        bool optional = at[1] == '?';
        at += optional ? 2 : 1;
        if (!optional && index >= given)
            return note_missing(call, index);
    }
    return true;
}
