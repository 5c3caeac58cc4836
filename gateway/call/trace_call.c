/* callTracer: a tree of the frames. It is kept flat while the transaction runs and written when it
 * is over, because a frame says what it cost before it says what it called. */
#include "gateway/call/call_run.h"
#include "gateway/call/trace.h"

#include <stdio.h>

#define NONE SIZE_MAX

/* What the JSON of one takes at most, besides input, output and data. */
enum { FRAME_TEXT_MAX = 512, LOG_TEXT_MAX = 640 };

struct piece { /* of text */
    size_t at, size;
};

struct call_log {
    struct address20 address;
    unsigned topics_count;
    struct hash32 topics[4];
    struct piece data;
    uint64_t index;
    size_t position; /* how many calls the frame had made */
    size_t next;
};

struct call_frame {
    enum evm_call_kind kind;
    bool has_to, failed, in_failed;
    struct address20 from, to;
    struct u256 value;
    uint64_t gas, gas_used;
    struct piece input, output, error;
    size_t parent, first_call, last_call, next, calls;
    size_t first_log, last_log;
};

struct calls {
    struct trace trace;
    bool only_top_call, with_log;
    struct trace_subject subject;
    struct evm_fault_watch watch;
    bool faulted; /* the running frame's last step, by fault */
    struct evm_fault fault;
    struct call_frame *frames;
    size_t frames_count, frames_capacity;
    struct call_log *logs;
    size_t logs_count, logs_capacity;
    struct buf text;
    size_t open; /* the running frame */
    unsigned depth;
};

static struct calls *calls_of(struct evm_tracer *tracer)
{
    return container_of(tracer, struct calls, trace.evm);
}

static struct piece keep(struct calls *calls, struct span bytes)
{
    struct piece piece = {calls->text.size, bytes.size};
    if (!trace_take(&calls->trace, bytes.size * 2))
        return (struct piece){0, 0};
    if (bytes.size > 0)
        buf_add_span(&calls->text, bytes);
    return piece;
}

static struct span text_of(const struct calls *calls, struct piece piece)
{
    return piece.size == 0 ? SPAN_EMPTY : SPAN(calls->text.data + piece.at, piece.size);
}

/* ---- what happens ---- */

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    evm_fault_watch(&calls_of(tracer)->watch, step);
}

static void on_step_end(struct evm_tracer *tracer, enum evm_end end, int64_t gas_left)
{
    struct calls *calls = calls_of(tracer);
    (void)gas_left;
    calls->faulted = end != EVM_RUNNING && end != EVM_END_SUCCESS && !evm_end_is_engine(end);
    if (calls->faulted)
        evm_fault_of(&calls->fault, &calls->watch, end);
}

static void on_enter(struct evm_tracer *tracer, enum evm_call_kind kind, unsigned depth,
                     const struct address20 *from, const struct address20 *to,
                     const struct u256 *value, struct span input, uint64_t gas)
{
    struct calls *calls = calls_of(tracer);
    calls->depth = depth;
    calls->faulted = false;
    if ((calls->only_top_call && depth > 0) || !trace_take(&calls->trace, FRAME_TEXT_MAX))
        return;
    if (calls->frames_count == calls->frames_capacity) {
        calls->frames_capacity = calls->frames_capacity == 0 ? 16 : calls->frames_capacity * 2;
        calls->frames =
            mem_realloc(calls->frames, calls->frames_capacity * sizeof calls->frames[0]);
    }
    size_t index = calls->frames_count++;
    calls->frames[index] =
        (struct call_frame){.kind = kind,
                            .has_to = true,
                            .from = *from,
                            .to = *to,
                            .value = *value,
                            .gas = depth == 0 ? calls->subject.tx->gas_limit : gas,
                            .input = keep(calls, input),
                            .parent = calls->open,
                            .first_call = NONE,
                            .last_call = NONE,
                            .next = NONE,
                            .first_log = NONE,
                            .last_log = NONE};
    if (calls->open != NONE) {
        struct call_frame *parent = &calls->frames[calls->open];
        *(parent->last_call == NONE ? &parent->first_call
                                    : &calls->frames[parent->last_call].next) = index;
        parent->last_call = index;
    }
    calls->open = index;
}

