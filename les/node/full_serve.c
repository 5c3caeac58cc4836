/* Answers to questions, out of the window and the cache (full_private.h says how a step works). */
#include "les/node/full_private.h"

#include "les/eth/envelope.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"

#include <stdio.h>

/* ---- headers: the four walks of les.md 3.5 ---- */

static void emit(struct full_job *job, const struct hash32 *hash, const struct header *header,
                 struct span rlp)
{
    buf_add_span(&job->question->out, rlp);
    job->emitted++;
    job->at_hash = *hash;
    job->at_parent = header->parent_hash;
    job->at_number = header->number;
}

/* The first of the run. */
static enum full_got first_header(struct full_job *job)
{
    const struct les_headers_query *query = &job->question->ask.headers;
    /* go-ethereum takes a hash of zeros for a missing one */
    bool by_hash = query->by_hash && !hash32_is_zero(&query->hash);
    struct hash32 hash = query->hash;
    const struct header *header;
    struct span rlp;
    enum full_got got = by_hash ? full_want_header(job, &hash, &header, &rlp)
                                : full_want_number(job, query->number, 0, 0, &hash, &header, &rlp);
    if (got == FULL_GOT)
        emit(job, &hash, header, rlp);
    return got;
}

/* Is the block that the run has got to on the chain? */
static enum full_got canonical(struct full_job *job, bool *is)
{
    const struct header *header;
    struct hash32 hash;
    struct span rlp;
    enum full_got got = full_want_number(job, job->at_number, 0, 0, &hash, &header, &rlp);
    *is = got == FULL_GOT && hash32_equal(&hash, &job->at_hash);
    return got;
}

/* A step further back along a branch that is not the chain: parent by parent. */
static enum full_got side_header(struct full_job *job, uint64_t step)
{
    const struct header *header;
    struct hash32 hash = job->at_parent;
    struct span rlp;
    if (job->steps_left == 0)
        job->steps_left = step;
    while (job->steps_left > 0) {
        if (job->at_number == 0 || job->side_steps >= FULL_SIDE_STEPS)
            return FULL_NOT;
        enum full_got got = full_want_header(job, &hash, &header, &rlp);
        if (got != FULL_GOT)
            return got;
        job->side_steps++;
        job->steps_left--;
        job->at_hash = hash;
        job->at_number = header->number;
        job->at_parent = hash = header->parent_hash;
    }
    struct hash32 at = job->at_hash;
    if (full_want_header(job, &at, &header, &rlp) != FULL_GOT)
        return FULL_NOT;
    emit(job, &at, header, rlp);
    return FULL_GOT;
}

static enum full_got next_header(struct full_job *job)
{
    const struct les_headers_query *query = &job->question->ask.headers;
    uint64_t step, number;
    if (__builtin_add_overflow(query->skip, 1, &step))
        return FULL_NOT;
    if (query->by_hash && !job->side && job->emitted == 1) {
        bool is;
        enum full_got got = canonical(job, &is);
        if (got != FULL_GOT)
            return got;
        job->side = !is;
    }
    if (job->side)
        return query->reverse ? side_header(job, step) : FULL_NOT;
    if (query->reverse ? step > job->at_number
                       : __builtin_add_overflow(job->at_number, step, &number))
        return FULL_NOT;
    if (query->reverse)
        number = job->at_number - step;
    const struct header *header;
    struct hash32 hash;
    struct span rlp;
    int64_t stride = step > INT32_MAX ? 0 : query->reverse ? -(int64_t)step : (int64_t)step;
    uint64_t ahead = stride == 0 ? 0 : query->amount - job->emitted - 1;
    enum full_got got = full_want_number(job, number, stride, ahead, &hash, &header, &rlp);
    if (got != FULL_GOT)
        return got;
    /* A reorganisation in between: the run ends before it. */
    if (step == 1 && !(query->reverse ? hash32_equal(&job->at_parent, &hash)
                                      : hash32_equal(&header->parent_hash, &job->at_hash)))
        return FULL_NOT;
    emit(job, &hash, header, rlp);
    return FULL_GOT;
}

