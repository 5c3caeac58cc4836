#include "les/proto/chain_private.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

/* Rough bytes of an answer, to choose the cheapest way. */
#define HEADER_BYTES   600
#define CHT_NODE_BYTES 400
#define STATE_BYTES    (12 * CHT_NODE_BYTES + HEADER_BYTES)
#define CHT_SECTION    32768
/* Proofs before votes: any server can prove, and nobody has to be believed twice. */
#define QUORUM_MALUS_BYTES 16384

enum way { WAY_WALK, WAY_STATE, WAY_CHT, WAY_QUORUM, WAY_COUNT };

/* One header that is being looked for, by number or by hash, and everybody who waits for it. */
struct chain_search {
    struct chain *chain;
    struct chain_search *next;
    struct chain_find *finds;
    bool by_hash;
    struct hash32 hash;
    uint64_t number; /* the header that is wanted ... */
    uint64_t from;   /* ... and those below it down to this one */
    /* What was verified on the way, by number from `from` on: the chain keeps only so many old
     * headers, and others ask too. Of the branch that was canonical at epoch. */
    struct block_header **kept;
    uint64_t epoch;
    uint64_t asked_epoch; /* when the walk, or the quorum, was asked */
    bool running;         /* a range: it has its turn */
    unsigned steps;
    bool tried[WAY_COUNT];
    unsigned short_runs;
    enum way way;
    struct block_header *state_of; /* the state that was asked for the hash at number ... */
    uint64_t state_epoch;
    struct hash32 proved_hash; /* ... and what it said */
    struct hash32 slot, slot_key;
    struct block_header
        *candidate; /* by_hash: what the hash stands for, not yet known to be canonical */
    /* one question for a walk, a CHT proof or a header by hash; several for a quorum */
    struct search_op {
        struct les_op op;
        struct chain_search *search;
    } ops[ULC_SERVERS_MAX];
    struct block_header *answers[ULC_SERVERS_MAX];
    size_t asked, open;
    struct les_cost_note note;
    bool ending;
    struct task task; /* takes the next step, never on the stack of the one before */
    enum status outcome;
    bool done;
};

static void search_step(struct chain_search *search);

static void add_note(struct les_cost_note *sum, const struct les_cost_note *part)
{
    sum->servers += part->servers;
    sum->bytes_in += part->bytes_in;
    sum->bytes_out += part->bytes_out;
    sum->lies += part->lies;
}

/* ---- those who wait ---- */

static void on_find_done(struct task *task)
{
    struct chain_find *find = container_of(task, struct chain_find, task);
    struct block_header *result = find->result;
    find->result = NULL;
    find->waiting = false;
    find->on_done(find, find->outcome, result);
    block_header_unref(result);
}

static void finish_find(struct chain_find *find, enum status status, struct block_header *header)
{
    find->search = NULL;
    find->outcome = status;
    find->epoch = find->chain->epoch;
    find->result = status == STATUS_OK ? block_header_ref(header) : NULL;
    loop_defer(find->chain->loop, &find->task);
}

static void init_find(struct chain *chain, struct chain_find *find)
{
    ASSERT(!find->waiting);
    find->chain = chain;
    find->search = NULL;
    find->next = NULL;
    find->result = NULL;
    find->waiting = true;
    memset(&find->note, 0, sizeof find->note);
    memset(&find->task, 0, sizeof find->task);
    find->task.on_run = on_find_done;
}

void chain_find_cancel(struct chain_find *find)
{
    struct chain_search *search = find->search;
    if (!find->waiting || search == NULL)
        return;
    for (struct chain_find **at = &search->finds; *at != NULL; at = &(*at)->next)
        if (*at == find) {
            *at = find->next;
            break;
        }
    finish_find(find, STATUS_CANCELLED, NULL); /* the search goes on: what it finds is kept */
}

/* ---- the life of a search ---- */

static bool is_long_range(const struct chain_search *search)
{
    return search->number - search->from >= CHAIN_RUN_MAX; /* more than one message */
}

static void drop_kept(struct chain_search *search)
{
    if (search->kept == NULL)
        return;
    for (uint64_t i = 0; i <= search->number - search->from; i++)
        block_header_unref(search->kept[i]);
    mem_free(search->kept);
    search->kept = NULL;
}

