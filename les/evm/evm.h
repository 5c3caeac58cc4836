/* The interpreter: runs one message (a call or a creation with everything it calls) against a
 * state, under the rules of a revision. A pure function of message, block, transaction and state;
 * no I/O, no clock. Call frames live on the heap, 1,025 of them at most, so C's stack does not grow
 * with depth. One thread; nothing is allocated per instruction.
 *
 * Yellow Paper section 9 and appendix H. */
#ifndef LES_EVM_EVM_H
#define LES_EVM_EVM_H

#include "les/evm/precompile.h"
#include "les/evm/state.h"

/* How a frame, or the whole message, ended. Text: evm_end_text. */
#define EVM_END_MAP(X)                                                                             \
    X(SUCCESS, "success")                                                                          \
    X(REVERT, "execution reverted")                                                                \
    /* exceptional halts: the frame's gas is gone, its changes are undone */                       \
    X(OUT_OF_GAS, "out of gas")                                                                    \
    X(STACK_UNDERFLOW, "stack underflow")                                                          \
    X(STACK_OVERFLOW, "stack limit reached 1024")                                                  \
    X(INVALID_OPCODE, "invalid opcode")                                                            \
    X(BAD_JUMP, "invalid jump destination")                                                        \
    X(WRITE_PROTECTION, "write protection")                                                        \
    X(RETURN_DATA, "return data out of bounds")                                                    \
    X(CODE_SIZE, "max code size exceeded")                                                         \
    X(INITCODE_SIZE, "max initcode size exceeded")                                                 \
    X(CODE_PREFIX, "invalid code: must not begin with 0xef")                                       \
    X(CODE_GAS, "contract creation code storage out of gas")                                       \
    X(COLLISION, "contract address collision")                                                     \
    X(PRECOMPILE, "precompile failed")                                                             \
    /* light failures: nothing ran, the gas comes back */                                          \
    X(DEPTH, "max call depth exceeded")                                                            \
    X(BALANCE, "insufficient balance for transfer")                                                \
    X(NONCE, "nonce uint64 overflow")                                                              \
    /* the engine stopped: there is no result at all, the state must be thrown away */             \
    X(MISSING, "state is missing")                                                                 \
    X(UNSUPPORTED, "precompile is not in this build")                                              \
    X(MEMORY, "memory limit of the engine reached")                                                \
    X(CANCELLED, "execution aborted")

enum evm_end {
    EVM_RUNNING, /* private */
    EVM_CALLING, /* private */
#define X(name, text) EVM_END_##name,
    EVM_END_MAP(X)
#undef X
};
const char *evm_end_text(enum evm_end end);
static inline bool evm_end_is_engine(enum evm_end end)
{
    return end >= EVM_END_MISSING;
}

/* What instructions can ask about the block. */
struct evm_block {
    uint64_t number, timestamp, gas_limit;
    struct address20 coinbase; /* clique: the signer */
    struct hash32 prev_randao; /* from Paris on; before, the difficulty */
    struct u256 base_fee;      /* zero before London */
    struct u256 blob_base_fee;
    uint64_t chain_id;
    /* The hash of one of the 256 blocks before this one. ABSENT reads as zero. */
    enum evm_lookup (*block_hash)(void *owner, uint64_t number, struct hash32 *out);
    void *owner;
};

struct evm_tx {
    struct address20 origin;
    struct u256 gas_price;
    const struct hash32 *blob_hashes;
    size_t blob_hashes_count;
};

struct evm_message {
    bool create; /* to is the new contract's address, input its initcode */
    bool is_static;
    struct address20 sender;
    struct address20 to;
    struct u256 value;
    struct span input; /* borrowed until the run is over */
    uint64_t gas;      /* at most INT64_MAX */
};

struct evm_result {
    enum evm_end end;
    uint64_t gas_left;
    struct span output; /* return or revert data, or the new contract's code; borrowed until the
                           next run or evm_free */
};

