/* Many LES clients in one process, against a real server: idle ones, to see what a client costs it,
 * and busy ones that ask for proofs. Speaks les/3, follows flow control as go-ethereum's client
 * does (a request goes out when the buffer holds its maximum price), checks that each reply has
 * nodes of which the first hashes to the state root it asked for.
 *
 *   les_load ENODE NETWORK GENESIS_HASH CLIENTS SECONDS BATCH WINDOW [KEYS]
 *
 * KEYS: a file of lines `ROOT ADDRESS [SLOT]`; ROOT is what the first node hashes to, - if that is
 * not known. Without it the clients are idle for SECONDS. BATCH: proofs in a request. WINDOW:
 * requests of one client under way. Prints `ready N` when all have exchanged their Status, `first`
 * at the first reply, `so_far N` replies every second, then `result` with replies, proofs,
 * microseconds, bytes of replies, bytes on the wire, median and 99th percentile of the time to a
 * reply in microseconds, bad replies, Stops, clients lost. */
#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/p2p/peer.h"
#include "les/proto/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_MS     11 /* below HOST_ACCEPTS_PER_SECOND_MAX */
#define WINDOW_MAX  64
#define SAMPLES_MAX 1000000
#define CLIENT_ID   "les_load/v1"

struct key {
    struct hash32 root, account, slot;
    bool has_slot;
};

struct load;
struct client {
    struct load *load;
    struct peer_config config;
    struct peer *peer;
    bool ready;
    struct hash32 head;
    uint64_t buffer, limit, recharge, price;
    uint64_t buffer_ms;
    struct timer wait;
    uint64_t next_id, done_id;
    uint64_t sent_us[WINDOW_MAX];
    struct hash32 roots[WINDOW_MAX];
    bool open[WINDOW_MAX];
};

struct load {
    struct loop *loop;
    struct crypto *crypto;
    struct peer_scratch scratch;
    struct enode server;
    struct hash32 genesis;
    uint64_t network, batch, window, seconds;
    struct client *clients;
    size_t count, dialled, ready, lost;
    struct key *keys;
    size_t keys_count, keys_next;
    struct timer dial, end, second;
    bool measuring;
    uint64_t start_us, wire_start;
    uint64_t replies, reply_bytes, bad, stops;
    uint32_t *samples;
    size_t samples_count;
};

static const struct peer_cap LES3 = {.name = "les", .version = 3, .length = 24};

static uint64_t wire_bytes(const struct load *load)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < load->count; i++) {
        if (load->clients[i].peer != NULL)
            sum += peer_bytes_in(load->clients[i].peer);
    }
    return sum;
}

/* ---- asking ---- */

static void recharge(struct client *client)
{
    uint64_t now_ms = loop_now_ms(client->load->loop);
    client->buffer += (now_ms - client->buffer_ms) * client->recharge;
    client->buffer_ms = now_ms;
    if (client->buffer > client->limit)
        client->buffer = client->limit;
}

static bool ask_one(struct client *client)
{
    struct load *load = client->load;
    size_t place = 0;
    while (place < load->window && client->open[place])
        place++;
    if (place == load->window)
        return false;
    recharge(client);
    if (client->buffer < client->price) {
        timer_start(&client->wait, 1 + (client->price - client->buffer) / (client->recharge + 1));
        return false;
    }
    client->buffer -= client->price;
    uint64_t id = client->next_id++ * WINDOW_MAX + place;
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, id);
    for (uint64_t i = 0; i < load->batch; i++) {
        const struct key *key = &load->keys[load->keys_next++ % load->keys_count];
        struct les_proof_item item = {.block_hash = client->head};
        item.account = key->has_slot ? SPAN(key->account.bytes, 32) : SPAN_EMPTY;
        item.key = SPAN(key->has_slot ? key->slot.bytes : key->account.bytes, 32);
        les_proof_item_encode(&payload, &item);
        if (i == 0)
            client->roots[place] = key->root;
    }
    les_request_end(&payload, writer);
    client->open[place] = true;
    client->sent_us[place] = loop_now_us(load->loop);
    bool sent = peer_send(client->peer, "les", LES_GET_PROOFS_V2, buf_span(&payload));
    buf_free(&payload);
    return sent;
}

static void ask(struct client *client)
{
    while (ask_one(client))
        ;
}

static void on_wait(struct timer *timer)
{
    struct client *client = container_of(timer, struct client, wait);
    if (client->peer != NULL)
        ask(client);
}

