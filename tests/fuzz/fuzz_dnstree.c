/* The input as every kind of text a DNS tree has: a URL, a root, an entry under its own hash. */
#include "les/eth/keccak.h"
#include "les/p2p/basetext.h"
#include "les/p2p/dnstree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(struct crypto *crypto, struct span text)
{
    struct dnstree_url url, again;
    struct buf out = {0};
    if (!dnstree_url_parse(&url, crypto, text))
        return;
    dnstree_url_format(&out, crypto, &url);
    ASSERT(span_equal(buf_span(&out), text));
    ASSERT(dnstree_url_parse(&again, crypto, buf_span(&out)));
    buf_free(&out);
}

static void check_entry(struct span text)
{
    struct dnstree_label label = {""}, child;
    struct hash32 hash;
    struct buf base32 = {0};
    bool bad = false;
    keccak256(&hash, text);
    base32_encode(&base32, SPAN(hash.bytes, 16));
    memcpy(label.text, base32.data, base32.size);
    buf_free(&base32);
    if (dnstree_entry_kind(&label, text) != DNSTREE_BRANCH)
        return;
    struct span rest = dnstree_branch_begin(text);
    while (dnstree_branch_next(&rest, &child, &bad))
        ASSERT(strlen(child.text) >= 20 && strlen(child.text) <= DNSTREE_LABEL_MAX);
    ASSERT(dnstree_branch_valid(text) == !bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crypto *crypto;
    static const uint8_t seed32[32] = {1};
    struct pubkey64 key;
    struct seckey32 secret;
    struct dnstree_root root;
    if (!crypto)
        crypto = crypto_new(seed32);
    memset(secret.bytes, 3, 32);
    crypto_pubkey(crypto, &key, &secret);
    check_url(crypto, SPAN(data, size));
    check_entry(SPAN(data, size));
    if (dnstree_root_parse(&root, crypto, &key, SPAN(data, size)))
        ASSERT(strlen(root.enrs.text) >= 20 && strlen(root.links.text) >= 20);
    return 0;
}
