// Scores against plain sums over the same logits: loss, right answers, distance to other logits.
#include "nn/score.h"
#include "plan_case.h"

#include <math.h>

enum { IMAGES = 7, CLASSES = 5 };

struct fixture {
    struct graph graph;
    struct backend *backend;
    float *params;
    uint8_t *images;
    int32_t *labels;
    struct infer_plan *plan;
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    plan_case_mixed(&f->graph, false);
    f->backend = plan_case_backend("cpu", 1, false);
    f->params = plan_case_params(&f->graph, 1);
    f->images = plan_case_images(&f->graph, IMAGES, 2);
    f->labels = plan_case_labels(&f->graph, IMAGES, 3);
    const struct infer_options options = {.batch = IMAGES, .input = plan_case_input(false)};
    assert_ok(infer_open(f->backend, &f->graph, &options, &f->plan));
    assert_ok(infer_load(f->plan, f->params, NULL));
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    infer_close(f->plan);
    backend_close(f->backend);
    graph_close(&f->graph);
    free(f->params);
    free(f->images);
    free(f->labels);
    free(f);
    return 0;
}

static struct score score_of(const struct fixture *f, const float *reference, float *logits)
{
    struct score score = {0};
    struct score_batch batch = {.images = f->images,
                                .labels = f->labels,
                                .n = IMAGES,
                                .classes = CLASSES,
                                .reference = reference};
    batch.logits = logits;
    score_add(f->plan, &batch, &score);
    return score;
}

static void sums_are_those_of_the_logits(void **state)
{
    const struct fixture *f = *state;
    float logits[IMAGES * CLASSES];
    const struct score score = score_of(f, NULL, logits);
    double loss = 0;
    int right = 0;
    for (int i = 0; i < IMAGES; i++) {
        const float *row = logits + i * CLASSES;
        double sum = 0;
        int best = 0;
        for (int k = 0; k < CLASSES; k++) {
            sum += exp((double)row[k]);
            best = row[k] > row[best] ? k : best;
        }
        loss += log(sum) - (double)row[f->labels[i]];
        right += best == f->labels[i];
    }
    assert_true(score.images == IMAGES && score.right == right && score.distance == 0);
    assert_true(fabs(score.loss - loss) < 1e-6 * loss);
}

static void a_distance_is_between_centred_logits(void **state)
{
    const struct fixture *f = *state;
    float logits[IMAGES * CLASSES], reference[IMAGES * CLASSES];
    (void)score_of(f, NULL, reference);
    assert_true(score_of(f, reference, logits).distance == 0);
    double expected = 0;
    for (int i = 0; i < IMAGES; i++) {
        for (int k = 0; k < CLASSES; k++) {
            // The same for all of an image's logits, which says nothing, and i for the first one.
            reference[i * CLASSES + k] += (float)(10 * i) + (k == 0 ? (float)i : 0);
        }
        expected += (double)(i * i) * (1.0 / CLASSES - 1.0 / CLASSES / CLASSES);
    }
    assert_true(fabs(score_of(f, reference, logits).distance - expected) < 1e-4 * expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sums_are_those_of_the_logits),
        TEST(a_distance_is_between_centred_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
