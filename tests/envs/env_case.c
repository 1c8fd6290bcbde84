// A small environment for tests.
#include "env_case.h"

#include "core/config.h"
#include "envs/network_env.h"
#include "test_unit.h"

#include <math.h>

enum { GUARD = 0x5A };
static const float unwritten = -12345.0F;

static void *guarded(struct env_case *c, size_t n, size_t size)
{
    unsigned char *bytes = arena_alloc(&c->arena, n + 1, size);
    assert_non_null(bytes);
    memset(bytes + n * size, GUARD, size);
    return bytes;
}

static void check_guard(const void *array, size_t n, size_t size)
{
    const unsigned char *bytes = array;
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(bytes[n * size + i], GUARD);
    }
}

static void open_rows(struct env_case *c)
{
    c->env->ops->spec(c->env, &c->spec);
    assert_true(c->spec.n_obs >= 1 && c->spec.n_choices >= 1 && c->spec.most_steps >= 1);
    assert_true(c->spec.n_result >= 0 && c->spec.n_tasks >= 1);
    c->row.obs = guarded(c, (size_t)c->spec.n_obs, sizeof(float));
    c->row.position = guarded(c, (size_t)c->spec.n_choices, sizeof(float));
    c->row.legal = guarded(c, (size_t)c->spec.n_choices, sizeof(uint8_t));
    c->row.choices = guarded(c, 1, sizeof(int32_t));
    c->row.categorical = guarded(c, 1, sizeof(uint8_t));
}

static void open_job(struct env_case *c, const struct env_ops *ops, const struct env_job *job)
{
    assert_ok(ops->open(job, &c->env));
    assert_ptr_equal(c->env->ops, ops);
    open_rows(c);
}

void env_case_share(struct env_case *c, const struct env_case *of, int slot)
{
    *c = (struct env_case){.env = of->env, .slot = slot, .shares = true};
    open_rows(c);
}

void env_case_open(struct env_case *c, const char *name, const char *json, uint64_t seed)
{
    *c = (struct env_case){.end = ENV_RUNNING};
    const struct env_ops *ops = env_find(name);
    assert_non_null(ops);
    struct json *document;
    assert_ok(json_parse(json, strlen(json), name, &document));
    c->options = arena_alloc(&c->arena, 1, ops->options_bytes);
    assert_non_null(c->options);
    assert_ok(config_read(document, name, ops->options, c->options, &c->arena));
    json_close(document);
    const struct env_job job = {
        .config = c->options, .seed = seed, .slots = ENV_CASE_SLOTS, .threads = 1, .shared_fd = -1};
    open_job(c, ops, &job);
}

void env_case_open_job(struct env_case *c, const struct env_ops *ops, const struct env_job *job)
{
    *c = (struct env_case){.end = ENV_RUNNING};
    open_job(c, ops, job);
}

void env_case_close(struct env_case *c)
{
    if (!c->shares) {
        c->env->ops->close(c->env);
    }
    arena_close(&c->arena);
}

static void clear_row(struct env_case *c)
{
    for (int i = 0; i < c->spec.n_obs; i++) {
        c->row.obs[i] = unwritten;
    }
    *c->row.choices = -1;
    *c->row.categorical = 0;
}

static void check_row(const struct env_case *c)
{
    const struct env_row *row = &c->row;
    check_guard(row->obs, (size_t)c->spec.n_obs, sizeof(float));
    check_guard(row->position, (size_t)c->spec.n_choices, sizeof(float));
    check_guard(row->legal, (size_t)c->spec.n_choices, sizeof(uint8_t));
    check_guard(row->choices, 1, sizeof(int32_t));
    check_guard(row->categorical, 1, sizeof(uint8_t));
    assert_true(*row->categorical <= 1);
    if (c->end == ENV_TERMINATED || c->end == ENV_PENDING) { // nothing comes after it
        assert_true(row->obs[0] == unwritten && *row->choices == -1);
        return;
    }
    for (int i = 0; i < c->spec.n_obs; i++) {
        assert_true(fabsf(row->obs[i]) <= 4.0F);
    }
    assert_true(*row->choices >= 1 && *row->choices <= c->spec.n_choices);
    int legal = 0;
    for (int k = 0; k < *row->choices; k++) {
        assert_true(row->position[k] >= 0.0F && row->position[k] <= 1.0F);
        assert_true(k == 0 || row->position[k] > row->position[k - 1]);
        assert_true(row->legal[k] <= 1);
        legal += row->legal[k];
    }
    assert_true(legal >= 1);
}

