#include "conf/conf.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(conf, .fini = fixture_leak_gate);

#define ARGS(...) ((char *const[]){(char *)"lesgate", __VA_ARGS__, NULL})
#define A(text)   ((char *)(uintptr_t)(text))
#define NEEDED                                                                                     \
    A("--genesis"), A("g.json"), A("--ulc.trusted"), A("enode://a@1.1.1.1:1,enode://b@1.1.1.1:2")

static int count(char *const *argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    return argc;
}

static struct conf_gate *must_read(char *const *argv)
{
    struct conf_gate *conf;
    struct buf text = {0};
    enum conf_result result = conf_gate_read(&conf, count(argv), argv, &text);
    cr_assert_eq(result, CONF_RUN, "%.*s", (int)text.size, (const char *)text.data);
    buf_free(&text);
    return conf;
}

static void expect_wrong(char *const *argv, const char *says)
{
    struct conf_gate *conf;
    struct buf text = {0};
    cr_assert_eq(conf_gate_read(&conf, count(argv), argv, &text), CONF_WRONG, "%s", says);
    cr_assert_null(conf);
    buf_add_u8(&text, 0);
    cr_assert_not_null(strstr((const char *)text.data, says), "gave: %s\nwant: %s",
                       (const char *)text.data, says);
    cr_assert_null(strchr((const char *)text.data, '\n'), "one line: %s", (const char *)text.data);
    buf_free(&text);
}