static void on_search_free(void *pointer)
{
    struct chain_search *search = pointer;
    block_header_unref(search->candidate);
    block_header_unref(search->state_of);
    drop_kept(search);
    for (size_t i = 0; i < search->asked; i++)
        block_header_unref(search->answers[i]);
    mem_free(search);
}

static void end_search(struct chain_search *search)
{
    struct chain *chain = search->chain;
    for (struct chain_search **at = &chain->searches; *at != NULL; at = &(*at)->next)
        if (*at == search) {
            *at = search->next;
            break;
        }
    chain->searches_count--;
    loop_sweep(chain->loop, search, on_search_free);
}

/* Ranges take turns: each holds all its headers until it ends. */
static void release_turn(struct chain_search *search)
{
    struct chain *chain = search->chain;
    if (!search->running)
        return;
    search->running = false;
    chain->ranges_running--;
    for (struct chain_search *other = chain->searches; other != NULL; other = other->next)
        if (is_long_range(other) && !other->running && !other->ending)
            loop_defer(chain->loop, &other->task);
}

static void finish_search(struct chain_search *search, enum status status,
                          struct block_header *header)
{
    release_turn(search);
    while (search->finds != NULL) {
        struct chain_find *find = search->finds;
        search->finds = find->next;
        add_note(&find->note, &search->note);
        finish_find(find, status, header);
    }
    search->ending = true;
    if (search->open == 0)
        end_search(search);
    else
        for (size_t i = 0; i < search->asked; i++)
            les_cancel(&search->ops[i].op); /* the last of them ends the search */
}

void chain_searches_cancel(struct chain *chain)
{
    struct chain_search *next;
    for (struct chain_search *search = chain->searches; search != NULL; search = next) {
        next = search->next;
        if (!search->ending)
            finish_search(search, STATUS_CANCELLED, NULL);
    }
}

static void on_search_task(struct task *task)
{
    struct chain_search *search = container_of(task, struct chain_search, task);
    if (!search->ending)
        search_step(search);
}

static void step_later(struct chain_search *search)
{
    loop_defer(search->chain->loop, &search->task);
}

/* Common to all answers. True: the search is still on and cares. */
static bool take_op(struct chain_search *search, struct les_op *op)
{
    search->open--;
    add_note(&search->note, &op->note);
    if (!search->ending)
        return true;
    if (search->open == 0)
        end_search(search);
    return false;
}

static struct les_op *new_op(struct chain_search *search, enum les_kind kind,
                             void (*on_done)(struct les_op *op, enum status status))
{
    struct search_op *slot = &search->ops[search->asked++];
    memset(&slot->op, 0, sizeof slot->op);
    slot->search = search;
    slot->op.kind = kind;
    slot->op.on_done = on_done;
    search->open++;
    return &slot->op;
}

static void forget_ops(struct chain_search *search)
{
    ASSERT(search->open == 0);
    for (size_t i = 0; i < search->asked; i++) {
        block_header_unref(search->answers[i]);
        search->answers[i] = NULL;
    }
    search->asked = 0;
}

/* ---- what a search has found so far ---- */

static struct block_header *search_known(struct chain_search *search, uint64_t number)
{
    struct block_header *header = chain_known_number(search->chain, number);
    if (search->epoch != search->chain->epoch) {
        drop_kept(search);
        search->epoch = search->chain->epoch;
    }
    if (header == NULL && search->kept != NULL && number >= search->from &&
        number <= search->number)
        header = search->kept[number - search->from];
    return header;
}

/* header was verified to be canonical. */
static void search_keep(struct chain_search *search, struct block_header *header,
                        enum header_proof proof)
{
    struct chain *chain = search->chain;
    uint64_t number = header->header.number;
    if (chain->head == NULL || number >= chain->head->header.number ||
        search_known(search, number) != NULL)
        return;
    chain_keep_canonical(chain, header, proof);
    if (number < search->from || number > search->number)
        return;
    if (search->kept == NULL)
        search->kept =
            mem_alloc((search->number - search->from + 1) * sizeof(struct block_header *));
    search->kept[number - search->from] = block_header_ref(header);
}

/* Those that were crowded out meanwhile are put back for the one who asked. */
static void put_back(struct chain_search *search)
{
    if (search->kept == NULL)
        return;
    for (uint64_t number = search->number + 1; number-- > search->from;) {
        struct block_header *header = search->kept[number - search->from];
        if (header != NULL && chain_known_number(search->chain, number) == NULL)
            chain_keep_canonical(search->chain, header, header->proof);
    }
}

