/* The blocks of a development chain. */
#include "les/node/devchain_internal.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"

#define TRANSFER_GAS 21000
#define CALL_GAS     100000
#define DEPLOY_GAS   200000
#define CALL_EVERY   3 /* blocks */

/* Deploys 16 bytes: slot 0 is counted up and the count is logged under the topic 1.
 *   PUSH1 0 SLOAD PUSH1 1 ADD DUP1 PUSH1 0 SSTORE PUSH1 0 MSTORE PUSH1 1 PUSH1 32 PUSH1 0 LOG1 STOP
 */
static const uint8_t COUNTER[] = {0x60, 0x00, 0x54, 0x60, 0x01, 0x01, 0x80, 0x60, 0x00, 0x55, 0x60,
                                  0x00, 0x52, 0x60, 0x01, 0x60, 0x20, 0x60, 0x00, 0xa1, 0x00};
/* PUSH1 size PUSH1 12 PUSH1 0 CODECOPY PUSH1 size PUSH1 0 RETURN */
static const uint8_t LOADER[] = {0x60, sizeof(COUNTER), 0x60, 0x0c, 0x60, 0x00, 0x39,
                                 0x60, sizeof(COUNTER), 0x60, 0x00, 0xf3};

/* ---- the next header ---- */

#define LONDON_LIMIT_FACTOR 2 /* EIP-1559: the target takes the place of the limit */

static unsigned fields_of(enum fork fork)
{
    return fork >= FORK_PRAGUE ? 6 : fork >= FORK_CANCUN ? 5 : fork >= FORK_SHANGHAI ? 2 : 1;
}

/* A block that was left behind must not come again: its ledger has it already. */
static void default_randao(const struct devchain *devchain, uint64_t number, struct hash32 *out)
{
    uint8_t bytes[16];
    be_write(bytes, 8, number);
    be_write(bytes + 8, 8, devchain->generation);
    keccak256(out, SPAN(bytes, devchain->generation == 0 ? 8 : 16));
}

static uint64_t next_time(const struct devchain *devchain, const struct header *parent)
{
    int64_t now_s = loop_wall_s(devchain->loop) + devchain->plan.offset_s;
    uint64_t time = parent->timestamp + 1;
    if (now_s > 0 && (uint64_t)now_s > time)
        time = (uint64_t)now_s;
    return time;
}

/* At timestamp, with nothing that was set by hand but the coinbase. */
static void fill_header(const struct devchain *devchain, struct header *header,
                        const struct ledger_block *parent, uint64_t timestamp)
{
    const struct chainspec *spec = ledger_spec(devchain->ledger);
    *header = (struct header){.parent_hash = parent->hash,
                              .uncles_hash = EMPTY_UNCLES_HASH,
                              .coinbase = devchain->plan.coinbase,
                              .number = parent->header.number + 1,
                              .gas_limit = parent->header.gas_limit,
                              .timestamp = timestamp};
    if (!HEADER_HAS_BASE_FEE(&parent->header))
        header->gas_limit *= LONDON_LIMIT_FACTOR;
    default_randao(devchain, header->number, &header->mix_hash);
    enum fork fork = chainspec_fork_at(spec, header->number, header->timestamp, true);
    header->fields = fields_of(fork);
    fee_next_base(&header->base_fee, spec, &parent->header);
    header->withdrawals_root = EMPTY_TRIE_ROOT;
    if (fork >= FORK_CANCUN)
        header->excess_blob_gas =
            fee_next_excess_blob_gas(spec, &parent->header, header->timestamp);
    keccak256(&header->parent_beacon_root, SPAN(parent->hash.bytes, 32));
}

void devchain_next_header(struct devchain *devchain, struct header *out)
{
    const struct devchain_plan *plan = &devchain->plan;
    const struct ledger_block *parent = ledger_head(devchain->ledger);
    uint64_t least = parent->header.timestamp + 1;
    uint64_t time = plan->has_time ? plan->time : next_time(devchain, &parent->header);
    fill_header(devchain, out, parent, time > least ? time : least);
    if (plan->gas_limit != 0)
        out->gas_limit = plan->gas_limit;
    if (plan->has_base_fee)
        out->base_fee = plan->base_fee;
    if (plan->has_randao)
        out->mix_hash = plan->randao;
}

/* ---- transactions ---- */

struct assembly {
    struct devchain *devchain;
    struct block_run *run;
    struct buf transactions; /* payload of the body's list */
    struct span *envelopes;  /* into the pool; only while it does not change */
    struct hash32 unfit[BLOCK_TRANSACTIONS_MAX / 16];
    size_t unfit_count;
    bool stopped;
};

/* False: it is not in the block. */
static bool add(struct assembly *assembly, struct span envelope)
{
    enum block_fault fault = block_run_add(assembly->run, envelope);
    if (fault == BLOCK_FAULT_STOPPED || fault == BLOCK_FAULT_STORE)
        assembly->stopped = true;
    if (fault != BLOCK_FAULT_NONE)
        return false;
    if (envelope.data[0] >= 0xc0)
        buf_add_span(&assembly->transactions, envelope);
    else
        rlp_add_bytes(&assembly->transactions, envelope);
    return true;
}

