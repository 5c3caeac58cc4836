/* lesserve's chain from files: imported before there is a loop to run, so a signal to end is looked
 * for between blocks. */
#ifndef GATEWAY_SERVE_CHAIN_H
#define GATEWAY_SERVE_CHAIN_H

#include "conf/conf.h"
#include "les/node/ledger.h"

/* Holds SIGTERM and SIGINT back from this thread until serve_chain_release: then a handler that was
 * set meanwhile gets them, or they end the process. */
void serve_chain_hold_signals(void);
void serve_chain_release_signals(void);
/* Did one come that is held back? For ledger_config.stopped. */
bool serve_chain_stopped(void *unused);

/* Imports --chain with --state, if they are given; the log gets blocks and gas per second of it.
 * STATUS_CANCELLED: a signal came; the log says how far it got. STATUS_INVALID: error has got one
 * line. */
enum status serve_chain_import(struct ledger *ledger, const struct conf_serve *conf,
                               struct loop *loop, struct log *log, struct buf *error) WARN_UNUSED;

#endif
