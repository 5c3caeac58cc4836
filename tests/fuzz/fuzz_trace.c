/* Two contracts of random code call each other under each tracer. Input: revision, tracer and
 * options, then the length of the first contract's code (two bytes) and both codes; as fuzz_evm,
 * whose cases serve here too. Whatever happens: a tracer writes JSON and changes nothing; the price
 * that les/evm/fault.h works out before a step is what the step then costs; a step that is out of
 * gas is so by that price. */
#include "gateway/call/trace.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GAS = 200000, DEPTH_MAX = 1000 }; /* jansson reads 2,048 levels, a frame has two */
static const struct address20 first = {{[19] = 0xc0}}, second = {{[19] = 0xc1}},
                              caller = {{[19] = 0xee}}, miner = {{[19] = 0xdd}};

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    (void)owner;
    memset(out, (int)(number & 0xff), sizeof *out);
    return EVM_LOOKUP_FOUND;
}

/* ---- between the interpreter and the tracer ---- */

struct checker {
    struct evm_tracer tracer;
    struct trace *trace;
    struct evm_fault_watch watch;
    struct evm_fault price;
    unsigned depth; /* the deepest frame */
};

static struct checker *checker_of(struct evm_tracer *tracer)
{
    return container_of(tracer, struct checker, tracer);
}

static void on_step(struct evm_tracer *tracer, const struct evm_step *step)
{
    struct checker *checker = checker_of(tracer);
    struct evm_tracer *next = &checker->trace->evm;
    const struct evm_opcode_info *info = evm_opcode_info(step->opcode);
    evm_fault_watch(&checker->watch, step);
    checker->price = (struct evm_fault){0};
    if (info->name != NULL && evm_opcode_costs(step->revision)[step->opcode] >= 0 &&
        step->stack_size >= info->pops)
        evm_fault_of(&checker->price, &checker->watch, EVM_END_REVERT);
    if (next->ops->on_step != NULL)
        next->ops->on_step(next, step);
}

/* From Prague on only a call that fails has a price. */
static bool is_priced(const struct evm_step *step)
{
    bool calls = step->opcode == OP_CALL || step->opcode == OP_CALLCODE ||
                 step->opcode == OP_DELEGATECALL || step->opcode == OP_STATICCALL;
    return !calls || step->revision < EVM_PRAGUE;
}

static void on_step_end(struct evm_tracer *tracer, enum evm_end end, int64_t gas_left)
{
    struct checker *checker = checker_of(tracer);
    struct evm_tracer *next = &checker->trace->evm;
    const struct evm_step *step = &checker->watch.step;
    struct evm_fault fault;
    if (end == EVM_RUNNING || end == EVM_END_SUCCESS) {
        ASSERT(!is_priced(step) || !checker->price.early);
        ASSERT(!is_priced(step) || checker->price.gas_cost == (uint64_t)(step->gas - gas_left));
    } else if (!evm_end_is_engine(end)) {
        evm_fault_of(&fault, &checker->watch, end);
        ASSERT(fault.text[0] != '\0');
        ASSERT(end != EVM_END_OUT_OF_GAS || fault.early);
        ASSERT(fault.early || fault.gas_cost <= (uint64_t)step->gas);
        if (end == EVM_END_OUT_OF_GAS && is_priced(step))
            ASSERT(checker->price.early && fault.gas_cost == checker->price.gas_cost);
    }
    if (next->ops->on_step_end != NULL)
        next->ops->on_step_end(next, end, gas_left);
}

static void on_enter(struct evm_tracer *tracer, enum evm_call_kind kind, unsigned depth,
                     const struct address20 *from, const struct address20 *to,
                     const struct u256 *value, struct span input, uint64_t gas)
{
    struct checker *checker = checker_of(tracer);
    struct evm_tracer *next = &checker->trace->evm;
    checker->depth = depth > checker->depth ? depth : checker->depth;
    if (next->ops->on_enter != NULL)
        next->ops->on_enter(next, kind, depth, from, to, value, input, gas);
}

static void on_exit_frame(struct evm_tracer *tracer, unsigned depth, enum evm_end end,
                          uint64_t gas_used, struct span output)
{
    struct evm_tracer *next = &checker_of(tracer)->trace->evm;
    if (next->ops->on_exit != NULL)
        next->ops->on_exit(next, depth, end, gas_used, output);
}

static void on_log(struct evm_tracer *tracer, const struct evm_log *log, struct span data,
                   size_t index)
{
    struct evm_tracer *next = &checker_of(tracer)->trace->evm;
    if (next->ops->on_log != NULL)
        next->ops->on_log(next, log, data, index);
}

/* ---- a run ---- */

