#include "les/p2p/basetext.h"

static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static void encode(struct buf *out, struct span bytes, const char *alphabet, unsigned bits)
{
    unsigned held = 0, waiting = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        held = (held << 8 | bytes.data[i]) & 0xffff;
        waiting += 8;
        while (waiting >= bits) {
            waiting -= bits;
            buf_add_u8(out, (uint8_t)alphabet[held >> waiting & ((1u << bits) - 1)]);
        }
    }
    if (waiting > 0)
        buf_add_u8(out, (uint8_t)alphabet[held << (bits - waiting) & ((1u << bits) - 1)]);
}

static bool decode(struct buf *out, struct span text, const char *alphabet, unsigned bits)
{
    size_t start = out->size;
    unsigned held = 0, waiting = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *place = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!place) {
            out->size = start;
            return false;
        }
        held = (held << bits | (unsigned)(place - alphabet)) & 0xffff;
        waiting += bits;
        if (waiting >= 8) {
            waiting -= 8;
            buf_add_u8(out, (uint8_t)(held >> waiting));
        }
    }
    /* What is left is less than one more character, and empty. */
    if (waiting >= bits || (held & ((1u << waiting) - 1)) != 0) {
        out->size = start;
        return false;
    }
    return true;
}

void base64url_encode(struct buf *out, struct span bytes)
{
    encode(out, bytes, BASE64URL, 6);
}

void base32_encode(struct buf *out, struct span bytes)
{
    encode(out, bytes, BASE32, 5);
}

bool base64url_decode(struct buf *out, struct span text)
{
    return decode(out, text, BASE64URL, 6);
}

bool base32_decode(struct buf *out, struct span text)
{
    return decode(out, text, BASE32, 5);
}
