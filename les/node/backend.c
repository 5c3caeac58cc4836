#include "les/node/backend.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

static struct node_backend *backend_of(struct les_backend *base)
{
    return container_of(base, struct node_backend, base);
}

/* ---- headers: the four walks of les.md 3.5 ---- */

#define SIDE_STEPS_MAX 100 /* along blocks that are not canonical, as go-ethereum */

struct walk {
    const struct ledger *ledger;
    struct les_headers_query query;
    unsigned side_steps;
};

/* The ancestor of block so many generations back; NULL: there is none, or the way there is too
 * long. */
static struct ledger_block *ancestor(struct walk *walk, struct ledger_block *block,
                                     uint64_t generations)
{
    if (generations > block->header.number)
        return NULL;
    uint64_t number = block->header.number - generations;
    while (block->header.number > number) {
        if (ledger_is_canonical(walk->ledger, block))
            return ledger_by_number(walk->ledger, number);
        if (walk->side_steps++ >= SIDE_STEPS_MAX)
            return NULL;
        block = block->parent;
    }
    return block;
}

static struct ledger_block *walk_next(struct walk *walk, struct ledger_block *block)
{
    uint64_t step, number = block->header.number;
    if (__builtin_add_overflow(walk->query.skip, 1, &step))
        return NULL;
    if (walk->query.reverse) {
        if (walk->query.by_hash)
            return ancestor(walk, block, step);
        return step > number ? NULL : ledger_by_number(walk->ledger, number - step);
    }
    uint64_t next;
    if (__builtin_add_overflow(number, step, &next))
        return NULL;
    struct ledger_block *ahead = ledger_by_number(walk->ledger, next);
    if (walk->query.by_hash && ahead != NULL && ancestor(walk, ahead, step) != block)
        return NULL;
    return ahead;
}

static void answer_headers(const struct ledger *ledger, struct les_question *question)
{
    struct walk walk = {.ledger = ledger, .query = question->ask.headers};
    /* go-ethereum takes a hash of zeros for a missing one */
    if (walk.query.by_hash && hash32_is_zero(&walk.query.hash))
        walk.query.by_hash = false;
    struct ledger_block *block = walk.query.by_hash ? ledger_by_hash(ledger, &walk.query.hash)
                                                    : ledger_by_number(ledger, walk.query.number);
    for (uint64_t i = 0; i < walk.query.amount && block != NULL; i++) {
        buf_add_span(&question->out, block->header_rlp);
        block = walk_next(&walk, block);
    }
    les_answer(question, LES_ANSWER_GIVEN);
}

/* ---- blocks ---- */

static void answer_block_part(const struct ledger *ledger, struct les_question *question)
{
    const struct ledger_block *block = ledger_by_hash(ledger, &question->ask.block_hash);
    bool body = question->code == LES_GET_BLOCK_BODIES;
    if (block == NULL || (!body && !block->has_receipts)) {
        les_answer(question, LES_ANSWER_UNAVAILABLE);
        return;
    }
    buf_add_span(&question->out, body ? block->body_rlp : block->receipts_rlp);
    les_answer(question, LES_ANSWER_GIVEN);
}

/* ---- state ---- */

static bool find_account(const struct ledger *ledger, const struct ledger_block *block,
                         struct span name, struct account *out)
{
    struct hash32 key;
    if (name.size == 20)
        keccak256(&key, name);
    else
        memcpy(key.bytes, name.data, 32);
    return ledger_account(ledger, block, &key, out);
}

static void answer_code(const struct ledger *ledger, struct les_question *question)
{
    const struct les_code_item *item = &question->ask.code;
    const struct ledger_block *block = ledger_by_hash(ledger, &item->block_hash);
    struct account account;
    struct span code;
    if (block == NULL || !block->has_state ||
        !find_account(ledger, block, item->account, &account)) {
        les_answer(question, LES_ANSWER_UNAVAILABLE);
        return;
    }
    if (!node_store_get(ledger_store(ledger), &account.code_hash, &code) || code.size == 0) {
        les_answer(question, LES_ANSWER_NONE);
        return;
    }
    buf_add_span(&question->out, code);
    les_answer(question, LES_ANSWER_GIVEN);
}

