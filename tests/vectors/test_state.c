/* GeneralStateTests: one transaction on a given state, under every fork that a file names; the
 * state root and the hash of the logs must come out as recorded, and what the file says is refused
 * must be refused, for the reason it gives, with the state unchanged.
 *
 * In the environment: LESGATE_STATE_TESTS=/folder runs every state test below that folder as well
 * (also those of execution-spec-tests), STATE_ONLY=text only the files whose path has that text,
 * SLOW=1 also what takes a minute. */
#include "les/base/limits.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/state_test.h"

#include <criterion/criterion.h>

TestSuite(state, .fini = fixture_leak_gate, .timeout = 3600);

struct reason {
    char text[96];
    size_t count;
};
struct suite {
    struct crypto *crypto;
    struct evm_code_cache *codes;
    const char *path;
    size_t files, cases, passed, failed, skipped;
    struct reason reasons[32]; /* why cases and files were skipped */
};

enum verdict { PASSED, FAILED, SKIPPED };

static void skip(struct suite *suite, const char *why)
{
    struct reason *reason = suite->reasons;
    while (reason->count > 0 && strncmp(reason->text, why, sizeof reason->text - 1) != 0)
        reason++;
    cr_assert(reason < suite->reasons + ARRAY_COUNT(suite->reasons) - 1);
    snprintf(reason->text, sizeof reason->text, "%s", why);
    reason->count++;
}

struct expected {
    struct hash32 root, logs;
    const char *exception; /* NULL: none */
};

/* What came of an execution that was allowed or refused. */
static enum verdict judge(struct state_world *world, enum tx_refusal refusal,
                          const struct expected *expected, const char **why)
{
    struct hash32 logs;
    if (expected->exception != NULL) {
        if (refusal == TX_REFUSAL_NONE) {
            *why = expected->exception;
            return FAILED;
        }
        if (!state_test_exception_is(expected->exception, refusal, *why))
            return FAILED;
        /* Older files touch the coinbase after a refused transaction too, newer ones do not. */
        if (hash32_equal(&world->root, &expected->root))
            return PASSED;
    } else if (refusal != TX_REFUSAL_NONE) {
        return FAILED;
    } else {
        state_world_logs_hash(world, &logs);
        if (!hash32_equal(&logs, &expected->logs)) {
            *why = "logs differ";
            return FAILED;
        }
    }
    state_world_commit(world);
    *why = "state root differs";
    return hash32_equal(&world->root, &expected->root) ? PASSED : FAILED;
}

static enum verdict run_case(struct suite *suite, const json_t *test,
                             const struct state_rules *rules, const json_t *post, const char **why)
{
    struct buf envelope = {0};
    struct tx_result result = {0};
    struct state_world world;
    struct expected expected = {.exception =
                                    json_string_value(json_object_get(post, "expectException"))};
    fixture_hex_exact(expected.root.bytes, 32, json_string_value(json_object_get(post, "hash")));
    fixture_hex_exact(expected.logs.bytes, 32, json_string_value(json_object_get(post, "logs")));
    *why = "neither bytes of the transaction nor a secret to sign it with";
    if (!state_test_envelope(&envelope, test, post, suite->crypto))
        return SKIPPED;
    state_world_open(&world, rules, json_object_get(test, "pre"), json_object_get(test, "env"),
                     suite->crypto, evm_precompile_curves(), suite->codes);
    enum tx_refusal refusal = state_world_run(&world, buf_span(&envelope), &result, why);
    enum verdict verdict = FAILED;
    if (refusal != TX_REFUSAL_STOPPED) {
        verdict = judge(&world, refusal, &expected, why);
    } else if (result.end == EVM_END_UNSUPPORTED) {
        verdict = SKIPPED;
        *why = evm_precompile_name(evm_unsupported(world.evm));
    }
    buf_free(&envelope);
    state_world_close(&world);
    return verdict;
}

static void run_fork(struct suite *suite, const char *name, const json_t *test, const char *fork,
                     const json_t *posts)
{
    size_t i;
    json_t *post;
    struct state_rules rules;
    bool known = state_rules_find(&rules, fork, json_object_get(test, "config"));
    json_array_foreach((json_t *)posts, i, post)
    {
        const char *why = fork; /* not known */
        enum verdict verdict = known ? run_case(suite, test, &rules, post, &why) : SKIPPED;
        if (verdict == FAILED)
            fprintf(stderr, "FAILED %s %s %s[%zu]: %s\n", suite->path, name, fork, i, why);
        if (verdict == SKIPPED)
            skip(suite, why);
        suite->cases++;
        suite->passed += verdict == PASSED;
        suite->failed += verdict == FAILED;
        suite->skipped += verdict == SKIPPED;
    }
}

/* 2^32 rounds of BLAKE2b: a minute in a release build. */
static bool is_too_slow(const char *path)
{
    return strstr(path, "CALLBlake2f_MaxRounds") != NULL && getenv("SLOW") == NULL;
}

static void run_file(struct suite *suite, const char *path)
{
    const char *name, *fork;
    json_t *file = fixture_json(path), *test, *posts;
    size_t before = suite->cases;
    suite->path = path;
    json_object_foreach(file, name, test)
    {
        json_object_foreach(json_object_get(test, "post"), fork, posts)
            run_fork(suite, name, test, fork, posts);
    }
    json_decref(file);
    suite->files++;
    if (suite->cases == before)
        skip(suite, "whole files that are no state tests");
}

static size_t run_folder(const char *folder)
{
    uint8_t seed[32] = {2};
    struct suite suite = {.crypto = crypto_new(seed),
                          .codes = evm_code_cache_new(EVM_CODE_CACHE_BYTES)};
    const char *only = getenv("STATE_ONLY");
    struct fixture_list list = fixture_list(folder, ".json");
    for (size_t i = 0; i < list.count; i++)
        if (only != NULL && strstr(list.paths[i], only) == NULL)
            continue;
        else if (is_too_slow(list.paths[i]))
            skip(&suite, "whole files that take minutes: SLOW=1 runs them");
        else
            run_file(&suite, list.paths[i]);
    fprintf(stderr, "state %s: files %zu, cases %zu, passed %zu, failed %zu, skipped %zu\n", folder,
            suite.files, suite.cases, suite.passed, suite.failed, suite.skipped);
    for (size_t i = 0; suite.reasons[i].count > 0; i++)
        fprintf(stderr, "  skipped %zu: %s\n", suite.reasons[i].count, suite.reasons[i].text);
    fixture_list_free(&list);
    evm_code_cache_free(suite.codes);
    crypto_free(suite.crypto);
    cr_assert_eq(suite.failed, 0, "%s: %zu cases failed", folder, suite.failed);
    return suite.cases;
}

/* Any other state tests that someone has. */
Test(state, others)
{
    const char *folder = getenv("LESGATE_STATE_TESTS");
    if (folder == NULL)
        cr_skip_test("set LESGATE_STATE_TESTS=/folder to run more state tests");
    cr_assert_gt(run_folder(folder), 0u, "%s has no state test", folder);
}

#define FOLDER(name)                                                                               \
    Test(state, name)                                                                              \
    {                                                                                              \
        (void)run_folder("vectors/ethereum-tests/GeneralStateTests/" #name);                       \
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
