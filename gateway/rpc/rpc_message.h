/* The envelope of a JSON-RPC message, read as go-ethereum reads it: a field of the wrong type
 * counts as absent, a repeated one as its last, names are compared without regard to case. All
 * spans are borrowed. */
#ifndef GATEWAY_RPC_MESSAGE_H
#define GATEWAY_RPC_MESSAGE_H

#include "gateway/rpc/json.h"

struct rpc_message {
    bool version_2;     /* "jsonrpc":"2.0" */
    struct span id;     /* raw; empty if absent */
    struct span method; /* the raw string with quotes; empty if absent or "" */
    struct span params; /* raw; empty if absent */
    bool answers;       /* has a result or an error */
};
void rpc_message_read(struct rpc_message *out, struct span value);

enum rpc_message_kind {
    RPC_MESSAGE_CALL,
    RPC_MESSAGE_NOTIFICATION,
    RPC_MESSAGE_RESPONSE, /* to a question that nobody asked: no reply */
    RPC_MESSAGE_INVALID   /* its id is echoed if it may be one */
};
enum rpc_message_kind rpc_message_kind(const struct rpc_message *message);
/* Neither object nor array. */
bool rpc_message_id_valid(const struct rpc_message *message);

#endif
