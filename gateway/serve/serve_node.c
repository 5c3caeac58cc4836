#include "gateway/serve/serve_node.h"

#include "conf/genesis.h"
#include "conf/known.h"
#include "les/node/full_genesis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

struct serve_node {
    struct loop *loop;
    struct log *log;
    const struct conf_serve *conf;
    const struct serve_node_events *events;
    void *owner;
    struct full_rpc *rpc;
    struct full_genesis_ask *ask;
    struct genesis *genesis;
    struct full *full;
};

static void on_full_ready(void *owner)
{
    struct serve_node *node = owner;
    node->events->on_ready(node->owner);
}

static void on_full_head(void *owner, const struct les_serve_head *head)
{
    struct serve_node *node = owner;
    node->events->on_head(node->owner, head);
}

static void fail(struct serve_node *node, const struct buf *error)
{
    node->events->on_failed(node->owner, buf_span(error));
}

/* ---- genesis ---- */

/* What clients need, and whoever starts this again without the node. */
static void write_genesis(struct serve_node *node, struct span json)
{
    char path[512];
    const char *dir = node->conf->datadir;
    (void)mkdir(dir, 0700);
    snprintf(path, sizeof path, "%s/genesis.json", dir);
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(json.data, 1, json.size, file) == json.size;
    if (file != NULL)
        good = fclose(file) == 0 && good;
    if (good)
        log_write(node->log, LOG_INFO, "node", "the node's genesis, for clients (--genesis)",
                  "file", path, NULL);
    else
        log_write(node->log, LOG_WARN, "node", "the node's genesis cannot be written", "file", path,
                  "why", strerror(errno), NULL);
}

static bool take_genesis(struct serve_node *node, const struct full_genesis *told,
                         struct buf *error)
{
    if (told->json.size == 0) {
        buf_printf(error,
                   "the node %s (%s) does not tell the rules of its chain %" PRIu64
                   ": give --genesis FILE",
                   node->conf->node_url, told->client, told->chain_id);
        return false;
    }
    if (genesis_parse(&node->genesis, buf_span(&told->json), "the genesis that the node tells",
                      error) != STATUS_OK)
        return false;
    genesis_build(node->genesis, NULL);
    return true;
}

static void add_hash(struct buf *out, const struct hash32 *hash)
{
    buf_add_hex0x(out, SPAN(hash->bytes, 32));
}

/* Are the node and the genesis of one chain? */
static bool check_chain(struct serve_node *node, const struct full_genesis *told, struct buf *error)
{
    const struct chainspec *spec = &node->genesis->spec;
    const char *url = node->conf->node_url;
    if (told->chain_id != spec->chain_id) {
        buf_printf(error,
                   "the node %s (%s) is on chain %" PRIu64 ", the genesis is of chain %" PRIu64,
                   url, told->client, told->chain_id, spec->chain_id);
        return false;
    }
    if (!hash32_equal(&told->hash, &spec->genesis_hash)) {
        buf_printf(error, "the node %s (%s) has the genesis ", url, told->client);
        add_hash(error, &told->hash);
        buf_add_str(error, ", ours is ");
        add_hash(error, &spec->genesis_hash);
        buf_add_str(error, node->conf->genesis != NULL
                               ? ": another chain, or another --genesis file is needed"
                               : ": the rules that it tells do not give its genesis; give "
                                 "--genesis FILE");
        return false;
    }
    if (told->has_network_id && told->network_id != spec->network_id) {
        char theirs[24], ours[24];
        log_write(node->log, LOG_WARN, "node",
                  "the node's network id is not the chain id: LES clients are told the chain id",
                  "node", log_u64(theirs, told->network_id), "ours",
                  log_u64(ours, spec->network_id), NULL);
    }
    return true;
}

static void on_genesis(void *owner, const struct full_genesis *told, const char *why)
{
    struct serve_node *node = owner;
    const struct conf_serve *conf = node->conf;
    struct buf error = {0};
    full_genesis_ask_free(node->ask);
    node->ask = NULL;
    if (told == NULL)
        buf_printf(&error, "the node %s cannot be served from: %s", conf->node_url, why);
    if (error.size > 0 || (node->genesis == NULL && !take_genesis(node, told, &error)) ||
        !check_chain(node, told, &error)) {
        fail(node, &error);
        buf_free(&error);
        return;
    }
    log_write(node->log, LOG_INFO, "node", "full node found", "url", conf->node_url, "client",
              told->client, NULL);
    if (conf->genesis == NULL)
        write_genesis(node, buf_span(&told->json));
    struct full_config config = {.spec = &node->genesis->spec,
                                 .rpc = node->rpc,
                                 .log = node->log,
                                 .name = conf->node_url,
                                 .helper_blocks_max = conf->node_helper_blocks,
                                 .on_ready = on_full_ready,
                                 .on_head = on_full_head,
                                 .owner = node};
    node->full = full_new(node->loop, &config);
}

/* ---- life ---- */

struct serve_node *serve_node_new(struct loop *loop, struct log *log, const struct conf_serve *conf,
                                  const struct serve_node_events *events, void *owner,
                                  struct buf *error)
{
    struct serve_node *node = mem_alloc(sizeof *node);
    const char *why = NULL;
    *node = (struct serve_node){
        .loop = loop, .log = log, .conf = conf, .events = events, .owner = owner};
    struct full_rpc_config config = {.url = conf->node_url,
                                     .authorization = conf->node_authorization,
                                     .poll_ms = conf->node_poll_ms};
    if (conf->genesis != NULL) {
        if (genesis_load(&node->genesis, conf->genesis, error) != STATUS_OK) {
            mem_free(node);
            return NULL;
        }
        genesis_build(node->genesis, NULL);
        genesis_drop_accounts(node->genesis);
    }
    if (full_rpc_new(&node->rpc, loop, log, &config, &why) != STATUS_OK) {
        buf_printf(error, "--node %s: %s", conf->node_url, why);
        genesis_free(node->genesis);
        mem_free(node);
        return NULL;
    }
    node->ask = full_genesis_ask(loop, log, node->rpc, known_config, on_genesis, node);
    return node;
}

void serve_node_free(struct serve_node *node)
{
    if (node == NULL)
        return;
    full_genesis_ask_free(node->ask);
    full_free(node->full);
    full_rpc_free(node->rpc);
    genesis_free(node->genesis);
    loop_sweep(node->loop, node, mem_free);
}

const struct chainspec *serve_node_spec(const struct serve_node *node)
{
    return &node->genesis->spec;
}

struct les_backend *serve_node_backend(struct serve_node *node)
{
    return full_backend(node->full);
}

uint64_t serve_node_recent_state(const struct serve_node *node)
{
    uint64_t recent = full_recent_state(node->full);
    return recent == UINT64_MAX ? 1 : recent;
}

void serve_node_stats(const struct serve_node *node, struct full_stats *full,
                      struct full_rpc_stats *rpc)
{
    memset(full, 0, sizeof *full);
    if (node->full != NULL)
        full_stats(node->full, full);
    if (rpc != NULL)
        full_rpc_stats(node->rpc, rpc);
}
