/* What /metrics of lesserve says. The first row takes a snapshot, the others point into it. */
#include "gateway/serve/serve_admin_inside.h"

#include <stdio.h>
#include <unistd.h>

static uint64_t resident_bytes(void)
{
    unsigned long long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* One if clients are served. */
static double look(void *owner)
{
    struct serve_admin *admin = owner;
    struct serve_snapshot *seen = &admin->seen;
    seen->memory_bytes = resident_bytes();
    if (admin->config.node != NULL) {
        serve_node_stats(admin->config.node, &seen->full, &seen->full_rpc);
        seen->node_up = seen->full.up;
        seen->node_rpc_up = seen->full_rpc.up;
    }
    if (!admin->serving)
        return 0;
    const struct serve_parts *parts = &admin->parts;
    int64_t wall_s = loop_wall_s(admin->config.loop);
    server_stats(parts->server, &seen->server);
    server_capacities(parts->server, &seen->capacity_total, &seen->capacity_connected);
    host_stats(server_host_inside(parts->host), &seen->host);
    if (serve_find_discovery(parts->find) != NULL)
        discovery_stats(serve_find_discovery(parts->find), &seen->discovery);
    parts->backend->ops->head(parts->backend, &seen->head);
    seen->head_age_s = wall_s > (int64_t)seen->head.time ? (uint64_t)wall_s - seen->head.time : 0;
    return 1;
}

static void add(struct serve_admin *admin, enum metric_kind kind, const char *name,
                const char *labels, const char *help, const uint64_t *value)
{
    metrics_add(admin->metrics, kind, name, labels, help, value);
}

static void add_kinds(struct serve_admin *admin, enum metric_kind kind, const char *name,
                      const char *help, const uint64_t *values)
{
    char labels[64];
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        snprintf(labels, sizeof(labels), "kind=\"%s\"", les_code_name(LES_COST_CODES[i]));
        add(admin, kind, name, labels, help, &values[i]);
    }
}

static void add_node(struct serve_admin *admin)
{
    const struct full_stats *full = &admin->seen.full;
    const struct full_rpc_stats *rpc = &admin->seen.full_rpc;
    char labels[64];
    add(admin, METRIC_GAUGE, "node_up", "what=\"connection\"", "One while the full node answers.",
        &admin->seen.node_rpc_up);
    add(admin, METRIC_GAUGE, "node_up", "what=\"chain\"", "", &admin->seen.node_up);
    add(admin, METRIC_GAUGE, "node_head_number", NULL, "The node's head.", &full->head_number);
    add(admin, METRIC_GAUGE, "node_window", NULL, "Headers linked to the head.", &full->window);
    add(admin, METRIC_COUNTER, "node_heads_total", NULL, "Times the head moved.", &full->heads);
    add(admin, METRIC_COUNTER, "node_reorgs_total", NULL,
        "Times it moved to a block that does not descend from the one before.", &full->reorgs);
    add(admin, METRIC_COUNTER, "node_resets_total", NULL,
        "Times it moved to a block of which nothing was known.", &full->resets);
    add(admin, METRIC_GAUGE, "node_head_failures", NULL,
        "Tries in a row to link its head to the chain that is served.", &full->head_failures);
    add_kinds(admin, METRIC_COUNTER, "node_questions_total", "Questions of clients, by kind.",
              full->asked);
    add(admin, METRIC_COUNTER, "node_answers_total", "result=\"given\"", "How they were answered.",
        &full->given);
    add(admin, METRIC_COUNTER, "node_answers_total", "result=\"none\"", "", &full->none);
    add(admin, METRIC_COUNTER, "node_answers_total", "result=\"unavailable\"", "",
        &full->unavailable);
    for (size_t i = 0; i < FULL_KIND_COUNT; i++) {
        snprintf(labels, sizeof(labels), "kind=\"%s\"", full_kind_text((enum full_kind)i));
        add(admin, METRIC_COUNTER, "node_unverified_total", labels,
            "Answers of the node that were refused as false.", &full->unverified[i]);
    }
    add(admin, METRIC_COUNTER, "node_errors_total", NULL, "Answers of the node that were errors.",
        &full->node_errors);
    add(admin, METRIC_COUNTER, "node_failures_total", NULL,
        "Questions that the node did not answer.", &full->node_failures);
    add(admin, METRIC_COUNTER, "node_turned_away_total", NULL, "Questions over the limit.",
        &full->turned_away);
    add(admin, METRIC_COUNTER, "node_unnamed_total", NULL, "Hashed keys whose name is not known.",
        &full->unnamed);
    add(admin, METRIC_GAUGE, "node_jobs", NULL, "Questions under way.", &full->jobs);
    add(admin, METRIC_COUNTER, "node_cache_total", "result=\"hit\"", "Looks into the cache.",
        &full->cache_hits);
    add(admin, METRIC_COUNTER, "node_cache_total", "result=\"miss\"", "", &full->cache_misses);
    add(admin, METRIC_GAUGE, "node_cache_bytes", NULL, "Bytes in it.", &full->cache_bytes);
    add(admin, METRIC_GAUGE, "node_names", NULL, "Addresses and slots known by their hash.",
        &full->names);
    add(admin, METRIC_GAUGE, "node_sections", NULL, "Sections of helper tries.", &full->sections);
    add(admin, METRIC_COUNTER, "node_calls_total", NULL, "Calls to the node.", &rpc->calls);
    add(admin, METRIC_COUNTER, "node_messages_total", NULL, "Messages with them.", &rpc->messages);
    add(admin, METRIC_COUNTER, "node_timeouts_total", NULL, "Calls without an answer in time.",
        &rpc->timeouts);
    add(admin, METRIC_COUNTER, "node_faults_total", NULL, "Messages that were no answer.",
        &rpc->faults);
    add(admin, METRIC_COUNTER, "node_bytes_total", "direction=\"in\"", "Bytes to and from it.",
        &rpc->bytes_in);
    add(admin, METRIC_COUNTER, "node_bytes_total", "direction=\"out\"", "", &rpc->bytes_out);
    add(admin, METRIC_COUNTER, "node_reply_microseconds_total", NULL,
        "Time until calls were answered, added up.", &rpc->reply_us);
}

