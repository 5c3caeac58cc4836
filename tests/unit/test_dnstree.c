#include "les/eth/keccak.h"
#include "les/p2p/basetext.h"
#include "les/p2p/dnstree.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(dnstree, .fini = fixture_leak_gate);

/* The example of EIP-1459 (CC0). Its text prints another key in the URL than the one that it spells
 * out and that signed the root. */
#define URL "enrtree://AKPYQIUQIL7PSIACI32J7FGZW56E5FKHEFCCOFHILBIMW3M6LWXS2@nodes.example.org"
#define ROOT                                                                                       \
    "enrtree-root:v1 e=JWXYDBPXYWG6FX3GMDIBFA6CJ4 l=C7HRFPF3BLGF3YR4DY5KX3SMBE seq=1 "             \
    "sig=o908WmNp7LibOfPsr4btQwatZJ5URBr2ZAuxvK4UWHlsB9sUOTJQaGAlLPVAhM__XJesCHxLISo94z5Z2a463gA"
static const char *const ENTRIES[][2] = {
    {"C7HRFPF3BLGF3YR4DY5KX3SMBE",
     "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@morenodes.example.org"},
    {"JWXYDBPXYWG6FX3GMDIBFA6CJ4", "enrtree-branch:2XS2367YHAXJFGLZHVAWLQD4ZY,"
                                   "H4FHT4B454P6UXFD7JCYQ5PWDY,MHTDO6TMUBRIA2XWG5LUDACK24"},
    {"2XS2367YHAXJFGLZHVAWLQD4ZY",
     "enr:-"
     "HW4QOFzoVLaFJnNhbgMoDXPnOvcdVuj7pDpqRvh6BRDO68aVi5ZcjB3vzQRZH2IcLBGHzo8uUN3snqmgTiE56CH3AMBgm"
     "lk"
     "gnY0iXNlY3AyNTZrMaECC2_24YYkYHEgdzxlSNKQEnHhuNAbNlMlWJxrJxbAFvA"},
    {"H4FHT4B454P6UXFD7JCYQ5PWDY",
     "enr:-"
     "HW4QAggRauloj2SDLtIHN1XBkvhFZ1vtf1raYQp9TBW2RD5EEawDzbtSmlXUfnaHcvwOizhVYLtr7e6vw7NAf6mTuoCgm"
     "lk"
     "gnY0iXNlY3AyNTZrMaECjrXI8TLNXU0f8cthpAMxEshUyQlK-AM0PW2wfrnacNI"},
    {"MHTDO6TMUBRIA2XWG5LUDACK24",
     "enr:-HW4QLAYqmrwllBEnzWWs7I5Ev2IAs7x_dZlbYdRdMUx5EyKHDXp7AV5CkuPGUPdvb1_"
     "Ms1CPfhcGCvSElSosZmyoqAgmlkg"
     "nY0iXNlY3AyNTZrMaECriawHKWdDRk2xeZkrOXBQ0dfMFLHY4eENZwdufn1S1o"},
};

static struct crypto *crypto_open(void)
{
    static const uint8_t seed32[32] = {1};
    return crypto_new(seed32);
}

static struct dnstree_label label_of(const char *text)
{
    struct dnstree_label label = {""};
    memcpy(label.text, text, strlen(text));
    return label;
}

Test(dnstree, the_url_of_the_eip_is_read_and_written)
{
    struct crypto *crypto = crypto_open();
    struct dnstree_url url;
    struct buf text = {0};
    cr_assert(dnstree_url_parse(&url, crypto, SPAN_STR(URL)));
    cr_assert_str_eq(url.domain, "nodes.example.org");
    fixture_expect_hex(SPAN(url.key.bytes, 64),
                       "9f88229042fef9200246f49f94d9b77c4e954721442714e85850cb6d9e5daf2d"
                       "880ea0e53cb3ac1a75f9923c2726a4f941f7d326781baa6380754a360de5c2b6");
    dnstree_url_format(&text, crypto, &url);
    cr_assert(span_equal(buf_span(&text), SPAN_STR(URL)));
    buf_free(&text);
    crypto_free(crypto);
}

Test(dnstree, urls_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "",
        "enrtree://",
        "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2",
        "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@",
        "enrtree://@nodes.example.org",
        "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@a..b",
        "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@.a",
        "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@a.",
        "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@a b",
        "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT@a",
        "enrtree://BM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@a",
        "http://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@a",
    };
    struct crypto *crypto = crypto_open();
    struct dnstree_url url;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        cr_assert_not(dnstree_url_parse(&url, crypto, SPAN_STR(bad[i])), "%s", bad[i]);
    crypto_free(crypto);
}

