/* Block tests (BlockchainTests, and blockchain_tests of execution-spec-tests): a genesis, then
 * blocks, valid ones that must be executed and invalid ones that must be refused; at the end the
 * head must be the one that the file names.
 *
 * LESGATE_BLOCK_TESTS=/folder in the environment says where they are; BLOCK_ONLY=text keeps to
 * files whose path has that text. */
#include "les/eth/u256.h"
#include "les/node/ledger.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/state_test.h"

#include <criterion/criterion.h>

TestSuite(blocks, .fini = fixture_leak_gate, .timeout = 3600);

/* ---- the rules of a network ---- */

static const struct {
    const char *name;
    enum fork fork;
} forks[] = {
    {"Frontier", FORK_FRONTIER},
    {"Homestead", FORK_HOMESTEAD},
    {"Dao", FORK_DAO},
    {"EIP150", FORK_TANGERINE},
    {"EIP158", FORK_SPURIOUS},
    {"Byzantium", FORK_BYZANTIUM},
    {"Constantinople", FORK_CONSTANTINOPLE},
    {"ConstantinopleFix", FORK_PETERSBURG},
    {"Istanbul", FORK_ISTANBUL},
    {"Berlin", FORK_BERLIN},
    {"London", FORK_LONDON},
    {"ArrowGlacier", FORK_ARROW_GLACIER},
    {"GrayGlacier", FORK_GRAY_GLACIER},
    {"Paris", FORK_PARIS},
    {"Shanghai", FORK_SHANGHAI},
    {"Cancun", FORK_CANCUN},
    {"Prague", FORK_PRAGUE},
    {"Osaka", FORK_OSAKA},
    {"BPO1", FORK_BPO1},
    {"BPO2", FORK_BPO2},
    {"BPO3", FORK_BPO3},
    {"BPO4", FORK_BPO4},
};

static bool find_fork(enum fork *out, const char *name, size_t size)
{
    for (size_t i = 0; i < ARRAY_COUNT(forks); i++)
        if (strlen(forks[i].name) == size && memcmp(forks[i].name, name, size) == 0) {
            *out = forks[i].fork;
            return true;
        }
    return false;
}

static uint64_t number_of(const json_t *object, const char *key)
{
    struct u256 value;
    const char *text = json_string_value(json_object_get(object, key));
    cr_assert(text != NULL && u256_parse_hex(&value, SPAN_STR(text)) && u256_fits_u64(&value));
    return value.words[0];
}

static void set_blobs(struct chainspec *spec, const json_t *config)
{
    static const struct blob_params cancun = {true, 3, 6, 3338477}, prague = {true, 6, 9, 5007716};
    const char *name;
    json_t *entry;
    enum fork fork;
    spec->blobs[FORK_CANCUN] = cancun;
    spec->blobs[FORK_PRAGUE] = spec->blobs[FORK_OSAKA] = prague;
    json_object_foreach(json_object_get(config, "blobSchedule"), name, entry)
    {
        if (find_fork(&fork, name, strlen(name)))
            spec->blobs[fork] =
                (struct blob_params){true, number_of(entry, "target"), number_of(entry, "max"),
                                     number_of(entry, "baseFeeUpdateFraction")};
    }
}

/* "Prague", "FrontierToHomesteadAt5", "ShanghaiToCancunAtTime15k", "ArrowGlacierToParisAtDiffC0000"
 */
static bool read_network(struct chainspec *spec, const json_t *test)
{
    static const char deposit[] = "00000000219ab540356cbb839cbe05303d7705fa";
    const char *network = json_string_value(json_object_get(test, "network"));
    const char *to = strstr(network, "To"), *at = to != NULL ? strstr(to, "At") : NULL;
    enum fork first, second;
    *spec = (struct chainspec){.chain_id = 1, .network_id = 1, .has_deposit_contract = true};
    fixture_hex_exact(spec->deposit_contract.bytes, 20, deposit);
    if (!find_fork(&first, network, at != NULL ? (size_t)(to - network) : strlen(network)))
        return false;
    for (unsigned i = 0; i < FORK_COUNT; i++)
        spec->activation[i] = i <= first && i != FORK_DAO ? 0 : FORK_NEVER;
    spec->has_terminal_td = first >= FORK_PARIS;
    if (at != NULL) {
        if (!find_fork(&second, to + 2, (size_t)(at - to) - 2))
            return false;
        if (strncmp(at, "AtDiff", 6) == 0) {
            spec->has_terminal_td = true;
            spec->terminal_td = u256_from_u64(strtoull(at + 6, NULL, 16));
        } else {
            uint64_t when = strcmp(at, "AtTime15k") == 0 ? 15000 : strtoull(at + 2, NULL, 10);
            for (unsigned i = first + 1; i <= second; i++)
                spec->activation[i] = i == FORK_DAO && second != FORK_DAO ? FORK_NEVER : when;
        }
        spec->dao_support = second == FORK_DAO;
    }
    set_blobs(spec, json_object_get(test, "config"));
    return true;
}

