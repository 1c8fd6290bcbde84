#!/usr/bin/python3
"""Frames per second of an IMPALA learner in PyTorch on MTACP's agent, to hold `dikdik bench search` against.

Needs Debian's python3-torch: ./scripts/setup.sh --peers
The agent is the paper's: observation (13 features of the layer, 6 of the task) -> dense 100, 400, 300 -> joined with the
last action and reward -> LSTM of 302 -> two outputs of the policy and a value per task. An update is forward, V-trace
(Espeholt et al. 2018, eq. 1) with its loss, backward, clipping and an RMSProp step over --batch sequences of --steps rows;
a frame is one row of one sequence. The LSTM is run twice: fused over the whole sequence (fused), which is only right when
no episode ends inside one, and step by step with the state zeroed at ends (loop), as torchbeast does. Every number of
threads from 1 to the cores is tried. OpenBLAS takes some processors for old ones: set OPENBLAS_CORETYPE=SkylakeX (AVX-512)
or Haswell (AVX2) to give PyTorch its due; `dikdik doctor` says which."""
import argparse
import json
import math
import os
import sys

import torch
from torch import nn
from torch.nn import functional

from median_seconds import median_seconds

OBS, HIDDEN, POLICY, CELLS = 19, 302, 2, 9


class Agent(nn.Module):
    """Input rows are [observation, last action, last reward]; outputs [policy, values]."""

    def __init__(self, tasks):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(OBS, 100), nn.ReLU(), nn.Linear(100, 400), nn.ReLU(), nn.Linear(400, 300),
                                  nn.ReLU())
        self.core = nn.LSTM(302, HIDDEN)
        self.heads = nn.Linear(HIDDEN, POLICY + tasks)

    def forward(self, rows, first, loop):
        """rows [T, B, OBS + 2]; first [T, B]: 1 on an episode's first row, where the state is zero."""
        joined = torch.cat((self.body(rows[..., :OBS]), rows[..., OBS:]), dim=2)
        if not loop:
            return self.heads(self.core(joined)[0])
        state = (torch.zeros(1, rows.shape[1], HIDDEN), torch.zeros(1, rows.shape[1], HIDDEN))
        outputs = []
        for row, stays in zip(joined, (1.0 - first).unsqueeze(2).unbind()):
            state = tuple(stays * part for part in state)
            output, state = self.core(row.unsqueeze(0), state)
            outputs.append(output)
        return self.heads(torch.cat(outputs))


def log_probabilities(policy):
    """A Gaussian's mass on each of CELLS equal cells of (-1, 1), renormalised: [T, B, CELLS]."""
    mean, deviation = torch.tanh(policy[..., :1]), functional.softplus(policy[..., 1:]) + 1e-2
    edges = torch.linspace(-1, 1, CELLS + 1)
    mass = torch.special.erf((edges - mean) / (deviation * math.sqrt(2.0))).diff(dim=2).clamp_min(1e-8)
    return torch.log(mass / mass.sum(dim=2, keepdim=True))


def vtrace(values, log_ratio, rewards, discounts):
    """Targets and advantages, [T, B] each. The value after the last row is taken for 0: episodes end there."""
    with torch.no_grad():
        rho = log_ratio.exp().clamp(max=1.0)
        after = torch.cat((values[1:], torch.zeros_like(values[:1])))
        delta = rho * (rewards + discounts * after - values)
        carried, sums = torch.zeros_like(values[0]), []
        for t in reversed(range(len(values))):
            carried = delta[t] + discounts[t] * rho[t] * carried
            sums.append(carried)
        targets = torch.stack(sums[::-1]) + values
        next_target = torch.cat((targets[1:], torch.zeros_like(values[:1])))
        return targets, rho * (rewards + discounts * next_target - values)


def update_call(tasks, steps, batch, loop):
    """A function that does one update on fixed random sequences."""
    torch.manual_seed(1)
    agent = Agent(tasks)
    optimizer = torch.optim.RMSprop(agent.parameters(), lr=1e-4, alpha=0.99, eps=0.01)
    rows, rewards = torch.randn(steps, batch, OBS + 2), torch.randn(steps, batch)
    actions, task = torch.randint(CELLS, (steps, batch, 1)), torch.arange(batch) % tasks
    behaviour = torch.full((steps, batch), -math.log(CELLS))
    first = torch.zeros(steps, batch)
    first[0] = 1.0
    if loop:
        first[steps // 2] = 1.0
    discounts = 0.99 * (1.0 - torch.cat((first[1:], torch.ones(1, batch))))
    picks = task.expand(steps, batch).unsqueeze(2)

    def call():
        outputs = agent(rows, first, loop)
        log_pi = log_probabilities(outputs[..., :POLICY])
        values = outputs[..., POLICY:].gather(2, picks).squeeze(2)
        chosen = log_pi.gather(2, actions).squeeze(2)
        targets, advantages = vtrace(values.detach(), (chosen - behaviour).detach(), rewards, discounts)
        entropy = -(log_pi.exp() * log_pi).sum()
        loss = -(advantages * chosen).sum() + 0.5 * functional.mse_loss(values, targets, reduction="sum") - 0.01 * entropy
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(agent.parameters(), 40.0)
        optimizer.step()
    return call


def measure(mode, threads, arguments):
    torch.set_num_threads(threads)
    call = update_call(arguments.tasks, arguments.steps, arguments.batch, mode == "loop")
    seconds = median_seconds(call, arguments.seconds)
    return {"mode": mode, "threads": threads, "frames_per_second": arguments.steps * arguments.batch / seconds}


def line_of(row):
    return f"{row['mode']:<7}{row['threads']:>8}{row['frames_per_second']:>12.0f}"


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60, metavar="T", help="rows of a sequence (default 60)")
    parser.add_argument("--batch", type=int, default=4, metavar="B", help="sequences of an update (default 4)")
    parser.add_argument("--tasks", type=int, default=4, metavar="N", help="values (default 4)")
    parser.add_argument("--modes", nargs="+", choices=["fused", "loop"], default=["fused", "loop"])
    parser.add_argument("--threads", nargs="+", type=int, default=list(range(1, len(os.sched_getaffinity(0)) + 1)),
                        metavar="N", help="default: from 1 to the cores")
    parser.add_argument("--seconds", type=float, default=3.0, help="time per figure (default 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.batch, arguments.tasks, *arguments.threads) < 1 or arguments.seconds <= 0:
        parser.error("steps, batch, tasks, threads and seconds must be positive")
    return arguments


def main():
    arguments = read_arguments()
    out = sys.stderr if arguments.json else sys.stdout
    print(f"PyTorch {torch.__version__}, OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', '(unset)')}", file=out)
    print(f"{'mode':<7}{'threads':>8}{'frames/s':>12}", file=out)
    results = []
    for mode in arguments.modes:
        for threads in arguments.threads:
            results.append(measure(mode, threads, arguments))
            print(line_of(results[-1]), file=out, flush=True)
    best = [max((row for row in results if row["mode"] == mode), key=lambda row: row["frames_per_second"])
            for mode in arguments.modes]
    print("\nbest", file=out)
    for row in best:
        print(line_of(row), file=out)
    if arguments.json:
        print(json.dumps({"torch": torch.__version__, "steps": arguments.steps, "batch": arguments.batch,
                          "tasks": arguments.tasks, "results": results, "best": best}))


if __name__ == "__main__":
    main()
