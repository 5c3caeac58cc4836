/* kzg.c fills c-kzg's settings with the part of the setup that checking needs. Here the whole setup
 * is loaded, by c-kzg's own reader, to make commitments and proofs for it to check. */
#include "les/evm/kzg.h"

#include "les/eth/rlp.h"
#include "les/evm/precompile.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>

TestSuite(kzg, .fini = fixture_leak_gate, .timeout = 120);

#ifdef CKZG_SETUP
#include <ckzg.h>
#include <pthread.h>

enum { BLOBS = 2 };

struct work {
    KZGSettings settings;
    Blob *blobs;
    Bytes48 commitments[BLOBS], proofs[BLOBS], cell_proofs[BLOBS * CELLS_PER_EXT_BLOB];
    struct buf lists[3];
    struct kzg *kzg;
};

static void make_blob(Blob *blob, uint64_t seed)
{
    for (size_t i = 0; i < BYTES_PER_BLOB; i++)
        blob->bytes[i] = i % 32 == 0 ? 0 : (uint8_t)fixture_random(&seed);
}

static struct work *work_new(void)
{
    struct work *work = mem_alloc(sizeof(*work));
    FILE *file = fopen(CKZG_SETUP, "r");
    cr_assert_not_null(file);
    cr_assert_eq(load_trusted_setup_file(&work->settings, file, 0), C_KZG_OK);
    fclose(file);
    work->blobs = mem_alloc(BLOBS * sizeof(Blob));
    for (size_t i = 0; i < BLOBS; i++) {
        make_blob(&work->blobs[i], i + 1);
        cr_assert_eq(
            blob_to_kzg_commitment(&work->commitments[i], &work->blobs[i], &work->settings),
            C_KZG_OK);
        cr_assert_eq(compute_blob_kzg_proof(&work->proofs[i], &work->blobs[i],
                                            &work->commitments[i], &work->settings),
                     C_KZG_OK);
        cr_assert_eq(compute_cells_and_kzg_proofs(NULL, work->cell_proofs + i * CELLS_PER_EXT_BLOB,
                                                  &work->blobs[i], &work->settings),
                     C_KZG_OK);
    }
    work->kzg = kzg_new();
    return work;
}

static void work_free(struct work *work)
{
    for (size_t i = 0; i < ARRAY_COUNT(work->lists); i++)
        buf_free(&work->lists[i]);
    kzg_free(work->kzg);
    free_trusted_setup(&work->settings);
    mem_free(work->blobs);
    mem_free(work);
}

static void fill(struct buf *list, const void *items, size_t size, size_t count)
{
    buf_clear(list);
    for (size_t i = 0; i < count; i++)
        rlp_add_bytes(list, SPAN((const uint8_t *)items + i * size, size));
}

static struct tx_sidecar sidecar_of(struct work *work, unsigned version)
{
    fill(&work->lists[0], work->blobs, sizeof(Blob), BLOBS);
    fill(&work->lists[1], work->commitments, 48, BLOBS);
    if (version == 0)
        fill(&work->lists[2], work->proofs, 48, BLOBS);
    else
        fill(&work->lists[2], work->cell_proofs, 48, ARRAY_COUNT(work->cell_proofs));
    return (struct tx_sidecar){.version = version,
                               .count = BLOBS,
                               .blobs = buf_span(&work->lists[0]),
                               .commitments = buf_span(&work->lists[1]),
                               .proofs = buf_span(&work->lists[2])};
}

static enum kzg_result check(struct work *work, unsigned version)
{
    struct tx_sidecar sidecar = sidecar_of(work, version);
    return kzg_check(work->kzg, &sidecar);
}

static void swap(Bytes48 *a, Bytes48 *b)
{
    Bytes48 other = *a;
    *a = *b;
    *b = other;
}

