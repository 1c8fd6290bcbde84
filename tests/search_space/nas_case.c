// Checks that hold for every space.
#include "nas_case.h"

#include "core/config.h"
#include "core/rng.h"
#include "nn/graph_text.h"
#include "test_unit.h"

enum { MOST_COVERS = 8 };

struct nas_space nas_case_open(enum nas_space_kind kind, int h, int w, int c, int classes)
{
    struct nas_space space = {0};
    const struct nas_input input = {.h = h, .w = w, .c = c, .classes = classes};
    assert_ok(nas_space_open(nas_spaces[kind], NULL, &input, &space));
    return space;
}

struct nas_space nas_case_open_with(enum nas_space_kind kind, const char *options,
                                    const struct nas_input *input)
{
    const struct nas_space_type *type = nas_spaces[kind];
    struct arena arena = {0};
    struct nas_space space = {0};
    struct json *json = NULL;
    void *values = arena_alloc(&arena, 1, type->options_bytes + 1);
    assert_ok(json_parse(options, strlen(options), "options", &json));
    if (type->options != NULL) {
        assert_ok(config_read(json, "options", type->options, values, &arena));
    }
    assert_ok(nas_space_open(type, values, input, &space));
    json_close(json);
    arena_close(&arena); // the space needs nothing of it
    return space;
}

void nas_case_network(enum nas_space_kind kind, uint64_t number, struct graph *out)
{
    static const struct nas_input input = {.h = 8, .w = 8, .c = 3, .classes = 5};
    static const char *const options[] = {
        [NAS_MOBILE] = "{\"stem_width\": 6, \"head_width\": 10, \"stages\": ["
                       "{\"width\": [4, 6], \"depth\": [1, 2], \"expansion\": [1, 2, 3],"
                       " \"squeeze_excite\": true, \"activation\": \"hard_swish\"},"
                       "{\"width\": [6, 7], \"depth\": [1, 2], \"expansion\": [2],"
                       " \"stride\": 1, \"activation\": \"silu\"}]}",
        [NAS_MACRO] = "{}",
        [NAS_RESNET] = "{\"widths\": [8, 12, 8], \"round_to\": 2, \"depths\": [1, 2]}",
        [NAS_CELL] = "{\"channels\": 6, \"cells\": 1}"};
    int16_t choice[NAS_MOST_DECISIONS];
    struct nas_space space = nas_case_open_with(kind, options[kind], &input);
    if (number < 2) {
        (number == 0 ? nas_space_least : nas_space_greatest)(&space, choice);
    } else {
        struct rng rng = rng_make(50, RNG_TEST, number, 0);
        nas_space_random(&space, &rng, choice);
    }
    assert_ok(nas_space_build(&space, choice, out));
    nas_space_close(&space);
}

static struct nas_cost cost_of(const struct graph *graph)
{
    const struct network_cost counted = cost_of_graph(graph);
    return (struct nas_cost){{[COST_MACS] = counted.macs,
                              [COST_PARAMS] = counted.params,
                              [COST_BYTES] = (int64_t)(4 * graph->n_floats)}};
}

struct text nas_case_graph(const struct nas_space *space, const int16_t *choice,
                           struct nas_cost *cost)
{
    struct graph graph = {0};
    struct text text = {0};
    assert_ok(nas_space_build(space, choice, &graph));
    graph_write(&graph, &text);
    assert_false(text.failed);
    *cost = cost_of(&graph);
    graph_close(&graph);
    return text;
}

static size_t choice_bytes(const struct nas_space *space)
{
    return (size_t)space->n_decisions * sizeof(int16_t);
}

// Every parameter is a leading or middle part of one that a covering network has.
static void check_nested(const struct graph *graph, const struct graph *covers, int n_covers)
{
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        bool nested = false;
        for (int g = 0; g < n_covers && !nested; g++) {
            const struct param *greatest = graph_find_param(&covers[g], param->name);
            nested = greatest != NULL && greatest->n_dims == param->n_dims &&
                     greatest->role == param->role;
            for (int d = 0; nested && d < param->n_dims; d++) {
                const int more = greatest->dims[d] - param->dims[d];
                nested = more >= 0 && (d < 2 || more % 2 == 0); // kernels have a middle
            }
        }
        if (!nested) {
            fail_msg("%s is part of no covering network", param->name);
        }
    }
}

