#include "les/eth/chainspec.h"

#include "les/eth/u256.h"

const struct address20 HISTORY_ADDRESS = {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5,
                                           0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b,
                                           0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};

/* EIP-7840 gives the values that a genesis written before it leaves out. */
static const struct blob_params CANCUN_BLOBS = {true, 3, 6, 3338477};
static const struct blob_params PRAGUE_BLOBS = {true, 6, 9, 5007716};

enum fork chainspec_fork_at(const struct chainspec *spec, uint64_t number, uint64_t timestamp,
                            bool merged)
{
    enum fork newest = FORK_FRONTIER;
    for (enum fork fork = FORK_HOMESTEAD; fork < FORK_PARIS; fork++)
        if (spec->activation[fork] <= number && spec->activation[fork] != FORK_NEVER)
            newest = fork;
    if (!merged)
        return newest;
    newest = FORK_PARIS;
    for (enum fork fork = FORK_SHANGHAI; fork < FORK_COUNT; fork++)
        if (spec->activation[fork] <= timestamp && spec->activation[fork] != FORK_NEVER)
            newest = fork;
    return newest;
}

enum fork chainspec_fork(const struct chainspec *spec, const struct header *header)
{
    bool born_merged = spec->has_terminal_td && u256_is_zero(&spec->terminal_td);
    bool merged = u256_is_zero(&header->difficulty) && (header->number > 0 || born_merged);
    return chainspec_fork_at(spec, header->number, header->timestamp, merged);
}

const struct blob_params *chainspec_blobs(const struct chainspec *spec, uint64_t number,
                                          uint64_t timestamp)
{
    const struct blob_params *params = NULL;
    if (spec->activation[FORK_LONDON] == FORK_NEVER || spec->activation[FORK_LONDON] > number)
        return NULL;
    for (enum fork fork = FORK_CANCUN; fork < FORK_COUNT; fork++) {
        if (spec->activation[fork] == FORK_NEVER || spec->activation[fork] > timestamp)
            continue;
        if (spec->blobs[fork].set)
            params = &spec->blobs[fork];
        else if (fork == FORK_CANCUN)
            params = &CANCUN_BLOBS;
        else if (fork == FORK_PRAGUE)
            params = &PRAGUE_BLOBS;
    }
    return params;
}

/* ---- EIP-2124 ---- */

#define TIMES_BEGIN                                                                                \
    1438269973 /* the time of mainnet's genesis: what is above it is no block number */

/* The points where the rules change: first blocks, then times, each ascending and distinct. */
struct points {
    uint64_t at[FORK_COUNT + 1];
    size_t blocks_count;
    size_t count;
};

/* Keeps at[begin..count) sorted; a point that is there already changes nothing. */
static void add_point(struct points *points, size_t begin, uint64_t point)
{
    size_t i = points->count;
    while (i > begin && points->at[i - 1] > point)
        i--;
    if (i > begin && points->at[i - 1] == point)
        return;
    memmove(&points->at[i + 1], &points->at[i], (points->count - i) * sizeof points->at[0]);
    points->at[i] = point;
    points->count++;
}

static void gather_points(struct points *points, const struct chainspec *spec)
{
    points->count = 0;
    for (enum fork fork = FORK_HOMESTEAD; fork <= FORK_PARIS; fork++)
        if (spec->activation[fork] != 0 && spec->activation[fork] != FORK_NEVER)
            add_point(points, 0, spec->activation[fork]);
    points->blocks_count = points->count;
    for (enum fork fork = FORK_SHANGHAI; fork < FORK_COUNT; fork++)
        if (spec->activation[fork] > spec->genesis_time && spec->activation[fork] != FORK_NEVER)
            add_point(points, points->blocks_count, spec->activation[fork]);
}

static bool passed(const struct points *points, size_t index, uint64_t number, uint64_t time)
{
    return points->at[index] <= (index < points->blocks_count ? number : time);
}

/* CRC-32 (IEEE 802.3), continued from crc. */
static uint32_t crc32_update(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static uint32_t checksum_next(uint32_t sum, uint64_t point)
{
    uint8_t bytes[8];
    be_write(bytes, sizeof bytes, point);
    return crc32_update(sum, bytes, sizeof bytes);
}

void chainspec_fork_id(struct fork_id *out, const struct chainspec *spec, uint64_t head_number,
                       uint64_t head_time)
{
    struct points points;
    gather_points(&points, spec);
    uint32_t sum = crc32_update(0, spec->genesis_hash.bytes, 32);
    size_t i = 0;
    for (; i < points.count && passed(&points, i, head_number, head_time); i++)
        sum = checksum_next(sum, points.at[i]);
    be_write(out->hash4, 4, sum);
    out->next = i < points.count ? points.at[i] : 0;
}

enum fork_id_result chainspec_fork_id_check(const struct chainspec *spec, uint64_t head_number,
                                            uint64_t head_time, const struct fork_id *remote)
{
    struct points points;
    gather_points(&points, spec);
    uint32_t sum = crc32_update(0, spec->genesis_hash.bytes, 32);
    uint32_t remote_sum = (uint32_t)be_read(remote->hash4, 4);
    bool before = true; /* the state that sum stands for is before the local head's */
    for (size_t i = 0; i <= points.count; i++) {
        bool done = i < points.count && passed(&points, i, head_number, head_time);
        bool here = before && !done;
        if (sum == remote_sum) {
            if (here) /* rule 1: same state; the remote may know of a fork we passed unknowing */
                return remote->next != 0 &&
                               (head_number >= remote->next ||
                                (remote->next > TIMES_BEGIN && head_time >= remote->next))
                           ? FORK_ID_LOCAL_INCOMPATIBLE
                           : FORK_ID_COMPATIBLE;
            if (before) /* rule 2: the remote is behind and must know what comes */
                return points.at[i] == remote->next ? FORK_ID_COMPATIBLE : FORK_ID_REMOTE_STALE;
            return FORK_ID_COMPATIBLE; /* rule 3: we are behind */
        }
        if (here)
            before = false;
        if (i < points.count)
            sum = checksum_next(sum, points.at[i]);
    }
    return FORK_ID_LOCAL_INCOMPATIBLE; /* rule 4 */
}
