/* The cost table as it follows what requests take on this machine. */
#include "les/proto/server_internal.h"

#include "les/eth/keccak.h"

#define WHOLE             1024
#define MEASURE_TIMES_MAX 16
#define MEASURE_RUN       16 /* headers */

/* The default prices of go-ethereum: twice its average estimates (les.md 3.8), in the order of
 * LES_COST_CODES; and how many items must cost no more than a third of the smallest buffer. */
static const struct {
    struct les_cost price;
    uint64_t items_guaranteed;
} DEFAULTS[LES_COST_CODES_COUNT] = {{{300000, 60000}, 192}, {{0, 1400000}, 1}, {{0, 2000000}, 1},
                                    {{0, 900000}, 1},       {{0, 1200000}, 1}, {{0, 2000000}, 16},
                                    {{0, 900000}, 8},       {{0, 500000}, 64}};

static uint64_t default_price(size_t index, uint64_t items)
{
    return DEFAULTS[index].price.base + items * DEFAULTS[index].price.per_item;
}

void server_price_init(struct server *server)
{
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        uint64_t prior_ns = default_price(i, SERVER_PRICE_PRIOR) / 2;
        server->prices[i] = (struct server_price){.expected_ns = prior_ns, .spent_ns = prior_ns};
    }
}

uint64_t server_price_1024(const struct server *server, size_t index)
{
    const struct server_price *price = &server->prices[index];
    uint64_t factor = price->spent_ns * WHOLE / price->expected_ns;
    uint64_t most =
        SERVER_BUFFER_UNIT / 3 * WHOLE / default_price(index, DEFAULTS[index].items_guaranteed);
    if (factor < WHOLE / SERVER_PRICE_CUT)
        return WHOLE / SERVER_PRICE_CUT;
    return factor < most ? factor : most;
}

void server_price_table(const struct server *server, struct les_cost out[LES_COST_CODES_COUNT])
{
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        uint64_t factor = server_price_1024(server, i);
        out[i].base = DEFAULTS[i].price.base * factor / WHOLE;
        out[i].per_item = DEFAULTS[i].price.per_item * factor / WHOLE;
    }
}

void server_price_note(struct server *server, size_t index, uint64_t items, uint64_t work_us)
{
    struct server_price *price = &server->prices[index];
    if (items == 0 || work_us == 0)
        return; /* too short for this clock */
    if (work_us > SERVER_WAIT_MAX_MS * 1000ul)
        work_us = SERVER_WAIT_MAX_MS * 1000ul;
    price->expected_ns += default_price(index, items) / 2;
    price->spent_ns += work_us * 1000;
    if (price->expected_ns > default_price(index, SERVER_PRICE_ITEMS) / 2) {
        price->expected_ns /= 2;
        price->spent_ns /= 2;
    }
}

/* ---- at the start ---- */

/* False: the backend did not answer at once. */
static bool ask(struct server *server, struct les_question *question)
{
    struct server_job job = {.asking = true};
    question->private_job = &job;
    server->backend->ops->ask(server->backend, question);
    bool answered = question->private_answered;
    if (!answered)
        server->backend->ops->forget(server->backend, question);
    buf_free(&question->out);
    buf_free(&question->node_hashes);
    buf_free(&question->aux);
    return answered;
}

/* The same question so many times. */
static bool measure(struct server *server, const struct les_question *question, size_t times)
{
    uint64_t start_us = loop_now_us(server->loop);
    size_t items = question->code == LES_GET_BLOCK_HEADERS ? MEASURE_RUN : 1;
    for (size_t i = 0; i < times; i++) {
        struct les_question copy = *question;
        if (!ask(server, &copy))
            return false;
    }
    server_price_note(server, les_cost_index(question->code), times * items,
                      loop_now_us(server->loop) - start_us);
    return true;
}

void server_measure(struct server *server)
{
    struct les_serve_head head;
    server->backend->ops->head(server->backend, &head);
    struct hash32 key;
    keccak256(&key, SPAN_EMPTY);
    const struct les_question questions[] = {
        {.code = LES_GET_BLOCK_HEADERS,
         .ask.headers = {.number = head.block.number, .amount = MEASURE_RUN, .reverse = true}},
        {.code = LES_GET_BLOCK_BODIES, .ask.block_hash = head.block.hash},
        {.code = LES_GET_RECEIPTS, .ask.block_hash = head.block.hash},
        {.code = LES_GET_PROOFS_V2,
         .ask.proof = {.block_hash = head.block.hash, .key = SPAN(key.bytes, 32)}},
        {.code = LES_GET_TX_STATUS, .ask.tx_hash = key},
    };
    uint64_t start_us = loop_now_us(server->loop);
    for (size_t times = 1; times <= MEASURE_TIMES_MAX;
         times *= 2) { /* one alone may be too short */
        for (size_t i = 0; i < ARRAY_COUNT(questions); i++) {
            if (!measure(server, &questions[i], times) ||
                loop_now_us(server->loop) - start_us >= SERVER_MEASURE_US)
                return;
        }
    }
}
