/* Header rules that need the parent: Yellow Paper section 4.4.4, EIP-779, EIP-1559, EIP-3675,
 * EIP-4844. */
#include "les/node/ledger_internal.h"

#include "les/eth/difficulty.h"
#include "les/eth/u256.h"

#define GAS_LIMIT_MIN     5000
#define GAS_LIMIT_DIVISOR 1024
#define DAO_BLOCKS        10
#define EXTRA_MAX         32 /* where no clique signers are in it */

static bool gas_limit_follows(const struct header *header, const struct header *parent)
{
    uint64_t before = parent->gas_limit;
    bool london_first = HEADER_HAS_BASE_FEE(header) && !HEADER_HAS_BASE_FEE(parent);
    if (london_first) /* EIP-1559: the target takes the place of the limit */
        before *= 2;
    uint64_t distance =
        header->gas_limit > before ? header->gas_limit - before : before - header->gas_limit;
    return distance < before / GAS_LIMIT_DIVISOR && header->gas_limit >= GAS_LIMIT_MIN &&
           header->gas_limit <= INT64_MAX;
}

static const char *check_merged(const struct header *header)
{
    if (!u256_is_zero(&header->difficulty))
        return "difficulty after the merge";
    if (header->nonce != 0)
        return "a nonce after the merge";
    if (!hash32_equal(&header->uncles_hash, &EMPTY_UNCLES_HASH))
        return "uncles after the merge";
    return NULL;
}

static const char *check_fees(const struct chainspec *spec, const struct header *header,
                              const struct header *parent)
{
    if (HEADER_HAS_BASE_FEE(header)) {
        struct u256 fee;
        fee_next_base(&fee, spec, parent);
        if (!u256_equal(&fee, &header->base_fee))
            return "base fee does not follow from the parent";
    }
    if (HEADER_HAS_BLOB_GAS(header) &&
        header->excess_blob_gas != fee_next_excess_blob_gas(spec, parent, header->timestamp))
        return "excess blob gas does not follow from the parent";
    return NULL;
}

/* EIP-3675: the first block whose parent has reached the terminal total difficulty ends proof of
 * work, and none before it may. */
static bool merge_is_due(const struct chainspec *spec, const struct header *header,
                         const struct ledger_block *parent)
{
    if (!spec->has_terminal_td)
        return true;
    bool reached = u256_compare(&parent->td, &spec->terminal_td) >= 0;
    return reached == u256_is_zero(&header->difficulty);
}

/* EIP-779: ten blocks carry a mark on the side of the fork, and never on the other. */
static bool dao_mark_fits(const struct chainspec *spec, const struct header *header)
{
    uint64_t first = spec->activation[FORK_DAO];
    if (first == FORK_NEVER || header->number < first || header->number - first >= DAO_BLOCKS)
        return true;
    return span_equal(header->extra, SPAN_STR("dao-hard-fork")) == spec->dao_support;
}

static const char *check_work(const struct chainspec *spec, const struct header *header,
                              const struct header *parent)
{
    struct u256 difficulty;
    if (spec->clique)
        return NULL;
    difficulty_next(&difficulty, spec, parent, header->timestamp);
    if (!u256_equal(&difficulty, &header->difficulty))
        return "difficulty does not follow from the parent";
    return dao_mark_fits(spec, header) ? NULL
                                       : "extra data is not that of its side of the DAO fork";
}

const char *ledger_check_header(const struct ledger *ledger, const struct header *header,
                                const struct ledger_block *parent_block)
{
    const struct header *parent = &parent_block->header;
    const struct chainspec *spec = ledger->config.spec;
    bool merged = chainspec_fork(spec, header) >= FORK_PARIS;
    if (header->number != parent->number + 1)
        return "number does not follow its parent's";
    if (header->timestamp < parent->timestamp ||
        (header->timestamp == parent->timestamp && !(spec->clique && spec->clique_period_s == 0)))
        return "timestamp is not after its parent's";
    if (chainspec_fork(spec, parent) >= FORK_PARIS && !merged)
        return "difficulty after the merge";
    if (!merge_is_due(spec, header, parent_block))
        return merged ? "no difficulty before the merge" : "difficulty after the merge";
    if (header->gas_used > header->gas_limit)
        return "more gas used than allowed";
    if (header->extra.size > EXTRA_MAX && (merged || !spec->clique))
        return "extra data is too long";
    if (!gas_limit_follows(header, parent))
        return "gas limit is too far from its parent's";
    const char *fault = merged ? check_merged(header) : check_work(spec, header, parent);
    return fault != NULL ? fault : check_fees(spec, header, parent);
}
