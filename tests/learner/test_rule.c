// Update rules: the loss as its formula says, its gradient by differences with targets held fixed,
// what the clip, the weights and the flags do.
#include "episode_case.h"
#include "learner/rules/rule.h"
#include "test_unit.h"

#include <math.h>

enum { EPISODES = 5, TASKS = 2 };
static const struct trajectory_shape shape = {.rows = 6, .n_obs = 4, .n_choices = 5, .n_result = 0};

struct rule_case {
    struct arena arena;
    struct agent_case agent;
    struct episode_batch batch;
    struct popart popart;
    struct rule_options options;
    struct rule_work work;
    struct episode_case episodes[EPISODES];
    float *output, *d_output;
    size_t n_outputs;
};

static struct rule_options default_options(void)
{
    return (struct rule_options){.vtrace = {.discount = 0.95,
                                            .rho_max = 1.0,
                                            .rho_policy_max = 1.0,
                                            .c_max = 1.0,
                                            .lambda = 0.9},
                                 .correct = true,
                                 .entropy = 0.01,
                                 .value_cost = 0.5,
                                 .ratio_clip = 0.2,
                                 .imitation = 0.3};
}

static void open_case(struct rule_case *c, const struct rule *rule,
                      enum distribution_kind distribution, const struct rule_options *options)
{
    *c = (struct rule_case){.options = *options};
    struct rng rng = rng_make(4, RNG_TEST, 0, 0);
    agent_case_make(&c->agent, CORE_NONE, distribution, &shape, TASKS);
    const struct episode_batch_options batch = {
        .shape = &shape, .agent = &c->agent.agent, .episodes = EPISODES + 1, .unroll = 13};
    assert_ok(episode_batch_open(&batch, &c->arena, &c->batch));
    assert_ok(popart_open(TASKS, true, 0.05, &c->arena, &c->popart));
    assert_ok(rule_open(&c->batch, &c->arena, &c->work));
    c->work.rule = rule;
    c->work.options = &c->options;
    c->work.popart = &c->popart;
    for (int i = 0; i < EPISODES; i++) {
        const struct episode_wish wish = {.task = i % TASKS,
                                          .rows = 3 + (int)rng_below(&rng, 3),
                                          .truncated = i == 1,
                                          .reward_scale = i % TASKS == 0 ? 1.0 : 50.0};
        double mean, square;
        episode_open(&c->episodes[i], &shape);
        episode_fill(&c->episodes[i], &wish, &rng);
        episode_batch_add(&c->batch, &c->episodes[i].trajectory, i == 4 ? ROW_IMITATION : 0);
        popart_episode(&c->episodes[i].trajectory, 0.95, &mean, &square);
        popart_feed(&c->popart, wish.task, mean, square);
    }
    c->n_outputs = episode_batch_rows(&c->batch) * (size_t)c->agent.agent.n_outputs;
    c->output = arena_alloc(&c->arena, c->n_outputs, sizeof(float));
    c->d_output = arena_alloc(&c->arena, c->n_outputs, sizeof(float));
    for (size_t i = 0; i < c->n_outputs; i++) {
        c->output[i] = 0.7F * rng_normal(&rng);
    }
}

static void close_case(struct rule_case *c)
{
    for (int i = 0; i < EPISODES; i++) {
        episode_close(&c->episodes[i]);
    }
    arena_close(&c->arena);
}

static double loss_at(struct rule_case *c, size_t i, float value, bool again)
{
    struct rule_losses losses;
    const float kept = c->output[i];
    c->output[i] = value;
    if (again) {
        rule_targets(&c->work, c->output, false);
    }
    rule_loss(&c->work, c->output, c->d_output, &losses);
    c->output[i] = kept;
    return losses.total;
}

