/* LES/2, LES/3 and LES/4 messages: encode and decode, strict as go-ethereum is (les.md 3). Pure;
 * decoded spans borrow from the message. A decoder returns false for anything that go-ethereum
 * would drop a peer for. */
#ifndef LES_PROTO_WIRE_H
#define LES_PROTO_WIRE_H

#include "les/eth/chainspec.h"
#include "les/eth/crypto.h"

enum les_code {
#define X(name, code, reply, items_max) LES_##name = (code),
#include "les/proto/messages.def"
#undef X
};
const char *les_code_name(unsigned code);       /* "GetProofsV2"-like lower-case words; "unknown" */
unsigned les_reply_code(unsigned request_code); /* 0: not a request */
unsigned les_items_max(unsigned request_code);

#define LES_VERSION_MIN 2
#define LES_VERSION_MAX 4
unsigned
les_version_length(unsigned version); /* message codes: 22 for les/2, 24 for les/3 and les/4 */

/* The request codes with a price, in the order of the cost table. */
#define LES_COST_CODES_COUNT 8
extern const unsigned LES_COST_CODES[LES_COST_CODES_COUNT];
/* Index into the table; LES_COST_CODES_COUNT when code has no price. */
size_t les_cost_index(unsigned code);

struct les_cost {
    uint64_t base;
    uint64_t per_item;
};
/* Flow-control parameters: cost units, units per millisecond. */
struct les_flow_params {
    uint64_t buffer_limit; /* BL */
    uint64_t recharge;     /* MRR */
    struct les_cost costs[LES_COST_CODES_COUNT];
    bool has_cost[LES_COST_CODES_COUNT];
};

/* A block as a head, a vote or a finality mark. */
struct les_block_ref {
    struct hash32 hash;
    uint64_t number;
};

enum les_announce_type { LES_ANNOUNCE_NONE = 0, LES_ANNOUNCE_SIMPLE = 1, LES_ANNOUNCE_SIGNED = 2 };

struct les_checkpoint {
    uint64_t section;
    struct hash32 head, cht_root, bloom_root;
};

/* Status (0x00). Unknown keys are ignored; of a repeated key the last counts. Keys that begin with
 * `lesgate/` are ours, stock peers ignore them. `lesgate/safe` and `lesgate/finalized` ([hash,
 * number]): what the server's node calls safe and finalized after the merge. `lesgate/plainKeys`
 * (no value): beside hashed keys the server takes the plain ones of struct les_proof_item.
 * `lesgate/anyHead` (no value): the client wants to hear of a head also when it is not ahead of the
 * one before; go-ethereum's clients end the session over that. */
struct les_status {
    uint64_t version;
    uint64_t network_id;
    struct u256 head_td;
    struct les_block_ref head;
    struct hash32 genesis;
    bool has_fork_id;
    struct fork_id fork_id;
    bool has_recent_tx_lookup;
    uint64_t recent_tx_lookup; /* 0 all, 1 none, n: the last n - 1 blocks */
    bool serve_headers;
    bool has_serve_chain_since;
    uint64_t serve_chain_since;
    bool has_serve_state_since;
    uint64_t serve_state_since;
    bool has_serve_recent_state;
    uint64_t serve_recent_state; /* 0: archive */
    bool tx_relay;
    bool has_flow; /* BL and MRR are there: the peer is a server */
    struct les_flow_params flow;
    enum les_announce_type announce_type; /* of a client; missing counts as simple */
    bool has_announce_type;
    bool has_checkpoint;
    struct les_checkpoint checkpoint;
    bool has_safe, has_finalized;
    struct les_block_ref safe, finalized;
    bool plain_keys; /* of a server */
    bool any_head;   /* of a client */
};
void les_status_encode(struct buf *out, const struct les_status *status);
bool les_status_decode(struct les_status *status, struct span payload) WARN_UNUSED;

/* Announce (0x01). An all-zero hash is a pure parameter update. */
struct les_announce {
    struct les_block_ref head;
    struct u256 td;
    uint64_t reorg_depth;
    bool has_sign;
    struct sig65 sign;
    bool has_flow; /* both BL and MRR were there */
    uint64_t buffer_limit, recharge;
    struct les_flow_params costs; /* only costs/has_cost: a new MRC table, merged per code */
    bool has_safe, has_finalized;
    struct les_block_ref safe, finalized;
    size_t update_size; /* bytes of the key list, for the leaky bucket */
};
void les_announce_encode(struct buf *out, const struct les_announce *announce);
bool les_announce_decode(struct les_announce *announce, struct span payload) WARN_UNUSED;
/* keccak(rlp[hash, number, td]): what `sign` covers, under the server's node key. */
void les_announce_digest(struct hash32 *out, const struct les_announce *announce);

