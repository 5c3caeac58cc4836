/* eth_getLogs. Nothing can be left out unseen: a block is passed over only when its verified bloom
 * (or the bit vectors of its section, proved from the checkpoint) rules it out; of all others the
 * receipts are fetched and checked against the receipts root.
 *
 * The range is walked in chunks: one section of BloomBits, or as many headers as the chain keeps at
 * hand. What was found is written at once, in order; progress stays in the arguments between
 * rounds. */
#include "gateway/eth/methods.h"
#include "gateway/light/log_match.h"
#include "gateway/light/query.h"
#include "gateway/rpc/render.h"
#include "gateway/light/tx_find.h"
#include "les/base/limits.h"
#include "les/eth/keccak.h"

#include <stdio.h>

#define CHUNK_HEADERS (CHAIN_OLD_MAX / 2)
#define SECTION       CHT_SECTION_SIZE
#define SECTION_BYTES (SECTION / 8)
/* So few old blocks are walked by their headers: cheaper than three bit vectors. */
#define BLOOM_LEAST 512

struct logs_args {
    struct log_filter filter;
    struct log_bits bits;
    /* progress */
    bool begun;
    uint64_t from, to;
    struct hash32 to_hash; /* all that was written is of its branch */
    uint64_t bloom_end;    /* blocks below it go by BloomBits; 0: none */
    uint64_t next;         /* the first block that is not done */
    size_t mark;           /* where the result starts */
    size_t results;
    bool has_chunk;
    uint64_t base, end;         /* of the chunk: number of its first bit, one past its last block */
    uint8_t set[SECTION_BYTES]; /* candidates */
};

/* ---- the range ---- */

static struct call_done fail_range(struct query *query, size_t limit, const char *of, uint64_t to)
{
    const struct logs_args *args = query_args(query);
    char message[200];
    struct buf data = {0};
    if (to < args->from)
        to = args->from;
    snprintf(message, sizeof message,
             "query %s more than %zu %s. Try with this block range [0x%llx, 0x%llx].",
             *of == 'b' ? "covers" : "returned", limit, of, (unsigned long long)args->from,
             (unsigned long long)to);
    json_put_object(&data);
    json_put_key(&data, "from");
    json_put_quantity(&data, args->from);
    json_put_key(&data, "limit");
    json_put_u64(&data, limit);
    json_put_key(&data, "to");
    json_put_quantity(&data, to);
    json_put_object_end(&data);
    struct call_done done = query_fail_data(query, RPC_LIMIT_EXCEEDED, message, buf_span(&data));
    buf_free(&data);
    return done;
}

/* The number that ref stands for now; ABSENT: *why says why not. */
static enum query_got number_of(struct query *query, const struct block_ref *ref, uint64_t *number,
                                const char **why)
{
    struct block_header *block;
    *number = ref->number;
    if (ref->tag == BLOCK_NUMBER)
        return QUERY_HERE;
    *why = ref->tag == BLOCK_SAFE ? "safe header not found" : "finalized header not found";
    enum query_got got = query_block(query, ref, &block);
    if (got == QUERY_HERE)
        *number = block->header.number;
    return got;
}

enum outcome { OUTCOME_GO, OUTCOME_WAIT, OUTCOME_DONE /* *done is set */ };

static enum outcome resolve_numbers(struct query *query, uint64_t *from, uint64_t *to,
                                    struct call_done *done)
{
    struct logs_args *args = query_args(query);
    const struct log_filter *filter = &args->filter;
    struct block_ref latest = {.tag = BLOCK_LATEST};
    struct block_header *head;
    const char *why = "";
    bool named = filter->from.tag == BLOCK_NUMBER && filter->to.tag == BLOCK_NUMBER;
    if (filter->from.tag == BLOCK_PENDING || filter->to.tag == BLOCK_PENDING) {
        *done = query_fail(query, RPC_SERVER_ERROR, "pending logs are not supported");
        return OUTCOME_DONE;
    }
    if (named && filter->from.number > filter->to.number) {
        *done = query_fail(query, RPC_INVALID_PARAMS, "invalid block range params");
        return OUTCOME_DONE;
    }
    if (query_block(query, &latest, &head) != QUERY_HERE)
        return OUTCOME_WAIT;
    enum query_got first = number_of(query, &filter->from, from, &why);
    enum query_got last =
        first == QUERY_ABSENT ? QUERY_ABSENT : number_of(query, &filter->to, to, &why);
    if (first == QUERY_LATER || last == QUERY_LATER)
        return OUTCOME_WAIT;
    if (first == QUERY_ABSENT || last == QUERY_ABSENT)
        *done = query_fail(query, RPC_SERVER_ERROR, why);
    else if (*from > head->header.number || *to > head->header.number)
        *done =
            query_fail(query, RPC_INVALID_PARAMS, "block range extends beyond current head block");
    else if (*from > *to)
        *done = query_fail(query, RPC_INVALID_PARAMS, "invalid block range params");
    else
        return OUTCOME_GO;
    return OUTCOME_DONE;
}

