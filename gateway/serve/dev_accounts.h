/* The ten accounts of a development chain: m/44'/60'/0'/0/0 to 9 of the mnemonic that hardhat and
 * anvil use as well. Everybody knows the keys: worth nothing anywhere else. */
#ifndef GATEWAY_DEV_ACCOUNTS_H
#define GATEWAY_DEV_ACCOUNTS_H

#include "conf/genesis.h"
#include "les/eth/crypto.h"

#define DEV_ACCOUNTS 10
#define DEV_MNEMONIC "test test test test test test test test test test test junk"
#define DEV_CHAIN_ID 31337

struct dev_account {
    struct seckey32 key;
    struct address20 address;
};
void dev_accounts(struct dev_account out[DEV_ACCOUNTS], const struct crypto *crypto);

/* The genesis.json of a development chain that is given none: every fork to Osaka from the start,
 * the contracts of EIP-2935, 4788, 7002 and 7251, the deployer of deterministic addresses that
 * scripts count on (0x4e59...956C), and 10,000 ether for each of the ten. The same each time. */
void dev_genesis_json(struct buf *out, const struct crypto *crypto);

#endif
