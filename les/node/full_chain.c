/* The head as the node says, and the headers below it that are linked to it by parent hash. */
#include "les/node/full_private.h"

#include "les/eth/u256.h"

static void sync_begin(struct full *full);
static void sync_continue(struct full *full);
static void fill_on(struct full *full);

/* ---- look-ups ---- */

static struct full_block **slot_of(const struct full *full, uint64_t number)
{
    return &full->chain.ring[number % FULL_WINDOW];
}

struct full_block *full_chain_by_number(const struct full *full, uint64_t number)
{
    const struct full_chain *chain = &full->chain;
    if (chain->head == NULL || number > chain->head->header.number || number < chain->low)
        return NULL;
    return *slot_of(full, number);
}

struct full_block *full_chain_by_hash(const struct full *full, const struct hash32 *hash)
{
    return hash_map_get(&full->chain.blocks, hash);
}

static struct full_block *parent_of(const struct full *full, const struct full_block *block)
{
    return full_chain_by_hash(full, &block->header.parent_hash);
}

bool full_chain_ancestor(const struct full *full, const struct hash32 *a, const struct hash32 *b,
                         uint64_t *number)
{
    const struct full_block *first = full_chain_by_hash(full, a),
                            *second = full_chain_by_hash(full, b);
    while (first != NULL && second != NULL && first != second) {
        if (first->header.number > second->header.number)
            first = parent_of(full, first);
        else
            second = parent_of(full, second);
    }
    if (first == NULL || second == NULL)
        return false;
    *number = first->header.number;
    return true;
}

static struct les_block_ref ref_of(const struct full_block *block)
{
    return (struct les_block_ref){block->hash, block->header.number};
}

/* A mark is told when it lies on the chain as we have it. */
static bool mark_on_chain(const struct full *full, size_t which, struct les_block_ref *out)
{
    const struct full_chain *chain = &full->chain;
    if (!chain->has_marks[which])
        return false;
    const struct full_block *block = full_chain_by_number(full, chain->marks[which].number);
    if (block == NULL || !hash32_equal(&block->hash, &chain->marks[which].hash))
        return false;
    *out = chain->marks[which];
    return true;
}

static bool is_merged(const struct full *full, const struct full_block *block)
{
    return chainspec_fork(full->config.spec, &block->header) >= FORK_PARIS;
}

void full_chain_head(const struct full *full, struct les_serve_head *out)
{
    const struct full_block *head = full->chain.head;
    const struct full_helper *helper = &full->helper;
    *out = (struct les_serve_head){.block = ref_of(head),
                                   .td = head->td,
                                   .merged = is_merged(full, head),
                                   .time = head->header.timestamp};
    out->has_safe = mark_on_chain(full, 0, &out->safe);
    out->has_finalized = mark_on_chain(full, 1, &out->finalized);
    size_t sections = full_helper_sections(full);
    if (sections > 0) {
        const struct full_section *section = &helper->sections[sections - 1];
        out->has_checkpoint = true;
        out->checkpoint = (struct les_checkpoint){.section = sections - 1,
                                                  .head = section->head,
                                                  .cht_root = section->cht_root,
                                                  .bloom_root = section->bloom_root};
    }
}

/* ---- runs of headers ---- */

static void on_run_item(void *owner, const struct full_reply *reply);

static void run_ask(struct full_run *run)
{
    struct full *full = run->full;
    run->open = run->count;
    for (size_t i = 0; i < run->count; i++) {
        run->items[i] = (struct full_run_item){.run = run};
        run->items[i].call = run->by_hash
                                 ? full_rpc_call(full->config.rpc, "eth_getBlockByHash",
                                                 json_pack("[ob]", full_block_param(&run->link), 0),
                                                 0, on_run_item, &run->items[i])
                                 : full_rpc_call(full->config.rpc, "eth_getBlockByNumber",
                                                 json_pack("[ob]", full_json_u64(run->top - i), 0),
                                                 0, on_run_item, &run->items[i]);
    }
}