/* Sees a run as it happens (debug_trace*). Any function may be NULL. */
struct evm_step {
    const uint8_t *code;
    size_t pc;
    uint8_t opcode;
    int64_t gas;              /* before the instruction */
    unsigned depth;           /* 1 for the outermost frame */
    const struct u256 *stack; /* bottom first */
    size_t stack_size;
    struct span memory;
    struct span return_data;
    const struct address20 *self;
    bool is_static;
    enum evm_revision revision;
    /* A tracer may look things up, also what the run itself did not ask for: the run goes on if
     * that is missing, and evm_state_missing tells. */
    struct evm_state *state;
    struct evm_account *account; /* of self */
};
enum evm_call_kind {
    EVM_CALL,
    EVM_CALLCODE,
    EVM_DELEGATECALL,
    EVM_STATICCALL,
    EVM_CREATE,
    EVM_CREATE2,
    EVM_SELFDESTRUCT
};
struct evm_tracer;
struct evm_tracer_ops {
    void (*on_step)(struct evm_tracer *tracer, const struct evm_step *step);
    /* The instruction of the last step is paid for and, unless it is a call or creation whose frame
     * comes next, done. Its cost is the step's gas less gas_left, for calls with what they pass on,
     * for creations without. When it failed that is only what was charged until then
     * (les/evm/fault.h knows the rest). The stack that the step showed is changed, except when it
     * failed. */
    void (*on_step_end)(struct evm_tracer *tracer, enum evm_end end, int64_t gas_left);
    void (*on_enter)(struct evm_tracer *tracer, enum evm_call_kind kind, unsigned depth,
                     const struct address20 *from, const struct address20 *to,
                     const struct u256 *value, struct span input, uint64_t gas);
    /* output: what the frame returned, also the code that a creation was refused for. */
    void (*on_exit)(struct evm_tracer *tracer, unsigned depth, enum evm_end end, uint64_t gas_used,
                    struct span output);
    /* A log, until the frame that made it, or one around it, fails. index counts within the
     * transaction; what was undone counts no more. Borrowed. */
    void (*on_log)(struct evm_tracer *tracer, const struct evm_log *log, struct span data,
                   size_t index);
};
struct evm_tracer {
    const struct evm_tracer_ops *ops;
};

struct evm;
struct evm_config {
    enum evm_revision revision;
    struct evm_state *state;
    const struct crypto *crypto;
    const struct evm_precompile_ops
        *precompiles;           /* NULL: a run that needs them ends with EVM_END_UNSUPPORTED */
    struct evm_tracer *tracer;  /* NULL: none */
    const _Atomic bool *cancel; /* NULL, or set by another thread to end the run */
};
/* Everything in config is borrowed. An evm runs many messages one after the other and keeps its
 * memory between them. */
struct evm *evm_new(const struct evm_config *config);
void evm_free(struct evm *evm);
void evm_set_block(struct evm *evm, const struct evm_block *block); /* copied */
void evm_set_tx(struct evm *evm, const struct evm_tx *tx);       /* copied; blob_hashes borrowed */
void evm_set_tracer(struct evm *evm, struct evm_tracer *tracer); /* between messages */
/* Precompiled contracts elsewhere than the revision has them; borrowed; NULL: none. */
void evm_set_moves(struct evm *evm, const struct evm_precompile_moves *moves);
/* Runs message. The caller has raised the sender's nonce and warmed what the transaction warms; the
 * value is moved here. On anything but SUCCESS the state is as before the message; with
 * evm_end_is_engine it is undefined. */
void evm_run(struct evm *evm, const struct evm_message *message, struct evm_result *result);
/* After EVM_END_UNSUPPORTED: which one. */
enum evm_precompile evm_unsupported(const struct evm *evm);

/* Yellow Paper (82): keccak(rlp([sender, nonce]))[12..]. EIP-1014. */
void evm_create_address(struct address20 *out, const struct address20 *sender, uint64_t nonce);
void evm_create2_address(struct address20 *out, const struct address20 *sender,
                         const struct u256 *salt, struct span initcode);

#endif
