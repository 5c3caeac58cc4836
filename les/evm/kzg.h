/* Blobs against their KZG commitments, checked by c-kzg. */
#ifndef LES_EVM_KZG_H
#define LES_EVM_KZG_H

#include "les/eth/tx.h"

/* The part of the trusted setup that checking needs: about 800 kB and some milliseconds, spent on
 * the first check and not before. May be shared by threads. */
struct kzg;
struct kzg *kzg_new(void); /* NULL: this build has no c-kzg */
void kzg_free(struct kzg *kzg);

enum kzg_result {
    KZG_PROVED,
    KZG_NOT_PROVED, /* a blob is not one, a point is not one, or a proof does not hold */
    KZG_ABSENT      /* kzg is NULL */
};
/* Do the proofs show that every blob belongs to its commitment? Version 0: a proof a blob
 * (EIP-4844); version 1: one for each cell of the extended blob (EIP-7594). The lists are as long
 * as tx_sidecar_of says. Version 0 takes a millisecond or two a blob, version 1 ten and twice the
 * blobs' memory; how many blobs there may be is the caller's business. */
enum kzg_result kzg_check(struct kzg *kzg, const struct tx_sidecar *sidecar) WARN_UNUSED;

#endif
