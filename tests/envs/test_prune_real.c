// A pretrained ResNet-20 on real images: what pruning costs before any fine-tuning, and that int8
// tells much the same as float32.
#include "core/file.h"
#include "env_case.h"
#include "envs/network_env.h"
#include "envs/prune/prune.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>

enum { SKIPPED = 77, EPISODES = 5 };

static char weights[512];

static struct env_outcome play(struct env_case *env, int episode)
{
    struct rng rng = rng_make(2, RNG_TEST, (uint64_t)episode, 0);
    env_case_reset(env, 0, episode);
    while (env->end == ENV_RUNNING) {
        env_case_step(env, env_case_draw(env, &rng));
    }
    return env_case_outcome(env);
}

static void open_env(const char *dtype, int threads, struct env_case *env)
{
    static struct prune_network network;
    static struct prune_task task;
    static struct prune_config config;
    network = (struct prune_network){.name = "resnet20", .file = weights};
    option_defaults(dataset_option_table, &network.data);
    network.data.share = 0.04; // 2000 images; the name is in the file
    task = (struct prune_task){.name = "most", .macs = 0.85};
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
    open_env("float32", 1, &exact);
    open_env("auto", 2, &quick);
    env_prune.network->facts(exact.env, 0, &facts);
    assert_true(facts.full_macs == 40551040 && facts.full_params == 269722);
    assert_int_equal(facts.n_steps, 9);
    assert_true(facts.base_accuracy > 0.97); // it was trained on these images
    double sum = 0;
    for (int e = 0; e < EPISODES; e++) {
        const struct env_outcome a = play(&exact, e), b = play(&quick, e);
        assert_true(a.macs == b.macs && a.macs <= facts.most_macs);
        assert_true(fabs(a.score - b.score) < 0.03); // of 500 images
        sum += a.score;
    }
    // Pruned by chance, not fine-tuned: far from the base, further from chance.
    assert_true(sum / EPISODES > 0.4 && sum / EPISODES < 0.95);
    env_case_close(&exact);
    env_case_close(&quick);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int8_tells_what_float32_tells),
    };
    const char *root = getenv("DIKDIK_DATA");
    snprintf(weights, sizeof weights, "%s/weights/cifar10_resnet20.safetensors",
             root != NULL ? root : "");
    if (root == NULL || !file_exists(weights)) {
        printf("skipped: no %s; set DIKDIK_DATA\n", weights);
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
