#include "les/proto/flow.h"

#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>

TestSuite(flow, .fini = fixture_leak_gate);

/* The table that a go-ethereum server sends at its smallest capacity (les.md 3.8). */
static struct les_flow_params stock_params(void)
{
    static const struct les_cost TABLE[] = {{300000, 60000}, {0, 1400000}, {0, 2000000},
                                            {0, 900000},     {0, 1200000}, {0, 2000000},
                                            {0, 900000},     {0, 500000}};
    struct les_flow_params params = {.buffer_limit = 96000000, .recharge = 16000};
    for (size_t i = 0; i < LES_COST_CODES_COUNT; i++) {
        params.costs[i] = TABLE[i];
        params.has_cost[i] = true;
    }
    return params;
}

static struct flow_client stock_client(void)
{
    struct les_flow_params params = stock_params();
    struct flow_client flow;
    flow_client_init(&flow, &params, 1000);
    return flow;
}

Test(flow, cost_is_base_plus_items)
{
    struct flow_client flow = stock_client();
    cr_assert_eq(flow_client_cost(&flow, LES_GET_BLOCK_HEADERS, 192), 300000u + 192 * 60000u);
    cr_assert_eq(flow_client_cost(&flow, LES_STATUS, 1), UINT64_MAX);
    flow.params.has_cost[0] = false;
    cr_assert_eq(flow_client_cost(&flow, LES_GET_BLOCK_HEADERS, 1), UINT64_MAX);
}

Test(flow, prices_of_any_size_do_not_overflow)
{
    struct flow_client flow = stock_client();
    flow.params.costs[0] = (struct les_cost){UINT64_MAX - 1, UINT64_MAX};
    cr_assert_eq(flow_client_cost(&flow, LES_GET_BLOCK_HEADERS, 5), UINT64_MAX);
    cr_assert_eq(flow_client_items_max(&flow, LES_GET_BLOCK_HEADERS), 0u);
    flow_client_update(&flow, UINT64_MAX, UINT64_MAX, 2000);
    cr_assert_eq(flow_client_value(&flow, UINT64_MAX), UINT64_MAX);
    cr_assert_eq(flow_client_wait_ms(&flow, UINT64_MAX, 3000), 0u);
}

Test(flow, one_request_is_limited_by_the_buffer_and_by_the_protocol)
{
    struct flow_client flow = stock_client();
    cr_assert_eq(flow_client_items_max(&flow, LES_GET_RECEIPTS), 48u);
    cr_assert_eq(flow_client_items_max(&flow, LES_GET_TX_STATUS), 192u);
    cr_assert_eq(flow_client_items_max(&flow, LES_GET_BLOCK_HEADERS), 192u);
    cr_assert_eq(flow_client_items_max(&flow, LES_GET_BLOCK_BODIES), 32u);
    cr_assert_eq(flow_client_items_max(&flow, LES_ANNOUNCE), 0u);
    flow_client_update(&flow, 0, 0, 1000);
    cr_assert_eq(flow_client_items_max(&flow, LES_GET_BLOCK_BODIES), 0u);
}

Test(flow, estimate_does_not_recharge_before_the_first_reply)
{
    struct flow_client flow = stock_client();
    flow_client_sent(&flow, 1, 50000000, 1000);
    cr_assert_eq(flow_client_value(&flow, 1000), 46000000u);
    cr_assert_eq(flow_client_value(&flow, 9000), 46000000u);
    cr_assert(flow_client_reply(&flow, 1, 46000000, 9000));
    cr_assert_eq(flow_client_value(&flow, 9100), 46000000u + 100 * 16000u);
    cr_assert_eq(flow_client_value(&flow, 100000), 96000000u);
}

Test(flow, reply_counts_with_what_was_sent_after_its_request)
{
    struct flow_client flow = stock_client();
    flow_client_sent(&flow, 1, 10000000, 1000);
    flow_client_sent(&flow, 2, 20000000, 1000);
    flow_client_sent(&flow, 3, 30000000, 1000);
    cr_assert_eq(flow_client_value(&flow, 1000), 36000000u);
    /* The second overtakes; the server has given back 15,000,000 of it. */
    cr_assert(flow_client_reply(&flow, 2, 81000000, 1000));
    cr_assert_eq(flow_client_value(&flow, 1000), 51000000u);
    /* A lower report never lowers the estimate. */
    cr_assert(flow_client_reply(&flow, 1, 1000, 1000));
    cr_assert_eq(flow_client_value(&flow, 1000), 51000000u);
    cr_assert_not(flow_client_reply(&flow, 1, 96000000, 1000));
    cr_assert_not(flow_client_reply(&flow, 77, 96000000, 1000));
    cr_assert_eq(flow.pending_count, 1u);
}

Test(flow, report_above_the_limit_is_clamped)
{
    struct flow_client flow = stock_client();
    flow_client_sent(&flow, 1, 10000000, 1000);
    cr_assert(flow_client_reply(&flow, 1, UINT64_MAX, 1000));
    cr_assert_eq(flow_client_value(&flow, 1000), 96000000u);
    flow_client_resume(&flow, UINT64_MAX, 1000);
    cr_assert_eq(flow_client_value(&flow, 5000), 96000000u);
}

