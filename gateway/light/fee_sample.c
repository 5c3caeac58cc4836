#include "gateway/light/fee_sample.h"

#include "les/eth/receipt.h"
#include "les/eth/tx.h"
#include "les/eth/u256.h"

#include <stdlib.h>

#define PERCENTILE   60
#define TIP_DEFAULT  1000000ull      /* wei; go-ethereum's from 1.14.9 on */
#define TIP_MAX      500000000000ull /* 500 gwei */
#define TIP_LEAST    2               /* what is below says nothing */
#define GAS_PER_BLOB 131072          /* EIP-4844 */

static int compare_tips(const void *a, const void *b)
{
    return u256_compare(a, b);
}

/* What the producer of the block gets for a unit of gas: EIP-1559. A transaction that pays less
 * than the base fee is in no valid block. */
static void tip_of(struct u256 *out, const struct tx *tx, const struct header *header)
{
    tx_effective_gas_price(out, tx, HEADER_HAS_BASE_FEE(header), &header->base_fee);
    if (HEADER_HAS_BASE_FEE(header) && u256_sub(out, out, &header->base_fee))
        *out = u256_from_u64(0);
}

/* ---- the oracle ---- */

void fee_oracle_begin(struct fee_oracle *oracle, const struct u256 *last)
{
    oracle->count = oracle->blocks = 0;
    oracle->wanted = FEE_ORACLE_BLOCKS;
    oracle->last = last != NULL ? *last : u256_from_u64(TIP_DEFAULT);
}

bool fee_oracle_wants(const struct fee_oracle *oracle)
{
    return oracle->blocks < oracle->wanted;
}

struct tipped {
    struct u256 tip;
    struct span envelope;
};

static int compare_tipped(const void *a, const void *b)
{
    const struct tipped *left = a, *right = b;
    return u256_compare(&left->tip, &right->tip);
}

/* The block's transactions by tip; the caller frees. */
static struct tipped *sort_by_tip(const struct header *header, const struct body *body,
                                  size_t *count)
{
    struct span *envelopes;
    struct tipped *list;
    size_t total = 0;
    *count = 0;
    if (!body_transactions(body, NULL, BLOCK_TRANSACTIONS_MAX, &total) || total == 0)
        return NULL;
    envelopes = mem_alloc(total * sizeof *envelopes);
    list = mem_alloc(total * sizeof *list);
    bool good = body_transactions(body, envelopes, total, &total);
    for (size_t i = 0; good && i < total; i++) {
        struct tx tx;
        if (tx_decode(&tx, envelopes[i]) != TX_VALID)
            continue;
        tip_of(&list[*count].tip, &tx, header);
        list[(*count)++].envelope = envelopes[i];
    }
    mem_free(envelopes);
    qsort(list, *count, sizeof *list, compare_tipped);
    return list;
}

void fee_oracle_add(struct fee_oracle *oracle, const struct crypto *crypto,
                    const struct header *header, const struct body *body)
{
    const struct u256 least = u256_from_u64(TIP_LEAST);
    size_t count, taken = 0, before = oracle->count;
    ASSERT(fee_oracle_wants(oracle));
    struct tipped *list = sort_by_tip(header, body, &count);
    for (size_t i = 0; i < count && taken < FEE_ORACLE_PER_BLOCK; i++) {
        struct address20 sender;
        struct tx tx;
        if (u256_compare(&list[i].tip, &least) < 0 ||
            tx_decode(&tx, list[i].envelope) != TX_VALID ||
            tx_sender(&sender, &tx, crypto, false) != TX_VALID ||
            address20_equal(&sender, &header->coinbase))
            continue;
        oracle->tips[oracle->count++] = list[i].tip;
        taken++;
    }
    mem_free(list);
    if (taken == 0)
        oracle->tips[oracle->count++] = oracle->last;
    oracle->blocks++;
    if (taken <= 1 && before + 1 + oracle->wanted - oracle->blocks < FEE_ORACLE_BLOCKS_MAX)
        oracle->wanted++;
}

