#include "les/node/devchain_internal.h"

#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/u256.h"

/* ---- on demand ---- */

/* At least one transaction can be in the next block. */
static bool is_due(struct devchain *devchain)
{
    struct header next;
    struct span envelope;
    devchain_next_header(devchain, &next);
    return pool_pick(devchain->pool, &next.base_fee, &envelope, 1) == 1;
}

bool devchain_mine_due(struct devchain *devchain)
{
    bool good = true;
    task_cancel(&devchain->due);
    while (good && devchain->automine && !devchain->run.busy && is_due(devchain))
        good = devchain_make_block(devchain);
    return good;
}

static void on_due(struct task *task)
{
    (void)devchain_mine_due(container_of(task, struct devchain, due)); /* the log says why not */
}

void devchain_tx_came(struct devchain *devchain)
{
    if (devchain->automine)
        loop_defer(devchain->loop, &devchain->due);
}

void devchain_set_automine(struct devchain *devchain, bool automine)
{
    devchain->automine = automine;
    devchain_tx_came(devchain); /* what waited */
}

bool devchain_automine(const struct devchain *devchain)
{
    return devchain->automine;
}

const char *devchain_refusal(const struct devchain *devchain)
{
    return devchain->refusal;
}

/* ---- by interval ---- */

static void on_timer(struct timer *timer)
{
    struct devchain *devchain = container_of(timer, struct devchain, timer);
    timer_start(timer, devchain->period_ms);
    if (!devchain->run.busy)
        devchain_make_block(devchain);
}

void devchain_set_interval(struct devchain *devchain, uint64_t period_ms)
{
    devchain->period_ms = period_ms;
    timer_stop(&devchain->timer);
    if (period_ms > 0)
        timer_start(&devchain->timer, period_ms);
}

uint64_t devchain_interval(const struct devchain *devchain)
{
    return devchain->period_ms;
}

/* ---- many at once ---- */

static void run_ended(struct devchain *devchain, bool good)
{
    devchain->run.running = devchain->run.busy = false;
    devchain_tx_came(devchain);
    devchain->run.on_done(devchain->run.owner, good);
}

static void on_run(struct timer *timer)
{
    struct devchain *devchain = container_of(timer, struct devchain, run.timer);
    uint64_t start_us = loop_now_us(devchain->loop), made = 0;
    bool good = true;
    while (good && devchain->run.left > 0 && made++ < DEVCHAIN_SLICE_BLOCKS &&
           loop_now_us(devchain->loop) - start_us < DEVCHAIN_SLICE_US) {
        devchain->run.left--;
        devchain->run.busy = devchain->run.left > 0; /* the last one is told to everybody */
        good = devchain_make_block(devchain);
        if (devchain->run.interval_s > 1 && devchain->run.left > 0) {
            devchain->plan.has_time = true;
            devchain->plan.time =
                ledger_head(devchain->ledger)->header.timestamp + devchain->run.interval_s;
        }
    }
    if (good && devchain->run.left > 0)
        timer_start(timer, 0);
    else
        run_ended(devchain, good);
}

bool devchain_make_blocks(struct devchain *devchain, uint64_t count, uint64_t interval_s,
                          void (*on_done)(void *owner, bool good), void *owner)
{
    if (devchain->run.running)
        return false;
    devchain->run.running = true;
    devchain->run.busy = count > 1;
    devchain->run.left = count;
    devchain->run.interval_s = interval_s;
    devchain->run.on_done = on_done;
    devchain->run.owner = owner;
    timer_start(&devchain->run.timer, 0);
    return true;
}

bool devchain_is_busy(const struct devchain *devchain)
{
    return devchain != NULL && devchain->run.busy;
}

/* ---- what the next block is like ---- */

int64_t devchain_offset_s(const struct devchain *devchain)
{
    return devchain->plan.offset_s;
}

void devchain_add_offset(struct devchain *devchain, int64_t seconds)
{
    devchain->plan.offset_s += seconds;
}

bool devchain_set_next_time(struct devchain *devchain, uint64_t timestamp)
{
    if (timestamp <= ledger_head(devchain->ledger)->header.timestamp ||
        timestamp > DEVCHAIN_TIME_MAX)
        return false;
    devchain->plan.has_time = true;
    devchain->plan.time = timestamp;
    return true;
}

void devchain_set_next_base_fee(struct devchain *devchain, const struct u256 *base_fee)
{
    devchain->plan.has_base_fee = true;
    devchain->plan.base_fee = *base_fee;
}

void devchain_set_next_randao(struct devchain *devchain, const struct hash32 *randao)
{
    devchain->plan.has_randao = true;
    devchain->plan.randao = *randao;
}

void devchain_set_gas_limit(struct devchain *devchain, uint64_t gas_limit)
{
    devchain->plan.gas_limit = gas_limit;
}

void devchain_set_coinbase(struct devchain *devchain, const struct address20 *coinbase)
{
    devchain->plan.coinbase = *coinbase;
}

/* ---- life ---- */

static void account_key(struct seckey32 *out)
{
    struct hash32 hash;
    keccak256(&hash, SPAN_STR(DEVCHAIN_KEY_TEXT));
    memcpy(out->bytes, hash.bytes, 32);
}

void devchain_account(struct address20 *out, const struct crypto *crypto)
{
    struct seckey32 secret;
    struct pubkey64 key;
    account_key(&secret);
    crypto_pubkey(crypto, &key, &secret);
    crypto_address(out, &key);
}

void devchain_merge(struct chainspec *spec, const struct u256 *head_td)
{
    if (spec->has_terminal_td && u256_compare(head_td, &spec->terminal_td) >= 0)
        return;
    spec->has_terminal_td = true;
    spec->terminal_td = *head_td;
}

static bool next_is_merged(const struct ledger *ledger)
{
    const struct chainspec *spec = ledger_spec(ledger);
    const struct ledger_block *head = ledger_head(ledger);
    return chainspec_fork(spec, &head->header) >= FORK_PARIS ||
           (spec->has_terminal_td && u256_compare(&head->td, &spec->terminal_td) >= 0);
}

struct devchain *devchain_new(struct loop *loop, struct ledger *ledger, struct pool *pool,
                              const struct crypto *crypto, struct log *log, uint64_t period_ms,
                              struct buf *error)
{
    if (!next_is_merged(ledger)) {
        buf_clear(error);
        buf_add_str(error, "a development chain needs a genesis past the merge: set "
                           "terminalTotalDifficulty to 0 and difficulty to 0 in genesis.json");
        return NULL;
    }
    struct devchain *devchain = mem_alloc(sizeof(*devchain));
    *devchain = (struct devchain){.loop = loop,
                                  .ledger = ledger,
                                  .pool = pool,
                                  .crypto = crypto,
                                  .log = log,
                                  .due = {.on_run = on_due},
                                  .refusal = ""};
    account_key(&devchain->key);
    devchain_account(&devchain->account, crypto);
    devchain->plan.coinbase = devchain->account;
    timer_init(&devchain->timer, loop, on_timer);
    timer_init(&devchain->run.timer, loop, on_run);
    devchain_set_interval(devchain, period_ms);
    return devchain;
}

static void on_release(void *pointer)
{
    mem_free(pointer);
}

void devchain_free(struct devchain *devchain)
{
    if (devchain == NULL)
        return;
    timer_stop(&devchain->timer);
    timer_stop(&devchain->run.timer);
    task_cancel(&devchain->due);
    devchain_drop_snapshots(devchain, 0);
    block_outcome_free(&devchain->outcome);
    loop_sweep(devchain->loop, devchain, on_release); /* the task may still be in line */
}
