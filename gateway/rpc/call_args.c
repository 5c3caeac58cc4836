#include "gateway/rpc/call_args.h"

#include "gateway/rpc/params_hex.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"

#include <stdlib.h>

/* ---- places ---- */

/* One object that is being read: where it stands, and its members. */
struct object {
    struct call *call;
    size_t index;
    const char *within;
    const struct json_t *value;
};

static struct place place_in(const struct object *object, const char *field)
{
    return (struct place){
        .call = object->call, .index = object->index, .field = field, .within = object->within};
}

static const struct json_t *member(const struct object *object, const char *field)
{
    return member_fold(object->value, strrchr(field, '.') + 1);
}

/* Where a whole value stands, which Go names by the object around it. */
static bool fault_of_value(const struct object *object, const char *type)
{
    struct place at = {.call = object->call, .index = object->index};
    struct buf field = {0};
    size_t size = strlen(object->within);
    if (size > 0) {
        buf_printf(&field, "simBlock.%.*s", (int)size - 1, object->within);
        buf_add_u8(&field, 0);
        at.field = (const char *)field.data;
    }
    (void)place_type_fault(&at, go_kind(object->value), type);
    buf_free(&field);
    return false;
}

static bool is_object(const struct object *object, const char *type)
{
    enum json_kind kind = json_kind(object->value);
    return kind == JSON_KIND_OBJECT || kind == JSON_KIND_NULL || fault_of_value(object, type);
}

/* ---- members ---- */

static bool read_address(const struct object *object, const char *field, bool *has,
                         struct address20 *out)
{
    const struct place at = place_in(object, field);
    const struct json_t *value = member(object, field);
    *has = value != NULL;
    return value == NULL || place_address(&at, value, out);
}

static bool read_hash(const struct object *object, const char *field, bool *has, struct hash32 *out)
{
    const struct place at = place_in(object, field);
    const struct json_t *value = member(object, field);
    *has = value != NULL;
    return value == NULL || place_hash(&at, value, out);
}

static bool read_u64(const struct object *object, const char *field, bool *has, uint64_t *out)
{
    const struct place at = place_in(object, field);
    const struct json_t *value = member(object, field);
    *has = value != NULL;
    return value == NULL || place_u64(&at, value, "hexutil.Uint64", out);
}

static bool read_big(const struct object *object, const char *field, bool *has, struct u256 *out)
{
    const struct place at = place_in(object, field);
    const struct json_t *value = member(object, field);
    *has = value != NULL;
    return value == NULL || place_u256(&at, value, "*hexutil.Big", out);
}

static bool read_data(const struct object *object, const char *field, bool *has, struct span *out)
{
    const struct place at = place_in(object, field);
    const struct json_t *value = member(object, field);
    *has = value != NULL;
    return value == NULL || place_data(&at, value, out);
}

static bool read_array(const struct object *object, const char *field, const char *type,
                       const struct json_t **out)
{
    const struct place at = place_in(object, field);
    *out = member(object, field);
    return *out == NULL || json_kind(*out) == JSON_KIND_ARRAY ||
           place_type_fault(&at, go_kind(*out), type);
}

/* ---- lists of a transaction ---- */

/* Hands the bytes over to the call's memory. */
static struct span keep(struct call *call, struct buf *bytes)
{
    uint8_t *copy = call_alloc(call, bytes->size + 1);
    struct span out = SPAN(copy, bytes->size);
    if (bytes->size > 0)
        memcpy(copy, bytes->data, bytes->size);
    buf_free(bytes);
    return out;
}

static bool note_required(const struct object *item, const char *name, const char *type)
{
    return param_note(item->call, RPC_INVALID_PARAMS,
                      "invalid argument %zu: missing required field '%s' for %s", item->index, name,
                      type);
}

static bool is_item(const struct object *item, const char *field, const char *type)
{
    const struct place at = place_in(item, field);
    enum json_kind kind = json_kind(item->value);
    return kind == JSON_KIND_OBJECT || kind == JSON_KIND_NULL ||
           place_type_fault(&at, go_kind(item->value), type);
}

static bool add_access(const struct object *item, struct buf *out)
{
    static const char KEYS[] = "TransactionArgs.accessList.storageKeys";
    const struct place at = place_in(item, KEYS);
    const struct json_t *keys;
    struct address20 address = {{0}};
    struct hash32 key = HASH32_ZERO;
    bool has, good = true;
    if (!is_item(item, "TransactionArgs.accessList", "types.AccessTuple") ||
        !read_address(item, "TransactionArgs.accessList.address", &has, &address) ||
        !read_array(item, KEYS, "[]common.Hash", &keys))
        return false;
    size_t entry = rlp_list_begin(out);
    rlp_add_bytes(out, SPAN(address.bytes, 20));
    size_t list = rlp_list_begin(out);
    for (size_t i = 0; good && i < json_count(keys); i++) {
        good = place_hash(&at, json_item(keys, i), &key);
        rlp_add_hash(out, &key);
    }
    rlp_list_end(out, list);
    rlp_list_end(out, entry);
    if (good && (!has || keys == NULL))
        return note_required(item, has ? "storageKeys" : "address", "AccessTuple");
    return good;
}

