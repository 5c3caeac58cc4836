/* Everything that is done with c-kzg. Its own loader wants all 8,257 points of the setup, takes
 * more than a second and keeps tables that only making proofs needs. Checking reads two points of
 * G2, 64 of G1 and the roots of unity, so the settings are filled here; ckzg.cmake holds the
 * version for which that is known to be enough, and tests/unit/test_kzg.c compares with the whole
 * setup. */
#include "les/evm/kzg.h"

#include "les/eth/rlp.h"
#include "les/evm/pre_curves.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <ckzg.h>
#include <kzg_setup.c.h>

enum { G1_POINTS = ARRAY_COUNT(setup_g1), G2_POINTS = 65, ROOTS = FIELD_ELEMENTS_PER_EXT_BLOB };
_Static_assert(G1_POINTS == FIELD_ELEMENTS_PER_CELL, "a cell's polynomial is committed to");

static void g1_open(g1_t *out, const uint8_t bytes48[48])
{
    blst_p1_affine point;
    ASSERT(blst_p1_uncompress(&point, bytes48) == BLST_SUCCESS);
    blst_p1_from_affine(out, &point);
}

static void g2_open(g2_t *out, const uint8_t bytes96[96])
{
    blst_p2_affine point;
    ASSERT(blst_p2_uncompress(&point, bytes96) == BLST_SUCCESS);
    blst_p2_from_affine(out, &point);
}

/* ---- point evaluation (EIP-4844) ---- */

/* versioned_hash[32] z[32] y[32] commitment[48] proof[48] */
bool evm_kzg_point(struct span input, struct buf *output)
{
    static const uint8_t answer[64] = {
        [30] = 0x10, /* 4096 field elements a blob, then the order of the group */
        [32] = 0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8,
        0x08,        0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe,
        0x5b,        0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01};
    Bytes32 z, y;
    Bytes48 commitment, proof;
    struct hash32 hash;
    g2_t points[2];
    KZGSettings settings = {.g2_values_monomial = points};
    bool good = false;
    if (input.size != 192)
        return false;
    memcpy(z.bytes, input.data + 32, 32);
    memcpy(y.bytes, input.data + 64, 32);
    memcpy(commitment.bytes, input.data + 96, 48);
    memcpy(proof.bytes, input.data + 144, 48);
    sha256(&hash, SPAN(commitment.bytes, 48));
    hash.bytes[0] = 0x01;
    if (memcmp(hash.bytes, input.data, 32) != 0)
        return false;
    points[0] = *blst_p2_generator();
    g2_open(&points[1], setup_g2[0]); /* a fiftieth of the work, so not worth keeping */
    if (verify_kzg_proof(&good, &commitment, &z, &y, &proof, &settings) != C_KZG_OK || !good)
        return false;
    buf_add(output, answer, sizeof answer);
    return true;
}

/* ---- the setup for checking blobs ---- */

struct kzg {
    pthread_mutex_t lock; /* loading; afterwards nothing changes */
    bool loaded;
    KZGSettings settings;
    g1_t g1[G1_POINTS];
    g2_t g2[G2_POINTS]; /* 0, 1 and 64; the others stay zero */
    fr_t roots[ROOTS + 1], roots_reverse[ROOTS + 1], roots_permuted[ROOTS];
};

struct kzg *kzg_new(void)
{
    struct kzg *kzg = mem_alloc(sizeof(*kzg));
    ASSERT(pthread_mutex_init(&kzg->lock, NULL) == 0);
    return kzg;
}

void kzg_free(struct kzg *kzg)
{
    if (kzg == NULL)
        return;
    ASSERT(pthread_mutex_destroy(&kzg->lock) == 0);
    mem_free(kzg);
}

/* 7 generates the field's group of units, whose order is that of the curve's subgroup less one: 7
 * to the power of that over 8192. */
static void first_root(fr_t *out)
{
    /* (r - 1) / 8192 = (r - 1) / 2^32 * 2^19; r - 1 is 2^32 times this. */
    static const uint64_t odd_part[4] = {0xfffe5bfeffffffff, 0x09a1d80553bda402, 0x299d7d483339d808,
                                         0x73eda753};
    fr_t seven;
    fr_from_uint64(&seven, 7);
    *out = FR_ONE;
    for (unsigned bit = 256; bit-- > 0;) {
        blst_fr_sqr(out, out);
        if ((odd_part[bit / 64] >> (bit % 64) & 1) != 0)
            blst_fr_mul(out, out, &seven);
    }
    for (unsigned i = 0; i < 19; i++)
        blst_fr_sqr(out, out);
}

static unsigned reversed(unsigned index)
{
    unsigned out = 0;
    for (unsigned bit = 1; bit < ROOTS; bit <<= 1, index >>= 1)
        out = out << 1 | (index & 1);
    return out;
}

