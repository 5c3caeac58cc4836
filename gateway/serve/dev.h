/* A development chain as a tool (lesserve --dev): the JSON-RPC that scripts for ethers, viem,
 * hardhat and cast expect of a local node. eth_* is not written again: a light client in this
 * process trusts the LES server of this process and answers with the methods of methods.def;
 * dev_methods.def adds what drives the chain. Needs a loop and nothing else, so it also runs in a
 * simulated world.
 *
 * Read your writes: every method first waits until the light client has caught up with the chain,
 * and every method that changes the chain answers after it has. The wait is for the event of a new
 * head. Another LES client may of course be behind. */
#ifndef GATEWAY_DEV_H
#define GATEWAY_DEV_H

#include "gateway/serve/dev_accounts.h"
#include "gateway/light/light.h"
#include "gateway/eth/methods.h"
#include "gateway/rpc/params.h"
#include "les/base/limits.h"
#include "les/node/devchain.h"
#include "les/proto/server.h"

struct dev_wait;
struct dev {
    struct loop *loop;
    struct log *log;
    struct crypto *crypto;
    struct ledger *ledger;
    struct pool *pool;
    struct devchain *devchain;
    struct server *server;
    struct light *light;
    struct rpc *rpc;
    struct dev_account accounts[DEV_ACCOUNTS];
    struct address20 impersonated[DEV_IMPERSONATED_MAX];
    size_t impersonated_count;
    bool impersonate_all;
    struct { /* the call that a run of blocks is for; NULL: none, or nobody waits any more */
        struct call *call;
        bool plain;
    } mining;
    /* private to dev.c */
    struct buf genesis_rlp;
    struct rpc_method *table;
    size_t table_count;
    struct hash32 light_id;
    struct dev_wait *first, **last;
    struct task settled;
};

struct dev_options {
    struct loop *loop;
    struct log *log;       /* may be NULL */
    struct crypto *crypto; /* with crypto_impersonate */
    const struct header *genesis;
    struct ledger *ledger;
    struct pool *pool;
    struct devchain *devchain;
    struct server *server;
    struct enode self;          /* where this process serves LES; not 0.0.0.0 */
    const char *client_version; /* static */
};
/* Everything is borrowed and must outlive it. Starts dialling; calls wait until that is done. */
enum status dev_open(struct dev **out, const struct dev_options *options) WARN_UNUSED;
/* dev->rpc is for a transport, which is closed before dev_close and freed before dev_free.
 * dev_close ends the light client; no call may be under way. dev_free: before the loop is freed.
 * NULL is legal for both. */
void dev_close(struct dev *dev);
void dev_free(struct dev *dev);

/* ---- for handlers (dev_*.c); their ctx is the struct dev ---- */

/* Goes on with then once the light client has caught up with the head as it is now. */
struct call_done dev_when_settled(struct dev *dev, struct call *call,
                                  struct call_done (*then)(struct call *call, struct dev *dev));
/* The result is written: call_ok, when the light client has caught up. */
struct call_done dev_ok(struct dev *dev, struct call *call);
/* The same for methods whose result says nothing: true for hardhat_*, null for others. */
struct call_done dev_ok_nothing(struct dev *dev, struct call *call);
/* A run of blocks is going on: the call has failed. */
struct call_done dev_fail_busy(struct call *call);
/* A number in any of the ways that scripts write one. False: noted (call_fail_param); absent is an
 * error unless has is given. */
bool dev_param_u256(struct call *call, size_t index, bool *has, struct u256 *out) WARN_UNUSED;
bool dev_param_u64(struct call *call, size_t index, bool *has, uint64_t *out) WARN_UNUSED;
bool dev_is_impersonated(const struct dev *dev, const struct address20 *address);

#define RPC_METHOD(name, handler, signature, cache)                                                \
    struct call_done handler(struct call *call, void *ctx);
#include "gateway/serve/dev_methods.def"
#undef RPC_METHOD

#endif
