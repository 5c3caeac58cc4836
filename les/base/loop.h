/* The one door to time, chance and the network. Two worlds stand behind it: loop_uv.c (the real
 * one) and tests/sim/world.c (virtual, from a seed). Everything here belongs to one thread, the one
 * that runs the loop; loop_work alone leaves it.
 *
 * Order is deterministic: timers due at the same millisecond fire in start order, tasks in the
 * order they were deferred. */
#ifndef LES_BASE_LOOP_H
#define LES_BASE_LOOP_H

#include "les/base/bytes.h"

struct loop;
struct uv_loop_s;
struct endpoint;

/* ---- the real loop ---- */
struct loop *loop_uv_new(void);
/* Ask this name server (IPv4) instead of the system's: for loop_resolve_txt. INVALID: not an IPv4
 * address. */
enum status loop_uv_set_nameserver(struct loop *loop, const struct endpoint *server) WARN_UNUSED;
/* The libuv loop inside, for the one HTTP file that must lend it to h2o. NULL in a simulated world.
 */
struct uv_loop_s *loop_uv_raw(struct loop *loop);
void loop_run(struct loop *loop);  /* returns after loop_stop */
void loop_stop(struct loop *loop); /* legal from any callback */
/* Calls on_signal on the loop for SIGTERM and SIGINT, from now to loop_free. At most once per loop;
 * real loop only. */
void loop_catch_signals(struct loop *loop, void (*on_signal)(void *owner, int number), void *owner);
/* Runs what is left until every handle is closed, then frees. ASSERTs that nothing leaked: before
 * the call every link, listener and udp was closed, every timer stopped, and whoever used
 * loop_uv_raw closed his handles. Lingering links get their LINK_LINGER_MS; work and queries under
 * way are waited for and their callbacks come. Real loop only. */
void loop_free(struct loop *loop);

/* ---- time and chance ---- */
uint64_t
loop_now_ms(const struct loop *loop); /* monotonic, cached per turn; for durations and deadlines */
uint64_t loop_now_us(const struct loop *loop); /* monotonic, read now; for measurements */
int64_t
loop_wall_s(const struct loop *loop); /* Unix time; may jump; only for header dates and logs */
void loop_random(struct loop *loop, void *out, size_t size);

struct timer {
    void (*on_fire)(struct timer *timer);
    struct loop *loop; /* private from here on */
    uint64_t due_ms;
    uint64_t sequence;
    size_t heap_index; /* 0 = not running */
};
/* timer is embedded in its owner; it holds no resource when it is not running. */
void timer_init(struct timer *timer, struct loop *loop, void (*on_fire)(struct timer *timer));
void timer_start(struct timer *timer, uint64_t delay_ms); /* restarts a running one */
void timer_stop(struct timer *timer);                     /* idempotent */
bool timer_running(const struct timer *timer);

/* A task runs once, later in this turn of the loop, never from inside loop_defer. Re-adding a
 * pending one is a no-op. */
struct task {
    void (*on_run)(struct task *task);
    struct task *next; /* private from here on */
    bool pending;
    bool cancelled;
};
void loop_defer(struct loop *loop, struct task *task);
void task_cancel(struct task *task); /* it will not run; the memory must stay until the turn ends:
                                        see loop_sweep */
/* Frees pointer with release at the end of this turn, after all tasks: nothing is freed under a
 * caller's feet. */
void loop_sweep(struct loop *loop, void *pointer, void (*release)(void *pointer));

/* ---- endpoints ---- */
struct endpoint {
    uint8_t ip[16]; /* IPv4 is mapped: ::ffff:a.b.c.d */
    uint16_t port;
};
#define ENDPOINT_TEXT_SIZE 56
/* "1.2.3.4:30303", "[::1]:30303"; a host name is an error (use loop_resolve). */
bool endpoint_parse(struct endpoint *out, const char *text) WARN_UNUSED;
void endpoint_format(char out[ENDPOINT_TEXT_SIZE], const struct endpoint *endpoint);
bool endpoint_is_loopback(const struct endpoint *endpoint);

/* ---- byte streams (TCP, Unix sockets) ----
 * A link is owned by whoever got it: link_close ends ownership, at any time, from any callback;
 * after it no callback comes. on_open: once, for links from link_connect only, unless on_close
 * comes first. on_data: bytes are borrowed until it returns. on_close: once, when the other side or
 * the network ended it; the owner still calls link_close to free it. STATUS_OK: the other side
 * closed in order. UNAVAILABLE: refused or unreachable. TIMEOUT: the network gave up. IO: reset or
 * any other failure. Bytes that were queued are lost. link_send is legal before on_open: the bytes
 * wait. A paused link does not notice that the other side closed. */
struct link;
struct link_events {
    void (*on_open)(void *owner);
    void (*on_data)(void *owner, struct span bytes);
    void (*on_drain)(void *owner); /* may be NULL: the send queue became empty */
    void (*on_close)(void *owner, enum status status);
};
/* Returns: STATUS_OK and exactly one of on_open/on_close comes later, never before this returns. */
enum status link_connect(struct link **out, struct loop *loop, const struct endpoint *to,
                         const struct link_events *events, void *owner) WARN_UNUSED;
/* The same over a Unix socket of this machine. link_endpoint gives zeros. INVALID: path is empty or
 * longer than UNIX_PATH_SIZE_MAX. */
enum status link_connect_unix(struct link **out, struct loop *loop, const char *path,
                              const struct link_events *events, void *owner) WARN_UNUSED;
/* Copies bytes to the send queue. False: the queue would pass LINK_QUEUE_BYTES_MAX or the link is
 * closed; nothing was queued and the owner should close it. */
