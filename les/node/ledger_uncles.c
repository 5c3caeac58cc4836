/* Uncles of a proof-of-work block: Yellow Paper section 11.1, with the six generations that count.
 */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/node/ledger_internal.h"

enum { GENERATIONS = 7, UNCLES_MAX = 2 };

static bool holds_uncle(const struct ledger_block *block, const struct hash32 *hash)
{
    struct body body;
    if (!body_decode(&body, block->body_rlp))
        return false;
    struct rlp reader = rlp_reader(body.uncles), list = rlp_list(&reader);
    while (rlp_more(&list)) {
        struct hash32 other;
        keccak256(&other, rlp_raw(&list));
        if (hash32_equal(&other, hash))
            return true;
    }
    return false;
}

static const char *check_uncle(const struct ledger *ledger, const struct header *uncle,
                               const struct hash32 *hash, struct ledger_block *parent)
{
    struct ledger_block *fork = NULL, *ancestor = parent;
    for (unsigned i = 0; i < GENERATIONS && ancestor != NULL; i++, ancestor = ancestor->parent) {
        if (hash32_equal(&ancestor->hash, hash))
            return "an uncle is an ancestor";
        if (holds_uncle(ancestor, hash))
            return "an uncle was counted before";
        if (ancestor != parent && hash32_equal(&ancestor->hash, &uncle->parent_hash))
            fork = ancestor;
    }
    return fork == NULL ? "an uncle is not of the family"
                        : ledger_check_header(ledger, uncle, fork);
}

const char *ledger_check_uncles(const struct ledger *ledger, const struct body *body,
                                struct ledger_block *parent)
{
    struct rlp reader = rlp_reader(body->uncles), list = rlp_list(&reader);
    struct hash32 hashes[UNCLES_MAX];
    unsigned count = 0;
    while (rlp_more(&list)) {
        struct header uncle;
        struct span raw = rlp_raw(&list);
        if (count == UNCLES_MAX || ledger->config.spec->clique)
            return "too many uncles";
        if (!header_decode(&uncle, raw))
            return "an uncle is malformed";
        keccak256(&hashes[count], raw);
        if (count > 0 && hash32_equal(&hashes[0], &hashes[count]))
            return "an uncle was counted before";
        const char *fault = check_uncle(ledger, &uncle, &hashes[count], parent);
        if (fault != NULL)
            return fault;
        count++;
    }
    return NULL;
}
