#include "gateway/query.h"

#include "les/base/limits.h"
#include "les/base/table.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

#include <stdarg.h>
#include <stdio.h>

/* Servers that get a transaction at once (go-ethereum's light client: up to 3). */
#define SEND_TX_SERVERS 3

enum held_kind { HELD_NUMBER, HELD_HASH, HELD_RANGE, HELD_OBJECT, HELD_OP };

/* Something that was asked for and did not come at once. */
struct held {
    struct hash32 key;
    enum held_kind kind;
    struct query *query; /* NULL: the query is gone, only the memory waits for its callback */
    struct held *next;
    bool arrived;
    enum status status;
    struct block_header *header;
    struct object_wait wait;
    struct chain_find find;
    struct les_op op;
    struct span value; /* owned copy */
    bool absent;
    struct les_tx_status tx_status;
    struct hash32 server;
};

struct query {
    struct call *call;
    struct light *light;
    struct call_done (*step)(struct query *query);
    void *args;
    struct table held;
    struct held *all;
    size_t outstanding;
    unsigned rounds;
    bool first_run;
    bool running;
    bool headless; /* waits for the head, which was lost a moment ago */
    struct timer head_timer;
    bool failed;
    int fail_code;
    char fail_text[240];
    struct task again;
    struct hash32 doubted[QUERY_DOUBTED_MAX];
    size_t doubted_count;
    struct address20 account; /* the last one asked for, and its place in the trie */
    struct hash32 account_key;
    bool has_account;
    bool lied_to; /* one of them */
};

static void on_again(struct task *task);
static void on_head_timer(struct timer *timer);

/* ---- life ---- */

static void on_free_held(void *pointer)
{
    struct held *held = pointer;
    block_header_unref(held->header);
    mem_free((void *)held->value.data);
    mem_free(held);
}

static void drop_held(struct held *held)
{
    held->query = NULL;
    if (held->arrived) {
        on_free_held(held);
        return;
    }
    switch (held->kind) {
    case HELD_NUMBER:
    case HELD_HASH:
    case HELD_RANGE:
        chain_find_cancel(&held->find); /* frees in on_found */
        return;
    case HELD_OBJECT:
        object_wait_cancel(&held->wait);
        on_free_held(held);
        return;
    case HELD_OP:
        les_cancel(&held->op); /* frees in on_op */
        return;
    }
}

static void free_query(struct query *query)
{
    struct held *next;
    for (struct held *held = query->all; held != NULL; held = next) {
        next = held->next;
        drop_held(held);
    }
    if (query->held.slots != NULL)
        table_free(&query->held);
    task_cancel(&query->again);
    timer_stop(&query->head_timer);
    loop_sweep(query->light->loop, query, mem_free);
}

static void on_cancel(struct call *call)
{
    free_query(call_state(call));
}

static struct call_done complete(struct query *query, struct call_done done)
{
    free_query(query);
    return done;
}

static struct call_done run(struct query *query)
{
    if (++query->rounds > QUERY_ROUNDS_MAX)
        return query_fail(query, RPC_LIMIT_EXCEEDED,
                          "the request needs too many rounds of fetching");
    query->running = true;
    query->headless = false;
    return query->step(query);
}

struct call_done query_start(struct call *call, struct light *light,
                             struct call_done (*step)(struct query *query), void *args)
{
    struct query *query = mem_alloc(sizeof *query);
    query->call = call;
    query->light = light;
    query->step = step;
    query->args = args;
    query->first_run = true;
    query->again.on_run = on_again;
    timer_init(&query->head_timer, light->loop, on_head_timer);
    call_set_state(call, query);
    return run(query);
}

static void on_again(struct task *task)
{
    struct query *query = container_of(task, struct query, again);
    query->first_run = false;
    if (query->failed)
        (void)query_fail(query, query->fail_code, query->fail_text);
    else
        (void)run(query);
}

static void on_head_timer(struct timer *timer)
{
    struct query *query = container_of(timer, struct query, head_timer);
    query->rounds--; /* this one fetched nothing */
    loop_defer(query->light->loop, &query->again);
}

struct call *query_call(const struct query *query)
{
    return query->call;
}

struct light *query_light(const struct query *query)
{
    return query->light;
}

