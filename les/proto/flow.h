/* LES flow control (les.md 3.8), both sides, pure: the caller passes now_ms. Units: cost units;
 * recharge is units per millisecond. Invariant, asserted: 0 <= value <= limit. */
#ifndef LES_PROTO_FLOW_H
#define LES_PROTO_FLOW_H

#include "les/proto/wire.h"

/* Requests open at one server: go-ethereum queues at most 100 messages to a client and drops
 * further replies silently. */
#define FLOW_IN_FLIGHT_MAX 80

/* The client's estimate of its buffer at one server: never above what the server has, if the server
 * keeps the rules. The server may have been full, and so not recharging, until what is under way
 * arrives: the estimate stays below the limit less the cost of what is not known to have arrived.
 * go-ethereum does not reckon with that and can be frozen on a line with uneven delays. That
 * nothing recharges before the first reply (trap 17) follows. */
struct flow_client {
    struct les_flow_params params;
    uint64_t value; /* estimate at value_ms */
    uint64_t value_ms;
    uint64_t sum_cost;   /* of everything sent since the last reset */
    uint64_t known_cost; /* sum_cost of the newest request known to have arrived: it was answered */
    struct flow_pending {
        uint64_t request_id;
        uint64_t sum_cost; /* snapshot after sending it */
    } pending[FLOW_IN_FLIGHT_MAX];
    size_t pending_count;
};
void flow_client_init(struct flow_client *flow, const struct les_flow_params *params,
                      uint64_t now_ms);
/* The most that a request of items may cost; UINT64_MAX when the server has no price for it. */
uint64_t flow_client_cost(const struct flow_client *flow, unsigned code, uint64_t items);
/* The most items that one request may ever carry at this server: limited by items max and by what
 * fits BL. */
uint64_t flow_client_items_max(const struct flow_client *flow, unsigned code);
/* How long until a request of this cost may be sent: 0 = now, UINT64_MAX = never (it does not fit,
 * or capacity is 0). */
uint64_t flow_client_wait_ms(const struct flow_client *flow, uint64_t cost, uint64_t now_ms);
uint64_t flow_client_value(const struct flow_client *flow, uint64_t now_ms);
void flow_client_sent(struct flow_client *flow, uint64_t request_id, uint64_t cost,
                      uint64_t now_ms);
/* A reply to a pending request; false: the id is not pending. */
bool flow_client_reply(struct flow_client *flow, uint64_t request_id, uint64_t buffer_value,
                       uint64_t now_ms) WARN_UNUSED;
/* Resume: forgets what was pending. */
void flow_client_resume(struct flow_client *flow, uint64_t buffer_value, uint64_t now_ms);
/* An announcement with BL and MRR; and one with a cost table. */
void flow_client_update(struct flow_client *flow, uint64_t buffer_limit, uint64_t recharge,
                        uint64_t now_ms);
void flow_client_update_costs(struct flow_client *flow, const struct les_flow_params *costs);

/* The server's account of one client. */
struct flow_server {
    uint64_t limit, recharge;
    uint64_t value, value_ms;
    uint64_t accepted_cost; /* maximum cost of all requests accepted so far */
};
void flow_server_init(struct flow_server *flow, uint64_t limit, uint64_t recharge, uint64_t now_ms);
uint64_t flow_server_value(const struct flow_server *flow, uint64_t now_ms);
/* False: the buffer does not hold cost_max; nothing was taken and the client is to be frozen (Stop)
 * or dropped (les/2). */
bool flow_server_accept(struct flow_server *flow, uint64_t cost_max, uint64_t *ticket,
                        uint64_t now_ms) WARN_UNUSED;
/* The request that got ticket was served and really cost `cost` (at most cost_max): gives the rest
 * back. Returns the buffer value to report: what is left plus what later requests have taken. */
uint64_t flow_server_served(struct flow_server *flow, uint64_t ticket, uint64_t cost_max,
                            uint64_t cost, uint64_t now_ms);
void flow_server_update(struct flow_server *flow, uint64_t limit, uint64_t recharge,
                        uint64_t now_ms);

#endif
