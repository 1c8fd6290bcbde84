#include "compute/cuda/candidate_fuse.h"

#include "compute/cuda/candidate_args.h"
#include "compute/cuda/candidate_value.h"

enum { FIRST_BYTE = 128, MOST_EACH = 8, TAP_BYTES = 16 }; // before FIRST_BYTE: zeros

// Something in shared memory for some steps of a run, counted from its first.
struct item {
    size_t bytes, at;
    int from, to;
};

// A run that is tried. Item 0 is what it reads, then values, then weights.
struct trial {
    const struct candidate_layout *layout;
    int first, n, in_value, each;
    struct item *items; // [2 * n + 1]
};

static const struct candidate_step *step_of(const struct trial *t, int s)
{
    return &t->layout->network->steps[t->first + s];
}

static bool takes_in(const struct candidate_step *step)
{
    const bool adds_many = step->op.kind == OP_ADD && step->n_inputs > 2;
    return step->n_inputs <= CANDIDATE_SOURCES && !adds_many;
}

static int readings(const struct candidate_step *step)
{
    return step->n_inputs + (step->sum >= 0);
}

static int reading(const struct candidate_step *step, int i)
{
    return i < step->n_inputs ? step->inputs[i] : step->sum;
}

// Whether the run reads one value from before and nobody behind it reads others than its last.
static bool is_closed(struct trial *t)
{
    const struct candidate_network *network = t->layout->network;
    t->in_value = -1;
    for (int s = 0; s < t->n; s++) {
        const struct candidate_step *step = step_of(t, s);
        for (int i = 0; i < readings(step); i++) {
            const int value = reading(step, i);
            if (value <= t->first && t->in_value >= 0 && value != t->in_value) {
                return false;
            }
            t->in_value = value <= t->first ? value : t->in_value;
        }
        if (!takes_in(step)) {
            return false;
        }
    }
    const int last = t->first + t->n;
    for (int s = last; s < network->n_steps; s++) {
        for (int i = 0; i < readings(&network->steps[s]); i++) {
            const int value = reading(&network->steps[s], i);
            if (value > t->first && value < last) {
                return false;
            }
        }
    }
    return t->in_value >= 0;
}

static int last_reader(const struct trial *t, int value)
{
    for (int s = t->n - 1; s >= 0; s--) {
        const struct candidate_step *step = step_of(t, s);
        for (int i = 0; i < readings(step); i++) {
            if (reading(step, i) == value) {
                return s;
            }
        }
    }
    return value - t->first - 1; // where it is made
}

static size_t value_bytes(const struct trial *t, int value)
{
    return (value == 0 ? t->layout->input_bytes : t->layout->layers[value - 1].value_bytes) *
           (size_t)t->each;
}

static size_t weights_bytes(const struct candidate_layer *layer)
{
    const struct op *op = &layer->step->op;
    if (layer->depthwise || op->kind != OP_CONV) {
        return layer->weights_bytes;
    }
    const size_t columns = (size_t)candidate_padded(op->out_c);
    return layer->weights_bytes + layer->weights_bytes / columns / CANDIDATE_CHUNK * TAP_BYTES;
}

// The lowest place that no item before has which is there at the same time.
static void place(struct trial *t, int number)
{
    struct item *item = &t->items[number];
    bool moved = true;
    item->at = FIRST_BYTE;
    while (moved) {
        moved = false;
        for (int k = 0; k < number; k++) {
            const struct item *other = &t->items[k];
            const bool together = other->from <= item->to && item->from <= other->to;
            const bool meets =
                item->at < other->at + other->bytes && other->at < item->at + item->bytes;
            if (together && meets) {
                item->at = other->at + other->bytes;
                moved = true;
            }
        }
    }
}

static struct item *item_of(const struct trial *t, int value)
{
    return value == t->in_value ? &t->items[0] : &t->items[value - t->first];
}

