// --csv: the rows of --json, as other programs read tables.
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The field of a row and column, both from 0, without quotes; fails where there is none.
static void field_at(const char *text, int row, int column, char *out, size_t bytes)
{
    size_t n = 0;
    bool quoted = false;
    for (const char *at = text; *at != '\0' && row >= 0; at++) {
        const bool here = row == 0 && column == 0;
        if (*at == '"') {
            if (quoted && at[1] == '"') {
                at++;
            } else {
                quoted = !quoted;
                continue;
            }
        } else if (!quoted && (*at == ',' || *at == '\n')) {
            if (here) {
                out[n] = '\0';
                return;
            }
            column -= row == 0 ? 1 : 0;
            row -= *at == '\n' ? 1 : 0;
            continue;
        }
        if (here) {
            assert_true(n + 1 < bytes);
            out[n++] = *at;
        }
    }
    fail_msg("there is no such field in %s", text);
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n' ? 1 : 0;
    }
    return n;
}

// Row 0 has the keys; every plain member of every row of the list is in its column.
static void assert_table(const char *csv, const struct json *rows)
{
    char key[64], cell[256];
    int plain = 0;
    assert_int_equal(count_lines(csv), json_count(rows) + 1);
    for (int k = 0; k < json_count(json_at(rows, 0)); k++) {
        const struct json *first = json_at(json_at(rows, 0), k);
        if (json_kind(first) == JSON_ARRAY || json_kind(first) == JSON_OBJECT) {
            continue;
        }
        field_at(csv, 0, plain, key, sizeof key);
        assert_string_equal(key, json_key(first));
        for (int i = 0; i < json_count(rows); i++) {
            const struct json *value = json_get(json_at(rows, i), key);
            field_at(csv, i + 1, plain, cell, sizeof cell);
            if (json_kind(value) == JSON_NUMBER) {
                assert_true(strtod(cell, NULL) == json_number(value));
            } else if (json_kind(value) == JSON_STRING) {
                assert_string_equal(cell, json_string(value));
            }
        }
        plain++;
    }
    assert_true(plain > 3);
}

// The last run's standard output, kept while the program runs again.
static char *keep_output(const struct program *p)
{
    char *text = strdup(p->output);
    assert_non_null(text);
    return text;
}

static void tables_have_the_numbers_of_json(void **state)
{
    struct program *p = *state;
    static const char *const commands[][2] = {
        {"inspect resnet20", "layers"},
        {"run small.json --transport inline", "tasks"},
    };
    program_write(
        p, "small.json",
        "{\"networks\": [{\"architecture\": \"convnet\", \"data\": {\"name\":"
        " \"shapes\", \"size\": 12, \"count\": 300, \"classes\": [0, 6]},"
        " \"train\": {\"epochs\": 1, \"batch\": 30}}],"
        " \"tasks\": [{\"macs\": 0.5, \"params\": 0.6}, {\"name\": \"b\", \"macs\": 0.3}],"
        " \"search\": {\"method\": \"oneshot\", \"best\": 1},"
        " \"scoring\": {\"calibration_images\": 16, \"images\": 30,"
        " \"validation_share\": 0.4}, \"space\": {\"round_to\": 2},"
        " \"finetune\": {\"epochs\": 1, \"batch\": 30}}");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        program_run(p, "%s --csv", commands[i][0]);
        ASSERT_RUN(p, 0, "");
        char *csv = keep_output(p);
        assert_table(csv, json_get(program_json(p, "%s", commands[i][0]), commands[i][1]));
        free(csv);
        program_run(p, "%s --csv --json", commands[i][0]);
        ASSERT_RUN(p, 1, "--json and --csv");
    }
    // "macs <= 0.5, params <= 0.6" holds a comma.
    program_run(p, "run small.json --transport inline --csv");
    assert_non_null(strstr(p->output, "\"macs <= 0.5, params <= 0.6\""));
}

static void benches_too(void **state)
{
    struct program *p = *state;
    program_run(p, "bench nn --models resnet8 --batches 1,2 --modes infer --dtypes f32 --seconds "
                   "0.01 --csv");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(strncmp(p->output, "model,mode,dtype,batch,images_per_second,", 41), 0);
    assert_true(count_lines(p->output) >= 3); // whole and slimmed
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_have_the_numbers_of_json, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(benches_too, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
