// Architecture search on drawn images, small enough for seconds: supernet, search, fine-tuning; the
// same bytes for any number of actors and after kill -9; what is done with the results.
#include "core/file.h"
#include "core/row_set.h"
#include "learner/run_rows.h"
#include "run_program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 3000, \"classes\": [0, 6]}"
#define STAGE(widths)                                                                              \
    "{\"width\": " widths ", \"depth\": [1, 2], \"kernel\": [3, 5], \"expansion\": [1, 2]}"
#define SPACE                                                                                      \
    "\"space\": {\"name\": \"mobile\", \"mobile\": {\"stem_width\": 8, \"head_width\": 0,"         \
    " \"stages\": [" STAGE("[8, 12]") ", " STAGE("[12, 16]") "]}}"
#define CONFIG(tasks)                                                                              \
    "{\"seed\": 3, \"environment\": \"nas\","                                                      \
    " \"networks\": [{\"name\": \"a\", " DATA ", " SPACE ","                                       \
    "  \"supernet\": {\"epochs\": 4, \"batch\": 32, \"learning_rate\": 0.1, \"crop_pad\": 0}}],"   \
    " \"tasks\": [" tasks "],"                                                                     \
    " \"scoring\": {\"calibration_images\": 64, \"images\": 100, \"calibration_pool\": 128},"      \
    " \"search\": {\"evaluations\": 12, \"best\": 2},"                                             \
    " \"learner\": {\"mode\": \"sync\", \"batch\": 4, \"on_policy_from\": 6,"                      \
    "  \"taught_batches\": 10, \"distilled_batches\": 10},"                                        \
    " \"finetune\": {\"epochs\": 1, \"batch\": 32, \"learning_rate\": 0.02, \"crop_pad\": 0}}"
static const char config[] =
    CONFIG("{\"macs\": 0.6}, {\"macs\": 0.9, \"params\": 0.5}, {\"bytes\": 0.4}");

static void assert_same_rows(const struct program *p, const char *a, const char *b,
                             enum run_table table)
{
    const struct hdf5_table *columns = &run_tables[table];
    const char *const folders[] = {a, b};
    struct arena arena = {0};
    char *rows[2];
    int64_t n[2];
    for (int i = 0; i < 2; i++) {
        char name[PROGRAM_PATH_CHARS], path[PROGRAM_PATH_CHARS];
        snprintf(name, sizeof name, "%s/run.h5", folders[i]);
        program_path(p, name, path);
        assert_int_equal(hdf5_log_count(path, columns, &n[i]), OK);
        rows[i] = arena_alloc(&arena, (size_t)n[i] + 1, columns->row_bytes);
        assert_non_null(rows[i]);
        assert_int_equal(hdf5_log_read(path, columns, 0, n[i], rows[i]), OK);
    }
    assert_int_equal(n[0], n[1]);
    assert_true(n[0] > 0);
    assert_memory_equal(rows[0], rows[1], (size_t)n[0] * columns->row_bytes);
    arena_close(&arena);
}

// All of a run that does not say who did it and how long it took.
static void assert_same_run(const struct program *p, const char *a, const char *b)
{
    static const char *const files[] = {"networks/a.safetensors",
                                        "networks/a.largest.safetensors",
                                        "checkpoint.h5",
                                        "policy.safetensors",
                                        "found/a-macs0.6.safetensors",
                                        "found/a-macs0.9.safetensors",
                                        "found/a-bytes0.4.safetensors",
                                        "results/a-bytes0.4.json"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char names[2][PROGRAM_PATH_CHARS];
        snprintf(names[0], sizeof names[0], "%s/%s", a, files[i]);
        snprintf(names[1], sizeof names[1], "%s/%s", b, files[i]);
        program_assert_same(p, names[0], names[1]);
    }
    assert_same_rows(p, a, b, TABLE_EPISODES);
    assert_same_rows(p, a, b, TABLE_UPDATES);
}

