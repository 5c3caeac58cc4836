#include "les/p2p/dnsdisc.h"

enum { RETRY_MS = 2000, NAME_MAX_SIZE = DNSTREE_DOMAIN_MAX + DNSTREE_LABEL_MAX + 2 };

/* Labels to be resolved, in no order. */
struct queue {
    struct dnstree_label *labels;
    size_t count, capacity;
};

struct tree {
    struct dnstree_url url;
    bool has_root;
    uint64_t seq;
    uint64_t root_due_ms;
    uint64_t due_ms;   /* not before: somebody did not answer */
    unsigned failures; /* in a row */
    struct queue links, enrs;
    struct queue seen; /* since the root was read: a label is followed once */
};

/* Lives until the resolver calls back, whatever becomes of its owner. */
struct query {
    struct dnsdisc *dnsdisc; /* NULL: freed meanwhile */
    struct resolve *resolve;
    struct tree *tree;
    bool is_root, is_link;
    struct dnstree_label label;
};

struct dnsdisc {
    struct loop *loop;
    struct crypto *crypto;
    struct log *log;
    void (*on_record)(void *owner, const struct enr *enr);
    void *owner;
    struct timer timer;
    bool wanted;
    struct tree trees[DNSDISC_TREES_MAX];
    size_t trees_count;
    size_t next_tree; /* takes turns */
    struct query *query;
    struct dnsdisc_stats stats;
};

/* ---- queues ---- */

static void queue_add(struct queue *queue, const struct dnstree_label *label)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity * 2 + 16;
        queue->labels = mem_realloc(queue->labels, queue->capacity * sizeof(*label));
    }
    queue->labels[queue->count++] = *label;
}

static struct dnstree_label queue_take(struct queue *queue, struct loop *loop)
{
    uint32_t random;
    struct dnstree_label label;
    loop_random(loop, &random, sizeof(random));
    random %= (uint32_t)queue->count;
    label = queue->labels[random];
    queue->labels[random] = queue->labels[--queue->count];
    return label;
}

static void queue_free(struct queue *queue)
{
    mem_free(queue->labels);
    *queue = (struct queue){.labels = NULL};
}

static bool queue_has(const struct queue *queue, const struct dnstree_label *label)
{
    for (size_t i = 0; i < queue->count; i++)
        if (strcmp(queue->labels[i].text, label->text) == 0)
            return true;
    return false;
}

static void follow(struct dnsdisc *dnsdisc, struct tree *tree, struct queue *queue,
                   const struct dnstree_label *label)
{
    if (queue_has(&tree->seen, label))
        return;
    if (tree->seen.count == DNSDISC_ENTRIES_MAX) {
        dnsdisc->stats.faults++;
        return;
    }
    queue_add(&tree->seen, label);
    queue_add(queue, label);
}

/* ---- answers ---- */

static void fault(struct dnsdisc *dnsdisc, const struct tree *tree, const char *message)
{
    dnsdisc->stats.faults++;
    log_write(dnsdisc->log, LOG_DEBUG, "dns", message, "domain", tree->url.domain, NULL);
}

static bool root_take(struct dnsdisc *dnsdisc, struct tree *tree, struct span text)
{
    struct dnstree_root root;
    if (!dnstree_root_parse(&root, dnsdisc->crypto, &tree->url.key, text) ||
        (tree->has_root && root.seq < tree->seq))
        return false;
    tree->has_root = true;
    tree->seq = root.seq;
    tree->links.count = tree->enrs.count = tree->seen.count = 0;
    follow(dnsdisc, tree, &tree->links, &root.links);
    follow(dnsdisc, tree, &tree->enrs, &root.enrs);
    return true;
}

static bool has_tree(const struct dnsdisc *dnsdisc, const struct dnstree_url *url)
{
    for (size_t i = 0; i < dnsdisc->trees_count; i++)
        if (strcasecmp(dnsdisc->trees[i].url.domain, url->domain) == 0)
            return true;
    return false;
}

