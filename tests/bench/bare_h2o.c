/* The bound for the hot benchmarks: h2o with nothing behind it. Every POST gets the same bytes.
 *
 *     bare_h2o FILE     listens on a free port of 127.0.0.1, prints `ready http://127.0.0.1:PORT`,
 *                       answers with the bytes of FILE until it is killed
 *
 * Same library, loop and settings as gateway/http/http.c, so what differs is our own work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <h2o.h>
#include <h2o/http1.h>
#pragma GCC diagnostic pop

#define BACKLOG  511
#define BODY_MAX 65536

struct bare {
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    uv_loop_t loop;
    uv_tcp_t listener;
    char body[BODY_MAX];
    size_t body_size;
};

struct handler {
    h2o_handler_t super;
    const struct bare *bare;
};

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    const struct bare *bare = ((struct handler *)handler)->bare;
    if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("POST")))
        return -1;
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = bare->body_size;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_send_inline(req, bare->body, bare->body_size);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct bare *bare = listener->data;
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (status != 0 || tcp == NULL)
        abort();
    uv_tcp_init(listener->loop, tcp);
    if (uv_accept(listener, (uv_stream_t *)tcp) != 0) {
        uv_close((uv_handle_t *)tcp, on_closed);
        return;
    }
    uv_tcp_nodelay(tcp, 1);
    h2o_accept(&bare->accept, h2o_uv_socket_create((uv_stream_t *)tcp, on_closed));
}

static void configure(struct bare *bare)
{
    h2o_config_init(&bare->config);
    bare->config.server_name = h2o_iovec_init(H2O_STRLIT("lesgate/" LESGATE_VERSION));
    h2o_hostconf_t *host =
        h2o_config_register_host(&bare->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof *handler);
    handler->super.on_req = on_request;
    handler->bare = bare;
    h2o_context_init(&bare->context, &bare->loop, &bare->config);
    bare->accept.ctx = &bare->context;
    bare->accept.hosts = bare->config.hosts;
}

static int listen_on_loopback(struct bare *bare)
{
    struct sockaddr_in address;
    int size = sizeof address, status;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&bare->loop, &bare->listener);
    bare->listener.data = bare;
    status = uv_tcp_bind(&bare->listener, (const struct sockaddr *)&address, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&bare->listener, BACKLOG, on_connection);
    if (status == 0)
        status = uv_tcp_getsockname(&bare->listener, (struct sockaddr *)&address, &size);
    if (status != 0) {
        fprintf(stderr, "bare_h2o: %s\n", uv_strerror(status));
        return 1;
    }
    printf("ready http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    struct bare *bare = calloc(1, sizeof *bare);
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (bare == NULL || file == NULL) {
        fprintf(stderr, "usage: bare_h2o FILE\n");
        free(bare);
        return 2;
    }
    bare->body_size = fread(bare->body, 1, sizeof bare->body, file);
    fclose(file);
    uv_loop_init(&bare->loop);
    configure(bare);
    if (listen_on_loopback(bare) != 0)
        return 1;
    return uv_run(&bare->loop, UV_RUN_DEFAULT);
}
