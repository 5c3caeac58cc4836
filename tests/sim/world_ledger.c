#include "tests/sim/world_ledger.h"

#include "gateway/rpc/render.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "les/node/full_json.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

static json_t *parse(struct buf *text)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)text->data, text->size, JSON_DECODE_ANY, &error);
    cr_assert_not_null(json, "%s", error.text);
    buf_free(text);
    return json;
}

static struct block_header header_of(const struct ledger_block *block)
{
    return (struct block_header){
        .hash = block->hash, .header = block->header, .rlp = block->header_rlp};
}

static json_t *block_json(struct world_ledger *node, const struct ledger_block *block, bool full)
{
    struct block_header header = header_of(block);
    struct body body;
    struct buf text = {0};
    struct u256 td = block->td;
    char hex[67];
    cr_assert(body_decode(&body, block->body_rlp));
    cr_assert(render_block(&text, node->crypto, &header, &body, full));
    json_t *json = parse(&text);
    snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)td.words[0]);
    if (!node->no_total_difficulty)
        json_object_set_new(json, "totalDifficulty", json_string(hex));
    return json;
}

static json_t *receipts_json(struct world_ledger *node, const struct ledger_block *block)
{
    struct block_header header = header_of(block);
    struct receipt_place place = {.block = &header, .spec = ledger_spec(node->ledger)};
    struct span *envelopes = mem_alloc((block->txs_count + 1) * sizeof(*envelopes));
    struct span *receipts = mem_alloc((block->txs_count + 1) * sizeof(*receipts));
    struct rlp outer = rlp_reader(block->receipts_rlp), list = rlp_list(&outer);
    struct body body;
    size_t count;
    json_t *json = json_array();
    cr_assert(body_decode(&body, block->body_rlp));
    cr_assert(body_transactions(&body, envelopes, block->txs_count, &count));
    cr_assert(receipts_split(SPAN(list.data, list.size), receipts, block->txs_count, &count));
    for (size_t i = 0; i < count; i++) {
        struct receipt receipt;
        struct tx tx;
        struct buf text = {0};
        cr_assert(receipt_decode(&receipt, receipts[i]));
        cr_assert_eq(tx_decode(&tx, envelopes[i]), TX_VALID);
        cr_assert(render_receipt(&text, node->crypto, &receipt, &tx, &place));
        json_array_append_new(json, parse(&text));
        place.tx_index++;
        place.gas_before = receipt.cumulative_gas;
        struct log_entry log;
        for (struct span rest = receipt.logs; log_next(&rest, &log);)
            place.first_log_index++;
    }
    mem_free(envelopes);
    mem_free(receipts);
    return json;
}

static bool add_node(void *owner, const struct hash32 *hash)
{
    (void)owner;
    (void)hash;
    return false;
}

static json_t *path_json(struct world_ledger *node, const struct hash32 *root, struct span name)
{
    struct hash32 key;
    struct buf nodes = {0};
    json_t *json = json_array();
    keccak256(&key, name);
    cr_assert_eq(trie_prove(ledger_store(node->ledger), root, SPAN(key.bytes, 32), 0, add_node,
                            NULL, &nodes),
                 STATUS_OK);
    struct rlp reader = rlp_reader(buf_span(&nodes));
    while (rlp_more(&reader))
        json_array_append_new(json, full_json_hex(rlp_raw(&reader)));
    buf_free(&nodes);
    return json;
}

static json_t *proof_json(struct world_ledger *node, const struct ledger_block *block,
                          json_t *params)
{
    struct address20 address;
    struct hash32 key, slot;
    struct account account;
    size_t i;
    json_t *item;
    cr_assert(full_read_fixed(address.bytes, 20, json_array_get(params, 0)));
    keccak256(&key, SPAN(address.bytes, 20));
    if (!ledger_account(node->ledger, block, &key, &account))
        account = ACCOUNT_EMPTY;
    json_t *slots = json_array();
    json_array_foreach(json_array_get(params, 1), i, item)
    {
        cr_assert(full_read_fixed(slot.bytes, 32, item));
        json_array_append_new(
            slots, json_pack("{s:O, s:s, s:o}", "key", item, "value", "0x0", "proof",
                             path_json(node, &account.storage_root, SPAN(slot.bytes, 32))));
    }
    return json_pack("{s:o, s:o, s:o}", "accountProof",
                     path_json(node, &block->header.state_root, SPAN(address.bytes, 20)),
                     "storageProof", slots, "address", full_json_hex(SPAN(address.bytes, 20)));
}

