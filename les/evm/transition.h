/* From transactions to state: what a transaction must satisfy, what it pays, what a block adds to
 * it. Pure given the state's backend. Yellow Paper sections 6 and 11; the EIPs are named where they
 * act. */
#ifndef LES_EVM_TRANSITION_H
#define LES_EVM_TRANSITION_H

#include "les/eth/tx.h"
#include "les/evm/evm.h"

/* ---- one transaction ---- */

/* Why a transaction cannot be part of a block. Texts are those of go-ethereum where it has one. */
#define TX_REFUSAL_MAP(X)                                                                          \
    X(NONE, "")                                                                                    \
    X(TYPE, "transaction type not supported")                                                      \
    X(CHAIN_ID, "invalid chain id for signer")                                                     \
    X(NONCE_LOW, "nonce too low")                                                                  \
    X(NONCE_HIGH, "nonce too high")                                                                \
    X(NONCE_MAX, "nonce has max value")                                                            \
    X(SENDER_HAS_CODE, "sender not an eoa")                                                        \
    X(FEE_BELOW_BASE, "max fee per gas less than block base fee")                                  \
    X(TIP_ABOVE_FEE, "max priority fee per gas higher than max fee per gas")                       \
    X(FUNDS, "insufficient funds for gas * price + value")                                         \
    X(BLOCK_GAS, "gas limit reached")                                                              \
    X(TX_GAS, "transaction gas limit too high")                                                    \
    X(INTRINSIC_GAS, "intrinsic gas too low")                                                      \
    X(FLOOR_GAS, "insufficient gas for floor data gas cost")                                       \
    X(GAS_OVERFLOW, "gas uint64 overflow")                                                         \
    X(INITCODE_SIZE, "max initcode size exceeded")                                                 \
    X(BLOB_CREATE, "blob transaction of type create")                                              \
    X(BLOB_NONE, "blob transaction missing blob hashes")                                           \
    X(BLOB_VERSION, "blob has invalid hash version")                                               \
    X(BLOB_COUNT, "blob gas limit reached")                                                        \
    X(BLOB_FEE, "max fee per blob gas less than block blob gas fee")                               \
    X(SET_CODE_CREATE, "EIP-7702 transaction cannot be used to create contract")                   \
    X(SET_CODE_NONE, "EIP-7702 transaction with empty auth list")                                  \
    X(STOPPED, "execution stopped") /* the engine, not the transaction: see end */

enum tx_refusal {
#define X(name, text) TX_REFUSAL_##name,
    TX_REFUSAL_MAP(X)
#undef X
};
const char *tx_refusal_text(enum tx_refusal refusal);

/* Where transactions run. All borrowed. evm has its block set. */
struct tx_place {
    struct evm *evm;
    struct evm_state *state;
    enum evm_revision revision;
    const struct evm_block *block;
    const struct crypto *crypto;
    uint64_t gas_left;      /* of the block; tx_execute lowers it by what was used */
    uint64_t blob_gas_left; /* of the block */
};

/* What eth_call and its kin leave out. */
struct tx_leniency {
    bool any_nonce;        /* and the chain id is not looked at */
    bool any_sender;       /* EIP-3607 does not hold */
    bool free_without_fee; /* no base fee check and no payment to the coinbase when max_fee is zero
                            */
    bool any_gas;          /* EIP-7825 does not hold */
};

struct tx_result {
    enum evm_end end;
    uint64_t gas_used; /* after the refund */
    uint64_t gas_refunded;
    uint64_t gas_peak;     /* before the refund: what eth_estimateGas must provide */
    struct u256 gas_price; /* effective */
    uint64_t blob_gas_used;
    bool created;
    struct address20 contract; /* if created */
    struct span output;        /* borrowed until the evm runs again */
};

/* Runs a whole transaction: state changes, fees, logs (evm_state_logs until the next one begins).
 * tx was decoded and its sender recovered by the caller. On a refusal other than STOPPED the state
 * is unchanged; on STOPPED it must be thrown away and result->end says why (MISSING:
 * evm_state_missing). */
enum tx_refusal tx_execute(struct tx_place *place, const struct tx *tx,
                           const struct address20 *sender, const struct tx_leniency *leniency,
                           struct tx_result *result) WARN_UNUSED;

/* ---- one block ---- */

