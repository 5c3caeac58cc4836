/* Any mix of calls on links, in a simulated world and on real loopback: what arrives is a prefix of
 * what was sent, in order, nothing comes after its end, and nothing leaks. */
#include "les/base/limits.h"
#include "les/base/loop.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(link_prop, .fini = fixture_leak_gate, .timeout = 120);

#define SIDES 24

struct mess;

/* One end of a connection. Bytes sent on connection c in direction d at offset o are a function of
 * c, d and o. */
struct side {
    struct mess *mess;
    struct link *link;
    uint64_t stream_out, stream_in;
    uint64_t sent, received;
    bool accepted, paused, ended;
};

struct mess {
    uint64_t random;
    struct loop *loops[3];
    struct listener *listeners[3];
    struct endpoint at[3];
    struct side *sides[SIDES];
    uint64_t streams, opens, delivered, closes;
};

static uint8_t byte_at(uint64_t stream, uint64_t offset)
{
    return (uint8_t)((stream * 0x9e37 + offset * 31) ^ offset >> 8);
}

static void drop(struct side *side)
{
    struct mess *mess = side->mess;
    for (size_t i = 0; i < SIDES; i++)
        if (mess->sides[i] == side)
            mess->sides[i] = NULL;
    link_close(side->link);
    mem_free(side);
}

static size_t free_place(const struct mess *mess)
{
    size_t i = 0;
    while (i < SIDES && mess->sides[i] != NULL)
        i++;
    return i;
}

static void say(struct side *side, size_t size)
{
    struct buf bytes = {0};
    for (size_t i = 0; i < size; i++)
        buf_add_u8(&bytes, byte_at(side->stream_out, side->sent + i));
    if (link_send(side->link, buf_span(&bytes)))
        side->sent += size;
    else
        cr_assert(side->ended || link_queue_size(side->link) + size > LINK_QUEUE_BYTES_MAX);
    buf_free(&bytes);
}

static void act(struct mess *mess, struct side *side);

static void on_open(void *owner)
{
    struct side *side = owner;
    side->mess->opens++;
    cr_assert_not(side->ended);
    act(side->mess, side);
}

/* The first eight bytes from the connecting side name the stream: the listener cannot know it
 * otherwise. */
static void on_data(void *owner, struct span bytes)
{
    struct side *side = owner;
    cr_assert_not(side->ended);
    for (size_t i = 0; i < bytes.size; i++, side->received++) {
        if (side->accepted && side->received < 8) {
            side->stream_in = side->stream_in << 8 | bytes.data[i];
            if (side->received == 7)
                side->stream_out = side->stream_in + 1;
        } else {
            cr_assert_eq(bytes.data[i], byte_at(side->stream_in, side->received));
        }
    }
    side->mess->delivered += bytes.size;
    act(side->mess, side);
}

static void on_drain(void *owner)
{
    struct side *side = owner;
    cr_assert_eq(link_queue_size(side->link), 0);
    act(side->mess, side);
}

static void on_close(void *owner, enum status status)
{
    struct side *side = owner;
    cr_assert_not(side->ended);
    cr_assert(status == STATUS_OK || status == STATUS_IO || status == STATUS_UNAVAILABLE ||
              status == STATUS_TIMEOUT);
    side->ended = true;
    side->mess->closes++;
    cr_assert_not(link_send(side->link, SPAN_STR("late")));
    if (fixture_random_below(&side->mess->random, 2) == 0)
        drop(side);
}

static const struct link_events events = {on_open, on_data, on_drain, on_close};

static void on_accept(void *owner, struct link *link)
{
    struct mess *mess = owner;
    size_t place = free_place(mess);
    if (place == SIDES || fixture_random_below(&mess->random, 10) == 0) {
        link_close(link);
        return;
    }
    struct side *side = mem_alloc(sizeof(*side));
    *side = (struct side){.mess = mess, .link = link, .accepted = true};
    mess->sides[place] = side;
    link_set_owner(link, &events, side);
}

static void dial(struct mess *mess)
{
    size_t place = free_place(mess);
    if (place == SIDES)
        return;
    struct side *side = mem_alloc(sizeof(*side));
    struct loop *from = mess->loops[fixture_random_below(&mess->random, 3)];
    struct endpoint to = mess->at[fixture_random_below(&mess->random, 3)];
    if (fixture_random_below(&mess->random, 10) == 0)
        to.port = 1;
    *side = (struct side){.mess = mess, .stream_out = 2 * mess->streams++};
    side->stream_in = side->stream_out + 1;
    if (link_connect(&side->link, from, &to, &events, side) != STATUS_OK) {
        mem_free(side);
        return;
    }
    mess->sides[place] = side;
    uint8_t name[8];
    be_write(name, 8, side->stream_out);
    cr_assert(link_send(side->link, SPAN(name, 8)));
    side->sent = 8;
}

