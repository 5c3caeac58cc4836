/* Helper tries over a full node: all headers once, from the genesis upwards, each linked to the one
 * before, up to the window; only what the window's lowest header descends from is told to clients.
 * The sum of difficulties comes with it, for nodes that do not tell it. */
#include "les/node/full_private.h"

#include "les/eth/u256.h"

#define LOG_BLOCKS 10000

static uint64_t section_size(const struct full *full)
{
    return full->config.section_size;
}

static void close_tries(struct full_helper *helper)
{
    trie_free(helper->cht);
    trie_free(helper->blooms);
    cht_bloom_free(helper->bloom);
    helper->cht = helper->blooms = NULL;
    helper->bloom = NULL;
}

static void open_tries(struct full *full)
{
    struct full_helper *helper = &full->helper;
    const struct full_section *before =
        helper->sections_count > 0 ? &helper->sections[helper->sections_count - 1] : NULL;
    if (helper->store == NULL)
        helper->store = node_store_new();
    helper->cht = trie_new(helper->store, before != NULL ? &before->cht_root : &EMPTY_TRIE_ROOT);
    helper->blooms =
        trie_new(helper->store, before != NULL ? &before->bloom_root : &EMPTY_TRIE_ROOT);
    helper->bloom = cht_bloom_new(section_size(full));
}

static void begin_anew(struct full *full)
{
    struct full_helper *helper = &full->helper;
    close_tries(helper);
    helper->sections_count = 0;
    helper->next = helper->logged = 0;
    helper->linked = false;
}

/* What the node gives as its old headers does not lead to its head. */
static void not_this_chain(struct full *full)
{
    struct full_fault fault = {.what = "of another chain than the head's", .field = "header"};
    full_unverified(full, FULL_HEADER, &fault, SPAN_EMPTY);
    begin_anew(full);
}

static void end_section(struct full *full, const struct hash32 *head)
{
    struct full_helper *helper = &full->helper;
    struct full_section section = {.head = *head};
    char index[24];
    ASSERT(cht_bloom_put(helper->blooms, helper->sections_count, helper->bloom) == STATUS_OK);
    trie_commit(helper->cht, &section.cht_root);
    trie_commit(helper->blooms, &section.bloom_root);
    cht_bloom_clear(helper->bloom);
    helper->sections =
        mem_realloc(helper->sections, (helper->sections_count + 1) * sizeof(helper->sections[0]));
    helper->sections[helper->sections_count++] = section;
    log_write(full->config.log, LOG_INFO, "full", "helper tries of a section are built", "section",
              log_u64(index, helper->sections_count - 1), NULL);
}

/* False: it does not follow the one before, or is not the one that the window has. */
static bool take(struct full *full, const struct full_block *block)
{
    struct full_helper *helper = &full->helper;
    const struct full_block *canonical = full_chain_by_number(full, block->header.number);
    struct cht_entry entry = {.hash = block->hash};
    const struct hash32 *before =
        helper->next == 0 ? &full->config.spec->genesis_hash : &helper->last_hash;
    if (block->header.number != helper->next ||
        !hash32_equal(helper->next == 0 ? &block->hash : &block->header.parent_hash, before))
        return false;
    if (canonical != NULL && !hash32_equal(&canonical->hash, &block->hash))
        return false;
    helper->linked |= canonical != NULL;
    if (helper->cht == NULL)
        open_tries(full);
    if (helper->next == 0)
        helper->last_td = u256_from_u64(0);
    (void)u256_add(&entry.td, &helper->last_td, &block->header.difficulty);
    ASSERT(cht_put(helper->cht, helper->next, &entry) == STATUS_OK);
    cht_bloom_add(helper->bloom, helper->next % section_size(full), &block->header.bloom);
    helper->last_hash = block->hash;
    helper->last_td = entry.td;
    helper->next++;
    if (helper->next % section_size(full) == 0)
        end_section(full, &block->hash);
    full_chain_set_td(full, block->header.number, &entry.td);
    return true;
}

/* How many headers it wants from the start of the chain. */
static uint64_t wanted(const struct full *full)
{
    const struct full_chain *chain = &full->chain;
    uint64_t sections = cht_sections(chain->head->header.number, section_size(full),
                                     full->config.section_confirmations);
    uint64_t count = sections * section_size(full);
    /* Up to the window: there it is seen whether it is this chain, and sums of difficulty go on by
     * themselves. */
    if ((sections > 0 || !chain->head->has_td) && count < chain->low + 1)
        count = chain->low + 1;
    return count;
}

