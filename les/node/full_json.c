#include "les/node/full_json.h"

#include "les/eth/envelope.h"
#include "les/eth/keccak.h"
#include "les/eth/receipt.h"
#include "les/eth/rlp.h"
#include "les/node/full_read.h"

#define UNCLES_MAX      16    /* the rules of the chain allow 2 */
#define WITHDRAWALS_MAX 16384 /* mainnet has 16 a block */

/* ---- headers ---- */

static const struct {
    const char *name;
    unsigned fields; /* how many are there when this is */
} OPTIONAL[] = {{"baseFeePerGas", 1}, {"withdrawalsRoot", 2},       {"blobGasUsed", 4},
                {"excessBlobGas", 4}, {"parentBeaconBlockRoot", 5}, {"requestsHash", 6}};

/* What the forks appended comes in one order, without gaps. */
static unsigned count_optional(struct full_read *read)
{
    unsigned fields = 0;
    for (size_t i = 0; i < ARRAY_COUNT(OPTIONAL); i++)
        if (full_read_has(read, OPTIONAL[i].name))
            fields = OPTIONAL[i].fields;
    for (size_t i = 0; i < ARRAY_COUNT(OPTIONAL); i++)
        if (OPTIONAL[i].fields <= fields)
            full_read_field(read, OPTIONAL[i].name);
    return fields;
}

static void read_optional(struct header *header, struct full_read *read)
{
    header->fields = count_optional(read);
    if (HEADER_HAS_BASE_FEE(header))
        full_read_get_u256(read, "baseFeePerGas", &header->base_fee);
    if (HEADER_HAS_WITHDRAWALS(header))
        full_read_get_fixed(read, "withdrawalsRoot", header->withdrawals_root.bytes, 32);
    if (HEADER_HAS_BLOB_GAS(header)) {
        header->blob_gas_used = full_read_get_u64(read, "blobGasUsed");
        header->excess_blob_gas = full_read_get_u64(read, "excessBlobGas");
    }
    if (HEADER_HAS_BEACON_ROOT(header))
        full_read_get_fixed(read, "parentBeaconBlockRoot", header->parent_beacon_root.bytes, 32);
    if (HEADER_HAS_REQUESTS(header))
        full_read_get_fixed(read, "requestsHash", header->requests_hash.bytes, 32);
}

static void read_header(struct header *header, struct buf *extra, struct full_read *read)
{
    memset(header, 0, sizeof *header);
    full_read_get_fixed(read, "parentHash", header->parent_hash.bytes, 32);
    full_read_get_fixed(read, "sha3Uncles", header->uncles_hash.bytes, 32);
    full_read_get_fixed(read, "miner", header->coinbase.bytes, 20);
    full_read_get_fixed(read, "stateRoot", header->state_root.bytes, 32);
    full_read_get_fixed(read, "transactionsRoot", header->transactions_root.bytes, 32);
    full_read_get_fixed(read, "receiptsRoot", header->receipts_root.bytes, 32);
    full_read_get_fixed(read, "logsBloom", header->bloom.bytes, 256);
    full_read_get_u256(read, "difficulty", &header->difficulty);
    header->number = full_read_get_u64(read, "number");
    header->gas_limit = full_read_get_u64(read, "gasLimit");
    header->gas_used = full_read_get_u64(read, "gasUsed");
    header->timestamp = full_read_get_u64(read, "timestamp");
    full_read_get_bytes(read, "extraData", extra, HEADER_EXTRA_MAX);
    header->extra = buf_span(extra);
    if (full_read_has(read, "mixHash"))
        full_read_get_fixed(read, "mixHash", header->mix_hash.bytes, 32);
    uint8_t nonce[8] = {0};
    if (full_read_has(read, "nonce"))
        full_read_get_fixed(read, "nonce", nonce, sizeof nonce);
    header->nonce = be_read(nonce, sizeof nonce);
    read_optional(header, read);
}