static bool read_access_list(const struct object *object, struct call_args *out)
{
    const struct json_t *list;
    struct buf payload = {0};
    bool good = true;
    if (!read_array(object, "TransactionArgs.accessList", "types.AccessList", &list))
        return false;
    out->has_access_list = list != NULL;
    for (size_t i = 0; good && i < json_count(list); i++) {
        struct object item = *object;
        item.value = json_item(list, i);
        good = add_access(&item, &payload);
    }
    out->access_list = keep(object->call, &payload);
    return good;
}

static bool read_blob_hashes(const struct object *object, struct call_args *out)
{
    static const char FIELD[] = "TransactionArgs.blobVersionedHashes";
    const struct place at = place_in(object, FIELD);
    const struct json_t *list;
    struct buf payload = {0};
    struct hash32 hash;
    bool good = true;
    if (!read_array(object, FIELD, "[]common.Hash", &list))
        return false;
    out->has_blob_hashes = list != NULL;
    out->blob_hashes_count = json_count(list);
    for (size_t i = 0; good && i < json_count(list); i++) {
        good = place_hash(&at, json_item(list, i), &hash);
        if (good)
            rlp_add_hash(&payload, &hash);
    }
    out->blob_hashes = keep(object->call, &payload);
    return good;
}

/* Read for their form only: a call does not look into blobs. */
static bool check_blobs(const struct object *object, struct call_args *out)
{
    enum { BLOB = 131072, POINT = 48 };
    static const struct {
        const char *field, *list_type, *type;
        size_t size;
    } rows[] = {
        {"TransactionArgs.blobs", "[]kzg4844.Blob", "kzg4844.Blob", BLOB},
        {"TransactionArgs.commitments", "[]kzg4844.Commitment", "kzg4844.Commitment", POINT},
        {"TransactionArgs.proofs", "[]kzg4844.Proof", "kzg4844.Proof", POINT},
    };
    const struct json_t *list;
    uint8_t *scratch = NULL;
    bool good = true;
    for (size_t row = 0; good && row < ARRAY_COUNT(rows); row++) {
        const struct place at = place_in(object, rows[row].field);
        good = read_array(object, rows[row].field, rows[row].list_type, &list);
        if (good && row == 0)
            out->has_blobs = list != NULL;
        for (size_t i = 0; good && i < json_count(list); i++) {
            if (scratch == NULL)
                scratch = mem_alloc(BLOB);
            good = place_fixed(&at, json_item(list, i), scratch, rows[row].size, rows[row].type);
        }
    }
    mem_free(scratch);
    return good;
}

static bool read_word(const struct object *object, const char *field, bool *has, struct u256 *out)
{
    const struct place at = place_in(object, field);
    const struct json_t *value = member(object, field);
    *has = value != NULL;
    return value == NULL || place_u256(&at, value, "*uint256.Int", out);
}

static bool add_authorization(const struct object *item, struct buf *out)
{
#define NAME "TransactionArgs.authorizationList"
    static const char *const names[] = {"chainId", "address", "nonce", "yParity", "r", "s"};
    struct tx_authorization read = {0};
    bool has[ARRAY_COUNT(names)];
    if (!is_item(item, NAME, "types.SetCodeAuthorization") ||
        !read_word(item, NAME ".chainId", &has[0], &read.chain_id) ||
        !read_address(item, NAME ".address", &has[1], &read.address) ||
        !read_u64(item, NAME ".nonce", &has[2], &read.nonce) ||
        !read_u64(item, NAME ".yParity", &has[3], &read.y_parity) ||
        !read_word(item, NAME ".r", &has[4], &read.r) ||
        !read_word(item, NAME ".s", &has[5], &read.s))
        return false;
#undef NAME
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (!has[i])
            return note_required(item, names[i], "SetCodeAuthorization");
    size_t mark = rlp_list_begin(out);
    rlp_add_u256(out, &read.chain_id);
    rlp_add_bytes(out, SPAN(read.address.bytes, 20));
    rlp_add_u64(out, read.nonce);
    rlp_add_u64(out, read.y_parity & UINT8_MAX); /* go-ethereum keeps a byte of it */
    rlp_add_u256(out, &read.r);
    rlp_add_u256(out, &read.s);
    rlp_list_end(out, mark);
    return true;
}