void *query_args(const struct query *query)
{
    return query->args;
}

struct call_done query_wait(struct query *query)
{
    query->running = false;
    if (query->outstanding == 0 && query->headless && !query->failed)
        timer_start(&query->head_timer, QUERY_HEAD_POLL_MS);
    else if (query->outstanding == 0) /* what step waits for has failed */
        loop_defer(query->light->loop, &query->again);
    if (query->first_run)
        return call_pending(query->call, on_cancel);
    return (struct call_done){0};
}

struct call_done query_ok(struct query *query)
{
    if (query->all == NULL)
        call_note_source(query->call, CALL_SOURCE_CACHE);
    struct call *call = query->call;
    free_query(query);
    return call_ok(call);
}

struct call_done query_null(struct query *query)
{
    json_put_null(call_result(query->call));
    return query_ok(query);
}

struct call_done query_fail(struct query *query, int code, const char *message)
{
    struct call *call = query->call;
    struct call_done done = call_fail(call, code, message, SPAN_EMPTY);
    return complete(query, done);
}

struct call_done query_fail_data(struct query *query, int code, const char *message,
                                 struct span data)
{
    struct call_done done = call_fail(query->call, code, message, data);
    return complete(query, done);
}

struct call_done query_failf(struct query *query, int code, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return query_fail(query, code, text);
}

/* ---- what arrives ---- */

static void note_cost(struct query *query, const struct les_cost_note *note,
                      const struct hash32 *server)
{
    call_note_source(query->call, CALL_SOURCE_PROVED);
    call_note_bytes(query->call, note->bytes_in + note->bytes_out);
    if (server == NULL || hash32_is_zero(server))
        return;
    char name[17];
    hex_encode(name, SPAN(server->bytes, 8));
    name[16] = 0;
    call_note_server(query->call, name);
}

static void set_failed(struct query *query, const char *what, enum status status,
                       const struct les_cost_note *note)
{
    if (query->failed)
        return;
    query->failed = true;
    query->fail_code = RPC_TIMEOUT; /* -32002: resource unavailable */
    if (chain_head(query->light->chain) == NULL)
        snprintf(query->fail_text, sizeof query->fail_text, "%s",
                 chain_trouble(query->light->chain));
    else if (note->servers == 0)
        snprintf(query->fail_text, sizeof query->fail_text,
                 "%s: no LES server is connected that could have it", what);
    else
        snprintf(query->fail_text, sizeof query->fail_text,
                 "%s: %s; %u LES servers were asked, %u answers were false", what,
                 status_text(status), note->servers, note->lies);
}

static void arrived(struct held *held)
{
    struct query *query = held->query;
    held->arrived = true;
    if (--query->outstanding == 0 && !query->running)
        loop_defer(query->light->loop, &query->again);
}

/* Nothing old is called latest, but a server that was lost a moment ago may be back before anybody
 * notices. */
static bool head_may_return(const struct query *query)
{
    uint64_t headless_ms = chain_headless_ms(query->light->chain);
    return headless_ms > 0 && headless_ms < QUERY_HEAD_WAIT_MS;
}

static void on_found(struct chain_find *find, enum status status, struct block_header *header)
{
    struct held *held = container_of(find, struct held, find);
    if (held->query == NULL) {
        on_free_held(held);
        return;
    }
    held->status = status;
    if (header != NULL)
        held->header = block_header_ref(header);
    note_cost(held->query, &find->note, NULL);
    if (status == STATUS_UNAVAILABLE && head_may_return(held->query)) {
        table_remove(&held->query->held, held->key.bytes); /* the next round asks again */
        held->query->headless = true;
    } else if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        set_failed(held->query, "the block header could not be verified", status, &find->note);
    arrived(held);
}

static void on_object(struct object_wait *wait, enum status status)
{
    struct held *held = container_of(wait, struct held, wait);
    held->status = status;
    if (status == STATUS_OK)
        held->value = SPAN(mem_copy(wait->value), wait->value.size);
    held->absent = wait->absent;
    note_cost(held->query, &wait->note, &wait->server);
    if (status != STATUS_OK)
        set_failed(held->query, "data of the block could not be fetched", status, &wait->note);
    arrived(held);
}

