#include "conf/genesis.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_GAS_LIMIT 4712388u    /* go-ethereum params.GenesisGasLimit, when the file says 0 */
#define INITIAL_BASE_FEE  1000000000u /* EIP-1559 */

/* sha256(""), EIP-7685: the requests hash of a block without requests. */
static const struct hash32 EMPTY_REQUESTS_HASH = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                                   0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                                   0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                                   0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

/* A path through the file for error texts; the first fault is kept. */
struct reader {
    const char *name;
    struct buf *error;
    bool bad;
};

static bool fail(struct reader *reader, const char *where, const char *what)
{
    if (!reader->bad)
        buf_printf(reader->error, "%s: %s: %s", reader->name, where, what);
    reader->bad = true;
    return false;
}

/* ---- numbers and bytes ---- */

static bool text_u256(struct u256 *out, const char *text)
{
    size_t size = strlen(text);
    *out = u256_from_u64(0);
    if (size == 0)
        return true;
    if (size >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        const char *digits = text + 2;
        while (digits[0] == '0' && digits[1] != '\0')
            digits++;
        char canonical[2 + 64 + 1];
        int written = snprintf(canonical, sizeof canonical, "0x%s", digits);
        if (written < 0 || (size_t)written >= sizeof canonical)
            return false;
        return u256_parse_hex(out, SPAN_STR(canonical));
    }
    while (text[0] == '0' && text[1] != '\0')
        text++;
    return u256_parse_decimal(out, SPAN_STR(text));
}

static bool read_u256(struct reader *reader, const char *where, const json_t *value,
                      struct u256 *out)
{
    *out = u256_from_u64(0);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = u256_from_u64((uint64_t)json_integer_value(value));
        return true;
    }
    if (json_is_string(value) && text_u256(out, json_string_value(value)))
        return true;
    return fail(reader, where, "not a hex or decimal integer of at most 256 bits");
}

static bool read_u64(struct reader *reader, const char *where, const json_t *value, uint64_t *out)
{
    struct u256 wide;
    *out = 0;
    if (!read_u256(reader, where, value, &wide))
        return false;
    if (!u256_fits_u64(&wide))
        return fail(reader, where, "larger than 64 bits");
    *out = wide.words[0];
    return true;
}

static bool read_fixed(struct reader *reader, const char *where, const json_t *value, void *out,
                       size_t size)
{
    const char *text = json_string_value(value);
    if (text == NULL || strncmp(text, "0x", 2) != 0 ||
        !hex_decode_exact(out, size, text, strlen(text)))
        return fail(reader, where,
                    size == 20 ? "not an address (0x and 40 hex digits)"
                               : "not a hash (0x and 64 hex digits)");
    return true;
}

/* Bytes with 0x, copied; empty text is empty. */
static bool read_bytes(struct reader *reader, const char *where, const json_t *value,
                       struct span *out)
{
    const char *text = json_string_value(value);
    struct buf bytes = {0};
    *out = SPAN_EMPTY;
    if (text != NULL && text[0] == '\0')
        return true;
    if (text == NULL || strncmp(text, "0x", 2) != 0 || !hex_decode(&bytes, text, strlen(text))) {
        buf_free(&bytes);
        return fail(reader, where, "not bytes (0x and an even number of hex digits)");
    }
    *out = SPAN(mem_copy(buf_span(&bytes)), bytes.size);
    buf_free(&bytes);
    return true;
}

static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

/* ---- config ---- */

