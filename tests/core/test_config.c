// Configs through option tables: every kind round-trips, every kind refuses what it must.
#include "core/config.h"
#include "option_case.h"
#include "test_unit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static enum status read_text(const char *text, struct option_case *values, struct arena *arena)
{
    struct json *document;
    TRY(json_parse(text, strlen(text), "c.json", &document));
    const enum status status = config_read(document, "c.json", option_case_table, values, arena);
    json_close(document);
    return status;
}

static void defaults(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct option_case values;
    memset(&values, 0x55, sizeof values);
    assert_ok(read_text("{}", &values, &arena));
    assert_false(values.verbose);
    assert_int_equal(values.batch, 64);
    assert_int_equal(values.images, -1);
    assert_int_equal(values.seed, 1);
    assert_true(values.share == 0.5);
    assert_string_equal(values.name, "plain");
    assert_int_equal(values.mode, CASE_SYNC);
    assert_int_equal(values.sizes->n, 0);
    assert_int_equal(values.shares->n, 0);
    assert_int_equal(values.widths->n, 0);
    assert_int_equal(values.tasks->n, 0);
    assert_int_equal(values.train.epochs, 8);
    assert_true(values.tune.rate == 0.1);
    assert_int_equal(values.tune.milestones->n, 0);
    arena_close(&arena);
}