static void on_op(struct les_op *op, enum status status)
{
    struct held *held = container_of(op, struct held, op);
    if (held->query == NULL) {
        on_free_held(held);
        return;
    }
    held->status = status;
    held->server = op->answered_by;
    if (status == STATUS_OK && (op->kind == LES_ASK_TX_STATUS || op->kind == LES_ASK_SEND_TX)) {
        held->tx_status = op->answer.status;
        held->value = SPAN(mem_copy(op->answer.status.error), op->answer.status.error.size);
        held->tx_status.error = held->value;
    } else if (status == STATUS_OK) {
        held->value = SPAN(mem_copy(op->answer.bloom[0]), op->answer.bloom[0].size);
    }
    note_cost(held->query, &op->note, &held->server);
    /* Of several servers that are asked by name one may fail. */
    if (status != STATUS_OK && status != STATUS_NOT_FOUND && op->only == NULL)
        set_failed(held->query, "the servers could not be asked", status, &op->note);
    arrived(held);
}

/* ---- asking ---- */

static void held_key(struct hash32 *out, enum held_kind kind, const void *data, size_t size)
{
    struct keccak keccak;
    uint8_t tag = (uint8_t)kind;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN(&tag, 1));
    keccak_update(&keccak, SPAN(data, size));
    keccak_digest(&keccak, out);
}

static struct held *find_held(const struct query *query, const struct hash32 *key)
{
    return query->held.slots != NULL ? table_get(&query->held, key->bytes) : NULL;
}

static struct held *new_held(struct query *query, enum held_kind kind, const struct hash32 *key)
{
    struct held *held = mem_alloc(sizeof *held);
    if (query->held.slots == NULL)
        table_init(&query->held, (uint64_t)(uintptr_t)query);
    held->key = *key;
    held->kind = kind;
    held->query = query;
    held->next = query->all;
    query->all = held;
    query->outstanding++;
    (void)table_put(&query->held, held->key.bytes, held);
    return held;
}

/* A wait that turned out not to be needed. */
static void undo_held(struct query *query, struct held *held)
{
    query->outstanding--;
    query->all = held->next;
    table_remove(&query->held, held->key.bytes);
    mem_free(held);
}

static enum query_got header_of(struct held *held, struct block_header **out)
{
    *out = held->header;
    if (!held->arrived || (held->status != STATUS_OK && held->status != STATUS_NOT_FOUND))
        return QUERY_LATER;
    return held->status == STATUS_OK ? QUERY_HERE : QUERY_ABSENT;
}

static bool need_head(struct query *query)
{
    if (chain_head(query->light->chain) != NULL)
        return true;
    if (head_may_return(query)) {
        query->headless = true;
        return false;
    }
    set_failed(query, "", STATUS_UNAVAILABLE, &(struct les_cost_note){0});
    return false;
}

enum query_got query_number(struct query *query, uint64_t number, struct block_header **out)
{
    struct chain *chain = query->light->chain;
    struct hash32 key;
    *out = chain_known_number(chain, number);
    if (*out != NULL)
        return QUERY_HERE;
    if (!need_head(query))
        return QUERY_LATER;
    if (number > chain_head(chain)->header.number)
        return QUERY_ABSENT;
    held_key(&key, HELD_NUMBER, &number, sizeof number);
    struct held *held = find_held(query, &key);
    if (held != NULL)
        return header_of(held, out);
    held = new_held(query, HELD_NUMBER, &key);
    held->find.on_done = on_found;
    chain_find_number(chain, &held->find, number);
    return QUERY_LATER;
}

enum query_got query_hash(struct query *query, const struct hash32 *hash, struct block_header **out)
{
    struct chain *chain = query->light->chain;
    struct hash32 key;
    *out = chain_known_hash(chain, hash);
    if (*out != NULL)
        return QUERY_HERE;
    if (hash32_is_zero(hash)) /* LES would take it for a question by number */
        return QUERY_ABSENT;
    if (!need_head(query))
        return QUERY_LATER;
    held_key(&key, HELD_HASH, hash, sizeof *hash);
    struct held *held = find_held(query, &key);
    if (held != NULL)
        return header_of(held, out);
    held = new_held(query, HELD_HASH, &key);
    held->find.on_done = on_found;
    chain_find_hash(chain, &held->find, hash);
    return QUERY_LATER;
}

