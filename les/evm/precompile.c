#include "les/evm/precompile.h"

#include "les/evm/precompile_internal.h"

/* ---- which one lives where ---- */

static const char *const names[] = {
    [EVM_ECRECOVER] = "ecrecover",
    [EVM_SHA256] = "sha256",
    [EVM_RIPEMD160] = "ripemd160",
    [EVM_IDENTITY] = "identity",
    [EVM_MODEXP] = "modexp",
    [EVM_BN254_ADD] = "bn254 add",
    [EVM_BN254_MUL] = "bn254 mul",
    [EVM_BN254_PAIRING] = "bn254 pairing",
    [EVM_BLAKE2F] = "blake2f",
    [EVM_KZG_POINT] = "KZG point evaluation",
    [EVM_BLS_G1_ADD] = "BLS12-381 G1 add",
    [EVM_BLS_G1_MSM] = "BLS12-381 G1 MSM",
    [EVM_BLS_G2_ADD] = "BLS12-381 G2 add",
    [EVM_BLS_G2_MSM] = "BLS12-381 G2 MSM",
    [EVM_BLS_PAIRING] = "BLS12-381 pairing",
    [EVM_BLS_MAP_FP] = "BLS12-381 map to G1",
    [EVM_BLS_MAP_FP2] = "BLS12-381 map to G2",
};

const char *evm_precompile_name(enum evm_precompile id)
{
    if (id == EVM_P256_VERIFY)
        return "P-256 verify";
    return id > EVM_PRECOMPILE_NONE && id <= EVM_BLS_MAP_FP2 ? names[id] : "none";
}

enum evm_precompile evm_precompile_at(enum evm_revision revision, const struct address20 *address)
{
    static const uint8_t zeros[18] = {0};
    if (memcmp(address->bytes, zeros, sizeof zeros) != 0)
        return EVM_PRECOMPILE_NONE;
    unsigned id = (unsigned)be_read(address->bytes + 18, 2);
    if (id == EVM_P256_VERIFY)
        return revision >= EVM_OSAKA ? EVM_P256_VERIFY : EVM_PRECOMPILE_NONE;
    return id >= 1 && id <= evm_schedule(revision)->precompile_last ? (enum evm_precompile)id
                                                                    : EVM_PRECOMPILE_NONE;
}

enum evm_precompile evm_precompile_find(enum evm_revision revision,
                                        const struct evm_precompile_moves *moves,
                                        const struct address20 *address)
{
    for (size_t i = moves == NULL ? 0 : moves->count; i-- > 0;)
        if (address20_equal(&moves->rows[i].address, address))
            return moves->rows[i].id;
    return evm_precompile_at(revision, address);
}

void evm_precompile_address(struct address20 *out, enum evm_precompile id)
{
    memset(out, 0, sizeof *out);
    be_write(out->bytes + 18, 2, id);
}

/* ---- what it costs ---- */

static uint64_t per_word(struct span input, uint64_t base, uint64_t word)
{
    return base + (input.size + 31) / 32 * word;
}

/* EIP-2537: the discount for many points, in thousandths, by their number. */
static uint64_t msm_gas(struct span input, size_t item_size, uint64_t mul_gas,
                        const uint16_t discounts[128])
{
    size_t count = input.size / item_size;
    if (count == 0)
        return 0;
    return (uint64_t)count * mul_gas * discounts[count > 128 ? 127 : count - 1] / 1000;
}

static const uint16_t g1_discounts[128] = {
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665,
    661,  658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615,
    613,  611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585,
    584,  582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563,
    562,  561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545,
    544,  543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529,
    528,  528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519};
static const uint16_t g2_discounts[128] = {
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699,
    693,  688,  683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629,
    627,  624,  622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592,
    590,  589,  587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568, 567,
    566,  565,  563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548,
    547,  546,  545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533,
    532,  532,  531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524};

uint64_t evm_precompile_gas(enum evm_precompile id, enum evm_revision revision, struct span input)
{
    bool istanbul = revision >= EVM_ISTANBUL;
    switch (id) {
    case EVM_PRECOMPILE_NONE:
        break;
    case EVM_ECRECOVER:
        return 3000;
    case EVM_SHA256:
        return per_word(input, 60, 12);
    case EVM_RIPEMD160:
        return per_word(input, 600, 120);
    case EVM_IDENTITY:
        return per_word(input, 15, 3);
    case EVM_MODEXP:
        return evm_modexp_gas(revision, input);
    case EVM_BN254_ADD:
        return istanbul ? 150 : 500;
    case EVM_BN254_MUL:
        return istanbul ? 6000 : 40000;
    case EVM_BN254_PAIRING:
        return istanbul ? 45000 + input.size / 192 * 34000 : 100000 + input.size / 192 * 80000;
    case EVM_BLAKE2F:
        return input.size == 213 ? be_read(input.data, 4) : 0;
    case EVM_KZG_POINT:
        return 50000;
    case EVM_BLS_G1_ADD:
        return 375;
    case EVM_BLS_G1_MSM:
        return msm_gas(input, 160, 12000, g1_discounts);
    case EVM_BLS_G2_ADD:
        return 600;
    case EVM_BLS_G2_MSM:
        return msm_gas(input, 288, 22500, g2_discounts);
    case EVM_BLS_PAIRING:
        return 37700 + input.size / 384 * 32600;
    case EVM_BLS_MAP_FP:
        return 5500;
    case EVM_BLS_MAP_FP2:
        return 23800;
    case EVM_P256_VERIFY:
        return 6900;
    }
    return UINT64_MAX;
}

/* ---- the simple ones ---- */