/* Notes every node's hash and leaves none out: the server knows what its reply holds. */
static bool on_node(void *owner, const struct hash32 *hash)
{
    struct les_question *question = owner;
    buf_add(&question->node_hashes, hash->bytes, 32);
    return false;
}

static bool prove(const struct ledger *ledger, struct les_question *question,
                  const struct hash32 *root, struct span key, uint64_t from_level)
{
    if (from_level > TRIE_DEPTH_MAX)
        from_level = TRIE_DEPTH_MAX;
    size_t size = question->out.size, hashes_size = question->node_hashes.size;
    if (trie_prove(ledger_store(ledger), root, key, (unsigned)from_level, on_node, question,
                   &question->out) == STATUS_OK)
        return true;
    question->out.size = size;
    question->node_hashes.size = hashes_size;
    return false;
}

static void answer_proof(const struct ledger *ledger, struct les_question *question)
{
    const struct les_proof_item *item = &question->ask.proof;
    const struct ledger_block *block = ledger_by_hash(ledger, &item->block_hash);
    if (block == NULL || !block->has_state) {
        les_answer(question, LES_ANSWER_UNAVAILABLE);
        return;
    }
    struct hash32 root = block->header.state_root;
    if (item->account.size > 0) {
        struct account account;
        if (!find_account(ledger, block, item->account, &account)) {
            les_answer(question, LES_ANSWER_UNAVAILABLE);
            return;
        }
        root = account.storage_root;
    }
    les_answer(question, prove(ledger, question, &root, item->key, item->from_level)
                             ? LES_ANSWER_GIVEN
                             : LES_ANSWER_NONE);
}

/* ---- helper tries ---- */

static void answer_helper(const struct ledger *ledger, struct les_question *question)
{
    const struct les_helper_item *item = &question->ask.helper;
    const struct ledger_section *section = ledger_section(ledger, item->section);
    const struct hash32 *root = NULL;
    if (section != NULL && item->type == LES_HELPER_CHT)
        root = &section->cht_root;
    if (section != NULL && item->type == LES_HELPER_BLOOM)
        root = &section->bloom_root;
    if (root == NULL || !prove(ledger, question, root, item->key, item->from_level)) {
        les_answer(question, LES_ANSWER_NONE);
        return;
    }
    if (item->type == LES_HELPER_CHT && item->aux == LES_AUX_HEADER &&
        item->key.size == CHT_KEY_SIZE) {
        const struct ledger_block *block =
            ledger_by_number(ledger, be_read(item->key.data, CHT_KEY_SIZE));
        if (block != NULL)
            buf_add_span(&question->aux, block->header_rlp);
    }
    les_answer(question, LES_ANSWER_GIVEN);
}

/* ---- transactions ---- */

static void fill_tx_status(const struct node_backend *backend, const struct hash32 *hash,
                           struct les_tx_status *out)
{
    const struct ledger_tx *tx = ledger_tx(backend->ledger, hash);
    *out = (struct les_tx_status){0};
    if (tx != NULL) {
        out->state = LES_TX_INCLUDED;
        out->has_lookup = true;
        out->block = (struct les_block_ref){tx->block->hash, tx->block->header.number};
        out->index = tx->index;
        return;
    }
    switch (pool_state(backend->pool, hash)) {
    case POOL_UNKNOWN:
        out->state = LES_TX_UNKNOWN;
        break;
    case POOL_QUEUED:
        out->state = LES_TX_QUEUED;
        break;
    case POOL_PENDING:
        out->state = LES_TX_PENDING;
        break;
    }
}

static void answer_send_tx(const struct node_backend *backend, struct les_question *question)
{
    const struct hash32 *hash = &question->ask.send_tx.hash;
    struct span envelope = question->ask.send_tx.envelope;
    fill_tx_status(backend, hash, &question->status);
    if (question->status.state == LES_TX_UNKNOWN) {
        const char *why = pool_add(backend->pool, envelope);
        if (why != NULL) {
            question->status.error = SPAN_STR(why);
        } else {
            fill_tx_status(backend, hash, &question->status);
            if (backend->on_tx != NULL)
                backend->on_tx(backend->owner, envelope);
        }
    }
    les_answer(question, LES_ANSWER_GIVEN);
}