enum query_got query_range(struct query *query, uint64_t from, uint64_t to)
{
    struct chain *chain = query->light->chain;
    struct block_header *unused;
    uint64_t ends[2] = {from, to}, number = to;
    struct hash32 key;
    if (!need_head(query))
        return QUERY_LATER;
    while (number > from && chain_known_number(chain, number) != NULL)
        number--;
    if (chain_known_number(chain, number) != NULL)
        return QUERY_HERE;
    held_key(&key, HELD_RANGE, ends, sizeof ends);
    struct held *held = find_held(query, &key);
    if (held != NULL) {
        enum query_got got = header_of(held, &unused);
        /* They were there and are not any more: a reorg or a crowded window. The next round asks
         * again. */
        if (got == QUERY_HERE) {
            table_remove(&query->held, key.bytes);
        } else {
            return got;
        }
    }
    held = new_held(query, HELD_RANGE, &key);
    held->find.on_done = on_found;
    chain_find_range(chain, &held->find, from, to);
    return QUERY_LATER;
}

enum query_got query_block(struct query *query, const struct block_ref *ref,
                           struct block_header **out)
{
    struct chain *chain = query->light->chain;
    uint64_t number;
    *out = NULL;
    switch (ref->tag) {
    case BLOCK_NUMBER:
        return query_number(query, ref->number, out);
    case BLOCK_HASH:
        return query_hash(query, &ref->hash, out);
    case BLOCK_EARLIEST:
        *out = chain_genesis(chain);
        return QUERY_HERE;
    case BLOCK_LATEST:
    case BLOCK_PENDING:
        if (!need_head(query))
            return QUERY_LATER;
        *out = chain_head(chain);
        return QUERY_HERE;
    case BLOCK_SAFE:
    case BLOCK_FINALIZED:
        if (!need_head(query))
            return QUERY_LATER;
        if (!chain_mark_number(chain, ref->tag == BLOCK_SAFE ? CHAIN_SAFE : CHAIN_FINALIZED,
                               &number))
            return QUERY_ABSENT;
        return query_number(query, number, out);
    }
    ASSERT(false);
}

struct call_done query_fail_block(struct query *query, const struct block_ref *ref)
{
    if (ref->tag == BLOCK_SAFE)
        return query_fail(query, RPC_SERVER_ERROR, "safe block not found");
    if (ref->tag == BLOCK_FINALIZED)
        return query_fail(query, RPC_SERVER_ERROR, "finalized block not found");
    return query_fail(query, RPC_SERVER_ERROR,
                      ref->tag == BLOCK_HASH ? "header for hash not found" : "header not found");
}

/* ---- objects ---- */

/* Looks in what was fetched for this query; HERE, ABSENT or LATER, or -1: not asked for yet. */
static int held_value(struct query *query, const struct hash32 *key, struct span *value)
{
    struct held *held = find_held(query, key);
    if (held == NULL)
        return -1;
    *value = held->value;
    if (!held->arrived || held->status != STATUS_OK)
        return QUERY_LATER;
    return held->absent ? QUERY_ABSENT : QUERY_HERE;
}

static enum query_got got_of(struct query *query, struct held *held, enum object_result result)
{
    switch (result) {
    case OBJECT_HERE:
        undo_held(query, held);
        return QUERY_HERE;
    case OBJECT_ABSENT:
        undo_held(query, held);
        return QUERY_ABSENT;
    case OBJECT_LATER:
        return QUERY_LATER;
    }
    ASSERT(false);
}

static enum query_got leaf(struct query *query, const struct block_header *block,
                           const struct hash32 *root, const struct address20 *address,
                           const struct hash32 *key32, struct span *value)
{
    uint8_t id[64];
    struct hash32 key;
    struct trie_walk walk;
    struct trie_source *nodes = objects_nodes(query->light->objects);
    enum trie_result result = trie_walk(&walk, nodes, root, SPAN(key32->bytes, 32));
    *value = walk.value;
    if (result == TRIE_FOUND)
        return QUERY_HERE;
    if (result == TRIE_ABSENT)
        return QUERY_ABSENT;
    memcpy(id, root->bytes, 32);
    memcpy(id + 32, key32->bytes, 32);
    held_key(&key, HELD_OBJECT, id, sizeof id);
    int had = held_value(query, &key, value);
    if (had == QUERY_LATER)
        return QUERY_LATER;
    if (had >= 0) {
        /* A wait that joined another key's fetch comes back without a value of its own: walk on. */
        if (!((struct held *)find_held(query, &key))->wait.joined)
            return (enum query_got)had;
        table_remove(&query->held, key.bytes);
    }
    struct held *held = new_held(query, HELD_OBJECT, &key);
    held->wait.on_done = on_object;
    return got_of(query, held,
                  objects_leaf(query->light->objects, &held->wait, &walk, result, block, root,
                               address, key32));
}

