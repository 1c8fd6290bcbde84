// Runs that are corrected and moved: what may change in a run folder, what is done again for that,
// what is another run, and who may work there.
#include "core/file.h"
#include "core/folder_lock.h"
#include "run_program.h"
#include "stripes.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECIPE(epochs) "{\"epochs\": " epochs ", \"batch\": 16, \"crop_pad\": 0, \"flip\": false}"
// A network on data of its own format, at a path that can be moved.
static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": [{\"name\": \"a\", \"architecture\": \"convnet\","
    "   \"data\": {\"name\": \"stripes\", \"path\": \"stripes\"}, \"train\": " RECIPE(
        "1") "}],"
             " \"tasks\": [{\"macs\": 0.5}, {\"macs\": 0.3}],"
             " \"space\": {\"round_to\": 2},"
             " \"scoring\": {\"calibration_images\": 32, \"images\": 30, \"refit\": \"off\"},"
             " \"search\": {\"evaluations\": 6, \"best\": 2, \"method\": \"random\"},"
             " \"learner\": {\"mode\": \"sync\", \"batch\": 2},"
             " \"finetune\": " RECIPE("1") "}";
#define RUN "run small.json --transport inline --run-dir r "

static const char training[] = "{\"model\": {\"architecture\": \"convnet\"},"
                               " \"data\": {\"name\": \"stripes\", \"path\": \"stripes\"},"
                               " \"train\": " RECIPE("2") "}";
#define TRAIN "train tr.json --run-dir t "

enum { TRAIN_IMAGES = STRIPES_TRAIN, SIDE = STRIPES_SIDE };

static int setup(void **state)
{
    program_setup(state);
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_write(p, "tr.json", training);
    stripes_write(p, "stripes", TRAIN_IMAGES, 0, 0);
    return 0;
}

static void rename_in(const struct program *p, const char *from, const char *to)
{
    char a[PROGRAM_PATH_CHARS], b[PROGRAM_PATH_CHARS];
    assert_int_equal(rename(program_path(p, from, a), program_path(p, to, b)), 0);
}

static bool is_there(const struct program *p, const char *name)
{
    char path[PROGRAM_PATH_CHARS];
    return file_exists(program_path(p, name, path));
}

static void assert_says(const struct program *p, const char *part)
{
    ASSERT_RUN(p, 0, part);
}

static void assert_silent_about(const struct program *p, const char *part)
{
    if (strstr(p->errors, part) != NULL) {
        fail_msg("unexpected \"%s\" in \"%s\"", part, p->errors);
    }
}

// ---- changing a run

static void what_later_stages_use_may_change(void **state)
{
    struct program *p = *state;
    program_json(p, RUN);
    // How and where, not what: nothing is said, nothing is done again.
    program_json(p, RUN "--name other --threads 1 --actors.tries 5 --learner.checkpoint_seconds 9");
    assert_silent_about(p, "again");
    program_json(p, RUN "--finetune.epochs 3");
    assert_says(p, "fine-tuning starts again: finetune.epochs 1 -> 3");
    program_json(p, "run small.json --transport inline --run-dir fresh --finetune.epochs 3");
    program_assert_same(p, "r/final/a-macs0.5.safetensors", "fresh/final/a-macs0.5.safetensors");
    program_assert_same(p, "r/results/a-macs0.3.json", "fresh/results/a-macs0.3.json");
    // Of a search, so that nothing is left of the tests that are out of date.
    const struct json *report =
        program_json(p, "search small.json --transport inline --run-dir r --finetune.epochs 3 "
                        "--finetune.learning_rate 0.01");
    assert_says(p, "fine-tuning starts again: finetune.learning_rate 0.04 -> 0.01");
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    assert_int_equal(json_kind(json_get(task, "accuracy_test")), JSON_NULL);
    assert_false(is_there(p, "r/final/a-macs0.5.safetensors"));
    assert_true(is_there(p, "r/found/a-macs0.5.safetensors"));
    program_json(p, RUN "--finetune.epochs 3 --finetune.learning_rate 0.01 --search.best 4");
    assert_says(p, "the best candidates are scored again: search.best 2 -> 4");
    program_json(p, "run small.json --transport inline --run-dir fresh2 --search.best 4 "
                    "--finetune.epochs 3 --finetune.learning_rate 0.01");
    program_assert_same(p, "r/final/a-macs0.3.safetensors", "fresh2/final/a-macs0.3.safetensors");
    program_assert_same(p, "r/found/a-macs0.3.safetensors", "fresh2/found/a-macs0.3.safetensors");
}

