#include "les/proto/chain_private.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

#include <stdio.h>

#define FAILED_REST_MS    2000
#define FETCH_DEADLINE_MS 4000

/* ---- headers ---- */

const char *header_proof_text(enum header_proof proof)
{
    static const char *const WORDS[] = {"none", "genesis", "votes", "parent", "quorum", "cht"};
    return WORDS[proof];
}

struct block_header *block_header_new(struct span rlp, enum header_proof proof)
{
    struct block_header *header = mem_alloc(sizeof *header);
    header->references = 1;
    header->rlp = SPAN(mem_copy(rlp), rlp.size);
    header->proof = proof;
    keccak256(&header->hash, rlp);
    if (!header_decode(&header->header, header->rlp)) {
        block_header_unref(header);
        return NULL;
    }
    return header;
}

struct block_header *block_header_ref(struct block_header *header)
{
    header->references++;
    return header;
}

void block_header_unref(struct block_header *header)
{
    if (header == NULL || --header->references > 0)
        return;
    mem_free((void *)header->rlp.data);
    mem_free(header);
}

/* ---- what is canonical ---- */

static struct block_header **window_slot(struct chain *chain, uint64_t number)
{
    return &chain->canonical[number % CHAIN_WINDOW];
}

static void set_slot(struct block_header **slot, struct block_header *header)
{
    struct block_header *before = *slot;
    *slot = header != NULL ? block_header_ref(header) : NULL;
    block_header_unref(before);
}

static void drop_old(struct chain *chain, size_t index)
{
    struct block_header *header = chain->old[index];
    if (header == NULL)
        return;
    table_remove(&chain->old_by_hash, header->hash.bytes);
    chain->old[index] = NULL;
    block_header_unref(header);
}

void chain_keep_canonical(struct chain *chain, struct block_header *header, enum header_proof proof)
{
    uint64_t number = header->header.number;
    if (header->proof == HEADER_BY_NONE)
        header->proof = proof;
    if (number == 0)
        return;
    struct block_header *above = chain->head != NULL && number + 1 == chain->bottom
                                     ? *window_slot(chain, chain->bottom)
                                     : NULL;
    if (above != NULL && chain->head->header.number - number < CHAIN_WINDOW &&
        hash32_equal(&above->header.parent_hash, &header->hash)) {
        set_slot(window_slot(chain, number), header);
        chain->bottom = number;
        if (table_get(&chain->by_hash, header->hash.bytes) == NULL)
            (void)table_put(&chain->by_hash, header->hash.bytes, block_header_ref(header));
        return;
    }
    size_t index = number % CHAIN_OLD_MAX;
    if (chain->old[index] == header)
        return;
    drop_old(chain, index);
    struct block_header *twin = table_get(&chain->old_by_hash, header->hash.bytes);
    ASSERT(twin == NULL);
    chain->old[index] = block_header_ref(header);
    (void)table_put(&chain->old_by_hash, header->hash.bytes, header);
}

struct block_header *chain_head(const struct chain *chain)
{
    return chain->head;
}

uint64_t chain_epoch(const struct chain *chain)
{
    return chain->epoch;
}

uint64_t chain_headless_ms(const struct chain *chain)
{
    uint64_t now = loop_now_ms(chain->loop);
    if (chain->head != NULL)
        return 0;
    return now > chain->lost_ms ? now - chain->lost_ms : 1;
}

struct block_header *chain_genesis(const struct chain *chain)
{
    return chain->genesis;
}

struct block_header *chain_known_number(const struct chain *chain, uint64_t number)
{
    if (chain->head == NULL || number > chain->head->header.number)
        return NULL;
    if (number == 0)
        return chain->genesis;
    if (number >= chain->bottom)
        return chain->canonical[number % CHAIN_WINDOW];
    struct block_header *header = chain->old[number % CHAIN_OLD_MAX];
    return header != NULL && header->header.number == number ? header : NULL;
}

