#include "les/p2p/discv4_private.h"

#include "les/eth/rlp.h"

enum { REVALIDATE_RETRIES = 2, CLAIMS_NEEDED = 3 };

/* ---- our record ---- */

static bool is_unspecified(const struct endpoint *at)
{
    static const uint8_t zero[16], zero_ip4[16] = {[10] = 0xff, [11] = 0xff};
    return memcmp(at->ip, zero, 16) == 0 || memcmp(at->ip, zero_ip4, 16) == 0;
}

static void record_make(struct discv4 *discv4)
{
    struct enr_content content = {.seq = discv4->config.enr_seq,
                                  .has_ip = !is_unspecified(&discv4->config.at),
                                  .at = discv4->config.at,
                                  .udp_port = discv4->config.at.port,
                                  .eth = discv4->config.eth,
                                  .les = discv4->config.les};
    content.at.port = discv4->config.tcp_port;
    enr_make(&discv4->record, discv4->crypto, &discv4->config.key, &content);
}

void discv4_set_eth(struct discv4 *discv4, const struct fork_id *eth)
{
    if (discv4->config.eth && memcmp(discv4->eth.hash4, eth->hash4, 4) == 0 &&
        discv4->eth.next == eth->next)
        return;
    discv4->eth = *eth;
    discv4->config.eth = &discv4->eth;
    discv4->config.enr_seq++;
    record_make(discv4);
}

const struct enr *discv4_record(const struct discv4 *discv4)
{
    return &discv4->record;
}

/* Our IP is what three nodes, none of the same id, see at last, and more than half of the newest
 * claims. */
static void claim_take(struct discv4 *discv4, const struct hash32 *from_id,
                       const struct endpoint *from, const struct endpoint *seen)
{
    size_t agree = 0;
    if (!discv4->learns_ip)
        return;
    for (size_t i = 0; i < discv4->claims_count; i++)
        if (hash32_equal(&discv4->claims_from[i], from_id))
            return;
    if (is_unspecified(seen) || !kad_may_relay(from, seen))
        return;
    discv4->claims[discv4->claims_next] = *seen;
    discv4->claims_from[discv4->claims_next] = *from_id;
    discv4->claims_next = (discv4->claims_next + 1) % DISCV4_CLAIMS;
    if (discv4->claims_count < DISCV4_CLAIMS)
        discv4->claims_count++;
    for (size_t i = 0; i < discv4->claims_count; i++)
        agree += memcmp(discv4->claims[i].ip, seen->ip, 16) == 0;
    if (agree < CLAIMS_NEEDED || agree * 2 <= discv4->claims_count ||
        memcmp(discv4->config.at.ip, seen->ip, 16) == 0)
        return;
    memcpy(discv4->config.at.ip, seen->ip, 16);
    discv4->config.enr_seq++;
    record_make(discv4);
}

/* ---- bonds ---- */

static struct bond *bond_find(const struct discv4 *discv4, const struct hash32 *id,
                              const struct endpoint *at)
{
    for (size_t i = 0; i < discv4->bonds_count; i++)
        if (hash32_equal(&discv4->bonds[i].id, id) && memcmp(discv4->bonds[i].ip, at->ip, 16) == 0)
            return &discv4->bonds[i];
    return NULL;
}

/* Those that never proved anything make room first, so that Pings under fresh keys drive nobody
 * out. */
static struct bond *bond_make(struct discv4 *discv4, const struct hash32 *id,
                              const struct endpoint *at)
{
    struct bond *bond = bond_find(discv4, id, at);
    if (bond) {
        bond->used_ms = discv4->now_ms;
        return bond;
    }
    if (discv4->bonds_count < DISCV4_BONDS_MAX) {
        bond = &discv4->bonds[discv4->bonds_count++];
    } else {
        bond = &discv4->bonds[0];
        for (size_t i = 1; i < DISCV4_BONDS_MAX; i++) {
            struct bond *other = &discv4->bonds[i];
            if (other->has_pong != bond->has_pong ? !other->has_pong
                                                  : other->used_ms < bond->used_ms)
                bond = other;
        }
    }
    *bond = (struct bond){.id = *id, .used_ms = discv4->now_ms};
    memcpy(bond->ip, at->ip, 16);
    return bond;
}