static void a_finished_search_goes_on(void **state)
{
    struct program *p = *state;
    static const char *const methods[] = {"random", "uniform", "evolution", "local", "copy",
                                          "bayes",  "oneshot", "impala",    "amc",   NULL};
    for (int i = 0; methods[i] != NULL; i++) {
        const struct json *report =
            program_json(p, "search small.json --transport inline --run-dir %s --search.method %s",
                         methods[i], methods[i]);
        const double before = program_number(report, "search.evaluations");
        report = program_json(p,
                              "search small.json --transport inline --run-dir %s --search.method "
                              "%s --search.evaluations 11",
                              methods[i], methods[i]);
        assert_says(p, "the search goes on, and what came after it is done again: "
                       "search.evaluations 6 -> 11");
        const double after = program_number(report, "search.evaluations");
        assert_true(before <= 12 && after <= 22);
        if (strcmp(methods[i], "uniform") != 0 && strcmp(methods[i], "oneshot") != 0) {
            assert_true(after > before);
        }
    }
    program_json(p, "run small.json --transport inline --run-dir random --search.evaluations 11");
    assert_silent_about(p, "again");
    program_run(p, "run small.json --transport inline --run-dir random --search.evaluations 10");
    ASSERT_RUN(p, 1,
               "search.evaluations is 11 in random/config.json, and 10 here: a search that "
               "has begun may go on for longer, but not for less");
    program_json(p, "run small.json --transport inline --run-dir random --search.evaluations 12");
    assert_says(p, "search.evaluations 11 -> 12");
    // Its measurements are planned by it.
    program_json(p, "search small.json --transport inline --run-dir s --search.method sensitivity");
    program_run(p, "search small.json --transport inline --run-dir s --search.method sensitivity "
                   "--search.evaluations 11");
    ASSERT_RUN(p, 1, "search.evaluations");
    assert_non_null(strstr(p->errors, "sensitivity"));
}

static void what_shaped_a_run_may_not_change(void **state)
{
    struct program *p = *state;
    static const char *const changes[][2] = {
        {"--seed 4", "seed = 3, this run 4"},
        {"--set networks.0.train.epochs=2", "networks[0].train.epochs = 1, this run 2"},
        {"--set networks.0.data.share=0.9", "networks[0].data.share = 1, this run 0.9"},
        {"--scoring.validation_share 0.2", "scoring.validation_share = 0.1, this run 0.2"},
        {"--scoring.images 20", "scoring.images = 30, this run 20"},
        {"--set tasks.1.macs=0.4", "tasks[1].name"},
        {"--task a-macs0.5", "tasks = 2 entries, this run 1 entries"},
        {"--learner.batch 3", "learner.batch = 2, this run 3"},
        {"--search.method local", "search.method = \"random\", this run \"local\""},
    };
    program_json(p, "search small.json --transport inline --run-dir r");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        program_run(p, RUN "%s", changes[i][0]);
        ASSERT_RUN(p, 1, changes[i][1]);
        assert_non_null(strstr(p->errors, "the run folder holds another run"));
    }
    program_json(p, RUN);
}

// ---- moving a run

static void data_are_compared_by_content(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    program_json(p, RUN);
    rename_in(p, "stripes", "moved");
    program_json(p, RUN "--set networks.0.data.path=moved");
    assert_silent_about(p, "again");
    program_json(p, RUN "--set networks.0.data.path=%s", program_path(p, "moved", path));
    rename_in(p, "moved", "stripes");
    static const struct {
        int train, shade_train, shade_test;
        const char *words;
    } others[] = {
        {TRAIN_IMAGES, 1, 0, "network a, training images: this run began with 240 of 12x12x1, 2 "},
        {TRAIN_IMAGES - 2, 0, 0, "and here are 238 of 12x12x1"},
        {TRAIN_IMAGES, 0, 1, "network a, test images: this run began with 40 of 12x12x1, 2 "},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        stripes_write(p, "stripes", others[i].train, others[i].shade_train, others[i].shade_test);
        program_run(p, RUN);
        ASSERT_RUN(p, 1, others[i].words);
        assert_non_null(strstr(p->errors, "r/inputs.json"));
        assert_non_null(strstr(p->errors, "data.path"));
    }
    stripes_write(p, "stripes", TRAIN_IMAGES, 0, 0);
    program_json(p, RUN "--search.evaluations 7"); // goes on as if nothing had been
    assert_true(unlink(program_path(p, "r/inputs.json", path)) == 0);
    program_run(p, RUN "--search.evaluations 7");
    ASSERT_RUN(p, 1, "r/inputs.json is not there");
}

