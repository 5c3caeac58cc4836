/* lesserve: wiring, signals, shutdown order; nothing else. */
#include "conf/conf.h"
#include "conf/genesis.h"
#include "conf/datadir.h"
#include "gateway/serve/serve_admin.h"
#include "gateway/serve/serve_chain.h"
#include "gateway/serve/serve_dev.h"
#include "gateway/serve/serve_les.h"
#include "gateway/serve/serve_node.h"
#include "gateway/serve/serve_tree.h"
#include "les/node/backend.h"
#include "les/node/devchain.h"
#include "les/node/follow.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CLIENT_ID          "lesserve/v" LESGATE_VERSION "/linux/c17"
#define PRICE_MIN_WEI      1000000000 /* where there is no base fee, as go-ethereum 1.9 */
#define SAFE_DISTANCE      4          /* of a chain that grows; a chain file is final to its end */
#define FINALIZED_DISTANCE 8

struct program {
    struct conf_serve *conf;
    struct genesis *genesis;
    struct node_store *store;
    struct loop *loop;
    struct log *log;
    struct crypto *crypto;
    struct ledger *ledger;
    struct pool *pool;
    struct node_backend backend;
    struct serve_les les;
    struct balances *balances;
    struct serve_admin *admin;
    int lock; /* of the data directory */
    struct devchain *devchain;
    struct follow *follow;
    struct serve_dev *dev;
    struct serve_node *node; /* instead of ledger, pool and backend */
    bool stopping;
    int exit_code;
};

static int64_t on_wall_s(void *owner)
{
    return loop_wall_s(owner);
}

static void on_head(void *owner, struct ledger_block *from, struct ledger_block *to)
{
    struct program *program = owner;
    (void)from;
    if (program->les.server == NULL)
        return; /* still importing */
    pool_head_changed(program->pool);
    if (devchain_is_busy(program->devchain))
        return; /* one of many blocks: the last one is told */
    char number[24], txs[24], hash[67] = "0x";
    hex_encode(hash + 2, SPAN(to->hash.bytes, 32));
    log_write(program->log, LOG_INFO, "chain", "new head", "number",
              log_u64(number, to->header.number), "hash", hash, "transactions",
              log_u64(txs, to->txs_count), NULL);
    server_head_switched(program->les.server); /* a script may have gone back */
    serve_find_set_head(program->les.find, to->header.number, to->header.timestamp);
}

/* What a client sent is for whoever makes the blocks. */
static void on_tx(void *owner, struct span envelope)
{
    struct program *program = owner;
    if (program->follow != NULL)
        follow_send_tx(program->follow, envelope);
    if (program->devchain != NULL)
        devchain_tx_came(program->devchain);
}

/* Of the node or of the ledger. */
static const struct chainspec *spec_of(const struct program *program)
{
    return program->node != NULL ? serve_node_spec(program->node) : &program->genesis->spec;
}

static struct les_backend *backend_of(const struct program *program)
{
    return program->node != NULL ? serve_node_backend(program->node)
                                 : (struct les_backend *)&program->backend.base;
}

/* ---- shutdown ---- */

static void close_all(struct program *program)
{
    devchain_free(program->devchain);
    follow_free(program->follow);
    serve_les_close(&program->les);
    balances_close(program->balances);
    serve_node_free(program->node);
    program->node = NULL;
    program->devchain = NULL;
    program->follow = NULL;
    program->balances = NULL;
}

static void on_unseen(void *owner)
{
    struct program *program = owner;
    close_all(program);
    loop_stop(program->loop);
}

static void on_stopped(void *owner)
{
    struct program *program = owner;
    if (program->admin != NULL)
        serve_admin_close(program->admin, on_unseen, program);
    else
        on_unseen(program);
}

static void on_signal(void *owner, int number)
{
    struct program *program = owner;
    (void)number;
    if (program->stopping)
        return;
    program->stopping = true;
    serve_les_log(&program->les, program->log);
    if (program->dev != NULL)
        serve_dev_stop(program->dev, on_stopped, program);
    else
        on_stopped(program);
}

/* ---- start ---- */