/* ---- the vtable ---- */

static void on_ask(struct les_backend *base, struct les_question *question)
{
    struct node_backend *backend = backend_of(base);
    switch ((enum les_code)question->code) {
    case LES_GET_BLOCK_HEADERS:
        answer_headers(backend->ledger, question);
        return;
    case LES_GET_BLOCK_BODIES:
    case LES_GET_RECEIPTS:
        answer_block_part(backend->ledger, question);
        return;
    case LES_GET_CODE:
        answer_code(backend->ledger, question);
        return;
    case LES_GET_PROOFS_V2:
        answer_proof(backend->ledger, question);
        return;
    case LES_GET_HELPER_TRIE_PROOFS:
        answer_helper(backend->ledger, question);
        return;
    case LES_SEND_TX_V2:
        answer_send_tx(backend, question);
        return;
    case LES_GET_TX_STATUS:
        fill_tx_status(backend, &question->ask.tx_hash, &question->status);
        les_answer(question, LES_ANSWER_GIVEN);
        return;
    case LES_STATUS:
    case LES_ANNOUNCE:
    case LES_BLOCK_HEADERS:
    case LES_BLOCK_BODIES:
    case LES_RECEIPTS:
    case LES_CODE:
    case LES_PROOFS_V2:
    case LES_HELPER_TRIE_PROOFS:
    case LES_TX_STATUS:
    case LES_STOP:
    case LES_RESUME:
        break;
    }
    ASSERT(false); /* the server asks what has a price */
}

static void on_forget(struct les_backend *base, struct les_question *question)
{
    (void)base;
    (void)question;
    ASSERT(false); /* every question is answered before ask returns */
}

static struct les_block_ref ref_of(const struct ledger_block *block)
{
    return (struct les_block_ref){block->hash, block->header.number};
}

static void on_head(struct les_backend *base, struct les_serve_head *out)
{
    const struct ledger *ledger = backend_of(base)->ledger;
    const struct ledger_block *head = ledger_head(ledger), *safe = ledger_safe(ledger),
                              *finalized = ledger_finalized(ledger);
    *out = (struct les_serve_head){.block = ref_of(head),
                                   .td = head->td,
                                   .merged = chainspec_fork(ledger_spec(ledger), &head->header) >=
                                             FORK_PARIS,
                                   .time = head->header.timestamp,
                                   .has_safe = safe != NULL,
                                   .has_finalized = finalized != NULL};
    if (safe != NULL)
        out->safe = ref_of(safe);
    if (finalized != NULL)
        out->finalized = ref_of(finalized);
    size_t sections = ledger_sections_count(ledger);
    if (sections > 0) {
        const struct ledger_section *section = ledger_section(ledger, sections - 1);
        out->has_checkpoint = true;
        out->checkpoint = (struct les_checkpoint){.section = sections - 1,
                                                  .head = section->head,
                                                  .cht_root = section->cht_root,
                                                  .bloom_root = section->bloom_root};
    }
}

static bool on_ancestor(struct les_backend *base, const struct hash32 *a, const struct hash32 *b,
                        uint64_t *number)
{
    const struct ledger *ledger = backend_of(base)->ledger;
    struct ledger_block *first = ledger_by_hash(ledger, a), *second = ledger_by_hash(ledger, b);
    if (first == NULL || second == NULL)
        return false;
    *number = ledger_ancestor(first, second)->header.number;
    return true;
}

static const struct les_backend_ops OPS = {
    .ask = on_ask, .forget = on_forget, .head = on_head, .ancestor = on_ancestor};

void node_backend_init(struct node_backend *backend, struct ledger *ledger, struct pool *pool)
{
    *backend = (struct node_backend){.base.ops = &OPS, .ledger = ledger, .pool = pool};
}
