/* GeneralStateTests: one transaction on a given state, under every fork that a file names; the
 * state root and the hash of the logs must come out as recorded, and what the file says is refused
 * must be refused. */
#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/receipt.h"
#include "les/eth/u256.h"
#include "les/evm/transition.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(state, .fini = fixture_leak_gate, .timeout = 1200);

static const struct {
    const char *name;
    enum evm_revision revision;
    enum fork fork;
} forks[] = {
    {"Frontier", EVM_FRONTIER, FORK_FRONTIER},
    {"Homestead", EVM_HOMESTEAD, FORK_HOMESTEAD},
    {"EIP150", EVM_TANGERINE, FORK_TANGERINE},
    {"EIP158", EVM_SPURIOUS, FORK_SPURIOUS},
    {"Byzantium", EVM_BYZANTIUM, FORK_BYZANTIUM},
    {"Constantinople", EVM_CONSTANTINOPLE, FORK_CONSTANTINOPLE},
    {"ConstantinopleFix", EVM_PETERSBURG, FORK_PETERSBURG},
    {"Istanbul", EVM_ISTANBUL, FORK_ISTANBUL},
    {"Berlin", EVM_BERLIN, FORK_BERLIN},
    {"London", EVM_LONDON, FORK_LONDON},
    {"Paris", EVM_PARIS, FORK_PARIS},
    {"Merge", EVM_PARIS, FORK_PARIS},
    {"Shanghai", EVM_SHANGHAI, FORK_SHANGHAI},
    {"Cancun", EVM_CANCUN, FORK_CANCUN},
    {"Prague", EVM_PRAGUE, FORK_PRAGUE},
    {"Osaka", EVM_OSAKA, FORK_OSAKA},
};
static const struct blob_params blobs_cancun = {true, 3, 6, 3338477},
                                blobs_prague = {true, 6, 9, 5007716};

struct totals {
    size_t files, cases, passed, failed, skipped;
    size_t slow;            /* files */
    size_t unsupported[32]; /* by precompile */
};

struct suite {
    struct crypto *crypto;
    struct evm_code_cache *codes;
    struct totals totals;
    const char *path;
};

/* ---- reading ---- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static struct u256 number_of(const char *text)
{
    struct u256 value;
    cr_assert_not_null(text);
    cr_assert(u256_parse_hex(&value, SPAN_STR(text)), "not a number: %s", text);
    return value;
}

static uint64_t u64_of(const json_t *object, const char *key, uint64_t preset)
{
    const char *text = text_of(object, key);
    if (text == NULL)
        return preset;
    struct u256 value = number_of(text);
    return u256_fits_u64(&value) ? value.words[0] : UINT64_MAX;
}

static void load_storage(struct evm_state *state, struct evm_account *account,
                         const json_t *storage)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)storage, key, value)
    {
        struct u256 slot_key = number_of(key), slot_value = number_of(json_string_value(value));
        struct evm_slot *slot = evm_state_slot(state, account, &slot_key);
        cr_assert(evm_state_load_slot(state, slot));
        evm_state_store(state, slot, &slot_value);
    }
}

static void load_accounts(struct node_store *store, struct hash32 *root, const json_t *pre)
{
    struct evm_store_backend backend;
    const char *key;
    json_t *value;
    *root = EMPTY_TRIE_ROOT;
    evm_store_backend_init(&backend, store, root);
    struct evm_state *state = evm_state_new(&backend.backend, NULL);
    evm_state_begin(state);
    json_object_foreach((json_t *)pre, key, value)
    {
        struct address20 address;
        struct evm_account *account;
        fixture_hex_exact(address.bytes, 20, key);
        cr_assert(evm_state_account(state, &address, &account));
        struct u256 balance = number_of(text_of(value, "balance"));
        evm_state_set_balance(state, account, &balance);
        evm_state_set_nonce(state, account, u64_of(value, "nonce", 0));
        struct buf code = fixture_hex(text_of(value, "code"));
        if (code.size > 0)
            evm_state_set_code(state, account, buf_span(&code));
        buf_free(&code);
        load_storage(state, account, json_object_get(value, "storage"));
    }
    cr_assert_eq(evm_state_commit(state, store, root), STATUS_OK);
    evm_state_free(state);
}

/* The hash of block n in these tests is the hash of its decimal text. */
static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    (void)owner;
    struct buf text = {0};
    buf_printf(&text, "%llu", (unsigned long long)number);
    keccak256(out, buf_span(&text));
    buf_free(&text);
    return EVM_LOOKUP_FOUND;
}

