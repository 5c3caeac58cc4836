/* The values that accounts and slots had when they were proved last, and under which state root.
 * Under that root they are proved; under any other they are guesses for the next execution, which
 * then finds out in one local run what it will read, and never an answer.
 *
 * The one thing here that threads share: every function takes the lock inside. Bounded; what was
 * not seen for longest goes first. */
#ifndef LES_EVM_RECALL_H
#define LES_EVM_RECALL_H

#include "les/eth/types.h"

struct recall;
struct recall *recall_new(size_t entries_max, uint64_t seed);
void recall_free(struct recall *recall);
void recall_put_account(struct recall *recall, const struct hash32 *state_root,
                        const struct address20 *address, const struct account *account,
                        bool exists);
void recall_put_slot(struct recall *recall, const struct hash32 *state_root,
                     const struct address20 *address, const struct hash32 *slot,
                     const struct u256 *value);
enum recall_what {
    RECALL_NOTHING,
    RECALL_GUESS, /* proved under another state root */
    RECALL_PROVED
};
enum recall_what recall_account(struct recall *recall, const struct hash32 *state_root,
                                const struct address20 *address, struct account *out, bool *exists);
enum recall_what recall_slot(struct recall *recall, const struct hash32 *state_root,
                             const struct address20 *address, const struct hash32 *slot,
                             struct u256 *out);
size_t recall_count(struct recall *recall);

#endif