static void assert_in_budget(const struct json *report)
{
    static const struct {
        const char *share;
        double most;
    } budgets[3][2] = {{{"macs_share", 0.6}, {"macs_share", 0.6}},
                       {{"macs_share", 0.9}, {"params_share", 0.5}},
                       {{"bytes_share", 0.4}, {"bytes_share", 0.4}}};
    const struct json *tasks = json_get(report, "tasks");
    assert_int_equal(json_count(tasks), 3);
    for (int i = 0; i < 3; i++) {
        const struct json *task = json_at(tasks, i);
        for (int k = 0; k < 2; k++) {
            assert_true(program_number(task, budgets[i][k].share) <= budgets[i][k].most);
        }
        assert_in_range((int)program_number(task, "evaluations"), 1, 12);
        assert_int_equal(json_count(json_get(task, "choice")), 12);
    }
}

static int64_t count_rows(struct program *p, const char *file)
{
    struct row_set rows;
    const struct json *facts = program_json(p, "inspect %s", file);
    if (row_set_parse(program_string(facts, "train_rows"), &rows) != OK) {
        fail_msg("%s", status_message());
    }
    const int64_t n = row_set_count(&rows);
    row_set_close(&rows);
    return n;
}

static void everything_in_one_process(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    program_write(p, "small.json", config);
#define LONGER "run small.json --transport inline --set networks.0.supernet.epochs=12"
    const struct json *report = program_json(p, LONGER);
    assert_in_budget(report);
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    const double accuracy = program_number(task, "accuracy_test");
    assert_true(accuracy > 0.6 && program_number(task, "accuracy_base_test") > 0.6);
    assert_string_equal(program_string(task, "validation_images"), "unseen");
    const struct json *scored =
        program_json(p, "eval %s --data shapes --data.size 12 --data.count 3000 --data.classes 0,6",
                     "runs/small/final/a-macs0.6.safetensors");
    assert_true(program_number(scored, "accuracy") == accuracy);
    // Training left a tenth of each class to the search, and fine-tuning took those too.
    assert_int_equal(count_rows(p, "runs/small/networks/a.largest.safetensors"), 540);
    assert_int_equal(count_rows(p, "runs/small/found/a-macs0.6.safetensors"), 540);
    assert_int_equal(count_rows(p, "runs/small/final/a-macs0.6.safetensors"), 600);
    assert_true(file_exists(program_path(p, "runs/small/final/a-bytes0.4.onnx", path)));
    program_run(p, "export runs/small/final/a-macs0.9.safetensors -o again.onnx");
    ASSERT_RUN(p, 0, "");
    // Given again, nothing is done twice.
    const struct json *again = program_json(p, LONGER);
    task = json_at(json_get(again, "tasks"), 0);
    assert_true(program_number(task, "accuracy_test") == accuracy);
    // A supernet is no network, which is said.
    program_run(p, "inspect runs/small/networks/a.safetensors");
    ASSERT_RUN(p, 1, "supernet");
}

static void any_number_of_actors_gives_the_same_bytes(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    assert_in_budget(program_json(p, "search small.json --transport inline --run-dir inline"));
    static const char *const ways[] = {"--transport local --actors 3", "--actors 1", "--actors 2",
                                       "--actors 3 --actors.episodes 4"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char folder[16];
        snprintf(folder, sizeof folder, "way%zu", i);
        program_json(p, "search small.json %s --run-dir %s", ways[i], folder);
        assert_same_run(p, "inline", folder);
    }
}

static void a_killed_job_goes_on_to_the_same_bytes(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline --run-dir whole");
    // Each run gets a little further, so other moments are hit.
    const struct program_kills kills = {.first = 0.15, .step = 0.09, .most = 12};
    assert_true(
        program_kill_often(p, &kills,
                           "search small.json --transport local --actors 2 --run-dir killed "
                           "--actors.slice_seconds 0.05 --learner.checkpoint_seconds 0.05") >= 3);
    program_json(p, "search small.json --transport local --actors 2 --run-dir killed");
    assert_same_run(p, "whole", "killed");
}