static void run_drop(struct full_run *run, size_t from)
{
    for (size_t i = from; i < run->count; i++) {
        mem_free(run->items[i].block);
        run->items[i].block = NULL;
    }
}

/* What is not linked is another branch's, or a lie: the topmost is asked for by its hash then. */
static void run_finish(struct full_run *run)
{
    struct hash32 expected = run->link;
    run->linked = 0;
    while (run->linked < run->count) {
        struct full_block *block = run->items[run->linked].block;
        if (block == NULL || !hash32_equal(&block->hash, &expected) ||
            block->header.number != run->top - run->linked)
            break;
        expected = block->header.parent_hash;
        run->linked++;
    }
    run_drop(run, run->linked);
    if (run->linked == 0 && !run->by_hash) {
        run->by_hash = true;
        run->count = 1;
        run_ask(run);
        return;
    }
    run->busy = false;
    run->on_done(run);
}

static void on_run_item(void *owner, const struct full_reply *reply)
{
    struct full_run_item *item = owner;
    struct full_run *run = item->run;
    struct full_fault fault;
    item->call = NULL;
    if (reply->outcome != FULL_RESULT)
        (void)full_no_result(run->full, "header", reply);
    else if (!json_is_null(reply->result)) {
        item->block = full_block_read(reply->result, run->by_hash ? &run->link : NULL, &fault);
        if (item->block == NULL)
            full_unverified(run->full, FULL_HEADER, &fault, SPAN(run->link.bytes, 32));
    }
    if (--run->open == 0)
        run_finish(run);
}

/* Asks for count headers, the topmost with this number and hash. */
static void run_start(struct full_run *run, const struct hash32 *link, uint64_t top, uint64_t count)
{
    ASSERT(!run->busy);
    run->link = *link;
    run->top = top;
    run->count = count > FULL_RUN_MAX ? FULL_RUN_MAX : (size_t)count;
    run->by_hash = false;
    run->busy = true;
    run_ask(run);
}

static void run_cancel(struct full_run *run)
{
    for (size_t i = 0; run->busy && i < run->count; i++) {
        if (run->items[i].call != NULL)
            full_call_cancel(run->items[i].call);
        mem_free(run->items[i].block);
    }
    run->busy = false;
}

/* ---- total difficulty ---- */

/* From the parent where it is known, else as the node says; after the merge it stands still. */
static void set_td(const struct full *full, struct full_block *block)
{
    const struct full_block *parent = parent_of(full, block);
    const struct chainspec *spec = full->config.spec;
    if (block->header.number == 0) {
        block->td = block->header.difficulty;
        block->has_td = true;
    } else if (parent != NULL && parent->has_td) {
        (void)u256_add(&block->td, &parent->td, &block->header.difficulty);
        block->has_td = true;
    } else if (is_merged(full, block) && spec->has_terminal_td &&
               (!block->has_td || u256_compare(&block->td, &spec->terminal_td) < 0)) {
        block->td = spec->terminal_td;
        block->has_td = true;
    } else if (is_merged(full, block)) {
        block->has_td = true;
    }
}

void full_chain_set_td(struct full *full, uint64_t number, const struct u256 *td)
{
    struct full_block *block = full_chain_by_number(full, number);
    if (block == NULL)
        return;
    block->td = *td;
    block->has_td = true;
    for (uint64_t at = number + 1; at <= full->chain.head->header.number; at++)
        set_td(full, *slot_of(full, at));
    if (full->chain.head->has_td && !full->probed)
        full_probe_state(full);
}

/* ---- the window ---- */

static void forget_block(struct full *full, struct full_block *block)
{
    hash_map_remove(&full->chain.blocks, &block->hash);
    mem_free(block);
}

