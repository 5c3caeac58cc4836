#include "conf/conf_table.h"
#include "les/base/limits.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* libcyaml loads into one slot per row: a pointer, NULL where the file is silent, and a count for
 * lists. Sections are nested mappings at offset 0, so that every offset counts from the first slot.
 */
struct slot {
    void *pointer;
    uint64_t count;
};

struct schema {
    const struct conf_table *table;
    struct cyaml_schema_field *top;    /* ended by a NULL key */
    struct cyaml_schema_field **below; /* per top field of a section */
    char **names;
    size_t top_count;
    struct cyaml_schema_value root;
};

static const struct cyaml_schema_value LIST_ENTRY = {.type = CYAML_STRING,
                                                     .flags = CYAML_FLAG_POINTER,
                                                     .data_size = sizeof(char),
                                                     .string = {.min = 0, .max = CYAML_UNLIMITED}};

static struct cyaml_schema_field field_for(const struct conf_row *row, size_t index,
                                           const char *name)
{
    struct cyaml_schema_field field = {.key = name,
                                       .data_offset = (uint32_t)(index * sizeof(struct slot))};
    field.value.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL;
    switch (row->type) {
    case CONF_NUMBER:
        field.value.type = CYAML_UINT;
        field.value.data_size = sizeof(uint64_t);
        return field;
    case CONF_FLAG:
        field.value.type = CYAML_BOOL;
        field.value.data_size = sizeof(bool);
        return field;
    case CONF_LIST:
        field.value.type = CYAML_SEQUENCE;
        field.value.data_size = sizeof(char *);
        field.value.sequence.entry = &LIST_ENTRY;
        field.value.sequence.min = 0;
        field.value.sequence.max = (uint32_t)row->maximum;
        field.count_offset = field.data_offset + (uint32_t)offsetof(struct slot, count);
        field.count_size = sizeof(uint64_t);
        return field;
    case CONF_TEXT:
    case CONF_ENDPOINT:
    case CONF_LEVEL:
    case CONF_KEY:
    case CONF_CHECKPOINT:
        break;
    }
    field.value.type = CYAML_STRING;
    field.value.data_size = sizeof(char);
    field.value.string.max = CYAML_UNLIMITED;
    return field;
}

static size_t section_size(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot == NULL ? 0 : (size_t)(dot - key);
}

static size_t find_section(const struct schema *schema, const char *key, size_t size)
{
    for (size_t i = 0; i < schema->top_count; i++)
        if (schema->below[i] != NULL && strlen(schema->top[i].key) == size &&
            strncmp(schema->top[i].key, key, size) == 0)
            return i;
    return SIZE_MAX;
}

static size_t open_section(struct schema *schema, const char *key, size_t size, size_t slots)
{
    size_t at = schema->top_count++;
    schema->names[at] = mem_alloc(size + 1);
    memcpy(schema->names[at], key, size);
    schema->below[at] = mem_alloc((schema->table->count + 1) * sizeof **schema->below);
    schema->top[at] = (struct cyaml_schema_field){.key = schema->names[at]};
    schema->top[at].value.type = CYAML_MAPPING;
    schema->top[at].value.flags = CYAML_FLAG_OPTIONAL;
    schema->top[at].value.data_size = (uint32_t)slots;
    schema->top[at].value.mapping.fields = schema->below[at];
    return at;
}

static void build_schema(struct schema *schema, const struct conf_table *table)
{
    size_t slots = table->count * sizeof(struct slot);
    *schema = (struct schema){.table = table};
    schema->top = mem_alloc((table->count + 1) * sizeof *schema->top);
    schema->below = mem_alloc((table->count + 1) * sizeof *schema->below);
    schema->names = mem_alloc((table->count + 1) * sizeof *schema->names);
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->rows[i];
        size_t section = section_size(row->key);
        if (section == 0) {
            schema->top[schema->top_count++] = field_for(row, i, row->key);
            continue;
        }
        size_t at = find_section(schema, row->key, section);
        if (at == SIZE_MAX)
            at = open_section(schema, row->key, section, slots);
        size_t count = 0;
        while (schema->below[at][count].key != NULL)
            count++;
        schema->below[at][count] = field_for(row, i, row->key + section + 1);
    }
    schema->root.type = CYAML_MAPPING;
    schema->root.flags = CYAML_FLAG_POINTER;
    schema->root.data_size = (uint32_t)slots;
    schema->root.mapping.fields = schema->top;
}

static void free_schema(struct schema *schema)
{
    for (size_t i = 0; i < schema->top_count; i++) {
        mem_free(schema->below[i]);
        mem_free(schema->names[i]);
    }
    mem_free(schema->top);
    mem_free(schema->below);
    mem_free(schema->names);
}

/* libcyaml tells the fault first and then, line by line, where; the first place is the nearest. */
struct faults {
    char what[256];
    unsigned line;
};

static void on_fault(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
    struct faults *faults = ctx;
    char text[256];
    (void)level;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *place = strstr(text, "line: ");
    if (place != NULL) {
        if (faults->line == 0)
            sscanf(place, "line: %u", &faults->line);
    } else if (strstr(text, "Backtrace") == NULL && faults->what[0] == '\0') {
        const char *start = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
        snprintf(faults->what, sizeof faults->what, "%s", start);
    }
}

