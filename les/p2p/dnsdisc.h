/* Walks DNS node lists (EIP-1459) over loop_resolve_txt: roots first, then links, then records in
 * random order, one query at a time, at most DNSDISC_QUERIES_PER_S a second, and only while records
 * are wanted. Roots are looked at again every DNSDISC_RECHECK_MS, and the list is then offered
 * anew. */
#ifndef LES_P2P_DNSDISC_H
#define LES_P2P_DNSDISC_H

#include "les/base/log.h"
#include "les/p2p/dnstree.h"

struct dnsdisc;

/* urls: of the configured trees; at most DNSDISC_TREES_MAX, linked ones included. on_record: a
 * verified record; borrowed. log may be NULL. STATUS_INVALID: a URL is malformed; STATUS_LIMIT: too
 * many. */
enum status dnsdisc_new(struct dnsdisc **out, struct loop *loop, struct crypto *crypto,
                        struct log *log, const char *const *urls, size_t urls_count,
                        void (*on_record)(void *owner, const struct enr *enr),
                        void *owner) WARN_UNUSED;
void dnsdisc_free(struct dnsdisc *dnsdisc);              /* NULL is legal */
void dnsdisc_want(struct dnsdisc *dnsdisc, bool wanted); /* starts as not wanted */

struct dnsdisc_stats {
    uint64_t queries;
    uint64_t records; /* given to on_record */
    uint64_t faults;  /* roots, entries or records that were refused */
    uint64_t trees;
};
void dnsdisc_stats(const struct dnsdisc *dnsdisc, struct dnsdisc_stats *out);

#endif
