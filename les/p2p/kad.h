/* The node table of discovery v4: k-buckets by XOR distance of node ids (devp2p discv4.md, "Node
 * Table"). Pure. Holds only nodes that proved their endpoint; who checks that is les/p2p/discv4.c.
 *
 * Distances below 2^(256 - KAD_BUCKETS) share the first bucket: no honest node comes nearer by
 * chance. */
#ifndef LES_P2P_KAD_H
#define LES_P2P_KAD_H

#include "les/base/limits.h"
#include "les/p2p/enode.h"

#define KAD_BUCKETS 17

struct kad_node {
    struct hash32 id;
    struct enode at;
    uint64_t seen_ms; /* the last Pong */
};

struct kad;
struct kad *kad_new(const struct hash32 *self);
void kad_free(struct kad *kad);

enum kad_place {
    KAD_BUCKET, /* it is in its bucket, as the newest */
    KAD_SPARE,  /* its bucket is full: it waits for somebody to fail */
    KAD_REFUSED /* itself, or too many of its network */
};
/* A node that has just proved its endpoint. A known one moves to its bucket's end; its address is
 * replaced. */
enum kad_place kad_seen(struct kad *kad, const struct enode *node, uint64_t now_ms);
/* It did not answer: out of the table; the newest spare of the bucket takes its place. */
void kad_failed(struct kad *kad, const struct hash32 *id);
struct kad_node *
kad_find(struct kad *kad,
         const struct hash32 *id); /* in a bucket; borrowed until the table changes */
/* The nodes closest to target, nearest first, at most max; returns how many. */
size_t kad_closest(const struct kad *kad, struct kad_node *out, size_t max,
                   const struct hash32 *target);
/* The node not seen for longest in the first bucket that is not empty, from the one that pick (any
 * number) falls on; NULL: the table is empty. */
const struct kad_node *kad_oldest(const struct kad *kad, uint32_t pick);
size_t kad_count(const struct kad *kad);

/* <0, 0, >0: is a nearer to target than b, as near, farther? */
int kad_compare(const struct hash32 *target, const struct hash32 *a, const struct hash32 *b);
/* Addresses of one household, office or machine: loopback, private, link-local. They are not
 * limited by network. */
bool kad_is_lan(const struct endpoint *at);
/* May a node at `from` tell us of `at`? Not of special addresses, nor of ours when it comes from
 * outside. */
bool kad_may_relay(const struct endpoint *from, const struct endpoint *at);

#endif
