// The main job on drawn images: train, inspect, slim, score, and go on after an interrupt.
#include "nn/safetensors.h"
#include "run_program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config[] =
    "{\"seed\": 3, \"model\": {\"architecture\": \"convnet\"},"
    " \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 4000,"
    "  \"classes\": [0, 6]},"
    " \"train\": {\"epochs\": 8, \"batch\": 32, \"learning_rate\": 0.05, \"crop_pad\": 0,"
    "  \"validation_share\": 0.1}}";
#define DATA "--data shapes --data.size 12 --data.count 4000 --data.classes 0,6"

static void train(struct program *p)
{
    program_write(p, "quick.json", config);
    program_run(p, "train quick.json");
    ASSERT_RUN(p, 0, "");
}

static void training_writes_a_network_that_scores(void **state)
{
    struct program *p = *state;
    program_write(p, "quick.json", config);
    const struct json *trained = program_json(p, "train quick.json");
    const double accuracy = program_number(trained, "accuracy");
    const double loss = program_number(trained, "loss");
    const double macs = program_number(trained, "macs");
    assert_true(accuracy > 0.7); // chance: 0.5
    assert_true(program_number(trained, "images") == 160);
    assert_true(program_number(trained, "validation_accuracy") > 0.65);
    assert_int_equal(json_count(json_get(trained, "train_losses")), 8);
    assert_string_equal(program_string(trained, "file"), "runs/quick/network.safetensors");
    const struct json *scored = program_json(p, "eval runs/quick/network.safetensors " DATA);
    assert_true(program_number(scored, "accuracy") == accuracy);
    assert_true(fabs(program_number(scored, "loss") - loss) < 1e-6);
    assert_true(program_number(scored, "macs") == macs);
    assert_true(program_number(scored, "params") > 0 && program_number(scored, "bytes") > 0);
    assert_true(program_number(scored, "images_per_second") > 0);
    scored =
        program_json(p, "eval runs/quick/network.safetensors " DATA " --limit 50 --part train");
    assert_true(program_number(scored, "images") == 50);
}

static void slimmed_networks_meet_budgets_and_score(void **state)
{
    struct program *p = *state;
    train(p);
    static const char net[] = "runs/quick/network.safetensors";
    const struct json *before = program_json(p, "inspect %s", net);
    const double macs = program_number(before, "total.macs");
    const double params = program_number(before, "total.params");
    const struct json *cut =
        program_json(p, "slim %s -o half.safetensors --macs 0.5 " DATA " --recalibrate 300", net);
    assert_true(program_number(cut, "macs_before") == macs);
    assert_true(program_number(cut, "macs") <= 0.5 * macs);
    assert_true(program_number(cut, "macs") > 0.4 * macs);
    const double half_macs = program_number(cut, "macs");
    assert_true(program_number(cut, "refit_images") == 512);
    assert_true(program_number(cut, "refit_seconds") > 0);
    // Cut, fitted again to what it was trained on, and no other image.
    char *rows = strdup(program_string(program_json(p, "inspect %s", net), "train_rows"));
    assert_true(rows != NULL && strchr(rows, ',') != NULL);
    const struct json *facts = program_json(p, "inspect half.safetensors");
    assert_string_equal(program_string(facts, "train_rows"), rows);
    free(rows);
    const struct json *scored = program_json(p, "eval half.safetensors " DATA);
    assert_true(program_number(scored, "macs") == half_macs);
    assert_true(program_number(scored, "accuracy") > 0.5);
    const struct json *after = program_json(p, "inspect half.safetensors");
    assert_true(program_number(after, "total.macs") == half_macs);
    assert_true(program_number(after, "total_before.macs") == macs);
    cut = program_json(p, "slim %s -o tiny.safetensors --params 0.3 --round-to 4", net);
    assert_true(program_number(cut, "params") <= 0.3 * params);
    assert_null(json_get(cut, "refit_seconds")); // no data
    cut = program_json(
        p, "slim %s -o share.safetensors --share 0.25 --round-to 1 --criterion l2 " DATA, net);
    const struct json *groups = json_get(cut, "groups");
    for (int g = 0; g < json_count(groups); g++) {
        const struct json *group = json_at(groups, g);
        assert_true(program_number(group, "width") == program_number(group, "width_before") / 4);
    }
    program_write(p, "widths.json", "{\"conv2\": 5}");
    program_run(p, "slim %s -o given.safetensors --widths widths.json", net);
    ASSERT_RUN(p, 0, "BatchNorm");
    after = program_json(p, "inspect given.safetensors --before half.safetensors");
    const struct json *layers = json_get(after, "layers");
    bool seen = false;
    for (int i = 0; i < json_count(layers); i++) {
        const struct json *layer = json_at(layers, i);
        if (strcmp(program_string(layer, "name"), "conv2") == 0) {
            assert_true(json_number(json_at(json_get(layer, "shape"), 2)) == 5);
            seen = true;
        }
    }
    assert_true(seen);
    program_write(p, "widths.json", "{\"conv9\": 5}");
    program_run(p, "slim %s -o given.safetensors --widths widths.json", net);
    ASSERT_RUN(p, 1, "conv9");
    program_write(p, "widths.json", "{\"conv2\": 33}");
    program_run(p, "slim %s -o given.safetensors --widths widths.json", net);
    ASSERT_RUN(p, 1, "conv2");
}

