/* Runs transactions that another program makes up, for comparison with another implementation
 * (tests/e2e/evm_diff.test.mjs). One case is one line of JSON on standard input:
 *
 *   {"fork": "Osaka", "env": {...}, "pre": {...}, "txs": ["0x...", ...],
 *    "traced": bool, "detail": bool}
 *
 * traced: with a tracer that looks at every step, which must change nothing. env and pre are those
 * of a state test, txs signed envelopes that run one after the other, each with a block's gas to
 * itself. One line of JSON on standard output answers:
 *
 *   {"txs": [{"refused": text} or {"end", "gas", "refund", "price", "output", "logs"}],
 *    "root": hash, "state": {...} with detail}
 *
 * logs is the hash of their RLP. Malformed input ends the program. */
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"
#include "tests/fixture/state_test.h"

#include <stdio.h>

static json_t *hex_json(struct span bytes)
{
    struct buf text = {0};
    buf_add_hex0x(&text, bytes);
    json_t *json = json_stringn((const char *)text.data, text.size);
    buf_free(&text);
    return json;
}

static json_t *number_json(const struct u256 *value)
{
    uint8_t bytes[32];
    u256_to_be32(bytes, value);
    return hex_json(SPAN(bytes, 32));
}

static json_t *u64_json(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return json_string(text);
}

static json_t *run_tx(struct state_world *world, const char *hex)
{
    struct buf envelope = fixture_hex(hex);
    struct tx_result result = {0};
    const char *why = "";
    json_t *out = json_object();
    world->place.gas_left = world->block.gas_limit;
    world->place.blob_gas_left = world->rules.blobs.max * EVM_BLOB_GAS;
    enum tx_refusal refusal = state_world_run(world, buf_span(&envelope), &result, &why);
    if (refusal != TX_REFUSAL_NONE) {
        json_object_set_new(out, refusal == TX_REFUSAL_STOPPED ? "stopped" : "refused",
                            json_string(why));
    } else {
        struct hash32 logs;
        state_world_logs_hash(world, &logs);
        json_object_set_new(out, "end", json_string(evm_end_text(result.end)));
        json_object_set_new(out, "gas", u64_json(result.gas_used));
        json_object_set_new(out, "refund", u64_json(result.gas_refunded));
        json_object_set_new(out, "price", number_json(&result.gas_price));
        json_object_set_new(out, "output", hex_json(result.output));
        json_object_set_new(out, "logs", hex_json(SPAN(logs.bytes, 32)));
        if (result.created)
            json_object_set_new(out, "created", hex_json(SPAN(result.contract.bytes, 20)));
    }
    buf_free(&envelope);
    return out;
}

static void add_account(void *owner, const struct evm_account *account)
{
    if (!account->loaded || !account->exists)
        return;
    json_t *accounts = owner, *entry = json_object(), *storage = json_object();
    struct buf address = {0};
    buf_add_hex0x(&address, SPAN(account->address.bytes, 20));
    buf_add_u8(&address, 0);
    json_object_set_new(entry, "nonce", u64_json(account->nonce));
    json_object_set_new(entry, "balance", number_json(&account->balance));
    json_object_set_new(entry, "codeHash", hex_json(SPAN(account->code_hash.bytes, 32)));
    for (const struct evm_slot *slot = account->slots; slot != NULL; slot = slot->next) {
        if (!slot->loaded || slot->generation != account->generation || u256_is_zero(&slot->value))
            continue;
        json_t *key = number_json(&slot->key);
        json_object_set_new(storage, json_string_value(key), number_json(&slot->value));
        json_decref(key);
    }
    json_object_set_new(entry, "storage", storage);
    json_object_set_new(accounts, (const char *)address.data, entry);
    buf_free(&address);
}

struct watcher {
    struct evm_tracer tracer;
    uint64_t steps, gas;
};

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    struct watcher *watcher = container_of(tracer, struct watcher, tracer);
    watcher->steps++;
    watcher->gas += (uint64_t)step->gas;
}

static json_t *run_case(const json_t *test, const struct crypto *crypto)
{
    struct state_rules rules;
    struct state_world world;
    size_t i;
    json_t *tx, *txs = json_array(), *out = json_object();
    const char *fork = json_string_value(json_object_get(test, "fork"));
    if (fork == NULL || !state_rules_find(&rules, fork, json_object_get(test, "config")))
        exit(2);
    state_world_open(&world, &rules, json_object_get(test, "pre"), json_object_get(test, "env"),
                     crypto, evm_precompile_curves(), NULL);
    static const struct evm_tracer_ops watching = {.on_step = on_step};
    struct watcher watcher = {.tracer = {&watching}};
    if (json_is_true(json_object_get(test, "traced")))
        evm_set_tracer(world.evm, &watcher.tracer);
    json_array_foreach(json_object_get(test, "txs"), i, tx)
        json_array_append_new(txs, run_tx(&world, json_string_value(tx)));
    json_object_set_new(out, "txs", txs);
    if (json_is_true(json_object_get(test, "detail"))) {
        json_t *accounts = json_object();
        evm_state_each_account(world.state, add_account, accounts);
        json_object_set_new(out, "state", accounts);
    }
    if (evm_state_commit(world.state, world.store, &world.root) != STATUS_OK)
        exit(3);
    json_object_set_new(out, "root", hex_json(SPAN(world.root.bytes, 32)));
    state_world_close(&world);
    return out;
}

int main(void)
{
    uint8_t seed[32] = {7};
    struct crypto *crypto = crypto_new(seed);
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t size; (size = getline(&line, &capacity, stdin)) > 0;) {
        json_error_t error;
        json_t *test = json_loadb(line, (size_t)size, 0, &error);
        if (test == NULL) {
            fprintf(stderr, "evm_driver: %s\n", error.text);
            return 2;
        }
        json_t *answer = run_case(test, crypto);
        json_dumpf(answer, stdout, JSON_COMPACT | JSON_SORT_KEYS);
        putchar('\n');
        fflush(stdout);
        json_decref(answer);
        json_decref(test);
    }
    free(line);
    crypto_free(crypto);
    return 0;
}
