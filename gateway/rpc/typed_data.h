/* EIP-712: the digest that eth_signTypedData_v4 signs. Strict: every field of a type must be there
 * with a value of that type, every type must be declared or one of the EIP's own. */
#ifndef GATEWAY_TYPED_DATA_H
#define GATEWAY_TYPED_DATA_H

#include "gateway/rpc/json.h"

/* data: {"types": ..., "primaryType": ..., "domain": ..., "message": ...}. NULL: out is the digest;
 * else what is wrong, static text. */
const char *typed_data_digest(struct hash32 *out, const struct json_t *data);

#endif
