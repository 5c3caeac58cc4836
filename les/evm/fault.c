#include "les/evm/fault.h"

#include "les/evm/frame.h"

#include <stdio.h>

/* ---- names ---- */

void evm_opcode_text(char *out, uint8_t opcode)
{
    static const struct {
        uint8_t opcode;
        char name[16];
    } others[] = {{OP_PREVRANDAO, "DIFFICULTY"},
                  {0x4b, "SLOTNUM"},
                  {0xd0, "DATALOAD"},
                  {0xd1, "DATALOADN"},
                  {0xd2, "DATASIZE"},
                  {0xd3, "DATACOPY"},
                  {0xe0, "RJUMP"},
                  {0xe1, "RJUMPI"},
                  {0xe2, "RJUMPV"},
                  {0xe3, "CALLF"},
                  {0xe4, "RETF"},
                  {0xe5, "JUMPF"},
                  {0xe6, "DUPN"},
                  {0xe7, "SWAPN"},
                  {0xe8, "EXCHANGE"},
                  {0xec, "EOFCREATE"},
                  {0xee, "RETURNCONTRACT"},
                  {0xf7, "RETURNDATALOAD"},
                  {0xf8, "EXTCALL"},
                  {0xf9, "EXTDELEGATECALL"},
                  {0xfb, "EXTSTATICCALL"}};
    const char *name = evm_opcode_info(opcode)->name;
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        if (others[i].opcode == opcode)
            name = others[i].name;
    if (name != NULL)
        snprintf(out, EVM_FAULT_TEXT_MAX, "%s", name);
    else
        snprintf(out, EVM_FAULT_TEXT_MAX, "opcode 0x%x not defined", opcode);
}

/* ---- before the step ---- */

static const struct u256 *word(const struct evm_step *step, size_t from_top)
{
    return &step->stack[step->stack_size - 1 - from_top];
}

static bool is_cold_account(const struct evm_step *step, size_t from_top)
{
    struct address20 address;
    if (step->stack_size <= from_top)
        return false;
    word_to_address(&address, word(step, from_top));
    return !evm_state_is_warm_account(step->state, evm_state_entry(step->state, &address));
}

static bool is_cold_slot(const struct evm_step *step)
{
    return step->stack_size > 0 &&
           !evm_state_is_warm_slot(step->state,
                                   evm_state_slot(step->state, step->account, word(step, 0)));
}

void evm_fault_watch(struct evm_fault_watch *watch, const struct evm_step *step)
{
    watch->step = *step;
    watch->cold = false;
    if (step->revision < EVM_BERLIN)
        return;
    switch (step->opcode) {
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODECOPY:
    case OP_EXTCODEHASH:
    case OP_SELFDESTRUCT:
        watch->cold = is_cold_account(step, 0);
        break;
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
        watch->cold = is_cold_account(step, 1);
        break;
    case OP_SLOAD:
    case OP_SSTORE:
        watch->cold = is_cold_slot(step);
        break;
    default:
        break;
    }
}

/* ---- the price ---- */

/* What go-ethereum's gas functions return: a price or a text. */
struct price {
    const struct evm_fault_watch *watch;
    uint64_t left; /* gas after the static part */
    uint64_t memory_end;
    uint64_t gas; /* the dynamic part */
    bool failed;
    char text[EVM_FAULT_TEXT_MAX];
};

static void price_fail(struct price *price, const char *text)
{
    if (price->failed)
        return;
    price->failed = true;
    snprintf(price->text, sizeof price->text, "%s", text);
}

static void price_add(struct price *price, uint64_t gas)
{
    if (__builtin_add_overflow(price->gas, gas, &price->gas))
        price_fail(price, "gas uint64 overflow");
}

