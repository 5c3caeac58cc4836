#include "les/p2p/dnstree.h"

#include "les/eth/keccak.h"
#include "les/p2p/basetext.h"

#include <stdlib.h>

#define ROOT_PREFIX   "enrtree-root:v1"
#define BRANCH_PREFIX "enrtree-branch:"
#define ENR_PREFIX    "enr:"
#define LINK_PREFIX   "enrtree://"

enum {
    HASH_MIN = 12, /* bytes of an abbreviated hash */
    HASH_MADE = 16,
    BRANCH_CHILDREN = 13, /* keeps a branch within 370 characters, so within 512 bytes of DNS */
    TTL_ROOT_S = 60,
    TTL_ENTRY_S = 86900,
    STRING_MAX = 255 /* of one character-string in a TXT record */
};

static bool starts_with(struct span text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static struct span after(struct span text, size_t size)
{
    return SPAN(text.data + size, text.size - size);
}

/* The text up to c, or all of it; rest begins behind c. */
static struct span take_until(struct span *rest, char c)
{
    const uint8_t *place = rest->size ? memchr(rest->data, c, rest->size) : NULL;
    struct span part = *rest;
    if (!place) {
        *rest = SPAN_EMPTY;
        return part;
    }
    part.size = (size_t)(place - rest->data);
    *rest = after(*rest, part.size + 1);
    return part;
}

/* ---- labels ---- */

static bool label_decode(struct buf *hash, struct span text)
{
    return text.size <= DNSTREE_LABEL_MAX && base32_decode(hash, text) && hash->size >= HASH_MIN &&
           hash->size <= 32;
}

static bool label_take(struct dnstree_label *out, struct span text)
{
    struct buf hash = {0};
    bool good = label_decode(&hash, text);
    buf_free(&hash);
    memset(out, 0, sizeof(*out));
    if (good)
        memcpy(out->text, text.data, text.size);
    return good;
}

static bool label_matches(const struct dnstree_label *label, struct span text)
{
    struct buf hash = {0};
    struct hash32 real;
    bool good = label_decode(&hash, SPAN_STR(label->text));
    keccak256(&real, text);
    good = good && memcmp(real.bytes, hash.data, hash.size) == 0;
    buf_free(&hash);
    return good;
}

static void label_make(struct dnstree_label *out, struct span text)
{
    struct hash32 hash;
    struct buf label = {0};
    keccak256(&hash, text);
    base32_encode(&label, SPAN(hash.bytes, HASH_MADE));
    memset(out, 0, sizeof(*out));
    memcpy(out->text, label.data, label.size);
    buf_free(&label);
}

/* ---- URLs ---- */

static bool domain_is_valid(struct span domain)
{
    uint8_t previous = '.';
    if (domain.size == 0 || domain.size > DNSTREE_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < domain.size; i++) {
        uint8_t c = domain.data[i];
        bool is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
        if (!is_name && (c != '.' || previous == '.'))
            return false;
        previous = c;
    }
    return previous != '.';
}

bool dnstree_url_parse(struct dnstree_url *out, const struct crypto *crypto, struct span text)
{
    struct buf key = {0};
    struct span rest, key_text;
    bool good = false;
    memset(out, 0, sizeof(*out));
    if (!starts_with(text, LINK_PREFIX))
        return false;
    rest = after(text, sizeof(LINK_PREFIX) - 1);
    key_text = take_until(&rest, '@');
    if (rest.data && domain_is_valid(rest) && key_text.size <= DNSTREE_LABEL_MAX + 1 &&
        base32_decode(&key, key_text) && key.size == 33 &&
        crypto_decompress(crypto, &out->key, key.data)) {
        memcpy(out->domain, rest.data, rest.size);
        good = true;
    }
    buf_free(&key);
    if (!good)
        memset(out, 0, sizeof(*out));
    return good;
}

void dnstree_url_format(struct buf *out, const struct crypto *crypto, const struct dnstree_url *url)
{
    uint8_t key33[33];
    ASSERT(crypto_compress(crypto, key33, &url->key));
    buf_add_str(out, LINK_PREFIX);
    base32_encode(out, SPAN(key33, sizeof(key33)));
    buf_add_u8(out, '@');
    buf_add_str(out, url->domain);
}

/* ---- entries ---- */

static bool field_take(struct span *rest, const char *name, struct span *value)
{
    struct span field = take_until(rest, ' ');
    if (!starts_with(field, name))
        return false;
    *value = after(field, strlen(name));
    return true;
}

static bool seq_take(uint64_t *out, struct span text)
{
    if (text.size == 0 || text.size > 19 || (text.size > 1 && text.data[0] == '0'))
        return false;
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

static bool root_is_signed(const struct crypto *crypto, const struct pubkey64 *key,
                           struct span content, struct span sig_text)
{
    struct buf sig = {0};
    struct hash32 digest;
    bool good;
    keccak256(&digest, content);
    /* The recovery byte is not looked at: whose signature it must be is known. */
    good = sig_text.size <= 100 && base64url_decode(&sig, sig_text) && sig.size == 65 &&
           crypto_verify(crypto, &digest, sig.data, key);
    buf_free(&sig);
    return good;
}

bool dnstree_root_parse(struct dnstree_root *out, const struct crypto *crypto,
                        const struct pubkey64 *key, struct span text)
{
    struct span rest = text, enrs, links, seq, sig, content;
    memset(out, 0, sizeof(*out));
    if (text.size > DNSDISC_ENTRY_MAX ||
        !span_equal(take_until(&rest, ' '), SPAN_STR(ROOT_PREFIX)) ||
        !field_take(&rest, "e=", &enrs) || !field_take(&rest, "l=", &links) ||
        !field_take(&rest, "seq=", &seq))
        return false;
    if (!field_take(&rest, "sig=", &sig) || rest.size != 0)
        return false;
    content = SPAN(text.data, (size_t)(sig.data - text.data) - strlen(" sig="));
    if (label_take(&out->enrs, enrs) && label_take(&out->links, links) &&
        seq_take(&out->seq, seq) && root_is_signed(crypto, key, content, sig))
        return true;
    memset(out, 0, sizeof(*out));
    return false;
}

enum dnstree_kind dnstree_entry_kind(const struct dnstree_label *label, struct span text)
{
    if (text.size > DNSDISC_ENTRY_MAX || !label_matches(label, text))
        return DNSTREE_BAD;
    if (starts_with(text, BRANCH_PREFIX))
        return DNSTREE_BRANCH;
    if (starts_with(text, ENR_PREFIX))
        return DNSTREE_ENR;
    return starts_with(text, LINK_PREFIX) ? DNSTREE_LINK : DNSTREE_BAD;
}

struct span dnstree_branch_begin(struct span text)
{
    return after(text, sizeof(BRANCH_PREFIX) - 1);
}

bool dnstree_branch_next(struct span *rest, struct dnstree_label *out, bool *bad)
{
    bool more;
    *bad = false;
    if (rest->size == 0)
        return false;
    more = rest->data[rest->size - 1] !=
           ','; /* a comma at the end announces a label that is not there */
    *bad = !more || !label_take(out, take_until(rest, ','));
    return !*bad;
}

bool dnstree_branch_valid(struct span text)
{
    struct span rest = dnstree_branch_begin(text);
    struct dnstree_label label;
    bool bad;
    while (dnstree_branch_next(&rest, &label, &bad))
        ;
    return !bad;
}

/* ---- making a tree ---- */

struct maker {
    const char *domain;
    void (*add)(void *owner, const char *name, struct span text);
    void *owner;
};

static void entry_add(const struct maker *maker, const struct dnstree_label *label,
                      struct span text)
{
    struct buf name = {0};
    buf_printf(&name, "%s.%s", label->text, maker->domain);
    buf_add_u8(&name, 0);
    maker->add(maker->owner, (const char *)name.data, text);
    buf_free(&name);
}

static int compare_labels(const void *a, const void *b)
{
    const struct dnstree_label *left = a, *right = b;
    return strcmp(left->text, right->text);
}

static struct dnstree_label branch_add(const struct maker *maker,
                                       const struct dnstree_label *children, size_t count)
{
    struct buf text = {0};
    struct dnstree_label label;
    buf_add_str(&text, BRANCH_PREFIX);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%s", i ? "," : "", children[i].text);
    label_make(&label, buf_span(&text));
    entry_add(maker, &label, buf_span(&text));
    buf_free(&text);
    return label;
}

/* Branches over the labels, level by level, in place. */
static struct dnstree_label subtree_add(const struct maker *maker, struct dnstree_label *labels,
                                        size_t count)
{
    if (count == 0)
        return branch_add(maker, labels, 0);
    qsort(labels, count, sizeof(*labels), compare_labels);
    while (count > 1) {
        size_t parents = 0;
        for (size_t at = 0; at < count; at += BRANCH_CHILDREN) {
            size_t children = count - at < BRANCH_CHILDREN ? count - at : BRANCH_CHILDREN;
            labels[parents++] = branch_add(maker, &labels[at], children);
        }
        count = parents;
    }
    return labels[0];
}

static struct dnstree_label leaf_add(const struct maker *maker, struct buf *text)
{
    struct dnstree_label label;
    label_make(&label, buf_span(text));
    entry_add(maker, &label, buf_span(text));
    buf_clear(text);
    return label;
}

enum status dnstree_make(const struct crypto *crypto, const struct seckey32 *key,
                         const struct dnstree_content *content,
                         void (*add)(void *owner, const char *name, struct span text), void *owner)
{
    struct maker maker = {.domain = content->domain, .add = add, .owner = owner};
    struct dnstree_label *enrs, *links, enr_root, link_root;
    struct buf text = {0};
    struct hash32 digest;
    struct sig65 sig;
    if (!domain_is_valid(SPAN_STR(content->domain)))
        return STATUS_INVALID;
    enrs = mem_alloc((content->enrs_count + 1) * sizeof(*enrs));
    links = mem_alloc((content->links_count + 1) * sizeof(*links));
    for (size_t i = 0; i < content->enrs_count; i++) {
        enr_format(&text, &content->enrs[i]);
        enrs[i] = leaf_add(&maker, &text);
    }
    for (size_t i = 0; i < content->links_count; i++) {
        dnstree_url_format(&text, crypto, &content->links[i]);
        links[i] = leaf_add(&maker, &text);
    }
    enr_root = subtree_add(&maker, enrs, content->enrs_count);
    link_root = subtree_add(&maker, links, content->links_count);
    buf_printf(&text, ROOT_PREFIX " e=%s l=%s seq=%llu", enr_root.text, link_root.text,
               (unsigned long long)content->seq);
    keccak256(&digest, buf_span(&text));
    crypto_sign(crypto, &sig, &digest, key);
    buf_add_str(&text, " sig=");
    base64url_encode(&text, SPAN(sig.bytes, sizeof(sig.bytes)));
    add(owner, content->domain, buf_span(&text));
    buf_free(&text);
    mem_free(enrs);
    mem_free(links);
    return STATUS_OK;
}

static void on_zone_record(void *owner, const char *name, struct span text)
{
    struct buf *out = owner;
    buf_printf(out, "%s. %d IN TXT", name,
               starts_with(text, ROOT_PREFIX) ? TTL_ROOT_S : TTL_ENTRY_S);
    for (size_t at = 0; at < text.size; at += STRING_MAX) {
        size_t size = text.size - at < STRING_MAX ? text.size - at : STRING_MAX;
        buf_add_str(out, " \"");
        buf_add(out, text.data + at, size);
        buf_add_str(out, "\"");
    }
    buf_add_u8(out, '\n');
}

enum status dnstree_zone(struct buf *out, const struct crypto *crypto, const struct seckey32 *key,
                         const struct dnstree_content *content)
{
    return dnstree_make(crypto, key, content, on_zone_record, out);
}
