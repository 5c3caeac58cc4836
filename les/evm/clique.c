/* EIP-225: the seal of a proof-of-authority header. */
#include "les/eth/keccak.h"
#include "les/evm/transition.h"

enum { SEAL_SIZE = 65, VANITY_SIZE = 32 };

bool clique_seal_hash(struct hash32 *out, const struct header *header)
{
    memset(out, 0, sizeof *out);
    if (header->extra.size < VANITY_SIZE + SEAL_SIZE)
        return false;
    struct header unsealed = *header;
    struct buf rlp = {0};
    unsealed.extra.size -= SEAL_SIZE;
    header_encode(&rlp, &unsealed);
    keccak256(out, buf_span(&rlp));
    buf_free(&rlp);
    return true;
}

bool clique_signer(struct address20 *out, const struct header *header, const struct crypto *crypto)
{
    struct hash32 digest;
    struct sig65 seal;
    struct pubkey64 key;
    memset(out, 0, sizeof *out);
    if (!clique_seal_hash(&digest, header))
        return false;
    memcpy(seal.bytes, header->extra.data + header->extra.size - SEAL_SIZE, SEAL_SIZE);
    if (seal.bytes[64] > 1 || !crypto_recover(crypto, &key, &digest, &seal))
        return false;
    crypto_address(out, &key);
    return true;
}
