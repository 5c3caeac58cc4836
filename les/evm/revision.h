/* The rule sets of the EVM, one per fork that changed it, as data: what an instruction costs, what
 * the transition pays. Numbers: Yellow Paper appendix G and the EIPs named beside them. */
#ifndef LES_EVM_REVISION_H
#define LES_EVM_REVISION_H

#include "les/eth/chainspec.h"
#include "les/evm/opcodes.def"

enum evm_revision {
    EVM_FRONTIER,
    EVM_HOMESTEAD,
    EVM_TANGERINE,
    EVM_SPURIOUS,
    EVM_BYZANTIUM,
    EVM_CONSTANTINOPLE,
    EVM_PETERSBURG,
    EVM_ISTANBUL,
    EVM_BERLIN,
    EVM_LONDON,
    EVM_PARIS,
    EVM_SHANGHAI,
    EVM_CANCUN,
    EVM_PRAGUE,
    EVM_OSAKA,
    EVM_REVISION_COUNT
};

/* Forks that changed only difficulty or blob parameters map to the revision before them. */
enum evm_revision evm_revision_of(enum fork fork);

enum evm_opcode {
#define X(A, code, name, kind, pops, pushes, since, g0, g1, g2, g3) OP_##name = (code),
    EVM_OPCODES(X, )
#undef X
};

struct evm_opcode_info {
    const char *name; /* NULL: no such instruction in any revision */
    uint8_t pops, pushes;
    enum evm_revision since;
};
const struct evm_opcode_info *evm_opcode_info(uint8_t code);
/* Static gas by code; negative where the revision does not define the instruction. */
const int16_t *evm_opcode_costs(enum evm_revision revision);

/* What differs between revisions and is a number. */
struct evm_schedule {
    size_t code_size_max;        /* EIP-170; SIZE_MAX before */
    size_t initcode_size_max;    /* EIP-3860; SIZE_MAX before */
    uint64_t block_reward_gwei;  /* 5, 3 (EIP-649), 2 (EIP-1234) ether; 0 after the merge */
    int32_t sstore_noop;         /* EIP-1283 200, EIP-2200 800, EIP-2929 100 */
    int32_t sstore_reset;        /* 5000; 2900 from EIP-2929 on */
    int32_t sstore_clear;        /* refund: 15000; 4800 from EIP-3529 on */
    int32_t cold_account;        /* EIP-2929: on top of the static cost; 0 before */
    int32_t cold_slot;           /* for SLOAD on top of 100 */
    int32_t exp_byte;            /* EIP-160: 10 -> 50 */
    int32_t selfdestruct_refund; /* 24000; 0 from EIP-3529 on */
    uint32_t refund_divisor;     /* 2; 5 from EIP-3529 on */
    uint32_t precompile_last;    /* addresses 1..n; EIP-7951 adds 0x100 */
    bool net_metering;           /* SSTORE by original value: EIP-1283, EIP-2200 */
};
const struct evm_schedule *evm_schedule(enum evm_revision revision);

#define EVM_SSTORE_SET         20000
#define EVM_SSTORE_SENTRY      2300 /* EIP-2200 */
#define EVM_COLD_SLOAD         2100
#define EVM_CALL_VALUE         9000
#define EVM_CALL_STIPEND       2300
#define EVM_NEW_ACCOUNT        25000
#define EVM_COPY_WORD          3
#define EVM_KECCAK_WORD        6
#define EVM_INITCODE_WORD      2 /* EIP-3860 */
#define EVM_LOG_BYTE           8
#define EVM_CODE_BYTE          200
#define EVM_WARM_ACCESS        100
#define EVM_COLD_ACCOUNT       2600
#define EVM_CALL_DEPTH_MAX     1024
#define EVM_STACK_MAX          1024
#define EVM_TX_GAS_MAX         (1ull << 24)             /* EIP-7825 */
#define EVM_BLOB_GAS           131072ull                /* EIP-4844: per blob */
#define EVM_TX_BLOBS_MAX_OSAKA 6                        /* EIP-7594 */
#define EVM_BLOCK_RLP_MAX      (10485760ul - 2097152ul) /* EIP-7934 */

#endif
