#include "conf/conf.h"

#include "conf/conf_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- tables ---- */

#define CONF(field, type, key, short_key, minimum, maximum, preset, value_name, doc)               \
    {CONF_##type, key,        short_key,                                                           \
     preset,      value_name, doc,                                                                 \
     minimum,     maximum,    offsetof(struct CONF_STRUCT, field)},
#define CONF_STRUCT conf_gate
static const struct conf_row GATE_ROWS[] = {
#include "conf/lesgate.def"
};
#undef CONF_STRUCT
#define CONF_STRUCT conf_serve
static const struct conf_row SERVE_ROWS[] = {
#include "conf/lesserve.def"
};
#undef CONF_STRUCT
#undef CONF

const struct conf_table CONF_GATE = {
    "lesgate", "answers Ethereum JSON-RPC with data from LES servers, each answer checked",
    GATE_ROWS, ARRAY_COUNT(GATE_ROWS), sizeof(struct conf_gate)};
const struct conf_table CONF_SERVE = {
    "lesserve", "serves a chain to light clients over the LES protocol", SERVE_ROWS,
    ARRAY_COUNT(SERVE_ROWS), sizeof(struct conf_serve)};

/* ---- values ---- */

bool conf_endpoint(struct endpoint *out, const char *text)
{
    char full[ENDPOINT_TEXT_SIZE];
    if (strncmp(text, "localhost:", 10) != 0)
        return endpoint_parse(out, text);
    int size = snprintf(full, sizeof full, "127.0.0.1:%s", text + 10);
    return size > 0 && (size_t)size < sizeof full && endpoint_parse(out, full);
}

bool conf_nodekey(struct seckey32 *out, const char *text)
{
    static const struct seckey32 zero = {{0}};
    return hex_decode_exact(out->bytes, 32, text, strlen(text)) && memcmp(out, &zero, 32) != 0;
}

static bool parse_u64(uint64_t *out, const char *text)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

bool conf_checkpoint_parse(struct conf_checkpoint *out, const char *text)
{
    struct hash32 *const hashes[] = {&out->section_head, &out->cht_root, &out->bloom_root};
    char number[24];
    size_t digits = strcspn(text, ":");
    memset(out, 0, sizeof *out);
    if (digits >= sizeof number)
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    if (!parse_u64(&out->section_index, number))
        return false;
    text += digits;
    for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
        if (*text++ != ':')
            return false;
        size_t size = strcspn(text, ":");
        if (!hex_decode_exact(hashes[i]->bytes, 32, text, size))
            return false;
        text += size;
    }
    return *text == '\0';
}

static void *value_at(void *values, const struct conf_row *row)
{
    return (uint8_t *)values + row->offset;
}

/* The fault of a text for its type, or NULL. */
static const char *text_fault(enum conf_type type, const char *text)
{
    struct endpoint endpoint;
    struct seckey32 key;
    struct conf_checkpoint checkpoint;
    enum log_level level;
    switch (type) {
    case CONF_ENDPOINT:
        return conf_endpoint(&endpoint, text)
                   ? NULL
                   : "not HOST:PORT (an IP address or localhost, and a port)";
    case CONF_KEY: {
        bool good = conf_nodekey(&key, text);
        mem_wipe(&key, sizeof key);
        return good ? NULL : "not a secret key (64 hex digits)";
    }
    case CONF_CHECKPOINT:
        return conf_checkpoint_parse(&checkpoint, text)
                   ? NULL
                   : "not INDEX:HEAD:CHT:BLOOM (a number and three hashes)";
    case CONF_LEVEL:
        return log_level_parse(&level, text) ? NULL : "not one of error, warn, info, debug, trace";
    case CONF_TEXT:
    case CONF_LIST:
    case CONF_NUMBER:
    case CONF_FLAG:
        return text[0] == '\0' ? "empty" : NULL;
    }
    return NULL;
}

static bool wrong(struct buf *error, const char *where, const char *text, const char *fault)
{
    buf_printf(error, "%s: \"%s\" is %s", where, text, fault);
    return false;
}

void conf_clear(void *values, const struct conf_row *row)
{
    switch (row->type) {
    case CONF_NUMBER:
    case CONF_FLAG:
        return;
    case CONF_LIST: {
        struct conf_list *list = value_at(values, row);
        for (size_t i = 0; i < list->count; i++)
            mem_free((void *)(uintptr_t)list->items[i]);
        mem_free((void *)(uintptr_t)list->items);
        *list = (struct conf_list){0};
        return;
    }
    case CONF_TEXT:
    case CONF_ENDPOINT:
    case CONF_LEVEL:
    case CONF_KEY:
    case CONF_CHECKPOINT: {
        char **text = value_at(values, row);
        if (*text != NULL)
            mem_wipe(*text, strlen(*text)); /* it may be a key */
        mem_free(*text);
        *text = NULL;
        return;
    }
    }
}

