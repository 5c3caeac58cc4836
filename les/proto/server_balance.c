/* What clients own and owe, and who has to go when there is no place. */
#include "les/proto/server_internal.h"

#define NS_PER_MS 1000000.0

static const struct server_factors FACTORS = {.time = 0, .capacity = 1, .request = 1};

static double rate(const struct server_client *client, const struct server_factors *factors)
{
    double capacity = (double)(client->capacity * SERVER_RECHARGE_UNIT);
    return factors->time + capacity * factors->capacity / 1e6;
}

static void save(struct server_client *client)
{
    struct server_balances *balances = client->server->config.balances;
    if (balances != NULL && client->balance_changed)
        balances->save(balances, &client->id, client->balance);
    client->balance_changed = false;
}

static void spend_balance(struct server_client *client, double amount)
{
    amount += client->balance_part;
    if (amount >= (double)client->balance) {
        client->balance = 0;
        client->balance_part = 0;
    } else {
        uint64_t whole = (uint64_t)amount;
        client->balance -= whole;
        client->balance_part = amount - (double)whole;
    }
    client->balance_changed = true;
}

static void spend(struct server_client *client, double ms, uint64_t cost)
{
    if (client->balance > 0) {
        const struct server_factors *factors = &client->pricing.positive;
        spend_balance(client,
                      ms * NS_PER_MS * rate(client, factors) + (double)cost * factors->request);
    } else {
        const struct server_factors *factors = &client->pricing.negative;
        client->debt *= ms < SERVER_DEBT_FADE_MS ? 1 - ms / SERVER_DEBT_FADE_MS : 0;
        client->debt += ms * NS_PER_MS * rate(client, factors) + (double)cost * factors->request;
    }
}

static void watch(struct server *server, uint64_t delay_ms)
{
    if (!timer_running(&server->settle) ||
        server->settle.due_ms > loop_now_ms(server->loop) + delay_ms)
        timer_start(&server->settle, delay_ms);
}

/* What a used-up balance paid for ends from the timer, not here: announcing it may drop the client,
 * whose request is just being finished. */
static void settle(struct server_client *client, uint64_t cost)
{
    uint64_t now_ms = loop_now_ms(client->server->loop);
    bool had = client->balance > 0;
    spend(client, (double)(now_ms - client->settled_ms), cost);
    client->settled_ms = now_ms;
    if (had && client->balance == 0)
        watch(client->server, 0);
}

void server_balance_charge(struct server_client *client, uint64_t cost)
{
    settle(client, cost);
}

/* A balance that is used up; or one that was never there, and then nothing was raised. */
static void demote(struct server_client *client)
{
    struct server *server = client->server;
    save(client);
    if (client->raised && client->capacity_next > server->config.capacity)
        server_set_capacity(server, &client->id, server->config.capacity);
}

static void on_settle(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, settle);
    uint64_t now_ms = loop_now_ms(server->loop);
    bool due = now_ms - server->saved_ms >= SERVER_SAVE_MS, any = false;
    if (due)
        server->saved_ms = now_ms;
    for (struct server_client *client = server->clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->state == CLIENT_HANDSHAKE)
            continue;
        settle(client, 0);
        any = any || client->balance > 0;
        if (due)
            save(client);
        if (client->balance == 0)
            demote(client);
    }
    if (any)
        watch(server, SERVER_SETTLE_MS);
}

void server_balance_init(struct server *server)
{
    server->pricing = (struct server_pricing){.positive = FACTORS, .negative = FACTORS};
    timer_init(&server->settle, server->loop, on_settle);
}

void server_balance_open(struct server_client *client)
{
    struct server *server = client->server;
    client->pricing = server->pricing;
    client->settled_ms = loop_now_ms(server->loop);
    if (server->config.balances != NULL)
        client->balance = server->config.balances->load(server->config.balances, &client->id);
    if (client->balance > 0)
        watch(server, SERVER_SETTLE_MS);
}

void server_balance_close(struct server_client *client)
{
    if (client->state == CLIENT_HANDSHAKE)
        return;
    uint64_t now_ms = loop_now_ms(client->server->loop);
    spend(client, (double)(now_ms - client->settled_ms), 0);
    save(client);
}