void serve_metrics_add(struct serve_admin *admin)
{
    metrics_add_function(admin->metrics, METRIC_GAUGE, "serving", NULL,
                         "One while clients can be served.", look, admin);
    add(admin, METRIC_GAUGE, "memory_bytes", NULL, "Resident memory of the process.",
        &admin->seen.memory_bytes);
    if (admin->config.node != NULL)
        add_node(admin);
}

static void add_clients(struct serve_admin *admin, const struct server_stats *stats)
{
    add(admin, METRIC_GAUGE, "clients", NULL, "Clients now.", &stats->clients);
    add(admin, METRIC_COUNTER, "clients_total", NULL, "Clients so far.", &stats->clients_total);
    add(admin, METRIC_COUNTER, "clients_ended_total", "why=\"refused\"",
        "Connections that the server ended.", &stats->refused);
    add(admin, METRIC_COUNTER, "clients_ended_total", "why=\"no place\"", "", &stats->turned_away);
    add(admin, METRIC_COUNTER, "clients_ended_total", "why=\"displaced\"", "", &stats->displaced);
    add(admin, METRIC_COUNTER, "clients_ended_total", "why=\"dropped\"", "", &stats->dropped);
    add_kinds(admin, METRIC_COUNTER, "requests_total", "Requests accepted.", stats->requests);
    add_kinds(admin, METRIC_COUNTER, "items_total", "Items in them.", stats->items);
    add(admin, METRIC_COUNTER, "replies_total", NULL, "Replies sent.", &stats->replies);
    add(admin, METRIC_COUNTER, "reply_bytes_total", NULL, "Bytes in them.", &stats->reply_bytes);
    add(admin, METRIC_COUNTER, "ignored_total", NULL, "Requests passed over in silence.",
        &stats->ignored);
    add(admin, METRIC_COUNTER, "stops_total", NULL, "Clients stopped by flow control.",
        &stats->stops);
    add(admin, METRIC_COUNTER, "resumes_total", NULL, "And let go on.", &stats->resumes);
    add(admin, METRIC_COUNTER, "unavailable_total", NULL,
        "Items that are not there and counted against a client.", &stats->unavailable);
    add(admin, METRIC_COUNTER, "announcements_total", NULL, "Heads announced, per client.",
        &stats->announcements);
    add(admin, METRIC_GAUGE, "queued", NULL, "Requests waiting or in work.", &stats->queued);
    add(admin, METRIC_COUNTER, "cost_units_total", NULL, "Cost units charged.",
        &stats->cost_charged);
    add(admin, METRIC_COUNTER, "work_microseconds_total", NULL, "Work on requests.",
        &stats->work_us);
    add_kinds(admin, METRIC_GAUGE, "price", "Prices for new clients; 1024 is go-ethereum's.",
              stats->price_1024);
}

void serve_metrics_add_server(struct serve_admin *admin)
{
    const struct serve_snapshot *seen = &admin->seen;
    char labels[64];
    static const uint64_t one = 1;
    snprintf(labels, sizeof(labels), "kind=\"%s\"", serve_admin_source(admin));
    add(admin, METRIC_GAUGE, "source", labels, "Where the chain comes from.", &one);
    add(admin, METRIC_GAUGE, "head_number", NULL, "Number of the head.", &seen->head.block.number);
    add(admin, METRIC_GAUGE, "head_age_seconds", NULL, "Wall clock minus the head's timestamp.",
        &seen->head_age_s);
    add_clients(admin, &seen->server);
    add(admin, METRIC_GAUGE, "capacity", "of=\"server\"",
        "Cost units per millisecond that there are, and that clients hold.", &seen->capacity_total);
    add(admin, METRIC_GAUGE, "capacity", "of=\"clients\"", "", &seen->capacity_connected);
    add(admin, METRIC_COUNTER, "les_bytes_total", "direction=\"in\"",
        "Bytes on the wire to and from clients.", &seen->host.bytes_in);
    add(admin, METRIC_COUNTER, "les_bytes_total", "direction=\"out\"", "", &seen->host.bytes_out);
    add(admin, METRIC_COUNTER, "accepts_total", NULL, "Connections accepted.", &seen->host.accepts);
    add(admin, METRIC_COUNTER, "accepts_refused_total", NULL, "Connections over a limit.",
        &seen->host.accepts_refused);
    add(admin, METRIC_COUNTER, "handshakes_failed_total", NULL,
        "Connections that did not become a peer.", &seen->host.handshakes_failed);
    if (serve_find_discovery(admin->parts.find) == NULL)
        return;
    add(admin, METRIC_COUNTER, "discovery_datagrams_total", "direction=\"in\"",
        "Datagrams of discovery v4.", &seen->discovery.discv4_in);
    add(admin, METRIC_COUNTER, "discovery_datagrams_total", "direction=\"out\"", "",
        &seen->discovery.discv4_out);
    add(admin, METRIC_GAUGE, "discovery_nodes", NULL, "Nodes in its table.",
        &seen->discovery.table_nodes);
}
