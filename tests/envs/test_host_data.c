// Which images the workers of a host share: never scored on what weights were trained on, where
// their file says what that was.
#include "envs/network_env.h"
#include "envs/prune/host_data.h"
#include "nn/network.h"
#include "prune_case.h"

enum { BYTES = 12 * 12 * 3 };

struct shared {
    struct prune_case c;
    struct backend *backend;
    struct dataset dataset; // all images that the networks are for
    struct arena arena;
};

static int open_node(void **state)
{
    static struct shared n;
    const struct backend_options options = {.threads = 1};
    prune_case_open(&n.c);
    assert_ok(backend_open("cpu", &options, &n.backend));
    assert_ok(dataset_open(&n.c.networks[0].data, DATASET_TRAIN, &n.dataset));
    *state = &n;
    return 0;
}

static int close_node(void **state)
{
    struct shared *n = *state;
    dataset_close(&n->dataset);
    backend_close(n->backend);
    arena_close(&n->arena);
    prune_case_close(&n->c);
    return 0;
}

// Both networks say from now on that they were trained on these rows; NULL: nothing.
static void say_rows(struct shared *n, const char *first, const char *second)
{
    const char *texts[] = {first, second};
    for (int i = 0; i < 2; i++) {
        struct network network;
        assert_ok(network_load(n->c.files[i], NULL, &network));
        row_set_close(&network.train_rows);
        if (texts[i] != NULL) {
            assert_ok(row_set_parse(texts[i], &network.train_rows));
        }
        assert_ok(network_save(&network, n->c.files[i]));
        network_close(&network);
    }
}

// More images than the host holds.
static enum status sample(struct shared *n, const struct host_data *data, int network,
                          uint8_t **images, int *count)
{
    const struct more_images which = {.scoring = &n->c.config.scoring,
                                      .options = &n->c.config.networks[network].data,
                                      .dataset = data->networks[network].subject.info.dataset,
                                      .train_rows = &data->networks[network].subject.train_rows,
                                      .seed = PRUNE_CASE_SEED};
    return host_images_sample(&which, &n->arena, images, count);
}

static enum status open_data(struct shared *n, struct host_data *out)
{
    return host_data_open(&n->c.config, PRUNE_CASE_SEED, n->backend, -1, &n->arena, out);
}

// The row of the files that this image is.
static int find_row(const struct shared *n, const uint8_t *image)
{
    for (int i = 0; i < n->dataset.n; i++) {
        if (memcmp(n->dataset.images + (size_t)i * BYTES, image, BYTES) == 0) {
            return dataset_row(&n->dataset, i);
        }
    }
    fail_msg("an image that the data set does not have");
    return -1;
}

// Every search-validation image is outside of the rows, every other one inside.
static void expect_apart(const struct shared *n, const struct host_dataset *set, const char *text)
{
    struct row_set rows;
    assert_ok(row_set_parse(text, &rows));
    assert_true(set->n_validation > 0 && set->n_calibration > 0);
    for (int i = 0; i < set->n_validation; i++) {
        assert_false(row_set_has(&rows, find_row(n, set->validation + (size_t)i * BYTES)));
    }
    for (int i = 0; i < set->n_calibration; i++) {
        assert_true(row_set_has(&rows, find_row(n, set->calibration + (size_t)i * BYTES)));
    }
    row_set_close(&rows);
}

// Trained on what a split by this seed leaves, or on nothing: scored on what that split holds out.
static void own_networks_share_what_was_kept_out(void **state)
{
    struct shared *n = *state;
    struct host_data data;
    struct dataset_split split;
    assert_ok(dataset_split(&n->dataset, n->c.config.scoring.validation_share, PRUNE_CASE_SEED,
                            &n->arena, &split));
    assert_ok(open_data(n, &data));
    assert_int_equal(data.n_datasets, 2); // the second network was trained on nothing
    assert_true(data.networks[0].subject.train_rows.known &&
                data.networks[1].subject.train_rows.known);
    for (int d = 0; d < 2; d++) {
        const struct host_dataset *set = &data.datasets[d];
        assert_int_equal(set->n_validation, split.n_validation);
        for (int i = 0; i < split.n_validation; i++) {
            const size_t row = (size_t)split.validation[i];
            assert_memory_equal(set->validation + (size_t)i * BYTES,
                                n->dataset.images + row * BYTES, BYTES);
            assert_int_equal(set->labels[i], n->dataset.labels[row]);
        }
    }
    const size_t calibration = (size_t)data.datasets[0].n_calibration * BYTES;
    assert_memory_equal(data.datasets[0].calibration, data.datasets[1].calibration, calibration);
    // Candidates of the untrained network are fitted to the rest of the split, and say so.
    assert_true(
        row_set_equal(&data.networks[0].subject.train_rows, &data.networks[1].subject.train_rows));
    assert_int_equal(row_set_count(&data.networks[0].subject.train_rows), split.n_train);
    // More images: the same first.
    uint8_t *more;
    int count = data.datasets[0].n_calibration + 50;
    for (int network = 0; network < 2; network++) {
        assert_ok(sample(n, &data, network, &more, &count));
        assert_int_equal(count, data.datasets[0].n_calibration + 50);
        assert_memory_equal(more, data.datasets[0].calibration, calibration);
    }
    host_data_close(&data);
}

