/* State at a block: every value comes out of a Merkle proof from the block's state root. */
#include "gateway/eth/methods.h"
#include "gateway/light/query.h"
#include "les/eth/keccak.h"
#include "les/eth/u256.h"

enum account_field { FIELD_BALANCE, FIELD_NONCE, FIELD_CODE, FIELD_SLOT };

struct state_args {
    struct address20 address;
    struct block_ref block;
    enum account_field field;
    struct hash32 slot;
};

static struct call_done on_state(struct query *query)
{
    struct state_args *args = query_args(query);
    struct block_header *block;
    struct account account;
    struct span code;
    struct hash32 value;
    struct buf *out = call_result(query_call(query));
    enum query_got got = query_block(query, &args->block, &block);
    if (got == QUERY_ABSENT)
        return query_fail_block(query, &args->block);
    if (got == QUERY_LATER || query_account(query, block, &args->address, &account) == QUERY_LATER)
        return query_wait(query);
    switch (args->field) {
    case FIELD_BALANCE:
        json_put_quantity256(out, &account.balance);
        break;
    case FIELD_NONCE:
        if (args->block.tag == BLOCK_PENDING) /* own transactions under way count too */
            account.nonce =
                sent_next_nonce(query_light(query)->sent, &args->address, account.nonce);
        json_put_quantity(out, account.nonce);
        break;
    case FIELD_CODE:
        if (query_code(query, block, &args->address, &account.code_hash, &code) == QUERY_LATER)
            return query_wait(query);
        json_put_data(out, code);
        break;
    case FIELD_SLOT:
        if (query_slot(query, block, &args->address, &account.storage_root, &args->slot, &value) ==
            QUERY_LATER)
            return query_wait(query);
        json_put_hash(out, &value);
        break;
    }
    return query_ok(query);
}

static struct call_done start_state(struct call *call, void *ctx, enum account_field field,
                                    size_t block_index)
{
    struct state_args *args = call_alloc(call, sizeof *args);
    args->field = field;
    if (!param_address(call, 0, &args->address) ||
        (field == FIELD_SLOT && !param_storage_key(call, 1, &args->slot)) ||
        !param_block(call, block_index, &args->block))
        return call_fail_param(call);
    return query_start(call, ctx, on_state, args);
}

struct call_done eth_get_balance(struct call *call, void *ctx)
{
    return start_state(call, ctx, FIELD_BALANCE, 1);
}

struct call_done eth_get_transaction_count(struct call *call, void *ctx)
{
    return start_state(call, ctx, FIELD_NONCE, 1);
}

struct call_done eth_get_code(struct call *call, void *ctx)
{
    return start_state(call, ctx, FIELD_CODE, 1);
}

struct call_done eth_get_storage_at(struct call *call, void *ctx)
{
    return start_state(call, ctx, FIELD_SLOT, 2);
}

/* ---- many slots of many accounts ---- */

struct values_args {
    struct storage_request *requests;
    size_t count;
    struct block_ref block;
};

/* Asks for everything that can be asked for; false: something is missing. */
static bool fetch_values(struct query *query, const struct block_header *block,
                         const struct values_args *args)
{
    bool whole = true;
    for (size_t i = 0; i < args->count; i++) {
        const struct storage_request *request = &args->requests[i];
        struct account account;
        if (query_account(query, block, &request->address, &account) == QUERY_LATER) {
            whole = false;
            continue;
        }
        for (size_t k = 0; k < request->keys_count; k++) {
            struct hash32 value;
            if (query_slot(query, block, &request->address, &account.storage_root,
                           &request->keys[k], &value) == QUERY_LATER)
                whole = false;
        }
    }
    return whole;
}

static struct call_done on_values(struct query *query)
{
    struct values_args *args = query_args(query);
    struct block_header *block;
    struct buf *out = call_result(query_call(query));
    enum query_got got = query_block(query, &args->block, &block);
    if (got == QUERY_ABSENT)
        return query_fail_block(query, &args->block);
    if (got == QUERY_LATER || !fetch_values(query, block, args))
        return query_wait(query);
    json_put_object(out);
    for (size_t i = 0; i < args->count; i++) {
        const struct storage_request *request = &args->requests[i];
        struct account account;
        char key[43] = "0x";
        if (query_account(query, block, &request->address, &account) == QUERY_LATER)
            return query_fail(query, RPC_LIMIT_EXCEEDED, "the cache is too small for this request");
        hex_encode(key + 2, SPAN(request->address.bytes, 20));
        key[42] = 0;
        json_put_key(out, key);
        json_put_array(out);
        for (size_t k = 0; k < request->keys_count; k++) {
            struct hash32 value;
            if (query_slot(query, block, &request->address, &account.storage_root,
                           &request->keys[k], &value) == QUERY_LATER)
                return query_fail(query, RPC_LIMIT_EXCEEDED,
                                  "the cache is too small for this request");
            json_put_hash(out, &value);
        }
        json_put_array_end(out);
    }
    json_put_object_end(out);
    return query_ok(query);
}

