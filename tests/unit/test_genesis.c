#include "conf/genesis.h"
#include "les/eth/rlp.h"
#include "les/eth/u256.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(genesis, .fini = fixture_leak_gate);

static struct genesis *must_parse(const char *text)
{
    struct genesis *genesis = NULL;
    struct buf error = {0};
    enum status status = genesis_parse(&genesis, SPAN_STR(text), "test", &error);
    cr_assert_eq(status, STATUS_OK, "%.*s", (int)error.size, (const char *)error.data);
    buf_free(&error);
    return genesis;
}

static struct genesis *must_load(const char *path)
{
    struct genesis *genesis = NULL;
    struct buf error = {0}, full = {0};
    fixture_need(path);
    buf_printf(&full, "%s/%s", SHARED_DIR, path);
    buf_add_u8(&full, 0);
    enum status status = genesis_load(&genesis, (const char *)full.data, &error);
    cr_assert_eq(status, STATUS_OK, "%.*s", (int)error.size, (const char *)error.data);
    buf_free(&full);
    buf_free(&error);
    return genesis;
}

/* What a chain file says the genesis hash is: it starts with block 0 or with block 1. */
static struct hash32 genesis_of_chain(const char *path)
{
    struct buf bytes = fixture_file(path);
    struct rlp outer = rlp_reader(buf_span(&bytes));
    struct header header;
    struct span header_rlp;
    struct body body;
    cr_assert(block_split(&header_rlp, &body, rlp_raw(&outer)));
    cr_assert(header_decode(&header, header_rlp));
    struct hash32 hash = header.parent_hash;
    cr_assert_leq(header.number, 1);
    if (header.number == 0)
        header_hash(&hash, &header);
    buf_free(&bytes);
    return hash;
}

Test(genesis, proof_of_authority_chain_of_geth_has_its_hash)
{
    struct genesis *genesis = must_load("vectors/geth-les/genesis-small.json");
    genesis_build(genesis, NULL);
    fixture_expect_hex(SPAN(genesis->spec.genesis_hash.bytes, 32),
                       "0xfb151bd61446418481baabfe426377f62fa9472c5c025eb8e19090491cc9c133");
    cr_assert(genesis->spec.clique);
    cr_assert_eq(genesis->spec.clique_epoch, 30000);
    cr_assert_eq(genesis->spec.activation[FORK_PETERSBURG], 0, "not named: with Constantinople");
    cr_assert_eq(genesis->spec.activation[FORK_BERLIN], FORK_NEVER);
    struct hash32 parent = genesis_of_chain("vectors/geth-les/chain-small.rlp");
    cr_assert(hash32_equal(&parent, &genesis->spec.genesis_hash));
    genesis_free(genesis);
}

Test(genesis, conformance_chain_builds_on_it)
{
    struct genesis *genesis = must_load("vectors/rpc-compat/genesis.json");
    genesis_build(genesis, NULL);
    const struct chainspec *spec = &genesis->spec;
    cr_assert_eq(spec->chain_id, 3503995874084926);
    cr_assert_eq(spec->activation[FORK_PARIS], 36);
    cr_assert_eq(spec->activation[FORK_BPO2], 540);
    cr_assert_eq(spec->activation[FORK_BPO3], FORK_NEVER);
    cr_assert_eq(spec->blobs[FORK_BPO1].update_fraction, 8346193);
    cr_assert(spec->has_terminal_td && spec->terminal_td.words[0] == 4732352);
    cr_assert(spec->has_deposit_contract);
    cr_assert_eq(genesis->header.fields, 0);
    struct hash32 parent = genesis_of_chain("vectors/rpc-compat/chain.rlp");
    cr_assert(hash32_equal(&parent, &genesis->spec.genesis_hash));
    genesis_free(genesis);
}