static void place(struct evm_state *state, const struct address20 *address, struct span code)
{
    struct evm_account *account;
    struct u256 wei = u256_from_u64(1000000);
    ASSERT(evm_state_account(state, address, &account));
    evm_state_set_balance(state, account, &wei);
    evm_state_set_nonce(state, account, 1);
    if (code.size > 0)
        evm_state_set_code(state, account, code);
}

/* trace may be NULL. */
static struct evm_result run(enum evm_revision revision, struct span code1, struct span code2,
                             const struct crypto *crypto, struct trace *trace, struct buf *out,
                             unsigned *depth)
{
    static const struct evm_tracer_ops ops = {.on_step = on_step,
                                              .on_step_end = on_step_end,
                                              .on_enter = on_enter,
                                              .on_exit = on_exit_frame,
                                              .on_log = on_log};
    struct checker checker = {.tracer = {&ops}, .trace = trace};
    struct node_store *store = node_store_new();
    struct evm_store_backend backend;
    evm_store_backend_init(&backend, store, &EMPTY_TRIE_ROOT);
    struct evm_state *state = evm_state_new(&backend.backend, NULL);
    struct evm_config config = {.revision = revision,
                                .state = state,
                                .crypto = crypto,
                                .tracer = trace != NULL ? &checker.tracer : NULL};
    struct evm *evm = evm_new(&config);
    struct evm_block block = {
        .number = 300, .gas_limit = GAS, .chain_id = 1, .block_hash = on_block_hash};
    struct evm_tx context = {.origin = caller};
    struct evm_message message = {.sender = caller, .to = first, .input = code2, .gas = GAS};
    struct tx tx = {.gas_limit = GAS, .has_to = true, .to = first};
    struct evm_result result;
    evm_state_begin(state);
    place(state, &caller, SPAN_EMPTY);
    place(state, &first, code1);
    place(state, &second, code2);
    evm_state_end(state, false);
    evm_state_begin(state);
    evm_set_block(evm, &block);
    evm_set_tx(evm, &context);
    if (trace != NULL)
        trace_begin(trace, &(struct trace_subject){.tx = &tx,
                                                   .sender = &caller,
                                                   .coinbase = &miner,
                                                   .state = state,
                                                   .revision = revision,
                                                   .crypto = crypto});
    evm_run(evm, &message, &result);
    if (!evm_end_is_engine(result.end))
        evm_state_end(state, revision >= EVM_SPURIOUS);
    if (trace != NULL && !evm_end_is_engine(result.end))
        ASSERT(trace_finish(trace, GAS - result.gas_left, out) || trace->overflowed);
    result.output = SPAN_EMPTY;
    *depth = checker.depth;
    evm_free(evm);
    evm_state_free(state);
    node_store_free(store);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t seed[32] = {5};
    struct buf out = {0};
    if (size < 4 || size > 4096)
        return 0;
    enum evm_revision revision = (enum evm_revision)(data[0] % EVM_REVISION_COUNT);
    unsigned flags = data[1] / (TRACE_NOOP + 1u);
    struct trace_options options = {.kind = (enum trace_kind)(data[1] % (TRACE_NOOP + 1u)),
                                    .enable_memory = (flags & 1) != 0,
                                    .disable_stack = (flags & 2) != 0,
                                    .disable_storage = (flags & 4) != 0,
                                    .enable_return_data = (flags & 8) != 0,
                                    .limit = (flags & 16) != 0 ? 500 : 0,
                                    .only_top_call = (flags & 1) != 0,
                                    .with_log = (flags & 2) != 0,
                                    .diff_mode = (flags & 8) != 0,
                                    .disable_code = (flags & 1) != 0,
                                    .include_empty = (flags & 2) != 0};
    size_t split = be_read(data + 2, 2) % (size - 3);
    struct span code1 = SPAN(data + 4, split), code2 = SPAN(data + 4 + split, size - 4 - split);
    static struct crypto *crypto; /* slow to make; lives as long as the process */
    if (crypto == NULL)
        crypto = crypto_new(seed);
    struct trace *trace = trace_new(&options);
    unsigned plain_depth, traced_depth;
    struct evm_result plain = run(revision, code1, code2, crypto, NULL, NULL, &plain_depth);
    struct evm_result traced = run(revision, code1, code2, crypto, trace, &out, &traced_depth);
    ASSERT(plain.end == traced.end && plain.gas_left == traced.gas_left);
    if (!evm_end_is_engine(plain.end) && !trace->overflowed && traced_depth < DEPTH_MAX) {
        json_t *json = json_loadb((const char *)out.data, out.size, 0, NULL);
        ASSERT(json != NULL);
        json_decref(json);
    }
    trace_free(trace);
    buf_free(&out);
    return 0;
}
