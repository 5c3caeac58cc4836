/* Any bytes as a header, a body and a whole block: what decodes encodes back, and what is computed
 * from it is total. */
#include "les/eth/chainspec.h"
#include "les/eth/difficulty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chainspec every_fork(void)
{
    struct chainspec spec;
    memset(&spec, 0, sizeof spec);
    spec.chain_id = 1;
    for (enum fork fork = FORK_HOMESTEAD; fork < FORK_COUNT; fork++)
        spec.activation[fork] = fork;
    return spec;
}

static void check_header(struct span rlp)
{
    struct chainspec spec = every_fork();
    struct header header;
    struct buf again = {0};
    struct u256 value;
    if (!header_decode(&header, rlp))
        return;
    header_encode(&again, &header);
    ASSERT(span_equal(buf_span(&again), rlp));
    fee_next_base(&value, &spec, &header);
    (void)fee_next_excess_blob_gas(&spec, &header, header.timestamp);
    fee_blob_base(&value, header.excess_blob_gas, 3338477);
    difficulty_next(&value, &spec, &header, header.timestamp + 1);
    (void)chainspec_fork(&spec, &header);
    buf_free(&again);
}

static void check_body(const struct body *body)
{
    struct hash32 zero = HASH32_ZERO;
    struct header header;
    size_t count;
    struct span first;
    memset(&header, 0, sizeof header);
    header.transactions_root = zero;
    ASSERT(!body_matches(body, &header)); /* nothing hashes to zero */
    bool one = body_transactions(body, &first, 1, &count);
    ASSERT(one || count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body body;
    struct span header_rlp;
    struct withdrawal withdrawal;
    check_header(SPAN(data, size));
    if (body_decode(&body, SPAN(data, size)))
        check_body(&body);
    if (block_split(&header_rlp, &body, SPAN(data, size))) {
        check_header(header_rlp);
        check_body(&body);
    }
    (void)!withdrawal_decode(&withdrawal, SPAN(data, size));
    return 0;
}
