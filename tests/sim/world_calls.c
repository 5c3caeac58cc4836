#include "tests/sim/world_calls.h"

#include "les/eth/tx.h"
#include "les/eth/u256.h"
#include "les/node/devchain.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READER_CODE                                                                                \
    "3615600957436007555b" /* if there is data: slot 7 = number */                                 \
    "60005b806032146023578054600051016000526001016"                                                \
    "00c565b60206000f3" /* sum of slots 0..49 */
#define PROXY_CODE                                                                                 \
    "366000600037600060003660006"                                                                  \
    "0ff545af43d600060003e3d6000f3"

struct calls {
    struct sim *sim;
    struct devchain *devchain;
    struct seckey32 user;
    uint64_t nonce;
};

static void add_slots(struct buf *text)
{
    for (int i = 0; i < 50; i++)
        buf_printf(text, "%s\"0x%064x\":\"0x%064x\"", i > 0 ? "," : "", i, i + 1);
}

/* Calls the next account with nothing, reads one word, adds slot 0. The last one only has slot 0.
 */
static void add_chain(struct buf *text)
{
    for (unsigned i = 0; i < 10; i++) {
        buf_printf(text, ",\"00000000000000000000000000000000000000c%u\":{\"balance\":\"0x0\",", i);
        buf_add_str(text, "\"storage\":{\"0x00\":\"0x01\"},\"code\":\"0x");
        if (i < 9) /* STATICCALL(gas, next, 0, 0, 0, 32) */
            buf_printf(text, "602060006000600060c%u5afa506000516000540160005260206000f3", i + 1);
        else
            buf_add_str(text, "60005460005260206000f3");
        buf_add_str(text, "\"}");
    }
}

static void write_genesis(const char *path, const struct address20 *user)
{
    struct buf text = {0};
    buf_add_str(&text, "{\"config\":{\"chainId\":77,\"homesteadBlock\":0,\"eip150Block\":0,"
                       "\"eip155Block\":0,\"eip158Block\":0,\"byzantiumBlock\":0,"
                       "\"constantinopleBlock\":0,\"petersburgBlock\":0,\"istanbulBlock\":0,"
                       "\"berlinBlock\":0,\"londonBlock\":0,\"terminalTotalDifficulty\":0,"
                       "\"shanghaiTime\":0},\"difficulty\":\"0x0\",\"gasLimit\":\"0x1c9c380\","
                       "\"baseFeePerGas\":\"0x3b9aca00\",\"alloc\":{\"");
    buf_add_hex0x(&text, SPAN(user->bytes, 20));
    buf_add_str(&text, "\":{\"balance\":\"0xde0b6b3a7640000\"},\"" CALLS_READER
                       "\":{\"balance\":\"0x0\",\"code\":\"0x" READER_CODE "\",\"storage\":{");
    add_slots(&text);
    buf_add_str(&text, "}},\"" CALLS_PROXY "\":{\"balance\":\"0x0\",\"code\":\"0x" PROXY_CODE
                       "\",\"storage\":{\"0xff\":\"0xaa\",");
    add_slots(&text);
    buf_add_str(&text, "}}");
    add_chain(&text);
    /* Neighbours, so that paths have the depth of a small city and not of a village. */
    for (unsigned i = 0; i < 4000; i++)
        buf_printf(&text, ",\"%08x00000000000000000000000000000001\":{\"balance\":\"0x1\"}", i);
    buf_add_str(&text, "}}");
    int file = open(path, O_WRONLY | O_TRUNC);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, text.data, text.size), (ssize_t)text.size);
    close(file);
    buf_free(&text);
}

struct calls *calls_new(uint64_t seed, bool no_guessing, uint64_t one_way_us)
{
    struct calls *calls = mem_alloc(sizeof *calls);
    char path[] = "/tmp/lesgate-calls-XXXXXX";
    uint8_t seed32[32] = {3};
    struct crypto *crypto = crypto_new(seed32);
    struct pubkey64 key;
    struct address20 user;
    struct buf error = {0};
    memset(calls->user.bytes, 0x42, 32);
    crypto_pubkey(crypto, &key, &calls->user);
    crypto_address(&user, &key);
    crypto_free(crypto);
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
    write_genesis(path, &user);
    calls->sim = sim_new(seed, path, NULL, 1);
    unlink(path);
    world_set_net(sim_world(calls->sim), &(struct world_net){.latency_us_min = one_way_us,
                                                             .latency_us_max = one_way_us,
                                                             .chunk_max = 65536});
    calls->devchain =
        devchain_new(sim_server_loop(calls->sim, 0), sim_ledger(calls->sim, 0),
                     sim_pool(calls->sim, 0), sim_crypto(calls->sim, 0), NULL, 3600000, &error);
    cr_assert_not_null(calls->devchain, "%.*s", (int)error.size, (const char *)error.data);
    buf_free(&error);
    sim_set_no_guessing(calls->sim, no_guessing);
    sim_start_light(calls->sim, 1, 100);
    sim_wait_head(calls->sim, 0, 5000);
    return calls;
}

void calls_free(struct calls *calls)
{
    devchain_free(calls->devchain);
    sim_free(calls->sim);
    mem_free(calls);
}

struct sim *calls_sim(struct calls *calls)
{
    return calls->sim;
}

static void send_to(struct calls *calls, uint8_t last_byte)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = 77,
                    .nonce = calls->nonce++,
                    .max_fee = u256_from_u64(100000000000),
                    .max_priority_fee = u256_from_u64(1),
                    .gas_limit = 400000,
                    .has_to = true,
                    .data = SPAN_STR("x")};
    struct buf envelope = {0};
    tx.to.bytes[19] = last_byte;
    tx_sign(&envelope, &tx, sim_crypto(calls->sim, 0), &calls->user);
    const char *why = pool_add(sim_pool(calls->sim, 0), buf_span(&envelope));
    cr_assert_null(why, "%s", why);
    buf_free(&envelope);
}

void calls_next_block(struct calls *calls)
{
    send_to(calls, 0xaa);
    send_to(calls, 0xbb);
    cr_assert(devchain_make_block(calls->devchain));
    cr_assert_eq(pool_count(sim_pool(calls->sim, 0)), 0);
    sim_wait_head(calls->sim, ledger_head(sim_ledger(calls->sim, 0))->header.number, 5000);
}

uint64_t calls_sum(struct calls *calls, const char *address, uint64_t *us)
{
    char request[256];
    uint64_t start = loop_now_us(sim_light_loop(calls->sim));
    snprintf(request, sizeof request,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":[{\"to\":\"%s\"},"
             "\"latest\"]}",
             address);
    const char *answer = sim_rpc(calls->sim, request);
    *us += loop_now_us(sim_light_loop(calls->sim)) - start;
    const char *result = strstr(answer, "\"result\":\"0x");
    cr_assert_not_null(result, "%s\n%s", answer, sim_log(calls->sim));
    return strtoull(result + 12 + 48, NULL, 16);
}