/* The range as it is at this moment, and its last block. */
static enum outcome resolve(struct query *query, uint64_t *from, uint64_t *to,
                            struct block_header **last, struct call_done *done)
{
    const struct logs_args *args = query_args(query);
    enum query_got got;
    if (args->filter.has_block_hash) {
        got = query_hash(query, &args->filter.block_hash, last);
        if (got == QUERY_HERE)
            *from = *to = (*last)->header.number;
        if (got != QUERY_ABSENT)
            return got == QUERY_HERE ? OUTCOME_GO : OUTCOME_WAIT;
        *done = query_fail(query, RPC_SERVER_ERROR, "unknown block");
        return OUTCOME_DONE;
    }
    enum outcome outcome = resolve_numbers(query, from, to, done);
    if (outcome != OUTCOME_GO)
        return outcome;
    return query_number(query, *to, last) == QUERY_HERE ? OUTCOME_GO : OUTCOME_WAIT;
}

/* How much of the range goes by BloomBits; false: it is too wide and the call has failed. */
static bool plan(struct query *query, struct call_done *done)
{
    struct logs_args *args = query_args(query);
    const struct les_checkpoint *checkpoint = chain_checkpoint(query_light(query)->chain);
    args->bloom_end = 0;
    if (checkpoint != NULL && args->bits.positions > 0 &&
        args->bits.items_count * 3 <= LOGS_VECTORS_MAX) {
        uint64_t end = (checkpoint->section + 1) * SECTION;
        uint64_t last = args->to + 1 < end ? args->to + 1 : end;
        if (last > args->from && last - args->from >= BLOOM_LEAST)
            args->bloom_end = end;
    }
    if (args->bloom_end > 0 && args->from / SECTION + LOGS_SECTIONS_MAX <= args->to / SECTION &&
        args->from / SECTION + LOGS_SECTIONS_MAX < args->bloom_end / SECTION) {
        size_t limit = (size_t)LOGS_SECTIONS_MAX * SECTION;
        *done = fail_range(query, limit, "blocks",
                           (args->from / SECTION + LOGS_SECTIONS_MAX) * SECTION - 1);
        return false;
    }
    uint64_t by_header = args->from > args->bloom_end ? args->from : args->bloom_end;
    if (args->to >= by_header && args->to - by_header >= LOGS_HEADERS_MAX) {
        *done = fail_range(query, LOGS_HEADERS_MAX, "blocks", by_header + LOGS_HEADERS_MAX - 1);
        return false;
    }
    return true;
}

/* Sets out, or goes on where the last run stopped: as long as what was written still belongs to the
 * chain and to the range. */
static bool begin(struct query *query, uint64_t from, uint64_t to, const struct block_header *last,
                  struct call_done *done)
{
    struct logs_args *args = query_args(query);
    struct buf *out = call_result(query_call(query));
    struct block_header *before;
    if (args->begun && args->from == from && args->to <= to &&
        query_number(query, args->to, &before) == QUERY_HERE &&
        hash32_equal(&before->hash, &args->to_hash)) {
        args->to = to;
        args->to_hash = last->hash;
        return true;
    }
    if (!args->begun)
        args->mark = out->size;
    args->begun = true;
    args->from = args->next = from;
    args->to = to;
    args->to_hash = last->hash;
    args->results = 0;
    args->has_chunk = false;
    out->size = args->mark;
    json_put_array(out);
    return plan(query, done);
}

/* ---- candidates ---- */

static bool test_bit(const struct logs_args *args, uint64_t number)
{
    return cht_bloom_test(args->set, number - args->base);
}