/* ---- running ---- */

struct suite {
    struct crypto *crypto;
    const char *path;
    size_t files, tests, passed, failed, skipped, blocks, refused;
};

static bool fail(struct suite *suite, const char *name, size_t block, const char *what,
                 const struct buf *error)
{
    fprintf(stderr, "FAILED %s %s block %zu: %s %.*s\n", suite->path, name, block, what,
            error != NULL ? (int)error->size : 0, error != NULL ? (const char *)error->data : "");
    return false;
}

static const char *exception_of(const json_t *block)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)block, key, value)
    {
        if (strncmp(key, "expectException", 15) == 0 && json_is_string(value))
            return json_string_value(value);
    }
    return NULL;
}

static bool run_blocks(struct suite *suite, const char *name, const json_t *test,
                       struct ledger *ledger)
{
    struct buf error = {0};
    struct hash32 last;
    size_t i;
    json_t *block;
    bool good = true;
    json_array_foreach(json_object_get(test, "blocks"), i, block)
    {
        const char *exception = exception_of(block);
        struct buf rlp = fixture_hex(json_string_value(json_object_get(block, "rlp")));
        buf_clear(&error);
        enum status status = ledger_add(ledger, buf_span(&rlp), &error);
        buf_free(&rlp);
        suite->blocks++;
        suite->refused += status != STATUS_OK;
        if (exception != NULL && status == STATUS_OK)
            good = fail(suite, name, i, exception, NULL);
        else if (exception == NULL && status != STATUS_OK)
            good = fail(suite, name, i, "must be valid:", &error);
    }
    fixture_hex_exact(last.bytes, 32, json_string_value(json_object_get(test, "lastblockhash")));
    if (good && !hash32_equal(&ledger_head(ledger)->hash, &last))
        good = fail(suite, name, i, "another head", NULL);
    buf_free(&error);
    return good;
}

static void run_test(struct suite *suite, const char *name, const json_t *test)
{
    struct chainspec spec;
    struct header genesis;
    struct body body;
    struct span header_rlp;
    struct hash32 root;
    suite->tests++;
    if (!read_network(&spec, test)) {
        suite->skipped++;
        fprintf(stderr, "skipped %s: unknown network %s\n", name,
                json_string_value(json_object_get(test, "network")));
        return;
    }
    struct buf rlp = fixture_hex(json_string_value(json_object_get(test, "genesisRLP")));
    cr_assert(block_split(&header_rlp, &body, buf_span(&rlp)) &&
              header_decode(&genesis, header_rlp));
    struct node_store *store = node_store_new();
    state_test_load(store, &root, json_object_get(test, "pre"));
    struct ledger_config config = {.spec = &spec, .crypto = suite->crypto, .store = store};
    struct ledger *ledger = ledger_new(&config, &genesis);
    bool good = hash32_equal(&root, &genesis.state_root)
                    ? run_blocks(suite, name, test, ledger)
                    : fail(suite, name, 0, "state root of the genesis", NULL);
    suite->passed += good;
    suite->failed += !good;
    ledger_free(ledger);
    node_store_free(store);
    buf_free(&rlp);
}

Test(blocks, others)
{
    const char *folder = getenv("LESGATE_BLOCK_TESTS"), *only = getenv("BLOCK_ONLY");
    if (folder == NULL)
        cr_skip_test("set LESGATE_BLOCK_TESTS=/folder to run block tests");
    uint8_t seed[32] = {3};
    struct suite suite = {.crypto = crypto_new(seed)};
    struct fixture_list list = fixture_list(folder, ".json");
    for (size_t i = 0; i < list.count; i++) {
        if (only != NULL && strstr(list.paths[i], only) == NULL)
            continue;
        const char *name;
        json_t *file = fixture_json(list.paths[i]), *test;
        suite.path = list.paths[i];
        suite.files++;
        json_object_foreach(file, name, test)
        {
            if (json_object_get(test, "blocks") != NULL)
                run_test(&suite, name, test);
        }
        json_decref(file);
    }
    fprintf(stderr,
            "blocks %s: files %zu, tests %zu, passed %zu, failed %zu, skipped %zu; blocks %zu, of "
            "them refused %zu\n",
            folder, suite.files, suite.tests, suite.passed, suite.failed, suite.skipped,
            suite.blocks, suite.refused);
    fixture_list_free(&list);
    crypto_free(suite.crypto);
    cr_assert_eq(suite.failed, 0, "%zu tests failed", suite.failed);
    cr_assert_gt(suite.passed, 0u, "%s has no block test", folder);
}
