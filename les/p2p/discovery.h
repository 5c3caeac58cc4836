/* Finds nodes for a host: DNS trees (les/p2p/dnsdisc.h) and discovery v4 (les/p2p/discv4.h) over
 * UDP, filtered by their records, given to the host as candidates. Searches while the host wants
 * candidates (host_config.candidates_target), is nearly silent otherwise. */
#ifndef LES_P2P_DISCOVERY_H
#define LES_P2P_DISCOVERY_H

#include "les/p2p/enr.h"
#include "les/p2p/host.h"

struct discovery;

struct discovery_config {
    const char *const *dns_trees; /* enrtree:// URLs; copied */
    size_t dns_trees_count;
    bool do_discv4;
    struct endpoint discv4_at;     /* UDP; port 0: any; an unspecified IP is learned from others */
    const struct enode *bootnodes; /* copied; at most DISCV4_SEEDS_MAX */
    size_t bootnodes_count;
    /* Borrowed, must outlive discovery. A node without an `eth` entry, or with an incompatible fork
     * id (EIP-2124), is left out; our own record carries ours. NULL: no such filter, no such entry.
     */
    const struct chainspec *chain;
    uint64_t head_number, head_time; /* for the fork id, until discovery_set_head */
    bool need_les;                   /* only nodes with a `les` entry */
    bool serve_les;                  /* our own record carries les = [1] */
};
/* host takes the candidates and gives the TCP port for our record; it must outlive discovery. key
 * is the node key, the host's. STATUS_INVALID: a URL is malformed; STATUS_LIMIT: too many;
 * STATUS_IO: the UDP address cannot be had. */
enum status discovery_new(struct discovery **out, struct loop *loop, struct crypto *crypto,
                          struct log *log, struct host *host, const struct seckey32 *key,
                          const struct discovery_config *config) WARN_UNUSED;
void discovery_free(struct discovery *discovery); /* NULL is legal */
void discovery_set_head(struct discovery *discovery, uint64_t number, uint64_t time);
/* Our own record as it stands, for operators and for a DNS tree; NULL without discv4. Changes when
 * our IP or fork id does. */
const struct enr *discovery_record(const struct discovery *discovery);

struct discovery_stats {
    uint64_t dns_queries, dns_records, dns_faults, dns_trees;
    uint64_t discv4_in, discv4_out, discv4_bad, discv4_limited, discv4_unproved; /* datagrams */
    uint64_t discv4_lookups, discv4_records, table_nodes;
    uint64_t records_seen, records_fit; /* looked at; fit for us */
    uint64_t candidates;                /* those the host took */
};
void discovery_stats(const struct discovery *discovery, struct discovery_stats *out);

#endif