static bool read_authorizations(const struct object *object, struct call_args *out)
{
    const struct json_t *list;
    struct buf payload = {0};
    bool good = true;
    if (!read_array(object, "TransactionArgs.authorizationList", "[]types.SetCodeAuthorization",
                    &list))
        return false;
    out->has_authorizations = list != NULL;
    out->authorizations_count = json_count(list);
    for (size_t i = 0; good && i < json_count(list); i++) {
        struct object item = *object;
        item.value = json_item(list, i);
        good = add_authorization(&item, &payload);
    }
    out->authorizations = keep(object->call, &payload);
    return good;
}

/* ---- the transaction ---- */

static bool read_call_data(const struct object *object, struct call_args *out)
{
    bool has_data, has_input;
    struct span data = SPAN_EMPTY, input = SPAN_EMPTY;
    if (!read_data(object, "TransactionArgs.data", &has_data, &data) ||
        !read_data(object, "TransactionArgs.input", &has_input, &input))
        return false;
    out->data = has_input ? input : data;
    out->data_differs = has_data && has_input && !span_equal(data, input);
    return true;
}

bool field_call_args(struct call *call, size_t index, const char *within,
                     const struct json_t *value, struct call_args *out)
{
    const struct object object = {call, index, within, value};
    *out = (struct call_args){0};
    return is_object(&object, "ethapi.TransactionArgs") &&
           read_address(&object, "TransactionArgs.from", &out->has_from, &out->from) &&
           read_address(&object, "TransactionArgs.to", &out->has_to, &out->to) &&
           read_u64(&object, "TransactionArgs.gas", &out->has_gas, &out->gas) &&
           read_big(&object, "TransactionArgs.gasPrice", &out->has_gas_price, &out->gas_price) &&
           read_big(&object, "TransactionArgs.maxFeePerGas", &out->has_max_fee, &out->max_fee) &&
           read_big(&object, "TransactionArgs.maxPriorityFeePerGas", &out->has_max_priority_fee,
                    &out->max_priority_fee) &&
           read_big(&object, "TransactionArgs.value", &out->has_value, &out->value) &&
           read_u64(&object, "TransactionArgs.nonce", &out->has_nonce, &out->nonce) &&
           read_call_data(&object, out) && read_access_list(&object, out) &&
           read_big(&object, "TransactionArgs.chainId", &out->has_chain_id, &out->chain_id) &&
           read_big(&object, "TransactionArgs.maxFeePerBlobGas", &out->has_max_fee_per_blob_gas,
                    &out->max_fee_per_blob_gas) &&
           read_blob_hashes(&object, out) && check_blobs(&object, out) &&
           read_authorizations(&object, out);
}

bool param_call_args(struct call *call, size_t index, struct call_args *out)
{
    return field_call_args(call, index, "", call_param(call, index), out);
}

/* ---- the state ---- */

