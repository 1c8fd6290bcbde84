// Distillation: what the loop feeds the plan, that it pulls a network towards its teacher, on any
// number of ranks, and that a stopped run ends in the same bytes.
#include "core/interrupt.h"
#include "core/log.h"
#include "data/loader.h"
#include "nn/plan.h"
#include "train/evaluate.h"
#include "train_case.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGES 320

static struct collective everybody;
static const struct collective alone = {.ranks = 1, .local_ranks = 1};

// A case whose teacher has learnt for a while; its own network has not.
struct pupil {
    struct train_case c;
    struct network teacher;
};

static void open_pupil(struct pupil *p)
{
    train_case_open(&p->c, IMAGES);
    p->c.recipe.epochs = 4;
    assert_ok(train_case_run(&p->c, NULL, NULL));
    p->teacher = p->c.network;
    memset(&p->c.network, 0, sizeof p->c.network);
    train_case_restart(&p->c);
    p->c.recipe.distill = 0.7;
    p->c.recipe.temperature = 3;
}

static void close_pupil(struct pupil *p)
{
    network_close(&p->teacher);
    train_case_close(&p->c);
}

static enum status run(struct pupil *p, const struct collective *collective, const char *checkpoint)
{
    const struct train_job job = {
        .backend = p->c.backend,
        .collective = collective,
        .dataset = &p->c.data,
        .recipe = &p->c.recipe,
        .teacher = &p->teacher,
        .checkpoint = checkpoint,
        .identity = checkpoint != NULL ? "same" : NULL,
    };
    return train_network(&job, &p->c.network, &p->c.arena, &p->c.report);
}

// softmax(logits / temperature), in float64.
static void soften(const float *logits, double temperature, double *out)
{
    double sum = 0;
    for (int k = 0; k < TRAIN_CASE_CLASSES; k++) {
        out[k] = exp((double)logits[k] / temperature);
        sum += out[k];
    }
    for (int k = 0; k < TRAIN_CASE_CLASSES; k++) {
        out[k] /= sum;
    }
}

// Mean over the training images of KL(teacher || network), nats.
static double divergence(const struct pupil *p)
{
    static float of_teacher[IMAGES * TRAIN_CASE_CLASSES], of_network[IMAGES * TRAIN_CASE_CLASSES];
    struct evaluation unused;
    struct evaluate_options options = {.batch = 64, .logits = of_teacher};
    assert_ok(
        evaluate_network(p->c.backend, &p->teacher, &p->c.data, NULL, IMAGES, &options, &unused));
    options.logits = of_network;
    assert_ok(
        evaluate_network(p->c.backend, &p->c.network, &p->c.data, NULL, IMAGES, &options, &unused));
    double sum = 0;
    for (int i = 0; i < IMAGES; i++) {
        double q[TRAIN_CASE_CLASSES], r[TRAIN_CASE_CLASSES];
        soften(of_teacher + (size_t)i * TRAIN_CASE_CLASSES, 1, q);
        soften(of_network + (size_t)i * TRAIN_CASE_CLASSES, 1, r);
        for (int k = 0; k < TRAIN_CASE_CLASSES; k++) {
            sum += q[k] * log(q[k] / r[k]);
        }
    }
    return sum / IMAGES;
}

static void the_network_comes_near_its_teacher(void **state)
{
    (void)state;
    struct pupil p;
    open_pupil(&p);
    const double before = divergence(&p);
    p.c.recipe.distill = 1;
    p.c.recipe.epochs = 8;
    assert_ok(run(&p, &alone, NULL));
    const double after = divergence(&p);
    if (!(after < 0.25 * before)) {
        fail_msg("KL to the teacher %g, %g before", after, before);
    }
    close_pupil(&p);
}

// One epoch by hand, over all rows: the targets are the teacher's logits of the very images of each
// batch. Returns the mean loss.
static double train_by_hand(const struct pupil *p, float *params)
{
    const struct train_recipe *recipe = &p->c.recipe;
    const struct plan_input input = {.mean = p->c.network.info.mean, .std = p->c.network.info.std};
    const struct train_options options = {.batch = recipe->batch,
                                          .input = input,
                                          .optimizer = {.kind = OPTIMIZER_SGD,
                                                        .momentum = (float)recipe->momentum,
                                                        .weight_decay = (float)recipe->weight_decay,
                                                        .nesterov = recipe->nesterov},
                                          .bn_momentum = 0.1F,
                                          .label_share = 0.3F,
                                          .temperature = 3,
                                          .seed = recipe->seed};
    const struct infer_options infer = {.batch = recipe->batch, .input = input};
    const struct loader_options order = {.batch = recipe->batch,
                                         .ranks = 1,
                                         .shuffle = true,
                                         .full = true,
                                         .crop_pad = recipe->crop_pad,
                                         .flip = recipe->flip,
                                         .seed = recipe->seed};
    struct train_plan *plan;
    struct infer_plan *teacher;
    struct loader *loader;
    assert_ok(train_open(p->c.backend, &p->c.network.graph, &options, &plan));
    assert_ok(train_load(plan, p->c.network.params));
    assert_ok(infer_open(p->c.backend, &p->teacher.graph, &infer, &teacher));
    assert_ok(infer_load(teacher, p->teacher.params, NULL));
    assert_ok(loader_open(&p->c.data, NULL, IMAGES, &order, &loader));
    const int64_t steps = loader_batches(loader, 0);
    double loss = 0;
    for (int64_t step = 0; step < steps; step++) {
        struct batch batch;
        struct train_result result;
        float targets[64 * TRAIN_CASE_CLASSES];
        assert_ok(loader_next(loader, &batch));
        infer_run(teacher, batch.images, batch.n, targets);
        assert_ok(train_step(plan, batch.images, batch.labels, targets,
                             (float)train_learning_rate(recipe, step, IMAGES), &result));
        loss += result.loss;
    }
    train_params(plan, params);
    loader_close(loader);
    infer_close(teacher);
    train_close(plan);
    return loss / (double)steps;
}

