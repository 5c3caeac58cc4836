/* Inside of params: hex as go-ethereum's common/hexutil reads it, and places for errors. */
#ifndef GATEWAY_PARAMS_HEX_H
#define GATEWAY_PARAMS_HEX_H

#include "gateway/rpc/params.h"

enum hex_fault {
    HEX_OK,
    HEX_EMPTY,
    HEX_SYNTAX,
    HEX_PREFIX,
    HEX_ODD,
    HEX_EMPTY_NUMBER,
    HEX_LEADING_ZERO,
    HEX_RANGE_64,
    HEX_RANGE_256
};
const char *hex_text(enum hex_fault fault);
/* A quantity of at most digits_max (16 or 64) digits. */
enum hex_fault hex_number(struct u256 *out, struct span text, size_t digits_max);
enum hex_fault hex_bytes(struct call *call, struct span *out, struct span text);
/* HEX_OK with *digits != 2 * size: of another length, out is untouched. */
enum hex_fault hex_fixed(void *out, size_t size, struct span text, size_t *digits);

/* Where a value stands: parameter index, and the Go name of the field inside of it (NULL: the
 * parameter itself), `TransactionArgs.from`; what Go prints between the two (NULL: nothing),
 * `BlockStateCalls.Calls.`. */
struct place {
    struct call *call;
    size_t index;
    const char *field;
    const char *within;
};
/* Both note the error in the call and return false. */
bool place_fault(const struct place *at, const char *text);
bool place_type_fault(const struct place *at, const char *what, const char *type);
const char *go_kind(const struct json_t *value);
const struct json_t *member_fold(const struct json_t *object, const char *name);

bool place_address(const struct place *at, const struct json_t *value, struct address20 *out);
bool place_hash(const struct place *at, const struct json_t *value, struct hash32 *out);
/* Exactly size bytes. */
bool place_fixed(const struct place *at, const struct json_t *value, void *out, size_t size,
                 const char *type);
/* hexutil.Uint64 and what has its form. */
bool place_u64(const struct place *at, const struct json_t *value, const char *type, uint64_t *out);
bool place_u256(const struct place *at, const struct json_t *value, const char *type,
                struct u256 *out);
bool place_data(const struct place *at, const struct json_t *value, struct span *out);
/* The key of a map: what is "Address" or "Hash". */
bool place_key(const struct place *at, struct span key, void *out, size_t size, const char *what);
bool place_block_number(const struct place *at, const struct json_t *value, struct block_ref *out);

#endif
