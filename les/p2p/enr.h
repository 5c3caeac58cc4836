/* Node records (EIP-778), identity scheme "v4", with the `eth` (EIP-2124) and `les` entries. */
#ifndef LES_P2P_ENR_H
#define LES_P2P_ENR_H

#include "les/base/limits.h"
#include "les/eth/chainspec.h"
#include "les/p2p/enode.h"

/* The entry of a light server. go-ethereum before 1.10 wrote an empty list, later [1]; clients
 * since 1.10 refuse the empty one. */
enum enr_les { ENR_LES_NONE, ENR_LES_EMPTY, ENR_LES_VERSION };

/* A record whose signature was verified. Plain data. */
struct enr {
    uint8_t rlp[ENR_SIZE_MAX];
    size_t size;
    uint64_t seq;
    struct pubkey64 key;
    bool has_ip4, has_ip6;
    uint8_t ip4[4], ip6[16];
    uint16_t tcp, udp;   /* 0: absent */
    uint16_t tcp6, udp6; /* of ip6; tcp and udp where the record has no own */
    bool has_eth;        /* a fork id could be read */
    struct fork_id eth;
    enum enr_les les;
    uint64_t les_version; /* ENR_LES_VERSION */
};

/* Strict: one list of at most ENR_SIZE_MAX bytes, keys sorted and unique, identity "v4", a good
 * signature with low s. Entries that are malformed are read as absent, unknown keys are kept in
 * rlp. False: out is zeroed. */
bool enr_decode(struct enr *out, const struct crypto *crypto, struct span rlp) WARN_UNUSED;
/* "enr:" and base64. */
bool enr_parse(struct enr *out, const struct crypto *crypto, struct span text) WARN_UNUSED;
void enr_format(struct buf *out, const struct enr *enr);
/* The raw RLP item of a key; borrowed. */
bool enr_get(const struct enr *enr, const char *key, struct span *value);
/* IPv4 first. False: no address with a TCP port. */
bool enr_enode(const struct enr *enr, struct enode *out) WARN_UNUSED;

/* What goes into a record of our own. */
struct enr_content {
    uint64_t seq;
    bool has_ip; /* at: the IP, and the TCP port unless it is 0 */
    struct endpoint at;
    uint16_t udp_port;         /* 0: none */
    const struct fork_id *eth; /* NULL: none */
    bool les;                  /* [1] */
};
void enr_make(struct enr *out, const struct crypto *crypto, const struct seckey32 *key,
              const struct enr_content *content);

#endif