// An option that was true or false once may become one of several words.
static void on_and_off_may_be_booleans(void **state)
{
    (void)state;
    static const char *const words[] = {"auto", "on", "off", NULL};
    static const struct option table[] = {
        {.key = "help", .kind = OPTION_CHOICE, .fallback_text = "auto", .choices = words},
        {.key = NULL}};
    static const char *const texts[][2] = {{"{}", "auto"},
                                           {"{\"help\": true}", "on"},
                                           {"{\"help\": false}", "off"},
                                           {"{\"help\": \"true\"}", "on"},
                                           {"{\"help\": \"off\"}", "off"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct arena arena = {0};
        struct json *document;
        int value;
        assert_ok(json_parse(texts[i][0], strlen(texts[i][0]), "c.json", &document));
        assert_ok(config_read(document, "c.json", table, &value, &arena));
        assert_string_equal(option_choice_name(table, &value), texts[i][1]);
        json_close(document);
        arena_close(&arena);
    }
}

static const char full[] =
    "{\"verbose\": true, \"batch\": 4096, \"images\": 999999999999999, \"seed\": "
    "\"18446744073709551615\", \"share\": 0.3, \"name\": \"a \\\"b\\\" \\u00e9\", \"mode\": "
    "\"async\", \"sizes\": [3, -2, 2147483647], \"shares\": [0, 0.1, 1], \"widths\": "
    "{\"layer1.0.conv1\": 8, \"fc\": 512}, \"train\": {\"epochs\": 3, \"rate\": 1e-3, "
    "\"milestones\": [80, 120]}, \"tune\": {\"epochs\": 1000}, \"tasks\": [{}, {\"network\": "
    "\"vgg\", \"macs\": 0.25, \"widths\": {\"fc\": 3}, \"tune\": {\"milestones\": [4]}, "
    "\"stages\": [{\"epochs\": 2}, {}, {\"epochs\": 5}]}]}";

static void check_full(const struct option_case *values)
{
    assert_true(values->verbose);
    assert_int_equal(values->batch, 4096);
    assert_true(values->images == INT64_C(999999999999999));
    assert_true(values->seed == UINT64_MAX);
    assert_true(values->share == 0.3);
    assert_string_equal(values->name, "a \"b\" \xc3\xa9");
    assert_int_equal(values->mode, CASE_ASYNC);
    assert_int_equal(values->sizes->n, 3);
    assert_int_equal(values->sizes->values[1], -2);
    assert_int_equal(values->sizes->values[2], INT_MAX);
    assert_int_equal(values->shares->n, 3);
    assert_true(values->shares->values[1] == 0.1);
    assert_int_equal(values->widths->n, 2);
    assert_string_equal(values->widths->keys[0], "layer1.0.conv1");
    assert_int_equal(values->widths->values[1], 512);
    assert_int_equal(values->train.epochs, 3);
    assert_true(values->train.rate == 1e-3);
    assert_int_equal(values->train.milestones->values[1], 120);
    assert_int_equal(values->tune.epochs, 1000);
    assert_true(values->tune.rate == 0.1);
}

static void check_tasks(const struct object_list *tasks)
{
    assert_int_equal(tasks->n, 2);
    const struct option_case_task *first = option_list_at(tasks, 0),
                                  *second = option_list_at(tasks, 1);
    assert_string_equal(first->network, "resnet20");
    assert_true(first->macs == 0.5);
    assert_int_equal(first->widths->n, 0);
    assert_int_equal(first->tune.epochs, 8);
    assert_int_equal(first->stages->n, 0);
    assert_string_equal(second->network, "vgg");
    assert_true(second->macs == 0.25);
    assert_int_equal(second->widths->values[0], 3);
    assert_int_equal(second->tune.milestones->values[0], 4);
    assert_int_equal(second->stages->n, 3);
    assert_int_equal(((const struct option_case_inner *)option_list_at(second->stages, 1))->epochs,
                     8);
    assert_int_equal(((const struct option_case_inner *)option_list_at(second->stages, 2))->epochs,
                     5);
}

static void every_kind_round_trips(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct option_case values = {0}, again = {0};
    assert_ok(read_text(full, &values, &arena));
    check_full(&values);
    check_tasks(values.tasks);
    for (int pretty = 0; pretty < 2; pretty++) {
        struct text text = {0};
        struct json_writer writer = {.out = &text, .pretty = pretty == 1};
        config_write(option_case_table, &values, &writer, NULL);
        assert_ok(read_text(text.bytes, &again, &arena));
        check_full(&again);
        check_tasks(again.tasks);
        text_close(&text);
    }
    arena_close(&arena);
}

struct bad {
    const char *text, *message;
};
static const struct bad bad_configs[] = {
    {"[]", "c.json: the whole text: expected an object, got a list"},
    {"3", "expected an object, got 3"},
    {"{\"train\": {\"epocs\": 3}}", "c.json: train.epocs: unknown option (did you mean 'epochs'?)"},
    {"{\"Batch\": 3}", "c.json: Batch: unknown option (did you mean 'batch'?)"},
    {"{\"zzzzzz\": 3}", "zzzzzz: unknown option (known here: verbose, batch,"},
    {"{\"macs\": 3}", "macs: unknown option (did you mean 'tasks[].macs'?)"},
    {"{\"tasks\": [{\"batch\": 3}]}", "tasks[0].batch: unknown option (did you mean 'batch'?)"},
    {"{\"milestones\": 3}",
     "milestones: unknown option (did you mean 'train.milestones', 'tune.milestones' or "},
    {"{\"train\": 3}", "c.json: train: expected an object, got 3"},
    {"{\"train\": null}", "train: expected an object, got null"},
    {"{\"verbose\": 1}", "c.json: verbose: expected true or false, got 1"},
    {"{\"verbose\": \"true\"}", "expected true or false, got the string 'true'"},
    {"{\"batch\": 0}", "c.json: batch: 0 is out of range, expected 1 to 4096"},
    {"{\"batch\": 4097}", "4097 is out of range, expected 1 to 4096"},
    {"{\"batch\": 3.5}", "batch: expected an integer, got 3.5"},
    {"{\"batch\": \"3\"}", "expected an integer, got the string '3'"},
    {"{\"batch\": null}", "expected an integer, got null"},
    {"{\"batch\": [3]}", "expected an integer, got a list"},
    {"{\"images\": -2}", "-2 is out of range, expected -1 to 1e+15"},
    {"{\"images\": 1000000000000001}", "out of range"},
    {"{\"images\": 9007199254740992}", "images: an integer of this size (2^53 or more) is not"},
    {"{\"images\": 9007199254740993}", "2^53 or more"},
    {"{\"seed\": 9007199254740993}", "write the seed as a string of digits"},
    {"{\"seed\": 1e300}", "write the seed as a string of digits"},
    {"{\"seed\": -1}", "-1 is out of range, expected 0 to"},
    {"{\"seed\": \"18446744073709551616\"}", "expected a seed from 0 to 18446744073709551615"},
    {"{\"seed\": \"-1\"}", "expected a seed"},
    {"{\"seed\": \"\"}", "expected a seed"},
    {"{\"seed\": \" 1\"}", "expected a seed"},
    {"{\"seed\": \"1x\"}", "expected a seed"},
    {"{\"seed\": true}", "expected an integer, got true"},
    {"{\"share\": 0.2499}", "share: 0.2499 is out of range, expected 0.25 to 1"},
    {"{\"share\": 1.0001}", "1.0001 is out of range, expected 0.25 to 1"},
    {"{\"share\": \"half\"}", "expected a number, got the string 'half'"},
    {"{\"name\": 3}", "name: expected a string, got 3"},
    {"{\"mode\": \"synk\"}", "c.json: mode: expected one of async, sync, local, got 'synk' (did "
                             "you mean 'sync'?)"},
    {"{\"mode\": \"other\"}", "expected one of async, sync, local, got 'other'"},
    {"{\"mode\": 1}", "mode: expected a string, got 1"},
    {"{\"mode\": true}", "mode: expected a string, got true"},
    {"{\"sizes\": 3}", "sizes: expected a list of integers, got 3"},
    {"{\"sizes\": [1, 2.5]}", "sizes[1]: expected an integer, got 2.5"},
    {"{\"sizes\": [2147483648]}", "sizes[0]: 2147483648 is out of range"},
    {"{\"sizes\": [-2147483649]}", "is out of range"},
    {"{\"shares\": [0.5, 1.5]}", "shares[1]: 1.5 is out of range, expected 0 to 1"},
    {"{\"shares\": {\"a\": 1}}", "expected a list of numbers, got an object"},
    {"{\"shares\": [[1]]}", "shares[0]: expected a number, got a list"},
    {"{\"widths\": [1]}", "widths: expected an object of integers, got a list"},
    {"{\"widths\": {\"fc\": 0}}", "widths.fc: 0 is out of range, expected 1 to 512"},
    {"{\"widths\": {\"fc\": 513}}", "widths.fc: 513 is out of range"},
    {"{\"train\": {\"milestones\": [0]}}", "train.milestones[0]: 0 is out of range"},
    {"{\"tasks\": {\"0\": {}}}", "tasks: expected a list of objects, got an object"},
    {"{\"tasks\": [{}, 3]}", "c.json: tasks[1]: expected an object, got 3"},
    {"{\"tasks\": [{}, {}, {\"macs\": 2}]}", "c.json: tasks[2].macs: 2 is out of range, expected "
                                             "0.01 to 1"},
    {"{\"tasks\": [{\"mac\": 1}]}", "tasks[0].mac: unknown option (did you mean 'macs'?)"},
    {"{\"tasks\": [{\"tune\": {\"epochs\": 0}}]}", "tasks[0].tune.epochs: 0 is out of range"},
    {"{\"tasks\": [{\"stages\": [{}, {\"epochs\": 0}]}]}", "tasks[0].stages[1].epochs: 0 is out"},
    {"{\"batch\": 1, \"batch\": 2}", "c.json: line 1, column 14: the key 'batch' is there twice"},
};

static void bad_configs_are_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof bad_configs / sizeof *bad_configs; i++) {
        struct option_case values;
        const enum status status = read_text(bad_configs[i].text, &values, &arena);
        if (status == OK) {
            fail_msg("accepted: %s", bad_configs[i].text);
        }
        assert_fails(status, ERR_CONFIG, bad_configs[i].message);
    }
    arena_close(&arena);
}