struct fork_key {
    const char *key;
    enum fork fork;
    bool optional; /* may be left out while a later one is set */
};
static const struct fork_key FORK_KEYS[] = {
    {"homesteadBlock", FORK_HOMESTEAD, false},
    {"daoForkBlock", FORK_DAO, true},
    {"eip150Block", FORK_TANGERINE, false},
    {"eip155Block", FORK_SPURIOUS, false},
    {"eip158Block", FORK_SPURIOUS, false},
    {"byzantiumBlock", FORK_BYZANTIUM, false},
    {"constantinopleBlock", FORK_CONSTANTINOPLE, false},
    {"petersburgBlock", FORK_PETERSBURG, false},
    {"istanbulBlock", FORK_ISTANBUL, false},
    {"muirGlacierBlock", FORK_MUIR_GLACIER, true},
    {"berlinBlock", FORK_BERLIN, false},
    {"londonBlock", FORK_LONDON, false},
    {"arrowGlacierBlock", FORK_ARROW_GLACIER, true},
    {"grayGlacierBlock", FORK_GRAY_GLACIER, true},
    {"mergeNetsplitBlock", FORK_PARIS, true},
    {"shanghaiTime", FORK_SHANGHAI, false},
    {"cancunTime", FORK_CANCUN, false},
    {"pragueTime", FORK_PRAGUE, false},
    {"osakaTime", FORK_OSAKA, false},
    {"bpo1Time", FORK_BPO1, true},
    {"bpo2Time", FORK_BPO2, true},
    {"bpo3Time", FORK_BPO3, true},
    {"bpo4Time", FORK_BPO4, true},
    {"bpo5Time", FORK_BPO5, true},
};

static const struct fork_key *fork_key(const char *key)
{
    for (size_t i = 0; i < ARRAY_COUNT(FORK_KEYS); i++)
        if (strcmp(FORK_KEYS[i].key, key) == 0)
            return &FORK_KEYS[i];
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool read_activations(struct reader *reader, json_t *config, struct chainspec *spec)
{
    const char *key;
    json_t *value;
    for (int i = 0; i < FORK_COUNT; i++)
        spec->activation[i] = FORK_NEVER;
    spec->activation[FORK_FRONTIER] = 0;
    json_object_foreach(config, key, value)
    {
        const struct fork_key *row = fork_key(key);
        uint64_t at;
        if (json_is_null(value) ||
            (row == NULL && !ends_with(key, "Block") && !ends_with(key, "Time")))
            continue;
        if (row == NULL)
            return fail(reader, key, "a fork that this program does not know; a newer version may");
        if (!read_u64(reader, key, value, &at))
            return false;
        uint64_t *slot = &spec->activation[row->fork];
        *slot = *slot == FORK_NEVER || at > *slot ? at : *slot;
    }
    if (spec->activation[FORK_PETERSBURG] == FORK_NEVER)
        spec->activation[FORK_PETERSBURG] = spec->activation[FORK_CONSTANTINOPLE];
    return true;
}

/* As go-ethereum's CheckConfigForkOrder: blocks before times, each fork not before the one it
 * builds on. */
static bool check_order(struct reader *reader, const struct chainspec *spec)
{
    const struct fork_key *last = NULL;
    bool last_is_set = true;
    for (size_t i = 0; i < ARRAY_COUNT(FORK_KEYS); i++) {
        const struct fork_key *row = &FORK_KEYS[i];
        uint64_t at = spec->activation[row->fork];
        bool same_unit = last != NULL && (last->fork <= FORK_PARIS) == (row->fork <= FORK_PARIS);
        if (last != NULL && at != FORK_NEVER) {
            if (!last_is_set)
                return fail(reader, row->key,
                            "set, but an earlier fork is not: fill in all forks up to it");
            if (same_unit && spec->activation[last->fork] > at)
                return fail(reader, row->key, "before the fork that precedes it");
        }
        if (!row->optional || at != FORK_NEVER) {
            last = row;
            last_is_set = at != FORK_NEVER;
        }
    }
    return true;
}

static bool read_blob_schedule(struct reader *reader, const json_t *config, struct chainspec *spec)
{
    static const struct {
        const char *key;
        enum fork fork;
    } rows[] = {{"cancun", FORK_CANCUN}, {"prague", FORK_PRAGUE}, {"osaka", FORK_OSAKA},
                {"bpo1", FORK_BPO1},     {"bpo2", FORK_BPO2},     {"bpo3", FORK_BPO3},
                {"bpo4", FORK_BPO4},     {"bpo5", FORK_BPO5}};
    const json_t *schedule = member(config, "blobSchedule");
    if (schedule != NULL && !json_is_object(schedule))
        return fail(reader, "blobSchedule", "not an object");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const json_t *row = member(schedule, rows[i].key);
        struct blob_params *blobs = &spec->blobs[rows[i].fork];
        if (row == NULL)
            continue;
        if (!read_u64(reader, "blobSchedule target", member(row, "target"), &blobs->target) ||
            !read_u64(reader, "blobSchedule max", member(row, "max"), &blobs->max) ||
            !read_u64(reader, "blobSchedule baseFeeUpdateFraction",
                      member(row, "baseFeeUpdateFraction"), &blobs->update_fraction))
            return false;
        if (blobs->update_fraction == 0 || blobs->max < blobs->target)
            return fail(reader, "blobSchedule",
                        "max is below target or the update fraction is zero");
        blobs->set = true;
    }
    /* Files from before EIP-7840 have no schedule; EIP-4844 and EIP-7691 fix these two. */
    if (!spec->blobs[FORK_CANCUN].set)
        spec->blobs[FORK_CANCUN] =
            (struct blob_params){spec->activation[FORK_CANCUN] != FORK_NEVER, 3, 6, 3338477};
    if (!spec->blobs[FORK_PRAGUE].set)
        spec->blobs[FORK_PRAGUE] =
            (struct blob_params){spec->activation[FORK_PRAGUE] != FORK_NEVER, 6, 9, 5007716};
    return true;
}

