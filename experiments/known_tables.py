#!/usr/bin/python3
"""Search methods on a table of known results: the regret of what each would choose after so many evaluations a task, as
a Markdown table, for both things that a search can be led by (search_on: proxy, final).

    experiments/known_tables.py configs/nasbench201.json runs/known --seeds 20
    experiments/known_tables.py configs/nasbench201.json runs/known --seeds 5 --methods impala,bayes --search-on final
    experiments/known_tables.py configs/nasbench201.json runs/try --seeds 5 --methods impala --set learner.imagined=16

A method is the name of search.method with what is set beside it (METHODS below); "alone" runs every task by itself, so
that nothing is shared. Of each task's distinct candidates in the order in which they were scored, the choice after n is
the one with the greatest reward among the first n; its score is what the table reports of it. FOLDER/results.json keeps
what was measured: given again, the script only runs what is missing. Needs numpy, h5py and DIKDIK_DATA."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
# name: search.method, further settings, whether every task runs by itself
METHODS = {
    "impala": ("impala", [], False),
    "impala alone": ("impala", [], True),
    "bayes shared": ("bayes", ["search.share=true"], False),
    "bayes alone": ("bayes", [], True),
    "copy": ("copy", [], False),
    "evolution": ("evolution", [], True),
    "local": ("local", [], True),
    "random": ("random", [], True),
}


def search(program, config, folder, words):
    """Run a search; its report and its episodes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([program, "search", file, "--transport", "inline", "--run-dir", folder / "run", "--json", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{folder}: {done.stderr.strip().splitlines()[-1]}")
    with h5py.File(folder / "run/run.h5", "r") as run:
        rows = run["episodes"][:]
    shutil.rmtree(folder)
    return json.loads(done.stdout), rows


def regrets(report, rows, after):
    """{task: regret after after[i] evaluations}, None where the search ended before."""
    out = {}
    for number, task in enumerate(report["tasks"]):
        own = rows[(rows["task"] == number) & (rows["fresh"] == 1) & (rows["failure"] == 0)]
        out[task["task"]] = [
            float(task["best_known"] - own["accuracy"][:n][numpy.argmax(own["reward"][:n])]) if len(own) >= n else None
            for n in after]
    return out


def tasks_of(config):
    """The tasks of a config, each as a config of its own; the table's data sets where it names none."""
    tabular = config["tabular"]
    default = [{"data": name} for name in ("cifar10", "cifar100", "imagenet16-120")]
    tasks = tabular.get("tasks") or (default if tabular.get("table", "nasbench201") == "nasbench201" else [{}])
    return [{**config, "tabular": {**tabular, "tasks": [task]}} for task in tasks]


def measure(job):
    program, config, folder, name, search_on, seed, after, more = job
    method, settings, alone = METHODS[name]
    words = [f"--seed={seed}", f"--set=search.method={method}", f"--set=search.evaluations={max(after)}",
             f"--set=tabular.search_on={search_on}", *[f"--set={setting}" for setting in settings + more]]
    result = {}
    for number, part in enumerate(tasks_of(config) if alone else [config]):
        place = folder / f"{name.replace(' ', '-')}-{search_on}-{seed}-{number}"
        result.update(regrets(*search(program, part, place, words), after))
    return name, search_on, seed, result


def print_table(results, names, search_on, seeds, after):
    tasks = list(next(iter(results.values())))
    print(f"\nsearch_on {search_on}\n\n| evaluations | method |", " | ".join(tasks), "| mean | seeds |")
    print("|---" * (len(tasks) + 4) + "|")
    for at, n in enumerate(after):
        for name in names:
            runs = [results[key] for key in (f"{name}/{search_on}/{seed}" for seed in seeds) if key in results]
            values = numpy.array([[run[task][at] for task in tasks] for run in runs], dtype=float)
            if len(values) == 0 or numpy.isnan(values).any():
                continue
            values *= 100
            mean = values.mean(axis=1)
            error = f" ± {mean.std(ddof=1) / len(mean) ** 0.5:.2f}" if len(mean) > 1 else ""
            cells = " | ".join(f"{value:.2f}" for value in values.mean(axis=0))
            print(f"| {n} | {name} | {cells} | {mean.mean():.2f}{error} | {len(mean)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--after", default="25,50,100,200", help="evaluations a task")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--search-on", default="final,proxy")
    parser.add_argument("--set", action="append", default=[], help="further settings of every run, PATH=VALUE")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--program", default=ROOT / "build/release/dikdik")
    given = parser.parse_args()
    after = [int(n) for n in given.after.split(",")]
    names, protocols, seeds = given.methods.split(","), given.search_on.split(","), range(1, given.seeds + 1)
    config = json.loads(given.config.read_text())
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    jobs = [(given.program, config, given.folder, name, on, seed, after, given.set)
            for name in names for on in protocols for seed in seeds if f"{name}/{on}/{seed}" not in results]
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for name, on, seed, result in pool.map(measure, jobs):
            results[f"{name}/{on}/{seed}"] = result
            kept.write_text(json.dumps(results, indent=0))
    for on in protocols:
        print_table(results, names, on, seeds, after)


if __name__ == "__main__":
    main()
