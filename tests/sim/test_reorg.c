/* Reorganisations of any depth inside the window: whatever branch the servers go to, what the light
 * client calls canonical is what they have. Blocks come from development chains that run apart from
 * a common ancestor on. */
#include "gateway/light/objects.h"
#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/node/devchain.h"
#include "les/proto/wire.h"
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

/* ---- votes on a number that a reorg overtakes ---- */

static bool on_silence(void *owner, unsigned code, struct buf *payload)
{
    (void)owner, (void)payload;
    return code != LES_BLOCK_HEADERS;
}

struct found {
    struct chain_find find;
    struct block_header *header;
    bool done;
};

static void on_found(struct chain_find *find, enum status status, struct block_header *header)
{
    struct found *found = container_of(find, struct found, find);
    (void)status;
    found->done = true;
    if (header != NULL)
        found->header = block_header_ref(header);
}

/* Two of three say at once which block 100 is, the third says nothing until they are all on another
 * branch. */
Test(reorg, votes_of_before_it_do_not_count)
{
    enum { COMMON = 50, ASKED = 100, HEAD = 200, HEAD_AFTER = 210 };
    struct sim *sim = sim_new(3, GENESIS, NULL, 5);
    struct workshop before, after;
    struct found found = {.find = {.on_done = on_found}};
    sim_stop_server(sim, 3, true);
    sim_stop_server(sim, 4, true);
    world_set_wall_s(sim_world(sim), 0x67000000 + 1000);
    open_workshop(&before, sim, 3);
    open_workshop(&after, sim, 4);
    while (ledger_head(sim_ledger(sim, 3))->header.number < HEAD)
        make_block(&before);
    for (size_t server = 0; server < 5; server++)
        if (server != 3)
            hand_over(&before, server, 0);
    ledger_set_head(sim_ledger(sim, 4), ledger_by_number(sim_ledger(sim, 4), COMMON));
    while (ledger_head(sim_ledger(sim, 4))->header.number < HEAD_AFTER)
        make_block(&after);
    sim_start_light(sim, 3, 66);
    sim_wait_head(sim, HEAD, 5000);
    struct chain *chain = sim_light(sim)->chain;
    cr_assert_null(chain_known_number(chain, ASKED));
    sim_set_tamper(sim, 2, on_silence, NULL);
    chain_find_number(chain, &found.find, ASKED);
    world_run_for_ms(sim_world(sim), 300);
    cr_assert(!found.done, "the third was not waited for");
    for (size_t server = 0; server < 3; server++)
        hand_over(&after, server, COMMON);
    sim_wait_head(sim, HEAD_AFTER, 1500);
    for (unsigned i = 0; i < 100 && !found.done; i++)
        world_run_for_ms(sim_world(sim), 100);
    cr_assert(found.done);
    cr_assert_not_null(found.header);
    cr_assert(hash32_equal(&found.header->hash, &ledger_by_number(sim_ledger(sim, 0), ASKED)->hash),
              "block %d of the branch that was left", ASKED);
    expect_canonical(sim);
    block_header_unref(found.header);
    close_workshop(&before);
    close_workshop(&after);
    sim_free(sim);
}
