#include "gateway/eth/methods.h"

const struct rpc_method METHODS[] = {
#define RPC_METHOD(name, handler, signature, cache) {name, handler, signature, CALL_CACHE_##cache},
#include "gateway/eth/methods.def"
#undef RPC_METHOD
};
const size_t METHODS_COUNT = ARRAY_COUNT(METHODS);
