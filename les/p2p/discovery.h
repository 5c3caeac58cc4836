/* Finds nodes for a host: DNS trees (les/p2p/dnsdisc.h) and discv4 (les/p2p/discv4.h), filtered by
 * their record, as candidates. */
#ifndef LES_P2P_DISCOVERY_H
#define LES_P2P_DISCOVERY_H

#include "les/eth/chainspec.h"
#include "les/p2p/host.h"

struct discovery;

struct discovery_config {
    const char *const *dns_trees; /* enrtree:// URLs; copied */
    size_t dns_trees_count;
    bool do_discv4;
    struct endpoint discv4_at;     /* UDP; port 0: any */
    const struct enode *bootnodes; /* copied */
    size_t bootnodes_count;
    const struct chainspec
        *chain; /* borrowed; a node whose `eth` entry has an incompatible fork id is left out */
    uint64_t head_number, head_time; /* for the fork id until discovery_set_head */
    bool need_les;                   /* only nodes with a `les` entry that is not an empty list */
    bool serve_les;                  /* our own record carries les = [1] */
};
/* host gives the node key, the advertised TCP port and takes the candidates; it must outlive
 * discovery. STATUS_INVALID: a URL is malformed; STATUS_IO: the UDP address cannot be had. */
enum status discovery_new(struct discovery **out, struct loop *loop, struct crypto *crypto,
                          struct log *log, struct host *host, const struct seckey32 *key,
                          const struct discovery_config *config) WARN_UNUSED;
void discovery_free(struct discovery *discovery); /* NULL is legal */
void discovery_set_head(struct discovery *discovery, uint64_t number, uint64_t time);

struct discovery_stats {
    uint64_t dns_records, dns_faults; /* TXT records taken; entries or roots refused */
    uint64_t discv4_in, discv4_out, discv4_bad, discv4_limited; /* datagrams */
    uint64_t table_nodes;
    uint64_t records_seen, records_fit; /* ENRs looked at; those handed to the host */
};
void discovery_stats(const struct discovery *discovery, struct discovery_stats *out);

#endif
