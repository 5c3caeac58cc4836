/* One LES session seen from the client: Status, announcements, flow control and the requests on the
 * wire. Knows nothing of other servers or of who asked; les/proto/client*.c drive it. Internal to
 * les/proto. */
#ifndef LES_PROTO_SESSION_H
#define LES_PROTO_SESSION_H

#include "les/proto/client.h"

#define LES_MESSAGE_OPS_MAX 256

/* One request on the wire, with the ops that travel in it. */
struct les_message {
    struct les_server *server;
    struct les_message *next;
    uint64_t id;
    unsigned code;
    enum les_kind kind;
    uint64_t sent_us;
    uint64_t sent_ms;
    size_t request_size;
    uint64_t items; /* as flow control counts them */
    size_t ops_count;
    struct les_op *ops[]; /* an entry is NULL once its op needs this message no more */
};

/* How an account is named in GetProofsV2 and GetCode (les.md 3.6). */
enum les_account_form {
    LES_ACCOUNT_HASH32,
    LES_ACCOUNT_ADDRESS20,
    LES_ACCOUNT_PLAIN /* lesgate/plainKeys: addresses, and keys that are not hashed */
};

/* What can be held against a server. */
#define LES_FAULT_MAP(X)                                                                           \
    X(BREACH, 100, "broke the protocol")                                                           \
    X(LIE, 50, "gave a false answer")                                                              \
    X(UNSOLICITED, 20, "sent a reply that nobody asked for")                                       \
    X(TIMEOUT, 10, "did not answer in time")                                                       \
    X(PADDING, 5, "sent trie nodes that nobody asked for")                                         \
    X(EMPTY, 1, "did not have what it should have")
enum les_fault {
#define X(name, points, text) LES_FAULT_##name,
    LES_FAULT_MAP(X)
#undef X
};

/* What is held against a server; it outlives the connection. */
struct les_record {
    int score; /* 0 is clean; faults add points, time takes them away */
    uint64_t score_ms;
    uint64_t benched_until_ms; /* not asked for data before */
    unsigned benched_times;
};

struct les_server {
    struct les_client *client;
    struct les_server *next;
    struct peer *peer;
    struct hash32 id;
    unsigned version;
    bool trusted;
    bool ready; /* its Status was accepted */
    bool gone;
    struct les_status status;
    struct les_head head;
    struct flow_client flow;
    bool frozen;         /* between Stop and Resume */
    struct timer resume; /* Resume must come, or the server is dropped */
    struct timer status_timer;
    enum les_account_form account_form;
    bool account_form_sure;
    struct les_message *messages; /* on the wire, newest first */
    size_t messages_count;
    size_t items_in_flight;
    uint64_t update_bytes, update_ms; /* leaky bucket of announcement updates */
    struct les_record record;
    uint64_t latency_us; /* moving average */
    uint64_t latency_dev_us;
    uint64_t requests, items, lies, timeouts, empties;
};

struct les_server *session_new(struct les_client *client, struct peer *peer, unsigned version,
                               bool trusted);
void session_free(struct les_server *server);
/* A LES message of this peer. */
void session_message(struct les_server *server, unsigned code, struct span payload);

/* Can it be asked for data now? wait_ms: 0, or how long until flow control lets it; UINT64_MAX: not
 * as things stand. promise: of messages that will be sent besides this one, in this turn. */
struct session_promise {
    uint64_t cost;
    size_t messages;
};
uint64_t session_wait_ms(const struct les_server *server, unsigned code, uint64_t items,
                         struct session_promise promise, uint64_t now_ms);
/* Puts message on the wire; payload is the whole request. False: it could not be sent, message is
 * untouched. */
bool session_send(struct les_server *server, struct les_message *message, struct span payload,
                  uint64_t items) WARN_UNUSED;
/* How long to wait for a reply before another server is asked too. */
uint64_t session_hedge_ms(const struct les_server *server);
/* All messages on the wire are void: their ops go back to the queue. */
void session_void_messages(struct les_server *server);

/* Points for a fault; drops or benches the server where it is due, and says so in the log. */
void session_fault(struct les_server *server, enum les_fault fault, const char *what);
bool session_benched(const struct les_server *server, uint64_t now_ms);

/* ---- implemented by client.c and client_ops.c ---- */
void client_on_ready(struct les_server *server);
void client_on_head(struct les_server *server);
void client_on_reply(struct les_server *server, struct les_message *message, struct span data);
void client_on_credit(struct les_server *server); /* something can be sent again */
void client_op_back(struct les_op *op,
                    struct les_message *message); /* message is void: ask elsewhere or again */
void client_drop(struct les_server *server, enum peer_reason reason, const char *why);
struct loop *client_loop(const struct les_client *client);
struct log *client_log(const struct les_client *client);
struct crypto *client_crypto(const struct les_client *client);
void client_make_status(const struct les_client *client, struct les_status *status,
                        unsigned version, bool trusted);
/* NULL: acceptable; otherwise why not. */
const char *client_check_status(const struct les_client *client, const struct les_server *server);
void client_count_unsolicited(struct les_client *client);
void client_count_lie(struct les_client *client);

/* ---- implemented by ask.c: what goes into a request and what a reply is worth ---- */
unsigned ask_code(enum les_kind kind);
uint64_t ask_items(const struct les_op *op); /* how many items it takes in a message */
bool ask_merges(enum les_kind kind);
/* Whether two ops may share a message (the same items twice are pointless but harmless). */
void ask_encode(struct buf *out, const struct les_message *message, struct les_op *const *ops,
                size_t count, enum les_account_form form);
enum ask_verdict {
    ASK_GOOD,  /* op->answer is set */
    ASK_EMPTY, /* the server says it has no such thing, or left it out */
    ASK_GONE,  /* it left out what we had when we asked, and have no more */
    ASK_LIE    /* the reply cannot be true */
};
/* One reply, decoded once for all ops of a message. */
struct ask_reply;
/* NULL: the reply is malformed. */
struct ask_reply *ask_reply_new(const struct les_message *message, struct span data,
                                struct crypto *crypto);
enum ask_verdict ask_check(struct ask_reply *reply, struct les_op *op, size_t position,
                           const char **why);
bool ask_reply_padded(const struct ask_reply *reply); /* holds things that no op wanted */
void ask_reply_free(struct ask_reply *reply);

#endif
