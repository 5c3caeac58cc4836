/* Inside of conf: one program's table as data, and what is done with it. */
#ifndef CONF_CONF_TABLE_H
#define CONF_CONF_TABLE_H

#include "conf/conf.h"

enum conf_type {
    CONF_TEXT,
    CONF_ENDPOINT,
    CONF_LEVEL,
    CONF_KEY,
    CONF_CHECKPOINT,
    CONF_LIST,
    CONF_NUMBER,
    CONF_FLAG
};

struct conf_row {
    enum conf_type type;
    const char *key, *short_key, *preset, *value_name, *doc;
    uint64_t minimum, maximum;
    size_t offset; /* of the value in the program's struct */
};
struct conf_table {
    const char *program, *what;
    const struct conf_row *rows;
    size_t count, size; /* size: of the program's struct */
};
extern const struct conf_table CONF_GATE, CONF_SERVE;

/* Where a value came from, for errors: "--http" or "lesgate.yaml:7: http.listen". */
bool conf_set(void *values, const struct conf_row *row, const char *text, const char *where,
              struct buf *error);
bool conf_set_list(void *values, const struct conf_row *row, const char *const *items, size_t count,
                   const char *where, struct buf *error);
void conf_clear(void *values, const struct conf_row *row); /* frees what the value holds */

/* conf_yaml.c. Sets what the file names; is_set has one flag per row. */
bool conf_yaml_load(const struct conf_table *table, void *values, bool *is_set, const char *path,
                    struct buf *error);

/* The same from memory. */
bool conf_yaml_parse(const struct conf_table *table, void *values, bool *is_set, struct span text,
                     const char *path, struct buf *error);

/* conf_print.c */
void conf_print_help(struct buf *out, const struct conf_table *table);
void conf_print_sample(struct buf *out, const struct conf_table *table);

#endif
