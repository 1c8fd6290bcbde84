// The rule mc_is as its source has it: one reward at the end, so every step's return is that
// reward, and per step a truncated importance weight
//   rho = min(rho_max, pi / mu),  L = -sum rho (R - V) log pi + 1/2 sum rho (R - V)^2
// and that it learns, as V-trace does, in games, in a table and on a made-up pruning problem.
#include "core/log.h"
#include "episode_case.h"
#include "learner/rules/rule.h"
#include "learning_case.h"
#include "player_case.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>

enum { EPISODES = 4 };
static const struct trajectory_shape shape = {.rows = 6, .n_obs = 4, .n_choices = 5, .n_result = 0};

struct source_case {
    struct arena arena;
    struct agent_case agent;
    struct episode_batch batch;
    struct popart popart;
    struct rule_options options;
    struct rule_work work;
    struct episode_case episodes[EPISODES];
    float *output, *d_output;
};

// Episodes that an older policy played: ratios lie on both sides of the truncation.
static void open_case(struct source_case *c, double rho_max)
{
    *c = (struct source_case){.options = {.vtrace = {.discount = 1,
                                                     .rho_max = rho_max,
                                                     .rho_policy_max = rho_max,
                                                     .c_max = 1,
                                                     .lambda = 1},
                                          .correct = true,
                                          .value_cost = 1}};
    struct rng rng = rng_make(4, RNG_TEST, 0, 0);
    agent_case_make(&c->agent, CORE_NONE, DISTRIBUTION_CATEGORICAL, &shape, 1);
    const struct episode_batch_options batch = {
        .shape = &shape, .agent = &c->agent.agent, .episodes = EPISODES, .unroll = 6};
    assert_ok(episode_batch_open(&batch, &c->arena, &c->batch));
    assert_ok(popart_open(1, false, 0.05, &c->arena, &c->popart));
    assert_ok(rule_open(&c->batch, &c->arena, &c->work));
    c->work.rule = &rule_mc_is;
    c->work.options = &c->options;
    c->work.popart = &c->popart;
    for (int i = 0; i < EPISODES; i++) {
        const struct episode_wish wish = {.rows = 4 + i % 2, .reward_scale = 1}; // a lane each
        episode_open(&c->episodes[i], &shape);
        episode_fill(&c->episodes[i], &wish, &rng);
        struct trajectory *t = &c->episodes[i].trajectory;
        for (int row = 0; row + 1 < wish.rows; row++) {
            t->reward[row] = 0;
        }
        episode_batch_add(&c->batch, t, 0);
    }
    const size_t n = episode_batch_rows(&c->batch) * (size_t)c->agent.agent.n_outputs;
    c->output = arena_alloc(&c->arena, n, sizeof(float));
    c->d_output = arena_alloc(&c->arena, n, sizeof(float));
    for (size_t i = 0; i < n; i++) {
        c->output[i] = 0.7F * rng_normal(&rng);
    }
}

static void close_case(struct source_case *c)
{
    for (int i = 0; i < EPISODES; i++) {
        episode_close(&c->episodes[i]);
    }
    arena_close(&c->arena);
}

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) < 1e-6 * (1 + fabs(expected)))) {
        fail_msg("%.9g, expected %.9g", got, expected);
    }
}

// The gradient of the source's loss at one row, written out: rho and R - V are constants in the
// first part, rho in the second. The loss is a mean over rows.
static void check_row(const struct source_case *c, size_t row, double reward, int n)
{
    const int n_policy = c->agent.agent.n_policy;
    const float *output = c->output + row * (size_t)c->agent.agent.n_outputs;
    const float *gradient = c->d_output + row * (size_t)c->agent.agent.n_outputs;
    struct offer offer;
    struct chosen taken;
    double total = 0;
    episode_batch_offer(&c->batch, row, &offer);
    episode_batch_chosen(&c->batch, row, &taken);
    for (int k = 0; k < offer.n; k++) {
        total += offer.legal[k] ? exp((double)output[k]) : 0.0;
    }
    const double pi = exp((double)output[taken.choice]) / total;
    const double rho = fmin(c->options.vtrace.rho_max, pi / exp((double)c->batch.logp[row]));
    const double behind = reward - (double)output[n_policy];
    for (int k = 0; k < n_policy; k++) {
        const bool legal = k < offer.n && offer.legal[k];
        const double slope =
            (k == taken.choice ? 1 : 0) - (legal ? exp((double)output[k]) / total : 0);
        assert_near((double)gradient[k], -rho * behind * (k < offer.n ? slope : 0.0) / n);
    }
    assert_near((double)gradient[n_policy], -rho * behind / n);
}

