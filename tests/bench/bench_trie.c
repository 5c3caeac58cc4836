/* Trie speed as a ratio to the bound that hashing sets, measured in the same run, in CPU seconds.
 * Usage: bench_trie [accounts]; 300000 unless told. */
#include "les/base/limits.h"
#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static void must(bool good)
{
    if (!good)
        abort();
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double resident_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void key_of(struct hash32 *key, uint64_t index)
{
    uint8_t bytes[8];
    be_write(bytes, 8, index);
    keccak256(key, SPAN(bytes, 8));
}

static void value_of(struct buf *value, uint64_t index)
{
    struct account account = ACCOUNT_EMPTY;
    account.nonce = index % 7;
    account.balance.words[0] = (index + 1) * 1000000007u;
    account.balance.words[1] = index % 3;
    buf_clear(value);
    account_encode(value, &account);
}

/* ---- the bounds: hashing alone ---- */

static bool on_seen(void *owner, const struct hash32 *hash)
{
    struct node_store *seen = owner;
    struct span bytes;
    if (node_store_get(seen, hash, &bytes))
        return true;
    node_store_put(seen, hash, SPAN_EMPTY);
    return false;
}

/* Seconds to hash every node of nodes (RLP items one behind the other) once. */
static double hash_all(struct span nodes, size_t *count)
{
    struct rlp items = rlp_reader(nodes);
    struct hash32 hash;
    double start = now_s();
    for (*count = 0; rlp_more(&items); ++*count)
        keccak256(&hash, rlp_raw(&items));
    return now_s() - start;
}

/* Seconds to hash the nodes of the whole trie, each once, or those of every path, shared ones again
 * and again. */
static double hash_proofs(struct node_store *store, const struct hash32 *root, uint64_t count,
                          bool shared_once, size_t *nodes)
{
    struct node_store *seen = node_store_new();
    struct buf proofs = {0};
    for (uint64_t i = 0; i < count; i++) {
        struct hash32 key;
        key_of(&key, i);
        must(trie_prove(store, root, SPAN(key.bytes, 32), 0, shared_once ? on_seen : NULL, seen,
                        &proofs) == STATUS_OK);
    }
    double seconds = hash_all(buf_span(&proofs), nodes);
    buf_free(&proofs);
    node_store_free(seen);
    return seconds;
}

/* ---- what is measured ---- */

/* Passes a store's nodes on after hashing them, as a client must that got them from a stranger. */
struct checker {
    struct trie_source source;
    struct trie_source *store;
};

static bool on_get(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct checker *checker = container_of(source, struct checker, source);
    struct hash32 check;
    if (!checker->store->get(checker->store, hash, node))
        return false;
    keccak256(&check, *node);
    return hash32_equal(&check, hash);
}

static double walk_all(struct trie_source *source, const struct hash32 *root, uint64_t count)
{
    double start = now_s();
    for (uint64_t i = 0; i < count; i++) {
        struct hash32 key;
        struct trie_walk walk;
        key_of(&key, i);
        must(trie_walk(&walk, source, root, SPAN(key.bytes, 32)) == TRIE_FOUND);
    }
    return now_s() - start;
}

static void put_account(struct trie *trie, uint64_t index, uint64_t nonce, struct buf *scratch)
{
    struct hash32 key;
    key_of(&key, index);
    value_of(scratch, nonce);
    must(trie_put(trie, SPAN(key.bytes, 32), buf_span(scratch)) == STATUS_OK);
}

static double build_all(struct trie *trie, struct hash32 *root, uint64_t count)
{
    struct buf scratch = {0};
    double start = now_s();
    for (uint64_t i = 0; i < count; i++)
        put_account(trie, i, i, &scratch);
    trie_commit(trie, root);
    double seconds = now_s() - start;
    buf_free(&scratch);
    return seconds;
}

#define BLOCKS      100
#define BLOCK_EDITS 100

static double edit_blocks(struct trie *trie, struct hash32 *root, uint64_t count)
{
    struct buf scratch = {0};
    double start = now_s();
    for (uint64_t block = 0; block < BLOCKS; block++) {
        for (uint64_t i = 0; i < BLOCK_EDITS; i++)
            put_account(trie, (i * 7919 + block * 104729) % count, count + block * BLOCK_EDITS + i,
                        &scratch);
        trie_commit(trie, root);
    }
    double seconds = now_s() - start;
    buf_free(&scratch);
    return seconds;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
    uint64_t walks = count < 20000 ? count : 20000;
    must(count > 0);
    struct node_store *store = node_store_new();
    struct trie *trie = trie_new(store, &EMPTY_TRIE_ROOT);
    struct hash32 root;
    size_t nodes, path_nodes;
    double build_s = build_all(trie, &root, count);
    printf("build: %" PRIu64
           " accounts in %.2f s, %.0f inserts/s, store %.1f MiB, resident at most %.1f MiB\n",
           count, build_s, (double)count / build_s, (double)node_store_bytes(store) / MIB(1),
           resident_mib());
    double build_bound_s = hash_proofs(store, &root, count, true, &nodes);
    printf("build bound: hashing its %zu nodes takes %.2f s; ratio %.2f\n", nodes, build_bound_s,
           build_bound_s / build_s);
    struct checker checker = {.source.get = on_get, .store = node_store_source(store)};
    double walk_s = walk_all(checker.store, &root, walks);
    double check_s = walk_all(&checker.source, &root, walks);
    double check_bound_s = hash_proofs(store, &root, walks, false, &path_nodes);
    printf("walk: %.0f/s over known nodes, %.0f/s with each of %.1f nodes hashed\n",
           (double)walks / walk_s, (double)walks / check_s, (double)path_nodes / (double)walks);
    printf("walk bound: hashing alone allows %.0f/s; ratio %.2f\n", (double)walks / check_bound_s,
           check_bound_s / check_s);
    double edit_s = edit_blocks(trie, &root, count);
    printf("blocks: %d of %d edits, %.0f edits/s\n", BLOCKS, BLOCK_EDITS,
           BLOCKS * BLOCK_EDITS / edit_s);
    trie_free(trie);
    node_store_free(store);
    return 0;
}
