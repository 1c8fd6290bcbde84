#!/usr/bin/env python3
"""Makes golden.h: results of PyTorch (float64) for the cases that the tests of compute/ check.

Inputs are the same function of slot and position as case_number in op_case.c. A result is kept as its
projection: the sum of its elements times case_number(element, salt). Needs numpy and torch.

    python3 tests/compute/golden.py > tests/compute/golden.h
"""
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
PROJECT = 50


def numbers(shape, salt):
    """case_number(i, salt) for every element, row-major."""
    with np.errstate(over="ignore"):
        h = np.arange(int(np.prod(shape)), dtype=np.uint32) * np.uint32(0x9E3779B1)
        h += np.uint32(salt * 0x85EBCA77 & 0xFFFFFFFF)
        h = (h ^ h >> np.uint32(15)) * np.uint32(0x2C1B3C6D)
        h = (h ^ h >> np.uint32(12)) * np.uint32(0x297A2D39)
        h ^= h >> np.uint32(15)
    return torch.tensor((h >> np.uint32(8)) * 2.0**-23 - 1.0).reshape(shape)


def leaf(shape, salt):
    return numbers(shape, salt).requires_grad_()


def project(values, salt=PROJECT):
    values = values.detach().contiguous()
    return float((values * numbers(values.shape, salt)).sum())


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def table(struct, name, fields, rows):
    print(f"static const struct {struct} {{\n    {fields}\n}} {name}[] = {{")
    for row in rows:
        text = ", ".join(repr(float(v)) if isinstance(v, float) else str(v) for v in row)
        print("    {" + text + "},")
    print("};\n")


