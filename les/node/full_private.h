/* Inside of full: full.c (life, questions as jobs), full_fetch.c (what is asked of the node),
 * full_chain.c (the head and the window of headers), full_serve.c (answers), full_helper.c. Nobody
 * else includes this.
 *
 * A job answers one question by running its step again and again: step takes what it needs from the
 * window and the cache; what is not there it waits for (a fetch), and runs anew when that has come.
 * So no step keeps anything borrowed, and whatever is fetched is verified and put away first. */
#ifndef LES_NODE_FULL_PRIVATE_H
#define LES_NODE_FULL_PRIVATE_H

#include "les/base/limits.h"
#include "les/eth/cht.h"
#include "les/node/full.h"
#include "les/node/full_cache.h"
#include "les/node/full_json.h"
#include "les/node/hash_map.h"

/* ---- headers of the window ---- */
struct full_block {
    struct hash32 hash;
    struct header header;
    struct span rlp; /* behind the struct */
    struct u256 td;
    bool has_td;
    bool canonical;
};
/* Of a block object of the node. expected NULL: it must hash to what it says. NULL: it does not;
 * fault says why. Freed with mem_free. */
struct full_block *full_block_read(json_t *json, const struct hash32 *expected,
                                   struct full_fault *fault);

/* Headers fetched by number from a known child downwards and linked to it. */
#define FULL_RUN_MAX 64
struct full_run {
    struct full *full;
    struct hash32 link; /* what the topmost must hash to */
    uint64_t top;
    size_t count;
    struct full_run_item {
        struct full_run *run;
        struct full_call *call;
        struct full_block *block;
    } items[FULL_RUN_MAX];
    size_t open;
    bool by_hash; /* the second try: the topmost alone, by its hash */
    bool busy;
    size_t
        linked; /* in on_done: items[0 .. linked - 1] hold linked blocks, which the callee takes */
    void (*on_done)(struct full_run *run);
};

struct full_chain {
    struct hash_map blocks;   /* window and side branches, by hash */
    struct full_block **ring; /* canonical, by number modulo FULL_WINDOW */
    struct full_block *head;
    uint64_t low;   /* number of the lowest canonical one */
    uint64_t epoch; /* of full_cache_number_key */
    /* on the way to the node's head */
    struct les_block_ref next;     /* the newest head the node told */
    struct full_block *next_block; /* its header, if it came with it */
    bool has_next, syncing;
    struct les_block_ref target;
    struct full_block **pending; /* from the target downwards */
    size_t pending_count;
    struct full_run run, fill;
    bool asks_genesis; /* run is under way for it */
    bool fill_failed;  /* until the head moves */
    struct full_call *target_call;
    struct full_call *mark_calls[2];
    bool has_marks[2];
    struct les_block_ref marks[2]; /* safe, finalized: as the node said */
    size_t open;                   /* calls of the target and the marks */
    unsigned failures;             /* in a row, to link the head */
    struct timer retry;
};

/* ---- jobs and fetches ---- */
enum full_trouble {
    FULL_FINE,
    FULL_NOTHING,    /* the node says there is no such thing */
    FULL_UNVERIFIED, /* what it gave does not hold */
    FULL_NO_ANSWER   /* an error, or nothing */
};
struct full_fetch;
struct full_job {
    struct full *full;
    struct les_question *question; /* NULL: a probe of our own */
    bool forgotten;
    void (*step)(struct full_job *job);
    struct full_job *previous, *next;
    struct full_fetch *fetch; /* that it waits for */
    struct full_job *next_wait;
    struct full_call *call; /* its own */
    unsigned rounds;
    uint64_t began_ms;
    enum full_trouble trouble; /* of a fetch it waited for */
    struct buf header_rlp;     /* the header last looked at, when it is not in the window */
    struct header header;
    /* headers */
    uint64_t emitted, side_steps, at_number, steps_left;
    struct hash32 at_hash, at_parent;
    bool side;
    /* transactions */
    unsigned stage;
    struct les_tx_status found;
    /* probe */
    uint64_t depth;
};
enum full_got { FULL_GOT, FULL_LATER, FULL_NOT };

enum full_fetch_kind {
    FULL_FETCH_HEADER,
    FULL_FETCH_NUMBER,
    FULL_FETCH_BODY,
    FULL_FETCH_RECEIPTS,
    FULL_FETCH_PROOF,
    FULL_FETCH_CODE,
    FULL_FETCH_NAME
};
#define FULL_PROOF_SLOTS_MAX 128
struct full_fetch {
    struct full *full;
    enum full_fetch_kind kind;
    struct hash32 key; /* in full.fetches */
    bool filed;
    struct full_fetch *previous, *next;
    struct full_job *waits;
    struct full_call *call;
    struct hash32 hash; /* of the block, the code, the name */
    uint64_t number;
    struct hash32 root; /* what the answer is compared with */
    struct address20 address;
    struct hash32 slots[FULL_PROOF_SLOTS_MAX];
    size_t slots_count;
    bool by_number;
    /* bodies with uncles, receipts one by one */
    json_t *block, *parts;
    size_t parts_open;
    size_t parts_bytes;
    bool parts_failed;
    struct full_part {
        struct full_fetch *fetch;
        struct full_call *call;
        size_t index;
    } * part;
    size_t part_count;
};

