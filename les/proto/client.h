/* The client side of LES: a pool of servers, and questions that some server answers with data which
 * is verified before the caller sees it. What is asked in one turn of the loop is merged into as
 * few messages as the limits allow; a slow server is hedged by another; a lie is held against the
 * server and the same question goes to another one.
 *
 * Trust is not decided here. Data is checked against hashes and roots that the caller knows to be
 * true (les/proto/chain.h); heads and answers that cannot be proved are reported with the name of
 * the server that gave them. */
#ifndef LES_PROTO_CLIENT_H
#define LES_PROTO_CLIENT_H

#include "les/eth/cht.h"
#include "les/eth/receipt.h"
#include "les/eth/trie.h"
#include "les/p2p/host.h"
#include "les/proto/flow.h"

struct les_client;
struct les_server; /* one server after its Status; lives until on_server_gone returns */

/* ---- questions ---- */
enum les_kind {
    LES_ASK_HEADERS,   /* a run of headers; linked and numbered as asked */
    LES_ASK_BODY,      /* body of a known header */
    LES_ASK_RECEIPTS,  /* receipts under a known root */
    LES_ASK_CODE,      /* code with a known hash */
    LES_ASK_PROOF,     /* a key of the account trie or of a storage trie under a known root */
    LES_ASK_SLOTS,     /* an account and slots of it, whose storage root nobody knows yet */
    LES_ASK_CHT,       /* header of a number, proved from a CHT root */
    LES_ASK_BLOOM,     /* bit vectors of one section, proved from a BloomTrie root */
    LES_ASK_SEND_TX,   /* cannot be proved */
    LES_ASK_TX_STATUS, /* cannot be proved */
    LES_ASK_COUNT
};

/* What one question cost, for the log and the dashboard. Ops merged into one message share its
 * bytes evenly. */
struct les_cost_note {
    unsigned servers;             /* that were asked */
    uint64_t bytes_in, bytes_out; /* LES payload, before snappy and frames */
    unsigned lies;                /* answers that were refused */
};

#define LES_OP_SERVERS_MAX 8
#define LES_LEAF_SIZE_MAX  128 /* an account has up to 110 bytes, a slot 33 */

/* One question. Embedded in its owner; must not move, and its memory must stay, until on_done was
 * called. Set kind, ask, on_done and what else is needed, zero the rest, then les_start. on_done
 * comes exactly once, later, also after les_cancel (STATUS_CANCELLED) and when the client is freed.
 *   STATUS_OK           answer is set and verified; borrowed until on_done returns
 *   STATUS_NOT_FOUND    empty_needed servers said that they have no such thing
 *   STATUS_UNAVAILABLE  no server is left that could be asked; lies and errors are in note and in
 * the log STATUS_TIMEOUT      deadline_ms passed */
struct les_op {
    enum les_kind kind;
    union {
        struct les_headers_query headers; /* amount 1..192 */
        struct {
            struct hash32 block_hash;
            const struct header *header; /* its roots; must live as long as the op */
        } body;
        struct {
            struct hash32 block_hash;
            struct hash32 receipts_root;
        } receipts;
        struct {
            struct hash32 block_hash;
            struct address20 address;
            struct hash32 code_hash;
        } code;
        struct {
            struct hash32 block_hash;
            struct hash32 root; /* of the trie that is walked */
            bool in_storage;    /* then address names the account */
            struct address20 address;
            struct hash32 key; /* keccak(address) or keccak(slot) */
            /* address (of the account trie too) and slot are what key is the hash of: sent to
             * servers that say lesgate/plainKeys. False: they get the hash like all others. */
            bool plain;
            struct hash32 slot;
            unsigned from_level;       /* nodes of the path that known already has */
            struct trie_source *known; /* nodes the caller has; may be NULL if from_level is 0 */
        } proof;
        struct {
            struct hash32 block_hash;
            struct hash32 state_root;
            struct address20 address;
            unsigned from_level;        /* of the account's path: nodes that known already has */
            const struct hash32 *keys;  /* keccak(slot); must live as long as the op */
            const struct hash32 *slots; /* what keys are the hashes of, or NULL; likewise */
            size_t keys_count;          /* 1..LES_SLOTS_KEYS_MAX */
            struct trie_source *known;  /* may be NULL if from_level is 0 */
        } slots;
        struct {
            uint64_t number;
            uint64_t section; /* newest section of the checkpoint */
            struct hash32 cht_root;
        } cht;
        struct {
            unsigned bit;
            uint64_t first_section; /* consecutive sections, one vector each */
            size_t sections;        /* 1..LES_BLOOM_SECTIONS_MAX */
            uint64_t newest_section;
            struct hash32 bloom_root;
        } bloom;
        struct {
            struct span envelope; /* must live as long as the op */
            struct hash32 hash;
        } send_tx;
        struct hash32 tx_hash;
    } ask;

    uint64_t block_number; /* a server must have this block ... */
    bool needs_state;      /* ... and its state */
    const struct hash32
        *only;             /* ask just the server with this node id; must live as long as the op */
    struct hash32 prefer;  /* ask this one first if it can; zero: any */
    unsigned empty_needed; /* how many servers must say "no such thing" before NOT_FOUND; 0: it must
                              exist */
    uint64_t deadline_ms;  /* from les_start; 0: LES_OP_DEADLINE_MS */
    void (*on_done)(struct les_op *op, enum status status);

