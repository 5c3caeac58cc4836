#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

TestSuite(helpers, .fini = fixture_leak_gate);

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void __attribute__((noinline)) lose(size_t size)
{
    volatile uint8_t *lost = mem_alloc(size);
    lost[0] = 1;
}

Test(helpers, the_gate_stops_a_leaking_process, .signal = SIGABRT)
{
    if (__lsan_do_recoverable_leak_check == NULL)
        abort(); /* nothing watches the heap in this build */
    for (size_t i = 1; i < 100; i++)
        lose(i * 16);
    fixture_leak_gate();
}

Test(helpers, the_gate_lets_a_clean_process_pass)
{
    mem_free(mem_alloc(100));
    fixture_leak_gate();
}

Test(helpers, lists_are_sorted_and_filtered)
{
    struct fixture_list list = fixture_list("vectors/ethereum-tests/TrieTests", ".json");
    cr_assert_gt(list.count, 1);
    for (size_t i = 1; i < list.count; i++)
        cr_assert_lt(strcmp(list.paths[i - 1], list.paths[i]), 0);
    json_t *json = fixture_json(list.paths[0]);
    cr_assert(json_is_object(json));
    json_decref(json);
    fixture_list_free(&list);
    list = fixture_list("vectors/ethereum-tests/TrieTests", ".nothing");
    cr_assert_eq(list.count, 0);
    fixture_list_free(&list);
}

Test(helpers, a_tally_counts_what_ran_and_what_was_skipped)
{
    struct tally tally = {.name = "some"};
    tally_run(&tally);
    tally_skip(&tally, "one", "a reason");
    tally_end(&tally);
    cr_assert_eq(tally.run_count, 1);
    cr_assert_eq(tally.skip_count, 1);
}

Test(helpers, random_numbers_repeat_from_their_seed)
{
    uint64_t a = 7, b = 7;
    for (int i = 0; i < 100; i++)
        cr_assert_eq(fixture_random(&a), fixture_random_below(&b, UINT64_MAX));
    setenv("SEED", "0x10", 1);
    cr_assert_eq(fixture_seed(), 16);
}