/* BasicTests/genesishashestest.json: the main network's first header, without its accounts. */
Test(genesis, main_network_header_has_its_hash)
{
    json_t *vector = fixture_json("vectors/ethereum-tests/BasicTests/genesishashestest.json");
    struct genesis *genesis = must_parse(
        "{\"config\":{\"chainId\":1,\"homesteadBlock\":1150000,\"daoForkBlock\":1920000,"
        "\"daoForkSupport\":true,"
        "\"eip150Block\":2463000,\"eip155Block\":2675000,\"eip158Block\":2675000,"
        "\"byzantiumBlock\":4370000,"
        "\"constantinopleBlock\":7280000,\"petersburgBlock\":7280000,\"istanbulBlock\":9069000,"
        "\"muirGlacierBlock\":9200000,\"berlinBlock\":12244000,\"londonBlock\":12965000,"
        "\"arrowGlacierBlock\":13773000,"
        "\"grayGlacierBlock\":15050000,\"terminalTotalDifficulty\":58750000000000000000000,"
        "\"shanghaiTime\":1681338455,\"cancunTime\":1710338135,\"ethash\":{}},"
        "\"nonce\":\"0x42\",\"timestamp\":\"0x0\",\"gasLimit\":\"5000\",\"difficulty\":"
        "\"0x400000000\","
        "\"extraData\":\"0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa\","
        "\"alloc\":{}}");
    struct buf rlp = {0};
    struct u256 terminal;
    cr_assert(u256_parse_decimal(&terminal, SPAN_STR("58750000000000000000000")));
    cr_assert(u256_equal(&terminal, &genesis->spec.terminal_td));
    fixture_hex_exact(genesis->header.state_root.bytes, 32,
                      json_string_value(json_object_get(vector, "genesis_state_root")));
    header_encode(&rlp, &genesis->header);
    struct hash32 hash;
    header_hash(&hash, &genesis->header);
    fixture_expect_hex(SPAN(hash.bytes, 32),
                       json_string_value(json_object_get(vector, "genesis_hash")));
    const char *block = json_string_value(json_object_get(vector, "genesis_rlp_hex"));
    struct buf expected = fixture_hex(block);
    struct rlp outer = rlp_reader(buf_span(&expected)), list = rlp_list(&outer);
    cr_assert(span_equal(rlp_raw(&list), buf_span(&rlp)), "the header inside of the block's RLP");
    buf_free(&expected);
    buf_free(&rlp);
    json_decref(vector);
    genesis_free(genesis);
}

#define FORKS_TO_LONDON                                                                            \
    "\"homesteadBlock\":0,\"eip150Block\":0,\"eip155Block\":0,\"eip158Block\":0,"                  \
    "\"byzantiumBlock\":0,"                                                                        \
    "\"constantinopleBlock\":0,\"petersburgBlock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,"       \
    "\"londonBlock\":0"

Test(genesis, forks_at_the_start_add_their_header_fields)
{
    static const struct {
        const char *config;
        unsigned fields;
    } rows[] = {{"\"chainId\":5", 0},
                {"\"chainId\":5," FORKS_TO_LONDON, 1},
                {"\"chainId\":5," FORKS_TO_LONDON ",\"shanghaiTime\":10", 2},
                {"\"chainId\":5," FORKS_TO_LONDON ",\"shanghaiTime\":11", 1},
                {"\"chainId\":5," FORKS_TO_LONDON ",\"shanghaiTime\":0,\"cancunTime\":\"0xa\"", 5},
                {"\"chainId\":5," FORKS_TO_LONDON
                 ",\"shanghaiTime\":0,\"cancunTime\":0,\"pragueTime\":0",
                 6}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf text = {0};
        buf_printf(&text,
                   "{\"config\":{%s},\"gasLimit\":\"0x0\",\"difficulty\":\"0x0\",\"timestamp\":10,"
                   "\"alloc\":{}}",
                   rows[i].config);
        buf_add_u8(&text, 0);
        struct genesis *genesis = must_parse((const char *)text.data);
        genesis_build(genesis, NULL);
        cr_assert_eq(genesis->header.fields, rows[i].fields, "%s", rows[i].config);
        cr_assert_eq(genesis->header.gas_limit, 4712388);
        cr_assert_eq(genesis->spec.genesis_time, 10);
        cr_assert(hash32_equal(&genesis->header.state_root, &EMPTY_TRIE_ROOT));
        if (rows[i].fields > 0)
            cr_assert_eq(genesis->header.base_fee.words[0], 1000000000);
        buf_free(&text);
        genesis_free(genesis);
    }
}