static void on_reply(struct client *client, struct span payload)
{
    struct load *load = client->load;
    uint64_t id, value;
    struct span data;
    struct hash32 first;
    if (!les_reply_decode(&id, &value, &data, payload) || !client->open[id % WINDOW_MAX]) {
        load->bad++;
        return;
    }
    size_t place = id % WINDOW_MAX, pending = 0;
    client->open[place] = false;
    struct rlp nodes = rlp_reader(data);
    keccak256(&first, rlp_raw(&nodes));
    load->bad += nodes.bad || (!hash32_is_zero(&client->roots[place]) &&
                               !hash32_equal(&first, &client->roots[place]));
    for (size_t i = 0; i < load->window; i++)
        pending += client->open[i];
    recharge(client);
    uint64_t owed = pending * client->price;
    if (value > owed && value - owed > client->buffer)
        client->buffer = value - owed;
    if (load->replies++ == 0) {
        printf("first\n");
        fflush(stdout);
    }
    load->reply_bytes += payload.size;
    if (load->samples_count < SAMPLES_MAX)
        load->samples[load->samples_count++] =
            (uint32_t)(loop_now_us(load->loop) - client->sent_us[place]);
    ask(client);
}

/* ---- coming and going ---- */

static void on_end(struct timer *timer)
{
    struct load *load = container_of(timer, struct load, end);
    loop_stop(load->loop);
}

static void on_second(struct timer *timer)
{
    struct load *load = container_of(timer, struct load, second);
    printf("so_far %" PRIu64 "\n", load->replies);
    fflush(stdout);
    timer_start(timer, 1000);
}

static void begin(struct load *load)
{
    printf("ready %zu\n", load->ready);
    fflush(stdout);
    load->measuring = true;
    load->start_us = loop_now_us(load->loop);
    load->wire_start = wire_bytes(load);
    timer_start(&load->end, load->seconds * 1000);
    if (load->keys_count > 0)
        timer_start(&load->second, 1000);
    for (size_t i = 0; i < load->count && load->keys_count > 0; i++) {
        if (load->clients[i].ready)
            ask(&load->clients[i]);
    }
}

static void on_status(struct client *client, struct span payload)
{
    struct load *load = client->load;
    struct les_status status;
    if (!les_status_decode(&status, payload) || !status.has_flow) {
        fprintf(stderr, "les_load: a Status that is none of a server\n");
        exit(1);
    }
    client->head = status.head.hash;
    client->limit = client->buffer = status.flow.buffer_limit;
    client->recharge = status.flow.recharge;
    const struct les_cost *cost = &status.flow.costs[les_cost_index(LES_GET_PROOFS_V2)];
    client->price = cost->base + load->batch * cost->per_item;
    client->buffer_ms = loop_now_ms(load->loop);
    client->ready = true;
    if (++load->ready == load->count)
        begin(load);
}

static void on_message(void *owner, struct peer *peer, const struct peer_cap *cap, unsigned code,
                       struct span payload)
{
    struct client *client = owner;
    (void)peer;
    (void)cap;
    if (code == LES_STATUS)
        on_status(client, payload);
    else if (code == LES_PROOFS_V2)
        on_reply(client, payload);
    client->load->stops += code == LES_STOP;
}

static bool on_identity(void *owner, struct peer *peer, const struct pubkey64 *key,
                        enum peer_reason *reason)
{
    (void)owner;
    (void)peer;
    (void)key;
    (void)reason;
    return true;
}

static void on_ready(void *owner, struct peer *peer)
{
    struct client *client = owner;
    struct les_status status = {.version = 3,
                                .network_id = client->load->network,
                                .genesis = client->load->genesis,
                                .head.hash = client->load->genesis,
                                .has_announce_type = true,
                                .announce_type = LES_ANNOUNCE_SIMPLE};
    struct buf payload = {0};
    les_status_encode(&payload, &status);
    if (!peer_send(peer, "les", LES_STATUS, buf_span(&payload)))
        fprintf(stderr, "les_load: the Status cannot be sent\n");
    buf_free(&payload);
}

static void on_gone(void *owner, struct peer *peer, const struct peer_end *end)
{
    struct client *client = owner;
    (void)peer;
    if (client->load->lost++ == 0)
        fprintf(stderr, "les_load: a client was lost: %s\n", end->why);
}

static void on_closed(void *owner, struct peer *peer, enum peer_reason reason)
{
    struct client *client = owner;
    (void)peer;
    (void)reason;
    client->peer = NULL;
    timer_stop(&client->wait);
}

static const struct peer_events EVENTS = {.on_identity = on_identity,
                                          .on_ready = on_ready,
                                          .on_message = on_message,
                                          .on_gone = on_gone,
                                          .on_closed = on_closed};

