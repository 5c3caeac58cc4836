#include "conf/conf_table.h"

static size_t section_size(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot == NULL ? 0 : (size_t)(dot - key);
}

static void add_bounds(struct buf *out, const struct conf_row *row)
{
    if (row->type == CONF_NUMBER)
        buf_printf(out, " %llu to %llu.", (unsigned long long)row->minimum,
                   (unsigned long long)row->maximum);
    if (row->minimum > 0 && row->preset == NULL)
        buf_add_str(out, " Needed.");
    else if (row->preset != NULL)
        buf_printf(out, " Default: %s.", row->preset);
}

void conf_print_help(struct buf *out, const struct conf_table *table)
{
    buf_printf(out, "%s: %s.\n\nUsage: %s [--config FILE.yaml] [options]\n\n", table->program,
               table->what, table->program);
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->rows[i];
        if (row->short_key != NULL)
            buf_printf(out, "  --%s, --%s %s\n      %s", row->short_key, row->key, row->value_name,
                       row->doc);
        else
            buf_printf(out, "  --%s %s\n      %s", row->key, row->value_name, row->doc);
        add_bounds(out, row);
        buf_add_str(out, "\n");
    }
    buf_printf(out,
               "  --config FILE.yaml\n      The same settings in a file; the command line wins.\n"
               "  --sample-config\n      Print a file with all settings.\n"
               "  --version\n  --help\n");
}

static void add_sample_value(struct buf *out, const struct conf_row *row)
{
    if (row->type == CONF_LIST)
        buf_printf(out, "[%s]", row->preset == NULL ? row->value_name : row->preset);
    else
        buf_add_str(out, row->preset == NULL ? row->value_name : row->preset);
}

/* Settings with a default are commented out, so the file keeps following the defaults. */
static void add_sample_row(struct buf *out, const struct conf_row *row)
{
    size_t section = section_size(row->key);
    const char *indent = section == 0 ? "" : "  ",
               *leaf = section == 0 ? row->key : row->key + section + 1;
    buf_printf(out, "%s# %s", indent, row->doc);
    add_bounds(out, row);
    buf_printf(out, "\n%s%s%s: ", row->minimum > 0 && row->preset == NULL ? "" : "#", indent, leaf);
    add_sample_value(out, row);
    buf_add_str(out, "\n");
}

static bool section_is_live(const struct conf_table *table, const char *key, size_t section)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->rows[i];
        if (section_size(row->key) == section && strncmp(row->key, key, section) == 0 &&
            row->minimum > 0 && row->preset == NULL)
            return true;
    }
    return false;
}

void conf_print_sample(struct buf *out, const struct conf_table *table)
{
    buf_printf(out, "# %s --config FILE. Made by %s --sample-config.\n", table->program,
               table->program);
    for (size_t i = 0; i < table->count; i++) {
        const struct conf_row *row = &table->rows[i];
        size_t section = section_size(row->key);
        bool opens = section > 0 && (i == 0 || section_size(row[-1].key) != section ||
                                     strncmp(row[-1].key, row->key, section) != 0);
        if (opens)
            buf_printf(out, "\n%s%.*s:\n", section_is_live(table, row->key, section) ? "" : "#",
                       (int)section, row->key);
        add_sample_row(out, row);
    }
}
