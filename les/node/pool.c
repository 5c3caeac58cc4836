#include "les/node/pool.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/u256.h"
#include "les/evm/kzg.h"

struct pool_tx {
    struct pool_tx *next; /* of all, oldest first */
    struct hash32 hash;
    struct address20 sender;
    struct tx tx; /* points into bytes */
    uint8_t *bytes;
    bool due; /* while a block is put together: all before it are mined or picked */
    bool picked;
};

struct pool {
    struct ledger *ledger;
    const struct crypto *crypto;
    struct kzg *kzg; /* NULL: this build cannot check blobs */
    struct u256 price_min;
    struct hash_map txs;
    struct pool_tx *first, **last;
};

struct pool *pool_new(struct ledger *ledger, const struct crypto *crypto,
                      const struct u256 *price_min)
{
    struct pool *pool = mem_alloc(sizeof(*pool));
    *pool = (struct pool){.ledger = ledger, .crypto = crypto, .price_min = *price_min};
    pool->last = &pool->first;
    pool->kzg = kzg_new();
    return pool;
}

static void tx_free(struct pool_tx *entry)
{
    mem_free(entry->bytes);
    mem_free(entry);
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    for (struct pool_tx *entry = pool->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        tx_free(entry);
    }
    hash_map_free(&pool->txs);
    kzg_free(pool->kzg);
    mem_free(pool);
}

static void unlink_at(struct pool *pool, struct pool_tx **at)
{
    struct pool_tx *entry = *at;
    *at = entry->next;
    if (entry->next == NULL)
        pool->last = at;
    hash_map_remove(&pool->txs, &entry->hash);
    tx_free(entry);
}

void pool_remove(struct pool *pool, const struct hash32 *hash)
{
    for (struct pool_tx **at = &pool->first; *at != NULL; at = &(*at)->next) {
        if (hash32_equal(&(*at)->hash, hash)) {
            unlink_at(pool, at);
            return;
        }
    }
}

/* ---- what a transaction must satisfy ---- */

static void sender_account(const struct pool *pool, const struct address20 *sender,
                           struct account *out)
{
    struct hash32 key;
    keccak256(&key, SPAN(sender->bytes, 20));
    if (!ledger_account(pool->ledger, ledger_head(pool->ledger), &key, out))
        *out = ACCOUNT_EMPTY;
}

/* True: it passes 256 bits. */
static bool tx_cost(struct u256 *out, const struct tx *tx)
{
    struct u256 gas = u256_from_u64(tx->gas_limit);
    return u256_mul(out, &gas, &tx->max_fee) || u256_add(out, out, &tx->value);
}

static enum fork next_fork(const struct pool *pool)
{
    const struct header *head = &ledger_head(pool->ledger)->header;
    const struct chainspec *spec = ledger_spec(pool->ledger);
    bool merged = chainspec_fork(spec, head) >= FORK_PARIS;
    return chainspec_fork_at(spec, head->number + 1, head->timestamp + 1, merged);
}

static const char *check_type(const struct pool *pool, const struct tx *tx, enum fork fork)
{
    static const enum fork SINCE[] = {FORK_FRONTIER, FORK_BERLIN, FORK_LONDON, FORK_CANCUN,
                                      FORK_PRAGUE};
    if (fork < SINCE[tx->type])
        return tx_refusal_text(TX_REFUSAL_TYPE);
    if (tx->has_chain_id && tx->chain_id != ledger_spec(pool->ledger)->chain_id)
        return "invalid sender";
    if (tx->raw.size > POOL_TX_BYTES_MAX)
        return "oversized data";
    if (tx->gas_limit > ledger_head(pool->ledger)->header.gas_limit)
        return "exceeds block gas limit";
    if (u256_compare(&tx->max_priority_fee, &tx->max_fee) > 0)
        return tx_refusal_text(TX_REFUSAL_TIP_ABOVE_FEE);
    return NULL;
}

static const char *check_gas(const struct tx *tx, enum fork fork)
{
    struct tx_gas_rules rules = {.homestead = fork >= FORK_HOMESTEAD,
                                 .istanbul = fork >= FORK_ISTANBUL,
                                 .shanghai = fork >= FORK_SHANGHAI,
                                 .prague = fork >= FORK_PRAGUE};
    uint64_t gas, floor_gas;
    if (!tx_intrinsic_gas(&gas, &floor_gas, tx, rules))
        return tx_refusal_text(TX_REFUSAL_GAS_OVERFLOW);
    if (tx->gas_limit < gas)
        return tx_refusal_text(TX_REFUSAL_INTRINSIC_GAS);
    if (tx->gas_limit < floor_gas)
        return tx_refusal_text(TX_REFUSAL_FLOOR_GAS);
    return NULL;
}

