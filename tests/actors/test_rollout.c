// Episodes from tickets, one by one and side by side.
#include "actors/rollout.h"
#include "agent/distribution.h"
#include "fake_env.h"
#include "test_unit.h"

#include <math.h>

static const int dense[] = {6, 5};
static const struct int_list dense_list = {.n = 2, .values = dense};
static const struct agent_options agent_options = {.dense = &dense_list,
                                                   .core = CORE_LSTM,
                                                   .hidden = 7,
                                                   .last_action = true,
                                                   .distribution = DISTRIBUTION_GAUSSIAN};

enum { MOST_AT_ONCE = 9 };
struct fixture {
    struct fake_options options;
    struct rollout *rollout;
    struct trajectory_shape shape;
    struct agent agent;
    size_t bytes, n_weights;
    float *weights;
    void *block;
    struct trajectory view;
};

static void open_fixture(struct fixture *f, enum fake_trouble trouble)
{
    f->options.steps = 9;
    f->options.choices = 5;
    f->options.tasks = 3;
    f->options.trouble = trouble;
    f->options.trouble_episode = 4;
    const struct rollout_job job = {
        .ops = &env_fake,
        .env = {.config = &f->options, .seed = 11, .slots = MOST_AT_ONCE, .shared_fd = -1},
        .agent = &agent_options};
    assert_ok(rollout_open(&job, &f->rollout));
    rollout_shape(f->rollout, &f->shape);
    rollout_agent(f->rollout, &f->agent);
    f->bytes = trajectory_bytes(&f->shape);
    f->block = malloc(f->bytes);
    trajectory_view(&f->shape, f->block, &f->view);
    struct graph graph;
    assert_ok(agent_graph(&f->agent, 1, &graph));
    f->n_weights = graph.n_floats;
    f->weights = malloc(f->n_weights * sizeof *f->weights);
    agent_init(&graph, 5, f->weights);
    for (size_t i = 0; i < f->n_weights; i++) { // far from the broad policy at the start
        f->weights[i] += 0.3F * sinf((float)i);
    }
    graph_close(&graph);
}

static void close_fixture(struct fixture *f)
{
    rollout_close(f->rollout);
    free(f->weights);
    free(f->block);
}

static enum status run(struct fixture *f, int64_t episode, enum ticket_source source)
{
    const struct ticket ticket = {.kind = TICKET_EPISODE,
                                  .episode = episode,
                                  .version = 3,
                                  .task = (int32_t)(episode % 3),
                                  .source = (int32_t)source};
    const enum status code = rollout_run(f->rollout, &ticket, 1, f->block);
    struct status_note note; // the check must not overwrite it
    status_save(&note);
    assert_int_equal(trajectory_check(&f->shape, f->block, f->bytes), OK);
    status_restore(&note);
    assert_int_equal(f->view.header->episode, episode);
    assert_int_equal(f->view.header->version, 3);
    assert_int_equal(f->view.header->task, episode % 3);
    assert_int_equal(f->view.header->source, source);
    return code;
}

static void test_shape(void **state)
{
    (void)state;
    struct fixture f = {0};
    open_fixture(&f, FAKE_NONE);
    assert_int_equal(f.shape.rows, 10);
    assert_int_equal(f.shape.n_obs, FAKE_OBS);
    assert_int_equal(f.shape.n_choices, 5);
    assert_int_equal(f.shape.n_result, 10);
    assert_int_equal(f.agent.shape.n_tasks, 3);
    close_fixture(&f);
}

// What every source of actions has in common.
static void check_rows(const struct fixture *f, int64_t episode)
{
    const struct trajectory *view = &f->view;
    const bool cut = episode % 2;
    const int acts = cut ? 8 : 9;
    float sum = 0.0F;
    assert_int_equal(view->header->rows, 9);
    assert_int_equal(view->header->failure, FAILURE_NONE);
    assert_int_equal(view->header->n_result, acts);
    for (int t = 0; t < acts; t++) {
        const int action = view->action[t];
        assert_int_equal(view->legal[t * 5 + action], 1);
        assert_int_equal(view->result[t], action);
        assert_int_equal(view->categorical[t], t % 3 == 1);
        assert_true(view->reward[t] == 0.25F * (float)action - 0.5F);
        assert_true(view->obs[t * FAKE_OBS + 2] == (t > 0 ? (float)view->action[t - 1] : -1.0F));
        const int flags = (t == 0 ? FLAG_FIRST : 0) | (t == 8 ? FLAG_TERMINATED : 0);
        assert_int_equal(view->flags[t], flags);
        sum += view->reward[t];
    }
    if (cut) {
        assert_int_equal(view->flags[8], FLAG_TRUNCATED);
        assert_true(view->obs[8 * FAKE_OBS + 2] == (float)view->action[7]);
    }
    assert_true(view->header->score == (double)sum);
    assert_int_equal(view->header->macs, 1000 + episode);
}