bool discv4_is_proved(const struct discv4 *discv4, const struct hash32 *id,
                      const struct endpoint *at)
{
    const struct bond *bond = bond_find(discv4, id, at);
    return bond && bond->has_pong && discv4->now_ms - bond->pong_ms < DISCV4_BOND_MS;
}

bool discv4_are_proved_to(const struct discv4 *discv4, const struct hash32 *id,
                          const struct endpoint *at)
{
    const struct bond *bond = bond_find(discv4, id, at);
    return bond && bond->has_ping && discv4->now_ms - bond->ping_ms < DISCV4_BOND_MS;
}

void discv4_assume_proved_to(struct discv4 *discv4, const struct hash32 *id,
                             const struct endpoint *at)
{
    struct bond *bond = bond_make(discv4, id, at);
    bond->has_ping = true;
    bond->ping_ms = discv4->now_ms;
}

/* ---- sending ---- */

static struct endpoint udp_of(const struct enode *node)
{
    struct endpoint udp = node->at;
    udp.port = node->udp_port;
    return udp;
}

static void send_packet(struct discv4 *discv4, const struct endpoint *to,
                        struct discv4_packet *packet)
{
    struct buf out = {0};
    packet->expiry_s = discv4->wall_s + DISCV4_EXPIRY_S;
    discv4_packet_encode(&out, packet, discv4->crypto, &discv4->config.key);
    discv4->stats.out++;
    discv4->events.send(discv4->owner, to, buf_span(&out));
    buf_free(&out);
}

static struct query *query_find(struct discv4 *discv4, enum query_kind kind,
                                const struct hash32 *id)
{
    for (size_t i = 0; i < discv4->queries_count; i++)
        if (discv4->queries[i].kind == kind && hash32_equal(&discv4->queries[i].id, id))
            return &discv4->queries[i];
    return NULL;
}

static void query_drop(struct discv4 *discv4, struct query *query)
{
    *query = discv4->queries[--discv4->queries_count];
}

static struct query *query_add(struct discv4 *discv4, enum query_kind kind, const struct enode *to)
{
    struct query *query;
    if (discv4->queries_count == DISCV4_PENDING_MAX)
        return NULL;
    query = &discv4->queries[discv4->queries_count++];
    *query =
        (struct query){.kind = kind, .to = *to, .due_ms = discv4->now_ms + DISCV4_REPLY_TIMEOUT_MS};
    enode_id(&query->id, &to->key);
    return query;
}

static void ping_packet(struct discv4 *discv4, struct query *query)
{
    struct discv4_packet packet = {.type = DISCV4_PING,
                                   .source = discv4->config.at,
                                   .source_tcp = discv4->config.tcp_port,
                                   .to = udp_of(&query->to),
                                   .has_enr_seq = true,
                                   .enr_seq = discv4->record.seq};
    struct endpoint to = packet.to;
    send_packet(discv4, &to, &packet);
    query->hash = packet.hash;
}

bool discv4_send_ping(struct discv4 *discv4, const struct enode *to, unsigned retries)
{
    struct hash32 id;
    struct query *query;
    enode_id(&id, &to->key);
    if (query_find(discv4, QUERY_PING, &id))
        return true;
    query = query_add(discv4, QUERY_PING, to);
    if (!query)
        return false;
    query->retries = retries;
    ping_packet(discv4, query);
    return true;
}

