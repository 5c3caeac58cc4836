/* genesis.json as go-ethereum writes it: the chain's rules, the first header, the first accounts.
 *
 * Numbers may be JSON numbers of any length, decimal strings or 0x strings (either case), "" is
 * zero; hashes and addresses need their full length, an address key of alloc may lack the 0x;
 * storage keys and values may be shorter than 32 bytes. Unknown fields of `config` that end in
 * Block or Time name a fork this program does not know: they are an error unless null, because such
 * a chain cannot be followed. `stateHash` (the state root, 32 bytes) may stand in the place of
 * accounts, for chains that are only looked at: alloc is empty or missing then. Other unknown
 * fields are ignored. */
#ifndef CONF_GENESIS_H
#define CONF_GENESIS_H

#include "les/eth/chainspec.h"
#include "les/eth/trie_build.h"

struct genesis_slot {
    struct hash32 key;
    struct hash32 value;
};
struct genesis_account {
    struct address20 address;
    struct u256 balance;
    uint64_t nonce;
    struct span code; /* SPAN_EMPTY for none */
    const struct genesis_slot *slots;
    size_t slots_count;
};

/* Everything in it belongs to it. accounts are in address order, each address once.
 * After a parse the header lacks its state root and spec its genesis hash; genesis_build fills
 * both. */
struct genesis {
    struct chainspec spec;
    struct header header;
    struct genesis_account *accounts;
    size_t accounts_count;
    bool has_state_hash; /* `stateHash` stands for the accounts: only the root is known */
    struct hash32 state_hash;
};

/* Out:     *out, freed with genesis_free; NULL on failure.
 * Returns: STATUS_OK, STATUS_NOT_FOUND or STATUS_IO (the file), STATUS_LIMIT (larger than
 * GENESIS_FILE_MAX), STATUS_INVALID. On failure error has got one line that says what, where and
 * what to do. */
enum status genesis_load(struct genesis **out, const char *path, struct buf *error) WARN_UNUSED;
/* The same from memory; name stands for the file in error. json is not kept. */
enum status genesis_parse(struct genesis **out, struct span json, const char *name,
                          struct buf *error) WARN_UNUSED;
void genesis_free(struct genesis *genesis); /* NULL is legal */
/* Frees the accounts, which nobody reads after genesis_build, and gives the memory back to the
 * system; the rules and the header stay. */
void genesis_drop_accounts(struct genesis *genesis);

/* Builds the account trie and the storage tries in store, puts each code there under its hash, and
 * fills header.state_root, spec.genesis_hash and spec.genesis_time. With store NULL only the hashes
 * are computed. */
void genesis_build(struct genesis *genesis, struct node_store *store);

#endif
