#include "gateway/eth/answers.h"

#include "gateway/rpc/params.h"
#include "les/base/limits.h"
#include "les/eth/keccak.h"

/* The text of a call, and the key under which its answer was found. It counts for one view of the
 * chain: this head, these marks. Compared byte by byte, so a stranger who steers two texts into one
 * slot only makes both slower. */
struct again {
    const struct rpc_method *row; /* NULL: free */
    struct hash32 key, head;
    uint64_t safe, finalized;
    uint16_t size;
    uint8_t text[ANSWERS_AGAIN_TEXT_MAX];
};

struct answers {
    struct rpc_answers vtable;
    struct light *light;
    struct again again[ANSWERS_AGAIN_MAX];
};

/* ---- keys ---- */

/* Text on its way into a hash: white space is left out and letters are made small, which changes
 * the meaning of no parameter that passed its check (hex, tags, names of fields). */
struct digest {
    struct keccak keccak;
    uint8_t block[136];
    size_t used;
};

static void add_byte(struct digest *digest, uint8_t byte)
{
    if (digest->used == sizeof digest->block) {
        keccak_update(&digest->keccak, SPAN(digest->block, digest->used));
        digest->used = 0;
    }
    digest->block[digest->used++] = byte;
}

static void add_bytes(struct digest *digest, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        add_byte(digest, at[i]);
}

static void add_text(struct digest *digest, struct span text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        if (c == '"')
            quoted = !quoted;
        add_byte(digest, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        if (c == '\\' && quoted && i + 1 < text.size)
            add_byte(digest, text.data[++i]);
    }
}

#define NO_INDEX SIZE_MAX

/* anchor: the block that the answer hangs on. skip: the parameter that named it, which need not be
 * in the key again. */
static void make_key(struct hash32 *out, struct call *call, char kind, const struct hash32 *anchor,
                     uint64_t number, size_t skip)
{
    struct rpc_answer_key *made = call_answer_key(call);
    struct digest digest;
    if (made->kind == kind && made->number == number && hash32_equal(&made->anchor, anchor)) {
        *out = made->key;
        return;
    }
    struct span cursor = call_params_text(call), name, value;
    const char *method = call_method(call);
    keccak_init(&digest.keccak);
    digest.used = 0;
    add_byte(&digest, (uint8_t)kind);
    add_bytes(&digest, anchor->bytes, 32);
    add_bytes(&digest, &number, sizeof number);
    add_bytes(&digest, method, strlen(method) + 1);
    for (size_t i = 0; json_next(&cursor, &name, &value); i++) {
        if (i == skip)
            continue;
        add_text(&digest, value);
        add_byte(&digest, ',');
    }
    keccak_update(&digest.keccak, SPAN(digest.block, digest.used));
    keccak_digest(&digest.keccak, out);
    if (made->kind == 0) /* the first one is what keep will want */
        *made = (struct rpc_answer_key){kind, *anchor, number, *out, made->has_block, made->block};
}

static void head_key(struct hash32 *out, struct call *call, const struct block_header *head)
{
    make_key(out, call, 'h', &head->hash, 0, NO_INDEX);
}

/* ---- the block that an answer belongs to ---- */

enum anchor {
    ANCHOR_BLOCK,  /* the key is made */
    ANCHOR_ABSENT, /* no such block is known now */
    ANCHOR_NONE    /* nothing is to be kept of this call */
};

static struct block_header *marked(const struct chain *chain, enum chain_mark mark)
{
    uint64_t number;
    return chain_mark_number(chain, mark, &number) ? chain_known_number(chain, number) : NULL;
}

/* NULL: it is not known, or it is `pending`. */
static struct block_header *known_block(const struct chain *chain, const struct block_ref *ref)
{
    switch (ref->tag) {
    case BLOCK_NUMBER:
        return chain_known_number(chain, ref->number);
    case BLOCK_HASH:
        return chain_known_hash(chain, &ref->hash);
    case BLOCK_LATEST:
        return chain_head(chain);
    case BLOCK_SAFE:
        return marked(chain, CHAIN_SAFE);
    case BLOCK_FINALIZED:
        return marked(chain, CHAIN_FINALIZED);
    case BLOCK_EARLIEST:
        return chain_genesis(chain);
    case BLOCK_PENDING:
        break;
    }
    return NULL;
}

static size_t index_of(const char *signature, char letter)
{
    size_t index = 0;
    for (const char *at = signature; *at != '\0'; at++) {
        if (*at == letter)
            return index;
        index += *at != '?';
    }
    return NO_INDEX;
}