bool link_send(struct link *link, struct span bytes) WARN_UNUSED;
size_t link_queue_size(const struct link *link);
void link_endpoint(const struct link *link, struct endpoint *out); /* the other side */
void link_pause(struct link *link); /* no on_data until link_resume: back-pressure */
void link_resume(struct link *link);
void link_close(
    struct link *link); /* NULL is legal; queued bytes are still written for LINK_LINGER_MS */

struct listener;
/* on_accept owns the new link and must call link_set_owner before it returns (or link_close). */
enum status listener_open(struct listener **out, struct loop *loop, const struct endpoint *at,
                          void (*on_accept)(void *owner, struct link *link),
                          void *owner) WARN_UNUSED;
/* The socket file at path is made (and goes with listener_close); one that is there is
 * STATUS_UNAVAILABLE. listener_endpoint gives zeros. */
enum status listener_open_unix(struct listener **out, struct loop *loop, const char *path,
                               void (*on_accept)(void *owner, struct link *link),
                               void *owner) WARN_UNUSED;
void listener_endpoint(const struct listener *listener,
                       struct endpoint *out);   /* with the port that was given */
void listener_close(struct listener *listener); /* NULL is legal; no on_accept after it */
void link_set_owner(struct link *link, const struct link_events *events, void *owner);

/* ---- datagrams (UDP) ---- */
struct udp;
enum status udp_open(struct udp **out, struct loop *loop, const struct endpoint *at,
                     void (*on_datagram)(void *owner, const struct endpoint *from,
                                         struct span bytes),
                     void *owner) WARN_UNUSED;
void udp_endpoint(const struct udp *udp, struct endpoint *out);
void udp_send(struct udp *udp, const struct endpoint *to,
              struct span bytes); /* best effort, copies */
void udp_close(struct udp *udp);  /* NULL is legal; no on_datagram after it */

/* ---- names ---- */
struct resolve; /* a query under way */
/* TXT records of name; the strings of one record are concatenated. on_done comes exactly once,
 * later, also after cancel (STATUS_CANCELLED, no records). records are borrowed until it returns.
 */
struct resolve *loop_resolve_txt(struct loop *loop, const char *name,
                                 void (*on_done)(void *owner, enum status status,
                                                 const struct span *records, size_t count),
                                 void *owner);
void resolve_cancel(struct resolve *resolve);

/* ---- work off the loop ----
 * on_work runs on a worker thread (in a simulated world: at once, in the same turn) and may touch
 * only what work owns; on_done runs on the loop, exactly once. */
struct work {
    void (*on_work)(struct work *work);
    void (*on_done)(struct work *work);
    void *handle; /* private */
};
void loop_work(struct loop *loop, struct work *work);

/* ---- what a world implements (loop_uv.c, tests/sim/world.c) ----
 * The timer heap, the task list and the sweep list are shared code (loop.c); a world drives them.
 */
struct loop_ops {
    uint64_t (*now_ms)(const struct loop *loop);
    uint64_t (*now_us)(const struct loop *loop);
    int64_t (*wall_s)(const struct loop *loop);
    void (*random)(struct loop *loop, void *out, size_t size);
    void (*wake_at)(struct loop *loop,
                    uint64_t due_ms);    /* call loop_turn no later than this; UINT64_MAX = never */
    void (*wake_now)(struct loop *loop); /* tasks are pending: call loop_turn before sleeping */
    enum status (*link_connect)(struct link **out, struct loop *loop, const struct endpoint *to);
    enum status (*link_connect_unix)(struct link **out, struct loop *loop, const char *path);
    bool (*link_send)(struct link *link, struct span bytes);
    void (*link_pause)(struct link *link, bool paused);
    void (*link_close)(struct link *link);
    enum status (*listener_open)(struct listener **out, struct loop *loop,
                                 const struct endpoint *at);
    enum status (*listener_open_unix)(struct listener **out, struct loop *loop, const char *path);
    void (*listener_close)(struct listener *listener);
    enum status (*udp_open)(struct udp **out, struct loop *loop, const struct endpoint *at);
    void (*udp_send)(struct udp *udp, const struct endpoint *to, struct span bytes);
    void (*udp_close)(struct udp *udp);
    struct resolve *(*resolve_txt)(struct loop *loop, const char *name);
    void (*resolve_cancel)(struct resolve *resolve);
    void (*work)(struct loop *loop, struct work *work);
};
/* First members of what a world allocates; filled and read by loop.c. */
struct loop {
    const struct loop_ops *ops;
    struct timer **timers; /* binary heap by (due_ms, sequence), slot 0 unused */
    size_t timers_count, timers_capacity;
    uint64_t timer_sequence;
    struct task *tasks_head, *tasks_tail;
    struct sweep *sweep_head, *sweep_tail;
    bool turning;
};
struct link {
    struct loop *loop;
    const struct link_events *events;
    void *owner;
    struct endpoint remote;
    size_t queue_size; /* kept by the world */
    bool closing;      /* link_close was called */
    bool ended;        /* on_close was called */
};
struct listener {
    struct loop *loop;
    void (*on_accept)(void *owner, struct link *link);
    void *owner;
    struct endpoint at;
};
struct udp {
    struct loop *loop;
    void (*on_datagram)(void *owner, const struct endpoint *from, struct span bytes);
    void *owner;
    struct endpoint at;
};
struct resolve {
    struct loop *loop;
    void (*on_done)(void *owner, enum status status, const struct span *records, size_t count);
    void *owner;
};
void loop_init(struct loop *loop, const struct loop_ops *ops);
void loop_turn(struct loop *loop); /* fires due timers, runs tasks until none is left, sweeps */
uint64_t loop_next_due_ms(const struct loop *loop);
void loop_deinit(struct loop *loop); /* ASSERTs that no timer runs and no task is pending */

#endif