static void forget_all(struct full *full)
{
    struct full_chain *chain = &full->chain;
    size_t at = 0;
    for (struct full_block *block; (block = hash_map_next(&chain->blocks, &at)) != NULL;)
        mem_free(block);
    hash_map_free(&chain->blocks);
    memset(chain->ring, 0, FULL_WINDOW * sizeof(chain->ring[0]));
    chain->head = NULL;
    chain->low = 0;
    chain->epoch++;
}

/* Side branches that begin below the window go when there are many. */
static void prune(struct full *full)
{
    struct full_chain *chain = &full->chain;
    if (chain->blocks.used < 2 * FULL_WINDOW)
        return;
    for (;;) {
        struct full_block *old = NULL;
        size_t at = 0;
        for (struct full_block *block;
             old == NULL && (block = hash_map_next(&chain->blocks, &at)) != NULL;) {
            if (!block->canonical &&
                (block->header.number < chain->low ||
                 block->header.number + FULL_WINDOW / 2 < chain->head->header.number))
                old = block;
        }
        if (old == NULL)
            break;
        forget_block(full, old);
    }
    /* Many branches at the head itself: the newest stay as long as they are the head's. */
    size_t at = 0;
    while (chain->blocks.used >= 4 * FULL_WINDOW) {
        struct full_block *block = hash_map_next(&chain->blocks, &at);
        if (block == NULL)
            break;
        if (block->canonical)
            continue;
        forget_block(full, block);
        at = 0;
    }
}

/* Puts a block at its place in the window, over what was there. */
static void place_block(struct full *full, struct full_block *block)
{
    struct full_block **slot = slot_of(full, block->header.number), *old = *slot;
    *slot = block;
    block->canonical = true;
    if (old == NULL || old == block)
        return;
    old->canonical = false;
    if (old->header.number != block->header.number)
        forget_block(full, old); /* FULL_WINDOW below */
}

/* Do its ancestors in the map lead to the chain? */
static bool leads_to_chain(const struct full *full, const struct full_block *block)
{
    for (size_t i = 0; i <= FULL_WINDOW && block != NULL; i++) {
        if (block->canonical)
            return true;
        block = parent_of(full, block);
    }
    return false;
}

/* Branches that begin nowhere are of no use. */
static void forget_branches(struct full *full)
{
    size_t at = 0;
    for (struct full_block *block; (block = hash_map_next(&full->chain.blocks, &at)) != NULL;) {
        if (block->canonical)
            continue;
        forget_block(full, block);
        at = 0;
    }
}

/* Is it known, and linked to the chain? */
static bool is_linked(struct full *full, const struct hash32 *hash)
{
    const struct full_block *block = full_chain_by_hash(full, hash);
    if (block == NULL || leads_to_chain(full, block))
        return block != NULL;
    forget_branches(full);
    return false;
}

/* Makes head, whose ancestors are in the map down to a canonical one, the head. Returns the number
 * of that one. */
static uint64_t set_head(struct full *full, struct full_block *head)
{
    struct full_chain *chain = &full->chain;
    struct full_block *old = chain->head, *block = head;
    uint64_t number = head->header.number;
    size_t count = 0;
    struct full_block **path = mem_alloc((FULL_WINDOW + 1) * sizeof(*path));
    while (block != NULL && !block->canonical && count <= FULL_WINDOW) {
        path[count++] = block;
        block = parent_of(full, block);
    }
    ASSERT(block != NULL && block->canonical);
    uint64_t common = block->header.number;
    for (uint64_t at = old->header.number; at > common; at--) {
        struct full_block **slot = slot_of(full, at);
        (*slot)->canonical = false;
        *slot = NULL; /* it stays in the map, as a branch */
    }
    while (count > 0)
        place_block(full, path[--count]);
    mem_free(path);
    chain->head = head;
    if (number >= FULL_WINDOW && chain->low + FULL_WINDOW <= number)
        chain->low = number - FULL_WINDOW + 1;
    return common;
}

/* ---- a new head ---- */

