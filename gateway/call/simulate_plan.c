#include "gateway/call/simulate.h"

#include "les/eth/u256.h"

#include <inttypes.h>

#define SECONDS_APART 12 /* go-ethereum, between blocks whose time is not given */

struct plan {
    struct simulate_step *steps;
    size_t count;
    uint64_t base_number; /* of the block that exists */
    uint64_t number, timestamp;
};

static void add_step(struct plan *plan, const struct simulate_block *block, uint64_t timestamp)
{
    plan->timestamp = timestamp;
    plan->steps[plan->count++] =
        (struct simulate_step){.block = block, .number = ++plan->number, .timestamp = timestamp};
}

static bool plan_block(struct plan *plan, const struct simulate_block *block,
                       struct call_error *error)
{
    const struct block_override *over = &block->block;
    struct u256 number = u256_from_u64(plan->number), one = u256_from_u64(1), most;
    if (over->has_number && u256_compare(&over->number, &number) <= 0) {
        call_error_set(error, SIMULATE_NUMBER,
                       "block numbers must be in order: %" PRIu64 " <= %" PRIu64,
                       over->number.words[0], plan->number);
        return false;
    }
    (void)u256_add(&number, &number, &one);
    if (over->has_number)
        number = over->number;
    most = u256_from_u64(plan->base_number);
    one = u256_from_u64(SIMULATE_BLOCKS_MAX);
    (void)u256_add(&most, &most, &one);
    if (!u256_fits_u64(&number) || u256_compare(&number, &most) > 0) {
        call_error_set(error, SIMULATE_LIMIT, "too many blocks");
        return false;
    }
    while (plan->number + 1 < number.words[0])
        add_step(plan, NULL, plan->timestamp + SECONDS_APART);
    uint64_t timestamp = over->has_time ? over->time : plan->timestamp + SECONDS_APART;
    if (over->has_time && timestamp <= plan->timestamp) {
        call_error_set(error, SIMULATE_TIMESTAMP,
                       "block timestamps must be in order: %" PRIu64 " <= %" PRIu64, timestamp,
                       plan->timestamp);
        return false;
    }
    add_step(plan, block, timestamp);
    return true;
}

bool simulate_plan(struct simulate_step *steps, size_t *count, const struct simulate_job *job,
                   struct call_error *error)
{
    struct plan plan = {.steps = steps,
                        .base_number = job->base.number,
                        .number = job->base.number,
                        .timestamp = job->base.timestamp};
    for (size_t i = 0; i < job->blocks_count; i++)
        if (!plan_block(&plan, &job->blocks[i], error))
            return false;
    *count = plan.count;
    return true;
}

/* ---- headers ---- */

/* By number and time alone, as go-ethereum decides it for blocks that do not exist. */
static bool is_post_merge(const struct chainspec *spec, uint64_t number, uint64_t timestamp)
{
    if (spec->has_terminal_td && u256_is_zero(&spec->terminal_td))
        return true;
    uint64_t paris = spec->activation[FORK_PARIS], shanghai = spec->activation[FORK_SHANGHAI];
    return (paris != FORK_NEVER && number >= paris) ||
           (shanghai != FORK_NEVER && timestamp >= shanghai);
}

static unsigned fields_of(enum evm_revision revision)
{
    return revision >= EVM_PRAGUE     ? 6
           : revision >= EVM_CANCUN   ? 5
           : revision >= EVM_SHANGHAI ? 2
           : revision >= EVM_LONDON   ? 1
                                      : 0;
}

void simulate_header(struct header *out, const struct simulate_step *step,
                     const struct header *parent, const struct hash32 *parent_hash,
                     const struct chainspec *spec, bool validation)
{
    static const struct block_override none = {0};
    const struct block_override *over = step->block != NULL ? &step->block->block : &none;
    *out = (struct header){.parent_hash = *parent_hash,
                           .uncles_hash = EMPTY_UNCLES_HASH,
                           .coinbase = parent->coinbase,
                           .difficulty = parent->difficulty,
                           .number = step->number,
                           .gas_limit = parent->gas_limit,
                           .timestamp = step->timestamp};
    if (is_post_merge(spec, step->number, step->timestamp))
        out->difficulty = u256_from_u64(0);
    else if (over->has_difficulty)
        out->difficulty = over->difficulty;
    if (over->has_fee_recipient)
        out->coinbase = over->fee_recipient;
    if (over->has_gas_limit)
        out->gas_limit = over->gas_limit;
    if (over->has_prev_randao)
        out->mix_hash = over->prev_randao;
    if (over->has_beacon_root)
        out->parent_beacon_root = over->beacon_root;
    out->fields = fields_of(evm_revision_of(chainspec_fork(spec, out)));
    if (HEADER_HAS_BASE_FEE(out) && over->has_base_fee)
        out->base_fee = over->base_fee;
    else if (HEADER_HAS_BASE_FEE(out) && validation)
        fee_next_base(&out->base_fee, spec, parent);
    if (HEADER_HAS_BLOB_GAS(out))
        out->excess_blob_gas = fee_next_excess_blob_gas(spec, parent, out->timestamp);
}
