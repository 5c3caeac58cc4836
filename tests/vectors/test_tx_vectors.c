/* ethereum/tests TransactionTests: each file holds transactions and, per fork, either hash, sender
 * and intrinsic gas or the exception that it must raise. */
#include "les/eth/tx.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER "vectors/ethereum-tests/TransactionTests"

TestSuite(tx_vectors, .fini = fixture_leak_gate, .timeout = 120);

static bool fork_named(enum fork *out, const char *name)
{
    static const struct {
        const char *name;
        enum fork fork;
    } names[] = {
        {"Frontier", FORK_FRONTIER},
        {"Homestead", FORK_HOMESTEAD},
        {"EIP150", FORK_TANGERINE},
        {"EIP158", FORK_SPURIOUS},
        {"Byzantium", FORK_BYZANTIUM},
        {"Constantinople", FORK_CONSTANTINOPLE},
        {"ConstantinopleFix", FORK_PETERSBURG},
        {"Istanbul", FORK_ISTANBUL},
        {"Berlin", FORK_BERLIN},
        {"London", FORK_LONDON},
        {"Paris", FORK_PARIS},
        {"Shanghai", FORK_SHANGHAI},
        {"Cancun", FORK_CANCUN},
        {"Prague", FORK_PRAGUE},
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].fork;
            return true;
        }
    return false;
}

/* What our code said: a fault of decoding, or else the rule that was broken. */
struct verdict {
    enum tx_fault fault;
    enum tx_rule rule;
    struct tx_check check;
    struct hash32 hash;
};

static struct verdict judge(struct span envelope, enum fork fork, const struct crypto *crypto)
{
    struct verdict verdict = {0};
    struct tx tx;
    verdict.fault = tx_decode(&tx, envelope);
    if (verdict.fault != TX_VALID)
        return verdict;
    verdict.rule = tx_check_for_fork(&verdict.check, &tx, crypto, fork, 1);
    tx_hash(&verdict.hash, &tx);
    return verdict;
}

/* Is the verdict one of those that the name of the exception stands for? */
static bool explains(const char *exception, const struct verdict *verdict)
{
    static const struct {
        const char *prefix;
        enum tx_fault fault;
        enum tx_rule rule;
    } meanings[] = {
        {"RLP_", TX_MALFORMED, 0},
        {"ADDRESS_", TX_MALFORMED, 0},
        {"GASLIMIT_OVERFLOW", TX_MALFORMED, 0},
        {"NONCE_OVERFLOW", TX_MALFORMED, 0},
        {"VALUE_OVERFLOW", TX_MALFORMED, 0},
        {"GASPRICE_OVERFLOW", TX_MALFORMED, 0},
        {"PRIORITY_OVERFLOW", TX_MALFORMED, 0},
        {"TYPE_NOT_SUPPORTED", TX_TYPE_UNKNOWN, 0},
        {"TYPE_NOT_SUPPORTED", TX_VALID, TX_RULE_TYPE},
        {"TYPE_NOT_SUPPORTED", TX_MALFORMED,
         0}, /* of a type not yet there, and malformed as well */
        {"INVALID_CHAINID", TX_CHAIN_ID_TOO_LARGE, 0},
        {"INVALID_CHAINID", TX_VALID, TX_RULE_CHAIN_ID},
        {"INVALID_SIGNATURE_VRS", TX_VALID, TX_RULE_SIGNATURE},
        {"INVALID_SIGNATURE_VRS", TX_MALFORMED, 0}, /* r or s of more than 256 bits */
        {"INVALID_SIGNATURE_VRS", TX_CHAIN_ID_TOO_LARGE, 0},
        {"EC_RECOVERY_FAIL", TX_VALID, TX_RULE_SIGNATURE},
        {"INTRINSIC_GAS_TOO_LOW", TX_VALID, TX_RULE_INTRINSIC_GAS},
        {"INITCODE_SIZE_EXCEEDED", TX_VALID, TX_RULE_INITCODE_SIZE},
        {"NONCE_TOO_BIG", TX_VALID, TX_RULE_NONCE_MAX},
        {"GASLIMIT_PRICE_PRODUCT_OVERFLOW", TX_VALID, TX_RULE_COST_OVERFLOW},
        {"PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS", TX_VALID, TX_RULE_TIP_ABOVE_FEE},
    };
    static const char family[] = "TransactionException.";
    cr_assert_eq(strncmp(exception, family, strlen(family)), 0);
    exception += strlen(family);
    bool named = false;
    for (size_t i = 0; i < ARRAY_COUNT(meanings); i++) {
        if (strncmp(exception, meanings[i].prefix, strlen(meanings[i].prefix)) != 0)
            continue;
        named = true;
        if (verdict->fault == meanings[i].fault && verdict->rule == meanings[i].rule)
            return true;
    }
    cr_assert(named, "unknown exception %s", exception);
    return false;
}

