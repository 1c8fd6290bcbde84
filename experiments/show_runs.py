#!/usr/bin/env python3
"""Run folders NAME-SEED as a Markdown table: a row per NAME, a column per task, means over the seeds.

    experiments/show_runs.py runs/methods/*/                    scores of the search (of scoring.images images)
    experiments/show_runs.py --figure accuracy_found RUN ...    on the whole search-validation set
    experiments/show_runs.py --figure accuracy_test RUN ...     fine-tuned, on the test set

Needs nothing but Python. With h5py, every episode of every run is held against its budget as well."""
import argparse
import json
import pathlib
import statistics

try:
    import h5py
except ImportError:
    h5py = None


def read_runs(folders):
    """{name: {seed: report}}"""
    runs = {}
    for folder in map(pathlib.Path, folders):
        name, _, seed = folder.name.rpartition("-")
        report = folder / "report.json"
        if not name:
            raise SystemExit(f"{folder}: expected a folder called NAME-SEED")
        if not report.exists():
            print(f"{folder}: no report.json, the run is not complete; left out")
            continue
        runs.setdefault(name, {})[seed] = json.loads(report.read_text())
    return runs


def cell(values):
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.2f}{spread}"


def print_table(runs, figure):
    tasks = sorted({task["task"] for seeds in runs.values() for report in seeds.values() for task in report["tasks"]})
    print("| |", " | ".join(tasks), "| mean | seeds |")
    print("|---" * (len(tasks) + 3) + "|")
    for name, seeds in sorted(runs.items()):
        by_task = {task: [] for task in tasks}
        means = []
        for report in seeds.values():
            values = {task["task"]: task[figure] for task in report["tasks"] if task[figure] is not None}
            for task, value in values.items():
                by_task[task].append(value)
            if values:
                means.append(statistics.mean(values.values()))
        cells = [cell(values) if values else "" for values in by_task.values()]
        print(f"| {name} |", " | ".join(cells), f"| {cell(means) if means else ''} | {len(seeds)} |")
    if figure != "accuracy_test":
        print_images(runs)


def print_images(runs):
    """Which tasks are scored on images that weights may have been trained on; reports of old do not say."""
    known = {task["task"]: True for seeds in runs.values() for report in seeds.values() for task in report["tasks"]}
    for seeds in runs.values():
        for report in seeds.values():
            for task in report["tasks"]:
                known[task["task"]] &= task.get("validation_images") == "unseen"
    unknown = sorted(task for task, unseen in known.items() if not unseen)
    if unknown:
        print(f"\nOf images that the weights may have been trained on: {', '.join(unknown)}")


def count_episodes(folders):
    """Episodes that came to a candidate, known ones too, and those above their task's budget."""
    ended = above = 0
    for folder in map(pathlib.Path, folders):
        report = folder / "report.json"
        if not report.exists():
            continue
        tasks = json.loads(report.read_text())["tasks"]
        limits = []
        for task in tasks:
            limits.append([])
            for part in task["budget"].split(", "):
                kind, budget = part.split(" <= ")
                whole = task[kind] / task[kind + "_share"]
                limits[-1].append((kind, float(budget) * whole if float(budget) <= 1 else float(budget)))
        with h5py.File(folder / "run.h5", "r", swmr=True) as run:
            rows = run["episodes"][:]
        for number, task_limits in enumerate(limits):
            tried = rows[(rows["task"] == number) & (rows["failure"] == 0)]
            if "budget" in rows.dtype.names:  # others are measurements, no candidates
                tried = tried[tried["budget"] == 0]
            ended += len(tried)
            above += sum(any(row[kind] > limit + 0.5 for kind, limit in task_limits) for row in tried)
    return ended, above


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", default="score", choices=["score", "accuracy_found", "accuracy_test"])
    parser.add_argument("runs", nargs="+")
    arguments = parser.parse_args()
    print_table(read_runs(arguments.runs), arguments.figure)
    if h5py is not None:
        ended, above = count_episodes(arguments.runs)
        print(f"\n{ended} episodes, {above} above their budget")


if __name__ == "__main__":
    main()
