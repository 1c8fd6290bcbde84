// Launching runs of steps.
#include "compute/cuda/candidate_state.h"

static struct candidate_tensor shared_value(const struct candidates *c,
                                            const struct candidate_fused_plan *plan, int value)
{
    const struct op *op = &c->layout.network->steps[value == 0 ? 0 : value - 1].op;
    const int at = value == plan->in_value ? plan->in_at : plan->value_at[value - plan->first - 1];
    return (struct candidate_tensor){.stride = (size_t)at,
                                     .axis = candidate_axis_of(c, value),
                                     .h = value == 0 ? op->in_h : op->out_h,
                                     .w = value == 0 ? op->in_w : op->out_w,
                                     .shared = true};
}

enum status candidate_fused_steps(struct candidates *c, const struct candidate_fused_plan *plan,
                                  struct candidate_fused_step **out)
{
    struct candidate_fused_step *steps;
    ARENA_NEW(&c->arena, steps, (size_t)plan->n);
    for (int i = 0; i < plan->n; i++) {
        const int s = plan->first + i;
        const struct candidate_layer *layer = &c->layout.layers[s];
        struct candidate_fused_step *step = &steps[i];
        step->dense = layer->step->op.kind == OP_CONV && !layer->depthwise;
        for (int k = 0; k < layer->step->n_inputs; k++) {
            step->in[k] = shared_value(c, plan, layer->step->inputs[k]);
        }
        if (layer->step->sum >= 0) {
            step->sum = shared_value(c, plan, layer->step->sum);
        }
        step->out = shared_value(c, plan, s + 1);
        if (step->dense) {
            step->element.filter = candidate_filter_of(c, layer, false);
        } else {
            step->element = candidate_element_of(c, s);
        }
        step->weights_at = plan->weights_at[i];
        step->ahead = plan->ahead[i];
    }
    *out = steps;
    return OK;
}

void candidate_run_fused(const struct candidates *c, int run, const struct candidate_pass *pass,
                         const unsigned char *images)
{
    static const enum cuda_kernel_number kernels[] = {
        [PRECISION_FLOAT32] = CUDA_candidate_fused_f32,
        [PRECISION_TF32] = CUDA_candidate_fused_tf32,
        [PRECISION_BF16] = CUDA_candidate_fused_bf16,
    };
    const struct candidate_fused_plan *plan = &c->fused[run];
    struct candidate_fused_args args = {
        .lists = candidate_lists_of(c),
        .steps = c->fused_steps[run],
        .n = plan->n,
        .in = shared_value(c, plan, plan->in_value),
        .out = candidate_value(c, plan->first + plan->n, pass),
        .image = candidate_input_of(c, images),
        .images = pass->images,
        .each = plan->each,
    };
    if (plan->in_value > 0) {
        args.from = candidate_value(c, plan->in_value, pass);
    }
    const struct cuda_grid grid = {.x = (pass->images + plan->each - 1) / plan->each,
                                   .y = pass->n,
                                   .z = 1,
                                   .threads = CANDIDATE_FUSED_THREADS,
                                   .shared_bytes = plan->shared_bytes};
    cuda_launch(c->backend, kernels[c->precision], &grid, &args, sizeof args);
}