struct block_header *chain_known_hash(const struct chain *chain, const struct hash32 *hash)
{
    if (chain->head == NULL)
        return NULL;
    if (hash32_equal(hash, &chain->genesis->hash))
        return chain->genesis;
    struct block_header *header = table_get(&chain->by_hash, hash->bytes);
    if (header == NULL)
        header = table_get(&chain->old_by_hash, hash->bytes);
    if (header == NULL)
        return NULL;
    /* There may be two copies of one header: the one that counts is the canonical one. */
    struct block_header *canonical = chain_known_number(chain, header->header.number);
    return canonical != NULL && hash32_equal(&canonical->hash, hash) ? canonical : NULL;
}

/* Goes down from the head (or from bottom) as far as headers are linked. Returns true if it met
 * what was canonical before; then *fork is that block's number. */
static bool link_down(struct chain *chain, struct block_header *from, uint64_t *fork)
{
    struct block_header *header = from;
    for (;;) {
        uint64_t number = header->header.number;
        struct block_header **slot = window_slot(chain, number);
        if (*slot == header && header != from) {
            *fork = number;
            return true;
        }
        if (chain->store != NULL && *slot != header)
            chain->store->put(chain->store, &header->hash, number, header->rlp);
        set_slot(slot, header);
        if (header->proof == HEADER_BY_NONE)
            header->proof = header == chain->head ? HEADER_BY_VOTES : HEADER_BY_PARENT;
        chain->bottom = number;
        if (number == 0 || chain->head->header.number - number + 1 >= CHAIN_WINDOW)
            break;
        struct block_header *parent = table_get(&chain->by_hash, header->header.parent_hash.bytes);
        if (parent == NULL || parent->header.number + 1 != number)
            break;
        header = parent;
    }
    return false;
}

static bool in_window(struct chain *chain, const struct block_header *header)
{
    const struct block_header *canonical = *window_slot(chain, header->header.number);
    return canonical != NULL && hash32_equal(&canonical->hash, &header->hash);
}

static void on_forget(struct chain *chain)
{
    size_t cursor = 0, count = 0;
    struct block_header *header, *stale[256];
    uint64_t head = chain->head->header.number;
    if (chain->by_hash.count < 2 * CHAIN_WINDOW)
        return;
    while (count < ARRAY_COUNT(stale) && (header = table_next(&chain->by_hash, &cursor)) != NULL)
        if (header->header.number > 0 &&
            (header->header.number + CHAIN_WINDOW < head ||
             (chain->by_hash.count > 3 * CHAIN_WINDOW && !in_window(chain, header))))
            stale[count++] = header;
    for (size_t i = 0; i < count; i++) {
        table_remove(&chain->by_hash, stale[i]->hash.bytes);
        block_header_unref(stale[i]);
    }
    if (chain->store != NULL && head > CHAIN_WINDOW)
        chain->store->forget_below(chain->store, head - CHAIN_WINDOW);
}

/* The branch changed, so what was verified near the head may be on the branch that was left. */
static void drop_old_above(struct chain *chain, uint64_t number)
{
    chain->epoch++;
    for (size_t i = 0; i < CHAIN_OLD_MAX; i++)
        if (chain->old[i] != NULL && chain->old[i]->header.number > number)
            drop_old(chain, i);
}

static void want(struct chain *chain, const struct hash32 *hash, uint64_t number, uint64_t span,
                 const struct hash32 *prefer);

/* The new head does not touch the known chain: fetch what lies between, to learn how deep the reorg
 * went. */
static void want_link(struct chain *chain, struct block_header *old)
{
    struct block_header *lowest = *window_slot(chain, chain->bottom);
    uint64_t meet = old->header.number, number = lowest->header.number;
    if (number == 0 || number > meet + CHAIN_WINDOW)
        return;
    uint64_t depth = 0;
    for (size_t i = 0; i < chain->votes_count; i++)
        if (chain->votes[i].announced && chain->votes[i].head.reorg_depth > depth &&
            chain->votes[i].head.reorg_depth < CHAIN_WINDOW)
            depth = chain->votes[i].head.reorg_depth;
    meet = meet > depth ? meet - depth : 0;
    want(chain, &lowest->header.parent_hash, number - 1, number > meet ? number - meet : 1, NULL);
}

