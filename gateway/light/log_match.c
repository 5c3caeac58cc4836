#include "gateway/light/log_match.h"

static void add_position(struct log_bits *bits)
{
    size_t before = bits->positions == 0 ? 0 : bits->ends[bits->positions - 1];
    if (bits->items_count > before)
        bits->ends[bits->positions++] = bits->items_count;
}

size_t log_bits_room(const struct log_filter *filter)
{
    size_t total = filter->addresses_count;
    for (size_t i = 0; i < filter->topics_count; i++)
        total += filter->topics[i].count;
    return total;
}

void log_bits_fill(struct log_bits *bits, const struct log_filter *filter)
{
    bits->items_count = bits->positions = 0;
    for (size_t i = 0; i < filter->addresses_count; i++)
        bloom_bits(bits->items[bits->items_count++], SPAN(filter->addresses[i].bytes, 20));
    add_position(bits);
    for (size_t i = 0; i < filter->topics_count; i++) {
        for (size_t k = 0; k < filter->topics[i].count; k++)
            bloom_bits(bits->items[bits->items_count++],
                       SPAN(filter->topics[i].hashes[k].bytes, 32));
        add_position(bits);
    }
}

bool log_matches(const struct log_filter *filter, const struct log_entry *log)
{
    bool found = filter->addresses_count == 0;
    for (size_t i = 0; !found && i < filter->addresses_count; i++)
        found = address20_equal(&filter->addresses[i], &log->address);
    if (!found || filter->topics_count > log->topics_count)
        return false;
    for (size_t i = 0; i < filter->topics_count; i++) {
        const struct topic_set *set = &filter->topics[i];
        found = set->count == 0;
        for (size_t k = 0; !found && k < set->count; k++)
            found = hash32_equal(&set->hashes[k], &log->topics[i]);
        if (!found)
            return false;
    }
    return true;
}

static bool item_in_bloom(const unsigned bits[3], const struct bloom256 *bloom)
{
    for (int i = 0; i < 3; i++)
        if ((bloom->bytes[255 - bits[i] / 8] >> bits[i] % 8 & 1) == 0)
            return false;
    return true;
}

bool log_bits_in_bloom(const struct log_bits *bits, const struct bloom256 *bloom)
{
    for (size_t position = 0, i = 0; position < bits->positions; position++) {
        bool found = false;
        for (; i < bits->ends[position]; i++)
            found = found || item_in_bloom(bits->items[i], bloom);
        if (!found)
            return false;
    }
    return true;
}

void log_bits_in_vectors(const struct log_bits *bits, uint8_t *set, size_t size,
                         const uint8_t *(*vector)(void *owner, unsigned bit), void *owner)
{
    uint8_t *any = mem_alloc(size), *all = mem_alloc(size);
    memset(set, 0xff, size);
    for (size_t position = 0, i = 0; position < bits->positions; position++) {
        memset(any, 0, size);
        for (; i < bits->ends[position]; i++) {
            memset(all, 0xff, size);
            for (int k = 0; k < 3; k++) {
                const uint8_t *bytes = vector(owner, bits->items[i][k]);
                for (size_t at = 0; at < size; at++)
                    all[at] &= bytes[at];
            }
            for (size_t at = 0; at < size; at++)
                any[at] |= all[at];
        }
        for (size_t at = 0; at < size; at++)
            set[at] &= any[at];
    }
    mem_free(any);
    mem_free(all);
}
