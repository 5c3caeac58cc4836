/* What the files of full_rpc share: full_rpc.c (calls and connections), full_reply.c (what a node's
 * message answers), full_watch.c (the head). */
#ifndef LES_NODE_FULL_RPC_PRIVATE_H
#define LES_NODE_FULL_RPC_PRIVATE_H

#include "les/base/limits.h"
#include "les/node/full_rpc.h"
#include "les/node/full_wire.h"

struct full_calls {
    struct full_call *first, *last;
    size_t count;
};

/* Waits in the queue, or is under way on a line. */
struct full_call {
    struct full_rpc *rpc;
    struct full_calls *list; /* where it is */
    struct full_call *previous, *next;
    struct full_line *line; /* NULL: not sent */
    uint64_t id;
    struct buf text; /* the request object */
    struct timer deadline;
    full_on_reply *on_reply;
    void *owner;
    enum status refusal; /* when it is among the refused */
    const char *refusal_why;
    uint64_t started_us, sent_ms;
    unsigned sends;
    bool alone;     /* goes in a message of its own: one with others went wrong */
    bool exclusive; /* and while nothing else is under way on a stream: that broke it perhaps */
    bool batched;   /* was sent with others */
};

/* One connection, made or wished for. */
struct full_line {
    struct full_rpc *rpc;
    struct full_wire *wire; /* NULL: none */
    struct full_calls calls;
    struct timer opening;
    bool open;
    bool asked;             /* HTTP: an answer is due, nothing can be sent */
    bool answered;          /* something useful came */
    uint64_t understood_ms; /* when the last whole message came */
};

struct full_watching {
    const struct full_watch *watch; /* NULL: nobody looks */
    void *owner;
    struct timer timer;
    struct full_call *poll, *subscribe; /* under way */
    bool again;                         /* a poll was wished during a poll */
    struct buf subscription;            /* empty: none */
    bool has_head;
    struct hash32 head;
};

struct full_rpc {
    struct loop *loop;
    struct log *log;
    struct full_address address;
    char *authorization;
    uint64_t call_ms, poll_ms;
    uint64_t next_id;
    struct full_calls queue;
    struct full_calls refused; /* to be told so */
    size_t bytes;              /* of all requests */
    struct full_line lines[FULL_LINKS_MAX];
    size_t lines_count; /* that may be used */
    struct task flush, tell;
    struct timer reconnect;
    unsigned failures; /* connections in a row that were of no use */
    size_t attempt;
    uint64_t batch_again_ms; /* no batches before */
    uint64_t heard_ms;
    struct full_watching watching;
    bool told_state, told_up; /* what on_state was told */
    const char *why;
    struct full_rpc_stats stats;
    bool dead; /* freed; the memory stays until the turn ends */
};

/* ---- full_rpc.c ---- */
/* After each of these rpc may be dead: a callback freed it. */
void full_rpc_complete(struct full_call *call, const struct full_reply *reply);
void full_rpc_fail(struct full_call *call, enum status status, const char *why);
enum full_again { FULL_AGAIN, FULL_AGAIN_ALONE, FULL_AGAIN_EXCLUSIVE };
/* Sends it again, or fails it when it was sent twice. */
void full_rpc_again(struct full_call *call, enum full_again how, enum status status,
                    const char *why);
void full_rpc_line_end(struct full_line *line, enum status status, const char *why);
void full_rpc_set_up(struct full_rpc *rpc, bool up, const char *why); /* calls nobody */
void full_rpc_flush_later(struct full_rpc *rpc);
bool full_rpc_batches(const struct full_rpc *rpc);

/* ---- full_reply.c ---- */
void full_reply_message(struct full_line *line, struct span message, unsigned http_status);

/* ---- full_watch.c ---- */
void full_watch_init(struct full_rpc *rpc);
void full_watch_open(struct full_rpc *rpc); /* a connection is there */
void full_watch_lost(struct full_rpc *rpc); /* and gone */
void full_watch_notify(struct full_rpc *rpc, json_t *params);
void full_watch_free(struct full_rpc *rpc);

#endif
