#include "les/base/limits.h"
#include "les/base/log.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

TestSuite(log, .fini = fixture_leak_gate);

static int64_t fixed_time(void *owner)
{
    return *(const int64_t *)owner;
}

/* A log that writes into a temporary file. */
struct sink {
    FILE *file;
    struct log *log;
    int64_t now;
    char text[8 * LOG_LINE_MAX];
};

static void sink_open(struct sink *sink, enum log_level level)
{
    sink->file = tmpfile();
    cr_assert_not_null(sink->file);
    sink->now = 1700000000;
    sink->log = log_new(fileno(sink->file), level, fixed_time, &sink->now);
}

static const char *sink_close(struct sink *sink)
{
    log_free(sink->log);
    rewind(sink->file);
    size_t size = fread(sink->text, 1, sizeof(sink->text) - 1, sink->file);
    sink->text[size] = 0;
    fclose(sink->file);
    return sink->text;
}

static struct sink sink;

Test(log, a_line_has_time_level_room_message_and_fields)
{
    sink_open(&sink, LOG_INFO);
    char number[24];
    log_write(sink.log, LOG_WARN, "les", "peer left", "peer", "1.2.3.4:30303", "count",
              log_u64(number, UINT64_MAX), NULL);
    log_write(sink.log, LOG_INFO, "ulc", "head", NULL);
    cr_assert_str_eq(sink_close(&sink),
                     "2023-11-14T22:13:20Z warn les: peer left peer=1.2.3.4:30303 "
                     "count=18446744073709551615\n"
                     "2023-11-14T22:13:20Z info ulc: head\n");
}

Test(log, lines_above_the_level_are_not_written)
{
    sink_open(&sink, LOG_WARN);
    cr_assert(log_on(sink.log, LOG_ERROR));
    cr_assert(log_on(sink.log, LOG_WARN));
    cr_assert(!log_on(sink.log, LOG_INFO));
    log_write(sink.log, LOG_INFO, "les", "quiet", NULL);
    log_write(sink.log, LOG_TRACE, "les", "quiet", NULL);
    log_write(sink.log, LOG_ERROR, "les", "loud", NULL);
    cr_assert_str_eq(sink_close(&sink), "2023-11-14T22:13:20Z error les: loud\n");
}

Test(log, a_peer_cannot_forge_a_line)
{
    sink_open(&sink, LOG_INFO);
    log_write(sink.log, LOG_INFO, "p2p", "hello", "name",
              "Geth\n2023-11-14T22:13:20Z error ulc: quorum lost", NULL);
    const char *text = sink_close(&sink);
    cr_assert_str_eq(text, "2023-11-14T22:13:20Z info p2p: hello "
                           "name=\"Geth\\n2023-11-14T22:13:20Z error ulc: quorum lost\"\n");
}

Test(log, a_peer_cannot_forge_a_field_or_close_the_quote)
{
    sink_open(&sink, LOG_INFO);
    log_write(sink.log, LOG_INFO, "p2p", "hello", "a", "x level=error", "b", "x\" c=\"y", "d",
              "q\\", "e", "k=v", "f", "", NULL);
    cr_assert_str_eq(sink_close(&sink), "2023-11-14T22:13:20Z info p2p: hello a=\"x level=error\" "
                                        "b=\"x\\\" c=\\\"y\" d=\"q\\\\\" e=\"k=v\" f=\"\"\n");
}

Test(log, no_byte_of_a_value_reaches_a_terminal_raw)
{
    for (unsigned value = 1; value < 256; value++) {
        char text[3] = {'x', (char)value, 0};
        sink_open(&sink, LOG_INFO);
        log_write(sink.log, LOG_INFO, "p2p", text, "name", text, NULL);
        const char *line = sink_close(&sink);
        size_t size = strlen(line);
        for (size_t i = 0; i + 1 < size; i++)
            cr_assert(line[i] >= ' ' && line[i] < 0x7f, "byte %u", value);
        cr_assert_eq(line[size - 1], '\n');
    }
}

Test(log, a_long_value_is_cut_and_says_so)
{
    char *value = mem_alloc(LOG_VALUE_MAX + 2);
    memset(value, 'v', LOG_VALUE_MAX + 1);
    sink_open(&sink, LOG_INFO);
    log_write(sink.log, LOG_INFO, "p2p", "hello", "name", value, NULL);
    const char *line = sink_close(&sink);
    cr_assert_not_null(strstr(line, "vvv...\"\n"));
    cr_assert_eq(strlen(line),
                 strlen("2023-11-14T22:13:20Z info p2p: hello name=\"...\"\n") + LOG_VALUE_MAX);
    mem_free(value);
}

Test(log, a_line_never_passes_its_limit_and_ends_in_a_line_feed)
{
    char *value = mem_alloc(LOG_VALUE_MAX + 1);
    memset(value, '\x01', LOG_VALUE_MAX);
    sink_open(&sink, LOG_INFO);
    log_write(sink.log, LOG_INFO, "p2p", "hello", "a", value, "b", value, "c", value, NULL);
    const char *line = sink_close(&sink);
    cr_assert_eq(strlen(line), LOG_LINE_MAX);
    cr_assert_eq(line[LOG_LINE_MAX - 1], '\n');
    mem_free(value);
}

Test(log, no_log_is_a_log_that_is_off)
{
    cr_assert(!log_on(NULL, LOG_ERROR));
    log_write(NULL, LOG_ERROR, "x", "y", NULL);
    log_free(NULL);
}

Test(log, level_names_parse_and_others_do_not)
{
    enum log_level level;
    cr_assert(log_level_parse(&level, "trace"));
    cr_assert_eq(level, LOG_TRACE);
    cr_assert(log_level_parse(&level, "error"));
    cr_assert_eq(level, LOG_ERROR);
    level = LOG_DEBUG;
    cr_assert(!log_level_parse(&level, "INFO"));
    cr_assert_eq(level, LOG_ERROR);
    cr_assert(!log_level_parse(&level, ""));
}

Test(log, a_failing_assertion_prints_the_last_lines_of_every_level)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int64_t now = 0;
    FILE *null = fopen("/dev/null", "w");
    struct log *log = log_new(fileno(null), LOG_ERROR, fixed_time, &now);
    char number[24];
    for (uint64_t i = 0; i < LOG_RECENT + 10; i++)
        log_write(log, LOG_TRACE, "t", "step", "i", log_u64(number, i), NULL);
    log_dump_recent();
    log_free(log);
    log_dump_recent();
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(null);
    rewind(file);
    size_t lines = 0;
    char line[512], expected[64];
    for (uint64_t i = 10; fgets(line, sizeof(line), file) != NULL; i++, lines++) {
        snprintf(expected, sizeof(expected), "trace t: step i=%llu\n", (unsigned long long)i);
        cr_assert_not_null(strstr(line, expected), "%s", line);
    }
    cr_assert_eq(lines, LOG_RECENT);
    fclose(file);
}