static int compare_slots(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static int compare_accounts(const void *a, const void *b)
{
    return memcmp(a, b, 20);
}

/* Sorts rows by the key at their start; of equal keys the one that came last counts, as in a Go
 * map. Returns how many are left. */
static size_t sort_unique(void *rows, size_t count, size_t row_size, size_t key_size,
                          int (*compare)(const void *a, const void *b))
{
    uint8_t *at = rows;
    size_t left = 0;
    if (count < 2)
        return count;
    /* qsort may put equal rows in any order: one of them marks the place, then each row in the
     * order of the text goes to the place of its key. */
    uint8_t *order = mem_alloc(count * row_size);
    memcpy(order, rows, count * row_size);
    qsort(order, count, row_size, compare);
    for (size_t i = 0; i < count; i++) {
        if (left > 0 && memcmp(order + (left - 1) * row_size, order + i * row_size, key_size) == 0)
            continue;
        memmove(order + left++ * row_size, order + i * row_size, row_size);
    }
    for (size_t i = 0; left < count && i < count; i++) {
        uint8_t *place = bsearch(at + i * row_size, order, left, row_size, compare);
        memcpy(place, at + i * row_size, row_size);
    }
    memcpy(rows, order, left * row_size);
    mem_free(order);
    return left;
}

_Static_assert(offsetof(struct slot_override, slot) == 0, "the key of sort_unique comes first");
_Static_assert(offsetof(struct account_override, address) == 0, "the same");

static bool read_slots(const struct object *object, const char *field, bool *has,
                       const struct slot_override **out, size_t *count)
{
    const struct place at = place_in(object, field);
    const struct json_t *map = member(object, field);
    struct json_t *value;
    struct span key;
    size_t position = 0, used = 0;
    *has = map != NULL;
    if (map == NULL)
        return true;
    if (json_kind(map) != JSON_KIND_OBJECT)
        return place_type_fault(&at, go_kind(map), "map[common.Hash]common.Hash");
    struct slot_override *rows = call_alloc(object->call, (json_count(map) + 1) * sizeof *rows);
    for (; json_each(map, &position, &key, &value); used++)
        if (!place_key(&at, key, rows[used].slot.bytes, 32, "Hash") ||
            !place_hash(&at, value, &rows[used].value))
            return false;
    *out = rows;
    *count = sort_unique(rows, used, sizeof *rows, 32, compare_slots);
    return true;
}

static bool read_account(const struct object *object, struct account_override *out)
{
    return is_object(object, "override.OverrideAccount") &&
           read_u64(object, "OverrideAccount.nonce", &out->has_nonce, &out->nonce) &&
           read_data(object, "OverrideAccount.code", &out->has_code, &out->code) &&
           read_big(object, "OverrideAccount.balance", &out->has_balance, &out->balance) &&
           read_slots(object, "OverrideAccount.state", &out->has_state, &out->state,
                      &out->state_count) &&
           read_slots(object, "OverrideAccount.stateDiff", &out->has_state_diff, &out->state_diff,
                      &out->state_diff_count) &&
           read_address(object, "OverrideAccount.movePrecompileToAddress", &out->has_move_to,
                        &out->move_to);
}

bool field_state_override(struct call *call, size_t index, const char *within,
                          const struct json_t *value, struct state_override *out)
{
    struct object object = {call, index, within, value};
    const struct place at = {.call = call, .index = index};
    struct json_t *account;
    struct span key;
    size_t position = 0, used = 0;
    *out = (struct state_override){0};
    if (!is_object(&object, "override.StateOverride"))
        return false;
    struct account_override *rows = call_alloc(call, (json_count(value) + 1) * sizeof *rows);
    for (; json_kind(value) == JSON_KIND_OBJECT && json_each(value, &position, &key, &account);
         used++) {
        object.value = account;
        if (!place_key(&at, key, rows[used].address.bytes, 20, "Address") ||
            !read_account(&object, &rows[used]))
            return false;
    }
    out->accounts = rows;
    out->count = sort_unique(rows, used, sizeof *rows, 20, compare_accounts);
    return true;
}

bool param_state_override(struct call *call, size_t index, struct state_override *out)
{
    return field_state_override(call, index, "", call_param(call, index), out);
}

/* ---- the block ---- */

static bool read_withdrawals(const struct object *object, struct block_override *out)
{
#define NAME "BlockOverrides.Withdrawals"
    const struct json_t *list;
    bool has;
    if (!read_array(object, NAME, "types.Withdrawals", &list))
        return false;
    out->has_withdrawals = list != NULL;
    out->withdrawals_count = json_count(list);
    struct withdrawal *rows =
        call_alloc(object->call, (json_count(list) + 1) * sizeof *out->withdrawals);
    for (size_t i = 0; i < json_count(list); i++) {
        struct object item = *object;
        item.value = json_item(list, i);
        if (!is_item(&item, NAME, "types.Withdrawal") ||
            !read_u64(&item, NAME ".index", &has, &rows[i].index) ||
            !read_u64(&item, NAME ".validatorIndex", &has, &rows[i].validator_index) ||
            !read_address(&item, NAME ".address", &has, &rows[i].address) ||
            !read_u64(&item, NAME ".amount", &has, &rows[i].amount_gwei))
            return false;
    }
#undef NAME
    out->withdrawals = rows;
    return true;
}

bool field_block_override(struct call *call, size_t index, const char *within,
                          const struct json_t *value, struct block_override *out)
{
    const struct object object = {call, index, within, value};
    *out = (struct block_override){0};
    return is_object(&object, "override.BlockOverrides") &&
           read_big(&object, "BlockOverrides.Number", &out->has_number, &out->number) &&
           read_big(&object, "BlockOverrides.Difficulty", &out->has_difficulty, &out->difficulty) &&
           read_u64(&object, "BlockOverrides.Time", &out->has_time, &out->time) &&
           read_u64(&object, "BlockOverrides.GasLimit", &out->has_gas_limit, &out->gas_limit) &&
           read_address(&object, "BlockOverrides.FeeRecipient", &out->has_fee_recipient,
                        &out->fee_recipient) &&
           read_hash(&object, "BlockOverrides.PrevRandao", &out->has_prev_randao,
                     &out->prev_randao) &&
           read_big(&object, "BlockOverrides.BaseFeePerGas", &out->has_base_fee, &out->base_fee) &&
           read_big(&object, "BlockOverrides.BlobBaseFee", &out->has_blob_base_fee,
                    &out->blob_base_fee) &&
           read_hash(&object, "BlockOverrides.BeaconRoot", &out->has_beacon_root,
                     &out->beacon_root) &&
           read_withdrawals(&object, out);
}

bool param_block_override(struct call *call, size_t index, struct block_override *out)
{
    return field_block_override(call, index, "", call_param(call, index), out);
}
