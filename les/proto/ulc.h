/* Ultra light client: which head do enough trusted servers stand behind? Pure.
 *
 * Each trusted server has one vote, the head it announced last (or its Status head). A vote for a
 * block is a vote for all its ancestors, as far as headers link them. The head is the highest block
 * with at least ulc_need votes (les.md 5). */
#ifndef LES_PROTO_ULC_H
#define LES_PROTO_ULC_H

#include "les/eth/types.h"

#define ULC_SERVERS_MAX 64

/* Votes needed: the least number with floor(100 * votes / servers) >= fraction_percent, at least 1.
 * Servers that are configured count, connected or not. */
size_t ulc_need(size_t servers, unsigned fraction_percent);

/* What is known of headers. */
struct ulc_headers {
    /* False: the header of hash is not known. Otherwise its number and its parent's hash. */
    bool (*get)(const struct ulc_headers *headers, const struct hash32 *hash, uint64_t *number,
                struct hash32 *parent);
};

enum ulc_result {
    ULC_HEAD,        /* head is set */
    ULC_NEED_HEADER, /* perhaps, if the header `missing` and some of its ancestors were known */
    ULC_NO_QUORUM    /* fewer votes than needed */
};
struct ulc_decision {
    struct hash32 head;
    uint64_t head_number;
    size_t head_votes;
    /* ULC_NEED_HEADER, and with ULC_HEAD when it could become a higher one (zero otherwise): fetch
     * this header ... */
    struct hash32 missing;
    uint64_t missing_number;
    uint64_t span; /* ... and so many headers ending with it, so that it may meet the other votes;
                      at least 1 */
};
/* votes: hashes of the votes that count, at most ULC_SERVERS_MAX; numbers: what the servers say
 * their numbers are. current: the head so far (zero: none); it wins a tie between branches, which
 * only a fraction of 50 % or less allows. */
enum ulc_result ulc_decide(struct ulc_decision *out, const struct ulc_headers *headers,
                           const struct hash32 *votes, const uint64_t *numbers, size_t votes_count,
                           size_t need, const struct hash32 *current);

#endif