static void log_head(struct full *full, const struct full_block *head, uint64_t depth)
{
    char number[24], depth_text[24], hash[67] = "0x";
    hex_encode(hash + 2, SPAN(head->hash.bytes, 32));
    log_write(full->config.log, LOG_INFO, "full",
              depth > 0 ? "new head on another branch" : "new head", "number",
              log_u64(number, head->header.number), "hash", hash, "reorg_depth",
              log_u64(depth_text, depth), NULL);
}

/* Takes block, or lets it go and gives the one that is there: others point to that. */
static struct full_block *keep_block(struct full *full, struct full_block *block)
{
    struct full_block *before = full_chain_by_hash(full, &block->hash);
    if (before != NULL) {
        mem_free(block);
        return before;
    }
    hash_map_put(&full->chain.blocks, &block->hash, block);
    return block;
}

/* pending goes into the window: linked to it, or in place of it. */
static struct full_block *enter_pending(struct full *full, bool linked)
{
    struct full_chain *chain = &full->chain;
    struct full_block *block = NULL;
    if (!linked) {
        forget_all(full);
        while (chain->pending_count > FULL_WINDOW)
            mem_free(chain->pending[--chain->pending_count]);
    }
    for (size_t i = chain->pending_count; i-- > 0;) {
        block = keep_block(full, chain->pending[i]);
        set_td(full, block);
        if (linked)
            continue;
        if (i + 1 == chain->pending_count)
            chain->low = block->header.number;
        chain->head = block;
        place_block(full, block);
    }
    chain->pending_count = 0;
    return block;
}

/* common: the newest block that the chain before it had too. */
static void head_moved(struct full *full, uint64_t depth, uint64_t common)
{
    struct les_serve_head head;
    struct full_chain *chain = &full->chain;
    full->stats.heads++;
    if (depth > 0) {
        full->stats.reorgs++;
        if (depth > full->stats.reorg_depth_max)
            full->stats.reorg_depth_max = depth;
    }
    chain->fill_failed = false;
    log_head(full, chain->head, depth);
    prune(full);
    fill_on(full);
    full_helper_head_moved(full, common);
    if (!full->probed && chain->head->has_td)
        full_probe_state(full);
    else if (full->ready) {
        full_chain_head(full, &head);
        full->config.on_head(full->config.owner, &head);
    }
}

static void adopt(struct full *full, bool linked)
{
    struct full_chain *chain = &full->chain;
    bool had = chain->head != NULL;
    uint64_t old_number = had ? chain->head->header.number : 0;
    chain->failures = 0;
    struct full_block *top = chain->pending_count > 0
                                 ? enter_pending(full, linked)
                                 : full_chain_by_hash(full, &chain->target.hash);
    if (linked) {
        uint64_t common = set_head(full, top);
        head_moved(full, old_number - common, common);
        return;
    }
    if (had) {
        full->stats.resets++;
        log_write(full->config.log, LOG_WARN, "full",
                  "the node's head does not descend from anything known here: the window begins "
                  "anew",
                  "node", full->name, NULL);
    }
    head_moved(full, old_number, 0);
}

/* ---- the way to it ---- */

static void sync_end(struct full *full)
{
    struct full_chain *chain = &full->chain;
    while (chain->pending_count > 0)
        mem_free(chain->pending[--chain->pending_count]);
    chain->syncing = false;
    if (chain->has_next)
        sync_begin(full);
}

static void sync_fail(struct full *full)
{
    struct full_chain *chain = &full->chain;
    char number[24], hash[67] = "0x";
    hex_encode(hash + 2, SPAN(chain->target.hash.bytes, 32));
    log_write(full->config.log, LOG_WARN, "full",
              "the head cannot be linked to the chain, asked for again", "number",
              log_u64(number, chain->target.number), "hash", hash, "node", full->name, NULL);
    timer_start(&chain->retry, FULL_RETRY_MS << (chain->failures < 6 ? chain->failures : 6));
    chain->failures++;
    sync_end(full);
}

