#ifndef LES_NODE_LEDGER_INTERNAL_H
#define LES_NODE_LEDGER_INTERNAL_H

#include "les/node/ledger.h"

struct ledger {
    struct ledger_config config;
    struct hash_map blocks; /* all */
    struct hash_map txs;    /* of canonical blocks: hash -> struct ledger_tx */
    struct ledger_block **canonical;
    size_t canonical_count, canonical_capacity;
    struct ledger_block *head;
    struct evm_code_cache *codes;
    struct block_place place;
    struct ledger_block *place_parent; /* of the block under execution */
    struct block_outcome outcome;
    struct ledger_section *sections;
    size_t sections_count, sections_capacity;
};

/* ledger_check.c: what a header owes to its parent. NULL: nothing is wrong. */
const char *ledger_check_header(const struct ledger *ledger, const struct header *header,
                                const struct ledger_block *parent);
/* ledger_uncles.c: who may be an uncle of a block on parent. NULL: nothing is wrong. */
const char *ledger_check_uncles(const struct ledger *ledger, const struct body *body,
                                struct ledger_block *parent);

/* ledger_section.c: builds the sections that the head has confirmed. */
void ledger_build_sections(struct ledger *ledger);

#endif
