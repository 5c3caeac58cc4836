/* Blocks, transactions and receipts as JSON, byte for byte as execution-apis publishes them, from
 * the chain file alone. */
#include "gateway/rpc/render.h"
#include "tests/fixture/chain.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SUITE "vectors/rpc-compat/"

TestSuite(render, .fini = fixture_leak_gate);

struct bench {
    struct chain_file chain;
    struct chainspec spec;
    struct crypto *crypto;
};

static struct bench bench_new(void)
{
    static const uint8_t seed[32] = {9};
    return (struct bench){.chain = chain_file_read(SUITE "chain.rlp"),
                          .spec = chain_rules_read(SUITE "genesis.json"),
                          .crypto = crypto_new(seed)};
}

static void bench_free(struct bench *bench)
{
    chain_file_free(&bench->chain);
    crypto_free(bench->crypto);
}

/* The answer of a file and the first parameter of its question; the caller frees file. */
struct published {
    struct buf file;
    const char *result; /* the text behind "result":, without the last brace */
    const char *param;  /* "" if there is none */
};

static struct published published_read(const char *path)
{
    struct published out = {.file = fixture_file(path), .param = ""};
    buf_add_u8(&out.file, 0);
    char *text = (char *)out.file.data, *params = strstr(text, "\"params\":[\"");
    char *result = strstr(text, "\"result\":");
    cr_assert_neq(result, NULL, "%s", path);
    out.result = result + strlen("\"result\":");
    result[strcspn(result, "\n") - 1] = '\0';
    if (params != NULL) {
        out.param = params + strlen("\"params\":[\"");
        *strchr(out.param, '"') = '\0';
    }
    return out;
}

static void expect_text(const struct buf *out, const char *text, const char *path)
{
    cr_assert(span_equal(buf_span(out), SPAN_STR(text)), "%s\n%.*s\nand not\n%s", path,
              (int)out->size, (const char *)out->data, text);
}

static const struct chain_block *block_at(const struct bench *bench, uint64_t number)
{
    for (size_t i = 0; i < bench->chain.count; i++)
        if (bench->chain.blocks[i].header.number == number)
            return &bench->chain.blocks[i];
    return NULL;
}

static const struct chain_block *find_tx(const struct bench *bench, const char *hash_text,
                                         struct tx *tx, size_t *index)
{
    struct hash32 wanted, hash;
    fixture_hex_exact(wanted.bytes, 32, hash_text);
    for (size_t i = 0; i < bench->chain.count; i++) {
        const struct chain_block *block = &bench->chain.blocks[i];
        struct span envelopes[64];
        size_t count;
        cr_assert(body_transactions(&block->body, envelopes, ARRAY_COUNT(envelopes), &count));
        for (*index = 0; *index < count; ++*index) {
            cr_assert_eq(tx_decode(tx, envelopes[*index]), TX_VALID);
            tx_hash(&hash, tx);
            if (hash32_equal(&hash, &wanted))
                return block;
        }
    }
    return NULL;
}

/* ---- blocks ---- */

static void run_block(const struct bench *bench, const char *path, struct tally *tally)
{
    struct published published = published_read(path);
    const struct chain_block *block = block_at(bench, strtoull(published.param, NULL, 16));
    if (published.param[0] != '0' || block == NULL) {
        tally_skip(tally, path, "a tag, or the genesis, which is not in the chain file");
    } else {
        struct buf out = {0};
        struct block_header *header = block_header_new(block->header_rlp, HEADER_BY_NONE);
        cr_assert(render_block(&out, bench->crypto, header, &block->body,
                               strstr(published.result, "\"blockTimestamp\"") != NULL));
        expect_text(&out, published.result, path);
        tally_run(tally);
        block_header_unref(header);
        buf_free(&out);
    }
    buf_free(&published.file);
}

Test(render, blocks)
{
    struct tally tally = {.name = "eth_getBlockByNumber"};
    struct bench bench = bench_new();
    struct fixture_list files = fixture_list(SUITE "eth_getBlockByNumber", ".io");
    for (size_t i = 0; i < files.count; i++)
        run_block(&bench, files.paths[i], &tally);
    fixture_list_free(&files);
    bench_free(&bench);
    tally_end(&tally);
}

/* ---- transactions ---- */

static void run_tx(const struct bench *bench, const char *path, struct tally *tally)
{
    struct published published = published_read(path);
    struct tx tx;
    size_t index;
    const struct chain_block *block = find_tx(bench, published.param, &tx, &index);
    if (block == NULL) {
        cr_assert_str_eq(published.result, "null", "%s", path);
        tally_skip(tally, path, "a transaction that does not exist");
    } else {
        struct buf out = {0};
        struct block_header *header = block_header_new(block->header_rlp, HEADER_BY_NONE);
        cr_assert(render_tx(&out, bench->crypto, &tx, &(struct tx_position){header, index}));
        expect_text(&out, published.result, path);
        tally_run(tally);
        block_header_unref(header);
        buf_free(&out);
    }
    buf_free(&published.file);
}

Test(render, transactions_of_every_type)
{
    struct tally tally = {.name = "eth_getTransactionByHash"};
    struct bench bench = bench_new();
    struct fixture_list files = fixture_list(SUITE "eth_getTransactionByHash", ".io");
    for (size_t i = 0; i < files.count; i++)
        run_tx(&bench, files.paths[i], &tally);
    fixture_list_free(&files);
    bench_free(&bench);
    tally_end(&tally);
}

/* ---- receipts: the raw ones of block 3 are published too ---- */

Test(render, a_receipt)
{
    struct bench bench = bench_new();
    struct published raw = published_read(SUITE "debug_getRawReceipts/get-block-n.io");
    struct published wanted =
        published_read(SUITE "eth_getTransactionReceipt/get-legacy-receipt.io");
    json_t *list = json_loads(raw.result, 0, NULL);
    struct tx tx;
    size_t index;
    const struct chain_block *block = find_tx(&bench, wanted.param, &tx, &index);
    cr_assert_neq(block, NULL);
    cr_assert_eq(block->header.number, strtoull(raw.param, NULL, 16));
    cr_assert_eq(index, 0, "nothing before it");
    struct buf bytes = fixture_hex(json_string_value(json_array_get(list, index))), out = {0};
    struct receipt receipt;
    cr_assert(receipt_decode(&receipt, buf_span(&bytes)));
    struct block_header *header = block_header_new(block->header_rlp, HEADER_BY_NONE);
    struct receipt_place place = {.block = header, .tx_index = index, .spec = &bench.spec};
    cr_assert(render_receipt(&out, bench.crypto, &receipt, &tx, &place));
    expect_text(&out, wanted.result, "get-legacy-receipt.io");
    block_header_unref(header);
    buf_free(&out);
    buf_free(&bytes);
    json_decref(list);
    buf_free(&raw.file);
    buf_free(&wanted.file);
    bench_free(&bench);
}