static void on_retry(struct timer *timer)
{
    struct full *full = container_of(timer, struct full, chain.retry);
    struct full_chain *chain = &full->chain;
    if (chain->syncing)
        return;
    if (!chain->has_next)
        chain->next = chain->target;
    sync_begin(full);
    full_rpc_poll(full->config.rpc); /* it may have another head by now */
}

static void fail_genesis(struct full *full)
{
    log_write(full->config.log, LOG_ERROR, "full",
              "the node's chain has another genesis than it had at the start", "node", full->name,
              NULL);
    sync_fail(full);
}

static void begin_anew(struct full *full)
{
    adopt(full, false);
    sync_end(full);
}

/* Nothing links the new head to what was served: it may be of another chain altogether. */
static void ask_genesis(struct full *full)
{
    struct full_chain *chain = &full->chain;
    chain->asks_genesis = true;
    run_start(&chain->run, &full->config.spec->genesis_hash, 0, 1);
}

static void on_genesis_run(struct full_run *run)
{
    struct full *full = run->full;
    bool same = run->linked == 1;
    full->chain.asks_genesis = false;
    run_drop(run, 0);
    if (same)
        begin_anew(full);
    else
        fail_genesis(full);
}

static void on_sync_run(struct full_run *run)
{
    struct full *full = run->full;
    struct full_chain *chain = &full->chain;
    if (chain->asks_genesis) {
        on_genesis_run(run);
        return;
    }
    for (size_t i = 0; i < run->linked; i++) {
        chain->pending[chain->pending_count++] = run->items[i].block;
        run->items[i].block = NULL;
    }
    if (run->linked == 0)
        sync_fail(full);
    else
        sync_continue(full);
}

/* Is its parent known, and linked to the chain? A hash proves nothing about numbers: the node may
 * have made up a child that is numbered otherwise, which would go to a wrong place. */
static bool parent_is_linked(struct full *full, const struct full_block *block)
{
    const struct full_block *parent = parent_of(full, block);
    return parent != NULL && parent->header.number + 1 == block->header.number &&
           is_linked(full, &parent->hash);
}

/* What was fetched may reach further down than where it meets what is known. */
static bool pending_meets_window(struct full *full)
{
    struct full_chain *chain = &full->chain;
    for (size_t i = 0; i < chain->pending_count; i++) {
        if (!parent_is_linked(full, chain->pending[i]))
            continue;
        while (chain->pending_count > i + 1)
            mem_free(chain->pending[--chain->pending_count]);
        return true;
    }
    return false;
}

static void sync_continue(struct full *full)
{
    struct full_chain *chain = &full->chain;
    const struct full_block *lowest = chain->pending[chain->pending_count - 1];
    uint64_t number = lowest->header.number;
    if (chain->head != NULL && pending_meets_window(full)) {
        adopt(full, true);
        sync_end(full);
        return;
    }
    if (number == 0 && !hash32_equal(&lowest->hash, &full->config.spec->genesis_hash)) {
        fail_genesis(full);
        return;
    }
    uint64_t gap = chain->head == NULL || number <= chain->head->header.number + 1
                       ? 0
                       : number - 1 - chain->head->header.number;
    if (chain->head == NULL || number == 0 || gap >= FULL_WINDOW ||
        chain->pending_count + 1 >= FULL_WINDOW) {
        if (chain->head == NULL || number == 0)
            begin_anew(full);
        else
            ask_genesis(full);
        return;
    }
    uint64_t count = gap > 0 ? gap : chain->pending_count + 1;
    uint64_t room = FULL_WINDOW - chain->pending_count;
    count = count > number ? number : count;
    run_start(&chain->run, &lowest->header.parent_hash, number - 1, count > room ? room : count);
}

