/* Inside of query: what query.c and query_op.c share. Nobody else includes this. */
#ifndef GATEWAY_QUERY_PRIVATE_H
#define GATEWAY_QUERY_PRIVATE_H

#include "gateway/light/query.h"
#include "les/base/limits.h"
#include "les/base/table.h"

enum held_kind { HELD_NUMBER, HELD_HASH, HELD_RANGE, HELD_OBJECT, HELD_OP, HELD_WORK };

/* Something that was asked for and did not come at once. */
struct held {
    struct hash32 key;
    enum held_kind kind;
    struct query *query; /* NULL: the query is gone, only the memory waits for its callback */
    struct held *next;
    bool arrived;
    enum status status;
    struct block_header *header;
    struct object_wait wait;
    struct chain_find find;
    struct les_op op;
    struct span value; /* owned copy */
    bool absent;
    struct les_tx_status tx_status;
    struct hash32 server;
    /* HELD_WORK */
    void *work;
    void (*abandon)(void *work); /* the query is gone, whether it has arrived or not */
};

struct query {
    struct call *call;
    struct light *light;
    struct call_done (*step)(struct query *query);
    void *args;
    struct table held;
    struct held *all;
    size_t outstanding;
    unsigned rounds;
    bool first_run;
    bool running;
    bool headless; /* waits for the head, which was lost a moment ago */
    struct timer head_timer;
    bool failed;
    int fail_code;
    char fail_text[240];
    struct task again;
    struct hash32 doubted[QUERY_DOUBTED_MAX];
    size_t doubted_count;
    struct object_key account; /* the last one asked for */
    bool has_account;
    bool lied_to; /* one of them */
};

/* What was asked for under this key; NULL: nothing. */
void query_held_key(struct hash32 *out, enum held_kind kind, const void *data, size_t size);
struct held *query_held_find(const struct query *query, const struct hash32 *key);
struct held *query_held_new(struct query *query, enum held_kind kind, const struct hash32 *key);
/* Lets go of it, if it has arrived. */
void query_held_release(struct query *query, const struct hash32 *key);
void query_held_free(void *pointer);
/* It has come, in one way or another: step runs again when it was the last one. */
void query_held_arrived(struct held *held);
void query_note_cost(struct query *query, const struct les_cost_note *note,
                     const struct hash32 *server);
/* The call fails with this, unless something failed before. */
void query_set_failed(struct query *query, const char *what, enum status status,
                      const struct les_cost_note *note);

#endif
