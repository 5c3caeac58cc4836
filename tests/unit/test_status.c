#include "les/base/status.h"
#include "tests/fixture/fixture.h"

#include <criterion/criterion.h>
#include <signal.h>

TestSuite(status, .fini = fixture_leak_gate);

Test(status, each_kind_has_a_text_of_its_own)
{
    static const enum status all[] = {
#define X(name, text) STATUS_##name,
        STATUS_MAP(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        cr_assert_gt(strlen(status_text(all[i])), 0);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(status_text(all[i]), status_text(all[j]));
    }
    cr_assert_eq(STATUS_OK, 0);
    cr_assert_str_eq(status_text(STATUS_TIMEOUT), "timed out");
}

Test(status, a_false_assertion_aborts_in_every_build, .signal = SIGABRT)
{
    ASSERT(1 + 1 == 3);
}

Test(status, a_true_assertion_evaluates_its_condition_once)
{
    int count = 0;
    ASSERT(++count == 1);
    cr_assert_eq(count, 1);
}

struct outer {
    int before;
    struct {
        int x;
    } inner;
};

Test(status, container_of_finds_the_owner)
{
    struct outer outer = {1, {2}};
    cr_assert_eq(container_of(&outer.inner, struct outer, inner), &outer);
}
