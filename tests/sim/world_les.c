#include "tests/sim/world_les.h"

#include "conf/genesis.h"
#include "gateway/eth/answers.h"
#include "gateway/eth/methods.h"
#include "les/evm/precompile.h"
#include "les/node/backend.h"
#include "les/p2p/host.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#define LES_PORT 30303

struct sim_server {
    struct sim *sim;
    struct loop *loop;
    struct crypto *crypto;
    struct node_store *store;
    struct genesis *genesis;
    struct ledger *ledger;
    struct ledger_block *blocks[1024]; /* of the chain file, by number */
    size_t blocks_count;
    struct pool *pool;
    struct node_backend backend;
    struct server *server;
    struct host *host;
    struct seckey32 key;
    struct enode enode;
    bool (*tamper)(void *owner, unsigned code, struct buf *payload);
    void *tamper_owner;
};

struct sim {
    struct world *world;
    struct sim_server servers[SIM_SERVERS_MAX];
    size_t servers_count;
    struct loop *loop;
    struct crypto *crypto;
    struct genesis *genesis;
    struct buf genesis_rlp;
    struct log *log;
    int log_file;
    struct buf log_text;
    struct light *light;
    struct rpc *rpc;
    struct rpc_answers *answers;
    struct buf reply;
    bool replied;
    uint64_t wanted_head;
    bool no_guessing;
    size_t state_bytes;
};

/* ---- a server whose line can be tampered with ---- */

struct sim_line {
    struct sim_server *server;
    struct peer *peer;
    struct server_client *client;
};

static bool on_line_send(void *line, unsigned code, struct span payload)
{
    struct sim_line *own = line;
    if (own->server->tamper == NULL)
        return peer_send(own->peer, "les", code, payload);
    struct buf changed = {0};
    buf_add_span(&changed, payload);
    bool sent = true;
    if (own->server->tamper(own->server->tamper_owner, code, &changed))
        sent = peer_send(own->peer, "les", code, buf_span(&changed));
    buf_free(&changed);
    return sent;
}

static void on_line_close(void *line, enum peer_reason reason)
{
    struct sim_line *own = line;
    peer_set_owner(own->peer, NULL);
    peer_disconnect(own->peer, reason);
    loop_sweep(own->server->loop, own, mem_free);
}

static size_t on_line_queue_size(void *line)
{
    return peer_queue_size(((struct sim_line *)line)->peer);
}

static void on_line_pause(void *line, bool paused)
{
    peer_pause(((struct sim_line *)line)->peer, paused);
}

static const struct server_line_ops LINE_OPS = {on_line_send, on_line_close, on_line_queue_size,
                                                on_line_pause};

static void on_peer(void *owner, struct peer *peer, const struct peer_cap *shared, size_t count)
{
    (void)count;
    struct sim_line *line = mem_alloc(sizeof *line);
    line->server = owner;
    line->peer = peer;
    peer_set_owner(peer, line);
    line->client =
        server_attach(line->server->server, &LINE_OPS, line, shared[0].version, peer_id(peer));
    cr_assert_neq(line->client, NULL);
}

static void on_message(void *owner, struct peer *peer, const char *cap, unsigned version,
                       unsigned code, struct span payload)
{
    (void)owner, (void)cap, (void)version;
    struct sim_line *line = peer_owner(peer);
    if (line != NULL)
        server_message(line->client, code, payload);
}

static void on_gone(void *owner, struct peer *peer, enum peer_reason reason, bool remote_said)
{
    (void)owner, (void)reason, (void)remote_said;
    struct sim_line *line = peer_owner(peer);
    if (line == NULL)
        return;
    server_detach(line->client);
    mem_free(line);
}

static void on_ledger_head(void *owner, struct ledger_block *from, struct ledger_block *to)
{
    (void)from, (void)to;
    struct sim_server *server = owner;
    if (server->pool != NULL)
        pool_head_changed(server->pool);
    if (server->server != NULL)
        server_head_changed(server->server);
}

