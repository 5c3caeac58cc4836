#include "les/eth/header.h"

#include "les/eth/envelope.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie.h"

/* Every item of the list's payload is a list; how many there are. */
static bool only_lists(struct span payload, size_t *count)
{
    struct rlp items = rlp_reader(payload);
    for (*count = 0; rlp_more(&items); ++*count)
        rlp_list(&items);
    return rlp_end(&items);
}

static struct span list_payload(struct rlp *rlp)
{
    struct rlp inner = rlp_list(rlp);
    return SPAN(inner.data, inner.size);
}

/* transactions, uncles(, withdrawals) up to the end of the list. */
static bool read_parts(struct body *body, struct rlp *list)
{
    size_t count;
    body->transactions = list_payload(list);
    body->has_withdrawals = false;
    body->withdrawals = SPAN_EMPTY;
    if (rlp_peek(list) != RLP_LIST)
        return false;
    body->uncles = rlp_raw(list);
    if (rlp_more(list)) {
        body->withdrawals = list_payload(list);
        body->has_withdrawals = true;
    }
    struct rlp uncles = rlp_reader(body->uncles);
    return rlp_end(list) && only_lists(list_payload(&uncles), &count) &&
           only_lists(body->withdrawals, &count) &&
           envelope_split(body->transactions, NULL, BLOCK_TRANSACTIONS_MAX, &count);
}

bool body_decode(struct body *body, struct span rlp)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    if (read_parts(body, &list) && rlp_end(&outer))
        return true;
    memset(body, 0, sizeof *body);
    return false;
}

bool block_split(struct span *header_rlp, struct body *body, struct span block_rlp)
{
    struct rlp outer = rlp_reader(block_rlp), list = rlp_list(&outer);
    bool header_is_list = rlp_peek(&list) == RLP_LIST;
    *header_rlp = rlp_raw(&list);
    if (header_is_list && read_parts(body, &list) && rlp_end(&outer))
        return true;
    *header_rlp = SPAN_EMPTY;
    memset(body, 0, sizeof *body);
    return false;
}

static void withdrawals_root(struct hash32 *root, struct span payload)
{
    struct rlp items = rlp_reader(payload);
    size_t count = rlp_count(items);
    struct span *list = mem_alloc(count * sizeof *list + 1);
    for (size_t i = 0; i < count; i++)
        list[i] = rlp_raw(&items);
    trie_list_root(root, list, count);
    mem_free(list);
}

bool body_matches(const struct body *body, const struct header *header)
{
    struct hash32 hash;
    if (body->has_withdrawals != HEADER_HAS_WITHDRAWALS(header))
        return false;
    keccak256(&hash, body->uncles);
    if (!hash32_equal(&hash, &header->uncles_hash))
        return false;
    if (body->has_withdrawals) {
        withdrawals_root(&hash, body->withdrawals);
        if (!hash32_equal(&hash, &header->withdrawals_root))
            return false;
    }
    return envelope_root(&hash, body->transactions, BLOCK_TRANSACTIONS_MAX) &&
           hash32_equal(&hash, &header->transactions_root);
}

bool body_transactions(const struct body *body, struct span *out, size_t max, size_t *count)
{
    return envelope_split(body->transactions, out, max, count);
}

bool withdrawal_decode(struct withdrawal *out, struct span rlp)
{
    struct rlp outer = rlp_reader(rlp), list = rlp_list(&outer);
    out->index = rlp_u64(&list);
    out->validator_index = rlp_u64(&list);
    rlp_fixed(&list, out->address.bytes, 20);
    out->amount_gwei = rlp_u64(&list);
    if (rlp_end(&list) && rlp_end(&outer))
        return true;
    memset(out, 0, sizeof *out);
    return false;
}
