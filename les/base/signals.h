/* SIGTERM and SIGINT as an event of the loop (the real one), and SIGPIPE out of the way. */
#ifndef LES_BASE_SIGNALS_H
#define LES_BASE_SIGNALS_H

#include "les/base/loop.h"

struct signals;
/* on_stop comes from the loop at each such signal. */
struct signals *signals_new(struct loop *loop, void (*on_stop)(void *owner), void *owner);
void signals_free(struct signals *signals); /* NULL is legal; before loop_free */

#endif
