// The program under mpirun: one network from many ranks, errors end the whole job.
#include "run_program.h"

#include <string.h>

static const char config[] = "{\"seed\": 5, \"model\": {\"architecture\": \"convnet\"},"
                             " \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 320},"
                             " \"train\": {\"epochs\": 2, \"batch\": 36, \"learning_rate\": 0.02}}";

static void two_ranks_train_like_one(void **state)
{
    struct program *p = *state;
    double losses[2];
    program_write(p, "quick.json", config);
    const struct json *alone = program_json(p, "train quick.json --run-dir one");
    for (int i = 0; i < 2; i++) {
        losses[i] = json_number(json_at(json_get(alone, "train_losses"), i));
    }
    p->ranks = 2;
    const struct json *together = program_json(p, "train quick.json --run-dir two");
    assert_true(program_number(together, "ranks") == 2);
    assert_true(program_number(together, "images") == 64);
    for (int i = 0; i < 2; i++) {
        const double loss = json_number(json_at(json_get(together, "train_losses"), i));
        assert_true(loss == losses[i]);
    }
    program_assert_same(p, "one/network.safetensors", "two/network.safetensors");
    // Either continues what the other did.
    const struct json *again = program_json(p, "train quick.json --run-dir one");
    assert_true(json_bool(json_get(again, "resumed")));
}

// 0.7 MiB of images: what one process keeps, two with the same limit do not.
static void ranks_share_the_memory_for_images(void **state)
{
    struct program *p = *state;
    const char *words = "train quick.json --data.size 24 --data.count 420 --data.memory 1 --epochs "
                        "1 --data.threads 2 --run-dir";
    program_write(p, "quick.json", config);
    const struct json *alone = program_json(p, "%s one", words);
    assert_false(json_bool(json_get(alone, "data_streamed")));
    p->ranks = 2;
    const struct json *together = program_json(p, "%s two", words);
    assert_true(json_bool(json_get(together, "data_streamed")));
    program_assert_same(p, "one/network.safetensors", "two/network.safetensors");
}

static void errors_end_the_job(void **state)
{
    struct program *p = *state;
    p->ranks = 2;
    program_write(p, "quick.json", config);
    program_run(p, "train quick.json --batch 3");
    ASSERT_RUN(p, 1, "train.batch = 3 has work for 1 of 2 ranks");
    program_run(p, "train quick.json --set train.epochz=1");
    ASSERT_RUN(p, 1, "epochz");
}

static void interrupts_end_the_job_after_a_checkpoint(void **state)
{
    struct program *p = *state;
    p->ranks = 2;
    program_write(p, "quick.json", config);
    p->end_file = "runs/quick/checkpoint.safetensors"; // of the first epoch
    program_run(p, "train quick.json --epochs 100000");
    // The exit code is mpirun's own: some give 0 after Ctrl-C, whatever the ranks did.
    assert_non_null(strstr(p->errors, "same command"));
    p->end_file = NULL;
    p->end_seconds = 3;
    program_run(p, "train quick.json --epochs 100000");
    assert_non_null(strstr(p->errors, "continuing from"));
    assert_non_null(strstr(p->errors, "same command"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_ranks_train_like_one),
        TEST(ranks_share_the_memory_for_images),
        TEST(errors_end_the_job),
        TEST(interrupts_end_the_job_after_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
