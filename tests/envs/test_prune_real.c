// Pretrained ResNet-20s on real images: what pruning costs before any fine-tuning, that int8 tells
// much the same as float32, and that no image is scored on that weights were trained on.
#include "core/file.h"
#include "env_case.h"
#include "envs/network_env.h"
#include "envs/prune/host_data.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>

enum { SKIPPED = 77, EPISODES = 5 };

static char weights[512], clean[512];
static const char *root;

static struct env_outcome play(struct env_case *env, int episode)
{
    struct rng rng = rng_make(2, RNG_TEST, (uint64_t)episode, 0);
    env_case_reset(env, 0, episode);
    while (env->end == ENV_RUNNING) {
        env_case_step(env, env_case_draw(env, &rng));
    }
    return env_case_outcome(env);
}

static void open_env(enum scoring_dtype dtype, int threads, struct env_case *env)
{
    static struct scoring_network network;
    static struct prune_task task;
    static struct prune_config config;
    network = (struct scoring_network){.name = "resnet20", .file = weights};
    option_defaults(dataset_option_table, &network.data);
    network.data.share = 0.04; // 2000 images; the name is in the file
    task = (struct prune_task){.name = "most", .budget = {0.85}};
    config =
        (struct prune_config){.networks = &network, .tasks = &task, .n_networks = 1, .n_tasks = 1};
    option_defaults(space_option_table, &config.space);
    option_defaults(scoring_option_table, &config.scoring);
    config.scoring.dtype = dtype;
    config.scoring.calibration_images = 256;
    config.scoring.validation_share = 0.25;
    const struct env_job job = {.config = &config, .seed = 1, .threads = threads, .shared_fd = -1};
    env_case_open_job(env, &env_prune, &job);
}

static void int8_tells_what_float32_tells(void **state)
{
    (void)state;
    struct env_case exact, quick;
    struct network_task_facts facts;
    open_env(SCORING_FLOAT32, 1, &exact);
    open_env(SCORING_AUTO, 2, &quick);
    env_prune.network->facts(exact.env, 0, &facts);
    assert_true(facts.full[COST_MACS] == 40551040 && facts.full[COST_PARAMS] == 269722);
    assert_int_equal(facts.n_steps, 9);
    assert_true(facts.base_accuracy > 0.97); // it was trained on these images
    assert_false(facts.unseen);              // but its file does not say so
    double sum = 0;
    for (int e = 0; e < EPISODES; e++) {
        const struct env_outcome a = play(&exact, e), b = play(&quick, e);
        assert_true(a.macs == b.macs && a.macs <= facts.most[COST_MACS]);
        assert_true(fabs(a.score - b.score) < 0.03); // of 500 images
        sum += a.score;
    }
    // Pruned by chance, not fine-tuned: far from the base, further from chance.
    assert_true(sum / EPISODES > 0.4 && sum / EPISODES < 0.95);
    env_case_close(&exact);
    env_case_close(&quick);
}

// ---- CIFAR's files, read here
enum { PIXELS = 3072, ROW = 1 + PIXELS, BATCH_ROWS = 10000 };

// Rows of data_batch_1 .. 5, one after the other: label, then planes.
static uint8_t *read_rows(void)
{
    uint8_t *rows = malloc((size_t)5 * BATCH_ROWS * ROW);
    assert_non_null(rows);
    for (int batch = 0; batch < 5; batch++) {
        char path[600];
        snprintf(path, sizeof path, "%s/cifar10/data_batch_%d.bin", root, batch + 1);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(rows + (size_t)batch * BATCH_ROWS * ROW, ROW, BATCH_ROWS, file),
                         BATCH_ROWS);
        fclose(file);
    }
    return rows;
}

static bool is_row(const uint8_t *row, const uint8_t *image)
{
    for (int i = 0; i < PIXELS; i++) {
        if (image[i] != row[1 + i % 3 * 1024 + i / 3]) {
            return false;
        }
    }
    return true;
}

// The first row from `from` on that holds this image; -1: none.
static int find_row(const uint8_t *rows, int from, int to, const uint8_t *image)
{
    for (int i = from; i < to; i++) {
        if (is_row(rows + (size_t)i * ROW, image)) {
            return i;
        }
    }
    return -1;
}

// Its weights are of rows 0 to 44,999.
static void unseen_rows_are_those_of_the_last_half_batch(void **state)
{
    (void)state;
    struct scoring_network network = {.name = "clean", .file = clean};
    const struct prune_task task = {.name = "most", .budget = {0.85}};
    struct prune_config config = {
        .networks = &network, .tasks = &task, .n_networks = 1, .n_tasks = 1};
    const struct backend_options options = {.threads = 2};
    struct backend *backend;
    struct arena arena = {0};
    struct host_data data;
    uint8_t *rows = read_rows();
    option_defaults(dataset_option_table, &network.data);
    option_defaults(space_option_table, &config.space);
    option_defaults(scoring_option_table, &config.scoring);
    config.scoring.calibration_images = 64;
    assert_ok(backend_open("cpu", &options, &backend));
    assert_ok(host_data_open(&config, 3, backend, -1, &arena, &data));
    const struct host_dataset *set = &data.datasets[0];
    // As many of each class as a tenth of all, 500, where there are as many.
    assert_in_range(set->n_validation, 4800, 5000);
    for (int i = 0; i < set->n_validation; i++) {
        const int row = find_row(rows, 45000, 50000, set->validation + (size_t)i * PIXELS);
        assert_true(row >= 45000);
        assert_int_equal(rows[(size_t)row * ROW], set->labels[i]);
    }
    for (int i = 0; i < set->n_calibration; i++) {
        assert_true(find_row(rows, 0, 45000, set->calibration + (size_t)i * PIXELS) >= 0);
    }
    // Honest: about what it has on the test images, 91.35%.
    assert_true(fabs(data.networks[0].subject.base_accuracy - 0.9135) < 0.015);
    host_data_close(&data);
    backend_close(backend);
    arena_close(&arena);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unseen_rows_are_those_of_the_last_half_batch),
        cmocka_unit_test(int8_tells_what_float32_tells),
    };
    root = getenv("DIKDIK_DATA");
    snprintf(weights, sizeof weights, "%s/weights/cifar10_resnet20.safetensors",
             root != NULL ? root : "");
    snprintf(clean, sizeof clean, "%s/weights/clean_resnet20.safetensors",
             root != NULL ? root : "");
    if (root == NULL || !file_exists(weights) || !file_exists(clean)) {
        printf("skipped: no %s or no %s; set DIKDIK_DATA\n", weights, clean);
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