static bool read_clique(struct reader *reader, const json_t *config, struct chainspec *spec)
{
    const json_t *clique = member(config, "clique");
    if (clique == NULL)
        return true;
    spec->clique = true;
    spec->clique_epoch = 30000; /* EIP-225 */
    const json_t *period = member(clique, "period"), *epoch = member(clique, "epoch");
    return (period == NULL || read_u64(reader, "clique period", period, &spec->clique_period_s)) &&
           (epoch == NULL || read_u64(reader, "clique epoch", epoch, &spec->clique_epoch));
}

static bool read_config(struct reader *reader, json_t *config, struct chainspec *spec)
{
    if (!json_is_object(config))
        return fail(reader, "config", "missing or not an object");
    if (member(config, "chainId") == NULL)
        return fail(reader, "config.chainId", "missing");
    if (!read_u64(reader, "chainId", member(config, "chainId"), &spec->chain_id))
        return false;
    spec->network_id = spec->chain_id;
    if (!read_activations(reader, config, spec) || !check_order(reader, spec) ||
        !read_blob_schedule(reader, config, spec) || !read_clique(reader, config, spec))
        return false;
    spec->dao_support = json_is_true(member(config, "daoForkSupport"));
    const json_t *terminal = member(config, "terminalTotalDifficulty");
    spec->has_terminal_td = terminal != NULL;
    if (terminal != NULL &&
        !read_u256(reader, "terminalTotalDifficulty", terminal, &spec->terminal_td))
        return false;
    const json_t *deposit = member(config, "depositContractAddress");
    spec->has_deposit_contract = deposit != NULL;
    return deposit == NULL ||
           read_fixed(reader, "depositContractAddress", deposit, spec->deposit_contract.bytes, 20);
}

/* ---- header ---- */

static bool optional_u64(struct reader *reader, const json_t *root, const char *key, uint64_t *out)
{
    const json_t *value = member(root, key);
    *out = 0;
    return value == NULL || read_u64(reader, key, value, out);
}

static bool optional_fixed(struct reader *reader, const json_t *root, const char *key, void *out,
                           size_t size)
{
    const json_t *value = member(root, key);
    return value == NULL || read_fixed(reader, key, value, out, size);
}

static bool at_genesis(const struct genesis *genesis, enum fork fork)
{
    uint64_t at = genesis->spec.activation[fork];
    return at != FORK_NEVER &&
           at <= (fork <= FORK_PARIS ? genesis->header.number : genesis->header.timestamp);
}

static bool read_fork_fields(struct reader *reader, const json_t *root, struct genesis *genesis)
{
    struct header *header = &genesis->header;
    const json_t *base_fee = member(root, "baseFeePerGas");
    bool london = at_genesis(genesis, FORK_LONDON);
    header->fields = london || base_fee != NULL ? 1 : 0;
    if (base_fee != NULL ? !read_u256(reader, "baseFeePerGas", base_fee, &header->base_fee) : false)
        return false;
    if (london && base_fee == NULL)
        header->base_fee = u256_from_u64(INITIAL_BASE_FEE);
    if (!london || !at_genesis(genesis, FORK_SHANGHAI))
        return true;
    header->fields = 2;
    header->withdrawals_root = EMPTY_TRIE_ROOT;
    if (!at_genesis(genesis, FORK_CANCUN))
        return true;
    header->fields = 5;
    if (!optional_u64(reader, root, "blobGasUsed", &header->blob_gas_used) ||
        !optional_u64(reader, root, "excessBlobGas", &header->excess_blob_gas))
        return false;
    if (at_genesis(genesis, FORK_PRAGUE)) {
        header->fields = 6;
        header->requests_hash = EMPTY_REQUESTS_HASH;
    }
    return true;
}