static void test_random(void **state)
{
    (void)state;
    struct fixture f = {0};
    open_fixture(&f, FAKE_NONE);
    int taken[5] = {0};
    for (int64_t episode = 0; episode < 200; episode++) {
        assert_ok(run(&f, episode, ACTIONS_RANDOM));
        check_rows(&f, episode);
        for (int t = 0; t < 8; t++) {
            int legal = 0;
            for (int i = 0; i < f.view.choices[t]; i++) {
                legal += f.view.legal[t * 5 + i];
            }
            assert_true(fabs((double)f.view.logp[t] + log(legal)) < 1e-6);
            if (legal == 5) {
                taken[f.view.action[t]]++;
            }
        }
    }
    for (int i = 1; i < 5; i++) { // all of them, where all are legal
        assert_true(taken[i] > 0);
    }
    close_fixture(&f);
}

static void test_given(void **state)
{
    (void)state;
    struct fixture f = {0};
    open_fixture(&f, FAKE_NONE);
    struct ticket ticket = {.kind = TICKET_EPISODE, .episode = 2, .source = ACTIONS_GIVEN};
    ticket.n_given = 6;
    const int16_t given[] = {0, 4, 2, 1, 300, -5};
    memcpy(ticket.given, given, sizeof given);
    assert_ok(rollout_run(f.rollout, &ticket, 1, f.block));
    for (int t = 0; t < 9; t++) {
        const uint8_t *legal = f.view.legal + (ptrdiff_t)t * 5;
        const int last = f.view.choices[t] - 1;
        const int wanted = t >= 6 ? last : given[t] < 0 ? 0 : given[t] > last ? last : given[t];
        int expected = wanted;
        while (expected >= 0 && !legal[expected]) {
            expected--;
        }
        for (int i = wanted; expected < 0; i++) {
            expected = legal[i] ? i : -1;
        }
        assert_int_equal(f.view.action[t], expected);
        assert_true(f.view.logp[t] == 0.0F);
    }
    close_fixture(&f);
}

// A second player, fed with what the trajectory says, finds the same probabilities.
static void test_policy(void **state)
{
    (void)state;
    struct fixture f = {0};
    open_fixture(&f, FAKE_NONE);
    assert_fails(run(&f, 0, ACTIONS_POLICY), ERR_COMM, "weights never came");
    rollout_load(f.rollout, f.weights, f.n_weights);
    struct backend *backend;
    struct agent_player *player;
    assert_ok(backend_open("ref", &(struct backend_options){.threads = 1}, &backend));
    assert_ok(agent_player_open(backend, &f.agent, 1, &player));
    agent_player_load(player, f.weights);
    for (int64_t episode = 0; episode < 20; episode++) {
        assert_ok(run(&f, episode, ACTIONS_POLICY));
        check_rows(&f, episode);
        agent_player_begin(player, 0);
        float last_action = 0.0F, last_reward = 0.0F;
        for (int t = 0; t < 8; t++) {
            const struct agent_step step = {.obs = f.view.obs + (ptrdiff_t)t * FAKE_OBS,
                                            .last_action = last_action,
                                            .last_reward = last_reward};
            const float *output = agent_player_step(player, &step, 1);
            const struct offer offer = {.n = f.view.choices[t],
                                        .position = f.view.position + (ptrdiff_t)t * 5,
                                        .legal = f.view.legal + (ptrdiff_t)t * 5,
                                        .categorical = f.view.categorical[t] != 0};
            const struct chosen chosen = {.choice = f.view.action[t], .raw = f.view.raw[t]};
            struct distribution_value value;
            f.agent.distribution->value(output, &offer, &chosen, &value, NULL, NULL);
            assert_true(fabs(value.logp - (double)f.view.logp[t]) < 1e-4);
            last_action = offer.position[chosen.choice];
            last_reward = f.view.reward[t];
        }
    }
    agent_player_close(player);
    backend_close(backend);
    close_fixture(&f);
}