static json_t *code_json(struct world_ledger *node, const struct ledger_block *block,
                         json_t *params)
{
    struct address20 address;
    struct hash32 key;
    struct account account;
    struct span code = SPAN_EMPTY;
    cr_assert(full_read_fixed(address.bytes, 20, json_array_get(params, 0)));
    keccak256(&key, SPAN(address.bytes, 20));
    if (ledger_account(node->ledger, block, &key, &account))
        (void)node_store_get(ledger_store(node->ledger), &account.code_hash, &code);
    return full_json_hex(code);
}

static json_t *tx_json(struct world_ledger *node, const struct hash32 *hash)
{
    const struct ledger_tx *tx = ledger_tx(node->ledger, hash);
    if (tx == NULL)
        return pool_state(node->pool, hash) == POOL_UNKNOWN
                   ? json_null()
                   : json_pack("{s:o, s:n}", "hash", full_json_hex(SPAN(hash->bytes, 32)),
                               "blockHash");
    json_t *block = block_json(node, tx->block, true);
    json_t *json = json_incref(json_array_get(json_object_get(block, "transactions"), tx->index));
    json_decref(block);
    return json;
}

/* A hash, a number, a tag, or an object with blockHash. */
static struct ledger_block *block_of(struct world_ledger *node, json_t *param, bool *refused)
{
    struct hash32 hash;
    uint64_t number;
    const char *text = json_string_value(param);
    json_t *inside = json_object_get(param, "blockHash");
    if (inside != NULL) {
        *refused = node->numbers_only;
        param = inside;
    }
    if (text != NULL && strcmp(text, "latest") == 0)
        return ledger_head(node->ledger);
    if (text != NULL && strcmp(text, "safe") == 0)
        return node->tags ? ledger_safe(node->ledger) : NULL;
    if (text != NULL && strcmp(text, "finalized") == 0)
        return node->tags ? ledger_finalized(node->ledger) : NULL;
    if (full_read_fixed(hash.bytes, 32, param))
        return ledger_by_hash(node->ledger, &hash);
    return full_read_u64(&number, param) ? ledger_by_number(node->ledger, number) : NULL;
}

/* ---- lies ---- */

static void spoil_hex(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL || strlen(text) < 3)
        return;
    char *copy = mem_strdup(text);
    char *last = copy + strlen(copy) - 1;
    *last = *last == '1' ? '2' : '1';
    json_object_set_new(object, key, json_string(copy));
    mem_free(copy);
}

static void spoil_node(json_t *list)
{
    size_t last = json_array_size(list);
    if (last == 0)
        return;
    char *copy = mem_strdup(json_string_value(json_array_get(list, last - 1)));
    char *at = copy + strlen(copy) / 2;
    *at = *at == '7' ? '8' : '7';
    json_array_set_new(list, last - 1, json_string(copy));
    mem_free(copy);
}

/* Takes honest, gives what is said instead. Is it a lie that this answer can tell? */
static json_t *lie(struct world_ledger *node, const char *method, json_t *honest, bool *lied)
{
    bool is_block = strncmp(method, "eth_getBlockBy", 14) == 0 && json_is_object(honest);
    *lied = true;
    switch (node->lie) {
    case LIE_HEADER:
        if (is_block) {
            spoil_hex(honest, "gasUsed");
            return honest;
        }
        break;
    case LIE_OTHER_BLOCK:
        if (is_block) {
            json_decref(honest);
            uint64_t head = ledger_head(node->ledger)->header.number;
            return block_json(
                node, ledger_by_number(node->ledger, world_dice(node->world, head + 1)), true);
        }
        break;
    case LIE_BODY:
        if (is_block &&
            json_is_object(json_array_get(json_object_get(honest, "transactions"), 0))) {
            spoil_hex(json_array_get(json_object_get(honest, "transactions"), 0), "value");
            return honest;
        }
        break;
    case LIE_RECEIPTS:
        if (strcmp(method, "eth_getBlockReceipts") == 0 && json_array_size(honest) > 0) {
            spoil_hex(json_array_get(honest, 0), "cumulativeGasUsed");
            return honest;
        }
        break;
    case LIE_PROOF:
        if (strcmp(method, "eth_getProof") == 0) {
            json_t *slot = json_array_get(json_object_get(honest, "storageProof"), 0);
            spoil_node(json_array_size(json_object_get(slot, "proof")) > 0
                           ? json_object_get(slot, "proof")
                           : json_object_get(honest, "accountProof"));
            return honest;
        }
        break;
    case LIE_OTHER_PROOF:
        break; /* by the block: see world_ledger_answer */
    case LIE_CODE:
        if (strcmp(method, "eth_getCode") == 0) {
            json_decref(honest);
            return json_string("0x6000");
        }
        break;
    case LIE_PLACE:
        if (strcmp(method, "eth_getTransactionByHash") == 0 && json_is_object(honest)) {
            spoil_hex(honest, world_dice(node->world, 2) == 0 ? "transactionIndex" : "blockNumber");
            return honest;
        }
        break;
    case LIE_DISAPPEARING:
        json_decref(honest);
        return json_null();
    case LIE_ERROR:
        json_decref(honest);
        return NULL;
    case LIE_NONSENSE:
        json_decref(honest);
        return world_dice(node->world, 2) == 0 ? json_string("0x") : json_pack("[{s:i}]", "a", 1);
    case LIE_NONE:
    case LIE_COUNT:
        break;
    }
    *lied = false;
    return honest;
}