static void targets_are_of_the_augmented_images(void **state)
{
    (void)state;
    struct pupil p;
    open_pupil(&p);
    p.c.recipe.epochs = 1;
    p.c.recipe.validation_share = 0.25;
    p.c.recipe.all_rows = true;
    const size_t n = p.c.network.graph.n_floats;
    float *params = calloc(n, sizeof *params);
    assert_non_null(params);
    const double loss = train_by_hand(&p, params);
    assert_ok(run(&p, &alone, NULL));
    assert_memory_equal(p.c.network.params, params, n * sizeof *params);
    assert_true(fabs(p.c.report.losses[0] - loss) < 1e-12);
    assert_true(p.c.report.validation_accuracy > 0);
    free(params);
    close_pupil(&p);
}

// A network without BatchNorm, whose logits in training are those of inference.
static void make_linear(const struct dataset *data, struct graph *out)
{
    int pooled, logits;
    memset(out, 0, sizeof *out);
    assert_ok(graph_begin(out, data->h, data->w, data->c));
    assert_ok(graph_add_global_pool(out, "pool", 0, &pooled));
    assert_ok(graph_add_linear(out, "fc", pooled, TRAIN_CASE_CLASSES, true, &logits));
    assert_ok(graph_finish(out));
}

enum { BATCH = 16 };

// Logits of the first images.
static void infer_first(const struct pupil *p, const struct graph *graph, const float *params,
                        float *logits)
{
    const struct infer_options options = {
        .batch = BATCH, .input = {.mean = p->c.network.info.mean, .std = p->c.network.info.std}};
    struct infer_plan *plan;
    assert_ok(infer_open(p->c.backend, graph, &options, &plan));
    assert_ok(infer_load(plan, params, NULL));
    infer_run(plan, p->c.data.images, BATCH, logits);
    infer_close(plan);
}

// (1 - s) CE(labels) + s T^2 KL(softened teacher), and its gradient by the last bias, in float64.
static double hinton_loss(const int32_t *labels, const float *logits, const float *targets,
                          double *bias)
{
    double loss = 0;
    for (int i = 0; i < BATCH; i++) {
        double plain[TRAIN_CASE_CLASSES], soft[TRAIN_CASE_CLASSES], asked[TRAIN_CASE_CLASSES];
        soften(logits + (size_t)i * TRAIN_CASE_CLASSES, 1, plain);
        soften(logits + (size_t)i * TRAIN_CASE_CLASSES, 3, soft);
        soften(targets + (size_t)i * TRAIN_CASE_CLASSES, 3, asked);
        for (int k = 0; k < TRAIN_CASE_CLASSES; k++) {
            const double right = labels[i] == k;
            loss -= 0.3 * right * log(plain[k]) / BATCH;
            loss += 0.7 * 9 * asked[k] * log(asked[k] / soft[k]) / BATCH;
            bias[k] += (0.3 * (plain[k] - right) + 0.7 * 3 * (soft[k] - asked[k])) / BATCH;
        }
    }
    return loss;
}

static void the_loss_is_that_of_hinton(void **state)
{
    (void)state;
    struct pupil p;
    struct graph graph;
    open_pupil(&p);
    make_linear(&p.c.data, &graph);
    float *params = calloc(graph.n_floats, sizeof *params),
          *gradients = calloc(graph.n_trainable, sizeof *gradients);
    graph_init_params(&graph, 3, params);
    float logits[BATCH * TRAIN_CASE_CLASSES], targets[BATCH * TRAIN_CASE_CLASSES];
    infer_first(&p, &graph, params, logits);
    infer_first(&p, &p.teacher.graph, p.teacher.params, targets);
    const struct train_options options = {
        .batch = BATCH,
        .input = {.mean = p.c.network.info.mean, .std = p.c.network.info.std},
        .optimizer = {.kind = OPTIMIZER_SGD},
        .bn_momentum = 0.1F,
        .label_share = 0.3F,
        .temperature = 3};
    struct train_plan *plan;
    struct train_result result;
    assert_ok(train_open(p.c.backend, &graph, &options, &plan));
    assert_ok(train_load(plan, params));
    assert_ok(train_gradient(plan, p.c.data.images, p.c.data.labels, targets, &result));
    train_gradients(plan, gradients);
    double bias[TRAIN_CASE_CLASSES] = {0};
    const double loss = hinton_loss(p.c.data.labels, logits, targets, bias);
    assert_true(fabs(result.loss - loss) < 1e-5 * loss);
    const struct param *param = graph_find_param(&graph, "fc.bias");
    assert_non_null(param);
    for (int k = 0; k < TRAIN_CASE_CLASSES; k++) {
        assert_true(fabs((double)gradients[param->offset + (size_t)k] - bias[k]) < 1e-6);
    }
    train_close(plan);
    graph_close(&graph);
    free(params);
    free(gradients);
    close_pupil(&p);
}