static void set_bit(struct logs_args *args, uint64_t number)
{
    uint64_t index = number - args->base;
    args->set[index / 8] |= (uint8_t)(0x80u >> index % 8);
}

struct vectors {
    struct query *query;
    uint64_t section;
    bool bad;
    uint8_t bytes[SECTION_BYTES];
};

static const uint8_t *on_vector(void *owner, unsigned bit)
{
    struct vectors *vectors = owner;
    struct span compressed;
    if (query_bloom(vectors->query, bit, vectors->section, &compressed) != QUERY_HERE ||
        !cht_bloom_decompress(vectors->bytes, SECTION_BYTES, compressed))
        vectors->bad = true;
    return vectors->bytes;
}

static enum query_got section_chunk(struct query *query)
{
    struct logs_args *args = query_args(query);
    struct vectors vectors = {.query = query, .section = args->next / SECTION};
    struct span compressed;
    bool whole = true;
    for (size_t i = 0; i < args->bits.items_count; i++)
        for (int k = 0; k < 3; k++)
            whole = query_bloom(query, args->bits.items[i][k], vectors.section, &compressed) ==
                        QUERY_HERE &&
                    whole;
    if (!whole)
        return QUERY_LATER;
    log_bits_in_vectors(&args->bits, args->set, SECTION_BYTES, on_vector, &vectors);
    if (vectors.bad) /* proved, and yet no vector: every block has to be looked at */
        memset(args->set, 0xff, SECTION_BYTES);
    for (size_t i = 0; i < args->bits.items_count; i++)
        for (int k = 0; k < 3; k++)
            query_release_bloom(query, args->bits.items[i][k], vectors.section);
    args->base = vectors.section * SECTION;
    args->end = args->base + SECTION;
    return QUERY_HERE;
}

static enum query_got header_chunk(struct query *query)
{
    struct logs_args *args = query_args(query);
    uint64_t end = args->next + CHUNK_HEADERS;
    if (end > args->to + 1)
        end = args->to + 1;
    if (query_range(query, args->next, end - 1) != QUERY_HERE)
        return QUERY_LATER;
    args->base = args->next;
    args->end = end;
    memset(args->set, 0, CHUNK_HEADERS / 8);
    for (uint64_t number = args->next; number < end; number++) {
        struct block_header *block;
        if (query_number(query, number, &block) != QUERY_HERE)
            return QUERY_LATER;
        if (log_bits_in_bloom(&args->bits, &block->header.bloom))
            set_bit(args, number);
    }
    return QUERY_HERE;
}

/* ---- one block ---- */

struct block_logs {
    const struct block_header *block;
    struct span *receipts, *txs; /* txs NULL: only count */
    size_t count;
};

/* Writes the logs of the block that match, up to one more than allowed; returns how many. */
static size_t put_logs(struct query *query, const struct block_logs *logs, size_t most)
{
    const struct logs_args *args = query_args(query);
    struct buf *out = call_result(query_call(query));
    struct hash32 hash;
    struct log_place place = {.block = logs->block, .tx_hash = &hash};
    size_t found = 0;
    for (size_t i = 0; i < logs->count && found < most; i++) {
        struct receipt receipt;
        struct log_entry log;
        bool hashed = false;
        if (!receipt_decode(&receipt, logs->receipts[i]))
            continue;
        place.tx_index = i;
        for (struct span rest = receipt.logs; log_next(&rest, &log); place.log_index++) {
            if (found == most || !log_matches(&args->filter, &log))
                continue;
            found++;
            if (logs->txs == NULL)
                continue;
            if (!hashed)
                keccak256(&hash, logs->txs[i]);
            hashed = true;
            render_log(out, &log, &place);
        }
    }
    return found;
}

/* Looks through the receipts; only where something matches the body is needed, for the hashes.
 * write: what matches is written, and *found says how many. */
