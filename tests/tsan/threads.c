/* What leaves the loop's thread, under the thread sanitizer: work and name queries, with and
 * without cancelling. Criterion does not start under it, so this is a program of its own that
 * speaks TAP. */
#include "les/base/loop.h"
#include "les/evm/recall.h"

#include <stdio.h>

#define WORKS 500

struct job {
    struct work work;
    struct loop *loop;
    unsigned *left;
    uint64_t input, output;
};

static void on_work(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    for (uint64_t i = 0; i <= job->input; i++)
        job->output += i;
}

static void on_done(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    ASSERT(job->output == job->input * (job->input + 1) / 2);
    if (--*job->left == 0)
        loop_stop(job->loop);
}

static void works_end_once(void)
{
    struct loop *loop = loop_uv_new();
    struct job *jobs = mem_alloc(WORKS * sizeof *jobs);
    unsigned left = WORKS;
    for (unsigned i = 0; i < WORKS; i++) {
        jobs[i] = (struct job){
            .work = {on_work, on_done, NULL}, .loop = loop, .left = &left, .input = i * 7};
        loop_work(loop, &jobs[i].work);
    }
    loop_run(loop);
    loop_free(loop);
    mem_free(jobs);
}

static void on_records(void *owner, enum status status, const struct span *records, size_t count)
{
    (void)records, (void)count;
    ASSERT(status == STATUS_CANCELLED);
    if (--*(unsigned *)owner == 0)
        printf("# every query was called back\n");
}

static void queries_can_be_cancelled_at_once(void)
{
    struct loop *loop = loop_uv_new();
    struct endpoint nobody;
    unsigned left = 4;
    ASSERT(endpoint_parse(&nobody, "127.0.0.1:9"));
    ASSERT(loop_uv_set_nameserver(loop, &nobody) == STATUS_OK);
    for (unsigned i = 0; i < 4; i++)
        resolve_cancel(loop_resolve_txt(loop, "example.invalid", on_records, &left));
    loop_free(loop);
    ASSERT(left == 0);
}

/* ---- guesses, which workers read while the loop's thread writes ---- */

struct reader {
    struct work work;
    struct loop *loop;
    struct recall *recall;
    unsigned seen, *left;
};

static struct hash32 slot_of(unsigned n)
{
    struct hash32 slot = {{0}};
    slot.bytes[31] = (uint8_t)n;
    return slot;
}

static void on_read(struct work *work)
{
    static const struct address20 address = {{1}};
    struct reader *reader = container_of(work, struct reader, work);
    for (unsigned i = 0; i < 20000; i++) {
        struct hash32 slot = slot_of(i % 64);
        struct u256 value;
        if (recall_slot(reader->recall, &HASH32_ZERO, &address, &slot, &value) == RECALL_NOTHING)
            continue;
        reader->seen++;
        ASSERT(value.words[0] == value.words[3]); /* never half of one */
    }
}

static void on_read_done(struct work *work)
{
    struct reader *reader = container_of(work, struct reader, work);
    if (--*reader->left == 0)
        loop_stop(reader->loop);
}

static void guesses_are_whole(void)
{
    static const struct address20 address = {{1}};
    struct loop *loop = loop_uv_new();
    struct recall *recall = recall_new(48, 1);
    struct reader readers[4];
    unsigned left = 4;
    for (unsigned i = 0; i < 4; i++) {
        readers[i] = (struct reader){
            .work = {on_read, on_read_done, NULL}, .loop = loop, .recall = recall, .left = &left};
        loop_work(loop, &readers[i].work);
    }
    for (uint64_t i = 0; i < 50000; i++) {
        struct hash32 slot = slot_of((unsigned)(i % 61));
        recall_put_slot(recall, &HASH32_ZERO, &address, &slot, &(struct u256){{i, i, i, i}});
    }
    loop_run(loop);
    loop_free(loop);
    ASSERT(left == 0 && recall_count(recall) == 48);
    recall_free(recall);
}

int main(void)
{
    works_end_once();
    printf("ok - tsan: %d works end once each, on the loop's thread\n", WORKS);
    queries_can_be_cancelled_at_once();
    printf("ok - tsan: name queries can be cancelled at once\n");
    guesses_are_whole();
    printf("ok - tsan: guesses are whole\n");
    return 0;
}