/* A field we do not know may be one that was hashed. */
static bool has_unknown(json_t *block)
{
    static const char *const known[] = {
        "parentHash", "sha3Uncles",   "miner",        "stateRoot",       "transactionsRoot",
        "logsBloom",  "receiptsRoot", "difficulty",   "number",          "gasLimit",
        "gasUsed",    "timestamp",    "extraData",    "mixHash",         "nonce",
        "hash",       "size",         "transactions", "totalDifficulty", "uncles",
        "author",     "withdrawals"};
    const char *key;
    json_t *value;
    json_object_foreach(block, key, value)
    {
        bool found = false;
        for (size_t i = 0; !found && i < ARRAY_COUNT(known); i++)
            found = strcmp(known[i], key) == 0;
        for (size_t i = 0; !found && i < ARRAY_COUNT(OPTIONAL); i++)
            found = strcmp(OPTIONAL[i].name, key) == 0;
        if (!found && !json_is_null(value))
            return true;
    }
    return false;
}

/* Some nodes show a field before its fork: fewer of them may be what was hashed. */
static bool fit_header(struct header *header, const struct hash32 *expected)
{
    struct hash32 hash;
    for (;;) {
        header_hash(&hash, header);
        if (hash32_equal(&hash, expected))
            return true;
        if (header->fields == 0)
            return false;
        header->fields -= header->fields == 4 ? 2 : 1;
    }
}

bool full_header(struct buf *out, struct hash32 *hash, json_t *block, const struct hash32 *expected,
                 struct full_fault *fault)
{
    struct header header;
    struct hash32 own;
    struct buf extra = {0};
    struct full_read read = full_read_of(block, 0, fault);
    read_header(&header, &extra, &read);
    if (expected == NULL) {
        full_read_get_fixed(&read, "hash", own.bytes, 32);
        expected = &own;
    }
    if (!read.bad && !fit_header(&header, expected))
        full_read_fail(&read,
                       has_unknown(block) ? "differs, and there are unknown fields" : "differs",
                       "hash");
    if (!read.bad) {
        header_encode(out, &header);
        if (hash != NULL)
            *hash = *expected;
    }
    buf_free(&extra);
    return !read.bad;
}

/* ---- bodies ---- */

bool full_uncles_count(size_t *count, json_t *block, struct full_fault *fault)
{
    struct full_read read = full_read_of(block, 0, fault);
    json_t *uncles = full_read_get_array(&read, "uncles", UNCLES_MAX);
    *count = json_array_size(uncles);
    return !read.bad;
}

static bool add_transactions(struct buf *out, json_t *block, struct full_fault *fault)
{
    struct full_read read = full_read_of(block, 0, fault);
    json_t *txs = full_read_get_array(&read, "transactions", BLOCK_TRANSACTIONS_MAX);
    struct buf envelope = {0};
    size_t mark = rlp_list_begin(out);
    for (size_t i = 0; !read.bad && i < json_array_size(txs); i++) {
        buf_clear(&envelope);
        json_t *tx = json_array_get(txs, i);
        read.index = i;
        if (json_is_string(tx))
            full_read_fail(&read, "are hashes, not objects", "transactions");
        else if (full_tx(&envelope, tx, fault))
            full_add_envelope(out, buf_span(&envelope));
        else {
            fault->index = i;
            read.bad = true;
        }
    }
    rlp_list_end(out, mark);
    buf_free(&envelope);
    return !read.bad;
}

static bool add_uncles(struct buf *out, json_t *block, json_t *uncles, struct full_fault *fault)
{
    struct full_read read = full_read_of(block, 0, fault);
    json_t *hashes = full_read_get_array(&read, "uncles", UNCLES_MAX);
    if (!read.bad && json_array_size(hashes) != json_array_size(uncles))
        full_read_fail(&read, "are not as many as the block names", "uncles");
    size_t mark = rlp_list_begin(out);
    for (size_t i = 0; !read.bad && i < json_array_size(hashes); i++) {
        struct hash32 hash;
        read.index = i;
        if (!full_read_fixed(hash.bytes, 32, json_array_get(hashes, i))) {
            full_read_fail(&read, "not a hash", "uncles");
        } else if (!full_header(out, NULL, json_array_get(uncles, i), &hash, fault)) {
            fault->index = i;
            read.bad = true;
        }
    }
    rlp_list_end(out, mark);
    return !read.bad;
}