/* ---- parent hashes ---- */

/* The lowest known header from which number can be reached downwards; NULL if it is too far. */
static struct block_header *walk_start(const struct chain *chain, uint64_t number)
{
    for (uint64_t above = number + 1; above <= number + CHAIN_WALK_MAX; above++) {
        struct block_header *header = chain_known_number(chain, above);
        if (header != NULL)
            return header;
    }
    return NULL;
}

static void on_walked(struct les_op *op, enum status status)
{
    struct chain_search *search = container_of(op, struct search_op, op)->search;
    if (!take_op(search, op))
        return;
    if (status != STATUS_OK) {
        search->tried[WAY_WALK] = true;
    } else if (search->asked_epoch == search->chain->epoch) { /* else: of a branch that was left */
        struct rlp items = rlp_reader(op->answer.headers.items);
        while (rlp_more(&items)) {
            struct block_header *header = block_header_new(rlp_raw(&items), HEADER_BY_PARENT);
            ASSERT(header != NULL); /* the client has decoded it */
            search_keep(search, header, HEADER_BY_PARENT);
            block_header_unref(header);
        }
        /* Servers give whole runs; one that gives crumbs would make a walk of every header. */
        if (op->answer.headers.count < op->ask.headers.amount && ++search->short_runs >= 2)
            search->tried[WAY_WALK] = true;
    }
    step_later(search);
}

static void ask_walk(struct chain_search *search, const struct block_header *start,
                     uint64_t down_to)
{
    uint64_t distance = start->header.number - down_to;
    struct les_op *op = new_op(search, LES_ASK_HEADERS, on_walked);
    search->asked_epoch = search->chain->epoch;
    op->ask.headers =
        (struct les_headers_query){.by_hash = true,
                                   .hash = start->header.parent_hash,
                                   .amount = distance > CHAIN_RUN_MAX ? CHAIN_RUN_MAX : distance,
                                   .reverse = true};
    op->block_number = start->header.number - 1;
    les_start(search->chain->client, op);
}

/* ---- agreement of trusted servers on a number ---- */

static void judge_quorum(struct chain_search *search)
{
    struct chain *chain = search->chain;
    /* Answers of before a reorg may agree on the branch that was left: ask again. */
    bool stale = search->asked_epoch != chain->epoch;
    for (size_t i = 0; i < search->asked && !stale; i++) {
        size_t same = 0;
        if (search->answers[i] == NULL)
            continue;
        for (size_t k = 0; k < search->asked; k++)
            same += search->answers[k] != NULL &&
                    hash32_equal(&search->answers[i]->hash, &search->answers[k]->hash);
        if (same < chain->need)
            continue;
        search_keep(search, search->answers[i], HEADER_BY_QUORUM);
        break;
    }
    search->tried[WAY_QUORUM] = !stale;
    forget_ops(search);
    step_later(search);
}

static void on_witness(struct les_op *op, enum status status)
{
    struct search_op *slot = container_of(op, struct search_op, op);
    struct chain_search *search = slot->search;
    if (status == STATUS_OK && !search->ending) {
        struct rlp items = rlp_reader(op->answer.headers.items);
        search->answers[slot - search->ops] = block_header_new(rlp_raw(&items), HEADER_BY_NONE);
    }
    if (take_op(search, op) && search->open == 0)
        judge_quorum(search);
}

static void ask_quorum(struct chain_search *search)
{
    const struct hash32 *voters[ULC_SERVERS_MAX];
    size_t count = chain_voters(search->chain, voters);
    search->asked_epoch = search->chain->epoch;
    for (size_t i = 0; i < count; i++) {
        struct les_op *op = new_op(search, LES_ASK_HEADERS, on_witness);
        op->ask.headers = (struct les_headers_query){.number = search->number, .amount = 1};
        op->only = voters[i];
        op->empty_needed = 1;
        op->deadline_ms = LES_HEDGE_MAX_MS;
    }
    for (size_t i = 0; i < count; i++)
        les_start(search->chain->client, &search->ops[i].op);
}

/* ---- EIP-2935: the state of the head knows the hashes of the blocks before it ---- */

