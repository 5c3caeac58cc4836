#include "gateway/rpc/trace_args.h"

#include "gateway/rpc/params_hex.h"

#include <stdio.h>

/* ---- durations ---- */

/* Digits, then perhaps a point and more of them. */
static bool scan_number(struct span *text, double *out)
{
    double scale = 1;
    bool any = false, fraction = false;
    *out = 0;
    for (; text->size > 0; *text = SPAN(text->data + 1, text->size - 1)) {
        uint8_t c = text->data[0];
        if (c == '.' && !fraction) {
            fraction = true;
        } else if (c >= '0' && c <= '9') {
            any = true;
            scale = fraction ? scale / 10 : scale;
            *out = fraction ? *out + (c - '0') * scale : *out * 10 + (c - '0');
        } else {
            break;
        }
    }
    return any;
}

static bool scan_unit(struct span *text, double *out_ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"\xc2\xb5s", 1e-3}, {"\xce\xbcs", 1e-3},
                 {"ms", 1},    {"s", 1000},  {"m", 60000},        {"h", 3600000}};
    size_t size = 0;
    while (size < text->size && text->data[size] != '.' &&
           !(text->data[size] >= '0' && text->data[size] <= '9'))
        size++;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (!span_equal(SPAN(text->data, size), SPAN_STR(units[i].name)))
            continue;
        *out_ms = units[i].ms;
        *text = SPAN(text->data + size, text->size - size);
        return true;
    }
    return false;
}

bool trace_duration(struct span text, uint64_t *out_ms)
{
    double total = 0, number, unit;
    bool negative = text.size > 0 && text.data[0] == '-';
    *out_ms = 0;
    if (text.size > 0 && (negative || text.data[0] == '+'))
        text = SPAN(text.data + 1, text.size - 1);
    if (span_equal(text, SPAN_STR("0")))
        return true;
    if (text.size == 0)
        return false;
    while (text.size > 0) {
        if (!scan_number(&text, &number) || !scan_unit(&text, &unit))
            return false;
        total += number * unit;
    }
    if (negative)
        return true;
    if (total >= 9223372036854.0) /* 64 bits of nanoseconds */
        return false;
    *out_ms = (uint64_t)total + (total > (double)(uint64_t)total);
    return true;
}

/* ---- faults that come late ---- */

static void set_fault(struct call *call, struct trace_args *out, const char *before,
                      struct span middle, const char *after)
{
    if (out->fault.size > 0)
        return;
    struct buf text = {0};
    buf_add_str(&text, before);
    buf_add_span(&text, middle);
    buf_add_str(&text, after);
    uint8_t *copy = call_alloc(call, text.size);
    memcpy(copy, text.data, text.size);
    out->fault = SPAN(copy, text.size);
    buf_free(&text);
}

/* A member of tracerConfig. */
static bool tracer_flag(struct call *call, const struct json_t *config, const char *type,
                        const char *name, struct trace_args *out)
{
    const struct json_t *value = member_fold(config, name);
    char before[128];
    if (value == NULL || json_kind(value) == JSON_KIND_BOOL)
        return json_bool_of(value);
    snprintf(before, sizeof before,
             "json: cannot unmarshal %s into Go struct field %s.%s of type bool", go_kind(value),
             type, name);
    set_fault(call, out, before, SPAN_EMPTY, "");
    return false;
}

static void read_call_config(struct call *call, const struct json_t *config, struct trace_args *out)
{
    static const char type[] = "callTracerConfig";
    out->options.only_top_call = tracer_flag(call, config, type, "onlyTopCall", out);
    out->options.with_log = tracer_flag(call, config, type, "withLog", out);
}

static void read_prestate_config(struct call *call, const struct json_t *config,
                                 struct trace_args *out)
{
    static const char type[] = "PrestateTracerConfig";
    struct trace_options *options = &out->options;
    options->diff_mode = tracer_flag(call, config, type, "diffMode", out);
    options->disable_code = tracer_flag(call, config, type, "disableCode", out);
    options->disable_storage = tracer_flag(call, config, type, "disableStorage", out);
    options->include_empty = tracer_flag(call, config, type, "includeEmpty", out);
    if (options->diff_mode && options->include_empty)
        set_fault(call, out, "cannot use diffMode with includeEmpty", SPAN_EMPTY, "");
}

