/* lesgate/plainKeys: names of accounts and slots beside their hashes, to servers that want them. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/proto/server.h"
#include "les/proto/session.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world.h"

#include <criterion/criterion.h>

TestSuite(plain_keys, .fini = fixture_leak_gate);

static const struct address20 ADDRESS = {{0xaa, 0xbb, 0xcc}};
static const struct hash32 SLOTS[2] = {{{0}}, {{1, 2, 3}}};

/* ---- what a client sends ---- */

struct items {
    struct buf bytes;
    struct les_items at;
};

static struct items encode(struct les_op *op, enum les_account_form form)
{
    struct items items = {0};
    struct les_message message = {.id = 7, .kind = op->kind};
    uint64_t id;
    ask_encode(&items.bytes, &message, &op, 1, form);
    cr_assert(les_request_decode(&id, &items.at.rest, buf_span(&items.bytes)));
    return items;
}

static void assert_item(struct items *items, struct span account, struct span key)
{
    struct les_proof_item item;
    cr_assert(les_proof_item_next(&items->at, &item));
    cr_assert(span_equal(item.account, account), "account field");
    cr_assert(span_equal(item.key, key), "key");
}

static void items_end(struct items *items)
{
    cr_assert(items->at.rest.size == 0 && !items->at.bad);
    buf_free(&items->bytes);
}

static struct les_op slot_op(void)
{
    struct les_op op = {.kind = LES_ASK_PROOF};
    op.ask.proof.in_storage = op.ask.proof.plain = true;
    op.ask.proof.address = ADDRESS;
    op.ask.proof.slot = SLOTS[1];
    keccak256(&op.ask.proof.key, SPAN(SLOTS[1].bytes, 32));
    return op;
}

static struct les_op account_op(void)
{
    struct les_op op = {.kind = LES_ASK_PROOF};
    op.ask.proof.plain = true;
    op.ask.proof.address = ADDRESS;
    keccak256(&op.ask.proof.key, SPAN(ADDRESS.bytes, 20));
    return op;
}

Test(plain_keys, account_is_named_by_its_address_only_to_those_who_want_it)
{
    struct les_op op = account_op();
    struct items items = encode(&op, LES_ACCOUNT_PLAIN);
    assert_item(&items, SPAN_EMPTY, SPAN(ADDRESS.bytes, 20));
    items_end(&items);
    items = encode(&op, LES_ACCOUNT_ADDRESS20);
    assert_item(&items, SPAN_EMPTY, SPAN(op.ask.proof.key.bytes, 32));
    items_end(&items);
}

Test(plain_keys, slot_is_named_behind_its_tag)
{
    struct les_op op = slot_op();
    uint8_t key33[33] = {0};
    memcpy(key33 + 1, SLOTS[1].bytes, 32);
    struct items items = encode(&op, LES_ACCOUNT_PLAIN);
    assert_item(&items, SPAN(ADDRESS.bytes, 20), SPAN(key33, 33));
    items_end(&items);
    struct hash32 account;
    keccak256(&account, SPAN(ADDRESS.bytes, 20));
    items = encode(&op, LES_ACCOUNT_HASH32);
    assert_item(&items, SPAN(account.bytes, 32), SPAN(op.ask.proof.key.bytes, 32));
    items_end(&items);
}

Test(plain_keys, key_whose_name_nobody_knows_stays_a_hash)
{
    struct les_op op = slot_op();
    op.ask.proof.plain = false;
    struct items items = encode(&op, LES_ACCOUNT_PLAIN);
    assert_item(&items, SPAN(ADDRESS.bytes, 20), SPAN(op.ask.proof.key.bytes, 32));
    items_end(&items);
}

Test(plain_keys, account_with_slots_in_one_question)
{
    struct hash32 keys[2], account;
    struct les_op op = {.kind = LES_ASK_SLOTS};
    for (size_t i = 0; i < 2; i++)
        keccak256(&keys[i], SPAN(SLOTS[i].bytes, 32));
    keccak256(&account, SPAN(ADDRESS.bytes, 20));
    op.ask.slots.address = ADDRESS;
    op.ask.slots.keys = keys;
    op.ask.slots.slots = SLOTS;
    op.ask.slots.keys_count = 2;
    struct items items = encode(&op, LES_ACCOUNT_PLAIN);
    assert_item(&items, SPAN_EMPTY, SPAN(ADDRESS.bytes, 20));
    for (size_t i = 0; i < 2; i++) {
        uint8_t key33[33] = {0};
        memcpy(key33 + 1, SLOTS[i].bytes, 32);
        assert_item(&items, SPAN(ADDRESS.bytes, 20), SPAN(key33, 33));
    }
    items_end(&items);
    items = encode(&op, LES_ACCOUNT_ADDRESS20);
    assert_item(&items, SPAN_EMPTY, SPAN(account.bytes, 32));
    for (size_t i = 0; i < 2; i++)
        assert_item(&items, SPAN(ADDRESS.bytes, 20), SPAN(keys[i].bytes, 32));
    items_end(&items);
}

/* ---- what a server takes ---- */

