/* A full node as the chain behind a LES server: a struct les_backend that follows the node's head
 * and answers questions out of what the node gives over JSON-RPC.
 *
 * The node is believed in one thing, which block is its head. All else is compared with hashes that
 * hang on that block before it is used or served: headers by their hash and by the link to their
 * child, bodies and receipts by the roots in their header, accounts, slots and code by the proof
 * from the state root. What does not hold is answered with LES_ANSWER_NONE, a line in the log that
 * says what, why and of which node, and a count in full_stats; so is what the node cannot be asked
 * for just now. There is nothing to reset afterwards: the next question is asked anew, and the head
 * is followed again as soon as the node answers.
 *
 * Older headers than the window cannot be linked to the head at a price anybody would pay: they are
 * served when they hash to what was asked for, by number when the node's answer is a header with
 * that number (and runs of them when they are linked). Clients prove them as they do with any
 * server. */
#ifndef LES_NODE_FULL_H
#define LES_NODE_FULL_H

#include "les/node/full_rpc.h"
#include "les/proto/server.h"

struct full;
struct full_config {
    const struct chainspec *spec; /* must outlive it */
    struct full_rpc *rpc;         /* likewise; nothing watches it yet */
    struct log *log;              /* may be NULL */
    const char *name;             /* the node in log lines; copied */
    /* Helper tries (CHT, BloomTrie) are built when the chain has at most so many blocks: all its
     * headers are fetched once. 0: never. */
    uint64_t helper_blocks_max;
    uint64_t section_size, section_confirmations; /* 0: as go-ethereum */
    /* The first head is verified: the backend can be given to a server. Once. */
    void (*on_ready)(void *owner);
    /* The head is another one, from the second on. */
    void (*on_head)(void *owner, const struct les_serve_head *head);
    void *owner;
};
/* Starts to follow at once. Callbacks come later, never from here. */
struct full *full_new(struct loop *loop, const struct full_config *config);
/* The server must be gone. NULL is legal. */
void full_free(struct full *full);
/* Valid until full_free; ask only after on_ready. */
struct les_backend *full_backend(struct full *full);
/* How many blocks behind the head the node gave verifiable proofs for, when it was ready: for
 * serveRecentState. 0: for all of the chain. UINT64_MAX: not even for the head. */
uint64_t full_recent_state(const struct full *full);

#define FULL_KINDS(X)                                                                              \
    X(HEADER, "header")                                                                            \
    X(BODY, "body")                                                                                \
    X(RECEIPTS, "receipts")                                                                        \
    X(PROOF, "proof")                                                                              \
    X(CODE, "code")                                                                                \
    X(TX, "transaction")
enum full_kind {
#define X(name, text) FULL_##name,
    FULL_KINDS(X)
#undef X
        FULL_KIND_COUNT
};
const char *full_kind_text(enum full_kind kind);

struct full_stats {
    bool up; /* the node answers */
    uint64_t head_number;
    uint64_t window; /* headers linked to the head, now */
    uint64_t heads;  /* times the head moved */
    uint64_t reorgs; /* ... to a block that does not descend from the one before */
    uint64_t reorg_depth_max;
    uint64_t resets;        /* ... of which nothing linked is known: the window began anew */
    uint64_t head_failures; /* tries in a row, now, to link the node's head to the chain */
    uint64_t asked[LES_COST_CODES_COUNT]; /* questions, by request code */
    uint64_t given, none, unavailable;    /* how they were answered */
    uint64_t
        unverified[FULL_KIND_COUNT]; /* answers of the node that were not what they should be */
    uint64_t node_errors;            /* answers of the node that were errors */
    uint64_t node_failures;          /* no answer: unreachable, late, unreadable */
    uint64_t late;                   /* questions that ended because the node took too long */
    uint64_t turned_away;            /* questions over FULL_JOBS_MAX */
    uint64_t unnamed;                /* hashed keys that nobody knows the name of */
    uint64_t jobs;                   /* questions open, now */
    uint64_t cache_hits, cache_misses, cache_bytes, cache_entries;
    uint64_t names;       /* addresses and slots known by their hash */
    uint64_t sections;    /* of helper tries */
    uint64_t helper_next; /* the next header they want */
};
void full_stats(const struct full *full, struct full_stats *out);

#endif