static void check_choice(const struct nas_space *space, struct nas_wall *wall,
                         const int16_t *choice, const struct graph *covers, int n_covers)
{
    struct graph graph = {0};
    struct nas_cost cost;
    assert_ok(nas_space_build(space, choice, &graph));
    assert_ok(nas_wall_cost(wall, choice, &cost));
    const struct nas_cost counted = cost_of(&graph);
    assert_memory_equal(&cost, &counted, sizeof cost);
    assert_int_equal(graph.nodes[graph_output_node(&graph)].c, space->input.classes);
    check_nested(&graph, covers, n_covers);
    graph_close(&graph);
}

// Any choice and its canonical form give one graph and one cost.
static void check_canonical(const struct nas_space *space, struct nas_wall *wall, struct rng *rng)
{
    int16_t any[NAS_MOST_DECISIONS], canonical[NAS_MOST_DECISIONS], again[NAS_MOST_DECISIONS];
    for (int d = 0; d < space->n_decisions; d++) {
        any[d] = (int16_t)rng_below(rng, (uint32_t)space->decisions[d].n_choices);
    }
    memcpy(canonical, any, choice_bytes(space));
    nas_space_canonical(space, canonical);
    memcpy(again, canonical, choice_bytes(space));
    nas_space_canonical(space, again);
    assert_memory_equal(again, canonical, choice_bytes(space));
    struct nas_cost a, b, c;
    struct text of_any = nas_case_graph(space, any, &a);
    struct text of_canonical = nas_case_graph(space, canonical, &b);
    assert_string_equal(of_any.bytes, of_canonical.bytes);
    assert_memory_equal(&a, &b, sizeof a);
    assert_ok(nas_wall_cost(wall, any, &c));
    assert_memory_equal(&a, &c, sizeof a);
    text_close(&of_any);
    text_close(&of_canonical);
}

void nas_case_random(const struct nas_space *space, int n, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0, 0);
    struct nas_wall *wall = NULL;
    struct graph covers[MOST_COVERS] = {0};
    int16_t choice[NAS_MOST_DECISIONS];
    int n_covers = 0;
    assert_ok(nas_wall_open(space, &wall));
    while (nas_space_cover(space, n_covers, choice)) {
        assert_true(n_covers < MOST_COVERS);
        assert_ok(nas_space_build(space, choice, &covers[n_covers++]));
    }
    for (int i = 0; i < n; i++) {
        nas_space_random(space, &rng, choice);
        check_choice(space, wall, choice, covers, n_covers);
        check_canonical(space, wall, &rng);
    }
    for (int g = 0; g < n_covers; g++) {
        graph_close(&covers[g]);
    }
    nas_wall_close(wall);
}

// Each cost between the least and the greatest network's, often near the least, or none.
static void draw_limits(const struct nas_space *space, struct nas_wall *wall, struct rng *rng,
                        struct nas_cost *limits)
{
    int16_t choice[NAS_MOST_DECISIONS];
    struct nas_cost least, greatest;
    nas_space_least(space, choice);
    assert_ok(nas_wall_cost(wall, choice, &least));
    nas_space_greatest(space, choice);
    assert_ok(nas_wall_cost(wall, choice, &greatest));
    for (int k = 0; k < COST_KINDS; k++) {
        const double u = (double)rng_uniform(rng);
        const double span = (double)(greatest.of[k] - least.of[k]);
        limits->of[k] = rng_below(rng, 4) == 0 ? INT64_MAX : least.of[k] + (int64_t)(u * u * span);
    }
}

static void assert_within(const struct nas_cost *cost, const struct nas_cost *limits)
{
    for (int k = 0; k < COST_KINDS; k++) {
        assert_true(cost->of[k] <= limits->of[k]);
    }
}

