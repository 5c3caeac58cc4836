/* Spans, growing buffers, heap, hex and big-endian integers.
 *
 * Heap: mem_alloc and mem_realloc never return NULL; running out of memory for what the limits
 * allow is fatal. Nothing whose size a peer chose is allocated before that size was checked against
 * les/base/limits.h. */
#ifndef LES_BASE_BYTES_H
#define LES_BASE_BYTES_H

#include "les/base/status.h"

#include <string.h>

/* A borrowed run of bytes: valid as long as its owner says; a callee that keeps it must copy it. */
struct span {
    const uint8_t *data;
    size_t size;
};

#define SPAN(pointer, count) ((struct span){(const uint8_t *)(pointer), (count)})
#define SPAN_EMPTY           ((struct span){NULL, 0})
#define SPAN_STR(text)       SPAN((text), strlen(text))

bool span_equal(struct span a, struct span b);

void *mem_alloc(size_t size); /* zeroed */
void *mem_realloc(void *pointer, size_t size);
void mem_free(void *pointer);
uint8_t *
mem_copy(struct span bytes); /* caller frees with mem_free; never NULL, even for an empty span */
char *mem_strdup(const char *text);

/* A growing byte buffer that owns its memory. {0} is an empty one. */
struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void buf_reserve(struct buf *buf, size_t extra);
void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_span(struct buf *buf, struct span bytes);
void buf_add_u8(struct buf *buf, uint8_t byte);
void buf_add_str(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);
void buf_drop_front(struct buf *buf, size_t size); /* removes the first size bytes */
void buf_clear(struct buf *buf);                   /* keeps the memory */
void buf_free(struct buf *buf);
static inline struct span buf_span(const struct buf *buf)
{
    return SPAN(buf->data, buf->size);
}

/* Hex without prefix, lower case: out holds 2 * size characters and no terminator. */
void hex_encode(char *out, struct span bytes);
void buf_add_hex(struct buf *buf, struct span bytes);   /* without 0x */
void buf_add_hex0x(struct buf *buf, struct span bytes); /* with 0x */
/* Decodes text (with or without 0x, even count of digits) of exactly 2 * size digits. False: out is
 * zeroed. */
bool hex_decode_exact(uint8_t *out, size_t size, const char *text, size_t text_size) WARN_UNUSED;
/* Appends the decoded bytes. False: nothing was appended. */
bool hex_decode(struct buf *out, const char *text, size_t text_size) WARN_UNUSED;

static inline uint64_t be_read(const uint8_t *data, size_t size) /* size <= 8 */
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}
static inline void be_write(uint8_t *data, size_t size, uint64_t value) /* size <= 8 */
{
    for (size_t i = size; i-- > 0; value >>= 8)
        data[i] = (uint8_t)value;
}

/* Overwrites secrets in a way that the compiler keeps. */
void mem_wipe(void *pointer, size_t size);

#endif
