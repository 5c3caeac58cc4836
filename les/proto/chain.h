/* The chain as lesgate knows it: the head that a quorum of trusted servers stands behind
 * (les/proto/ulc.h), the headers below it linked by parent hash, and older headers verified one by
 * one, by whichever way is cheapest. Nothing here is believed because one server said so.
 *
 * Canonical means: an ancestor of the head. What is not canonical is not found. */
#ifndef LES_PROTO_CHAIN_H
#define LES_PROTO_CHAIN_H

#include "les/proto/client.h"
#include "les/proto/ulc.h"

/* How a header came to be believed. */
#define HEADER_PROOF_MAP(X)                                                                        \
    X(NONE, "not verified")                                                                        \
    X(GENESIS, "genesis")                                                                          \
    X(VOTES, "votes of trusted servers for the head")                                              \
    X(PARENT, "parent hashes from the head")                                                       \
    X(QUORUM, "trusted servers agree on the hash at its number")                                   \
    X(STATE, "EIP-2935: its hash is in the state of the head")                                     \
    X(CHT, "CHT proof from the checkpoint")
enum header_proof {
#define X(name, text) HEADER_BY_##name,
    HEADER_PROOF_MAP(X)
#undef X
};
const char *
header_proof_text(enum header_proof proof); /* short word for logs: "votes", "parent", ... */

/* A verified header: immutable, shared by reference count. */
struct block_header {
    unsigned references;
    struct hash32 hash;
    struct header header; /* its extra is borrowed from rlp */
    struct span rlp;      /* owned */
    enum header_proof proof;
};
struct block_header *block_header_new(struct span rlp,
                                      enum header_proof proof); /* NULL: does not decode */
struct block_header *block_header_ref(struct block_header *header);
void block_header_unref(struct block_header *header); /* NULL is legal */

struct chain;

/* Keeps raw headers over a restart. They are checked by hash when read and say nothing about what
 * is canonical. */
struct chain_store {
    void (*put)(struct chain_store *store, const struct hash32 *hash, uint64_t number,
                struct span rlp);
    /* Calls each for the newest count headers, any order. */
    void (*load)(struct chain_store *store, size_t count,
                 void (*each)(void *owner, struct span rlp), void *owner);
    /* Headers below number may be forgotten. */
    void (*forget_below)(struct chain_store *store, uint64_t number);
};

struct chain_config {
    const struct hash32 *trusted; /* node ids */
    size_t trusted_count;
    unsigned fraction_percent;
    struct span genesis_rlp;
    bool has_checkpoint;
    struct les_checkpoint checkpoint;
    struct chain_store *store; /* may be NULL */
};
struct chain_events {
    /* The head moved; old may be NULL (first head, or the quorum came back), fork_number is the
     * highest block that both have (0 when unknown). new NULL: the quorum is lost. */
    void (*on_head)(void *owner, struct block_header *old, struct block_header *new,
                    uint64_t fork_number);
};

struct chain *chain_new(struct loop *loop, struct log *log, struct les_client *client,
                        const struct chainspec *spec, const struct chain_config *config,
                        const struct chain_events *events, void *owner);
/* Shutting down: call chain_stop, then les_client_free, then chain_free. chain_stop ends every find
 * with STATUS_CANCELLED; no event comes after it. */
void chain_stop(struct chain *chain);
void chain_free(struct chain *chain);

/* What the LES client's events feed in. */
void chain_on_head(struct chain *chain, struct les_server *server, const struct les_head *head);
void chain_on_server_gone(struct chain *chain, struct les_server *server);

/* The head, borrowed; NULL while there is no quorum: chain_trouble says why. */
struct block_header *chain_head(const struct chain *chain);
struct block_header *chain_genesis(const struct chain *chain);
enum chain_mark { CHAIN_SAFE, CHAIN_FINALIZED };
/* The number of the newest block that a quorum of trusted servers calls safe or final; false: they
 * name none. */
bool chain_mark_number(const struct chain *chain, enum chain_mark mark,
                       uint64_t *number) WARN_UNUSED;
/* How long there has been no head: since the last one was lost, or since the start. 0: there is
 * one.
 */
uint64_t chain_headless_ms(const struct chain *chain);
/* Moves when a block that was called canonical may be so no more. */
uint64_t chain_epoch(const struct chain *chain);
/* For a person: "1 of 3 trusted servers is connected and 2 must agree on the head". Static until
 * the next call. */
const char *chain_trouble(struct chain *chain);
struct chain_quorum {
    size_t configured, connected, needed, agreeing;
};
void chain_quorum(const struct chain *chain, struct chain_quorum *out);

/* Already verified and canonical? Borrowed, no I/O. */
struct block_header *chain_known_number(const struct chain *chain, uint64_t number);
struct block_header *chain_known_hash(const struct chain *chain, const struct hash32 *hash);

/* Finds and verifies one header. Embedded in its owner; memory must stay until on_done, which comes
 * exactly once and never before the start function returns. STATUS_OK           header is set,
 * borrowed until on_done returns (take a reference to keep it) STATUS_NOT_FOUND    beyond the head;
 * or no canonical block has this hash, as far as enough trusted servers say STATUS_UNAVAILABLE  no
 * quorum, or the servers could not prove it */
struct chain_find {
    void (*on_done)(struct chain_find *find, enum status status, struct block_header *header);
    struct les_cost_note note; /* what it cost */
    uint64_t epoch;            /* of what was found */
    /* private */
    struct chain *chain;
    struct chain_search *search;
    struct chain_find *next;
    struct task task;
    struct block_header *result;
    enum status outcome;
    bool waiting;
};
void chain_find_number(struct chain *chain, struct chain_find *find, uint64_t number);
/* Finds `to` and then every header below it down to `from`, which chain_known_number has
 * afterwards; header is that of `to`. At most CHAIN_OLD_MAX / 2 headers. */
void chain_find_range(struct chain *chain, struct chain_find *find, uint64_t from, uint64_t to);
void chain_find_hash(struct chain *chain, struct chain_find *find, const struct hash32 *hash);
void chain_find_cancel(struct chain_find *find); /* on_done comes later with STATUS_CANCELLED */

struct chain_stats {
    uint64_t heads, reorgs, deepest_reorg;
    uint64_t found_by[HEADER_BY_CHT + 1];
    size_t headers;
};
void chain_stats(const struct chain *chain, struct chain_stats *out);
const struct chainspec *chain_spec(const struct chain *chain);
/* The checkpoint in use (configured, or agreed by the quorum); NULL: none. */
const struct les_checkpoint *chain_checkpoint(const struct chain *chain);

#endif
