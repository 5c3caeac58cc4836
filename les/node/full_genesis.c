#include "les/node/full_genesis.h"

#include "les/base/limits.h"
#include "les/node/full_json.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASK_CLIENT, ASK_CHAIN, ASK_NETWORK, ASK_BLOCK, ASK_ADMIN, ASK_ANVIL, ASK_CONFIG, ASK_COUNT };

static const char *const METHODS[ASK_COUNT] = {
    "web3_clientVersion", "eth_chainId",    "net_version", "eth_getBlockByNumber",
    "admin_nodeInfo",     "anvil_nodeInfo", "eth_config"};

struct full_genesis_ask {
    struct loop *loop;
    struct log *log;
    struct full_rpc *rpc;
    full_known_rules *known;
    void (*on_done)(void *owner, const struct full_genesis *genesis, const char *why);
    void *owner;
    struct ask_item {
        struct full_genesis_ask *ask;
        struct full_call *call;
        json_t *result; /* NULL: an error, or nothing */
        bool failed;    /* no answer at all */
    } items[ASK_COUNT];
    size_t open;
    unsigned failures;
    struct timer again;
};

/* ---- rules ---- */

/* Forks as genesis.json names them, and as anvil does; in order. */
static const struct {
    const char *key;
    const char *anvil; /* in lower case; NULL: none of its own */
} FORKS[] = {
    {"homesteadBlock", "homestead"},
    {"eip150Block", "tangerine"},
    {"eip155Block", "spuriousdragon"},
    {"eip158Block", "spuriousdragon"},
    {"byzantiumBlock", "byzantium"},
    {"constantinopleBlock", "constantinople"},
    {"petersburgBlock", "petersburg"},
    {"istanbulBlock", "istanbul"},
    {"muirGlacierBlock", "muirglacier"},
    {"berlinBlock", "berlin"},
    {"londonBlock", "london"},
    {"arrowGlacierBlock", "arrowglacier"},
    {"grayGlacierBlock", "grayglacier"},
    {"mergeNetsplitBlock", "merge"},
    {"shanghaiTime", "shanghai"},
    {"cancunTime", "cancun"},
    {"pragueTime", "prague"},
    {"osakaTime", "osaka"},
    {"bpo1Time", "bpo1"},
    {"bpo2Time", "bpo2"},
    {"bpo3Time", "bpo3"},
    {"bpo4Time", "bpo4"},
    {"bpo5Time", "bpo5"},
};
#define FORK_MERGE      13
#define FORK_CANCUN_ROW 15

/* The row of the last fork with this name; ARRAY_COUNT(FORKS): there is none. */
static size_t fork_row(const char *name)
{
    char lower[32];
    size_t size = 0, found = ARRAY_COUNT(FORKS);
    for (; name[size] != 0 && size < sizeof(lower) - 1; size++)
        lower[size] = name[size] >= 'A' && name[size] <= 'Z' ? (char)(name[size] + 32) : name[size];
    lower[size] = 0;
    if (strcmp(lower, "paris") == 0)
        return FORK_MERGE;
    for (size_t i = 0; i < ARRAY_COUNT(FORKS); i++) {
        if (strcmp(FORKS[i].anvil, lower) == 0)
            found = i;
    }
    return found;
}

/* eth_config names no fork: what it has shows which one it is. */
static size_t row_of_config(json_t *current)
{
    json_t *precompiles = json_object_get(current, "precompiles");
    if (json_object_get(precompiles, "P256VERIFY") != NULL)
        return fork_row("osaka");
    if (json_object_get(precompiles, "BLS12_G1ADD") != NULL)
        return fork_row("prague");
    return fork_row("cancun"); /* the first that has an eth_config */
}