static void lose_head(struct chain *chain)
{
    struct block_header *old = chain->head;
    if (old == NULL)
        return;
    chain->head = NULL;
    chain->lost_ms = loop_now_ms(chain->loop);
    chain->agreeing = 0;
    log_write(chain->log, LOG_WARN, "ulc", "no head", "why", chain_trouble(chain), NULL);
    chain->events.on_head(chain->owner, old, NULL, 0);
    for (size_t i = 0; i < CHAIN_WINDOW; i++)
        set_slot(&chain->canonical[i], NULL);
    block_header_unref(old);
}

static void clear_above(struct chain *chain, uint64_t head)
{
    for (size_t i = 0; i < CHAIN_WINDOW; i++)
        if (chain->canonical[i] != NULL && chain->canonical[i]->header.number > head)
            set_slot(&chain->canonical[i], NULL);
}

static void clear_below(struct chain *chain, uint64_t bottom)
{
    for (size_t i = 0; i < CHAIN_WINDOW; i++)
        if (chain->canonical[i] != NULL && chain->canonical[i]->header.number < bottom)
            set_slot(&chain->canonical[i], NULL);
}

static void say_head(struct chain *chain, struct block_header *old, bool linked, uint64_t fork)
{
    char number[24], votes[24], depth[24], hash[67] = "0x";
    hex_encode(hash + 2, SPAN(chain->head->hash.bytes, 32));
    hash[66] = 0;
    uint64_t left =
        old != NULL && linked && fork < old->header.number ? old->header.number - fork : 0;
    chain->stats.heads++;
    if (left > 0) {
        chain->stats.reorgs++;
        if (left > chain->stats.deepest_reorg)
            chain->stats.deepest_reorg = left;
    }
    log_write(chain->log, old == NULL || left > 0 ? LOG_INFO : LOG_DEBUG, "ulc",
              left > 0 ? "reorg" : "head", "number", log_u64(number, chain->head->header.number),
              "hash", hash, "votes", log_u64(votes, chain->agreeing), "left_blocks",
              log_u64(depth, left), NULL);
}

static void set_head(struct chain *chain, struct block_header *head)
{
    struct block_header *old = chain->head;
    uint64_t fork = 0, old_bottom = chain->bottom;
    if (old == head)
        return;
    chain->head = block_header_ref(head);
    head->proof = head->header.number == 0 ? HEADER_BY_GENESIS : HEADER_BY_VOTES;
    clear_above(chain, head->header.number);
    bool linked = link_down(chain, head, &fork);
    if (linked) {
        uint64_t floor =
            head->header.number >= CHAIN_WINDOW ? head->header.number - CHAIN_WINDOW + 1 : 0;
        chain->bottom = old_bottom > floor ? old_bottom : floor;
        clear_below(chain, chain->bottom);
        if (old != NULL && fork < old->header.number)
            drop_old_above(chain, fork);
    } else {
        clear_below(chain, chain->bottom);
        uint64_t number = head->header.number;
        drop_old_above(chain, number > CHAIN_WINDOW ? number - CHAIN_WINDOW : 0);
        if (old != NULL)
            want_link(chain, old);
    }
    struct les_block_ref ref = {head->hash, head->header.number};
    les_client_set_fork_head(chain->client, &ref, head->header.timestamp);
    say_head(chain, old, linked, fork);
    chain->events.on_head(chain->owner, old, head, fork);
    block_header_unref(old);
    on_forget(chain);
}

/* ---- votes ---- */

static bool on_get_header(const struct ulc_headers *headers, const struct hash32 *hash,
                          uint64_t *number, struct hash32 *parent);

struct known_headers {
    struct ulc_headers headers;
    const struct chain *chain;
};

static bool on_get_header(const struct ulc_headers *headers, const struct hash32 *hash,
                          uint64_t *number, struct hash32 *parent)
{
    const struct chain *chain = ((const struct known_headers *)(const void *)headers)->chain;
    const struct block_header *header = table_get(&chain->by_hash, hash->bytes);
    if (header == NULL)
        return false;
    *number = header->header.number;
    *parent = header->header.parent_hash;
    return true;
}

