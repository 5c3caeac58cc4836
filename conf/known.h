/* The rules of public networks, so that whoever runs a full node of one needs no genesis.json. */
#ifndef CONF_KNOWN_H
#define CONF_KNOWN_H

#include "les/eth/types.h"

/* The `config` object of the network's genesis.json: static text. NULL: not known. Networks change:
 * forks that were scheduled after this was written are not in it (tests/unit/test_known.c checks
 * those that are by the networks' published fork ids). */
const char *known_config(uint64_t chain_id, const struct hash32 *genesis_hash);

#endif