static json_t *rules_up_to(size_t row, uint64_t chain_id, json_t *blobs)
{
    json_t *config = json_object();
    json_object_set_new(config, "chainId", json_integer((json_int_t)chain_id));
    for (size_t i = 0; i <= row; i++)
        json_object_set_new(config, FORKS[i].key, json_integer(0));
    if (row >= FORK_MERGE)
        json_object_set_new(config, "terminalTotalDifficulty", json_integer(0));
    if (json_is_object(blobs)) {
        json_t *schedule = json_object();
        for (size_t i = FORK_CANCUN_ROW; i <= row; i++)
            json_object_set(schedule, FORKS[i].anvil, blobs);
        json_object_set_new(config, "blobSchedule", schedule);
    }
    return config;
}

/* A new reference; NULL: the node does not tell. */
static json_t *read_rules(const struct full_genesis_ask *ask, const struct full_genesis *told)
{
    uint64_t chain_id = told->chain_id;
    const char *known = ask->known != NULL ? ask->known(chain_id, &told->hash) : NULL;
    if (known != NULL)
        return json_loads(known, 0, NULL);
    json_t *admin = json_object_get(
        json_object_get(json_object_get(ask->items[ASK_ADMIN].result, "protocols"), "eth"),
        "config");
    json_t *current = json_object_get(ask->items[ASK_CONFIG].result, "current");
    json_t *next = json_object_get(ask->items[ASK_CONFIG].result, "next");
    json_t *blobs = json_object_get(current, "blobSchedule");
    const char *hardfork =
        json_string_value(json_object_get(ask->items[ASK_ANVIL].result, "hardFork"));
    if (json_is_object(admin))
        return json_incref(admin);
    if (hardfork != NULL && fork_row(hardfork) < ARRAY_COUNT(FORKS))
        return rules_up_to(fork_row(hardfork), chain_id, blobs);
    json_t *since = json_object_get(current, "activationTime");
    if (json_is_integer(since) && json_integer_value(since) == 0 &&
        (next == NULL || json_is_null(next)))
        return rules_up_to(row_of_config(current), chain_id, blobs);
    return NULL;
}

static void write_genesis(struct full_genesis *out, json_t *rules, json_t *block)
{
    static const char *const FIELDS[][2] = {{"nonce", "nonce"},
                                            {"timestamp", "timestamp"},
                                            {"extraData", "extraData"},
                                            {"gasLimit", "gasLimit"},
                                            {"difficulty", "difficulty"},
                                            {"mixHash", "mixHash"},
                                            {"coinbase", "miner"},
                                            {"number", "number"},
                                            {"gasUsed", "gasUsed"},
                                            {"parentHash", "parentHash"},
                                            {"stateHash", "stateRoot"},
                                            {"baseFeePerGas", "baseFeePerGas"},
                                            {"blobGasUsed", "blobGasUsed"},
                                            {"excessBlobGas", "excessBlobGas"}};
    json_t *genesis = json_object();
    json_object_set(genesis, "config", rules);
    for (size_t i = 0; i < ARRAY_COUNT(FIELDS); i++) {
        json_t *value = json_object_get(block, FIELDS[i][1]);
        if (value != NULL && !json_is_null(value))
            json_object_set(genesis, FIELDS[i][0], value);
    }
    json_object_set_new(genesis, "alloc", json_object());
    char *text = json_dumps(genesis, JSON_INDENT(2));
    buf_add_str(&out->json, text);
    buf_add_str(&out->json, "\n");
    free(text);
    json_decref(genesis);
}

/* ---- what came ---- */

static void read_client(char out[128], json_t *value)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "unknown";
    size_t i = 0;
    for (; text[i] != 0 && i < 127; i++)
        out[i] = text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i];
    out[i] = 0;
}

/* Decimal by the specification; hex by some. */
static bool read_network(uint64_t *out, json_t *value)
{
    const char *text = json_string_value(value);
    char *end;
    if (text == NULL || text[0] == 0)
        return false;
    if (text[0] == '0' && text[1] == 'x')
        return full_read_u64(out, value);
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0;
}

