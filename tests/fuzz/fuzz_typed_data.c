/* Typed data: whatever JSON comes, there is a digest or a text that says why not, and the same one
 * each time. */
#include "gateway/rpc/typed_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span value, rest;
    struct hash32 first, again;
    if (!json_scan(&value, &rest, SPAN(data, size)))
        return 0;
    struct json_t *tree = json_tree(value);
    if (tree == NULL)
        return 0;
    const char *fault = typed_data_digest(&first, tree), *same = typed_data_digest(&again, tree);
    ASSERT((fault == NULL) == (same == NULL));
    ASSERT(fault == NULL ? hash32_equal(&first, &again) : strlen(fault) > 0);
    json_free(tree);
    return 0;
}