static bool fetching(const struct chain *chain)
{
    for (size_t i = 0; i < CHAIN_FETCHES_MAX; i++)
        if (chain->fetches[i].running)
            return true;
    return false;
}

static bool fetching_hash(const struct chain *chain, const struct hash32 *hash)
{
    for (size_t i = 0; i < CHAIN_FETCHES_MAX; i++)
        if (chain->fetches[i].running && hash32_equal(&chain->fetches[i].op.ask.headers.hash, hash))
            return true;
    return false;
}

static bool failed_lately(struct chain *chain, const struct hash32 *hash)
{
    uint64_t now = loop_now_ms(chain->loop);
    for (size_t i = 0; i < CHAIN_FAILED_MAX; i++)
        if (now < chain->failed[i].until_ms && hash32_equal(&chain->failed[i].hash, hash))
            return true;
    return false;
}

static void want(struct chain *chain, const struct hash32 *hash, uint64_t number, uint64_t span,
                 const struct hash32 *prefer)
{
    struct fetch *free_fetch = NULL;
    size_t of_this_voter = 0;
    if (chain->closing || failed_lately(chain, hash))
        return;
    for (size_t i = 0; i < CHAIN_FETCHES_MAX; i++) {
        struct fetch *fetch = &chain->fetches[i];
        if (!fetch->running) {
            free_fetch = fetch;
            continue;
        }
        if (hash32_equal(&fetch->op.ask.headers.hash, hash))
            return;
        of_this_voter += prefer != NULL && hash32_equal(&fetch->op.prefer, prefer);
    }
    /* A voter that announces what nobody has must not keep the others' heads from being fetched. */
    if (free_fetch == NULL || of_this_voter >= CHAIN_FETCHES_PER_VOTER)
        return; /* comes again with the next review */
    struct les_op *op = &free_fetch->op;
    void (*on_done)(struct les_op *, enum status) = op->on_done;
    memset(op, 0, sizeof *op);
    op->on_done = on_done;
    op->kind = LES_ASK_HEADERS;
    op->ask.headers =
        (struct les_headers_query){.by_hash = true,
                                   .hash = *hash,
                                   .amount = span > CHAIN_RUN_MAX ? CHAIN_RUN_MAX : span,
                                   .reverse = true};
    if (prefer != NULL)
        op->prefer = *prefer;
    op->empty_needed = 3;
    op->deadline_ms = FETCH_DEADLINE_MS;
    free_fetch->running = true;
    free_fetch->number = number;
    les_start(chain->client, op);
}

/* A voter left, and the quorum of the others reaches only an ancestor of the head. The head was
 * vouched for and still is: block numbers do not go back for it. They do when a quorum itself
 * stands at the ancestor: then the servers went back. */
static bool only_lags(const struct chain *chain, const struct ulc_decision *decision,
                      const struct hash32 *votes, size_t votes_count)
{
    size_t standing = 0;
    if (chain->head == NULL || decision->head_number >= chain->head->header.number)
        return false;
    const struct block_header *canonical = chain_known_number(chain, decision->head_number);
    if (canonical == NULL || !hash32_equal(&canonical->hash, &decision->head))
        return false;
    for (size_t i = 0; i < votes_count; i++)
        standing += hash32_equal(&votes[i], &decision->head);
    return standing < chain->need;
}