/* Where each instruction says what memory it wants: words from the top of the stack. */
struct range {
    uint8_t opcode, offset, size;
};
#define FIXED 0x80 /* the size is the rest of the number */
static const struct range RANGES[] = {
    {OP_KECCAK256, 0, 1},
    {OP_CALLDATACOPY, 0, 2},
    {OP_CODECOPY, 0, 2},
    {OP_EXTCODECOPY, 1, 3},
    {OP_RETURNDATACOPY, 0, 2},
    {OP_MLOAD, 0, FIXED | 32},
    {OP_MSTORE, 0, FIXED | 32},
    {OP_MSTORE8, 0, FIXED | 1},
    {OP_MCOPY, 0, 2},
    {OP_MCOPY, 1, 2},
    {OP_LOG0, 0, 1},
    {OP_LOG1, 0, 1},
    {OP_LOG2, 0, 1},
    {OP_LOG3, 0, 1},
    {OP_LOG4, 0, 1},
    {OP_CREATE, 1, 2},
    {OP_CREATE2, 1, 2},
    {OP_CALL, 3, 4},
    {OP_CALL, 5, 6},
    {OP_CALLCODE, 3, 4},
    {OP_CALLCODE, 5, 6},
    {OP_DELEGATECALL, 2, 3},
    {OP_DELEGATECALL, 4, 5},
    {OP_STATICCALL, 2, 3},
    {OP_STATICCALL, 4, 5},
    {OP_RETURN, 0, 1},
    {OP_REVERT, 0, 1},
};

/* The end of the memory that the step needs, in whole words. False: beyond 64 bits. */
static bool memory_end(const struct evm_step *step, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < ARRAY_COUNT(RANGES); i++) {
        const struct range *range = &RANGES[i];
        if (range->opcode != step->opcode)
            continue;
        bool fixed = (range->size & FIXED) != 0;
        struct u256 size =
            fixed ? u256_from_u64(range->size & ~FIXED & 0xff) : *word(step, range->size);
        const struct u256 *offset = word(step, range->offset);
        uint64_t end;
        if (u256_is_zero(&size))
            continue;
        if (!u256_fits_u64(&size) || !u256_fits_u64(offset) ||
            __builtin_add_overflow(offset->words[0], size.words[0], &end) || end > UINT64_MAX - 31)
            return false;
        if (end > *out)
            *out = end;
    }
    *out = words_of(*out) * 32;
    return true;
}

static uint64_t memory_price(uint64_t size)
{
    uint64_t words = size / 32;
    return words * 3 + words * words / 512;
}

static void add_memory(struct price *price)
{
    const uint64_t most = 0x1fffffffe0; /* its square still fits */
    uint64_t have = price->watch->step.memory.size;
    if (price->memory_end > most)
        price_fail(price, "gas uint64 overflow");
    else if (price->memory_end > have)
        price_add(price, memory_price(price->memory_end) - memory_price(have));
}

/* The size has been seen to fit when the memory's end was worked out. */
static void add_words(struct price *price, size_t size_at, uint64_t per_word)
{
    price_add(price, words_of(word(&price->watch->step, size_at)->words[0]) * per_word);
}

static void add_create(struct price *price)
{
    const struct evm_step *step = &price->watch->step;
    uint64_t size = word(step, 2)->words[0], most = evm_schedule(step->revision)->initcode_size_max;
    bool limited = step->revision >= EVM_SHANGHAI;
    if (step->is_static) {
        price_fail(price, "write protection");
        return;
    }
    add_memory(price);
    if (limited && size > most && !price->failed) {
        price->failed = true;
        snprintf(price->text, sizeof price->text,
                 "max initcode size exceeded: code size %llu limit %llu", (unsigned long long)size,
                 (unsigned long long)most);
    }
    add_words(price, 2,
              (limited ? EVM_INITCODE_WORD : 0) +
                  (step->opcode == OP_CREATE2 ? EVM_KECCAK_WORD : 0));
}

static void add_store(struct price *price)
{
    const struct evm_fault_watch *watch = price->watch;
    const struct evm_step *step = &watch->step;
    int64_t refund;
    if (step->is_static) {
        price_fail(price, "write protection");
        return;
    }
    if (step->revision >= EVM_ISTANBUL && price->left <= EVM_SSTORE_SENTRY) {
        price_fail(price, "not enough gas for reentrancy sentry");
        return;
    }
    struct evm_slot *slot = evm_state_slot(step->state, step->account, word(step, 0));
    price_add(price, watch->cold ? EVM_COLD_SLOAD : 0);
    if (evm_state_load_slot(step->state, slot))
        price_add(price, (uint64_t)evm_store_gas(evm_schedule(step->revision), slot, word(step, 1),
                                                 &refund));
}