// Clears what may differ between two runs of a ticket.
static void forget_seconds(struct trajectory_header *header)
{
    header->environment_seconds = header->policy_seconds = 0.0;
    header->arithmetic_seconds = header->wire_seconds = 0.0;
}

static void test_same_bytes(void **state)
{
    (void)state;
    struct fixture f = {0}, g = {0};
    open_fixture(&f, FAKE_NONE);
    open_fixture(&g, FAKE_NONE);
    rollout_load(f.rollout, f.weights, f.n_weights);
    rollout_load(g.rollout, g.weights, g.n_weights);
    const enum ticket_source sources[] = {ACTIONS_POLICY, ACTIONS_GREEDY, ACTIONS_RANDOM,
                                          ACTIONS_GIVEN};
    memset(g.block, 0xff, g.bytes);
    for (int i = 0; i < 12; i++) {
        assert_ok(run(&f, i, sources[i % 4]));
        assert_ok(run(&g, 100 + i, sources[(i + 1) % 4])); // what was before does not matter
        assert_ok(run(&g, i, sources[i % 4]));
        forget_seconds(f.view.header);
        forget_seconds(g.view.header);
        assert_memory_equal(f.block, g.block, f.bytes);
    }
    close_fixture(&f);
    close_fixture(&g);
}

// Played side by side, whoever chooses, whatever their lengths and however they end: each is the
// bytes that it is by itself.
static void test_side_by_side(void **state)
{
    (void)state;
    struct fixture f = {0}, g = {0};
    f.options.uneven = f.options.pending = g.options.uneven = g.options.pending = true;
    open_fixture(&f, FAKE_NONE);
    open_fixture(&g, FAKE_NONE);
    rollout_load(f.rollout, f.weights, f.n_weights);
    rollout_load(g.rollout, g.weights, g.n_weights);
    const enum ticket_source sources[] = {ACTIONS_POLICY, ACTIONS_GREEDY, ACTIONS_POLICY,
                                          ACTIONS_RANDOM, ACTIONS_GIVEN};
    char *blocks = malloc(MOST_AT_ONCE * f.bytes);
    for (int n = 1, first = 0; n <= MOST_AT_ONCE; first += n++) {
        struct ticket tickets[MOST_AT_ONCE];
        memset(blocks, 0xff, MOST_AT_ONCE * f.bytes);
        for (int i = 0; i < n; i++) {
            const int64_t episode = first + i;
            tickets[i] = (struct ticket){.kind = TICKET_EPISODE,
                                         .episode = episode,
                                         .version = 3,
                                         .task = (int32_t)(episode % 3),
                                         .source = (int32_t)sources[episode % 5]};
        }
        assert_ok(rollout_run(f.rollout, tickets, n, blocks));
        for (int i = 0; i < n; i++) {
            struct trajectory_header *header = (void *)(blocks + (size_t)i * f.bytes);
            assert_true(header->environment_seconds > 0.0 && header->policy_seconds > 0.0);
            assert_ok(rollout_run(g.rollout, &tickets[i], 1, g.block));
            forget_seconds(header);
            forget_seconds(g.view.header);
            assert_memory_equal(header, g.block, g.bytes);
        }
    }
    free(blocks);
    close_fixture(&f);
    close_fixture(&g);
}

// An error of one is reported for all, since they cannot be told apart.
static void test_trouble_side_by_side(void **state)
{
    (void)state;
    const enum fake_trouble troubles[] = {FAKE_ERROR, FAKE_EVALUATE_ERROR};
    for (int i = 0; i < 2; i++) {
        struct fixture f = {0};
        f.options.pending = true;
        open_fixture(&f, troubles[i]);
        const struct ticket tickets[3] = {
            {.kind = TICKET_EPISODE, .source = ACTIONS_RANDOM},
            {.kind = TICKET_EPISODE, .source = ACTIONS_RANDOM, .episode = 4},
            {.kind = TICKET_EPISODE, .source = ACTIONS_RANDOM, .episode = 2}};
        char *blocks = malloc(3 * f.bytes);
        assert_fails(rollout_run(f.rollout, tickets, 3, blocks), ERR_INPUT, "the fake");
        for (int k = 0; k < 3; k++) {
            const struct trajectory_header *header = (void *)(blocks + (size_t)k * f.bytes);
            assert_ok(trajectory_check(&f.shape, header, f.bytes));
            assert_int_equal(header->episode, tickets[k].episode);
            assert_int_equal(header->failure, FAILURE_ERROR);
            assert_int_equal(header->rows, 0);
        }
        assert_ok(run(&f, 2, ACTIONS_RANDOM));
        check_rows(&f, 2);
        free(blocks);
        close_fixture(&f);
    }
}

