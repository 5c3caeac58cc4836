#include "gateway/light/light_metrics.h"

#include "gateway/light/exec.h"
#include "les/base/loop.h"

static double read_head(void *owner)
{
    const struct light *light = owner;
    const struct block_header *head = chain_head(light->chain);
    return head != NULL ? (double)head->header.number : -1;
}

static double read_head_age(void *owner)
{
    const struct light *light = owner;
    const struct block_header *head = chain_head(light->chain);
    return head != NULL ? (double)(loop_wall_s(light->loop) - (int64_t)head->header.timestamp) : -1;
}

#define READ_QUORUM(field)                                                                         \
    static double read_quorum_##field(void *owner)                                                 \
    {                                                                                              \
        const struct light *light = owner;                                                         \
        struct chain_quorum quorum;                                                                \
        chain_quorum(light->chain, &quorum);                                                       \
        return (double)quorum.field;                                                               \
    }
READ_QUORUM(configured)
READ_QUORUM(connected)
READ_QUORUM(needed)
READ_QUORUM(agreeing)

#define READ_CLIENT(name, expression)                                                              \
    static double read_client_##name(void *owner)                                                  \
    {                                                                                              \
        const struct light *light = owner;                                                         \
        struct les_client_stats stats;                                                             \
        les_client_stats(light->client, &stats);                                                   \
        return (double)(expression);                                                               \
    }
READ_CLIENT(messages, stats.messages)
READ_CLIENT(merged, stats.merged)
READ_CLIENT(lies, stats.lies)
READ_CLIENT(hedges, stats.hedges)
READ_CLIENT(timeouts, stats.timeouts)
READ_CLIENT(unsolicited, stats.unsolicited)
READ_CLIENT(queued, stats.queued)
READ_CLIENT(in_flight, stats.in_flight)

#define READ_CHAIN(name, expression)                                                               \
    static double read_chain_##name(void *owner)                                                   \
    {                                                                                              \
        const struct light *light = owner;                                                         \
        struct chain_stats stats;                                                                  \
        chain_stats(light->chain, &stats);                                                         \
        return (double)(expression);                                                               \
    }
READ_CHAIN(reorgs, stats.reorgs)
READ_CHAIN(deepest, stats.deepest_reorg)
READ_CHAIN(headers, stats.headers)
READ_CHAIN(by_parent, stats.found_by[HEADER_BY_PARENT])
READ_CHAIN(by_quorum, stats.found_by[HEADER_BY_QUORUM])
READ_CHAIN(by_state, stats.found_by[HEADER_BY_STATE])
READ_CHAIN(by_cht, stats.found_by[HEADER_BY_CHT])

#define READ_CACHE(name, expression)                                                               \
    static double read_cache_##name(void *owner)                                                   \
    {                                                                                              \
        const struct light *light = owner;                                                         \
        struct cache_stats stats;                                                                  \
        light->cache->ops->stats(light->cache, &stats);                                            \
        return (double)(expression);                                                               \
    }
READ_CACHE(bytes, stats.bytes)
READ_CACHE(entries, stats.entries)
READ_CACHE(evictions, stats.evictions)
READ_CACHE(node_hits, stats.hits[CACHE_NODE])
READ_CACHE(node_misses, stats.misses[CACHE_NODE])
READ_CACHE(answer_hits, stats.hits[CACHE_ANSWER])
READ_CACHE(answer_misses, stats.misses[CACHE_ANSWER])

#define READ_EXEC(field)                                                                           \
    static double read_exec_##field(void *owner)                                                   \
    {                                                                                              \
        const struct light *light = owner;                                                         \
        struct exec_stats stats;                                                                   \
        exec_stats(light->exec, &stats);                                                           \
        return (double)stats.field;                                                                \
    }
READ_EXEC(jobs)
READ_EXEC(runs)
READ_EXEC(rounds)
READ_EXEC(wants)
READ_EXEC(timed_out)
READ_EXEC(running)

static double read_bytes_in(void *owner)
{
    const struct light *light = owner;
    struct host_stats stats;
    host_stats(les_client_host(light->client), &stats);
    return (double)stats.bytes_in;
}

static double read_bytes_out(void *owner)
{
    const struct light *light = owner;
    struct host_stats stats;
    host_stats(les_client_host(light->client), &stats);
    return (double)stats.bytes_out;
}