static void load_roots(struct kzg *kzg)
{
    fr_t root;
    first_root(&root);
    kzg->roots[0] = FR_ONE;
    for (unsigned i = 1; i <= ROOTS; i++)
        blst_fr_mul(&kzg->roots[i], &kzg->roots[i - 1], &root);
    ASSERT(fr_is_one(&kzg->roots[ROOTS]) && !fr_is_one(&kzg->roots[ROOTS / 2]));
    for (unsigned i = 0; i <= ROOTS; i++)
        kzg->roots_reverse[i] = kzg->roots[ROOTS - i];
    for (unsigned i = 0; i < ROOTS; i++)
        kzg->roots_permuted[i] = kzg->roots[reversed(i)];
}

static void load(struct kzg *kzg)
{
    ASSERT(pthread_mutex_lock(&kzg->lock) == 0);
    if (!kzg->loaded) {
        load_roots(kzg);
        for (size_t i = 0; i < G1_POINTS; i++)
            g1_open(&kzg->g1[i], setup_g1[i]);
        kzg->g2[0] = *blst_p2_generator();
        g2_open(&kzg->g2[1], setup_g2[0]);
        g2_open(&kzg->g2[FIELD_ELEMENTS_PER_CELL], setup_g2[1]);
        kzg->settings = (KZGSettings){.roots_of_unity = kzg->roots,
                                      .brp_roots_of_unity = kzg->roots_permuted,
                                      .reverse_roots_of_unity = kzg->roots_reverse,
                                      .g1_values_monomial = kzg->g1,
                                      .g2_values_monomial = kzg->g2};
        kzg->loaded = true;
    }
    ASSERT(pthread_mutex_unlock(&kzg->lock) == 0);
}

/* ---- blobs ---- */

/* The next item of a list, which tx_sidecar_of has measured. */
static const void *next(struct rlp *list, size_t size)
{
    struct span item = rlp_bytes(list);
    ASSERT(item.size == size);
    return item.data;
}

static bool blobs_proved(const KZGSettings *settings, struct rlp blobs, struct rlp commitments,
                         struct rlp proofs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool good = false;
        const Blob *blob = next(&blobs, BYTES_PER_BLOB);
        const Bytes48 *commitment = next(&commitments, BYTES_PER_COMMITMENT),
                      *proof = next(&proofs, BYTES_PER_PROOF);
        if (verify_blob_kzg_proof(&good, blob, commitment, proof, settings) != C_KZG_OK || !good)
            return false;
    }
    return true;
}

/* All cells of all blobs, which are twice as long as the blobs. */
struct cells {
    Cell *cells;
    Bytes48 *commitments, *proofs;
    uint64_t *indices;
};

static bool cells_compute(struct cells *all, const KZGSettings *settings, struct rlp blobs,
                          struct rlp commitments, struct rlp proofs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Blob *blob = next(&blobs, BYTES_PER_BLOB);
        const Bytes48 *commitment = next(&commitments, BYTES_PER_COMMITMENT);
        size_t first = i * CELLS_PER_EXT_BLOB;
        for (size_t j = 0; j < CELLS_PER_EXT_BLOB; j++) {
            all->commitments[first + j] = *commitment;
            memcpy(&all->proofs[first + j], next(&proofs, BYTES_PER_PROOF), BYTES_PER_PROOF);
            all->indices[first + j] = j;
        }
        if (compute_cells_and_kzg_proofs(all->cells + first, NULL, blob, settings) != C_KZG_OK)
            return false;
    }
    return true;
}

static bool cells_verify(const struct cells *all, const KZGSettings *settings, size_t total)
{
    bool good = false;
    return verify_cell_kzg_proof_batch(&good, all->commitments, all->indices, all->cells,
                                       all->proofs, total, settings) == C_KZG_OK &&
           good;
}

static bool cells_proved(const KZGSettings *settings, struct rlp blobs, struct rlp commitments,
                         struct rlp proofs, size_t count)
{
    size_t total = count * CELLS_PER_EXT_BLOB;
    struct cells all = {.cells = mem_alloc(total * sizeof(Cell)),
                        .commitments = mem_alloc(total * sizeof(Bytes48)),
                        .proofs = mem_alloc(total * sizeof(Bytes48)),
                        .indices = mem_alloc(total * sizeof(uint64_t))};
    bool good = cells_compute(&all, settings, blobs, commitments, proofs, count) &&
                cells_verify(&all, settings, total);
    mem_free(all.cells);
    mem_free(all.commitments);
    mem_free(all.proofs);
    mem_free(all.indices);
    return good;
}

enum kzg_result kzg_check(struct kzg *kzg, const struct tx_sidecar *sidecar)
{
    struct rlp blobs = rlp_reader(sidecar->blobs), commitments = rlp_reader(sidecar->commitments),
               proofs = rlp_reader(sidecar->proofs);
    if (kzg == NULL)
        return KZG_ABSENT;
    load(kzg);
    bool good = sidecar->version == 0
                    ? blobs_proved(&kzg->settings, blobs, commitments, proofs, sidecar->count)
                    : cells_proved(&kzg->settings, blobs, commitments, proofs, sidecar->count);
    return good ? KZG_PROVED : KZG_NOT_PROVED;
}