static bool link_take(struct dnsdisc *dnsdisc, struct span text)
{
    struct dnstree_url url;
    if (!dnstree_url_parse(&url, dnsdisc->crypto, text))
        return false;
    if (!has_tree(dnsdisc, &url) && dnsdisc->trees_count < DNSDISC_TREES_MAX)
        dnsdisc->trees[dnsdisc->trees_count++].url = url;
    return true;
}

static bool branch_take(struct dnsdisc *dnsdisc, struct tree *tree, bool is_link, struct span text)
{
    struct span rest = dnstree_branch_begin(text);
    struct dnstree_label label;
    bool bad;
    if (!dnstree_branch_valid(text))
        return false;
    while (dnstree_branch_next(&rest, &label, &bad))
        follow(dnsdisc, tree, is_link ? &tree->links : &tree->enrs, &label);
    return true;
}

static bool entry_take(struct dnsdisc *dnsdisc, const struct query *query, struct span text)
{
    struct enr enr;
    switch (dnstree_entry_kind(&query->label, text)) {
    case DNSTREE_BAD:
        return false;
    case DNSTREE_BRANCH:
        return branch_take(dnsdisc, query->tree, query->is_link, text);
    case DNSTREE_LINK:
        return query->is_link && link_take(dnsdisc, text);
    case DNSTREE_ENR:
        if (query->is_link || !enr_parse(&enr, dnsdisc->crypto, text))
            return false;
        dnsdisc->stats.records++;
        dnsdisc->on_record(dnsdisc->owner, &enr);
        return true;
    }
    return false;
}

/* The servers did not answer: later, and later each time. */
static void put_off(struct dnsdisc *dnsdisc, const struct query *query)
{
    struct tree *tree = query->tree;
    uint64_t wait_ms = RETRY_MS;
    for (unsigned i = 0; i < tree->failures && wait_ms < DNSDISC_RECHECK_MS; i++)
        wait_ms *= 2;
    tree->failures++;
    tree->due_ms =
        loop_now_ms(dnsdisc->loop) + (wait_ms < DNSDISC_RECHECK_MS ? wait_ms : DNSDISC_RECHECK_MS);
    if (query->is_root)
        tree->root_due_ms = tree->due_ms;
    else
        queue_add(query->is_link ? &tree->links : &tree->enrs, &query->label);
}

static void answer_take(struct dnsdisc *dnsdisc, const struct query *query, enum status status,
                        const struct span *records, size_t count)
{
    bool good = false;
    if (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_INVALID) {
        put_off(dnsdisc, query);
        return;
    }
    query->tree->failures = 0;
    for (size_t i = 0; i < count && !good; i++) {
        if (query->is_root)
            good = root_take(dnsdisc, query->tree, records[i]);
        else
            good = entry_take(dnsdisc, query, records[i]);
    }
    if (!good)
        fault(dnsdisc, query->tree, query->is_root ? "no valid root" : "no valid entry");
}

static void look_soon(struct dnsdisc *dnsdisc);

static void on_done(void *owner, enum status status, const struct span *records, size_t count)
{
    struct query *query = owner;
    struct dnsdisc *dnsdisc = query->dnsdisc;
    if (dnsdisc) {
        dnsdisc->query = NULL;
        answer_take(dnsdisc, query, status, records, count);
        look_soon(dnsdisc);
    }
    mem_free(query);
}

/* ---- asking ---- */

static bool query_choose(struct dnsdisc *dnsdisc, struct query *query, struct tree *tree,
                         uint64_t now)
{
    *query = (struct query){.dnsdisc = dnsdisc, .tree = tree};
    if (tree->due_ms > now)
        return false;
    if (tree->links.count > 0) {
        query->is_link = true;
        query->label = queue_take(&tree->links, dnsdisc->loop);
        return true;
    }
    if (tree->enrs.count > 0) {
        query->label = queue_take(&tree->enrs, dnsdisc->loop);
        return true;
    }
    if (tree->root_due_ms > now)
        return false;
    query->is_root = true;
    tree->root_due_ms = now + DNSDISC_RECHECK_MS;
    return true;
}

