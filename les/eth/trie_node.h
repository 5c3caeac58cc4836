/* One Merkle Patricia trie node, taken apart and put together (Yellow Paper, appendix D; hex-prefix
 * form, appendix C). Inside les/eth only: trie.c, trie_build.c and trie_each.c share it. */
#ifndef LES_ETH_TRIE_NODE_H
#define LES_ETH_TRIE_NODE_H

#include "les/eth/trie.h"

#define TRIE_NIBBLES_MAX 64 /* of a key */

enum trie_node_kind { TRIE_NODE_BRANCH, TRIE_NODE_EXTENSION, TRIE_NODE_LEAF };

/* Everything is borrowed from the raw node. A child is empty (none), 32 bytes (a hash), or a whole
 * embedded node of fewer. */
struct trie_node {
    enum trie_node_kind kind;
    unsigned path_count;      /* nibbles of an extension's or a leaf's path */
    struct span path;         /* the hex-prefix string */
    struct span children[16]; /* an extension's one child is the first */
    struct span value;        /* of a leaf, or of a branch (may be empty) */
};

/* Strict. A branch has 17 items and at least two in use; a path has canonical flags; an extension's
 * path, a leaf's value and an extension's child are not empty; an embedded child is shorter than 32
 * bytes. Embedded children are not looked into. False: node is not to be used. */
bool trie_node_parse(struct trie_node *node, struct span raw) WARN_UNUSED;
unsigned trie_node_nibble(const struct trie_node *node, unsigned index); /* of the path */

static inline unsigned trie_nibble(const uint8_t *key, unsigned index)
{
    return index & 1 ? key[index / 2] & 15u : (unsigned)key[index / 2] >> 4;
}
void trie_nibble_set(uint8_t *key, unsigned index, unsigned nibble);
/* The first index in from .. to - 1 where two keys differ; max(from, to) when they do not. */
unsigned trie_nibble_difference(const uint8_t *a, const uint8_t *b, unsigned from, unsigned to);

/* A node as its parent names it: the RLP string of its hash, or the embedded node itself; size 0:
 * no child. */
struct trie_ref {
    uint8_t size;
    uint8_t bytes[33];
};
void trie_ref_hash(struct trie_ref *ref, const uint8_t hash32[32]);
/* Of a finished node: embedded when shorter than 32 bytes, otherwise by hash. Returns whether it is
 * by hash. */
bool trie_ref_node(struct trie_ref *ref, struct span raw);

/* Appends a whole node. The path is the nibbles from .. to - 1 of key. */
void trie_node_add_leaf(struct buf *out, const uint8_t *key, unsigned from, unsigned to,
                        struct span value);
void trie_node_add_extension(struct buf *out, const uint8_t *key, unsigned from, unsigned to,
                             const struct trie_ref *child);
void trie_node_add_branch(struct buf *out, const struct trie_ref children[16], struct span value);

/* trie_walk that starts in the middle: hash names the node at which the key's nibbles from `at` on
 * remain. */
enum trie_result trie_node_walk(struct trie_walk *walk, struct trie_source *source,
                                const struct hash32 *hash, struct span key,
                                unsigned at) WARN_UNUSED;

#endif
