/* lesgate: wiring, signals, shutdown order; nothing else. */
#include "conf/conf.h"
#include "conf/genesis.h"
#include "cache/store.h"
#include "gateway/eth/answers.h"
#include "conf/datadir.h"
#include "gateway/http/http.h"
#include "gateway/light/light.h"
#include "gateway/light/light_metrics.h"
#include "gateway/eth/methods.h"
#include "conf/nodekey.h"
#include "les/evm/precompile.h"
#include "les/p2p/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENT_VERSION           "lesgate/v" LESGATE_VERSION "/linux/c17"
#define DISCOVERY_SERVERS_TARGET 16

struct program {
    struct conf_gate *conf;
    struct genesis *genesis;
    struct buf genesis_rlp;
    struct loop *loop;
    struct log *log;
    struct crypto *crypto;
    struct store *store;
    struct enode *trusted, *peers, *bootnodes;
    struct light *light;
    struct discovery *discovery;
    struct rpc_answers *answers;
    struct rpc *rpc;
    struct metrics *metrics;
    struct http *http;
    int lock; /* of the data directory */
    bool ready, stopping;
    int exit_code;
};

static int64_t on_wall_s(void *owner)
{
    return loop_wall_s(owner);
}

static bool on_health(void *owner, struct buf *out)
{
    struct program *program = owner;
    struct chain_quorum quorum;
    struct block_header *head = chain_head(program->light->chain);
    chain_quorum(program->light->chain, &quorum);
    json_put_object(out);
    json_put_key(out, "head");
    if (head != NULL)
        json_put_u64(out, head->header.number);
    else
        json_put_null(out);
    json_put_key(out, "trusted");
    json_put_u64(out, quorum.configured);
    json_put_key(out, "connected");
    json_put_u64(out, quorum.connected);
    json_put_key(out, "needed");
    json_put_u64(out, quorum.needed);
    json_put_key(out, "agreeing");
    json_put_u64(out, quorum.agreeing);
    if (head == NULL) {
        json_put_key(out, "trouble");
        json_put_string(out, SPAN_STR(chain_trouble(program->light->chain)));
    }
    json_put_object_end(out);
    return head != NULL;
}

static void on_head(void *owner, struct block_header *old, struct block_header *new_head,
                    uint64_t fork_number)
{
    struct program *program = owner;
    struct endpoint at;
    char text[ENDPOINT_TEXT_SIZE];
    (void)old, (void)fork_number;
    if (new_head == NULL)
        return;
    if (program->discovery != NULL)
        discovery_set_head(program->discovery, new_head->header.number, new_head->header.timestamp);
    if (program->ready || program->http == NULL)
        return;
    program->ready = true;
    http_endpoint(program->http, &at);
    endpoint_format(text, &at);
    printf("ready http://%s\n", text);
    fflush(stdout);
}

/* ---- shutdown ---- */

static void on_http_closed(void *owner)
{
    struct program *program = owner;
    discovery_free(program->discovery);
    light_close(program->light);
    store_close(program->store);
    program->light = NULL;
    loop_stop(program->loop);
}

static void on_signal(void *owner, int number)
{
    struct program *program = owner;
    (void)number;
    if (program->stopping)
        return;
    program->stopping = true;
    log_write(program->log, LOG_INFO, "main", "stopping", NULL);
    http_close(program->http, on_http_closed, program);
}

/* ---- start ---- */

static bool parse_enodes(struct enode **out, const struct conf_list *list, const char *key,
                         struct buf *error)
{
    *out = mem_alloc((list->count + 1) * sizeof **out);
    for (size_t i = 0; i < list->count; i++) {
        const char *why = enode_parse(&(*out)[i], list->items[i]);
        for (size_t j = 0; why == NULL && j < i; j++)
            if (memcmp((*out)[j].key.bytes, (*out)[i].key.bytes, sizeof(struct pubkey64)) == 0)
                why = "this key is in the list already; a server counts once";
        if (why == NULL)
            continue;
        buf_printf(error, "--%s: %s: %s", key, list->items[i], why);
        return false;
    }
    return true;
}

static bool load_genesis(struct program *program, struct buf *error)
{
    if (genesis_load(&program->genesis, program->conf->genesis, error) != STATUS_OK)
        return false;
    genesis_build(program->genesis, NULL);
    genesis_drop_accounts(program->genesis);
    header_encode(&program->genesis_rlp, &program->genesis->header);
    return true;
}

