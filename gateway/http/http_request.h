/* Inside of http: what the listener (http.c), the requests (http_request.c) and the WebSocket
 * sessions share. h2o's types stay forward declarations. */
#ifndef GATEWAY_HTTP_REQUEST_H
#define GATEWAY_HTTP_REQUEST_H

#include "gateway/http/http.h"

struct st_h2o_req_t;
struct pending;
struct websocket;

struct http_front {
    struct http_options options;
    struct http_counts counts;
    struct pending *pending; /* requests that wait for their calls */
    struct websocket *sockets;
    bool closing;
    char host[64]; /* the last allowed authority, for most requests are like the one before */
    size_t host_size;
};

/* Answers req or leaves it waiting. */
void http_request_handle(struct http_front *front, struct st_h2o_req_t *req);
/* 503 for everything that waits. */
void http_request_end_all(struct http_front *front);
/* A plain text answer. */
void http_request_refuse(struct http_front *front, struct st_h2o_req_t *req, int status,
                         const char *reason, const char *text);

#endif