static void bounds_are_included(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct option_case values = {0};
    assert_ok(read_text("{\"batch\": 1, \"share\": 0.25, \"images\": -1, \"shares\": [0, 1], "
                        "\"widths\": {\"a\": 1, \"b\": 512}, \"seed\": 9007199254740991, "
                        "\"sizes\": [-2147483648, 2147483647]}",
                        &values, &arena));
    assert_true(values.seed == UINT64_C(9007199254740991));
    assert_int_equal(values.sizes->values[0], INT_MIN);
    assert_ok(read_text("{\"batch\": 4096, \"share\": 1, \"images\": 1e15}", &values, &arena));
    arena_close(&arena);
}

static void long_names_do_not_overflow(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct option_case values;
    char *text = malloc(20000);
    const char *const forms[] = {"{\"%s\": 1}", "{\"widths\": {\"%s\": 0}}", "{\"name\": [\"%s\"]}",
                                 "{\"mode\": \"%s\"}", "{\"batch\": \"%s\"}"};
    char name[9000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *const mark = strstr(forms[i], "%s");
        snprintf(text, 20000, "%.*s%s%s", (int)(mark - forms[i]), forms[i], name, mark + 2);
        assert_int_equal(read_text(text, &values, &arena), ERR_CONFIG);
    }
    free(text);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_and_off_may_be_booleans), cmocka_unit_test(defaults),
        cmocka_unit_test(every_kind_round_trips),     cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(bounds_are_included),        cmocka_unit_test(long_names_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
