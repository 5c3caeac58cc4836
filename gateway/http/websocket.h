/* JSON-RPC over WebSocket (RFC 6455): one message or batch per text or binary message, answers in
 * the order they get ready. A ping after WS_PING_INTERVAL_MS of silence, the end when nothing comes
 * back in WS_PONG_TIMEOUT_MS. A message longer than WS_MESSAGE_MAX, or answers that nobody reads
 * beyond WS_QUEUE_MAX, end the session. Inside of http. */
#ifndef GATEWAY_WEBSOCKET_H
#define GATEWAY_WEBSOCKET_H

#include "gateway/http/http_request.h"

/* Takes req over: answers 101, or 400 for a broken handshake. */
void websocket_upgrade(struct http_front *front, struct st_h2o_req_t *req);
/* Ends all sessions with close code 1001 (going away); their calls are cancelled. */
void websocket_end_all(struct http_front *front);

#endif