/* Would value make this account, so that it costs more? Missing state: no; the run is repeated. */
static bool is_new(const struct evm_step *step, size_t address_at)
{
    struct address20 address;
    struct evm_account *account;
    word_to_address(&address, word(step, address_at));
    if (!evm_state_account(step->state, &address, &account))
        return false;
    return step->revision >= EVM_SPURIOUS ? evm_account_is_empty(account) : !account->exists;
}

static void add_selfdestruct(struct price *price)
{
    const struct evm_step *step = &price->watch->step;
    bool moves = !u256_is_zero(&step->account->balance);
    if (step->is_static) {
        price_fail(price, "write protection");
        return;
    }
    if (step->revision < EVM_TANGERINE)
        return;
    price_add(price, step->revision < EVM_BERLIN ? 5000 : 0);
    price_add(price, price->watch->cold ? EVM_COLD_ACCOUNT : 0);
    if (step->revision >= EVM_BERLIN && price->left < price->gas)
        price_fail(price, "out of gas");
    else if ((moves || step->revision < EVM_SPURIOUS) && is_new(step, 0))
        price_add(price, EVM_NEW_ACCOUNT);
}

/* What a call passes on. Before EIP-150, and when the base alone is too much, that is what was
 * asked for; with the wrapping arithmetic of go-ethereum, whose price shows it. */
static void add_passed(struct price *price, uint64_t left)
{
    const struct evm_step *step = &price->watch->step;
    const struct u256 *asked = word(step, 0);
    uint64_t rest = left - price->gas, most = rest - rest / 64;
    if (step->revision >= EVM_TANGERINE && (!u256_fits_u64(asked) || most < asked->words[0]))
        price_add(price, most);
    else if (!u256_fits_u64(asked))
        price_fail(price, "gas uint64 overflow");
    else
        price_add(price, asked->words[0]);
}

static void add_call(struct price *price)
{
    const struct evm_step *step = &price->watch->step;
    bool has_value = step->opcode == OP_CALL || step->opcode == OP_CALLCODE;
    bool moves = has_value && !u256_is_zero(word(step, 2));
    bool is_call = step->opcode == OP_CALL;
    uint64_t cold = price->watch->cold ? EVM_COLD_ACCOUNT - EVM_WARM_ACCESS : 0, left = price->left;
    bool forbidden = is_call && moves && step->is_static;
    if (forbidden && step->revision >= EVM_PRAGUE)
        price_fail(price, "write protection");
    if (cold > left)
        price_fail(price, "out of gas");
    left -= cold;
    if (forbidden)
        price_fail(price, "write protection");
    add_memory(price);
    price_add(price, moves ? EVM_CALL_VALUE : 0);
    if (step->revision >= EVM_PRAGUE) { /* each part is charged by itself, and one did not fit */
        price_fail(price, "out of gas");
        return;
    }
    if (is_call && left < price->gas)
        price_fail(price, "out of gas");
    if (price->failed)
        return;
    if (is_call && (moves || step->revision < EVM_SPURIOUS) && is_new(step, 1))
        price_add(price, EVM_NEW_ACCOUNT);
    add_passed(price, left);
    price_add(price, cold);
}

