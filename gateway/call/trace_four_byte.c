/* 4byteTracer: how often each function was called, by its selector and the size of its arguments.
 * And noopTracer, which goes along and says nothing. */
#include "gateway/call/trace.h"

#include <stdio.h>
#include <stdlib.h>

struct selector {
    char key[32]; /* "0x27dc297e-128" */
    uint64_t count;
};

struct selectors {
    struct trace trace;
    enum evm_revision revision;
    struct selector *rows; /* sorted by key */
    size_t count, capacity;
};

static void count_one(struct selectors *selectors, const char *key)
{
    size_t low = 0, high = selectors->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(selectors->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct selector *rows = selectors->rows;
    if (low < selectors->count && strcmp(rows[low].key, key) == 0) {
        rows[low].count++;
        return;
    }
    if (!trace_take(&selectors->trace, sizeof *rows))
        return;
    if (selectors->count == selectors->capacity) {
        selectors->capacity = selectors->capacity == 0 ? 16 : selectors->capacity * 2;
        selectors->rows = rows = mem_realloc(rows, selectors->capacity * sizeof *rows);
    }
    memmove(&rows[low + 1], &rows[low], (selectors->count - low) * sizeof *rows);
    rows[low] = (struct selector){.count = 1};
    memcpy(rows[low].key, key, strlen(key));
    selectors->count++;
}

static void on_enter(struct evm_tracer *tracer, enum evm_call_kind kind, unsigned depth,
                     const struct address20 *from, const struct address20 *to,
                     const struct u256 *value, struct span input, uint64_t gas)
{
    (void)depth, (void)from, (void)value, (void)gas;
    struct selectors *selectors = container_of(tracer, struct selectors, trace.evm);
    bool calls = kind == EVM_CALL || kind == EVM_CALLCODE || kind == EVM_DELEGATECALL ||
                 kind == EVM_STATICCALL;
    char key[32];
    if (!calls || input.size < 4 ||
        evm_precompile_at(selectors->revision, to) != EVM_PRECOMPILE_NONE)
        return;
    snprintf(key, sizeof key, "0x%02x%02x%02x%02x-%zu", input.data[0], input.data[1], input.data[2],
             input.data[3], input.size - 4);
    count_one(selectors, key);
}

static void begin(struct trace *trace, const struct trace_subject *subject)
{
    struct selectors *selectors = container_of(trace, struct selectors, trace);
    selectors->revision = subject->revision;
    selectors->count = 0;
}

static void finish(struct trace *trace, uint64_t gas_used, struct buf *out)
{
    (void)gas_used;
    const struct selectors *selectors = container_of(trace, struct selectors, trace);
    json_put_object(out);
    for (size_t i = 0; i < selectors->count; i++) {
        json_put_key(out, selectors->rows[i].key);
        json_put_u64(out, selectors->rows[i].count);
    }
    json_put_object_end(out);
}

static void free_selectors(struct trace *trace)
{
    struct selectors *selectors = container_of(trace, struct selectors, trace);
    mem_free(selectors->rows);
    mem_free(selectors);
}

struct trace *trace_four_byte_new(void)
{
    static const struct evm_tracer_ops tracer_ops = {.on_enter = on_enter};
    static const struct trace_ops ops = {begin, finish, free_selectors};
    struct selectors *selectors = mem_alloc(sizeof *selectors);
    selectors->trace.evm.ops = &tracer_ops;
    selectors->trace.ops = &ops;
    return &selectors->trace;
}

/* ---- nothing ---- */

static void begin_nothing(struct trace *trace, const struct trace_subject *subject)
{
    (void)trace, (void)subject;
}

static void finish_nothing(struct trace *trace, uint64_t gas_used, struct buf *out)
{
    (void)trace, (void)gas_used;
    json_put_object(out);
    json_put_object_end(out);
}

static void free_nothing(struct trace *trace)
{
    mem_free(trace);
}

struct trace *trace_noop_new(void)
{
    static const struct evm_tracer_ops tracer_ops = {0};
    static const struct trace_ops ops = {begin_nothing, finish_nothing, free_nothing};
    struct trace *trace = mem_alloc(sizeof *trace);
    trace->evm.ops = &tracer_ops;
    trace->ops = &ops;
    return trace;
}
