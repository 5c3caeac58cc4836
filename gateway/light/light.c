#include "gateway/light/light.h"

#include "gateway/light/exec.h"

static void on_server(void *owner, struct les_server *server)
{
    (void)owner, (void)server; /* its head follows */
}

static void on_server_gone(void *owner, struct les_server *server)
{
    struct light *light = owner;
    if (light->chain != NULL)
        chain_on_server_gone(light->chain, server);
}

static void on_server_head(void *owner, struct les_server *server, const struct les_head *head)
{
    struct light *light = owner;
    chain_on_head(light->chain, server, head);
}

static void on_chain_head(void *owner, struct block_header *old, struct block_header *new_head,
                          uint64_t fork_number)
{
    struct light *light = owner;
    if (light->on_head != NULL)
        light->on_head(light->owner, old, new_head, fork_number);
}

static struct chain *open_chain(struct light *light, const struct light_options *options)
{
    static const struct chain_events EVENTS = {.on_head = on_chain_head};
    struct hash32 *ids = mem_alloc((options->trusted_count + 1) * sizeof *ids);
    for (size_t i = 0; i < options->trusted_count; i++)
        enode_id(&ids[i], &options->trusted[i].key);
    struct chain_config config = {.trusted = ids,
                                  .trusted_count = options->trusted_count,
                                  .fraction_percent = options->fraction_percent,
                                  .genesis_rlp = options->genesis_rlp,
                                  .has_checkpoint = options->has_checkpoint,
                                  .checkpoint = options->checkpoint,
                                  .store = options->store};
    struct chain *chain =
        chain_new(light->loop, light->log, light->client, light->spec, &config, &EVENTS, light);
    mem_free(ids);
    return chain;
}

enum status light_open(struct light **out, const struct light_options *options)
{
    static const struct les_client_events EVENTS = {
        .on_server = on_server, .on_server_gone = on_server_gone, .on_head = on_server_head};
    struct light *light = mem_alloc(sizeof *light);
    enum status status;
    uint64_t seed;
    *out = NULL;
    light->loop = options->loop;
    light->log = options->log;
    light->crypto = options->crypto;
    light->spec = options->spec;
    light->client_version = options->client_version;
    light->on_head = options->on_head;
    light->owner = options->owner;
    struct les_client_config config = {.spec = options->spec,
                                       .key = options->key,
                                       .client_id = options->client_version,
                                       .trusted = options->trusted,
                                       .trusted_count = options->trusted_count,
                                       .peers = options->peers,
                                       .peers_count = options->peers_count,
                                       .servers_target = options->servers_target,
                                       .fork_time = options->spec->genesis_time};
    light->client = les_client_new(options->loop, options->crypto, options->log, &config, &EVENTS,
                                   light, &status);
    mem_wipe(&config.key, sizeof config.key);
    if (light->client == NULL) {
        mem_free(light);
        return status;
    }
    loop_random(light->loop, &seed, sizeof seed);
    light->cache = cache_memory_new(options->cache_bytes, seed);
    light->sent = sent_new(seed);
    light->chain = open_chain(light, options);
    light->objects = objects_new(light->loop, light->log, light->client, light->cache);
    light->exec = exec_new(&(struct exec_options){.loop = options->loop,
                                                  .log = options->log,
                                                  .spec = options->spec,
                                                  .crypto = options->crypto,
                                                  .precompiles = options->precompiles,
                                                  .gas_cap = options->call_gas_cap,
                                                  .timeout_ms = options->call_timeout_ms,
                                                  .state_bytes = options->call_state_bytes,
                                                  .no_guessing = options->call_no_guessing});
    *out = light;
    return STATUS_OK;
}

/* After the ops of the client have ended, later in the turn. */
static void on_release(void *pointer)
{
    struct light *light = pointer;
    exec_free(light->exec);
    objects_free(light->objects);
    sent_free(light->sent);
    chain_free(light->chain);
    cache_free(light->cache);
    mem_free(light);
}

void light_close(struct light *light)
{
    if (light == NULL)
        return;
    chain_stop(light->chain);
    les_client_free(light->client);
    loop_sweep(light->loop, light, on_release);
}
