/* Any bytes: the cursor and rlp_valid agree on what one canonical item is, and what is accepted is
 * written back the same. */
#include "les/eth/rlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH_MAX 200

/* False: malformed or deeper than the target wants to go. */
static bool copy_items(struct buf *out, struct rlp *rlp, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return false;
    while (rlp_more(rlp)) {
        if (rlp_peek(rlp) == RLP_LIST) {
            size_t mark = rlp_list_begin(out);
            struct rlp inside = rlp_list(rlp);
            if (!copy_items(out, &inside, depth + 1))
                return false;
            rlp_list_end(out, mark);
        } else {
            rlp_add_bytes(out, rlp_bytes(rlp));
        }
    }
    return rlp_end(rlp);
}

/* Every typed read of the first item agrees with its payload. */
static void check_reads(struct span bytes)
{
    struct rlp a = rlp_reader(bytes), b = a, c = a, d = a, e = a;
    struct span payload = rlp_bytes(&a);
    uint64_t number = rlp_u64(&b);
    struct u256 wide;
    uint8_t fixed20[20];
    rlp_u256(&c, &wide);
    rlp_fixed(&d, fixed20, sizeof fixed20);
    if (!b.bad) {
        ASSERT(!a.bad && !c.bad && payload.size <= 8);
        ASSERT(wide.words[0] == number && be_read(payload.data, payload.size) == number);
    }
    ASSERT(d.bad || payload.size == 20);
    ASSERT(!rlp_bool(&e) || number == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = {0};
    struct span bytes = SPAN(data, size);
    struct rlp reader = rlp_reader(bytes);
    size_t count = rlp_count(reader);
    bool valid = rlp_valid(bytes);
    ASSERT(!valid || count == 1);
    if (copy_items(&out, &reader, 0)) {
        ASSERT(out.size == size && (size == 0 || memcmp(out.data, data, size) == 0));
        ASSERT(valid == (count == 1));
    }
    check_reads(bytes);
    buf_free(&out);
    return 0;
}
