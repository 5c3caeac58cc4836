/* Parameters of a call as typed values, with the texts of go-ethereum's errors (packages rpc,
 * common/hexutil, eth/filters).
 *
 * Every reader returns false after it noted the error in the call; the handler then returns
 * call_fail_param(call). An absent parameter is an error of the readers without `has`; those with
 * `has` say so there instead. The signature in methods.def was checked before the handler ran, so
 * for parameters that are in it only the finer checks can fail here. Signature: one letter per
 * parameter, `?` after it when it may be absent or null: A address   H hash   B block number, tag,
 * hash or EIP-1898 object   N block number or tag   I index (quantity) Q quantity of 64 bits   U
 * quantity of 256 bits   C count: quantity, decimal string or number   D data T true or false   S
 * string   L array of strings   O transaction arguments   V state overrides   K block overrides
 * (these three: gateway/rpc/call_args.h)   Y trace options   Z those of a call (both:
 * gateway/rpc/trace_args.h)   F filter object   R {address: [hash...]}   P array of
 * numbers   * anything */
#ifndef GATEWAY_PARAMS_H
#define GATEWAY_PARAMS_H

#include "gateway/rpc/rpc.h"

/* Completes the call with the error that a reader noted (-32602 unless the reader says otherwise).
 */
struct call_done call_fail_param(struct call *call);
/* Notes an error of the caller's own, for parameters with rules that are only checked by the
 * method. Returns false. */
bool param_note(struct call *call, int code, const char *format, ...) PRINTF(3, 4);

/* Checks all parameters against a signature, in go-ethereum's order of errors. */
bool params_check(struct call *call, const char *signature) WARN_UNUSED;

enum block_tag {
    BLOCK_NUMBER,
    BLOCK_HASH,
    BLOCK_LATEST,
    BLOCK_PENDING,
    BLOCK_SAFE,
    BLOCK_FINALIZED,
    BLOCK_EARLIEST
};
struct block_ref {
    enum block_tag tag;
    uint64_t number;        /* BLOCK_NUMBER */
    struct hash32 hash;     /* BLOCK_HASH */
    bool require_canonical; /* BLOCK_HASH, EIP-1898 */
};
bool param_block(struct call *call, size_t index,
                 struct block_ref *out) WARN_UNUSED; /* absent: latest. B, also fine for N */
bool param_address(struct call *call, size_t index, struct address20 *out) WARN_UNUSED;
bool param_hash(struct call *call, size_t index, struct hash32 *out) WARN_UNUSED;
bool param_u64(struct call *call, size_t index, uint64_t *out) WARN_UNUSED; /* 0x quantity */
bool param_index(struct call *call, size_t index,
                 uint64_t *out) WARN_UNUSED; /* 0x quantity below 2^64, hexutil.Uint */
bool param_count(struct call *call, size_t index, uint64_t *out) WARN_UNUSED; /* C */
bool param_u256(struct call *call, size_t index, struct u256 *out) WARN_UNUSED;
bool param_bool(struct call *call, size_t index, bool *out) WARN_UNUSED; /* absent: false */
bool param_data(struct call *call, size_t index,
                struct span *out) WARN_UNUSED; /* in the call's memory */
bool param_string(struct call *call, size_t index,
                  struct span *out) WARN_UNUSED; /* borrowed from the parameters */
/* eth_getStorageAt's key (S in the signature): hex with or without 0x, at most 32 bytes, padded on
 * the left. */
bool param_storage_key(struct call *call, size_t index, struct hash32 *out) WARN_UNUSED;
/* eth_getProof's keys: at most PARAM_PROOF_KEYS_MAX. was_hash[i]: written with all 64 digits, then
 * it is echoed as data and not as a quantity. Both arrays in the call's memory. */
bool param_storage_keys(struct call *call, size_t index, struct hash32 **keys, bool **was_hash,
                        size_t *count) WARN_UNUSED;
/* eth_getStorageValues: {address: [key...]}, in the order of the text; keys is one flat array. An
 * empty object, an address without keys or more than PARAM_STORAGE_VALUES_MAX keys is an error. */
struct storage_request {
    struct address20 address;
    const struct hash32 *keys;
    size_t keys_count;
};
bool param_storage_requests(struct call *call, size_t index, struct storage_request **out,
                            size_t *count) WARN_UNUSED;
/* eth_feeHistory's percentiles: numbers; range and order are for the method. Absent or null: none.
 */
bool param_percentiles(struct call *call, size_t index, double **out, size_t *count) WARN_UNUSED;

/* eth_getLogs, eth_newFilter. */
#define FILTER_TOPICS_MAX 4
struct topic_set { /* alternatives of one position; count 0 = any */
    struct hash32 *hashes;
    size_t count;
};
struct log_filter {
    bool has_block_hash;
    struct hash32 block_hash;
    bool has_from, has_to; /* absent ones mean latest */
    struct block_ref from, to;
    struct address20 *addresses; /* in the call's memory */
    size_t addresses_count;      /* 0 = any */
    struct topic_set topics[FILTER_TOPICS_MAX];
    size_t topics_count;
};
bool param_filter(struct call *call, size_t index, struct log_filter *out) WARN_UNUSED;

#endif
