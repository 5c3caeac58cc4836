#include "gateway/call/simulate.h"

#include "les/eth/u256.h"

/* ERC-7528: ether as if it were a token at this address. */
static const struct address20 ether = {{0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                                        0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                                        0xee, 0xee, 0xee, 0xee, 0xee, 0xee}};
/* keccak("Transfer(address,address,uint256)") */
static const struct hash32 transfer_topic = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b,
                                              0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
                                              0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16,
                                              0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};

static struct simulate_log *add(struct simulate_logs *logs, const struct address20 *address,
                                struct span data)
{
    if (logs->count == logs->capacity) {
        logs->capacity = logs->capacity == 0 ? 16 : logs->capacity * 2;
        logs->rows = mem_realloc(logs->rows, logs->capacity * sizeof *logs->rows);
    }
    struct simulate_log *log = &logs->rows[logs->count++];
    *log = (struct simulate_log){.address = *address,
                                 .data_at = logs->data.size,
                                 .data_size = data.size,
                                 .index = logs->next_index++};
    buf_add_span(&logs->data, data);
    return log;
}

static void drop_after(struct simulate_logs *logs, size_t count)
{
    if (logs->count > count)
        logs->data.size = logs->rows[count].data_at;
    logs->count = count;
}

static void add_transfer(struct simulate_logs *logs, const struct address20 *from,
                         const struct address20 *to, const struct u256 *value)
{
    uint8_t data[32];
    u256_to_be32(data, value);
    struct simulate_log *log = add(logs, &ether, SPAN(data, 32));
    log->topics_count = 3;
    log->topics[0] = transfer_topic;
    memcpy(log->topics[1].bytes + 12, from->bytes, 20);
    memcpy(log->topics[2].bytes + 12, to->bytes, 20);
}

static void on_enter(struct evm_tracer *tracer, enum evm_call_kind kind, unsigned depth,
                     const struct address20 *from, const struct address20 *to,
                     const struct u256 *value, struct span input, uint64_t gas)
{
    struct simulate_logs *logs = container_of(tracer, struct simulate_logs, tracer);
    (void)depth;
    (void)input;
    (void)gas;
    if (logs->frames_count == logs->frames_capacity) {
        logs->frames_capacity = logs->frames_capacity == 0 ? 16 : logs->frames_capacity * 2;
        logs->frames = mem_realloc(logs->frames, logs->frames_capacity * sizeof *logs->frames);
    }
    logs->frames[logs->frames_count++] = logs->count;
    bool moves = kind != EVM_DELEGATECALL && kind != EVM_CALLCODE && kind != EVM_STATICCALL;
    if (logs->transfers && moves && value != NULL && !u256_is_zero(value))
        add_transfer(logs, from, to, value);
}

static void on_exit(struct evm_tracer *tracer, unsigned depth, enum evm_end end, uint64_t gas_used,
                    struct span output)
{
    struct simulate_logs *logs = container_of(tracer, struct simulate_logs, tracer);
    (void)depth;
    (void)gas_used;
    (void)output;
    ASSERT(logs->frames_count > 0);
    size_t before = logs->frames[--logs->frames_count];
    if (end != EVM_END_SUCCESS)
        drop_after(logs, before);
}

static void on_log(struct evm_tracer *tracer, const struct evm_log *from, struct span data,
                   size_t index)
{
    struct simulate_logs *logs = container_of(tracer, struct simulate_logs, tracer);
    (void)index;
    struct simulate_log *log = add(logs, &from->address, data);
    log->topics_count = from->topics_count;
    memcpy(log->topics, from->topics, sizeof log->topics);
}

void simulate_logs_init(struct simulate_logs *logs, bool transfers)
{
    static const struct evm_tracer_ops ops = {
        .on_enter = on_enter, .on_exit = on_exit, .on_log = on_log};
    *logs = (struct simulate_logs){.tracer = {&ops}, .transfers = transfers};
}

void simulate_logs_free(struct simulate_logs *logs)
{
    mem_free(logs->rows);
    mem_free(logs->frames);
    buf_free(&logs->data);
}

void simulate_logs_begin_block(struct simulate_logs *logs)
{
    drop_after(logs, 0);
    logs->kept = 0;
    logs->next_index = 0;
    logs->frames_count = 0;
}

/* What the protocol's own calls logged is nobody's. */
void simulate_logs_begin_call(struct simulate_logs *logs)
{
    drop_after(logs, logs->kept);
    logs->frames_count = 0;
}

size_t simulate_logs_end_call(struct simulate_logs *logs)
{
    size_t count = logs->count - logs->kept;
    logs->kept = logs->count;
    return count;
}
