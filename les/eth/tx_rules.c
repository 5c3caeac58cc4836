#include "les/eth/tx.h"
#include "les/eth/u256.h"

#define INITCODE_SIZE_MAX 49152u       /* EIP-3860: twice the largest code of EIP-170 */
#define GAS_LIMIT_MAX     (1ull << 24) /* EIP-7825 */
#define BLOBS_PER_TX_MAX  6u           /* EIP-7594 */
#define BLOB_HASH_VERSION 0x01         /* EIP-4844 */

const char *tx_rule_text(enum tx_rule rule)
{
    static const char *const texts[] = {
#define X(name, text) text,
        TX_RULE_MAP(X)
#undef X
    };
    ASSERT((size_t)rule < ARRAY_COUNT(texts));
    return texts[rule];
}

struct tx_gas_rules tx_gas_rules_of(enum fork fork)
{
    return (struct tx_gas_rules){
        .homestead = fork >= FORK_HOMESTEAD,
        .istanbul = fork >= FORK_ISTANBUL,
        .shanghai = fork >= FORK_SHANGHAI,
        .prague = fork >= FORK_PRAGUE,
    };
}

static bool type_allowed(enum tx_type type, enum fork fork)
{
    switch (type) {
    case TX_LEGACY:
        return true;
    case TX_ACCESS_LIST:
        return fork >= FORK_BERLIN;
    case TX_DYNAMIC_FEE:
        return fork >= FORK_LONDON;
    case TX_BLOB:
        return fork >= FORK_CANCUN;
    case TX_SET_CODE:
        return fork >= FORK_PRAGUE;
    }
    return false;
}

static enum tx_rule check_blobs(const struct tx *tx, enum fork fork)
{
    struct span rest = tx->blob_hashes;
    struct hash32 hash;
    if (tx->blob_hashes_count == 0)
        return TX_RULE_BLOBS_NONE;
    if (fork >= FORK_OSAKA && tx->blob_hashes_count > BLOBS_PER_TX_MAX)
        return TX_RULE_BLOBS_MANY;
    while (tx_hash_next(&rest, &hash))
        if (hash.bytes[0] != BLOB_HASH_VERSION)
            return TX_RULE_BLOB_VERSION;
    return TX_RULE_KEPT;
}

/* Gas times the highest price it may be charged at must stay a number of wei. */
static enum tx_rule check_fees(const struct tx *tx)
{
    struct u256 cost, gas = u256_from_u64(tx->gas_limit);
    if (u256_compare(&tx->max_priority_fee, &tx->max_fee) > 0)
        return TX_RULE_TIP_ABOVE_FEE;
    return u256_mul(&cost, &gas, &tx->max_fee) ? TX_RULE_COST_OVERFLOW : TX_RULE_KEPT;
}

static enum tx_rule check_gas(struct tx_check *out, const struct tx *tx, enum fork fork)
{
    if (!tx->has_to && fork >= FORK_SHANGHAI && tx->data.size > INITCODE_SIZE_MAX)
        return TX_RULE_INITCODE_SIZE;
    if (!tx_intrinsic_gas(&out->intrinsic_gas, &out->floor_gas, tx, tx_gas_rules_of(fork)) ||
        tx->gas_limit < out->intrinsic_gas)
        return TX_RULE_INTRINSIC_GAS;
    if (tx->gas_limit < out->floor_gas)
        return TX_RULE_FLOOR_GAS;
    if (fork >= FORK_OSAKA && tx->gas_limit > GAS_LIMIT_MAX)
        return TX_RULE_GAS_LIMIT;
    return TX_RULE_KEPT;
}

/* A legacy v that is neither 27 nor 28 is read as one with a chain id, and go-ethereum reports it
 * as a wrong one; 0 and 1 it takes for a broken signature. */
static bool chain_id_wrong(const struct tx *tx, enum fork fork, uint64_t chain_id)
{
    unsigned y_parity;
    if (tx->has_chain_id)
        return tx->chain_id != chain_id;
    bool tiny = u256_fits_u64(&tx->v) && tx->v.words[0] <= 1;
    return fork >= FORK_SPURIOUS && !tiny && !tx_y_parity(tx, &y_parity);
}

static enum tx_rule check_signature(struct tx_check *out, const struct tx *tx,
                                    const struct crypto *crypto, enum fork fork, uint64_t chain_id)
{
    if (tx->has_chain_id && fork < FORK_SPURIOUS)
        return TX_RULE_SIGNATURE; /* v was 27 or 28 before EIP-155 */
    if (chain_id_wrong(tx, fork, chain_id))
        return TX_RULE_CHAIN_ID;
    return tx_sender(&out->sender, tx, crypto, fork >= FORK_HOMESTEAD) == TX_VALID
               ? TX_RULE_KEPT
               : TX_RULE_SIGNATURE;
}

enum tx_rule tx_check_for_fork(struct tx_check *out, const struct tx *tx,
                               const struct crypto *crypto, enum fork fork, uint64_t chain_id)
{
    memset(out, 0, sizeof *out);
    if (!type_allowed(tx->type, fork))
        return TX_RULE_TYPE;
    enum tx_rule rule = check_signature(out, tx, crypto, fork, chain_id);
    if (rule == TX_RULE_KEPT)
        rule = check_gas(out, tx, fork);
    if (rule == TX_RULE_KEPT && tx->nonce == UINT64_MAX)
        rule = TX_RULE_NONCE_MAX;
    if (rule == TX_RULE_KEPT)
        rule = check_fees(tx);
    if (rule == TX_RULE_KEPT && tx->type == TX_BLOB)
        rule = check_blobs(tx, fork);
    if (rule == TX_RULE_KEPT && tx->type == TX_SET_CODE && tx->authorizations.size == 0)
        rule = TX_RULE_AUTHORIZATIONS_NONE;
    return rule;
}