static void load_block(struct evm_block *block, struct tx_place *place, const json_t *env,
                       enum evm_revision revision)
{
    *block = (struct evm_block){.chain_id = 1, .block_hash = on_block_hash};
    block->number = u64_of(env, "currentNumber", 0);
    block->timestamp = u64_of(env, "currentTimestamp", 0);
    block->gas_limit = u64_of(env, "currentGasLimit", 0);
    fixture_hex_exact(block->coinbase.bytes, 20, text_of(env, "currentCoinbase"));
    const char *mix =
        revision >= EVM_PARIS ? text_of(env, "currentRandom") : text_of(env, "currentDifficulty");
    struct u256 value = number_of(mix != NULL ? mix : "0x0");
    u256_to_be32(block->prev_randao.bytes, &value);
    if (revision >= EVM_LONDON)
        block->base_fee = number_of(
            text_of(env, "currentBaseFee") != NULL ? text_of(env, "currentBaseFee") : "0xa");
    place->gas_left = block->gas_limit;
    if (revision >= EVM_CANCUN) {
        const struct blob_params *blobs = revision >= EVM_PRAGUE ? &blobs_prague : &blobs_cancun;
        fee_blob_base(&block->blob_base_fee, u64_of(env, "currentExcessBlobGas", 0),
                      blobs->update_fraction);
        place->blob_gas_left = blobs->max * EVM_BLOB_GAS;
    }
}

/* ---- running ---- */

static void logs_hash(struct hash32 *out, const struct evm_state *state)
{
    size_t count;
    const struct evm_log *logs = evm_state_logs(state, &count);
    struct buf rlp = {0};
    size_t mark = rlp_list_begin(&rlp);
    for (size_t i = 0; i < count; i++) {
        struct log_entry entry = {.address = logs[i].address,
                                  .topics_count = logs[i].topics_count,
                                  .data = evm_state_log_data(state, &logs[i])};
        memcpy(entry.topics, logs[i].topics, sizeof entry.topics);
        log_encode(&rlp, &entry);
    }
    rlp_list_end(&rlp, mark);
    keccak256(out, buf_span(&rlp));
    buf_free(&rlp);
}

enum verdict { PASSED, FAILED, SKIPPED };

static enum verdict report(const struct suite *suite, const char *name, const char *fork,
                           size_t index, const char *why)
{
    fprintf(stderr, "FAILED %s %s %s[%zu]: %s\n", suite->path, name, fork, index, why);
    return FAILED;
}

/* The transaction as signed; its sender. */
static enum tx_refusal run_signed(struct tx_place *place, struct span envelope,
                                  struct tx_result *result, const char **why)
{
    struct tx tx;
    struct address20 sender;
    if (tx_decode(&tx, envelope) != TX_VALID) {
        *why = "malformed";
        return TX_REFUSAL_TYPE;
    }
    if (tx_sender(&sender, &tx, place->crypto, place->revision >= EVM_HOMESTEAD) != TX_VALID) {
        *why = "signature";
        return TX_REFUSAL_TYPE;
    }
    enum tx_refusal refusal = tx_execute(place, &tx, &sender, NULL, result);
    *why = tx_refusal_text(refusal);
    return refusal;
}

struct expected {
    struct hash32 root, logs;
    bool refused;
};