static bool in_history(const struct chain *chain, uint64_t number)
{
    const struct block_header *head = chain->head;
    return chainspec_fork(chain->spec, &head->header) >= FORK_PRAGUE &&
           number < head->header.number && head->header.number - number <= HISTORY_WINDOW;
}

static bool read_history(const struct les_op *op, struct hash32 *out)
{
    struct trie_source *nodes = trie_nodes_source(op->answer.nodes);
    struct trie_walk walk;
    struct hash32 key;
    struct account account;
    keccak256(&key, SPAN(HISTORY_ADDRESS.bytes, 20));
    if (trie_walk(&walk, nodes, &op->ask.slots.state_root, SPAN(key.bytes, 32)) != TRIE_FOUND ||
        !account_decode(&account, walk.value) ||
        trie_walk(&walk, nodes, &account.storage_root, SPAN(op->ask.slots.keys[0].bytes, 32)) !=
            TRIE_FOUND)
        return false;
    struct rlp rlp = rlp_reader(walk.value);
    struct span bytes = rlp_bytes(&rlp);
    if (!rlp_end(&rlp) || bytes.size > 32)
        return false;
    memset(out, 0, sizeof *out);
    memcpy(out->bytes + 32 - bytes.size, bytes.data, bytes.size);
    return true;
}

/* The hash was proved; now its header, from anybody. */
static void on_proved_header(struct les_op *op, enum status status)
{
    struct chain_search *search = container_of(op, struct search_op, op)->search;
    if (!take_op(search, op))
        return;
    bool stale = search->state_epoch != search->chain->epoch;
    search->tried[WAY_STATE] = !stale;
    if (status == STATUS_OK && !stale) {
        struct rlp items = rlp_reader(op->answer.headers.items);
        struct block_header *header = block_header_new(rlp_raw(&items), HEADER_BY_STATE);
        ASSERT(header != NULL);
        /* Before Prague the slot may hold what somebody else put there. */
        if (header->header.number == search->number)
            search_keep(search, header, HEADER_BY_STATE);
        block_header_unref(header);
    }
    step_later(search);
}

static void on_history(struct les_op *op, enum status status)
{
    struct chain_search *search = container_of(op, struct search_op, op)->search;
    if (!take_op(search, op))
        return;
    if (status != STATUS_OK || !read_history(op, &search->proved_hash))
        search->tried[WAY_STATE] = true;
    step_later(search);
}

static void ask_state(struct chain_search *search)
{
    struct chain *chain = search->chain;
    if (!hash32_is_zero(&search->proved_hash) && search->state_epoch == chain->epoch) {
        struct les_op *op = new_op(search, LES_ASK_HEADERS, on_proved_header);
        op->ask.headers =
            (struct les_headers_query){.by_hash = true, .hash = search->proved_hash, .amount = 1};
        op->empty_needed = 1;
        op->deadline_ms = LES_HEDGE_MAX_MS;
        les_start(chain->client, op);
        return;
    }
    struct les_op *op = new_op(search, LES_ASK_SLOTS, on_history);
    block_header_unref(search->state_of);
    search->state_of = block_header_ref(chain->head);
    search->state_epoch = chain->epoch;
    search->proved_hash = HASH32_ZERO;
    memset(&search->slot, 0, sizeof search->slot);
    be_write(search->slot.bytes + 24, 8, search->number % HISTORY_WINDOW);
    keccak256(&search->slot_key, SPAN(search->slot.bytes, 32));
    op->needs_state = true;
    op->block_number = chain->head->header.number;
    op->ask.slots.block_hash = chain->head->hash;
    op->ask.slots.state_root = chain->head->header.state_root;
    op->ask.slots.address = HISTORY_ADDRESS;
    op->ask.slots.keys = &search->slot_key;
    op->ask.slots.slots = &search->slot;
    op->ask.slots.keys_count = 1;
    op->deadline_ms = LES_HEDGE_MAX_MS;
    les_start(chain->client, op);
}

/* ---- CHT ---- */

static void on_cht(struct les_op *op, enum status status)
{
    struct chain_search *search = container_of(op, struct search_op, op)->search;
    if (!take_op(search, op))
        return;
    search->tried[WAY_CHT] = true;
    if (status == STATUS_OK) {
        struct block_header *header = block_header_new(op->answer.cht.header, HEADER_BY_CHT);
        ASSERT(header != NULL);
        search_keep(search, header, HEADER_BY_CHT);
        block_header_unref(header);
    }
    step_later(search);
}

