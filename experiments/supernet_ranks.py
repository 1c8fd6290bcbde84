#!/usr/bin/python3
"""How well a supernet ranks the networks of NAS-Bench-Macro, whose accuracies after whole trainings are known: Kendall's
tau between its scores and the table's mean test accuracies, beside that of multiply-adds alone, and what is left of it
when multiply-adds are held fast (partial correlation).

    dikdik run configs/nasbench-macro-supernet.json --run-dir runs/macro
    experiments/supernet_ranks.py runs/macro/networks/macro.safetensors runs/macro-ranks [-n 300] [--images 1000]

Networks are drawn at random and scored as a search scores them; half of the space is in the table, so twice as many are
drawn. With --search RUN, a run with the supernet: where in the table the network lies that it took. Needs h5py, numpy,
DIKDIK_DATA and two processes for a while: some seconds of one core for each network."""
import argparse
import csv
import json
import os
import pathlib
import subprocess

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_table():
    """{choices: (mean test accuracy in percent, MACs)}; a choice per layer, 0 to 2."""
    path = pathlib.Path(os.environ["DIKDIK_DATA"]) / "nasbenchmacro/nas_bench_macro_cifar10_half.csv"
    with open(path, encoding="utf-8") as file:
        return {tuple(map(int, row["arch"])):
                (numpy.mean([float(row[f"test_acc_seed{seed}"]) for seed in (1, 2, 3)]), int(row["macs"]))
                for row in csv.DictReader(file)}


def draw(program, supernet, folder, n, words):
    """Random networks as the search's run stores them, those that were scored."""
    config = {
        "environment": "nas",
        "networks": [{"name": "macro", "data": {"name": "cifar10"}, "space": {"name": "macro"}, "weights": str(supernet)}],
        "tasks": [{"network": "macro", "macs": 1.0}],
        "scoring": {"reward": "loss"},
        "search": {"method": "random", "evaluations": n, "start": "none", "best": 1},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    subprocess.run([program, "search", file, "--run-dir", folder / "run", *words], check=True, stdout=subprocess.DEVNULL)
    return scored(folder / "run")


def scored(run, task=0):
    with h5py.File(run / "run.h5", "r") as file:
        rows = file["episodes"][:]
    rows = rows[(rows["task"] == task) & (rows["failure"] == 0) & (rows["fresh"] == 1)]
    return {tuple(map(int, row["widths"][:row["n_widths"]])): (row["accuracy"], row["reward"]) for row in rows}


def kendall(a, b):
    """tau-b (Kendall 1945)."""
    pairs = [numpy.sign(x[:, None] - x[None, :])[numpy.triu_indices(len(x), 1)] for x in (a, b)]
    return (pairs[0] * pairs[1]).sum() / numpy.sqrt((pairs[0] ** 2).sum() * (pairs[1] ** 2).sum())


def partial(ab, ac, bc):
    """Of a and b with c held fast."""
    return (ab - ac * bc) / numpy.sqrt((1 - ac ** 2) * (1 - bc ** 2))


def compare(networks, table):
    known = [choice for choice in networks if choice in table]
    accuracy, reward = numpy.array([networks[choice] for choice in known], dtype=float).T
    truth, macs = numpy.array([table[choice] for choice in known], dtype=float).T
    cost = kendall(macs, truth)
    print(f"{len(known)} networks of the table, {truth.min():.2f} to {truth.max():.2f}% when trained, "
          f"{100 * accuracy.min():.2f} to {100 * accuracy.max():.2f}% in the supernet\n")
    print("| measure | Kendall's tau | with MACs held fast |\n|---|---|---|")
    print(f"| MACs | {cost:.3f} | |")
    for name, score in (("accuracy in the supernet", accuracy), ("loss in the supernet", reward)):
        tau = kendall(score, truth)
        print(f"| {name} | {tau:.3f} | {partial(tau, kendall(score, macs), cost):.3f} |")


def place(run, table):
    """Where the found networks lie among those of the table."""
    truth = numpy.array(sorted((accuracy for accuracy, _ in table.values()), reverse=True))
    tasks = json.loads((run / "config.json").read_text())["tasks"]
    for number, task in enumerate(tasks):
        networks = scored(run, number)
        best = sorted(networks, key=lambda choice: networks[choice][1], reverse=True)
        inside = [choice for choice in best if choice in table]
        print(f"\n{task['name']}: best of {len(networks)} by reward: {''.join(map(str, best[0]))}"
              f" ({'in' if best[0] in table else 'not in'} the table)")
        for choice in inside[:3]:
            above = (truth > table[choice][0]).sum()
            print(f"  {''.join(map(str, choice))}: {table[choice][0]:.2f}%, {above + 1} of {len(truth)}"
                  f" (top {100 * (above + 1) / len(truth):.2f}%), {table[choice][1] / 1e6:.1f} M multiply-adds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("supernet", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, help="for the networks that are drawn")
    parser.add_argument("-n", type=int, default=300, help="networks of the table, about")
    parser.add_argument("--images", type=int, default=1000, help="that a network is scored on")
    parser.add_argument("--search", type=pathlib.Path, help="a run with this supernet")
    parser.add_argument("--program", default=ROOT / "build/release/dikdik")
    options = parser.parse_args()
    table = read_table()
    words = ["--set", f"scoring.images={options.images}"]
    compare(draw(options.program, options.supernet.resolve(), options.folder, 2 * options.n, words), table)
    if options.search:
        place(options.search, table)


if __name__ == "__main__":
    main()
