/* What must hold for a precompile beside not crashing: a second way to the same result, laws of the
 * group, inputs that are valid because they were made so. Used by fuzz_precompile.c. */
#ifndef TESTS_FUZZ_PRECOMPILE_LAWS_H
#define TESTS_FUZZ_PRECOMPILE_LAWS_H

#include "les/evm/precompile.h"

struct laws {
    enum evm_revision revision;
    const struct crypto *crypto;
    const struct evm_precompile_ops *ops; /* NULL: no KZG, no BLS12-381 */
};

/* A run that must be done; appends to output. */
void laws_run(const struct laws *laws, enum evm_precompile id, struct span input,
              struct buf *output);
/* The same, and the whole output must be wanted. */
void laws_expect(const struct laws *laws, enum evm_precompile id, struct span input,
                 struct span wanted);
void laws_expect_failure(const struct laws *laws, enum evm_precompile id, struct span input);

/* input gave output: aborts if a law is broken. A few runs more. */
void laws_check(const struct laws *laws, enum evm_precompile id, struct span input,
                struct span output);
/* Makes a valid input out of seed, appends it; wanted gets what the run must give, or stays empty.
 */
void laws_make(const struct laws *laws, enum evm_precompile id, struct span seed, struct buf *input,
               struct buf *wanted);

/* ---- parts: precompile_laws_plain.c ---- */
void laws_check_ecrecover(const struct laws *laws, struct span input, struct span output);
void laws_check_hash(enum evm_precompile id, struct span input, struct span output);
void laws_check_modexp(struct span input, struct span output);
void laws_check_blake2f(struct span input, struct span output);
void laws_check_p256(const struct laws *laws, struct span input, struct span output);
void laws_make_ecrecover(const struct laws *laws, struct span seed, struct buf *input,
                         struct buf *wanted);
void laws_make_modexp(struct span seed, struct buf *input);
void laws_make_blake2f(struct span seed, struct buf *input);
void laws_make_p256(struct span seed, struct buf *input, struct buf *wanted);

/* ---- parts: precompile_laws_curves.c ---- */
void laws_check_add(const struct laws *laws, enum evm_precompile id, struct span input,
                    struct span output);
void laws_check_mul(const struct laws *laws, struct span input, struct span output);
void laws_check_msm(const struct laws *laws, enum evm_precompile id, struct span input,
                    struct span output);
void laws_check_pairing(const struct laws *laws, enum evm_precompile id, struct span input,
                        struct span output);
void laws_check_map(const struct laws *laws, enum evm_precompile id, struct span input,
                    struct span output);
void laws_check_kzg(const struct laws *laws, struct span input);
void laws_make_points(const struct laws *laws, enum evm_precompile id, struct span seed,
                      struct buf *input, struct buf *wanted);
void laws_make_kzg(const struct laws *laws, struct span seed, struct buf *input,
                   struct buf *wanted);

#endif