static void weights_are_compared_by_content(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
#define GIVEN "run small.json --transport inline --run-dir given --set networks.0.weights="
    program_json(p, "search small.json --transport inline --run-dir one");
    program_json(p, "search small.json --transport inline --run-dir two --seed 4");
    rename_in(p, "one/networks/a.safetensors", "one.safetensors");
    rename_in(p, "two/networks/a.safetensors", "two.safetensors");
    program_json(p, GIVEN "one.safetensors");
    program_json(p, GIVEN "%s", program_path(p, "one.safetensors", path));
    program_json(p, GIVEN "./one.safetensors");
    assert_silent_about(p, "again");
    rename_in(p, "one.safetensors", "three.safetensors");
    program_json(p, GIVEN "three.safetensors");
    program_json(p, GIVEN "one.safetensors --finetune.epochs 2");
    assert_says(p, "one.safetensors is not there; the run goes on with its own copy");
    rename_in(p, "two.safetensors", "one.safetensors");
    program_run(p, GIVEN "one.safetensors --finetune.epochs 2");
    ASSERT_RUN(p, 1, "network a, weights: this run began with those of a file of ");
    program_run(p, GIVEN);
    ASSERT_RUN(p, 1, "and here are none");
    program_json(p, GIVEN "three.safetensors --finetune.epochs 2");
#undef GIVEN
}

static void a_training_can_be_moved_too(void **state)
{
    struct program *p = *state;
    program_json(p, TRAIN);
    rename_in(p, "stripes", "moved");
    program_json(p, TRAIN "--data.path moved");
    assert_says(p, "all 2 epochs are done already");
    program_run(p, TRAIN "--data.path moved --train.epochs 3");
    ASSERT_RUN(p, 1, "train.epochs = 2, this run 3");
    stripes_write(p, "moved", TRAIN_IMAGES, 2, 0);
    program_run(p, TRAIN "--data.path moved");
    ASSERT_RUN(p, 1, "training images: this run began with 240 of 12x12x1");
    stripes_write(p, "moved", TRAIN_IMAGES, 0, 0);
    // Other weights to start from, of the same name.
    const char *start = "train tr.json --data.path moved --run-dir u --train.epochs 1 "
                        "--set model.weights=start.safetensors";
    rename_in(p, "t/network.safetensors", "start.safetensors");
    program_json(p, "%s", start);
    program_json(p, "train tr.json --data.path moved --run-dir v --seed 5");
    rename_in(p, "v/network.safetensors", "start.safetensors");
    program_run(p, "%s", start);
    ASSERT_RUN(p, 1, "weights: this run began with those of a file of ");
}

// ---- starts that fail

static void a_start_that_fails_claims_nothing(void **state)
{
    struct program *p = *state;
    static const char *const mistakes[][2] = {
        {"--finetune.batch 5000", "finetune.batch = 5000 is more than the 240 training images"},
        {"--set networks.0.train.batch=217", "networks[0].train.batch = 217 is more than the 216"},
        {"--finetune.learning_rate 0", "finetune.learning_rate: 0 is out of range"},
        {"--finetune.learning_rate 1000", "finetune.learning_rate: 1000 is out of range"},
        {"--finetune.learning_rate 10 --finetune.weight_decay 0.5",
         "finetune.learning_rate = 10 times finetune.weight_decay = 0.5"},
        {"--set networks.0.train.warmup_epochs=2", "networks[0].train.warmup_epochs = 2 is more"},
        {"--finetune.warmup_epochs 5", "finetune.warmup_epochs = 5 is more"},
        {"--finetune.validation_share 0.001", "validation share of 0.001 leaves 240"},
        {"--search.method frozen", "search.method frozen proposes with a trained policy"},
        {"--set networks.0.weights=other.safetensors", "convnet"},
        {"--set networks.0.weights=absent.safetensors", "absent.safetensors is not there"},
        {"--set tasks.0.macs=0.00001", "a-macs1e-05"},
        {"--set networks.0.data.path=half", "t10k-images-idx3-ubyte"},
        {"--set networks.0.data.path=unlike", "they must be alike"},
        {"--set networks.0.data.path=nowhere", "nowhere"},
        {"--policy nobody", "--policy nobody"},
    };
    stripes_write(p, "half", TRAIN_IMAGES, 0, 0);
    stripes_write(p, "unlike", TRAIN_IMAGES, 0, 0);
    char path[PROGRAM_PATH_CHARS];
    assert_int_equal(unlink(program_path(p, "half/t10k-images-idx3-ubyte", path)), 0);
    stripes_write_part(p, "unlike", "t10k", STRIPES_TEST, SIDE / 2, 0);
    program_json(p, TRAIN "--model.architecture resnet8 --train.epochs 1 --run-dir other");
    rename_in(p, "other/network.safetensors", "other.safetensors");
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        program_run(p, RUN "%s", mistakes[i][0]);
        ASSERT_RUN(p, 1, mistakes[i][1]);
        assert_false(is_there(p, "r"));
    }
    // Only `run` fine-tunes.
    program_json(p, "search small.json --transport inline --run-dir r --finetune.batch 5000");
    program_run(p, RUN "--finetune.batch 5000");
    ASSERT_RUN(p, 1, "finetune.batch = 5000");
    program_json(p, RUN);
}

