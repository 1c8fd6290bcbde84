// The cart and pole of Barto, Sutton & Anderson (1983), with the constants, the Euler steps and the
// limits that Gym made known as CartPole-v1.
#include "envs/env_list.h"
#include "envs/small.h"

#include <math.h>
#include <stdlib.h>

struct cartpole_options {
    int steps;
    bool hide_velocity;
    const struct double_list *scales;
};
#define AT(field) .offset = offsetof(struct cartpole_options, field)
const struct option cartpole_option_table[] = {
    {"steps", "most steps of an episode", OPTION_INT, AT(steps), .fallback = 500, .least = 1,
     .most = 100000},
    {"hide_velocity", "show positions only, so that the past matters", OPTION_BOOL,
     AT(hide_velocity), .fallback = 0},
    SMALL_SCALES_ROW(cartpole_options, scales),
    {.key = NULL},
};

static const double gravity = 9.8, cart_mass = 1.0, pole_mass = 0.1; // m/s^2, kg
static const double half_length = 0.5;                               // of the pole, m
static const double force = 10.0, time_step = 0.02;                  // N, s
static const double position_limit = 2.4;                            // m
static const double angle_limit = 12.0 * 2.0 * 3.14159265358979323846 / 360.0;
static const double usual_speed = 2.0, usual_spin = 2.0; // m/s, 1/s: sizes of observations

struct cartpole_episode {
    double scale;
    double position, speed, angle, spin; // m, m/s, radians from upright, 1/s
    int step;
};
struct cartpole {
    struct env base;
    const struct cartpole_options *options; // borrowed
    uint64_t seed;
    struct cartpole_episode episodes[]; // [slots]
};

static enum status cartpole_open(const struct env_job *job, struct env **out)
{
    const size_t slots = (size_t)small_slots(job);
    struct cartpole *self = calloc(1, sizeof *self + slots * sizeof *self->episodes);
    if (self == NULL) {
        FAIL(ERR_MEMORY, "no memory for the environment cartpole");
    }
    self->base.ops = &env_cartpole;
    self->options = job->config;
    self->seed = job->seed;
    *out = &self->base;
    return OK;
}

static void cartpole_spec(const struct env *env, struct env_spec *out)
{
    const struct cartpole *self = (const struct cartpole *)env;
    *out = (struct env_spec){.n_obs = self->options->hide_velocity ? 2 : 4,
                             .n_choices = 2,
                             .most_steps = self->options->steps,
                             .n_tasks = small_tasks(self->options->scales)};
}

static void show(const struct cartpole *self, const struct cartpole_episode *cart,
                 const struct env_row *row)
{
    int n = 0;
    row->obs[n++] = (float)(cart->position / position_limit);
    if (!self->options->hide_velocity) {
        row->obs[n++] = (float)(cart->speed / usual_speed);
    }
    row->obs[n++] = (float)(cart->angle / angle_limit);
    if (!self->options->hide_velocity) {
        row->obs[n] = (float)(cart->spin / usual_spin);
    }
    small_offer(row, 2);
}

static enum status cartpole_reset(struct env *env, int slot, const struct env_start *start,
                                  const struct env_row *row)
{
    struct cartpole *self = (struct cartpole *)env;
    struct cartpole_episode *cart = &self->episodes[slot];
    cart->scale = small_scale(self->options->scales, start->task);
    struct rng rng = rng_make(self->seed, RNG_EPISODE, (uint64_t)start->episode, 0);
    double *const drawn[] = {&cart->position, &cart->speed, &cart->angle, &cart->spin};
    for (int i = 0; i < 4; i++) {
        *drawn[i] = 0.1 * (double)rng_uniform(&rng) - 0.05;
    }
    cart->step = 0;
    show(self, cart, row);
    return OK;
}

// Equations of motion (Barto, Sutton & Anderson 1983, appendix, without friction), then one step of
// explicit Euler: positions move by the velocities before the step.
static void move(struct cartpole_episode *cart, double push)
{
    const double total_mass = cart_mass + pole_mass, pole_moment = pole_mass * half_length;
    const double sine = sin(cart->angle), cosine = cos(cart->angle);
    const double thrust = (push + pole_moment * cart->spin * cart->spin * sine) / total_mass;
    const double spin_change =
        (gravity * sine - cosine * thrust) /
        (half_length * (4.0 / 3.0 - pole_mass * cosine * cosine / total_mass));
    const double speed_change = thrust - pole_moment * spin_change * cosine / total_mass;
    cart->position += time_step * cart->speed;
    cart->speed += time_step * speed_change;
    cart->angle += time_step * cart->spin;
    cart->spin += time_step * spin_change;
}

static enum status cartpole_step(struct env *env, int slot, int choice, const struct env_row *row,
                                 float *reward, enum env_end *end)
{
    struct cartpole *self = (struct cartpole *)env;
    struct cartpole_episode *cart = &self->episodes[slot];
    CHECK(choice == 0 || choice == 1);
    move(cart, choice == 1 ? force : -force);
    cart->step++;
    *reward = (float)cart->scale;
    if (fabs(cart->position) > position_limit || fabs(cart->angle) > angle_limit) {
        *end = ENV_TERMINATED;
        return OK;
    }
    *end = cart->step < self->options->steps ? ENV_RUNNING : ENV_TRUNCATED;
    show(self, cart, row);
    return OK;
}

static void cartpole_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    *out = (struct env_outcome){.score = ((const struct cartpole *)env)->episodes[slot].step};
}

static void cartpole_close(struct env *env)
{
    free(env);
}

const struct env_ops env_cartpole = {
    .name = "cartpole",
    .about = "keep a pole upright on a cart, with or without seeing velocities",
    .options = cartpole_option_table,
    .options_bytes = sizeof(struct cartpole_options),
    .open = cartpole_open,
    .spec = cartpole_spec,
    .reset = cartpole_reset,
    .step = cartpole_step,
    .outcome = cartpole_outcome,
    .close = cartpole_close,
};
