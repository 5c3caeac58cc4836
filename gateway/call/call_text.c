#include "gateway/call/call_run.h"

#include "les/eth/u256.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- errors ---- */

void call_error_set(struct call_error *error, int code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error->code = code;
    error->refusal = TX_REFUSAL_NONE;
    buf_clear(&error->text);
    buf_add_str(&error->text, text);
}

void call_error_free(struct call_error *error)
{
    buf_free(&error->text);
    *error = (struct call_error){0};
}

void call_error_text(struct call_error *error, const char *text)
{
    call_error_set(error, RPC_SERVER_ERROR, "%s", text);
}

/* ---- refusals ---- */

static void add_address_of(struct buf *out, const char *before, const struct address20 *address)
{
    buf_add_str(out, before);
    buf_add_address(out, address);
}

static void add_word(struct buf *out, const char *before, const struct u256 *value)
{
    buf_add_str(out, before);
    buf_add_u256_decimal(out, value);
}

static void add_funds(struct buf *out, const struct tx *tx, const struct evm_account *sender,
                      const struct call_block *block)
{
    struct u256 want, blob, gas = u256_from_u64(tx->gas_limit);
    struct u256 blob_gas = u256_from_u64(tx->blob_hashes_count * EVM_BLOB_GAS);
    bool overflow = u256_mul(&want, &gas, &tx->max_fee);
    overflow |= u256_add(&want, &want, &tx->value);
    if (block->revision >= EVM_CANCUN) {
        overflow |= u256_mul(&blob, &blob_gas, &tx->max_fee_per_blob_gas);
        overflow |= u256_add(&want, &want, &blob);
    }
    add_address_of(out, ": address ", &sender->address);
    if (overflow) {
        buf_add_str(out, " required balance exceeds 256 bits");
        return;
    }
    add_word(out, " have ", &sender->balance);
    add_word(out, " want ", &want);
}

static void add_gas_wanted(struct buf *out, const struct call_block *block, const struct tx *tx,
                           bool floor)
{
    enum evm_revision revision = block->revision;
    struct tx_gas_rules rules = {revision >= EVM_HOMESTEAD, revision >= EVM_ISTANBUL,
                                 revision >= EVM_SHANGHAI, revision >= EVM_PRAGUE};
    uint64_t intrinsic, floor_gas;
    if (tx_intrinsic_gas(&intrinsic, &floor_gas, tx, rules))
        buf_printf(out, ": have %" PRIu64 ", want %" PRIu64, tx->gas_limit,
                   floor ? floor_gas : intrinsic);
}

static void add_bad_blob(struct buf *out, const struct tx *tx)
{
    struct span rest = tx->blob_hashes;
    struct hash32 hash;
    size_t index = 0;
    while (tx_hash_next(&rest, &hash) && hash.bytes[0] == 1)
        index++;
    buf_clear(out);
    buf_printf(out, "blob %zu has invalid hash version", index);
}

