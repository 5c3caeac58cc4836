/* Recursive Length Prefix, strict: only the canonical form is accepted (Yellow Paper, appendix B;
 * go-ethereum rules).
 *
 * Reading: a sticky cursor. After the first fault every read returns zero or empty; test once at
 * the end with rlp_end. struct rlp outer = rlp_reader(bytes), list = rlp_list(&outer); uint64_t id
 * = rlp_u64(&list); if (!rlp_end(&list) || !rlp_end(&outer)) return false; Nothing recurses;
 * nesting is the caller's own depth. */
#ifndef LES_ETH_RLP_H
#define LES_ETH_RLP_H

#include "les/base/limits.h"
#include "les/eth/types.h"

struct rlp {
    const uint8_t *data;
    size_t size;
    bool bad;
};

enum rlp_kind { RLP_NONE /* end or fault */, RLP_STRING, RLP_LIST };

struct rlp rlp_reader(struct span bytes);
enum rlp_kind rlp_peek(const struct rlp *rlp); /* the kind of the next item */
bool rlp_more(const struct rlp *rlp);          /* an item follows and nothing was bad */
bool rlp_end(const struct rlp *rlp);           /* nothing was bad and nothing is left */
void rlp_fail(struct rlp *rlp);                /* the caller found a fault of its own */
struct rlp rlp_list(struct rlp *rlp);          /* the next item's inside; bad if it is a string */
struct span rlp_bytes(struct rlp *rlp);        /* the next string's payload */
struct span
rlp_raw(struct rlp *rlp);          /* the next item with its header; inside of a list not checked */
uint64_t rlp_u64(struct rlp *rlp); /* minimal integer of at most 8 bytes */
void rlp_u256(struct rlp *rlp, struct u256 *out);        /* minimal integer of at most 32 bytes */
bool rlp_bool(struct rlp *rlp);                          /* exactly 0x80 or 0x01 */
void rlp_fixed(struct rlp *rlp, void *out, size_t size); /* a string of exactly size bytes */
size_t rlp_count(struct rlp rlp); /* items left; 0 if any is malformed at this level */
/* Are bytes exactly one item, canonical all the way down? With a stack of its own, of
 * RLP_DEPTH_MAX. */
bool rlp_valid(struct span bytes);

/* Writing: items are appended to a buffer. */
void rlp_add_bytes(struct buf *out, struct span bytes);
void rlp_add_u64(struct buf *out, uint64_t value);
void rlp_add_u256(struct buf *out, const struct u256 *value);
static inline void rlp_add_hash(struct buf *out, const struct hash32 *hash)
{
    rlp_add_bytes(out, SPAN(hash->bytes, 32));
}
/* Everything between begin and end becomes the list's payload. */
size_t rlp_list_begin(struct buf *out);
void rlp_list_end(struct buf *out, size_t mark);
void rlp_add_list_header(struct buf *out, size_t payload_size);
size_t
rlp_header_size(size_t payload_size); /* of a list or of a string that is not a single small byte */

#endif
