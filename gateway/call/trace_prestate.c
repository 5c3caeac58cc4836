/* prestateTracer: what a transaction touched, as it was before; with diffMode, what of it changed,
 * before and after. */
#include "gateway/call/trace.h"
#include "les/base/limits.h"
#include "les/base/table.h"

#include <stdlib.h>

/* What the JSON of one takes at most, before and after, besides the code. */
enum { ACCOUNT_TEXT_MAX = 768, SLOT_TEXT_MAX = 2 * 140 };

struct stored {
    struct u256 key, value;
};

struct seen {
    uint8_t key32[32]; /* the address, padded */
    struct address20 address;
    struct u256 balance;
    uint64_t nonce;
    struct hash32 code_hash;
    uint8_t *code; /* owned */
    size_t code_size;
    bool empty, created, deleted;
    struct stored *slots; /* sorted by key */
    size_t count, capacity;
};

struct prestate {
    struct trace trace;
    struct trace_options options;
    struct trace_subject subject;
    struct table table; /* of struct seen */
    struct seen **list;
    size_t count, capacity;
    /* The step under way: what it adds counts only when it is not too dear. */
    size_t count_before;
    struct seen *slot_of; /* NULL: it added no slot */
    struct u256 slot;
    struct seen *creates, *deletes;
};

/* ---- looking up ---- */

static struct seen *find(const struct prestate *prestate, const struct address20 *address)
{
    uint8_t key32[32] = {0};
    memcpy(key32, address->bytes, 20);
    return table_get(&prestate->table, key32);
}

static struct seen *add(struct prestate *prestate, const struct address20 *address)
{
    struct seen *seen = mem_alloc(sizeof *seen);
    memcpy(seen->key32, address->bytes, 20);
    seen->address = *address;
    seen->code_hash = EMPTY_CODE_HASH;
    (void)table_put(&prestate->table, seen->key32, seen);
    if (prestate->count == prestate->capacity) {
        prestate->capacity = prestate->capacity == 0 ? 16 : prestate->capacity * 2;
        prestate->list = mem_realloc(prestate->list, prestate->capacity * sizeof prestate->list[0]);
    }
    prestate->list[prestate->count++] = seen;
    return seen;
}

static void free_seen(struct seen *seen)
{
    mem_free(seen->code);
    mem_free(seen->slots);
    mem_free(seen);
}

static void look_up(struct prestate *prestate, const struct address20 *address)
{
    struct evm_state *state = prestate->subject.state;
    struct evm_account *account;
    struct evm_code *code;
    if (find(prestate, address) != NULL || !trace_take(&prestate->trace, ACCOUNT_TEXT_MAX))
        return;
    struct seen *seen = add(prestate, address);
    if (!evm_state_account(state, address, &account) || !evm_state_code(state, account, &code))
        return; /* missing: the run is repeated */
    if (account->exists) {
        seen->balance = account->balance;
        seen->nonce = account->nonce;
        seen->code_hash = account->code_hash;
    }
    seen->empty = u256_is_zero(&seen->balance) && seen->nonce == 0 && code->size == 0;
    if (prestate->options.disable_code || code->size == 0 ||
        !trace_take(&prestate->trace, code->size * 2))
        return;
    seen->code = mem_copy(SPAN(code->bytes, code->size));
    seen->code_size = code->size;
}

/* The account that address delegates to, EIP-7702. */
static void look_up_delegate(struct prestate *prestate, const struct address20 *address)
{
    struct evm_state *state = prestate->subject.state;
    struct evm_account *account;
    struct evm_code *code;
    struct address20 target;
    if (prestate->subject.revision >= EVM_PRAGUE && evm_state_account(state, address, &account) &&
        evm_state_code(state, account, &code) &&
        evm_code_delegate(SPAN(code->bytes, code->size), &target))
        look_up(prestate, &target);
}

