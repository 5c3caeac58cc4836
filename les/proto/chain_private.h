/* What chain.c and chain_find.c share. */
#ifndef LES_PROTO_CHAIN_PRIVATE_H
#define LES_PROTO_CHAIN_PRIVATE_H

#include "les/base/limits.h"
#include "les/base/table.h"
#include "les/proto/chain.h"

#define CHAIN_FETCHES_MAX       8
#define CHAIN_FETCHES_PER_VOTER 2
#define CHAIN_FAILED_MAX        16

/* What one trusted server stands for. */
struct vote {
    struct hash32 server_id;
    bool connected;
    bool announced;       /* head is set */
    struct les_head head; /* newest word of the server */
    bool counts;          /* block is set: the newest head whose header is known */
    struct les_block_ref block;
    struct les_block_ref coming; /* a head whose header is or was under way; zero at first */
};

/* A run of headers under way, wanted for the votes or to link the head to what is below it. */
struct fetch {
    struct les_op op;
    struct chain *chain;
    bool running;
    uint64_t number;
};

struct chain {
    struct loop *loop;
    struct log *log;
    struct les_client *client;
    const struct chainspec *spec;
    struct chain_events events;
    void *owner;
    struct chain_store *store;
    struct vote votes[ULC_SERVERS_MAX];
    size_t votes_count;
    size_t need;
    struct block_header *genesis;
    struct block_header *head;
    uint64_t lost_ms; /* when the last head was lost */
    size_t agreeing;
    struct table by_hash; /* recent headers of every branch; content checked, not believed */
    struct block_header *canonical[CHAIN_WINDOW]; /* by number modulo; ancestors of head without a
                                                     gap from bottom on */
    uint64_t bottom;
    struct block_header *old[CHAIN_OLD_MAX]; /* by number modulo; verified one by one */
    struct table old_by_hash;
    struct fetch fetches[CHAIN_FETCHES_MAX];
    struct {
        struct hash32 hash;
        uint64_t until_ms;
    } failed[CHAIN_FAILED_MAX];
    size_t failed_next;
    uint64_t gap_since_ms; /* the votes need headers that are not there; 0: they do not */
    struct timer review;   /* again after a failed fetch may be repeated */
    bool has_checkpoint;
    struct les_checkpoint checkpoint;
    struct chain_search *searches;
    size_t searches_count;
    size_t ranges_running;
    uint64_t epoch; /* moves when what was called canonical may be so no more */
    bool closing;
    char trouble[160];
    struct chain_stats stats;
};

/* Keeps a header that is known to be canonical: in the window if it is the next below bottom, among
 * the old ones otherwise. */
void chain_keep_canonical(struct chain *chain, struct block_header *header,
                          enum header_proof proof);
/* Ends all searches. */
void chain_searches_cancel(struct chain *chain);
/* Trusted servers whose session is up and that serve headers; their ids in out. */
size_t chain_voters(const struct chain *chain, const struct hash32 *out[ULC_SERVERS_MAX]);

#endif
