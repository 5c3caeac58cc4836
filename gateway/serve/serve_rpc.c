/* The operator's methods: names, shapes and units of go-ethereum's les and admin namespaces. */
#include "gateway/rpc/params.h"
#include "gateway/serve/serve_admin_inside.h"

#include "les/eth/u256.h"

#include <stdio.h>
#include <stdlib.h>

#define PER_SECOND 1e9 /* factors come per second and act per nanosecond, as go-ethereum's */

static struct call_done fail_early(struct call *call)
{
    return call_fail(call, RPC_SERVER_ERROR,
                     "not serving yet: the full node's head is not verified", SPAN_EMPTY);
}

/* ---- nodes ---- */

/* An enode URL, of which only the key counts, a node record, or a node id of 64 digits. */
static bool read_node(struct call *call, const struct serve_admin *admin,
                      const struct json_t *value, struct hash32 *id)
{
    static const char SCHEME[] = "enode://";
    struct span text = json_text(value);
    size_t head = strlen(SCHEME) + 2 * sizeof(struct pubkey64);
    struct pubkey64 key;
    struct enr enr;
    if (json_kind(value) == JSON_KIND_STRING) {
        if (hex_decode_exact(id->bytes, 32, (const char *)text.data, text.size))
            return true;
        if (enr_parse(&enr, admin->config.crypto, text)) {
            enode_id(id, &enr.key);
            return true;
        }
        if (text.size >= head && memcmp(text.data, SCHEME, strlen(SCHEME)) == 0 &&
            (text.size == head || text.data[head] == '@') &&
            hex_decode_exact(key.bytes, sizeof(key.bytes), (const char *)text.data + strlen(SCHEME),
                             2 * sizeof(key.bytes))) {
            enode_id(id, &key);
            return true;
        }
    }
    return param_note(call, RPC_INVALID_PARAMS,
                      "a node is an enode URL, a signed record or an id of 64 hex digits");
}

static void put_id_key(struct buf *out, const struct hash32 *id)
{
    char text[65] = {0};
    hex_encode(text, SPAN(id->bytes, 32));
    json_put_key(out, text);
}

/* ---- les ---- */

static struct call_done les_server_info(struct call *call, void *ctx)
{
    struct serve_admin *admin = ctx;
    struct buf *out = call_result(call);
    uint64_t total, connected;
    if (!admin->serving)
        return fail_early(call);
    server_capacities(admin->parts.server, &total, &connected);
    json_put_object(out);
    json_put_key(out, "minimumCapacity");
    json_put_u64(out, SERVER_RECHARGE_UNIT);
    json_put_key(out, "maximumCapacity");
    json_put_u64(out, total);
    json_put_key(out, "totalCapacity");
    json_put_u64(out, total);
    json_put_key(out, "totalConnectedCapacity");
    json_put_u64(out, connected);
    json_put_key(out, "priorityConnectedCapacity");
    uint64_t priority = server_priority_capacity(admin->parts.server);
    json_put_u64(out, priority);
    json_put_object_end(out);
    return call_ok(call);
}

static void put_client(struct buf *out, const struct hash32 *id,
                       const struct server_client_info *info, uint64_t balance)
{
    put_id_key(out, id);
    json_put_object(out);
    json_put_key(out, "isConnected");
    json_put_bool(out, info != NULL);
    json_put_key(out, "pricing/balance");
    json_put_u64(out, balance);
    json_put_key(out, "priority");
    json_put_bool(out, balance > 0);
    if (info != NULL) {
        json_put_key(out, "connectionTime");
        json_put_double(out, (double)info->connected_ms / 1000);
        json_put_key(out, "capacity");
        json_put_u64(out, info->capacity);
        json_put_key(out, "pricing/negBalance");
        json_put_u64(out, info->debt);
    }
    json_put_object_end(out);
}

static void put_connected(void *owner, const struct server_client_info *info)
{
    put_client(owner, &info->id, info, info->balance);
}

static void put_known(struct buf *out, struct server *server, const struct hash32 *id)
{
    struct server_client_info info;
    bool connected = server_client_info(server, id, &info);
    put_client(out, id, connected ? &info : NULL,
               connected ? info.balance : server_balance(server, id));
}

static struct call_done les_client_info(struct call *call, void *ctx)
{
    struct serve_admin *admin = ctx;
    const struct json_t *nodes = call_param(call, 0);
    struct buf *out = call_result(call);
    if (!admin->serving)
        return fail_early(call);
    json_put_object(out);
    if (json_count(nodes) == 0)
        server_each_client(admin->parts.server, put_connected, out);
    for (size_t i = 0; i < json_count(nodes); i++) {
        struct hash32 id;
        if (!read_node(call, admin, json_item(nodes, i), &id))
            return call_fail_param(call);
        put_known(out, admin->parts.server, &id);
    }
    json_put_object_end(out);
    return call_ok(call);
}

