#include "gateway/light/query_private.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

#include <stdarg.h>
#include <stdio.h>

static void on_again(struct task *task);
static void on_head_timer(struct timer *timer);

/* ---- life ---- */

void query_held_free(void *pointer)
{
    struct held *held = pointer;
    block_header_unref(held->header);
    mem_free((void *)held->value.data);
    mem_free(held);
}

static void drop_held(struct held *held)
{
    held->query = NULL;
    if (held->kind == HELD_WORK)
        held->abandon(held->work);
    if (held->arrived || held->kind == HELD_WORK) {
        query_held_free(held);
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
        query_held_free(held);
        return;
    case HELD_OP:
        les_cancel(&held->op); /* frees in on_op */
        return;
    case HELD_WORK:
        break;
    }
    ASSERT(false);
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

struct call_done query_fail_text(struct query *query, int code, struct span message,
                                 struct span data)
{
    struct call_done done = call_fail_text(query->call, code, message, data);
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

void query_note_cost(struct query *query, const struct les_cost_note *note,
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

void query_set_failed(struct query *query, const char *what, enum status status,
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

void query_held_arrived(struct held *held)
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
        query_held_free(held);
        return;
    }
    held->status = status;
    if (header != NULL)
        held->header = block_header_ref(header);
    query_note_cost(held->query, &find->note, NULL);
    if (status == STATUS_UNAVAILABLE && head_may_return(held->query)) {
        table_remove(&held->query->held, held->key.bytes); /* the next round asks again */
        held->query->headless = true;
    } else if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        query_set_failed(held->query, "the block header could not be verified", status,
                         &find->note);
    query_held_arrived(held);
}

static void on_object(struct object_wait *wait, enum status status)
{
    struct held *held = container_of(wait, struct held, wait);
    held->status = status;
    if (status == STATUS_OK)
        held->value = SPAN(mem_copy(wait->value), wait->value.size);
    held->absent = wait->absent;
    query_note_cost(held->query, &wait->note, &wait->server);
    if (status != STATUS_OK)
        query_set_failed(held->query, "data of the block could not be fetched", status,
                         &wait->note);
    query_held_arrived(held);
}

/* ---- asking ---- */

void query_held_key(struct hash32 *out, enum held_kind kind, const void *data, size_t size)
{
    struct keccak keccak;
    uint8_t tag = (uint8_t)kind;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN(&tag, 1));
    keccak_update(&keccak, SPAN(data, size));
    keccak_digest(&keccak, out);
}

struct held *query_held_find(const struct query *query, const struct hash32 *key)
{
    return query->held.slots != NULL ? table_get(&query->held, key->bytes) : NULL;
}

struct held *query_held_new(struct query *query, enum held_kind kind, const struct hash32 *key)
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
    query_set_failed(query, "", STATUS_UNAVAILABLE, &(struct les_cost_note){0});
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
    query_held_key(&key, HELD_NUMBER, &number, sizeof number);
    struct held *held = query_held_find(query, &key);
    bool left = held != NULL && held->arrived && held->find.epoch != chain_epoch(chain);
    if (left) /* perhaps of a branch that was left meanwhile */
        table_remove(&query->held, key.bytes);
    else if (held != NULL)
        return header_of(held, out);
    held = query_held_new(query, HELD_NUMBER, &key);
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
    query_held_key(&key, HELD_HASH, hash, sizeof *hash);
    struct held *held = query_held_find(query, &key);
    if (held != NULL)
        return header_of(held, out);
    held = query_held_new(query, HELD_HASH, &key);
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
    query_held_key(&key, HELD_RANGE, ends, sizeof ends);
    struct held *held = query_held_find(query, &key);
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
    held = query_held_new(query, HELD_RANGE, &key);
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
    struct held *held = query_held_find(query, key);
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

enum query_got query_leaf(struct query *query, const struct block_header *block,
                          const struct hash32 *root, const struct object_key *leaf,
                          struct span *value)
{
    const struct hash32 *key32 = &leaf->key32;
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
    query_held_key(&key, HELD_OBJECT, id, sizeof id);
    int had = held_value(query, &key, value);
    if (had == QUERY_LATER)
        return QUERY_LATER;
    if (had >= 0) {
        /* A wait that joined another key's fetch comes back without a value of its own: walk on. */
        if (!((struct held *)query_held_find(query, &key))->wait.joined)
            return (enum query_got)had;
        table_remove(&query->held, key.bytes);
    }
    struct held *held = query_held_new(query, HELD_OBJECT, &key);
    held->wait.on_done = on_object;
    return got_of(
        query, held,
        objects_leaf(query->light->objects, &held->wait, &walk, result, block, root, leaf));
}

enum query_got query_account(struct query *query, const struct block_header *block,
                             const struct address20 *address, struct account *out)
{
    struct span value;
    if (!query->has_account || !address20_equal(&query->account.address, address)) {
        query->account = (struct object_key){.plain = true, .address = *address};
        keccak256(&query->account.key32, SPAN(address->bytes, 20));
        query->has_account = true;
    }
    enum query_got got =
        query_leaf(query, block, &block->header.state_root, &query->account, &value);
    *out = ACCOUNT_EMPTY;
    if (got == QUERY_ABSENT)
        return QUERY_HERE;
    if (got == QUERY_HERE && !account_decode(out, value)) {
        query_set_failed(query, "the state holds a malformed account", STATUS_INVALID,
                         &(struct les_cost_note){0});
        return QUERY_LATER;
    }
    return got;
}

enum query_got query_slot(struct query *query, const struct block_header *block,
                          const struct address20 *address, const struct hash32 *storage_root,
                          const struct hash32 *slot, struct hash32 *out)
{
    struct object_key leaf = {
        .in_storage = true, .plain = true, .address = *address, .slot = *slot};
    struct span value;
    keccak256(&leaf.key32, SPAN(slot->bytes, 32));
    enum query_got got = query_leaf(query, block, storage_root, &leaf, &value);
    memset(out, 0, sizeof *out);
    if (got == QUERY_ABSENT)
        return QUERY_HERE;
    if (got == QUERY_HERE) {
        struct rlp rlp = rlp_reader(value);
        struct span bytes = rlp_bytes(&rlp);
        if (!rlp_end(&rlp) || bytes.size > 32) {
            query_set_failed(query, "the state holds a malformed slot", STATUS_INVALID,
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
    query_held_key(&key, HELD_OBJECT, code_hash, sizeof *code_hash);
    int had = held_value(query, &key, out);
    if (had >= 0)
        return (enum query_got)had;
    struct held *held = query_held_new(query, HELD_OBJECT, &key);
    held->wait.on_done = on_object;
    enum query_got got =
        got_of(query, held,
               objects_code(query->light->objects, &held->wait, out, block, address, code_hash));
    return got == QUERY_ABSENT ? QUERY_HERE : got;
}

/* If it fails, the account and the slots are asked for one by one, with all that belongs to that.
 */
static void on_ahead(struct object_wait *wait, enum status status)
{
    struct held *held = container_of(wait, struct held, wait);
    held->status = status;
    query_note_cost(held->query, &wait->note, &wait->server);
    query_held_arrived(held);
}

enum query_got query_slots_ahead(struct query *query, struct block_header *block,
                                 const struct address20 *address, const struct hash32 *slots,
                                 size_t count)
{
    struct keccak keccak;
    struct hash32 key;
    keccak_init(&keccak);
    keccak_update(&keccak, SPAN(block->header.state_root.bytes, 32));
    keccak_update(&keccak, SPAN(address->bytes, 20));
    keccak_update(&keccak, SPAN((const uint8_t *)slots, count * sizeof *slots));
    keccak_digest(&keccak, &key);
    struct held *held = query_held_find(query, &key);
    if (held != NULL)
        return held->arrived ? QUERY_HERE : QUERY_LATER;
    held = query_held_new(query, HELD_OBJECT, &key);
    held->wait.on_done = on_ahead;
    objects_slots(query->light->objects, &held->wait, &key, block, address, slots, count);
    return QUERY_LATER;
}

enum query_got query_body(struct query *query, struct block_header *block, struct span *raw,
                          struct body *out)
{
    struct hash32 key;
    uint8_t id[33] = "b";
    memcpy(id + 1, block->hash.bytes, 32);
    query_held_key(&key, HELD_OBJECT, id, sizeof id);
    int had = held_value(query, &key, raw);
    enum query_got got = (enum query_got)had;
    if (had < 0) {
        struct held *held = query_held_new(query, HELD_OBJECT, &key);
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
    query_held_key(&key, HELD_OBJECT, id, sizeof id);
    int had = held_value(query, &key, payload);
    if (had >= 0)
        return (enum query_got)had;
    struct held *held = query_held_new(query, HELD_OBJECT, &key);
    held->wait.on_done = on_object;
    return got_of(query, held,
                  objects_receipts(query->light->objects, &held->wait, payload, block));
}

void query_held_release(struct query *query, const struct hash32 *key)
{
    struct held *held = query_held_find(query, key);
    if (held == NULL || !held->arrived)
        return;
    for (struct held **at = &query->all; *at != NULL; at = &(*at)->next)
        if (*at == held) {
            *at = held->next;
            break;
        }
    table_remove(&query->held, key->bytes);
    query_held_free(held);
}

void query_release_block(struct query *query, struct block_header *block)
{
    struct hash32 key;
    uint64_t number = block->header.number;
    uint8_t id[33] = "b";
    memcpy(id + 1, block->hash.bytes, 32);
    query_held_key(&key, HELD_OBJECT, id, sizeof id);
    query_held_release(query, &key);
    id[0] = 'r';
    query_held_key(&key, HELD_OBJECT, id, sizeof id);
    query_held_release(query, &key);
    query_held_key(&key, HELD_NUMBER, &number, sizeof number);
    query_held_release(query, &key);
}

void query_release_state(struct query *query)
{
    for (struct held **at = &query->all; *at != NULL;) {
        struct held *held = *at;
        if (held->kind != HELD_OBJECT || !held->arrived) {
            at = &held->next;
            continue;
        }
        *at = held->next;
        if (query_held_find(query, &held->key) == held)
            table_remove(&query->held, held->key.bytes);
        query_held_free(held);
    }
}