static void serve_headers(struct full_job *job)
{
    uint64_t amount = job->question->ask.headers.amount;
    enum full_got got = FULL_GOT;
    while (got == FULL_GOT && job->emitted < amount)
        got = job->emitted == 0 ? first_header(job) : next_header(job);
    if (got != FULL_LATER)
        full_job_answer(job, LES_ANSWER_GIVEN);
}

/* ---- blocks ---- */

/* Where the header says that there is nothing, nothing is asked for. */
static bool empty_body(const struct header *header, struct span *body)
{
    static const uint8_t WITHOUT[] = {0xc2, 0xc0, 0xc0}, WITH[] = {0xc3, 0xc0, 0xc0, 0xc0};
    bool withdrawals = HEADER_HAS_WITHDRAWALS(header);
    *body = withdrawals ? SPAN(WITH, sizeof(WITH)) : SPAN(WITHOUT, sizeof(WITHOUT));
    return hash32_equal(&header->transactions_root, &EMPTY_TRIE_ROOT) &&
           hash32_equal(&header->uncles_hash, &EMPTY_UNCLES_HASH) &&
           (!withdrawals || hash32_equal(&header->withdrawals_root, &EMPTY_TRIE_ROOT));
}

static void serve_block_part(struct full_job *job)
{
    static const uint8_t NOTHING[] = {0xc0};
    struct les_question *question = job->question;
    const struct hash32 *hash = &question->ask.block_hash;
    bool is_body = question->code == LES_GET_BLOCK_BODIES;
    const struct header *header;
    struct span rlp, part;
    enum full_got got = full_want_header(job, hash, &header, &rlp);
    if (got == FULL_GOT) {
        if (is_body && empty_body(header, &part))
            got = FULL_GOT;
        else if (!is_body && hash32_equal(&header->receipts_root, &EMPTY_TRIE_ROOT))
            part = SPAN(NOTHING, sizeof(NOTHING));
        else
            got = is_body ? full_want_body(job, hash, &part)
                          : full_want_receipts(job, hash, header, &part);
        /* A block that is known has a body: the node lost it, the client is not at fault. */
        if (got == FULL_NOT && job->trouble == FULL_NOTHING)
            job->trouble = FULL_NO_ANSWER;
    }
    if (got == FULL_LATER)
        return;
    if (got == FULL_NOT) {
        full_job_refuse(job);
        return;
    }
    buf_add_span(&question->out, part);
    full_job_answer(job, LES_ANSWER_GIVEN);
}

/* ---- state ---- */

/* The nodes of a path as the walk takes them. */
struct path {
    struct trie_source source;
    struct trie_source *cache;
    struct les_question *question; /* gets those from from_level on; NULL: nobody does */
    uint64_t level, from_level;
};

static bool on_path_node(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct path *path = container_of(source, struct path, source);
    if (!path->cache->get(path->cache, hash, node))
        return false;
    if (path->question != NULL && path->level >= path->from_level) {
        buf_add_span(&path->question->out, *node);
        buf_add(&path->question->node_hashes, hash->bytes, 32);
    }
    path->level++;
    return true;
}

/* FOUND or ABSENT: the path is complete, and given out if question is not NULL. */
static enum trie_result walk_path(struct full *full, struct trie_walk *walk,
                                  const struct hash32 *root, const struct hash32 *key,
                                  struct les_question *question, uint64_t from_level)
{
    struct path path = {{on_path_node}, full_cache_nodes(full->cache), question, 0, from_level};
    enum trie_result result = trie_walk(walk, &path.source, root, SPAN(key->bytes, 32));
    if (question != NULL && result != TRIE_FOUND && result != TRIE_ABSENT)
        question->out.size = question->node_hashes.size = 0;
    return result;
}

/* What a proof or code question is about: hashes, and the names as far as they are known. */
struct place {
    struct hash32 account_key, slot_key;
    struct span account_name, slot_name; /* plain; empty: only the hash is known */
    bool in_storage;
};