static void ranks_train_to_the_bytes_of_one(void **state)
{
    (void)state;
    struct pupil single, together;
    open_pupil(&single);
    open_pupil(&together);
    single.c.recipe.sync_batchnorm = together.c.recipe.sync_batchnorm = true;
    single.c.recipe.epochs = together.c.recipe.epochs = 2;
    assert_ok(run(&single, &alone, NULL));
    assert_ok(run(&together, &everybody, NULL));
    assert_memory_equal(single.c.network.params, together.c.network.params,
                        single.c.network.graph.n_floats * sizeof(float));
    assert_memory_equal(single.c.report.losses, together.c.report.losses, 2 * sizeof(double));
    close_pupil(&single);
    close_pupil(&together);
}

static const char *watched; // a checkpoint

static void interrupt_when_there(int signal_number)
{
    (void)signal_number;
    // NOLINTBEGIN(bugprone-signal-handler): errno is this thread's own, and safe to keep
    const int before = errno; // of what was interrupted
    if (access(watched, F_OK) == 0) {
        raise(SIGINT);
    }
    errno = before;
    // NOLINTEND(bugprone-signal-handler)
}

// In a child: trains until its first checkpoint is there and it hears of that, in the second epoch.
static void train_and_stop(const char *checkpoint)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct pupil p;
        open_pupil(&p);
        p.c.recipe.epochs = 4;
        watched = checkpoint;
        interrupt_install();
        signal(SIGALRM, interrupt_when_there);
        setitimer(ITIMER_REAL, &(const struct itimerval){{0, 1000}, {0, 1000}}, NULL);
        _exit(run(&p, &alone, checkpoint) == ERR_INTERRUPTED ? 0 : 1);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}

static void a_stopped_run_ends_in_the_same_bytes(void **state)
{
    (void)state;
    char folder[64], checkpoint[128];
    train_case_make_folder(folder, sizeof folder);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", folder);
    train_and_stop(checkpoint);
    struct pupil whole, stopped;
    open_pupil(&whole);
    open_pupil(&stopped);
    whole.c.recipe.epochs = stopped.c.recipe.epochs = 4;
    assert_ok(run(&whole, &alone, NULL));
    assert_ok(run(&stopped, &alone, checkpoint));
    assert_true(stopped.c.report.resumed);
    assert_memory_equal(whole.c.network.params, stopped.c.network.params,
                        whole.c.network.graph.n_floats * sizeof(float));
    assert_memory_equal(whole.c.report.losses, stopped.c.report.losses, 4 * sizeof(double));
    close_pupil(&whole);
    close_pupil(&stopped);
    train_case_remove_folder(folder);
}

static void what_does_not_fit_is_an_error(void **state)
{
    (void)state;
    struct pupil p;
    open_pupil(&p);
    p.teacher.info.classes = 9;
    assert_fails(run(&p, &alone, NULL), ERR_INPUT,
                 "the teacher: the network tells 9 classes apart");
    p.teacher.info.classes = TRAIN_CASE_CLASSES;
    assert_fails(train_case_run(&p.c, NULL, NULL), ERR_CONFIG,
                 "train.distill = 0.7 needs a network");
    p.c.recipe.distill = 0; // the teacher is not asked
    p.teacher.info.classes = 9;
    p.c.recipe.epochs = 1;
    assert_ok(run(&p, &alone, NULL));
    p.teacher.info.classes = TRAIN_CASE_CLASSES;
    close_pupil(&p);
}

int main(void)
{
    if (collective_open(&everybody) != OK) {
        fprintf(stderr, "%s\n", status_message());
        return 2;
    }
    log_set_rank(everybody.rank);
    // The first forks, so it comes before anything that starts threads.
    const struct CMUnitTest by_itself[] = {
        cmocka_unit_test(a_stopped_run_ends_in_the_same_bytes),
        cmocka_unit_test(the_network_comes_near_its_teacher),
        cmocka_unit_test(targets_are_of_the_augmented_images),
        cmocka_unit_test(the_loss_is_that_of_hinton),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    const struct CMUnitTest on_all[] = {
        cmocka_unit_test(ranks_train_to_the_bytes_of_one),
    };
    int failed = everybody.ranks == 1 ? cmocka_run_group_tests(by_itself, NULL, NULL) : 0;
    failed += cmocka_run_group_tests(on_all, NULL, NULL);
    if (failed != 0) {
        collective_abort(&everybody, 1); // the others may be waiting for this rank
    }
    collective_close(&everybody);
    return 0;
}
