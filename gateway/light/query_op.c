/* Questions that go to servers as they are: what cannot be proved, and bit vectors. */
#include "gateway/light/query_private.h"

/* Servers that get a transaction at once (go-ethereum's light client: up to 3). */
#define SEND_TX_SERVERS 3

static void on_op(struct les_op *op, enum status status)
{
    struct held *held = container_of(op, struct held, op);
    if (held->query == NULL) {
        query_held_free(held);
        return;
    }
    held->status = status;
    held->server = op->answered_by;
    if (status == STATUS_OK && (op->kind == LES_ASK_TX_STATUS || op->kind == LES_ASK_SEND_TX)) {
        held->tx_status = op->answer.status;
        held->value = SPAN(mem_copy(op->answer.status.error), op->answer.status.error.size);
        held->tx_status.error = held->value;
    } else if (status == STATUS_OK) {
        held->value = SPAN(mem_copy(op->answer.bloom[0]), op->answer.bloom[0].size);
    }
    query_note_cost(held->query, &op->note, &held->server);
    /* Of several servers that are asked by name one may fail. */
    if (status != STATUS_OK && status != STATUS_NOT_FOUND && op->only == NULL)
        query_set_failed(held->query, "the servers could not be asked", status, &op->note);
    query_held_arrived(held);
}

/* ---- what cannot be proved ---- */

static struct held *ask_tx_status(struct query *query, const struct hash32 *key,
                                  const struct hash32 *tx_hash)
{
    struct held *held = query_held_new(query, HELD_OP, key);
    held->op.kind = LES_ASK_TX_STATUS;
    held->op.ask.tx_hash = *tx_hash;
    held->op.empty_needed = SEND_TX_SERVERS;
    held->op.on_done = on_op;
    return held;
}

static bool is_doubted(const struct query *query, const struct hash32 *server)
{
    for (size_t i = 0; i < query->doubted_count; i++)
        if (hash32_equal(&query->doubted[i], server))
            return true;
    return false;
}

/* Somebody's word did not hold: a few of the others, each by name. */
static enum query_got tx_status_elsewhere(struct query *query, const struct hash32 *tx_hash,
                                          struct les_tx_status *out, struct hash32 *server)
{
    struct held *best = NULL;
    size_t count = les_server_count(query->light->client), asked = 0, unknown = 0, waiting = 0;
    for (size_t i = 0; i < count && asked < SEND_TX_SERVERS; i++) {
        const struct hash32 *id = les_server_id(les_server_at(query->light->client, i));
        uint8_t name[65] = {'s'};
        struct hash32 key;
        if (is_doubted(query, id) || query->doubted_count == QUERY_DOUBTED_MAX)
            continue;
        memcpy(name + 1, tx_hash->bytes, 32);
        memcpy(name + 33, id->bytes, 32);
        query_held_key(&key, HELD_OP, name, sizeof name);
        struct held *held = query_held_find(query, &key);
        asked++;
        if (held == NULL) {
            held = ask_tx_status(query, &key, tx_hash);
            held->server = *id;
            held->op.only = &held->server;
            les_start(query->light->client, &held->op);
        }
        waiting += !held->arrived;
        unknown += held->arrived && held->status == STATUS_NOT_FOUND;
        if (held->arrived && held->status == STATUS_OK &&
            (best == NULL || held->tx_status.state > best->tx_status.state))
            best = held;
    }
    if (waiting > 0)
        return QUERY_LATER;
    if (best != NULL) {
        *out = best->tx_status;
        *server = best->server;
        return QUERY_HERE;
    }
    /* A server that did not answer has not said that there is no such transaction. */
    if (unknown > 0 || (asked == 0 && !query->lied_to))
        return QUERY_ABSENT;
    query_set_failed(query, "the transaction is not where the servers say", STATUS_UNAVAILABLE,
                     &(struct les_cost_note){.servers = (unsigned)query->doubted_count,
                                             .lies = (unsigned)query->doubted_count});
    return QUERY_LATER;
}

enum query_got query_tx_status(struct query *query, const struct hash32 *tx_hash,
                               struct les_tx_status *out, struct hash32 *server)
{
    struct hash32 key;
    if (query->doubted_count > 0)
        return tx_status_elsewhere(query, tx_hash, out, server);
    query_held_key(&key, HELD_OP, tx_hash, sizeof *tx_hash);
    struct held *held = query_held_find(query, &key);
    if (held != NULL) {
        *out = held->tx_status;
        *server = held->server;
        if (!held->arrived || (held->status != STATUS_OK && held->status != STATUS_NOT_FOUND))
            return QUERY_LATER;
        return held->status == STATUS_OK ? QUERY_HERE : QUERY_ABSENT;
    }
    held = ask_tx_status(query, &key, tx_hash);
    les_start(query->light->client, &held->op);
    return QUERY_LATER;
}