/* Writes text to a new file; path holds its name. */
static void write_file(char path[32], const char *text)
{
    strcpy(path, "/tmp/test_conf_XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

Test(conf, presets_fill_what_nobody_named)
{
    struct conf_gate *conf = must_read(ARGS(NEEDED));
    cr_assert_str_eq(conf->genesis, "g.json");
    cr_assert_eq(conf->ulc_trusted.count, 2);
    cr_assert_str_eq(conf->ulc_trusted.items[1], "enode://b@1.1.1.1:2");
    cr_assert_eq(conf->ulc_fraction, 75);
    cr_assert_str_eq(conf->http_listen, "127.0.0.1:8545");
    cr_assert_eq(conf->http_vhosts.count, 1);
    cr_assert_eq(conf->http_corsdomain.count, 0);
    cr_assert(conf->http_ws);
    cr_assert(!conf->discovery_v4);
    cr_assert_null(conf->nodekey);
    conf_gate_free(conf);
}

Test(conf, both_spellings_of_options_work)
{
    struct conf_gate *conf =
        must_read(ARGS(NEEDED, A("--http=0.0.0.0:1"), A("--ulc.fraction"), A("100"),
                       A("--ws=false"), A("--discovery.v4"), A("--http.corsdomain"), A(" a , b "),
                       A("--rpc.timeout-ms=500"), A("--http.gzip"), A("false")));
    cr_assert_str_eq(conf->http_listen, "0.0.0.0:1");
    cr_assert_eq(conf->ulc_fraction, 100);
    cr_assert(!conf->http_ws);
    cr_assert(!conf->http_gzip);
    cr_assert(conf->discovery_v4);
    cr_assert_eq(conf->http_corsdomain.count, 2);
    cr_assert_str_eq(conf->http_corsdomain.items[0], "a");
    cr_assert_str_eq(conf->http_corsdomain.items[1], "b");
    cr_assert_eq(conf->rpc_timeout_ms, 500);
    conf_gate_free(conf);
}

Test(conf, the_command_line_wins_over_the_file)
{
    char path[32];
    write_file(path, "genesis: file.json\n"
                     "ulc:\n  trusted: [one, two, three]\n  fraction: 66\n"
                     "http:\n  listen: 127.0.0.1:9\n  ws: false\n"
                     "log: debug\n");
    struct conf_gate *conf =
        must_read(ARGS(A("--config"), path, A("--ulc.fraction"), A("50"), A("--log"), A("warn")));
    unlink(path);
    cr_assert_str_eq(conf->genesis, "file.json");
    cr_assert_eq(conf->ulc_trusted.count, 3);
    cr_assert_eq(conf->ulc_fraction, 50);
    cr_assert_str_eq(conf->http_listen, "127.0.0.1:9");
    cr_assert(!conf->http_ws);
    cr_assert_str_eq(conf->log, "warn");
    cr_assert_eq(conf->rpc_timeout_ms, 10000);
    conf_gate_free(conf);
}

Test(conf, faults_on_the_command_line_are_named)
{
    expect_wrong(ARGS(A("--genesis"), A("g")),
                 "ulc.trusted is missing: give --ulc.trusted ENODE,...");
    expect_wrong(ARGS(A("--ulc.trusted=a")), "genesis is missing: give --genesis FILE");
    expect_wrong(ARGS(NEEDED, A("--bogus"), A("1")),
                 "--bogus is unknown; lesgate --help lists the options");
    expect_wrong(ARGS(NEEDED, A("stray")), "\"stray\" is no option");
    expect_wrong(ARGS(NEEDED, A("--ulc.fraction"), A("0")),
                 "--ulc.fraction: 0 is out of bounds: at least 1, at most 100");
    expect_wrong(ARGS(NEEDED, A("--ulc.fraction"), A("101")), "101 is out of bounds");
    expect_wrong(ARGS(NEEDED, A("--ulc.fraction"), A("1e2")), "\"1e2\" is not a whole number");
    expect_wrong(ARGS(NEEDED, A("--ulc.fraction"), A("-1")), "\"-1\" is not a whole number");
    expect_wrong(ARGS(NEEDED, A("--ulc.fraction"), A("18446744073709551616")),
                 "not a whole number");
    expect_wrong(ARGS(NEEDED, A("--ulc.fraction")), "--ulc.fraction needs a value: PERCENT");
    expect_wrong(ARGS(NEEDED, A("--http"), A("example.org:80")),
                 "--http: \"example.org:80\" is not HOST:PORT");
    expect_wrong(ARGS(NEEDED, A("--http"), A("127.0.0.1")), "not HOST:PORT");
    expect_wrong(ARGS(NEEDED, A("--nodekey"), A("1234")), "--nodekey: \"...\" is not a secret key");
    expect_wrong(ARGS(NEEDED, A("--log"), A("loud")), "--log: \"loud\" is not one of");
    expect_wrong(ARGS(NEEDED, A("--ws=maybe")), "--ws: \"maybe\" is neither true nor false");
    expect_wrong(ARGS(NEEDED, A("--peers"), A("a,,b")), "--peers: \"\" is empty");
    expect_wrong(ARGS(NEEDED, A("--checkpoint"), A("5:0x12:0x:0x")),
                 "--checkpoint: \"5:0x12:0x:0x\" is not INDEX:HEAD:CHT:BLOOM");
    expect_wrong(ARGS(NEEDED, A("--config"), A("/nonexistent.yaml")),
                 "/nonexistent.yaml: cannot open");
    expect_wrong(ARGS(A("--genesis="), A("--ulc.trusted=a")), "--genesis: \"\" is empty");
}

Test(conf, faults_in_the_file_have_their_line)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"genesis: g\nulc:\n  trusted: [a]\n  fracton: 5\n", ":4: "},
        {"genesis: g\nulc:\n  trusted: [a]\n  fraction: many\n", ":4: "},
        {"genesis: g\nulc:\n  trusted: [a]\n  fraction: 500\n",
         ":4: ulc.fraction: 500 is out of bounds"},
        {"genesis: g\nulc:\n  trusted: a\n", ":3: "},
        {"genesis: g\nulc:\n  trusted: [a]\nhttp:\n  # comment\n  listen: here\n",
         ":6: http.listen: \"here\" is not HOST:PORT"},
        {"genesis: g\nulc:\n  trusted: []\n", "ulc.trusted is missing"},
        {"genesis: [g]\n", ":1: "},
        {"genesis: g\n  ulc: x\n", ":"},
        {"a: &a b\ngenesis: *a\n", ":"},
        {"\t", ":"},
        {"genesis: g\n", "ulc.trusted is missing"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char path[32];
        struct buf says = {0};
        write_file(path, rows[i].text);
        buf_printf(&says, "%s%s", rows[i].says[0] == ':' ? path : "", rows[i].says);
        buf_add_u8(&says, 0);
        expect_wrong(ARGS(A("--config"), path), (const char *)says.data);
        buf_free(&says);
        unlink(path);
    }
}