static void decide(struct chain *chain)
{
    struct hash32 votes[ULC_SERVERS_MAX];
    uint64_t numbers[ULC_SERVERS_MAX];
    size_t count = 0;
    struct known_headers known = {{on_get_header}, chain};
    struct ulc_decision decision;
    for (size_t i = 0; i < chain->votes_count; i++)
        if (chain->votes[i].connected && chain->votes[i].counts) {
            votes[count] = chain->votes[i].block.hash;
            numbers[count++] = chain->votes[i].block.number;
        }
    enum ulc_result result =
        ulc_decide(&decision, &known.headers, votes, numbers, count, chain->need,
                   chain->head != NULL ? &chain->head->hash : &HASH32_ZERO);
    if (!hash32_is_zero(&decision.missing) && decision.span <= CHAIN_WINDOW)
        want(chain, &decision.missing, decision.missing_number, decision.span, NULL);
    if (result != ULC_NEED_HEADER)
        chain->gap_since_ms = 0;
    switch (result) {
    case ULC_HEAD:
        chain->agreeing = decision.head_votes;
        if (only_lags(chain, &decision, votes, count))
            return;
        set_head(chain, table_get(&chain->by_hash, decision.head.bytes));
        return;
    case ULC_NEED_HEADER:
        /* Enough servers vote and the link between their heads is on its way: the old head stands
         * meanwhile. */
        if (chain->gap_since_ms == 0)
            chain->gap_since_ms = loop_now_ms(chain->loop) + 1;
        if (!fetching(chain) ||
            loop_now_ms(chain->loop) > chain->gap_since_ms + 2 * FETCH_DEADLINE_MS)
            lose_head(chain);
        return;
    case ULC_NO_QUORUM:
        lose_head(chain);
        return;
    }
}

/* Where blocks come faster than their headers can be had, the newest head is never known: then an
 * earlier one counts as soon as its header is there. */
static void take_coming(struct chain *chain, struct vote *vote)
{
    const struct block_header *header = table_get(&chain->by_hash, vote->coming.hash.bytes);
    if (header != NULL && header->header.number == vote->coming.number) {
        vote->block = vote->coming;
        vote->counts = true;
    }
    if (header != NULL || !fetching_hash(chain, &vote->coming.hash))
        vote->coming = vote->head.block;
}

static void review(struct chain *chain)
{
    for (size_t i = 0; i < chain->votes_count; i++) {
        struct vote *vote = &chain->votes[i];
        if (!vote->connected || !vote->announced)
            continue;
        const struct les_block_ref *block = &vote->head.block;
        const struct block_header *header = table_get(&chain->by_hash, block->hash.bytes);
        if (header == NULL) {
            take_coming(chain, vote);
            want(chain, &block->hash, block->number, 1, &vote->server_id);
        } else if (header->header.number == block->number) {
            vote->block = vote->coming = *block;
            vote->counts = true;
        } else if (!failed_lately(chain, &block->hash)) {
            /* It signed a number that its own header denies. */
            size_t slot = chain->failed_next++ % CHAIN_FAILED_MAX;
            chain->failed[slot].hash = block->hash;
            chain->failed[slot].until_ms = loop_now_ms(chain->loop) + FAILED_REST_MS;
            les_blame(chain->client, &vote->server_id, "announced a hash under a wrong number");
        }
    }
    decide(chain);
}

static void on_review(struct timer *timer)
{
    review(container_of(timer, struct chain, review));
}

static struct block_header *remember(struct chain *chain, struct span rlp)
{
    struct block_header *header = block_header_new(rlp, HEADER_BY_NONE);
    if (header == NULL)
        return NULL;
    struct block_header *before = table_get(&chain->by_hash, header->hash.bytes);
    if (before != NULL) {
        block_header_unref(header);
        return before;
    }
    if (chain->by_hash.count > 4 * CHAIN_WINDOW && chain->head != NULL)
        on_forget(chain);
    (void)table_put(&chain->by_hash, header->hash.bytes, header);
    return header;
}

/* Headers arrived: the gap below the head may be closed now. */
static void link_again(struct chain *chain)
{
    uint64_t fork;
    if (chain->head == NULL || chain->bottom == 0)
        return;
    struct block_header *lowest = *window_slot(chain, chain->bottom);
    if (table_get(&chain->by_hash, lowest->header.parent_hash.bytes) != NULL)
        (void)link_down(chain, lowest, &fork);
}