// d_output against central differences of the loss, targets held fixed. Returns how far the
// differences with targets made anew are from it, to show that nothing flows through them.
static double check_gradient(struct rule_case *c)
{
    struct rule_losses losses;
    rule_loss(&c->work, c->output, c->d_output, &losses);
    assert_true(isfinite(losses.total));
    float *gradient = calloc(c->n_outputs, sizeof *gradient);
    assert_non_null(gradient);
    memcpy(gradient, c->d_output, c->n_outputs * sizeof *gradient);
    double through = 0.0;
    for (size_t i = 0; i < c->n_outputs; i++) {
        const float up = c->output[i] + 0x1p-10F, down = c->output[i] - 0x1p-10F;
        const double width = (double)up - (double)down;
        const double slope = (loss_at(c, i, up, false) - loss_at(c, i, down, false)) / width;
        if (fabs(slope - (double)gradient[i]) > 1e-5 + 1e-3 * fabs(slope)) {
            fail_msg("output %zu: %g, by differences %g", i, (double)gradient[i], slope);
        }
        const double whole = (loss_at(c, i, up, true) - loss_at(c, i, down, true)) / width;
        rule_targets(&c->work, c->output, false);
        through = fmax(through, fabs(whole - (double)gradient[i]));
    }
    free(gradient);
    return through;
}

static void test_gradients(void **state)
{
    (void)state;
    const enum distribution_kind kinds[] = {DISTRIBUTION_CATEGORICAL, DISTRIBUTION_GAUSSIAN,
                                            DISTRIBUTION_SQUASHED};
    for (int r = 0; rules[r] != NULL; r++) {
        for (int d = 0; d < 3; d++) {
            struct rule_case c;
            const struct rule_options options = default_options();
            open_case(&c, rules[r], kinds[d], &options);
            rule_targets(&c.work, c.output, true);
            assert_true(check_gradient(&c) > 1e-3);
            // A later use: the outputs have moved, some ratios are beyond the clip.
            struct rng rng = rng_make(9, RNG_TEST, 0, 0);
            for (size_t i = 0; i < c.n_outputs; i++) {
                c.output[i] += 0.2F * rng_normal(&rng);
            }
            rule_targets(&c.work, c.output, false);
            check_gradient(&c);
            close_case(&c);
        }
    }
}

// The parts of the loss, written out from the targets, row by row; padding, the observation after
// a cut and episodes to imitate are not among them.
static void test_loss(void **state)
{
    (void)state;
    struct rule_case c;
    const struct rule_options options = default_options();
    open_case(&c, &rule_vtrace, DISTRIBUTION_CATEGORICAL, &options);
    rule_targets(&c.work, c.output, true);
    struct rule_losses losses;
    rule_loss(&c.work, c.output, c.d_output, &losses);
    const int n_policy = c.agent.agent.n_policy, n_outputs = c.agent.agent.n_outputs;
    double policy = 0.0, value = 0.0, rho = 0.0, squares = 0.0;
    int frames = 0;
    for (size_t row = 0; row < episode_batch_rows(&c.batch); row++) {
        const bool learns = c.batch.flags[row] < ROW_PADDING && episode_batch_acts(&c.batch, row);
        for (int i = 0; i < n_outputs && !learns; i++) {
            const bool imitated = (c.batch.flags[row] & ROW_IMITATION) && i < n_policy;
            assert_true(imitated || c.d_output[row * (size_t)n_outputs + (size_t)i] == 0.0F);
        }
        if (!learns) {
            continue;
        }
        frames++;
        const int task = c.batch.task[row];
        const double n = (double)c.output[row * (size_t)n_outputs + (size_t)(n_policy + task)];
        assert_true(fabs(c.work.value[row] - (c.popart.sigma[task] * n + c.popart.mean[task])) <
                    1e-9);
        policy -= c.work.advantage[row] / c.popart.sigma[task];
        const double error = n - (c.work.target[row] - c.popart.mean[task]) / c.popart.sigma[task];
        value += 0.25 * error * error;
        rho += exp(c.work.log_ratio[row]);
        squares += exp(2.0 * c.work.log_ratio[row]);
    }
    int expected = 0;
    for (int i = 0; i < EPISODES - 1; i++) {
        expected += c.episodes[i].trajectory.header->rows - (i == 1);
    }
    assert_int_equal(frames, expected);
    assert_int_equal(losses.frames, frames);
    assert_true(fabs(losses.policy - policy / frames) < 1e-9);
    assert_true(fabs(losses.value - value / frames) < 1e-9);
    assert_true(fabs(losses.mean_rho - rho / frames) < 1e-9);
    assert_true(fabs(losses.effective_share - rho * rho / (frames * squares)) < 1e-9);
    assert_true(fabs(losses.total - (losses.policy + losses.value - 0.01 * losses.entropy +
                                     losses.imitation)) < 1e-12);
    close_case(&c);
}