static void check_case(const char *label, struct span envelope, enum fork fork,
                       const json_t *expected, const struct crypto *crypto)
{
    struct verdict verdict = judge(envelope, fork, crypto);
    const char *exception = json_string_value(json_object_get(expected, "exception"));
    const char *gas = json_string_value(json_object_get(expected, "intrinsicGas"));
    if (exception != NULL) {
        cr_expect(explains(exception, &verdict), "%s: fault %d, rule %d, expected %s", label,
                  (int)verdict.fault, (int)verdict.rule, exception);
        return;
    }
    cr_expect(verdict.fault == TX_VALID && verdict.rule == TX_RULE_KEPT, "%s: fault %d, rule %d",
              label, (int)verdict.fault, (int)verdict.rule);
    if (verdict.fault != TX_VALID || verdict.rule != TX_RULE_KEPT)
        return;
    fixture_expect_hex(SPAN(verdict.hash.bytes, 32),
                       json_string_value(json_object_get(expected, "hash")));
    fixture_expect_hex(SPAN(verdict.check.sender.bytes, 20),
                       json_string_value(json_object_get(expected, "sender")));
    cr_expect_eq(verdict.check.intrinsic_gas, strtoull(gas, NULL, 16), "%s: intrinsic gas", label);
}

static void run_file(const char *path, const struct crypto *crypto, struct tally *all)
{
    struct tally tally = {.name = path};
    json_t *file = fixture_json(path);
    const char *name, *fork_name;
    json_t *test, *expected;
    json_object_foreach(file, name, test)
    {
        struct buf envelope = {0};
        const char *text = json_string_value(json_object_get(test, "txbytes"));
        cr_assert(hex_decode(&envelope, text, strlen(text)), "%s: not hex", path);
        json_object_foreach(json_object_get(test, "result"), fork_name, expected)
        {
            enum fork fork;
            char label[256];
            snprintf(label, sizeof label, "%s %s %s", path + strlen(FOLDER), name, fork_name);
            if (!fork_named(&fork, fork_name)) {
                tally_skip(&tally, label, "unknown fork");
                continue;
            }
            check_case(label, buf_span(&envelope), fork, expected, crypto);
            tally_run(&tally);
        }
        buf_free(&envelope);
    }
    json_decref(file);
    cr_assert_gt(tally.run_count, 0, "%s: no case ran", path);
    all->run_count += tally.run_count;
    all->skip_count += tally.skip_count;
}

Test(tx_vectors, every_transaction_is_judged_as_published)
{
    static const uint8_t seed[32] = {7};
    struct crypto *crypto = crypto_new(seed);
    struct fixture_list files = fixture_list(FOLDER, ".json");
    struct tally all = {.name = FOLDER};
    for (size_t i = 0; i < files.count; i++)
        run_file(files.paths[i], crypto, &all);
    cr_assert_eq(all.skip_count, 0);
    cr_assert_geq(files.count, 200);
    tally_end(&all);
    fixture_list_free(&files);
    crypto_free(crypto);
}
