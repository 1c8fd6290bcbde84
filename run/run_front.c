#include "run/run_front.h"

#include <stdio.h>
#include <string.h>

static const char *const keys[CANDIDATE_COSTS] = {
    [CANDIDATE_MACS] = "macs", [CANDIDATE_PARAMS] = "params", [CANDIDATE_BYTES] = "bytes"};
static const char *const words[CANDIDATE_COSTS] = {
    [CANDIDATE_MACS] = "MACs", [CANDIDATE_PARAMS] = "parameters", [CANDIDATE_BYTES] = "bytes"};

enum status run_front_keep(const struct learner *learner, int task, struct arena *arena,
                           struct learner_front *out)
{
    struct arena scratch = {0};
    struct learner_front front;
    enum status code = learner_front(learner, task, &scratch, &front);
    struct learner_candidate *kept = NULL;
    if (code == OK) {
        kept = arena_alloc(arena, (size_t)front.n + 1, sizeof *kept);
        code = kept != NULL ? OK : ERR_MEMORY;
    }
    for (int i = 0; code == OK && i < front.n; i++) {
        const size_t n = (size_t)front.candidates[i].n_widths;
        int32_t *widths = arena_alloc(arena, n + 1, sizeof *widths);
        if (widths == NULL) {
            code = ERR_MEMORY;
            break;
        }
        memcpy(widths, front.candidates[i].widths, n * sizeof *widths);
        kept[i] = front.candidates[i];
        kept[i].widths = widths;
        kept[i].choices = NULL;
    }
    arena_close(&scratch);
    TRY(code);
    *out = front;
    out->candidates = kept;
    return OK;
}

static void write_costs(const int64_t *costs, const bool *known, struct json_writer *w)
{
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        if (known[k]) {
            json_write_int(w, keys[k], costs[k]);
        }
    }
}

static void write_candidate(const struct learner_front *front,
                            const struct learner_candidate *candidate, struct json_writer *w)
{
    const int64_t costs[CANDIDATE_COSTS] = {candidate->macs, candidate->params, candidate->bytes};
    json_write_begin(w, '{', NULL);
    json_write_double(w, "accuracy", candidate->score);
    write_costs(costs, front->known, w);
    json_write_int(w, "episode", candidate->episode);
    json_write_begin(w, '[', "widths");
    for (int i = 0; i < candidate->n_widths; i++) {
        json_write_int(w, NULL, candidate->widths[i]);
    }
    json_write_end(w, ']');
    json_write_end(w, '}');
}

void run_front_write(const struct learner_front *front, struct json_writer *w)
{
    if (front->n == 0) {
        return;
    }
    json_write_begin(w, '[', "front");
    for (int i = 0; i < front->n; i++) {
        write_candidate(front, &front->candidates[i], w);
    }
    json_write_end(w, ']');
    json_write_begin(w, '{', "hypervolume");
    json_write_begin(w, '{', "reference");
    json_write_double(w, "accuracy", 0);
    write_costs(front->whole, front->known, w);
    json_write_end(w, '}');
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        if (front->known[k]) {
            json_write_double(w, keys[k], front->volume[k]);
        }
    }
    json_write_double(w, "all", front->volume_all);
    json_write_end(w, '}');
}

void run_front_words(const struct learner_front *front, char *out, size_t bytes)
{
    struct text text = {0};
    const char *between = "";
    out[0] = '\0';
    if (front->n == 0) {
        return;
    }
    text_add(&text, "%d on the front of accuracy against ", front->n);
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        if (front->known[k]) {
            text_add(&text, "%s%s", between, words[k]);
            between = ", ";
        }
    }
    text_add(&text, "; hypervolume %.4f to accuracy 0", front->volume_all);
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        if (front->known[k]) {
            text_add(&text, ", %lld %s", (long long)front->whole[k], words[k]);
        }
    }
    if (!text.failed) {
        snprintf(out, bytes, "%s", text.bytes);
    }
    text_close(&text);
}

void run_front_references(const struct candidate_space *space, struct text *out)
{
    struct json_writer w = {.out = out};
    json_write_begin(&w, '[', NULL);
    for (int task = 0; space != NULL && task < space->n_tasks; task++) {
        bool known[CANDIDATE_COSTS];
        for (int k = 0; k < CANDIDATE_COSTS; k++) {
            known[k] = space->tasks[task].whole[k] > 0;
        }
        json_write_begin(&w, '{', NULL);
        json_write_double(&w, "accuracy", 0);
        write_costs(space->tasks[task].whole, known, &w);
        json_write_end(&w, '}');
    }
    json_write_end(&w, ']');
}
