/* Node addresses as text: enode://<128 hex digits>@<ip>:<tcp port>[?discport=<udp port>] (devp2p
 * enode URL). */
#ifndef LES_P2P_ENODE_H
#define LES_P2P_ENODE_H

#include "les/base/loop.h"
#include "les/eth/crypto.h"

struct enode {
    struct pubkey64 key;
    struct endpoint
        at; /* TCP; port 0 = does not accept connections (a bootnode), then udp_port is not 0 */
    uint16_t udp_port; /* discovery; equal to at.port unless discport says otherwise; 0 = none */
};
#define ENODE_TEXT_SIZE 224

/* Strict: the whole text is one enode URL with an IP address. That the key lies on the curve is
 * checked only when it is used. Returns: NULL, or why not, for a person to read (static text; a
 * host name has a text of its own); then out is zeroed. */
const char *enode_parse(struct enode *out, const char *text) WARN_UNUSED;
/* The same text back; discport only where it differs. NUL-terminated. */
void enode_format(char out[ENODE_TEXT_SIZE], const struct enode *enode);
/* The node id: keccak256 of the 64-byte key. */
void enode_id(struct hash32 *out, const struct pubkey64 *key);
/* Same key and same addresses. */
bool enode_equal(const struct enode *a, const struct enode *b);

#endif
