/* One call on a worker: from what the caller said and an exec_world to a result. What eth_call,
 * eth_estimateGas, eth_createAccessList, eth_simulateV1 and debug_traceCall share. No loop, no
 * query, no JSON.
 *
 *     struct call_block block;
 *     if (!call_block_of(&block, world, header, &args->block_override, &job->error)) return;
 *     struct call_run *run = call_run_open(world, &block, tracer);
 *     struct call_message message;
 *     if (call_run_override(run, &args->state_override, &job->error) == CALL_DONE &&
 *         call_message_of(&message, &args->call, &block, world->gas_cap, &job->error)) {
 *         call_run_lower_fees(run, &message);
 *         if (call_run_message(run, &message, &CALL_LENIENCY, &result, &job->error) == CALL_DONE)
 *             ...result.end, result.output...
 *     }
 *     call_run_close(run);
 *
 * CALL_STOPPED: the engine stopped (state is missing, time is up): the run function returns at
 * once, exec knows what to do. CALL_FAILED: error is set, as go-ethereum would say it. */
#ifndef GATEWAY_CALL_RUN_H
#define GATEWAY_CALL_RUN_H

#include "gateway/rpc/call_args.h"
#include "gateway/light/exec.h"

enum call_got { CALL_DONE, CALL_FAILED, CALL_STOPPED };

/* Why there is no result. {0} before the first use; may be set again; call_error_free. */
struct call_error {
    int code;                /* 0: none */
    enum tx_refusal refusal; /* when it came of one */
    struct buf text;
};
void call_error_set(struct call_error *error, int code, const char *format, ...) PRINTF(3, 4);
void call_error_text(struct call_error *error, const char *text); /* with RPC_SERVER_ERROR */
void call_error_free(struct call_error *error);

/* ---- the block ---- */

struct call_block {
    struct evm_block evm; /* block_hash NULL: the chain's hashes, out of the world */
    enum evm_revision revision;
    bool has_base_fee;
    uint64_t base_number; /* hashes of blocks from this one on are unknown: BLOCKHASH gives zero */
};
/* The context of header with override (NULL: none) put over it. False: override has what only
 * eth_simulateV1 takes (beaconRoot, withdrawals), or a number beyond 64 bits. */
bool call_block_of(struct call_block *out, const struct exec_world *world,
                   const struct header *header, const struct block_override *override,
                   struct call_error *error) WARN_UNUSED;

/* ---- the message ---- */

struct call_message {
    struct tx tx; /* spans borrowed from the call_args */
    struct address20 sender;
    bool is_free;        /* its gas price is zero */
    bool blobs_are_free; /* a blob fee was given or assumed, and is zero */
};
/* go-ethereum's CallDefaults and ToMessage: gas is capped (0: no cap), fees are zero unless given,
 * the chain id must be ours, nonce as given or zero. False: error is set (-32000). */
bool call_message_of(struct call_message *out, const struct call_args *args,
                     const struct call_block *block, uint64_t gas_cap,
                     struct call_error *error) WARN_UNUSED;

/* ---- the run ---- */

/* What a call need not satisfy. */
extern const struct tx_leniency CALL_LENIENCY;

struct call_run;
/* world and tracer (NULL: none) are borrowed, block is copied. */
struct call_run *call_run_open(const struct exec_world *world, const struct call_block *block,
                               struct evm_tracer *tracer);
void call_run_close(struct call_run *run); /* NULL is legal */
struct evm_state *call_run_state(struct call_run *run);
struct evm *call_run_evm(struct call_run *run);
const struct call_block *call_run_block(const struct call_run *run);
/* The next block, on the state as it is now. Precompiles are at home again. */
void call_run_set_block(struct call_run *run, const struct call_block *block);
/* Before a message, between transactions: what the caller wants the state to be, as if a
 * transaction had done it. Precompiles that are moved or covered stay so until the next block. */
enum call_got call_run_override(struct call_run *run, const struct state_override *override,
                                struct call_error *error) WARN_UNUSED;
/* A free message sees a base fee of zero, as in go-ethereum; the same for blobs. Until
 * call_run_set_block. */
void call_run_lower_fees(struct call_run *run, const struct call_message *message);
/* Runs it, as a transaction of the block, on the state as it is now. DONE: out says how it ended;
 * out->output is borrowed until the next message or call_run_close. FAILED: it was refused
 * (error->refusal), the text is go-ethereum's without "err: " and "(supplied gas)"; or it needs
 * what this build lacks. Block gas is not counted. */
enum call_got call_run_message(struct call_run *run, const struct call_message *message,
                               const struct tx_leniency *leniency, struct tx_result *out,
                               struct call_error *error) WARN_UNUSED;
/* How the last message ended, as go-ethereum prints it: `invalid opcode: INVALID`, `stack underflow
 * (0 <=> 1)`. end is its result's. Runs it once more when it failed, so message and leniency must
 * still be there, output is not any more, and a tracer of the caller does not see it. */
void call_run_end_text(struct buf *out, struct call_run *run, enum evm_end end);

/* Why it was refused, as go-ethereum prints it, with what was compared. sender: its account. */
void call_refusal_text(struct buf *out, const struct call_message *message,
                       const struct call_block *block, const struct evm_account *sender,
                       enum tx_refusal refusal);

/* ---- reverts ---- */

/* `execution reverted`, or `execution reverted: reason` when output is Error(string) or
 * Panic(uint256). The reason may hold any byte. */
void call_revert_text(struct buf *out, struct span output);

#endif