Test(dnstree, the_root_of_the_eip_is_signed_by_its_key_and_no_byte_of_it_may_change)
{
    struct crypto *crypto = crypto_open();
    struct dnstree_url url;
    struct dnstree_root root;
    char text[] = ROOT;
    cr_assert(dnstree_url_parse(&url, crypto, SPAN_STR(URL)));
    cr_assert(dnstree_root_parse(&root, crypto, &url.key, SPAN_STR(text)));
    cr_assert_str_eq(root.enrs.text, "JWXYDBPXYWG6FX3GMDIBFA6CJ4");
    cr_assert_str_eq(root.links.text, "C7HRFPF3BLGF3YR4DY5KX3SMBE");
    cr_assert_eq(root.seq, 1);
    /* But for the recovery byte, which is the last character and a half. */
    for (size_t i = 0; i + 3 < sizeof(text); i++) {
        text[i] ^= 1;
        cr_assert_not(dnstree_root_parse(&root, crypto, &url.key, SPAN_STR(text)), "byte %zu", i);
        text[i] ^= 1;
        cr_assert_not(dnstree_root_parse(&root, crypto, &url.key, SPAN(text, i)));
    }
    url.key.bytes[3] ^= 1;
    cr_assert_not(dnstree_root_parse(&root, crypto, &url.key, SPAN_STR(text)));
    crypto_free(crypto);
}

Test(dnstree, entries_are_what_their_labels_say)
{
    static const enum dnstree_kind kinds[] = {DNSTREE_LINK, DNSTREE_BRANCH, DNSTREE_ENR,
                                              DNSTREE_ENR};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct dnstree_label label = label_of(ENTRIES[i][0]),
                             other = label_of(ENTRIES[(i + 1) % 4][0]);
        struct span text = SPAN_STR(ENTRIES[i][1]);
        cr_assert_eq(dnstree_entry_kind(&label, text), kinds[i], "%s", ENTRIES[i][0]);
        cr_assert_eq(dnstree_entry_kind(&other, text), DNSTREE_BAD);
        cr_assert_eq(dnstree_entry_kind(&label, SPAN(text.data, text.size - 1)), DNSTREE_BAD);
    }
}

Test(dnstree, branches_give_their_labels_or_are_bad)
{
    struct span rest = dnstree_branch_begin(SPAN_STR(ENTRIES[1][1]));
    struct dnstree_label label;
    bool bad;
    size_t count = 0;
    while (dnstree_branch_next(&rest, &label, &bad))
        cr_assert_str_eq(label.text, ENTRIES[2 + count++][0]);
    cr_assert_eq(count, 3);
    cr_assert_not(bad);
    cr_assert(dnstree_branch_valid(SPAN_STR("enrtree-branch:")));
    cr_assert(dnstree_branch_valid(SPAN_STR("enrtree-branch:2XS2367YHAXJFGLZHVAWLQD4ZY")));
    cr_assert_not(dnstree_branch_valid(SPAN_STR("enrtree-branch:,")));
    cr_assert_not(dnstree_branch_valid(SPAN_STR("enrtree-branch:2XS2367YHAXJFGLZHVAWLQD4ZY,")));
    cr_assert_not(dnstree_branch_valid(SPAN_STR("enrtree-branch:2XS2367YHAXJFGLZ")));
    cr_assert_not(dnstree_branch_valid(SPAN_STR("enrtree-branch:2xs2367yhaxjfglzhvawlqd4zy")));
}

/* ---- making ---- */

struct zone {
    char names[64][128];
    char texts[64][DNSDISC_ENTRY_MAX + 1];
    size_t count;
};

static void on_add(void *owner, const char *name, struct span text)
{
    struct zone *zone = owner;
    cr_assert_lt(zone->count, ARRAY_COUNT(zone->names));
    snprintf(zone->names[zone->count], sizeof(zone->names[0]), "%s", name);
    snprintf(zone->texts[zone->count++], sizeof(zone->texts[0]), "%.*s", (int)text.size,
             (const char *)text.data);
}

static void enrs_make(struct crypto *crypto, struct enr *enrs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct enr_content content = {.seq = i + 1};
        struct seckey32 key;
        memset(key.bytes, 7, 32);
        key.bytes[0] = (uint8_t)(i + 1);
        enr_make(&enrs[i], crypto, &key, &content);
    }
}