struct listing {
    struct server *server;
    struct buf *out;
    size_t left;
};

static void put_listed(void *owner, const struct hash32 *id, uint64_t amount)
{
    struct listing *listing = owner;
    (void)amount;             /* as of its last writing; the server knows better */
    if (listing->left == 0) { /* where to go on */
        put_id_key(listing->out, id);
        json_put_object(listing->out);
        json_put_object_end(listing->out);
        return;
    }
    listing->left--;
    put_known(listing->out, listing->server, id);
}

static struct call_done les_priority_client_info(struct call *call, void *ctx)
{
    struct serve_admin *admin = ctx;
    struct hash32 first, last;
    const struct json_t *most = call_param(call, 2);
    if (!admin->serving)
        return fail_early(call);
    if (!read_node(call, admin, call_param(call, 0), &first) ||
        !read_node(call, admin, call_param(call, 1), &last))
        return call_fail_param(call);
    if (json_kind(most) != JSON_KIND_INTEGER || json_integer_of(most) < 0)
        return call_fail(call, RPC_INVALID_PARAMS, "invalid argument 2: a count is wanted",
                         SPAN_EMPTY);
    struct listing listing = {.server = admin->parts.server,
                              .out = call_result(call),
                              .left = (size_t)json_integer_of(most)};
    server_save_balances(admin->parts.server);
    json_put_object(listing.out);
    balances_each(admin->parts.balances, &first, &last, listing.left + 1, put_listed, &listing);
    json_put_object_end(listing.out);
    return call_ok(call);
}

static struct call_done les_add_balance(struct call *call, void *ctx)
{
    struct serve_admin *admin = ctx;
    struct hash32 id;
    uint64_t before, after;
    const struct json_t *amount = call_param(call, 1);
    if (!admin->serving)
        return fail_early(call);
    if (!read_node(call, admin, call_param(call, 0), &id))
        return call_fail_param(call);
    if (json_kind(amount) != JSON_KIND_INTEGER)
        return call_fail(call, RPC_INVALID_PARAMS, "invalid argument 1: an integer is wanted",
                         SPAN_EMPTY);
    if (!server_add_balance(admin->parts.server, &id, json_integer_of(amount), &before, &after))
        return call_fail(call, RPC_SERVER_ERROR, "balance overflow", SPAN_EMPTY);
    json_put_array(call_result(call));
    json_put_u64(call_result(call), before);
    json_put_u64(call_result(call), after);
    json_put_array_end(call_result(call));
    return call_ok(call);
}

/* ---- prices and capacity ---- */

struct change {
    struct server_pricing pricing;
    bool reprices, has_capacity;
    uint64_t capacity; /* in units of the smallest */
};

