/* From the JSON of a full node to consensus bytes, checked. A node is asked for JSON because that
 * is what every node speaks; what comes back is rebuilt into the RLP that was hashed, and only what
 * hashes to the value asked for is given out. So the forms of geth, reth, Nethermind, Erigon, Besu
 * and anvil may differ in what is not hashed, and a lie is a fault.
 *
 * Every function appends to out, and nothing when it returns false; fault then says what and where.
 * Sources: execution-apis (the forms), the Yellow Paper and the EIPs (the bytes). */
#ifndef LES_NODE_FULL_JSON_H
#define LES_NODE_FULL_JSON_H

#include "les/eth/header.h"
#include "les/eth/tx.h"

#include <jansson.h>

struct full_fault {
    const char *what;  /* static text: "missing", "not hex", "hash differs", ... */
    const char *field; /* static text: the JSON field, or "" */
    size_t index;      /* of the transaction, receipt, uncle, log, node it stands in; or 0 */
};
void full_fault_print(struct buf *out, const struct full_fault *fault); /* one line, no newline */

/* ---- blocks ----
 * block is what eth_getBlockByHash gives: an object. JSON null (no such block) is a fault "null";
 * callers look for it first. */
/* The header's RLP. expected NULL: the block's own "hash" is compared, so that hash is at least
 * consistent. hash (may be NULL) is what the bytes hash to. mixHash and nonce that are missing are
 * zero, as after the merge. Chains with other header fields than Ethereum's fail here. */
bool full_header(struct buf *out, struct hash32 *hash, json_t *block, const struct hash32 *expected,
                 struct full_fault *fault) WARN_UNUSED;
/* How many uncles the block names; they are asked for one by one
 * (eth_getUncleByBlockHashAndIndex) and given to full_body as an array of objects. */
bool full_uncles_count(size_t *count, json_t *block, struct full_fault *fault) WARN_UNUSED;
/* The body's RLP item [transactions, uncles(, withdrawals)], compared with header. block has the
 * transactions as objects; uncles may be NULL when there are none. */
bool full_body(struct buf *out, json_t *block, json_t *uncles, const struct header *header,
               struct full_fault *fault) WARN_UNUSED;
/* The envelope of a transaction object, compared with its own "hash". Types 0 to 4. */
bool full_tx(struct buf *out, json_t *tx, struct full_fault *fault) WARN_UNUSED;
/* One block's receipts as a LES reply has them: the RLP list, items are lists or strings. receipts
 * is the array of eth_getBlockReceipts, or of single receipts in order; its root is compared. A
 * node that gives "status" for a block before Byzantium fails here: what was hashed (the state root
 * after the transaction) is not in its answer. */
bool full_receipts(struct buf *out, json_t *receipts, const struct hash32 *receipts_root,
                   struct full_fault *fault) WARN_UNUSED;

/* The same from raw forms. hex: what debug_getRawBlock gives; its header is not looked at, the body
 * is compared with header. receipts: the array of debug_getRawReceipts. */
bool full_raw_body(struct buf *out, json_t *hex, const struct header *header,
                   struct full_fault *fault) WARN_UNUSED;
bool full_raw_receipts(struct buf *out, json_t *receipts, const struct hash32 *receipts_root,
                       struct full_fault *fault) WARN_UNUSED;

/* ---- state ----
 * proof is what eth_getProof gives. The nodes on the path are appended raw, root first; their
 * hashes (32 bytes each, same order) to hashes. Nodes the walk does not need are left out. An empty
 * trie gives no nodes. Both buffers are untouched when false is returned. */
/* Walks accountProof from state_root to keccak(address). Absent: proved too, account is
 * ACCOUNT_EMPTY and exists (may be NULL) false. */
bool full_account_proof(struct buf *out, struct buf *hashes, struct account *account, bool *exists,
                        json_t *proof, const struct hash32 *state_root,
                        const struct address20 *address, struct full_fault *fault) WARN_UNUSED;
/* Walks the entry of storageProof for slot from storage_root, which the caller took from the proved
 * account. value: zero when absent. */
bool full_storage_proof(struct buf *out, struct buf *hashes, struct hash32 *value, json_t *proof,
                        const struct hash32 *storage_root, const struct hash32 *slot,
                        struct full_fault *fault) WARN_UNUSED;
/* eth_getCode: its bytes, compared. */
bool full_code(struct buf *out, json_t *code, const struct hash32 *code_hash,
               struct full_fault *fault) WARN_UNUSED;
/* debug_getRawHeader, debug_dbGet, debug_preimage ...: a hex string whose bytes hash to
 * expected. */
bool full_raw(struct buf *out, json_t *hex, const struct hash32 *expected,
              struct full_fault *fault) WARN_UNUSED;

/* ---- single values ---- */
/* Quantities: 0x and 1 to 64 digits; leading zeros are taken, some nodes write them. */
bool full_read_u64(uint64_t *out, json_t *json) WARN_UNUSED;
bool full_read_u256(struct u256 *out, json_t *json) WARN_UNUSED;
/* Data: 0x and an even count of digits. */
bool full_read_fixed(void *out, size_t size, json_t *json) WARN_UNUSED;
bool full_read_bytes(struct buf *out, size_t size_max, json_t *json) WARN_UNUSED;
/* New references, for params. */
json_t *full_json_u64(uint64_t value);    /* "0x1b4" */
json_t *full_json_hex(struct span bytes); /* "0x00ff" */

#endif
