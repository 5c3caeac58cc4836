#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/evm/block_internal.h"

enum { SYSTEM_GAS = 30000000 };

static const struct address20 system_address = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};
/* EIP-4788 */
static const struct address20 beacon_roots = {{0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80,
                                               0x7e, 0xf1, 0x31, 0x9f, 0xb7, 0xb8, 0xbb,
                                               0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
/* EIP-7002 */
static const struct address20 withdrawal_requests = {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e,
                                                      0xb5, 0x5e, 0x80, 0xd1, 0x9a, 0xd8, 0x35,
                                                      0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}};
/* EIP-7251 */
static const struct address20 consolidation_requests = {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48,
                                                         0x86, 0x42, 0xfb, 0x57, 0x9f, 0x8b, 0x00,
                                                         0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}};

static enum block_fault system_call(struct block_run *run, const struct address20 *to,
                                    struct span input, struct evm_result *result)
{
    struct evm_message message = {
        .sender = system_address, .to = *to, .input = input, .gas = SYSTEM_GAS};
    struct evm_tx context = {.origin = system_address};
    evm_state_begin(run->state);
    (void)evm_state_warm_account(run->state, evm_state_entry(run->state, to));
    evm_set_tx(run->evm, &context);
    evm_run(run->evm, &message, result);
    if (evm_end_is_engine(result->end)) {
        run->outcome->end = result->end;
        return block_fail(run, BLOCK_FAULT_STOPPED);
    }
    evm_state_end(run->state, true);
    return BLOCK_FAULT_NONE;
}

/* EIP-779: at the fork's block the balances move. */
static enum block_fault dao_fork(struct block_run *run)
{
    struct evm_account *account;
    evm_state_begin(run->state);
    for (size_t i = 0; i < dao_drained_count; i++) {
        if (!evm_state_account(run->state, &dao_drained[i], &account))
            return block_fail(run, BLOCK_FAULT_STORE);
        struct u256 balance = account->balance;
        if (account->exists)
            evm_state_sub_balance(run->state, account, &balance);
        if (!evm_state_account(run->state, &dao_refund_contract, &account))
            return block_fail(run, BLOCK_FAULT_STORE);
        evm_state_add_balance(run->state, account, &balance);
    }
    evm_state_end(run->state, false);
    return BLOCK_FAULT_NONE;
}

enum block_fault block_system_open(struct block_run *run)
{
    const struct header *header = run->header;
    const struct chainspec *spec = run->place->spec;
    struct evm_result result;
    enum block_fault fault = BLOCK_FAULT_NONE;
    if (spec->dao_support && spec->activation[FORK_DAO] == header->number)
        fault = dao_fork(run);
    if (fault == BLOCK_FAULT_NONE && run->revision >= EVM_CANCUN)
        fault =
            system_call(run, &beacon_roots, SPAN(header->parent_beacon_root.bytes, 32), &result);
    if (fault == BLOCK_FAULT_NONE && run->revision >= EVM_PRAGUE)
        fault = system_call(run, &HISTORY_ADDRESS, SPAN(header->parent_hash.bytes, 32), &result);
    return fault;
}

/* ---- requests: EIP-7685 ---- */

/* EIP-6110: the data of a deposit event is five byte strings, ABI-encoded at fixed places. */
static bool add_deposit(struct buf *out, struct span data)
{
    static const struct {
        uint32_t offset, size;
    } parts[5] = {{160, 48}, {256, 32}, {320, 8}, {384, 96}, {512, 8}};
    if (data.size != 576)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        struct u256 offset, size;
        u256_from_be(&offset, SPAN(data.data + 32 * i, 32));
        u256_from_be(&size, SPAN(data.data + parts[i].offset, 32));
        if (!u256_fits_u64(&offset) || offset.words[0] != parts[i].offset ||
            !u256_fits_u64(&size) || size.words[0] != parts[i].size)
            return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        buf_add(out, data.data + parts[i].offset + 32, parts[i].size);
    return true;
}

enum block_fault block_system_deposits(struct block_run *run)
{
    const struct chainspec *spec = run->place->spec;
    size_t count;
    const struct evm_log *logs = evm_state_logs(run->state, &count);
    struct hash32 topic;
    if (run->revision < EVM_PRAGUE || !spec->has_deposit_contract)
        return BLOCK_FAULT_NONE;
    keccak256(&topic, SPAN_STR("DepositEvent(bytes,bytes,bytes,bytes,bytes)"));
    for (size_t i = 0; i < count; i++) {
        if (!address20_equal(&logs[i].address, &spec->deposit_contract) ||
            logs[i].topics_count == 0 || !hash32_equal(&logs[i].topics[0], &topic))
            continue;
        if (!add_deposit(&run->deposits, evm_state_log_data(run->state, &logs[i])))
            return block_fail(run, BLOCK_FAULT_DEPOSIT);
    }
    return BLOCK_FAULT_NONE;
}

static void add_requests(struct block_run *run, struct buf *digests, uint8_t type, struct span data)
{
    struct buf one = {0};
    struct hash32 digest;
    if (data.size == 0)
        return;
    buf_add_u8(&one, type);
    buf_add_span(&one, data);
    sha256(&digest, buf_span(&one));
    buf_add(digests, digest.bytes, 32);
    rlp_add_bytes(&run->outcome->requests, buf_span(&one));
    buf_free(&one);
}

