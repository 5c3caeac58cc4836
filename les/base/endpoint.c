#include "les/base/loop.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const struct endpoint *endpoint)
{
    return memcmp(endpoint->ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static bool port_parse(uint16_t *out, const char *text)
{
    uint32_t port = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 6; digits++)
        port = port * 10 + (uint32_t)(text[digits] - '0');
    if (digits == 0 || text[digits] != 0 || port > UINT16_MAX || (text[0] == '0' && digits > 1))
        return false;
    *out = (uint16_t)port;
    return true;
}

/* Copies text up to end into a terminated string for inet_pton. */
static bool address_parse(int family, void *out, const char *text, const char *end)
{
    char address[INET6_ADDRSTRLEN];
    size_t size = (size_t)(end - text);
    if (size == 0 || size >= sizeof(address))
        return false;
    memcpy(address, text, size);
    address[size] = 0;
    return inet_pton(family, address, out) == 1;
}

bool endpoint_parse(struct endpoint *out, const char *text)
{
    struct endpoint endpoint = {{0}, 0};
    *out = endpoint;
    const char *end;
    if (text[0] == '[') {
        end = strchr(text, ']');
        if (end == NULL || !address_parse(AF_INET6, endpoint.ip, text + 1, end))
            return false;
        end++;
    } else {
        end = strchr(text, ':');
        if (end == NULL || !address_parse(AF_INET, endpoint.ip + 12, text, end))
            return false;
        memcpy(endpoint.ip, mapped_prefix, sizeof(mapped_prefix));
    }
    if (*end != ':' || !port_parse(&endpoint.port, end + 1))
        return false;
    *out = endpoint;
    return true;
}

void endpoint_format(char out[ENDPOINT_TEXT_SIZE], const struct endpoint *endpoint)
{
    char address[INET6_ADDRSTRLEN];
    if (is_mapped(endpoint)) {
        ASSERT(inet_ntop(AF_INET, endpoint->ip + 12, address, sizeof(address)) != NULL);
        snprintf(out, ENDPOINT_TEXT_SIZE, "%s:%u", address, (unsigned)endpoint->port);
    } else {
        ASSERT(inet_ntop(AF_INET6, endpoint->ip, address, sizeof(address)) != NULL);
        snprintf(out, ENDPOINT_TEXT_SIZE, "[%s]:%u", address, (unsigned)endpoint->port);
    }
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    if (is_mapped(endpoint))
        return endpoint->ip[12] == 127;
    return memcmp(endpoint->ip, loopback6, sizeof(loopback6)) == 0;
}