struct place {
    struct les_backend base;
    struct world *world;
    struct chainspec spec;
    struct server *server;
    struct server_client *client;
    struct les_status status;
    size_t asked, key_size;
    bool closed;
};

static void on_ask(struct les_backend *base, struct les_question *question)
{
    struct place *place = container_of(base, struct place, base);
    place->asked++;
    place->key_size = question->ask.proof.key.size;
    les_answer(question, LES_ANSWER_NONE);
}

static void on_forget(struct les_backend *base, struct les_question *question)
{
    (void)base;
    (void)question;
}

static void on_head(struct les_backend *base, struct les_serve_head *out)
{
    (void)base;
    *out = (struct les_serve_head){.block.number = 1};
}

static bool on_ancestor(struct les_backend *base, const struct hash32 *a, const struct hash32 *b,
                        uint64_t *number)
{
    (void)base;
    (void)a;
    (void)b;
    *number = 0;
    return true;
}

static const struct les_backend_ops OPS = {
    .ask = on_ask, .forget = on_forget, .head = on_head, .ancestor = on_ancestor};

static bool on_send(void *owner, unsigned code, struct span payload)
{
    struct place *place = owner;
    if (code == LES_STATUS)
        cr_assert(les_status_decode(&place->status, payload));
    return true;
}

static void on_close(void *owner, enum peer_reason reason)
{
    struct place *place = owner;
    (void)reason;
    place->closed = true;
}

static size_t on_queue_size(void *owner)
{
    (void)owner;
    return 0;
}

static void on_pause(void *owner, bool paused)
{
    (void)owner;
    (void)paused;
}

static const struct server_line_ops LINE_OPS = {
    .send = on_send, .close = on_close, .queue_size = on_queue_size, .pause = on_pause};

static struct place *place_new(bool plain_keys)
{
    struct place *place = mem_alloc(sizeof(*place));
    place->base.ops = &OPS;
    place->world = world_new(3);
    place->spec.network_id = 5;
    struct server_config config = {.spec = &place->spec, .capacity = 10, .plain_keys = plain_keys};
    place->server =
        server_new(world_host_new(place->world, "10.0.0.1"), NULL, NULL, &config, &place->base);
    place->client = server_attach(place->server, &LINE_OPS, place, 3, &HASH32_ZERO);
    struct les_status status = {.version = 3, .network_id = 5};
    struct buf payload = {0};
    les_status_encode(&payload, &status);
    server_message(place->client, LES_STATUS, buf_span(&payload));
    buf_free(&payload);
    return place;
}

static void place_free(struct place *place)
{
    server_free(place->server);
    world_run_for_ms(place->world, 1);
    world_free(place->world);
    mem_free(place);
}

/* Sends one item with a key of so many bytes. True: the backend was asked for it. */
static bool takes(bool plain_keys, bool in_storage, size_t key_size)
{
    struct place *place = place_new(plain_keys);
    uint8_t key[64] = {0};
    struct les_proof_item item = {.account = in_storage ? SPAN(ADDRESS.bytes, 20) : SPAN_EMPTY,
                                  .key = SPAN(key, key_size)};
    struct buf payload = {0};
    struct les_writer writer = les_request_begin(&payload, 1);
    les_proof_item_encode(&payload, &item);
    les_request_end(&payload, writer);
    cr_assert_eq(place->status.plain_keys, plain_keys);
    server_message(place->client, LES_GET_PROOFS_V2, buf_span(&payload));
    buf_free(&payload);
    world_run_for_ms(place->world, 5);
    bool asked = place->asked == 1 && place->key_size == key_size;
    cr_assert_eq(place->closed, !asked, "whoever breaks the protocol is dropped, nobody else");
    place_free(place);
    return asked;
}

Test(plain_keys, server_without_them_takes_what_stock_servers_take)
{
    for (size_t size = 0; size <= 32; size++)
        cr_assert(takes(false, false, size) && takes(false, true, size));
    cr_assert_not(takes(false, false, 33));
    cr_assert_not(takes(false, true, 33));
}

Test(plain_keys, server_with_them_takes_one_byte_more_in_storage_tries)
{
    cr_assert(takes(true, false, 20));
    cr_assert(takes(true, false, 32));
    cr_assert_not(takes(true, false, 33));
    cr_assert(takes(true, true, 33));
    cr_assert_not(takes(true, true, 34));
}

Test(plain_keys, status_carries_the_word_only_when_it_is_meant)
{
    struct les_status status = {.version = 4}, read;
    struct buf without = {0}, with = {0};
    les_status_encode(&without, &status);
    cr_assert(les_status_decode(&read, buf_span(&without)) && !read.plain_keys);
    status.plain_keys = true;
    les_status_encode(&with, &status);
    cr_assert(les_status_decode(&read, buf_span(&with)) && read.plain_keys);
    cr_assert_null(memmem(without.data, without.size, "plainKeys", 9));
    cr_assert_not_null(memmem(with.data, with.size, "lesgate/plainKeys", 17));
    buf_free(&without);
    buf_free(&with);
}