void fee_oracle_tip(struct fee_oracle *oracle, struct u256 *out)
{
    const struct u256 most = u256_from_u64(TIP_MAX);
    *out = oracle->last;
    if (oracle->count > 0) {
        qsort(oracle->tips, oracle->count, sizeof oracle->tips[0], compare_tips);
        *out = oracle->tips[(oracle->count - 1) * PERCENTILE / 100];
    }
    if (u256_compare(out, &most) > 0)
        *out = most;
}

/* ---- fee history ---- */

struct paid {
    struct u256 tip;
    uint64_t gas_used;
    size_t index; /* keeps the order of equals */
};

static int compare_paid(const void *a, const void *b)
{
    const struct paid *left = a, *right = b;
    int order = u256_compare(&left->tip, &right->tip);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static bool read_paid(struct paid *list, size_t count, const struct header *header,
                      const struct body *body, struct span receipts)
{
    struct span *txs = mem_alloc((count + 1) * sizeof *txs);
    struct span *envelopes = mem_alloc((count + 1) * sizeof *envelopes);
    size_t txs_count, receipts_count;
    uint64_t before = 0;
    bool good = body_transactions(body, txs, count, &txs_count) &&
                receipts_split(receipts, envelopes, count, &receipts_count) &&
                txs_count == receipts_count;
    for (size_t i = 0; good && i < count; i++) {
        struct receipt receipt;
        struct tx tx;
        good = tx_decode(&tx, txs[i]) == TX_VALID && receipt_decode(&receipt, envelopes[i]) &&
               receipt.cumulative_gas >= before;
        if (!good)
            break;
        tip_of(&list[i].tip, &tx, header);
        list[i].gas_used = receipt.cumulative_gas - before;
        list[i].index = i;
        before = receipt.cumulative_gas;
    }
    mem_free(txs);
    mem_free(envelopes);
    return good;
}

bool fee_rewards(struct u256 *out, const double *percentiles, size_t percentiles_count,
                 const struct header *header, const struct body *body, struct span receipts)
{
    size_t count, at = 0;
    memset(out, 0, percentiles_count * sizeof *out);
    if (!body_transactions(body, NULL, BLOCK_TRANSACTIONS_MAX, &count))
        return false;
    if (count == 0)
        return true;
    struct paid *list = mem_alloc(count * sizeof *list);
    if (!read_paid(list, count, header, body, receipts)) {
        mem_free(list);
        return false;
    }
    qsort(list, count, sizeof *list, compare_paid);
    uint64_t sum = list[0].gas_used;
    for (size_t i = 0; i < percentiles_count; i++) {
        uint64_t threshold = (uint64_t)((double)header->gas_used * percentiles[i] / 100);
        while (sum < threshold && at < count - 1)
            sum += list[++at].gas_used;
        out[i] = list[at].tip;
    }
    mem_free(list);
    return true;
}

bool fee_blob_price(struct u256 *out, const struct chainspec *spec, const struct header *header)
{
    const struct blob_params *blobs = chainspec_blobs(spec, header->number, header->timestamp);
    *out = u256_from_u64(0);
    if (!HEADER_HAS_BLOB_GAS(header) || blobs == NULL)
        return false;
    fee_blob_base(out, header->excess_blob_gas, blobs->update_fraction);
    return true;
}

void fee_next_blob_price(struct u256 *out, const struct chainspec *spec,
                         const struct header *header)
{
    const struct blob_params *blobs = chainspec_blobs(spec, header->number, header->timestamp);
    *out = u256_from_u64(0);
    if (HEADER_HAS_BLOB_GAS(header) && blobs != NULL)
        fee_blob_base(out, fee_next_excess_blob_gas(spec, header, header->timestamp),
                      blobs->update_fraction);
}

double fee_gas_used_ratio(const struct header *header)
{
    return header->gas_limit == 0 ? 0 : (double)header->gas_used / (double)header->gas_limit;
}

double fee_blob_gas_used_ratio(const struct chainspec *spec, const struct header *header)
{
    const struct blob_params *blobs = chainspec_blobs(spec, header->number, header->timestamp);
    if (!HEADER_HAS_BLOB_GAS(header) || blobs == NULL || blobs->max == 0)
        return 0;
    return (double)header->blob_gas_used / (double)(blobs->max * GAS_PER_BLOB);
}
