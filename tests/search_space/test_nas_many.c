// Every space at length: 10,000 random choices and as many episodes through the wall.
#include "nas_case.h"
#include "test_unit.h"

static void test_many(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    for (int kind = 0; nas_spaces[kind] != NULL; kind++) {
        struct nas_space space = nas_case_open((enum nas_space_kind)kind, 32, 32, 3, 10);
        nas_case_random(&space, MANY, 61);
        nas_case_episodes(&space, MANY, 62);
        nas_space_close(&space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
