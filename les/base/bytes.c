#include "les/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_CAPACITY_MIN 64

bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void *must(void *pointer)
{
    if (pointer == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return pointer;
}

void *mem_alloc(size_t size)
{
    return must(calloc(1, size == 0 ? 1 : size));
}

void *mem_realloc(void *pointer, size_t size)
{
    return must(realloc(pointer, size == 0 ? 1 : size));
}

void mem_free(void *pointer)
{
    free(pointer);
}

uint8_t *mem_copy(struct span bytes)
{
    uint8_t *copy = must(malloc(bytes.size == 0 ? 1 : bytes.size));
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

char *mem_strdup(const char *text)
{
    return (char *)mem_copy(SPAN(text, strlen(text) + 1));
}

void mem_wipe(void *pointer, size_t size)
{
    explicit_bzero(pointer, size);
}

void buf_reserve(struct buf *buf, size_t extra)
{
    ASSERT(extra <= SIZE_MAX / 2 - buf->size);
    size_t needed = buf->size + extra;
    if (needed <= buf->capacity)
        return;
    size_t capacity = buf->capacity < BUF_CAPACITY_MIN ? BUF_CAPACITY_MIN : buf->capacity;
    while (capacity < needed)
        capacity *= 2;
    buf->data = mem_realloc(buf->data, capacity);
    buf->capacity = capacity;
}

void buf_add(struct buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return;
    buf_reserve(buf, size);
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
}

void buf_add_span(struct buf *buf, struct span bytes)
{
    buf_add(buf, bytes.data, bytes.size);
}

void buf_add_u8(struct buf *buf, uint8_t byte)
{
    buf_reserve(buf, 1);
    buf->data[buf->size++] = byte;
}

void buf_add_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int count = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(count >= 0);
    size_t size = (size_t)count;
    buf_reserve(buf, size + 1);
    vsnprintf((char *)buf->data + buf->size, size + 1, format, again);
    va_end(again);
    buf->size += size;
}

void buf_drop_front(struct buf *buf, size_t size)
{
    ASSERT(size <= buf->size);
    if (size == 0)
        return;
    buf->size -= size;
    memmove(buf->data, buf->data + size, buf->size);
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
}

void buf_free(struct buf *buf)
{
    mem_free(buf->data);
    *buf = (struct buf){0};
}

void hex_encode(char *out, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        out[2 * i] = digits[bytes.data[i] >> 4];
        out[2 * i + 1] = digits[bytes.data[i] & 15];
    }
}

void buf_add_hex(struct buf *buf, struct span bytes)
{
    ASSERT(bytes.size <= SIZE_MAX / 4);
    buf_reserve(buf, 2 * bytes.size);
    if (bytes.size == 0)
        return;
    hex_encode((char *)buf->data + buf->size, bytes);
    buf->size += 2 * bytes.size;
}

void buf_add_hex0x(struct buf *buf, struct span bytes)
{
    buf_add_str(buf, "0x");
    buf_add_hex(buf, bytes);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool hex_decode_digits(uint8_t *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void skip_prefix(const char **text, size_t *text_size)
{
    if (*text_size >= 2 && (*text)[0] == '0' && (*text)[1] == 'x') {
        *text += 2;
        *text_size -= 2;
    }
}

bool hex_decode_exact(uint8_t *out, size_t size, const char *text, size_t text_size)
{
    skip_prefix(&text, &text_size);
    if (text_size / 2 == size && text_size % 2 == 0 && hex_decode_digits(out, text, size))
        return true;
    if (size != 0)
        memset(out, 0, size);
    return false;
}

bool hex_decode(struct buf *out, const char *text, size_t text_size)
{
    skip_prefix(&text, &text_size);
    if (text_size % 2 != 0)
        return false;
    if (text_size == 0)
        return true;
    buf_reserve(out, text_size / 2);
    if (!hex_decode_digits(out->data + out->size, text, text_size / 2))
        return false;
    out->size += text_size / 2;
    return true;
}