static void on_fetched(struct les_op *op, enum status status)
{
    struct fetch *fetch = container_of(op, struct fetch, op);
    struct chain *chain = fetch->chain;
    fetch->running = false;
    if (chain->closing)
        return;
    if (status == STATUS_OK) {
        struct rlp items = rlp_reader(op->answer.headers.items);
        while (rlp_more(&items))
            (void)remember(chain, rlp_raw(&items));
        link_again(chain);
    } else {
        size_t slot = chain->failed_next++ % CHAIN_FAILED_MAX;
        chain->failed[slot].hash = op->ask.headers.hash;
        chain->failed[slot].until_ms = loop_now_ms(chain->loop) + FAILED_REST_MS;
        timer_start(&chain->review, FAILED_REST_MS + 1);
    }
    review(chain);
}

static struct vote *find_vote(struct chain *chain, const struct hash32 *id)
{
    for (size_t i = 0; i < chain->votes_count; i++)
        if (hash32_equal(&chain->votes[i].server_id, id))
            return &chain->votes[i];
    return NULL;
}

/* A checkpoint that a quorum of trusted servers names in its Status needs no configuration. */
static void agree_checkpoint(struct chain *chain)
{
    if (chain->has_checkpoint)
        return;
    for (size_t i = 0; i < les_server_count(chain->client); i++) {
        const struct les_server *server = les_server_at(chain->client, i);
        const struct les_status *status = les_server_status(server);
        size_t same = 0;
        if (!les_server_trusted(server) || !status->has_checkpoint)
            continue;
        for (size_t k = 0; k < les_server_count(chain->client); k++) {
            const struct les_server *other = les_server_at(chain->client, k);
            const struct les_status *theirs = les_server_status(other);
            same +=
                les_server_trusted(other) && theirs->has_checkpoint &&
                memcmp(&theirs->checkpoint, &status->checkpoint, sizeof status->checkpoint) == 0;
        }
        if (same >= chain->need) {
            char section[24];
            chain->has_checkpoint = true;
            chain->checkpoint = status->checkpoint;
            log_write(chain->log, LOG_INFO, "ulc", "checkpoint agreed", "section",
                      log_u64(section, chain->checkpoint.section), NULL);
            return;
        }
    }
}

void chain_on_head(struct chain *chain, struct les_server *server, const struct les_head *head)
{
    struct vote *vote = find_vote(chain, les_server_id(server));
    if (vote == NULL || chain->closing)
        return;
    if (head->from_status)
        agree_checkpoint(chain);
    vote->connected = true;
    vote->announced = true;
    vote->head = *head;
    review(chain);
}

void chain_on_server_gone(struct chain *chain, struct les_server *server)
{
    struct vote *vote = find_vote(chain, les_server_id(server));
    if (vote == NULL || chain->closing)
        return;
    *vote = (struct vote){.server_id = vote->server_id};
    review(chain);
}

size_t chain_voters(const struct chain *chain, const struct hash32 *out[ULC_SERVERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < chain->votes_count; i++)
        if (chain->votes[i].connected)
            out[count++] = &chain->votes[i].server_id;
    return count;
}

bool chain_mark_number(const struct chain *chain, enum chain_mark mark, uint64_t *number)
{
    uint64_t numbers[ULC_SERVERS_MAX];
    size_t count = 0;
    *number = 0;
    for (size_t i = 0; i < chain->votes_count; i++) {
        const struct vote *vote = &chain->votes[i];
        bool has = mark == CHAIN_SAFE ? vote->head.has_safe : vote->head.has_finalized;
        if (!vote->connected || !has)
            continue;
        uint64_t value = mark == CHAIN_SAFE ? vote->head.safe.number : vote->head.finalized.number;
        size_t at = count++;
        for (; at > 0 && numbers[at - 1] < value; at--)
            numbers[at] = numbers[at - 1];
        numbers[at] = value;
    }
    if (count < chain->need || chain->head == NULL)
        return false;
    *number =
        numbers[chain->need - 1]; /* so many servers say that this one or a later one is final */
    if (*number > chain->head->header.number)
        *number = chain->head->header.number;
    return true;
}

void chain_quorum(const struct chain *chain, struct chain_quorum *out)
{
    *out = (struct chain_quorum){
        .configured = chain->votes_count, .needed = chain->need, .agreeing = chain->agreeing};
    for (size_t i = 0; i < chain->votes_count; i++)
        out->connected += chain->votes[i].connected;
}