enum query_got query_account(struct query *query, const struct block_header *block,
                             const struct address20 *address, struct account *out)
{
    struct span value;
    if (!query->has_account || !address20_equal(&query->account, address)) {
        keccak256(&query->account_key, SPAN(address->bytes, 20));
        query->account = *address;
        query->has_account = true;
    }
    enum query_got got =
        leaf(query, block, &block->header.state_root, NULL, &query->account_key, &value);
    *out = ACCOUNT_EMPTY;
    if (got == QUERY_ABSENT)
        return QUERY_HERE;
    if (got == QUERY_HERE && !account_decode(out, value)) {
        set_failed(query, "the state holds a malformed account", STATUS_INVALID,
                   &(struct les_cost_note){0});
        return QUERY_LATER;
    }
    return got;
}

enum query_got query_slot(struct query *query, const struct block_header *block,
                          const struct address20 *address, const struct hash32 *storage_root,
                          const struct hash32 *slot, struct hash32 *out)
{
    struct hash32 key;
    struct span value;
    keccak256(&key, SPAN(slot->bytes, 32));
    enum query_got got = leaf(query, block, storage_root, address, &key, &value);
    memset(out, 0, sizeof *out);
    if (got == QUERY_ABSENT)
        return QUERY_HERE;
    if (got == QUERY_HERE) {
        struct rlp rlp = rlp_reader(value);
        struct span bytes = rlp_bytes(&rlp);
        if (!rlp_end(&rlp) || bytes.size > 32) {
            set_failed(query, "the state holds a malformed slot", STATUS_INVALID,
                       &(struct les_cost_note){0});
            return QUERY_LATER;
        }
        memcpy(out->bytes + 32 - bytes.size, bytes.data, bytes.size);
    }
    return got;
}

enum query_got query_code(struct query *query, const struct block_header *block,
                          const struct address20 *address, const struct hash32 *code_hash,
                          struct span *out)
{
    struct hash32 key;
    held_key(&key, HELD_OBJECT, code_hash, sizeof *code_hash);
    int had = held_value(query, &key, out);
    if (had >= 0)
        return (enum query_got)had;
    struct held *held = new_held(query, HELD_OBJECT, &key);
    held->wait.on_done = on_object;
    enum query_got got =
        got_of(query, held,
               objects_code(query->light->objects, &held->wait, out, block, address, code_hash));
    return got == QUERY_ABSENT ? QUERY_HERE : got;
}

enum query_got query_body(struct query *query, struct block_header *block, struct span *raw,
                          struct body *out)
{
    struct hash32 key;
    uint8_t id[33] = "b";
    memcpy(id + 1, block->hash.bytes, 32);
    held_key(&key, HELD_OBJECT, id, sizeof id);
    int had = held_value(query, &key, raw);
    enum query_got got = (enum query_got)had;
    if (had < 0) {
        struct held *held = new_held(query, HELD_OBJECT, &key);
        held->wait.on_done = on_object;
        got = got_of(query, held, objects_body(query->light->objects, &held->wait, raw, block));
    }
    /* It matched the header's roots when it was kept. */
    if (got == QUERY_HERE)
        ASSERT(body_decode(out, *raw));
    return got;
}

enum query_got query_receipts(struct query *query, struct block_header *block, struct span *payload)
{
    struct hash32 key;
    uint8_t id[33] = "r";
    memcpy(id + 1, block->hash.bytes, 32);
    held_key(&key, HELD_OBJECT, id, sizeof id);
    int had = held_value(query, &key, payload);
    if (had >= 0)
        return (enum query_got)had;
    struct held *held = new_held(query, HELD_OBJECT, &key);
    held->wait.on_done = on_object;
    return got_of(query, held,
                  objects_receipts(query->light->objects, &held->wait, payload, block));
}

