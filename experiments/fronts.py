#!/usr/bin/python3
"""Fronts of accuracy and costs on NAS-Bench-Macro's table, by search method: hypervolume after so many evaluations as a
share of the true front's, and what is left to it (IGD+), as a Markdown table.

    experiments/fronts.py runs/fronts
    experiments/fronts.py runs/fronts --seeds 5 --methods nsga2,random --after 100

The true front is that of all networks of the table. Everything is measured on a scale on which 0 is the best value of
the table and 1 the worst: accuracy, MACs, parameters; the reference point is (1, 1, 1), the same for all methods.
Needs numpy, h5py and DIKDIK_DATA."""
import argparse
import concurrent.futures
import csv
import json
import os
import pathlib
import shutil
import subprocess

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOTH = {"macs": 0.1, "params": 0.05, "form": "linear", "draws": "weights"}
MACS = {"macs": 0.2, "form": "hinge", "draws": "targets"}
# name: search.method, the task's objective, further settings. One task, so one agent, each.
ALONE = "impala's policy alone"  # that has searched, by another seed: nothing is learnt or chosen any more
METHODS = {
    "impala, drawn weights": ("impala", BOTH, []),
    "impala, drawn MACs targets": ("impala", MACS, []),
    "impala without model, drawn weights": ("impala", BOTH, ["learner.model=none"]),
    "impala without model, mc_is": ("impala", BOTH, ["learner.model=none", "learner.rule=mc_is"]),
    ALONE: ("impala", BOTH, []),
    "bayes, drawn weights": ("bayes", BOTH, []),
    "nsga2": ("nsga2", {}, []),
    "evolution on accuracy": ("evolution", {}, []),
    "random": ("random", {}, []),
}


class Table:
    """The networks of the table as points to be minimised, and their front."""

    def __init__(self):
        path = pathlib.Path(os.environ["DIKDIK_DATA"]) / "nasbenchmacro/nas_bench_macro_cifar10_half.csv"
        with open(path, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        accuracy = [sum(float(row[f"test_acc_seed{seed}"]) for seed in (1, 2, 3)) / 300 for row in rows]
        values = numpy.array([accuracy, [int(row["macs"]) for row in rows], [int(row["params"]) for row in rows]],
                             dtype=float).T
        values[:, 0] = 1 - values[:, 0]
        self.n, self.least, self.most = len(rows), values.min(axis=0), values.max(axis=0)
        self.front = {columns: front(self.scaled(values)[:, columns]) for columns in COLUMNS}
        self.volume = {columns: hypervolume(points) for columns, points in self.front.items()}

    def scaled(self, values):
        return (values - self.least) / (self.most - self.least)

    def measure(self, rows):
        """{columns: (share of the true hypervolume, IGD+, points on the front)}."""
        points = self.scaled(numpy.array([1 - rows["accuracy"], rows["macs"], rows["params"]], dtype=float).T)
        out = {}
        for columns in COLUMNS:
            found = front(points[:, columns])
            behind = numpy.maximum(found[None, :, :] - self.front[columns][:, None, :], 0)
            out[columns] = (hypervolume(found) / self.volume[columns],
                            numpy.sqrt((behind ** 2).sum(axis=2)).min(axis=1).mean(), len(found))
        return out


COLUMNS = ((0, 1), (0, 2), (0, 1, 2))  # accuracy and MACs, and parameters, and both
NAMES = {(0, 1): "MACs", (0, 2): "parameters", (0, 1, 2): "both"}


def front(points):
    """The points that no other dominates, each once."""
    points = numpy.unique(points, axis=0)
    worse = (points[:, None, :] >= points[None, :, :]).all(axis=2) & (points[:, None, :] > points[None, :, :]).any(axis=2)
    return points[~worse.any(axis=1)]


def hypervolume(points):
    """Exact, up to the reference (1, 1) or (1, 1, 1), by slices along the last dimension."""
    points = points[(points < 1).all(axis=1)]
    points = points[points[:, -1].argsort(kind="stable")]
    if points.shape[1] == 1:
        return 1 - points.min() if len(points) else 0.0
    ends = numpy.append(points[1:, -1], 1.0)
    return sum((end - point) * hypervolume(points[:i + 1, :-1])
               for i, (point, end) in enumerate(zip(points[:, -1], ends)) if end > point)


def run(program, config, folder, words):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([program, "search", config, "--transport", "inline", "--run-dir", folder, "--json", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{folder}: {done.stderr.strip().splitlines()[-1]}")
    with h5py.File(folder / "run.h5", "r") as file:
        return file["episodes"][:]


def search(job):
    program, folder, name, seed, evaluations, table, after = job
    method, objective, settings = METHODS[name]
    config = {"environment": "tabular",
              "tabular": {"table": "nasbench-macro", "search_on": "final", "reward": "accuracy",
                          "tasks": [{"objective": objective} if objective else {}]},
              "search": {"method": method, "evaluations": evaluations, "start": "none"},
              "agent": {"distribution": "mixed"}, "learner": {"mode": "sync"}}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    rows = run(program, file, folder / "run", [f"--seed={seed}", *[f"--set={setting}" for setting in settings]])
    if name == ALONE:
        rows = run(program, file, folder / "alone",
                   [f"--seed={seed + 1000}", "--set=search.method=frozen", "--set=learner.model=none",
                    f"--policy={folder / 'run'}", f"--tries={min(after)}"])
        after = after[:1]
    shutil.rmtree(folder)
    rows = rows[(rows["fresh"] == 1) & (rows["failure"] == 0)]
    return [table.measure(rows[:n]) for n in after]


def cell(values, digits):
    values = numpy.array(values)
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1) if len(values) > 1 else 0:.{digits}f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="for runs; what is done is removed")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--after", default="50,100,200", help="evaluations")
    parser.add_argument("--methods", default=",".join(METHODS).replace(", ", ";"), help="of METHODS, ; for ', '")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/dev/dikdik")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    after = [int(n) for n in options.after.split(",")]
    names = [name.replace(";", ", ") for name in options.methods.split(",")]
    table = Table()
    print(f"{table.n} networks; true fronts: " + ", ".join(
        f"{NAMES[c]} {len(table.front[c])} points, hypervolume {table.volume[c]:.4f}" for c in COLUMNS) +
        f"; 0 is accuracy {1 - table.least[0]:.4f}, {table.least[1]:.0f} MACs, {table.least[2]:.0f} parameters, 1 is "
        f"{1 - table.most[0]:.4f}, {table.most[1]:.0f}, {table.most[2]:.0f}\n")
    jobs = [(options.program, options.folder / f"{i}-{seed}", name, seed, max(after), table, after)
            for i, name in enumerate(names) for seed in range(1, options.seeds + 1)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(search, jobs))
    print("| method | evaluations | hypervolume, MACs | parameters | both | IGD+, both | points, both |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in names:
        own = [result for job, result in zip(jobs, results) if job[2] == name]
        for i, n in enumerate(after[:len(own[0])]):
            volumes = " | ".join(cell([result[i][c][0] for result in own], 4) for c in COLUMNS)
            both = [result[i][COLUMNS[2]] for result in own]
            print(f"| {name} | {n} | {volumes} | {cell([b[1] for b in both], 4)} | "
                  f"{numpy.mean([b[2] for b in both]):.0f} |")


if __name__ == "__main__":
    main()
