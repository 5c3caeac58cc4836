/* Instructions that read the frame, the block or the transaction, or move memory. */
#include "les/eth/keccak.h"
#include "les/evm/frame.h"

enum evm_end evm_frame_grow(struct evm_frame *frame, uint64_t end)
{
    int64_t words = (int64_t)words_of(end);
    int64_t cost = 3 * words + words * words / 512;
    if (!frame_charge(frame, cost - frame->memory_cost))
        return EVM_END_OUT_OF_GAS;
    size_t size = (size_t)words * 32;
    if (size > EVM_MEMORY_MAX)
        return EVM_END_MEMORY;
    if (size > frame->memory_capacity) {
        size_t capacity = frame->memory_capacity == 0 ? 4096 : frame->memory_capacity;
        while (capacity < size)
            capacity *= 2;
        frame->memory = mem_realloc(frame->memory, capacity);
        frame->memory_capacity = capacity;
    }
    memset(frame->memory + frame->memory_size, 0, size - frame->memory_size);
    frame->memory_size = size;
    frame->memory_cost = cost;
    return EVM_RUNNING;
}

/* ---- about the frame ---- */

#define USES_FRAME_ONLY (void)evm
#define USES_EVM_ONLY   (void)frame

EVM_OP(ADDRESS)
{
    USES_FRAME_ONLY;
    word_from_address(&top[1], &frame->self);
    return EVM_RUNNING;
}

EVM_OP(CALLER)
{
    USES_FRAME_ONLY;
    word_from_address(&top[1], &frame->caller);
    return EVM_RUNNING;
}

EVM_OP(CALLVALUE)
{
    USES_FRAME_ONLY;
    top[1] = frame->value;
    return EVM_RUNNING;
}

EVM_OP(CALLDATASIZE)
{
    USES_FRAME_ONLY;
    top[1] = u256_from_u64(frame->input.size);
    return EVM_RUNNING;
}

EVM_OP(CODESIZE)
{
    USES_FRAME_ONLY;
    top[1] = u256_from_u64(frame->code->size);
    return EVM_RUNNING;
}

EVM_OP(RETURNDATASIZE)
{
    USES_FRAME_ONLY;
    top[1] = u256_from_u64(frame->return_data.size);
    return EVM_RUNNING;
}

EVM_OP(MSIZE)
{
    USES_FRAME_ONLY;
    top[1] = u256_from_u64(frame->memory_size);
    return EVM_RUNNING;
}

EVM_OP(CALLDATALOAD)
{
    USES_FRAME_ONLY;
    uint8_t word[32] = {0};
    if (u256_fits_u64(top) && top->words[0] < frame->input.size) {
        size_t at = (size_t)top->words[0], rest = frame->input.size - at;
        memcpy(word, frame->input.data + at, rest < 32 ? rest : 32);
    }
    word_load(top, word);
    return EVM_RUNNING;
}

/* ---- about the transaction and the block ---- */

EVM_OP(ORIGIN)
{
    USES_EVM_ONLY;
    word_from_address(&top[1], &evm->tx.origin);
    return EVM_RUNNING;
}

EVM_OP(GASPRICE)
{
    USES_EVM_ONLY;
    top[1] = evm->tx.gas_price;
    return EVM_RUNNING;
}

EVM_OP(BLOBHASH)
{
    USES_EVM_ONLY;
    if (u256_fits_u64(top) && top->words[0] < evm->tx.blob_hashes_count)
        word_load(top, evm->tx.blob_hashes[top->words[0]].bytes);
    else
        *top = u256_from_u64(0);
    return EVM_RUNNING;
}

EVM_OP(COINBASE)
{
    USES_EVM_ONLY;
    word_from_address(&top[1], &evm->block.coinbase);
    return EVM_RUNNING;
}

EVM_OP(TIMESTAMP)
{
    USES_EVM_ONLY;
    top[1] = u256_from_u64(evm->block.timestamp);
    return EVM_RUNNING;
}

EVM_OP(NUMBER)
{
    USES_EVM_ONLY;
    top[1] = u256_from_u64(evm->block.number);
    return EVM_RUNNING;
}

EVM_OP(PREVRANDAO)
{
    USES_EVM_ONLY;
    word_load(&top[1], evm->block.prev_randao.bytes);
    return EVM_RUNNING;
}

EVM_OP(GASLIMIT)
{
    USES_EVM_ONLY;
    top[1] = u256_from_u64(evm->block.gas_limit);
    return EVM_RUNNING;
}

EVM_OP(CHAINID)
{
    USES_EVM_ONLY;
    top[1] = u256_from_u64(evm->block.chain_id);
    return EVM_RUNNING;
}

EVM_OP(BASEFEE)
{
    USES_EVM_ONLY;
    top[1] = evm->block.base_fee;
    return EVM_RUNNING;
}

EVM_OP(BLOBBASEFEE)
{
    USES_EVM_ONLY;
    top[1] = evm->block.blob_base_fee;
    return EVM_RUNNING;
}

/* ---- memory ---- */

EVM_OP(MLOAD)
{
    USES_FRAME_ONLY;
    if (!u256_fits_u64(top) || top->words[0] > EVM_OFFSET_MAX)
        return EVM_END_OUT_OF_GAS;
    enum evm_end end = frame_reach(frame, top->words[0] + 32);
    if (end == EVM_RUNNING)
        word_load(top, frame->memory + top->words[0]);
    return end;
}

