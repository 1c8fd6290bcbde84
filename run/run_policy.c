// Saving and loading the policy network.
#include "run/run_policy.h"

#include "core/file.h"
#include "nn/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const file_name = "policy.safetensors";

static enum status write_tensors(const struct agent *agent, const struct graph *graph,
                                 const float *weights, const char *path)
{
    struct arena arena = {0};
    struct safetensor *tensors = arena_alloc(&arena, (size_t)graph->n_params, sizeof *tensors);
    if (tensors == NULL) {
        return ERR_MEMORY;
    }
    for (int i = 0; i < graph->n_params; i++) {
        const struct param *param = &graph->params[i];
        struct safetensor *tensor = &tensors[i];
        *tensor = (struct safetensor){
            .name = param->name,
            .dtype = "F32",
            .n_dims = param->n_dims,
            .data = weights + param->offset,
            .bytes = param->count * sizeof(float),
        };
        for (int d = 0; d < param->n_dims; d++) {
            tensor->dims[d] = param->dims[d];
        }
    }
    char observations[16], outputs[16];
    snprintf(observations, sizeof observations, "%d", agent->shape.n_obs);
    snprintf(outputs, sizeof outputs, "%d", agent->n_policy);
    const struct safetensors_entry metadata[] = {
        {"format", "dikdik-policy"}, {"observations", observations}, {"outputs", outputs}};
    const enum status code = safetensors_write(path, tensors, graph->n_params, metadata, 3);
    arena_close(&arena);
    return code;
}

enum status run_policy_save(const char *run_dir, const struct agent *agent, const float *weights)
{
    char path[4096];
    struct graph graph;
    TRY(file_join(path, sizeof path, run_dir, file_name));
    TRY(agent_graph(agent, 1, &graph));
    const enum status code = write_tensors(agent, &graph, weights, path);
    graph_close(&graph);
    return code;
}

// A tensor of the file into its slice. The heads have fewer or more rows for values: the policy's
// rows come first and are taken over.
static enum status read_param(const struct safetensors_file *file, const struct param *param,
                              int n_policy, float *weights)
{
    const struct safetensor *tensor = safetensors_find(file, param->name);
    const bool heads = strncmp(param->name, "heads.", 6) == 0;
    bool fits = tensor != NULL && tensor->n_dims == param->n_dims;
    for (int d = 0; fits && d < param->n_dims; d++) {
        fits = tensor->dims[d] == param->dims[d] || (heads && d == 0 && tensor->dims[d] > n_policy);
    }
    if (!fits) {
        FAIL(ERR_CONFIG,
             "%s: tensor %s is missing or of another shape than this agent's; agent.* and the "
             "environment must be those of the run that trained it",
             file->path, param->name);
    }
    if (!heads) {
        return safetensors_read_f32(tensor, weights + param->offset);
    }
    const size_t row = param->count / (size_t)param->dims[0];
    float *all = malloc((size_t)tensor->dims[0] * row * sizeof *all);
    if (all == NULL) {
        FAIL(ERR_MEMORY, "no memory for the policy");
    }
    const enum status code = safetensors_read_f32(tensor, all);
    if (code == OK) {
        memset(weights + param->offset, 0, param->count * sizeof *weights);
        memcpy(weights + param->offset, all, (size_t)n_policy * row * sizeof *weights);
    }
    free(all);
    return code;
}

static enum status check_param(const struct safetensors_file *file, const struct param *param,
                               const float *weights)
{
    for (size_t i = 0; i < param->count; i++) {
        const float value = weights[param->offset + i];
        if (!isfinite(value)) {
            FAIL(ERR_INPUT,
                 "%s: tensor %s holds %g at element %zu, expected finite numbers; use another "
                 "run's policy",
                 file->path, param->name, (double)value, i);
        }
    }
    return OK;
}

static int metadata_number(const struct safetensors_file *file, const char *key)
{
    const char *text = safetensors_metadata(file, key);
    return text != NULL ? (int)strtol(text, NULL, 10) : 0;
}

// What the environment shows and what the policy can answer have to be the same.
static enum status check_fit(const struct safetensors_file *file, const struct agent *agent)
{
    const int n_obs = metadata_number(file, "observations");
    const int outputs = metadata_number(file, "outputs");
    if (n_obs != 0 && n_obs != agent->shape.n_obs) {
        FAIL(ERR_CONFIG,
             "%s: this policy was trained on observations of %d numbers, and the environment shows "
             "%d; it serves the environment and the version of dikdik that trained it",
             file->path, n_obs, agent->shape.n_obs);
    }
    if (outputs != 0 && outputs != agent->n_policy) {
        FAIL(
            ERR_CONFIG,
            "%s: this policy has %d outputs, one for each choice, and the tasks here have steps of "
            "%d choices; train with agent.distribution gaussian, which chooses among any number",
            file->path, outputs, agent->shape.n_choices);
    }
    return OK;
}

static enum status read_params(const struct safetensors_file *file, const struct agent *agent,
                               float *weights)
{
    struct graph graph;
    TRY(check_fit(file, agent));
    TRY(agent_graph(agent, 1, &graph));
    enum status code = OK;
    for (int i = 0; code == OK && i < graph.n_params; i++) {
        code = read_param(file, &graph.params[i], agent->n_policy, weights);
        code = code == OK ? check_param(file, &graph.params[i], weights) : code;
    }
    graph_close(&graph);
    return code;
}

static enum status count_floats(const struct agent *agent, size_t *n)
{
    struct graph graph;
    TRY(agent_graph(agent, 1, &graph));
    *n = graph.n_floats;
    graph_close(&graph);
    return OK;
}

enum status run_policy_load(const char *run_dir, const struct agent *agent, float **weights)
{
    char path[4096];
    size_t n;
    struct safetensors_file file;
    TRY(file_join(path, sizeof path, run_dir, file_name));
    TRY(count_floats(agent, &n));
    TRY(safetensors_open(path, &file));
    float *read = malloc(n * sizeof *read);
    enum status code =
        read != NULL ? read_params(&file, agent, read)
                     : status_fail(ERR_MEMORY, __FILE__, __LINE__, "no memory for the policy");
    safetensors_close(&file);
    if (code != OK) {
        free(read);
        return code;
    }
    *weights = read;
    return OK;
}