// A step down the entropy's part alone makes the policy broader; one down the imitation's makes
// the imitated choices likelier.
static void test_signs(void **state)
{
    (void)state;
    const enum distribution_kind kinds[] = {DISTRIBUTION_CATEGORICAL, DISTRIBUTION_GAUSSIAN,
                                            DISTRIBUTION_SQUASHED};
    for (int d = 0; d < 3; d++) {
        struct rule_case c;
        struct rule_options options = default_options();
        options.value_cost = 0.0;
        open_case(&c, &rule_vtrace, kinds[d], &options);
        rule_targets(&c.work, c.output, true);
        memset(c.work.advantage, 0, episode_batch_rows(&c.batch) * sizeof(double));
        struct rule_losses before, after;
        rule_loss(&c.work, c.output, c.d_output, &before);
        for (size_t i = 0; i < c.n_outputs; i++) {
            c.output[i] -= 0.5F * c.d_output[i];
        }
        rule_loss(&c.work, c.output, c.d_output, &after);
        assert_true(after.entropy > before.entropy);
        assert_true(after.imitation < before.imitation);
        close_case(&c);
    }
}

// Beyond the clip, on the side that would go further, there is no gradient; on the other side and
// within there is.
static void test_clip(void **state)
{
    (void)state;
    struct rule_case c;
    struct rule_options options = default_options();
    options.entropy = options.value_cost = options.imitation = 0.0;
    open_case(&c, &rule_vtrace, DISTRIBUTION_CATEGORICAL, &options);
    rule_targets(&c.work, c.output, true);
    static const struct {
        double ratio, advantage;
        bool flows;
    } cases[] = {{1.3, 1, false}, {1.3, -1, true}, {0.7, 1, true}, {0.7, -1, false},
                 {1.1, 1, true},  {0.9, -1, true}, {1.1, -1, true}};
    const size_t n_outputs = (size_t)c.agent.agent.n_outputs;
    double logp = 0.0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule_losses losses;
        rule_targets(&c.work, c.output, true);
        logp = c.work.first_logp[0];
        c.work.first_logp[0] = logp - log(cases[i].ratio);
        c.work.advantage[0] = cases[i].advantage;
        rule_loss(&c.work, c.output, c.d_output, &losses);
        float most = 0.0F;
        for (size_t k = 0; k < n_outputs; k++) {
            most = fmaxf(most, fabsf(c.d_output[k]));
        }
        assert_true((most > 0.0F) == cases[i].flows);
    }
    close_case(&c);
}

// Lag is corrected by pi_1 / mu, not by the policy of the later use; without correction by nothing.
static void test_ratios(void **state)
{
    (void)state;
    for (int correct = 0; correct < 2; correct++) {
        struct rule_case c;
        struct rule_options options = default_options();
        options.correct = correct;
        open_case(&c, &rule_vtrace, DISTRIBUTION_CATEGORICAL, &options);
        rule_targets(&c.work, c.output, true);
        const double first = c.work.policy_log_ratio[0];
        assert_true(c.work.log_ratio[0] == first);
        assert_true((first != 0.0) == correct);
        c.output[c.batch.action[0]] += 1.0F;
        rule_targets(&c.work, c.output, false);
        assert_true(c.work.policy_log_ratio[0] == first);
        assert_true((c.work.log_ratio[0] > first) == correct);
        close_case(&c);
    }
}

// Discounted returns with truncated weights, written out for one episode.
static void test_mc_is(void **state)
{
    (void)state;
    struct rule_case c;
    const struct rule_options options = default_options();
    open_case(&c, &rule_mc_is, DISTRIBUTION_CATEGORICAL, &options);
    rule_targets(&c.work, c.output, true);
    size_t first = 0;
    for (int e = 0; e < 2; e++) { // the second one is truncated
        const struct trajectory *t = &c.episodes[e].trajectory;
        const int rows = t->header->rows - (e == 1);
        for (int s = 0; s < rows; s++) {
            double following = 0.0;
            for (int i = s; i < rows; i++) {
                following += pow(0.95, i - s) * (double)t->reward[i];
            }
            if (e == 1) {
                following += pow(0.95, rows - s) * c.work.value[first + (size_t)rows];
            }
            const size_t row = first + (size_t)s;
            const double ratio = fmin(1.0, exp(c.work.log_ratio[row]));
            assert_true(fabs(c.work.target[row] - following) < 1e-9);
            assert_true(fabs(c.work.value_weight[row] - ratio) < 1e-12);
            assert_true(fabs(c.work.advantage[row] - ratio * (following - c.work.value[row])) <
                        1e-9);
        }
        first += (size_t)t->header->rows;
    }
    close_case(&c);
}

