#include "les/node/follow.h"

#include "les/base/limits.h"
#include "les/eth/rlp.h"
#include "les/eth/tx.h"

#include <stdio.h>

#define CLIENT_ID "lesserve-follow/v" LESGATE_VERSION "/linux/c17"

/* One block on its way: header, then body, then into the ledger. */
struct follow_block {
    struct follow *follow;
    struct buf header_rlp;
    struct header header;
    struct hash32 hash;
    struct les_op op;
    struct buf body_rlp;
    bool there;
};

struct follow_tx {
    struct follow *follow;
    struct les_op op;
    uint8_t *envelope;
};

struct follow {
    struct loop *loop;
    struct log *log;
    struct ledger *ledger;
    struct les_client *client;
    struct enode leader;
    bool closing;
    struct les_block_ref target;
    bool busy;     /* between the question for headers and the last block of the answer */
    uint64_t back; /* how many blocks before our head to ask from: our branch may not be theirs */
    struct les_op headers;
    struct follow_block *blocks;
    size_t blocks_count, bodies_open, entered;
    bool failed;
    struct timer step;  /* enters one block */
    struct timer retry; /* after a failure */
    size_t txs_count;
};

static void round_begin(struct follow *follow);

/* ---- the end of a round ---- */

static void round_end(struct follow *follow)
{
    for (size_t i = 0; i < follow->blocks_count; i++) {
        buf_free(&follow->blocks[i].header_rlp);
        buf_free(&follow->blocks[i].body_rlp);
    }
    mem_free(follow->blocks);
    follow->blocks = NULL;
    follow->blocks_count = follow->bodies_open = follow->entered = 0;
    follow->busy = false;
    bool failed = follow->failed;
    follow->failed = false;
    if (follow->closing)
        return;
    if (failed)
        timer_start(&follow->retry, FOLLOW_RETRY_MS);
    else
        round_begin(follow);
}

static void round_fail(struct follow *follow, const char *what, const char *why)
{
    if (!follow->closing && !follow->failed)
        log_write(follow->log, LOG_WARN, "follow", what, "why", why, NULL);
    follow->failed = true;
}

/* ---- blocks into the ledger ---- */

static void enter(struct follow *follow, const struct follow_block *block)
{
    struct buf rlp = {0}, error = {0};
    struct rlp reader = rlp_reader(buf_span(&block->body_rlp)), body = rlp_list(&reader);
    size_t mark = rlp_list_begin(&rlp);
    buf_add_span(&rlp, buf_span(&block->header_rlp));
    while (rlp_more(&body))
        buf_add_span(&rlp, rlp_raw(&body));
    rlp_list_end(&rlp, mark);
    if (ledger_add(follow->ledger, buf_span(&rlp), &error) != STATUS_OK) {
        buf_add_u8(&error, 0);
        round_fail(follow, "a block of the leader is refused", (const char *)error.data);
    }
    buf_free(&error);
    buf_free(&rlp);
}

static void on_step(struct timer *timer)
{
    struct follow *follow = container_of(timer, struct follow, step);
    if (!follow->failed && follow->entered < follow->blocks_count) {
        enter(follow, &follow->blocks[follow->entered++]);
        timer_start(timer, 0);
        return;
    }
    round_end(follow);
}

static void on_body(struct les_op *op, enum status status)
{
    struct follow_block *block = container_of(op, struct follow_block, op);
    struct follow *follow = block->follow;
    if (status == STATUS_OK)
        buf_add_span(&block->body_rlp, op->answer.body);
    else
        round_fail(follow, "a body of the leader's chain did not come", status_text(status));
    if (--follow->bodies_open > 0)
        return;
    if (follow->closing)
        round_end(follow);
    else
        timer_start(&follow->step, 0);
}

/* ---- headers ---- */

static bool take_headers(struct follow *follow, struct span items, size_t count)
{
    struct rlp reader = rlp_reader(items);
    follow->blocks = mem_alloc(count * sizeof(follow->blocks[0]));
    for (size_t i = 0; i < count; i++) {
        struct follow_block *block = &follow->blocks[i];
        block->follow = follow;
        buf_add_span(&block->header_rlp, rlp_raw(&reader));
        follow->blocks_count++;
        if (!header_decode(&block->header, buf_span(&block->header_rlp)))
            return false;
        header_hash(&block->hash, &block->header);
    }
    return rlp_end(&reader);
}

static void ask_bodies(struct follow *follow)
{
    follow->bodies_open = follow->blocks_count;
    for (size_t i = 0; i < follow->blocks_count; i++) {
        struct follow_block *block = &follow->blocks[i];
        block->op = (struct les_op){
            .kind = LES_ASK_BODY, .block_number = block->header.number, .on_done = on_body};
        block->op.ask.body.block_hash = block->hash;
        block->op.ask.body.header = &block->header;
        les_start(follow->client, &block->op);
    }
}

static void on_headers(struct les_op *op, enum status status)
{
    struct follow *follow = container_of(op, struct follow, headers);
    if (status != STATUS_OK || op->answer.headers.count == 0 ||
        !take_headers(follow, op->answer.headers.items, op->answer.headers.count)) {
        round_fail(follow, "headers of the leader's chain did not come", status_text(status));
        round_end(follow);
        return;
    }
    const struct header *first = &follow->blocks[0].header;
    if (ledger_by_hash(follow->ledger, &first->parent_hash) == NULL) {
        follow->back = 2 * follow->back + 1;
        if (first->number <= 1)
            round_fail(follow, "the leader's chain is another", "its first block is not on ours");
        round_end(follow);
        return;
    }
    follow->back = 0;
    ask_bodies(follow);
}