static enum verdict run_case(struct suite *suite, const json_t *test, enum evm_revision revision,
                             const json_t *post, const struct expected *expected, const char **why)
{
    struct node_store *store = node_store_new();
    struct evm_store_backend backend;
    struct hash32 root, logs;
    struct evm_block block;
    struct tx_result result;
    load_accounts(store, &root, json_object_get(test, "pre"));
    evm_store_backend_init(&backend, store, &root);
    struct evm_state *state = evm_state_new(&backend.backend, suite->codes);
    struct evm_config config = {.revision = revision, .state = state, .crypto = suite->crypto};
    struct evm *evm = evm_new(&config);
    struct tx_place place = {
        .evm = evm, .state = state, .revision = revision, .block = &block, .crypto = suite->crypto};
    load_block(&block, &place, json_object_get(test, "env"), revision);
    evm_set_block(evm, &block);
    struct buf envelope = fixture_hex(text_of(post, "txbytes"));
    enum tx_refusal refusal = run_signed(&place, buf_span(&envelope), &result, why);
    enum verdict verdict = PASSED;
    if (refusal == TX_REFUSAL_STOPPED) {
        verdict = result.end == EVM_END_UNSUPPORTED ? SKIPPED : FAILED;
        *why = evm_end_text(result.end);
        if (verdict == SKIPPED)
            suite->totals.unsupported[evm_unsupported(evm)]++;
    } else if ((refusal != TX_REFUSAL_NONE) != expected->refused) {
        verdict = FAILED;
    } else if (refusal == TX_REFUSAL_NONE) {
        logs_hash(&logs, state);
        struct evm_account *coinbase;
        evm_state_begin(state); /* a miner's reward of zero touches it */
        cr_assert(evm_state_account(state, &block.coinbase, &coinbase));
        evm_state_touch(state, coinbase);
        evm_state_end(state, revision >= EVM_SPURIOUS);
        cr_assert_eq(evm_state_commit(state, store, &root), STATUS_OK);
        bool same_logs = hash32_equal(&logs, &expected->logs),
             same_root = hash32_equal(&root, &expected->root);
        *why = !same_logs ? "logs differ" : "state root differs";
        verdict = same_logs && same_root ? PASSED : FAILED;
    }
    buf_free(&envelope);
    evm_free(evm);
    evm_state_free(state);
    node_store_free(store);
    return verdict;
}

static void count(struct suite *suite, enum verdict verdict)
{
    suite->totals.cases++;
    suite->totals.passed += verdict == PASSED;
    suite->totals.failed += verdict == FAILED;
    suite->totals.skipped += verdict == SKIPPED;
}

static void run_fork(struct suite *suite, const char *name, const json_t *test, const char *fork,
                     const json_t *posts)
{
    size_t at = 0, i;
    json_t *post;
    while (at < ARRAY_COUNT(forks) && strcmp(forks[at].name, fork) != 0)
        at++;
    cr_assert(at < ARRAY_COUNT(forks), "%s: unknown fork %s", suite->path, fork);
    json_array_foreach((json_t *)posts, i, post)
    {
        struct expected expected = {.refused = json_object_get(post, "expectException") != NULL};
        const char *why = "";
        fixture_hex_exact(expected.root.bytes, 32, text_of(post, "hash"));
        fixture_hex_exact(expected.logs.bytes, 32, text_of(post, "logs"));
        enum verdict verdict = run_case(suite, test, forks[at].revision, post, &expected, &why);
        if (verdict == FAILED)
            (void)report(suite, name, fork, i, why);
        count(suite, verdict);
    }
}

/* 2^32 rounds of BLAKE2b: a minute in a release build. SLOW=1 in the environment runs it. */
static bool is_too_slow(const char *path)
{
    return strstr(path, "CALLBlake2f_MaxRounds") != NULL && getenv("SLOW") == NULL;
}

static void run_file(struct suite *suite, const char *path)
{
    const char *name, *fork;
    json_t *file = fixture_json(path), *test, *posts;
    size_t before = suite->totals.cases;
    suite->path = path;
    json_object_foreach(file, name, test)
    {
        json_object_foreach(json_object_get(test, "post"), fork, posts)
            run_fork(suite, name, test, fork, posts);
    }
    json_decref(file);
    suite->totals.files++;
    cr_assert_gt(suite->totals.cases, before, "%s ran no case", path);
}

