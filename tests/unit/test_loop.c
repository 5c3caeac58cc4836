#include "les/base/loop.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <uv.h>

TestSuite(loop, .fini = fixture_leak_gate, .timeout = 20);

/* What happened, in order: one letter per event. */
struct trace {
    struct loop *loop;
    char text[256];
    size_t size;
};

static void mark(struct trace *trace, char letter)
{
    cr_assert_lt(trace->size, sizeof(trace->text) - 1);
    trace->text[trace->size++] = letter;
}

struct alarm {
    struct timer timer;
    struct trace *trace;
    char letter;
    void (*then)(struct alarm *alarm);
    struct alarm *other;
    struct task *task;
};

static void on_alarm(struct timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);
    mark(alarm->trace, alarm->letter);
    if (alarm->then != NULL)
        alarm->then(alarm);
}

static void alarm_init(struct alarm *alarm, struct trace *trace, char letter)
{
    *alarm = (struct alarm){.trace = trace, .letter = letter};
    timer_init(&alarm->timer, trace->loop, on_alarm);
}

static void stop(struct alarm *alarm)
{
    loop_stop(alarm->trace->loop);
}

/* Runs the loop for a while. */
static void run_for(struct trace *trace, uint64_t ms)
{
    struct trace unseen = {.loop = trace->loop};
    struct alarm end;
    alarm_init(&end, &unseen, '.');
    end.then = stop;
    timer_start(&end.timer, ms);
    loop_run(trace->loop);
}

struct job {
    struct task task;
    struct trace *trace;
    char letter;
    struct job *next;
};

static void on_job(struct task *task)
{
    struct job *job = container_of(task, struct job, task);
    mark(job->trace, job->letter);
    if (job->next != NULL)
        loop_defer(job->trace->loop, &job->next->task);
}

static void job_init(struct job *job, struct trace *trace, char letter)
{
    *job = (struct job){.task.on_run = on_job, .trace = trace, .letter = letter};
}

Test(loop, timers_fire_by_time_and_equal_ones_in_start_order)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm alarms[6];
    static const uint64_t delays_ms[] = {30, 10, 20, 10, 0, 10};
    for (size_t i = 0; i < 6; i++) {
        alarm_init(&alarms[i], &trace, (char)('a' + i));
        timer_start(&alarms[i].timer, delays_ms[i]);
        cr_assert(timer_running(&alarms[i].timer));
    }
    run_for(&trace, 50);
    cr_assert_str_eq(trace.text, "ebdfca");
    for (size_t i = 0; i < 6; i++)
        cr_assert(!timer_running(&alarms[i].timer));
    loop_free(trace.loop);
}

Test(loop, a_timer_never_fires_early_nor_much_too_late)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm alarm;
    alarm_init(&alarm, &trace, 'a');
    alarm.then = stop;
    uint64_t before_us = uv_hrtime() / 1000;
    uint64_t before_ms = loop_now_ms(trace.loop);
    timer_start(&alarm.timer, 40);
    loop_run(trace.loop);
    cr_assert_geq(loop_now_ms(trace.loop) - before_ms, 40);
    cr_assert_geq(loop_now_us(trace.loop) - before_us, 39000);
    cr_assert_lt(loop_now_us(trace.loop) - before_us, 5000000);
    loop_free(trace.loop);
}

Test(loop, a_stopped_timer_stays_silent_and_a_restarted_one_moves)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm a, b, c;
    alarm_init(&a, &trace, 'a');
    alarm_init(&b, &trace, 'b');
    alarm_init(&c, &trace, 'c');
    timer_start(&a.timer, 5);
    timer_start(&b.timer, 1);
    timer_start(&c.timer, 10);
    timer_stop(&a.timer);
    timer_stop(&a.timer);
    timer_start(&b.timer, 20);
    run_for(&trace, 40);
    cr_assert_str_eq(trace.text, "cb");
    loop_free(trace.loop);
}

static void restart(struct alarm *alarm)
{
    if (alarm->trace->size < 5)
        timer_start(&alarm->timer, 0);
    else
        loop_stop(alarm->trace->loop);
}

Test(loop, a_timer_that_restarts_at_zero_lets_others_in_between)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm a, b;
    alarm_init(&a, &trace, 'a');
    alarm_init(&b, &trace, 'b');
    a.then = restart;
    b.then = restart;
    timer_start(&a.timer, 0);
    timer_start(&b.timer, 0);
    loop_run(trace.loop);
    cr_assert_eq(strncmp(trace.text, "ababa", 5), 0);
    timer_stop(&a.timer);
    timer_stop(&b.timer);
    loop_free(trace.loop);
}

static void stop_other(struct alarm *alarm)
{
    timer_stop(&alarm->other->timer);
}

Test(loop, a_timer_may_stop_another_that_is_due_in_the_same_turn)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm a, b;
    alarm_init(&a, &trace, 'a');
    alarm_init(&b, &trace, 'b');
    a.then = stop_other;
    a.other = &b;
    timer_start(&a.timer, 1);
    timer_start(&b.timer, 1);
    run_for(&trace, 10);
    cr_assert_str_eq(trace.text, "a");
    loop_free(trace.loop);
}

