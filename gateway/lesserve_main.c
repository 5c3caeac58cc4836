/* lesserve: wiring, signals, shutdown order; nothing else. */
#include "conf/conf.h"
#include "conf/genesis.h"
#include "conf/headstate.h"
#include "gateway/nodekey.h"
#include "gateway/serve_node.h"
#include "les/node/backend.h"
#include "les/node/devchain.h"
#include "les/node/follow.h"
#include "les/p2p/discovery.h"
#include "les/proto/server_host.h"

#include <errno.h>
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
    struct server *server;
    struct server_host *host;
    struct discovery *discovery;
    struct devchain *devchain;
    struct follow *follow;
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
    if (program->server == NULL)
        return; /* still importing */
    char number[24], txs[24], hash[67] = "0x";
    hex_encode(hash + 2, SPAN(to->hash.bytes, 32));
    log_write(program->log, LOG_INFO, "chain", "new head", "number",
              log_u64(number, to->header.number), "hash", hash, "transactions",
              log_u64(txs, to->txs_count), NULL);
    pool_head_changed(program->pool);
    server_head_changed(program->server);
    if (program->discovery != NULL)
        discovery_set_head(program->discovery, to->header.number, to->header.timestamp);
}

/* What a client sent is for whoever makes the blocks. */
static void on_tx(void *owner, struct span envelope)
{
    struct program *program = owner;
    if (program->follow != NULL)
        follow_send_tx(program->follow, envelope);
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
    discovery_free(program->discovery);
    server_free(program->server);
    server_host_free(program->host);
    serve_node_free(program->node);
    program->node = NULL;
    program->devchain = NULL;
    program->follow = NULL;
    program->discovery = NULL;
    program->server = NULL;
    program->host = NULL;
}

/* What this run was worth. */
static void log_served(const struct program *program)
{
    struct server_stats stats;
    if (program->server == NULL)
        return; /* its node was still waited for */
    char clients[24], replies[24], bytes[24], stops[24], dropped[24];
    server_stats(program->server, &stats);
    log_write(program->log, LOG_INFO, "main", "stopping", "clients",
              log_u64(clients, stats.clients_total), "replies", log_u64(replies, stats.replies),
              "bytes", log_u64(bytes, stats.reply_bytes), "stops", log_u64(stops, stats.stops),
              "dropped", log_u64(dropped, stats.dropped), NULL);
}

static void on_signal(void *owner, int number)
{
    struct program *program = owner;
    (void)number;
    if (program->stopping)
        return;
    program->stopping = true;
    log_served(program);
    close_all(program);
    loop_stop(program->loop);
}

/* ---- start ---- */

static bool read_file(struct buf *out, const char *path, struct buf *error)
{
    FILE *file = fopen(path, "rb");
    bool good = file != NULL;
    while (good && !feof(file)) {
        buf_reserve(out, MIB(1));
        out->size += fread(out->data + out->size, 1, MIB(1), file);
        good = ferror(file) == 0;
    }
    if (!good)
        buf_printf(error, "--chain: %s cannot be read: %s", path, strerror(errno));
    if (file != NULL)
        fclose(file);
    return good;
}

static bool import_chain(struct program *program, struct buf *error)
{
    const char *path = program->conf->chain;
    const char *state = program->conf->state;
    struct buf bytes = {0}, why = {0};
    struct hash32 root;
    if (path == NULL && state == NULL)
        return true;
    if (path == NULL) {
        buf_add_str(error, "--state needs --chain: it is the state at that chain's head");
        return false;
    }
    if (state != NULL && headstate_load(&root, state, program->store, error) != STATUS_OK)
        return false;
    bool good = read_file(&bytes, path, error);
    enum status status = STATUS_OK;
    if (good && state != NULL)
        status = ledger_import_unexecuted(program->ledger, buf_span(&bytes), &why);
    else if (good)
        status = ledger_import(program->ledger, buf_span(&bytes), &why);
    if (good && status == STATUS_OK && !ledger_head(program->ledger)->has_state) {
        status = STATUS_INVALID;
        buf_printf(&why, "the state of %s is not that of the chain's head", state);
    }
    if (good && status != STATUS_OK) {
        buf_printf(error, "--chain: %s: %.*s", path, (int)why.size, (const char *)why.data);
        good = false;
    }
    buf_free(&why);
    buf_free(&bytes);
    char number[24];
    if (good)
        log_write(program->log, LOG_INFO, "chain", "imported", "head",
                  log_u64(number, ledger_head(program->ledger)->header.number), NULL);
    return good;
}