static bool read_header(struct reader *reader, const json_t *root, struct genesis *genesis)
{
    struct header *header = &genesis->header;
    const json_t *extra = member(root, "extraData");
    if (member(root, "gasLimit") == NULL || member(root, "difficulty") == NULL)
        return fail(reader, member(root, "gasLimit") == NULL ? "gasLimit" : "difficulty",
                    "missing");
    header->uncles_hash = EMPTY_UNCLES_HASH;
    header->transactions_root = EMPTY_TRIE_ROOT;
    header->receipts_root = EMPTY_TRIE_ROOT;
    if (!optional_u64(reader, root, "nonce", &header->nonce) ||
        !optional_u64(reader, root, "timestamp", &header->timestamp) ||
        !optional_u64(reader, root, "number", &header->number) ||
        !optional_u64(reader, root, "gasLimit", &header->gas_limit) ||
        !optional_u64(reader, root, "gasUsed", &header->gas_used) ||
        !read_u256(reader, "difficulty", member(root, "difficulty"), &header->difficulty) ||
        !optional_fixed(reader, root, "mixHash", header->mix_hash.bytes, 32) ||
        !optional_fixed(reader, root, "parentHash", header->parent_hash.bytes, 32) ||
        !optional_fixed(reader, root, "coinbase", header->coinbase.bytes, 20) ||
        (extra != NULL && !read_bytes(reader, "extraData", extra, &header->extra)))
        return false;
    if (header->extra.size > HEADER_EXTRA_MAX)
        return fail(reader, "extraData", "longer than a header may carry");
    if (header->gas_limit == 0)
        header->gas_limit = DEFAULT_GAS_LIMIT;
    return read_fork_fields(reader, root, genesis);
}

/* ---- accounts ---- */

/* Storage keys and values may be shorter than 32 bytes: padded on the left. */
static bool read_word(struct reader *reader, const char *where, const char *text,
                      struct hash32 *out)
{
    if (strncmp(text, "0x", 2) == 0)
        text += 2;
    size_t digits = strlen(text);
    memset(out, 0, sizeof *out);
    if (digits > 64 || digits % 2 != 0 ||
        !hex_decode_exact(out->bytes + 32 - digits / 2, digits / 2, text, digits))
        return fail(reader, where, "a storage key or value is not at most 32 bytes of hex");
    return true;
}

static bool read_storage(struct reader *reader, const char *where, json_t *storage,
                         struct genesis_account *account)
{
    size_t count = 0;
    const char *key;
    json_t *value;
    if (!json_is_object(storage))
        return fail(reader, where, "storage is not an object");
    struct genesis_slot *slots = mem_alloc((json_object_size(storage) + 1) * sizeof *slots);
    account->slots = slots;
    json_object_foreach(storage, key, value)
    {
        if (!json_is_string(value))
            return fail(reader, where, "a storage value is not a hex string");
        if (!read_word(reader, where, key, &slots[count].key) ||
            !read_word(reader, where, json_string_value(value), &slots[count].value))
            return false;
        account->slots_count = ++count;
    }
    return true;
}

static bool read_account(struct reader *reader, const char *address, json_t *value,
                         struct genesis_account *account)
{
    char where[64];
    snprintf(where, sizeof where, "alloc %.46s", address);
    if (!hex_decode_exact(account->address.bytes, 20, address, strlen(address)))
        return fail(reader, where, "not an address (40 hex digits)");
    if (member(value, "balance") == NULL)
        return fail(reader, where, "balance is missing");
    const json_t *code = member(value, "code"), *nonce = member(value, "nonce");
    json_t *storage = json_object_get(value, "storage");
    return read_u256(reader, where, member(value, "balance"), &account->balance) &&
           (nonce == NULL || read_u64(reader, where, nonce, &account->nonce)) &&
           (code == NULL || read_bytes(reader, where, code, &account->code)) &&
           (storage == NULL || json_is_null(storage) ||
            read_storage(reader, where, storage, account));
}