static void a_training_that_fails_claims_nothing(void **state)
{
    struct program *p = *state;
    static const char *const mistakes[][2] = {
        {"--train.batch 5000", "train.batch = 5000"},
        {"--train.warmup_epochs 5", "train.warmup_epochs = 5"},
        {"--train.distill 0.5", "model.teacher"},
        {"--data.path half", "t10k-images-idx3-ubyte"},
        {"--data.path unlike", "they must be alike"},
    };
    char path[PROGRAM_PATH_CHARS];
    stripes_write(p, "half", TRAIN_IMAGES, 0, 0);
    stripes_write(p, "unlike", TRAIN_IMAGES, 0, 0);
    assert_int_equal(unlink(program_path(p, "half/t10k-images-idx3-ubyte", path)), 0);
    stripes_write_part(p, "unlike", "t10k", STRIPES_TEST, SIDE / 2, 0);
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        program_run(p, TRAIN "%s", mistakes[i][0]);
        ASSERT_RUN(p, 1, mistakes[i][1]);
        assert_false(is_there(p, "t"));
    }
    p->ranks = 2; // all of them end in order
    program_run(p, TRAIN "--data.path half");
    p->ranks = 0;
    ASSERT_RUN(p, 1, "t10k-images-idx3-ubyte");
    assert_null(strstr(p->errors, "Abort"));
    // What diverges before anything is done may be corrected too.
    program_run(p, TRAIN "--train.learning_rate 100 --train.weight_decay 0.009");
    ASSERT_RUN(p, 1, "train.learning_rate");
    program_json(p, TRAIN);
}

// A search that has failed late is not lost either.
static void what_diverged_is_corrected(void **state)
{
    struct program *p = *state;
    program_run(p, RUN "--finetune.learning_rate 100 --finetune.weight_decay 0");
    ASSERT_RUN(p, 1, "lower finetune.learning_rate");
    program_json(p, RUN);
    program_json(p, "run small.json --transport inline --run-dir fresh");
    program_assert_same(p, "r/final/a-macs0.5.safetensors", "fresh/final/a-macs0.5.safetensors");
}

// ---- one process

static void the_second_process_is_told_of_the_first(void **state)
{
    struct program *p = *state;
    struct folder_lock lock;
    char path[PROGRAM_PATH_CHARS], who[64];
    const char *const commands[] = {RUN, "search small.json --actors 2 --run-dir r", TRAIN};
    const char *const folders[] = {"r", "r", "t"};
    snprintf(who, sizeof who, "process %ld on ", (long)getpid());
    for (int i = 0; i < 3; i++) {
        assert_int_equal(file_make_folders(program_path(p, folders[i], path)), OK);
        assert_int_equal(folder_lock_take(path, "a test", &folder_lock_patience, &lock), OK);
        program_run(p, "%s", commands[i]);
        ASSERT_RUN(p, 1, who);
        assert_null(strstr(p->errors, "Abort"));
        assert_null(strstr(p->errors, "starting it again"));
        folder_lock_release(&lock);
    }
    program_json(p, RUN);
    assert_false(is_there(p, "r/lock"));
}

static void a_killed_process_does_not_block(void **state)
{
    struct program *p = *state;
    p->end_file = "r/run.h5";
    p->kill_seconds = 0.01;
    program_run(p, RUN "--search.evaluations 5000");
    p->end_file = NULL;
    p->kill_seconds = 0;
    assert_true(is_there(p, "r/lock"));
    program_run(p, RUN);
    ASSERT_RUN(p, 1, "not for less");
    program_json(p, "search small.json --transport inline --run-dir s");
}

// ---- interrupted anywhere, going on

