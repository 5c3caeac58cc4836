/* The accounts at one block, as go-ethereum's `dump` writes them: {"root": hash, "accounts":
 * {address: {balance, nonce, code, storage: {slot: value}}}}. Fields that follow from others (root,
 * codeHash, key of an account) are not read. */
#ifndef CONF_HEADSTATE_H
#define CONF_HEADSTATE_H

#include "les/eth/trie_build.h"

/* Builds the account trie and the storage tries in store, and puts each code there under its hash.
 * Out: *root, of what was built; the caller compares it with a header's.
 * Returns: as genesis_load; the "root" of the file, where it is there, must be the one that was
 * built (STATUS_INVALID). */
enum status headstate_load(struct hash32 *root, const char *path, struct node_store *store,
                           struct buf *error) WARN_UNUSED;

#endif