static void start_host(struct sim_server *server)
{
    static const struct host_protocol_events EVENTS = {
        .on_peer = on_peer, .on_message = on_message, .on_gone = on_gone};
    struct host_config config = {.key = server->key,
                                 .client_id = "lesserve/simulated",
                                 .do_listen = true,
                                 .peers_max = 32,
                                 .inbound_max = 32};
    config.listen = server->enode.at;
    for (unsigned version = LES_VERSION_MIN; version <= LES_VERSION_MAX; version++)
        config.caps[config.caps_count++] = (struct peer_cap){
            .name = "les", .version = version, .length = les_version_length(version)};
    struct server_config server_config = {.spec = &server->genesis->spec, .key = server->key};
    server->server =
        server_new(server->loop, server->crypto, NULL, &server_config, &server->backend.base);
    cr_assert_eq(
        host_new(&server->host, server->loop, server->crypto, NULL, &config, &EVENTS, server),
        STATUS_OK);
}

static void stop_host(struct sim_server *server)
{
    if (server->host == NULL)
        return;
    server_free(server->server);
    host_free(server->host);
    server->server = NULL;
    server->host = NULL;
}

static void genesis_path(char *out, size_t size, const char *genesis)
{
    snprintf(out, size, "%s%s", genesis[0] == '/' ? "" : SHARED_DIR "/", genesis);
}

static void init_server(struct sim *sim, size_t index, const char *genesis, struct span chain)
{
    struct sim_server *server = &sim->servers[index];
    struct buf error = {0};
    char path[512], ip[32];
    uint8_t seed32[32] = {0};
    genesis_path(path, sizeof path, genesis);
    snprintf(ip, sizeof ip, "10.0.0.%zu", index + 2);
    server->sim = sim;
    server->loop = world_host_new(sim->world, ip);
    server->crypto = crypto_new(seed32);
    memset(server->key.bytes, (int)index + 1, 32);
    crypto_pubkey(server->crypto, &server->enode.key, &server->key);
    snprintf(ip, sizeof ip, "10.0.0.%zu:%d", index + 2, LES_PORT);
    cr_assert(endpoint_parse(&server->enode.at, ip));
    server->enode.udp_port = LES_PORT;
    cr_assert_eq(genesis_load(&server->genesis, path, &error), STATUS_OK);
    server->store = node_store_new();
    genesis_build(server->genesis, server->store);
    struct ledger_config config = {.spec = &server->genesis->spec,
                                   .crypto = server->crypto,
                                   .store = server->store,
                                   .on_head = on_ledger_head,
                                   .owner = server};
    server->ledger = ledger_new(&config, &server->genesis->header);
    cr_assert_eq(ledger_import(server->ledger, chain, &error), STATUS_OK, "%.*s", (int)error.size,
                 (const char *)error.data);
    for (struct ledger_block *block;
         server->blocks_count < ARRAY_COUNT(server->blocks) &&
         (block = ledger_by_number(server->ledger, server->blocks_count)) != NULL;)
        server->blocks[server->blocks_count++] = block;
    struct u256 no_minimum = {{0}};
    server->pool = pool_new(server->ledger, server->crypto, &no_minimum);
    node_backend_init(&server->backend, server->ledger, server->pool);
    start_host(server);
    buf_free(&error);
}

static int64_t on_wall_s(void *owner)
{
    return loop_wall_s(owner);
}

struct sim *sim_new(uint64_t seed, const char *genesis, const char *chain, size_t servers_count)
{
    if (genesis[0] != '/')
        fixture_need(genesis);
    struct buf chain_rlp = {0}, error = {0};
    if (chain != NULL)
        chain_rlp = fixture_file(chain);
    struct sim *sim = mem_alloc(sizeof *sim);
    char path[512];
    uint8_t seed32[32] = {1};
    genesis_path(path, sizeof path, genesis);
    sim->world = world_new(seed);
    sim->loop = world_host_new(sim->world, "10.0.0.1");
    sim->crypto = crypto_new(seed32);
    cr_assert_eq(genesis_load(&sim->genesis, path, &error), STATUS_OK);
    genesis_build(sim->genesis, NULL);
    header_encode(&sim->genesis_rlp, &sim->genesis->header);
    sim->log_file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    cr_assert_geq(sim->log_file, 0);
    sim->log = log_new(sim->log_file, LOG_DEBUG, on_wall_s, sim->loop);
    sim->servers_count = servers_count;
    for (size_t i = 0; i < servers_count; i++)
        init_server(sim, i, genesis, buf_span(&chain_rlp));
    buf_free(&chain_rlp);
    buf_free(&error);
    return sim;
}

