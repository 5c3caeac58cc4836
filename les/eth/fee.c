#include "les/eth/chainspec.h"
#include "les/eth/u256.h"

#define BASE_FEE_INITIAL        1000000000u /* EIP-1559 */
#define BASE_FEE_CHANGE_DIVISOR 8u
#define GAS_ELASTICITY          2u
#define GAS_PER_BLOB            131072u /* EIP-4844 */
#define BLOB_BASE_COST          8192u   /* EIP-7918 */

void fee_next_base(struct u256 *out, const struct chainspec *spec, const struct header *parent)
{
    uint64_t london = spec->activation[FORK_LONDON];
    *out = u256_from_u64(0);
    if (london == FORK_NEVER || parent->number + 1 < london)
        return;
    if (parent->number < london) {
        *out = u256_from_u64(BASE_FEE_INITIAL);
        return;
    }
    uint64_t target = parent->gas_limit / GAS_ELASTICITY;
    *out = parent->base_fee;
    if (parent->gas_used == target || target == 0)
        return;
    bool up = parent->gas_used > target;
    struct u256 part = u256_from_u64(up ? parent->gas_used - target : target - parent->gas_used);
    struct u256 divisor = u256_from_u64(target);
    u256_mul(&part, &part, &parent->base_fee);
    u256_div(&part, &part, &divisor);
    divisor = u256_from_u64(BASE_FEE_CHANGE_DIVISOR);
    u256_div(&part, &part, &divisor);
    if (up && u256_is_zero(&part))
        part = u256_from_u64(1);
    if (up)
        u256_add(out, out, &part);
    else if (u256_sub(out, out, &part))
        *out = u256_from_u64(0);
}

/* EIP-7918: a blob must cost at least what BLOB_BASE_COST of ordinary gas costs. */
static bool below_reserve_price(const struct header *parent, const struct blob_params *params)
{
    struct u256 reserve = u256_from_u64(BLOB_BASE_COST), price;
    struct u256 gas_per_blob = u256_from_u64(GAS_PER_BLOB);
    if (u256_mul(&reserve, &reserve, &parent->base_fee))
        return true;
    fee_blob_base(&price, parent->excess_blob_gas, params->update_fraction);
    return !u256_mul(&price, &price, &gas_per_blob) && u256_compare(&reserve, &price) > 0;
}

uint64_t fee_next_excess_blob_gas(const struct chainspec *spec, const struct header *parent,
                                  uint64_t timestamp)
{
    const struct blob_params *params = chainspec_blobs(spec, parent->number + 1, timestamp);
    if (params == NULL)
        return 0;
    unsigned __int128 excess = (unsigned __int128)parent->excess_blob_gas + parent->blob_gas_used;
    unsigned __int128 target = (unsigned __int128)params->target * GAS_PER_BLOB;
    if (excess < target)
        return 0;
    bool osaka =
        spec->activation[FORK_OSAKA] != FORK_NEVER && spec->activation[FORK_OSAKA] <= timestamp;
    unsigned __int128 next = excess - target;
    if (osaka && params->max > params->target && below_reserve_price(parent, params))
        next = parent->excess_blob_gas + (unsigned __int128)parent->blob_gas_used *
                                             (params->max - params->target) / params->max;
    return next > UINT64_MAX ? UINT64_MAX : (uint64_t)next;
}

/* EIP-4844: fake_exponential. What passes 256 bits is held at the largest value. */
void fee_blob_base(struct u256 *out, uint64_t excess_blob_gas, uint64_t update_fraction)
{
    static const struct u256 most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    struct u256 excess = u256_from_u64(excess_blob_gas);
    struct u256 fraction = u256_from_u64(update_fraction);
    struct u256 sum = u256_from_u64(0), term = fraction;
    *out = most;
    if (update_fraction == 0)
        return;
    for (uint64_t i = 1; !u256_is_zero(&term); i++) {
        struct u256 divisor = u256_from_u64(i);
        if (u256_add(&sum, &sum, &term) || u256_mul(&term, &term, &excess))
            return;
        (void)u256_mul(&divisor, &divisor, &fraction); /* i stays small: far below 256 bits */
        u256_div(&term, &term, &divisor);
    }
    u256_div(out, &sum, &fraction);
}