static bool open_ledger(struct program *program, struct buf *error)
{
    const struct conf_serve *conf = program->conf;
    bool grows = conf->dev_period_ms > 0 || conf->follow != NULL;
    if (genesis_load(&program->genesis, conf->genesis, error) != STATUS_OK)
        return false;
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
                                   .owner = program};
    program->ledger = ledger_new(&config, &program->genesis->header);
    if (!import_chain(program, error))
        return false;
    bool has_base_fee = HEADER_HAS_BASE_FEE(&ledger_head(program->ledger)->header);
    struct u256 price_min = {{has_base_fee ? 1 : PRICE_MIN_WEI}};
    program->pool = pool_new(program->ledger, program->crypto, &price_min);
    node_backend_init(&program->backend, program->ledger, program->pool);
    program->backend.on_tx = on_tx;
    program->backend.owner = program;
    return true;
}

/* The chain's head when discovery starts. */
static void head_now(const struct program *program, uint64_t *number, uint64_t *time)
{
    struct les_backend *backend = backend_of(program);
    struct les_serve_head head;
    backend->ops->head(backend, &head);
    *number = head.block.number;
    *time = head.time;
}

static bool open_discovery(struct program *program, const struct seckey32 *key, struct buf *error)
{
    const struct conf_list *list = &program->conf->discovery_bootnodes;
    struct enode *bootnodes = mem_alloc((list->count + 1) * sizeof(*bootnodes));
    struct host *host = server_host_inside(program->host);
    struct enode self;
    const char *why = NULL;
    uint64_t number, time;
    host_self(host, &self);
    head_now(program, &number, &time);
    struct discovery_config config = {.do_discv4 = true,
                                      .discv4_at = self.at,
                                      .bootnodes = bootnodes,
                                      .chain = spec_of(program),
                                      .head_number = number,
                                      .head_time = time,
                                      .serve_les = true};
    while (why == NULL && config.bootnodes_count < list->count) {
        why = enode_parse(&bootnodes[config.bootnodes_count], list->items[config.bootnodes_count]);
        if (why != NULL)
            buf_printf(error, "--discovery.bootnodes: %s: %s", list->items[config.bootnodes_count],
                       why);
        config.bootnodes_count++;
    }
    enum status status = STATUS_INVALID;
    if (why == NULL) {
        status = discovery_new(&program->discovery, program->loop, program->crypto, program->log,
                               host, key, &config);
        if (status != STATUS_OK)
            buf_printf(error, "discovery cannot start on the UDP port of --listen (%s)",
                       status_text(status));
    }
    mem_free(bootnodes);
    return status == STATUS_OK;
}

static bool open_server(struct program *program, struct buf *error)
{
    const struct conf_serve *conf = program->conf;
    struct server_config config = {.spec = spec_of(program), .capacity = conf->capacity};
    if (conf->state != NULL)
        config.recent_state = 1; /* that of the head alone */
    if (program->node != NULL) {
        config.recent_state = serve_node_recent_state(program->node);
        config.plain_keys = true;
    }
    if (nodekey_load(&config.key, program->loop, program->crypto, conf->nodekey, conf->datadir,
                     error) != STATUS_OK)
        return false;
    program->server =
        server_new(program->loop, program->crypto, program->log, &config, backend_of(program));
    struct server_host_config host_config = {
        .key = config.key, .client_id = CLIENT_ID, .clients_max = conf->max_peers};
    ASSERT(conf_endpoint(&host_config.listen, conf->listen));
    enum status status = server_host_new(&program->host, program->loop, program->crypto,
                                         program->log, &host_config, program->server);
    if (status != STATUS_OK)
        buf_printf(error, "--listen %s cannot be had (%s): is another program using it?",
                   conf->listen, status_text(status));
    bool good =
        status == STATUS_OK && (!conf->discovery_v4 || open_discovery(program, &config.key, error));
    mem_wipe(&config.key, sizeof(config.key));
    mem_wipe(&host_config.key, sizeof(host_config.key));
    return good;
}