void query_tx_hint_false(struct query *query, const struct hash32 *tx_hash,
                         const struct hash32 *server, const char *lie)
{
    char hash[67] = "0x";
    hex_encode(hash + 2, SPAN(tx_hash->bytes, 32));
    hash[66] = 0;
    if (query->doubted_count < QUERY_DOUBTED_MAX && !is_doubted(query, server))
        query->doubted[query->doubted_count++] = *server;
    if (lie == NULL)
        return;
    query->lied_to = true;
    les_blame(query->light->client, server, lie);
    log_write(query->light->log, LOG_WARN, "query", "false hint", "transaction", hash, "why", lie,
              NULL);
}

enum query_got query_send_tx(struct query *query, struct span envelope,
                             const struct hash32 *tx_hash, struct les_tx_status *out,
                             struct span *error)
{
    struct hash32 keys[SEND_TX_SERVERS];
    struct held *best = NULL;
    size_t count = les_server_count(query->light->client), asked = 0;
    for (size_t i = 0; i < count && asked < SEND_TX_SERVERS; i++) {
        struct les_server *server = les_server_at(query->light->client, i);
        uint8_t id[64];
        if (!les_server_status(server)->tx_relay)
            continue;
        memcpy(id, tx_hash->bytes, 32);
        memcpy(id + 32, les_server_id(server)->bytes, 32);
        query_held_key(&keys[asked], HELD_OP, id, sizeof id);
        struct held *held = query_held_find(query, &keys[asked++]);
        if (held != NULL && held->arrived && held->status == STATUS_OK &&
            (best == NULL || held->tx_status.state > best->tx_status.state))
            best = held;
        if (held != NULL || query->rounds > 1)
            continue;
        held = query_held_new(query, HELD_OP, &keys[asked - 1]);
        held->server = *les_server_id(server);
        held->op.kind = LES_ASK_SEND_TX;
        held->op.ask.send_tx.envelope = envelope;
        held->op.ask.send_tx.hash = *tx_hash;
        held->op.only = &held->server;
        held->op.on_done = on_op;
        les_start(query->light->client, &held->op);
    }
    /* The servers asked at first may have left since, or others may stand in their place. */
    for (struct held *held = query->all; held != NULL; held = held->next)
        if (held->kind == HELD_OP && held->op.kind == LES_ASK_SEND_TX && held->arrived &&
            held->status == STATUS_OK &&
            (best == NULL || held->tx_status.state > best->tx_status.state))
            best = held;
    if (best != NULL) {
        *out = best->tx_status;
        *error = best->value;
        return QUERY_HERE;
    }
    if (asked == 0 || query->rounds > 1)
        query_set_failed(query, "the transaction was not sent", STATUS_UNAVAILABLE,
                         &(struct les_cost_note){0});
    return QUERY_LATER;
}

enum query_got query_bloom(struct query *query, unsigned bit, uint64_t section,
                           struct span *compressed)
{
    const struct les_checkpoint *checkpoint = chain_checkpoint(query->light->chain);
    uint64_t id[2] = {bit, section};
    struct hash32 key;
    if (checkpoint == NULL || section > checkpoint->section)
        return QUERY_ABSENT;
    query_held_key(&key, HELD_OP, id, sizeof id);
    struct held *held = query_held_find(query, &key);
    if (held != NULL) {
        *compressed = held->value;
        return held->arrived && held->status == STATUS_OK ? QUERY_HERE : QUERY_LATER;
    }
    held = query_held_new(query, HELD_OP, &key);
    held->op.kind = LES_ASK_BLOOM;
    held->op.ask.bloom.bit = bit;
    held->op.ask.bloom.first_section = section;
    held->op.ask.bloom.sections = 1;
    held->op.ask.bloom.newest_section = checkpoint->section;
    held->op.ask.bloom.bloom_root = checkpoint->bloom_root;
    held->op.block_number = (checkpoint->section + 1) * CHT_SECTION_SIZE;
    held->op.on_done = on_op;
    les_start(query->light->client, &held->op);
    return QUERY_LATER;
}

void query_release_bloom(struct query *query, unsigned bit, uint64_t section)
{
    uint64_t id[2] = {bit, section};
    struct hash32 key;
    query_held_key(&key, HELD_OP, id, sizeof id);
    query_held_release(query, &key);
}
