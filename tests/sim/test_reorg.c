/* Reorganisations of any depth inside the window: whatever branch the servers go to, what the light
 * client calls canonical is what they have. Blocks come from development chains that run apart from
 * a common ancestor on. */
#include "gateway/objects.h"
#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/node/devchain.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>

#define GENESIS SOURCE_DIR "/conf/demo/genesis.json"

TestSuite(reorg, .fini = fixture_leak_gate, .timeout = 300);

/* Block n of a branch, as [header, transactions, uncles, withdrawals]. */
static void block_rlp(struct buf *out, const struct ledger_block *block)
{
    struct rlp outer = rlp_reader(block->body_rlp), body = rlp_list(&outer);
    size_t mark = rlp_list_begin(out);
    buf_add_span(out, block->header_rlp);
    while (rlp_more(&body))
        buf_add_span(out, rlp_raw(&body));
    rlp_list_end(out, mark);
}

/* Servers 3 and up are workshops that nobody connects to: each makes a branch of its own. */
struct workshop {
    struct sim *sim;
    size_t index;
    struct pool *pool;
    struct crypto *crypto;
    struct devchain *devchain;
};

static void open_workshop(struct workshop *workshop, struct sim *sim, size_t index)
{
    static const struct u256 NO_MINIMUM;
    uint8_t seed32[32] = {9};
    struct buf error = {0};
    workshop->sim = sim;
    workshop->index = index;
    workshop->crypto = crypto_new(seed32);
    workshop->pool = pool_new(sim_ledger(sim, index), workshop->crypto, &NO_MINIMUM);
    workshop->devchain = devchain_new(sim_server_loop(sim, index), sim_ledger(sim, index),
                                      workshop->pool, workshop->crypto, NULL, 1000000000, &error);
    cr_assert_neq(workshop->devchain, NULL, "%.*s", (int)error.size, (const char *)error.data);
    buf_free(&error);
}

/* Each branch has times of its own, so blocks of its own. */
static void make_block(struct workshop *workshop)
{
    struct ledger *ledger = sim_ledger(workshop->sim, workshop->index);
    uint64_t number = ledger_head(ledger)->header.number;
    world_skew_s(sim_server_loop(workshop->sim, workshop->index),
                 (int64_t)(20 * number + 7 * workshop->index));
    cr_assert(devchain_make_block(workshop->devchain));
    cr_assert_eq(ledger_head(ledger)->header.number, number + 1);
}

static void close_workshop(struct workshop *workshop)
{
    devchain_free(workshop->devchain);
    pool_free(workshop->pool);
    crypto_free(workshop->crypto);
}

/* Hands what `from` has above number to another ledger. */
static void hand_over(struct workshop *from, size_t to, uint64_t above)
{
    const struct ledger *ledger = sim_ledger(from->sim, from->index);
    for (uint64_t number = above + 1; number <= ledger_head(ledger)->header.number; number++) {
        struct buf rlp = {0};
        block_rlp(&rlp, ledger_by_number(ledger, number));
        sim_add_block(from->sim, to, buf_span(&rlp));
        buf_free(&rlp);
    }
}

static void expect_canonical(struct sim *sim)
{
    const struct ledger *ledger = sim_ledger(sim, 0);
    struct chain *chain = sim_light(sim)->chain;
    uint64_t head = ledger_head(ledger)->header.number;
    cr_assert(hash32_equal(&chain_head(chain)->hash, &ledger_head(ledger)->hash));
    for (uint64_t number = 0; number <= head; number++) {
        const struct block_header *known = chain_known_number(chain, number);
        if (known != NULL)
            cr_assert(hash32_equal(&known->hash, &ledger_by_number(ledger, number)->hash),
                      "block %llu of another branch is called canonical",
                      (unsigned long long)number);
        struct ledger_block *block = ledger_by_number(ledger, number);
        cr_assert(chain_known_hash(chain, &block->hash) == NULL ||
                  chain_known_hash(chain, &block->hash) == known);
    }
}

static void one_world(uint64_t seed)
{
    struct sim *sim = sim_new(seed, GENESIS, NULL, 5);
    struct workshop branches[2];
    sim_stop_server(sim, 3, true);
    sim_stop_server(sim, 4, true);
    world_set_wall_s(sim_world(sim), 0x67000000 + 1000);
    open_workshop(&branches[0], sim, 3);
    open_workshop(&branches[1], sim, 4);
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, 0, 5000);
    uint64_t common = 0;
    for (unsigned round = 0; round < 6; round++) {
        struct workshop *winner = &branches[round % 2], *loser = &branches[1 - round % 2];
        uint64_t head = ledger_head(sim_ledger(sim, 0))->header.number;
        uint64_t more = 1 + world_dice(sim_world(sim), round % 3 == 0 ? 60 : 4);
        while (ledger_head(sim_ledger(sim, winner->index))->header.number < head + more)
            make_block(winner);
        for (size_t server = 0; server < 3; server++) {
            hand_over(winner, server, common);
            world_run_for_ms(sim_world(sim),
                             world_dice(sim_world(sim), 20)); /* one after the other */
        }
        sim_wait_head(sim, head + more, 20000);
        world_run_for_ms(sim_world(sim), 2000);
        expect_canonical(sim);
        /* The other branch goes on from somewhere in the past of the winner. */
        common = head + more - world_dice(sim_world(sim), head + more < 40 ? head + more : 40);
        hand_over(winner, loser->index, 0);
        ledger_set_head(sim_ledger(sim, loser->index),
                        ledger_by_number(sim_ledger(sim, loser->index), common));
    }
    for (size_t i = 0; i < 2; i++)
        close_workshop(&branches[i]);
    sim_free(sim);
}

Test(reorg, what_is_canonical_follows_the_servers)
{
    uint64_t seed = fixture_seed();
    for (unsigned i = 0; i < 8; i++) {
        fprintf(stderr, "world %llu\n", (unsigned long long)(seed + i));
        one_world(seed + i);
    }
}