Test(loop, the_heap_orders_any_mix_of_starts_and_stops)
{
    enum { COUNT = 200 };
    struct trace trace = {.loop = loop_uv_new()};
    static struct alarm alarms[COUNT];
    uint64_t state = fixture_seed();
    for (size_t i = 0; i < COUNT; i++)
        alarm_init(&alarms[i], &trace, 'x');
    for (size_t i = 0; i < 20000; i++) {
        struct alarm *alarm = &alarms[fixture_random_below(&state, COUNT)];
        if (fixture_random_below(&state, 3) == 0)
            timer_stop(&alarm->timer);
        else
            timer_start(&alarm->timer, 1000 + fixture_random_below(&state, 50));
        struct timer *first = NULL;
        for (size_t j = 0; i % 64 == 0 && j < COUNT; j++) {
            struct timer *timer = &alarms[j].timer;
            if (timer_running(timer) &&
                (first == NULL || timer->due_ms < first->due_ms ||
                 (timer->due_ms == first->due_ms && timer->sequence < first->sequence)))
                first = timer;
        }
        if (first != NULL)
            cr_assert_eq(trace.loop->timers[1], first);
    }
    for (size_t i = 0; i < COUNT; i++)
        timer_stop(&alarms[i].timer);
    cr_assert_eq(loop_next_due_ms(trace.loop), UINT64_MAX);
    loop_free(trace.loop);
}

Test(loop, an_endless_delay_does_not_wrap)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm a;
    alarm_init(&a, &trace, 'a');
    timer_start(&a.timer, UINT64_MAX);
    run_for(&trace, 5);
    cr_assert_eq(trace.size, 0);
    timer_stop(&a.timer);
    loop_free(trace.loop);
}

Test(loop, tasks_run_later_in_order_once_and_chain_in_one_turn)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct job a, b, c;
    job_init(&a, &trace, 'a');
    job_init(&b, &trace, 'b');
    job_init(&c, &trace, 'c');
    a.next = &c;
    loop_defer(trace.loop, &a.task);
    loop_defer(trace.loop, &b.task);
    loop_defer(trace.loop, &a.task);
    cr_assert_eq(trace.size, 0);
    loop_turn(trace.loop);
    cr_assert_str_eq(trace.text, "abc");
    loop_turn(trace.loop);
    cr_assert_str_eq(trace.text, "abc");
    loop_free(trace.loop);
}

Test(loop, a_cancelled_task_does_not_run_unless_deferred_again)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct job a, b;
    job_init(&a, &trace, 'a');
    job_init(&b, &trace, 'b');
    loop_defer(trace.loop, &a.task);
    loop_defer(trace.loop, &b.task);
    task_cancel(&a.task);
    loop_turn(trace.loop);
    cr_assert_str_eq(trace.text, "b");
    loop_defer(trace.loop, &a.task);
    task_cancel(&a.task);
    loop_defer(trace.loop, &a.task);
    loop_turn(trace.loop);
    cr_assert_str_eq(trace.text, "ba");
    task_cancel(&a.task);
    loop_free(trace.loop);
}

static void on_endless(struct task *task)
{
    struct job *job = container_of(task, struct job, task);
    loop_defer(job->trace->loop, task);
}

Test(loop, tasks_that_defer_for_ever_are_a_bug, .signal = SIGABRT)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct job a;
    job_init(&a, &trace, 'a');
    a.task.on_run = on_endless;
    loop_defer(trace.loop, &a.task);
    loop_turn(trace.loop);
}

struct swept {
    struct job job;
    struct trace *trace;
};

static void on_release(void *pointer)
{
    struct swept *swept = pointer;
    mark(swept->trace, 'f');
    mem_free(swept);
}

Test(loop, the_sweep_frees_after_all_tasks_of_the_turn)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct swept *swept = mem_alloc(sizeof(*swept));
    swept->trace = &trace;
    job_init(&swept->job, &trace, 's');
    struct job last, chained;
    job_init(&last, &trace, 'l');
    job_init(&chained, &trace, 'c');
    last.next = &chained;
    loop_sweep(trace.loop, swept, on_release);
    loop_defer(trace.loop, &swept->job.task);
    loop_defer(trace.loop, &last.task);
    task_cancel(&swept->job.task);
    loop_turn(trace.loop);
    cr_assert_str_eq(trace.text, "lcf");
    loop_free(trace.loop);
}

Test(loop, loop_free_sweeps_what_is_left)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct swept *swept = mem_alloc(sizeof(*swept));
    swept->trace = &trace;
    loop_sweep(trace.loop, swept, on_release);
    loop_free(trace.loop);
    cr_assert_str_eq(trace.text, "f");
}

static void defer_task(struct alarm *alarm)
{
    loop_defer(alarm->trace->loop, alarm->task);
}