void sim_free(struct sim *sim)
{
    sim_stop_light(sim);
    for (size_t i = 0; i < sim->servers_count; i++)
        stop_host(&sim->servers[i]);
    world_run_for_ms(sim->world, 5000);
    for (size_t i = 0; i < sim->servers_count; i++) {
        struct sim_server *server = &sim->servers[i];
        pool_free(server->pool);
        ledger_free(server->ledger);
        node_store_free(server->store);
        genesis_free(server->genesis);
        crypto_free(server->crypto);
    }
    world_free(sim->world);
    genesis_free(sim->genesis);
    crypto_free(sim->crypto);
    log_free(sim->log);
    close(sim->log_file);
    buf_free(&sim->genesis_rlp);
    buf_free(&sim->log_text);
    buf_free(&sim->reply);
    mem_free(sim);
}

struct world *sim_world(struct sim *sim)
{
    return sim->world;
}

struct loop *sim_light_loop(struct sim *sim)
{
    return sim->loop;
}

struct loop *sim_server_loop(struct sim *sim, size_t index)
{
    return sim->servers[index].loop;
}

struct ledger *sim_ledger(struct sim *sim, size_t index)
{
    return sim->servers[index].ledger;
}

struct pool *sim_pool(struct sim *sim, size_t index)
{
    return sim->servers[index].pool;
}

struct crypto *sim_crypto(struct sim *sim, size_t index)
{
    return sim->servers[index].crypto;
}

void sim_set_head(struct sim *sim, size_t index, uint64_t number)
{
    cr_assert_lt(number, sim->servers[index].blocks_count);
    ledger_set_head(sim->servers[index].ledger, sim->servers[index].blocks[number]);
}

void sim_start_at(struct sim *sim, size_t index, uint64_t number)
{
    stop_host(&sim->servers[index]);
    sim_set_head(sim, index, number);
    start_host(&sim->servers[index]);
}

void sim_add_block(struct sim *sim, size_t index, struct span block_rlp)
{
    struct buf error = {0};
    cr_assert_eq(ledger_add(sim->servers[index].ledger, block_rlp, &error), STATUS_OK);
    buf_free(&error);
}

void sim_set_tamper(struct sim *sim, size_t index,
                    bool (*tamper)(void *owner, unsigned code, struct buf *payload), void *owner)
{
    sim->servers[index].tamper = tamper;
    sim->servers[index].tamper_owner = owner;
}

void sim_send(struct sim *sim, size_t index, unsigned code, struct span payload)
{
    struct host *host = sim->servers[index].host;
    struct peer *peer;
    for (size_t i = 0; (peer = host_peer_at(host, i)) != NULL; i++)
        cr_assert(peer_send(peer, "les", code, payload));
}

void sim_stop_server(struct sim *sim, size_t index, bool stopped)
{
    if (stopped)
        stop_host(&sim->servers[index]);
    else
        start_host(&sim->servers[index]);
}

/* ---- the light client ---- */