static void release(struct query *query, const struct hash32 *key)
{
    struct held *held = find_held(query, key);
    if (held == NULL || !held->arrived)
        return;
    for (struct held **at = &query->all; *at != NULL; at = &(*at)->next)
        if (*at == held) {
            *at = held->next;
            break;
        }
    table_remove(&query->held, key->bytes);
    on_free_held(held);
}

void query_release_block(struct query *query, struct block_header *block)
{
    struct hash32 key;
    uint64_t number = block->header.number;
    uint8_t id[33] = "b";
    memcpy(id + 1, block->hash.bytes, 32);
    held_key(&key, HELD_OBJECT, id, sizeof id);
    release(query, &key);
    id[0] = 'r';
    held_key(&key, HELD_OBJECT, id, sizeof id);
    release(query, &key);
    held_key(&key, HELD_NUMBER, &number, sizeof number);
    release(query, &key);
}

/* ---- what cannot be proved ---- */

static struct held *ask_tx_status(struct query *query, const struct hash32 *key,
                                  const struct hash32 *tx_hash)
{
    struct held *held = new_held(query, HELD_OP, key);
    held->op.kind = LES_ASK_TX_STATUS;
    held->op.ask.tx_hash = *tx_hash;
    held->op.empty_needed = SEND_TX_SERVERS;
    held->op.on_done = on_op;
    return held;
}

static bool is_doubted(const struct query *query, const struct hash32 *server)
{
    for (size_t i = 0; i < query->doubted_count; i++)
        if (hash32_equal(&query->doubted[i], server))
            return true;
    return false;
}

/* Somebody's word did not hold: a few of the others, each by name. */
static enum query_got tx_status_elsewhere(struct query *query, const struct hash32 *tx_hash,
                                          struct les_tx_status *out, struct hash32 *server)
{
    struct held *best = NULL;
    size_t count = les_server_count(query->light->client), asked = 0, unknown = 0, waiting = 0;
    for (size_t i = 0; i < count && asked < SEND_TX_SERVERS; i++) {
        const struct hash32 *id = les_server_id(les_server_at(query->light->client, i));
        uint8_t name[65] = {'s'};
        struct hash32 key;
        if (is_doubted(query, id) || query->doubted_count == QUERY_DOUBTED_MAX)
            continue;
        memcpy(name + 1, tx_hash->bytes, 32);
        memcpy(name + 33, id->bytes, 32);
        held_key(&key, HELD_OP, name, sizeof name);
        struct held *held = find_held(query, &key);
        asked++;
        if (held == NULL) {
            held = ask_tx_status(query, &key, tx_hash);
            held->server = *id;
            held->op.only = &held->server;
            les_start(query->light->client, &held->op);
        }
        waiting += !held->arrived;
        unknown += held->arrived && held->status == STATUS_NOT_FOUND;
        if (held->arrived && held->status == STATUS_OK &&
            (best == NULL || held->tx_status.state > best->tx_status.state))
            best = held;
    }
    if (waiting > 0)
        return QUERY_LATER;
    if (best != NULL) {
        *out = best->tx_status;
        *server = best->server;
        return QUERY_HERE;
    }
    if (unknown > 0 || !query->lied_to)
        return QUERY_ABSENT;
    set_failed(query, "the transaction is not where the servers say", STATUS_UNAVAILABLE,
               &(struct les_cost_note){.servers = (unsigned)query->doubted_count,
                                       .lies = (unsigned)query->doubted_count});
    return QUERY_LATER;
}

enum query_got query_tx_status(struct query *query, const struct hash32 *tx_hash,
                               struct les_tx_status *out, struct hash32 *server)
{
    struct hash32 key;
    if (query->doubted_count > 0)
        return tx_status_elsewhere(query, tx_hash, out, server);
    held_key(&key, HELD_OP, tx_hash, sizeof *tx_hash);
    struct held *held = find_held(query, &key);
    if (held != NULL) {
        *out = held->tx_status;
        *server = held->server;
        if (!held->arrived || (held->status != STATUS_OK && held->status != STATUS_NOT_FOUND))
            return QUERY_LATER;
        return held->status == STATUS_OK ? QUERY_HERE : QUERY_ABSENT;
    }
    held = ask_tx_status(query, &key, tx_hash);
    les_start(query->light->client, &held->op);
    return QUERY_LATER;
}

