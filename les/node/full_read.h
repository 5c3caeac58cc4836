/* Reading fields of a JSON object with a sticky fault: inside of the files full_json*.c. */
#ifndef LES_NODE_FULL_READ_H
#define LES_NODE_FULL_READ_H

#include "les/node/full_json.h"

/* After the first fault every read gives zero; look at bad once at the end. */
struct full_read {
    json_t *object;
    struct full_fault *fault;
    size_t index;
    bool bad;
};

/* A fault too when json is no object. */
struct full_read full_read_of(json_t *json, size_t index, struct full_fault *fault);
void full_read_fail(struct full_read *read, const char *what, const char *field);
/* The field is there and not null. */
bool full_read_has(const struct full_read *read, const char *field);
json_t *full_read_field(struct full_read *read, const char *field); /* NULL: fault set */
uint64_t full_read_get_u64(struct full_read *read, const char *field);
void full_read_get_u256(struct full_read *read, const char *field, struct u256 *out);
void full_read_get_fixed(struct full_read *read, const char *field, void *out, size_t size);
void full_read_get_bytes(struct full_read *read, const char *field, struct buf *out,
                         size_t size_max); /* appends */
/* An array of at most count_max items. NULL: fault set. */
json_t *full_read_get_array(struct full_read *read, const char *field, size_t count_max);

/* Sets fault and returns false. */
bool full_fail(struct full_fault *fault, const char *what, const char *field, size_t index);
/* An envelope as a list of transactions or receipts has it: a list as it is, type || rlp as a
 * string. */
void full_add_envelope(struct buf *out, struct span envelope);

#endif