void sim_start_light(struct sim *sim, size_t trusted_count, unsigned fraction_percent)
{
    struct enode enodes[SIM_SERVERS_MAX];
    for (size_t i = 0; i < sim->servers_count; i++)
        enodes[i] = sim->servers[i].enode;
    struct light_options options = {.loop = sim->loop,
                                    .log = sim->log,
                                    .crypto = sim->crypto,
                                    .spec = &sim->genesis->spec,
                                    .genesis_rlp = buf_span(&sim->genesis_rlp),
                                    .client_version = "lesgate/simulated",
                                    .trusted = enodes,
                                    .trusted_count = trusted_count,
                                    .fraction_percent = fraction_percent,
                                    .peers = enodes + trusted_count,
                                    .peers_count = sim->servers_count - trusted_count,
                                    .precompiles = evm_precompile_curves(),
                                    .call_no_guessing = sim->no_guessing,
                                    .call_state_bytes = sim->state_bytes,
                                    .cache_bytes = 4 << 20};
    memset(options.key.bytes, 0x77, 32);
    cr_assert_eq(light_open(&sim->light, &options), STATUS_OK);
    sim->answers = answers_new(sim->light);
    sim->rpc = rpc_new(&(struct rpc_options){.loop = sim->loop,
                                             .log = sim->log,
                                             .methods = METHODS,
                                             .methods_count = METHODS_COUNT,
                                             .ctx = sim->light,
                                             .answers = sim->answers,
                                             .timeout_ms = 20000,
                                             .calls_max = 1000});
}

void sim_set_state_bytes(struct sim *sim, size_t bytes)
{
    sim->state_bytes = bytes;
}

void sim_set_no_guessing(struct sim *sim, bool no_guessing)
{
    sim->no_guessing = no_guessing;
}

void sim_stop_light(struct sim *sim)
{
    if (sim->light == NULL)
        return;
    rpc_free(sim->rpc);
    world_run_for_ms(sim->world, 1);
    answers_free(sim->answers);
    light_close(sim->light);
    sim->light = NULL;
    sim->rpc = NULL;
    world_run_for_ms(sim->world, 2000);
}

struct light *sim_light(struct sim *sim)
{
    return sim->light;
}

static bool has_head(void *owner)
{
    struct sim *sim = owner;
    struct block_header *head = chain_head(sim->light->chain);
    return head != NULL && head->header.number == sim->wanted_head;
}

void sim_wait_head(struct sim *sim, uint64_t number, uint64_t limit_ms)
{
    sim->wanted_head = number;
    bool reached = world_run_until(sim->world, has_head, sim, limit_ms);
    cr_assert(reached, "no head %llu: %s\n%s", (unsigned long long)number,
              chain_trouble(sim->light->chain), sim_log(sim));
}

static void on_reply(void *owner, struct span reply)
{
    struct sim *sim = owner;
    buf_add_span(&sim->reply, reply);
    sim->replied = true;
}

static bool has_reply(void *owner)
{
    return ((struct sim *)owner)->replied;
}

const char *sim_rpc(struct sim *sim, const char *request)
{
    struct rpc_request *waiting;
    buf_clear(&sim->reply);
    sim->replied = false;
    if (rpc_submit(sim->rpc, SPAN_STR(request), &sim->reply, &waiting, on_reply, sim) ==
        RPC_WAITING)
        cr_assert(world_run_until(sim->world, has_reply, sim, 60000), "no answer to %s\n%s",
                  request, sim_log(sim));
    buf_add_u8(&sim->reply, 0);
    return (const char *)sim->reply.data;
}

void sim_drop_rpc(struct sim *sim, const char *request, uint64_t wait_ms)
{
    struct rpc_request *waiting;
    buf_clear(&sim->reply);
    sim->replied = false;
    if (rpc_submit(sim->rpc, SPAN_STR(request), &sim->reply, &waiting, on_reply, sim) !=
        RPC_WAITING)
        return;
    world_run_for_ms(sim->world, wait_ms);
    if (!sim->replied)
        rpc_abandon(waiting);
}

uint64_t sim_lies(struct sim *sim)
{
    struct les_client_stats stats;
    les_client_stats(sim->light->client, &stats);
    return stats.lies;
}

const char *sim_log(struct sim *sim)
{
    off_t size = lseek(sim->log_file, 0, SEEK_END);
    buf_clear(&sim->log_text);
    buf_reserve(&sim->log_text, (size_t)size + 1);
    ssize_t got = pread(sim->log_file, sim->log_text.data, (size_t)size, 0);
    cr_assert_eq(got, size);
    sim->log_text.data[size] = 0;
    return (const char *)sim->log_text.data;
}