Test(kzg, blobs_are_proved_by_their_proofs_and_by_no_others)
{
    struct work *work = work_new();
    for (unsigned version = 0; version < 2; version++) {
        Bytes48 *proofs = version == 0 ? work->proofs : work->cell_proofs;
        size_t last = version == 0 ? BLOBS - 1 : ARRAY_COUNT(work->cell_proofs) - 1;
        uint8_t *byte = &work->blobs[1].bytes[77777];
        cr_assert_eq(check(work, version), KZG_PROVED);
        *byte ^= 1;
        cr_assert_eq(check(work, version), KZG_NOT_PROVED, "another blob");
        *byte ^= 1;
        swap(&proofs[0], &proofs[last]);
        cr_assert_eq(check(work, version), KZG_NOT_PROVED, "the proof of another blob or cell");
        swap(&proofs[0], &proofs[last]);
        swap(&work->commitments[0], &work->commitments[1]);
        cr_assert_eq(check(work, version), KZG_NOT_PROVED, "another's commitment");
        swap(&work->commitments[0], &work->commitments[1]);
        proofs[last].bytes[0] ^= 0x80;
        cr_assert_eq(check(work, version), KZG_NOT_PROVED, "a proof that is no point");
        proofs[last].bytes[0] ^= 0x80;
        work->blobs[0].bytes[32] = 0x74;
        cr_assert_eq(check(work, version), KZG_NOT_PROVED, "an element above the modulus");
        work->blobs[0].bytes[32] = 0;
        cr_assert_eq(check(work, version), KZG_PROVED);
    }
    work_free(work);
}

static void *check_cells(void *argument)
{
    struct work *work = argument;
    struct tx_sidecar sidecar = {.version = 1,
                                 .count = BLOBS,
                                 .blobs = buf_span(&work->lists[0]),
                                 .commitments = buf_span(&work->lists[1]),
                                 .proofs = buf_span(&work->lists[2])};
    return kzg_check(work->kzg, &sidecar) == KZG_PROVED ? work : NULL;
}

Test(kzg, threads_may_share_one)
{
    pthread_t threads[4];
    struct work *work = work_new();
    (void)sidecar_of(work, 1);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, check_cells, work), 0);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
        void *result;
        cr_assert_eq(pthread_join(threads[i], &result), 0);
        cr_assert_eq(result, work);
    }
    work_free(work);
}

Test(kzg, any_point_of_a_polynomial_can_be_shown_to_a_contract)
{
    struct work *work = work_new();
    const struct evm_precompile_ops *ops = evm_precompile_curves();
    for (size_t i = 0; i < 4; i++) {
        struct buf input = {0}, output = {0};
        struct hash32 hash;
        Bytes32 z = {{0}}, y;
        Bytes48 proof;
        z.bytes[31] = (uint8_t)i; /* 1 is in the domain of evaluation */
        cr_assert_eq(compute_kzg_proof(&proof, &y, work->blobs, &z, &work->settings), C_KZG_OK);
        sha256(&hash, SPAN(work->commitments[0].bytes, 48));
        hash.bytes[0] = 1;
        buf_add(&input, hash.bytes, 32);
        buf_add(&input, z.bytes, 32);
        buf_add(&input, y.bytes, 32);
        buf_add(&input, work->commitments[0].bytes, 48);
        buf_add(&input, proof.bytes, 48);
        cr_assert_eq(ops->run(ops, EVM_KZG_POINT, buf_span(&input), &output), EVM_PRECOMPILE_DONE);
        fixture_expect_hex(buf_span(&output),
                           "0000000000000000000000000000000000000000000000000000000000001000"
                           "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
        buf_clear(&output);
        input.data[95] ^= 1;
        cr_assert_eq(ops->run(ops, EVM_KZG_POINT, buf_span(&input), &output),
                     EVM_PRECOMPILE_FAILED);
        input.data[95] ^= 1;
        input.data[0] = 0;
        cr_assert_eq(ops->run(ops, EVM_KZG_POINT, buf_span(&input), &output),
                     EVM_PRECOMPILE_FAILED);
        cr_assert_eq(output.size, 0);
        buf_free(&input);
        buf_free(&output);
    }
    work_free(work);
}

#else

Test(kzg, a_build_without_it_says_so)
{
    struct tx_sidecar sidecar = {0};
    cr_assert_null(kzg_new());
    cr_assert_null(evm_precompile_curves());
    cr_assert_eq(kzg_check(NULL, &sidecar), KZG_ABSENT);
    kzg_free(NULL);
}

#endif