struct span evm_input_part(struct span input, uint64_t offset, size_t size, uint8_t *padded)
{
    memset(padded, 0, size);
    if (offset < input.size) {
        size_t rest = input.size - (size_t)offset;
        memcpy(padded, input.data + offset, rest < size ? rest : size);
    }
    return SPAN(padded, size);
}

/* An input that is no signature gives no output, and that is success. */
static void ecrecover(const struct crypto *crypto, struct span input, struct buf *output)
{
    uint8_t padded[128];
    static const uint8_t zeros[31] = {0};
    (void)evm_input_part(input, 0, sizeof padded, padded);
    if (memcmp(padded + 32, zeros, 31) != 0 || (padded[63] != 27 && padded[63] != 28))
        return;
    struct hash32 digest;
    struct sig65 sig;
    struct pubkey64 key;
    struct address20 address;
    memcpy(digest.bytes, padded, 32);
    memcpy(sig.bytes, padded + 64, 64);
    sig.bytes[64] = (uint8_t)(padded[63] - 27);
    if (!crypto_recover(crypto, &key, &digest, &sig))
        return;
    crypto_address(&address, &key);
    buf_add(output, zeros, 12);
    buf_add(output, address.bytes, 20);
}

static void hash_sha256(struct span input, struct buf *output)
{
    struct hash32 hash;
    sha256(&hash, input);
    buf_add(output, hash.bytes, 32);
}

static void hash_ripemd160(struct span input, struct buf *output)
{
    uint8_t word[32] = {0};
    ripemd160(word + 12, input);
    buf_add(output, word, 32);
}

static bool p256(struct span input, struct buf *output)
{
    static const uint8_t one[32] = {[31] = 1};
    if (input.size == 160 && p256_verify(input.data, input.data + 32, input.data + 96))
        buf_add(output, one, 32);
    return true;
}

static enum evm_precompile_result result_of(bool done)
{
    return done ? EVM_PRECOMPILE_DONE : EVM_PRECOMPILE_FAILED;
}

enum evm_precompile_result evm_precompile_run(enum evm_precompile id, enum evm_revision revision,
                                              const struct crypto *crypto,
                                              const struct evm_precompile_ops *ops,
                                              struct span input, struct buf *output)
{
    switch (id) {
    case EVM_PRECOMPILE_NONE:
        break;
    case EVM_ECRECOVER:
        ecrecover(crypto, input, output);
        return EVM_PRECOMPILE_DONE;
    case EVM_SHA256:
        hash_sha256(input, output);
        return EVM_PRECOMPILE_DONE;
    case EVM_RIPEMD160:
        hash_ripemd160(input, output);
        return EVM_PRECOMPILE_DONE;
    case EVM_IDENTITY:
        buf_add_span(output, input);
        return EVM_PRECOMPILE_DONE;
    case EVM_MODEXP:
        return result_of(evm_modexp(revision, input, output));
    case EVM_BN254_ADD:
        return result_of(evm_bn254_add(input, output));
    case EVM_BN254_MUL:
        return result_of(evm_bn254_mul(input, output));
    case EVM_BN254_PAIRING:
        return result_of(evm_bn254_pairing(input, output));
    case EVM_BLAKE2F:
        return result_of(evm_blake2f(input, output));
    case EVM_KZG_POINT:
    case EVM_BLS_G1_ADD:
    case EVM_BLS_G1_MSM:
    case EVM_BLS_G2_ADD:
    case EVM_BLS_G2_MSM:
    case EVM_BLS_PAIRING:
    case EVM_BLS_MAP_FP:
    case EVM_BLS_MAP_FP2:
        return ops == NULL ? EVM_PRECOMPILE_ABSENT : ops->run(ops, id, input, output);
    case EVM_P256_VERIFY:
        return result_of(p256(input, output));
    }
    return EVM_PRECOMPILE_FAILED;
}

/* ---- why it failed ---- */

static const char *kzg_fault(struct span input)
{
    struct hash32 hash;
    if (input.size != 192)
        return "invalid input length";
    sha256(&hash, SPAN(input.data + 96, 48));
    hash.bytes[0] = 1;
    return memcmp(hash.bytes, input.data, 32) == 0 ? "error verifying kzg proof"
                                                   : "mismatched versioned hash";
}

/* EIP-2537: one item or a list of them. */
static bool bls_size_is_wrong(enum evm_precompile id, size_t size)
{
    switch (id) {
    case EVM_BLS_G1_ADD:
        return size != 256;
    case EVM_BLS_G2_ADD:
        return size != 512;
    case EVM_BLS_MAP_FP:
        return size != 64;
    case EVM_BLS_MAP_FP2:
        return size != 128;
    case EVM_BLS_G1_MSM:
        return size == 0 || size % 160 != 0;
    case EVM_BLS_G2_MSM:
        return size == 0 || size % 288 != 0;
    case EVM_BLS_PAIRING:
        return size == 0 || size % 384 != 0;
    default:
        return false;
    }
}

const char *evm_precompile_fault(enum evm_precompile id, struct span input)
{
    switch (id) {
    case EVM_MODEXP:
        return "one or more of base/exponent/modulus length exceeded 1024 bytes";
    case EVM_BN254_PAIRING:
        return input.size % 192 != 0 ? "bad elliptic curve pairing size" : NULL;
    case EVM_BLAKE2F:
        return input.size != 213 ? "invalid input length" : "invalid final flag";
    case EVM_KZG_POINT:
        return kzg_fault(input);
    default:
        return bls_size_is_wrong(id, input.size) ? "invalid input length" : NULL;
    }
}