Test(genesis, accounts_are_sorted_and_the_last_of_two_counts)
{
    struct genesis *genesis = must_parse(
        "{\"config\":{\"chainId\":\"0x10\"},\"gasLimit\":1,\"difficulty\":\"\",\"alloc\":{"
        "\"0xff00000000000000000000000000000000000000\":{\"balance\":"
        "\"0x0000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000001\",\"nonce\":\"7\",\"code\":\"0x6001\",\"storage\":{"
        "\"0x01\":\"0x02\"}},"
        "\"1100000000000000000000000000000000000000\":{\"balance\":\"5\"},"
        "\"FF00000000000000000000000000000000000000\":{\"balance\":"
        "115792089237316195423570985008687907853269984665640564"
        "039457584007913129639935}}}");
    cr_assert_eq(genesis->spec.chain_id, 16);
    cr_assert_eq(genesis->accounts_count, 2);
    cr_assert_eq(genesis->accounts[0].address.bytes[0], 0x11);
    cr_assert_eq(u256_bit_length(&genesis->accounts[1].balance), 256);
    cr_assert_eq(genesis->accounts[1].code.size, 0);
    genesis_free(genesis);
}

Test(genesis, state_lands_in_the_store)
{
    struct genesis *genesis = must_load("vectors/rpc-compat/genesis.json");
    struct node_store *store = node_store_new();
    struct hash32 alone;
    genesis_build(genesis, NULL);
    alone = genesis->header.state_root;
    genesis_build(genesis, store);
    cr_assert(hash32_equal(&alone, &genesis->header.state_root));
    struct span node;
    cr_assert(node_store_get(store, &genesis->header.state_root, &node));
    size_t codes = 0;
    for (size_t i = 0; i < genesis->accounts_count; i++)
        codes += genesis->accounts[i].code.size > 0;
    cr_assert_gt(codes, 0);
    cr_assert_gt(node_store_bytes(store), 1000);
    node_store_free(store);
    genesis_free(genesis);
}

#define REST "\"gasLimit\":1,\"difficulty\":1,\"alloc\":{}}"

Test(genesis, without_its_accounts_it_is_still_the_chain)
{
    struct genesis *genesis = must_parse(
        "{\"config\":{\"chainId\":7},\"gasLimit\":1,\"difficulty\":1,\"alloc\":{"
        "\"0x0000000000000000000000000000000000000001\":{\"balance\":\"1\",\"code\":\"0x00\"}}}");
    struct hash32 before, after;
    genesis_build(genesis, NULL);
    before = genesis->spec.genesis_hash;
    genesis_drop_accounts(genesis);
    cr_assert_eq(genesis->accounts_count, 0);
    header_hash(&after, &genesis->header);
    cr_assert(hash32_equal(&before, &after));
    cr_assert_eq(genesis->spec.chain_id, 7);
    genesis_free(genesis);
}

Test(genesis, state_hash_stands_for_the_accounts)
{
#define ROOT "0x1122334455667788990011223344556677889900112233445566778899001122"
    struct genesis *genesis =
        must_parse("{\"config\":{\"chainId\":7},\"gasLimit\":\"0x1\",\"difficulty\":\"0x1\","
                   "\"stateHash\":\"" ROOT "\"}");
    struct hash32 root = {{0}};
    fixture_hex_exact(root.bytes, 32, ROOT);
    genesis_build(genesis, NULL);
    cr_assert(genesis->has_state_hash);
    cr_assert(hash32_equal(&genesis->header.state_root, &root));
    genesis_free(genesis);

    struct buf error = {0};
    cr_assert_eq(
        genesis_parse(&genesis,
                      SPAN_STR("{\"config\":{\"chainId\":7},\"gasLimit\":\"0x1\","
                               "\"difficulty\":\"0x1\",\"stateHash\":\"" ROOT
                               "\",\"alloc\":{\"0x0000000000000000000000000000000000000001\""
                               ":{\"balance\":\"1\"}}}"),
                      "test", &error),
        STATUS_INVALID);
    buf_add_u8(&error, 0);
    cr_assert_not_null(strstr((const char *)error.data, "stateHash"));
    buf_free(&error);
}