/* The line of the last part of key in text, for values that libcyaml accepted but the table
 * refuses; 0 if not found. */
static unsigned line_of(struct span text, const char *key)
{
    size_t section = section_size(key);
    const char *leaf = section == 0 ? key : key + section + 1;
    bool inside = section == 0;
    unsigned line = 0;
    for (size_t at = 0; at < text.size;) {
        const char *start = (const char *)text.data + at;
        const char *end = memchr(start, '\n', text.size - at);
        size_t size = end == NULL ? text.size - at : (size_t)(end - start), indent = 0;
        line++;
        at += size + 1;
        while (indent < size && start[indent] == ' ')
            indent++;
        if (section > 0 && indent == 0 && size > 0 && start[0] != '#')
            inside = size > section && strncmp(start, key, section) == 0 && start[section] == ':';
        if (inside && (section > 0) == (indent > 0) && size - indent > strlen(leaf) &&
            strncmp(start + indent, leaf, strlen(leaf)) == 0 && start[indent + strlen(leaf)] == ':')
            return line;
    }
    return 0;
}

/* libcyaml places an unknown key at the start of its mapping: look on from there. */
static unsigned line_of_unknown(struct span text, const struct faults *faults)
{
    static const char head[] = "Unexpected key: ";
    unsigned line = 0;
    if (strncmp(faults->what, head, strlen(head)) != 0)
        return faults->line;
    const char *key = faults->what + strlen(head);
    for (size_t at = 0; at < text.size;) {
        const char *start = (const char *)text.data + at;
        const char *end = memchr(start, '\n', text.size - at);
        size_t size = end == NULL ? text.size - at : (size_t)(end - start), indent = 0;
        at += size + 1;
        while (indent < size && start[indent] == ' ')
            indent++;
        if (++line >= faults->line && size - indent > strlen(key) &&
            strncmp(start + indent, key, strlen(key)) == 0)
            return line;
    }
    return faults->line;
}

static bool take_slot(void *values, const struct conf_row *row, const struct slot *slot,
                      const char *where, struct buf *error)
{
    char number[24];
    switch (row->type) {
    case CONF_NUMBER:
        snprintf(number, sizeof number, "%llu", (unsigned long long)*(uint64_t *)slot->pointer);
        return conf_set(values, row, number, where, error);
    case CONF_FLAG:
        return conf_set(values, row, *(bool *)slot->pointer ? "true" : "false", where, error);
    case CONF_LIST:
        return conf_set_list(values, row, slot->pointer, (size_t)slot->count, where, error);
    case CONF_TEXT:
    case CONF_ENDPOINT:
    case CONF_LEVEL:
    case CONF_KEY:
    case CONF_CHECKPOINT:
        break;
    }
    return conf_set(values, row, slot->pointer, where, error);
}

static bool take_slots(const struct conf_table *table, void *values, bool *is_set,
                       const struct slot *slots, struct span text, const char *path,
                       struct buf *error)
{
    for (size_t i = 0; i < table->count; i++) {
        struct buf where = {0};
        if (slots[i].pointer == NULL)
            continue;
        buf_printf(&where, "%s:%u: %s", path, line_of(text, table->rows[i].key),
                   table->rows[i].key);
        buf_add_u8(&where, 0);
        is_set[i] = true;
        bool good = take_slot(values, &table->rows[i], &slots[i], (const char *)where.data, error);
        buf_free(&where);
        if (!good)
            return false;
    }
    return true;
}

bool conf_yaml_parse(const struct conf_table *table, void *values, bool *is_set, struct span text,
                     const char *path, struct buf *error)
{
    struct schema schema;
    struct faults faults = {{0}, 0};
    struct slot *slots = NULL;
    const cyaml_config_t config = {.log_fn = on_fault,
                                   .log_ctx = &faults,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_ERROR,
                                   .flags = CYAML_CFG_NO_ALIAS};
    build_schema(&schema, table);
    cyaml_err_t status = cyaml_load_data(text.data, text.size, &config, &schema.root,
                                         (cyaml_data_t **)(void *)&slots, NULL);
    bool good = status == CYAML_OK;
    if (!good)
        buf_printf(error, "%s:%u: %s; %s --sample-config prints what may stand there", path,
                   line_of_unknown(text, &faults),
                   faults.what[0] != '\0' ? faults.what : cyaml_strerror(status), table->program);
    else if (slots != NULL)
        good = take_slots(table, values, is_set, slots, text, path, error);
    if (slots != NULL)
        cyaml_free(&config, &schema.root, slots, 0);
    free_schema(&schema);
    return good;
}

bool conf_yaml_load(const struct conf_table *table, void *values, bool *is_set, const char *path,
                    struct buf *error)
{
    struct buf text = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        buf_printf(error, "%s: cannot open: %s", path, strerror(errno));
        return false;
    }
    buf_reserve(&text, CONF_FILE_MAX + 1);
    text.size = fread(text.data, 1, CONF_FILE_MAX + 1, file);
    bool good = ferror(file) == 0 && text.size <= CONF_FILE_MAX;
    fclose(file);
    if (!good)
        buf_printf(error, "%s: cannot be read, or larger than %lu bytes", path, CONF_FILE_MAX);
    else
        good = conf_yaml_parse(table, values, is_set, buf_span(&text), path, error);
    buf_free(&text);
    return good;
}
