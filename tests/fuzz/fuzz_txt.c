/* The answer of a name server: whatever it sends, records lie inside the storage and add up to it.
 */
#include "les/base/loop_uv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_uv_records records = {.count = 0};
    enum status status = net_uv_parse_txt(&records, SPAN(data, size));
    ASSERT(status == STATUS_OK || status == STATUS_NOT_FOUND || status == STATUS_INVALID);
    ASSERT((status != STATUS_OK || records.count > 0) && records.count <= RESOLVE_RECORDS_MAX);
    ASSERT(status != STATUS_NOT_FOUND || records.count == 0);
    size_t end = 0;
    for (size_t i = 0; i < records.count; end = records.ends[i++])
        ASSERT(records.ends[i] >= end);
    ASSERT(status == STATUS_INVALID || end == records.storage.size);
    buf_free(&records.storage);
    return 0;
}
