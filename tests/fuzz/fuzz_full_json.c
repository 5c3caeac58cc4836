/* JSON of a node: whatever it says, what comes out is what was asked for by hash; nothing comes out
 * with a fault. The text is one object that plays all parts: a block, its own uncle, a transaction,
 * a list of receipts, a proof. */
#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/node/full_frame.h"
#include "les/node/full_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_block(json_t *json)
{
    struct buf out = {0};
    struct full_fault fault;
    struct hash32 hash, own;
    struct header header;
    if (full_header(&out, &hash, json, NULL, &fault)) {
        keccak256(&own, buf_span(&out));
        ASSERT(hash32_equal(&hash, &own) && header_decode(&header, buf_span(&out)));
        struct buf body = {0};
        json_t *uncles = json_pack("[O]", json);
        struct body parts;
        if (full_body(&body, json, NULL, &header, &fault) ||
            full_body(&body, json, uncles, &header, &fault))
            ASSERT(body_decode(&parts, buf_span(&body)) && body_matches(&parts, &header));
        else
            ASSERT(body.size == 0);
        json_decref(uncles);
        buf_free(&body);
    } else {
        ASSERT(out.size == 0 && fault.what != NULL && fault.field != NULL);
    }
    buf_free(&out);
}

static void as_tx(json_t *json)
{
    struct buf out = {0};
    struct full_fault fault;
    struct hash32 hash, said;
    if (full_tx(&out, json, &fault)) {
        keccak256(&hash, buf_span(&out));
        ASSERT(full_read_fixed(said.bytes, 32, json_object_get(json, "hash")));
        ASSERT(hash32_equal(&hash, &said));
    } else {
        ASSERT(out.size == 0 && fault.what != NULL);
    }
    buf_free(&out);
}

static void as_receipts(json_t *json)
{
    struct buf out = {0};
    struct full_fault fault;
    struct hash32 root = EMPTY_TRIE_ROOT;
    json_t *list = json_object_get(json, "receipts");
    if (!full_read_fixed(root.bytes, 32, json_object_get(json, "receiptsRoot")))
        root = EMPTY_TRIE_ROOT;
    if (full_receipts(&out, list, &root, &fault) || full_raw_receipts(&out, list, &root, &fault)) {
        struct rlp outer = rlp_reader(buf_span(&out)), inner = rlp_list(&outer);
        ASSERT(receipts_match(SPAN(inner.data, inner.size), &root));
    } else {
        ASSERT(out.size == 0 && fault.what != NULL);
    }
    buf_free(&out);
}

static void as_proof(json_t *json)
{
    struct buf out = {0}, hashes = {0};
    struct full_fault fault;
    struct hash32 root, slot = {{0}}, value, hash;
    struct address20 address = {{0}};
    struct account account;
    bool exists, fine;
    if (!full_read_fixed(root.bytes, 32, json_object_get(json, "stateRoot")))
        root = EMPTY_TRIE_ROOT;
    if (!full_read_fixed(address.bytes, 20, json_object_get(json, "address")))
        return;
    fine = full_account_proof(&out, &hashes, &account, &exists, json, &root, &address, &fault);
    ASSERT(fine || (out.size == 0 && hashes.size == 0));
    if (fine && exists)
        fine =
            full_storage_proof(&out, &hashes, &value, json, &account.storage_root, &slot, &fault);
    struct rlp nodes = rlp_reader(buf_span(&out));
    for (size_t i = 0; i < hashes.size; i += 32) {
        keccak256(&hash, rlp_raw(&nodes));
        ASSERT(memcmp(hash.bytes, hashes.data + i, 32) == 0);
    }
    ASSERT(rlp_end(&nodes));
    buf_free(&out);
    buf_free(&hashes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error;
    if (!full_frame_whole(SPAN(data, size)))
        return 0;
    json_t *json = json_loadb((const char *)data, size, JSON_ALLOW_NUL, &error);
    if (json == NULL)
        return 0;
    as_block(json);
    as_tx(json);
    as_receipts(json);
    as_proof(json);
    json_decref(json);
    return 0;
}
