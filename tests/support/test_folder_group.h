// One folder for all tests of a program, as its group's set-up and tear-down:
// cmocka_run_group_tests(tests, make_folder, remove_folder).
#pragma once
#include "test_folder.h"

static struct test_folder folder;

static int make_folder(void **state)
{
    (void)state;
    test_folder_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(&folder);
    return 0;
}