static double *factor_named(struct server_pricing *pricing, struct span name)
{
    const struct {
        const char *name;
        double *factor;
    } rows[] = {
        {"pricing/timeFactor", &pricing->positive.time},
        {"pricing/capacityFactor", &pricing->positive.capacity},
        {"pricing/requestCostFactor", &pricing->positive.request},
        {"pricing/negative/timeFactor", &pricing->negative.time},
        {"pricing/negative/capacityFactor", &pricing->negative.capacity},
        {"pricing/negative/requestCostFactor", &pricing->negative.request},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (span_equal(name, SPAN_STR(rows[i].name)))
            return rows[i].factor;
    return NULL;
}

/* Sums of what a client uses stay far below what 64 bits hold. */
#define FACTOR_MAX 1e9

static bool read_change(struct call *call, const struct serve_admin *admin,
                        const struct json_t *params, bool of_client, struct change *change)
{
    size_t position = 0;
    struct span name;
    struct json_t *value;
    uint64_t total, connected;
    server_capacities(admin->parts.server, &total, &connected);
    if (json_kind(params) != JSON_KIND_OBJECT)
        return param_note(call, RPC_INVALID_PARAMS, "an object of parameters is wanted");
    while (json_each(params, &position, &name, &value)) {
        double *factor = factor_named(&change->pricing, name);
        bool is_capacity = of_client && span_equal(name, SPAN_STR("capacity"));
        double number = json_real_of(value);
        if (factor == NULL && !is_capacity)
            return param_note(call, RPC_SERVER_ERROR, "invalid %s parameter '%.*s'",
                              of_client ? "client" : "default", (int)name.size,
                              (const char *)name.data);
        bool is_number =
            json_kind(value) == JSON_KIND_INTEGER || json_kind(value) == JSON_KIND_REAL;
        if (!is_number || !(number >= 0) || (!is_capacity && number > FACTOR_MAX) ||
            (is_capacity && (number < (double)SERVER_RECHARGE_UNIT || number > (double)total)))
            return param_note(call, RPC_SERVER_ERROR, "invalid value for parameter '%.*s'",
                              (int)name.size, (const char *)name.data);
        if (is_capacity) {
            change->has_capacity = true;
            change->capacity = (uint64_t)number / SERVER_RECHARGE_UNIT;
        } else {
            *factor = number / PER_SECOND;
            change->reprices = true;
        }
    }
    return true;
}

/* More than others have is for those with a balance, and must be there. */
static bool may_have(struct call *call, const struct serve_admin *admin, const struct hash32 *id,
                     uint64_t capacity)
{
    struct server_client_info info;
    uint64_t total, connected, wanted = capacity * SERVER_RECHARGE_UNIT;
    uint64_t usual = admin->config.conf->capacity * SERVER_RECHARGE_UNIT;
    server_capacities(admin->parts.server, &total, &connected);
    if (!server_client_info(admin->parts.server, id, &info) || wanted <= usual ||
        wanted <= info.capacity)
        return true;
    if (info.balance == 0)
        return param_note(call, RPC_SERVER_ERROR,
                          "priority too low to raise capacity: it has no balance");
    if (connected - info.capacity + wanted > total)
        return param_note(call, RPC_SERVER_ERROR,
                          "not so much capacity is left: %llu of %llu are held",
                          (unsigned long long)connected, (unsigned long long)total);
    return true;
}

static bool change_client(struct call *call, const struct serve_admin *admin,
                          const struct hash32 *id, const struct json_t *params)
{
    struct server *server = admin->parts.server;
    struct change change = {.reprices = false};
    char text[65] = {0};
    hex_encode(text, SPAN(id->bytes, 32));
    if (!server_pricing_get(server, id, &change.pricing))
        return param_note(call, RPC_SERVER_ERROR, "client %s is not connected", text);
    if (!read_change(call, admin, params, true, &change) ||
        (change.has_capacity && !may_have(call, admin, id, change.capacity)))
        return false;
    if (change.reprices && !server_pricing_set(server, id, &change.pricing))
        return param_note(call, RPC_SERVER_ERROR, "client %s is not connected", text);
    if (change.has_capacity && !server_set_capacity(server, id, change.capacity))
        return param_note(call, RPC_SERVER_ERROR, "client %s is not connected", text);
    return true;
}

static struct call_done les_set_client_params(struct call *call, void *ctx)
{
    struct serve_admin *admin = ctx;
    const struct json_t *nodes = call_param(call, 0);
    if (!admin->serving)
        return fail_early(call);
    if (json_kind(nodes) != JSON_KIND_ARRAY)
        return call_fail(call, RPC_INVALID_PARAMS,
                         "invalid argument 0: an array of nodes is wanted", SPAN_EMPTY);
    for (size_t i = 0; i < json_count(nodes); i++) {
        struct hash32 id;
        if (!read_node(call, admin, json_item(nodes, i), &id) ||
            !change_client(call, admin, &id, call_param(call, 1)))
            return call_fail_param(call);
    }
    json_put_null(call_result(call));
    return call_ok(call);
}

static struct call_done les_set_default_params(struct call *call, void *ctx)
{
    struct serve_admin *admin = ctx;
    struct change change = {.reprices = false};
    if (!admin->serving)
        return fail_early(call);
    (void)server_pricing_get(admin->parts.server, NULL, &change.pricing);
    if (!read_change(call, admin, call_param(call, 0), false, &change))
        return call_fail_param(call);
    (void)server_pricing_set(admin->parts.server, NULL, &change.pricing);
    json_put_null(call_result(call));
    return call_ok(call);
}

static struct call_done debug_freeze_client(struct call *call, void *ctx)
{
    struct serve_admin *admin = ctx;
    struct hash32 id;
    if (!admin->serving)
        return fail_early(call);
    if (!read_node(call, admin, call_param(call, 0), &id))
        return call_fail_param(call);
    if (!server_freeze_client(admin->parts.server, &id))
        return call_fail(call, RPC_SERVER_ERROR, "client is not connected", SPAN_EMPTY);
    json_put_null(call_result(call));
    return call_ok(call);
}

/* ---- checkpoints ---- */

static struct call_done fail_no_checkpoint(struct call *call)
{
    return call_fail(call, RPC_SERVER_ERROR, "no local checkpoint provided", SPAN_EMPTY);
}

static bool newest_checkpoint(const struct serve_admin *admin, struct les_checkpoint *out)
{
    struct les_serve_head head;
    admin->parts.backend->ops->head(admin->parts.backend, &head);
    *out = head.checkpoint;
    return head.has_checkpoint;
}

static void put_roots(struct buf *out, const struct les_checkpoint *checkpoint)
{
    json_put_hash(out, &checkpoint->head);
    json_put_hash(out, &checkpoint->cht_root);
    json_put_hash(out, &checkpoint->bloom_root);
    json_put_array_end(out);
}

static struct call_done les_latest_checkpoint(struct call *call, void *ctx)
{
    const struct serve_admin *admin = ctx;
    struct les_checkpoint checkpoint;
    if (!admin->serving)
        return fail_early(call);
    if (!newest_checkpoint(admin, &checkpoint))
        return fail_no_checkpoint(call);
    json_put_array(call_result(call));
    json_put_quantity(call_result(call), checkpoint.section);
    put_roots(call_result(call), &checkpoint);
    return call_ok(call);
}

/* Over a full node only the newest is remembered by its roots. */
static struct call_done les_get_checkpoint(struct call *call, void *ctx)
{
    const struct serve_admin *admin = ctx;
    struct les_checkpoint checkpoint;
    uint64_t index;
    if (!admin->serving)
        return fail_early(call);
    if (!param_count(call, 0, &index))
        return call_fail_param(call);
    if (admin->parts.ledger != NULL) {
        const struct ledger_section *section = ledger_section(admin->parts.ledger, index);
        if (section == NULL)
            return fail_no_checkpoint(call);
        checkpoint =
            (struct les_checkpoint){index, section->head, section->cht_root, section->bloom_root};
    } else if (!newest_checkpoint(admin, &checkpoint) || checkpoint.section != index) {
        return fail_no_checkpoint(call);
    }
    json_put_array(call_result(call));
    put_roots(call_result(call), &checkpoint);
    return call_ok(call);
}

/* ---- admin ---- */

static void put_text(struct buf *out, const char *key, const char *text)
{
    json_put_key(out, key);
    json_put_string(out, SPAN_STR(text));
}

static void put_enode(struct buf *out, const struct enode *enode)
{
    char text[ENODE_TEXT_SIZE], id_text[65] = {0};
    struct hash32 id;
    enode_id(&id, &enode->key);
    hex_encode(id_text, SPAN(id.bytes, 32));
    enode_format(text, enode);
    put_text(out, "id", id_text);
    put_text(out, "enode", text);
}

static void put_les(struct buf *out, const struct serve_parts *parts)
{
    struct les_serve_head head;
    parts->backend->ops->head(parts->backend, &head);
    json_put_key(out, "protocols");
    json_put_object(out);
    json_put_key(out, "les");
    json_put_object(out);
    json_put_key(out, "network");
    json_put_u64(out, parts->spec->network_id);
    json_put_key(out, "genesis");
    json_put_hash(out, &parts->spec->genesis_hash);
    json_put_key(out, "head");
    json_put_hash(out, &head.block.hash);
    json_put_key(out, "difficulty");
    json_put_quantity256(out, &head.td);
    json_put_object_end(out);
    json_put_object_end(out);
}

static struct call_done admin_node_info(struct call *call, void *ctx)
{
    const struct serve_admin *admin = ctx;
    struct buf *out = call_result(call), record = {0};
    if (!admin->serving)
        return fail_early(call);
    const struct serve_parts *parts = &admin->parts;
    struct enode self;
    char at[ENDPOINT_TEXT_SIZE], ip[ENDPOINT_TEXT_SIZE];
    host_self(server_host_inside(parts->host), &self);
    endpoint_format(at, &self.at);
    snprintf(ip, sizeof(ip), "%.*s", (int)(strrchr(at, ':') - at), at);
    enr_format(&record, serve_find_record(parts->find));
    json_put_object(out);
    put_enode(out, &self);
    put_text(out, "name", admin->config.client_version);
    json_put_key(out, "enr");
    json_put_string(out, buf_span(&record));
    put_text(out, "ip", ip);
    json_put_key(out, "ports");
    json_put_object(out);
    json_put_key(out, "discovery");
    json_put_u64(out, serve_find_discovery(parts->find) != NULL ? self.at.port : 0);
    json_put_key(out, "listener");
    json_put_u64(out, self.at.port);
    json_put_object_end(out);
    put_text(out, "listenAddr", at);
    put_les(out, parts);
    json_put_object_end(out);
    buf_free(&record);
    return call_ok(call);
}

static void put_peer(struct buf *out, const struct peer *peer, const char *local)
{
    struct enode enode;
    char remote[ENDPOINT_TEXT_SIZE], cap[24];
    size_t count;
    const struct peer_cap *shared = peer_shared(peer, &count);
    peer_enode(peer, &enode);
    endpoint_format(remote, peer_endpoint(peer));
    json_put_object(out);
    put_enode(out, &enode);
    put_text(out, "name", peer_client_id(peer));
    json_put_key(out, "caps");
    json_put_array(out);
    for (size_t i = 0; i < count; i++) {
        snprintf(cap, sizeof(cap), "%s/%u", shared[i].name, shared[i].version);
        json_put_string(out, SPAN_STR(cap));
    }
    json_put_array_end(out);
    json_put_key(out, "network");
    json_put_object(out);
    put_text(out, "localAddress", local);
    put_text(out, "remoteAddress", remote);
    json_put_key(out, "inbound");
    json_put_bool(out, peer_inbound(peer));
    json_put_object_end(out);
    json_put_key(out, "protocols");
    json_put_object(out);
    json_put_key(out, "les");
    json_put_object(out);
    json_put_key(out, "version");
    json_put_u64(out, count > 0 ? shared[0].version : 0);
    json_put_object_end(out);
    json_put_object_end(out);
    json_put_object_end(out);
}

static struct call_done admin_peers(struct call *call, void *ctx)
{
    const struct serve_admin *admin = ctx;
    if (!admin->serving)
        return fail_early(call);
    struct host *host = server_host_inside(admin->parts.host);
    struct enode self;
    char local[ENDPOINT_TEXT_SIZE];
    host_self(host, &self);
    endpoint_format(local, &self.at);
    json_put_array(call_result(call));
    for (size_t i = 0; i < host_peers_count(host); i++)
        put_peer(call_result(call), host_peer_at(host, i), local);
    json_put_array_end(call_result(call));
    return call_ok(call);
}

/* Ends a client's connection; it may come back. True also where there was none, as go-ethereum. */
static struct call_done admin_remove_peer(struct call *call, void *ctx)
{
    const struct serve_admin *admin = ctx;
    struct hash32 id;
    if (!admin->serving)
        return fail_early(call);
    if (!read_node(call, admin, call_param(call, 0), &id))
        return call_fail_param(call);
    (void)server_drop_client(admin->parts.server, &id);
    json_put_bool(call_result(call), true);
    return call_ok(call);
}

static struct call_done web3_version(struct call *call, void *ctx)
{
    const struct serve_admin *admin = ctx;
    json_put_string(call_result(call), SPAN_STR(admin->config.client_version));
    return call_ok(call);
}

static struct call_done rpc_modules(struct call *call, void *ctx)
{
    static const char *const MODULES[] = {"admin", "debug", "les", "rpc", "web3"};
    (void)ctx;
    json_put_object(call_result(call));
    for (size_t i = 0; i < ARRAY_COUNT(MODULES); i++)
        put_text(call_result(call), MODULES[i], "1.0");
    json_put_object_end(call_result(call));
    return call_ok(call);
}

const struct rpc_method SERVE_METHODS[] = {
    {"les_serverInfo", les_server_info, "", CALL_CACHE_NEVER},
    {"les_clientInfo", les_client_info, "*?", CALL_CACHE_NEVER},
    {"les_priorityClientInfo", les_priority_client_info, "SS*", CALL_CACHE_NEVER},
    {"les_addBalance", les_add_balance, "**", CALL_CACHE_NEVER},
    {"les_setClientParams", les_set_client_params, "**", CALL_CACHE_NEVER},
    {"les_setDefaultParams", les_set_default_params, "*", CALL_CACHE_NEVER},
    {"les_latestCheckpoint", les_latest_checkpoint, "", CALL_CACHE_NEVER},
    {"les_getCheckpoint", les_get_checkpoint, "C", CALL_CACHE_NEVER},
    {"debug_freezeClient", debug_freeze_client, "*", CALL_CACHE_NEVER},
    {"admin_nodeInfo", admin_node_info, "", CALL_CACHE_NEVER},
    {"admin_peers", admin_peers, "", CALL_CACHE_NEVER},
    {"admin_removePeer", admin_remove_peer, "*", CALL_CACHE_NEVER},
    {"web3_clientVersion", web3_version, "", CALL_CACHE_NEVER},
    {"rpc_modules", rpc_modules, "", CALL_CACHE_NEVER},
};
const size_t SERVE_METHODS_COUNT = ARRAY_COUNT(SERVE_METHODS);
