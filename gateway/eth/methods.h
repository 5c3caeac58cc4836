/* The table of methods.def, and the prototypes of its handlers for the files that define them. ctx
 * is what the program gave rpc_new. */
#ifndef GATEWAY_METHODS_H
#define GATEWAY_METHODS_H

#include "gateway/rpc/rpc.h"

#define RPC_METHOD(name, handler, signature, cache)                                                \
    struct call_done handler(struct call *call, void *ctx);
#include "gateway/eth/methods.def"
#undef RPC_METHOD

extern const struct rpc_method METHODS[];
extern const size_t METHODS_COUNT;

#endif
