#include "les/eth/keccak.h"
#include "les/eth/rlp.h"
#include "les/eth/trie.h"
#include "les/node/full_read.h"

#define NODES_MAX (2 * TRIE_DEPTH_MAX) /* some nodes list embedded ones, too */

/* The nodes of one proof by hash; what the walk takes is written down in its order. */
struct path {
    struct trie_source source;
    struct buf bytes;
    size_t ends[NODES_MAX];
    struct hash32 hashes[NODES_MAX];
    size_t count;
    size_t taken[NODES_MAX];
    size_t taken_count;
};

static struct span node_at(const struct path *path, size_t index)
{
    size_t from = index == 0 ? 0 : path->ends[index - 1];
    return SPAN(path->bytes.data + from, path->ends[index] - from);
}

static bool on_get(struct trie_source *source, const struct hash32 *hash, struct span *node)
{
    struct path *path = container_of(source, struct path, source);
    for (size_t i = 0; i < path->count; i++) {
        if (!hash32_equal(hash, &path->hashes[i]) || path->taken_count == NODES_MAX)
            continue;
        *node = node_at(path, i);
        path->taken[path->taken_count++] = i;
        return true;
    }
    return false;
}

static bool read_nodes(struct path *path, json_t *list, const char *field, struct full_fault *fault)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!full_read_bytes(&path->bytes, TRIE_NODE_SIZE_MAX, item))
            return full_fail(fault, "not hex, or too long", field, i);
        path->ends[i] = path->bytes.size;
        path->count = i + 1;
        keccak256(&path->hashes[i], node_at(path, i));
    }
    return true;
}

/* Walks the nodes of list. False: they prove nothing about key. */
static bool walk(struct path *path, json_t *list, const char *field, const struct hash32 *root,
                 const struct hash32 *key, struct span *value, bool *exists,
                 struct full_fault *fault)
{
    struct trie_walk found = {0};
    path->source.get = on_get;
    if (!read_nodes(path, list, field, fault))
        return false;
    switch (trie_walk(&found, &path->source, root, SPAN(key->bytes, 32))) {
    case TRIE_FOUND:
        *value = found.value;
        *exists = true;
        return true;
    case TRIE_ABSENT:
        *value = SPAN_EMPTY;
        *exists = false;
        return true;
    case TRIE_MISSING:
        return full_fail(
            fault, found.depth == 0 ? "does not begin at the root" : "lacks a node on the path",
            field, found.depth);
    case TRIE_INVALID:
        break;
    }
    return full_fail(fault, "has a malformed node", field, found.depth);
}

static void give_path(const struct path *path, struct buf *out, struct buf *hashes)
{
    for (size_t i = 0; i < path->taken_count; i++) {
        buf_add_span(out, node_at(path, path->taken[i]));
        buf_add(hashes, path->hashes[path->taken[i]].bytes, 32);
    }
}

bool full_account_proof(struct buf *out, struct buf *hashes, struct account *account, bool *exists,
                        json_t *proof, const struct hash32 *state_root,
                        const struct address20 *address, struct full_fault *fault)
{
    struct hash32 key;
    struct span value;
    bool found;
    struct full_read read = full_read_of(proof, 0, fault);
    json_t *list = full_read_get_array(&read, "accountProof", NODES_MAX);
    *account = ACCOUNT_EMPTY;
    if (exists != NULL)
        *exists = false;
    if (read.bad)
        return false;
    struct path *path = mem_alloc(sizeof *path);
    keccak256(&key, SPAN(address->bytes, 20));
    bool fine = walk(path, list, "accountProof", state_root, &key, &value, &found, fault);
    if (fine && found && !account_decode(account, value))
        fine = full_fail(fault, "has a malformed account", "accountProof", 0);
    if (fine)
        give_path(path, out, hashes);
    else
        *account = ACCOUNT_EMPTY;
    if (fine && exists != NULL)
        *exists = found;
    buf_free(&path->bytes);
    mem_free(path);
    return fine;
}

/* A key comes back as it was asked for, or as 32 bytes, or as a quantity. */
static json_t *find_entry(struct full_read *read, const struct hash32 *slot)
{
    json_t *list = full_read_get_array(read, "storageProof", BLOCK_TRANSACTIONS_MAX), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        struct u256 key;
        uint8_t bytes[32];
        if (!full_read_u256(&key, json_object_get(item, "key")))
            continue;
        for (size_t word = 0; word < 4; word++)
            be_write(bytes + 24 - 8 * word, 8, key.words[word]);
        if (memcmp(bytes, slot->bytes, 32) == 0)
            return item;
    }
    full_read_fail(read, "lacks the slot", "storageProof");
    return NULL;
}

/* Zero has no place in a storage trie, but anvil leaves it there: the proof holds all the same. */
static bool read_slot(struct hash32 *out, struct span value)
{
    struct rlp rlp = rlp_reader(value);
    struct span bytes = rlp_bytes(&rlp);
    if (!rlp_end(&rlp) || bytes.size > 32 || (bytes.size > 0 && bytes.data[0] == 0))
        return false;
    if (bytes.size > 0)
        memcpy(out->bytes + 32 - bytes.size, bytes.data, bytes.size);
    return true;
}

bool full_storage_proof(struct buf *out, struct buf *hashes, struct hash32 *value, json_t *proof,
                        const struct hash32 *storage_root, const struct hash32 *slot,
                        struct full_fault *fault)
{
    struct hash32 key;
    struct span leaf;
    bool found;
    *value = HASH32_ZERO;
    if (hash32_equal(storage_root, &EMPTY_TRIE_ROOT))
        return true;
    struct full_read read = full_read_of(proof, 0, fault);
    json_t *item = find_entry(&read, slot);
    if (item == NULL)
        return false;
    struct full_read entry = full_read_of(item, 0, fault);
    json_t *list = full_read_get_array(&entry, "proof", NODES_MAX);
    if (entry.bad)
        return false;
    struct path *path = mem_alloc(sizeof *path);
    keccak256(&key, SPAN(slot->bytes, 32));
    bool fine = walk(path, list, "proof", storage_root, &key, &leaf, &found, fault);
    if (fine && found && !read_slot(value, leaf))
        fine = full_fail(fault, "has a malformed value", "proof", 0);
    if (fine)
        give_path(path, out, hashes);
    buf_free(&path->bytes);
    mem_free(path);
    return fine;
}
