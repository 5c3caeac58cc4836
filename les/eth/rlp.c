#include "les/eth/rlp.h"

/* What the header of one item says. The header and the payload lie inside the bytes that were read.
 */
struct item {
    enum rlp_kind kind;
    size_t header_size;
    size_t payload_size;
};

#define SHORT_MAX 55 /* payloads up to this size have a header of one byte */

/* The size that follows a header byte of the long form: no leading zero, nothing the short form
 * could say. */
static bool long_size(size_t *out, const uint8_t *data, size_t size, size_t size_of_size)
{
    if (size_of_size >= size || data[1] == 0)
        return false;
    uint64_t value = be_read(data + 1, size_of_size);
    *out = (size_t)value;
    return value > SHORT_MAX && value <= size - 1 - size_of_size;
}

static bool item_read(struct item *item, const uint8_t *data, size_t size)
{
    if (size == 0)
        return false;
    uint8_t first = data[0];
    item->kind = first < 0xc0 ? RLP_STRING : RLP_LIST;
    if (first < 0x80) {
        item->header_size = 0;
        item->payload_size = 1;
        return true;
    }
    size_t code = first - (first < 0xc0 ? 0x80u : 0xc0u);
    if (code <= SHORT_MAX) {
        item->header_size = 1;
        item->payload_size = code;
        if (code > size - 1)
            return false;
        return !(first == 0x81 && data[1] < 0x80);
    }
    item->header_size = 1 + code - SHORT_MAX;
    return long_size(&item->payload_size, data, size, code - SHORT_MAX);
}

/* Takes the next item if it is of this kind (RLP_NONE: of either); otherwise the cursor goes bad.
 */
static bool take(struct rlp *rlp, enum rlp_kind kind, struct item *item, const uint8_t **start)
{
    if (rlp->bad || !item_read(item, rlp->data, rlp->size) ||
        (kind != RLP_NONE && item->kind != kind)) {
        rlp_fail(rlp);
        return false;
    }
    *start = rlp->data;
    size_t whole = item->header_size + item->payload_size;
    rlp->data += whole;
    rlp->size -= whole;
    return true;
}

struct rlp rlp_reader(struct span bytes)
{
    return (struct rlp){.data = bytes.data, .size = bytes.size};
}

enum rlp_kind rlp_peek(const struct rlp *rlp)
{
    if (!rlp_more(rlp))
        return RLP_NONE;
    return rlp->data[0] < 0xc0 ? RLP_STRING : RLP_LIST;
}

bool rlp_more(const struct rlp *rlp)
{
    return !rlp->bad && rlp->size > 0;
}

bool rlp_end(const struct rlp *rlp)
{
    return !rlp->bad && rlp->size == 0;
}

void rlp_fail(struct rlp *rlp)
{
    rlp->bad = true;
    rlp->size = 0;
}

struct rlp rlp_list(struct rlp *rlp)
{
    struct item item;
    const uint8_t *start;
    if (!take(rlp, RLP_LIST, &item, &start))
        return (struct rlp){.bad = true};
    return (struct rlp){.data = start + item.header_size, .size = item.payload_size};
}

struct span rlp_bytes(struct rlp *rlp)
{
    struct item item;
    const uint8_t *start;
    if (!take(rlp, RLP_STRING, &item, &start))
        return SPAN_EMPTY;
    return SPAN(start + item.header_size, item.payload_size);
}

struct span rlp_raw(struct rlp *rlp)
{
    struct item item;
    const uint8_t *start;
    if (!take(rlp, RLP_NONE, &item, &start))
        return SPAN_EMPTY;
    return SPAN(start, item.header_size + item.payload_size);
}

/* The payload of the next string if it is a minimal integer of at most size_max bytes; zero is the
 * empty string. */
static struct span integer(struct rlp *rlp, size_t size_max)
{
    struct span bytes = rlp_bytes(rlp);
    if (bytes.size > size_max || (bytes.size > 0 && bytes.data[0] == 0)) {
        rlp_fail(rlp);
        return SPAN_EMPTY;
    }
    return bytes;
}

uint64_t rlp_u64(struct rlp *rlp)
{
    struct span bytes = integer(rlp, 8);
    return be_read(bytes.data, bytes.size);
}

