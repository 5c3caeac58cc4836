/* The secret key of a node: from the configuration, or from DATADIR/nodekey, which is made (0600)
 * when it is not there. */
#ifndef GATEWAY_NODEKEY_H
#define GATEWAY_NODEKEY_H

#include "les/base/loop.h"
#include "les/eth/crypto.h"

/* hex: 64 digits from the configuration, or NULL. datadir is made if it is not there. On failure
 * error has one line that says what, where and what to do. */
enum status nodekey_load(struct seckey32 *out, struct loop *loop, const struct crypto *crypto,
                         const char *hex, const char *datadir, struct buf *error) WARN_UNUSED;

#endif
