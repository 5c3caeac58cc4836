#include "les/node/full_private.h"

#include "les/eth/keccak.h"

const char *full_kind_text(enum full_kind kind)
{
    static const char *const TEXTS[FULL_KIND_COUNT] = {
#define X(name, text) [FULL_##name] = (text),
        FULL_KINDS(X)
#undef X
    };
    return TEXTS[kind];
}

/* ---- what went wrong ---- */

/* At most one line of a kind in FULL_COMPLAIN_MS; the next one says how many were held back. */
static bool may_complain(struct full *full, size_t kind, char held_back[24])
{
    uint64_t now_ms = loop_now_ms(full->loop);
    if (full->complained_ms[kind] != 0 && now_ms - full->complained_ms[kind] < FULL_COMPLAIN_MS) {
        full->held_back[kind]++;
        return false;
    }
    log_u64(held_back, full->held_back[kind]);
    full->complained_ms[kind] = now_ms;
    full->held_back[kind] = 0;
    return true;
}

void full_unverified(struct full *full, enum full_kind kind, const struct full_fault *fault,
                     struct span subject)
{
    char held_back[24];
    struct buf why = {0}, of = {0};
    full->stats.unverified[kind]++;
    if (!may_complain(full, kind, held_back))
        return;
    full_fault_print(&why, fault);
    buf_add_u8(&why, 0);
    buf_add_hex0x(&of, subject);
    buf_add_u8(&of, 0);
    log_write(full->config.log, LOG_WARN, "full", "the node's answer does not hold, not served",
              "what", full_kind_text(kind), "why", (const char *)why.data, "of",
              (const char *)of.data, "node", full->name, "held_back", held_back, NULL);
    buf_free(&why);
    buf_free(&of);
}

enum full_trouble full_no_result(struct full *full, const char *what,
                                 const struct full_reply *reply)
{
    char held_back[24];
    bool error = reply->outcome == FULL_ERROR;
    if (error)
        full->stats.node_errors++;
    else
        full->stats.node_failures++;
    if (may_complain(full, FULL_KIND_COUNT, held_back))
        log_write(full->config.log, LOG_WARN, "full",
                  error ? "the node answers with an error" : "the node does not answer", "what",
                  what, "why", reply->message != NULL ? reply->message : "", "status",
                  status_text(reply->status), "node", full->name, "held_back", held_back, NULL);
    return FULL_NO_ANSWER;
}

/* ---- names ---- */

void full_learn_address(struct full *full, const struct address20 *address)
{
    struct hash32 hash;
    keccak256(&hash, SPAN(address->bytes, 20));
    full_cache_put(full->names, FULL_CACHE_NAME, &hash, SPAN(address->bytes, 20));
}

void full_learn_slot(struct full *full, const struct hash32 *slot)
{
    struct hash32 hash;
    keccak256(&hash, SPAN(slot->bytes, 32));
    full_cache_put(full->names, FULL_CACHE_NAME, &hash, SPAN(slot->bytes, 32));
}

/* The first variables of a contract lie in the first slots. */
static void learn_first_slots(struct full *full)
{
    for (unsigned i = 0; i < FULL_FIRST_SLOTS; i++) {
        struct hash32 slot = HASH32_ZERO;
        be_write(slot.bytes + 24, 8, i);
        full_learn_slot(full, &slot);
    }
}

/* ---- jobs ---- */

struct full_job *full_job_new(struct full *full, void (*step)(struct full_job *job))
{
    struct full_job *job = mem_alloc(sizeof(*job));
    job->full = full;
    job->step = step;
    job->began_ms = loop_now_ms(full->loop);
    if (!timer_running(&full->watch))
        timer_start(&full->watch, FULL_WATCH_MS);
    job->next = full->jobs;
    if (job->next != NULL)
        job->next->previous = job;
    full->jobs = job;
    full->jobs_count++;
    return job;
}

void full_job_end(struct full_job *job)
{
    struct full *full = job->full;
    full_fetch_forget_job(job);
    if (job->call != NULL)
        full_call_cancel(job->call);
    if (job->next != NULL)
        job->next->previous = job->previous;
    if (job->previous != NULL)
        job->previous->next = job->next;
    else
        full->jobs = job->next;
    full->jobs_count--;
    buf_free(&job->header_rlp);
    mem_free(job);
}

void full_job_run(struct full_job *job)
{
    if (job->forgotten || ++job->rounds > FULL_ROUNDS_MAX) {
        if (!job->forgotten && job->question != NULL) {
            full_job_answer(job, LES_ANSWER_NONE);
            return;
        }
        full_job_end(job);
        return;
    }
    job->step(job);
}

void full_job_answer(struct full_job *job, enum les_answer answer)
{
    struct full_stats *stats = &job->full->stats;
    struct les_question *question = job->question;
    stats->given += answer == LES_ANSWER_GIVEN;
    stats->none += answer == LES_ANSWER_NONE;
    stats->unavailable += answer == LES_ANSWER_UNAVAILABLE;
    full_job_end(job);
    les_answer(question, answer);
}

void full_job_refuse(struct full_job *job)
{
    /* Only the asker can be at fault for what the node has never had. */
    full_job_answer(job, job->trouble == FULL_NOTHING ? LES_ANSWER_UNAVAILABLE : LES_ANSWER_NONE);
}

