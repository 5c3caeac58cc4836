/* The first byte chooses: even, the rest is a record, as bytes and as text; odd, it is the content
 * of one and is signed. */
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/p2p/enr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sign(struct buf *out, const struct crypto *crypto, struct span items)
{
    struct seckey32 key;
    struct hash32 digest;
    struct sig65 sig;
    struct buf list = {0};
    memset(key.bytes, 3, 32);
    rlp_add_list_header(&list, items.size);
    buf_add_span(&list, items);
    keccak256(&digest, buf_span(&list));
    crypto_sign(crypto, &sig, &digest, &key);
    size_t mark = rlp_list_begin(out);
    rlp_add_bytes(out, SPAN(sig.bytes, 64));
    buf_add_span(out, items);
    rlp_list_end(out, mark);
    buf_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crypto *crypto;
    static const uint8_t seed32[32] = {1};
    struct enr enr, again;
    struct enode enode;
    struct span value;
    struct buf record = {0}, text = {0};
    if (size == 0)
        return 0;
    if (!crypto)
        crypto = crypto_new(seed32);
    if (data[0] % 2)
        sign(&record, crypto, SPAN(data + 1, size - 1));
    else
        buf_add(&record, data + 1, size - 1);
    if (enr_decode(&enr, crypto, buf_span(&record))) {
        enr_format(&text, &enr);
        ASSERT(enr_parse(&again, crypto, buf_span(&text)));
        ASSERT(memcmp(&enr, &again, sizeof(enr)) == 0);
        ASSERT(enr_get(&enr, "id", &value));
        if (enr_enode(&enr, &enode))
            ASSERT(enode.at.port != 0);
    }
    if (enr_parse(&again, crypto, buf_span(&record)))
        ASSERT(again.size <= ENR_SIZE_MAX);
    buf_free(&record);
    buf_free(&text);
    return 0;
}
