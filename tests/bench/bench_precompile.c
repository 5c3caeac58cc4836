/* Precompiles and blob proofs in CPU time: gas per second, also as a ratio to ecrecover's in the
 * same run, which every client pays about alike. Inputs are made by tests/fuzz/precompile_laws.h.
 * Usage: bench_precompile [runs]; 5 unless told. */
#include "les/eth/rlp.h"
#include "les/evm/kzg.h"
#include "tests/fuzz/precompile_laws.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { RUNS_MAX = 99, TERMS = 128, PAIRS = 8 };
#define RUN_S 0.05

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static long resident_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

struct row {
    const char *name;
    enum evm_precompile id;
    struct buf input;
    double seconds[RUNS_MAX]; /* a call, by run */
};

static double time_calls(const struct laws *laws, const struct row *row)
{
    struct buf output = {0};
    unsigned calls = 0;
    double start = now_s(), spent;
    do {
        buf_clear(&output);
        laws_run(laws, row->id, buf_span(&row->input), &output);
        calls++;
        spent = now_s() - start;
    } while (spent < RUN_S);
    buf_free(&output);
    return spent / calls;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_row(const struct laws *laws, struct row *row, double ecrecover_rate, size_t runs)
{
    double gas = (double)evm_precompile_gas(row->id, laws->revision, buf_span(&row->input));
    double *s = row->seconds;
    qsort(s, runs, sizeof *s, by_value);
    double middle = s[runs / 2], rate = gas / middle;
    printf("| %s | %.0f | %.2f [%.2f..%.2f] | %.1f | %.2f |\n", row->name, gas, middle * 1e6,
           s[0] * 1e6, s[runs - 1] * 1e6, rate / 1e6, rate / ecrecover_rate);
}

/* One valid input, or the same item over and over as far as the precompile takes a list. */
static void add_row(const struct laws *laws, struct row *row, const char *name,
                    enum evm_precompile id, size_t item_size, size_t items)
{
    uint8_t seed[64];
    struct buf made = {0}, wanted = {0};
    *row = (struct row){.name = name, .id = id};
    for (size_t i = 0; i < (items > 0 ? items : 1); i++) {
        for (size_t j = 0; j < sizeof seed; j++)
            seed[j] = (uint8_t)(17 * j + 31 * i + 200);
        buf_clear(&made);
        laws_make(laws, id, SPAN(seed, items > 0 ? 63 : 64), &made, &wanted);
        buf_add(&row->input, made.data, items > 0 ? item_size : made.size);
    }
    buf_free(&made);
    buf_free(&wanted);
}

static void modexp_row(struct row *row, size_t size)
{
    *row = (struct row){.name = "modexp, 256 bytes each", .id = EVM_MODEXP};
    uint8_t word[32] = {0};
    be_write(word + 24, 8, size);
    for (unsigned i = 0; i < 3; i++)
        buf_add(&row->input, word, sizeof word);
    for (size_t i = 0; i < 3 * size; i++)
        buf_add_u8(&row->input, (uint8_t)(251 * i + 255));
}

static void bytes_row(struct row *row, const char *name, enum evm_precompile id)
{
    *row = (struct row){.name = name, .id = id};
    for (size_t i = 0; i < 1024; i++)
        buf_add_u8(&row->input, (uint8_t)i);
}

static void measure_calls(const struct laws *laws, size_t runs)
{
    static struct row rows[24];
    size_t count = 0;
    add_row(laws, &rows[count++], "ecrecover", EVM_ECRECOVER, 0, 0);
    bytes_row(&rows[count++], "sha256, 1 KiB", EVM_SHA256);
    bytes_row(&rows[count++], "ripemd160, 1 KiB", EVM_RIPEMD160);
    bytes_row(&rows[count++], "identity, 1 KiB", EVM_IDENTITY);
    modexp_row(&rows[count++], 256);
    add_row(laws, &rows[count++], "bn254 add", EVM_BN254_ADD, 0, 0);
    add_row(laws, &rows[count++], "bn254 mul", EVM_BN254_MUL, 0, 0);
    add_row(laws, &rows[count++], "bn254 pairing, 3 pairs", EVM_BN254_PAIRING, 0, 0);
    add_row(laws, &rows[count++], "blake2f", EVM_BLAKE2F, 0, 0);
    add_row(laws, &rows[count++], "P-256 verify", EVM_P256_VERIFY, 0, 0);
    if (laws->ops != NULL) {
        add_row(laws, &rows[count++], "KZG point evaluation", EVM_KZG_POINT, 0, 0);
        add_row(laws, &rows[count++], "BLS G1 add", EVM_BLS_G1_ADD, 0, 0);
        add_row(laws, &rows[count++], "BLS G1 MSM, 1 term", EVM_BLS_G1_MSM, 160, 1);
        add_row(laws, &rows[count++], "BLS G1 MSM, 128 terms", EVM_BLS_G1_MSM, 160, TERMS);
        add_row(laws, &rows[count++], "BLS G2 add", EVM_BLS_G2_ADD, 0, 0);
        add_row(laws, &rows[count++], "BLS G2 MSM, 1 term", EVM_BLS_G2_MSM, 288, 1);
        add_row(laws, &rows[count++], "BLS G2 MSM, 128 terms", EVM_BLS_G2_MSM, 288, TERMS);
        add_row(laws, &rows[count++], "BLS pairing, 1 pair", EVM_BLS_PAIRING, 384, 1);
        add_row(laws, &rows[count++], "BLS pairing, 8 pairs", EVM_BLS_PAIRING, 384, PAIRS);
        static const uint8_t element[128] = {[63] = 5, [127] = 7};
        rows[count] = (struct row){.name = "BLS map to G1", .id = EVM_BLS_MAP_FP};
        buf_add(&rows[count++].input, element, 64);
        rows[count] = (struct row){.name = "BLS map to G2", .id = EVM_BLS_MAP_FP2};
        buf_add(&rows[count++].input, element, 128);
    }
    ASSERT(count <= ARRAY_COUNT(rows));
    for (size_t run = 0; run < runs; run++)
        for (size_t i = 0; i < count; i++)
            rows[i].seconds[run] = time_calls(laws, &rows[i]);
    qsort(rows[0].seconds, runs, sizeof(double), by_value);
    double ecrecover_rate = 3000 / rows[0].seconds[runs / 2];
    printf("## Precompiles\n\nPrague's gas. %zu runs, median [min..max].\n\n", runs);
    printf("| call | gas | us CPU | Mgas/s | of ecrecover's |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        print_row(laws, &rows[i], ecrecover_rate, runs);
        buf_free(&rows[i].input);
    }
}

/* Commitments and proofs are any points, so nothing is proved; the work is the same, but for a
 * proof a blob the first one ends it. */
static void measure_blobs(unsigned version, size_t count)
{
    static uint8_t blob[131072];
    uint8_t point[48]; /* the generator */
    struct buf blobs = {0}, commitments = {0}, proofs = {0};
    struct kzg *kzg = kzg_new();
    ASSERT(hex_decode_exact(point, sizeof point,
                            "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e8"
                            "3ff97a1aeffb3af00adb22c6bb",
                            96));
    for (size_t i = 0; i < sizeof blob; i++)
        blob[i] = i % 32 == 0 ? 0 : (uint8_t)(i * i / 31);
    for (size_t i = 0; i < count; i++) {
        rlp_add_bytes(&blobs, SPAN(blob, sizeof blob));
        rlp_add_bytes(&commitments, SPAN(point, 48));
    }
    for (size_t i = 0; i < (version == 0 ? count : count * 128); i++)
        rlp_add_bytes(&proofs, SPAN(point, 48));
    struct tx_sidecar sidecar = {.version = version,
                                 .count = count,
                                 .blobs = buf_span(&blobs),
                                 .commitments = buf_span(&commitments),
                                 .proofs = buf_span(&proofs)};
    long before = resident_kib();
    double start = now_s();
    ASSERT(kzg_check(kzg, &sidecar) == KZG_NOT_PROVED);
    double first = now_s() - start;
    start = now_s();
    ASSERT(kzg_check(kzg, &sidecar) == KZG_NOT_PROVED);
    printf("| %zu, %s | %.1f | %.1f | %ld |\n", count,
           version == 0 ? "a proof a blob" : "a proof a cell", first * 1e3, (now_s() - start) * 1e3,
           resident_kib() - before);
    kzg_free(kzg);
    buf_free(&blobs);
    buf_free(&commitments);
    buf_free(&proofs);
}

int main(int count, char **arguments)
{
    static const uint8_t seed[32] = {1};
    size_t runs = count > 1 ? (size_t)atoi(arguments[1]) : 5;
    struct laws laws = {
        .revision = EVM_PRAGUE, .crypto = crypto_new(seed), .ops = evm_precompile_curves()};
    if (runs < 1 || runs > RUNS_MAX)
        return 2;
    measure_calls(&laws, runs);
    if (laws.ops != NULL) {
        printf("\n| blobs | ms CPU the first time | then | KiB that became resident |\n"
               "|---|---|---|---|\n");
        measure_blobs(0, 1);
        measure_blobs(1, 1);
        measure_blobs(1, 6);
    }
    return 0;
}
