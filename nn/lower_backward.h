// The backward steps of a lowered forward pass.
#pragma once
#include "nn/lower.h"

// Appends all backward steps. output_gradient: buffer of d loss / d output; gradients: shared
// buffer [n_trainable], every trainable slice of which is written. *input_gradient: kept buffer of
// d loss / d input, which is worked out unless input_gradient is NULL. Joint steps that only store
// weight gradients are held back to the next synchronisation, so that chunks run through as many
// layers as possible in one go.
enum status lower_backward(struct lowering *lowering, int output_gradient, int gradients,
                           int *input_gradient);