static enum anchor anchor_logs(const struct answers *answers, struct call *call, size_t index,
                               struct hash32 *key)
{
    const struct chain *chain = answers->light->chain;
    struct log_filter filter;
    if (!param_filter(call, index, &filter))
        return ANCHOR_NONE;
    struct block_ref hash_ref = {.tag = BLOCK_HASH, .hash = filter.block_hash};
    const struct block_ref *to = filter.has_block_hash ? &hash_ref : &filter.to;
    const struct block_ref *from = filter.has_block_hash ? &hash_ref : &filter.from;
    const struct block_header *last = known_block(chain, to), *first;
    uint64_t number = from->number;
    if (from->tag != BLOCK_NUMBER) { /* what a number names need not be at hand */
        first = known_block(chain, from);
        if (first == NULL)
            return ANCHOR_NONE;
        number = first->header.number;
    }
    if (last == NULL)
        return ANCHOR_NONE;
    make_key(key, call, 'l', &last->hash, number, NO_INDEX);
    return ANCHOR_BLOCK;
}

/* Of a method of class BLOCK. */
static enum anchor anchor_block(const struct answers *answers, struct call *call,
                                struct hash32 *key)
{
    const struct chain *chain = answers->light->chain;
    const char *signature = call_row(call)->params;
    struct block_ref ref = {.tag = BLOCK_HASH};
    size_t index = index_of(signature, 'F');
    if (index != NO_INDEX)
        return anchor_logs(answers, call, index, key);
    index = index_of(signature, 'B');
    if (index == NO_INDEX)
        index = index_of(signature, 'N');
    bool good = index != NO_INDEX && param_block(call, index, &ref);
    if (index == NO_INDEX) {
        index = index_of(signature, 'H');
        good = index != NO_INDEX && param_hash(call, index, &ref.hash);
    }
    if (!good || ref.tag == BLOCK_PENDING)
        return ANCHOR_NONE;
    const struct rpc_answer_key *made = call_answer_key(call);
    if (made->has_block) {
        make_key(key, call, 'b', &made->block, 0, index);
        return ANCHOR_BLOCK;
    }
    const struct block_header *block = known_block(chain, &ref);
    if (block == NULL)
        return ANCHOR_ABSENT;
    make_key(key, call, 'b', &block->hash, 0, index);
    return ANCHOR_BLOCK;
}

/* HEAD: safe and finalized may move under the same head, and pending is no block. */
static bool hangs_on_head(struct call *call)
{
    struct block_ref ref = {.tag = BLOCK_LATEST};
    size_t index = index_of(call_row(call)->params, 'N');
    if (index != NO_INDEX && !param_block(call, index, &ref))
        return false;
    return ref.tag != BLOCK_SAFE && ref.tag != BLOCK_FINALIZED;
}

/* ---- the same text again ---- */

static struct again *again_slot(struct answers *answers, const struct call *call)
{
    struct span text = call_params_text(call);
    uint64_t mix = (uintptr_t)call_row(call) ^ text.size, word = 0;
    if (text.size > ANSWERS_AGAIN_TEXT_MAX)
        return NULL;
    for (size_t i = 0; i < text.size; i += sizeof word) {
        memcpy(&word, text.data + i, text.size - i < sizeof word ? text.size - i : sizeof word);
        mix = (mix ^ word) * 0x9e3779b97f4a7c15u;
        mix ^= mix >> 29;
    }
    return &answers->again[mix % ANSWERS_AGAIN_MAX];
}

static void read_marks(const struct chain *chain, uint64_t *safe, uint64_t *finalized)
{
    if (!chain_mark_number(chain, CHAIN_SAFE, safe))
        *safe = UINT64_MAX;
    if (!chain_mark_number(chain, CHAIN_FINALIZED, finalized))
        *finalized = UINT64_MAX;
}

/* What hangs on more than the view of the chain is not remembered: TX, which looks at what was sent
 * too. */
static void remember(struct answers *answers, const struct call *call,
                     const struct block_header *head, const struct hash32 *key)
{
    struct again *slot = again_slot(answers, call);
    struct span text = call_params_text(call);
    if (slot == NULL)
        return;
    slot->row = call_row(call);
    slot->key = *key;
    slot->head = head->hash;
    read_marks(answers->light->chain, &slot->safe, &slot->finalized);
    slot->size = (uint16_t)text.size;
    memcpy(slot->text, text.data, text.size);
}

/* ---- finding ---- */

/* What the state does not hold is zero, never null. */
static bool is_of_state(const struct rpc_method *row)
{
    return row->params[0] == 'A' || row->params[0] == 'R' || row->params[0] == 'O';
}

static bool give(const struct answers *answers, struct call *call, const struct hash32 *key)
{
    struct span value;
    if (!cache_get(answers->light->cache, CACHE_ANSWER, key, &value))
        return false;
    buf_add_span(call_result(call), value);
    return true;
}

static bool give_tx(const struct answers *answers, struct call *call, const struct hash32 *key)
{
    struct hash32 block;
    struct span value;
    if (!cache_get(answers->light->cache, CACHE_ANSWER, key, &value) || value.size < 32)
        return false;
    memcpy(block.bytes, value.data, 32);
    if (chain_known_hash(answers->light->chain, &block) == NULL)
        return false;
    buf_add(call_result(call), value.data + 32, value.size - 32);
    return true;
}

