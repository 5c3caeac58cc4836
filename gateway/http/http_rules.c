#include "gateway/http/http_rules.h"

#include <arpa/inet.h>
#include <strings.h>

static bool text_is(struct span text, const char *name)
{
    return text.size == strlen(name) && strncasecmp((const char *)text.data, name, text.size) == 0;
}

static bool list_has(const struct conf_list *list, struct span text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], "*") == 0 || text_is(text, list->items[i]))
            return true;
    return false;
}

/* Without the port; IPv6 without its brackets. */
static struct span host_of(struct span authority)
{
    const uint8_t *colon = memchr(authority.data, ':', authority.size);
    if (authority.size > 0 && authority.data[0] == '[') {
        const uint8_t *close = memchr(authority.data, ']', authority.size);
        return close == NULL ? authority
                             : SPAN(authority.data + 1, (size_t)(close - authority.data - 1));
    }
    if (colon == NULL)
        return authority;
    size_t before = (size_t)(colon - authority.data);
    return memchr(colon + 1, ':', authority.size - before - 1) == NULL
               ? SPAN(authority.data, before)
               : authority;
}

static bool is_address(struct span host)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t ip[16];
    if (host.size == 0 || host.size >= sizeof text || memchr(host.data, 0, host.size) != NULL)
        return false;
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    return inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1;
}

bool http_host_allowed(struct span authority, const struct conf_list *vhosts)
{
    struct span host = host_of(authority);
    return is_address(host) || list_has(vhosts, host);
}

bool http_origin_allowed(struct span origin, const struct conf_list *origins)
{
    return origin.size > 0 && list_has(origins, origin);
}

bool http_websocket_origin_allowed(struct span origin, const struct conf_list *origins)
{
    static const char *const schemes[] = {"http://", "https://"};
    if (origin.size == 0)
        return true;
    if (origins->count > 0)
        return list_has(origins, origin);
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        size_t size = strlen(schemes[i]);
        if (origin.size <= size || strncasecmp((const char *)origin.data, schemes[i], size) != 0)
            continue;
        struct span host = host_of(SPAN(origin.data + size, origin.size - size));
        return text_is(host, "localhost") || text_is(host, "127.0.0.1") || text_is(host, "::1");
    }
    return false;
}

bool http_content_type_allowed(struct span content_type)
{
    const uint8_t *end =
        content_type.size == 0 ? NULL : memchr(content_type.data, ';', content_type.size);
    struct span type =
        end == NULL ? content_type : SPAN(content_type.data, (size_t)(end - content_type.data));
    while (type.size > 0 && (type.data[0] == ' ' || type.data[0] == '\t'))
        type = SPAN(type.data + 1, type.size - 1);
    while (type.size > 0 && (type.data[type.size - 1] == ' ' || type.data[type.size - 1] == '\t'))
        type.size--;
    return text_is(type, "application/json") || text_is(type, "application/json-rpc") ||
           text_is(type, "application/jsonrequest");
}
