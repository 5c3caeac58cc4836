/* The struct logger: each step, with what the machine was like before it. go-ethereum writes a step
 * when it is priced and before it is done, so half of an entry is written when the step begins and
 * half when it is over. */
#include "gateway/call/trace.h"
#include "les/base/table.h"

struct stored {
    struct u256 key, value;
};

/* What was read and written in one contract, sorted by key. */
struct contract {
    uint8_t key32[32]; /* the address, padded */
    struct stored *slots;
    size_t count, capacity;
};

struct steps {
    struct trace trace;
    struct trace_options options;
    struct evm_fault_watch watch;
    struct buf logs; /* the entries */
    struct buf tail; /* of the step under way: from `stack` on */
    struct u256 slot_key, slot_value;
    bool touches_storage, ignored;
    int64_t entries_size; /* without the commas between them */
    struct table contracts;
    struct buf output;
    bool failed;
    /* To tell whether the code of a new contract was paid for. */
    bool code_may_be_free;
    uint64_t gas_given;
    int64_t gas_left; /* after the last step */
};

/* ---- storage ---- */

static struct contract *contract_of(struct steps *steps, const struct address20 *address)
{
    uint8_t key32[32] = {0};
    memcpy(key32, address->bytes, 20);
    struct contract *contract = table_get(&steps->contracts, key32);
    if (contract != NULL)
        return contract;
    contract = mem_alloc(sizeof *contract);
    memcpy(contract->key32, key32, 32);
    (void)table_put(&steps->contracts, contract->key32, contract);
    return contract;
}

