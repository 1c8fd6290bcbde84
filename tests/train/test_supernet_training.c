// Training supernets: every recipe learns, draws what it says, goes on to the same bytes.
#include "core/interrupt.h"
#include "supernet_job_case.h"
#include "test_device.h"
#include "test_folder.h"
#include "train/calibrate.h"
#include "train/evaluate.h"
#include "train/supernet_draw.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct collective alone = {.ranks = 1, .local_ranks = 1};

// Loss of a choice's network after recalibration, over all images.
static double loss_of(struct supernet_job_case *c, const int16_t *choice)
{
    const struct evaluate_options options = {.batch = 50};
    struct network network;
    struct evaluation evaluation;
    assert_ok(supernet_extract(&c->supernet, choice, &network));
    assert_ok(
        calibrate_network(c->backend, &network, &c->data, NULL, c->data.n, 200, 1, true, NULL));
    assert_ok(
        evaluate_network(c->backend, &network, &c->data, NULL, c->data.n, &options, &evaluation));
    network_close(&network);
    return evaluation.loss;
}

static void every_recipe_lowers_the_loss_of_all_sizes(void **state)
{
    (void)state;
    static const struct {
        enum supernet_sampling sampling;
        enum supernet_decay decay;
        bool transform, per_width;
        double least; // loss of the least network below this; a guess has 0.69
    } recipes[] = {
        {SUPERNET_SINGLE, SUPERNET_DECAY_USED, true, false, 0.66},
        {SUPERNET_FAIR, SUPERNET_DECAY_ALL, false, false, 0.6},
        {SUPERNET_SANDWICH, SUPERNET_DECAY_LARGEST, false, true, 0.688},
        {SUPERNET_GRADUAL, SUPERNET_DECAY_LARGEST, true, false, 0.9}, // it comes late
    };
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        struct supernet_job_case c;
        int16_t greatest[NAS_MOST_DECISIONS], least[NAS_MOST_DECISIONS];
        supernet_job_open(&c, "cpu", 2, 360);
        c.recipe.sampling = recipes[i].sampling;
        c.recipe.decay = recipes[i].decay;
        c.recipe.kernel_transform = recipes[i].transform;
        c.recipe.norm_per_width = recipes[i].per_width;
        c.recipe.train.epochs = 30;
        c.recipe.train.learning_rate = 0.05;
        c.recipe.train.clip = 5;
        c.recipe.networks = recipes[i].sampling == SUPERNET_SINGLE ? 3 : 0;
        supernet_job_restart(&c);
        nas_space_greatest(&c.supernet.space, greatest);
        nas_space_least(&c.supernet.space, least);
        assert_ok(supernet_job_run(&c, &alone, NULL));
        assert_true(c.report.finished);
        if (!(c.report.final_loss < 0.9 * c.report.losses[0] && loss_of(&c, greatest) < 0.62 &&
              loss_of(&c, least) < recipes[i].least)) {
            fail_msg("recipe %zu: loss %g after %g; greatest %g, least %g", i, c.report.final_loss,
                     c.report.losses[0], loss_of(&c, greatest), loss_of(&c, least));
        }
        assert_int_equal(row_set_count(&c.supernet.train_rows), 360);
        assert_string_equal(c.supernet.info.dataset, "shapes");
        supernet_job_close(&c);
    }
}

static void held_out_rows_are_scored_and_not_trained_on(void **state)
{
    (void)state;
    struct supernet_job_case c;
    supernet_job_open(&c, "cpu", 2, 1000);
    c.recipe.sampling = SUPERNET_FAIR;
    c.recipe.train.epochs = 12;
    c.recipe.train.learning_rate = 0.1;
    c.recipe.train.clip = 5;
    c.recipe.train.validation_share = 0.2;
    assert_ok(supernet_job_run(&c, &alone, NULL));
    if (!(c.report.validation_accuracy > 0.6)) { // chance: 0.5
        fail_msg("accuracy %g, loss %g", c.report.validation_accuracy, c.report.final_loss);
    }
    assert_int_equal(row_set_count(&c.supernet.train_rows), 800);
    supernet_job_close(&c);
}

static bool same_choice(const struct nas_space *space, const int16_t *a, const int16_t *b)
{
    return memcmp(a, b, (size_t)space->n_decisions * sizeof *a) == 0;
}

static void sandwiches_have_largest_and_least(void **state)
{
    (void)state;
    struct supernet_job_case c;
    struct supernet_draw draw, again;
    int16_t greatest[NAS_MOST_DECISIONS], least[NAS_MOST_DECISIONS];
    supernet_job_open(&c, "cpu", 1, 36);
    const struct nas_space *space = &c.supernet.space;
    nas_space_greatest(space, greatest);
    nas_space_least(space, least);
    for (int step = 0; step < 50; step++) {
        supernet_draw(&c.recipe, space, step, 0.5, &draw);
        supernet_draw(&c.recipe, space, step, 0.7, &again);
        assert_int_equal(draw.n, 4);
        assert_true(draw.has_largest && draw.teaches);
        assert_true(same_choice(space, draw.choices[0], greatest));
        assert_true(same_choice(space, draw.choices[1], least));
        assert_false(same_choice(space, draw.choices[2], draw.choices[3]) &&
                     same_choice(space, draw.choices[2], greatest));
        for (int i = 0; i < draw.n; i++) {
            assert_true(same_choice(space, draw.choices[i], again.choices[i]));
        }
    }
    supernet_job_close(&c);
}

