#include "les/eth/cht.h"

void cht_bloom_key(uint8_t out10[CHT_BLOOM_KEY_SIZE], unsigned bit, uint64_t section)
{
    ASSERT(bit < CHT_BLOOM_BITS);
    be_write(out10, 2, bit);
    be_write(out10 + 2, 8, section);
}

/* ---- compression ----
 * Level 0 is the vector; each level above has a bit for every byte below it that is not zero; the
 * last is one byte. */
#define LEVELS_MAX 6

_Static_assert(CHT_BLOOM_VECTOR_SIZE_MAX <= 8 * 8 * 8 * 8, "five levels reach one byte");

static void mark_byte(uint8_t *bits, size_t index)
{
    bits[index / 8] = (uint8_t)(bits[index / 8] | 0x80u >> (index % 8));
}

static bool is_zero(struct span bytes)
{
    return bytes.size == 0 ||
           (bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0);
}

static void add_bytes_in_use(struct buf *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            buf_add_u8(out, bytes[i]);
    }
}

void cht_bloom_compress(struct buf *out, struct span vector)
{
    ASSERT(vector.size <= CHT_BLOOM_VECTOR_SIZE_MAX);
    if (is_zero(vector))
        return;
    uint8_t room[CHT_BLOOM_VECTOR_SIZE_MAX / 4] = {0};
    const uint8_t *levels[LEVELS_MAX] = {vector.data};
    size_t sizes[LEVELS_MAX] = {vector.size};
    uint8_t *free_room = room;
    unsigned top = 0;
    for (; sizes[top] > 1; top++) {
        for (size_t i = 0; i < sizes[top]; i++) {
            if (levels[top][i] != 0)
                mark_byte(free_room, i);
        }
        sizes[top + 1] = (sizes[top] + 7) / 8;
        levels[top + 1] = free_room;
        free_room += sizes[top + 1];
    }
    size_t before = out->size;
    for (unsigned level = top + 1; level-- > 0;)
        add_bytes_in_use(out, levels[level], sizes[level]);
    if (out->size - before >= vector.size) {
        out->size = before;
        buf_add_span(out, vector);
    }
}

/* Spreads the next bytes of data over the places that bits marks. */
static bool spread(uint8_t *bytes, size_t size, const uint8_t *bits, size_t bits_size,
                   struct span *data)
{
    for (size_t i = 0; i < bits_size * 8; i++) {
        if (!cht_bloom_test(bits, i))
            continue;
        if (i >= size || data->size == 0 || data->data[0] == 0)
            return false;
        bytes[i] = data->data[0];
        data->data++;
        data->size--;
    }
    return true;
}

static bool expand(uint8_t *vector, size_t size, struct span data)
{
    if (data.size == 0)
        return true;
    uint8_t room[2][CHT_BLOOM_VECTOR_SIZE_MAX / 8] = {{data.data[0]}};
    size_t sizes[LEVELS_MAX] = {size};
    unsigned top = 0;
    for (; sizes[top] > 1; top++)
        sizes[top + 1] = (sizes[top] + 7) / 8;
    data = SPAN(data.data + 1, data.size - 1);
    if (room[0][0] == 0)
        return false;
    for (unsigned level = top; level-- > 0;) {
        const uint8_t *bits = room[(top - level - 1) & 1];
        uint8_t *bytes = level == 0 ? vector : room[(top - level) & 1];
        memset(bytes, 0, sizes[level]);
        if (!spread(bytes, sizes[level], bits, sizes[level + 1], &data))
            return false;
    }
    return data.size == 0;
}

/* Raw is the form of those vectors only that do not become shorter. */
static bool take_raw(uint8_t *vector, struct span data)
{
    struct buf again = {0};
    cht_bloom_compress(&again, data);
    bool canonical = span_equal(buf_span(&again), data);
    buf_free(&again);
    if (canonical)
        memcpy(vector, data.data, data.size);
    return canonical;
}

bool cht_bloom_decompress(uint8_t *vector, size_t size, struct span data)
{
    ASSERT(size > 0 && size <= CHT_BLOOM_VECTOR_SIZE_MAX);
    memset(vector, 0, size);
    if (data.size == size ? take_raw(vector, data) : data.size < size && expand(vector, size, data))
        return true;
    memset(vector, 0, size);
    return false;
}

enum trie_result cht_bloom_walk(uint8_t *vector, size_t size, struct trie_source *source,
                                const struct hash32 *bloom_root, unsigned bit, uint64_t section)
{
    struct trie_walk walk;
    uint8_t key10[CHT_BLOOM_KEY_SIZE];
    cht_bloom_key(key10, bit, section);
    memset(vector, 0, size);
    enum trie_result result = trie_walk(&walk, source, bloom_root, SPAN(key10, sizeof(key10)));
    if (result == TRIE_FOUND && !cht_bloom_decompress(vector, size, walk.value))
        return TRIE_INVALID;
    return result;
}

/* ---- building ---- */

struct cht_bloom {
    size_t vector_size;
    uint8_t *vectors; /* CHT_BLOOM_BITS, one behind the other */
};

struct cht_bloom *cht_bloom_new(size_t section_size)
{
    ASSERT(section_size > 0 && section_size % 8 == 0 && section_size <= CHT_SECTION_SIZE);
    struct cht_bloom *section = mem_alloc(sizeof(*section));
    section->vector_size = section_size / 8;
    section->vectors = mem_alloc(CHT_BLOOM_BITS * section->vector_size);
    return section;
}

void cht_bloom_free(struct cht_bloom *section)
{
    if (!section)
        return;
    mem_free(section->vectors);
    mem_free(section);
}

void cht_bloom_clear(struct cht_bloom *section)
{
    memset(section->vectors, 0, CHT_BLOOM_BITS * section->vector_size);
}

void cht_bloom_add(struct cht_bloom *section, size_t index, const struct bloom256 *bloom)
{
    ASSERT(index < section->vector_size * 8);
    for (unsigned i = 0; i < 256; i++) {
        uint8_t byte = bloom->bytes[255 - i];
        for (unsigned bit = 0; byte != 0; bit++, byte >>= 1) {
            if (byte & 1)
                mark_byte(section->vectors + (i * 8 + bit) * section->vector_size, index);
        }
    }
}

struct span cht_bloom_vector(const struct cht_bloom *section, unsigned bit)
{
    ASSERT(bit < CHT_BLOOM_BITS);
    return SPAN(section->vectors + bit * section->vector_size, section->vector_size);
}

enum status cht_bloom_put(struct trie *trie, uint64_t section_index,
                          const struct cht_bloom *section)
{
    struct buf value = {0};
    enum status status = STATUS_OK;
    for (unsigned bit = 0; bit < CHT_BLOOM_BITS && status == STATUS_OK; bit++) {
        uint8_t key10[CHT_BLOOM_KEY_SIZE];
        cht_bloom_key(key10, bit, section_index);
        buf_clear(&value);
        cht_bloom_compress(&value, cht_bloom_vector(section, bit));
        status = trie_put(trie, SPAN(key10, sizeof(key10)), buf_span(&value));
    }
    buf_free(&value);
    return status;
}
