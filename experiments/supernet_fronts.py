#!/usr/bin/python3
"""Fronts of accuracy and costs in the supernets of a run, by search method: hypervolume after so many evaluations, as a
share of that of everything that any method found, as a Markdown table.

    dikdik run configs/mtnas-quick.json
    experiments/supernet_fronts.py runs/mtnas-quick runs/supernet-fronts --seeds 5

One task per supernet, all at once, without a budget. Everything is measured on a scale on which 0 is the best that can
be and 1 the worst: the error from none to that of guessing, MACs and parameters as shares of the largest network's; the
reference point is (1, 1, 1). Needs numpy and h5py, and the run's data."""
import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess

import numpy

import fronts

# name: search.method, the tasks' objective, further settings
METHODS = {
    "impala, drawn weights": ("impala", fronts.BOTH, []),
    "bayes, drawn weights": ("bayes", fronts.BOTH, []),
    "nsga2": ("nsga2", {}, []),
    "random": ("random", {}, []),
}


def search(job):
    """{network: rows of its evaluations}."""
    options, base, name, seed, evaluations = job
    method, objective, settings = METHODS[name]
    names = [network["name"] for network in base["networks"]]
    networks = [{**network, "weights": str((options.run / f"networks/{network['name']}.safetensors").resolve())}
                for network in base["networks"]]
    config = {"environment": "nas", "networks": networks, "scoring": base["scoring"],
              "tasks": [{"name": network, "network": network, "macs": 1, **({"objective": objective} if objective else {})}
                        for network in names],
              "search": {"method": method, "evaluations": evaluations, "start": "none", "best": 1},
              "agent": {"distribution": "mixed"}, "learner": {"mode": "sync"}}
    folder = options.folder / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    words = [f"--seed={seed}", "--backend.threads=1", *[f"--set={setting}" for setting in settings]]
    rows = fronts.run(options.program, file, folder / "run", words)
    shutil.rmtree(folder)
    rows = rows[(rows["fresh"] == 1) & (rows["failure"] == 0)]
    return {network: rows[rows["task"] == i] for i, network in enumerate(names)}


def inspect(options, network):
    """Of the largest network: classes, MACs, parameters."""
    file = options.run / f"networks/{network}.largest.safetensors"
    done = subprocess.run([options.program, "inspect", file, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def points_of(rows, largest):
    guess, whole = 1 - 1 / largest["classes"], largest["total"]
    return numpy.array([(1 - rows["accuracy"]) / guess, rows["macs"] / whole["macs"], rows["params"] / whole["params"]],
                       dtype=float).T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="with trained supernets")
    parser.add_argument("folder", type=pathlib.Path, help="for searches; what is done is removed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--after", default="50,100,200", help="evaluations")
    parser.add_argument("--methods", default=";".join(METHODS), help="of METHODS, separated by ;")
    parser.add_argument("--program", type=pathlib.Path, default=fronts.ROOT / "build/release/dikdik")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    after = [int(n) for n in options.after.split(",")]
    base = json.loads((options.run / "config.json").read_text())
    largest = {network["name"]: inspect(options, network["name"]) for network in base["networks"]}
    jobs = [(options, base, name, seed, max(after)) for name in options.methods.split(";")
            for seed in range(1, options.seeds + 1)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(search, jobs))
    print("| supernet | method | " + " | ".join(f"after {n}" for n in after) + " |")
    print("| --- | --- |" + " ---: |" * len(after))
    for network in largest:
        clouds = [points_of(result[network], largest[network]) for result in found]
        whole = fronts.hypervolume(fronts.front(numpy.concatenate(clouds)))
        for name in options.methods.split(";"):
            own = [cloud for job, cloud in zip(jobs, clouds) if job[2] == name]
            shares = [[fronts.hypervolume(fronts.front(cloud[:n])) / whole for cloud in own] for n in after]
            print(f"| {network} | {name} | " + " | ".join(fronts.cell(share, 4) for share in shares) + " |")


if __name__ == "__main__":
    main()
