#include "les/eth/crypto_p256.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

/* The deprecated EC_KEY interface is not used: the sum u1*G + u2*Q is taken on the group itself. */
struct p256 {
    EC_GROUP *group;
    BN_CTX *ctx;
    EC_POINT *key, *sum;
    BIGNUM *r, *s, *e, *x, *y, *order, *u1, *u2;
};

static bool p256_open(struct p256 *p)
{
    p->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    p->ctx = BN_CTX_new();
    if (p->group == NULL || p->ctx == NULL)
        return false;
    BN_CTX_start(p->ctx);
    p->key = EC_POINT_new(p->group);
    p->sum = EC_POINT_new(p->group);
    p->r = BN_CTX_get(p->ctx);
    p->s = BN_CTX_get(p->ctx);
    p->e = BN_CTX_get(p->ctx);
    p->x = BN_CTX_get(p->ctx);
    p->y = BN_CTX_get(p->ctx);
    p->order = BN_CTX_get(p->ctx);
    p->u1 = BN_CTX_get(p->ctx);
    p->u2 = BN_CTX_get(p->ctx);
    return p->u2 != NULL && p->key != NULL && p->sum != NULL &&
           EC_GROUP_get_order(p->group, p->order, p->ctx) == 1;
}

static void p256_close(struct p256 *p)
{
    EC_POINT_free(p->key);
    EC_POINT_free(p->sum);
    if (p->ctx != NULL)
        BN_CTX_end(p->ctx);
    BN_CTX_free(p->ctx);
    EC_GROUP_free(p->group);
}

static bool in_order(const struct p256 *p, const BIGNUM *value)
{
    return !BN_is_zero(value) && BN_cmp(value, p->order) < 0;
}

static bool verify(struct p256 *p, const uint8_t digest32[32], const uint8_t sig64[64],
                   const uint8_t key64[64])
{
    uint8_t point[65] = {4};
    memcpy(point + 1, key64, 64);
    if (BN_bin2bn(digest32, 32, p->e) == NULL || BN_bin2bn(sig64, 32, p->r) == NULL ||
        BN_bin2bn(sig64 + 32, 32, p->s) == NULL || !in_order(p, p->r) || !in_order(p, p->s))
        return false;
    /* Refuses coordinates beyond the field and points off the curve; the one at infinity has no
     * such form. */
    if (EC_POINT_oct2point(p->group, p->key, point, sizeof point, p->ctx) != 1)
        return false;
    if (BN_mod_inverse(p->s, p->s, p->order, p->ctx) == NULL ||
        BN_mod_mul(p->u1, p->e, p->s, p->order, p->ctx) != 1 ||
        BN_mod_mul(p->u2, p->r, p->s, p->order, p->ctx) != 1 ||
        EC_POINT_mul(p->group, p->sum, p->u1, p->key, p->u2, p->ctx) != 1 ||
        EC_POINT_is_at_infinity(p->group, p->sum) == 1 ||
        EC_POINT_get_affine_coordinates(p->group, p->sum, p->x, p->y, p->ctx) != 1 ||
        BN_nnmod(p->x, p->x, p->order, p->ctx) != 1)
        return false;
    return BN_cmp(p->x, p->r) == 0;
}

bool p256_verify(const uint8_t digest32[32], const uint8_t sig64[64], const uint8_t key64[64])
{
    struct p256 p = {0};
    bool valid = p256_open(&p) && verify(&p, digest32, sig64, key64);
    p256_close(&p);
    return valid;
}
