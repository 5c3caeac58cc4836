/* HTTP/1.1 responses (RFC 9112), incremental and strict: what a JSON-RPC client needs of it and no
 * more. Bytes may come in any pieces. Bounded by FULL_HTTP_* and FULL_RESPONSE_BYTES_MAX. */
#ifndef LES_NODE_FULL_HTTP_PARSE_H
#define LES_NODE_FULL_HTTP_PARSE_H

#include "les/base/bytes.h"

enum full_http_state {
    FULL_HTTP_MORE,
    FULL_HTTP_DONE, /* status and body are the response's; bytes behind it are not consumed */
    FULL_HTTP_BAD,  /* not HTTP as it is written, or ambiguous about where it ends */
    FULL_HTTP_LARGE /* a limit */
};
enum full_http_phase {
    FULL_HTTP_HEAD,
    FULL_HTTP_BODY,      /* left bytes, or to the end of the stream */
    FULL_HTTP_SIZE,      /* of a chunk */
    FULL_HTTP_CHUNK,     /* left bytes */
    FULL_HTTP_CHUNK_END, /* CRLF behind it */
    FULL_HTTP_TRAILER
};

/* {0} begins a response; full_http_reset the next one. End with full_http_free. */
struct full_http {
    unsigned status; /* 200 ... */
    bool keep_alive; /* the connection can carry another request */
    struct buf body; /* without the coding of chunks */
    struct buf head; /* the status line and fields, with their ends: for full_http_field */
    enum full_http_phase phase; /* private from here on */
    struct buf line;
    uint64_t left;
    bool chunked, has_length, to_end;
    size_t trailer_size;
    unsigned interim;
};
/* Takes bytes until the response is whole; *used says how many. A response to a request that has a
 * body in its answer (not HEAD). 101 ends after its head. After BAD and LARGE only full_http_free.
 */
enum full_http_state full_http_feed(struct full_http *http, struct span bytes,
                                    size_t *used) WARN_UNUSED;
/* The stream ended: a response without length is whole now. MORE never comes. */
enum full_http_state full_http_finish(struct full_http *http) WARN_UNUSED;
/* Nothing of a response is there yet. */
bool full_http_idle(const struct full_http *http);
/* The value of the one header field with this name (lower case), without blanks around. False:
 * none, or more than one. */
bool full_http_field(const struct full_http *http, const char *name, struct span *value);
void full_http_reset(struct full_http *http);
void full_http_free(struct full_http *http);

#endif