static void ask_cht(struct chain_search *search)
{
    struct les_op *op = new_op(search, LES_ASK_CHT, on_cht);
    op->ask.cht.number = search->number;
    op->ask.cht.section = search->chain->checkpoint.section;
    op->ask.cht.cht_root = search->chain->checkpoint.cht_root;
    op->block_number = (op->ask.cht.section + 1) * CHT_SECTION;
    op->deadline_ms = LES_HEDGE_MAX_MS;
    les_start(search->chain->client, op);
}

/* ---- by number ---- */

static uint64_t cht_bytes(const struct chain *chain)
{
    uint64_t bytes = HEADER_BYTES;
    for (uint64_t blocks = (chain->checkpoint.section + 1) * CHT_SECTION; blocks > 0; blocks /= 16)
        bytes += CHT_NODE_BYTES;
    return bytes;
}

static bool choose_way(struct chain_search *search, const struct block_header *start)
{
    const struct chain *chain = search->chain;
    const struct hash32 *voters[ULC_SERVERS_MAX];
    uint64_t best = UINT64_MAX, cost[WAY_COUNT];
    size_t count = chain_voters(chain, voters);
    cost[WAY_WALK] =
        start != NULL ? (start->header.number - search->number) * HEADER_BYTES : UINT64_MAX;
    cost[WAY_STATE] = in_history(chain, search->number) ? STATE_BYTES : UINT64_MAX;
    cost[WAY_QUORUM] =
        count >= chain->need ? count * HEADER_BYTES + QUORUM_MALUS_BYTES : UINT64_MAX;
    cost[WAY_CHT] =
        chain->has_checkpoint && search->number / CHT_SECTION <= chain->checkpoint.section
            ? cht_bytes(chain)
            : UINT64_MAX;
    for (unsigned way = 0; way < WAY_COUNT; way++)
        if (!search->tried[way] && cost[way] < best) {
            best = cost[way];
            search->way = (enum way)way;
        }
    return best != UINT64_MAX;
}

/* False: it is not yet the turn of this range, or nobody wants it any more. */
static bool take_turn(struct chain_search *search)
{
    struct chain *chain = search->chain;
    if (search->running || !is_long_range(search))
        return true;
    if (search->finds == NULL) {
        finish_search(search, STATUS_CANCELLED, NULL);
        return false;
    }
    if (chain->ranges_running == CHAIN_RANGES_MAX)
        return false;
    search->running = true;
    chain->ranges_running++;
    return true;
}

static void step_number(struct chain_search *search)
{
    struct chain *chain = search->chain;
    if (!take_turn(search))
        return;
    if (++search->steps > CHAIN_STEPS_MAX) {
        finish_search(search, STATUS_LIMIT, NULL);
        return;
    }
    struct block_header *header = search_known(search, search->number);
    if (header != NULL) {
        uint64_t lowest = search->number;
        while (lowest > search->from && search_known(search, lowest - 1) != NULL)
            lowest--;
        if (lowest == search->from) {
            chain->stats.found_by[header->proof]++;
            put_back(search);
            finish_search(search, STATUS_OK, header);
        } else if (search->tried[WAY_WALK]) {
            finish_search(search, STATUS_UNAVAILABLE, NULL);
        } else {
            ask_walk(search, search_known(search, lowest), search->from);
        }
        return;
    }
    struct block_header *start = walk_start(chain, search->number);
    if (!choose_way(search, start)) {
        finish_search(search, STATUS_UNAVAILABLE, NULL);
        return;
    }
    switch (search->way) {
    case WAY_WALK:
        ask_walk(search, start, search->from < search->number ? search->from : search->number);
        return;
    case WAY_STATE:
        ask_state(search);
        return;
    case WAY_QUORUM:
        ask_quorum(search);
        return;
    case WAY_CHT:
        ask_cht(search);
        return;
    case WAY_COUNT:
        break;
    }
    ASSERT(false);
}

/* ---- by hash ---- */

static void on_named(struct les_op *op, enum status status)
{
    struct chain_search *search = container_of(op, struct search_op, op)->search;
    if (!take_op(search, op))
        return;
    if (status != STATUS_OK) {
        finish_search(search, status == STATUS_NOT_FOUND ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE,
                      NULL);
        return;
    }
    struct rlp items = rlp_reader(op->answer.headers.items);
    search->candidate = block_header_new(rlp_raw(&items), HEADER_BY_NONE);
    ASSERT(search->candidate != NULL);
    search->number = search->from = search->candidate->header.number;
    step_later(search);
}