Test(conf, help_and_samples_are_made_from_the_table)
{
    struct conf_gate *conf;
    struct conf_serve *serve;
    struct buf text = {0};
    cr_assert_eq(conf_gate_read(&conf, 2, ARGS(A("--help")), &text), CONF_PRINT);
    buf_add_u8(&text, 0);
    cr_assert_not_null(strstr((const char *)text.data, "--http, --http.listen HOST:PORT"));
    cr_assert_not_null(strstr((const char *)text.data, "1 to 100. Default: 75."));
    buf_clear(&text);
    cr_assert_eq(conf_serve_read(&serve, 2, ARGS(A("--help")), &text), CONF_PRINT);
    buf_add_u8(&text, 0);
    cr_assert_not_null(strstr((const char *)text.data, "--dev.period-ms N"));
    buf_clear(&text);
    cr_assert_eq(conf_gate_read(&conf, 2, ARGS(A("--version")), &text), CONF_PRINT);
    cr_assert(span_equal(buf_span(&text), SPAN_STR("lesgate " LESGATE_VERSION "\n")));
    buf_free(&text);
}

static struct buf read_source(const char *path)
{
    struct buf text = {0};
    char chunk[4096];
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        buf_add(&text, chunk, got);
    fclose(file);
    return text;
}

/* The files in the repository are what --sample-config prints, and they are legal. */
Test(conf, sample_files_are_up_to_date)
{
    struct conf_gate *conf;
    struct conf_serve *serve;
    struct buf text = {0}, file = read_source(SOURCE_DIR "/conf/gateway.conf");
    cr_assert_eq(conf_gate_read(&conf, 2, ARGS(A("--sample-config")), &text), CONF_PRINT);
    cr_assert(span_equal(buf_span(&text), buf_span(&file)),
              "make conf/gateway.conf again: lesgate --sample-config");
    buf_free(&file);
    buf_clear(&text);
    file = read_source(SOURCE_DIR "/conf/lesserve.yaml");
    cr_assert_eq(conf_serve_read(&serve, 2, ARGS(A("--sample-config")), &text), CONF_PRINT);
    cr_assert(span_equal(buf_span(&text), buf_span(&file)),
              "make conf/lesserve.yaml again: lesserve --sample-config");
    buf_free(&file);
    buf_free(&text);
    conf = must_read(ARGS(A("--config"), A(SOURCE_DIR "/conf/gateway.conf")));
    conf_gate_free(conf);
}

Test(conf, typed_values_are_strict)
{
    struct endpoint endpoint;
    struct conf_checkpoint checkpoint;
    struct seckey32 key;
    struct buf text = {0};
    cr_assert(conf_endpoint(&endpoint, "localhost:8545"));
    cr_assert_eq(endpoint.port, 8545);
    cr_assert(endpoint_is_loopback(&endpoint));
    cr_assert(!conf_endpoint(&endpoint, "localhost:"));
    cr_assert(!conf_endpoint(&endpoint, "localhost:99999"));
    buf_printf(&text, "7:0x%064d:%064d:0x%064d", 1, 2, 3);
    buf_add_u8(&text, 0);
    cr_assert(conf_checkpoint_parse(&checkpoint, (const char *)text.data));
    cr_assert_eq(checkpoint.section_index, 7);
    cr_assert_eq(checkpoint.bloom_root.bytes[31], 3);
    text.data[text.size - 1] = ':';
    buf_add_u8(&text, 0);
    cr_assert(!conf_checkpoint_parse(&checkpoint, (const char *)text.data));
    cr_assert(!conf_checkpoint_parse(&checkpoint, ""));
    cr_assert(!conf_checkpoint_parse(&checkpoint, "7"));
    buf_clear(&text);
    buf_printf(&text, "%064d", 0);
    buf_add_u8(&text, 0);
    cr_assert(!conf_nodekey(&key, (const char *)text.data), "zero is no key");
    text.data[63] = '1';
    cr_assert(conf_nodekey(&key, (const char *)text.data));
    buf_free(&text);
}