/* In the order of go-ethereum's checks, so that of several faults the same one is named. */
static const char *check(const struct pool *pool, const struct tx *tx, struct address20 *sender)
{
    enum fork fork = next_fork(pool);
    const char *fault = check_type(pool, tx, fork);
    if (fault != NULL)
        return fault;
    if (tx_sender(sender, tx, pool->crypto, fork >= FORK_HOMESTEAD) != TX_VALID)
        return "invalid sender";
    const struct u256 *offer = tx->type >= TX_DYNAMIC_FEE ? &tx->max_priority_fee : &tx->gas_price;
    if (u256_compare(offer, &pool->price_min) < 0)
        return "transaction underpriced";
    struct account account;
    sender_account(pool, sender, &account);
    if (tx->nonce < account.nonce)
        return tx_refusal_text(TX_REFUSAL_NONCE_LOW);
    struct u256 cost;
    if (tx_cost(&cost, tx) || u256_compare(&cost, &account.balance) > 0)
        return tx_refusal_text(TX_REFUSAL_FUNDS);
    return check_gas(tx, fork);
}

/* The costliest check, so the last one. EIP-7594: from Osaka on the proofs are those of cells. */
static const char *check_blobs(const struct pool *pool, const struct tx *tx, struct span envelope)
{
    struct tx_check unused;
    struct tx_sidecar sidecar;
    const struct chainspec *spec = ledger_spec(pool->ledger);
    const struct header *head = &ledger_head(pool->ledger)->header;
    if (tx->type != TX_BLOB)
        return NULL;
    const struct blob_params *blobs = chainspec_blobs(spec, head->number + 1, head->timestamp + 1);
    enum tx_rule rule =
        tx_check_for_fork(&unused, tx, pool->crypto, next_fork(pool), spec->chain_id);
    if (rule != TX_RULE_KEPT)
        return tx_rule_text(rule);
    if (blobs == NULL || tx->blob_hashes_count > blobs->max)
        return tx_rule_text(TX_RULE_BLOBS_MANY);
    if (!tx_sidecar_of(&sidecar, envelope))
        return NULL;
    unsigned wanted = next_fork(pool) >= FORK_OSAKA;
    if (sidecar.version != wanted)
        return wanted == 1 ? "unexpected sidecar version, want: 1, got: 0"
                           : "unexpected sidecar version, want: 0, got: 1";
    switch (kzg_check(pool->kzg, &sidecar)) {
    case KZG_PROVED:
        return NULL;
    case KZG_NOT_PROVED:
        return "invalid blob: a KZG proof does not hold";
    case KZG_ABSENT:
        break;
    }
    return "blobs cannot be checked: this build has no c-kzg";
}

/* ---- taking in ---- */

/* A tenth more than before, as go-ethereum asks. */
static bool outbids(const struct tx *tx, const struct tx *before)
{
    struct u256 ten = u256_from_u64(10), eleven = u256_from_u64(11), offer, needed;
    bool too_much = u256_mul(&offer, &tx->max_fee, &ten);
    return !u256_mul(&needed, &before->max_fee, &eleven) &&
           (too_much || u256_compare(&offer, &needed) >= 0) &&
           u256_compare(&tx->max_priority_fee, &before->max_priority_fee) > 0;
}

/* Makes room for tx: NULL when there is. */
static const char *make_room(struct pool *pool, const struct tx *tx, const struct address20 *sender)
{
    size_t of_sender = 0;
    for (struct pool_tx **at = &pool->first; *at != NULL;) {
        struct pool_tx *entry = *at;
        if (!address20_equal(&entry->sender, sender)) {
            at = &entry->next;
        } else if (entry->tx.nonce == tx->nonce) {
            if (!outbids(tx, &entry->tx))
                return "replacement transaction underpriced";
            unlink_at(pool, at);
            return NULL;
        } else {
            of_sender++;
            at = &entry->next;
        }
    }
    if (of_sender >= POOL_SENDER_TXS_MAX || pool->txs.used >= POOL_TXS_MAX)
        return "txpool is full";
    return NULL;
}

