/* What of HTTP can be decided without a connection: names, origins, content types. Pure. */
#ifndef GATEWAY_HTTP_RULES_H
#define GATEWAY_HTTP_RULES_H

#include "conf/conf.h"

/* The defence against DNS rebinding, as go-ethereum's vhosts: authority is Host or :authority, with
 * or without port. IP addresses are always allowed; names must be in the list, or the list has "*".
 */
bool http_host_allowed(struct span authority, const struct conf_list *vhosts);

/* May a page of this origin read answers (CORS)? In the list, or the list has "*". */
bool http_origin_allowed(struct span origin, const struct conf_list *origins);
/* May a page of this origin open a WebSocket? As above; with an empty list pages from this machine
 * may. An empty origin is no page: allowed. */
bool http_websocket_origin_allowed(struct span origin, const struct conf_list *origins);

/* application/json, application/json-rpc or application/jsonrequest, with any parameters. */
bool http_content_type_allowed(struct span content_type);

#endif