static void runs_are_continued_and_kept_apart(void **state)
{
    struct program *p = *state;
    train(p);
    const struct json *again = program_json(p, "train quick.json");
    assert_true(json_bool(json_get(again, "resumed")));
    program_run(p, "train quick.json --set train.momentum=0.5");
    ASSERT_RUN(p, 1, "train.momentum");
    program_run(p, "train quick.json --epochs 6");
    ASSERT_RUN(p, 1, "train.epochs");
    program_run(p, "train quick.json --threads 1"); // does not shape the result
    ASSERT_RUN(p, 0, "");
    program_run(p, "train quick.json --set epochs=1 --run-dir other");
    ASSERT_RUN(p, 0, "");
    program_run(p, "eval other/network.safetensors " DATA);
    ASSERT_RUN(p, 0, "");
}

static void interrupted_training_goes_on(void **state)
{
    struct program *p = *state;
    program_write(p, "quick.json", config);
    const struct json *whole = program_json(p, "train quick.json --run-dir whole --epochs 100");
    const double accuracy = program_number(whole, "accuracy");
    const double loss = program_number(whole, "loss");
    p->end_file = "cut/checkpoint.safetensors"; // of the first epoch
    program_run(p, "train quick.json --run-dir cut --epochs 100");
    p->end_file = NULL;
    ASSERT_RUN(p, 130, "same command");
    program_run(p, "eval cut/network.safetensors " DATA);
    ASSERT_RUN(p, 1, "cut/network.safetensors"); // nothing under the final name yet
    const struct json *rest = program_json(p, "train quick.json --run-dir cut --epochs 100");
    assert_true(json_bool(json_get(rest, "resumed")));
    assert_true(program_number(rest, "accuracy") == accuracy);
    assert_true(program_number(rest, "loss") == loss);
}

static void logits_can_be_written(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    struct safetensors_file file;
    train(p);
    program_run(p, "eval runs/quick/network.safetensors " DATA " --limit 7 --logits logits.st");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(safetensors_open(program_path(p, "logits.st", path), &file), OK);
    const struct safetensor *logits = safetensors_find(&file, "logits");
    assert_non_null(logits);
    assert_int_equal(logits->dims[0], 7);
    assert_int_equal(logits->dims[1], 2);
    // A sample by seed, not the first ones, which in a set ordered by class are all alike.
    const struct safetensor *rows = safetensors_find(&file, "rows");
    assert_non_null(rows);
    assert_int_equal(rows->dims[0], 7);
    int32_t row[7];
    memcpy(row, rows->data, sizeof row);
    for (int i = 1; i < 7; i++) {
        assert_true(row[i] > row[i - 1]);
    }
    assert_true(row[0] >= 0 && row[6] > 6);
    safetensors_close(&file);
}

static void train_resnet(struct program *p)
{
    program_write(p, "resnet.json",
                  "{\"model\": {\"architecture\": \"resnet20\"},"
                  " \"data\": {\"name\": \"shapes\", \"size\": 8, \"count\": 50},"
                  " \"train\": {\"epochs\": 1, \"batch\": 10}}");
    program_run(p, "train resnet.json");
    ASSERT_RUN(p, 0, "");
}

