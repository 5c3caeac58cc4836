/* What the eth_* handlers work with: the rooms below, joined by the program. Plain pointers, all
 * borrowed. */
#ifndef GATEWAY_LIGHT_H
#define GATEWAY_LIGHT_H

#include "gateway/objects.h"
#include "les/base/log.h"

struct light {
    struct loop *loop;
    struct log *log;
    struct crypto *crypto;
    const struct chainspec *spec;
    struct les_client *client;
    struct chain *chain;
    struct objects *objects;
    const char *client_version; /* web3_clientVersion */
};

#endif