static const char *add(struct pool *pool, struct span envelope, bool impersonated)
{
    struct tx tx;
    struct buf scratch = {0};
    enum tx_fault fault = tx_decode_network(&tx, envelope, &scratch);
    struct address20 sender;
    struct hash32 hash;
    const char *why = fault == TX_VALID ? NULL : "invalid sender";
    if (why == NULL && crypto_impersonates(pool->crypto) && tx_is_impersonated(&tx) != impersonated)
        why = "invalid sender";
    if (why == NULL) {
        tx_hash(&hash, &tx);
        if (hash_map_get(&pool->txs, &hash) != NULL) {
            buf_free(&scratch);
            return NULL;
        }
        why = check(pool, &tx, &sender);
    }
    if (why == NULL)
        why = check_blobs(pool, &tx, envelope);
    if (why == NULL)
        why = make_room(pool, &tx, &sender);
    if (why == NULL) {
        struct pool_tx *entry = mem_alloc(sizeof(*entry));
        entry->hash = hash;
        entry->sender = sender;
        entry->bytes = mem_copy(tx.raw);
        ASSERT(tx_decode(&entry->tx, SPAN(entry->bytes, tx.raw.size)) == TX_VALID);
        *pool->last = entry;
        pool->last = &entry->next;
        hash_map_put(&pool->txs, &entry->hash, entry);
    }
    buf_free(&scratch);
    return why;
}

const char *pool_add(struct pool *pool, struct span envelope)
{
    return add(pool, envelope, false);
}

const char *pool_add_impersonated(struct pool *pool, struct span envelope)
{
    return add(pool, envelope, true);
}

void pool_clear(struct pool *pool)
{
    while (pool->first != NULL)
        unlink_at(pool, &pool->first);
}

size_t pool_count(const struct pool *pool)
{
    return pool->txs.used;
}

void pool_head_changed(struct pool *pool)
{
    for (struct pool_tx **at = &pool->first; *at != NULL;) {
        struct pool_tx *entry = *at;
        struct account account;
        struct u256 cost;
        sender_account(pool, &entry->sender, &account);
        if (entry->tx.nonce < account.nonce || tx_cost(&cost, &entry->tx) ||
            u256_compare(&cost, &account.balance) > 0)
            unlink_at(pool, at);
        else
            at = &entry->next;
    }
}

/* ---- looking and picking ---- */

static struct pool_tx *by_nonce(const struct pool *pool, const struct address20 *sender,
                                uint64_t nonce)
{
    for (struct pool_tx *entry = pool->first; entry != NULL; entry = entry->next) {
        if (entry->tx.nonce == nonce && address20_equal(&entry->sender, sender))
            return entry;
    }
    return NULL;
}

enum pool_state pool_state(const struct pool *pool, const struct hash32 *hash)
{
    const struct pool_tx *entry = hash_map_get(&pool->txs, hash);
    if (entry == NULL)
        return POOL_UNKNOWN;
    struct account account;
    sender_account(pool, &entry->sender, &account);
    for (uint64_t nonce = account.nonce; nonce < entry->tx.nonce; nonce++) {
        if (by_nonce(pool, &entry->sender, nonce) == NULL)
            return POOL_QUEUED;
    }
    return POOL_PENDING;
}

uint64_t pool_next_nonce(const struct pool *pool, const struct address20 *sender)
{
    struct account account;
    sender_account(pool, sender, &account);
    uint64_t nonce = account.nonce;
    while (by_nonce(pool, sender, nonce) != NULL)
        nonce++;
    return nonce;
}

void pool_each(const struct pool *pool,
               void (*visit)(void *owner, const struct address20 *sender, const struct tx *tx,
                             enum pool_state state),
               void *owner)
{
    for (const struct pool_tx *entry = pool->first; entry != NULL; entry = entry->next)
        visit(owner, &entry->sender, &entry->tx, pool_state(pool, &entry->hash));
}

static struct pool_tx *best_due(const struct pool *pool, const struct u256 *base_fee)
{
    struct pool_tx *best = NULL;
    struct u256 best_price = {{0}};
    for (struct pool_tx *entry = pool->first; entry != NULL; entry = entry->next) {
        struct u256 price;
        if (!entry->due || entry->picked || u256_compare(&entry->tx.max_fee, base_fee) < 0)
            continue;
        tx_effective_gas_price(&price, &entry->tx, true, base_fee);
        if (best == NULL || u256_compare(&price, &best_price) > 0) {
            best = entry;
            best_price = price;
        }
    }
    return best;
}

size_t pool_pick(const struct pool *pool, const struct u256 *base_fee, struct span *envelopes,
                 size_t max)
{
    size_t count = 0;
    for (struct pool_tx *entry = pool->first; entry != NULL; entry = entry->next) {
        struct account account;
        sender_account(pool, &entry->sender, &account);
        entry->due = entry->tx.nonce == account.nonce;
        entry->picked = false;
    }
    for (struct pool_tx *best; count < max && (best = best_due(pool, base_fee)) != NULL;) {
        best->picked = true;
        envelopes[count++] = best->tx.raw;
        struct pool_tx *after = by_nonce(pool, &best->sender, best->tx.nonce + 1);
        if (after != NULL)
            after->due = true;
    }
    return count;
}