// Bytes in all. ahead: weights come a step early.
static size_t place_all(struct trial *t, bool ahead)
{
    size_t end = FIRST_BYTE;
    t->items[0] =
        (struct item){.bytes = value_bytes(t, t->in_value), .to = last_reader(t, t->in_value)};
    place(t, 0);
    for (int s = 0; s < t->n; s++) {
        const struct candidate_step *step = step_of(t, s);
        const int value = t->first + s + 1, last = s == t->n - 1 ? s : last_reader(t, value);
        struct item *item = &t->items[s + 1];
        *item = (struct item){.bytes = value_bytes(t, value), .from = s, .to = last};
        // A sum is made where its other operand lies, which nobody else needs any more.
        if (step->sum >= 0 && item_of(t, step->sum)->to == s &&
            item_of(t, step->sum)->bytes == item->bytes) {
            item->at = item_of(t, step->sum)->at;
        } else {
            place(t, s + 1);
        }
    }
    for (int s = 0; s < t->n; s++) {
        struct item *item = &t->items[t->n + 1 + s];
        *item = (struct item){.bytes = weights_bytes(&t->layout->layers[t->first + s]),
                              .from = ahead && s > 0 ? s - 1 : s,
                              .to = s};
        place(t, t->n + 1 + s);
    }
    for (int i = 0; i <= 2 * t->n; i++) {
        const struct item *item = &t->items[i];
        end = item->at + item->bytes > end && item->bytes > 0 ? item->at + item->bytes : end;
    }
    return end;
}

// Takes most images, and fetches ahead where there is room. False: not even one image fits.
static bool fit(struct trial *t, size_t most, struct candidate_fused_plan *plan, bool *ahead)
{
    for (t->each = MOST_EACH; t->each >= 1; t->each /= 2) {
        for (int early = 1; early >= 0; early--) {
            plan->shared_bytes = place_all(t, early != 0);
            if (plan->shared_bytes <= most) {
                *ahead = early != 0;
                return true;
            }
        }
    }
    return false;
}

static enum status write_plan(const struct trial *t, bool ahead, struct arena *arena,
                              struct candidate_fused_plan *plan)
{
    const size_t n = (size_t)t->n;
    plan->first = t->first;
    plan->n = t->n;
    plan->in_value = t->in_value;
    plan->in_at = (int)t->items[0].at;
    plan->each = t->each;
    ARENA_NEW(arena, plan->value_at, n);
    ARENA_NEW(arena, plan->weights_at, n);
    ARENA_NEW(arena, plan->ahead, n);
    for (int s = 0; s < t->n; s++) {
        const struct item *weights = &t->items[t->n + 1 + s];
        plan->value_at[s] = (int)t->items[s + 1].at;
        plan->weights_at[s] = weights->bytes > 0 ? (int)weights->at : CANDIDATE_UNPLACED;
        const int next = ahead ? s + 1 : s; // step 0's come before it in any case
        const bool fetches = next > 0 && next < t->n && t->items[t->n + 1 + next].bytes > 0;
        plan->ahead[s] = fetches ? next : CANDIDATE_UNPLACED;
    }
    return OK;
}

static enum status place_values(struct candidate_layout *layout, struct arena *arena,
                                const struct candidate_fused_plan *plans, int n)
{
    struct candidate_span *spans;
    ARENA_NEW(arena, spans, (size_t)n);
    for (int i = 0; i < n; i++) {
        spans[i] = (struct candidate_span){.first = plans[i].first, .n = plans[i].n};
    }
    return candidate_layout_place(layout, spans, n, arena);
}

enum status candidate_fuse(struct candidate_layout *layout, size_t shared_bytes,
                           struct arena *arena, struct candidate_fused_plan **plans, int *n)
{
    const int steps = layout->network->n_steps;
    struct trial t = {.layout = layout};
    ARENA_NEW(arena, t.items, 2 * (size_t)steps + 1);
    ARENA_NEW(arena, *plans, (size_t)steps);
    *n = 0;
    for (t.first = 0; t.first < steps; t.first++) {
        for (t.n = steps - t.first; t.n >= 2; t.n--) {
            bool ahead;
            struct candidate_fused_plan *plan = &(*plans)[*n];
            if (is_closed(&t) && fit(&t, shared_bytes, plan, &ahead)) {
                TRY(write_plan(&t, ahead, arena, plan));
                ++*n;
                t.first += t.n - 1;
                break;
            }
        }
    }
    return place_values(layout, arena, *plans, *n);
}
