#include "gateway/serve/serve_dev.h"

#include "gateway/serve/dev.h"
#include "gateway/http/http.h"

#include <errno.h>
#include <stdio.h>

#define CLIENT_VERSION "lesserve/v" LESGATE_VERSION "/linux/c17"

struct serve_dev {
    struct dev *dev;
    struct http *http;
    bool built_in;
    void (*on_stopped)(void *owner);
    void *owner;
};

enum status serve_dev_genesis(struct genesis **out, const struct conf_serve *conf,
                              struct crypto *crypto, struct buf *error)
{
    crypto_impersonate(crypto);
    if (conf->genesis != NULL)
        return genesis_load(out, conf->genesis, error);
    struct buf json = {0};
    dev_genesis_json(&json, crypto);
    enum status status = genesis_parse(out, buf_span(&json), "the built-in genesis", error);
    buf_free(&json);
    return status;
}

static bool write_genesis(const struct serve_dev_options *options, struct buf *error)
{
    struct buf json = {0}, path = {0};
    buf_printf(&path, "%s/genesis.json", options->conf->datadir);
    buf_add_u8(&path, 0);
    dev_genesis_json(&json, options->crypto);
    FILE *file = fopen((const char *)path.data, "wb");
    bool good = file != NULL && fwrite(json.data, 1, json.size, file) == json.size;
    if (file != NULL)
        good = fclose(file) == 0 && good;
    if (!good)
        buf_printf(error, "%s cannot be written: %s", (const char *)path.data, strerror(errno));
    buf_free(&json);
    buf_free(&path);
    return good;
}

/* Where our own light client finds us. */
static void own_address(struct enode *self, const struct server_host *host)
{
    static const uint8_t ANY4[16] = {[10] = 0xff, [11] = 0xff}, ANY6[16] = {0};
    static const uint8_t LOOPBACK[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    host_self(server_host_inside((struct server_host *)(uintptr_t)host), self);
    if (memcmp(self->at.ip, ANY4, 16) == 0 || memcmp(self->at.ip, ANY6, 16) == 0)
        memcpy(self->at.ip, LOOPBACK, 16);
}

static bool open_http(struct serve_dev *dev, const struct serve_dev_options *options,
                      struct buf *error)
{
    static const char *const ALL[] = {"*"}, *const LOCAL[] = {"localhost"};
    struct http_options http = {.loop = options->loop,
                                .log = options->log,
                                .rpc = dev->dev->rpc,
                                .cors = {ALL, 1}, /* nothing here is worth hiding */
                                .vhosts = {LOCAL, 1},
                                .websocket = true,
                                .connections_max = DEV_CONNECTIONS_MAX};
    ASSERT(conf_endpoint(&http.listen, options->conf->dev_rpc));
    return http_open(&dev->http, &http, error) == STATUS_OK;
}

struct serve_dev *serve_dev_open(const struct serve_dev_options *options, struct buf *error)
{
    struct serve_dev *dev = mem_alloc(sizeof(*dev));
    struct dev_options inside = {.loop = options->loop,
                                 .log = options->log,
                                 .crypto = options->crypto,
                                 .genesis = &options->genesis->header,
                                 .ledger = options->ledger,
                                 .pool = options->pool,
                                 .devchain = options->devchain,
                                 .server = options->server,
                                 .client_version = CLIENT_VERSION};
    own_address(&inside.self, options->host);
    dev->built_in = options->conf->genesis == NULL;
    enum status status = dev_open(&dev->dev, &inside);
    if (status != STATUS_OK)
        buf_printf(error, "the development RPC cannot start (%s)", status_text(status));
    if (status == STATUS_OK && (!dev->built_in || write_genesis(options, error)) &&
        open_http(dev, options, error))
        return dev;
    serve_dev_free(dev);
    return NULL;
}

void serve_dev_print(const struct serve_dev *dev)
{
    struct endpoint at;
    char text[ENDPOINT_TEXT_SIZE], hex[65] = {0};
    if (dev->built_in) {
        printf("mnemonic %s\n", DEV_MNEMONIC);
        for (size_t i = 0; i < DEV_ACCOUNTS; i++) {
            hex_encode(hex, SPAN(dev->dev->accounts[i].address.bytes, 20));
            printf("account 0x%.40s", hex);
            hex_encode(hex, SPAN(dev->dev->accounts[i].key.bytes, 32));
            printf(" key 0x%.64s\n", hex);
        }
    }
    http_endpoint(dev->http, &at);
    endpoint_format(text, &at);
    printf("ready http://%s\n", text);
    fflush(stdout);
}

static void on_http_closed(void *owner)
{
    struct serve_dev *dev = owner;
    dev_close(dev->dev);
    dev->on_stopped(dev->owner);
}

void serve_dev_stop(struct serve_dev *dev, void (*on_stopped)(void *owner), void *owner)
{
    dev->on_stopped = on_stopped;
    dev->owner = owner;
    http_close(dev->http, on_http_closed, dev);
}

void serve_dev_free(struct serve_dev *dev)
{
    if (dev == NULL)
        return;
    if (dev->dev != NULL && dev->dev->light != NULL)
        dev_close(dev->dev);
    http_free(dev->http);
    dev_free(dev->dev);
    mem_free(dev);
}
