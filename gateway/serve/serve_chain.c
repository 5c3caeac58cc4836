#include "gateway/serve/serve_chain.h"

#include "conf/headstate.h"
#include "les/base/limits.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

static void change_mask(int how)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(how, &ending, NULL);
}

void serve_chain_hold_signals(void)
{
    change_mask(SIG_BLOCK);
}

void serve_chain_release_signals(void)
{
    change_mask(SIG_UNBLOCK);
}

bool serve_chain_stopped(void *unused)
{
    sigset_t pending;
    (void)unused;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

static bool read_file(struct buf *out, const char *path, struct buf *error)
{
    FILE *file = fopen(path, "rb");
    bool good = file != NULL;
    while (good && !feof(file)) {
        buf_reserve(out, MIB(1));
        out->size += fread(out->data + out->size, 1, MIB(1), file);
        good = ferror(file) == 0;
    }
    if (!good)
        buf_printf(error, "--chain: %s cannot be read: %s", path, strerror(errno));
    if (file != NULL)
        fclose(file);
    return good;
}

static enum status import_bytes(struct ledger *ledger, const struct conf_serve *conf,
                                struct span bytes, struct buf *error)
{
    struct buf why = {0};
    enum status status = conf->state != NULL ? ledger_import_unexecuted(ledger, bytes, &why)
                                             : ledger_import(ledger, bytes, &why);
    if (status == STATUS_OK && !ledger_head(ledger)->has_state) {
        status = STATUS_INVALID;
        buf_printf(&why, "the state of %s is not that of the chain's head", conf->state);
    }
    if (status != STATUS_OK && status != STATUS_CANCELLED) {
        buf_printf(error, "--chain: %s: %.*s", conf->chain, (int)why.size, (const char *)why.data);
        status = STATUS_INVALID;
    }
    buf_free(&why);
    return status;
}

static void log_import(struct log *log, const char *what, const struct ledger *ledger,
                       uint64_t first, uint64_t took_us)
{
    const struct ledger_block *head = ledger_head(ledger), *block = head;
    char number[24], blocks[24], gas[24], ms[24];
    uint64_t gas_used = 0, us = took_us > 0 ? took_us : 1;
    uint64_t count = head->header.number - first;
    for (; block->header.number > first; block = block->parent)
        gas_used += block->header.gas_used;
    log_write(log, LOG_INFO, "chain", what, "head", log_u64(number, head->header.number), "ms",
              log_u64(ms, us / 1000), "blocks_per_s", log_u64(blocks, count * 1000000 / us),
              "gas_per_s", log_u64(gas, (uint64_t)((double)gas_used * 1e6 / (double)us)), NULL);
}

enum status serve_chain_import(struct ledger *ledger, const struct conf_serve *conf,
                               struct loop *loop, struct log *log, struct buf *error)
{
    struct buf bytes = {0};
    struct hash32 root;
    uint64_t first = ledger_head(ledger)->header.number, start_us = loop_now_us(loop);
    if (conf->chain == NULL && conf->state == NULL)
        return STATUS_OK;
    if (conf->chain == NULL) {
        buf_add_str(error, "--state needs --chain: it is the state at that chain's head");
        return STATUS_INVALID;
    }
    if (conf->state != NULL &&
        headstate_load(&root, conf->state, ledger_store(ledger), error) != STATUS_OK)
        return STATUS_INVALID;
    log_write(log, LOG_INFO, "chain", "importing", "file", conf->chain, NULL);
    enum status status = read_file(&bytes, conf->chain, error)
                             ? import_bytes(ledger, conf, buf_span(&bytes), error)
                             : STATUS_INVALID;
    buf_free(&bytes);
    if (status == STATUS_OK || status == STATUS_CANCELLED)
        log_import(log, status == STATUS_OK ? "imported" : "stopped importing", ledger, first,
                   loop_now_us(loop) - start_us);
    return status;
}