static void an_interrupt_says_the_same_in_every_stage(void **state)
{
    struct program *p = *state;
    static const char *const markers[] = {
        "r/networks/a.checkpoint.safetensors", // base networks
        "r/run.h5",                            // search
        "r/policy.safetensors",                // re-scoring
        "r/final/a-macs0.3.checkpoint.safetensors",
    };
#define LONG                                                                                       \
    "run small.json --actors 2 --set networks.0.train.epochs=60 --finetune.epochs 60 "             \
    "--search.evaluations 120 --search.best 100 --search.method impala --learner.model none "
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++) {
        p->end_file = markers[i];
        program_run(p, LONG "--run-dir r --actors.slice_seconds 0.1");
        ASSERT_RUN(p, 130, "interrupted; the same command goes on from here");
        assert_null(strstr(p->errors, "Abort"));
    }
    p->end_file = NULL;
    program_json(p, LONG "--run-dir r");
    program_json(p, LONG "--run-dir whole");
    program_assert_same(p, "r/final/a-macs0.3.safetensors", "whole/final/a-macs0.3.safetensors");
    program_assert_same(p, "r/results/a-macs0.5.json", "whole/results/a-macs0.5.json");
#undef LONG
}

// Also where tickets go out as actors fall free, so that how many are under way depends on them.
static void a_run_goes_on_with_other_actors(void **state)
{
    struct program *p = *state;
#define ASYNC                                                                                      \
    "search small.json --transport local --run-dir r --learner.mode async --search.evaluations "   \
    "150 "                                                                                         \
    "--search.method impala --learner.checkpoint_seconds 0.01 --actors "
    p->end_file = "r/checkpoint.h5";
    program_run(p, ASYNC "3");
    p->end_file = NULL;
    ASSERT_RUN(p, 130, "same command goes on");
    const struct json *report = program_json(p, ASYNC "1");
    assert_says(p, "going on after");
    assert_true(program_number(report, "search.evaluations") > 150); // of both tasks
#undef ASYNC
}

// ---- what is said

static void a_search_that_ends_early_says_why(void **state)
{
    struct program *p = *state;
    const struct json *report =
        program_json(p, "search small.json --transport inline --run-dir r --search.method impala "
                        "--learner.model none --search.evaluations 400 --search.episodes 60");
    assert_says(p, "of 400 evaluations, as all its 60 episodes are used up");
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "search_ended"), "episodes");
    report = program_json(p, "search small.json --transport inline --run-dir s");
    task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "search_ended"), "evaluations");
    report = program_json(p, "search small.json --transport inline --run-dir u --search.method "
                             "oneshot --search.evaluations 100");
    assert_says(p, "of 100 evaluations: oneshot has no other candidates to try");
}

// Weights that have seen everything, on images that cannot be guessed: half of the labels are
// noise.
static void images_that_the_weights_have_seen_are_warned_of(void **state)
{
    struct program *p = *state;
    program_run(p, "train tr.json --run-dir t --data.name shapes --data.path= --data.size 12 "
                   "--data.count 100 --train.epochs 60 --train.learning_rate 0.05");
    ASSERT_RUN(p, 0, "epoch 60/60");
#define SEEN                                                                                       \
    "run small.json --transport inline --set networks.0.weights=t/network.safetensors "            \
    "--set networks.0.data.name=shapes --set networks.0.data.path= --set networks.0.data.size=12 " \
    "--set networks.0.data.count=100 --scoring.validation_share 0.3 --scoring.images 0 "
    program_run(p, SEEN "--run-dir r --set networks.0.train_rows=unknown");
    ASSERT_RUN(p, 0, "have almost surely been trained on the former");
    assert_non_null(strstr(p->output, "uncut (search-validation)"));
    assert_non_null(strstr(p->output, "uncut (test)"));
    assert_non_null(strstr(p->output, "fine-tuned (test)"));
    assert_non_null(strstr(p->output, "* of images that the weights may have been trained on"));
#undef SEEN
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_later_stages_use_may_change),
        TEST(a_finished_search_goes_on),
        TEST(what_shaped_a_run_may_not_change),
        TEST(data_are_compared_by_content),
        TEST(weights_are_compared_by_content),
        TEST(a_training_can_be_moved_too),
        TEST(a_start_that_fails_claims_nothing),
        TEST(a_training_that_fails_claims_nothing),
        TEST(what_diverged_is_corrected),
        TEST(the_second_process_is_told_of_the_first),
        TEST(a_killed_process_does_not_block),
        TEST(an_interrupt_says_the_same_in_every_stage),
        TEST(a_run_goes_on_with_other_actors),
        TEST(a_search_that_ends_early_says_why),
        TEST(images_that_the_weights_have_seen_are_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