static void play(const struct nas_space *space, struct nas_wall *wall,
                 const struct nas_cost *limits, struct rng *rng, int16_t *choice)
{
    for (int d = 0; d < space->n_decisions; d++) {
        uint8_t legal[NAS_MOST_CHOICES];
        int allowed[NAS_MOST_CHOICES], n = 0;
        assert_ok(nas_wall_legal(wall, limits, choice, d, legal));
        for (int i = 0; i < space->decisions[d].n_choices; i++) {
            allowed[n] = i;
            n += legal[i];
        }
        assert_true(n > 0);
        choice[d] = (int16_t)allowed[rng_below(rng, (uint32_t)n)];
    }
}

void nas_case_episodes(const struct nas_space *space, int n, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 1, 0);
    struct nas_wall *wall = NULL;
    int16_t choice[NAS_MOST_DECISIONS];
    assert_ok(nas_wall_open(space, &wall));
    for (int i = 0; i < n; i++) {
        struct nas_cost limits, cost;
        struct graph graph = {0};
        draw_limits(space, wall, &rng, &limits);
        play(space, wall, &limits, &rng, choice);
        assert_ok(nas_space_build(space, choice, &graph));
        cost = cost_of(&graph);
        assert_within(&cost, &limits);
        graph_close(&graph);
    }
    nas_wall_close(wall);
}

static bool within(const struct nas_cost *cost, const struct nas_cost *limits)
{
    bool keeps = true;
    for (int k = 0; k < COST_KINDS; k++) {
        keeps = keeps && cost->of[k] <= limits->of[k];
    }
    return keeps;
}

static bool can_finish(const struct nas_space *space, struct nas_wall *wall,
                       const struct nas_cost *limits, int16_t *choice, int decided)
{
    if (decided == space->n_decisions) {
        struct nas_cost cost;
        assert_ok(nas_wall_cost(wall, choice, &cost));
        return within(&cost, limits);
    }
    for (int i = 0; i < space->decisions[decided].n_choices; i++) {
        choice[decided] = (int16_t)i;
        if (can_finish(space, wall, limits, choice, decided + 1)) {
            return true;
        }
    }
    return false;
}

void nas_case_exact(const struct nas_space *space, int n, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 2, 0);
    struct nas_wall *wall = NULL;
    int16_t choice[NAS_MOST_DECISIONS];
    int refused = 0, idle = 0;
    assert_ok(nas_wall_open(space, &wall));
    for (int i = 0; i < n; i++) {
        struct nas_cost limits;
        draw_limits(space, wall, &rng, &limits);
        const int step = (int)rng_below(&rng, (uint32_t)space->n_decisions);
        const struct nas_decision *decision = &space->decisions[step];
        uint8_t legal[NAS_MOST_CHOICES];
        play(space, wall, &limits, &rng, choice);
        assert_ok(nas_wall_legal(wall, &limits, choice, step, legal));
        int n_legal = 0;
        for (int c = 0; c < decision->n_choices; c++) {
            n_legal += legal[c];
        }
        for (int c = 0; c < decision->n_choices; c++) {
            int16_t with[NAS_MOST_DECISIONS];
            memcpy(with, choice, choice_bytes(space));
            with[step] = (int16_t)c;
            const bool reachable = can_finish(space, wall, &limits, with, step + 1);
            assert_true(reachable || !legal[c]);
            refused += !reachable;
            // Reachable but not legal: the same network as with the least choice.
            if (reachable && !legal[c]) {
                int16_t least[NAS_MOST_DECISIONS];
                memcpy(least, with, choice_bytes(space));
                least[step] = (int16_t)decision->least;
                nas_space_canonical(space, least);
                nas_space_canonical(space, with);
                assert_memory_equal(least, with, choice_bytes(space));
                assert_true(n_legal == 1 && legal[decision->least]);
                idle++;
            }
        }
    }
    assert_true(refused > n / 20);
    assert_true(space->type->canonical == NULL || idle > 0);
    nas_wall_close(wall);
}