/* go-ethereum adds to most reasons what it compared. */
void call_refusal_text(struct buf *out, const struct call_message *message,
                       const struct call_block *block, const struct evm_account *sender,
                       enum tx_refusal refusal)
{
    const struct tx *tx = &message->tx;
    buf_add_str(out, tx_refusal_text(refusal));
    switch (refusal) {
    case TX_REFUSAL_NONCE_LOW:
    case TX_REFUSAL_NONCE_HIGH:
        add_address_of(out, ": address ", &message->sender);
        buf_printf(out, ", tx: %" PRIu64 " state: %" PRIu64, tx->nonce, sender->nonce);
        return;
    case TX_REFUSAL_NONCE_MAX:
        add_address_of(out, ": address ", &message->sender);
        buf_printf(out, ", nonce: %" PRIu64, sender->nonce);
        return;
    case TX_REFUSAL_SENDER_HAS_CODE:
        add_address_of(out, ": address ", &message->sender);
        buf_printf(out, ", len(code): %zu", sender->code == NULL ? 0 : sender->code->size);
        return;
    case TX_REFUSAL_FEE_BELOW_BASE:
        add_address_of(out, ": address ", &message->sender);
        add_word(out, ", maxFeePerGas: ", &tx->max_fee);
        add_word(out, ", baseFee: ", &block->evm.base_fee);
        return;
    case TX_REFUSAL_TIP_ABOVE_FEE:
        add_address_of(out, ": address ", &message->sender);
        add_word(out, ", maxPriorityFeePerGas: ", &tx->max_priority_fee);
        add_word(out, ", maxFeePerGas: ", &tx->max_fee);
        return;
    case TX_REFUSAL_BLOB_FEE:
        add_address_of(out, ": address ", &message->sender);
        add_word(out, " blobGasFeeCap: ", &tx->max_fee_per_blob_gas);
        add_word(out, ", blobBaseFee: ", &block->evm.blob_base_fee);
        return;
    case TX_REFUSAL_SET_CODE_CREATE:
    case TX_REFUSAL_SET_CODE_NONE:
        add_address_of(out, " (sender ", &message->sender);
        buf_add_str(out, ")");
        return;
    case TX_REFUSAL_TX_GAS:
        buf_printf(out, " (cap: %llu, tx: %" PRIu64 ")", (unsigned long long)EVM_TX_GAS_MAX,
                   tx->gas_limit);
        return;
    case TX_REFUSAL_FUNDS:
        add_funds(out, tx, sender, block);
        return;
    case TX_REFUSAL_INTRINSIC_GAS:
        add_gas_wanted(out, block, tx, false);
        return;
    case TX_REFUSAL_FLOOR_GAS:
        add_gas_wanted(out, block, tx, true);
        return;
    case TX_REFUSAL_INITCODE_SIZE:
        buf_printf(out, ": code size %zu limit %zu", tx->data.size,
                   evm_schedule(block->revision)->initcode_size_max);
        return;
    case TX_REFUSAL_BLOB_COUNT: /* the block's own limit is not looked at in calls */
        buf_clear(out);
        buf_add_str(out, "blob transaction has too many blobs");
        return;
    case TX_REFUSAL_BLOB_VERSION:
        add_bad_blob(out, tx);
        return;
    default:
        return;
    }
}

/* ---- reverts ---- */

static bool abi_word(struct span data, size_t at, struct u256 *out)
{
    if (at > data.size || data.size - at < 32)
        return false;
    u256_from_be(out, SPAN(data.data + at, 32));
    return true;
}

/* The only argument, a string: its offset, then its size and bytes. */
static bool abi_string(struct span data, struct span *out)
{
    struct u256 offset, size;
    if (!abi_word(data, 0, &offset) || !u256_fits_u64(&offset) || offset.words[0] > data.size ||
        !abi_word(data, offset.words[0], &size) || !u256_fits_u64(&size))
        return false;
    size_t begin = (size_t)offset.words[0] + 32;
    if (size.words[0] > data.size - begin)
        return false;
    *out = SPAN(data.data + begin, (size_t)size.words[0]);
    return true;
}

/* Solidity's documentation, "Panic via assert and error via require". */
static const char *panic_text(const struct u256 *code)
{
    static const struct {
        uint8_t code;
        const char *text;
    } rows[] = {
        {0x00, "generic panic"},
        {0x01, "assert(false)"},
        {0x11, "arithmetic underflow or overflow"},
        {0x12, "division or modulo by zero"},
        {0x21, "enum overflow"},
        {0x22, "invalid encoded storage byte array accessed"},
        {0x31, "out-of-bounds array access; popping on an empty array"},
        {0x32, "out-of-bounds access of an array or bytesN"},
        {0x41, "out of memory"},
        {0x51, "uninitialized function"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (u256_fits_u64(code) && code->words[0] == rows[i].code)
            return rows[i].text;
    return NULL;
}

void call_revert_text(struct buf *out, struct span output)
{
    static const uint8_t ERROR[4] = {0x08, 0xc3, 0x79, 0xa0}, PANIC[4] = {0x4e, 0x48, 0x7b, 0x71};
    struct span text;
    struct u256 code;
    buf_add_str(out, evm_end_text(EVM_END_REVERT));
    if (output.size < 4)
        return;
    struct span arguments = SPAN(output.data + 4, output.size - 4);
    if (memcmp(output.data, ERROR, 4) == 0 && abi_string(arguments, &text)) {
        buf_add_str(out, ": ");
        buf_add_span(out, text);
    } else if (memcmp(output.data, PANIC, 4) == 0 && abi_word(arguments, 0, &code)) {
        buf_add_str(out, ": ");
        if (panic_text(&code) != NULL) {
            buf_add_str(out, panic_text(&code));
        } else {
            buf_add_str(out, "unknown panic code: ");
            buf_add_u256_hex(out, &code);
        }
    }
}
