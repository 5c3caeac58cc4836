/* Numbers about the running program, printed in the text format of Prometheus (exposition format
 * 0.0.4). The registry keeps pointers to counters that others own and advance; reading happens only
 * when somebody asks. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "les/base/bytes.h"

struct metrics;
struct metrics *metrics_new(void);
/* The prefix of all names; "lesgate" without it. Static text. */
void metrics_set_prefix(struct metrics *metrics, const char *prefix);
void metrics_free(struct metrics *metrics); /* NULL is legal */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

/* name: [a-z_]+ without prefix ("rpc_calls_total"); labels: finished pairs (`method="eth_call"`) or
 * NULL; help: one line. All copied. value: borrowed, must outlive metrics. Several values of one
 * name differ in their labels and should be added one after the other: they share the first one's
 * help. */
void metrics_add(struct metrics *metrics, enum metric_kind kind, const char *name,
                 const char *labels, const char *help, const uint64_t *value);
/* The same for a value that is computed when asked for. */
void metrics_add_function(struct metrics *metrics, enum metric_kind kind, const char *name,
                          const char *labels, const char *help, double (*read)(void *owner),
                          void *owner);

/* Appends everything, each name with the prefix and _ before it. */
void metrics_print(const struct metrics *metrics, struct buf *out);

#endif
