/* Why an instruction ended its frame and what it would have cost, as go-ethereum tells it. It
 * prices an instruction whole before it charges anything, the interpreter here charges part by part
 * and stops at the first that does not fit: the same result, but traces and error texts show the
 * difference. So the price of a step that failed is worked out again, here. */
#ifndef LES_EVM_FAULT_H
#define LES_EVM_FAULT_H

#include "les/evm/evm.h"

#define EVM_FAULT_TEXT_MAX 96

/* As go-ethereum prints it, with the names that it has for codes which no fork defines. out holds
 * EVM_FAULT_TEXT_MAX characters. */
void evm_opcode_text(char *out, uint8_t opcode);

/* What must be known from before a step to tell afterwards why it failed: for on_step. */
struct evm_fault_watch {
    struct evm_step step;
    bool cold; /* the account or the slot that it names, EIP-2929 */
};
void evm_fault_watch(struct evm_fault_watch *watch, const struct evm_step *step);

struct evm_fault {
    uint64_t gas_cost;
    bool early; /* it failed before it began: go-ethereum shows the text with the step */
    char text[EVM_FAULT_TEXT_MAX];
};
/* For on_step_end with an end that is neither EVM_RUNNING nor SUCCESS nor of the engine. */
void evm_fault_of(struct evm_fault *out, const struct evm_fault_watch *watch, enum evm_end end);

#endif