static bool read_account(struct place *place, struct span field)
{
    if (field.size == 20) {
        place->account_name = field;
        keccak256(&place->account_key, field);
        return true;
    }
    if (field.size != 32)
        return false;
    memcpy(place->account_key.bytes, field.data, 32);
    return true;
}

static bool read_place(struct place *place, const struct les_proof_item *item)
{
    *place = (struct place){.in_storage = item->account.size > 0};
    if (!place->in_storage)
        return read_account(place, item->key);
    if (!read_account(place, item->account))
        return false;
    if (item->key.size == LES_PLAIN_SLOT_KEY_SIZE && item->key.data[0] == 0) {
        place->slot_name = SPAN(item->key.data + 1, 32);
        keccak256(&place->slot_key, place->slot_name);
        return true;
    }
    if (item->key.size != 32)
        return false;
    memcpy(place->slot_key.bytes, item->key.data, 32);
    return true;
}

/* Names that were told are kept: a stock client may ask for them by their hash. */
static void learn_place(struct full *full, const struct place *place)
{
    struct address20 address;
    struct hash32 slot;
    if (place->account_name.size > 0) {
        memcpy(address.bytes, place->account_name.data, 20);
        full_learn_address(full, &address);
    }
    if (place->slot_name.size > 0) {
        memcpy(slot.bytes, place->slot_name.data, 32);
        full_learn_slot(full, &slot);
    }
}

static enum full_got name_account(struct full_job *job, const struct place *place,
                                  struct address20 *out)
{
    if (place->account_name.size == 0)
        return full_want_name(job, &place->account_key, out->bytes, 20);
    memcpy(out->bytes, place->account_name.data, 20);
    return FULL_GOT;
}

static enum full_got name_slot(struct full_job *job, const struct place *place, struct hash32 *out)
{
    if (place->slot_name.size == 0)
        return full_want_name(job, &place->slot_key, out->bytes, 32);
    memcpy(out->bytes, place->slot_name.data, 32);
    return FULL_GOT;
}

/* Nodes are missing: asks for them by name. with_slot: those of the slot too. */
static enum full_got ask_state(struct full_job *job, const struct hash32 *hash,
                               const struct header *header, const struct place *place)
{
    struct address20 address;
    struct hash32 slot;
    if (job->trouble != FULL_FINE)
        return FULL_NOT;
    enum full_got got = name_account(job, place, &address);
    if (got == FULL_GOT && place->in_storage)
        got = name_slot(job, place, &slot);
    if (got == FULL_NOT)
        job->full->stats.unnamed++;
    if (got != FULL_GOT)
        return got;
    return full_want_proof(job, hash, header, &address, place->in_storage ? &slot : NULL);
}

/* FULL_GOT: the account is proved; absent: exists is false. */
static enum full_got find_account(struct full_job *job, const struct hash32 *hash,
                                  const struct header *header, const struct place *place,
                                  struct account *account, bool *exists)
{
    struct trie_walk walk;
    enum trie_result result =
        walk_path(job->full, &walk, &header->state_root, &place->account_key, NULL, 0);
    *account = ACCOUNT_EMPTY;
    *exists = result == TRIE_FOUND;
    if (result == TRIE_ABSENT)
        return FULL_GOT;
    if (result == TRIE_FOUND)
        return account_decode(account, walk.value) ? FULL_GOT : FULL_NOT;
    return ask_state(job, hash, header, place);
}

static enum full_got prove_slot(struct full_job *job, const struct hash32 *hash,
                                const struct header *header, const struct place *place)
{
    struct les_question *question = job->question;
    struct account account;
    struct trie_walk walk;
    bool exists;
    enum full_got got = find_account(job, hash, header, place, &account, &exists);
    if (got != FULL_GOT)
        return got;
    if (!exists)
        return FULL_NOT;
    enum trie_result result = walk_path(job->full, &walk, &account.storage_root, &place->slot_key,
                                        question, question->ask.proof.from_level);
    return result == TRIE_FOUND || result == TRIE_ABSENT ? FULL_GOT
                                                         : ask_state(job, hash, header, place);
}

