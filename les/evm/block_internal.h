/* What the files of block execution share. */
#ifndef LES_EVM_BLOCK_INTERNAL_H
#define LES_EVM_BLOCK_INTERNAL_H

#include "les/eth/u256.h"
#include "les/evm/transition.h"

struct block_run {
    const struct block_place *place;
    const struct header *header;
    struct block_outcome *outcome;
    enum evm_revision revision;
    bool proof_of_work; /* rewards are paid */
    struct evm_store_backend backend;
    struct evm_state *own_state; /* NULL when the place has one */
    struct evm_state *state;
    struct evm *own_evm;
    struct evm *evm;
    struct evm_tracer *tracer;
    struct evm_block block;
    struct tx_place txs;
    struct buf envelopes; /* of receipts, one after the other */
    size_t *envelope_sizes;
    size_t envelopes_count, envelopes_capacity;
    struct buf deposits; /* EIP-6110: request data */
};

enum block_fault block_fail(struct block_run *run, enum block_fault fault);

/* block_system.c: what the protocol itself does, before and after the transactions. */
enum block_fault block_system_open(struct block_run *run) WARN_UNUSED;
enum block_fault block_system_requests(struct block_run *run) WARN_UNUSED;
enum block_fault
block_system_deposits(struct block_run *run) WARN_UNUSED; /* the logs of the last transaction */
/* Credits an account outside of any transaction. */
bool block_credit(struct block_run *run, const struct address20 *address,
                  const struct u256 *amount) WARN_UNUSED;
enum block_fault block_rewards(struct block_run *run, struct span uncles) WARN_UNUSED;
enum block_fault block_withdrawals(struct block_run *run, struct span withdrawals) WARN_UNUSED;

/* dao.c: the accounts emptied at the DAO fork and the contract that got their balances. */
extern const struct address20 dao_refund_contract;
extern const struct address20 dao_drained[];
extern const size_t dao_drained_count;

#endif
