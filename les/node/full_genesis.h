/* What a full node says of its chain: genesis header, chain id, network id, and the rules as far as
 * they can be had. For the check at the start, and for who has no genesis.json at hand. */
#ifndef LES_NODE_FULL_GENESIS_H
#define LES_NODE_FULL_GENESIS_H

#include "les/node/full_rpc.h"

struct full_genesis {
    char client[128]; /* web3_clientVersion, printable */
    uint64_t chain_id;
    bool has_network_id;
    uint64_t network_id;
    struct hash32 hash; /* of block 0; its header hashes to it */
    /* A genesis.json in go-ethereum's form with the node's header fields, `stateHash` in the place
     * of accounts, and the `config` object out of the first of:
     *   what is known of the network;
     *   admin_nodeInfo (go-ethereum and others, where the admin API is on);
     *   anvil_nodeInfo: all forks up to its hardfork are active from block 0;
     *   eth_config (EIP-7910), when the current fork is active from time 0 and no other is planned.
     * Empty: the node does not tell its rules. */
    struct buf json;
};

struct full_genesis_ask;
typedef const char *full_known_rules(uint64_t chain_id, const struct hash32 *genesis_hash);
/* known: the `config` object of a public network as text, or NULL; may be NULL itself.
 * Asks until the node has answered; on_done comes once, later: genesis is borrowed until it
 * returns. NULL: what the node says is no genesis; why (static text) and is final. A node that
 * does not answer is waited for, with a line in the log. rpc must outlive it. */
struct full_genesis_ask *
full_genesis_ask(struct loop *loop, struct log *log, struct full_rpc *rpc, full_known_rules *known,
                 void (*on_done)(void *owner, const struct full_genesis *genesis, const char *why),
                 void *owner);
void full_genesis_ask_free(struct full_genesis_ask *ask); /* NULL is legal */

#endif