static void finish_state(struct full_job *job, enum full_got got)
{
    if (got == FULL_LATER)
        return;
    if (got == FULL_GOT)
        full_job_answer(job, LES_ANSWER_GIVEN);
    else
        full_job_answer(job, LES_ANSWER_NONE);
}

static void serve_proof(struct full_job *job)
{
    struct les_question *question = job->question;
    const struct les_proof_item *item = &question->ask.proof;
    const struct header *header;
    struct trie_walk walk;
    struct place place;
    struct span rlp;
    enum full_got got = full_want_header(job, &item->block_hash, &header, &rlp);
    if (got == FULL_NOT) {
        full_job_refuse(job);
        return;
    }
    if (got == FULL_LATER)
        return;
    if (!read_place(&place, item)) {
        full_job_answer(job, LES_ANSWER_NONE);
        return;
    }
    learn_place(job->full, &place);
    if (place.in_storage) {
        finish_state(job, prove_slot(job, &item->block_hash, header, &place));
        return;
    }
    enum trie_result result = walk_path(job->full, &walk, &header->state_root, &place.account_key,
                                        question, item->from_level);
    finish_state(job, result == TRIE_FOUND || result == TRIE_ABSENT
                          ? FULL_GOT
                          : ask_state(job, &item->block_hash, header, &place));
}

static void serve_code(struct full_job *job)
{
    struct les_question *question = job->question;
    const struct les_code_item *item = &question->ask.code;
    const struct header *header;
    struct place place = {0};
    struct address20 address;
    struct account account;
    struct span rlp, code;
    bool exists;
    enum full_got got = full_want_header(job, &item->block_hash, &header, &rlp);
    if (got == FULL_NOT) {
        full_job_refuse(job);
        return;
    }
    if (got == FULL_LATER)
        return;
    ASSERT(read_account(&place, item->account)); /* the server looked at its size */
    got = find_account(job, &item->block_hash, header, &place, &account, &exists);
    if (got == FULL_GOT && hash32_equal(&account.code_hash, &EMPTY_CODE_HASH))
        got = FULL_NOT;
    if (got == FULL_GOT &&
        full_cache_get(job->full->cache, FULL_CACHE_CODE, &account.code_hash, &code))
        goto given;
    if (got == FULL_GOT)
        got = name_account(job, &place, &address);
    if (got == FULL_GOT)
        got = full_want_code(job, &item->block_hash, header, &address, &account.code_hash, &code);
    if (got != FULL_GOT) {
        finish_state(job, got);
        return;
    }
given:
    buf_add_span(&question->out, code);
    full_job_answer(job, LES_ANSWER_GIVEN);
}

/* ---- helper tries ---- */

static bool on_seen(void *owner, const struct hash32 *hash)
{
    struct les_question *question = owner;
    buf_add(&question->node_hashes, hash->bytes, 32);
    return false;
}

static void serve_helper(struct full_job *job)
{
    struct les_question *question = job->question;
    const struct les_helper_item *item = &question->ask.helper;
    struct full_helper *helper = &job->full->helper;
    const struct hash32 *root = NULL;
    if (item->section < helper->sections_count && item->type == LES_HELPER_CHT)
        root = &helper->sections[item->section].cht_root;
    if (item->section < helper->sections_count && item->type == LES_HELPER_BLOOM)
        root = &helper->sections[item->section].bloom_root;
    bool wants_header = root != NULL && item->type == LES_HELPER_CHT &&
                        item->aux == LES_AUX_HEADER && item->key.size == CHT_KEY_SIZE;
    if (wants_header) {
        const struct header *header;
        struct cht_entry entry;
        struct span rlp;
        uint64_t number = be_read(item->key.data, CHT_KEY_SIZE);
        enum trie_result result = cht_walk(&entry, node_store_source(helper->store), root, number);
        enum full_got got =
            result != TRIE_FOUND ? FULL_NOT : full_want_header(job, &entry.hash, &header, &rlp);
        if (got == FULL_LATER)
            return;
        if (got == FULL_GOT)
            buf_add_span(&question->aux, rlp);
        else if (result == TRIE_FOUND)
            root = NULL;
    }
    uint64_t level = item->from_level > TRIE_DEPTH_MAX ? TRIE_DEPTH_MAX : item->from_level;
    if (root == NULL || trie_prove(helper->store, root, item->key, (unsigned)level, on_seen,
                                   question, &question->out) != STATUS_OK) {
        full_job_answer(job, LES_ANSWER_NONE);
        return;
    }
    full_job_answer(job, LES_ANSWER_GIVEN);
}