static struct piece keep_error(struct calls *calls, const struct call_frame *frame,
                               enum evm_end end, size_t output_size)
{
    char text[EVM_FAULT_TEXT_MAX];
    const char *why = NULL;
    if (calls->faulted) {
        calls->faulted = false;
        return keep(calls, SPAN_STR(calls->fault.text));
    }
    if (end == EVM_END_PRECOMPILE)
        why = evm_precompile_fault(evm_precompile_at(calls->subject.revision, &frame->to),
                                   text_of(calls, frame->input));
    if (end == EVM_END_CODE_SIZE) {
        snprintf(text, sizeof text, "%s: code size %zu limit %zu", evm_end_text(end), output_size,
                 evm_schedule(calls->subject.revision)->code_size_max);
        why = text;
    }
    return keep(calls, SPAN_STR(why != NULL ? why : evm_end_text(end)));
}

static void on_exit_frame(struct evm_tracer *tracer, unsigned depth, enum evm_end end,
                          uint64_t gas_used, struct span output)
{
    struct calls *calls = calls_of(tracer);
    if (depth > 0)
        calls->depth = depth - 1;
    if (calls->trace.overflowed || (calls->only_top_call && depth > 0))
        return;
    struct call_frame *frame = &calls->frames[calls->open];
    frame->gas_used = gas_used;
    frame->failed = end != EVM_END_SUCCESS;
    if (!frame->failed || end == EVM_END_REVERT)
        frame->output = keep(calls, output);
    /* A reason is shown besides the output that it comes from, at six characters a byte at most. */
    if (end == EVM_END_REVERT && !trace_take(&calls->trace, output.size * 6))
        return;
    if (frame->failed) {
        frame->error = keep_error(calls, frame, end, output.size);
        frame->has_to = frame->kind != EVM_CREATE && frame->kind != EVM_CREATE2;
    }
    if (frame->parent != NONE)
        calls->frames[frame->parent].calls++;
    calls->open = frame->parent;
}

static void on_log(struct evm_tracer *tracer, const struct evm_log *log, struct span data,
                   size_t index)
{
    struct calls *calls = calls_of(tracer);
    if ((calls->only_top_call && calls->depth > 0) || !trace_take(&calls->trace, LOG_TEXT_MAX))
        return;
    if (calls->logs_count == calls->logs_capacity) {
        calls->logs_capacity = calls->logs_capacity == 0 ? 16 : calls->logs_capacity * 2;
        calls->logs = mem_realloc(calls->logs, calls->logs_capacity * sizeof calls->logs[0]);
    }
    struct call_frame *frame = &calls->frames[calls->open];
    size_t at = calls->logs_count++;
    struct call_log *entry = &calls->logs[at];
    *entry = (struct call_log){.address = log->address,
                               .topics_count = log->topics_count,
                               .data = keep(calls, data),
                               .index = calls->subject.logs_before + index,
                               .position = frame->calls,
                               .next = NONE};
    memcpy(entry->topics, log->topics, sizeof entry->topics);
    *(frame->last_log == NONE ? &frame->first_log : &calls->logs[frame->last_log].next) = at;
    frame->last_log = at;
}

/* ---- writing ---- */

static void put_logs(const struct calls *calls, const struct call_frame *frame, struct buf *out)
{
    json_put_key(out, "logs");
    json_put_array(out);
    for (size_t i = frame->first_log; i != NONE; i = calls->logs[i].next) {
        const struct call_log *log = &calls->logs[i];
        json_put_object(out);
        json_put_key(out, "address");
        json_put_address(out, &log->address);
        json_put_key(out, "topics");
        json_put_array(out);
        for (unsigned j = 0; j < log->topics_count; j++)
            json_put_hash(out, &log->topics[j]);
        json_put_array_end(out);
        json_put_key(out, "data");
        json_put_data(out, text_of(calls, log->data));
        json_put_key(out, "index");
        json_put_quantity(out, log->index);
        json_put_key(out, "position");
        json_put_quantity(out, log->position);
        json_put_object_end(out);
    }
    json_put_array_end(out);
}

static void put_reason(struct buf *out, struct span output)
{
    static const char before[] = "execution reverted: ";
    const size_t skip = sizeof before - 1;
    struct buf text = {0};
    call_revert_text(&text, output);
    if (text.size > skip) {
        json_put_key(out, "revertReason");
        json_put_string(out, SPAN(text.data + skip, text.size - skip));
    }
    buf_free(&text);
}

