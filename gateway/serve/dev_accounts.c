#include "gateway/serve/dev_accounts.h"

static const char *const KEYS[DEV_ACCOUNTS] = {
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"};

static const char CONFIG[] =
    "{\n"
    "  \"config\": {\n"
    "    \"chainId\": %u, \"homesteadBlock\": 0, \"eip150Block\": 0, \"eip155Block\": 0,\n"
    "    \"eip158Block\": 0, \"byzantiumBlock\": 0, \"constantinopleBlock\": 0,\n"
    "    \"petersburgBlock\": 0, \"istanbulBlock\": 0, \"muirGlacierBlock\": 0,\n"
    "    \"berlinBlock\": 0, \"londonBlock\": 0, \"arrowGlacierBlock\": 0,\n"
    "    \"grayGlacierBlock\": 0, \"mergeNetsplitBlock\": 0, \"terminalTotalDifficulty\": 0,\n"
    "    \"shanghaiTime\": 0, \"cancunTime\": 0, \"pragueTime\": 0, \"osakaTime\": 0,\n"
    "    \"blobSchedule\": {\n"
    "      \"cancun\": {\"target\": 3, \"max\": 6, \"baseFeeUpdateFraction\": 3338477},\n"
    "      \"prague\": {\"target\": 6, \"max\": 9, \"baseFeeUpdateFraction\": 5007716},\n"
    "      \"osaka\": {\"target\": 6, \"max\": 9, \"baseFeeUpdateFraction\": 5007716}}\n"
    "  },\n"
    "  \"difficulty\": \"0x0\", \"gasLimit\": \"0x1c9c380\", \"baseFeePerGas\": \"0x3b9aca00\",\n"
    "  \"timestamp\": \"0x0\", \"extraData\": \"0x\", \"alloc\": {\n";

/* Code that the EIPs fix; nonce 1, so that none is empty. */
static const struct {
    const char *address, *code;
} CONTRACTS[] = {
    /* EIP-2935 */
    {"0000F90827F1C53a10cb7A02335B175320002935",
     "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611f"
     "ff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"},
    /* EIP-4788 */
    {"000F3df6D732807Ef1319fB7B8bB8522d0Beac02",
     "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f3580156049576200"
     "1fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f35906200"
     "1fff015500"},
    /* EIP-7002 */
    {"00000961Ef480Eb55e80D19ad83579A64c007002",
     "3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffff146101f457600182026001905f5b5f82111560685781019083028483"
     "029004916001019190604d565b909390049250505036603814608857366101f457346101f4575f5260205ff35b34"
     "106101f457600154600101600155600354806003026004013381556001015f35815560010160203590553360601b"
     "5f5260385f601437604c5fa0600101600355005b6003546002548082038060101160df575060105b5f5b81811461"
     "01835782810160030260040181604c02815460601b8152601401816001015481526020019060020154807fffffff"
     "ffffffffffffffffffffffffff00000000000000000000000000000000168252906010019060401c908160381c81"
     "600701538160301c81600601538160281c81600501538160201c81600401538160181c81600301538160101c8160"
     "0201538160081c81600101535360010160e1565b910180921461019557906002556101a0565b90505f6002555f60"
     "03555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff14156101cd5750"
     "5f5b6001546002828201116101e25750505f6101e8565b01600290035b5f555f600155604c025ff35b5f5ffd"},
    /* EIP-7251 */
    {"0000BBdDc7CE488642fb579F8B00f3a590007251",
     "3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffff1461019a57600182026001905f5b5f82111560685781019083028483"
     "029004916001019190604d565b9093900492505050366060146088573661019a573461019a575f5260205ff35b34"
     "1061019a57600154600101600155600354806004026004013381556001015f358155600101602035815560010160"
     "403590553360601b5f5260605f60143760745fa0600101600355005b6003546002548082038060021160e7575060"
     "025b5f5b8181146101295782810160040260040181607402815460601b8152601401816001015481526020018160"
     "02015481526020019060030154905260010160e9565b910180921461013b5790600255610146565b90505f600255"
     "5f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1415610173"
     "57505f5b6001546001828201116101885750505f61018e565b01600190035b5f555f6001556074025ff35b5f5ff"
     "d"},
    /* Deployed on every network by one signed transaction that fits them all. */
    {"4e59b44847b379578588920cA78FbF26c0B4956C", "7ffffffffffffffffffffffffffffffffffffffffffffffff"
                                                 "fffffffffffffffe03601600081602082378035828234"
                                                 "f58015156039578182fd5b8082525050506014600cf3"},
};

void dev_accounts(struct dev_account out[DEV_ACCOUNTS], const struct crypto *crypto)
{
    for (size_t i = 0; i < DEV_ACCOUNTS; i++) {
        struct pubkey64 key;
        ASSERT(hex_decode_exact(out[i].key.bytes, 32, KEYS[i], 64));
        crypto_pubkey(crypto, &key, &out[i].key);
        crypto_address(&out[i].address, &key);
    }
}

void dev_genesis_json(struct buf *out, const struct crypto *crypto)
{
    struct dev_account accounts[DEV_ACCOUNTS];
    dev_accounts(accounts, crypto);
    buf_printf(out, CONFIG, DEV_CHAIN_ID);
    for (size_t i = 0; i < ARRAY_COUNT(CONTRACTS); i++)
        buf_printf(out,
                   "    \"%s\": {\"balance\": \"0x0\", \"nonce\": \"0x1\", \"code\": \"0x%s\"},\n",
                   CONTRACTS[i].address, CONTRACTS[i].code);
    for (size_t i = 0; i < DEV_ACCOUNTS; i++) {
        buf_add_str(out, "    \"");
        buf_add_hex(out, SPAN(accounts[i].address.bytes, 20));
        buf_printf(out, "\": {\"balance\": \"0x21e19e0c9bab2400000\"}%s\n",
                   i + 1 < DEV_ACCOUNTS ? "," : "");
    }
    buf_add_str(out, "  }\n}\n");
}