    union {
        struct {
            struct span items; /* payload: raw headers, one after another */
            size_t count;
        } headers;
        struct span body;     /* raw body item */
        struct span receipts; /* payload of the block's receipt list */
        struct span code;
        struct {
            enum trie_result result; /* FOUND or ABSENT */
            struct span value;
            uint8_t value_copy[LES_LEAF_SIZE_MAX]; /* behind value, when it came out of known */
            /* The nodes of the reply that lie on this op's path, in path order: to be kept by hash.
             */
            struct hash32 node_hashes[TRIE_DEPTH_MAX];
            struct span nodes[TRIE_DEPTH_MAX];
            size_t nodes_count;
        } proof;
        struct trie_nodes *nodes; /* slots: those marked as used are to be kept by hash; with what
                                     was known they prove the account and every slot */
        struct {
            struct span header; /* raw */
            struct u256 td;
        } cht;
        struct span bloom[16]; /* compressed vectors as in the BloomTrie (les/eth/cht.h); empty =
                                  all zero */
        struct les_tx_status status;
    } answer;
    struct hash32 answered_by; /* node id */
    struct les_cost_note note;

    /* private to les/proto/client_ops.c */
    struct les_client *client;
    struct les_op *next, *previous;
    struct timer timer;
    struct timer hedge;
    struct les_message *messages[LES_OP_SERVERS_MAX]; /* in flight */
    struct hash32 asked[LES_OP_SERVERS_MAX];
    unsigned asked_count;
    unsigned empties;
    unsigned gone; /* replies to which we lacked what we had when we asked */
    unsigned rounds;
    bool resting; /* queued, but not to be placed before the timer says so */
    enum { LES_OP_IDLE, LES_OP_QUEUED, LES_OP_SENT, LES_OP_DONE } state;
    enum status outcome;
    struct task finish;
};
#define LES_BLOOM_SECTIONS_MAX 16
#define LES_SLOTS_KEYS_MAX     48 /* go-ethereum answers 64 items of one message */

void les_start(struct les_client *client, struct les_op *op);
void les_cancel(
    struct les_op *op); /* idempotent; legal on an op that was never started or is done */

/* ---- the pool ---- */
struct les_head {
    struct les_block_ref block;
    struct u256 td;
    uint64_t reorg_depth;
    bool from_status; /* the head of its Status, authenticated by the session */
    bool has_safe, has_finalized;
    struct les_block_ref safe, finalized;
};

struct les_client_events {
    /* A server's Status was accepted. */
    void (*on_server)(void *owner, struct les_server *server);
    void (*on_server_gone)(void *owner, struct les_server *server);
    /* Its head: right after on_server, and for each announcement. Of a trusted server only
     * announcements with a valid signature arrive here. */
    void (*on_head)(void *owner, struct les_server *server, const struct les_head *head);
};

struct les_client_config {
    const struct chainspec *spec; /* must outlive the client */
    struct seckey32 key;
    const char *client_id;
    const struct enode *trusted; /* dialled and kept; asked for signed announcements */
    size_t trusted_count;
    const struct enode *peers; /* dialled and kept; may serve data */
    size_t peers_count;
    size_t servers_target; /* candidates from discovery are dialled up to this number */
    struct les_block_ref
        fork_head; /* where our fork id is computed: newest head known; time below */
    uint64_t fork_time;
};

struct les_client *les_client_new(struct loop *loop, struct crypto *crypto, struct log *log,
                                  const struct les_client_config *config,
                                  const struct les_client_events *events, void *owner,
                                  enum status *status) WARN_UNUSED;
/* Ends every op with STATUS_CANCELLED, disconnects. */
void les_client_free(struct les_client *client);
/* The head by quorum moved: later connections show it in the fork id. */
void les_client_set_fork_head(struct les_client *client, const struct les_block_ref *head,
                              uint64_t time);
struct host *les_client_host(struct les_client *client); /* for discovery and metrics */

size_t les_server_count(const struct les_client *client);
struct les_server *les_server_at(const struct les_client *client, size_t index);
const struct hash32 *les_server_id(const struct les_server *server);
bool les_server_trusted(const struct les_server *server);
const struct les_status *les_server_status(const struct les_server *server);
const struct les_head *les_server_head(const struct les_server *server);

/* A server's answer turned out false by something that only the caller can see (a lookup that does
 * not hold): counts as a lie. */
void les_blame(struct les_client *client, const struct hash32 *server_id, const char *what);

struct les_server_info {
    struct enode enode;
    char client_id[64];
    unsigned version;
    bool trusted, frozen, benched;
    uint64_t requests, items, lies, timeouts, empties;
    uint64_t latency_us; /* moving average of a message */
    uint64_t buffer, buffer_limit, recharge;
    uint64_t bytes_in, bytes_out;
    int score;
};
void les_server_describe(const struct les_server *server, struct les_server_info *out);

struct les_client_stats {
    uint64_t ops[LES_ASK_COUNT], messages,
        merged; /* merged: ops that travelled with another in one message */
    uint64_t lies, hedges, timeouts, unsolicited;
    uint64_t queued, in_flight; /* now */
};
void les_client_stats(const struct les_client *client, struct les_client_stats *out);

#endif