static bool find_tx(const struct answers *answers, struct call *call,
                    const struct block_header *head)
{
    struct hash32 key, hash;
    struct span envelope;
    make_key(&key, call, 't', &HASH32_ZERO, 0, NO_INDEX);
    if (give_tx(answers, call, &key))
        return true;
    /* One that was sent after somebody asked for it is not unknown any more. */
    if (!param_hash(call, 0, &hash) || sent_find(answers->light->sent, &hash, &envelope))
        return false;
    head_key(&key, call, head);
    return give(answers, call, &key);
}

static bool give_and_remember(struct answers *answers, struct call *call,
                              const struct block_header *head, const struct hash32 *key)
{
    if (!give(answers, call, key))
        return false;
    remember(answers, call, head, key);
    return true;
}

static bool on_find_again(struct rpc_answers *vtable, struct call *call)
{
    struct answers *answers = container_of(vtable, struct answers, vtable);
    const struct block_header *head = chain_head(answers->light->chain);
    const struct again *slot = again_slot(answers, call);
    uint64_t safe, finalized;
    if (head == NULL || slot == NULL || slot->row != call_row(call) ||
        !span_equal(SPAN(slot->text, slot->size), call_params_text(call)) ||
        !hash32_equal(&slot->head, &head->hash))
        return false;
    read_marks(answers->light->chain, &safe, &finalized);
    return slot->safe == safe && slot->finalized == finalized && give(answers, call, &slot->key);
}

static bool on_find(struct rpc_answers *vtable, struct call *call)
{
    struct answers *answers = container_of(vtable, struct answers, vtable);
    const struct block_header *head = chain_head(answers->light->chain);
    struct hash32 key;
    if (head == NULL)
        return false;
    switch (call_row(call)->cache) {
    case CALL_CACHE_NEVER:
    case CALL_CACHE_STATIC:
        return false;
    case CALL_CACHE_HEAD:
        if (!hangs_on_head(call))
            return false;
        head_key(&key, call, head);
        return give_and_remember(answers, call, head, &key);
    case CALL_CACHE_BLOCK:
        switch (anchor_block(answers, call, &key)) {
        case ANCHOR_NONE:
            return false;
        case ANCHOR_BLOCK:
            if (give_and_remember(answers, call, head, &key))
                return true;
            break;
        case ANCHOR_ABSENT:
            break;
        }
        if (is_of_state(call_row(call)))
            return false;
        head_key(&key, call, head); /* a null? */
        return give(answers, call, &key);
    case CALL_CACHE_TX:
        return find_tx(answers, call, head);
    }
    return false;
}

/* ---- keeping ---- */

static void keep_tx(const struct answers *answers, struct call *call, struct span result)
{
    static const char FIELD[] = "\"blockHash\":\"0x";
    struct hash32 key, block;
    const uint8_t *at =
        memmem(result.data, result.size < 256 ? result.size : 256, FIELD, sizeof FIELD - 1);
    if (at == NULL)
        return; /* pending */
    at += sizeof FIELD - 1;
    if ((size_t)(result.data + result.size - at) < 64 ||
        !hex_decode_exact(block.bytes, 32, (const char *)at, 64))
        return;
    struct buf value = {0};
    buf_add(&value, block.bytes, 32);
    buf_add_span(&value, result);
    make_key(&key, call, 't', &HASH32_ZERO, 0, NO_INDEX);
    cache_put(answers->light->cache, CACHE_ANSWER, &key, buf_span(&value));
    buf_free(&value);
}

static void on_keep(struct rpc_answers *vtable, struct call *call, struct span result)
{
    const struct answers *answers = container_of(vtable, struct answers, vtable);
    const struct block_header *head = chain_head(answers->light->chain);
    struct hash32 key;
    bool is_null = span_equal(result, SPAN_STR("null"));
    if (head == NULL)
        return;
    switch (call_row(call)->cache) {
    case CALL_CACHE_NEVER:
    case CALL_CACHE_STATIC:
        return;
    case CALL_CACHE_TX:
        if (!is_null) {
            keep_tx(answers, call, result);
            return;
        }
        head_key(&key, call, head);
        break;
    case CALL_CACHE_HEAD:
        if (!hangs_on_head(call))
            return;
        head_key(&key, call, head);
        break;
    case CALL_CACHE_BLOCK: {
        enum anchor anchor = anchor_block(answers, call, &key);
        if (anchor == ANCHOR_NONE || (anchor == ANCHOR_ABSENT && !is_null))
            return;
        if (is_null)
            head_key(&key, call, head);
        break;
    }
    }
    cache_put(answers->light->cache, CACHE_ANSWER, &key, result);
}

struct rpc_answers *answers_new(struct light *light)
{
    struct answers *answers = mem_alloc(sizeof *answers);
    answers->vtable =
        (struct rpc_answers){.find = on_find, .keep = on_keep, .find_again = on_find_again};
    answers->light = light;
    return &answers->vtable;
}

void answers_free(struct rpc_answers *answers)
{
    if (answers != NULL)
        mem_free(container_of(answers, struct answers, vtable));
}
