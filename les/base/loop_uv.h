/* What the files of the real world share: loop_uv.c (loop, clock, work), link_uv.c (TCP, Unix
 * sockets), net_uv.c (UDP, names). Private to les/base. */
#ifndef LES_BASE_LOOP_UV_H
#define LES_BASE_LOOP_UV_H

#include "les/base/limits.h"
#include "les/base/loop.h"

#include <uv.h>

#define READ_BUFFER_SIZE 65536

struct query;

struct uv_world {
    struct loop base;
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timer;
    uv_signal_t signals[2];
    bool catches_signals;
    bool stopped;
    bool freeing;
    void (*on_signal)(void *owner, int number);
    void *owner;
    size_t open_count; /* links, listeners and sockets whose owner did not close them yet */
    size_t live_count; /* the same until their memory is gone, and work and queries under way */
    struct query *queries_head, *queries_tail; /* waiting for a worker */
    size_t queries_running;
    struct endpoint nameserver;         /* port 0: the system's */
    char read_buffer[READ_BUFFER_SIZE]; /* shared: bytes are borrowed until the callback returns */
};

static inline struct uv_world *world_of(struct loop *loop)
{
    return container_of(loop, struct uv_world, base);
}

/* ---- loop_uv.c ---- */
enum status loop_uv_status(int error);
void loop_uv_to_address(struct sockaddr_storage *out, const struct endpoint *endpoint,
                        bool ipv6_only);
void loop_uv_from_address(struct endpoint *out, const struct sockaddr *address);
bool loop_uv_is_ipv6(const struct endpoint *endpoint);
void loop_uv_on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *out);

/* ---- link_uv.c ---- */
enum status link_uv_connect(struct link **out, struct loop *loop, const struct endpoint *to);
enum status link_uv_connect_unix(struct link **out, struct loop *loop, const char *path);
bool link_uv_send(struct link *link, struct span bytes);
void link_uv_pause(struct link *link, bool paused);
void link_uv_close(struct link *link);
enum status link_uv_listen(struct listener **out, struct loop *loop, const struct endpoint *at);
enum status link_uv_listen_unix(struct listener **out, struct loop *loop, const char *path);
void link_uv_listener_close(struct listener *listener);

/* ---- net_uv.c ---- */
enum status net_uv_udp_open(struct udp **out, struct loop *loop, const struct endpoint *at);
void net_uv_udp_send(struct udp *udp, const struct endpoint *to, struct span bytes);
void net_uv_udp_close(struct udp *udp);
/* TXT records of a DNS answer, one behind the other. {0} is empty; the owner ends with
 * buf_free(&storage). */
struct net_uv_records {
    struct buf storage;
    size_t ends[RESOLVE_RECORDS_MAX]; /* of each record in storage */
    size_t count;
};
/* Returns: OK        at least one record
 *          NOT_FOUND none of type TXT in the answer section
 *          INVALID   malformed or too much of it; out may hold records and is not to be used */
enum status net_uv_parse_txt(struct net_uv_records *out, struct span answer) WARN_UNUSED;
struct resolve *net_uv_resolve_txt(struct loop *loop, const char *name);
void net_uv_resolve_cancel(struct resolve *resolve);

#endif