/* ---- the methods ---- */

static json_t *answer(struct world_ledger *node, const char *method, json_t *params,
                      const char **text)
{
    struct hash32 hash;
    bool refused = false, proof = strcmp(method, "eth_getProof") == 0;
    json_t *first = json_array_get(params, 0);
    if (strcmp(method, "eth_getTransactionByHash") == 0) {
        cr_assert(full_read_fixed(hash.bytes, 32, first));
        return tx_json(node, &hash);
    }
    if (strcmp(method, "eth_sendRawTransaction") == 0) {
        struct buf envelope = {0};
        cr_assert(full_read_bytes(&envelope, KIB(128), first));
        keccak256(&hash, buf_span(&envelope));
        *text = pool_add(node->pool, buf_span(&envelope));
        buf_free(&envelope);
        return *text != NULL ? NULL : full_json_hex(SPAN(hash.bytes, 32));
    }
    if (strcmp(method, "eth_chainId") == 0)
        return full_json_u64(ledger_spec(node->ledger)->chain_id);
    bool by_account = proof || strcmp(method, "eth_getCode") == 0;
    struct ledger_block *block =
        block_of(node, by_account ? json_array_get(params, proof ? 2 : 1) : first, &refused);
    *text = "invalid argument: hex string expected";
    if (refused)
        return NULL;
    *text = "header not found";
    if (block == NULL)
        return by_account ? NULL : json_null();
    if (strncmp(method, "eth_getBlockBy", 14) == 0)
        return block_json(node, block, json_is_true(json_array_get(params, 1)));
    if (strcmp(method, "eth_getBlockReceipts") == 0 && !node->no_block_receipts)
        return receipts_json(node, block);
    if (proof && node->lie == LIE_OTHER_PROOF && block->parent != NULL &&
        world_dice(node->world, 1000) < node->permille) {
        node->lies++;
        block = block->parent;
    }
    if (proof)
        return proof_json(node, block, params);
    return by_account ? code_json(node, block, params) : NULL;
}

static json_t *receipt_by_hash(struct world_ledger *node, json_t *params)
{
    struct hash32 hash;
    cr_assert(full_read_fixed(hash.bytes, 32, json_array_get(params, 0)));
    const struct ledger_tx *tx = ledger_tx(node->ledger, &hash);
    if (tx == NULL)
        return json_null();
    json_t *all = receipts_json(node, tx->block);
    json_t *one = json_incref(json_array_get(all, tx->index));
    json_decref(all);
    return one;
}

json_t *world_ledger_answer(void *owner, const char *method, json_t *params, int *code,
                            const char **text)
{
    struct world_ledger *node = owner;
    static const char *const METHODS[] = {"eth_getBlockByNumber", "eth_getBlockByHash",
                                          "eth_getBlockReceipts", "eth_getProof",
                                          "eth_getCode",          "eth_getTransactionByHash",
                                          "eth_chainId",          "eth_sendRawTransaction"};
    bool known = false;
    *code = -32601;
    *text = "the method does not exist/is not available";
    if (strcmp(method, "eth_getTransactionReceipt") == 0)
        return receipt_by_hash(node, params);
    for (size_t i = 0; i < ARRAY_COUNT(METHODS); i++)
        known = known || strcmp(METHODS[i], method) == 0;
    if (!known || (node->no_block_receipts && strcmp(method, "eth_getBlockReceipts") == 0))
        return NULL;
    *code = -32000;
    node->calls++;
    json_t *json = answer(node, method, params, text);
    if (json == NULL || node->lie == LIE_NONE || world_dice(node->world, 1000) >= node->permille)
        return json;
    bool lied;
    *text = "internal error";
    json = lie(node, method, json, &lied);
    node->lies += lied;
    return json;
}

json_t *world_ledger_head(struct world_ledger *node)
{
    json_t *json = block_json(node, ledger_head(node->ledger), false);
    json_object_del(json, "transactions");
    json_object_del(json, "uncles");
    json_object_del(json, "withdrawals");
    return json;
}
