/* Announcements (les.md 3.3): heads to those who want them, capacity to whom it concerns. */
#include "les/proto/server_internal.h"

#include "les/eth/u256.h"

bool server_head_ahead(const struct les_serve_head *a, const struct les_serve_head *b)
{
    if (a->merged && b->merged)
        return a->block.number > b->block.number;
    if (a->merged !=
        b->merged) /* the merge lies between: a total difficulty may stay the same across it */
        return a->merged;
    return u256_compare(&a->td, &b->td) > 0;
}

static uint64_t reorg_depth(struct server *server, const struct les_serve_head *from,
                            const struct les_serve_head *to)
{
    uint64_t common;
    if (!server->backend->ops->ancestor(server->backend, &from->block.hash, &to->block.hash,
                                        &common))
        return from->block.number; /* nothing is known to be shared but the genesis */
    return from->block.number - common;
}

struct announcement {
    struct les_announce message;
    struct buf simple, signed_; /* encoded when the first client needs them */
};

static void announcement_init(struct announcement *announcement, const struct les_serve_head *head,
                              uint64_t depth)
{
    *announcement = (struct announcement){.message = {.head = head->block,
                                                      .td = head->td,
                                                      .reorg_depth = depth,
                                                      .has_safe = head->has_safe,
                                                      .safe = head->safe,
                                                      .has_finalized = head->has_finalized,
                                                      .finalized = head->finalized}};
}

static void announcement_free(struct announcement *announcement)
{
    buf_free(&announcement->simple);
    buf_free(&announcement->signed_);
}

static struct span announcement_bytes(struct server *server, struct announcement *announcement,
                                      bool is_signed)
{
    struct buf *bytes = is_signed ? &announcement->signed_ : &announcement->simple;
    if (bytes->size == 0) {
        struct les_announce message = announcement->message;
        if (is_signed) {
            struct hash32 digest;
            les_announce_digest(&digest, &message);
            crypto_sign(server->crypto, &message.sign, &digest, &server->config.key);
            message.has_sign = true;
        }
        les_announce_encode(bytes, &message);
    }
    return buf_span(bytes);
}

static void tell(struct server_client *client, struct announcement *announcement,
                 const struct les_serve_head *head)
{
    struct server *server = client->server;
    if (client->gone || client->state == CLIENT_HANDSHAKE ||
        client->announce_type == LES_ANNOUNCE_NONE)
        return;
    client->told = *head;
    bool is_signed = client->announce_type == LES_ANNOUNCE_SIGNED;
    if (server_send(client, LES_ANNOUNCE, announcement_bytes(server, announcement, is_signed)))
        server->stats.announcements++;
}

/* One client; how deep it must go back depends on what it was told. */
static void tell_alone(struct server_client *client, const struct les_serve_head *head)
{
    struct announcement announcement;
    announcement_init(&announcement, head, reorg_depth(client->server, &client->told, head));
    tell(client, &announcement, head);
    announcement_free(&announcement);
}

static void broadcast(struct server *server, const struct les_serve_head *head)
{
    struct announcement announcement;
    struct les_block_ref before = server->broadcast.block;
    announcement_init(&announcement, head, reorg_depth(server, &server->broadcast, head));
    server->broadcast = *head;
    struct server_client *next;
    for (struct server_client *client = server->clients; client != NULL; client = next) {
        next = client->next;
        if (!server_head_ahead(head, &client->told))
            continue;
        if (hash32_equal(&client->told.block.hash, &before.hash))
            tell(client, &announcement, head);
        else
            tell_alone(client, head);
    }
    announcement_free(&announcement);
}

void server_head_changed(struct server *server)
{
    struct les_serve_head head;
    server->backend->ops->head(server->backend, &head);
    if (server_head_ahead(&head, &server->broadcast))
        broadcast(server, &head);
}

void server_head_switched(struct server *server)
{
    struct les_serve_head head;
    server->backend->ops->head(server->backend, &head);
    if (server_head_ahead(&head, &server->broadcast)) {
        server_head_changed(server);
        return;
    }
    struct server_client *next;
    for (struct server_client *client = server->clients; client != NULL; client = next) {
        next = client->next;
        if (client->any_head && !hash32_equal(&client->told.block.hash, &head.block.hash))
            tell_alone(client, &head);
    }
}

void server_tell_newcomer(struct server_client *client)
{
    struct server *server = client->server;
    struct les_serve_head
        head; /* now: a chain may also have been set back since the last broadcast */
    server->backend->ops->head(server->backend, &head);
    if (server_head_ahead(&head, &client->told) ||
        (client->any_head && !hash32_equal(&head.block.hash, &client->told.block.hash)))
        tell_alone(client, &head);
}

void server_tell_capacity(struct server_client *client, uint64_t capacity)
{
    struct les_announce message = {.has_flow = true,
                                   .buffer_limit = SERVER_BUFFER_UNIT * capacity,
                                   .recharge = SERVER_RECHARGE_UNIT * capacity};
    struct buf payload = {0};
    les_announce_encode(&payload, &message);
    server_send(client, LES_ANNOUNCE, buf_span(&payload));
    buf_free(&payload);
}
