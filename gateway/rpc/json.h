/* JSON in and out. Reading: a strict scanner for the envelope of a request, then a tree of its
 * parameters over the scanned text. Writing: straight into a struct buf, no tree, in go-ethereum's
 * spelling. Written here and not taken from jansson (which reads files in conf) because it is the
 * hot path: one pass, one allocation, numbers of any length, and Go's rules for broken UTF-8 and
 * repeated members. */
#ifndef GATEWAY_JSON_H
#define GATEWAY_JSON_H

#include "les/eth/u256.h"

/* ---- scanning without a tree ---- */

/* The first JSON value of text (RFC 8259), checked to JSON_DEPTH_MAX: *value gets its bytes without
 * the white space around it, *rest what follows. False: not JSON; both empty. Invalid UTF-8 inside
 * strings is let through, as go-ethereum does. */
bool json_scan(struct span *value, struct span *rest, struct span text) WARN_UNUSED;
/* Walks the members of an object (or the items of an array) that json_scan accepted. cursor starts
 * as the value. Returns false at the end. key is the raw text between the quotes; empty for arrays.
 */
bool json_next(struct span *cursor, struct span *key, struct span *value);
/* Appends the text of a scanned string (with its quotes) decoded to UTF-8; broken parts become
 * U+FFFD. */
void json_unescape(struct buf *out, struct span string);
/* The size of the UTF-8 sequence at `at` (left > 0 bytes follow), or 0 if it is broken. */
size_t json_utf8_size(const uint8_t *at, size_t left);

/* ---- trees ---- */

struct json_t; /* a value */
enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_INTEGER, /* fits int64_t */
    JSON_KIND_REAL,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

/* text: one whole value, which must outlive the tree. NULL: not JSON, or more than JSON_NODES_MAX
 * values. Freed with json_free (the root only). */
struct json_t *json_parse(struct span text);
struct json_t *
json_tree(struct span scanned);       /* the same for what json_scan gave: not checked again */
void json_free(struct json_t *value); /* NULL is legal */
enum json_kind json_kind(const struct json_t *value); /* NULL is JSON_KIND_NULL */
struct span
json_text(const struct json_t *value); /* of a string: UTF-8, borrowed from the tree; else empty */
int64_t json_integer_of(const struct json_t *value); /* of an integer; else 0 */
double json_real_of(const struct json_t *value);     /* of an integer or a real; else 0 */
bool json_bool_of(const struct json_t *value);
size_t
json_count(const struct json_t *value); /* items of an array or members of an object; else 0 */
struct json_t *json_item(const struct json_t *array, size_t index); /* NULL: none */
struct json_t *json_member(const struct json_t *object,
                           const char *key); /* NULL: none; the last of two */
/* Members in the order of the text: start with *position = 0; false at the end. */
bool json_each(const struct json_t *object, size_t *position, struct span *key,
               struct json_t **value);

/* ---- writing ----
 * Every function writes one thing and the comma before it, if one is due: that is seen from the
 * last byte of out. */
void json_put_object(struct buf *out);
void json_put_object_end(struct buf *out);
void json_put_array(struct buf *out);
void json_put_array_end(struct buf *out);
void json_put_key(struct buf *out, const char *key); /* key needs no escaping */
void json_put_null(struct buf *out);
void json_put_bool(struct buf *out, bool value);
void json_put_u64(struct buf *out, uint64_t value); /* a bare decimal number */
void json_put_i64(struct buf *out, int64_t value);
void json_put_double(struct buf *out, double value);     /* as Go prints a float64 */
void json_put_quantity(struct buf *out, uint64_t value); /* "0x1f" */
void json_put_quantity256(struct buf *out, const struct u256 *value);
void json_put_data(struct buf *out, struct span bytes); /* "0x001f", "0x" */
void json_put_string(struct buf *out,
                     struct span text); /* quoted and escaped as Go's encoding/json does */
void json_put_raw(struct buf *out, struct span json); /* a finished value */
static inline void json_put_hash(struct buf *out, const struct hash32 *hash)
{
    json_put_data(out, SPAN(hash->bytes, 32));
}
static inline void json_put_address(struct buf *out, const struct address20 *address)
{
    json_put_data(out, SPAN(address->bytes, 20));
}

#endif