// NAS-Bench-Macro's space: no choice is another one in disguise.
static void fair_updates_have_every_choice_once(void **state)
{
    (void)state;
    const struct nas_input input = {.h = 32, .w = 32, .c = 3, .classes = 10};
    struct supernet_recipe recipe;
    struct nas_space space;
    struct supernet_draw draw;
    bool varies = false;
    option_defaults(supernet_option_table, &recipe);
    recipe.sampling = SUPERNET_FAIR;
    assert_ok(nas_space_open(&nas_macro, NULL, &input, &space));
    for (int step = 0; step < 30; step++) {
        supernet_draw(&recipe, &space, step, 0, &draw);
        assert_int_equal(draw.n, 3);
        assert_false(draw.teaches);
        for (int d = 0; d < space.n_decisions; d++) {
            int seen = 0;
            for (int i = 0; i < draw.n; i++) {
                seen |= 1 << draw.choices[i][d];
            }
            assert_int_equal(seen, 7);
            varies = varies || draw.choices[0][d] != draw.choices[0][0];
        }
    }
    assert_true(varies);
    nas_space_close(&space);
}

// Before its time a decision is the greatest; in the end every choice comes.
static void gradual_recipes_free_one_kind_after_the_other(void **state)
{
    (void)state;
    struct supernet_job_case c;
    struct supernet_draw draw;
    supernet_job_open(&c, "cpu", 1, 36);
    const struct nas_space *space = &c.supernet.space;
    c.recipe.sampling = SUPERNET_GRADUAL;
    c.recipe.full_share = 0.4;
    supernet_draw(&c.recipe, space, 3, 0.39, &draw);
    assert_int_equal(draw.n, 1);
    assert_false(draw.teaches);
    static const struct {
        double done;
        bool kernel, depth, width;
    } phases[] = {{0.45, true, false, false}, {0.65, true, true, false}, {0.95, true, true, true}};
    for (int p = 0; p < 3; p++) {
        bool varies[NAS_ROLE_COUNT] = {false};
        for (int step = 0; step < 200; step++) {
            supernet_draw(&c.recipe, space, step, phases[p].done, &draw);
            assert_int_equal(draw.n, 2);
            assert_true(draw.teaches);
            for (int d = 0; d < space->n_decisions; d++) {
                // The last stage's depth is no decision, and the first's leaves layers out.
                const bool left_out = space->decisions[d].layer > 0;
                varies[space->decisions[d].role] =
                    varies[space->decisions[d].role] ||
                    (!left_out && draw.choices[1][d] != draw.choices[0][d]);
            }
        }
        assert_int_equal(varies[NAS_KERNEL], phases[p].kernel);
        assert_int_equal(varies[NAS_DEPTH], phases[p].depth);
        assert_int_equal(varies[NAS_WIDTH], phases[p].width);
        assert_int_equal(varies[NAS_EXPANSION], phases[p].width);
    }
    supernet_job_close(&c);
}

// Put off every few milliseconds, cut off by a signal, kept in as few plans as can be: the bytes of
// one go.
static void interruptions_change_nothing(void **state)
{
    (void)state;
    for (int sampling = SUPERNET_SINGLE; sampling <= SUPERNET_GRADUAL; sampling++) {
        struct supernet_job_case whole, parts;
        struct test_folder folder;
        int calls = 0;
        test_folder_make(&folder);
        supernet_job_open(&whole, "cpu", 2, 180);
        supernet_job_open(&parts, "cpu", 2, 180);
        whole.recipe.sampling = parts.recipe.sampling = (enum supernet_sampling)sampling;
        whole.recipe.train.optimizer = parts.recipe.train.optimizer =
            sampling == SUPERNET_FAIR ? OPTIMIZER_ADAM : OPTIMIZER_SGD;
        whole.recipe.train.learning_rate = parts.recipe.train.learning_rate = 0.01;
        parts.recipe.most_plans = 1;
        parts.seconds = 1e-6;
        assert_ok(supernet_job_run(&whole, &alone, NULL));
        do {
            supernet_job_restart(&parts);
            assert_ok(supernet_job_run(&parts, &alone, test_folder_path(&folder, "checkpoint")));
            calls++;
        } while (!parts.report.finished);
        assert_int_equal(calls, 10);
        assert_memory_equal(whole.supernet.params, parts.supernet.params,
                            whole.supernet.n_floats * sizeof(float));
        assert_memory_equal(whole.report.losses, parts.report.losses, 2 * sizeof(double));
        supernet_job_close(&whole);
        supernet_job_close(&parts);
        test_folder_remove(&folder);
    }
}

static void ask_to_end(int number)
{
    (void)number;
    raise(SIGINT);
}