// Targets, and several at once, that the agent has not seen; of a space on other data too.
static void a_trained_agent_serves_new_targets(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline");
    const struct json *report = program_json(
        p, "run runs/small/config.json --policy runs/small --task a:macs=0.7:bytes=0.55 --tries 4 "
           "--transport inline");
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "task"), "a-macs0.7");
    assert_string_equal(program_string(task, "budget"), "macs <= 0.7, bytes <= 0.55");
    assert_true(program_number(task, "macs_share") <= 0.7);
    assert_true(program_number(task, "bytes_share") <= 0.55);
    assert_true(program_number(task, "accuracy_test") > 0.3); // it was tested
    program_assert_same(p, "runs/small/networks/a.safetensors",
                        "runs/small-tries/networks/a.safetensors");
    report = program_json(p, "search runs/small/config.json --policy runs/small --tries 2 "
                             "--transport inline --run-dir light --task "
                             "a:name=light:objective.macs=0.5:objective.form=hinge,a-macs0.6");
    task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "task"), "light");
    char path[PROGRAM_PATH_CHARS];
    struct json *written;
    assert_int_equal(json_read_file(program_path(p, "light/config.json", path), &written), OK);
    task = json_get(json_at(json_get(written, "tasks"), 0), "objective");
    assert_true(program_number(task, "macs") == 0.5);
    assert_string_equal(program_string(task, "form"), "hinge");
    json_close(written);
    static const char *const wrong[][2] = {
        {"a", "expected the name of a task"},
        {"a:macs", "got \"macs\""},
        {"a:weight=0.5", "weight"},
        {"a:macs=much", "macs"},
        {"a:network=a:macs=0.5", "before the first colon"},
        {"a:objective.form=square", "objective.form"},
        {"macs=0.5", "expected the name of a task"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        program_run(p, "search runs/small/config.json --policy runs/small --task %s --run-dir no",
                    wrong[i][0]);
        ASSERT_RUN(p, 1, wrong[i][1]);
    }
    program_write(p, "other.json",
                  "{\"environment\": \"nas\", \"networks\": [{\"name\": \"b\","
                  "  \"data\": {\"name\": \"shapes\", \"size\": 16, \"count\": 1500},"
                  "  \"space\": {\"name\": \"resnet\", \"resnet\": {\"widths\": [8, 16],"
                  "   \"depths\": [1, 2]}}, \"supernet\": {\"epochs\": 1, \"batch\": 32}}],"
                  " \"tasks\": [{\"params\": 0.7}], \"scoring\": {\"calibration_images\": 64}}");
    report = program_json(p, "search other.json --policy runs/small --tries 3 --transport inline");
    task = json_at(json_get(report, "tasks"), 0);
    assert_true(program_number(task, "params_share") <= 0.7);
    assert_in_range((int)program_number(task, "evaluations"), 1, 3);
}

// Winners can be trained from new weights; which changes nothing before that.
static void winners_are_trained_from_scratch(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "run small.json --transport inline");
    const struct json *report =
        program_json(p, "run small.json --transport inline --finetune_from scratch");
    assert_non_null(strstr(p->errors, "fine-tuning starts again"));
    assert_true(program_number(json_at(json_get(report, "tasks"), 0), "accuracy_test") > 0.3);
    // All of the images that fine-tuning trains on, and none before it.
    assert_int_equal(count_rows(p, "runs/small/found/a-macs0.6.safetensors"), 540);
    assert_int_equal(count_rows(p, "runs/small/final/a-macs0.6.safetensors"), 600);
}

// A network that was found is a network: pruning it is one more config.
static void a_found_network_is_pruned_further(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "run small.json --transport inline");
    program_write(p, "further.json",
                  "{\"seed\": 3, \"networks\": [{\"name\": \"found\", " DATA ","
                  "  \"weights\": \"runs/small/found/a-macs0.9.safetensors\"}],"
                  " \"tasks\": [{\"macs\": 0.8}], \"space\": {\"round_to\": 1},"
                  " \"scoring\": {\"calibration_images\": 64, \"refit_images\": 64},"
                  " \"search\": {\"evaluations\": 6, \"best\": 2}, \"learner\": {\"batch\": 4},"
                  " \"finetune\": {\"epochs\": 1, \"batch\": 32, \"crop_pad\": 0}}");
    const struct json *report = program_json(p, "run further.json --transport inline");
    const struct json *task = json_at(json_get(report, "tasks"), 0);
    assert_string_equal(program_string(task, "validation_images"), "unseen");
    assert_true(program_number(task, "macs_share") <= 0.8);
    assert_true(program_number(task, "accuracy_test") > 0.5);
}