const char *chain_trouble(struct chain *chain)
{
    struct chain_quorum quorum;
    chain_quorum(chain, &quorum);
    if (quorum.connected < quorum.needed)
        snprintf(chain->trouble, sizeof chain->trouble,
                 "no verified head: %zu of %zu trusted servers are connected and %zu must agree",
                 quorum.connected, quorum.configured, quorum.needed);
    else
        snprintf(chain->trouble, sizeof chain->trouble,
                 "no verified head: %zu of %zu trusted servers are connected, but fewer than %zu "
                 "stand behind one block",
                 quorum.connected, quorum.configured, quorum.needed);
    return chain->trouble;
}

/* ---- life ---- */

static void on_stored_header(void *owner, struct span rlp)
{
    (void)remember(owner, rlp);
}

struct chain *chain_new(struct loop *loop, struct log *log, struct les_client *client,
                        const struct chainspec *spec, const struct chain_config *config,
                        const struct chain_events *events, void *owner)
{
    struct chain *chain = mem_alloc(sizeof *chain);
    uint64_t seed;
    chain->loop = loop;
    chain->lost_ms = loop_now_ms(loop);
    chain->log = log;
    chain->client = client;
    chain->spec = spec;
    chain->events = *events;
    chain->owner = owner;
    chain->store = config->store;
    chain->has_checkpoint = config->has_checkpoint;
    chain->checkpoint = config->checkpoint;
    ASSERT(config->trusted_count <= ULC_SERVERS_MAX);
    chain->votes_count = config->trusted_count;
    for (size_t i = 0; i < config->trusted_count; i++)
        chain->votes[i].server_id = config->trusted[i];
    chain->need = ulc_need(config->trusted_count, config->fraction_percent);
    loop_random(loop, &seed, sizeof seed);
    table_init(&chain->by_hash, seed);
    table_init(&chain->old_by_hash, ~seed);
    timer_init(&chain->review, loop, on_review);
    for (size_t i = 0; i < CHAIN_FETCHES_MAX; i++) {
        chain->fetches[i].chain = chain;
        chain->fetches[i].op.on_done = on_fetched;
    }
    chain->genesis = block_header_new(config->genesis_rlp, HEADER_BY_GENESIS);
    ASSERT(chain->genesis != NULL);
    (void)table_put(&chain->by_hash, chain->genesis->hash.bytes, block_header_ref(chain->genesis));
    if (chain->store != NULL)
        chain->store->load(chain->store, CHAIN_WINDOW, on_stored_header, chain);
    return chain;
}

static void free_headers(struct table *table)
{
    size_t cursor = 0;
    struct block_header *header;
    while ((header = table_next(table, &cursor)) != NULL)
        block_header_unref(header);
    table_free(table);
}

void chain_stop(struct chain *chain)
{
    chain->closing = true;
    timer_stop(&chain->review);
    chain_searches_cancel(chain);
}

void chain_free(struct chain *chain)
{
    if (chain == NULL)
        return;
    ASSERT(chain->closing && chain->searches == NULL);
    for (size_t i = 0; i < CHAIN_FETCHES_MAX; i++)
        ASSERT(!chain->fetches[i].running); /* the client ends its ops before the chain goes */
    for (size_t i = 0; i < CHAIN_WINDOW; i++)
        set_slot(&chain->canonical[i], NULL);
    for (size_t i = 0; i < CHAIN_OLD_MAX; i++)
        drop_old(chain, i);
    table_free(&chain->old_by_hash);
    free_headers(&chain->by_hash);
    block_header_unref(chain->head);
    block_header_unref(chain->genesis);
    mem_free(chain);
}

void chain_stats(const struct chain *chain, struct chain_stats *out)
{
    *out = chain->stats;
    out->headers = chain->by_hash.count + chain->old_by_hash.count;
}

const struct chainspec *chain_spec(const struct chain *chain)
{
    return chain->spec;
}

const struct les_checkpoint *chain_checkpoint(const struct chain *chain)
{
    return chain->has_checkpoint ? &chain->checkpoint : NULL;
}