bool discv4_send_findnode(struct discv4 *discv4, const struct enode *to,
                          const struct pubkey64 *target)
{
    struct discv4_packet packet = {.type = DISCV4_FINDNODE, .target = *target};
    struct endpoint at = udp_of(to);
    if (!query_add(discv4, QUERY_FINDNODE, to))
        return false;
    send_packet(discv4, &at, &packet);
    return true;
}

/* While searching, one that was taken long ago counts as new: whoever wanted it may have lost it
 * since. */
static bool is_record_wanted(const struct discv4 *discv4, const struct bond *bond)
{
    return bond->enr_seq > bond->enr_taken_seq ||
           (discv4->searching && bond->enr_taken_seq > 0 &&
            discv4->now_ms - bond->enr_taken_ms >= DISCV4_RECORD_AGAIN_MS);
}

/* Asks for the record where a newer one is announced and both sides are proved to one another. */
void discv4_want_record(struct discv4 *discv4, const struct enode *node)
{
    struct discv4_packet packet = {.type = DISCV4_ENR_REQUEST};
    struct endpoint at = udp_of(node);
    struct hash32 id;
    struct bond *bond;
    struct query *query;
    enode_id(&id, &node->key);
    bond = bond_find(discv4, &id, &at);
    if (!bond || !is_record_wanted(discv4, bond) || !discv4_is_proved(discv4, &id, &at) ||
        !discv4_are_proved_to(discv4, &id, &at) || query_find(discv4, QUERY_RECORD, &id))
        return;
    query = query_add(discv4, QUERY_RECORD, node);
    if (!query)
        return;
    send_packet(discv4, &at, &packet);
    query->hash = packet.hash;
}

/* ---- answers ---- */

static void seq_take(struct bond *bond, const struct discv4_packet *packet)
{
    if (packet->has_enr_seq && packet->enr_seq > bond->enr_seq)
        bond->enr_seq = packet->enr_seq;
}

static void on_ping(struct discv4 *discv4, const struct endpoint *from,
                    const struct discv4_packet *packet, const struct hash32 *id)
{
    struct discv4_packet pong = {.type = DISCV4_PONG,
                                 .to = *from,
                                 .to_tcp = packet->source_tcp,
                                 .reply_to = packet->hash,
                                 .has_enr_seq = true,
                                 .enr_seq = discv4->record.seq};
    struct enode node = {.key = packet->from, .at = *from, .udp_port = from->port};
    struct bond *bond = bond_make(discv4, id, from);
    node.at.port = packet->source_tcp;
    send_packet(discv4, from, &pong);
    bond->has_ping = true;
    bond->ping_ms = discv4->now_ms;
    seq_take(bond, packet);
    if (!discv4_is_proved(discv4, id, from))
        (void)discv4_send_ping(discv4, &node, 0);
    discv4_lookup_ping(discv4, id);
    discv4_want_record(discv4, &node);
}

static bool same_udp(const struct enode *node, const struct endpoint *from)
{
    return memcmp(node->at.ip, from->ip, 16) == 0 && node->udp_port == from->port;
}

static bool on_pong(struct discv4 *discv4, const struct endpoint *from,
                    const struct discv4_packet *packet, const struct hash32 *id)
{
    struct query *query = query_find(discv4, QUERY_PING, id);
    struct enode node;
    struct bond *bond;
    if (!query || !hash32_equal(&query->hash, &packet->reply_to) || !same_udp(&query->to, from))
        return false;
    node = query->to;
    query_drop(discv4, query);
    bond = bond_make(discv4, id, from);
    bond->has_pong = true;
    bond->pong_ms = discv4->now_ms;
    seq_take(bond, packet);
    (void)kad_seen(discv4->kad, &node, discv4->now_ms);
    claim_take(discv4, id, from, &packet->to);
    discv4_lookup_pong(discv4, id);
    discv4_want_record(discv4, &node);
    if (!discv4->answered_ever) {
        discv4->answered_ever = true; /* the first node: there is somebody to ask */
        discv4->lookup_due_ms = discv4->now_ms;
    }
    return true;
}