// A signal after so many microseconds, in a child process: how it ended.
static enum status run_until_signal(const char *checkpoint, long microseconds)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct supernet_job_case c;
        supernet_job_open(&c, "cpu", 2, 180);
        const struct itimerval timer = {.it_value = {.tv_usec = microseconds}};
        interrupt_install();
        signal(SIGALRM, ask_to_end);
        setitimer(ITIMER_REAL, &timer, NULL);
        _exit((int)supernet_job_run(&c, &alone, checkpoint));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (enum status)WEXITSTATUS(status);
}

static void signals_leave_a_checkpoint(void **state)
{
    (void)state;
    struct supernet_job_case whole, stopped;
    struct test_folder folder;
    int interrupted = 0;
    test_folder_make(&folder);
    const char *path = test_folder_path(&folder, "checkpoint");
    supernet_job_open(&whole, "cpu", 2, 180);
    supernet_job_open(&stopped, "cpu", 2, 180);
    for (long after = 10; after < 100000; after = after * 3 + 5000) {
        const enum status code = run_until_signal(path, after);
        assert_true(code == OK || code == ERR_INTERRUPTED);
        interrupted += code == ERR_INTERRUPTED ? 1 : 0;
    }
    assert_true(interrupted > 0);
    assert_ok(supernet_job_run(&stopped, &alone, path));
    assert_ok(supernet_job_run(&whole, &alone, NULL));
    assert_true(stopped.report.resumed && stopped.report.finished);
    assert_memory_equal(whole.supernet.params, stopped.supernet.params,
                        whole.supernet.n_floats * sizeof(float));
    stopped.recipe.train.epochs = 3; // more losses than there are in the file
    assert_fails(supernet_job_run(&stopped, &alone, path), ERR_INPUT, "losses");
    supernet_job_close(&whole);
    supernet_job_close(&stopped);
    test_folder_remove(&folder);
}

// CUDA's kernels, emulated or real: memory of its own, work recorded and replayed.
static void a_device_trains_alike(void **state)
{
    (void)state;
    struct supernet_job_case host, device;
    supernet_job_open(&host, "ref", 1, 64);
    supernet_job_open(&device, "ref", 1, 64);
    backend_close(device.backend);
    assert_ok(test_device_open(PRECISION_FLOAT32, &device.backend));
    host.recipe.train.batch = device.recipe.train.batch = 16;
    host.recipe.train.epochs = device.recipe.train.epochs = 1;
    host.recipe.kernel_transform = device.recipe.kernel_transform = true;
    supernet_job_restart(&host);
    supernet_job_restart(&device);
    assert_ok(supernet_job_run(&host, &alone, NULL));
    assert_ok(supernet_job_run(&device, &alone, NULL));
    assert_true(fabs(host.report.losses[0] - device.report.losses[0]) < 1e-4);
    for (size_t i = 0; i < host.supernet.n_floats; i++) {
        assert_true(fabsf(host.supernet.params[i] - device.supernet.params[i]) < 2e-3F);
    }
    supernet_job_close(&host);
    supernet_job_close(&device);
}

static void recipes_that_do_not_fit_are_errors(void **state)
{
    (void)state;
    struct supernet_job_case c;
    supernet_job_open(&c, "cpu", 1, 100);
    c.recipe.train.batch = 101;
    assert_fails(supernet_job_run(&c, &alone, NULL), ERR_CONFIG, "supernet.batch = 101");
    c.recipe.train.batch = 36;
    c.recipe.networks = 1;
    assert_fails(supernet_job_run(&c, &alone, NULL), ERR_CONFIG, "supernet.networks = 1");
    c.recipe.sampling = SUPERNET_FAIR;
    c.recipe.decay = SUPERNET_DECAY_LARGEST;
    assert_fails(supernet_job_run(&c, &alone, NULL), ERR_CONFIG, "supernet.decay");
    c.recipe.decay = SUPERNET_DECAY_ALL;
    c.recipe.train.learning_rate = 1e30;
    c.recipe.train.weight_decay = 0;
    c.recipe.train.schedule = RATE_CONSTANT;
    c.recipe.train.epochs = 20;
    assert_fails(supernet_job_run(&c, &alone, NULL), ERR_CONFIG, "supernet.learning_rate");
    c.supernet.info.classes = 9;
    assert_fails(supernet_job_run(&c, &alone, NULL), ERR_INPUT, "classes");
    supernet_job_close(&c);
}

int main(void)
{
    const int missing = test_device_missing();
    if (missing != 0) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recipe_lowers_the_loss_of_all_sizes),
        cmocka_unit_test(held_out_rows_are_scored_and_not_trained_on),
        cmocka_unit_test(sandwiches_have_largest_and_least),
        cmocka_unit_test(fair_updates_have_every_choice_once),
        cmocka_unit_test(gradual_recipes_free_one_kind_after_the_other),
        cmocka_unit_test(interruptions_change_nothing),
        cmocka_unit_test(signals_leave_a_checkpoint),
        cmocka_unit_test(a_device_trains_alike),
        cmocka_unit_test(recipes_that_do_not_fit_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