static void round_begin(struct follow *follow)
{
    const struct ledger_block *head = ledger_head(follow->ledger);
    struct ledger_block *target = ledger_by_hash(follow->ledger, &follow->target.hash);
    if (follow->busy || follow->closing || timer_running(&follow->retry))
        return;
    if (target != NULL) {
        ledger_set_head(follow->ledger, target); /* the leader decides, also when it goes back */
        return;
    }
    if (hash32_is_zero(&follow->target.hash))
        return;
    uint64_t base = head->header.number < follow->target.number ? head->header.number
                                                                : follow->target.number - 1;
    uint64_t from = base > follow->back ? base - follow->back + 1 : 1;
    uint64_t amount = follow->target.number - from + 1;
    follow->busy = true;
    follow->headers = (struct les_op){
        .kind = LES_ASK_HEADERS, .block_number = follow->target.number, .on_done = on_headers};
    follow->headers.ask.headers.number = from;
    follow->headers.ask.headers.amount = amount < FOLLOW_HEADERS_MAX ? amount : FOLLOW_HEADERS_MAX;
    les_start(follow->client, &follow->headers);
}

static void on_retry(struct timer *timer)
{
    round_begin(container_of(timer, struct follow, retry));
}

/* ---- the leader ---- */

static void on_head(void *owner, struct les_server *server, const struct les_head *head)
{
    struct follow *follow = owner;
    (void)server;
    if (head->block.number == 0)
        return;
    follow->target = head->block;
    round_begin(follow);
}

static void on_server(void *owner, struct les_server *server)
{
    struct follow *follow = owner;
    (void)server;
    log_write(follow->log, LOG_INFO, "follow", "leader connected", NULL);
}

static void on_server_gone(void *owner, struct les_server *server)
{
    struct follow *follow = owner;
    (void)server;
    if (!follow->closing)
        log_write(follow->log, LOG_WARN, "follow", "leader lost", NULL);
}

/* ---- transactions ---- */

static void on_tx_sent(struct les_op *op, enum status status)
{
    struct follow_tx *tx = container_of(op, struct follow_tx, op);
    struct follow *follow = tx->follow;
    struct span error = op->answer.status.error;
    char text[128];
    if (status != STATUS_OK)
        snprintf(text, sizeof(text), "%s", status_text(status));
    else
        snprintf(text, sizeof(text), "%.*s", (int)(error.size < 120 ? error.size : 120),
                 error.size > 0 ? (const char *)error.data : "");
    if (text[0] != 0 && !follow->closing)
        log_write(follow->log, LOG_WARN, "follow", "the leader did not take a transaction", "why",
                  text, NULL);
    follow->txs_count--;
    mem_free(tx->envelope);
    mem_free(tx);
}

void follow_send_tx(struct follow *follow, struct span envelope)
{
    struct tx decoded;
    struct buf scratch = {0};
    if (follow->txs_count >= FOLLOW_TXS_MAX) {
        log_write(follow->log, LOG_WARN, "follow", "a transaction is not passed on", "why",
                  "too many are under way", NULL);
        return;
    }
    struct follow_tx *tx = mem_alloc(sizeof(*tx));
    tx->follow = follow;
    tx->envelope = mem_copy(envelope);
    tx->op = (struct les_op){.kind = LES_ASK_SEND_TX, .on_done = on_tx_sent};
    tx->op.ask.send_tx.envelope = SPAN(tx->envelope, envelope.size);
    if (tx_decode_network(&decoded, tx->op.ask.send_tx.envelope, &scratch) == TX_VALID)
        tx_hash(&tx->op.ask.send_tx.hash, &decoded);
    buf_free(&scratch);
    follow->txs_count++;
    les_start(follow->client, &tx->op);
}

/* ---- life ---- */

enum status follow_new(struct follow **out, struct loop *loop, struct crypto *crypto,
                       struct log *log, struct ledger *ledger, const struct enode *leader)
{
    static const struct les_client_events EVENTS = {
        .on_server = on_server, .on_server_gone = on_server_gone, .on_head = on_head};
    struct follow *follow = mem_alloc(sizeof(*follow));
    *follow = (struct follow){.loop = loop, .log = log, .ledger = ledger, .leader = *leader};
    timer_init(&follow->step, loop, on_step);
    timer_init(&follow->retry, loop, on_retry);
    const struct ledger_block *head = ledger_head(ledger);
    struct les_client_config config = {.spec = ledger_spec(ledger),
                                       .client_id = CLIENT_ID,
                                       .trusted = &follow->leader,
                                       .trusted_count = 1,
                                       .fork_head = {head->hash, head->header.number},
                                       .fork_time = head->header.timestamp};
    do
        loop_random(loop, config.key.bytes, sizeof(config.key.bytes));
    while (!crypto_seckey_valid(crypto, &config.key));
    enum status status;
    follow->client = les_client_new(loop, crypto, log, &config, &EVENTS, follow, &status);
    mem_wipe(&config.key, sizeof(config.key));
    if (status != STATUS_OK) {
        mem_free(follow);
        return status;
    }
    *out = follow;
    return STATUS_OK;
}

void follow_free(struct follow *follow)
{
    if (follow == NULL)
        return;
    follow->closing = true;
    timer_stop(&follow->retry);
    bool stepping = timer_running(&follow->step);
    timer_stop(&follow->step);
    les_client_free(follow->client); /* ends what is under way */
    if (stepping)
        round_end(follow);
    loop_sweep(follow->loop, follow, mem_free);
}