/* A client that waits is stopped by the server in the end: before that it gets what there is. What
 * was asked of the node for it still fills the cache. */
static void on_watch(struct timer *timer)
{
    struct full *full = container_of(timer, struct full, watch);
    uint64_t now_ms = loop_now_ms(full->loop);
    for (struct full_job *job = full->jobs, *next; job != NULL; job = next) {
        next = job->next;
        if (job->question == NULL || now_ms - job->began_ms < FULL_JOB_MS)
            continue;
        full->stats.late++;
        full_job_answer(job, LES_ANSWER_NONE);
    }
    if (full->jobs != NULL)
        timer_start(timer, FULL_WATCH_MS);
}

/* ---- the vtable ---- */

static struct full *full_of(struct les_backend *base)
{
    return container_of(base, struct full, base);
}

static void on_ask(struct les_backend *base, struct les_question *question)
{
    struct full *full = full_of(base);
    full->stats.asked[les_cost_index(question->code)]++;
    if (full->jobs_count >= FULL_JOBS_MAX) {
        full->stats.turned_away++;
        full->stats.none++;
        les_answer(question, LES_ANSWER_NONE);
        return;
    }
    struct full_job *job = full_job_new(full, full_serve);
    job->question = question;
    full_job_run(job);
}

static void on_forget(struct les_backend *base, struct les_question *question)
{
    for (struct full_job *job = full_of(base)->jobs; job != NULL; job = job->next) {
        if (job->question != question)
            continue;
        full_job_end(job); /* what was fetched for it still fills the cache */
        return;
    }
    ASSERT(false); /* the server forgets what is open */
}

static void on_head(struct les_backend *base, struct les_serve_head *out)
{
    full_chain_head(full_of(base), out);
}

static bool on_ancestor(struct les_backend *base, const struct hash32 *a, const struct hash32 *b,
                        uint64_t *number)
{
    return full_chain_ancestor(full_of(base), a, b, number);
}

static const struct les_backend_ops OPS = {
    .ask = on_ask, .forget = on_forget, .head = on_head, .ancestor = on_ancestor};

/* ---- life ---- */

void full_became_ready(struct full *full)
{
    char depth[24];
    if (full->ready)
        return;
    full->ready = true;
    if (full_recent_state(full) == UINT64_MAX)
        log_write(full->config.log, LOG_WARN, "full",
                  "the node gives no proof that holds: no state is served", "node", full->name,
                  NULL);
    else
        log_write(full->config.log, LOG_INFO, "full", "the node is followed", "head",
                  log_u64(depth, full->chain.head->header.number), "state",
                  full->probe_all ? "all" : "recent", "node", full->name, NULL);
    full->config.on_ready(full->config.owner);
}

struct full *full_new(struct loop *loop, const struct full_config *config)
{
    struct full *full = mem_alloc(sizeof(*full));
    uint64_t seeds[3];
    loop_random(loop, seeds, sizeof(seeds));
    full->base.ops = &OPS;
    full->loop = loop;
    full->config = *config;
    full->name = mem_strdup(config->name);
    full->cache = full_cache_new(FULL_CACHE_BYTES, seeds[0]);
    full->names = full_cache_new(FULL_NAMES_BYTES, seeds[1]);
    table_init(&full->fetches, seeds[2]);
    full->send_proofs.on_run = full_on_send_proofs;
    timer_init(&full->watch, loop, on_watch);
    learn_first_slots(full);
    full_helper_init(full);
    full_chain_init(full);
    return full;
}

void full_free(struct full *full)
{
    if (full == NULL)
        return;
    task_cancel(&full->send_proofs);
    timer_stop(&full->watch);
    full_chain_free(full);
    full_helper_free(full);
    while (full->jobs != NULL) {
        ASSERT(full->jobs->question == NULL); /* the server forgot its own */
        full_job_end(full->jobs);
    }
    full_fetches_free(full);
    table_free(&full->fetches);
    full_cache_free(full->cache);
    full_cache_free(full->names);
    mem_free(full->name);
    loop_sweep(full->loop, full, mem_free);
}

struct les_backend *full_backend(struct full *full)
{
    return &full->base;
}

uint64_t full_recent_state(const struct full *full)
{
    if (full->probe_all)
        return 0;
    return full->probe_found ? full->probe_depth + 1 : UINT64_MAX;
}

void full_stats(const struct full *full, struct full_stats *out)
{
    struct full_rpc_stats rpc;
    uint64_t unused_bytes, unused_hits, unused_misses;
    *out = full->stats;
    full_rpc_stats(full->config.rpc, &rpc);
    out->up = rpc.up;
    if (full->chain.head != NULL) {
        out->head_number = full->chain.head->header.number;
        out->window = out->head_number - full->chain.low + 1;
    }
    out->head_failures = full->chain.failures;
    out->jobs = full->jobs_count;
    full_cache_stats(full->cache, &out->cache_entries, &out->cache_bytes, &out->cache_hits,
                     &out->cache_misses);
    full_cache_stats(full->names, &out->names, &unused_bytes, &unused_hits, &unused_misses);
    out->sections = full_helper_sections(full);
    out->helper_next = full->helper.next;
}