static void add_from_pool(struct assembly *assembly, const struct u256 *base_fee)
{
    struct devchain *devchain = assembly->devchain;
    size_t count = pool_pick(devchain->pool, base_fee, assembly->envelopes, BLOCK_TRANSACTIONS_MAX);
    for (size_t i = 0; i < count && !assembly->stopped; i++) {
        if (add(assembly, assembly->envelopes[i]) ||
            devchain->outcome.refusal == TX_REFUSAL_BLOCK_GAS ||
            assembly->unfit_count == ARRAY_COUNT(assembly->unfit))
            continue;
        devchain->refusal = tx_refusal_text(devchain->outcome.refusal);
        keccak256(&assembly->unfit[assembly->unfit_count++], assembly->envelopes[i]);
    }
}

static bool sender_account(const struct devchain *devchain, const struct ledger_block *block,
                           struct account *out)
{
    struct hash32 key;
    keccak256(&key, SPAN(devchain->account.bytes, 20));
    return ledger_account(devchain->ledger, block, &key, out) && !u256_is_zero(&out->balance);
}

/* The counter is what the account's first transaction made. */
static bool counter_address(const struct devchain *devchain, const struct ledger_block *block,
                            struct address20 *out)
{
    struct hash32 key;
    struct account account;
    evm_create_address(out, &devchain->account, 0);
    keccak256(&key, SPAN(out->bytes, 20));
    return ledger_account(devchain->ledger, block, &key, &account) &&
           !hash32_equal(&account.code_hash, &EMPTY_CODE_HASH);
}

static void payee(struct address20 *out, uint64_t number)
{
    uint8_t number8[8];
    struct hash32 hash;
    be_write(number8, 8, number % DEVCHAIN_PAYEES);
    keccak256(&hash, SPAN(number8, 8));
    memcpy(out->bytes, hash.bytes + 12, 20);
}

static void add_traffic(struct assembly *assembly, const struct header *header,
                        const struct ledger_block *parent)
{
    struct devchain *devchain = assembly->devchain;
    struct account account;
    if (!sender_account(devchain, parent, &account))
        return;
    struct u256 tip = u256_from_u64(1000000000);
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = ledger_spec(devchain->ledger)->chain_id,
                    .nonce = account.nonce,
                    .max_priority_fee = tip,
                    .gas_limit = TRANSFER_GAS,
                    .has_to = true,
                    .value = u256_from_u64(1000000000000 + header->number)};
    u256_add(&tx.max_fee, &header->base_fee, &tip);
    struct buf initcode = {0}, envelope = {0};
    buf_add(&initcode, LOADER, sizeof(LOADER));
    buf_add(&initcode, COUNTER, sizeof(COUNTER));
    payee(&tx.to, header->number);
    if (account.nonce == 0) {
        tx.has_to = false;
        tx.value = (struct u256){{0}};
        tx.gas_limit = DEPLOY_GAS;
        tx.data = buf_span(&initcode);
    } else if (header->number % CALL_EVERY == 0 && counter_address(devchain, parent, &tx.to)) {
        tx.value = (struct u256){{0}};
        tx.gas_limit = CALL_GAS;
    }
    tx_sign(&envelope, &tx, devchain->crypto, &devchain->key);
    add(assembly, buf_span(&envelope));
    buf_free(&envelope);
    buf_free(&initcode);
}

/* ---- a block ---- */

static void complete_header(struct header *header, const struct block_outcome *outcome,
                            const struct body *body)
{
    size_t count;
    struct span *envelopes = mem_alloc(BLOCK_TRANSACTIONS_MAX * sizeof(struct span));
    ASSERT(body_transactions(body, envelopes, BLOCK_TRANSACTIONS_MAX, &count));
    trie_list_root(&header->transactions_root, envelopes, count);
    mem_free(envelopes);
    header->state_root = outcome->state_root;
    header->receipts_root = outcome->receipts_root;
    header->bloom = outcome->bloom;
    header->gas_used = outcome->gas_used;
    header->blob_gas_used = outcome->blob_gas_used;
    header->requests_hash = outcome->requests_hash;
}

/* made: the rules forbid it, so it is taken as it is. */
static bool enter(struct devchain *devchain, const struct header *header, const struct body *body,
                  bool made)
{
    struct buf block = {0}, error = {0};
    size_t mark = rlp_list_begin(&block);
    header_encode(&block, header);
    rlp_add_list_header(&block, body->transactions.size);
    buf_add_span(&block, body->transactions);
    buf_add_span(&block, body->uncles);
    if (body->has_withdrawals) {
        rlp_add_list_header(&block, body->withdrawals.size);
        buf_add_span(&block, body->withdrawals);
    }
    rlp_list_end(&block, mark);
    enum status status = made ? ledger_add_made(devchain->ledger, buf_span(&block),
                                                &devchain->outcome.receipts, &error)
                              : ledger_add(devchain->ledger, buf_span(&block), &error);
    bool good = status == STATUS_OK;
    if (!good) {
        buf_add_u8(&error, 0);
        log_write(devchain->log, LOG_ERROR, "dev", "our own block is refused", "why",
                  (const char *)error.data, NULL);
    }
    buf_free(&error);
    buf_free(&block);
    return good;
}

