/* Inside of the development chain: what devchain*.c share. */
#ifndef LES_NODE_DEVCHAIN_INTERNAL_H
#define LES_NODE_DEVCHAIN_INTERNAL_H

#include "les/node/devchain.h"

/* What the next blocks are like; goes into a snapshot as a whole. */
struct devchain_plan {
    int64_t offset_s;
    uint64_t gas_limit; /* 0: the parent's */
    struct address20 coinbase;
    bool has_time, has_base_fee, has_randao; /* of the next block alone */
    uint64_t time;
    struct u256 base_fee;
    struct hash32 randao;
};

struct devchain_snapshot {
    uint64_t id;
    struct ledger_block *head;
    struct devchain_plan plan;
    struct buf pool; /* envelopes, each with its size in 4 bytes before it */
};

struct devchain {
    struct loop *loop;
    struct ledger *ledger;
    struct pool *pool;
    const struct crypto *crypto;
    struct log *log;
    uint64_t period_ms;
    struct timer timer;
    bool automine;
    struct task due; /* automine */
    struct seckey32 key;
    struct address20 account;
    struct devchain_plan plan;
    uint64_t generation; /* how often the head went back: no block is made twice */
    const char *refusal;
    struct block_outcome outcome;
    struct { /* devchain_make_blocks */
        bool running, busy;
        uint64_t left, interval_s;
        struct timer timer;
        void (*on_done)(void *owner, bool good);
        void *owner;
    } run;
    struct devchain_snapshot snapshots[DEVCHAIN_SNAPSHOTS_MAX];
    size_t snapshots_count;
    uint64_t snapshots_made;
};

/* devchain_back.c */
void devchain_drop_snapshots(struct devchain *devchain, size_t from_index);

#endif