void server_save_balances(struct server *server)
{
    for (struct server_client *client = server->clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->state == CLIENT_HANDSHAKE)
            continue;
        settle(client, 0);
        save(client);
    }
}

/* ---- places ---- */

static uint64_t stored(struct server *server, const struct hash32 *id)
{
    struct server_balances *balances = server->config.balances;
    return balances != NULL ? balances->load(balances, id) : 0;
}

bool server_make_place(struct server_client *client)
{
    struct server *server = client->server;
    if (server->config.clients_max == 0 || server->stats.clients < server->config.clients_max)
        return true;
    if (stored(server, &client->id) == 0)
        return false;
    struct server_client *victim = NULL;
    for (struct server_client *other = server->clients; other != NULL; other = other->next) {
        if (other->state == CLIENT_HANDSHAKE || other->balance > 0)
            continue;
        settle(other, 0);
        if (victim == NULL || other->debt > victim->debt)
            victim = other;
    }
    if (victim == NULL)
        return false;
    server->stats.displaced++;
    server_drop(victim, PEER_TOO_MANY, "one with a balance needs its place");
    return true;
}

/* ---- for operators ---- */

static void describe(struct server_client *client, struct server_client_info *out)
{
    uint64_t now_ms = loop_now_ms(client->server->loop);
    settle(client, 0);
    *out = (struct server_client_info){.id = client->id,
                                       .version = client->version,
                                       .connected_ms = now_ms - client->connected_ms,
                                       .capacity = client->capacity * SERVER_RECHARGE_UNIT,
                                       .balance = client->balance,
                                       .debt = (uint64_t)client->debt};
}

bool server_client_info(struct server *server, const struct hash32 *id,
                        struct server_client_info *out)
{
    struct server_client *client = server_find(server, id);
    *out = (struct server_client_info){0};
    if (client == NULL)
        return false;
    describe(client, out);
    return true;
}

void server_each_client(struct server *server,
                        void (*each)(void *owner, const struct server_client_info *info),
                        void *owner)
{
    for (struct server_client *client = server->clients, *next; client != NULL; client = next) {
        next = client->next;
        struct server_client_info info;
        if (client->state == CLIENT_HANDSHAKE)
            continue;
        describe(client, &info);
        each(owner, &info);
    }
}

uint64_t server_balance(struct server *server, const struct hash32 *id)
{
    struct server_client_info info;
    return server_client_info(server, id, &info) ? info.balance : stored(server, id);
}

bool server_add_balance(struct server *server, const struct hash32 *id, int64_t amount,
                        uint64_t *before, uint64_t *after)
{
    struct server_client *client = server_find(server, id);
    uint64_t less = amount < 0 ? 0 - (uint64_t)amount : 0;
    *before = *after = server_balance(server, id);
    if (amount > 0 && (uint64_t)amount > (uint64_t)INT64_MAX - *before)
        return false;
    *after = amount >= 0 ? *before + (uint64_t)amount : less < *before ? *before - less : 0;
    if (client == NULL) {
        if (server->config.balances != NULL)
            server->config.balances->save(server->config.balances, id, *after);
        return true;
    }
    client->balance = *after;
    client->balance_changed = true;
    save(client);
    if (*after > 0)
        watch(server, SERVER_SETTLE_MS);
    else if (*before > 0)
        watch(server, 0);
    return true;
}

bool server_pricing_get(struct server *server, const struct hash32 *id, struct server_pricing *out)
{
    const struct server_client *client = id != NULL ? server_find(server, id) : NULL;
    *out = client != NULL ? client->pricing : server->pricing;
    return id == NULL || client != NULL;
}

bool server_pricing_set(struct server *server, const struct hash32 *id,
                        const struct server_pricing *pricing)
{
    struct server_client *client = id != NULL ? server_find(server, id) : NULL;
    if (id == NULL) {
        server->pricing = *pricing;
        return true;
    }
    if (client == NULL)
        return false;
    settle(client, 0);
    client->pricing = *pricing;
    return true;
}

uint64_t server_priority_capacity(const struct server *server)
{
    uint64_t sum = 0;
    for (const struct server_client *client = server->clients; client != NULL;
         client = client->next) {
        if (client->state != CLIENT_HANDSHAKE && client->balance > 0)
            sum += SERVER_RECHARGE_UNIT * client->capacity;
    }
    return sum;
}