static void act(struct mess *mess, struct side *side)
{
    bool may_speak = !side->accepted || side->received >= 8;
    switch (fixture_random_below(&mess->random, 12)) {
    case 0:
    case 1:
    case 2:
        if (may_speak)
            say(side, fixture_random_below(&mess->random, 3000));
        break;
    case 3:
        if (may_speak)
            say(side, fixture_random_below(&mess->random, 400000));
        break;
    case 4:
        side->paused = !side->paused;
        if (side->paused)
            link_pause(side->link);
        else
            link_resume(side->link);
        break;
    case 5:
        if (fixture_random_below(&mess->random, 3) == 0)
            drop(side);
        break;
    case 6:
        dial(mess);
        break;
    }
}

static void act_somewhere(struct mess *mess)
{
    struct side *side = mess->sides[fixture_random_below(&mess->random, SIDES)];
    if (side != NULL)
        act(mess, side);
    else
        dial(mess);
}

static void start(struct mess *mess, const char *const *texts)
{
    for (size_t i = 0; i < 3; i++) {
        struct endpoint at;
        cr_assert(endpoint_parse(&at, texts[i]));
        cr_assert_eq(listener_open(&mess->listeners[i], mess->loops[i], &at, on_accept, mess),
                     STATUS_OK);
        listener_endpoint(mess->listeners[i], &mess->at[i]);
    }
}

static void finish(struct mess *mess)
{
    for (size_t i = 0; i < SIDES; i++)
        if (mess->sides[i] != NULL)
            drop(mess->sides[i]);
    for (size_t i = 0; i < 3; i++)
        listener_close(mess->listeners[i]);
}

static void stir(struct mess *mess, struct world *world)
{
    struct loop *a = mess->loops[world_dice(world, 3)], *b = mess->loops[world_dice(world, 3)];
    switch (world_dice(world, 60)) {
    case 0:
        world_cut(a, b);
        break;
    case 1:
    case 2:
        world_partition(a, b, world_dice(world, 2) == 0);
        break;
    case 3:
        world_refuse(a, world_dice(world, 2) == 0);
        break;
    case 4:
        world_cut_after(a, b, world_dice(world, 100000));
        break;
    }
}

Test(link_prop, any_mix_of_calls_in_a_simulated_world)
{
    static const char *const texts[] = {"10.0.0.1:30303", "10.0.0.2:30303", "10.0.0.3:30303"};
    uint64_t seed = fixture_seed(), opens = 0, delivered = 0, closes = 0;
    for (int round = 0; round < 20; round++) {
        struct mess mess = {.random = fixture_random(&seed)};
        struct world *world = world_new(fixture_random(&seed));
        const struct world_net net = {
            500, 20000, world_dice(world, 2) * 1000000, 1 + world_dice(world, 20000), 0, 0};
        world_set_net(world, &net);
        static const char *const ips[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
        for (size_t i = 0; i < 3; i++)
            mess.loops[i] = world_host_new(world, ips[i]);
        start(&mess, texts);
        for (int step = 0; step < 400; step++) {
            act_somewhere(&mess);
            stir(&mess, world);
            world_run_for_ms(world, world_dice(world, 30));
        }
        finish(&mess);
        world_run_for_ms(world, world_dice(world, 2) * 200);
        world_free(world);
        opens += mess.opens;
        delivered += mess.delivered;
        closes += mess.closes;
    }
    cr_assert_gt(opens, 250);
    cr_assert_gt(closes, 100);
    cr_assert_gt(delivered, MIB(2));
}

struct beat {
    struct timer timer;
    struct mess *mess;
    int left;
};

static void on_beat(struct timer *timer)
{
    struct beat *beat = container_of(timer, struct beat, timer);
    for (int i = 0; i < 5; i++)
        act_somewhere(beat->mess);
    if (--beat->left > 0)
        timer_start(timer, 1);
    else
        loop_stop(timer->loop);
}

Test(link_prop, any_mix_of_calls_on_real_loopback)
{
    static const char *const texts[] = {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"};
    uint64_t seed = fixture_seed();
    for (int round = 0; round < 4; round++) {
        struct mess mess = {.random = fixture_random(&seed)};
        struct loop *loop = loop_uv_new();
        for (size_t i = 0; i < 3; i++)
            mess.loops[i] = loop;
        start(&mess, texts);
        struct beat beat = {.mess = &mess, .left = 200};
        timer_init(&beat.timer, loop, on_beat);
        timer_start(&beat.timer, 1);
        loop_run(loop);
        finish(&mess);
        loop_free(loop);
        cr_assert_gt(mess.opens, 20);
        cr_assert_gt(mess.delivered, 10000);
    }
}