def conv_rows():
    # n, h, w, in_c, out_c, kernel_h, kernel_w, stride, pad, groups
    shapes = [
        (1, 5, 7, 3, 16, 3, 3, 1, 1, 1), (2, 9, 4, 16, 17, 3, 3, 2, 1, 1), (5, 1, 1, 7, 33, 1, 1, 1, 0, 1),
        (2, 9, 9, 1, 3, 5, 5, 3, 2, 1), (1, 9, 11, 3, 7, 7, 7, 2, 2, 1), (2, 5, 7, 16, 16, 3, 3, 1, 1, 16),
        (2, 9, 4, 33, 33, 3, 3, 2, 1, 33), (2, 5, 7, 12, 18, 3, 3, 1, 0, 3), (1, 6, 8, 4, 5, 1, 3, 1, 0, 1),
        (2, 6, 8, 4, 6, 5, 2, 2, 1, 2), (2, 4, 3, 17, 10, 4, 3, 1, 0, 1), (1, 8, 8, 16, 32, 1, 1, 2, 0, 1),
        (5, 3, 3, 33, 16, 3, 3, 1, 1, 1),
    ]
    rows = []
    for shape in shapes:
        n, h, w, i, o, kh, kw, stride, pad, groups = shape
        x, weight, bias = leaf((n, h, w, i), 1), leaf((o, i // groups, kh, kw), 11), leaf((o,), 12)
        y = nhwc(F.conv2d(nchw(x), weight, bias, stride, pad, 1, groups))
        y.backward(numbers(y.shape, 1))
        rows.append(shape + (y.shape[1], y.shape[2], project(y), project(x.grad)))
    return rows


def conv_weight_rows(shapes):
    # As the tests run it: three chunks of n images in one array, dy is slot 1.
    rows = []
    for n, h, w, i, o, kh, kw, stride, pad, groups in shapes:
        weight, bias = leaf((o, i // groups, kh, kw), 11), leaf((o,), 12)
        x = numbers((3 * n, h, w, i), 1)
        y = nhwc(F.conv2d(nchw(x), weight, bias, stride, pad, 1, groups))
        y.backward(numbers(y.shape, 2))
        rows.append((project(weight.grad), project(bias.grad)))
    return rows


def integers(shape, salt, dtype):
    """case_fill of an integer type."""
    values = torch.floor((numbers(shape, salt) + 1.0) * 128.0)
    return values if dtype == "U8" else values - 128.0


def clamp(values, dtype):
    """Rounds half to even."""
    return torch.clamp(torch.round(values), *((0, 255) if dtype == "U8" else (-128, 127)))


def conv_int8_rows():
    # n, h, w, in_c, out_c, kernel, stride, pad, groups, in type, out type, act (0 none, 1 ReLU, 2 clip(0, 6)), sum
    shapes = [
        (2, 5, 7, 3, 16, 3, 1, 1, 1, "U8", "U8", 1, 0), (2, 9, 4, 16, 17, 3, 2, 1, 1, "U8", "U8", 1, 1),
        (1, 5, 7, 16, 16, 3, 1, 1, 16, "U8", "S8", 0, 0), (5, 1, 1, 7, 33, 1, 1, 0, 1, "U8", "F32", 0, 0),
        (2, 5, 5, 3, 8, 5, 1, 2, 1, "S8", "U8", 2, 0), (2, 6, 6, 12, 18, 3, 1, 1, 3, "S8", "S8", 0, 1),
        (1, 8, 8, 8, 4, 1, 2, 0, 1, "S8", "F32", 1, 1),
    ]
    in_scale, out_scale, sum_scale = 2.0**-6, 2.0**-3, 2.0**-5
    rows = []
    for shape in shapes:
        n, h, w, i, o, k, stride, pad, groups, in_type, out_type, act, with_sum = shape
        x, weight, bias = integers((n, h, w, i), 1, in_type), numbers((o, i // groups, k, k), 11), numbers((o,), 12)
        greatest = weight.abs().amax((1, 2, 3)).float()
        scale = (greatest / np.float32(127)).double().reshape(o, 1, 1, 1)
        total = F.conv2d(nchw(x), torch.round(weight / scale), None, stride, pad, 1, groups)
        y = nhwc(total) * (in_scale * scale.flatten()) + bias
        if with_sum:
            before = numbers(y.shape, 13) if out_type == "F32" else integers(y.shape, 13, out_type)
            y = y + sum_scale * before
        y = (lambda v: v, F.relu, F.relu6)[act](y)
        y = y if out_type == "F32" else clamp(y / out_scale, out_type)
        rows.append((n, h, w, i, o, k, stride, pad, groups, f"DTYPE_{in_type}", f"DTYPE_{out_type}",
                     ("ACT_NONE", "ACT_RELU", "ACT_CLIP")[act], with_sum, y.shape[1], y.shape[2], project(y)))
    return rows


def pool_rows():
    # n, h, w, c, kernel_h, kernel_w, stride, pad
    shapes = [(1, 5, 7, 3, 2, 2, 2, 0), (2, 9, 4, 17, 3, 3, 2, 1), (5, 8, 8, 16, 3, 3, 1, 1), (2, 4, 5, 33, 4, 5, 1, 0),
              (1, 9, 6, 7, 3, 2, 3, 1), (2, 1, 1, 16, 1, 1, 1, 0)]
    rows = []
    for shape in shapes:
        n, h, w, c, kh, kw, stride, pad = shape
        results = []
        for kind in ("max", "avg", "avg_exclude"):
            x = leaf((n, h, w, c), 1)
            if kind == "max":
                y = F.max_pool2d(nchw(x), (kh, kw), stride, pad)
            else:
                y = F.avg_pool2d(nchw(x), (kh, kw), stride, pad, count_include_pad=kind == "avg")
            y = nhwc(y)
            y.backward(numbers(y.shape, 1))
            results += [project(y), project(x.grad)]
        rows.append(shape + (y.shape[1], y.shape[2]) + tuple(results))
    return rows


def batchnorm_rows():
    # n, h, w, c; y = relu(batchnorm(x) + residual): the gradient has a mask and two summands.
    rows = []
    for shape in [(2, 5, 7, 3), (5, 1, 1, 16), (4, 9, 4, 33), (2, 1, 2, 1)]:
        x, c = leaf(shape, 1), shape[3]
        gamma, beta = leaf((c,), 2), leaf((c,), 3)
        mean, var = numbers((c,), 14), numbers((c,), 15)
        y = F.batch_norm(nchw(x), mean, var, gamma, beta, True, 0.1, 1e-5)
        y = F.relu(nhwc(y) + numbers(shape, 4))
        y.backward(numbers(shape, 1) + numbers(shape, 2))
        rows.append(shape + (project(y), project(mean), project(var), project(x.grad), project(gamma.grad),
                             project(beta.grad)))
    return rows


def pad_rows():
    # n, h, w, in_c, out_c, stride, before
    rows = []
    for shape in [(2, 5, 7, 3, 8, 2, 2), (1, 8, 8, 16, 32, 2, 8), (2, 3, 3, 7, 7, 1, 0), (2, 7, 4, 3, 9, 3, 6)]:
        n, h, w, i, o, stride, before = shape
        x = leaf((n, h, w, i), 1)
        y = F.pad(x[:, ::stride, ::stride, :], (before, o - i - before))
        y.backward(numbers(y.shape, 1))
        rows.append(shape + (y.shape[1], y.shape[2], project(y), project(x.grad)))
    return rows


def softmax_rows():
    # rows, classes, target share, temperature
    rows = []
    for shape in [(1, 2, 0.0, 1.0), (5, 10, 0.0, 1.0), (7, 33, 0.5, 4.0), (3, 100, 0.9, 2.0), (4, 3, 1.0, 1.5)]:
        n, classes, share, t = shape
        x = (numbers((n, classes), 1) * 4.0).requires_grad_()
        label = torch.arange(n) * 3 % classes
        loss = (1 - share) * F.cross_entropy(x, label, reduction="sum")
        if share > 0:
            q = F.softmax(numbers((n, classes), 3) * 4.0 / t, 1)
            loss = loss + share * t * t * F.cross_entropy(x / t, q, reduction="sum")
        (loss / n).backward()
        rows.append(shape + (float(loss), int((x.argmax(1) == label).sum()), project(x.grad)))
    return rows


def lstm_rows():
    # n, steps, in, hidden, with resets
    rows = []
    for shape in [(1, 1, 1, 1, 0), (2, 5, 3, 7, 0), (3, 7, 16, 5, 1), (2, 4, 33, 17, 1)]:
        n, steps, inputs, hidden, with_resets = shape
        x = leaf((n, steps, inputs), 1)
        w_ih, w_hh, b = leaf((4 * hidden, inputs), 11), leaf((4 * hidden, hidden), 12), leaf((4 * hidden,), 13)
        h0, c0 = leaf((n, hidden), 3), leaf((n, hidden), 4)
        reset = (numbers((n, steps), 5) > 0.5).double() * with_resets
        h, c, outputs = h0, c0, []
        for t in range(steps):
            keep = 1 - reset[:, t:t + 1]
            h, c = torch._VF.lstm_cell(x[:, t], (h * keep, c * keep), w_ih, w_hh, b, torch.zeros_like(b))
            outputs.append(h)
        y = torch.stack(outputs, 1)
        y.backward(numbers(y.shape, 1))
        partial = torch.cat([w_ih.grad.flatten(), w_hh.grad.flatten(), b.grad])
        rows.append(shape + (project(y), project(x.grad), project(partial), project(h0.grad), project(c0.grad)))
    return rows


def optimizer_rows():
    # kind, count, momentum, decay, nesterov, alpha, beta1, beta2, epsilon
    # Three steps of rate 0.1; gradients have salt 60, 61, 62.
    rows = []
    for kind, count, momentum, decay, nesterov, alpha, beta1, beta2, epsilon in [
            ("SGD", 1, 0.0, 0.0, 0, 0.0, 0.0, 0.0, 0.0), ("SGD", 100, 0.9, 0.01, 0, 0.0, 0.0, 0.0, 0.0),
            ("SGD", 37, 0.5, 0.25, 1, 0.0, 0.0, 0.0, 0.0), ("RMSPROP", 65, 0.0, 0.0, 0, 0.5, 0.0, 0.0, 0.125),
            ("RMSPROP", 33, 0.75, 0.25, 0, 0.75, 0.0, 0.0, 0.0625), ("ADAM", 50, 0.0, 0.0, 0, 0.0, 0.5, 0.75, 0.0625),
            ("ADAM", 129, 0.0, 0.25, 0, 0.0, 0.875, 0.96875, 0.0078125)]:
        weights = leaf((count,), 16)
        if kind == "SGD":
            optimizer = torch.optim.SGD([weights], 0.1, momentum, 0, decay, bool(nesterov))
        elif kind == "RMSPROP":
            optimizer = torch.optim.RMSprop([weights], 0.1, alpha, epsilon, decay, momentum)
        else:
            optimizer = torch.optim.Adam([weights], 0.1, (beta1, beta2), epsilon, decay)
        for step in range(3):
            weights.grad = numbers((count,), 60 + step)
            optimizer.step()
        rows.append((f"OP_{kind}", count, momentum, decay, nesterov, alpha, beta1, beta2, epsilon, project(weights)))
    return rows


def main():
    print("// Results of PyTorch for cases that the tests repeat. Made by golden.py: change that, not this.\n"
          "#pragma once\n#include \"compute/op.h\"\n")
    conv = conv_rows()
    conv = [row + weights for row, weights in zip(conv, conv_weight_rows([row[:10] for row in conv]))]
    table("golden_conv", "golden_convs",
          "int n, h, w, in_c, out_c, kernel_h, kernel_w, stride, pad, groups, out_h, out_w;\n"
          "    double y, dx, dweights, dbias;", conv)
    table("golden_conv_int8", "golden_convs_int8",
          "int n, h, w, in_c, out_c, kernel, stride, pad, groups;\n    enum dtype in_type, out_type;\n"
          "    enum activation_kind act;\n    bool sum;\n    int out_h, out_w;\n    double y;", conv_int8_rows())
    table("golden_pool", "golden_pools",
          "int n, h, w, c, kernel_h, kernel_w, stride, pad, out_h, out_w;\n"
          "    double max_y, max_dx, avg_y, avg_dx, exclude_y, exclude_dx;", pool_rows())
    table("golden_batchnorm", "golden_batchnorms",
          "int n, h, w, c;\n    double y, running_mean, running_var, dx, dgamma, dbeta;", batchnorm_rows())
    table("golden_pad", "golden_pads",
          "int n, h, w, in_c, out_c, stride, before, out_h, out_w;\n    double y, dx;", pad_rows())
    table("golden_softmax", "golden_softmaxes",
          "int rows, classes;\n    double share, temperature;\n    double loss;\n    int correct;\n    double dlogits;",
          softmax_rows())
    table("golden_lstm", "golden_lstms",
          "int n, steps, in, hidden, resets;\n    double y, dx, partial, dh0, dc0;", lstm_rows())
    table("golden_optimizer", "golden_optimizers",
          "enum op_kind kind;\n    int count;\n    double momentum, decay, nesterov, alpha, beta1, beta2, epsilon;\n"
          "    double weights;", optimizer_rows())


main()