static size_t slot_place(const struct seen *seen, const struct u256 *key)
{
    size_t low = 0, high = seen->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (u256_compare(&seen->slots[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void look_up_slot(struct prestate *prestate, const struct evm_step *step,
                         const struct u256 *key)
{
    struct seen *seen = find(prestate, step->self);
    if (prestate->options.disable_storage || seen == NULL)
        return;
    size_t at = slot_place(seen, key);
    if ((at < seen->count && u256_equal(&seen->slots[at].key, key)) ||
        !trace_take(&prestate->trace, SLOT_TEXT_MAX))
        return;
    if (seen->count == seen->capacity) {
        seen->capacity = seen->capacity == 0 ? 8 : seen->capacity * 2;
        seen->slots = mem_realloc(seen->slots, seen->capacity * sizeof seen->slots[0]);
    }
    memmove(&seen->slots[at + 1], &seen->slots[at], (seen->count - at) * sizeof seen->slots[0]);
    seen->count++;
    struct evm_slot *slot = evm_state_slot(step->state, step->account, key);
    bool loaded = evm_state_load_slot(step->state, slot);
    seen->slots[at] = (struct stored){*key, loaded ? slot->value : u256_from_u64(0)};
    prestate->slot_of = seen;
    prestate->slot = *key;
}

/* ---- a step ---- */

static const struct u256 *word(const struct evm_step *step, size_t from_top)
{
    return &step->stack[step->stack_size - 1 - from_top];
}

static struct address20 address_at(const struct evm_step *step, size_t from_top)
{
    struct address20 address;
    uint8_t bytes[32];
    u256_to_be32(bytes, word(step, from_top));
    memcpy(address.bytes, bytes + 12, 20);
    return address;
}

/* Memory that the step will make is zero as yet. A size that no gas pays for: the step fails. */
static bool initcode(const struct evm_step *step, struct buf *out)
{
    const struct u256 *offset = word(step, 1), *size = word(step, 2);
    size_t most = evm_schedule(step->revision)->initcode_size_max;
    if (!u256_fits_u64(size) || size->words[0] > (most < MIB(1) ? most : MIB(1)))
        return false;
    for (uint64_t i = 0; i < size->words[0]; i++) {
        bool inside = u256_fits_u64(offset) && offset->words[0] < step->memory.size &&
                      i < step->memory.size - offset->words[0];
        buf_add_u8(out, inside ? step->memory.data[offset->words[0] + i] : 0);
    }
    return true;
}

static void step_create(struct prestate *prestate, const struct evm_step *step)
{
    struct address20 address;
    struct buf code = {0};
    bool known = true;
    if (step->opcode == OP_CREATE)
        evm_create_address(&address, step->self, step->account->nonce);
    else if ((known = initcode(step, &code)))
        evm_create2_address(&address, step->self, word(step, 3), buf_span(&code));
    buf_free(&code);
    if (!known)
        return;
    look_up(prestate, &address);
    prestate->creates = find(prestate, &address);
}

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    struct prestate *prestate = container_of(tracer, struct prestate, trace.evm);
    struct address20 address;
    prestate->count_before = prestate->count;
    prestate->slot_of = prestate->creates = prestate->deletes = NULL;
    if (prestate->trace.overflowed || step->stack_size < evm_opcode_info(step->opcode)->pops)
        return;
    switch (step->opcode) {
    case OP_SLOAD:
    case OP_SSTORE:
        look_up_slot(prestate, step, word(step, 0));
        break;
    case OP_BALANCE:
    case OP_EXTCODECOPY:
    case OP_EXTCODEHASH:
    case OP_EXTCODESIZE:
    case OP_SELFDESTRUCT:
        address = address_at(step, 0);
        look_up(prestate, &address);
        if (step->opcode == OP_SELFDESTRUCT)
            prestate->deletes = find(prestate, step->self);
        break;
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
        address = address_at(step, 1);
        look_up(prestate, &address);
        look_up_delegate(prestate, &address);
        break;
    case OP_CREATE:
    case OP_CREATE2:
        step_create(prestate, step);
        break;
    default:
        break;
    }
}

static void forget_slot(struct seen *seen, const struct u256 *key)
{
    size_t at = slot_place(seen, key);
    seen->count--;
    memmove(&seen->slots[at], &seen->slots[at + 1], (seen->count - at) * sizeof seen->slots[0]);
}

static void on_step_end(struct evm_tracer *tracer, enum evm_end end, int64_t gas_left)
{
    struct prestate *prestate = container_of(tracer, struct prestate, trace.evm);
    (void)gas_left;
    if (end == EVM_RUNNING || end == EVM_END_SUCCESS) {
        if (prestate->creates != NULL)
            prestate->creates->created = true;
        /* EIP-6780 */
        if (prestate->deletes != NULL)
            prestate->deletes->deleted |=
                prestate->subject.revision < EVM_CANCUN || prestate->deletes->created;
        return;
    }
    if (prestate->slot_of != NULL)
        forget_slot(prestate->slot_of, &prestate->slot);
    while (prestate->count > prestate->count_before) {
        struct seen *seen = prestate->list[--prestate->count];
        (void)table_remove(&prestate->table, seen->key32);
        free_seen(seen);
    }
}

/* ---- a transaction ---- */

static void clear(struct prestate *prestate)
{
    for (size_t i = 0; i < prestate->count; i++)
        free_seen(prestate->list[i]);
    prestate->count = 0;
    table_free(&prestate->table);
    table_init(&prestate->table, (uintptr_t)prestate);
}

static void begin(struct trace *trace, const struct trace_subject *subject)
{
    struct prestate *prestate = container_of(trace, struct prestate, trace);
    const struct tx *tx = subject->tx;
    struct address20 to = tx->to, signer;
    struct evm_account *sender;
    struct tx_authorization authorization;
    clear(prestate);
    prestate->subject = *subject;
    if (!tx->has_to && evm_state_account(subject->state, subject->sender, &sender))
        evm_create_address(&to, subject->sender, sender->nonce);
    if (tx->has_to)
        look_up_delegate(prestate, &to);
    look_up(prestate, subject->sender);
    look_up(prestate, &to);
    look_up(prestate, subject->coinbase);
    struct seen *seen = find(prestate, &to);
    if (seen != NULL)
        seen->created = !tx->has_to;
    struct span rest = tx->authorizations;
    while (tx_authorization_next(&rest, &authorization))
        if (tx_authorization_signer(&signer, &authorization, subject->crypto))
            look_up(prestate, &signer);
}

static void put_word(struct buf *out, const struct u256 *value)
{
    uint8_t bytes[32];
    u256_to_be32(bytes, value);
    json_put_data(out, SPAN(bytes, 32));
}

static void put_address_key(struct buf *out, const struct address20 *address)
{
    json_put_address(out, address);
    buf_add_u8(out, ':');
}

static void put_slots(struct buf *out, const struct stored *slots, size_t count)
{
    if (count == 0)
        return;
    json_put_key(out, "storage");
    json_put_object(out);
    for (size_t i = 0; i < count; i++) {
        put_word(out, &slots[i].key);
        buf_add_u8(out, ':');
        put_word(out, &slots[i].value);
    }
    json_put_object_end(out);
}

static void put_seen(const struct seen *seen, struct buf *out)
{
    put_address_key(out, &seen->address);
    json_put_object(out);
    json_put_key(out, "balance");
    json_put_quantity256(out, &seen->balance);
    if (seen->code_size > 0) {
        json_put_key(out, "code");
        json_put_data(out, SPAN(seen->code, seen->code_size));
    }
    if (!hash32_equal(&seen->code_hash, &EMPTY_CODE_HASH)) {
        json_put_key(out, "codeHash");
        json_put_hash(out, &seen->code_hash);
    }
    if (seen->nonce != 0) {
        json_put_key(out, "nonce");
        json_put_u64(out, seen->nonce);
    }
    put_slots(out, seen->slots, seen->count);
    json_put_object_end(out);
}

/* ---- what changed ---- */

/* Leaves in seen the slots that changed and were not zero, and puts those that changed and are not
 * zero now into after. True: any changed. */
static bool slots_changed(struct prestate *prestate, struct seen *seen, struct evm_account *account,
                          struct stored *after, size_t *after_count)
{
    struct evm_state *state = prestate->subject.state;
    size_t kept = 0;
    bool changed = false;
    *after_count = 0;
    for (size_t i = 0; i < seen->count; i++) {
        struct stored before = seen->slots[i];
        struct evm_slot *slot = evm_state_slot(state, account, &before.key);
        struct u256 now = u256_from_u64(0);
        if (account->exists && evm_state_load_slot(state, slot))
            now = slot->value;
        if (u256_equal(&before.value, &now))
            continue;
        changed = true;
        if (!u256_is_zero(&before.value))
            seen->slots[kept++] = before;
        if (!u256_is_zero(&now))
            after[(*after_count)++] = (struct stored){before.key, now};
    }
    seen->count = kept;
    return changed;
}

/* Appends the account as it is now, as far as it differs. False: it does not. */
static bool put_changes(struct prestate *prestate, struct seen *seen, struct buf *out)
{
    struct evm_state *state = prestate->subject.state;
    struct evm_account *account;
    struct evm_code *code;
    struct stored *after = mem_alloc((seen->count + 1) * sizeof *after);
    size_t start = out->size, count = 0;
    bool changed = false;
    put_address_key(out, &seen->address);
    json_put_object(out);
    if (evm_state_account(state, &seen->address, &account) &&
        evm_state_code(state, account, &code)) {
        const struct u256 balance = account->exists ? account->balance : u256_from_u64(0);
        uint64_t nonce = account->exists ? account->nonce : 0;
        /* go-ethereum has no hash for the code of an account that is not there. */
        struct hash32 code_hash = account->exists ? account->code_hash : HASH32_ZERO;
        size_t code_size = account->exists ? code->size : 0;
        if (!u256_equal(&balance, &seen->balance)) {
            changed = true;
            json_put_key(out, "balance");
            json_put_quantity256(out, &balance);
        }
        bool other_code = !hash32_equal(&code_hash, &seen->code_hash);
        bool same_bytes = code_size == 0 && hash32_equal(&seen->code_hash, &EMPTY_CODE_HASH);
        if (other_code && !same_bytes && !prestate->options.disable_code &&
            trace_take(&prestate->trace, code_size * 2)) {
            json_put_key(out, "code");
            json_put_data(out, SPAN(code->bytes, code_size));
        }
        if (other_code) {
            changed = true;
            json_put_key(out, "codeHash");
            json_put_hash(out, &code_hash);
        }
        if (nonce != seen->nonce) {
            changed = true;
            if (nonce != 0) {
                json_put_key(out, "nonce");
                json_put_u64(out, nonce);
            }
        }
        changed |= slots_changed(prestate, seen, account, after, &count);
        put_slots(out, after, count);
    }
    json_put_object_end(out);
    mem_free(after);
    if (!changed)
        out->size = start;
    return changed;
}

static int compare_seen(const void *a, const void *b)
{
    const struct seen *const *left = a, *const *right = b;
    return memcmp((*left)->address.bytes, (*right)->address.bytes, 20);
}

static void finish(struct trace *trace, uint64_t gas_used, struct buf *out)
{
    struct prestate *prestate = container_of(trace, struct prestate, trace);
    bool diff = prestate->options.diff_mode;
    struct buf pre = {0}, post = {0};
    (void)gas_used;
    if (prestate->count > 0)
        qsort(prestate->list, prestate->count, sizeof prestate->list[0], compare_seen);
    json_put_object(&pre);
    json_put_object(&post);
    for (size_t i = 0; i < prestate->count; i++) {
        struct seen *seen = prestate->list[i];
        bool shown = !diff || seen->deleted || put_changes(prestate, seen, &post);
        if (shown && (!seen->empty || prestate->options.include_empty))
            put_seen(seen, &pre);
    }
    json_put_object_end(&pre);
    json_put_object_end(&post);
    if (diff) {
        json_put_object(out);
        json_put_key(out, "post");
        json_put_raw(out, buf_span(&post));
        json_put_key(out, "pre");
    }
    json_put_raw(out, buf_span(&pre));
    if (diff)
        json_put_object_end(out);
    buf_free(&pre);
    buf_free(&post);
}

static void free_prestate(struct trace *trace)
{
    struct prestate *prestate = container_of(trace, struct prestate, trace);
    clear(prestate);
    table_free(&prestate->table);
    mem_free(prestate->list);
    mem_free(prestate);
}

struct trace *trace_prestate_new(const struct trace_options *options)
{
    static const struct evm_tracer_ops tracer_ops = {.on_step = on_step,
                                                     .on_step_end = on_step_end};
    static const struct trace_ops ops = {begin, finish, free_prestate};
    struct prestate *prestate = mem_alloc(sizeof *prestate);
    prestate->trace.evm.ops = &tracer_ops;
    prestate->trace.ops = &ops;
    prestate->options = *options;
    table_init(&prestate->table, (uintptr_t)prestate);
    return &prestate->trace;
}
