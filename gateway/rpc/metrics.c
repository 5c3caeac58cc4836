#include "gateway/rpc/metrics.h"

struct metric {
    enum metric_kind kind;
    char *name, *labels, *help;
    const uint64_t *value;
    double (*read)(void *owner);
    void *owner;
};

struct metrics {
    const char *prefix;
    struct metric *items;
    size_t count, capacity;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = mem_alloc(sizeof(struct metrics));
    metrics->prefix = "lesgate";
    return metrics;
}

void metrics_set_prefix(struct metrics *metrics, const char *prefix)
{
    metrics->prefix = prefix;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->count; i++) {
        mem_free(metrics->items[i].name);
        mem_free(metrics->items[i].labels);
        mem_free(metrics->items[i].help);
    }
    mem_free(metrics->items);
    mem_free(metrics);
}

static struct metric *add(struct metrics *metrics, enum metric_kind kind, const char *name,
                          const char *labels, const char *help)
{
    if (metrics->count == metrics->capacity) {
        metrics->capacity = metrics->capacity * 2 + 16;
        metrics->items = mem_realloc(metrics->items, metrics->capacity * sizeof *metrics->items);
    }
    struct metric *metric = &metrics->items[metrics->count++];
    *metric = (struct metric){.kind = kind,
                              .name = mem_strdup(name),
                              .labels = labels == NULL ? NULL : mem_strdup(labels),
                              .help = mem_strdup(help)};
    return metric;
}

void metrics_add(struct metrics *metrics, enum metric_kind kind, const char *name,
                 const char *labels, const char *help, const uint64_t *value)
{
    add(metrics, kind, name, labels, help)->value = value;
}

void metrics_add_function(struct metrics *metrics, enum metric_kind kind, const char *name,
                          const char *labels, const char *help, double (*read)(void *owner),
                          void *owner)
{
    struct metric *metric = add(metrics, kind, name, labels, help);
    metric->read = read;
    metric->owner = owner;
}

void metrics_print(const struct metrics *metrics, struct buf *out)
{
    for (size_t i = 0; i < metrics->count; i++) {
        const struct metric *metric = &metrics->items[i];
        if (i == 0 || strcmp(metric->name, metric[-1].name) != 0)
            buf_printf(out, "# HELP %s_%s %s\n# TYPE %s_%s %s\n", metrics->prefix, metric->name,
                       metric->help, metrics->prefix, metric->name,
                       metric->kind == METRIC_COUNTER ? "counter" : "gauge");
        buf_printf(out, "%s_%s", metrics->prefix, metric->name);
        if (metric->labels != NULL)
            buf_printf(out, "{%s}", metric->labels);
        if (metric->value != NULL)
            buf_printf(out, " %llu\n", (unsigned long long)*metric->value);
        else
            buf_printf(out, " %.9g\n", metric->read(metric->owner));
    }
}