Test(loop, a_task_deferred_by_a_timer_runs_before_the_next_timer_turn)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm a, b;
    struct job job;
    alarm_init(&a, &trace, 'a');
    alarm_init(&b, &trace, 'b');
    job_init(&job, &trace, 't');
    a.then = defer_task;
    a.task = &job.task;
    timer_start(&a.timer, 1);
    timer_start(&b.timer, 15);
    run_for(&trace, 30);
    cr_assert_str_eq(trace.text, "atb");
    loop_free(trace.loop);
}

Test(loop, a_loop_that_was_stopped_runs_again)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm a;
    alarm_init(&a, &trace, 'a');
    a.then = stop;
    for (int i = 0; i < 3; i++) {
        timer_start(&a.timer, 1);
        loop_run(trace.loop);
    }
    cr_assert_str_eq(trace.text, "aaa");
    loop_stop(trace.loop);
    loop_run(trace.loop);
    loop_free(trace.loop);
}

Test(loop, a_running_timer_at_the_end_is_a_bug, .signal = SIGABRT)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct alarm a;
    alarm_init(&a, &trace, 'a');
    timer_start(&a.timer, 1000);
    loop_free(trace.loop);
}

Test(loop, a_foreign_handle_left_open_is_a_bug, .signal = SIGABRT)
{
    struct loop *loop = loop_uv_new();
    static uv_idle_t idle;
    uv_idle_init(loop_uv_raw(loop), &idle);
    loop_free(loop);
}

static void on_foreign_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

Test(loop, a_foreign_handle_that_was_closed_gets_its_callback_in_loop_free)
{
    struct loop *loop = loop_uv_new();
    bool closed = false;
    uv_idle_t idle;
    uv_idle_init(loop_uv_raw(loop), &idle);
    idle.data = &closed;
    uv_close((uv_handle_t *)&idle, on_foreign_closed);
    loop_free(loop);
    cr_assert(closed);
}

Test(loop, random_bytes_differ)
{
    struct loop *loop = loop_uv_new();
    uint8_t a[32], b[32];
    loop_random(loop, a, sizeof(a));
    loop_random(loop, b, sizeof(b));
    cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
    loop_random(loop, a, 0);
    loop_free(loop);
}

Test(loop, the_wall_clock_is_of_this_age)
{
    struct loop *loop = loop_uv_new();
    cr_assert_gt(loop_wall_s(loop), 1700000000);
    loop_free(loop);
}

/* ---- work ---- */

struct sum {
    struct work work;
    struct loop *loop;
    uint64_t count, result;
    uv_thread_t thread;
    bool done, stops;
};

static void on_sum(struct work *work)
{
    struct sum *sum = container_of(work, struct sum, work);
    for (uint64_t i = 1; i <= sum->count; i++)
        sum->result += i;
    sum->thread = uv_thread_self();
}

static void on_summed(struct work *work)
{
    struct sum *sum = container_of(work, struct sum, work);
    sum->done = true;
    if (sum->stops)
        loop_stop(sum->loop);
}

Test(loop, work_runs_elsewhere_and_is_done_here)
{
    struct loop *loop = loop_uv_new();
    struct sum sum = {{on_sum, on_summed, NULL}, .loop = loop, .count = 1000, .stops = true};
    uv_thread_t here = uv_thread_self();
    loop_work(loop, &sum.work);
    cr_assert(!sum.done);
    loop_run(loop);
    cr_assert(sum.done);
    cr_assert_eq(sum.result, 500500);
    cr_assert_eq(uv_thread_equal(&sum.thread, &here), 0);
    loop_free(loop);
}

Test(loop, loop_free_waits_for_work_and_tells_its_owner)
{
    struct loop *loop = loop_uv_new();
    struct sum sums[20];
    for (size_t i = 0; i < ARRAY_COUNT(sums); i++) {
        sums[i] = (struct sum){{on_sum, on_summed, NULL}, .loop = loop, .count = 100000};
        loop_work(loop, &sums[i].work);
    }
    loop_free(loop);
    for (size_t i = 0; i < ARRAY_COUNT(sums); i++)
        cr_assert(sums[i].done);
}

/* ---- signals ---- */

struct caught {
    struct loop *loop;
    int number;
};

static void on_signal(void *owner, int number)
{
    struct caught *caught = owner;
    caught->number = number;
    loop_stop(caught->loop);
}

static void raise_term(struct alarm *alarm)
{
    (void)alarm;
    raise(SIGTERM);
}

Test(loop, a_termination_signal_is_a_callback)
{
    struct trace trace = {.loop = loop_uv_new()};
    struct caught caught = {trace.loop, 0};
    struct alarm a;
    loop_catch_signals(trace.loop, on_signal, &caught);
    alarm_init(&a, &trace, 'a');
    a.then = raise_term;
    timer_start(&a.timer, 1);
    loop_run(trace.loop);
    cr_assert_eq(caught.number, SIGTERM);
    loop_free(trace.loop);
}
