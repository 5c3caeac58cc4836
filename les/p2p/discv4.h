/* Node discovery version 4 (devp2p discv4.md) with node records (EIP-868), as a pure machine:
 * datagrams and time go in, datagrams and verified records come out. les/p2p/discovery.c runs it
 * over a UDP socket.
 *
 * Against amplification: FindNode and record requests are answered only to a node that proved its
 * endpoint within DISCV4_BOND_MS, what a Ping draws is no more than a Pong and, once per
 * DISCV4_REPLY_TIMEOUT_MS, a Ping. Datagrams beyond the limits per second, in all and from one IP,
 * are dropped before any signature is looked at. */
#ifndef LES_P2P_DISCV4_H
#define LES_P2P_DISCV4_H

#include "les/p2p/enr.h"

struct discv4;

struct discv4_events {
    void (*send)(void *owner, const struct endpoint *to, struct span datagram); /* borrowed */
    /* A record, verified, of a node that proved its endpoint; again when it publishes a newer one
     * and, while searching, every DISCV4_RECORD_AGAIN_MS or so. */
    void (*on_record)(void *owner, const struct enr *enr);
    void (*draw)(void *owner, void *out, size_t size); /* random bytes */
};
struct discv4_config {
    struct seckey32 key;
    struct endpoint at;        /* UDP; an unspecified IP is learned from what others see */
    uint16_t tcp_port;         /* 0: we accept no connections */
    const struct fork_id *eth; /* for our own record; NULL: none */
    bool les;
    uint64_t enr_seq; /* our record starts here; a clock in milliseconds serves */
};
/* crypto must outlive it; config is copied. */
struct discv4 *discv4_new(struct crypto *crypto, const struct discv4_config *config,
                          const struct discv4_events *events, void *owner);
void discv4_free(struct discv4 *discv4); /* NULL is legal */

/* A node to start from: bootnodes, nodes of a DNS tree. Kept (at most DISCV4_SEEDS_MAX, the oldest
 * forgotten) and called whenever the table is empty. */
void discv4_seed(struct discv4 *discv4, const struct enode *node);
/* Random lookups every DISCV4_SEARCH_MS while on, every DISCV4_REFRESH_MS otherwise. */
void discv4_search(struct discv4 *discv4, bool on);
/* Our record with another fork id; a new sequence number, if it changes anything. */
void discv4_set_eth(struct discv4 *discv4, const struct fork_id *eth);
const struct enr *discv4_record(const struct discv4 *discv4); /* our own */

void discv4_receive(struct discv4 *discv4, uint64_t now_ms, int64_t wall_s,
                    const struct endpoint *from, struct span datagram);
/* Does what is due; when that will be next, discv4_due_ms says, also after any other call. */
void discv4_tick(struct discv4 *discv4, uint64_t now_ms, int64_t wall_s);
uint64_t discv4_due_ms(const struct discv4 *discv4);

struct discv4_stats {
    uint64_t in, out, bad,
        limited;       /* datagrams; bad: not valid, expired, or answers nobody asked for */
    uint64_t unproved; /* queries left unanswered for want of an endpoint proof */
    uint64_t lookups, records;
    uint64_t table_nodes; /* now */
};
void discv4_stats(const struct discv4 *discv4, struct discv4_stats *out);
bool discv4_knows(const struct discv4 *discv4, const struct hash32 *id); /* is in the table */

#endif
