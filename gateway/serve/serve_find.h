/* How clients find a lesserve: its enode, its signed record (EIP-778) with the `les` and `eth`
 * entries, and discovery v4 if it is wanted. */
#ifndef GATEWAY_SERVE_FIND_H
#define GATEWAY_SERVE_FIND_H

#include "conf/conf.h"
#include "les/p2p/discovery.h"

struct serve_find;
struct serve_find_config {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log;
    const struct conf_serve *conf;
    struct host *host; /* listening; must outlive it, as spec must */
    const struct chainspec *spec;
    uint64_t head_number, head_time; /* for the fork id */
    struct seckey32 key;             /* the node's; not kept without discovery */
};
/* NULL: error has got one line. */
struct serve_find *serve_find_new(const struct serve_find_config *config, struct buf *error);
void serve_find_free(struct serve_find *find); /* before the host; NULL is legal */
/* NULL is legal. */
void serve_find_set_head(struct serve_find *find, uint64_t number, uint64_t time);
/* With discovery it changes with our IP and fork id; without, it is the one of the start, and has
 * no IP where the listener is on all addresses. */
const struct enr *serve_find_record(const struct serve_find *find);
struct discovery *serve_find_discovery(const struct serve_find *find); /* NULL: none */
/* Two lines on standard output: the enode, the record. */
void serve_find_print(const struct serve_find *find);

#endif
