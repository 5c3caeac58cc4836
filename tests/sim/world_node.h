/* A full node of the simulated world, as a JSON-RPC client sees it: HTTP and WebSocket at one port,
 * and an IPC socket. What it says comes from a function of the test; how it misbehaves is set here.
 * Runs on any struct loop. */
#ifndef TESTS_SIM_WORLD_NODE_H
#define TESTS_SIM_WORLD_NODE_H

#include "les/base/loop.h"

#include <jansson.h>

#define WORLD_NODE_PORT 8545
#define WORLD_NODE_PATH "/node/geth.ipc"

enum world_node_way {
    NODE_FINE,
    NODE_CHUNKED,      /* HTTP: answers in chunks of a few bytes */
    NODE_CLOSES,       /* HTTP: closes after each answer, which has no length */
    NODE_NO_BATCHES,   /* one error for the whole batch */
    NODE_SILENT,       /* never answers */
    NODE_GARBAGE,      /* answers with bytes from the dice */
    NODE_HTML,         /* answers 503 with a page; not over HTTP: the page */
    NODE_WRONG_IDS,    /* answers every call, with ids that nobody used */
    NODE_SHUFFLED,     /* a batch's answers in reverse order */
    NODE_LAST_MISSING, /* a batch's last answer is left out */
    NODE_CUTS,         /* closes the connection in the middle of each answer */
    NODE_HANGS_UP,     /* closes the connection when it is asked */
    NODE_SWALLOWS,     /* begins an answer so that the next ones are parts of it */
    NODE_HUGE,         /* answers with a string that never ends */
    NODE_DEEP,         /* brackets that never close, many values */
    NODE_NO_ERRORS     /* neither result nor error */
};

struct world_node;
/* A new reference, or NULL: an error, *code and *text (static) are set then. params is borrowed. */
typedef json_t *world_node_answer(void *owner, const char *method, json_t *params, int *code,
                                  const char **text);
/* Listens at once. eth_subscribe("newHeads") and eth_unsubscribe are answered here; answer is asked
 * for everything else. */
struct world_node *world_node_new(struct loop *loop, world_node_answer *answer, void *owner);
void world_node_free(struct world_node *node);
void world_node_set(struct world_node *node, enum world_node_way way, uint64_t delay_ms);
/* Stops or starts listening; stopping closes every connection. */
void world_node_listen(struct world_node *node, bool listens);
/* Tells every subscriber; header is borrowed. */
void world_node_announce(struct world_node *node, json_t *header);
struct world_node_counters {
    uint64_t connections, messages, batches, calls, subscribes;
    size_t batch_max, open;
};
struct world_node_counters world_node_counters(const struct world_node *node);

#endif