static void free_account(struct genesis_account *account)
{
    mem_free((void *)(uintptr_t)account->slots);
    mem_free((void *)(uintptr_t)account->code.data);
}

struct order {
    size_t index;
    struct genesis_account account;
};

static int compare_accounts(const void *a, const void *b)
{
    const struct order *left = a, *right = b;
    int order = memcmp(left->account.address.bytes, right->account.address.bytes, 20);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

/* Address order; of the same address written twice (with and without 0x, say) the last one counts,
 * as in a Go map. */
static void sort_accounts(struct genesis *genesis)
{
    size_t count = genesis->accounts_count, kept = 0;
    struct order *rows = mem_alloc((count + 1) * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct order){i, genesis->accounts[i]};
    if (count > 0)
        qsort(rows, count, sizeof *rows, compare_accounts);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count &&
            address20_equal(&rows[i].account.address, &rows[i + 1].account.address))
            free_account(&rows[i].account);
        else
            genesis->accounts[kept++] = rows[i].account;
    }
    genesis->accounts_count = kept;
    mem_free(rows);
}

static bool read_alloc(struct reader *reader, const json_t *root, struct genesis *genesis)
{
    const char *address;
    json_t *value, *alloc = json_object_get(root, "alloc");
    const json_t *state_hash = member(root, "stateHash");
    genesis->has_state_hash = state_hash != NULL;
    if (state_hash != NULL) {
        if (json_object_size(alloc) > 0)
            return fail(reader, "stateHash", "stands in the place of alloc: not both");
        return read_fixed(reader, "stateHash", state_hash, genesis->state_hash.bytes, 32);
    }
    if (!json_is_object(alloc))
        return fail(reader, "alloc", "missing or not an object");
    genesis->accounts = mem_alloc((json_object_size(alloc) + 1) * sizeof *genesis->accounts);
    json_object_foreach(alloc, address, value)
    {
        struct genesis_account *account = &genesis->accounts[genesis->accounts_count++];
        if (!read_account(reader, address, value, account))
            return false;
    }
    sort_accounts(genesis);
    return true;
}

/* ---- the whole ---- */

/* Bare integers beyond 64 bits (mainnet's terminal total difficulty) are legal JSON that jansson
 * cannot hold: they become strings, which the readers take as well. */
static void quote_long_integers(struct buf *out, struct span json)
{
    size_t i = 0;
    while (i < json.size) {
        size_t start = i;
        if (json.data[i] == '"') {
            for (i++; i < json.size && json.data[i] != '"'; i++)
                i += json.data[i] == '\\' && i + 1 < json.size;
            i += i < json.size;
        } else if (json.data[i] >= '0' && json.data[i] <= '9') {
            bool digits_only = true;
            for (; i < json.size && strchr("0123456789.eE+-", json.data[i]) != NULL &&
                   json.data[i] != 0;
                 i++)
                digits_only = digits_only && json.data[i] >= '0' && json.data[i] <= '9';
            bool quote =
                digits_only && i - start > 18 && (start == 0 || json.data[start - 1] != '-');
            buf_add(out, "\"", quote ? 1 : 0);
            buf_add(out, json.data + start, i - start);
            buf_add(out, "\"", quote ? 1 : 0);
            continue;
        } else {
            i++;
        }
        buf_add(out, json.data + start, i - start);
    }
}

enum status genesis_parse(struct genesis **out, struct span json, const char *name,
                          struct buf *error)
{
    struct reader reader = {.name = name, .error = error};
    struct buf text = {0};
    json_error_t fault;
    *out = NULL;
    buf_reserve(&text, json.size + 1);
    quote_long_integers(&text, json);
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, &fault);
    buf_free(&text);
    if (root == NULL) {
        buf_printf(error, "%s:%d:%d: not JSON: %s", name, fault.line, fault.column, fault.text);
        return STATUS_INVALID;
    }
    struct genesis *genesis = mem_alloc(sizeof *genesis);
    bool good = json_is_object(root) || fail(&reader, "the whole", "not an object");
    good = good && read_config(&reader, json_object_get(root, "config"), &genesis->spec) &&
           read_header(&reader, root, genesis) && read_alloc(&reader, root, genesis);
    json_decref(root);
    if (!good) {
        genesis_free(genesis);
        return STATUS_INVALID;
    }
    genesis->spec.genesis_time = genesis->header.timestamp;
    *out = genesis;
    return STATUS_OK;
}

