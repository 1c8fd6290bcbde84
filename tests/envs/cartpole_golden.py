#!/usr/bin/env python3
"""Makes cartpole_golden.h: episodes of the cart and pole, computed in another way than the environment does.

The accelerations come from the two equations of motion as they stand (momentum of cart and pole together, and
torque on the pole), solved as a linear system each step. The start comes from an own Philox4x32-10.

    python3 tests/envs/cartpole_golden.py > tests/envs/cartpole_golden.h
"""
import math

GRAVITY, CART, POLE, HALF, FORCE, STEP = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
EPISODE = 11  # RNG_EPISODE
WORD = 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & WORD, (a >> 32) ^ c[3] ^ k[1], a & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def start(seed, episode):
    """The first four uniform numbers of the stream, [0, 1) in steps of 2^-24."""
    key = philox([EPISODE, 0, 0, 0], [seed & WORD, seed >> 32])[:2]
    words = philox([0, 0, episode & WORD, episode >> 32], key)
    return [0.1 * (word >> 8) / 2**24 - 0.05 for word in words]


def step(state, push):
    x, v, angle, spin = state
    s, c = math.sin(angle), math.cos(angle)
    # (CART + POLE) x'' + POLE HALF c angle'' = push + POLE HALF spin^2 s
    # POLE HALF c x'' + 4/3 POLE HALF^2 angle'' = POLE GRAVITY HALF s
    a11, a12, b1 = CART + POLE, POLE * HALF * c, push + POLE * HALF * spin**2 * s
    a21, a22, b2 = POLE * HALF * c, 4 / 3 * POLE * HALF**2, POLE * GRAVITY * HALF * s
    determinant = a11 * a22 - a12 * a21
    x2, angle2 = (b1 * a22 - a12 * b2) / determinant, (a11 * b2 - a21 * b1) / determinant
    return [x + STEP * v, v + STEP * x2, angle + STEP * spin, spin + STEP * angle2]


def fallen(state):
    return abs(state[0]) > 2.4 or abs(state[2]) > math.radians(12)


def episode(seed, number, limit, policy):
    """Actions, and the states from the first to the last but the one that ended it by falling."""
    state, actions, states = start(seed, number), "", []
    while True:
        states.append(state)
        if len(actions) == limit:
            return actions, states, "ENV_TRUNCATED"
        choice = policy(len(actions), state)
        actions += str(choice)
        state = step(state, FORCE if choice else -FORCE)
        if fallen(state):
            return actions, states, "ENV_TERMINATED"


def main():
    def balance(_, state):
        return int(state[2] + 0.5 * state[3] + 0.02 * state[0] + 0.05 * state[1] > 0)

    cases = [
        (1, 0, 500, lambda t, state: 1),
        (1, 1, 500, lambda t, state: 0),
        (123456789012345, 7, 500, lambda t, state: t % 2),
        (3, 2**33 + 5, 500, lambda t, state: t // 3 % 2),
        (0, 42, 100, balance),
        # Leaves the track upright, since it leans to one side all the time.
        (5, 5, 200, lambda t, state: int(state[2] + 0.5 * state[3] > 0.12)),
    ]
    print("// Episodes of the cart and pole. Made by cartpole_golden.py: change that, not this.")
    print("#pragma once")
    print('#include "envs/env.h"\n')
    print("static const struct golden_episode {")
    print("    uint64_t seed;")
    print("    int64_t episode;")
    print("    int limit;")
    print("    enum env_end end;")
    print("    const char *actions;")
    print("    int n_states;")
    print("    double states[151][4]; // position, speed, angle, spin before each step")
    print("} golden_episodes[] = {")
    for seed, number, limit, policy in cases:
        actions, states, end = episode(seed, number, limit, policy)
        rows = ",".join("{" + ",".join(f"{value:.17g}" for value in state) + "}" for state in states)
        print(f'{{{seed}, {number}, {limit}, {end}, "{actions}", {len(states)}, {{{rows}}}}},')
    print("};")


main()
