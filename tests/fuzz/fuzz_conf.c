/* Any bytes as a configuration file: an error with a text, or values that can be freed. */
#include "conf/conf_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct conf_table *table, struct span text)
{
    void *values = mem_alloc(table->size);
    bool *is_set = mem_alloc(table->count * sizeof(bool));
    struct buf error = {0};
    bool good = conf_yaml_parse(table, values, is_set, text, "fuzz", &error);
    ASSERT(good == (error.size == 0));
    for (size_t i = 0; i < table->count; i++)
        conf_clear(values, &table->rows[i]);
    mem_free(values);
    mem_free(is_set);
    buf_free(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(&CONF_GATE, SPAN(data, size));
    run(&CONF_SERVE, SPAN(data, size));
    return 0;
}
