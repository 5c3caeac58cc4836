#include "gateway/light/log_match.h"
#include "les/eth/cht.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(log_match, .fini = fixture_leak_gate);

#define SECTION 512

/* Few addresses and topics, so that things meet. */
static struct address20 some_address(uint64_t *random)
{
    struct address20 address = {{0}};
    address.bytes[3] = (uint8_t)fixture_random_below(random, 6);
    return address;
}

static struct hash32 some_topic(uint64_t *random)
{
    struct hash32 hash = {{0}};
    hash.bytes[30] = (uint8_t)fixture_random_below(random, 6);
    return hash;
}

static struct log_entry some_log(uint64_t *random)
{
    struct log_entry log = {.address = some_address(random)};
    log.topics_count = fixture_random_below(random, 5);
    for (size_t i = 0; i < log.topics_count; i++)
        log.topics[i] = some_topic(random);
    return log;
}

struct filter_memory {
    struct log_filter filter;
    struct address20 addresses[3];
    struct hash32 topics[FILTER_TOPICS_MAX][3];
    unsigned items[3 + 3 * FILTER_TOPICS_MAX][3];
    struct log_bits bits;
};

static void some_filter(struct filter_memory *out, uint64_t *random)
{
    memset(out, 0, sizeof *out);
    out->filter.addresses = out->addresses;
    out->filter.addresses_count = fixture_random_below(random, 4);
    for (size_t i = 0; i < out->filter.addresses_count; i++)
        out->addresses[i] = some_address(random);
    out->filter.topics_count = fixture_random_below(random, FILTER_TOPICS_MAX + 1);
    for (size_t i = 0; i < out->filter.topics_count; i++) {
        struct topic_set *set = &out->filter.topics[i];
        set->hashes = out->topics[i];
        set->count = fixture_random_below(random, 4);
        for (size_t k = 0; k < set->count; k++)
            set->hashes[k] = some_topic(random);
    }
    out->bits.items = out->items;
    log_bits_fill(&out->bits, &out->filter);
}

/* As eth_getLogs is documented: any of the addresses, and at each position any of the topics. */
static bool matches(const struct log_filter *filter, const struct log_entry *log)
{
    bool address = filter->addresses_count == 0;
    for (size_t i = 0; i < filter->addresses_count; i++)
        address = address || memcmp(&filter->addresses[i], &log->address, 20) == 0;
    bool topics = true;
    for (size_t i = 0; i < filter->topics_count; i++) {
        bool any = i < log->topics_count && filter->topics[i].count == 0;
        for (size_t k = 0; i < log->topics_count && k < filter->topics[i].count; k++)
            any = any || memcmp(&filter->topics[i].hashes[k], &log->topics[i], 32) == 0;
        topics = topics && any;
    }
    return address && topics;
}

static void add_log(struct bloom256 *bloom, const struct log_entry *log)
{
    bloom_add(bloom, SPAN(log->address.bytes, 20));
    for (size_t i = 0; i < log->topics_count; i++)
        bloom_add(bloom, SPAN(log->topics[i].bytes, 32));
}

Test(log_match, filters_match_as_documented_and_blooms_miss_nothing)
{
    uint64_t random = fixture_seed();
    size_t matched = 0, ruled_out = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct filter_memory memory;
        struct log_entry log = some_log(&random);
        struct bloom256 bloom = {{0}};
        some_filter(&memory, &random);
        add_log(&bloom, &log);
        bool expected = matches(&memory.filter, &log);
        cr_assert_eq(log_matches(&memory.filter, &log), expected);
        bool possible = log_bits_in_bloom(&memory.bits, &bloom);
        cr_assert(possible || !expected, "a matching log was passed over");
        matched += expected;
        ruled_out += !possible;
    }
    cr_assert_gt(matched, 100);
    cr_assert_gt(ruled_out, 100);
}

static const uint8_t *on_vector(void *owner, unsigned bit)
{
    return cht_bloom_vector(owner, bit).data;
}

Test(log_match, bit_vectors_say_the_same_as_the_blooms)
{
    uint64_t random = fixture_seed();
    struct bloom256 *blooms = mem_alloc(SECTION * sizeof *blooms);
    struct cht_bloom *section = cht_bloom_new(SECTION);
    uint8_t set[SECTION / 8];
    for (size_t i = 0; i < SECTION; i++) {
        for (uint64_t k = fixture_random_below(&random, 3); k > 0; k--) {
            struct log_entry log = some_log(&random);
            add_log(&blooms[i], &log);
        }
        cht_bloom_add(section, i, &blooms[i]);
    }
    size_t candidates = 0;
    for (unsigned round = 0; round < 200; round++) {
        struct filter_memory memory;
        some_filter(&memory, &random);
        log_bits_in_vectors(&memory.bits, set, sizeof set, on_vector, section);
        for (size_t i = 0; i < SECTION; i++) {
            cr_assert_eq(cht_bloom_test(set, i), log_bits_in_bloom(&memory.bits, &blooms[i]));
            candidates += cht_bloom_test(set, i);
        }
    }
    cr_assert_gt(candidates, 0);
    cht_bloom_free(section);
    mem_free(blooms);
}
