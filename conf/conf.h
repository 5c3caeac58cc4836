/* The configuration of the two programs: a YAML file, checked against the tables lesgate.def and
 * lesserve.def, then the command line over it, then defaults for what neither names. The same
 * tables make --help and the sample files.
 *
 * Command line: --key VALUE or --key=VALUE with the keys of the file written with dots
 * (--ulc.fraction 66), or their short forms (--http). Lists are separated by commas. A switch alone
 * means true. --config FILE names the YAML file,
 * --help, --version and --sample-config print and end. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "les/base/log.h"
#include "les/base/loop.h"
#include "les/eth/crypto.h"

struct conf_list {
    const char *const *items;
    size_t count;
};

/* How a value of each type of the tables is held; TEXT and its checked kinds are NULL when not
 * given. */
#define CONF_HELD_TEXT       const char *
#define CONF_HELD_ENDPOINT   const char *
#define CONF_HELD_LEVEL      const char *
#define CONF_HELD_KEY        const char *
#define CONF_HELD_CHECKPOINT const char *
#define CONF_HELD_LIST       struct conf_list
#define CONF_HELD_NUMBER     uint64_t
#define CONF_HELD_FLAG       bool

#define CONF(field, type, key, short_key, minimum, maximum, preset, value_name, doc)               \
    CONF_HELD_##type field;
struct conf_gate {
#include "conf/lesgate.def"
};
struct conf_serve {
#include "conf/lesserve.def"
};
#undef CONF

enum conf_result {
    CONF_RUN,   /* *out is set, freed with conf_*_free */
    CONF_PRINT, /* text is for standard output, then exit with 0 */
    CONF_WRONG  /* text says in one line what is wrong, where, and what to do; exit with 2 */
};
enum conf_result conf_gate_read(struct conf_gate **out, int argc, char *const *argv,
                                struct buf *text) WARN_UNUSED;
enum conf_result conf_serve_read(struct conf_serve **out, int argc, char *const *argv,
                                 struct buf *text) WARN_UNUSED;
void conf_gate_free(struct conf_gate *conf); /* NULL is legal */
void conf_serve_free(struct conf_serve *conf);

/* Values as types. Those that came from conf_*_read are valid: the readers ASSERT nothing and
 * return false for other text. HOST is an address or the word localhost. */
bool conf_endpoint(struct endpoint *out, const char *text) WARN_UNUSED;
bool conf_nodekey(struct seckey32 *out,
                  const char *text) WARN_UNUSED; /* 64 hex digits, 0x allowed */

/* A CHT and BloomBits section that its owner trusts: INDEX:HEAD:CHT:BLOOM, an integer and three
 * hashes. */
struct conf_checkpoint {
    uint64_t section_index;
    struct hash32 section_head;
    struct hash32 cht_root;
    struct hash32 bloom_root;
};
bool conf_checkpoint_parse(struct conf_checkpoint *out, const char *text) WARN_UNUSED;

#endif