static void on_findnode(struct discv4 *discv4, const struct endpoint *from,
                        const struct discv4_packet *packet)
{
    struct kad_node nodes[DISCV4_BUCKET_NODES];
    struct discv4_packet reply = {.type = DISCV4_NEIGHBORS};
    struct hash32 target;
    size_t count;
    enode_id(&target, &packet->target);
    count = kad_closest(discv4->kad, nodes, DISCV4_BUCKET_NODES, &target);
    for (size_t i = 0; i < count; i++) {
        if (kad_may_relay(from, &nodes[i].at.at))
            reply.nodes[reply.nodes_count++] = nodes[i].at;
        if (reply.nodes_count == DISCV4_NEIGHBORS_MAX) {
            send_packet(discv4, from, &reply);
            reply.nodes_count = 0;
        }
    }
    if (reply.nodes_count > 0 || count == 0)
        send_packet(discv4, from, &reply);
}

static bool on_neighbors(struct discv4 *discv4, const struct endpoint *from,
                         const struct discv4_packet *packet, const struct hash32 *id)
{
    struct query *query = query_find(discv4, QUERY_FINDNODE, id);
    if (!query || !same_udp(&query->to, from) ||
        query->nodes_count + packet->nodes_count > DISCV4_BUCKET_NODES)
        return false;
    query->nodes_count += packet->nodes_count;
    if (query->nodes_count == DISCV4_BUCKET_NODES || packet->nodes_count == 0)
        query_drop(discv4, query);
    else
        query = NULL; /* another packet may follow */
    for (size_t i = 0; i < packet->nodes_count; i++)
        if (packet->nodes[i].udp_port != 0 && kad_may_relay(from, &packet->nodes[i].at))
            discv4_lookup_heard(discv4, &packet->nodes[i]);
    if (query)
        discv4_lookup_answered(discv4, id, true);
    return true;
}

static void on_record_request(struct discv4 *discv4, const struct endpoint *from,
                              const struct discv4_packet *packet)
{
    struct discv4_packet reply = {.type = DISCV4_ENR_RESPONSE,
                                  .reply_to = packet->hash,
                                  .record = SPAN(discv4->record.rlp, discv4->record.size)};
    send_packet(discv4, from, &reply);
}

static bool on_record(struct discv4 *discv4, const struct endpoint *from,
                      const struct discv4_packet *packet, const struct hash32 *id)
{
    struct query *query = query_find(discv4, QUERY_RECORD, id);
    struct enr enr;
    struct bond *bond;
    if (!query || !hash32_equal(&query->hash, &packet->reply_to) || !same_udp(&query->to, from))
        return false;
    query_drop(discv4, query);
    if (!enr_decode(&enr, discv4->crypto, packet->record) ||
        memcmp(enr.key.bytes, packet->from.bytes, sizeof(enr.key.bytes)) != 0)
        return false;
    bond = bond_make(discv4, id, from);
    if (enr.seq < bond->enr_taken_seq)
        return true;
    bond->enr_taken_seq = enr.seq;
    bond->enr_taken_ms = discv4->now_ms;
    if (bond->enr_seq < enr.seq)
        bond->enr_seq = enr.seq;
    discv4->stats.records++;
    discv4->events.on_record(discv4->owner, &enr);
    return true;
}

/* ---- the door ---- */