static bool add_withdrawals(struct buf *out, json_t *block, struct full_fault *fault)
{
    struct full_read read = full_read_of(block, 0, fault);
    json_t *list = full_read_get_array(&read, "withdrawals", WITHDRAWALS_MAX);
    size_t mark = rlp_list_begin(out), i;
    bool fine = !read.bad;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        struct address20 address;
        struct full_read one = full_read_of(item, i, fault);
        size_t inner = rlp_list_begin(out);
        rlp_add_u64(out, full_read_get_u64(&one, "index"));
        rlp_add_u64(out, full_read_get_u64(&one, "validatorIndex"));
        full_read_get_fixed(&one, "address", address.bytes, 20);
        rlp_add_bytes(out, SPAN(address.bytes, 20));
        rlp_add_u64(out, full_read_get_u64(&one, "amount"));
        rlp_list_end(out, inner);
        fine = !one.bad;
        if (!fine)
            break;
    }
    rlp_list_end(out, mark);
    return fine;
}

static bool check_body(struct span rlp, const struct header *header, struct full_fault *fault)
{
    struct body body;
    struct hash32 root, uncles;
    if (!body_decode(&body, rlp))
        return full_fail(fault, "is no body", "", 0);
    if (body_matches(&body, header))
        return true;
    keccak256(&uncles, body.uncles);
    if (!hash32_equal(&uncles, &header->uncles_hash))
        return full_fail(fault, "differs", "sha3Uncles", 0);
    if (!envelope_root(&root, body.transactions, BLOCK_TRANSACTIONS_MAX) ||
        !hash32_equal(&root, &header->transactions_root))
        return full_fail(fault, "differs", "transactionsRoot", 0);
    return full_fail(fault, "differs", "withdrawalsRoot", 0);
}

bool full_body(struct buf *out, json_t *block, json_t *uncles, const struct header *header,
               struct full_fault *fault)
{
    size_t before = out->size, mark = rlp_list_begin(out);
    bool fine = add_transactions(out, block, fault) && add_uncles(out, block, uncles, fault) &&
                (!HEADER_HAS_WITHDRAWALS(header) || add_withdrawals(out, block, fault));
    rlp_list_end(out, mark);
    fine = fine && check_body(SPAN(out->data + before, out->size - before), header, fault);
    if (!fine)
        out->size = before;
    return fine;
}

/* ---- raw forms ---- */

bool full_raw(struct buf *out, json_t *hex, const struct hash32 *expected, struct full_fault *fault)
{
    struct hash32 hash;
    size_t before = out->size;
    if (!full_read_bytes(out, SIZE_MAX, hex))
        return full_fail(fault, json_is_null(hex) ? "null" : "not hex", "", 0);
    keccak256(&hash, SPAN(out->data + before, out->size - before));
    if (hash32_equal(&hash, expected))
        return true;
    out->size = before;
    return full_fail(fault, "differs", "hash", 0);
}

bool full_code(struct buf *out, json_t *code, const struct hash32 *code_hash,
               struct full_fault *fault)
{
    return full_raw(out, code, code_hash, fault);
}

bool full_raw_body(struct buf *out, json_t *hex, const struct header *header,
                   struct full_fault *fault)
{
    struct buf block = {0}, made = {0};
    struct span header_rlp;
    struct body body;
    bool fine = full_read_bytes(&block, SIZE_MAX, hex) ||
                full_fail(fault, json_is_null(hex) ? "null" : "not hex", "", 0);
    fine = fine && (block_split(&header_rlp, &body, buf_span(&block)) ||
                    full_fail(fault, "is no block", "", 0));
    if (fine) {
        size_t mark = rlp_list_begin(&made);
        rlp_add_list_header(&made, body.transactions.size);
        buf_add_span(&made, body.transactions);
        buf_add_span(&made, body.uncles);
        if (body.has_withdrawals) {
            rlp_add_list_header(&made, body.withdrawals.size);
            buf_add_span(&made, body.withdrawals);
        }
        rlp_list_end(&made, mark);
        fine = check_body(buf_span(&made), header, fault);
    }
    if (fine)
        buf_add_span(out, buf_span(&made));
    buf_free(&block);
    buf_free(&made);
    return fine;
}
