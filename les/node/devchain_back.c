/* Snapshots of a development chain, and the ways back. */
#include "les/node/devchain_internal.h"

#include "les/base/limits.h"

void devchain_drop_snapshots(struct devchain *devchain, size_t from_index)
{
    while (devchain->snapshots_count > from_index)
        buf_free(&devchain->snapshots[--devchain->snapshots_count].pool);
}

static void keep_tx(void *owner, const struct address20 *sender, const struct tx *tx,
                    enum pool_state state)
{
    struct buf *out = owner;
    uint8_t size4[4];
    (void)sender, (void)state;
    be_write(size4, 4, tx->raw.size);
    buf_add(out, size4, 4);
    buf_add_span(out, tx->raw);
}

/* Oldest first, as they came. */
static void restore_pool(struct devchain *devchain, struct span kept)
{
    pool_clear(devchain->pool);
    while (kept.size > 0) {
        size_t size = be_read(kept.data, 4);
        struct span envelope = SPAN(kept.data + 4, size);
        /* It was in this pool over this state: it fits, in one of the two ways. */
        if (pool_add(devchain->pool, envelope) != NULL)
            (void)!pool_add_impersonated(devchain->pool, envelope);
        kept = SPAN(kept.data + 4 + size, kept.size - 4 - size);
    }
}

uint64_t devchain_snapshot(struct devchain *devchain)
{
    if (devchain->snapshots_count == DEVCHAIN_SNAPSHOTS_MAX) { /* the oldest one goes */
        buf_free(&devchain->snapshots[0].pool);
        memmove(&devchain->snapshots[0], &devchain->snapshots[1],
                (DEVCHAIN_SNAPSHOTS_MAX - 1) * sizeof(devchain->snapshots[0]));
        devchain->snapshots_count--;
    }
    struct devchain_snapshot *snapshot = &devchain->snapshots[devchain->snapshots_count++];
    *snapshot = (struct devchain_snapshot){.id = ++devchain->snapshots_made,
                                           .head = ledger_head(devchain->ledger),
                                           .plan = devchain->plan};
    pool_each(devchain->pool, keep_tx, &snapshot->pool);
    return snapshot->id;
}

static void set_back(struct devchain *devchain, struct ledger_block *head)
{
    devchain->generation++;
    ledger_set_head(devchain->ledger, head);
}

bool devchain_revert(struct devchain *devchain, uint64_t id)
{
    size_t index = 0;
    while (index < devchain->snapshots_count && devchain->snapshots[index].id != id)
        index++;
    if (index == devchain->snapshots_count)
        return false;
    struct devchain_snapshot *snapshot = &devchain->snapshots[index];
    devchain->plan = snapshot->plan;
    set_back(devchain, snapshot->head);
    restore_pool(devchain, buf_span(&snapshot->pool));
    devchain_drop_snapshots(devchain, index);
    return true;
}

bool devchain_go_back(struct devchain *devchain, uint64_t blocks)
{
    uint64_t number = ledger_head(devchain->ledger)->header.number;
    if (blocks > number)
        return false;
    set_back(devchain, ledger_by_number(devchain->ledger, number - blocks));
    return true;
}

void devchain_reset(struct devchain *devchain)
{
    devchain_drop_snapshots(devchain, 0);
    devchain->plan = (struct devchain_plan){.coinbase = devchain->account};
    pool_clear(devchain->pool);
    set_back(devchain, ledger_genesis(devchain->ledger));
}