static const char *read_all(struct full_genesis_ask *ask, struct full_genesis *out)
{
    struct full_fault fault;
    struct buf rlp = {0};
    read_client(out->client, ask->items[ASK_CLIENT].result);
    if (!full_read_u64(&out->chain_id, ask->items[ASK_CHAIN].result))
        return "it does not tell its chain id (eth_chainId)";
    out->has_network_id = read_network(&out->network_id, ask->items[ASK_NETWORK].result);
    json_t *block = ask->items[ASK_BLOCK].result;
    if (!json_is_object(block))
        return "it has no block 0";
    bool good = full_header(&rlp, &out->hash, block, NULL, &fault);
    buf_free(&rlp);
    if (!good)
        return "the header of its block 0 does not hash to what it says: a chain with other "
               "header fields than Ethereum's";
    json_t *rules = read_rules(ask, out);
    if (rules != NULL)
        write_genesis(out, rules, block);
    json_decref(rules);
    return NULL;
}

static void drop_results(struct full_genesis_ask *ask)
{
    for (size_t i = 0; i < ASK_COUNT; i++) {
        json_decref(ask->items[i].result);
        ask->items[i].result = NULL;
    }
}

static void finish(struct full_genesis_ask *ask)
{
    struct full_genesis genesis = {0};
    bool failed = ask->items[ASK_CHAIN].failed || ask->items[ASK_BLOCK].failed;
    if (failed) {
        drop_results(ask);
        if (ask->failures++ % 16 == 0)
            log_write(ask->log, LOG_WARN, "full", "the node does not answer, it is waited for",
                      NULL);
        timer_start(&ask->again, 2 * FULL_RETRY_MS);
        return;
    }
    const char *why = read_all(ask, &genesis);
    drop_results(ask);
    ask->on_done(ask->owner, why == NULL ? &genesis : NULL, why);
    buf_free(&genesis.json);
}

static void on_reply(void *owner, const struct full_reply *reply)
{
    struct ask_item *item = owner;
    struct full_genesis_ask *ask = item->ask;
    item->call = NULL;
    item->failed = reply->outcome == FULL_FAILED;
    if (reply->outcome == FULL_RESULT)
        item->result = json_incref(reply->result);
    if (--ask->open == 0)
        finish(ask);
}

static void begin(struct full_genesis_ask *ask)
{
    ask->open = ASK_COUNT;
    for (size_t i = 0; i < ASK_COUNT; i++) {
        json_t *params = i == ASK_BLOCK ? json_pack("[sb]", "0x0", 0) : NULL;
        ask->items[i] = (struct ask_item){.ask = ask};
        ask->items[i].call =
            full_rpc_call(ask->rpc, METHODS[i], params, 0, on_reply, &ask->items[i]);
    }
}

static void on_again(struct timer *timer)
{
    begin(container_of(timer, struct full_genesis_ask, again));
}

struct full_genesis_ask *
full_genesis_ask(struct loop *loop, struct log *log, struct full_rpc *rpc, full_known_rules *known,
                 void (*on_done)(void *owner, const struct full_genesis *genesis, const char *why),
                 void *owner)
{
    struct full_genesis_ask *ask = mem_alloc(sizeof(*ask));
    *ask = (struct full_genesis_ask){
        .loop = loop, .log = log, .rpc = rpc, .known = known, .on_done = on_done, .owner = owner};
    timer_init(&ask->again, loop, on_again);
    begin(ask);
    return ask;
}

void full_genesis_ask_free(struct full_genesis_ask *ask)
{
    if (ask == NULL)
        return;
    timer_stop(&ask->again);
    for (size_t i = 0; i < ASK_COUNT; i++) {
        if (ask->items[i].call != NULL)
            full_call_cancel(ask->items[i].call);
    }
    drop_results(ask);
    loop_sweep(ask->loop, ask, mem_free);
}
