/* The light client as a whole, below JSON-RPC: LES servers, the verified chain, the cache, and
 * objects out of both, joined to one another. The eth_* handlers get it as their ctx. Needs a loop
 * and nothing else, so it also runs in a simulated world. */
#ifndef GATEWAY_LIGHT_H
#define GATEWAY_LIGHT_H

#include "gateway/light/objects.h"
#include "gateway/light/sent.h"
#include "les/base/log.h"

struct exec;
struct evm_precompile_ops;

struct light {
    struct loop *loop;
    struct log *log;
    struct crypto *crypto;
    const struct chainspec *spec;
    struct les_client *client;
    struct chain *chain;
    struct cache_tier *cache;
    struct objects *objects;
    struct exec *exec; /* gateway/light/exec.h */
    struct sent *sent; /* own transactions under way */
    struct {           /* the tip that was suggested last: eth_fee.c */
        bool known;
        struct hash32 head;
        struct u256 tip;
    } fee;
    const char *client_version; /* web3_clientVersion */
    /* private */
    void (*on_head)(void *owner, struct block_header *old, struct block_header *new_head,
                    uint64_t fork_number);
    void *owner;
};

struct light_options {
    struct loop *loop;
    struct log *log; /* may be NULL */
    struct crypto *crypto;
    const struct chainspec *spec; /* with the genesis hash; must outlive the light client */
    struct span genesis_rlp;      /* the genesis header */
    struct seckey32 key;
    const char *client_version; /* static; sent to servers too */
    const struct enode *trusted;
    size_t trusted_count;
    unsigned fraction_percent;
    const struct enode *peers;
    size_t peers_count;
    size_t servers_target; /* up to this many servers are taken from discovery; 0: none */
    bool has_checkpoint;
    struct les_checkpoint checkpoint;
    size_t cache_bytes;
    struct chain_store *store; /* may be NULL; must outlive the light client */
    /* Execution of calls; see gateway/light/exec.h for what 0 and NULL mean. */
    const struct evm_precompile_ops *precompiles;
    uint64_t call_gas_cap, call_timeout_ms;
    size_t call_state_bytes;
    bool call_no_guessing;
    /* As chain_events; may be NULL. */
    void (*on_head)(void *owner, struct block_header *old, struct block_header *new_head,
                    uint64_t fork_number);
    void *owner;
};

/* Starts dialling. STATUS_INVALID: the key is not one. */
enum status light_open(struct light **out, const struct light_options *options) WARN_UNUSED;
/* Every question under way ends with STATUS_CANCELLED within this turn. NULL is legal. JSON-RPC
 * calls must be gone. */
void light_close(struct light *light);

#endif
