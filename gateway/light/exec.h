/* Runs EVM code for a method, over proved state only and never on the loop's thread.
 *
 * A method writes its execution as one pure function, `run`: from a world (state, block hashes,
 * precompiles) to a result in its own struct. It may execute as much as it likes: one call, a
 * binary search of calls, blocks of them. exec calls it on a worker, again from its start whenever
 * it lacked state, after fetching and proving what it lacked; while state is missing it runs over
 * guesses, so that one round of fetching brings most of what it needs. The last run saw proved
 * state only, and that one counts.
 *
 *     struct my_job { struct exec_job job; ...inputs...; ...results... };
 *     static void on_run(struct exec_job *job, const struct exec_world *world) { ... }
 *
 *     in the handler's step:
 *         if (query_block(query, &args->block, &block) != QUERY_HERE) return query_wait(query);
 *         args->job.run = on_run;
 *         if (query_execute(query, &args->job, block) != QUERY_HERE) return query_wait(query);
 *         ...the results are in args->job...
 *
 * Rounds of fetching (EXEC_ROUNDS_MAX), what is fetched (WITNESS_WANTS_MAX in a round) and time are
 * bounded; a call that passes a bound fails with a text that says which. Gas is bounded by whoever
 * sets the message's gas: exec_world.gas_cap. */
#ifndef GATEWAY_EXEC_H
#define GATEWAY_EXEC_H

#include "gateway/light/query.h"
#include "les/evm/transition.h"
#include "les/evm/witness.h"

/* What a run may use. All borrowed until run returns. */
struct exec_world {
    struct evm_backend *backend; /* the state that query_execute was asked for */
    struct node_store *nodes;    /* with keep_nodes: for state roots; see les/evm/witness.h */
    struct witness *witness;     /* as owner of witness_block_hash, and to want nodes */
    const struct chainspec *spec;
    const struct crypto *crypto;
    const struct evm_precompile_ops *precompiles; /* may be NULL */
    const _Atomic bool *cancel;                   /* give it to evm_config and block_place */
    struct evm_code_cache *codes; /* NULL: none; belongs to the run while it lasts */
    uint64_t gas_cap;             /* the operator's, for one call */
};

/* One execution. Lives in the call's memory (call_alloc), which exec holds until no worker reads
 * it. Zero it, set run (and what else is to differ). */
struct exec_job {
    /* On a worker. Reads its inputs and the world, writes its results; starts from scratch each
     * time: results of an earlier run are overwritten, memory of an earlier run is freed or used
     * again. When an execution inside ends with evm_end_is_engine or TX_REFUSAL_STOPPED it returns
     * at once; exec then knows what to do. Must call nothing that belongs to the loop. */
    void (*run)(struct exec_job *job, const struct exec_world *world);
    /* May be NULL: frees what runs allocated. Exactly once, on the loop, also when the call is long
     * gone. */
    void (*free)(struct exec_job *job);
    bool keep_nodes;
    uint64_t timeout_ms;      /* on workers; 0: the operator's. The call's own deadline holds too */
    const char *timeout_text; /* what the call fails with then; NULL: eth_call's text */
    /* private */
    struct exec_run *under_way;
};

/* HERE: the last run's results stand, and were made of state proved under block's state root.
 * LATER: return query_wait. The call fails by itself with go-ethereum's text when time is up. One
 * job of a query at a time. */
enum query_got query_execute(struct query *query, struct exec_job *job,
                             struct block_header *block) WARN_UNUSED;

struct exec;
struct exec_options {
    struct loop *loop;
    struct log *log; /* may be NULL */
    const struct chainspec *spec;
    const struct crypto *crypto;
    const struct evm_precompile_ops *precompiles; /* may be NULL */
    uint64_t gas_cap;                             /* 0: EXEC_GAS_CAP_DEFAULT */
    uint64_t timeout_ms; /* of one call, on its worker; 0: EXEC_TIMEOUT_DEFAULT_MS */
    size_t state_bytes;  /* that all calls under way hold together; 0: EXEC_STATE_BYTES_MAX */
    bool no_guessing;    /* a run ends at the first value it lacks; for measuring */
};
struct exec *exec_new(const struct exec_options *options);
/* Calls must be gone; runs that are still on a worker are cancelled and end by themselves. */
void exec_free(struct exec *exec);
uint64_t exec_gas_cap(const struct exec *exec);

struct exec_stats { /* since the start */
    uint64_t jobs, runs, guessed_runs, rounds, timed_out;
    uint64_t wants;   /* values that were fetched or found for runs */
    uint64_t running; /* now */
    uint64_t bytes;   /* of state that calls hold now */
};
void exec_stats(const struct exec *exec, struct exec_stats *out);

#endif
