#include "les/node/full_wire.h"

#include "les/base/limits.h"

#include <stdio.h>

#define PORT_HTTP "8545"
#define PORT_WS   "8546"

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_printable(const char *text)
{
    for (; *text != 0; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static char *join(const char *a, const char *b, const char *c)
{
    struct buf text = {0};
    buf_add_str(&text, a);
    buf_add_str(&text, b);
    buf_add_str(&text, c);
    buf_add_u8(&text, 0);
    return (char *)text.data;
}

/* authority: HOST or HOST:PORT. */
static bool parse_host(struct full_address *out, const char *authority, const char *port)
{
    const char *bracket = strchr(authority, ']');
    const char *colon = strchr(bracket == NULL ? authority : bracket, ':');
    char *host = colon == NULL ? join(authority, ":", port) : mem_strdup(authority);
    out->host = host;
    if (has_prefix(host, "localhost:")) {
        char *four = join("127.0.0.1", strchr(host, ':'), ""),
             *six = join("[::1]", strchr(host, ':'), "");
        bool fine =
            endpoint_parse(&out->endpoints[0], four) && endpoint_parse(&out->endpoints[1], six);
        mem_free(four);
        mem_free(six);
        out->endpoints_count = 2;
        return fine && out->endpoints[0].port != 0;
    }
    out->endpoints_count = 1;
    return endpoint_parse(&out->endpoints[0], host) && out->endpoints[0].port != 0;
}

static bool parse_url(struct full_address *out, const char *rest, const char *port,
                      const char **why)
{
    const char *slash = strpbrk(rest, "/?#");
    size_t size = slash == NULL ? strlen(rest) : (size_t)(slash - rest);
    char *authority = (char *)mem_alloc(size + 1);
    memcpy(authority, rest, size);
    if (memchr(rest, '@', size) != NULL)
        *why = "a name and password do not belong into the address: use the authorization setting";
    else if (slash != NULL && strchr(slash, '#') != NULL)
        *why = "a fragment (#) means nothing to a node";
    else if (!parse_host(out, authority, port))
        *why = "the host must be an IP address (IPv6 in brackets) or localhost, with a port";
    mem_free(authority);
    out->path = slash == NULL || slash[0] != '/' ? join("/", slash == NULL ? "" : slash, "")
                                                 : mem_strdup(slash);
    return *why == NULL;
}

static bool parse_socket(struct full_address *out, const char *path, const char **why)
{
    out->scheme = FULL_IPC;
    out->path = mem_strdup(path);
    if (path[0] == 0 || strlen(path) > UNIX_PATH_SIZE_MAX)
        *why = "the path of a socket has 1 to 107 characters";
    return *why == NULL;
}

bool full_address_parse(struct full_address *out, const char *url, const char **why)
{
    *why = NULL;
    memset(out, 0, sizeof *out);
    if (strlen(url) > FULL_URL_MAX)
        *why = "too long";
    else if (has_prefix(url, "https://") || has_prefix(url, "wss://"))
        *why = "TLS towards the node is not spoken: give a node of this machine or network, or the "
               "local end of a tunnel";
    else if (has_prefix(url, "ipc:"))
        parse_socket(out, url + 4, why);
    else if (has_prefix(url, "http://") || has_prefix(url, "ws://")) {
        out->scheme = has_prefix(url, "ws://") ? FULL_WS : FULL_HTTP;
        if (is_printable(url))
            parse_url(out, strstr(url, "://") + 3, out->scheme == FULL_WS ? PORT_WS : PORT_HTTP,
                      why);
        else
            *why = "blanks and letters outside of ASCII are to be escaped";
    } else if (strstr(url, "://") != NULL || strchr(url, '/') == NULL)
        *why = "not http://, ws://, or the path of a socket";
    else
        parse_socket(out, url, why);
    if (*why == NULL)
        return true;
    full_address_free(out);
    return false;
}

void full_address_free(struct full_address *address)
{
    mem_free(address->host);
    mem_free(address->path);
    memset(address, 0, sizeof *address);
}