/* ---- transactions ---- */

/* The node's words for what go-ethereum has words for, in the order they are looked for. */
static const struct {
    const char *part; /* in lower case */
    const char *text;
} WORDS[] = {
    {"already known", "already known"},
    {"already imported", "already known"},
    {"alreadyknown", "already known"},
    {"nonce too low", "nonce too low"},
    {"nonce is too low", "nonce too low"},
    {"oldnonce", "nonce too low"},
    {"nonce too high", "nonce too high"},
    {"insufficient funds", "insufficient funds for gas * price + value"},
    {"insufficientfunds", "insufficient funds for gas * price + value"},
    {"upfront cost exceeds account balance", "insufficient funds for gas * price + value"},
    {"replacement transaction underpriced", "replacement transaction underpriced"},
    {"replacementnotallowed", "replacement transaction underpriced"},
    {"transaction underpriced", "transaction underpriced"},
    {"intrinsic gas too low", "intrinsic gas too low"},
    {"intrinsic gas exceeds gas limit", "intrinsic gas too low"},
    {"exceeds block gas limit", "exceeds block gas limit"},
    {"max fee per gas less than block base fee", "max fee per gas less than block base fee"},
    {"max priority fee per gas higher than max fee",
     "max priority fee per gas higher than max fee per gas"},
    {"max initcode size exceeded", "max initcode size exceeded"},
    {"invalid sender", "invalid sender"},
};

