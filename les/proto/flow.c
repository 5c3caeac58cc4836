#include "les/proto/flow.h"

#define MARGIN_MS                                                                                  \
    1 /* the client leaves the server this much recharge of doubt, as go-ethereum does */

static uint64_t add_capped(uint64_t a, uint64_t b, uint64_t cap)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum) || sum > cap)
        return cap;
    return sum;
}

static uint64_t mul_capped(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* Time never goes back here: an older now_ms counts as no time. */
static uint64_t recharged(uint64_t value, uint64_t limit, uint64_t recharge, uint64_t since_ms,
                          uint64_t now_ms)
{
    ASSERT(value <= limit);
    uint64_t elapsed_ms = now_ms > since_ms ? now_ms - since_ms : 0;
    return add_capped(value, mul_capped(elapsed_ms, recharge), limit);
}

/* What a change of the limit makes of a value: a raise comes on top, a cut cuts. */
static uint64_t relimited(uint64_t value, uint64_t old_limit, uint64_t new_limit)
{
    if (new_limit > old_limit)
        return value + (new_limit - old_limit);
    return value < new_limit ? value : new_limit;
}

/* ---- client ---- */

static void client_settle(struct flow_client *flow, uint64_t now_ms)
{
    flow->value = flow_client_value(flow, now_ms);
    if (now_ms > flow->value_ms)
        flow->value_ms = now_ms;
}

void flow_client_init(struct flow_client *flow, const struct les_flow_params *params,
                      uint64_t now_ms)
{
    memset(flow, 0, sizeof *flow);
    flow->params = *params;
    flow->value = params->buffer_limit;
    flow->value_ms = now_ms;
}

uint64_t flow_client_cost(const struct flow_client *flow, unsigned code, uint64_t items)
{
    size_t index = les_cost_index(code);
    if (index == LES_COST_CODES_COUNT || !flow->params.has_cost[index])
        return UINT64_MAX;
    const struct les_cost *cost = &flow->params.costs[index];
    return add_capped(cost->base, mul_capped(items, cost->per_item), UINT64_MAX);
}

uint64_t flow_client_items_max(const struct flow_client *flow, unsigned code)
{
    uint64_t none = flow_client_cost(flow, code, 0), limit = flow->params.buffer_limit;
    if (none > limit || limit == 0)
        return 0;
    uint64_t per_item = flow->params.costs[les_cost_index(code)].per_item;
    uint64_t fit = per_item == 0 ? UINT64_MAX : (limit - none) / per_item;
    uint64_t allowed = les_items_max(code);
    return fit < allowed ? fit : allowed;
}

uint64_t flow_client_value(const struct flow_client *flow, uint64_t now_ms)
{
    uint64_t limit = flow->params.buffer_limit, under_way = flow->sum_cost - flow->known_cost;
    uint64_t value = recharged(flow->value, limit, flow->params.recharge, flow->value_ms, now_ms);
    uint64_t ceiling = limit > under_way ? limit - under_way : 0;
    return value < ceiling ? value : ceiling;
}

uint64_t flow_client_wait_ms(const struct flow_client *flow, uint64_t cost, uint64_t now_ms)
{
    uint64_t limit = flow->params.buffer_limit, recharge = flow->params.recharge;
    if (cost > limit || limit == 0 || recharge == 0)
        return UINT64_MAX;
    uint64_t need = add_capped(cost, mul_capped(MARGIN_MS, recharge), limit);
    uint64_t value = flow_client_value(flow, now_ms);
    if (value >= need)
        return 0;
    uint64_t missing = need - value;
    return missing / recharge + (missing % recharge != 0);
}

void flow_client_sent(struct flow_client *flow, uint64_t request_id, uint64_t cost, uint64_t now_ms)
{
    ASSERT(flow->pending_count < FLOW_IN_FLIGHT_MAX);
    client_settle(flow, now_ms);
    flow->value -= cost < flow->value ? cost : flow->value;
    flow->sum_cost += cost;
    flow->pending[flow->pending_count++] =
        (struct flow_pending){.request_id = request_id, .sum_cost = flow->sum_cost};
}

bool flow_client_reply(struct flow_client *flow, uint64_t request_id, uint64_t buffer_value,
                       uint64_t now_ms)
{
    size_t i = 0;
    while (i < flow->pending_count && flow->pending[i].request_id != request_id)
        i++;
    if (i == flow->pending_count)
        return false;
    uint64_t snapshot = flow->pending[i].sum_cost, sent_later = flow->sum_cost - snapshot;
    flow->pending[i] = flow->pending[--flow->pending_count];
    client_settle(flow, now_ms);
    uint64_t limit = flow->params.buffer_limit;
    uint64_t reported = buffer_value < limit ? buffer_value : limit;
    uint64_t value = reported > sent_later ? reported - sent_later : 0;
    if (value > flow->value)
        flow->value = value;
    if (sent_later < flow->sum_cost - flow->known_cost)
        flow->known_cost = snapshot;
    return true;
}

void flow_client_resume(struct flow_client *flow, uint64_t buffer_value, uint64_t now_ms)
{
    uint64_t limit = flow->params.buffer_limit;
    flow->pending_count = 0;
    flow->sum_cost = flow->known_cost = 0;
    flow->value = buffer_value < limit ? buffer_value : limit;
    flow->value_ms = now_ms;
}

void flow_client_update(struct flow_client *flow, uint64_t buffer_limit, uint64_t recharge,
                        uint64_t now_ms)
{
    client_settle(flow, now_ms);
    flow->value = relimited(flow->value, flow->params.buffer_limit, buffer_limit);
    flow->params.buffer_limit = buffer_limit;
    flow->params.recharge = recharge;
}

void flow_client_update_costs(struct flow_client *flow, const struct les_flow_params *costs)
{
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        if (!costs->has_cost[i])
            continue;
        flow->params.costs[i] = costs->costs[i];
        flow->params.has_cost[i] = true;
    }
}

/* ---- server ---- */

static void server_settle(struct flow_server *flow, uint64_t now_ms)
{
    flow->value = flow_server_value(flow, now_ms);
    if (now_ms > flow->value_ms)
        flow->value_ms = now_ms;
}

void flow_server_init(struct flow_server *flow, uint64_t limit, uint64_t recharge, uint64_t now_ms)
{
    *flow = (struct flow_server){
        .limit = limit, .recharge = recharge, .value = limit, .value_ms = now_ms};
}

uint64_t flow_server_value(const struct flow_server *flow, uint64_t now_ms)
{
    return recharged(flow->value, flow->limit, flow->recharge, flow->value_ms, now_ms);
}

bool flow_server_accept(struct flow_server *flow, uint64_t cost_max, uint64_t *ticket,
                        uint64_t now_ms)
{
    server_settle(flow, now_ms);
    if (cost_max > flow->value)
        return false;
    flow->value -= cost_max;
    flow->accepted_cost += cost_max;
    *ticket = flow->accepted_cost;
    return true;
}

uint64_t flow_server_served(struct flow_server *flow, uint64_t ticket, uint64_t cost_max,
                            uint64_t cost, uint64_t now_ms)
{
    ASSERT(cost <= cost_max);
    server_settle(flow, now_ms);
    flow->value = add_capped(flow->value, cost_max - cost, flow->limit);
    return add_capped(flow->value, flow->accepted_cost - ticket, flow->limit);
}

void flow_server_update(struct flow_server *flow, uint64_t limit, uint64_t recharge,
                        uint64_t now_ms)
{
    server_settle(flow, now_ms);
    flow->value = relimited(flow->value, flow->limit, limit);
    flow->limit = limit;
    flow->recharge = recharge;
}