static void sync_step(struct full *full)
{
    struct full_chain *chain = &full->chain;
    if (chain->open > 0)
        return;
    if (chain->pending_count == 0 && is_linked(full, &chain->target.hash)) {
        adopt(full, true); /* seen before: back to it, or forward again */
        sync_end(full);
        return;
    }
    if (chain->pending_count == 0) {
        sync_fail(full);
        return;
    }
    sync_continue(full);
}

static void on_target(void *owner, const struct full_reply *reply)
{
    struct full *full = owner;
    struct full_chain *chain = &full->chain;
    struct full_fault fault;
    struct full_block *block = NULL;
    chain->target_call = NULL;
    chain->open--;
    if (reply->outcome != FULL_RESULT)
        (void)full_no_result(full, "head", reply);
    else if (!json_is_null(reply->result)) {
        block = full_block_read(reply->result, &chain->target.hash, &fault);
        if (block == NULL)
            full_unverified(full, FULL_HEADER, &fault, SPAN(chain->target.hash.bytes, 32));
    }
    if (block != NULL)
        chain->pending[chain->pending_count++] = block;
    sync_step(full);
}

static void take_mark(struct full *full, size_t which, const struct full_reply *reply)
{
    struct full_chain *chain = &full->chain;
    struct les_block_ref ref;
    chain->mark_calls[which] = NULL;
    chain->open--;
    /* A node before the merge, or one that has just started, has none; an old one stays true as
     * long as it is on the chain. */
    if (reply->outcome == FULL_RESULT && json_is_object(reply->result) &&
        full_read_fixed(ref.hash.bytes, 32, json_object_get(reply->result, "hash")) &&
        full_read_u64(&ref.number, json_object_get(reply->result, "number"))) {
        chain->has_marks[which] = true;
        chain->marks[which] = ref;
    }
    sync_step(full);
}

static void on_safe(void *owner, const struct full_reply *reply)
{
    take_mark(owner, 0, reply);
}

static void on_finalized(void *owner, const struct full_reply *reply)
{
    take_mark(owner, 1, reply);
}

static void sync_begin(struct full *full)
{
    struct full_chain *chain = &full->chain;
    chain->has_next = false;
    if (chain->head != NULL && hash32_equal(&chain->head->hash, &chain->next.hash))
        return;
    timer_stop(&chain->retry);
    chain->syncing = true;
    chain->target = chain->next;
    chain->pending_count = 0;
    chain->open = 2;
    chain->mark_calls[0] = full_rpc_call(full->config.rpc, "eth_getBlockByNumber",
                                         json_pack("[sb]", "safe", 0), 0, on_safe, full);
    chain->mark_calls[1] = full_rpc_call(full->config.rpc, "eth_getBlockByNumber",
                                         json_pack("[sb]", "finalized", 0), 0, on_finalized, full);
    if (is_linked(full, &chain->target.hash)) {
        mem_free(chain->next_block);
        chain->next_block = NULL;
        return;
    }
    if (chain->next_block != NULL) {
        chain->pending[chain->pending_count++] = chain->next_block;
        chain->next_block = NULL;
        return;
    }
    chain->open++;
    chain->target_call = full_rpc_call(full->config.rpc, "eth_getBlockByHash",
                                       json_pack("[ob]", full_block_param(&chain->target.hash), 0),
                                       0, on_target, full);
}

/* ---- what the node tells ---- */

static void on_node_head(void *owner, const struct hash32 *hash, uint64_t number, json_t *header)
{
    struct full *full = owner;
    struct full_chain *chain = &full->chain;
    struct full_fault fault;
    mem_free(chain->next_block);
    chain->next_block = NULL;
    chain->next = (struct les_block_ref){*hash, number};
    chain->has_next = true;
    if (!chain->syncing && chain->head != NULL && hash32_equal(&chain->head->hash, hash)) {
        chain->has_next = false;
        return;
    }
    /* A node may announce less than the header: then it is asked for. */
    if (header != NULL) {
        chain->next_block = full_block_read(header, hash, &fault);
        if (chain->next_block != NULL && chain->next_block->header.number != number) {
            mem_free(chain->next_block);
            chain->next_block = NULL;
        }
    }
    if (!chain->syncing)
        sync_begin(full);
}