Test(genesis, each_fault_is_named)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "test:1:0: not JSON"},
        {"[]", "test: the whole: not an object"},
        {"{\"config\":{\"chainId\":1},", "not JSON"},
        {"{" REST, "config: missing"},
        {"{\"config\":{}," REST, "config.chainId: missing"},
        {"{\"config\":{\"chainId\":-1}," REST, "chainId: not a hex or decimal"},
        {"{\"config\":{\"chainId\":1.5}," REST, "chainId: not a hex or decimal"},
        {"{\"config\":{\"chainId\":18446744073709551616}," REST, "chainId: larger than 64 bits"},
        {"{\"config\":{\"chainId\":\"0x\"}," REST, "chainId: not a hex or decimal"},
        {"{\"config\":{\"chainId\":\"0xg\"}," REST, "chainId: not a hex or decimal"},
        {"{\"config\":{\"chainId\":1,\"amsterdamTime\":5}," REST,
         "amsterdamTime: a fork that this program does not know"},
        {"{\"config\":{\"chainId\":1,\"byzantiumBlock\":5}," REST,
         "byzantiumBlock: set, but an earlier fork is not"},
        {"{\"config\":{\"chainId\":1,\"homesteadBlock\":5,\"eip150Block\":4}," REST,
         "eip150Block: before the fork"},
        {"{\"config\":{\"chainId\":1,\"cancunTime\":5}," REST,
         "cancunTime: set, but an earlier fork is not"},
        {"{\"config\":{\"chainId\":1,\"blobSchedule\":[]}," REST, "blobSchedule: not an object"},
        {"{\"config\":{\"chainId\":1,\"blobSchedule\":{\"cancun\":{\"target\":9,\"max\":6,"
         "\"baseFeeUpdateFraction\":1}}}," REST,
         "blobSchedule: max is below target"},
        {"{\"config\":{\"chainId\":1,\"depositContractAddress\":\"0x12\"}," REST,
         "depositContractAddress: not an address"},
        {"{\"config\":{\"chainId\":1},\"difficulty\":1,\"alloc\":{}}", "gasLimit: missing"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"alloc\":{}}", "difficulty: missing"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"difficulty\":1}", "alloc: missing"},
        {"{\"config\":{\"chainId\":1},\"mixHash\":\"0x1\"," REST, "mixHash: not a hash"},
        {"{\"config\":{\"chainId\":1},\"extraData\":\"12\"," REST, "extraData: not bytes"},
        {"{\"config\":{\"chainId\":1},\"extraData\":5," REST, "extraData: not bytes"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"difficulty\":1,\"alloc\":{\"0x12\":{"
         "\"balance\":1}}}",
         "alloc 0x12: not an address"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"difficulty\":1,\"alloc\":{"
         "\"1100000000000000000000000000000000000000\":{}}}",
         "balance is missing"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"difficulty\":1,\"alloc\":{"
         "\"1100000000000000000000000000000000000000\":"
         "{\"balance\":1,\"storage\":{\"0x1\":\"0x01\"}}}}",
         "a storage key or value"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"difficulty\":1,\"alloc\":{"
         "\"1100000000000000000000000000000000000000\":"
         "{\"balance\":1,\"storage\":{\"0x01\":1}}}}",
         "a storage value is not a hex string"},
        {"{\"config\":{\"chainId\":1},\"gasLimit\":1,\"difficulty\":1,\"alloc\":{"
         "\"1100000000000000000000000000000000000000\":"
         "{\"balance\":1,\"nonce\":\"0x10000000000000000\"}}}",
         "larger than 64 bits"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct genesis *genesis = NULL;
        struct buf error = {0};
        cr_assert_eq(genesis_parse(&genesis, SPAN_STR(rows[i].text), "test", &error),
                     STATUS_INVALID, "%s", rows[i].text);
        cr_assert_null(genesis);
        buf_add_u8(&error, 0);
        cr_assert_not_null(strstr((const char *)error.data, rows[i].says), "%s\ngave: %s\nwant: %s",
                           rows[i].text, (const char *)error.data, rows[i].says);
        buf_free(&error);
    }
}

Test(genesis, an_absent_file_is_named)
{
    struct genesis *genesis;
    struct buf error = {0};
    cr_assert_eq(genesis_load(&genesis, "/nonexistent/genesis.json", &error), STATUS_NOT_FOUND);
    buf_add_u8(&error, 0);
    cr_assert_not_null(strstr((const char *)error.data, "/nonexistent/genesis.json: cannot open"));
    buf_free(&error);
}