static void the_gradient_is_the_source_s(void **state)
{
    (void)state;
    for (int truncated = 0; truncated < 2; truncated++) {
        struct source_case c;
        struct rule_losses losses;
        int n = 0, beyond = 0;
        open_case(&c, truncated ? 0.8 : 1e9);
        rule_targets(&c.work, c.output, true);
        rule_loss(&c.work, c.output, c.d_output, &losses);
        for (size_t row = 0; row < episode_batch_rows(&c.batch); row++) {
            n += episode_batch_acts(&c.batch, row);
            beyond += episode_batch_acts(&c.batch, row) && c.work.log_ratio[row] > log(0.8);
        }
        assert_true(beyond > 2 && beyond < n - 2);
        for (int e = 0; e < EPISODES; e++) {
            const struct trajectory *t = &c.episodes[e].trajectory;
            const double reward = (double)t->reward[t->header->rows - 1];
            for (int i = 0; i < t->header->rows; i++) {
                check_row(&c, (size_t)e * (size_t)c.batch.steps + (size_t)i, reward, n);
            }
        }
        close_case(&c);
    }
}

// ---- learning

static const char *const rule_names[] = {"vtrace", "mc_is"};

static double learnt(const char *environment, const char *config, const char *agent, int rule,
                     int episodes)
{
    char learner[128];
    struct learning_result result;
    snprintf(learner, sizeof learner, "{\"imitation\": 0, \"rule\": \"%s\"}", rule_names[rule]);
    learning_run(&(struct learning_job){.environment = environment,
                                        .config = config,
                                        .agent = agent,
                                        .learner = learner,
                                        .episodes = episodes,
                                        .lag = 1,
                                        .seed = 1,
                                        .window = 100},
                 &result);
    assert_int_equal(result.skipped, 0);
    return result.score[0];
}

static void both_rules_learn_the_bandit(void **state)
{
    (void)state;
    for (int rule = 0; rule < 2; rule++) {
        assert_true(learnt("bandit", "{}", "{\"distribution\": \"categorical\"}", rule, 1200) >
                    0.95);
    }
}

// All networks of a table of eight steps of three operations, of which the second is the best at
// even steps and the first at odd ones; a step's operation is worth 1, 0.5 or 0 eighths of the
// accuracy.
static void write_table(void)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/nas_bench_macro_cifar10_half.csv", folder.path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "arch,params,macs,test_acc_seed1,test_acc_seed2,test_acc_seed3\n");
    for (int number = 0; number < 6561; number++) {
        char digits[9] = "";
        double percent = 0;
        for (int i = 7, rest = number; i >= 0; i--, rest /= 3) {
            digits[i] = (char)('0' + rest % 3);
            percent += 100.0 / 8 * (1 - 0.5 * ((rest % 3 + (i % 2 == 0 ? 2 : 0)) % 3));
        }
        fprintf(file, "%s,%d,%d,%g,%g,%g\n", digits, 1 + number, 1 + number, percent, percent,
                percent);
    }
    assert_int_equal(fclose(file), 0);
}

// Categorical steps: by chance a network has 0.5 on average.
static void both_rules_learn_the_table(void **state)
{
    (void)state;
    char config[1400];
    write_table();
    snprintf(config, sizeof config,
             "{\"table\": \"nasbench-macro\", \"search_on\": \"final\", \"path\": \"%s\"}",
             folder.path);
    for (int rule = 0; rule < 2; rule++) {
        const double mixed = learnt("tabular", config, "{\"distribution\": \"mixed\"}", rule, 2400);
        if (!(mixed > 0.9)) {
            fail_msg("%s ends at %g", rule_names[rule], mixed);
        }
    }
}

// Ordered steps with a wall: what the policy proposes in the end is better than what chance does.
static void both_rules_learn_to_prune(void **state)
{
    (void)state;
    for (int rule = 0; rule < 2; rule++) {
        struct loop_case c;
        double sum = 0;
        player_set_method(&c, &method_impala, 400);
        c.learner.rule = rule == 0 ? RULE_VTRACE : RULE_MC_IS;
        c.learner.model = REWARD_MODEL_NONE;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        for (int task = 0; task < c.n_tasks; task++) {
            struct learner_candidate best;
            assert_int_equal(learner_best(c.opened, task, 1, &best), 1);
            sum += best.score / game_best_score(task) / c.n_tasks;
        }
        if (!(sum > 0.985)) {
            fail_msg("%s finds %g of the best there is", rule_names[rule], sum);
        }
        loop_case_close(&c);
    }
}

static int open_all(void **state)
{
    make_folder(state);
    return players_open(state);
}

static int close_all(void **state)
{
    players_close(state);
    return remove_folder(state);
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_is_the_source_s),
        cmocka_unit_test(both_rules_learn_the_bandit),
        cmocka_unit_test(both_rules_learn_the_table),
        cmocka_unit_test(both_rules_learn_to_prune),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
