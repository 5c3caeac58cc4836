#include "les/eth/trie_node.h"

#include "les/eth/keccak.h"
#include "les/eth/rlp.h"

/* A child is 0x80, 0xa0 and 32 bytes, or a list so short that its header is one byte: no other form
 * is canonical. */
static bool take_child(struct rlp *list, struct span *child)
{
    if (list->size == 0)
        return false;
    uint8_t head = list->data[0];
    size_t taken;
    if (head == 0x80) {
        *child = SPAN_EMPTY;
        taken = 1;
    } else if (head == 0xa0) {
        taken = 33;
        *child = SPAN(list->data + 1, 32);
    } else if (head > 0xc0 && head <= 0xc0 + 30) {
        taken = 1u + (head - 0xc0u);
        *child = SPAN(list->data, taken);
    } else {
        return false;
    }
    if (taken > list->size)
        return false;
    list->data += taken;
    list->size -= taken;
    return true;
}

static bool parse_branch(struct trie_node *node, struct rlp list)
{
    unsigned used = 0;
    for (unsigned i = 0; i < 16; i++) {
        if (!take_child(&list, &node->children[i]))
            return false;
        used += node->children[i].size != 0;
    }
    node->value = rlp_bytes(&list);
    used += node->value.size != 0;
    node->kind = TRIE_NODE_BRANCH;
    node->path = SPAN_EMPTY;
    node->path_count = 0;
    return rlp_end(&list) && used >= 2;
}

static bool parse_path(struct trie_node *node, struct span path)
{
    if (path.size < 1 || path.size > TRIE_NIBBLES_MAX / 2 + 1)
        return false;
    unsigned flags = (unsigned)path.data[0] >> 4;
    bool odd = flags & 1;
    if (flags > 3 || (!odd && (path.data[0] & 15u) != 0))
        return false;
    node->kind = flags & 2 ? TRIE_NODE_LEAF : TRIE_NODE_EXTENSION;
    node->path = path;
    node->path_count = (unsigned)(path.size - 1) * 2 + odd;
    return node->path_count <= TRIE_NIBBLES_MAX;
}

static bool parse_short(struct trie_node *node, struct rlp list)
{
    if (!parse_path(node, rlp_bytes(&list)))
        return false;
    if (node->kind == TRIE_NODE_LEAF) {
        node->value = rlp_bytes(&list);
        return rlp_end(&list) && node->value.size != 0;
    }
    node->value = SPAN_EMPTY;
    return take_child(&list, &node->children[0]) && rlp_end(&list) && node->children[0].size != 0 &&
           node->path_count != 0;
}

bool trie_node_parse(struct trie_node *node, struct span raw)
{
    struct rlp outer = rlp_reader(raw);
    struct rlp list = rlp_list(&outer);
    if (!rlp_end(&outer))
        return false;
    return parse_branch(node, list) || parse_short(node, list);
}

unsigned trie_node_nibble(const struct trie_node *node, unsigned index)
{
    unsigned prefix = node->path_count & 1 ? 1 : 2;
    return trie_nibble(node->path.data, index + prefix);
}

void trie_nibble_set(uint8_t *key, unsigned index, unsigned nibble)
{
    uint8_t *byte = &key[index / 2];
    *byte = (uint8_t)(index & 1 ? (*byte & 0xf0u) | nibble : (*byte & 0x0fu) | nibble << 4);
}

unsigned trie_nibble_difference(const uint8_t *a, const uint8_t *b, unsigned from, unsigned to)
{
    unsigned i = from;
    while (i < to) {
        bool aligned = (i & 1) == 0 && i + 2 <= to;
        if (aligned && a[i / 2] == b[i / 2])
            i += 2;
        else if (trie_nibble(a, i) == trie_nibble(b, i))
            i++;
        else
            break;
    }
    return i;
}

void trie_ref_hash(struct trie_ref *ref, const uint8_t hash32[32])
{
    ref->size = 33;
    ref->bytes[0] = 0xa0;
    memcpy(ref->bytes + 1, hash32, 32);
}

bool trie_ref_node(struct trie_ref *ref, struct span raw)
{
    if (raw.size < 32) {
        ref->size = (uint8_t)raw.size;
        memcpy(ref->bytes, raw.data, raw.size);
        return false;
    }
    struct hash32 hash;
    keccak256(&hash, raw);
    trie_ref_hash(ref, hash.bytes);
    return true;
}

/* Returns the size of the hex-prefix string. */
static size_t put_path(uint8_t out33[33], const uint8_t *key, unsigned from, unsigned to, bool leaf)
{
    unsigned count = to - from;
    unsigned flags = (leaf ? 2u : 0u) | (count & 1u);
    size_t size = 1;
    out33[0] = (uint8_t)(flags << 4);
    if (count & 1)
        out33[0] = (uint8_t)(out33[0] | trie_nibble(key, from++));
    for (; from < to; from += 2)
        out33[size++] = (uint8_t)(trie_nibble(key, from) << 4 | trie_nibble(key, from + 1));
    return size;
}

static size_t string_size(struct span bytes)
{
    if (bytes.size == 1 && bytes.data[0] < 0x80)
        return 1;
    return rlp_header_size(bytes.size) + bytes.size;
}

void trie_node_add_leaf(struct buf *out, const uint8_t *key, unsigned from, unsigned to,
                        struct span value)
{
    uint8_t path33[33];
    struct span path = SPAN(path33, put_path(path33, key, from, to, true));
    rlp_add_list_header(out, string_size(path) + string_size(value));
    rlp_add_bytes(out, path);
    rlp_add_bytes(out, value);
}

void trie_node_add_extension(struct buf *out, const uint8_t *key, unsigned from, unsigned to,
                             const struct trie_ref *child)
{
    uint8_t path33[33];
    struct span path = SPAN(path33, put_path(path33, key, from, to, false));
    rlp_add_list_header(out, string_size(path) + child->size);
    rlp_add_bytes(out, path);
    buf_add(out, child->bytes, child->size);
}

void trie_node_add_branch(struct buf *out, const struct trie_ref children[16], struct span value)
{
    size_t payload = string_size(value);
    for (unsigned i = 0; i < 16; i++)
        payload += children[i].size ? children[i].size : 1;
    rlp_add_list_header(out, payload);
    for (unsigned i = 0; i < 16; i++) {
        if (children[i].size)
            buf_add(out, children[i].bytes, children[i].size);
        else
            buf_add_u8(out, 0x80);
    }
    rlp_add_bytes(out, value);
}