#define BLOCK_FAULT_MAP(X)                                                                         \
    X(NONE, "valid")                                                                               \
    X(BODY, "the body does not belong to the header")                                              \
    X(TX_MALFORMED, "a transaction is malformed")                                                  \
    X(TX_SENDER, "a transaction's signature is invalid")                                           \
    X(TX_REFUSED, "a transaction is not allowed")                                                  \
    X(SIGNER, "the clique seal is invalid")                                                        \
    X(UNCLES, "an uncle is malformed")                                                             \
    X(WITHDRAWALS, "a withdrawal is malformed")                                                    \
    X(SYSTEM_CALL, "a system call failed")                                                         \
    X(DEPOSIT, "a deposit log is malformed")                                                       \
    X(FIELDS, "the header lacks a field of its fork or has one too many")                          \
    X(SIZE, "the block is too large")                                                              \
    X(GAS_USED, "gas used differs")                                                                \
    X(BLOB_GAS, "blob gas used differs")                                                           \
    X(RECEIPTS, "receipts root differs")                                                           \
    X(BLOOM, "logs bloom differs")                                                                 \
    X(REQUESTS, "requests hash differs")                                                           \
    X(STATE, "state root differs")                                                                 \
    X(STORE, "state is missing from the store")                                                    \
    X(STOPPED, "execution stopped")

enum block_fault {
#define X(name, text) BLOCK_FAULT_##name,
    BLOCK_FAULT_MAP(X)
#undef X
};
const char *block_fault_text(enum block_fault fault);

/* What blocks are executed with; borrowed. */
struct block_place {
    const struct chainspec *spec;
    const struct crypto *crypto;
    struct node_store *store; /* holds the parent's state; gets the new one. NULL, with state: a
                                 replay, which makes no receipts and no roots */
    struct evm_state *state;  /* NULL: one of its own over store. Else the parent's state, which
                                 then is the state after what was run */
    struct evm *evm; /* NULL: one of its own. Else one over state whose block is set: for blocks
                        that are only simulated, whose seal is not looked at */
    struct evm_code_cache *codes;                 /* NULL: none is kept */
    const struct evm_precompile_ops *precompiles; /* NULL: none */
    const _Atomic bool *cancel;                   /* NULL: never */
    /* NULL: evm_state_commit into store. */
    enum status (*commit)(void *owner, struct evm_state *state, struct hash32 *root);
    /* Hashes of ancestors of the block under execution. */
    enum evm_lookup (*block_hash)(void *owner, uint64_t number, struct hash32 *out);
    void *owner;
};

/* What a block did. {0} before the first use; block_outcome_free afterwards; may be used again. */
struct block_outcome {
    enum block_fault fault;
    size_t tx_index; /* where it stopped, for faults of transactions */
    enum tx_refusal refusal;
    enum evm_end end; /* for STOPPED */
    struct hash32 state_root, receipts_root, requests_hash;
    struct bloom256 bloom;
    uint64_t gas_used, blob_gas_used;
    struct buf receipts;   /* as in a LES reply: receipts_split takes it apart */
    struct buf requests;   /* EIP-7685: for each kind that has any, a string type || data */
    struct tx_result *txs; /* output is empty: it is not kept */
    size_t txs_count, txs_capacity;
};
void block_outcome_free(struct block_outcome *outcome);

/* Executes block on parent's state and compares with its header: gas used, blob gas, receipts root,
 * bloom, requests hash, state root. On BLOCK_FAULT_NONE the store holds the new state. Does not
 * look at what needs the parent header or a seal (difficulty, base fee, time, gas limit bounds). */
enum block_fault block_execute(const struct block_place *place,
                               const struct hash32 *parent_state_root, const struct header *header,
                               const struct body *body, struct block_outcome *outcome) WARN_UNUSED;

/* The same in steps, for a chain that makes its own blocks: open, add transactions, close; then
 * outcome has what the header needs. header: parent_hash, coinbase, number, timestamp, gas_limit,
 * difficulty, mix_hash and the fields of the fork are set. A replay of a part of a block is opened
 * in the same way, and not closed; parent_state_root may then be NULL. */
struct block_run;
struct block_run *block_run_open(const struct block_place *place,
                                 const struct hash32 *parent_state_root,
                                 const struct header *header, struct block_outcome *outcome);
/* A transaction that is refused changes nothing and may be left out. STOPPED and TX_MALFORMED,
 * TX_SENDER: as in block_execute. */
enum block_fault block_run_add(struct block_run *run, struct span envelope) WARN_UNUSED;
/* A transaction that the caller ran on the place's evm and state: its receipt, logs and requests.
 */
enum block_fault block_run_took(struct block_run *run, enum tx_type type,
                                const struct tx_result *result) WARN_UNUSED;
/* uncles: payload of their list; withdrawals: payload of theirs. */
enum block_fault block_run_close(struct block_run *run, struct span uncles,
                                 struct span withdrawals) WARN_UNUSED;
struct evm_state *block_run_state(struct block_run *run);
const struct evm_block *block_run_block(const struct block_run *run);
/* Sees the transactions that are added from now on, nothing else; NULL: nobody. */
void block_run_trace(struct block_run *run, struct evm_tracer *tracer);
void block_run_free(struct block_run *run);

/* EIP-225: who sealed header. The digest that a signer signs is of the header without the last 65
 * bytes of extra. */
bool clique_seal_hash(struct hash32 *out, const struct header *header) WARN_UNUSED;
bool clique_signer(struct address20 *out, const struct header *header,
                   const struct crypto *crypto) WARN_UNUSED;

#endif