EVM_OP(MSTORE)
{
    USES_FRAME_ONLY;
    if (!u256_fits_u64(top) || top->words[0] > EVM_OFFSET_MAX)
        return EVM_END_OUT_OF_GAS;
    enum evm_end end = frame_reach(frame, top->words[0] + 32);
    if (end == EVM_RUNNING)
        word_save(frame->memory + top->words[0], &top[-1]);
    return end;
}

EVM_OP(MSTORE8)
{
    USES_FRAME_ONLY;
    if (!u256_fits_u64(top) || top->words[0] > EVM_OFFSET_MAX)
        return EVM_END_OUT_OF_GAS;
    enum evm_end end = frame_reach(frame, top->words[0] + 1);
    if (end == EVM_RUNNING)
        frame->memory[top->words[0]] = (uint8_t)top[-1].words[0];
    return end;
}

static bool charge_words(struct evm_frame *frame, size_t size, int64_t per_word)
{
    return frame_charge(frame, (int64_t)words_of(size) * per_word);
}

/* Copies source[offset..] into memory, zeros after its end. */
static enum evm_end copy_padded(struct evm_frame *frame, const struct u256 *to,
                                const struct u256 *offset, const struct u256 *size,
                                struct span source)
{
    size_t at, count;
    enum evm_end end = frame_range(frame, to, size, &at, &count);
    if (end != EVM_RUNNING)
        return end;
    if (!charge_words(frame, count, EVM_COPY_WORD))
        return EVM_END_OUT_OF_GAS;
    size_t from = u256_fits_u64(offset) && offset->words[0] < source.size ? (size_t)offset->words[0]
                                                                          : source.size;
    size_t have = source.size - from < count ? source.size - from : count;
    if (have > 0)
        memcpy(frame->memory + at, source.data + from, have);
    if (count > have)
        memset(frame->memory + at + have, 0, count - have);
    return EVM_RUNNING;
}

EVM_OP(CALLDATACOPY)
{
    USES_FRAME_ONLY;
    return copy_padded(frame, &top[0], &top[-1], &top[-2], frame->input);
}

EVM_OP(CODECOPY)
{
    USES_FRAME_ONLY;
    return copy_padded(frame, &top[0], &top[-1], &top[-2],
                       SPAN(frame->code->bytes, frame->code->size));
}

EVM_OP(EXTCODECOPY)
{
    struct address20 address;
    struct evm_code *code;
    word_to_address(&address, &top[0]);
    struct evm_account *account = evm_state_entry(evm->state, &address);
    if (evm->schedule->cold_account != 0 && evm_state_warm_account(evm->state, account) &&
        !frame_charge(frame, evm->schedule->cold_account))
        return EVM_END_OUT_OF_GAS;
    if (!evm_state_load(evm->state, account) || !evm_state_code(evm->state, account, &code))
        return EVM_END_MISSING;
    return copy_padded(frame, &top[-1], &top[-2], &top[-3], SPAN(code->bytes, code->size));
}

EVM_OP(RETURNDATACOPY)
{
    USES_FRAME_ONLY;
    struct u256 last;
    if (u256_add(&last, &top[-1], &top[-2]) || !u256_fits_u64(&last) ||
        last.words[0] > frame->return_data.size)
        return EVM_END_RETURN_DATA;
    return copy_padded(frame, &top[0], &top[-1], &top[-2], frame->return_data);
}

/* EIP-5656 */
EVM_OP(MCOPY)
{
    USES_FRAME_ONLY;
    size_t to, from, count;
    bool to_is_last = u256_compare(&top[0], &top[-1]) > 0;
    enum evm_end end = frame_range(frame, to_is_last ? &top[0] : &top[-1], &top[-2], &to, &count);
    if (end != EVM_RUNNING)
        return end;
    if (!charge_words(frame, count, EVM_COPY_WORD))
        return EVM_END_OUT_OF_GAS;
    if (count == 0)
        return EVM_RUNNING;
    to = (size_t)top[0].words[0];
    from = (size_t)top[-1].words[0];
    memmove(frame->memory + to, frame->memory + from, count);
    return EVM_RUNNING;
}

EVM_OP(KECCAK256)
{
    USES_FRAME_ONLY;
    size_t at, count;
    enum evm_end end = frame_range(frame, &top[0], &top[-1], &at, &count);
    if (end != EVM_RUNNING)
        return end;
    if (!charge_words(frame, count, EVM_KECCAK_WORD))
        return EVM_END_OUT_OF_GAS;
    struct hash32 hash;
    keccak256(&hash, SPAN(frame->memory + at, count));
    word_load(&top[-1], hash.bytes);
    return EVM_RUNNING;
}

EVM_OP(EXP)
{
    if (!frame_charge(frame, (int64_t)u256_byte_length(&top[-1]) * evm->schedule->exp_byte))
        return EVM_END_OUT_OF_GAS;
    u256_exp(&top[-1], &top[0], &top[-1]);
    return EVM_RUNNING;
}

EVM_OP(RETURN)
{
    USES_FRAME_ONLY;
    size_t at, count;
    enum evm_end end = frame_range(frame, &top[0], &top[-1], &at, &count);
    if (end != EVM_RUNNING)
        return end;
    frame->output = SPAN(frame->memory + at, count);
    return EVM_END_SUCCESS;
}

EVM_OP(REVERT)
{
    enum evm_end end = evm_op_RETURN(evm, frame, top);
    return end == EVM_END_SUCCESS ? EVM_END_REVERT : end;
}