struct call_done eth_get_storage_values(struct call *call, void *ctx)
{
    struct values_args *args = call_alloc(call, sizeof *args);
    if (!param_storage_requests(call, 0, &args->requests, &args->count) ||
        !param_block(call, 1, &args->block))
        return call_fail_param(call);
    return query_start(call, ctx, on_values, args);
}

/* ---- proofs ---- */

struct proof_args {
    struct address20 address;
    struct hash32 *keys;
    bool *was_hash;
    size_t keys_count;
    struct block_ref block;
};

/* Writes the nodes of a walk as they pass. */
struct written_source {
    struct trie_source source;
    struct trie_source *nodes;
    struct buf *out;
};

static bool on_written_node(struct trie_source *source, const struct hash32 *hash,
                            struct span *node)
{
    struct written_source *written = container_of(source, struct written_source, source);
    if (!written->nodes->get(written->nodes, hash, node))
        return false;
    json_put_data(written->out, *node);
    return true;
}

static bool put_proof(struct query *query, const struct hash32 *root, struct span plain_key)
{
    struct buf *out = call_result(query_call(query));
    struct written_source written = {
        {on_written_node}, objects_nodes(query_light(query)->objects), out};
    struct trie_walk walk;
    struct hash32 key;
    keccak256(&key, plain_key);
    json_put_array(out);
    enum trie_result result = trie_walk(&walk, &written.source, root, SPAN(key.bytes, 32));
    json_put_array_end(out);
    return result == TRIE_FOUND || result == TRIE_ABSENT;
}

static void put_proof_key(struct buf *out, const struct hash32 *key, bool was_hash)
{
    struct u256 quantity;
    if (was_hash) {
        json_put_hash(out, key);
        return;
    }
    u256_from_be(&quantity, SPAN(key->bytes, 32));
    json_put_quantity256(out, &quantity);
}

static bool put_slot_proof(struct query *query, const struct block_header *block,
                           const struct account *account, const struct proof_args *args,
                           size_t index)
{
    struct buf *out = call_result(query_call(query));
    struct hash32 value;
    struct u256 quantity;
    if (query_slot(query, block, &args->address, &account->storage_root, &args->keys[index],
                   &value) == QUERY_LATER)
        return false;
    json_put_object(out);
    json_put_key(out, "key");
    put_proof_key(out, &args->keys[index], args->was_hash[index]);
    u256_from_be(&quantity, SPAN(value.bytes, 32));
    json_put_key(out, "value");
    json_put_quantity256(out, &quantity);
    json_put_key(out, "proof");
    bool whole = put_proof(query, &account->storage_root, SPAN(args->keys[index].bytes, 32));
    json_put_object_end(out);
    return whole;
}

static bool put_account_proof(struct query *query, const struct block_header *block,
                              const struct account *account, const struct proof_args *args)
{
    struct buf *out = call_result(query_call(query));
    json_put_object(out);
    json_put_key(out, "address");
    json_put_address(out, &args->address);
    json_put_key(out, "accountProof");
    bool whole = put_proof(query, &block->header.state_root, SPAN(args->address.bytes, 20));
    json_put_key(out, "balance");
    json_put_quantity256(out, &account->balance);
    json_put_key(out, "codeHash");
    json_put_hash(out, &account->code_hash);
    json_put_key(out, "nonce");
    json_put_quantity(out, account->nonce);
    json_put_key(out, "storageHash");
    json_put_hash(out, &account->storage_root);
    json_put_key(out, "storageProof");
    json_put_array(out);
    for (size_t i = 0; whole && i < args->keys_count; i++)
        whole = put_slot_proof(query, block, account, args, i);
    json_put_array_end(out);
    json_put_object_end(out);
    return whole;
}

static struct call_done on_proof(struct query *query)
{
    struct proof_args *args = query_args(query);
    struct block_header *block;
    struct account account;
    bool whole = true;
    enum query_got got = query_block(query, &args->block, &block);
    if (got == QUERY_ABSENT)
        return query_fail_block(query, &args->block);
    if (got == QUERY_LATER || query_account(query, block, &args->address, &account) == QUERY_LATER)
        return query_wait(query);
    for (size_t i = 0; i < args->keys_count; i++) {
        struct hash32 value;
        if (query_slot(query, block, &args->address, &account.storage_root, &args->keys[i],
                       &value) == QUERY_LATER)
            whole = false;
    }
    if (!whole)
        return query_wait(query);
    if (!put_account_proof(query, block, &account, args))
        return query_fail(query, RPC_LIMIT_EXCEEDED, "the cache is too small for this proof");
    return query_ok(query);
}

struct call_done eth_get_proof(struct call *call, void *ctx)
{
    struct proof_args *args = call_alloc(call, sizeof *args);
    if (!param_address(call, 0, &args->address) ||
        !param_storage_keys(call, 1, &args->keys, &args->was_hash, &args->keys_count) ||
        !param_block(call, 2, &args->block))
        return call_fail_param(call);
    return query_start(call, ctx, on_proof, args);
}