static enum query_got do_block(struct query *query, struct block_header *block, bool write,
                               size_t *found)
{
    struct logs_args *args = query_args(query);
    struct block_logs logs = {.block = block};
    struct span payload, raw;
    struct body body;
    size_t txs_count = 0;
    *found = 0;
    if (query_receipts(query, block, &payload) != QUERY_HERE)
        return QUERY_LATER;
    payload = SPAN(mem_copy(payload), payload.size); /* borrowed only until the body is asked for */
    bool good = receipts_split(payload, NULL, BLOCK_TRANSACTIONS_MAX, &logs.count);
    logs.receipts = mem_alloc((logs.count + 1) * sizeof *logs.receipts);
    good = good && receipts_split(payload, logs.receipts, logs.count, &logs.count);
    enum query_got got = good ? QUERY_HERE : QUERY_ABSENT;
    if (good && put_logs(query, &logs, 1) > 0) {
        got = query_body(query, block, &raw, &body);
        if (got == QUERY_HERE && write) {
            logs.txs = txs_of_body(&body, &txs_count);
            if (txs_count == logs.count)
                *found = put_logs(query, &logs, LOGS_RESULTS_MAX - args->results + 1);
            else
                got = QUERY_ABSENT;
            mem_free(logs.txs);
        }
    }
    mem_free(logs.receipts);
    mem_free((void *)payload.data);
    return got;
}

/* ---- the walk ---- */

static struct call_done fail_block(struct query *query)
{
    return query_fail(query, RPC_INTERNAL, "a block's receipts do not fit its transactions");
}

/* Goes through the candidates of the chunk: asks for what the next ones need, writes those that are
 * complete, in order. */
static enum outcome walk_chunk(struct query *query, struct call_done *done)
{
    struct logs_args *args = query_args(query);
    const struct buf *out = call_result(query_call(query));
    bool whole = true;
    size_t ahead = 0, found;
    for (uint64_t number = args->next; number < args->end && number <= args->to; number++) {
        struct block_header *block = NULL;
        if (!test_bit(args, number))
            continue;
        if (!whole && ++ahead >= LOGS_WINDOW)
            break;
        if (query_number(query, number, &block) != QUERY_HERE) {
            whole = false;
            continue;
        }
        if (!log_bits_in_bloom(&args->bits, &block->header.bloom))
            continue;
        enum query_got got = do_block(query, block, whole, &found);
        whole = whole && got != QUERY_LATER;
        if (got == QUERY_ABSENT) {
            *done = fail_block(query);
            return OUTCOME_DONE;
        }
        if (!whole)
            continue;
        args->results += found;
        if (args->results > LOGS_RESULTS_MAX) {
            *done = fail_range(query, LOGS_RESULTS_MAX, "results", number - (number > 0));
            return OUTCOME_DONE;
        }
        if (out->size - args->mark > LOGS_BYTES_MAX) {
            *done = fail_range(query, LOGS_BYTES_MAX, "bytes", number - (number > 0));
            return OUTCOME_DONE;
        }
        args->next = number + 1;
        query_release_block(query, block);
    }
    if (!whole)
        return OUTCOME_WAIT;
    args->next = args->end < args->to + 1 ? args->end : args->to + 1;
    args->has_chunk = false;
    return OUTCOME_GO;
}

static struct call_done on_logs(struct query *query)
{
    struct logs_args *args = query_args(query);
    struct block_header *last = NULL;
    struct call_done done;
    uint64_t from = 0, to = 0;
    enum outcome outcome = resolve(query, &from, &to, &last, &done);
    if (outcome == OUTCOME_GO && !begin(query, from, to, last, &done))
        outcome = OUTCOME_DONE;
    while (outcome == OUTCOME_GO && args->next <= args->to) {
        if (!args->has_chunk) {
            enum query_got got =
                args->next < args->bloom_end ? section_chunk(query) : header_chunk(query);
            if (got != QUERY_HERE)
                outcome = OUTCOME_WAIT;
            args->has_chunk = got == QUERY_HERE;
        }
        if (outcome == OUTCOME_GO)
            outcome = walk_chunk(query, &done);
    }
    if (outcome == OUTCOME_DONE)
        return done;
    if (outcome == OUTCOME_WAIT)
        return query_wait(query);
    json_put_array_end(call_result(query_call(query)));
    return query_ok(query);
}

struct call_done eth_get_logs(struct call *call, void *ctx)
{
    struct logs_args *args = call_alloc(call, sizeof *args);
    if (!param_filter(call, 0, &args->filter))
        return call_fail_param(call);
    args->bits.items =
        call_alloc(call, (log_bits_room(&args->filter) + 1) * sizeof *args->bits.items);
    log_bits_fill(&args->bits, &args->filter);
    return query_start(call, ctx, on_logs, args);
}
