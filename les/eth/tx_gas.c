#include "les/eth/tx.h"
#include "les/eth/u256.h"

#define GAS_TX              21000u
#define GAS_CREATE          32000u /* EIP-2 */
#define GAS_ZERO_BYTE       4u
#define GAS_BYTE_FRONTIER   68u
#define GAS_BYTE_ISTANBUL   16u   /* EIP-2028 */
#define GAS_INITCODE_WORD   2u    /* EIP-3860 */
#define GAS_ACCESS_ADDRESS  2400u /* EIP-2930 */
#define GAS_ACCESS_KEY      1900u
#define GAS_AUTHORIZATION   25000u /* EIP-7702 */
#define GAS_FLOOR_PER_TOKEN 10u    /* EIP-7623: a zero byte is one token, another four */

void tx_effective_gas_price(struct u256 *out, const struct tx *tx, bool has_base_fee,
                            const struct u256 *base_fee)
{
    struct u256 price;
    *out = tx->gas_price;
    if (!has_base_fee || tx->type < TX_DYNAMIC_FEE)
        return;
    bool overflow = u256_add(&price, base_fee, &tx->max_priority_fee);
    if (!overflow && u256_compare(&price, &tx->max_fee) < 0)
        *out = price;
}

static uint64_t lists_gas(const struct tx *tx)
{
    uint64_t gas = 0;
    struct span rest = tx->access_list, keys;
    struct address20 address;
    struct tx_authorization authorization;
    size_t keys_count;
    while (tx_access_next(&rest, &address, &keys, &keys_count))
        gas += GAS_ACCESS_ADDRESS + GAS_ACCESS_KEY * (uint64_t)keys_count;
    rest = tx->authorizations;
    while (tx_authorization_next(&rest, &authorization))
        gas += GAS_AUTHORIZATION;
    return gas;
}

bool tx_intrinsic_gas(uint64_t *gas, uint64_t *floor_gas, const struct tx *tx,
                      struct tx_gas_rules rules)
{
    uint64_t zeros = 0, size = tx->data.size;
    *gas = *floor_gas = 0;
    if (size > UINT32_MAX) /* below it no sum of prices times sizes can pass 64 bits */
        return false;
    for (size_t i = 0; i < tx->data.size; i++)
        zeros += tx->data.data[i] == 0;
    uint64_t other = size - zeros;
    uint64_t total = GAS_TX + zeros * GAS_ZERO_BYTE;
    total += other * (rules.istanbul ? GAS_BYTE_ISTANBUL : GAS_BYTE_FRONTIER);
    if (!tx->has_to && rules.homestead)
        total += GAS_CREATE;
    if (!tx->has_to && rules.shanghai)
        total += (size + 31) / 32 * GAS_INITCODE_WORD;
    *gas = total + lists_gas(tx);
    if (rules.prague)
        *floor_gas = GAS_TX + GAS_FLOOR_PER_TOKEN * (zeros + 4 * other);
    return true;
}