// Another policy may play imagined episodes in between.
static void test_imagined(void **state)
{
    (void)state;
    struct fixture f = {0}, g = {0};
    open_fixture(&f, FAKE_NONE);
    open_fixture(&g, FAKE_NONE);
    struct ticket imagined = {
        .kind = TICKET_IMAGINED, .episode = 50, .source = ACTIONS_POLICY, .version = 3};
    rollout_load(f.rollout, f.weights, f.n_weights);
    rollout_load(g.rollout, g.weights, g.n_weights);
    assert_fails(rollout_run(g.rollout, &imagined, 1, g.block), ERR_COMM, "weights never came");
    bool differs = false;
    for (int i = 0; i < 6; i++) {
        for (size_t k = 0; k < g.n_weights; k++) {
            g.weights[k] = -2.0F * f.weights[k] + (float)i;
        }
        assert_ok(rollout_load_imagining(g.rollout, g.weights, g.n_weights));
        imagined.episode = i;
        assert_ok(rollout_run(g.rollout, &imagined, 1, g.block));
        const float theirs = g.view.logp[0];
        assert_ok(run(&f, i, ACTIONS_POLICY));
        assert_ok(run(&g, i, ACTIONS_POLICY));
        differs = differs || theirs != f.view.logp[0];
        forget_seconds(f.view.header);
        forget_seconds(g.view.header);
        assert_memory_equal(f.block, g.block, f.bytes);
    }
    assert_true(differs); // it was another policy
    close_fixture(&f);
    close_fixture(&g);
}

struct trouble_case {
    enum fake_trouble trouble;
    enum status status;
    enum failure_reason failure;
    const char *text;
};

static void test_trouble(void **state)
{
    (void)state;
    const struct trouble_case cases[] = {
        {FAKE_ERROR, ERR_INPUT, FAILURE_ERROR, "broken"},
        {FAKE_MEMORY, ERR_MEMORY, FAILURE_MEMORY, "no memory"},
        {FAKE_ENDLESS, ERR_INPUT, FAILURE_ERROR, "9 steps"},
        {FAKE_NO_CHOICE, ERR_INPUT, FAILURE_ERROR, "none of them legal"},
        {FAKE_DIVERGE, OK, FAILURE_DIVERGED, ""},
        {FAKE_NAN, OK, FAILURE_DIVERGED, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = {0};
        open_fixture(&f, cases[i].trouble);
        assert_ok(run(&f, 2, ACTIONS_RANDOM));
        assert_fails(run(&f, 4, ACTIONS_RANDOM), cases[i].status, cases[i].text);
        assert_int_equal(f.view.header->failure, cases[i].failure);
        assert_int_equal(f.view.header->rows, cases[i].status == OK ? 9 : 0);
        assert_true(f.view.header->score == 0.0);
        assert_ok(run(&f, 6, ACTIONS_RANDOM));
        check_rows(&f, 6);
        close_fixture(&f);
    }
}

static void test_bad_tickets(void **state)
{
    (void)state;
    struct fixture f = {0};
    open_fixture(&f, FAKE_NONE);
    struct ticket ticket = {.kind = TICKET_EPISODE, .task = 3};
    assert_fails(rollout_run(f.rollout, &ticket, 1, f.block), ERR_COMM, "task 3 of 3");
    ticket.task = 0;
    ticket.source = 17;
    assert_fails(rollout_run(f.rollout, &ticket, 1, f.block), ERR_COMM, "source");
    rollout_load(f.rollout, f.weights, f.n_weights);
    for (size_t i = 0; i < f.n_weights; i++) {
        f.weights[i] = NAN;
    }
    rollout_load(f.rollout, f.weights, f.n_weights);
    assert_fails(run(&f, 0, ACTIONS_POLICY), ERR_INPUT, "the policy of version 3");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),        cmocka_unit_test(test_random),
        cmocka_unit_test(test_given),        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_same_bytes),   cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_bad_tickets),  cmocka_unit_test(test_imagined),
        cmocka_unit_test(test_side_by_side), cmocka_unit_test(test_trouble_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
