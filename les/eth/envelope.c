#include "les/eth/envelope.h"

#include "les/eth/rlp.h"
#include "les/eth/trie.h"

bool envelope_split(struct span payload, struct span *out, size_t max, size_t *count)
{
    struct rlp items = rlp_reader(payload);
    *count = 0;
    size_t found = 0;
    for (; rlp_more(&items); found++) {
        bool is_list = rlp_peek(&items) == RLP_LIST;
        struct span item = is_list ? rlp_raw(&items) : rlp_bytes(&items);
        if (found == max || (!is_list && (item.size < 2 || item.data[0] > 0x7f)))
            return false;
        if (out != NULL)
            out[found] = item;
    }
    if (!rlp_end(&items))
        return false;
    *count = found;
    return true;
}

bool envelope_root(struct hash32 *root, struct span payload, size_t max)
{
    size_t count;
    memset(root, 0, sizeof *root);
    if (!envelope_split(payload, NULL, max, &count))
        return false;
    struct span *items = mem_alloc(count * sizeof *items + 1);
    bool split = envelope_split(payload, items, count, &count);
    ASSERT(split);
    trie_list_root(root, items, count);
    mem_free(items);
    return true;
}