/* EIP-7002, EIP-7251: the contract must be there and must answer. */
static enum block_fault dequeue(struct block_run *run, const struct address20 *address,
                                uint8_t type, struct buf *digests)
{
    struct evm_account *account;
    struct evm_result result;
    if (!evm_state_account(run->state, address, &account))
        return block_fail(run, BLOCK_FAULT_STORE);
    if (hash32_equal(&account->code_hash, &EMPTY_CODE_HASH))
        return block_fail(run, BLOCK_FAULT_SYSTEM_CALL);
    enum block_fault fault = system_call(run, address, SPAN_EMPTY, &result);
    if (fault != BLOCK_FAULT_NONE)
        return fault;
    if (result.end != EVM_END_SUCCESS)
        return block_fail(run, BLOCK_FAULT_SYSTEM_CALL);
    add_requests(run, digests, type, result.output);
    return BLOCK_FAULT_NONE;
}

enum block_fault block_system_requests(struct block_run *run)
{
    enum { DEPOSIT = 0, WITHDRAWAL = 1, CONSOLIDATION = 2 };
    struct buf digests = {0};
    if (run->revision < EVM_PRAGUE)
        return BLOCK_FAULT_NONE;
    add_requests(run, &digests, DEPOSIT, buf_span(&run->deposits));
    enum block_fault fault = dequeue(run, &withdrawal_requests, WITHDRAWAL, &digests);
    if (fault == BLOCK_FAULT_NONE)
        fault = dequeue(run, &consolidation_requests, CONSOLIDATION, &digests);
    sha256(&run->outcome->requests_hash, buf_span(&digests));
    buf_free(&digests);
    return fault;
}

/* ---- credits ---- */

bool block_credit(struct block_run *run, const struct address20 *address, const struct u256 *amount)
{
    struct evm_account *account;
    if (!evm_state_account(run->state, address, &account))
        return false;
    evm_state_add_balance(run->state, account, amount);
    return true;
}

/* An uncle's miner gets 8 - depth eighths of the reward, the block's miner a 32nd of it for each
 * (Yellow Paper 11.3). */
static enum block_fault reward_uncle(struct block_run *run, struct span raw,
                                     const struct u256 *reward, struct u256 *total)
{
    struct header uncle;
    struct u256 part, eight = u256_from_u64(8), thirty_two = u256_from_u64(32);
    uint64_t number = run->header->number;
    if (!header_decode(&uncle, raw) || uncle.number >= number || number - uncle.number > 7)
        return block_fail(run, BLOCK_FAULT_UNCLES);
    part = u256_from_u64(8 - (number - uncle.number));
    (void)u256_mul(&part, &part, reward);
    u256_div(&part, &part, &eight);
    if (!block_credit(run, &uncle.coinbase, &part))
        return block_fail(run, BLOCK_FAULT_STORE);
    u256_div(&part, reward, &thirty_two);
    (void)u256_add(total, total, &part);
    return BLOCK_FAULT_NONE;
}

enum block_fault block_rewards(struct block_run *run, struct span uncles)
{
    uint64_t gwei = evm_schedule(run->revision)->block_reward_gwei;
    struct u256 reward = u256_from_u64(gwei), wei = u256_from_u64(1000000000), total;
    if (!run->proof_of_work || gwei == 0)
        return BLOCK_FAULT_NONE;
    (void)u256_mul(&reward, &reward, &wei);
    total = reward;
    struct rlp list = rlp_reader(uncles);
    while (rlp_more(&list)) {
        enum block_fault fault = reward_uncle(run, rlp_raw(&list), &reward, &total);
        if (fault != BLOCK_FAULT_NONE)
            return fault;
    }
    if (!rlp_end(&list))
        return block_fail(run, BLOCK_FAULT_UNCLES);
    return block_credit(run, &run->block.coinbase, &total) ? BLOCK_FAULT_NONE
                                                           : block_fail(run, BLOCK_FAULT_STORE);
}

/* EIP-4895 */
enum block_fault block_withdrawals(struct block_run *run, struct span withdrawals)
{
    struct rlp list = rlp_reader(withdrawals);
    if (run->revision < EVM_SHANGHAI)
        return withdrawals.size == 0 ? BLOCK_FAULT_NONE : block_fail(run, BLOCK_FAULT_WITHDRAWALS);
    while (rlp_more(&list)) {
        struct withdrawal one;
        struct span raw = rlp_raw(&list);
        if (!withdrawal_decode(&one, raw))
            return block_fail(run, BLOCK_FAULT_WITHDRAWALS);
        struct u256 amount = u256_from_u64(one.amount_gwei), wei = u256_from_u64(1000000000);
        (void)u256_mul(&amount, &amount, &wei);
        if (!block_credit(run, &one.address, &amount))
            return block_fail(run, BLOCK_FAULT_STORE);
    }
    return rlp_end(&list) ? BLOCK_FAULT_NONE : block_fail(run, BLOCK_FAULT_WITHDRAWALS);
}
