#include "gateway/serve/serve_find.h"

#include <stdio.h>

struct serve_find {
    struct host *host;
    struct discovery *discovery;
    struct enr record; /* without discovery */
};

static bool is_unspecified(const struct endpoint *at)
{
    static const uint8_t zero[16], zero_ip4[16] = {[10] = 0xff, [11] = 0xff};
    return memcmp(at->ip, zero, 16) == 0 || memcmp(at->ip, zero_ip4, 16) == 0;
}

static void make_record(struct serve_find *find, const struct serve_find_config *config)
{
    int64_t wall_s = loop_wall_s(config->loop);
    struct fork_id fork_id;
    struct enode self;
    host_self(config->host, &self);
    chainspec_fork_id(&fork_id, config->spec, config->head_number, config->head_time);
    struct enr_content content = {.seq = wall_s > 0 ? (uint64_t)wall_s * 1000 : 1,
                                  .has_ip = !is_unspecified(&self.at),
                                  .at = self.at,
                                  .eth = &fork_id,
                                  .les = true};
    enr_make(&find->record, config->crypto, &config->key, &content);
}

static bool open_discovery(struct serve_find *find, const struct serve_find_config *config,
                           struct buf *error)
{
    const struct conf_list *list = &config->conf->discovery_bootnodes;
    struct enode *bootnodes = mem_alloc((list->count + 1) * sizeof(*bootnodes));
    struct enode self;
    const char *why = NULL;
    host_self(config->host, &self);
    struct discovery_config discovery = {.do_discv4 = true,
                                         .discv4_at = self.at,
                                         .bootnodes = bootnodes,
                                         .chain = config->spec,
                                         .head_number = config->head_number,
                                         .head_time = config->head_time,
                                         .serve_les = true};
    while (why == NULL && discovery.bootnodes_count < list->count) {
        const char *text = list->items[discovery.bootnodes_count];
        why = enode_parse(&bootnodes[discovery.bootnodes_count++], text);
        if (why != NULL)
            buf_printf(error, "--discovery.bootnodes: %s: %s", text, why);
    }
    enum status status = STATUS_INVALID;
    if (why == NULL) {
        status = discovery_new(&find->discovery, config->loop, config->crypto, config->log,
                               config->host, &config->key, &discovery);
        if (status != STATUS_OK)
            buf_printf(error, "discovery cannot start on the UDP port of --listen (%s)",
                       status_text(status));
    }
    mem_free(bootnodes);
    return status == STATUS_OK;
}

struct serve_find *serve_find_new(const struct serve_find_config *config, struct buf *error)
{
    struct serve_find *find = mem_alloc(sizeof(*find));
    find->host = config->host;
    if (!config->conf->discovery_v4)
        make_record(find, config);
    else if (!open_discovery(find, config, error)) {
        mem_free(find);
        return NULL;
    }
    return find;
}

void serve_find_free(struct serve_find *find)
{
    if (find == NULL)
        return;
    discovery_free(find->discovery);
    mem_free(find);
}

void serve_find_set_head(struct serve_find *find, uint64_t number, uint64_t time)
{
    if (find != NULL && find->discovery != NULL)
        discovery_set_head(find->discovery, number, time);
}

const struct enr *serve_find_record(const struct serve_find *find)
{
    return find->discovery != NULL ? discovery_record(find->discovery) : &find->record;
}

struct discovery *serve_find_discovery(const struct serve_find *find)
{
    return find->discovery;
}

void serve_find_print(const struct serve_find *find)
{
    struct enode self;
    char text[ENODE_TEXT_SIZE];
    struct buf record = {0};
    host_self(find->host, &self);
    enode_format(text, &self);
    enr_format(&record, serve_find_record(find));
    printf("%s\n%.*s\n", text, (int)record.size, (const char *)record.data);
    fflush(stdout);
    buf_free(&record);
}
