/* Inside the interpreter: a call frame, memory and its gas. Only les/evm's own files include this.
 */
#ifndef LES_EVM_FRAME_H
#define LES_EVM_FRAME_H

#include "les/base/limits.h"
#include "les/eth/u256.h"
#include "les/evm/evm.h"

#include <stdatomic.h>

struct evm_frame {
    const uint8_t *pc;
    struct u256 *stack; /* stack[0] is never a value; stack[1] is the bottom */
    struct u256 *top;   /* == stack when empty */
    int64_t gas;
    uint8_t *memory;
    size_t memory_size, memory_capacity;
    int64_t memory_cost;
    struct span return_data; /* of the last call this frame made */
    struct span output;      /* RETURN, REVERT */

    enum evm_call_kind kind;
    bool is_static;
    struct evm_code *code; /* held */
    struct address20 self, caller;
    struct evm_account *account; /* of self */
    struct u256 value;
    struct span input;
    int64_t gas_given;
    struct evm_snapshot snapshot;
    size_t return_offset, return_size; /* in the parent's memory */
};

/* What a call instruction leaves for the loop. */
struct evm_call {
    enum evm_call_kind kind;
    bool is_static;
    int64_t gas;
    struct address20 self, code_address, caller; /* creation: self is the new address */
    struct evm_account *payer;  /* where value comes from: the running frame's, or the sender's */
    struct evm_account *target; /* of code_address; not for creations */
    struct u256 value;
    bool transfers; /* value moves from caller to self */
    struct span input;
    size_t return_offset, return_size;
};

struct evm {
    enum evm_revision revision;
    const struct evm_schedule *schedule;
    const int16_t *costs;
    struct evm_state *state;
    const struct crypto *crypto;
    const struct evm_precompile_ops *precompiles;
    const struct evm_precompile_moves *moves;
    struct evm_tracer *tracer;
    const _Atomic bool *cancel;
    struct evm_block block;
    struct evm_tx tx;
    struct evm_frame *frames[EVM_CALL_DEPTH_MAX + 1]; /* made when first needed */
    size_t depth;                                     /* index of the running frame */
    struct evm_call call;
    struct buf output; /* of precompiles */
    enum evm_precompile unsupported;
};

static inline bool evm_cancelled(const struct evm *evm)
{
    return evm->cancel != NULL && atomic_load_explicit(evm->cancel, memory_order_relaxed);
}

/* Charges gas; false: out of gas. */
static inline bool frame_charge(struct evm_frame *frame, int64_t gas)
{
    frame->gas -= gas;
    return frame->gas >= 0;
}

static inline uint64_t words_of(uint64_t bytes)
{
    return (bytes + 31) / 32;
}

#define EVM_OFFSET_MAX ((uint64_t)UINT32_MAX) /* no gas pays for memory beyond this */

/* Makes [0, end) usable, end <= 2 * EVM_OFFSET_MAX, and charges for it. */
enum evm_end evm_frame_grow(struct evm_frame *frame, uint64_t end);

static inline enum evm_end frame_reach(struct evm_frame *frame, uint64_t end)
{
    return __builtin_expect(end <= frame->memory_size, 1) ? EVM_RUNNING
                                                          : evm_frame_grow(frame, end);
}

/* A range of memory named by two stack words; an empty one costs nothing and its offset does not
 * matter. */
static inline enum evm_end frame_range(struct evm_frame *frame, const struct u256 *offset,
                                       const struct u256 *size, size_t *offset_out,
                                       size_t *size_out)
{
    *offset_out = 0;
    *size_out = 0;
    if (u256_is_zero(size))
        return EVM_RUNNING;
    if (!u256_fits_u64(offset) || offset->words[0] > EVM_OFFSET_MAX || !u256_fits_u64(size) ||
        size->words[0] > EVM_OFFSET_MAX)
        return EVM_END_OUT_OF_GAS;
    *offset_out = (size_t)offset->words[0];
    *size_out = (size_t)size->words[0];
    return frame_reach(frame, offset->words[0] + size->words[0]);
}

static inline uint64_t swap64(const uint8_t *data)
{
    uint64_t value;
    memcpy(&value, data, 8);
    return __builtin_bswap64(value);
}

/* Addresses are written in the pieces in which they are read and hashed: 8, 8 and 4 bytes. */
static inline void word_from_address(struct u256 *out, const struct address20 *address)
{
    uint64_t high = swap64(address->bytes), middle = swap64(address->bytes + 8);
    out->words[0] = middle << 32 | be_read(address->bytes + 16, 4);
    out->words[1] = high << 32 | middle >> 32;
    out->words[2] = high >> 32;
    out->words[3] = 0;
}

static inline void word_to_address(struct address20 *out, const struct u256 *word)
{
    be_write(out->bytes, 8, word->words[2] << 32 | word->words[1] >> 32);
    be_write(out->bytes + 8, 8, word->words[1] << 32 | word->words[0] >> 32);
    be_write(out->bytes + 16, 4, word->words[0] & UINT32_MAX);
}

static inline void word_load(struct u256 *out, const uint8_t data[32])
{
    out->words[3] = swap64(data);
    out->words[2] = swap64(data + 8);
    out->words[1] = swap64(data + 16);
    out->words[0] = swap64(data + 24);
}

static inline void word_save(uint8_t data[32], const struct u256 *word)
{
    for (size_t i = 0; i < 4; i++) {
        uint64_t value = __builtin_bswap64(word->words[3 - i]);
        memcpy(data + 8 * i, &value, 8);
    }
}

/* ops_*.c: one function per instruction of kinds F and Q. top is the top of the stack before it;
 * results go where the instruction's pops and pushes say. Static gas is paid. */
#define EVM_OP(name)                                                                               \
    enum evm_end evm_op_##name(struct evm *evm, struct evm_frame *frame, struct u256 *top)
#define X_W(name)
#define X_O(name)
#define X_P(name)
#define X_D(name)
#define X_S(name)
#define X_F(name)                                                   EVM_OP(name);
#define X_Q(name)                                                   EVM_OP(name);
#define X(A, code, name, kind, pops, pushes, since, g0, g1, g2, g3) X_##kind(name)
EVM_OPCODES(X, )
#undef X
#undef X_W
#undef X_O
#undef X_P
#undef X_D
#undef X_S
#undef X_F
#undef X_Q

/* Gas of a store to a loaded slot, and what it changes in the refund, without the surcharge of a
 * cold slot. */
int64_t evm_store_gas(const struct evm_schedule *schedule, const struct evm_slot *slot,
                      const struct u256 *value, int64_t *refund);

/* interp.c: runs the frame at evm->depth until it ends or calls (EVM_CALLING: evm->call says what).
 */
enum evm_end evm_interpret(struct evm *evm, struct evm_frame *frame);
enum evm_end evm_interpret_traced(struct evm *evm, struct evm_frame *frame);

#endif
