#include "les/base/signals.h"

#include <signal.h>
#include <uv.h>

struct signals {
    uv_signal_t handles[2];
    unsigned open;
    void (*on_stop)(void *owner);
    void *owner;
};

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct signals *signals = handle->data;
    signals->on_stop(signals->owner);
}

static void on_closed(uv_handle_t *handle)
{
    struct signals *signals = handle->data;
    if (--signals->open == 0)
        mem_free(signals);
}

struct signals *signals_new(struct loop *loop, void (*on_stop)(void *owner), void *owner)
{
    static const int NUMBERS[2] = {SIGTERM, SIGINT};
    struct signals *signals = mem_alloc(sizeof *signals);
    signals->on_stop = on_stop;
    signals->owner = owner;
    signals->open = 2;
    for (unsigned i = 0; i < 2; i++) {
        ASSERT(uv_signal_init(loop_uv_raw(loop), &signals->handles[i]) == 0);
        signals->handles[i].data = signals;
        ASSERT(uv_signal_start(&signals->handles[i], on_signal, NUMBERS[i]) == 0);
    }
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

void signals_free(struct signals *signals)
{
    if (signals == NULL)
        return;
    for (unsigned i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&signals->handles[i], on_closed);
}