static bool open_light(struct program *program, struct buf *error)
{
    const struct conf_gate *conf = program->conf;
    struct light_options options = {.loop = program->loop,
                                    .log = program->log,
                                    .crypto = program->crypto,
                                    .spec = &program->genesis->spec,
                                    .genesis_rlp = buf_span(&program->genesis_rlp),
                                    .client_version = CLIENT_VERSION,
                                    .trusted = program->trusted,
                                    .trusted_count = conf->ulc_trusted.count,
                                    .fraction_percent = (unsigned)conf->ulc_fraction,
                                    .peers = program->peers,
                                    .peers_count = conf->peers.count,
                                    .cache_bytes = conf->cache_bytes,
                                    .store = store_headers(program->store),
                                    .precompiles = evm_precompile_curves(),
                                    .call_gas_cap = conf->call_gas_cap,
                                    .call_timeout_ms = conf->call_timeout_ms,
                                    .on_head = on_head,
                                    .owner = program};
    if (conf->discovery_v4 || conf->discovery_dns.count > 0)
        options.servers_target = DISCOVERY_SERVERS_TARGET;
    if (conf->checkpoint != NULL) {
        struct conf_checkpoint checkpoint;
        ASSERT(conf_checkpoint_parse(&checkpoint, conf->checkpoint));
        options.has_checkpoint = true;
        options.checkpoint =
            (struct les_checkpoint){checkpoint.section_index, checkpoint.section_head,
                                    checkpoint.cht_root, checkpoint.bloom_root};
    }
    if (nodekey_load(&options.key, program->loop, program->crypto, conf->nodekey, conf->datadir,
                     error) != STATUS_OK)
        return false;
    enum status status = light_open(&program->light, &options);
    if (status == STATUS_OK && options.servers_target > 0) {
        struct discovery_config config = {.dns_trees = conf->discovery_dns.items,
                                          .dns_trees_count = conf->discovery_dns.count,
                                          .do_discv4 = conf->discovery_v4,
                                          .bootnodes = program->bootnodes,
                                          .bootnodes_count = conf->discovery_bootnodes.count,
                                          .chain = &program->genesis->spec,
                                          .head_time = program->genesis->spec.genesis_time,
                                          .need_les = true};
        ASSERT(conf_endpoint(&config.discv4_at, conf->discovery_listen));
        status = discovery_new(&program->discovery, program->loop, program->crypto, program->log,
                               les_client_host(program->light->client), &options.key, &config);
        if (status != STATUS_OK)
            buf_printf(error,
                       "discovery cannot start (%s): check --discovery.dns and --discovery.listen",
                       status_text(status));
    }
    mem_wipe(&options.key, sizeof options.key);
    return status == STATUS_OK;
}

static bool open_http(struct program *program, struct buf *error)
{
    const struct conf_gate *conf = program->conf;
    program->answers = answers_new(program->light);
    program->rpc = rpc_new(&(struct rpc_options){.loop = program->loop,
                                                 .log = program->log,
                                                 .methods = METHODS,
                                                 .methods_count = METHODS_COUNT,
                                                 .ctx = program->light,
                                                 .answers = program->answers,
                                                 .timeout_ms = conf->rpc_timeout_ms,
                                                 .calls_max = conf->rpc_max_requests});
    program->metrics = metrics_new();
    light_metrics_add(program->metrics, program->light);
    light_metrics_add_rpc(program->metrics, rpc_counts(program->rpc));
    struct http_options options = {.loop = program->loop,
                                   .log = program->log,
                                   .rpc = program->rpc,
                                   .cors = conf->http_corsdomain,
                                   .vhosts = conf->http_vhosts,
                                   .websocket = conf->http_ws,
                                   .gzip = conf->http_gzip,
                                   .connections_max = conf->http_connections_max,
                                   .metrics = program->metrics,
                                   .on_health = on_health,
                                   .owner = program};
    ASSERT(conf_endpoint(&options.listen, conf->http_listen));
    return http_open(&program->http, &options, error) == STATUS_OK;
}

static bool start(struct program *program, struct buf *error)
{
    const struct conf_gate *conf = program->conf;
    uint8_t seed32[32];
    enum log_level level;
    ASSERT(log_level_parse(&level, conf->log));
    program->loop = loop_uv_new();
    program->log = log_new(STDERR_FILENO, level, on_wall_s, program->loop);
    loop_random(program->loop, seed32, sizeof seed32);
    program->crypto = crypto_new(seed32);
    return load_genesis(program, error) &&
           parse_enodes(&program->trusted, &conf->ulc_trusted, "ulc.trusted", error) &&
           parse_enodes(&program->peers, &conf->peers, "peers", error) &&
           parse_enodes(&program->bootnodes, &conf->discovery_bootnodes, "discovery.bootnodes",
                        error) &&
           datadir_lock(&program->lock, conf->datadir, error) == STATUS_OK &&
           store_open(&program->store, program->loop, program->log, conf->datadir,
                      &program->genesis->spec.genesis_hash, error) == STATUS_OK &&
           open_light(program, error) && open_http(program, error);
}

static void finish(struct program *program)
{
    if (program->light != NULL) { /* start failed half way */
        discovery_free(program->discovery);
        light_close(program->light);
        store_close(program->store);
    }
    http_free(program->http);
    rpc_free(program->rpc);
    answers_free(program->answers);
    metrics_free(program->metrics);
    loop_free(program->loop);
    crypto_free(program->crypto);
    log_free(program->log);
    mem_free(program->trusted);
    mem_free(program->peers);
    mem_free(program->bootnodes);
    genesis_free(program->genesis);
    buf_free(&program->genesis_rlp);
    conf_gate_free(program->conf);
    datadir_unlock(program->lock);
}

int main(int argc, char **argv)
{
    struct program program = {.lock = -1};
    struct buf text = {0};
    enum conf_result result = conf_gate_read(&program.conf, argc, argv, &text);
    if (result != CONF_RUN) {
        fprintf(result == CONF_PRINT ? stdout : stderr, "%.*s%s", (int)text.size,
                (const char *)text.data, result == CONF_PRINT ? "" : "\n");
        buf_free(&text);
        return result == CONF_PRINT ? 0 : 2;
    }
    if (start(&program, &text)) {
        loop_catch_signals(program.loop, on_signal, &program);
        loop_run(program.loop);
    } else {
        fprintf(stderr, "lesgate: %.*s\n", (int)text.size, (const char *)text.data);
        program.exit_code = 1;
    }
    buf_free(&text);
    finish(&program);
    return program.exit_code;
}
