/* One connection to a full node that carries JSON messages: full_http.c, full_ws.c, full_ipc.c. A
 * wire is used once, from its opening to its end. Inside of full_rpc only. */
#ifndef LES_NODE_FULL_WIRE_H
#define LES_NODE_FULL_WIRE_H

#include "les/base/loop.h"

enum full_scheme { FULL_HTTP, FULL_WS, FULL_IPC };

/* Where the node is: made of the URL of full_rpc_config. */
struct full_address {
    enum full_scheme scheme;
    struct endpoint endpoints[2]; /* localhost has two: they are tried in turn */
    size_t endpoints_count;
    char *host; /* of the Host field: host:port */
    char *path; /* of the request, or of the socket */
};
/* False: *why says what is wrong; nothing is to be freed. */
bool full_address_parse(struct full_address *out, const char *url, const char **why) WARN_UNUSED;
void full_address_free(struct full_address *address);

struct full_wire;
/* on_open: messages can be sent. on_message: a whole answer, borrowed. HTTP: status is the
 * response's, and the next message may be sent when this returns; otherwise status is 200. on_end:
 * once, nothing comes after it; the owner closes the wire. IO, TIMEOUT, UNAVAILABLE, OK: the
 * connection. INVALID, LIMIT: the node said what it must not. why is static text. */
struct full_wire_events {
    void (*on_open)(void *owner);
    void (*on_message)(void *owner, struct span message, unsigned status);
    void (*on_end)(void *owner, enum status status, const char *why);
    void (*on_bytes)(void *owner, size_t size); /* received, before anything is made of them */
};
struct full_wire_ops {
    bool (*send)(struct full_wire *wire, struct span message); /* false: it does not go out */
    void (*close)(struct full_wire *wire);
};
struct full_wire {
    const struct full_wire_ops *ops;
    const struct full_wire_events *events;
    void *owner;
};

struct full_wire_target {
    struct loop *loop;
    const struct full_address *address; /* borrowed until the wire is closed */
    size_t attempt;                     /* which of the endpoints */
    const char *authorization;          /* NULL: none; borrowed as well */
};
/* The returned wire is the caller's until full_wire_close, which is legal in every callback: no
 * callback comes after it. No callback comes before this returns. */
enum status full_http_open(struct full_wire **out, const struct full_wire_target *target,
                           const struct full_wire_events *events, void *owner) WARN_UNUSED;
enum status full_ws_open(struct full_wire **out, const struct full_wire_target *target,
                         const struct full_wire_events *events, void *owner) WARN_UNUSED;
enum status full_ipc_open(struct full_wire **out, const struct full_wire_target *target,
                          const struct full_wire_events *events, void *owner) WARN_UNUSED;
static inline bool full_wire_send(struct full_wire *wire, struct span message)
{
    return wire->ops->send(wire, message);
}
static inline void full_wire_close(struct full_wire *wire)
{
    if (wire != NULL)
        wire->ops->close(wire);
}

#endif