void env_case_reset(struct env_case *c, int task, int64_t episode)
{
    const struct env_start start = {.task = task, .episode = episode};
    env_case_start(c, &start);
}

void env_case_start(struct env_case *c, const struct env_start *start)
{
    clear_row(c);
    c->end = ENV_RUNNING;
    assert_ok(c->env->ops->reset(c->env, c->slot, start, &c->row));
    check_row(c);
}

void env_case_step(struct env_case *c, int choice)
{
    assert_int_equal(c->end, ENV_RUNNING);
    assert_int_equal(c->row.legal[choice], 1);
    clear_row(c);
    c->reward = NAN;
    c->end = (enum env_end) - 1;
    assert_ok(c->env->ops->step(c->env, c->slot, choice, &c->row, &c->reward, &c->end));
    assert_true(isfinite(c->reward));
    assert_in_range(c->end, ENV_RUNNING, ENV_PENDING);
    check_row(c);
    if (c->end == ENV_PENDING && !c->waits) {
        env_case_evaluate(&c, 1);
    }
}

void env_case_evaluate(struct env_case *const *cases, int n)
{
    int slots[ENV_CASE_SLOTS];
    struct env *env = cases[0]->env;
    assert_in_range(n, 1, ENV_CASE_SLOTS);
    for (int i = 0; i < n; i++) {
        assert_int_equal(cases[i]->end, ENV_PENDING);
        assert_ptr_equal(cases[i]->env, env);
        slots[i] = cases[i]->slot;
    }
    assert_ok(env->ops->evaluate(env, slots, n));
    for (int i = 0; i < n; i++) {
        cases[i]->end = ENV_TERMINATED;
        cases[i]->reward = env_case_outcome(cases[i]).reward;
        assert_true(isfinite(cases[i]->reward));
    }
}

int env_case_draw(const struct env_case *c, struct rng *rng)
{
    for (;;) {
        const int choice = (int)rng_below(rng, (uint32_t)*c->row.choices);
        if (c->row.legal[choice] != 0) {
            return choice;
        }
    }
}

struct env_outcome env_case_outcome(const struct env_case *c)
{
    struct env_outcome outcome;
    c->env->ops->outcome(c->env, c->slot, &outcome);
    assert_true(isfinite(outcome.score) && outcome.n_result <= c->spec.n_result);
    return outcome;
}

struct env_outcome env_case_play_greedily(struct env_case *c, const struct env_start *start)
{
    env_case_start(c, start);
    while (c->end == ENV_RUNNING) {
        int choice = *c->row.choices - 1;
        while (!c->row.legal[choice]) {
            choice--;
        }
        env_case_step(c, choice);
    }
    return env_case_outcome(c);
}

void env_case_check_budgets(struct env_case *c)
{
    struct network_task_facts facts;
    c->env->ops->network->facts(c->env, 0, &facts);
    const double times[] = {0, 1, 0.8, 1.5, (double)INFINITY, 1e-9};
    int64_t macs[6];
    for (int i = 0; i < 6; i++) {
        const struct env_start start = {.task = 0, .budget = times[i], .imagined = true};
        const struct env_outcome outcome = env_case_play_greedily(c, &start);
        macs[i] = outcome.macs;
        assert_true(outcome.n_result == facts.n_steps && outcome.arithmetic_seconds <= 0);
        assert_true(c->reward == 0 && outcome.score <= 0 && !outcome.cached);
    }
    assert_true(macs[0] <= facts.most[COST_MACS] && macs[1] == macs[0]);
    assert_true((double)macs[2] <= 0.8 * (double)facts.most[COST_MACS] && macs[2] > macs[5]);
    assert_true(macs[3] > macs[0] && (double)macs[3] <= 1.5 * (double)facts.most[COST_MACS]);
    assert_int_equal(macs[4], facts.full[COST_MACS]);
    const struct env_start own = {.task = 0}; // nothing of that stays behind
    const struct env_outcome real = env_case_play_greedily(c, &own);
    assert_true(real.macs == macs[0] && real.score > 0);
}
