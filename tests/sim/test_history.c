/* EIP-2935: an old header is found through the state of the head, from one server. */
#include "les/node/devchain.h"
#include "tests/fixture/fixture.h"
#include "tests/sim/world_les.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* EIP-2935 gives the code: asked, the hash of a number; by the system, a hash to keep. */
#define HISTORY_CODE                                                                               \
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611f" \
    "ff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"

TestSuite(history, .fini = fixture_leak_gate, .timeout = 120);

struct place {
    struct sim *sim;
    struct devchain *devchain;
};

static void place_open(struct place *place, const char *forks, unsigned blocks)
{
    char path[] = "/tmp/lesgate-history-XXXXXX";
    struct buf text = {0}, error = {0};
    buf_printf(
        &text,
        "{\"config\":{\"chainId\":77,\"homesteadBlock\":0,\"eip150Block\":0,\"eip155Block\":"
        "0,\"eip158Block\":0,\"byzantiumBlock\":0,\"constantinopleBlock\":0,"
        "\"petersburgBlock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0,"
        "\"terminalTotalDifficulty\":0,\"shanghaiTime\":0%s},"
        "\"difficulty\":\"0x0\",\"gasLimit\":\"0x1c9c380\",\"baseFeePerGas\":\"0x3b9aca00\","
        "\"alloc\":{\"0000f90827f1c53a10cb7a02335b175320002935\":{\"balance\":\"0x0\","
        "\"nonce\":\"0x1\",\"code\":\"0x" HISTORY_CODE "\"},"
        /* the contracts that a Prague block asks for requests: they have none */
        "\"00000961ef480eb55e80d19ad83579a64c007002\":{\"balance\":\"0x0\",\"code\":\"0x00\"},"
        "\"0000bbddc7ce488642fb579f8b00f3a590007251\":{\"balance\":\"0x0\",\"code\":\"0x00\"}}}",
        forks);
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, text.data, text.size), (ssize_t)text.size);
    close(file);
    place->sim = sim_new(9, path, NULL, 1);
    unlink(path);
    place->devchain =
        devchain_new(sim_server_loop(place->sim, 0), sim_ledger(place->sim, 0),
                     sim_pool(place->sim, 0), sim_crypto(place->sim, 0), NULL, 3600000, &error);
    cr_assert_not_null(place->devchain);
    for (unsigned i = 0; i < blocks; i++)
        cr_assert(devchain_make_block(place->devchain));
    sim_start_light(place->sim, 1, 100);
    sim_wait_head(place->sim, blocks, 5000);
    buf_free(&text);
    buf_free(&error);
}

static void place_close(struct place *place)
{
    devchain_free(place->devchain);
    sim_free(place->sim);
}

static void expect_block(struct place *place, unsigned number, enum header_proof proof)
{
    struct chain_stats before, after;
    char request[160], hash[80] = "\"hash\":\"0x";
    chain_stats(sim_light(place->sim)->chain, &before);
    snprintf(request, sizeof request,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getHeaderByNumber\",\"params\":[\"0x%x"
             "\"]}",
             number);
    const char *answer = sim_rpc(place->sim, request);
    hex_encode(hash + 10,
               SPAN(ledger_by_number(sim_ledger(place->sim, 0), number)->hash.bytes, 32));
    cr_assert_not_null(strstr(answer, hash), "%s\n%s", answer, sim_log(place->sim));
    chain_stats(sim_light(place->sim)->chain, &after);
    cr_assert_eq(after.found_by[proof], before.found_by[proof] + 1, "block %u", number);
    cr_assert_eq(sim_lies(place->sim), 0, "%s", sim_log(place->sim));
}

#define BLOBS(fork) "\"" fork "\":{\"target\":3,\"max\":6,\"baseFeeUpdateFraction\":3338477}"
#define CANCUN      ",\"cancunTime\":0,\"blobSchedule\":{" BLOBS("cancun") "," BLOBS("prague") "}"

Test(history, old_headers_are_proved_by_the_state)
{
    struct place place;
    place_open(&place, CANCUN ",\"pragueTime\":0", 8400);
    expect_block(&place, 8398, HEADER_BY_PARENT);
    expect_block(&place, 7000, HEADER_BY_STATE);
    expect_block(&place, 300, HEADER_BY_STATE);
    expect_block(&place, 8400 - 8191, HEADER_BY_STATE);
    expect_block(&place, 8400 - 8192 - 100, HEADER_BY_QUORUM);
    place_close(&place);
}

Test(history, before_prague_there_is_none)
{
    struct place place;
    place_open(&place, CANCUN, 1500);
    expect_block(&place, 100, HEADER_BY_QUORUM);
    place_close(&place);
}
