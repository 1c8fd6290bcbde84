#!/usr/bin/env python3
"""Makes gp_golden.h: a small Gaussian process by plain loops, for the test of the reward model.

Independent of the C code: distances term by term, Gauss-Jordan elimination, and the slope of the log posterior by
central differences instead of its formula.

    python3 tests/learner/gp_golden.py | clang-format > tests/learner/gp_golden.h
"""
import math
import random

POINTS, INPUTS, CANDIDATES, PENDING = 14, 3, 4, 2
NOISE_LEAST, STEPS = 0.01, 40


def kernel(a, b, lengths):
    d = math.sqrt(5.0 * sum(((p - q) / length) ** 2 for p, q, length in zip(a, b, lengths)))
    return (1.0 + d + d * d / 3.0) * math.exp(-d)


def solve(matrix, rhs):
    """Solution of matrix z = rhs, and the logarithm of the determinant, by elimination with pivoting."""
    n = len(matrix)
    rows = [list(row) + [value] for row, value in zip(matrix, rhs)]
    log_determinant = 0.0
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))
        rows[k], rows[pivot] = rows[pivot], rows[k]
        log_determinant += math.log(abs(rows[k][k]))
        for i in range(n):
            if i != k:
                factor = rows[i][k] / rows[k][k]
                rows[i] = [p - factor * q for p, q in zip(rows[i], rows[k])]
    return [rows[i][n] / rows[i][i] for i in range(n)], log_determinant


def covariance(x, params):
    lengths, noise = [math.exp(p) for p in params[:INPUTS]], math.exp(params[INPUTS])
    return [[kernel(a, b, lengths) + (noise ** 2 if i == k else 0.0) for k, b in enumerate(x)] for i, a in enumerate(x)]


def amplitude(x, y, params):
    alpha, log_determinant = solve(covariance(x, params), y)
    return sum(p * q for p, q in zip(y, alpha)) / len(y), alpha, log_determinant


def log_posterior(x, y, params):
    s2, _, log_determinant = amplitude(x, y, params)
    value = -0.5 * len(y) * math.log(s2) - 0.5 * log_determinant
    for p in params[:INPUTS]:
        value -= 0.5 * ((p - math.log(0.7 * math.sqrt(INPUTS))) / 0.7) ** 2
    return value - 0.5 * (params[INPUTS] - math.log(0.05)) ** 2


def gradient(x, y, params, step=1e-5):
    def moved(i, by):
        return log_posterior(x, y, [p + (by if k == i else 0.0) for k, p in enumerate(params)])
    return [(8.0 * (moved(i, step) - moved(i, -step)) - (moved(i, 2 * step) - moved(i, -2 * step))) / (12.0 * step)
            for i in range(len(params))]


def climb(x, y):
    here = [math.log(0.7 * math.sqrt(INPUTS))] * INPUTS + [math.log(0.05)]
    first, second, best = [0.0] * len(here), [0.0] * len(here), (-math.inf, here)
    for step in range(1, STEPS + 2):
        here[INPUTS] = min(0.0, max(math.log(NOISE_LEAST), here[INPUTS]))
        best = max(best, (log_posterior(x, y, here), list(here)))
        for i, slope in enumerate(gradient(x, y, here)):
            first[i] = 0.9 * first[i] + 0.1 * slope
            second[i] = 0.99 * second[i] + 0.01 * slope ** 2
            here[i] += 0.1 * (first[i] / (1 - 0.9 ** step)) / (math.sqrt(second[i] / (1 - 0.99 ** step)) + 1e-8)
    return best


def predict(x, y, params, candidate, pending):
    s2, alpha, _ = amplitude(x, y, params)
    lengths = [math.exp(p) for p in params[:INPUTS]]
    mean = sum(kernel(candidate, a, lengths) * weight for a, weight in zip(x, alpha))
    known = x + pending
    k = [kernel(candidate, a, lengths) for a in known]
    z, _ = solve(covariance(known, params), k)
    return mean, math.sqrt(s2 * (1.0 - sum(p * q for p, q in zip(k, z))))


def array(name, rows):
    flat = [value for row in rows for value in (row if isinstance(row, list) else [row])]
    print(f"static const double {name}[{len(flat)}] = {{{', '.join(repr(value) for value in flat)}}};")


def main():
    draw = random.Random(5)
    x, candidates, pending = ([[round(-2.0 * draw.random(), 6) for _ in range(INPUTS)] for _ in range(n)]
                              for n in (POINTS, CANDIDATES, PENDING))
    y = [round(60.0 + 9.0 * a - 5.0 * b * b + 4.0 * math.sin(3.0 * a + c) + 0.3 * draw.random(), 6) for a, b, c in x]
    mean = sum(y) / POINTS
    deviation = math.sqrt(sum((value - mean) ** 2 for value in y) / POINTS)
    standard = [(value - mean) / deviation for value in y]
    _, params = climb(x, standard)
    s2, _, _ = amplitude(x, standard, params)
    free = [predict(x, standard, params, candidate, []) for candidate in candidates]
    busy = [predict(x, standard, params, candidate, pending) for candidate in candidates]

    print("// A small Gaussian process by plain loops. Made by gp_golden.py: change that, not this.\n#pragma once")
    print(f"enum {{ GOLDEN_POINTS = {POINTS}, GOLDEN_INPUTS = {INPUTS}, GOLDEN_CANDIDATES = {CANDIDATES}, "
          f"GOLDEN_PENDING = {PENDING} }};")
    for name, rows in [("x", x), ("y", y), ("candidates", candidates), ("pending", pending),
                       ("lengths", [math.exp(p) for p in params[:INPUTS]]),
                       ("noise", [math.exp(params[INPUTS]) * math.sqrt(s2) * deviation]),
                       ("means", [mean + deviation * m for m, _ in free]),
                       ("deviations", [deviation * s for _, s in free]),
                       ("pending_deviations", [deviation * s for _, s in busy])]:
        array(f"golden_{name}", rows)


if __name__ == "__main__":
    main()