static void remember(struct contract *contract, const struct u256 *key, const struct u256 *value)
{
    size_t low = 0, high = contract->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (u256_compare(&contract->slots[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == contract->count || !u256_equal(&contract->slots[low].key, key)) {
        if (contract->count == contract->capacity) {
            contract->capacity = contract->capacity == 0 ? 8 : contract->capacity * 2;
            contract->slots =
                mem_realloc(contract->slots, contract->capacity * sizeof contract->slots[0]);
        }
        memmove(&contract->slots[low + 1], &contract->slots[low],
                (contract->count - low) * sizeof contract->slots[0]);
        contract->slots[low].key = *key;
        contract->count++;
    }
    contract->slots[low].value = *value;
}

static void put_word(struct buf *out, const struct u256 *word)
{
    uint8_t bytes[32];
    u256_to_be32(bytes, word);
    json_put_data(out, SPAN(bytes, 32));
}

static void put_storage(struct steps *steps, enum evm_end end)
{
    const struct evm_step *step = &steps->watch.step;
    struct u256 value = steps->slot_value;
    if (step->opcode == OP_SLOAD && end == EVM_RUNNING) {
        value = step->stack[step->stack_size - 1];
    } else if (step->opcode == OP_SLOAD) {
        struct evm_slot *slot = evm_state_slot(step->state, step->account, &steps->slot_key);
        value = evm_state_load_slot(step->state, slot) ? slot->value : u256_from_u64(0);
    }
    struct contract *contract = contract_of(steps, step->self);
    remember(contract, &steps->slot_key, &value);
    json_put_key(&steps->logs, "storage");
    json_put_object(&steps->logs);
    for (size_t i = 0; i < contract->count; i++) {
        put_word(&steps->logs, &contract->slots[i].key);
        buf_add_u8(&steps->logs, ':');
        put_word(&steps->logs, &contract->slots[i].value);
    }
    json_put_object_end(&steps->logs);
}

/* ---- a step ---- */

static bool is_full(const struct steps *steps)
{
    return steps->options.limit != 0 && steps->entries_size > steps->options.limit;
}

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    struct steps *steps = container_of(tracer, struct steps, trace.evm);
    struct buf *tail = &steps->tail;
    steps->ignored = steps->trace.overflowed || is_full(steps);
    if (steps->ignored)
        return;
    evm_fault_watch(&steps->watch, step);
    buf_clear(tail);
    if (!steps->options.disable_stack) {
        json_put_key(tail, "stack");
        json_put_array(tail);
        for (size_t i = 0; i < step->stack_size; i++)
            json_put_quantity256(tail, &step->stack[i]);
        json_put_array_end(tail);
    }
    if (steps->options.enable_return_data && step->return_data.size > 0) {
        json_put_key(tail, "returnData");
        json_put_data(tail, step->return_data);
    }
    if (steps->options.enable_memory && step->memory.size > 0) {
        json_put_key(tail, "memory");
        json_put_array(tail);
        for (size_t i = 0; i < step->memory.size; i += 32)
            json_put_data(tail, SPAN(step->memory.data + i, 32));
        json_put_array_end(tail);
    }
    size_t operands = step->opcode == OP_SLOAD ? 1 : 2;
    steps->touches_storage = !steps->options.disable_storage &&
                             (step->opcode == OP_SLOAD || step->opcode == OP_SSTORE) &&
                             step->stack_size >= operands;
    if (steps->touches_storage) {
        steps->slot_key = step->stack[step->stack_size - 1];
        steps->slot_value = step->stack[step->stack_size - operands];
    }
}

static void put_head(struct steps *steps, uint64_t gas_cost, const char *error)
{
    const struct evm_step *step = &steps->watch.step;
    struct buf *logs = &steps->logs;
    char name[EVM_FAULT_TEXT_MAX];
    evm_opcode_text(name, step->opcode);
    json_put_object(logs);
    json_put_key(logs, "pc");
    json_put_u64(logs, step->pc);
    json_put_key(logs, "op");
    json_put_string(logs, SPAN_STR(name));
    json_put_key(logs, "gas");
    json_put_u64(logs, (uint64_t)step->gas);
    json_put_key(logs, "gasCost");
    json_put_u64(logs, gas_cost);
    json_put_key(logs, "depth");
    json_put_u64(logs, step->depth);
    if (error != NULL) {
        json_put_key(logs, "error");
        json_put_string(logs, SPAN_STR(error));
    }
}

static void on_step_end(struct evm_tracer *tracer, enum evm_end end, int64_t gas_left)
{
    struct steps *steps = container_of(tracer, struct steps, trace.evm);
    const struct evm_step *step = &steps->watch.step;
    steps->gas_left = gas_left;
    if (steps->ignored || evm_end_is_engine(end))
        return;
    size_t before = steps->logs.size + (steps->logs.size > 0);
    if (end == EVM_RUNNING || end == EVM_END_SUCCESS) {
        put_head(steps, (uint64_t)(step->gas - gas_left), NULL);
    } else {
        struct evm_fault fault;
        evm_fault_of(&fault, &steps->watch, end);
        put_head(steps, fault.gas_cost, fault.early ? fault.text : NULL);
    }
    if (steps->tail.size > 0)
        json_put_raw(&steps->logs, buf_span(&steps->tail));
    if (steps->touches_storage)
        put_storage(steps, end);
    if (evm_state_refunded(step->state) != 0) {
        json_put_key(&steps->logs, "refund");
        json_put_u64(&steps->logs, (uint64_t)evm_state_refunded(step->state));
    }
    json_put_object_end(&steps->logs);
    steps->entries_size += (int64_t)(steps->logs.size - before);
    if (!trace_take(&steps->trace, steps->logs.size - before))
        buf_free(&steps->logs);
}

static void on_enter(struct evm_tracer *tracer, enum evm_call_kind kind, unsigned depth,
                     const struct address20 *from, const struct address20 *to,
                     const struct u256 *value, struct span input, uint64_t gas)
{
    (void)from, (void)to, (void)value, (void)input;
    struct steps *steps = container_of(tracer, struct steps, trace.evm);
    if (depth != 0)
        return;
    steps->gas_given = gas;
    steps->code_may_be_free &= kind == EVM_CREATE;
}

/* Before EIP-2 a creation that cannot pay for its code succeeds without it. go-ethereum's struct
 * logger calls that failed, its callTracer does not. */
static bool is_unpaid(const struct steps *steps, uint64_t gas_used, struct span output)
{
    return steps->code_may_be_free && output.size > 0 &&
           steps->gas_given - gas_used == (uint64_t)steps->gas_left;
}

static void on_exit_frame(struct evm_tracer *tracer, unsigned depth, enum evm_end end,
                          uint64_t gas_used, struct span output)
{
    struct steps *steps = container_of(tracer, struct steps, trace.evm);
    if (depth != 0)
        return;
    steps->failed = end != EVM_END_SUCCESS || is_unpaid(steps, gas_used, output);
    buf_clear(&steps->output);
    if (!steps->failed || end == EVM_END_REVERT)
        buf_add_span(&steps->output, output);
}

/* ---- a transaction ---- */

static void clear_contracts(struct steps *steps)
{
    size_t cursor = 0;
    struct contract *contract;
    while ((contract = table_next(&steps->contracts, &cursor)) != NULL) {
        mem_free(contract->slots);
        mem_free(contract);
    }
    table_free(&steps->contracts);
    table_init(&steps->contracts, (uintptr_t)steps);
}

static void begin(struct trace *trace, const struct trace_subject *subject)
{
    struct steps *steps = container_of(trace, struct steps, trace);
    steps->code_may_be_free = subject->revision < EVM_HOMESTEAD;
    buf_clear(&steps->logs);
    buf_clear(&steps->output);
    steps->failed = false;
    steps->entries_size = 0;
    clear_contracts(steps);
}

static void finish(struct trace *trace, uint64_t gas_used, struct buf *out)
{
    struct steps *steps = container_of(trace, struct steps, trace);
    if (!trace_take(trace, steps->output.size * 2))
        return;
    json_put_object(out);
    json_put_key(out, "gas");
    json_put_u64(out, gas_used);
    json_put_key(out, "failed");
    json_put_bool(out, steps->failed);
    json_put_key(out, "returnValue");
    json_put_data(out, buf_span(&steps->output));
    json_put_key(out, "structLogs");
    json_put_array(out);
    if (steps->logs.size > 0)
        json_put_raw(out, buf_span(&steps->logs));
    json_put_array_end(out);
    json_put_object_end(out);
    buf_free(&steps->logs); /* it may be large, and out holds it now */
}

static void free_steps(struct trace *trace)
{
    struct steps *steps = container_of(trace, struct steps, trace);
    clear_contracts(steps);
    table_free(&steps->contracts);
    buf_free(&steps->logs);
    buf_free(&steps->tail);
    buf_free(&steps->output);
    mem_free(steps);
}

struct trace *trace_struct_new(const struct trace_options *options)
{
    static const struct evm_tracer_ops tracer_ops = {.on_step = on_step,
                                                     .on_step_end = on_step_end,
                                                     .on_enter = on_enter,
                                                     .on_exit = on_exit_frame};
    static const struct trace_ops ops = {begin, finish, free_steps};
    struct steps *steps = mem_alloc(sizeof *steps);
    steps->trace.evm.ops = &tracer_ops;
    steps->trace.ops = &ops;
    steps->options = *options;
    table_init(&steps->contracts, (uintptr_t)steps);
    return &steps->trace;
}
