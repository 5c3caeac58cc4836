/* DNS node lists (EIP-1459) as text: what the TXT records of a tree say, checked, and how an
 * operator makes them. Pure. */
#ifndef LES_P2P_DNSTREE_H
#define LES_P2P_DNSTREE_H

#include "les/p2p/enr.h"

#define DNSTREE_DOMAIN_MAX 200 /* leaves room for a label within DNS's 253 */
#define DNSTREE_LABEL_MAX  52  /* base32 of 12 to 32 bytes */

/* enrtree://<base32 of the compressed key>@<domain> */
struct dnstree_url {
    struct pubkey64 key;
    char domain[DNSTREE_DOMAIN_MAX + 1];
};
/* The domain is letters, digits, '-', '_' and single dots. False: out is zeroed. */
bool dnstree_url_parse(struct dnstree_url *out, const struct crypto *crypto,
                       struct span text) WARN_UNUSED;
void dnstree_url_format(struct buf *out, const struct crypto *crypto,
                        const struct dnstree_url *url);

struct dnstree_label {
    char text[DNSTREE_LABEL_MAX + 1];
};

/* The TXT record at the domain itself. False: not a root, or not signed by key. */
struct dnstree_root {
    struct dnstree_label enrs, links;
    uint64_t seq;
};
bool dnstree_root_parse(struct dnstree_root *out, const struct crypto *crypto,
                        const struct pubkey64 *key, struct span text) WARN_UNUSED;

enum dnstree_kind { DNSTREE_BAD, DNSTREE_BRANCH, DNSTREE_ENR, DNSTREE_LINK };
/* What an entry is, if its text hashes to label; BAD otherwise. Its content (record, URL) is not
 * looked at. */
enum dnstree_kind dnstree_entry_kind(const struct dnstree_label *label, struct span text);
/* Iterates the labels of a branch entry: rest starts as the entry's text after
 * dnstree_branch_begin. False: the end, or a malformed label, which *bad tells. */
struct span dnstree_branch_begin(struct span text);
bool dnstree_branch_next(struct span *rest, struct dnstree_label *out, bool *bad);
/* Are all labels of a branch well-formed? An empty branch is. */
bool dnstree_branch_valid(struct span text) WARN_UNUSED;

/* All TXT records of a tree: add is called for each with its full name and text, the root last.
 * Records and links must be valid; they are put in the order of their labels, so that the same set
 * gives the same tree. */
struct dnstree_content {
    const struct enr *enrs;
    size_t enrs_count;
    const struct dnstree_url *links;
    size_t links_count;
    uint64_t seq; /* larger than that of the tree before */
    const char *domain;
};
/* STATUS_INVALID: the domain cannot be one. */
enum status dnstree_make(const struct crypto *crypto, const struct seckey32 *key,
                         const struct dnstree_content *content,
                         void (*add)(void *owner, const char *name, struct span text),
                         void *owner) WARN_UNUSED;
/* The same as lines of a zone file; texts longer than 255 bytes are split into strings. */
enum status dnstree_zone(struct buf *out, const struct crypto *crypto, const struct seckey32 *key,
                         const struct dnstree_content *content) WARN_UNUSED;

#endif