Test(dnstree, the_tree_of_the_eip_is_made_again)
{
    struct crypto *crypto = crypto_open();
    struct enr enrs[2];
    struct dnstree_url link;
    struct seckey32 key;
    static struct zone zone;
    size_t found = 0;
    cr_assert(enr_parse(&enrs[0], crypto, SPAN_STR(ENTRIES[3][1])));
    cr_assert(enr_parse(&enrs[1], crypto, SPAN_STR(ENTRIES[2][1])));
    cr_assert(dnstree_url_parse(&link, crypto, SPAN_STR(ENTRIES[0][1])));
    memset(key.bytes, 9, 32);
    struct dnstree_content content = {.enrs = enrs,
                                      .enrs_count = 2,
                                      .links = &link,
                                      .links_count = 1,
                                      .seq = 1,
                                      .domain = "nodes.example.org"};
    cr_assert_eq(dnstree_make(crypto, &key, &content, on_add, &zone), STATUS_OK);
    for (size_t i = 0; i < zone.count; i++)
        for (size_t j = 0; j < ARRAY_COUNT(ENTRIES); j++)
            if (strncmp(zone.names[i], ENTRIES[j][0], 26) == 0) {
                cr_assert_str_eq(zone.texts[i], ENTRIES[j][1]);
                found++;
            }
    cr_assert_eq(found, 3);
    /* Two records, a branch over them, a link and the root. */
    cr_assert_eq(zone.count, 5);
    cr_assert_not_null(strstr(zone.texts[4], " l=C7HRFPF3BLGF3YR4DY5KX3SMBE seq=1 sig="));
    crypto_free(crypto);
}

/* Walks what was made as a client would. */
static size_t walk(struct crypto *crypto, const struct zone *zone,
                   const struct dnstree_label *label)
{
    struct enr enr;
    for (size_t i = 0; i < zone->count; i++) {
        struct span text = SPAN_STR(zone->texts[i]), rest;
        struct dnstree_label child;
        size_t count = 0;
        bool bad;
        if (strncmp(zone->names[i], label->text, strlen(label->text)) != 0)
            continue;
        switch (dnstree_entry_kind(label, text)) {
        case DNSTREE_ENR:
            return enr_parse(&enr, crypto, text);
        case DNSTREE_BRANCH:
            cr_assert_leq(text.size, 370);
            rest = dnstree_branch_begin(text);
            while (dnstree_branch_next(&rest, &child, &bad))
                count += walk(crypto, zone, &child);
            return count;
        case DNSTREE_LINK:
            return 1;
        case DNSTREE_BAD:
            break;
        }
    }
    cr_assert_fail("%s leads nowhere", label->text);
    return 0;
}

Test(dnstree, trees_of_every_size_can_be_walked_and_verified)
{
    static const size_t sizes[] = {0, 1, 2, 13, 14, 40};
    struct crypto *crypto = crypto_open();
    struct enr *enrs = mem_alloc(40 * sizeof(*enrs));
    struct seckey32 key;
    struct pubkey64 public;
    static struct zone zone;
    memset(key.bytes, 9, 32);
    crypto_pubkey(crypto, &public, &key);
    enrs_make(crypto, enrs, 40);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct dnstree_content content = {
            .enrs = enrs, .enrs_count = sizes[i], .seq = 77 + i, .domain = "les.example.org"};
        struct dnstree_root root;
        zone.count = 0;
        cr_assert_eq(dnstree_make(crypto, &key, &content, on_add, &zone), STATUS_OK);
        cr_assert_str_eq(zone.names[zone.count - 1], "les.example.org");
        cr_assert(dnstree_root_parse(&root, crypto, &public, SPAN_STR(zone.texts[zone.count - 1])));
        cr_assert_eq(root.seq, 77 + i);
        cr_assert_eq(walk(crypto, &zone, &root.enrs), sizes[i]);
        cr_assert_eq(walk(crypto, &zone, &root.links), 0);
    }
    mem_free(enrs);
    crypto_free(crypto);
}

Test(dnstree, a_zone_file_splits_long_texts)
{
    struct crypto *crypto = crypto_open();
    struct enr *enrs = mem_alloc(13 * sizeof(*enrs));
    struct seckey32 key;
    struct buf zone = {0};
    size_t lines = 0;
    memset(key.bytes, 9, 32);
    enrs_make(crypto, enrs, 13);
    struct dnstree_content content = {
        .enrs = enrs, .enrs_count = 13, .seq = 1, .domain = "les.example.org"};
    cr_assert_eq(dnstree_zone(&zone, crypto, &key, &content), STATUS_OK);
    buf_add_u8(&zone, 0);
    for (char *line = strtok((char *)zone.data, "\n"); line; line = strtok(NULL, "\n")) {
        size_t quotes = 0;
        for (const char *c = line; *c; c++)
            quotes += *c == '"';
        lines++;
        cr_assert_not_null(strstr(line, " IN TXT \""));
        cr_assert_eq(quotes, strstr(line, "enrtree-branch:2") || strlen(line) > 330 ? 4 : 2, "%s",
                     line);
    }
    cr_assert_eq(lines, 13 + 1 + 1 + 1);
    content.domain = "not a domain";
    cr_assert_eq(dnstree_zone(&zone, crypto, &key, &content), STATUS_INVALID);
    buf_free(&zone);
    mem_free(enrs);
    crypto_free(crypto);
}