static bool open_ledger(struct program *program, struct buf *error)
{
    const struct conf_serve *conf = program->conf;
    bool grows = conf->dev_chain || conf->dev_period_ms > 0 || conf->follow != NULL;
    enum status status = conf->dev_chain
                             ? serve_dev_genesis(&program->genesis, conf, program->crypto, error)
                             : genesis_load(&program->genesis, conf->genesis, error);
    if (status != STATUS_OK)
        return false;
    if (program->genesis->has_state_hash &&
        !hash32_equal(&program->genesis->state_hash, &EMPTY_TRIE_ROOT)) {
        buf_printf(error,
                   "%s has the root of its state alone (stateHash): serve from a node (--node), or "
                   "give the whole genesis",
                   conf->genesis);
        return false;
    }
    program->store = node_store_new();
    genesis_build(program->genesis, program->store);
    genesis_drop_accounts(program->genesis);
    struct ledger_config config = {.spec = &program->genesis->spec,
                                   .crypto = program->crypto,
                                   .log = program->log,
                                   .store = program->store,
                                   .safe_distance = grows ? SAFE_DISTANCE : 0,
                                   .finalized_distance = grows ? FINALIZED_DISTANCE : 0,
                                   .on_head = on_head,
                                   .stopped = serve_chain_stopped,
                                   .owner = program};
    program->ledger = ledger_new(&config, &program->genesis->header);
    status = serve_chain_import(program->ledger, conf, program->loop, program->log, error);
    program->stopping = status == STATUS_CANCELLED;
    if (status != STATUS_OK)
        return false;
    bool has_base_fee = HEADER_HAS_BASE_FEE(&ledger_head(program->ledger)->header);
    struct u256 price_min = {{has_base_fee ? 1 : PRICE_MIN_WEI}};
    program->pool = pool_new(program->ledger, program->crypto, &price_min);
    node_backend_init(&program->backend, program->ledger, program->pool);
    program->backend.on_tx = on_tx;
    program->backend.owner = program;
    return true;
}

static bool open_server(struct program *program, struct buf *error)
{
    const struct conf_serve *conf = program->conf;
    struct serve_les_config config = {.loop = program->loop,
                                      .crypto = program->crypto,
                                      .log = program->log,
                                      .conf = conf,
                                      .client_id = CLIENT_ID,
                                      .spec = spec_of(program),
                                      .backend = backend_of(program),
                                      .balances = balances_seam(program->balances)};
    if (conf->state != NULL)
        config.recent_state = 1; /* that of the head alone */
    if (program->node != NULL) {
        config.recent_state = serve_node_recent_state(program->node);
        config.plain_keys = true;
    }
    return serve_les_open(&program->les, &config, error);
}

static bool open_dev(struct program *program, struct buf *error)
{
    const struct conf_serve *conf = program->conf;
    devchain_merge(&program->genesis->spec, &ledger_head(program->ledger)->td);
    program->devchain = devchain_new(program->loop, program->ledger, program->pool, program->crypto,
                                     program->log, conf->dev_period_ms, error);
    if (program->devchain == NULL || !conf->dev_chain)
        return program->devchain != NULL;
    devchain_set_automine(program->devchain, conf->dev_automine && conf->dev_period_ms == 0);
    struct serve_dev_options options = {.loop = program->loop,
                                        .log = program->log,
                                        .crypto = program->crypto,
                                        .conf = conf,
                                        .genesis = program->genesis,
                                        .ledger = program->ledger,
                                        .pool = program->pool,
                                        .devchain = program->devchain,
                                        .server = program->les.server,
                                        .host = program->les.host};
    program->dev = serve_dev_open(&options, error);
    return program->dev != NULL;
}

static bool open_growth(struct program *program, struct buf *error)
{
    const struct conf_serve *conf = program->conf;
    bool dev = conf->dev_chain || conf->dev_period_ms > 0;
    if (dev && conf->follow != NULL) {
        buf_add_str(error, "--follow excludes --dev and --dev.period-ms: who follows takes the "
                           "blocks of another");
        return false;
    }
    if (dev)
        return open_dev(program, error);
    if (conf->follow == NULL)
        return true;
    struct enode leader;
    const char *why = enode_parse(&leader, conf->follow);
    if (why != NULL) {
        buf_printf(error, "--follow: %s: %s", conf->follow, why);
        return false;
    }
    return follow_new(&program->follow, program->loop, program->crypto, program->log,
                      program->ledger, &leader) == STATUS_OK;
}

static bool open_admin(struct program *program, struct buf *error)
{
    struct serve_admin_config config = {.loop = program->loop,
                                        .log = program->log,
                                        .crypto = program->crypto,
                                        .conf = program->conf,
                                        .client_version = CLIENT_ID,
                                        .node = program->node};
    return program->conf->admin_listen == NULL ||
           serve_admin_open(&program->admin, &config, error) == STATUS_OK;
}

/* Clients can come. The first line is the enode. */
static void print_lines(const struct program *program)
{
    serve_find_print(program->les.find);
    if (program->dev != NULL)
        serve_dev_print(program->dev);
    if (program->admin != NULL)
        serve_admin_serving(program->admin, &(struct serve_parts){.spec = spec_of(program),
                                                                  .backend = backend_of(program),
                                                                  .server = program->les.server,
                                                                  .host = program->les.host,
                                                                  .find = program->les.find,
                                                                  .balances = program->balances,
                                                                  .ledger = program->ledger});
}

