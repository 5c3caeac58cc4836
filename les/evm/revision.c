#include "les/evm/revision.h"

static const enum evm_revision revisions_by_fork[FORK_COUNT] = {
    [FORK_FRONTIER] = EVM_FRONTIER,
    [FORK_HOMESTEAD] = EVM_HOMESTEAD,
    [FORK_DAO] = EVM_HOMESTEAD,
    [FORK_TANGERINE] = EVM_TANGERINE,
    [FORK_SPURIOUS] = EVM_SPURIOUS,
    [FORK_BYZANTIUM] = EVM_BYZANTIUM,
    [FORK_CONSTANTINOPLE] = EVM_CONSTANTINOPLE,
    [FORK_PETERSBURG] = EVM_PETERSBURG,
    [FORK_ISTANBUL] = EVM_ISTANBUL,
    [FORK_MUIR_GLACIER] = EVM_ISTANBUL,
    [FORK_BERLIN] = EVM_BERLIN,
    [FORK_LONDON] = EVM_LONDON,
    [FORK_ARROW_GLACIER] = EVM_LONDON,
    [FORK_GRAY_GLACIER] = EVM_LONDON,
    [FORK_PARIS] = EVM_PARIS,
    [FORK_SHANGHAI] = EVM_SHANGHAI,
    [FORK_CANCUN] = EVM_CANCUN,
    [FORK_PRAGUE] = EVM_PRAGUE,
    [FORK_OSAKA] = EVM_OSAKA,
    [FORK_BPO1] = EVM_OSAKA,
    [FORK_BPO2] = EVM_OSAKA,
    [FORK_BPO3] = EVM_OSAKA,
    [FORK_BPO4] = EVM_OSAKA,
    [FORK_BPO5] = EVM_OSAKA,
};

enum evm_revision evm_revision_of(enum fork fork)
{
    ASSERT(fork < FORK_COUNT);
    return revisions_by_fork[fork];
}

static const struct evm_opcode_info infos[256] = {
#define X(A, code, op, kind, in, out, from, g0, g1, g2, g3)                                        \
    [code] = {.name = #op, .pops = (in), .pushes = (out), .since = EVM_##from},
    EVM_OPCODES(X, )
#undef X
};

const struct evm_opcode_info *evm_opcode_info(uint8_t code)
{
    return &infos[code];
}

/* Exactly one of the four counts. */
#define WITHIN(at, from, to) ((at) >= (from) && (at) < (to))
#define COST(at, since, g0, g1, g2, g3)                                                            \
    ((at) < (since) ? -1                                                                           \
                    : WITHIN(at, EVM_FRONTIER, EVM_TANGERINE) * (g0) +                             \
                          WITHIN(at, EVM_TANGERINE, EVM_ISTANBUL) * (g1) +                         \
                          WITHIN(at, EVM_ISTANBUL, EVM_BERLIN) * (g2) +                            \
                          WITHIN(at, EVM_BERLIN, EVM_REVISION_COUNT) * (g3))
#define X(at, code, op, kind, in, out, from, g0, g1, g2, g3)                                       \
    [code] = COST(at, EVM_##from, g0, g1, g2, g3),
#define ROW(revision) [revision] = {EVM_OPCODES(X, revision)}

static const int16_t costs[EVM_REVISION_COUNT][256] = {
    ROW(EVM_FRONTIER),  ROW(EVM_HOMESTEAD),      ROW(EVM_TANGERINE),  ROW(EVM_SPURIOUS),
    ROW(EVM_BYZANTIUM), ROW(EVM_CONSTANTINOPLE), ROW(EVM_PETERSBURG), ROW(EVM_ISTANBUL),
    ROW(EVM_BERLIN),    ROW(EVM_LONDON),         ROW(EVM_PARIS),      ROW(EVM_SHANGHAI),
    ROW(EVM_CANCUN),    ROW(EVM_PRAGUE),         ROW(EVM_OSAKA),
};
#undef ROW
#undef X

const int16_t *evm_opcode_costs(enum evm_revision revision)
{
    ASSERT(revision < EVM_REVISION_COUNT);
    return costs[revision];
}

#define ETHER 1000000000ull /* in gwei */

/* code, initcode, reward, noop, reset, clear, cold account, cold slot, exp byte, selfdestruct
 * refund, divisor, precompiles, net */
/* clang-format off */
static const struct evm_schedule schedules[EVM_REVISION_COUNT] = {
    [EVM_FRONTIER]       = {SIZE_MAX, SIZE_MAX, 5 * ETHER,   0, 5000, 15000,    0,    0, 10, 24000, 2,  4, false},
    [EVM_HOMESTEAD]      = {SIZE_MAX, SIZE_MAX, 5 * ETHER,   0, 5000, 15000,    0,    0, 10, 24000, 2,  4, false},
    [EVM_TANGERINE]      = {SIZE_MAX, SIZE_MAX, 5 * ETHER,   0, 5000, 15000,    0,    0, 10, 24000, 2,  4, false},
    [EVM_SPURIOUS]       = {   24576, SIZE_MAX, 5 * ETHER,   0, 5000, 15000,    0,    0, 50, 24000, 2,  4, false},
    [EVM_BYZANTIUM]      = {   24576, SIZE_MAX, 3 * ETHER,   0, 5000, 15000,    0,    0, 50, 24000, 2,  8, false},
    [EVM_CONSTANTINOPLE] = {   24576, SIZE_MAX, 2 * ETHER, 200, 5000, 15000,    0,    0, 50, 24000, 2,  8,  true},
    [EVM_PETERSBURG]     = {   24576, SIZE_MAX, 2 * ETHER,   0, 5000, 15000,    0,    0, 50, 24000, 2,  8, false},
    [EVM_ISTANBUL]       = {   24576, SIZE_MAX, 2 * ETHER, 800, 5000, 15000,    0,    0, 50, 24000, 2,  9,  true},
    [EVM_BERLIN]         = {   24576, SIZE_MAX, 2 * ETHER, 100, 2900, 15000, 2500, 2000, 50, 24000, 2,  9,  true},
    [EVM_LONDON]         = {   24576, SIZE_MAX, 2 * ETHER, 100, 2900,  4800, 2500, 2000, 50,     0, 5,  9,  true},
    [EVM_PARIS]          = {   24576, SIZE_MAX,         0, 100, 2900,  4800, 2500, 2000, 50,     0, 5,  9,  true},
    [EVM_SHANGHAI]       = {   24576,    49152,         0, 100, 2900,  4800, 2500, 2000, 50,     0, 5,  9,  true},
    [EVM_CANCUN]         = {   24576,    49152,         0, 100, 2900,  4800, 2500, 2000, 50,     0, 5, 10,  true},
    [EVM_PRAGUE]         = {   24576,    49152,         0, 100, 2900,  4800, 2500, 2000, 50,     0, 5, 17,  true},
    [EVM_OSAKA]          = {   24576,    49152,         0, 100, 2900,  4800, 2500, 2000, 50,     0, 5, 17,  true},
};
/* clang-format on */

const struct evm_schedule *evm_schedule(enum evm_revision revision)
{
    ASSERT(revision < EVM_REVISION_COUNT);
    return &schedules[revision];
}
