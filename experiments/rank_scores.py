#!/usr/bin/python3
"""How well scores foretell what fine-tuning makes of candidates: Spearman's correlation of the accuracy and the reward
that a search sees, with and without refit, with the same networks' accuracy after a short fine-tuning, on the images
45,000 to 49,999 of CIFAR-10, which the networks in weights/clean_* have not seen. (How well a cheap score ranks
against a full one: dikdik bench score.)

    experiments/rank_scores.py FOLDER NETWORK BUDGET [N]     e.g. runs/ranks resnet56 0.5 24

Candidates are drawn at random under the budget. Needs h5py and numpy, and DIKDIK_DATA."""
import json
import os
import pathlib
import subprocess
import sys

import h5py
import numpy

DIKDIK = pathlib.Path(__file__).resolve().parent.parent / "build/release/dikdik"
DATA = pathlib.Path(os.environ["DIKDIK_DATA"])
FIRST_UNSEEN = 5000  # of data_batch_5: row 45,000 of the training part


def dikdik(*words):
    """Its --json answer."""
    done = subprocess.run([DIKDIK, *map(str, words), "--json"], stdout=subprocess.PIPE, check=True,
                          stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def write_unseen(file):
    """The unseen rows as the test part of an HDF5 data set, [5000, 32, 32, 3]."""
    rows = numpy.fromfile(DATA / "cifar10/data_batch_5.bin", numpy.uint8).reshape(-1, 3073)[FIRST_UNSEEN:]
    images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    with h5py.File(file, "w") as out:
        for part in ("train", "test"):
            out[part + "_images"], out[part + "_labels"] = images, rows[:, 0].astype(numpy.int32)


def search(folder, network, budget, n, refit):
    """Random candidates: widths, accuracies, rewards, core seconds of each."""
    config = {
        "networks": [{"name": network, "architecture": network, "weights": f"weights/clean_{network}.safetensors",
                      "data": {"name": "cifar10"}}],
        "tasks": [{"network": network, "macs": budget}],
        "space": {"round_to": 2},
        "scoring": {"calibration_images": 512, "calibration_pool": 0, "images": 2000, "reward": "loss", "refit": refit},
        "search": {"method": "random", "evaluations": n, "start": "none"},
    }
    file = folder / f"refit-{refit}.json"
    file.write_text(json.dumps(config))
    dikdik("search", file, "--run-dir", folder / refit, "--set", "backend.threads=1")
    with h5py.File(folder / refit / "run.h5", "r") as run:
        rows, costs = run["episodes"][:], run["episode_costs"][:]
    seconds = dict(zip(costs["episode"], costs["environment_seconds"]))
    rows = rows[(rows["failure"] == 0) & (rows["fresh"] == 1) & (rows["budget"] == 0)]
    rows.sort(order="episode")
    return rows, numpy.array([seconds[row["episode"]] for row in rows])


def finetuned(folder, network, number, widths, unseen):
    """Accuracy of one candidate on all unseen images after one pass over a fifth of the images."""
    names = [group["name"] for group in dikdik("inspect", DATA / f"weights/clean_{network}.safetensors")["groups"]]
    chosen, cut, tuned = folder / "widths.json", folder / "cut.safetensors", folder / f"tuned-{number}"
    chosen.write_text(json.dumps(dict(zip(names, map(int, widths)))))
    dikdik("slim", DATA / f"weights/clean_{network}.safetensors", "-o", cut, "--widths", chosen, "--data.name", "cifar10",
           "--refit_images", 2048, "--recalibrate", 2048)
    recipe = folder / "recipe.json"
    recipe.write_text(json.dumps({"model": {"architecture": network, "weights": str(cut)},
                                  "data": {"name": "cifar10", "share": 0.2},
                                  "train": {"epochs": 1, "batch": 128, "learning_rate": 0.02}}))
    tuned = dikdik("train", recipe, "--run-dir", tuned)["file"]
    return dikdik("eval", tuned, "--data.name", "hdf5", "--data.path", unseen)["accuracy"]


def spearman(a, b):
    ranks = [numpy.argsort(numpy.argsort(x, kind="stable"), kind="stable") for x in (a, b)]
    return numpy.corrcoef(*ranks)[0, 1]


def main():
    folder, network, budget = pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    n = int(sys.argv[4]) if len(sys.argv) > 4 else 24
    folder = folder / f"{network}-{budget:g}"
    folder.mkdir(parents=True, exist_ok=True)
    unseen = folder / "unseen.h5"
    write_unseen(unseen)
    runs = {refit: search(folder, network, budget, n, refit) for refit in ("on", "off")}
    on, off = runs["on"][0], runs["off"][0]
    if not numpy.array_equal(on["widths"], off["widths"]):
        sys.exit("the two searches drew different candidates")
    tuned = numpy.array([finetuned(folder, network, i, row["widths"][:row["n_widths"]], unseen)
                         for i, row in enumerate(on)])
    print(f"{network} {budget:g}, {len(on)} candidates, fine-tuned {100 * tuned.min():.1f}"
          f" to {100 * tuned.max():.1f}%")
    for refit, (rows, seconds) in runs.items():
        for score in ("accuracy", "reward"):
            print(f"  refit {refit}, {score}: {spearman(rows[score], tuned):.3f} with the fine-tuned, "
                  f"{numpy.median(seconds):.2f} core s each")


if __name__ == "__main__":
    main()