static void add_dynamic(struct price *price)
{
    const struct evm_step *step = &price->watch->step;
    bool berlin = step->revision >= EVM_BERLIN;
    uint64_t log_topics = (uint64_t)step->opcode - OP_LOG0;
    switch (step->opcode) {
    case OP_CALLDATACOPY:
    case OP_CODECOPY:
    case OP_RETURNDATACOPY:
    case OP_MCOPY:
        add_memory(price);
        add_words(price, 2, EVM_COPY_WORD);
        break;
    case OP_EXTCODECOPY:
        add_memory(price);
        add_words(price, 3, EVM_COPY_WORD);
        price_add(price, price->watch->cold ? EVM_COLD_ACCOUNT - EVM_WARM_ACCESS : 0);
        break;
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODEHASH:
        price_add(price, price->watch->cold ? EVM_COLD_ACCOUNT - EVM_WARM_ACCESS : 0);
        break;
    case OP_SLOAD:
        if (berlin)
            price_add(price, price->watch->cold ? EVM_COLD_SLOAD : EVM_WARM_ACCESS);
        break;
    case OP_EXP:
        price_add(price, 10 + u256_byte_length(word(step, 1)) *
                                  (uint64_t)evm_schedule(step->revision)->exp_byte);
        break;
    case OP_KECCAK256:
        add_memory(price);
        add_words(price, 1, EVM_KECCAK_WORD);
        break;
    case OP_LOG0:
    case OP_LOG1:
    case OP_LOG2:
    case OP_LOG3:
    case OP_LOG4:
        add_memory(price);
        price_add(price, 375 + 375 * log_topics);
        price_add(price, word(step, 1)->words[0] * EVM_LOG_BYTE);
        break;
    case OP_CREATE:
    case OP_CREATE2:
        add_create(price);
        break;
    case OP_SSTORE:
        add_store(price);
        break;
    case OP_SELFDESTRUCT:
        add_selfdestruct(price);
        break;
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
        add_call(price);
        break;
    default:
        add_memory(price);
    }
}

/* go-ethereum has some of the static costs of opcodes.def among the dynamic ones. */
static uint64_t static_gas(const struct evm_step *step)
{
    switch (step->opcode) {
    case OP_EXP:
    case OP_LOG0:
    case OP_LOG1:
    case OP_LOG2:
    case OP_LOG3:
    case OP_LOG4:
        return 0;
    case OP_SLOAD:
        if (step->revision >= EVM_BERLIN)
            return 0;
        break;
    case OP_SELFDESTRUCT:
        if (step->revision < EVM_BERLIN)
            return 0;
        break;
    default:
        break;
    }
    return (uint64_t)evm_opcode_costs(step->revision)[step->opcode];
}

/* ---- the fault ---- */

static void early(struct evm_fault *out, const char *text)
{
    out->early = true;
    snprintf(out->text, sizeof out->text, "%s", text);
}

static void early_because(struct evm_fault *out, const char *why)
{
    out->early = true;
    snprintf(out->text, sizeof out->text, "out of gas: %.*s", EVM_FAULT_TEXT_MAX - 16, why);
}

static void price_step(struct evm_fault *out, const struct evm_fault_watch *watch)
{
    const struct evm_step *step = &watch->step;
    uint64_t gas = (uint64_t)step->gas;
    struct price price = {.watch = watch};
    out->gas_cost = static_gas(step);
    if (out->gas_cost > gas) {
        early(out, "out of gas");
        return;
    }
    price.left = gas - out->gas_cost;
    if (!memory_end(step, &price.memory_end)) {
        early(out, "gas uint64 overflow");
        return;
    }
    add_dynamic(&price);
    if (price.failed) {
        early_because(out, price.text);
        return;
    }
    out->gas_cost += price.gas;
    if (price.gas > price.left)
        early(out, "out of gas");
}

void evm_fault_of(struct evm_fault *out, const struct evm_fault_watch *watch, enum evm_end end)
{
    const struct evm_step *step = &watch->step;
    const struct evm_opcode_info *info = evm_opcode_info(step->opcode);
    *out = (struct evm_fault){0};
    if (end == EVM_END_INVALID_OPCODE) {
        char name[EVM_FAULT_TEXT_MAX];
        evm_opcode_text(name, step->opcode);
        snprintf(out->text, sizeof out->text, "invalid opcode: %.40s", name);
        return;
    }
    if (end == EVM_END_STACK_UNDERFLOW || end == EVM_END_STACK_OVERFLOW) {
        bool under = end == EVM_END_STACK_UNDERFLOW;
        out->early = true;
        out->gas_cost = static_gas(step);
        snprintf(out->text, sizeof out->text,
                 under ? "stack underflow (%zu <=> %d)" : "stack limit reached %zu (%d)",
                 step->stack_size, under ? info->pops : EVM_STACK_MAX + info->pops - info->pushes);
        return;
    }
    price_step(out, watch);
    if (out->early)
        return;
    snprintf(out->text, sizeof out->text, "%s", evm_end_text(end));
    out->early = end == EVM_END_OUT_OF_GAS;
}