/* Up to the calls. */
static void put_head(const struct calls *calls, const struct call_frame *frame, struct buf *out)
{
    struct span output = text_of(calls, frame->output);
    json_put_object(out);
    json_put_key(out, "from");
    json_put_address(out, &frame->from);
    json_put_key(out, "gas");
    json_put_quantity(out, frame->gas);
    json_put_key(out, "gasUsed");
    json_put_quantity(out, frame->gas_used);
    if (frame->has_to) {
        json_put_key(out, "to");
        json_put_address(out, &frame->to);
    }
    json_put_key(out, "input");
    json_put_data(out, text_of(calls, frame->input));
    if (output.size > 0) {
        json_put_key(out, "output");
        json_put_data(out, output);
    }
    if (frame->failed) {
        json_put_key(out, "error");
        json_put_string(out, text_of(calls, frame->error));
        put_reason(out, output);
    }
}

/* From the logs on. */
static void put_rest(const struct calls *calls, const struct call_frame *frame, struct buf *out)
{
    static const char *const types[] = {
        [EVM_CALL] = "CALL",
        [EVM_CALLCODE] = "CALLCODE",
        [EVM_DELEGATECALL] = "DELEGATECALL",
        [EVM_STATICCALL] = "STATICCALL",
        [EVM_CREATE] = "CREATE",
        [EVM_CREATE2] = "CREATE2",
        [EVM_SELFDESTRUCT] = "SELFDESTRUCT",
    };
    if (frame->first_log != NONE && !frame->in_failed)
        put_logs(calls, frame, out);
    if (frame->kind != EVM_STATICCALL) {
        json_put_key(out, "value");
        json_put_quantity256(out, &frame->value);
    }
    json_put_key(out, "type");
    json_put_string(out, SPAN_STR(types[frame->kind]));
    json_put_object_end(out);
}

/* Walks the tree without a stack of its own: a frame knows its first call, its next sibling and its
 * parent. */
static void put_tree(struct calls *calls, struct buf *out)
{
    size_t at = 0;
    for (;;) {
        struct call_frame *frame = &calls->frames[at];
        frame->in_failed =
            frame->failed || (frame->parent != NONE && calls->frames[frame->parent].in_failed);
        put_head(calls, frame, out);
        if (frame->first_call != NONE) {
            json_put_key(out, "calls");
            json_put_array(out);
            at = frame->first_call;
            continue;
        }
        put_rest(calls, frame, out);
        while (frame->next == NONE && frame->parent != NONE) {
            frame = &calls->frames[frame->parent];
            json_put_array_end(out);
            put_rest(calls, frame, out);
        }
        if (frame->next == NONE)
            return;
        at = frame->next;
    }
}

/* ---- a transaction ---- */

static void begin(struct trace *trace, const struct trace_subject *subject)
{
    struct calls *calls = container_of(trace, struct calls, trace);
    calls->subject = *subject;
    calls->frames_count = calls->logs_count = 0;
    calls->faulted = false;
    calls->open = NONE;
    calls->depth = 0;
    buf_clear(&calls->text);
}

static void finish(struct trace *trace, uint64_t gas_used, struct buf *out)
{
    struct calls *calls = container_of(trace, struct calls, trace);
    ASSERT(calls->frames_count > 0 && calls->open == NONE);
    calls->frames[0].gas_used = gas_used;
    put_tree(calls, out);
}

static void free_calls(struct trace *trace)
{
    struct calls *calls = container_of(trace, struct calls, trace);
    mem_free(calls->frames);
    mem_free(calls->logs);
    buf_free(&calls->text);
    mem_free(calls);
}

struct trace *trace_call_new(const struct trace_options *options)
{
    static const struct evm_tracer_ops silent = {.on_step = on_step,
                                                 .on_step_end = on_step_end,
                                                 .on_enter = on_enter,
                                                 .on_exit = on_exit_frame},
                                       with_logs = {.on_step = on_step,
                                                    .on_step_end = on_step_end,
                                                    .on_enter = on_enter,
                                                    .on_exit = on_exit_frame,
                                                    .on_log = on_log};
    static const struct trace_ops ops = {begin, finish, free_calls};
    struct calls *calls = mem_alloc(sizeof *calls);
    calls->trace.evm.ops = options->with_log ? &with_logs : &silent;
    calls->trace.ops = &ops;
    calls->only_top_call = options->only_top_call;
    calls->with_log = options->with_log;
    return &calls->trace;
}
