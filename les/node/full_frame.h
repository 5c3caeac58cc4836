/* Where a JSON value ends in a stream of them, and how much a parser would make of it: a scanner of
 * brackets and strings, no parser. IPC sockets carry JSON values one after the other with or
 * without blanks between; and nothing is parsed before its values were counted. */
#ifndef LES_NODE_FULL_FRAME_H
#define LES_NODE_FULL_FRAME_H

#include "les/base/bytes.h"

enum full_frame_state {
    FULL_FRAME_MORE,
    FULL_FRAME_DONE, /* a value ended with the last byte used; the next feed begins another */
    FULL_FRAME_BAD,  /* outside of a value something that is no object, array or blank; or brackets
                        that do not fit */
    FULL_FRAME_LARGE /* FULL_RESPONSE_BYTES_MAX, _VALUES_MAX or _DEPTH_MAX */
};
/* {0} begins. Plain memory. */
struct full_frame {
    size_t size, values;
    unsigned depth;
    bool in_string, escaped;
    uint64_t objects; /* a bit for each open bracket: { is 1 */
};
enum full_frame_state full_frame_feed(struct full_frame *frame, struct span bytes,
                                      size_t *used) WARN_UNUSED;
/* Is text one value with nothing but blanks around it, within the limits? */
bool full_frame_whole(struct span text) WARN_UNUSED;

#endif