static void ask(struct dnsdisc *dnsdisc, const struct query *chosen)
{
    struct query *query = mem_alloc(sizeof(*query));
    struct buf name = {0};
    *query = *chosen;
    if (!query->is_root)
        buf_printf(&name, "%s.", query->label.text);
    buf_add_str(&name, query->tree->url.domain);
    buf_add_u8(&name, 0);
    ASSERT(name.size <= NAME_MAX_SIZE);
    dnsdisc->stats.queries++;
    dnsdisc->query = query;
    query->resolve = loop_resolve_txt(dnsdisc->loop, (const char *)name.data, on_done, query);
    buf_free(&name);
}

static uint64_t tree_due_ms(const struct tree *tree)
{
    if (tree->links.count > 0 || tree->enrs.count > 0 || tree->root_due_ms < tree->due_ms)
        return tree->due_ms;
    return tree->root_due_ms;
}

static void on_timer(struct timer *timer)
{
    struct dnsdisc *dnsdisc = container_of(timer, struct dnsdisc, timer);
    uint64_t now = loop_now_ms(dnsdisc->loop), due = UINT64_MAX;
    struct query query;
    if (!dnsdisc->wanted || dnsdisc->query)
        return;
    for (size_t i = 0; i < dnsdisc->trees_count; i++) {
        struct tree *tree = &dnsdisc->trees[(dnsdisc->next_tree + i) % dnsdisc->trees_count];
        if (query_choose(dnsdisc, &query, tree, now)) {
            dnsdisc->next_tree = (dnsdisc->next_tree + i + 1) % dnsdisc->trees_count;
            ask(dnsdisc, &query);
            return;
        }
        due = tree_due_ms(tree) < due ? tree_due_ms(tree) : due;
    }
    if (due != UINT64_MAX)
        timer_start(timer, due > now ? due - now : 1);
}

static void look_soon(struct dnsdisc *dnsdisc)
{
    if (dnsdisc->wanted && !dnsdisc->query)
        timer_start(&dnsdisc->timer, 1000 / DNSDISC_QUERIES_PER_S);
}

void dnsdisc_want(struct dnsdisc *dnsdisc, bool wanted)
{
    if (dnsdisc->wanted == wanted)
        return;
    dnsdisc->wanted = wanted;
    timer_stop(&dnsdisc->timer);
    if (wanted && !dnsdisc->query)
        timer_start(&dnsdisc->timer, 0);
}

enum status dnsdisc_new(struct dnsdisc **out, struct loop *loop, struct crypto *crypto,
                        struct log *log, const char *const *urls, size_t urls_count,
                        void (*on_record)(void *owner, const struct enr *enr), void *owner)
{
    struct dnsdisc *dnsdisc;
    *out = NULL;
    if (urls_count > DNSDISC_TREES_MAX)
        return STATUS_LIMIT;
    dnsdisc = mem_alloc(sizeof(*dnsdisc));
    dnsdisc->loop = loop;
    dnsdisc->crypto = crypto;
    dnsdisc->log = log;
    dnsdisc->on_record = on_record;
    dnsdisc->owner = owner;
    for (size_t i = 0; i < urls_count; i++)
        if (!link_take(dnsdisc, SPAN_STR(urls[i]))) {
            mem_free(dnsdisc);
            return STATUS_INVALID;
        }
    timer_init(&dnsdisc->timer, loop, on_timer);
    *out = dnsdisc;
    return STATUS_OK;
}

void dnsdisc_free(struct dnsdisc *dnsdisc)
{
    if (!dnsdisc)
        return;
    timer_stop(&dnsdisc->timer);
    if (dnsdisc->query) {
        dnsdisc->query->dnsdisc = NULL;
        resolve_cancel(dnsdisc->query->resolve);
    }
    for (size_t i = 0; i < dnsdisc->trees_count; i++) {
        queue_free(&dnsdisc->trees[i].links);
        queue_free(&dnsdisc->trees[i].enrs);
        queue_free(&dnsdisc->trees[i].seen);
    }
    mem_free(dnsdisc);
}

void dnsdisc_stats(const struct dnsdisc *dnsdisc, struct dnsdisc_stats *out)
{
    *out = dnsdisc->stats;
    out->trees = dnsdisc->trees_count;
}