enum status genesis_load(struct genesis **out, const char *path, struct buf *error)
{
    struct buf text = {0};
    *out = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        int reason = errno;
        buf_printf(error, "%s: cannot open: %s", path, strerror(reason));
        return reason == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    }
    enum status status = STATUS_OK;
    size_t got;
    do {
        buf_reserve(&text, KIB(64));
        got = fread(text.data + text.size, 1, KIB(64), file);
        text.size += got;
        status = text.size > GENESIS_FILE_MAX ? STATUS_LIMIT : STATUS_OK;
    } while (got > 0 && status == STATUS_OK);
    if (status == STATUS_LIMIT)
        buf_printf(error, "%s: larger than %lu bytes", path, GENESIS_FILE_MAX);
    else if (ferror(file)) {
        buf_printf(error, "%s: cannot read: %s", path, strerror(errno));
        status = STATUS_IO;
    }
    fclose(file);
    if (status == STATUS_OK)
        status = genesis_parse(out, buf_span(&text), path, error);
    buf_free(&text);
    return status;
}

void genesis_drop_accounts(struct genesis *genesis)
{
    for (size_t i = 0; i < genesis->accounts_count; i++)
        free_account(&genesis->accounts[i]);
    mem_free(genesis->accounts);
    genesis->accounts = NULL;
    genesis->accounts_count = 0;
    malloc_trim(0);
}

void genesis_free(struct genesis *genesis)
{
    if (genesis == NULL)
        return;
    genesis_drop_accounts(genesis);
    mem_free((void *)(uintptr_t)genesis->header.extra.data);
    mem_free(genesis);
}

/* ---- state ---- */

static void build_storage(struct node_store *store, const struct genesis_account *from,
                          struct hash32 *root)
{
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    for (size_t i = 0; i < from->slots_count; i++) {
        const uint8_t *word = from->slots[i].value.bytes;
        size_t skip = 0;
        struct hash32 key;
        struct buf value = {0};
        while (skip < 32 && word[skip] == 0)
            skip++;
        if (skip < 32)
            rlp_add_bytes(&value, SPAN(word + skip, 32 - skip));
        keccak256(&key, SPAN(from->slots[i].key.bytes, 32));
        ASSERT(trie_put(trie, SPAN(key.bytes, 32), buf_span(&value)) == STATUS_OK);
        buf_free(&value);
    }
    trie_commit(trie, root);
    trie_free(trie);
}

void genesis_build(struct genesis *genesis, struct node_store *store)
{
    struct node_store *own = store == NULL ? node_store_new() : NULL;
    struct node_store *into = store == NULL ? own : store;
    struct trie *trie = trie_new(into, &EMPTY_TRIE_ROOT);
    for (size_t i = 0; i < genesis->accounts_count; i++) {
        const struct genesis_account *from = &genesis->accounts[i];
        struct account account = {from->nonce, from->balance, EMPTY_TRIE_ROOT, EMPTY_CODE_HASH};
        struct hash32 key;
        struct buf leaf = {0};
        if (from->code.size > 0) {
            keccak256(&account.code_hash, from->code);
            node_store_put(into, &account.code_hash, from->code);
        }
        if (from->slots_count > 0)
            build_storage(into, from, &account.storage_root);
        account_encode(&leaf, &account);
        keccak256(&key, SPAN(from->address.bytes, 20));
        ASSERT(trie_put(trie, SPAN(key.bytes, 32), buf_span(&leaf)) == STATUS_OK);
        buf_free(&leaf);
    }
    trie_commit(trie, &genesis->header.state_root);
    if (genesis->has_state_hash)
        genesis->header.state_root = genesis->state_hash;
    trie_free(trie);
    if (own != NULL)
        node_store_free(own);
    header_hash(&genesis->spec.genesis_hash, &genesis->header);
    genesis->spec.genesis_time = genesis->header.timestamp;
}