static void run_folder(const char *folder)
{
    struct buf path = {0};
    uint8_t seed[32] = {2};
    struct suite suite = {.crypto = crypto_new(seed),
                          .codes = evm_code_cache_new(EVM_CODE_CACHE_BYTES)};
    const char *only = getenv("STATE_ONLY");
    buf_printf(&path, "vectors/ethereum-tests/GeneralStateTests/%s", folder);
    buf_add_u8(&path, 0);
    struct fixture_list list = fixture_list((const char *)path.data, ".json");
    for (size_t i = 0; i < list.count; i++)
        if (is_too_slow(list.paths[i]))
            suite.totals.slow++;
        else if (only == NULL || strstr(list.paths[i], only) != NULL)
            run_file(&suite, list.paths[i]);
    const struct totals *totals = &suite.totals;
    fprintf(stderr, "state %s: files %zu, cases %zu, passed %zu, failed %zu, skipped %zu\n", folder,
            totals->files, totals->cases, totals->passed, totals->failed, totals->skipped);
    for (size_t i = 0; i < ARRAY_COUNT(totals->unsupported); i++)
        if (totals->unsupported[i] > 0)
            fprintf(stderr, "  skipped %zu: this build has no %s\n", totals->unsupported[i],
                    evm_precompile_name((enum evm_precompile)i));
    if (totals->slow > 0)
        fprintf(stderr, "  skipped %zu file: takes minutes, set SLOW=1\n", totals->slow);
    size_t failed = totals->failed;
    fixture_list_free(&list);
    buf_free(&path);
    evm_code_cache_free(suite.codes);
    crypto_free(suite.crypto);
    cr_assert_eq(failed, 0, "%s: %zu cases failed", folder, failed);
}

#define FOLDER(name)                                                                               \
    Test(state, name)                                                                              \
    {                                                                                              \
        run_folder(#name);                                                                         \
    }
FOLDER(Cancun)
FOLDER(Pyspecs)
FOLDER(Shanghai)
FOLDER(VMTests)
FOLDER(stArgsZeroOneBalance)
FOLDER(stAttackTest)
FOLDER(stBadOpcode)
FOLDER(stBugs)
FOLDER(stCallCodes)
FOLDER(stCallCreateCallCodeTest)
FOLDER(stCallDelegateCodesCallCodeHomestead)
FOLDER(stCallDelegateCodesHomestead)
FOLDER(stChainId)
FOLDER(stCodeCopyTest)
FOLDER(stCodeSizeLimit)
FOLDER(stCreate2)
FOLDER(stCreateTest)
FOLDER(stDelegatecallTestHomestead)
FOLDER(stEIP150Specific)
FOLDER(stEIP150singleCodeGasPrices)
FOLDER(stEIP1559)
FOLDER(stEIP158Specific)
FOLDER(stEIP2930)
FOLDER(stEIP3607)
FOLDER(stExample)
FOLDER(stExtCodeHash)
FOLDER(stHomesteadSpecific)
FOLDER(stInitCodeTest)
FOLDER(stLogTests)
FOLDER(stMemExpandingEIP150Calls)
FOLDER(stMemoryStressTest)
FOLDER(stMemoryTest)
FOLDER(stNonZeroCallsTest)
FOLDER(stPreCompiledContracts)
FOLDER(stPreCompiledContracts2)
FOLDER(stQuadraticComplexityTest)
FOLDER(stRandom)
FOLDER(stRandom2)
FOLDER(stRecursiveCreate)
FOLDER(stRefundTest)
FOLDER(stReturnDataTest)
FOLDER(stRevertTest)
FOLDER(stSLoadTest)
FOLDER(stSStoreTest)
FOLDER(stSelfBalance)
FOLDER(stShift)
FOLDER(stSolidityTest)
FOLDER(stSpecialTest)
FOLDER(stStackTests)
FOLDER(stStaticCall)
FOLDER(stStaticFlagEnabled)
FOLDER(stSystemOperationsTest)
FOLDER(stTimeConsuming)
FOLDER(stTransactionTest)
FOLDER(stTransitionTest)
FOLDER(stWalletTest)
FOLDER(stZeroCallsRevert)
FOLDER(stZeroCallsTest)
FOLDER(stZeroKnowledge)
FOLDER(stZeroKnowledge2)