void query_tx_hint_false(struct query *query, const struct hash32 *tx_hash,
                         const struct hash32 *server, const char *lie)
{
    char hash[67] = "0x";
    hex_encode(hash + 2, SPAN(tx_hash->bytes, 32));
    hash[66] = 0;
    if (query->doubted_count < QUERY_DOUBTED_MAX && !is_doubted(query, server))
        query->doubted[query->doubted_count++] = *server;
    if (lie == NULL)
        return;
    query->lied_to = true;
    les_blame(query->light->client, server, lie);
    log_write(query->light->log, LOG_WARN, "query", "false hint", "transaction", hash, "why", lie,
              NULL);
}

enum query_got query_send_tx(struct query *query, struct span envelope,
                             const struct hash32 *tx_hash, struct les_tx_status *out,
                             struct span *error)
{
    struct hash32 keys[SEND_TX_SERVERS];
    struct held *best = NULL;
    size_t count = les_server_count(query->light->client), asked = 0;
    for (size_t i = 0; i < count && asked < SEND_TX_SERVERS; i++) {
        struct les_server *server = les_server_at(query->light->client, i);
        uint8_t id[64];
        if (!les_server_status(server)->tx_relay)
            continue;
        memcpy(id, tx_hash->bytes, 32);
        memcpy(id + 32, les_server_id(server)->bytes, 32);
        held_key(&keys[asked], HELD_OP, id, sizeof id);
        struct held *held = find_held(query, &keys[asked++]);
        if (held != NULL && held->arrived && held->status == STATUS_OK &&
            (best == NULL || held->tx_status.state > best->tx_status.state))
            best = held;
        if (held != NULL || query->rounds > 1)
            continue;
        held = new_held(query, HELD_OP, &keys[asked - 1]);
        held->server = *les_server_id(server);
        held->op.kind = LES_ASK_SEND_TX;
        held->op.ask.send_tx.envelope = envelope;
        held->op.ask.send_tx.hash = *tx_hash;
        held->op.only = &held->server;
        held->op.on_done = on_op;
        les_start(query->light->client, &held->op);
    }
    if (best != NULL) {
        *out = best->tx_status;
        *error = best->value;
        return QUERY_HERE;
    }
    if (asked == 0 || query->rounds > 1)
        set_failed(query, "the transaction was not sent", STATUS_UNAVAILABLE,
                   &(struct les_cost_note){0});
    return QUERY_LATER;
}

enum query_got query_bloom(struct query *query, unsigned bit, uint64_t section,
                           struct span *compressed)
{
    const struct les_checkpoint *checkpoint = chain_checkpoint(query->light->chain);
    uint64_t id[2] = {bit, section};
    struct hash32 key;
    if (checkpoint == NULL || section > checkpoint->section)
        return QUERY_ABSENT;
    held_key(&key, HELD_OP, id, sizeof id);
    struct held *held = find_held(query, &key);
    if (held != NULL) {
        *compressed = held->value;
        return held->arrived && held->status == STATUS_OK ? QUERY_HERE : QUERY_LATER;
    }
    held = new_held(query, HELD_OP, &key);
    held->op.kind = LES_ASK_BLOOM;
    held->op.ask.bloom.bit = bit;
    held->op.ask.bloom.first_section = section;
    held->op.ask.bloom.sections = 1;
    held->op.ask.bloom.newest_section = checkpoint->section;
    held->op.ask.bloom.bloom_root = checkpoint->bloom_root;
    held->op.block_number = (checkpoint->section + 1) * CHT_SECTION_SIZE;
    held->op.on_done = on_op;
    les_start(query->light->client, &held->op);
    return QUERY_LATER;
}

void query_release_bloom(struct query *query, unsigned bit, uint64_t section)
{
    uint64_t id[2] = {bit, section};
    struct hash32 key;
    held_key(&key, HELD_OP, id, sizeof id);
    release(query, &key);
}