static bool finish_block(struct devchain *devchain, struct header *header, struct span transactions,
                         bool made)
{
    static const uint8_t NO_UNCLES[] = {0xc0};
    struct body body = {.transactions = transactions,
                        .uncles = SPAN(NO_UNCLES, 1),
                        .has_withdrawals = HEADER_HAS_WITHDRAWALS(header)};
    complete_header(header, &devchain->outcome, &body);
    return enter(devchain, header, &body, made);
}

static bool say_failed(struct devchain *devchain)
{
    log_write(devchain->log, LOG_ERROR, "dev", "no block could be made", "why",
              block_fault_text(devchain->outcome.fault), NULL);
    return false;
}

/* Does the header break a rule between it and its parent? */
static bool is_irregular(const struct devchain *devchain, const struct header *header,
                         const struct header *parent)
{
    struct u256 base_fee;
    uint64_t limit = parent->gas_limit;
    fee_next_base(&base_fee, ledger_spec(devchain->ledger), parent);
    if (!HEADER_HAS_BASE_FEE(parent))
        limit *= LONDON_LIMIT_FACTOR;
    return header->gas_limit != limit || !u256_equal(&header->base_fee, &base_fee);
}

/* The clock goes on from a time that was set, and never stands behind the head: a script that moves
 * it by an hour expects an hour between two blocks. */
static void set_clock(struct devchain *devchain, uint64_t timestamp, bool was_set)
{
    int64_t offset_s = (int64_t)timestamp - loop_wall_s(devchain->loop);
    if (was_set || offset_s > devchain->plan.offset_s)
        devchain->plan.offset_s = offset_s;
}

/* What was set for one block has had its block. */
static void plan_used(struct devchain *devchain, const struct header *header)
{
    struct devchain_plan *plan = &devchain->plan;
    set_clock(devchain, header->timestamp, plan->has_time);
    plan->has_time = plan->has_base_fee = plan->has_randao = false;
}

static bool make_block(struct devchain *devchain)
{
    struct ledger_block *parent = ledger_head(devchain->ledger);
    struct header header;
    devchain_next_header(devchain, &header);
    bool made = is_irregular(devchain, &header, &parent->header);
    struct assembly *assembly = mem_alloc(sizeof(*assembly));
    assembly->devchain = devchain;
    assembly->envelopes = mem_alloc(BLOCK_TRANSACTIONS_MAX * sizeof(struct span));
    assembly->run = block_run_open(ledger_place(devchain->ledger, parent),
                                   &parent->header.state_root, &header, &devchain->outcome);
    assembly->stopped = devchain->outcome.fault != BLOCK_FAULT_NONE;
    if (!assembly->stopped)
        add_traffic(assembly, &header, parent);
    if (!assembly->stopped)
        add_from_pool(assembly, &header.base_fee);
    bool good = !assembly->stopped &&
                block_run_close(assembly->run, SPAN_EMPTY, SPAN_EMPTY) == BLOCK_FAULT_NONE;
    block_run_free(assembly->run);
    for (size_t i = 0; i < assembly->unfit_count; i++)
        pool_remove(devchain->pool, &assembly->unfit[i]);
    if (good) {
        plan_used(devchain, &header);
        good = finish_block(devchain, &header, buf_span(&assembly->transactions), made);
    } else {
        good = say_failed(devchain);
    }
    buf_free(&assembly->transactions);
    mem_free(assembly->envelopes);
    mem_free(assembly);
    return good;
}

bool devchain_make_block(struct devchain *devchain)
{
    return make_block(devchain);
}

/* One second after its parent and not by the clock: a time that is set for the next block stays
 * ahead. */
bool devchain_change(struct devchain *devchain, bool (*apply)(void *owner, struct evm_state *state),
                     void *owner)
{
    struct ledger_block *parent = ledger_head(devchain->ledger);
    struct header header;
    fill_header(devchain, &header, parent, parent->header.timestamp + 1);
    header.extra = SPAN_STR(DEVCHAIN_MARK);
    struct block_run *run = block_run_open(ledger_place(devchain->ledger, parent),
                                           &parent->header.state_root, &header, &devchain->outcome);
    bool good = devchain->outcome.fault == BLOCK_FAULT_NONE;
    if (good) {
        struct evm_state *state = block_run_state(run);
        evm_state_begin(state);
        good = apply(owner, state);
        evm_state_end(state, false);
    }
    good = good && block_run_close(run, SPAN_EMPTY, SPAN_EMPTY) == BLOCK_FAULT_NONE;
    block_run_free(run);
    if (!good)
        return say_failed(devchain);
    set_clock(devchain, header.timestamp, false);
    return finish_block(devchain, &header, SPAN_EMPTY, true);
}
