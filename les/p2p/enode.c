#include "les/p2p/enode.h"

#include "les/eth/keccak.h"

#include <stdio.h>

#define SCHEME     "enode://"
#define KEY_DIGITS 128

/* A decimal port without sign, blanks or leading zeros. */
static bool port_parse(uint16_t *out, const char *text, size_t size)
{
    unsigned value = 0;
    if (size == 0 || size > 5 || (size > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= UINT16_MAX;
}

static bool looks_like_host_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size && text[i] != ':'; i++)
        if ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'))
            return text[0] != '[';
    return false;
}

static const char *address_parse(struct enode *out, const char *text, size_t size)
{
    char at[ENDPOINT_TEXT_SIZE];
    const char *query = memchr(text, '?', size);
    size_t at_size = query ? (size_t)(query - text) : size;
    const char *colon = memrchr(text, ':', at_size);
    uint16_t port;
    if (looks_like_host_name(text, at_size))
        return "the address of an enode URL must be an IP address, not a host name";
    if (at_size >= sizeof(at) || colon == NULL)
        return "an enode URL needs an IP address and a port after '@'";
    if (!port_parse(&port, colon + 1, (size_t)(text + at_size - colon - 1)))
        return "the port of an enode URL must be a number from 0 to 65535";
    memcpy(at, text, at_size);
    at[at_size] = '\0';
    if (!endpoint_parse(&out->at, at))
        return "the address of an enode URL must be an IP address and a port";
    out->udp_port = out->at.port;
    if (query) {
        static const char discport[] = "?discport=";
        size_t skip = sizeof(discport) - 1, query_size = size - at_size;
        if (query_size <= skip || memcmp(query, discport, skip) != 0 ||
            !port_parse(&out->udp_port, query + skip, query_size - skip))
            return "the only option of an enode URL is ?discport=PORT";
    }
    if (out->at.port == 0 && out->udp_port == 0)
        return "an enode URL needs a port";
    return NULL;
}

const char *enode_parse(struct enode *out, const char *text)
{
    size_t size = strlen(text), skip = sizeof(SCHEME) - 1;
    const char *why = NULL;
    memset(out, 0, sizeof(*out));
    if (size < skip || memcmp(text, SCHEME, skip) != 0)
        return "an enode URL begins with enode://";
    text += skip;
    size -= skip;
    if (size <= KEY_DIGITS || text[KEY_DIGITS] != '@' || text[1] == 'x' || text[1] == 'X' ||
        !hex_decode_exact(out->key.bytes, sizeof(out->key.bytes), text, KEY_DIGITS))
        why = "an enode URL has 128 hex digits of public key before '@'";
    else
        why = address_parse(out, text + KEY_DIGITS + 1, size - KEY_DIGITS - 1);
    if (why)
        memset(out, 0, sizeof(*out));
    return why;
}

void enode_format(char out[ENODE_TEXT_SIZE], const struct enode *enode)
{
    char at[ENDPOINT_TEXT_SIZE];
    size_t size = sizeof(SCHEME) - 1;
    memcpy(out, SCHEME, size);
    hex_encode(out + size, SPAN(enode->key.bytes, sizeof(enode->key.bytes)));
    size += KEY_DIGITS;
    endpoint_format(at, &enode->at);
    if (enode->udp_port == enode->at.port)
        snprintf(out + size, ENODE_TEXT_SIZE - size, "@%s", at);
    else
        snprintf(out + size, ENODE_TEXT_SIZE - size, "@%s?discport=%u", at, enode->udp_port);
}

void enode_id(struct hash32 *out, const struct pubkey64 *key)
{
    keccak256(out, SPAN(key->bytes, sizeof(key->bytes)));
}

bool enode_equal(const struct enode *a, const struct enode *b)
{
    return memcmp(a->key.bytes, b->key.bytes, sizeof(a->key.bytes)) == 0 &&
           memcmp(a->at.ip, b->at.ip, sizeof(a->at.ip)) == 0 && a->at.port == b->at.port &&
           a->udp_port == b->udp_port;
}
