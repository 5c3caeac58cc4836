/* Verified objects of the chain, from the cache or from LES servers; at most one fetch is under way
 * for each. Everything that comes out was checked against a header that les/proto/chain.h vouches
 * for.
 *
 * A value at hand is given at once. Otherwise the caller waits: its struct object_wait is embedded
 * in its owner and on_done comes exactly once, later, unless object_wait_cancel comes first. Then
 * the caller asks again and finds the value at hand, or it takes it from the wait. A fetch whose
 * waiters are gone goes on and fills the cache. */
#ifndef GATEWAY_OBJECTS_H
#define GATEWAY_OBJECTS_H

#include "cache/cache.h"
#include "les/proto/chain.h"

struct objects;
struct objects *objects_new(struct loop *loop, struct log *log, struct les_client *client,
                            struct cache_tier *cache);
/* The client must be gone (its ops ended). No wait may be open. */
void objects_free(struct objects *objects);

struct object_wait {
    void (*on_done)(struct object_wait *wait, enum status status);
    struct span value; /* in on_done, status OK: the object; borrowed until it returns */
    bool absent;       /* a proved absence: value is empty */
    bool joined; /* another wait's fetch brought it: of a leaf, value and absent are that one's;
                    walk again */
    struct les_cost_note note;
    struct hash32 server; /* that answered; zero if note went to another wait */
    /* private */
    struct object_fetch *fetch;
    struct object_wait *next;
};
void object_wait_cancel(struct object_wait *wait); /* legal on one that is not waiting */

enum object_result {
    OBJECT_HERE,   /* value is set, borrowed until the next call into objects */
    OBJECT_ABSENT, /* proved: the trie has no such key */
    OBJECT_LATER   /* wait->on_done will come */
};

/* The key of a leaf: in the account trie keccak(address), in the storage trie of address
 * keccak(slot).
 */
struct object_key {
    struct hash32 key32;
    bool in_storage;
    bool plain; /* address (account trie), slot (storage trie): what key32 is the hash of */
    struct address20 address;
    struct hash32 slot;
};
/* A leaf under root, the header's state root or the account's storage root. walk and walked: what
 * trie_walk over objects_nodes came to, neither FOUND nor ABSENT. wait gets the RLP of the leaf.
 * Always OBJECT_LATER. */
enum object_result objects_leaf(struct objects *objects, struct object_wait *wait,
                                const struct trie_walk *walk, enum trie_result walked,
                                const struct block_header *block, const struct hash32 *root,
                                const struct object_key *key) WARN_UNUSED;
/* An account of block that is not at hand, with 1..LES_SLOTS_KEYS_MAX slots of it, in one question:
 * what came is found by walking. key: a hash of all that is asked for. The wait comes later. */
void objects_slots(struct objects *objects, struct object_wait *wait, const struct hash32 *key,
                   const struct block_header *block, const struct address20 *address,
                   const struct hash32 *slots, size_t count);
enum object_result objects_code(struct objects *objects, struct object_wait *wait,
                                struct span *value, const struct block_header *block,
                                const struct address20 *address,
                                const struct hash32 *code_hash) WARN_UNUSED;
/* The raw body, [transactions, uncles(, withdrawals)]. Never ABSENT. */
enum object_result objects_body(struct objects *objects, struct object_wait *wait,
                                struct span *value, struct block_header *block) WARN_UNUSED;
/* The payload of the block's receipt list. Never ABSENT. */
enum object_result objects_receipts(struct objects *objects, struct object_wait *wait,
                                    struct span *value, struct block_header *block) WARN_UNUSED;

/* The nodes that are at hand, for building proofs out of what objects_leaf has fetched. */
struct trie_source *objects_nodes(struct objects *objects);
struct cache_tier *objects_cache(struct objects *objects);

struct objects_stats {
    uint64_t fetches, joined; /* joined: waits that found a fetch under way */
    uint64_t in_flight;
};
void objects_stats(const struct objects *objects, struct objects_stats *out);

#endif
