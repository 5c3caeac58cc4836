/* A chain's rules: ids, forks by block number or time, blob schedule, fork id (EIP-2124). Filled by
 * conf/genesis.c from the `config` object of a genesis.json as go-ethereum writes it. Plain data.
 */
#ifndef LES_ETH_CHAINSPEC_H
#define LES_ETH_CHAINSPEC_H

#include "les/eth/header.h"

/* In order of activation; each includes those before it. */
enum fork {
    FORK_FRONTIER,
    FORK_HOMESTEAD,
    FORK_DAO,       /* an irregular state change only */
    FORK_TANGERINE, /* EIP-150 */
    FORK_SPURIOUS,  /* EIP-155, 158 */
    FORK_BYZANTIUM,
    FORK_CONSTANTINOPLE,
    FORK_PETERSBURG,
    FORK_ISTANBUL,
    FORK_MUIR_GLACIER,
    FORK_BERLIN,
    FORK_LONDON,
    FORK_ARROW_GLACIER,
    FORK_GRAY_GLACIER,
    FORK_PARIS, /* the merge: by terminal total difficulty; block number of mergeNetsplitBlock for
                   the fork id */
    FORK_SHANGHAI, /* by time from here on */
    FORK_CANCUN,
    FORK_PRAGUE,
    FORK_OSAKA,
    FORK_BPO1, /* blob parameters only */
    FORK_BPO2,
    FORK_BPO3,
    FORK_BPO4,
    FORK_BPO5,
    FORK_COUNT
};
#define FORK_NEVER UINT64_MAX

struct blob_params {
    bool set;
    uint64_t target, max, update_fraction;
};

struct chainspec {
    uint64_t chain_id;
    uint64_t network_id;
    uint64_t activation[FORK_COUNT]; /* block number up to FORK_PARIS, timestamp after; FORK_NEVER;
                                        eip158Block may differ from eip155Block only in ancient test
                                        nets: the later of both counts */
    struct blob_params
        blobs[FORK_COUNT]; /* at Cancun, Prague, Osaka, BPOn where the genesis names them */
    bool has_terminal_td;
    struct u256 terminal_td;
    bool clique; /* proof of authority before the merge */
    uint64_t clique_period_s, clique_epoch;
    bool dao_support;
    bool has_deposit_contract;
    struct address20 deposit_contract; /* EIP-6110 */
    struct hash32 genesis_hash;
    uint64_t genesis_time;
};

/* The newest fork active at a block. Merge state: PARIS holds for headers with difficulty 0 after
 * block 0, or when the genesis is already past its terminal difficulty of 0. */
enum fork chainspec_fork(const struct chainspec *spec, const struct header *header);
/* The same for a block that does not exist yet. */
enum fork chainspec_fork_at(const struct chainspec *spec, uint64_t number, uint64_t timestamp,
                            bool merged);
/* The blob parameters in force; NULL before Cancun. */
const struct blob_params *chainspec_blobs(const struct chainspec *spec, uint64_t number,
                                          uint64_t timestamp);

/* EIP-2124 */
struct fork_id {
    uint8_t hash4[4];
    uint64_t next;
};
void chainspec_fork_id(struct fork_id *out, const struct chainspec *spec, uint64_t head_number,
                       uint64_t head_time);
enum fork_id_result { FORK_ID_COMPATIBLE, FORK_ID_REMOTE_STALE, FORK_ID_LOCAL_INCOMPATIBLE };
enum fork_id_result chainspec_fork_id_check(const struct chainspec *spec, uint64_t head_number,
                                            uint64_t head_time, const struct fork_id *remote);

/* EIP-1559: the base fee of the block after parent. child_is_london_first: parent is the last block
 * before London. */
void fee_next_base(struct u256 *out, const struct chainspec *spec, const struct header *parent);
/* EIP-4844 and EIP-7918: the excess blob gas of a block at (number, timestamp) after parent. */
uint64_t fee_next_excess_blob_gas(const struct chainspec *spec, const struct header *parent,
                                  uint64_t timestamp);
/* The price of a unit of blob gas: fake_exponential(1, excess, fraction). */
void fee_blob_base(struct u256 *out, uint64_t excess_blob_gas, uint64_t update_fraction);

/* EIP-2935: from Prague on the state of a block holds, in slot number % HISTORY_WINDOW of this
 * contract, the hashes of the blocks before it. */
#define HISTORY_WINDOW 8191
extern const struct address20 HISTORY_ADDRESS;

#endif