// The same episodes in two tasks, rewards times 1 and times 1000: after the normaliser has seen
// both, each task's loss is the same.
static double scaled_loss(double scale, const struct rule *rule)
{
    struct rule_case c;
    const struct rule_options options = default_options();
    open_case(&c, rule, DISTRIBUTION_CATEGORICAL, &options);
    c.popart.sums[0] = c.popart.sums[1] = 0.0;
    c.popart.episodes[0] = 0;
    episode_batch_clear(&c.batch);
    for (int i = 0; i < EPISODES; i++) {
        double mean, square;
        const struct trajectory *t = &c.episodes[i].trajectory;
        t->header->task = 0;
        for (int row = 0; row < t->header->rows; row++) {
            t->reward[row] *= (float)scale;
        }
        episode_batch_add(&c.batch, t, 0);
        popart_episode(t, 0.95, &mean, &square);
        popart_feed(&c.popart, 0, mean, square);
    }
    struct rule_losses losses;
    rule_targets(&c.work, c.output, true);
    rule_loss(&c.work, c.output, c.d_output, &losses);
    close_case(&c);
    return losses.total;
}

static void test_scale(void **state)
{
    (void)state;
    for (int r = 0; rules[r] != NULL; r++) {
        const double small = scaled_loss(1.0, rules[r]), large = scaled_loss(1000.0, rules[r]);
        assert_true(fabs(small - large) < 1e-4 * fabs(small));
    }
}

// The order of episodes does not matter to any of them.
static void test_order(void **state)
{
    (void)state;
    struct rule_case c;
    const struct rule_options options = default_options();
    open_case(&c, &rule_vtrace, DISTRIBUTION_GAUSSIAN, &options);
    for (size_t i = 0; i < c.n_outputs; i++) {
        c.output[i] = 0.3F * (float)(i % (size_t)c.agent.agent.n_outputs) - 0.2F;
    }
    struct rule_losses forward, backward;
    rule_targets(&c.work, c.output, true);
    rule_loss(&c.work, c.output, c.d_output, &forward);
    episode_batch_clear(&c.batch);
    for (int i = EPISODES - 1; i >= 0; i--) {
        episode_batch_add(&c.batch, &c.episodes[i].trajectory, i == 4 ? ROW_IMITATION : 0);
    }
    rule_targets(&c.work, c.output, true);
    rule_loss(&c.work, c.output, c.d_output, &backward);
    assert_true(fabs(forward.total - backward.total) < 1e-9 * fabs(forward.total));
    close_case(&c);
}

// Whatever is not finite shows in the total; empty batches are harmless.
static void test_not_finite(void **state)
{
    (void)state;
    struct rule_case c;
    const struct rule_options options = default_options();
    open_case(&c, &rule_vtrace, DISTRIBUTION_CATEGORICAL, &options);
    struct rule_losses losses;
    c.batch.reward[0] = NAN;
    rule_targets(&c.work, c.output, true);
    rule_loss(&c.work, c.output, c.d_output, &losses);
    assert_false(isfinite(losses.total));
    c.batch.reward[0] = 0.0F;
    c.batch.logp[0] = NAN;
    rule_targets(&c.work, c.output, true);
    rule_loss(&c.work, c.output, c.d_output, &losses);
    assert_false(isfinite(losses.total));
    episode_batch_clear(&c.batch);
    rule_targets(&c.work, c.output, true);
    rule_loss(&c.work, c.output, c.d_output, &losses);
    assert_true(losses.total == 0.0 && losses.frames == 0);
    close_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),  cmocka_unit_test(test_loss),
        cmocka_unit_test(test_signs),      cmocka_unit_test(test_clip),
        cmocka_unit_test(test_ratios),     cmocka_unit_test(test_mc_is),
        cmocka_unit_test(test_scale),      cmocka_unit_test(test_order),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