// Costs weighed against accuracy: no budget is needed, and a front is reported.
static void costs_are_weighed(void **state)
{
    struct program *p = *state;
    program_write(p, "front.json",
                  CONFIG("{\"objective\": {\"macs\": 0.2, \"macs_target\": 0.5}}, "
                         "{\"macs\": 0.8, \"objective\": {\"bytes\": 0.3, \"form\": \"linear\","
                         " \"draws\": \"weights\"}}"));
    const struct json *tasks =
        json_get(program_json(p, "search front.json --transport inline"), "tasks");
    assert_string_equal(program_string(json_at(tasks, 0), "task"), "a");
    assert_true(program_number(json_at(tasks, 1), "macs_share") <= 0.8);
    program_run(p, "search front.json --transport inline --set tasks.0.objective.macs=0");
    ASSERT_RUN(p, 1, "tasks[0]: expected a budget");
}

// Of all candidates with at most so many bytes the one with the best reward, or accuracy; the first
// of several.
static int64_t best_episode(const struct program *p, int64_t most_bytes, bool by_reward)
{
    char path[PROGRAM_PATH_CHARS];
    struct arena arena = {0};
    const struct episode_row *best = NULL;
    int64_t n;
    program_path(p, "runs/small/run.h5", path);
    assert_int_equal(hdf5_log_count(path, &run_tables[TABLE_EPISODES], &n), OK);
    struct episode_row *rows = arena_alloc(&arena, (size_t)n, sizeof *rows);
    assert_non_null(rows);
    assert_int_equal(hdf5_log_read(path, &run_tables[TABLE_EPISODES], 0, n, rows), OK);
    for (int64_t i = 0; i < n; i++) {
        const double worth = by_reward ? rows[i].reward : rows[i].accuracy;
        if (rows[i].bytes <= most_bytes &&
            (best == NULL || worth > (by_reward ? best->reward : best->accuracy))) {
            best = &rows[i];
        }
    }
    assert_non_null(best);
    const int64_t episode = best->episode;
    arena_close(&arena);
    return episode;
}

// Re-scoring takes what is worth most by the reward, not by accuracy. All images, and all that
// re-scoring calibrates on, so that its scores are those of the search. Tasks of one supernet share
// their candidates.
static void winners_are_best_by_what_is_rewarded(void **state)
{
    struct program *p = *state;
    bool differs = false;
    program_write(p, "small.json", CONFIG("{\"bytes\": 0.3}, {\"bytes\": 0.4}, {\"bytes\": 0.6}"));
    program_json(p, "search small.json --transport inline --scoring.reward loss --scoring.images 0 "
                    "--scoring.calibration_images 2048 --scoring.calibration_pool 0 "
                    "--scoring.dtype float32 --search.best 8");
    static const double budgets[] = {0.3, 0.4, 0.6};
    for (int task = 0; task < 3; task++) {
        char name[PROGRAM_PATH_CHARS], path[PROGRAM_PATH_CHARS];
        struct json *result;
        snprintf(name, sizeof name, "runs/small/results/a-bytes%g.json", budgets[task]);
        assert_int_equal(json_read_file(program_path(p, name, path), &result), OK);
        const int64_t most = (int64_t)(budgets[task] * program_number(result, "full_bytes"));
        const int64_t best = best_episode(p, most, true);
        assert_int_equal((int64_t)program_number(result, "episode"), best);
        differs = differs || best_episode(p, most, false) != best;
        json_close(result);
    }
    assert_true(differs);
}

// Of the supernet's largest network.
static double loss_of(struct program *p, const char *run)
{
    return program_number(program_json(p,
                                       "eval %s/networks/a.largest.safetensors --data.size 12 "
                                       "--data.count 3000 --data.classes 0,6",
                                       run),
                          "loss");
}

