/* How a method gets verified data: it is written as one function, `step`, that asks for what it
 * needs and says query_wait when something is not there yet. When all that it asked for has come,
 * step runs again from its start and finds it. So a method reads like straight code, asks in
 * parallel by asking for several things before it waits, and holds no state of its own between the
 * runs but its arguments.
 *
 *     static struct call_done on_balance(struct query *query)
 *     {
 *         struct args *args = query_args(query);
 *         struct block_header *block;
 *         struct account account;
 *         if (query_block(query, &args->block, &block) != QUERY_HERE) return query_wait(query);
 *         if (query_account(query, block, &args->address, &account) != QUERY_HERE) return
 * query_wait(query); json_put_quantity256(call_result(query_call(query)), &account.balance); return
 * query_ok(query);
 *     }
 *
 * What was fetched stays with the query until it ends, so each run gets further; a step runs at
 * most QUERY_ROUNDS_MAX times. If something cannot be had, the call fails with a text that says
 * what, and step does not run again. */
#ifndef GATEWAY_QUERY_H
#define GATEWAY_QUERY_H

#include "gateway/light/light.h"
#include "gateway/rpc/params.h"

struct query;

/* Starts step for call. args (in the call's memory) is handed back by query_args. Return its result
 * from the handler. */
struct call_done query_start(struct call *call, struct light *light,
                             struct call_done (*step)(struct query *query), void *args);
struct call *query_call(const struct query *query);
struct light *query_light(const struct query *query);
void *query_args(const struct query *query);

/* The ways out of step. */
struct call_done
query_wait(struct query *query); /* after something was LATER (or could not be had) */
struct call_done query_ok(struct query *query);   /* call_result is written */
struct call_done query_null(struct query *query); /* result null */
struct call_done query_fail(struct query *query, int code, const char *message);
struct call_done query_fail_data(struct query *query, int code, const char *message,
                                 struct span data); /* data: a finished JSON value */
struct call_done query_fail_text(struct query *query, int code, struct span message,
                                 struct span data); /* message may hold any byte */
struct call_done query_failf(struct query *query, int code, const char *format, ...) PRINTF(3, 4);

enum query_got {
    QUERY_HERE,
    QUERY_ABSENT, /* there is no such thing; as sure as docs and headers below say */
    QUERY_LATER   /* return query_wait, at once or after asking for more */
};

/* Headers, borrowed until step returns. ABSENT: beyond the head, or a hash that is not on the
 * chain. `pending` is `latest`: a light client knows no pending block. safe and finalized: ABSENT
 * when the trusted servers name none. */
enum query_got query_block(struct query *query, const struct block_ref *ref,
                           struct block_header **out) WARN_UNUSED;
enum query_got query_number(struct query *query, uint64_t number,
                            struct block_header **out) WARN_UNUSED;
enum query_got query_hash(struct query *query, const struct hash32 *hash,
                          struct block_header **out) WARN_UNUSED;
/* All headers from..to, which query_number then has at hand in this run. */
enum query_got query_range(struct query *query, uint64_t from, uint64_t to) WARN_UNUSED;
/* The error that go-ethereum gives for a block that is not there. */
struct call_done query_fail_block(struct query *query, const struct block_ref *ref);

/* State at a block. An account that does not exist is HERE with ACCOUNT_EMPTY; a slot without a
 * value is HERE with zero. */
enum query_got query_account(struct query *query, const struct block_header *block,
                             const struct address20 *address, struct account *out) WARN_UNUSED;
enum query_got query_slot(struct query *query, const struct block_header *block,
                          const struct address20 *address, const struct hash32 *storage_root,
                          const struct hash32 *slot, struct hash32 *out) WARN_UNUSED;
enum query_got query_code(struct query *query, const struct block_header *block,
                          const struct address20 *address, const struct hash32 *code_hash,
                          struct span *out) WARN_UNUSED; /* no code: HERE, empty */

/* Fetches an account and slots of it together, before its storage root is known; query_account and
 * query_slot then have them at hand. HERE: it has come, or could not be had this way. */
enum query_got query_slots_ahead(struct query *query, struct block_header *block,
                                 const struct address20 *address, const struct hash32 *slots,
                                 size_t count) WARN_UNUSED;
/* The leaf of a key in the account trie (root is the state's) or in a storage trie. For those who
 * want the nodes on its path. */
enum query_got query_leaf(struct query *query, const struct block_header *block,
                          const struct hash32 *root, const struct object_key *leaf,
                          struct span *value) WARN_UNUSED;

/* Bodies and receipts: borrowed until the query is asked for something else or step returns. */
enum query_got query_body(struct query *query, struct block_header *block, struct span *raw,
                          struct body *out) WARN_UNUSED;
enum query_got query_receipts(struct query *query, struct block_header *block,
                              struct span *payload) WARN_UNUSED;

/* The caller is done with this block: what was fetched of it is let go. For methods that walk many
 * blocks. Its header is not borrowed any more. */
void query_release_block(struct query *query, struct block_header *block);

/* The caller keeps what it was given of states: accounts, slots, nodes and code that were fetched
 * so far are let go. For methods that read much. */
void query_release_state(struct query *query);

/* Facts that cannot be proved. A transaction's place is only a hint: the caller proves it by the
 * block's body. ABSENT: servers say that they do not know it. */
enum query_got query_tx_status(struct query *query, const struct hash32 *tx_hash,
                               struct les_tx_status *out, struct hash32 *server) WARN_UNUSED;
/* The hint of server did not hold: query_tx_status asks others from now on. lie: what was false,
 * held against the server; NULL: it may be on another branch or ahead of the head. When nobody is
 * left, query_tx_status says ABSENT if all doubts were of that kind, otherwise the call fails. */
void query_tx_hint_false(struct query *query, const struct hash32 *tx_hash,
                         const struct hash32 *server, const char *lie);
/* Sends it to a few servers; HERE: out is what the first one said. envelope must live as long as
 * the call. */
enum query_got query_send_tx(struct query *query, struct span envelope,
                             const struct hash32 *tx_hash, struct les_tx_status *out,
                             struct span *error) WARN_UNUSED;
/* Bloom bits of sections, decompressed by the caller. */
enum query_got query_bloom(struct query *query, unsigned bit, uint64_t section,
                           struct span *compressed) WARN_UNUSED;
void query_release_bloom(struct query *query, unsigned bit, uint64_t section);

#endif