static void on_dial(struct timer *timer)
{
    struct load *load = container_of(timer, struct load, dial);
    struct client *client = &load->clients[load->dialled++];
    client->load = load;
    timer_init(&client->wait, load->loop, on_wait);
    client->config = (struct peer_config){.loop = load->loop,
                                          .crypto = load->crypto,
                                          .scratch = &load->scratch,
                                          .client_id = CLIENT_ID,
                                          .caps = &LES3,
                                          .caps_count = 1};
    do
        loop_random(load->loop, &client->config.key, sizeof(client->config.key));
    while (!crypto_seckey_valid(load->crypto, &client->config.key));
    if (peer_dial(&client->peer, &client->config, &load->server, &EVENTS, client) != STATUS_OK) {
        fprintf(stderr, "les_load: a connection cannot be opened\n");
        exit(1);
    }
    if (load->dialled < load->count)
        timer_start(&load->dial, load->count > 64 ? DIAL_MS : 0);
}

/* ---- input and output ---- */

/* Ends the program unless text is 0x and this many bytes. */
static struct hash32 read_hash(const char *text, size_t size, bool hashed)
{
    uint8_t bytes[32];
    struct hash32 hash;
    if (!hex_decode_exact(bytes, size, text, strlen(text))) {
        fprintf(stderr, "les_load: not %zu bytes in hex: %s\n", size, text);
        exit(2);
    }
    if (hashed)
        keccak256(&hash, SPAN(bytes, size));
    else
        memcpy(hash.bytes, bytes, 32);
    return hash;
}

static void read_keys(struct load *load, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256], root[80], address[64], slot[80];
    size_t capacity = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        int count = sscanf(line, "%79s %63s %79s", root, address, slot);
        if (load->keys_count == capacity) {
            capacity = capacity == 0 ? 1024 : 2 * capacity;
            load->keys = mem_realloc(load->keys, capacity * sizeof(*load->keys));
        }
        if (count < 2)
            continue;
        struct key *key = &load->keys[load->keys_count++];
        *key =
            (struct key){.root = strcmp(root, "-") == 0 ? HASH32_ZERO : read_hash(root, 32, false),
                         .account = read_hash(address, 20, true),
                         .has_slot = count == 3};
        if (key->has_slot)
            key->slot = read_hash(slot, 32, true);
    }
    if (load->keys_count == 0) {
        fprintf(stderr, "les_load: no keys in %s\n", path);
        exit(2);
    }
    fclose(file);
}

static int compare_samples(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void print_result(struct load *load)
{
    uint64_t us = loop_now_us(load->loop) - load->start_us;
    size_t count = load->samples_count;
    qsort(load->samples, count, sizeof(*load->samples), compare_samples);
    uint32_t half = count > 0 ? load->samples[count / 2] : 0;
    uint32_t late = count > 0 ? load->samples[count * 99 / 100] : 0;
    printf("result %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u %" PRIu64
           " %" PRIu64 " %zu\n",
           load->replies, load->replies * load->batch, us, load->reply_bytes,
           wire_bytes(load) - load->wire_start, half, late, load->bad, load->stops, load->lost);
}

int main(int argc, char **argv)
{
    static const uint8_t seed32[32] = {1};
    struct load load = {0};
    if (argc < 8 || enode_parse(&load.server, argv[1]) != NULL) {
        fprintf(stderr,
                "les_load ENODE NETWORK GENESIS_HASH CLIENTS SECONDS BATCH WINDOW [KEYS]\n");
        return 2;
    }
    load.network = strtoull(argv[2], NULL, 10);
    load.genesis = read_hash(argv[3], 32, false);
    load.count = strtoull(argv[4], NULL, 10);
    load.seconds = strtoull(argv[5], NULL, 10);
    load.batch = strtoull(argv[6], NULL, 10);
    load.window = strtoull(argv[7], NULL, 10);
    if (load.count == 0 || load.batch == 0 || load.window == 0 || load.window > WINDOW_MAX)
        return 2;
    if (argc > 8)
        read_keys(&load, argv[8]);
    load.loop = loop_uv_new();
    load.crypto = crypto_new(seed32);
    load.clients = mem_alloc(load.count * sizeof(*load.clients));
    load.samples = mem_alloc(SAMPLES_MAX * sizeof(*load.samples));
    timer_init(&load.dial, load.loop, on_dial);
    timer_init(&load.end, load.loop, on_end);
    timer_init(&load.second, load.loop, on_second);
    timer_start(&load.dial, 0);
    loop_run(load.loop);
    print_result(&load);
    timer_stop(&load.dial);
    timer_stop(&load.end);
    timer_stop(&load.second);
    for (size_t i = 0; i < load.dialled; i++) {
        if (load.clients[i].peer != NULL)
            peer_disconnect(load.clients[i].peer, PEER_QUITTING);
    }
    loop_free(load.loop);
    crypto_free(load.crypto);
    buf_free(&load.scratch.out);
    buf_free(&load.scratch.packed);
    buf_free(&load.scratch.plain);
    mem_free(load.clients);
    mem_free(load.samples);
    mem_free(load.keys);
    return load.bad == 0 ? 0 : 1;
}