bool conf_set_list(void *values, const struct conf_row *row, const char *const *items, size_t count,
                   const char *where, struct buf *error)
{
    struct conf_list *list = value_at(values, row);
    if (count < row->minimum || count > row->maximum) {
        buf_printf(error, "%s: %zu entries, but at least %llu and at most %llu are needed", where,
                   count, (unsigned long long)row->minimum, (unsigned long long)row->maximum);
        return false;
    }
    conf_clear(values, row);
    char **copies = mem_alloc((count + 1) * sizeof *copies);
    list->items = (const char *const *)copies;
    for (size_t i = 0; i < count; i++) {
        if (items[i][0] == '\0')
            return wrong(error, where, items[i], "empty");
        copies[i] = mem_strdup(items[i]);
        list->count++;
    }
    return true;
}

/* A list written with commas; white space around the items is dropped. */
static bool set_joined(void *values, const struct conf_row *row, const char *text,
                       const char *where, struct buf *error)
{
    size_t count = 0, capacity = 1;
    for (const char *at = text; *at != '\0'; at++)
        capacity += *at == ',';
    char **items = mem_alloc(capacity * sizeof *items);
    char *copy = mem_strdup(text), *rest = copy;
    while (text[strspn(text, " ")] != '\0' && rest != NULL) {
        char *item = strsep(&rest, ",");
        item += strspn(item, " \t");
        for (size_t size = strlen(item);
             size > 0 && (item[size - 1] == ' ' || item[size - 1] == '\t'); size--)
            item[size - 1] = '\0';
        items[count++] = item;
    }
    bool good = conf_set_list(values, row, (const char *const *)items, count, where, error);
    mem_free(copy);
    mem_free(items);
    return good;
}

static bool set_number(void *values, const struct conf_row *row, const char *text,
                       const char *where, struct buf *error)
{
    uint64_t *number = value_at(values, row);
    uint64_t given;
    if (!parse_u64(&given, text))
        return wrong(error, where, text, "not a whole number");
    if (given < row->minimum || given > row->maximum) {
        buf_printf(error, "%s: %s is out of bounds: at least %llu, at most %llu", where, text,
                   (unsigned long long)row->minimum, (unsigned long long)row->maximum);
        return false;
    }
    *number = given;
    return true;
}

bool conf_set(void *values, const struct conf_row *row, const char *text, const char *where,
              struct buf *error)
{
    switch (row->type) {
    case CONF_NUMBER:
        return set_number(values, row, text, where, error);
    case CONF_LIST:
        return set_joined(values, row, text, where, error);
    case CONF_FLAG: {
        bool *flag = value_at(values, row);
        *flag = strcmp(text, "true") == 0;
        return *flag || strcmp(text, "false") == 0 ||
               wrong(error, where, text, "neither true nor false");
    }
    case CONF_TEXT:
    case CONF_ENDPOINT:
    case CONF_LEVEL:
    case CONF_KEY:
    case CONF_CHECKPOINT:
        break;
    }
    const char *fault = text_fault(row->type, text);
    if (fault != NULL)
        return wrong(error, where, row->type == CONF_KEY ? "..." : text, fault);
    conf_clear(values, row);
    *(char **)value_at(values, row) = mem_strdup(text);
    return true;
}

/* ---- command line ---- */

struct reader {
    const struct conf_table *table;
    void *values;
    bool *given, *in_file;
    const char *config_path;
    struct buf *text;
};

static const struct conf_row *find_row(const struct conf_table *table, const char *name,
                                       size_t size)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->rows[i];
        if ((strlen(row->key) == size && strncmp(row->key, name, size) == 0) ||
            (row->short_key != NULL && strlen(row->short_key) == size &&
             strncmp(row->short_key, name, size) == 0))
            return row;
    }
    return NULL;
}