static void read_tracer(struct call *call, struct span name, const struct json_t *config,
                        struct trace_args *out)
{
    static const struct {
        const char *name;
        enum trace_kind kind;
        const char *config; /* NULL: it takes none */
        void (*read)(struct call *call, const struct json_t *config, struct trace_args *out);
    } rows[] = {
        {"callTracer", TRACE_CALL, "native.callTracerConfig", read_call_config},
        {"prestateTracer", TRACE_PRESTATE, "native.PrestateTracerConfig", read_prestate_config},
        {"4byteTracer", TRACE_FOUR_BYTE, NULL, NULL},
        {"noopTracer", TRACE_NOOP, NULL, NULL},
    };
    size_t row = 0;
    while (row < ARRAY_COUNT(rows) && !span_equal(name, SPAN_STR(rows[row].name)))
        row++;
    if (row == ARRAY_COUNT(rows)) {
        set_fault(call, out, "tracer not found: ", name, "");
        return;
    }
    out->options.kind = rows[row].kind;
    if (rows[row].config == NULL)
        return;
    if (json_kind(config) == JSON_KIND_OBJECT || json_kind(config) == JSON_KIND_NULL) {
        rows[row].read(call, config, out);
        return;
    }
    char text[128];
    snprintf(text, sizeof text, "json: cannot unmarshal %s into Go value of type %s",
             go_kind(config), rows[row].config);
    set_fault(call, out, text, SPAN_EMPTY, "");
}

static void read_timeout(struct call *call, struct span text, struct trace_args *out)
{
    struct buf quoted = {0};
    if (!trace_duration(text, &out->timeout_ms)) {
        json_put_string(&quoted, text);
        set_fault(call, out, "time: invalid duration ", buf_span(&quoted), "");
    } else if (out->timeout_ms == 0) {
        set_fault(call, out, "execution timeout", SPAN_EMPTY, "");
    }
    buf_free(&quoted);
}

/* ---- the object ---- */

struct source {
    struct call *call;
    size_t index;
    const struct json_t *object;
    const char *type;
};

/* The member as a value of kind, which Go calls go_type. *out is NULL when it is absent. False: it
 * is something else. */
static bool read_member(const struct source *source, const char *name, enum json_kind kind,
                        const char *go_type, const struct json_t **out)
{
    char field[64];
    const struct json_t *value = member_fold(source->object, name);
    *out = value;
    if (value == NULL || json_kind(value) == kind)
        return true;
    snprintf(field, sizeof field, "%s.%s", source->type, name);
    const struct place at = {.call = source->call, .index = source->index, .field = field};
    return place_type_fault(&at, go_kind(value), go_type);
}

static bool read_flag(const struct source *source, const char *name, bool *out)
{
    const struct json_t *value;
    if (!read_member(source, name, JSON_KIND_BOOL, "bool", &value))
        return false;
    *out = json_bool_of(value);
    return true;
}

static bool read_steps(const struct source *source, struct trace_options *out)
{
    const struct json_t *limit;
    if (!read_flag(source, "EnableMemory", &out->enable_memory) ||
        !read_flag(source, "DisableStack", &out->disable_stack) ||
        !read_flag(source, "DisableStorage", &out->disable_storage) ||
        !read_flag(source, "EnableReturnData", &out->enable_return_data) ||
        !read_member(source, "Limit", JSON_KIND_INTEGER, "int", &limit))
        return false;
    out->limit = json_integer_of(limit);
    return true;
}

static bool read_overrides(const struct source *source, struct trace_args *out)
{
    struct call *call = source->call;
    const struct json_t *index = member_fold(source->object, "TxIndex");
    const struct place at = {
        .call = call, .index = source->index, .field = "TraceCallConfig.TxIndex"};
    out->has_tx_index = index != NULL;
    return field_state_override(call, source->index, "StateOverrides.",
                                member_fold(source->object, "StateOverrides"),
                                &out->state_override) &&
           field_block_override(call, source->index, "BlockOverrides.",
                                member_fold(source->object, "BlockOverrides"),
                                &out->block_override) &&
           (index == NULL || place_u64(&at, index, "hexutil.Uint", &out->tx_index));
}

bool param_trace(struct call *call, size_t index, bool for_call, struct trace_args *out)
{
    const struct source source = {call, index, call_param(call, index),
                                  for_call ? "TraceCallConfig" : "TraceConfig"};
    const struct place at = {.call = call, .index = index};
    const struct json_t *tracer, *timeout;
    *out = (struct trace_args){0};
    if (source.object == NULL)
        return true;
    if (json_kind(source.object) != JSON_KIND_OBJECT)
        return place_type_fault(&at, go_kind(source.object),
                                for_call ? "tracers.TraceCallConfig" : "tracers.TraceConfig");
    if (!read_steps(&source, &out->options) ||
        !read_member(&source, "Tracer", JSON_KIND_STRING, "string", &tracer) ||
        !read_member(&source, "Timeout", JSON_KIND_STRING, "string", &timeout) ||
        (for_call && !read_overrides(&source, out)))
        return false;
    if (tracer != NULL)
        read_tracer(call, json_text(tracer), member_fold(source.object, "TracerConfig"), out);
    if (timeout != NULL)
        read_timeout(call, json_text(timeout), out);
    return true;
}