static bool handle(struct discv4 *discv4, const struct endpoint *from,
                   const struct discv4_packet *packet)
{
    struct hash32 id;
    bool proved;
    enode_id(&id, &packet->from);
    if (hash32_equal(&id, &discv4->id))
        return false;
    if (packet->type != DISCV4_ENR_RESPONSE && packet->expiry_s < discv4->wall_s)
        return false;
    proved = discv4_is_proved(discv4, &id, from);
    switch (packet->type) {
    case DISCV4_PING:
        on_ping(discv4, from, packet, &id);
        return true;
    case DISCV4_PONG:
        return on_pong(discv4, from, packet, &id);
    case DISCV4_FINDNODE:
        if (proved)
            on_findnode(discv4, from, packet);
        discv4->stats.unproved += !proved;
        return true;
    case DISCV4_NEIGHBORS:
        return on_neighbors(discv4, from, packet, &id);
    case DISCV4_ENR_REQUEST:
        if (proved)
            on_record_request(discv4, from, packet);
        discv4->stats.unproved += !proved;
        return true;
    case DISCV4_ENR_RESPONSE:
        return on_record(discv4, from, packet, &id);
    }
    return false;
}

void discv4_receive(struct discv4 *discv4, uint64_t now_ms, int64_t wall_s,
                    const struct endpoint *from, struct span datagram)
{
    struct discv4_packet packet;
    discv4->now_ms = now_ms;
    discv4->wall_s = wall_s;
    discv4->stats.in++;
    if (!rate_take(&discv4->rate, now_ms, from)) {
        discv4->stats.limited++;
        return;
    }
    switch (discv4_packet_decode(&packet, discv4->crypto, datagram)) {
    case DISCV4_VALID:
        discv4->stats.bad += !handle(discv4, from, &packet);
        break;
    case DISCV4_UNKNOWN_TYPE:
        break;
    case DISCV4_INVALID:
        discv4->stats.bad++;
        break;
    }
    discv4_lookup_step(discv4);
}

/* ---- time ---- */

static void query_expired(struct discv4 *discv4, struct query *query)
{
    struct query gone = *query;
    if (gone.kind == QUERY_PING && gone.retries > 0) {
        query->retries--;
        query->due_ms = discv4->now_ms + DISCV4_REPLY_TIMEOUT_MS;
        ping_packet(discv4, query);
        return;
    }
    query_drop(discv4, query);
    switch (gone.kind) {
    case QUERY_PING:
        kad_failed(discv4->kad, &gone.id);
        break;
    case QUERY_FINDNODE:
        discv4_lookup_answered(discv4, &gone.id, gone.nodes_count > 0);
        break;
    case QUERY_RECORD:
        break;
    }
}

static void seeds_call(struct discv4 *discv4)
{
    discv4->seed_due_ms = discv4->now_ms + DISCV4_SEED_MS;
    if (kad_count(discv4->kad) > 0)
        return;
    discv4->answered_ever = false;
    discv4->looked_for_self = false;
    for (size_t i = 0; i < discv4->seeds_count; i++)
        (void)discv4_send_ping(discv4, &discv4->seeds[i], 1);
}

static void revalidate(struct discv4 *discv4)
{
    uint32_t random;
    const struct kad_node *node;
    discv4->events.draw(discv4->owner, &random, sizeof(random));
    discv4->revalidate_due_ms =
        discv4->now_ms + DISCV4_REVALIDATE_MS / 2 + random % DISCV4_REVALIDATE_MS;
    node = kad_oldest(discv4->kad, random >> 16);
    if (node)
        (void)discv4_send_ping(discv4, &node->at, REVALIDATE_RETRIES);
}

static void lookup_begin(struct discv4 *discv4)
{
    struct pubkey64 target = discv4->key;
    discv4->lookup_due_ms =
        discv4->now_ms + (discv4->searching ? DISCV4_SEARCH_MS : DISCV4_REFRESH_MS);
    if (discv4->lookup.running || kad_count(discv4->kad) == 0)
        return;
    if (discv4->looked_for_self)
        discv4->events.draw(discv4->owner, target.bytes, sizeof(target.bytes));
    discv4->looked_for_self = true;
    discv4->stats.lookups++;
    discv4_lookup_start(discv4, &target);
}