/* text in lower case, printable, at most FULL_TEXT_MAX - 1 characters */
static void plain_text(char out[FULL_TEXT_MAX], const char *text, bool lower)
{
    size_t i = 0;
    for (; text[i] != 0 && i < FULL_TEXT_MAX - 1; i++) {
        char c = text[i];
        out[i] = c < 0x20 || c > 0x7e ? '?' : lower && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out[i] = 0;
}

static void put_error(struct les_question *question, const char *message)
{
    char lower[FULL_TEXT_MAX], text[FULL_TEXT_MAX];
    plain_text(lower, message, true);
    for (size_t i = 0; i < ARRAY_COUNT(WORDS); i++) {
        if (strstr(lower, WORDS[i].part) == NULL)
            continue;
        question->status.error = SPAN_STR(WORDS[i].text);
        return;
    }
    plain_text(text, message[0] != 0 ? message : "the node refused it", false);
    buf_clear(&question->out);
    buf_add_str(&question->out, text);
    question->status.error = buf_span(&question->out);
}

enum tx_stage { TX_ASK, TX_ASKED, TX_PLACE, TX_SEND };

/* Reads where the node says the transaction is. That it waits in a pool is all there is to know. */
static bool read_found(struct les_tx_status *out, json_t *tx, const struct hash32 *hash)
{
    json_t *block = json_object_get(tx, "blockHash");
    struct hash32 own;
    *out = (struct les_tx_status){.state = LES_TX_PENDING};
    if (!full_read_fixed(own.bytes, 32, json_object_get(tx, "hash")) || !hash32_equal(&own, hash))
        return false;
    if (block == NULL || json_is_null(block))
        return true;
    out->state = LES_TX_INCLUDED;
    out->has_lookup = true;
    return full_read_fixed(out->block.hash.bytes, 32, block) &&
           full_read_u64(&out->block.number, json_object_get(tx, "blockNumber")) &&
           full_read_u64(&out->index, json_object_get(tx, "transactionIndex"));
}

static void on_place(void *owner, const struct full_reply *reply)
{
    struct full_job *job = owner;
    bool sent = job->question->code == LES_SEND_TX_V2;
    const struct hash32 *hash =
        sent ? &job->question->ask.send_tx.hash : &job->question->ask.tx_hash;
    job->call = NULL;
    job->stage = TX_PLACE;
    job->found = (struct les_tx_status){.state = sent ? LES_TX_PENDING : LES_TX_UNKNOWN};
    if (reply->outcome != FULL_RESULT)
        (void)full_no_result(job->full, "transaction", reply);
    else if (!json_is_null(reply->result) && !read_found(&job->found, reply->result, hash)) {
        struct full_fault fault = {.what = "malformed, or another's", .field = "hash"};
        full_unverified(job->full, FULL_TX, &fault, SPAN(hash->bytes, 32));
        job->found = (struct les_tx_status){.state = sent ? LES_TX_PENDING : LES_TX_UNKNOWN};
    }
    full_job_run(job);
}

static void ask_place(struct full_job *job, const struct hash32 *hash)
{
    job->stage = TX_ASKED;
    job->call = full_rpc_call(job->full->config.rpc, "eth_getTransactionByHash",
                              json_pack("[o]", full_block_param(hash)), 0, on_place, job);
}

/* Does the block at number hold the transaction at index? */
static bool body_holds(struct span body_rlp, uint64_t index, const struct hash32 *hash)
{
    struct body body;
    struct hash32 at;
    if (!body_decode(&body, body_rlp))
        return false;
    struct rlp list = rlp_reader(body.transactions);
    for (uint64_t i = 0; i < index && rlp_more(&list); i++)
        (void)rlp_raw(&list);
    if (!rlp_more(&list))
        return false;
    if (rlp_peek(&list) == RLP_LIST)
        keccak256(&at, rlp_raw(&list));
    else
        keccak256(&at, rlp_bytes(&list));
    return hash32_equal(&at, hash);
}

/* The place is served when the block is on the chain and holds the transaction there. */
static void prove_place(struct full_job *job, const struct hash32 *hash)
{
    struct les_question *question = job->question;
    const struct header *header;
    struct span rlp, body;
    enum full_got got = full_want_header(job, &job->found.block.hash, &header, &rlp);
    bool numbered = got == FULL_GOT && header->number == job->found.block.number;
    if (got == FULL_GOT)
        got = full_want_body(job, &job->found.block.hash, &body);
    if (got == FULL_LATER)
        return;
    if (got == FULL_GOT && numbered && body_holds(body, job->found.index, hash)) {
        question->status = job->found;
    } else {
        struct full_fault fault = {.what = "not in the block it names", .field = "blockHash"};
        full_unverified(job->full, FULL_TX, &fault, SPAN(hash->bytes, 32));
        question->status.state = LES_TX_UNKNOWN;
    }
    full_job_answer(job, LES_ANSWER_GIVEN);
}

static void on_sent(void *owner, const struct full_reply *reply)
{
    struct full_job *job = owner;
    struct les_question *question = job->question;
    job->call = NULL;
    if (reply->outcome == FULL_RESULT) {
        full_rpc_poll(job->full->config.rpc); /* it may be in a block already */
        ask_place(job, &question->ask.send_tx.hash);
        return;
    }
    if (reply->outcome == FULL_ERROR) {
        put_error(question, reply->message != NULL ? reply->message : "");
        if (span_equal(question->status.error, SPAN_STR("already known"))) {
            question->status.error = SPAN_EMPTY;
            ask_place(job, &question->ask.send_tx.hash);
            return;
        }
    } else {
        (void)full_no_result(job->full, "transaction to send", reply);
        question->status.error = SPAN_STR("the full node does not answer");
    }
    full_job_answer(job, LES_ANSWER_GIVEN);
}

static void serve_tx(struct full_job *job)
{
    struct les_question *question = job->question;
    bool sends = question->code == LES_SEND_TX_V2;
    const struct hash32 *hash = sends ? &question->ask.send_tx.hash : &question->ask.tx_hash;
    if (job->stage == TX_ASK && sends) {
        job->stage = TX_SEND;
        job->call = full_rpc_call(job->full->config.rpc, "eth_sendRawTransaction",
                                  json_pack("[o]", full_json_hex(question->ask.send_tx.envelope)),
                                  0, on_sent, job);
    } else if (job->stage == TX_ASK) {
        ask_place(job, hash);
    } else if (job->stage == TX_PLACE && job->found.state == LES_TX_INCLUDED) {
        prove_place(job, hash);
    } else if (job->stage == TX_PLACE) {
        question->status = job->found;
        full_job_answer(job, LES_ANSWER_GIVEN);
    }
}

/* ---- each question ---- */

void full_serve(struct full_job *job)
{
    switch ((enum les_code)job->question->code) {
    case LES_GET_BLOCK_HEADERS:
        serve_headers(job);
        return;
    case LES_GET_BLOCK_BODIES:
    case LES_GET_RECEIPTS:
        serve_block_part(job);
        return;
    case LES_GET_CODE:
        serve_code(job);
        return;
    case LES_GET_PROOFS_V2:
        serve_proof(job);
        return;
    case LES_GET_HELPER_TRIE_PROOFS:
        serve_helper(job);
        return;
    case LES_SEND_TX_V2:
    case LES_GET_TX_STATUS:
        serve_tx(job);
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

/* ---- how far back the node has state ---- */

static void probe_end(struct full_job *job, bool good)
{
    struct full *full = job->full;
    uint64_t depth = job->depth;
    bool is_first = depth == UINT64_MAX;
    full_job_end(job);
    if (good && is_first)
        full->probe_all = true;
    if (good && !is_first) {
        full->probe_depth =
            full->probe_found && full->probe_depth > depth ? full->probe_depth : depth;
        full->probe_found = true;
    }
    if (--full->probes_open == 0)
        full_became_ready(full);
}

static void probe_step(struct full_job *job)
{
    struct full *full = job->full;
    const struct header *header;
    struct trie_walk walk;
    struct hash32 hash;
    struct span rlp;
    uint64_t head = full->chain.head->header.number;
    uint64_t number = job->depth == UINT64_MAX ? 1 : head - job->depth;
    struct address20 address = {{0}};
    struct place place = {.account_name = SPAN(address.bytes, 20)};
    keccak256(&place.account_key, place.account_name);
    enum full_got got = full_want_number(job, number, 0, 0, &hash, &header, &rlp);
    if (got == FULL_GOT) {
        enum trie_result result =
            walk_path(full, &walk, &header->state_root, &place.account_key, NULL, 0);
        got = result == TRIE_FOUND || result == TRIE_ABSENT
                  ? FULL_GOT
                  : full_want_proof(job, &hash, header, &address, NULL);
    }
    if (got != FULL_LATER)
        probe_end(job, got == FULL_GOT);
}

void full_probe_state(struct full *full)
{
    static const uint64_t DEPTHS[] = {0, 1, 8, 32, 63, 127, 255, 1000, 8191, 65535};
    uint64_t head = full->chain.head->header.number;
    full->probed = true;
    full->probes_open = 1; /* this function's own */
    if (head == 0)
        full->probe_all = true;
    struct full_job *jobs[ARRAY_COUNT(DEPTHS) + 1];
    size_t count = 0;
    for (size_t i = 0; head > 0 && i < ARRAY_COUNT(DEPTHS) && DEPTHS[i] < head; i++) {
        jobs[count] = full_job_new(full, probe_step);
        jobs[count++]->depth = DEPTHS[i];
    }
    if (head > 0) {
        jobs[count] = full_job_new(full, probe_step);
        jobs[count++]->depth = UINT64_MAX;
    }
    full->probes_open += count;
    for (size_t i = 0; i < count; i++)
        full_job_run(jobs[i]);
    if (--full->probes_open == 0)
        full_became_ready(full);
}