static void given_supernets_are_taken(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline");
#define GIVEN                                                                                      \
    "search small.json --transport inline --set "                                                  \
    "networks.0.weights=runs/small/networks/a.safetensors --run-dir "
    const struct json *report = program_json(p, GIVEN "given");
    assert_in_budget(report);
    assert_same_run(p, "runs/small", "given");
    program_run(p, GIVEN "refused --set networks.0.space.mobile.stem_width=4");
    ASSERT_RUN(p, 1, "network \"a\": runs/small/networks/a.safetensors is of space mobile");
    program_run(p, GIVEN "refused --set networks.0.data.size=16");
    ASSERT_RUN(p, 1, "12 x 12");
    program_run(p, "search small.json --transport inline --run-dir refused --set "
                   "networks.0.weights=runs/small/found/a-macs0.6.safetensors");
    ASSERT_RUN(p, 1, "is no supernet");
    program_write(p, "damaged.safetensors", "nothing of the kind");
    program_run(p, "search small.json --transport inline --run-dir refused --set "
                   "networks.0.weights=damaged.safetensors");
    ASSERT_RUN(p, 1, "damaged.safetensors");
    char refused[PROGRAM_PATH_CHARS];
    assert_false(file_exists(program_path(p, "refused", refused)));
#undef GIVEN
}

// From its weights on; images that either training sees are none to search on.
static void given_supernets_are_trained_further(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_json(p, "search small.json --transport inline");
    const double loss = loss_of(p, "runs/small");
#define FURTHER                                                                                    \
    "search small.json --set networks.0.weights=runs/small/networks/a.safetensors "                \
    "--set networks.0.train_further=true "
    program_json(p, FURTHER "--transport inline --dry-run");
    program_json(p, FURTHER "--transport inline --run-dir further");
    assert_true(loss_of(p, "further") < loss - 0.03);
    program_json(p, FURTHER "--actors 2 --run-dir beside");
    assert_same_run(p, "further", "beside");
    program_run(p, FURTHER "--transport inline --run-dir refused --seed 4");
    ASSERT_RUN(p, 1, "network \"a\"");
    program_run(p, FURTHER "--transport inline --run-dir refused --set "
                           "networks.0.supernet.kernel_transform=true");
    ASSERT_RUN(p, 1, "kernel_transform");
    char refused[PROGRAM_PATH_CHARS];
    assert_false(file_exists(program_path(p, "refused", refused)));
#undef FURTHER
}

// Everything that can be known early is said before anything is trained or claimed.
static void bad_input_says_what_to_do(void **state)
{
    static const struct {
        const char *set, *says;
    } cases[] = {
        {"networks.0.space.name=tower", "networks[0].space.name: expected one of mobile"},
        {"networks.0.space.name=", "environment nas searches spaces"},
        {"networks.0.architecture=resnet20", "networks[0]: expected a space"},
        {"environment=prune", "environment prune cuts networks"},
        {"networks.0.space.mobile.stages.0.width=[8,12,200000]", "networks.0.space.mobile"},
        {"tasks.0.macs=0.0001", "task \"a-macs0.0001\": macs of 0.0001"},
        {"tasks.2.bytes=3", "task \"a-bytes3\": bytes of 3"},
        {"networks.0.supernet.all_rows=true", "networks[0].supernet.all_rows"},
        {"networks.0.supernet.batch=60000", "networks[0].supernet.batch"},
        {"networks.0.supernet.sampling=both", "sampling"},
        {"scoring.refit=on", "scoring.refit"},
        {"networks.0.train_rows=0-9", "networks[0].train_rows"},
        {"networks.0.train_further=true", "networks[0].train_further"},
        {"tasks.1.objective.form=square", "form"},
    };
    struct program *p = *state;
    char refused[PROGRAM_PATH_CHARS];
    program_write(p, "small.json", config);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program_run(p, "search small.json --transport inline --run-dir refused --set %s",
                    cases[i].set);
        ASSERT_RUN(p, 1, cases[i].says);
        assert_false(file_exists(program_path(p, "refused", refused)));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_in_one_process),
        TEST(any_number_of_actors_gives_the_same_bytes),
        TEST(a_killed_job_goes_on_to_the_same_bytes),
        TEST(a_trained_agent_serves_new_targets),
        TEST(winners_are_trained_from_scratch),
        TEST(a_found_network_is_pruned_further),
        TEST(costs_are_weighed),
        TEST(winners_are_best_by_what_is_rewarded),
        TEST(given_supernets_are_taken),
        TEST(given_supernets_are_trained_further),
        TEST(bad_input_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
