/* What one execution may read: proved values, put in by whoever proved them, and nothing else. A
 * backend for evm_state, so that an execution is a pure function of message, block and witness.
 *
 * Strict, it answers MISSING for what is not there, and the run ends at the first such look-up.
 * Guessing, it answers with what the value was last time (struct witness_recall) or else with
 * something neutral, and the run goes on: what it returns in the end is worthless, but the list of
 * wants says in one go what a true run will probably read. A guess never gets into a true run:
 * witness_guessed tells the two apart.
 *
 * Belongs to one thread at a time: the one that runs, or between runs the one that fetches. */
#ifndef LES_EVM_WITNESS_H
#define LES_EVM_WITNESS_H

#include "les/evm/recall.h"
#include "les/evm/state.h"

enum witness_kind {
    WITNESS_ACCOUNT,
    WITNESS_SLOT,
    WITNESS_CODE, /* key: the code's hash */
    WITNESS_BLOCK_HASH,
    WITNESS_NODE /* a trie node, wanted to compute a root; see witness_want_node */
};
struct witness_want {
    enum witness_kind kind;
    bool in_storage; /* WITNESS_NODE: of the storage trie of address, else of the account trie */
    struct address20 address;
    struct hash32 key; /* the slot, the code's hash, or a key whose path goes through the node */
    uint64_t number;   /* of the block */
};

struct witness;
/* recall may be NULL; it must outlive the witness; what it knows to be proved under state_root
 * counts as proved here. keep_nodes: proofs are kept too, in
 * witness_nodes, for runs that compute a state root. */
struct witness *witness_new(struct recall *recall, const struct hash32 *state_root,
                            bool keep_nodes);
void witness_free(struct witness *witness);

/* ---- what was proved; all copied. Putting the same again is free. ---- */
void witness_put_account(struct witness *witness, const struct address20 *address,
                         const struct account *account, bool exists);
void witness_put_slot(struct witness *witness, const struct address20 *address,
                      const struct hash32 *slot, const struct u256 *value);
void witness_put_code(struct witness *witness, const struct hash32 *hash, struct span code);
void witness_put_block_hash(struct witness *witness, uint64_t number, const struct hash32 *hash,
                            bool exists);
bool witness_has_account(const struct witness *witness, const struct address20 *address,
                         struct account *out, bool *exists);
bool witness_has_slot(const struct witness *witness, const struct address20 *address,
                      const struct hash32 *slot);
bool witness_has_code(const struct witness *witness, const struct hash32 *hash);
size_t witness_bytes(const struct witness *witness);

/* ---- a run ---- */
/* Before each: forgets the wants of the last one. */
void witness_begin(struct witness *witness, bool guessing);
struct evm_backend *witness_backend(struct witness *witness);
/* For evm_block.block_hash; owner is the witness. */
enum evm_lookup witness_block_hash(void *owner, uint64_t number, struct hash32 *out);
/* With keep_nodes: the trie nodes of everything proved, and whatever the run puts there itself.
 * evm_state_commit over it fails with STATUS_NOT_FOUND when a node is missing that no proof
 * brought, for instance the sibling of a deleted key; the run then says which. */
struct node_store *witness_nodes(struct witness *witness);
void witness_want_node(struct witness *witness, const struct address20 *storage_of,
                       const struct hash32 *key_through);
/* True: at least one answer was a guess or MISSING. */
bool witness_guessed(const struct witness *witness);
/* Each thing once, in the order it was first looked up; at most WITNESS_WANTS_MAX. */
const struct witness_want *witness_wants(const struct witness *witness, size_t *count);

#endif