static void on_node_state(void *owner, bool up, const char *why)
{
    struct full *full = owner;
    if (up)
        log_write(full->config.log, LOG_INFO, "full", "the node answers", "node", full->name, NULL);
    else
        log_write(full->config.log, LOG_WARN, "full",
                  "the node is lost: what is at hand is served, its head stands still", "why",
                  why != NULL ? why : "", "node", full->name, NULL);
}

/* ---- downwards, in the background ---- */

static void on_fill(struct full_run *run)
{
    struct full *full = run->full;
    struct full_chain *chain = &full->chain;
    const struct full_block *lowest = full_chain_by_number(full, chain->low);
    bool fits = lowest != NULL && chain->low == run->top + 1 &&
                hash32_equal(&lowest->header.parent_hash, &run->link);
    chain->fill_failed = run->linked == 0;
    for (size_t i = 0; i < run->linked; i++) {
        struct full_block *block = run->items[i].block;
        run->items[i].block = NULL;
        /* A reorganisation, or a head far ahead, while they came. */
        if (!fits || full_chain_by_hash(full, &block->hash) != NULL ||
            block->header.number + FULL_WINDOW <= chain->head->header.number) {
            mem_free(block);
            fits = false;
            continue;
        }
        hash_map_put(&chain->blocks, &block->hash, block);
        place_block(full, block);
        chain->low = block->header.number;
    }
    if (chain->low == 0)
        full_chain_set_td(full, 0, &full_chain_by_number(full, 0)->header.difficulty);
    fill_on(full);
}

static void fill_on(struct full *full)
{
    struct full_chain *chain = &full->chain;
    uint64_t head = chain->head->header.number;
    if (chain->fill.busy || chain->fill_failed || chain->low == 0 ||
        head - chain->low + 1 >= FULL_WINDOW)
        return;
    uint64_t room = FULL_WINDOW - (head - chain->low + 1);
    uint64_t count = chain->low < room ? chain->low : room;
    const struct full_block *lowest = *slot_of(full, chain->low);
    run_start(&chain->fill, &lowest->header.parent_hash, chain->low - 1, count);
}

/* ---- life ---- */

void full_chain_init(struct full *full)
{
    static const struct full_watch WATCH = {.on_head = on_node_head, .on_state = on_node_state};
    struct full_chain *chain = &full->chain;
    chain->ring = mem_alloc(FULL_WINDOW * sizeof(chain->ring[0]));
    chain->pending = mem_alloc((FULL_WINDOW + FULL_RUN_MAX) * sizeof(chain->pending[0]));
    chain->run.full = chain->fill.full = full;
    chain->run.on_done = on_sync_run;
    chain->fill.on_done = on_fill;
    timer_init(&chain->retry, full->loop, on_retry);
    full_rpc_watch(full->config.rpc, &WATCH, full);
}

void full_chain_free(struct full *full)
{
    struct full_chain *chain = &full->chain;
    chain->has_next = false; /* on_ready may end it while a head is taken */
    timer_stop(&chain->retry);
    run_cancel(&chain->run);
    run_cancel(&chain->fill);
    if (chain->target_call != NULL)
        full_call_cancel(chain->target_call);
    for (size_t i = 0; i < ARRAY_COUNT(chain->mark_calls); i++) {
        if (chain->mark_calls[i] != NULL)
            full_call_cancel(chain->mark_calls[i]);
    }
    while (chain->pending_count > 0)
        mem_free(chain->pending[--chain->pending_count]);
    mem_free(chain->next_block);
    forget_all(full);
    mem_free(chain->pending);
    mem_free(chain->ring);
}
