#include "conf/headstate.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"

#include <jansson.h>

struct builder {
    const char *path;
    struct node_store *store;
    struct trie *accounts;
    struct buf *error;
};

static enum status fail(struct builder *builder, const char *where, const char *what)
{
    buf_clear(builder->error);
    buf_printf(builder->error, "%s: %s: %s", builder->path, where, what);
    return STATUS_INVALID;
}

static enum status put_slot(struct trie *storage, const char *slot_text, const char *value_text)
{
    struct hash32 slot, key;
    struct buf value = {0}, leaf = {0};
    bool good = hex_decode_exact(slot.bytes, 32, slot_text, strlen(slot_text)) &&
                value_text != NULL && hex_decode(&value, value_text, strlen(value_text)) &&
                value.size > 0 && value.size <= 32;
    if (good) {
        size_t zeros = 0;
        while (zeros < value.size && value.data[zeros] == 0)
            zeros++;
        keccak256(&key, SPAN(slot.bytes, 32));
        rlp_add_bytes(&leaf, SPAN(value.data + zeros, value.size - zeros));
        good = zeros < value.size &&
               trie_put(storage, SPAN(key.bytes, 32), buf_span(&leaf)) == STATUS_OK;
    }
    buf_free(&value);
    buf_free(&leaf);
    return good ? STATUS_OK : STATUS_INVALID;
}

static enum status build_storage(struct builder *builder, struct account *account,
                                 const char *address, json_t *slots)
{
    const char *slot;
    json_t *value;
    struct trie *storage = trie_new(builder->store, &EMPTY_TRIE_ROOT);
    enum status status = STATUS_OK;
    json_object_foreach(slots, slot, value)
    {
        status = put_slot(storage, slot, json_string_value(value));
        if (status != STATUS_OK) {
            (void)fail(builder, address, "a storage entry is not a slot of 32 bytes and a value");
            break;
        }
    }
    trie_commit(storage, &account->storage_root);
    trie_free(storage);
    return status;
}

static enum status build_code(struct builder *builder, struct account *account, const char *address,
                              json_t *text)
{
    struct buf code = {0};
    if (text == NULL)
        return STATUS_OK;
    if (!json_is_string(text) ||
        !hex_decode(&code, json_string_value(text), json_string_length(text)))
        return fail(builder, address, "code is not hex");
    keccak256(&account->code_hash, buf_span(&code));
    node_store_put(builder->store, &account->code_hash, buf_span(&code));
    buf_free(&code);
    return STATUS_OK;
}

static enum status build_account(struct builder *builder, const char *address, json_t *fields)
{
    struct account account = ACCOUNT_EMPTY;
    struct address20 name;
    struct hash32 key;
    json_t *balance = json_object_get(fields, "balance"), *nonce = json_object_get(fields, "nonce");
    if (!hex_decode_exact(name.bytes, 20, address, strlen(address)))
        return fail(builder, address, "is no address");
    if (!json_is_string(balance) ||
        !u256_parse_decimal(&account.balance, SPAN_STR(json_string_value(balance))))
        return fail(builder, address, "balance is not a decimal string");
    if (!json_is_integer(nonce) || json_integer_value(nonce) < 0)
        return fail(builder, address, "nonce is not a number");
    account.nonce = (uint64_t)json_integer_value(nonce);
    enum status status = build_code(builder, &account, address, json_object_get(fields, "code"));
    if (status == STATUS_OK)
        status = build_storage(builder, &account, address, json_object_get(fields, "storage"));
    if (status != STATUS_OK)
        return status;
    struct buf leaf = {0};
    account_encode(&leaf, &account);
    keccak256(&key, SPAN(name.bytes, 20));
    status = trie_put(builder->accounts, SPAN(key.bytes, 32), buf_span(&leaf));
    buf_free(&leaf);
    return status;
}

static enum status build(struct builder *builder, struct hash32 *root, json_t *dump)
{
    const char *address;
    json_t *fields, *accounts = json_object_get(dump, "accounts");
    if (!json_is_object(accounts))
        return fail(builder, "accounts", "missing");
    json_object_foreach(accounts, address, fields)
    {
        enum status status = build_account(builder, address, fields);
        if (status != STATUS_OK)
            return status;
    }
    trie_commit(builder->accounts, root);
    const char *text = json_string_value(json_object_get(dump, "root"));
    struct hash32 named;
    if (text != NULL &&
        (!hex_decode_exact(named.bytes, 32, text, strlen(text)) || !hash32_equal(&named, root)))
        return fail(builder, "root", "is not that of the accounts");
    return STATUS_OK;
}

enum status headstate_load(struct hash32 *root, const char *path, struct node_store *store,
                           struct buf *error)
{
    json_error_t fault;
    json_t *dump = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
    struct builder builder = {.path = path, .store = store, .error = error};
    *root = HASH32_ZERO;
    if (dump == NULL) {
        buf_clear(error);
        buf_printf(error, "%s:%d: %s", path, fault.line, fault.text);
        return fault.line < 0 ? STATUS_NOT_FOUND : STATUS_INVALID;
    }
    builder.accounts = trie_new(store, &EMPTY_TRIE_ROOT);
    enum status status = build(&builder, root, dump);
    trie_free(builder.accounts);
    json_decref(dump);
    return status;
}
