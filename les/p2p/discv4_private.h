/* What discv4.c (packets, proofs, answers) and discv4_lookup.c (searching) share. Nobody else
 * includes it. */
#ifndef LES_P2P_DISCV4_PRIVATE_H
#define LES_P2P_DISCV4_PRIVATE_H

#include "les/p2p/discv4.h"
#include "les/p2p/discv4_packet.h"
#include "les/p2p/kad.h"
#include "les/p2p/rate.h"

/* What passed between a node, at one IP, and us. */
struct bond {
    struct hash32 id;
    uint8_t ip[16];
    bool has_pong, has_ping;
    uint64_t pong_ms; /* it answered our Ping: its endpoint is proved to us */
    uint64_t ping_ms; /* it got our Pong to its Ping: ours is proved to it */
    uint64_t used_ms;
    uint64_t enr_seq;       /* the newest it announced; 0 = none */
    uint64_t enr_taken_seq; /* of the record that was taken; 0 = none */
    uint64_t enr_taken_ms;
};

enum query_kind { QUERY_PING, QUERY_FINDNODE, QUERY_RECORD };
/* A question of ours under way. */
struct query {
    enum query_kind kind;
    struct enode to;
    struct hash32 id;
    struct hash32 hash; /* of the packet: what PONG and ENR_RESPONSE refer to */
    uint64_t due_ms;
    unsigned retries;   /* left */
    size_t nodes_count; /* QUERY_FINDNODE: neighbours that came so far */
};

enum find_state {
    FIND_NEW,
    FIND_BONDING, /* pinged */
    FIND_PROVED,  /* it answered; its own Ping is awaited, so that it will answer us */
    FIND_ASKED,
    FIND_ANSWERED,
    FIND_FAILED
};
struct find {
    struct enode at;
    struct hash32 id;
    enum find_state state;
    uint64_t due_ms;
};
struct lookup {
    bool running;
    struct pubkey64 target_key;
    struct hash32 target;
    struct find nodes[DISCV4_LOOKUP_NODES_MAX]; /* nearest first */
    size_t nodes_count;
};

enum { DISCV4_CLAIMS = 10 };

struct discv4 {
    struct crypto *crypto;
    struct discv4_config config;
    struct fork_id eth;
    struct discv4_events events;
    void *owner;
    struct pubkey64 key;
    struct hash32 id;
    struct enr record;
    uint64_t now_ms;
    int64_t wall_s;
    struct kad *kad;
    struct bond *bonds;
    size_t bonds_count;
    struct query *queries;
    size_t queries_count;
    struct lookup lookup;
    struct enode seeds[DISCV4_SEEDS_MAX];
    size_t seeds_count;
    bool searching, looked_for_self, answered_ever, learns_ip;
    uint64_t lookup_due_ms, seed_due_ms, revalidate_due_ms;
    struct endpoint claims[DISCV4_CLAIMS]; /* what others see as our IP */
    struct hash32 claims_from[DISCV4_CLAIMS];
    size_t claims_next, claims_count;
    struct rate rate; /* of datagrams that are looked at */
    struct discv4_stats stats;
};

/* ---- discv4.c ---- */
bool discv4_is_proved(const struct discv4 *discv4, const struct hash32 *id,
                      const struct endpoint *at); /* by it, to us */
bool discv4_are_proved_to(const struct discv4 *discv4, const struct hash32 *id,
                          const struct endpoint *at);
void discv4_assume_proved_to(struct discv4 *discv4, const struct hash32 *id,
                             const struct endpoint *at);
/* False: too many queries, or one of this kind to this node is under way (that is as good: true).
 */
bool discv4_send_ping(struct discv4 *discv4, const struct enode *to, unsigned retries);
bool discv4_send_findnode(struct discv4 *discv4, const struct enode *to,
                          const struct pubkey64 *target);
void discv4_want_record(struct discv4 *discv4, const struct enode *node);

/* ---- discv4_lookup.c ---- */
void discv4_lookup_start(struct discv4 *discv4, const struct pubkey64 *target);
void discv4_lookup_step(struct discv4 *discv4);
uint64_t discv4_lookup_due_ms(const struct discv4 *discv4);
void discv4_lookup_pong(struct discv4 *discv4, const struct hash32 *id);
void discv4_lookup_ping(struct discv4 *discv4, const struct hash32 *id);
void discv4_lookup_heard(struct discv4 *discv4, const struct enode *node);
void discv4_lookup_answered(struct discv4 *discv4, const struct hash32 *id, bool good);

#endif
