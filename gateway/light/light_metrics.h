/* What /metrics says about the light client and JSON-RPC. */
#ifndef GATEWAY_LIGHT_METRICS_H
#define GATEWAY_LIGHT_METRICS_H

#include "gateway/light/light.h"
#include "gateway/rpc/metrics.h"
#include "gateway/rpc/rpc.h"

/* Both must outlive metrics. */
void light_metrics_add(struct metrics *metrics, struct light *light);
void light_metrics_add_rpc(struct metrics *metrics, const struct rpc_counts *counts);

#endif