void rlp_u256(struct rlp *rlp, struct u256 *out)
{
    struct span bytes = integer(rlp, 32);
    *out = (struct u256){{0}};
    for (int word = 0; bytes.size > 0; word++) {
        size_t part = bytes.size < 8 ? bytes.size : 8;
        bytes.size -= part;
        out->words[word] = be_read(bytes.data + bytes.size, part);
    }
}

bool rlp_bool(struct rlp *rlp)
{
    uint64_t value = rlp_u64(rlp);
    if (value > 1)
        rlp_fail(rlp);
    return value == 1;
}

void rlp_fixed(struct rlp *rlp, void *out, size_t size)
{
    struct span bytes = rlp_bytes(rlp);
    if (!rlp->bad && bytes.size != size)
        rlp_fail(rlp);
    if (rlp->bad)
        memset(out, 0, size);
    else if (size > 0)
        memcpy(out, bytes.data, size);
}

size_t rlp_count(struct rlp rlp)
{
    size_t count = 0;
    for (; rlp_more(&rlp); count++)
        rlp_raw(&rlp);
    return rlp.bad ? 0 : count;
}

bool rlp_valid(struct span bytes)
{
    const uint8_t *ends[RLP_DEPTH_MAX]; /* of the lists that are open */
    size_t depth = 0;
    if (bytes.size == 0)
        return false;
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    do {
        struct item item;
        const uint8_t *limit = depth > 0 ? ends[depth - 1] : end;
        if (!item_read(&item, at, (size_t)(limit - at)))
            return false;
        at += item.header_size;
        if (item.kind == RLP_STRING) {
            at += item.payload_size;
        } else {
            if (depth == RLP_DEPTH_MAX)
                return false;
            ends[depth++] = at + item.payload_size;
        }
        while (depth > 0 && at == ends[depth - 1])
            depth--;
    } while (depth > 0);
    return at == end;
}

static size_t byte_length(uint64_t value)
{
    return value == 0 ? 0 : (size_t)(71 - __builtin_clzll(value)) / 8;
}

size_t rlp_header_size(size_t payload_size)
{
    return payload_size <= SHORT_MAX ? 1 : 1 + byte_length(payload_size);
}

/* Writes the header whose short form starts at base (0x80 or 0xc0) and returns its size. */
static size_t header_write(uint8_t out9[9], uint8_t base, size_t payload_size)
{
    if (payload_size <= SHORT_MAX) {
        out9[0] = (uint8_t)(base + payload_size);
        return 1;
    }
    size_t size_of_size = byte_length(payload_size);
    out9[0] = (uint8_t)(base + SHORT_MAX + size_of_size);
    be_write(out9 + 1, size_of_size, payload_size);
    return 1 + size_of_size;
}

void rlp_add_bytes(struct buf *out, struct span bytes)
{
    if (bytes.size != 1 || bytes.data[0] >= 0x80) {
        uint8_t header[9];
        buf_add(out, header, header_write(header, 0x80, bytes.size));
    }
    buf_add(out, bytes.data, bytes.size);
}

void rlp_add_u64(struct buf *out, uint64_t value)
{
    uint8_t bytes[8];
    size_t size = byte_length(value);
    be_write(bytes, size, value);
    rlp_add_bytes(out, SPAN(bytes, size));
}

void rlp_add_u256(struct buf *out, const struct u256 *value)
{
    uint8_t bytes[32];
    for (size_t word = 0; word < 4; word++)
        be_write(bytes + 24 - 8 * word, 8, value->words[word]);
    size_t zeros = 0;
    while (zeros < 32 && bytes[zeros] == 0)
        zeros++;
    rlp_add_bytes(out, SPAN(bytes + zeros, 32 - zeros));
}

void rlp_add_list_header(struct buf *out, size_t payload_size)
{
    uint8_t header[9];
    buf_add(out, header, header_write(header, 0xc0, payload_size));
}

size_t rlp_list_begin(struct buf *out)
{
    return out->size;
}

void rlp_list_end(struct buf *out, size_t mark)
{
    uint8_t header[9];
    size_t payload_size = out->size - mark;
    size_t header_size = header_write(header, 0xc0, payload_size);
    buf_add(
        out, header,
        header_size); /* room for the shift; the bytes are overwritten unless the list is empty */
    memmove(out->data + mark + header_size, out->data + mark, payload_size);
    memcpy(out->data + mark, header, header_size);
}