void light_metrics_add(struct metrics *metrics, struct light *light)
{
    static const struct {
        enum metric_kind kind;
        const char *name, *labels, *help;
        double (*read)(void *owner);
    } ROWS[] = {
        {METRIC_GAUGE, "head_number", NULL, "Number of the verified head; -1 without a quorum.",
         read_head},
        {METRIC_GAUGE, "head_age_seconds", NULL, "Wall clock minus the head's timestamp.",
         read_head_age},
        {METRIC_GAUGE, "ulc_servers", "state=\"configured\"", "Trusted servers.",
         read_quorum_configured},
        {METRIC_GAUGE, "ulc_servers", "state=\"connected\"", "", read_quorum_connected},
        {METRIC_GAUGE, "ulc_servers", "state=\"needed\"", "", read_quorum_needed},
        {METRIC_GAUGE, "ulc_servers", "state=\"agreeing\"", "", read_quorum_agreeing},
        {METRIC_COUNTER, "les_messages_total", NULL, "Requests sent to LES servers.",
         read_client_messages},
        {METRIC_COUNTER, "les_merged_total", NULL, "Questions that shared another one's message.",
         read_client_merged},
        {METRIC_COUNTER, "les_lies_total", NULL, "Answers that were refused as false.",
         read_client_lies},
        {METRIC_COUNTER, "les_hedges_total", NULL,
         "Questions asked again because a server was slow.", read_client_hedges},
        {METRIC_COUNTER, "les_timeouts_total", NULL, "Questions that nobody answered in time.",
         read_client_timeouts},
        {METRIC_COUNTER, "les_unsolicited_total", NULL, "Replies that nobody asked for.",
         read_client_unsolicited},
        {METRIC_GAUGE, "les_queued", NULL, "Questions waiting for a server.", read_client_queued},
        {METRIC_GAUGE, "les_in_flight", NULL, "Questions under way.", read_client_in_flight},
        {METRIC_COUNTER, "les_bytes_total", "direction=\"in\"",
         "Bytes on the wire to and from LES servers.", read_bytes_in},
        {METRIC_COUNTER, "les_bytes_total", "direction=\"out\"", "", read_bytes_out},
        {METRIC_COUNTER, "reorgs_total", NULL, "Times that the head left its branch.",
         read_chain_reorgs},
        {METRIC_GAUGE, "reorg_depth_max", NULL, "Most blocks that one reorg left behind.",
         read_chain_deepest},
        {METRIC_GAUGE, "headers", NULL, "Headers in memory.", read_chain_headers},
        {METRIC_COUNTER, "headers_found_total", "proof=\"parent\"",
         "Older headers verified, by the way it was done.", read_chain_by_parent},
        {METRIC_COUNTER, "headers_found_total", "proof=\"quorum\"", "", read_chain_by_quorum},
        {METRIC_COUNTER, "headers_found_total", "proof=\"state\"", "", read_chain_by_state},
        {METRIC_COUNTER, "headers_found_total", "proof=\"cht\"", "", read_chain_by_cht},
        {METRIC_COUNTER, "exec_calls_total", NULL, "Calls that ran EVM code.", read_exec_jobs},
        {METRIC_COUNTER, "exec_runs_total", NULL, "Runs of EVM code on a worker.", read_exec_runs},
        {METRIC_COUNTER, "exec_rounds_total", NULL, "Rounds of fetching state between runs.",
         read_exec_rounds},
        {METRIC_COUNTER, "exec_values_total", NULL, "Values that runs lacked and got.",
         read_exec_wants},
        {METRIC_COUNTER, "exec_timed_out_total", NULL, "Calls past their computing time.",
         read_exec_timed_out},
        {METRIC_GAUGE, "exec_running", NULL, "Runs on a worker now.", read_exec_running},
        {METRIC_GAUGE, "cache_bytes", NULL, "Bytes in the memory cache.", read_cache_bytes},
        {METRIC_GAUGE, "cache_entries", NULL, "Entries in the memory cache.", read_cache_entries},
        {METRIC_COUNTER, "cache_evictions_total", NULL, "Entries that had to go.",
         read_cache_evictions},
        {METRIC_COUNTER, "cache_hits_total", "kind=\"node\"",
         "Cache look-ups that found something.", read_cache_node_hits},
        {METRIC_COUNTER, "cache_hits_total", "kind=\"answer\"", "", read_cache_answer_hits},
        {METRIC_COUNTER, "cache_misses_total", "kind=\"node\"",
         "Cache look-ups that found nothing.", read_cache_node_misses},
        {METRIC_COUNTER, "cache_misses_total", "kind=\"answer\"", "", read_cache_answer_misses},
    };
    for (size_t i = 0; i < ARRAY_COUNT(ROWS); i++)
        metrics_add_function(metrics, ROWS[i].kind, ROWS[i].name, ROWS[i].labels, ROWS[i].help,
                             ROWS[i].read, light);
}

void light_metrics_add_rpc(struct metrics *metrics, const struct rpc_counts *counts)
{
    metrics_add(metrics, METRIC_COUNTER, "rpc_requests_total", NULL, "JSON-RPC messages.",
                &counts->requests);
    metrics_add(metrics, METRIC_COUNTER, "rpc_batches_total", NULL, "Messages that were batches.",
                &counts->batches);
    metrics_add(metrics, METRIC_COUNTER, "rpc_calls_total", NULL, "Calls.", &counts->calls);
    metrics_add(metrics, METRIC_COUNTER, "rpc_failed_total", NULL, "Calls that ended in an error.",
                &counts->failed);
    metrics_add(metrics, METRIC_COUNTER, "rpc_timed_out_total", NULL, "Calls past their deadline.",
                &counts->timed_out);
    metrics_add(metrics, METRIC_COUNTER, "rpc_cancelled_total", NULL,
                "Calls that nobody waited for.", &counts->cancelled);
    metrics_add(metrics, METRIC_COUNTER, "rpc_refused_total", NULL, "Calls over the limit.",
                &counts->refused);
    metrics_add(metrics, METRIC_COUNTER, "rpc_parse_errors_total", NULL,
                "Messages that are no JSON.", &counts->parse_errors);
    metrics_add(metrics, METRIC_GAUGE, "rpc_in_flight", NULL, "Calls under way.",
                &counts->in_flight);
}