Test(flow, wait_leaves_a_margin_of_one_millisecond)
{
    struct flow_client flow = stock_client();
    cr_assert_eq(flow_client_wait_ms(&flow, 96000000, 1000),
                 0u); /* a full buffer needs no margin */
    cr_assert_eq(flow_client_wait_ms(&flow, 96000001, 1000), UINT64_MAX);
    flow_client_sent(&flow, 1, 96000000, 1000);
    cr_assert(flow_client_reply(&flow, 1, 0, 1000));
    cr_assert_eq(flow_client_wait_ms(&flow, 160000, 1000), 11u);
    cr_assert_eq(flow_client_wait_ms(&flow, 160001, 1000), 12u);
    cr_assert_eq(flow_client_wait_ms(&flow, 160000, 1010), 1u);
    cr_assert_eq(flow_client_wait_ms(&flow, 160000, 1011), 0u);
}

Test(flow, capacity_of_zero_means_never)
{
    struct flow_client flow = stock_client();
    flow_client_update(&flow, 0, 0, 1000);
    cr_assert_eq(flow_client_wait_ms(&flow, 0, 1000), UINT64_MAX);
    cr_assert_eq(flow_client_value(&flow, 5000), 0u);
    flow_client_update(&flow, 96000000, 16000, 5000);
    cr_assert_eq(flow_client_wait_ms(&flow, 1000, 5000), 0u);
}

Test(flow, server_may_have_been_full_until_a_request_arrives)
{
    struct flow_client flow = stock_client();
    flow_client_sent(&flow, 1, 20000000, 1000);
    cr_assert(flow_client_reply(&flow, 1, 90000000, 1000));
    flow_client_sent(&flow, 2, 10000000, 1200);
    flow_client_sent(&flow, 3, 10000000, 1200);
    cr_assert_eq(flow_client_value(&flow, 1000000), 76000000u); /* not above 96 - 20 million */
    cr_assert(flow_client_reply(&flow, 3, 80000000, 1000000));  /* so the second arrived too */
    cr_assert_eq(flow_client_value(&flow, 2000000), 96000000u);
}

Test(flow, raise_adds_and_cut_clamps)
{
    struct flow_client flow = stock_client();
    flow_client_sent(&flow, 1, 90000000, 1000);
    cr_assert(flow_client_reply(&flow, 1, 6000000, 1000));
    flow_client_update(&flow, 192000000, 32000, 1000);
    cr_assert_eq(flow_client_value(&flow, 1000), 102000000u);
    flow_client_update(&flow, 96000000, 16000, 1000);
    cr_assert_eq(flow_client_value(&flow, 1000), 96000000u);
    struct les_flow_params costs = {0};
    costs.has_cost[2] = true;
    costs.costs[2] = (struct les_cost){7, 8};
    flow_client_update_costs(&flow, &costs);
    cr_assert_eq(flow_client_cost(&flow, LES_GET_RECEIPTS, 1), 15u);
    cr_assert_eq(flow_client_cost(&flow, LES_GET_CODE, 1), 900000u);
}

Test(flow, resume_forgets_what_was_pending)
{
    struct flow_client flow = stock_client();
    flow_client_sent(&flow, 1, 50000000, 1000);
    flow_client_resume(&flow, 30000000, 2000);
    cr_assert_not(flow_client_reply(&flow, 1, 96000000, 2000));
    cr_assert_eq(flow_client_value(&flow, 2000), 30000000u);
    cr_assert_eq(flow_client_value(&flow, 2010), 30160000u);
}

Test(flow, server_refuses_what_the_buffer_does_not_hold)
{
    struct flow_server flow;
    uint64_t ticket;
    flow_server_init(&flow, 96000000, 16000, 0);
    cr_assert(flow_server_accept(&flow, 90000000, &ticket, 0));
    cr_assert_not(flow_server_accept(&flow, 6000001, &ticket, 0));
    cr_assert_eq(flow_server_value(&flow, 0), 6000000u);
    cr_assert(flow_server_accept(&flow, 6000001, &ticket, 1));
}

Test(flow, server_reports_what_later_requests_took_too)
{
    struct flow_server flow;
    uint64_t first, second;
    flow_server_init(&flow, 96000000, 16000, 0);
    cr_assert(flow_server_accept(&flow, 40000000, &first, 0));
    cr_assert(flow_server_accept(&flow, 20000000, &second, 0));
    cr_assert_eq(flow_server_served(&flow, first, 40000000, 10000000, 0), 86000000u);
    cr_assert_eq(flow_server_value(&flow, 0), 66000000u);
    cr_assert_eq(flow_server_served(&flow, second, 20000000, 20000000, 0), 66000000u);
}

Test(flow, server_limit_changes_keep_the_invariant)
{
    struct flow_server flow;
    uint64_t ticket;
    flow_server_init(&flow, 96000000, 16000, 0);
    cr_assert(flow_server_accept(&flow, 50000000, &ticket, 0));
    flow_server_update(&flow, 192000000, 32000, 0);
    cr_assert_eq(flow_server_value(&flow, 0), 142000000u);
    flow_server_update(&flow, 96000000, 16000, 0);
    cr_assert_eq(flow_server_value(&flow, 0), 96000000u);
    cr_assert_eq(flow_server_served(&flow, ticket, 50000000, 0, 0), 96000000u);
}

Test(flow, server_cost_above_its_maximum_is_a_bug, .signal = SIGABRT)
{
    struct flow_server flow;
    uint64_t ticket;
    flow_server_init(&flow, 1000, 1, 0);
    cr_assert(flow_server_accept(&flow, 10, &ticket, 0));
    flow_server_served(&flow, ticket, 10, 11, 0);
}
