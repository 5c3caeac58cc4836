/* A full node's JSON-RPC over a ledger, honest or not: answers for tests/sim/world_node.h. */
#ifndef TESTS_SIM_WORLD_LEDGER_H
#define TESTS_SIM_WORLD_LEDGER_H

#include "les/node/pool.h"
#include "tests/sim/world_node.h"

enum ledger_lie {
    LIE_NONE,
    LIE_HEADER,       /* a field of the header is another */
    LIE_OTHER_BLOCK,  /* a block, but not the one asked for */
    LIE_BODY,         /* a transaction is another */
    LIE_RECEIPTS,     /* a receipt is another */
    LIE_PROOF,        /* a node of a proof is broken */
    LIE_OTHER_PROOF,  /* a proof that holds, of another block */
    LIE_CODE,         /* other code */
    LIE_PLACE,        /* a transaction is elsewhere */
    LIE_DISAPPEARING, /* null for what was there a moment ago */
    LIE_ERROR,        /* an error */
    LIE_NONSENSE,     /* values of other types */
    LIE_COUNT
};

struct world_ledger {
    struct ledger *ledger;
    struct pool *pool;
    struct crypto *crypto;
    struct world *world; /* for chance */
    enum ledger_lie lie;
    unsigned permille; /* of answers that lie */
    bool no_total_difficulty, no_block_receipts, numbers_only, tags;
    uint64_t calls, lies;
};
/* A world_node_answer; owner is a struct world_ledger. */
json_t *world_ledger_answer(void *owner, const char *method, json_t *params, int *code,
                            const char **text);
/* The head as newHeads has it. */
json_t *world_ledger_head(struct world_ledger *node);

#endif