/* ---- over a full node: the server opens when the node's head is verified ---- */

static void node_fail(struct program *program, struct span error)
{
    fprintf(stderr, "lesserve: %.*s\n", (int)error.size, (const char *)error.data);
    program->exit_code = 1;
    if (program->stopping)
        return;
    program->stopping = true;
    on_stopped(program);
}

static void on_node_ready(void *owner)
{
    struct program *program = owner;
    struct buf error = {0};
    if (open_server(program, &error))
        print_lines(program);
    else
        node_fail(program, buf_span(&error));
    buf_free(&error);
}

static void on_node_head(void *owner, const struct les_serve_head *head)
{
    struct program *program = owner;
    if (program->les.server == NULL)
        return;
    server_head_switched(program->les.server);
    serve_find_set_head(program->les.find, head->block.number, head->time);
}

static void on_node_failed(void *owner, struct span why)
{
    node_fail(owner, why);
}

static bool open_node(struct program *program, struct buf *error)
{
    static const struct serve_node_events EVENTS = {
        .on_ready = on_node_ready, .on_head = on_node_head, .on_failed = on_node_failed};
    const struct conf_serve *conf = program->conf;
    if (conf->chain != NULL || conf->state != NULL || conf->follow != NULL ||
        conf->dev_period_ms > 0 || conf->dev_chain) {
        buf_add_str(error, "--node excludes --chain, --state, --follow, --dev and --dev.period-ms: "
                           "the chain is the node's");
        return false;
    }
    program->node = serve_node_new(program->loop, program->log, conf, &EVENTS, program, error);
    if (program->node == NULL || !open_admin(program, error))
        return false;
    loop_catch_signals(program->loop, on_signal, program);
    return true;
}

static bool start(struct program *program, struct buf *error)
{
    uint8_t seed32[32];
    enum log_level level;
    ASSERT(log_level_parse(&level, program->conf->log));
    program->loop = loop_uv_new();
    program->log = log_new(STDERR_FILENO, level, on_wall_s, program->loop);
    loop_random(program->loop, seed32, sizeof(seed32));
    program->crypto = crypto_new(seed32);
    if (datadir_lock(&program->lock, program->conf->datadir, error) != STATUS_OK ||
        balances_open(&program->balances, program->log, program->conf->datadir, error) != STATUS_OK)
        return false;
    if (program->conf->node_url != NULL)
        return open_node(program, error);
    serve_chain_hold_signals();
    if (!open_ledger(program, error) || !open_server(program, error) ||
        !open_growth(program, error) || !open_admin(program, error))
        return false;
    loop_catch_signals(program->loop, on_signal,
                       program); /* whoever has read the line may stop us */
    serve_chain_release_signals();
    print_lines(program);
    return true;
}

static void finish(struct program *program)
{
    serve_dev_free(program->dev);
    close_all(program);
    serve_admin_free(program->admin);
    loop_free(program->loop);
    pool_free(program->pool);
    ledger_free(program->ledger);
    genesis_free(program->genesis);
    node_store_free(program->store);
    crypto_free(program->crypto);
    log_free(program->log);
    conf_serve_free(program->conf);
    datadir_unlock(program->lock);
}

int main(int argc, char **argv)
{
    struct program program = {.lock = -1};
    struct buf text = {0};
    if (argc > 1 && strcmp(argv[1], "enrtree") == 0)
        return serve_tree_run(argc - 1, argv + 1);
    enum conf_result result = conf_serve_read(&program.conf, argc, argv, &text);
    if (result != CONF_RUN) {
        fprintf(result == CONF_PRINT ? stdout : stderr, "%.*s%s", (int)text.size,
                (const char *)text.data, result == CONF_PRINT ? "" : "\n");
        buf_free(&text);
        return result == CONF_PRINT ? 0 : 2;
    }
    if (program.conf->genesis == NULL && program.conf->node_url == NULL &&
        !program.conf->dev_chain) {
        fprintf(stderr, "genesis is missing: give --genesis FILE, --node URL, or --dev\n");
        conf_serve_free(program.conf);
        return 2;
    }
    if (start(&program, &text)) {
        loop_run(program.loop);
    } else if (!program.stopping) {
        fprintf(stderr, "lesserve: %.*s\n", (int)text.size, (const char *)text.data);
        program.exit_code = 1;
        if (program.dev != NULL) { /* it listens already */
            serve_dev_stop(program.dev, on_stopped, &program);
            loop_run(program.loop);
        }
    }
    buf_free(&text);
    finish(&program);
    return program.exit_code;
}