/* ---- helper tries ---- */
struct full_section {
    struct hash32 head, cht_root, bloom_root;
};
struct full_helper {
    struct node_store *store;
    struct trie *cht, *blooms;
    struct cht_bloom *bloom;
    struct full_section *sections;
    size_t sections_count;
    bool linked;   /* the newest header is an ancestor of the window, or in it */
    uint64_t next; /* the next header it wants */
    struct hash32 last_hash;
    struct u256 last_td;
    bool too_long; /* said so in the log */
    struct full_helper_item {
        struct full *full;
        struct full_call *call;
        struct full_block *block;
    } items[FULL_RUN_MAX];
    size_t asked, open;
    bool stale; /* the chain changed below what is on its way */
    struct timer pause;
    uint64_t logged;
};

struct full {
    struct les_backend base;
    struct loop *loop;
    struct full_config config;
    char *name;
    struct full_cache *cache, *names;
    struct full_chain chain;
    struct full_helper helper;
    struct full_job *jobs;
    size_t jobs_count;
    struct table fetches;
    struct full_fetch *all_fetches;
    struct task send_proofs;
    struct timer watch;    /* for questions that take too long */
    bool proofs_by_number; /* the node does not take a block hash in eth_getProof */
    bool no_preimages, no_block_receipts;
    size_t probes_open;
    uint64_t probe_depth;
    bool probed, probe_found, probe_all;
    bool ready;
    uint64_t complained_ms[FULL_KIND_COUNT + 1], held_back[FULL_KIND_COUNT + 1];
    struct full_stats stats;
};

/* ---- full.c ---- */
struct full_job *full_job_new(struct full *full, void (*step)(struct full_job *job));
void full_job_run(struct full_job *job); /* a step; it may be gone afterwards */
void full_job_end(struct full_job *job);
void full_job_answer(struct full_job *job, enum les_answer answer); /* and ends it */
void full_job_refuse(struct full_job *job); /* by its trouble; of a block that nobody knows */
/* The node gave what does not hold: counted, and said in the log. subject: what was asked for. */
void full_unverified(struct full *full, enum full_kind kind, const struct full_fault *fault,
                     struct span subject);
/* Takes an answer that is no result: counted, and said in the log. */
enum full_trouble full_no_result(struct full *full, const char *what,
                                 const struct full_reply *reply);
void full_became_ready(struct full *full);
void full_learn_address(struct full *full, const struct address20 *address);
void full_learn_slot(struct full *full, const struct hash32 *slot);

/* ---- full_fetch.c ---- */
/* The header, borrowed until the next step. Sets trouble where it says NOT. */
enum full_got full_want_header(struct full_job *job, const struct hash32 *hash,
                               const struct header **header, struct span *rlp);
/* The canonical one with this number. ahead: further numbers that will be wanted, each step away
 * from the one before: asked for in one go. */
enum full_got full_want_number(struct full_job *job, uint64_t number, int64_t step, uint64_t ahead,
                               struct hash32 *hash, const struct header **header, struct span *rlp);
enum full_got full_want_body(struct full_job *job, const struct hash32 *hash, struct span *rlp);
enum full_got full_want_receipts(struct full_job *job, const struct hash32 *hash,
                                 const struct header *header, struct span *rlp);
/* Never GOT: the nodes come to the cache. slot may be NULL. */
enum full_got full_want_proof(struct full_job *job, const struct hash32 *hash,
                              const struct header *header, const struct address20 *address,
                              const struct hash32 *slot);
enum full_got full_want_code(struct full_job *job, const struct hash32 *block_hash,
                             const struct header *header, const struct address20 *address,
                             const struct hash32 *code_hash, struct span *code);
/* What hashes to hash: size 20 or 32. */
enum full_got full_want_name(struct full_job *job, const struct hash32 *hash, void *out,
                             size_t size);
void full_fetch_forget_job(struct full_job *job);
void full_fetches_free(struct full *full);
void full_on_send_proofs(struct task *task);
json_t *full_block_param(const struct hash32 *hash);

/* ---- full_chain.c ---- */
void full_chain_init(struct full *full);
void full_chain_free(struct full *full);
struct full_block *full_chain_by_number(const struct full *full, uint64_t number); /* or NULL */
struct full_block *full_chain_by_hash(const struct full *full, const struct hash32 *hash);
void full_chain_head(const struct full *full, struct les_serve_head *out);
bool full_chain_ancestor(const struct full *full, const struct hash32 *a, const struct hash32 *b,
                         uint64_t *number);
/* The total difficulty of block number is known: those above follow. */
void full_chain_set_td(struct full *full, uint64_t number, const struct u256 *td);

/* ---- full_serve.c ---- */
void full_serve(struct full_job *job); /* the step of each question */
void full_probe_state(struct full *full);

/* ---- full_helper.c ---- */
void full_helper_init(struct full *full);
/* Sections of this chain, as far as its window says. */
size_t full_helper_sections(const struct full *full);
void full_helper_free(struct full *full);
/* Blocks up to common are the chain's as before. */
void full_helper_head_moved(struct full *full, uint64_t common);

#endif