// The residual streams stay whole and the rest meets the budget alone, unless asked otherwise.
static void streams_stay_whole_unless_asked(void **state)
{
    struct program *p = *state;
    train_resnet(p);
    static const char net[] = "runs/resnet/network.safetensors";
    static const char *const ways[] = {"", " --global"};
    for (int way = 0; way < 2; way++) {
        const struct json *cut = program_json(
            p, "slim %s -o inner.safetensors --macs 0.6 --round-to 2%s", net, ways[way]);
        const double share = program_number(cut, "macs") / program_number(cut, "macs_before");
        assert_true(share <= 0.6 && share > 0.58);
        assert_true(program_number(cut, "streams_cut") == 0);
        const struct json *groups = json_get(cut, "groups");
        int whole = 0, cut_inside = 0;
        for (int g = 0; g < json_count(groups); g++) {
            const struct json *group = json_at(groups, g);
            const bool inner = json_bool(json_get(group, "inner"));
            const bool kept =
                program_number(group, "width") == program_number(group, "width_before");
            assert_true(inner || kept);
            whole += !inner;
            cut_inside += !kept;
        }
        assert_true(whole >= 3 && cut_inside > 5);
        cut =
            program_json(p, "slim %s -o all.safetensors --macs 0.3 --groups all%s", net, ways[way]);
        assert_true(program_number(cut, "streams_cut") > 0);
        program_run(p, "slim %s -o all.safetensors --macs 0.3 --groups all%s", net, ways[way]);
        ASSERT_RUN(p, 0, "");
        assert_non_null(strstr(p->output, "residual streams were cut too"));
    }
    program_run(p, "slim %s -o inner.safetensors --macs 0.01 --round-to 1", net);
    ASSERT_RUN(p, 1, "--groups all");
}

static void global_cuts_take_options(void **state)
{
    struct program *p = *state;
    train_resnet(p);
    static const char net[] = "runs/resnet/network.safetensors";
    static const char *const choices[] = {
        "",
        " --normalise none",
        " --reduce most --criterion l1",
        " --criterion bn_gamma --normalise mean",
    };
    double params[4];
    for (int i = 0; i < 4; i++) {
        const struct json *cut = program_json(
            p, "slim %s -o cut.safetensors --macs 0.5 --global --round-to 1%s", net, choices[i]);
        assert_true(program_number(cut, "macs") <= 0.5 * program_number(cut, "macs_before"));
        params[i] = program_number(cut, "params");
    }
    assert_true(params[0] != params[1] && params[0] != params[2]);
    const struct json *cut = program_json(p,
                                          "slim %s -o cut.safetensors --macs 0.5 --global "
                                          "--round-to 1 --data shapes --data.size 8",
                                          net);
    assert_string_equal(program_string(cut, "by"), "errors");
    assert_true(program_number(cut, "macs") <= 0.5 * program_number(cut, "macs_before"));
    assert_true(program_number(cut, "params") != params[0]);
    cut = program_json(
        p, "slim %s -o cut.safetensors --macs 0.6 --global --round-to 1 --least-share 0.45", net);
    assert_string_equal(program_string(cut, "by"), "importance");
    const struct json *groups = json_get(cut, "groups");
    for (int g = 0; g < json_count(groups); g++) {
        const struct json *group = json_at(groups, g);
        assert_true(program_number(group, "width") >= 0.45 * program_number(group, "width_before"));
    }
    program_run(p, "slim %s -o cut.safetensors --share 0.5 --global", net);
    ASSERT_RUN(p, 1, "--global cuts to a budget");
    program_run(p, "slim %s -o cut.safetensors --macs 0.5 --normalise median", net);
    ASSERT_RUN(p, 1, "median");
}

// By default with data; not without, and not when turned off.
static void refit_can_be_turned_off(void **state)
{
    struct program *p = *state;
    train(p);
    static const char net[] = "runs/quick/network.safetensors";
    program_run(p, "slim %s -o refitted.safetensors --macs 0.5 " DATA " --refit-images 60", net);
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "refitted on 60 images in"));
    program_run(p, "slim %s -o plain.safetensors --macs 0.5 " DATA " --refit=false", net);
    ASSERT_RUN(p, 0, "");
    assert_null(strstr(p->output, "refitted"));
    program_run(p, "slim %s -o plain.safetensors --macs 0.5", net);
    ASSERT_RUN(p, 0, "no weights are refitted");
    program_run(p, "slim %s -o plain.safetensors --macs 0.5 --by errors", net);
    ASSERT_RUN(p, 1, "--by errors needs a refit");
}

static void zoo_networks_can_be_inspected_by_name(void **state)
{
    struct program *p = *state;
    const struct json *resnet = program_json(p, "inspect resnet20");
    assert_true(program_number(resnet, "total.macs") == 40551040);
    assert_true(program_number(resnet, "total.params") == 269722);
    assert_true(json_count(json_get(resnet, "groups")) > 9);
    program_run(p, "inspect resnet20");
    ASSERT_RUN(p, 0, "");
    assert_non_null(strstr(p->output, "40,551,040 MACs"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(training_writes_a_network_that_scores),
        TEST(slimmed_networks_meet_budgets_and_score),
        TEST(runs_are_continued_and_kept_apart),
        TEST(interrupted_training_goes_on),
        TEST(logits_can_be_written),
        TEST(streams_stay_whole_unless_asked),
        TEST(global_cuts_take_options),
        TEST(refit_can_be_turned_off),
        TEST(zoo_networks_can_be_inspected_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