void discv4_tick(struct discv4 *discv4, uint64_t now_ms, int64_t wall_s)
{
    discv4->now_ms = now_ms;
    discv4->wall_s = wall_s;
    for (size_t i = discv4->queries_count; i-- > 0;)
        if (i < discv4->queries_count && discv4->queries[i].due_ms <= now_ms)
            query_expired(discv4, &discv4->queries[i]);
    if (discv4->seed_due_ms <= now_ms)
        seeds_call(discv4);
    if (discv4->revalidate_due_ms <= now_ms)
        revalidate(discv4);
    if (discv4->lookup_due_ms <= now_ms)
        lookup_begin(discv4);
    discv4_lookup_step(discv4);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t discv4_due_ms(const struct discv4 *discv4)
{
    uint64_t due = earlier(discv4->revalidate_due_ms, discv4->lookup_due_ms);
    if (kad_count(discv4->kad) == 0)
        due = discv4->seed_due_ms; /* nobody to check, nobody to ask */
    for (size_t i = 0; i < discv4->queries_count; i++)
        due = earlier(due, discv4->queries[i].due_ms);
    return earlier(due, discv4_lookup_due_ms(discv4));
}

/* ---- from outside ---- */

struct discv4 *discv4_new(struct crypto *crypto, const struct discv4_config *config,
                          const struct discv4_events *events, void *owner)
{
    struct discv4 *discv4 = mem_alloc(sizeof(*discv4));
    discv4->crypto = crypto;
    discv4->config = *config;
    if (config->eth) {
        discv4->eth = *config->eth;
        discv4->config.eth = &discv4->eth;
    }
    discv4->events = *events;
    discv4->owner = owner;
    crypto_pubkey(crypto, &discv4->key, &config->key);
    enode_id(&discv4->id, &discv4->key);
    discv4->kad = kad_new(&discv4->id);
    discv4->bonds = mem_alloc(DISCV4_BONDS_MAX * sizeof(*discv4->bonds));
    discv4->queries = mem_alloc(DISCV4_PENDING_MAX * sizeof(*discv4->queries));
    discv4->learns_ip = is_unspecified(&config->at);
    discv4->rate = (struct rate){.per_second_max = DISCV4_IN_PER_SECOND_MAX,
                                 .per_ip_max = DISCV4_IN_PER_IP_MAX};
    events->draw(owner, &discv4->rate.secret, sizeof(discv4->rate.secret));
    record_make(discv4);
    return discv4;
}

void discv4_free(struct discv4 *discv4)
{
    if (!discv4)
        return;
    kad_free(discv4->kad);
    mem_free(discv4->bonds);
    mem_free(discv4->queries);
    mem_wipe(discv4, sizeof(*discv4));
    mem_free(discv4);
}

void discv4_seed(struct discv4 *discv4, const struct enode *node)
{
    if (node->udp_port == 0 ||
        memcmp(node->key.bytes, discv4->key.bytes, sizeof(node->key.bytes)) == 0)
        return;
    for (size_t i = 0; i < discv4->seeds_count; i++)
        if (enode_equal(&discv4->seeds[i], node))
            return;
    if (discv4->seeds_count == DISCV4_SEEDS_MAX)
        memmove(&discv4->seeds[0], &discv4->seeds[1],
                --discv4->seeds_count * sizeof(*discv4->seeds));
    discv4->seeds[discv4->seeds_count++] = *node;
    if (kad_count(discv4->kad) == 0)
        discv4->seed_due_ms = discv4->now_ms;
}

void discv4_search(struct discv4 *discv4, bool on)
{
    if (on && !discv4->searching)
        discv4->lookup_due_ms = discv4->now_ms;
    discv4->searching = on;
}

void discv4_stats(const struct discv4 *discv4, struct discv4_stats *out)
{
    *out = discv4->stats;
    out->table_nodes = kad_count(discv4->kad);
}

bool discv4_knows(const struct discv4 *discv4, const struct hash32 *id)
{
    return kad_find(discv4->kad, id) != NULL;
}
