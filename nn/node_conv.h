// What CONV and LINEAR have in common: weights [out][...] and a bias, packed for one kernel.
#pragma once
#include "nn/node_type.h"

enum status conv_forward(struct lowering *lowering, const struct compound *compound);
enum status conv_backward(struct backward *backward, const struct compound *compound);
enum status conv_infer(struct infer_plan *plan, int node);
enum status conv_load(struct infer_plan *plan, int node, const float *ranges);
enum status conv_pack(struct infer_plan *plan, int node, const float *ranges);
