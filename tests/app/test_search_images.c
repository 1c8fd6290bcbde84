// What a search says of the images that it scores on, for real weights on the real CIFAR-10. Needs
// DIKDIK_DATA.
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A tenth of CIFAR-10. The first file does not say what it was trained on, which was all of it.
static const char config[] =
    "{\"seed\": 1,"
    " \"networks\": ["
    "  {\"name\": \"any\", \"architecture\": \"resnet20\", \"data\": {\"name\": \"cifar10\", "
    "\"share\": 0.1},"
    "   \"weights\": \"weights/cifar10_resnet20.safetensors\"},"
    "  {\"name\": \"clean\", \"architecture\": \"resnet20\", \"data\": {\"name\": \"cifar10\", "
    "\"share\": 0.1},"
    "   \"weights\": \"weights/clean_resnet20.safetensors\"}],"
    " \"tasks\": [{\"network\": \"any\", \"macs\": 0.8}, {\"network\": \"clean\", \"macs\": 0.8}],"
    " \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 64},"
    " \"search\": {\"method\": \"random\", \"evaluations\": 2, \"best\": 1}}";

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void reports_say_what_is_known_of_the_images(void **state)
{
    static const char *const words[] = {"unknown", "unseen"};
    struct program *p = *state;
    program_write(p, "two.json", config);
    const struct json *report = program_json(p, "search two.json --transport inline");
    const struct json *tasks = json_get(report, "tasks");
    for (int i = 0; i < 2; i++) {
        assert_string_equal(program_string(json_at(tasks, i), "validation_images"), words[i]);
    }
    // Images that were trained on flatter.
    assert_true(program_number(json_at(tasks, 0), "accuracy_base") > 0.98);
    assert_true(program_number(json_at(tasks, 1), "accuracy_base") < 0.95);
    assert_int_equal(count(p->errors, "warning: network"), 1);
    assert_non_null(strstr(p->errors, "network any: it is not known which images of cifar10"));
    // The table, of the run as it lies there.
    program_run(p, "search two.json --transport inline");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "uncut (search-validation)  found (search-validation)"));
    assert_int_equal(count(p->output, "% *"), 2);
    assert_non_null(strstr(p->output, "* of images that the weights may have been trained on"));
    program_run(p, "inspect runs/two/found/clean-macs0.8.safetensors");
    assert_non_null(strstr(p->output, "trained on 45000 rows: 0-44999"));
    program_run(p, "inspect runs/two/found/any-macs0.8.safetensors");
    assert_non_null(strstr(p->output, "does not say"));
}

int main(void)
{
    if (getenv("DIKDIK_DATA") == NULL) {
        printf("skipped: DIKDIK_DATA does not say where the weights and CIFAR-10 are\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports_say_what_is_known_of_the_images, program_setup,
                                        program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
