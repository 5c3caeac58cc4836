/* Merkle Patricia trie, reading side: walk one key from a root through nodes found by hash, and
 * prove presence or absence (Yellow Paper, appendix D). No heap, no recursion; at most
 * TRIE_DEPTH_MAX nodes.
 *
 * The building side (lesserve, roots of lists) is les/eth/trie_build.h. */
#ifndef LES_ETH_TRIE_H
#define LES_ETH_TRIE_H

#include "les/eth/types.h"

#define TRIE_DEPTH_MAX    65
#define TRIE_KEY_SIZE_MAX 32
/* Of a proof node: the largest is a BloomTrie leaf with an uncompressed vector of 4096 bytes. */
#define TRIE_NODE_SIZE_MAX 4224

enum trie_result {
    TRIE_FOUND,   /* value is set, borrowed from the node */
    TRIE_ABSENT,  /* the nodes prove that the key has no value */
    TRIE_MISSING, /* a node on the path is not in the source: missing and depth say which */
    TRIE_INVALID  /* a node is malformed or not canonical; whoever supplied it lied */
};

/* Where nodes come from. get returns false when it has none; otherwise node is borrowed until the
 * next call. Whoever fills a source must have checked that keccak(node) is the hash. */
struct trie_source {
    bool (*get)(struct trie_source *source, const struct hash32 *hash, struct span *node);
};

struct trie_walk {
    struct span value;     /* TRIE_FOUND: not empty */
    struct hash32 missing; /* TRIE_MISSING */
    unsigned depth;        /* nodes taken from the source, as LES `fromLevel` counts them */
};

/* key is the trie's key as bytes (state: keccak(address); CHT: 8 bytes big endian; list:
 * rlp(index)), at most TRIE_KEY_SIZE_MAX. Every node on the path is checked: hex-prefix flags, 17
 * or 2 items, an extension that leads to a branch, no empty path or value, nodes under 32 bytes
 * embedded and others not, values at whole bytes only. A root equal to EMPTY_TRIE_ROOT is
 * TRIE_ABSENT without any node. */
enum trie_result trie_walk(struct trie_walk *walk, struct trie_source *source,
                           const struct hash32 *root, struct span key) WARN_UNUSED;

/* A set of proof nodes out of one LES reply: found by hash, remembers which were used. */
struct trie_nodes;
/* nodes is the payload of the RLP list of nodes (each item a raw node), as rlp_list gives it;
 * borrowed as long as the set lives. NULL: malformed, a duplicate, or more than nodes_max nodes. */
struct trie_nodes *trie_nodes_new(struct span nodes, size_t nodes_max);
struct trie_source *trie_nodes_source(struct trie_nodes *set); /* marks what it hands out as used */
size_t trie_nodes_count(const struct trie_nodes *set);
void trie_nodes_at(const struct trie_nodes *set, size_t index, struct hash32 *hash,
                   struct span *node, bool *used);
bool trie_nodes_all_used(const struct trie_nodes *set); /* les.md 4.1: padding is a fault */
void trie_nodes_free(struct trie_nodes *set);

/* Root of a list: key rlp(index) -> item (transactions, receipts, withdrawals). An item is not
 * empty. */
void trie_list_root(struct hash32 *root, const struct span *items, size_t count);

#endif
