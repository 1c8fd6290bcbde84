// Activation functions that files spell out in arithmetic. Inside onnx/ only.
#pragma once
#include "onnx/import.h"

enum onnx_arith { ONNX_ARITH_ADD, ONNX_ARITH_SUB, ONNX_ARITH_MUL, ONNX_ARITH_DIV };

// Input i, times or over the constant k, completes a hard sigmoid, clip(a * x + b, 0, 6) / 6, or a
// hard swish, x * clip(x + 3, 0, 6) / 6: *done is true then, and the node's output is set.
enum status onnx_match_scaled(struct onnx_call *call, enum onnx_arith arith, int i, double k,
                              bool *done);
// x * gate is silu (the gate being sigmoid(x)) or hard swish (hard_sigmoid(x)); likewise.
enum status onnx_match_gate(struct onnx_call *call, const struct onnx_view *x,
                            const struct onnx_view *gate, bool *done);
