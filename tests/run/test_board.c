// How a stage's board shares cores out.
#include "run/run_board.h"
#include "test_unit.h"

static void a_job_gets_threads_that_have_work(void **state)
{
    (void)state;
    static const struct {
        int chunks, threads, useful;
    } cases[] = {
        {0, 64, 64},               // not known yet
        {16, 64, 16},              // the rest is for other networks
        {16, 16, 16}, {16, 15, 8}, // two turns either way
        {16, 12, 8},  {16, 7, 6},  {16, 5, 4}, {16, 1, 1}, {13, 4, 4}, {13, 6, 5}, {1, 8, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int chunks = cases[i].chunks, threads = cases[i].threads;
        const int useful = run_board_useful(chunks, threads);
        assert_int_equal(useful, cases[i].useful);
        assert_in_range(useful, 1, threads);
        if (chunks > 0) { // as soon done as with all
            assert_int_equal((chunks + useful - 1) / useful, (chunks + threads - 1) / threads);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_job_gets_threads_that_have_work)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
