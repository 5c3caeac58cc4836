#include "gateway/light/sent.h"
#include "les/base/limits.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(sent, .fini = fixture_leak_gate);

static struct hash32 hash_of(uint64_t number)
{
    struct hash32 hash = {{0}};
    be_write(hash.bytes + 24, 8, number + 1);
    return hash;
}

static struct address20 address_of(uint8_t number)
{
    struct address20 address = {{0}};
    address.bytes[19] = number;
    return address;
}

static void add(struct sent *sent, uint64_t id, uint8_t sender, uint64_t nonce, uint64_t now_ms)
{
    struct hash32 hash = hash_of(id);
    struct address20 address = address_of(sender);
    char text[24];
    snprintf(text, sizeof text, "tx %llu", (unsigned long long)id);
    sent_add(sent, &hash, &address, nonce, SPAN_STR(text), now_ms);
}

static bool has(const struct sent *sent, uint64_t id)
{
    struct hash32 hash = hash_of(id);
    struct span envelope;
    char text[24];
    snprintf(text, sizeof text, "tx %llu", (unsigned long long)id);
    bool found = sent_find(sent, &hash, &envelope);
    cr_assert(!found || span_equal(envelope, SPAN_STR(text)));
    return found;
}

static uint64_t next(struct sent *sent, uint8_t sender, uint64_t nonce)
{
    struct address20 address = address_of(sender);
    return sent_next_nonce(sent, &address, nonce);
}

Test(sent, nonces_go_on_as_far_as_they_are_contiguous)
{
    struct sent *sent = sent_new(1);
    add(sent, 1, 7, 5, 0);
    add(sent, 2, 7, 6, 0);
    add(sent, 3, 7, 8, 0);
    add(sent, 4, 6, 7, 0);
    add(sent, 5, 8, 7, 0);
    cr_assert_eq(next(sent, 7, 5), 7);
    cr_assert_eq(next(sent, 9, 3), 3);
    cr_assert_eq(next(sent, 7, 4), 4, "the one before is missing");
    cr_assert_eq(next(sent, 7, 8), 9, "what was mined does not count");
    cr_assert_not(has(sent, 1));
    cr_assert_not(has(sent, 2));
    cr_assert(has(sent, 3));
    cr_assert_eq(next(sent, 6, 7), 8);
    cr_assert_eq(sent_count(sent), 3);
    sent_free(sent);
}

Test(sent, of_two_with_one_nonce_the_later_stays)
{
    struct sent *sent = sent_new(1);
    add(sent, 1, 7, 5, 0);
    add(sent, 2, 7, 5, 1);
    cr_assert_not(has(sent, 1));
    cr_assert(has(sent, 2));
    add(sent, 2, 7, 5, 2);
    cr_assert_eq(sent_count(sent), 1);
    struct hash32 hash = hash_of(2);
    sent_drop(sent, &hash);
    sent_drop(sent, &hash);
    cr_assert_eq(sent_count(sent), 0);
    cr_assert_eq(next(sent, 7, 5), 5);
    sent_free(sent);
}

Test(sent, the_oldest_goes_when_it_is_full_or_too_old)
{
    struct sent *sent = sent_new(1);
    for (uint64_t i = 0; i < SENT_TXS_MAX + 10; i++)
        add(sent, i, (uint8_t)(i % 5), i, i);
    cr_assert_eq(sent_count(sent), SENT_TXS_MAX);
    cr_assert_not(has(sent, 9));
    cr_assert(has(sent, 10));
    cr_assert(has(sent, SENT_TXS_MAX + 9));
    sent_expire(sent, SENT_KEEP_MS + 19);
    cr_assert_not(has(sent, 19));
    cr_assert(has(sent, 20));
    sent_expire(sent, 2 * SENT_KEEP_MS);
    cr_assert_eq(sent_count(sent), 0);
    sent_free(sent);
}

Test(sent, bytes_are_bounded)
{
    struct sent *sent = sent_new(1);
    struct span large = {mem_alloc(SENT_BYTES_MAX / 4), SENT_BYTES_MAX / 4};
    struct address20 sender = address_of(1);
    for (uint64_t i = 0; i < 6; i++) {
        struct hash32 hash = hash_of(i);
        sent_add(sent, &hash, &sender, i, large, i);
    }
    cr_assert_eq(sent_count(sent), 4);
    struct hash32 hash = hash_of(100);
    sent_add(sent, &hash, &sender, 100, SPAN(large.data, 0), 10);
    sent_add(sent, &hash, &sender, 101, (struct span){large.data, SENT_BYTES_MAX / 4}, 11);
    cr_assert_eq(sent_count(sent), 4);
    mem_free((void *)large.data);
    sent_free(sent);
}

/* Against the plain definition: lists that are searched from end to end. */
Test(sent, any_sequence_agrees_with_the_definition)
{
    struct {
        uint64_t id, nonce;
        uint8_t sender;
        bool there;
    } model[400] = {{0}};
    uint64_t random = fixture_seed();
    struct sent *sent = sent_new(random);
    for (uint64_t i = 0; i < ARRAY_COUNT(model); i++) {
        uint8_t sender = (uint8_t)fixture_random_below(&random, 4);
        uint64_t nonce = fixture_random_below(&random, 12);
        add(sent, i, sender, nonce, i);
        for (size_t k = 0; k < i; k++)
            if (model[k].sender == sender && model[k].nonce == nonce)
                model[k].there = false;
        model[i].id = i, model[i].nonce = nonce, model[i].sender = sender, model[i].there = true;
        uint64_t base = fixture_random_below(&random, 6), expected = base;
        sender = (uint8_t)fixture_random_below(&random, 4);
        for (bool found = true; found;) {
            found = false;
            for (size_t k = 0; k <= i; k++)
                found = found ||
                        (model[k].there && model[k].sender == sender && model[k].nonce == expected);
            expected += found;
        }
        for (size_t k = 0; k <= i; k++)
            if (model[k].sender == sender && model[k].nonce < base)
                model[k].there = false;
        cr_assert_eq(next(sent, sender, base), expected);
        size_t count = 0;
        for (size_t k = 0; k <= i; k++) {
            cr_assert_eq(has(sent, model[k].id), model[k].there);
            count += model[k].there;
        }
        cr_assert_eq(sent_count(sent), count);
    }
    sent_free(sent);
}