/* What the window has need not be asked for. False: it is another chain. */
static bool take_from_window(struct full *full, uint64_t count)
{
    const struct full_block *block;
    while (full->helper.next < count &&
           (block = full_chain_by_number(full, full->helper.next)) != NULL)
        if (!take(full, block))
            return false;
    return true;
}

size_t full_helper_sections(const struct full *full)
{
    return full->helper.linked ? full->helper.sections_count : 0;
}

static void on_item(void *owner, const struct full_reply *reply);

static void go_on(struct full *full)
{
    struct full_helper *helper = &full->helper;
    struct full_chain *chain = &full->chain;
    char number[24];
    if (helper->open > 0 || chain->head == NULL || timer_running(&helper->pause))
        return;
    uint64_t head = chain->head->header.number, count = wanted(full);
    if (head >= full->config.helper_blocks_max) {
        if (!helper->too_long && (head >= section_size(full) || !chain->head->has_td))
            log_write(full->config.log, chain->head->has_td ? LOG_INFO : LOG_ERROR, "full",
                      chain->head->has_td
                          ? "the chain is too long to fetch all its headers: no helper tries"
                          : "the node does not tell the total difficulty, and the chain is too "
                            "long to sum it: nothing can be served",
                      "head", log_u64(number, head), NULL);
        helper->too_long = true;
        return;
    }
    if (!take_from_window(full, count)) {
        not_this_chain(full);
        timer_start(&helper->pause, FULL_RETRY_MS);
        return;
    }
    if (helper->next >= count)
        return;
    if (helper->next >= helper->logged + LOG_BLOCKS) {
        helper->logged = helper->next;
        log_write(full->config.log, LOG_INFO, "full", "headers for the helper tries", "next",
                  log_u64(number, helper->next), NULL);
    }
    uint64_t left = count - helper->next;
    helper->asked = left < FULL_RUN_MAX ? (size_t)left : FULL_RUN_MAX;
    helper->open = helper->asked;
    helper->stale = false;
    for (size_t i = 0; i < helper->asked; i++) {
        helper->items[i] = (struct full_helper_item){.full = full};
        helper->items[i].call = full_rpc_call(full->config.rpc, "eth_getBlockByNumber",
                                              json_pack("[ob]", full_json_u64(helper->next + i), 0),
                                              0, on_item, &helper->items[i]);
    }
}

static void all_came(struct full *full)
{
    struct full_helper *helper = &full->helper;
    bool good = !helper->stale, follows = true;
    for (size_t i = 0; i < helper->asked; i++) {
        struct full_block *block = helper->items[i].block;
        if (good && block != NULL)
            follows = good = take(full, block);
        good = good && block != NULL;
        mem_free(block);
        helper->items[i].block = NULL;
    }
    if (!good) {
        /* Another branch than the one that was followed so far; or no answer, then it goes on where
         * it was. */
        if (!follows)
            not_this_chain(full);
        timer_start(&helper->pause, FULL_RETRY_MS);
        return;
    }
    go_on(full);
}

static void on_item(void *owner, const struct full_reply *reply)
{
    struct full_helper_item *item = owner;
    struct full_helper *helper = &item->full->helper;
    struct full_fault fault;
    item->call = NULL;
    if (reply->outcome == FULL_RESULT && !json_is_null(reply->result)) {
        item->block = full_block_read(reply->result, NULL, &fault);
        if (item->block == NULL)
            full_unverified(item->full, FULL_HEADER, &fault, SPAN_EMPTY);
    } else if (reply->outcome != FULL_RESULT) {
        (void)full_no_result(item->full, "header for the helper tries", reply);
    }
    if (--helper->open == 0)
        all_came(item->full);
}

static void on_pause(struct timer *timer)
{
    go_on(container_of(timer, struct full, helper.pause));
}

void full_helper_head_moved(struct full *full, uint64_t common)
{
    struct full_helper *helper = &full->helper;
    if (helper->next > common + 1) {
        helper->stale = helper->open > 0;
        begin_anew(full);
    }
    go_on(full);
}

void full_helper_init(struct full *full)
{
    if (full->config.section_size == 0)
        full->config.section_size = CHT_SECTION_SIZE;
    if (full->config.section_confirmations == 0)
        full->config.section_confirmations = CHT_SERVER_CONFIRMATIONS;
    timer_init(&full->helper.pause, full->loop, on_pause);
}

void full_helper_free(struct full *full)
{
    struct full_helper *helper = &full->helper;
    timer_stop(&helper->pause);
    for (size_t i = 0; i < helper->asked; i++) {
        if (helper->items[i].call != NULL)
            full_call_cancel(helper->items[i].call);
        mem_free(helper->items[i].block);
    }
    close_tries(helper);
    node_store_free(helper->store);
    mem_free(helper->sections);
}