static enum conf_result read_option(struct reader *reader, int argc, char *const *argv, int *index)
{
    const char *option = argv[*index];
    if (strncmp(option, "--", 2) != 0) {
        buf_printf(reader->text, "\"%s\" is no option; %s --help lists them", option,
                   reader->table->program);
        return CONF_WRONG;
    }
    size_t size = strcspn(option + 2, "=");
    const char *value = option[2 + size] == '=' ? option + 3 + size : NULL;
    bool is_config = size == 6 && strncmp(option + 2, "config", 6) == 0;
    const struct conf_row *row = find_row(reader->table, option + 2, size);
    if (row == NULL && !is_config) {
        buf_printf(reader->text, "--%.*s is unknown; %s --help lists the options", (int)size,
                   option + 2, reader->table->program);
        return CONF_WRONG;
    }
    bool is_flag = row != NULL && row->type == CONF_FLAG;
    if (value == NULL && *index + 1 < argc &&
        (!is_flag || strcmp(argv[*index + 1], "true") == 0 ||
         strcmp(argv[*index + 1], "false") == 0))
        value = argv[++*index];
    if (value == NULL && is_flag)
        value = "true";
    if (value == NULL) {
        buf_printf(reader->text, "--%.*s needs a value: %s", (int)size, option + 2,
                   is_config ? "FILE" : row->value_name);
        return CONF_WRONG;
    }
    if (is_config) {
        reader->config_path = value;
        return CONF_RUN;
    }
    char where[80];
    snprintf(where, sizeof where, "--%.*s", (int)size, option + 2);
    reader->given[row - reader->table->rows] = true;
    return conf_set(reader->values, row, value, where, reader->text) ? CONF_RUN : CONF_WRONG;
}

static bool print_and_end(struct reader *reader, const char *option)
{
    if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)
        conf_print_help(reader->text, reader->table);
    else if (strcmp(option, "--version") == 0)
        buf_printf(reader->text, "%s %s\n", reader->table->program, LESGATE_VERSION);
    else if (strcmp(option, "--sample-config") == 0)
        conf_print_sample(reader->text, reader->table);
    else
        return false;
    return true;
}

static bool read_file(struct reader *reader)
{
    if (reader->config_path == NULL)
        return true;
    /* The command line wins: what it named is kept aside and put back. */
    const struct conf_table *table = reader->table;
    void *line = reader->values;
    void *file = mem_alloc(table->size);
    bool good = conf_yaml_load(table, file, reader->in_file, reader->config_path, reader->text);
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->rows[i];
        size_t end = i + 1 < table->count ? table->rows[i + 1].offset : table->size;
        if (reader->given[i] || !reader->in_file[i])
            conf_clear(file, row);
        else
            memcpy((uint8_t *)line + row->offset, (uint8_t *)file + row->offset, end - row->offset);
    }
    mem_free(file);
    return good;
}

static bool fill_presets(struct reader *reader)
{
    for (size_t i = 0; i < reader->table->count; i++) {
        const struct conf_row *row = &reader->table->rows[i];
        if (reader->given[i] || reader->in_file[i])
            continue;
        if (row->preset != NULL) {
            ASSERT(conf_set(reader->values, row, row->preset, row->key, reader->text));
        } else if (row->minimum > 0) {
            const char *flag = row->short_key != NULL ? row->short_key : row->key;
            buf_printf(reader->text,
                       "%s is missing: give --%s %s, or %s in the file named with --config. %s",
                       row->key, flag, row->value_name, row->key, row->doc);
            return false;
        }
    }
    return true;
}

static void free_values(const struct conf_table *table, void *values)
{
    if (values == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        conf_clear(values, &table->rows[i]);
    mem_free(values);
}

static enum conf_result read_all(const struct conf_table *table, void **out, int argc,
                                 char *const *argv, struct buf *text)
{
    struct reader reader = {.table = table,
                            .values = mem_alloc(table->size),
                            .given = mem_alloc(table->count * sizeof(bool)),
                            .in_file = mem_alloc(table->count * sizeof(bool)),
                            .text = text};
    enum conf_result result = CONF_RUN;
    for (int i = 1; i < argc && result == CONF_RUN; i++)
        result =
            print_and_end(&reader, argv[i]) ? CONF_PRINT : read_option(&reader, argc, argv, &i);
    if (result == CONF_RUN && (!read_file(&reader) || !fill_presets(&reader)))
        result = CONF_WRONG;
    mem_free(reader.given);
    mem_free(reader.in_file);
    if (result != CONF_RUN) {
        free_values(table, reader.values);
        reader.values = NULL;
    }
    *out = reader.values;
    return result;
}

enum conf_result conf_gate_read(struct conf_gate **out, int argc, char *const *argv,
                                struct buf *text)
{
    void *values;
    enum conf_result result = read_all(&CONF_GATE, &values, argc, argv, text);
    *out = values;
    return result;
}

enum conf_result conf_serve_read(struct conf_serve **out, int argc, char *const *argv,
                                 struct buf *text)
{
    void *values;
    enum conf_result result = read_all(&CONF_SERVE, &values, argc, argv, text);
    *out = values;
    return result;
}

void conf_gate_free(struct conf_gate *conf)
{
    free_values(&CONF_GATE, conf);
}

void conf_serve_free(struct conf_serve *conf)
{
    free_values(&CONF_SERVE, conf);
}