/* Requests: [request id, data]. Write: begin, append the items, end. */
struct les_writer {
    size_t outer, inner;
};
struct les_writer les_request_begin(struct buf *out, uint64_t request_id);
void les_request_end(struct buf *out, struct les_writer writer);
/* Replies: [request id, BV, data]. For HelperTrieProofs data is a list of two lists: the caller
 * writes both. */
struct les_writer les_reply_begin(struct buf *out, uint64_t request_id, uint64_t buffer_value);
void les_reply_end(struct buf *out, struct les_writer writer);

/* data: the payload of the data list. */
bool les_request_decode(uint64_t *id, struct span *data, struct span payload) WARN_UNUSED;
bool les_reply_decode(uint64_t *id, uint64_t *buffer_value, struct span *data,
                      struct span payload) WARN_UNUSED;

/* GetBlockHeaders: data is [origin, amount, skip, reverse]. */
struct les_headers_query {
    bool by_hash;
    struct hash32 hash;
    uint64_t number;
    uint64_t amount, skip;
    bool reverse;
};
void les_headers_query_encode(struct buf *out,
                              const struct les_headers_query *query); /* the four items */
bool les_headers_query_decode(struct les_headers_query *query, struct span data) WARN_UNUSED;

/* One item of GetCode: [block hash, account]; account is 20 or 32 bytes (les.md 3.6). */
struct les_code_item {
    struct hash32 block_hash;
    struct span account;
};
void les_code_item_encode(struct buf *out, const struct les_code_item *item);
/* One item of GetProofsV2: [block hash, account or empty, key, from level]. key is the keccak of
 * the address or of the slot. A server that says lesgate/plainKeys takes also what was hashed: in
 * the account trie the address (20 bytes), in a storage trie 0x00 and the slot (33 bytes). A full
 * node is asked for accounts and slots by their names; nobody gets those back from a hash. */
#define LES_PLAIN_ACCOUNT_KEY_SIZE 20
#define LES_PLAIN_SLOT_KEY_SIZE    33
struct les_proof_item {
    struct hash32 block_hash;
    struct span account;
    struct span key;
    uint64_t from_level;
};
void les_proof_item_encode(struct buf *out, const struct les_proof_item *item);
/* One item of GetHelperTrieProofs: [type, section, key, from level, aux]. */
enum les_helper_type { LES_HELPER_CHT = 0, LES_HELPER_BLOOM = 1 };
enum les_aux { LES_AUX_NONE = 0, LES_AUX_ROOT = 1, LES_AUX_HEADER = 2 };
struct les_helper_item {
    uint64_t type;
    uint64_t section;
    struct span key;
    uint64_t from_level;
    uint64_t aux;
};
void les_helper_item_encode(struct buf *out, const struct les_helper_item *item);

/* Iterates the items of data: {data, false} to begin. False at the end or on a fault; then test
 * bad. */
struct les_items {
    struct span rest;
    bool bad;
};
bool les_code_item_next(struct les_items *items, struct les_code_item *out);
bool les_proof_item_next(struct les_items *items, struct les_proof_item *out);
bool les_helper_item_next(struct les_items *items, struct les_helper_item *out);
bool les_hash_next(struct les_items *items, struct hash32 *out); /* bodies, receipts, tx status */
bool les_raw_next(struct les_items *items,
                  struct span *out); /* raw RLP items: headers, bodies, receipts, transactions */

/* One item of TxStatus: [status, lookup, error]. */
enum les_tx_state {
    LES_TX_UNKNOWN = 0,
    LES_TX_QUEUED = 1,
    LES_TX_PENDING = 2,
    LES_TX_INCLUDED = 3
};
struct les_tx_status {
    enum les_tx_state state;
    bool has_lookup;
    struct les_block_ref block;
    uint64_t index;
    struct span error; /* text of a refused transaction; state is unknown then */
};
void les_tx_status_encode(struct buf *out, const struct les_tx_status *status);
bool les_tx_status_next(struct les_items *items, struct les_tx_status *out);

/* Stop has payload C0; Resume is a bare integer. */
void les_resume_encode(struct buf *out, uint64_t buffer_value);
bool les_resume_decode(uint64_t *buffer_value, struct span payload) WARN_UNUSED;

#endif