static void ask_hash(struct chain_search *search)
{
    struct les_op *op = new_op(search, LES_ASK_HEADERS, on_named);
    op->ask.headers =
        (struct les_headers_query){.by_hash = true, .hash = search->hash, .amount = 1};
    op->empty_needed = (unsigned)search->chain->need;
    les_start(search->chain->client, op);
}

/* The hash fixes the header; whether it is on this chain is decided at its number. */
static void step_hash(struct chain_search *search)
{
    struct chain *chain = search->chain;
    struct block_header *known = chain_known_hash(chain, &search->hash), *holder = NULL;
    if (known == NULL && search->candidate != NULL) {
        holder = search_known(search, search->number);
        if (holder != NULL && hash32_equal(&holder->hash, &search->hash))
            known = holder;
    }
    if (known != NULL) {
        chain->stats.found_by[known->proof]++;
        finish_search(search, STATUS_OK, known);
    } else if (search->candidate == NULL) {
        ask_hash(search);
    } else if (search->number > chain->head->header.number || holder != NULL) {
        finish_search(search, STATUS_NOT_FOUND, NULL); /* another block holds that number */
    } else {
        step_number(search);
    }
}

static void search_step(struct chain_search *search)
{
    if (search->open > 0)
        return;
    forget_ops(search);
    if (search->chain->head == NULL)
        finish_search(search, STATUS_UNAVAILABLE, NULL);
    else if (search->by_hash)
        step_hash(search);
    else
        step_number(search);
}

/* ---- entry ---- */

static void join_search(struct chain *chain, struct chain_find *find, bool by_hash,
                        const struct hash32 *hash, uint64_t from, uint64_t number)
{
    struct chain_search *search = chain->searches;
    while (search != NULL && (search->ending || search->by_hash != by_hash ||
                              (by_hash ? !hash32_equal(&search->hash, hash)
                                       : search->number != number || search->from != from)))
        search = search->next;
    if (search == NULL) {
        if (chain->searches_count == CHAIN_FINDS_MAX) {
            finish_find(find, STATUS_LIMIT, NULL);
            return;
        }
        search = mem_alloc(sizeof *search);
        search->chain = chain;
        search->by_hash = by_hash;
        if (by_hash)
            search->hash = *hash;
        search->number = number;
        search->from = from;
        search->task.on_run = on_search_task;
        search->next = chain->searches;
        chain->searches = search;
        chain->searches_count++;
        step_later(search);
    }
    find->search = search;
    find->next = search->finds;
    search->finds = find;
}

void chain_find_range(struct chain *chain, struct chain_find *find, uint64_t from, uint64_t to)
{
    init_find(chain, find);
    struct block_header *header = chain_known_number(chain, to);
    if (chain->closing)
        finish_find(find, STATUS_CANCELLED, NULL);
    else if (chain->head == NULL)
        finish_find(find, STATUS_UNAVAILABLE, NULL);
    else if (to > chain->head->header.number)
        finish_find(find, STATUS_NOT_FOUND, NULL);
    else if (from > to || to - from >= CHAIN_OLD_MAX / 2)
        finish_find(find, STATUS_LIMIT, NULL);
    else if (header != NULL && from == to)
        finish_find(find, STATUS_OK, header);
    else
        join_search(chain, find, false, NULL, from, to);
}

void chain_find_number(struct chain *chain, struct chain_find *find, uint64_t number)
{
    chain_find_range(chain, find, number, number);
}

void chain_find_hash(struct chain *chain, struct chain_find *find, const struct hash32 *hash)
{
    init_find(chain, find);
    struct block_header *header = chain_known_hash(chain, hash);
    if (chain->closing)
        finish_find(find, STATUS_CANCELLED, NULL);
    else if (chain->head == NULL)
        finish_find(find, STATUS_UNAVAILABLE, NULL);
    else if (header != NULL)
        finish_find(find, STATUS_OK, header);
    else if (hash32_is_zero(hash)) /* go-ethereum reads it as "by number" */
        finish_find(find, STATUS_NOT_FOUND, NULL);
    else
        join_search(chain, find, true, hash, 0, 0);
}