static bool open_growth(struct program *program, struct buf *error)
{
    const struct conf_serve *conf = program->conf;
    if (conf->dev_period_ms > 0 && conf->follow != NULL) {
        buf_add_str(error, "--follow and --dev.period-ms exclude each other: who follows takes the "
                           "blocks of another");
        return false;
    }
    if (conf->dev_period_ms > 0) {
        program->devchain = devchain_new(program->loop, program->ledger, program->pool,
                                         program->crypto, program->log, conf->dev_period_ms, error);
        return program->devchain != NULL;
    }
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

/* Clients can come. */
static void print_enode(const struct program *program)
{
    struct enode self;
    char text[ENODE_TEXT_SIZE];
    host_self(server_host_inside(program->host), &self);
    enode_format(text, &self);
    printf("%s\n", text);
    fflush(stdout);
}

/* ---- over a full node: the server opens when the node's head is verified ---- */

static void node_fail(struct program *program, struct span error)
{
    fprintf(stderr, "lesserve: %.*s\n", (int)error.size, (const char *)error.data);
    program->exit_code = 1;
    program->stopping = true;
    close_all(program);
    loop_stop(program->loop);
}

static void on_node_ready(void *owner)
{
    struct program *program = owner;
    struct buf error = {0};
    if (open_server(program, &error))
        print_enode(program);
    else
        node_fail(program, buf_span(&error));
    buf_free(&error);
}

static void on_node_head(void *owner, const struct les_serve_head *head)
{
    struct program *program = owner;
    if (program->server == NULL)
        return;
    server_head_changed(program->server);
    if (program->discovery != NULL)
        discovery_set_head(program->discovery, head->block.number, head->time);
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
        conf->dev_period_ms > 0) {
        buf_add_str(error, "--node excludes --chain, --state, --follow and --dev.period-ms: the "
                           "chain is the node's");
        return false;
    }
    program->node = serve_node_new(program->loop, program->log, conf, &EVENTS, program, error);
    if (program->node == NULL)
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
    if (program->conf->node_url != NULL)
        return open_node(program, error);
    if (!open_ledger(program, error) || !open_server(program, error) ||
        !open_growth(program, error))
        return false;
    loop_catch_signals(program->loop, on_signal,
                       program); /* whoever has read the line may stop us */
    print_enode(program);
    return true;
}

static void finish(struct program *program)
{
    close_all(program);
    loop_free(program->loop);
    pool_free(program->pool);
    ledger_free(program->ledger);
    genesis_free(program->genesis);
    node_store_free(program->store);
    crypto_free(program->crypto);
    log_free(program->log);
    conf_serve_free(program->conf);
}

int main(int argc, char **argv)
{
    struct program program = {0};
    struct buf text = {0};
    enum conf_result result = conf_serve_read(&program.conf, argc, argv, &text);
    if (result != CONF_RUN) {
        fprintf(result == CONF_PRINT ? stdout : stderr, "%.*s%s", (int)text.size,
                (const char *)text.data, result == CONF_PRINT ? "" : "\n");
        buf_free(&text);
        return result == CONF_PRINT ? 0 : 2;
    }
    if (program.conf->genesis == NULL && program.conf->node_url == NULL) {
        fprintf(stderr, "genesis is missing: give --genesis FILE, or --node URL\n");
        conf_serve_free(program.conf);
        return 2;
    }
    if (start(&program, &text)) {
        loop_run(program.loop);
    } else {
        fprintf(stderr, "lesserve: %.*s\n", (int)text.size, (const char *)text.data);
        program.exit_code = 1;
    }
    buf_free(&text);
    finish(&program);
    return program.exit_code;
}
