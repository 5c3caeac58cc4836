/* Which logs a filter wants, tested against logs, against blooms and against bit vectors. Pure. */
#ifndef GATEWAY_LOG_MATCH_H
#define GATEWAY_LOG_MATCH_H

#include "gateway/rpc/params.h"
#include "les/eth/receipt.h"

/* The bits of every address and topic of a filter, by position: a log matches when at each position
 * (address, topic 1 to 4) one of the alternatives does. Positions without any say nothing and are
 * left out. */
struct log_bits {
    unsigned (*items)[3];
    size_t items_count;
    size_t ends[1 + FILTER_TOPICS_MAX]; /* of each position, in items */
    size_t positions;
};
/* items has room for every address and topic; the rest is set here. */
size_t log_bits_room(const struct log_filter *filter);
void log_bits_fill(struct log_bits *bits, const struct log_filter *filter);

bool log_matches(const struct log_filter *filter, const struct log_entry *log);
bool log_bits_in_bloom(const struct log_bits *bits, const struct bloom256 *bloom);

/* Candidate blocks of a section as a bit set in the order of cht_bloom_test. vector(owner, bit)
 * gives the decompressed vector of size bytes of one bloom bit. No position at all: all blocks. */
void log_bits_in_vectors(const struct log_bits *bits, uint8_t *set, size_t size,
                         const uint8_t *(*vector)(void *owner, unsigned bit), void *owner);

#endif