static void rows_decide_what_is_scored_on(void **state)
{
    struct shared *n = *state;
    struct host_data data;
    say_rows(n, "0-2999", "1000-3999");
    assert_ok(open_data(n, &data));
    assert_int_equal(data.n_datasets, 2);
    expect_apart(n, &data.datasets[data.networks[0].subject.data], "0-2999");
    expect_apart(n, &data.datasets[data.networks[1].subject.data], "1000-3999");
    assert_int_equal(data.datasets[0].n_validation, 200); // a quarter of 800
    // More calibration images than the host holds are of the same kind.
    uint8_t *more;
    int count = 10000;
    assert_ok(sample(n, &data, 1, &more, &count));
    assert_int_equal(count, 600);
    for (int i = 0; i < count; i++) {
        assert_true(find_row(n, more + (size_t)i * BYTES) >= 1000);
    }
    host_data_close(&data);
    say_rows(n, "0-2999", "0-2999");
    assert_ok(open_data(n, &data));
    assert_int_equal(data.n_datasets, 1);
    host_data_close(&data);
    say_rows(n, "0-2999", NULL);
    assert_ok(open_data(n, &data));
    assert_int_equal(data.n_datasets, 2);
    assert_false(data.networks[1].subject.train_rows.known);
    host_data_close(&data);
}

// The whole network's logits, where the reward compares with them.
static void logits_are_there_where_asked_for(void **state)
{
    struct shared *n = *state;
    const enum scoring_reward before = n->c.config.scoring.reward;
    for (int asked = 0; asked < 2; asked++) {
        struct host_data data;
        n->c.config.scoring.reward = asked ? REWARD_DISTILLATION : REWARD_LOSS;
        assert_ok(open_data(n, &data));
        for (int i = 0; i < 2; i++) {
            const struct host_subject *subject = &data.networks[i].subject;
            assert_int_equal(subject->logits != NULL, asked);
            assert_true(asked ? subject->spread > 0 : subject->spread == 0);
        }
        host_data_close(&data);
    }
    n->c.config.scoring.reward = before;
}

static void candidates_carry_rows_on(void **state)
{
    struct shared *n = *state;
    struct env_case env;
    say_rows(n, "0-2999", NULL);
    prune_case_env(&n->c, 1, -1, &env);
    for (int task = 0; task < PRUNE_CASE_TASKS; task++) {
        struct network network;
        struct network_task_facts facts;
        const struct env_outcome outcome = prune_case_play(&env, task, 0);
        env_prune.network->facts(env.env, task, &facts);
        assert_int_equal(facts.unseen, task < 3);
        assert_ok(env_prune.network->build(env.env, task, outcome.result, 100, &network));
        assert_int_equal(network.train_rows.known, task < 3);
        assert_int_equal(row_set_count(&network.train_rows), task < 3 ? 3000 : 0);
        network_close(&network);
    }
    env_case_close(&env);
}

static void too_few_are_refused(void **state)
{
    struct shared *n = *state;
    struct host_data data;
    say_rows(n, "0-3999", NULL);
    assert_fails(open_data(n, &data), ERR_INPUT, "network \"convnet\": 0 of the 800");
    assert_non_null(strstr(status_message(), "train_rows \"unknown\""));
    say_rows(n, "0-3599", NULL); // 80 left of the 200 wanted
    assert_fails(open_data(n, &data), ERR_INPUT, "80 of the 800 training images of shapes");
    say_rows(n, "0-3489", NULL); // 102
    assert_ok(open_data(n, &data));
    assert_int_equal(data.datasets[0].n_validation, 102);
    host_data_close(&data);
    say_rows(n, "0-4000", NULL);
    assert_fails(open_data(n, &data), ERR_INPUT, "row 4000");
    // Rows of another data set say nothing.
    struct network network;
    assert_ok(network_load(n->c.files[0], NULL, &network));
    strcpy(network.info.dataset, "forms");
    assert_ok(network_save(&network, n->c.files[0]));
    network_close(&network);
    assert_ok(open_data(n, &data));
    assert_false(data.networks[0].subject.train_rows.known);
    host_data_close(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_networks_share_what_was_kept_out),
        cmocka_unit_test(rows_decide_what_is_scored_on),
        cmocka_unit_test(logits_are_there_where_asked_for),
        cmocka_unit_test(candidates_carry_rows_on),
        cmocka_unit_test(too_few_are_refused),
    };
    return cmocka_run_group_tests(tests, open_node, close_node);
}
