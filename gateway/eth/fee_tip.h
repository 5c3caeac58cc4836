/* The tip that go-ethereum would suggest now, out of the last blocks. Remembered for the head. */
#ifndef GATEWAY_FEE_TIP_H
#define GATEWAY_FEE_TIP_H

#include "gateway/light/query.h"

enum query_got fee_tip(struct query *query, const struct block_header *head,
                       struct u256 *out) WARN_UNUSED;

#endif
