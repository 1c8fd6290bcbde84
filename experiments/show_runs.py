#!/usr/bin/env python3
"""Sweeps as a Markdown table: a row per setting, a column per task, means over the seeds.

    experiments/show_runs.py runs/methods                         scores of the search (of scoring.images images)
    experiments/show_runs.py --figure accuracy_found SWEEP ...    on the whole search-validation set
    experiments/show_runs.py --figure accuracy_test SWEEP ...     fine-tuned, on the test set
    experiments/show_runs.py --after 25 SWEEP ...                 the best by reward after 25 evaluations of each task

Needs nothing but Python. With h5py, every episode of every run is held against its budget as well."""
import argparse
import json
import pathlib
import statistics

try:
    import h5py
except ImportError:
    h5py = None


def find_runs(sweeps):
    """The run folders of sweeps."""
    folders = [folder for sweep in map(pathlib.Path, sweeps) for folder in sorted(sweep.glob("runs/*/"))]
    if not folders:
        raise SystemExit("no runs: expected the folder of a sweep")
    return folders


def split_name(folder):
    """(setting, seed) of a run folder called "variant=impala,seed=1"."""
    parts = folder.name.split(",")
    seed = next((part[5:] for part in parts if part.startswith("seed=")), "")
    return ",".join(part.removeprefix("variant=") for part in parts if not part.startswith("seed=")), seed


def read_runs(folders):
    """{setting: {seed: report}}"""
    runs = {}
    for folder in folders:
        name, seed = split_name(folder)
        report = folder / "report.json"
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


def limits_of(report):
    """Per task [(kind of cost, most)]."""
    limits = []
    for task in report["tasks"]:
        limits.append([])
        for part in task["budget"].split(", "):
            kind, budget = part.split(" <= ")
            whole = task[kind] / task[kind + "_share"]
            limits[-1].append((kind, float(budget) * whole if float(budget) <= 1 else float(budget)))
    return limits


def read_candidates(folder):
    """Rows of episodes that came to a candidate, known ones too."""
    with h5py.File(folder / "run.h5", "r", swmr=True) as run:
        rows = run["episodes"][:]
    rows = rows[rows["failure"] == 0]
    return rows[rows["budget"] == 0] if "budget" in rows.dtype.names else rows  # others are measurements


def note_best(folder, report, evaluations):
    """Gives each task the best by reward once every task has so many evaluations, or at the end of a run with fewer;
    candidates of all budgets of a network count for each that they keep."""
    tasks, limits = report["tasks"], limits_of(report)
    tried = [0] * len(tasks)
    best = [(float("-inf"), 0.0)] * len(tasks)
    for row in read_candidates(folder):
        tried[row["task"]] += row["fresh"]
        for number, task in enumerate(tasks):
            held = all(row[kind] <= limit + 0.5 for kind, limit in limits[number])
            if held and task["network"] == tasks[row["task"]]["network"]:
                best[number] = max(best[number], (float(row["reward"]), float(row["accuracy"])))
        if min(tried) >= evaluations:
            break
    for task, (reward, accuracy) in zip(tasks, best):
        task["reward_after"], task["accuracy_after"] = reward, accuracy


def count_episodes(folders):
    """Episodes that came to a candidate, known ones too, and those above their task's budget."""
    ended = above = 0
    for folder in folders:
        report = folder / "report.json"
        if not report.exists():
            continue
        rows = read_candidates(folder)
        for number, task_limits in enumerate(limits_of(json.loads(report.read_text()))):
            tried = rows[rows["task"] == number]
            ended += len(tried)
            above += sum(any(row[kind] > limit + 0.5 for kind, limit in task_limits) for row in tried)
    return ended, above


def print_after(folders, evaluations):
    runs = read_runs(folders)
    for name, seeds in runs.items():
        for seed, report in seeds.items():
            folder = next(f for f in folders if split_name(f) == (name, seed))
            note_best(folder, report, evaluations)
    for figure in ("accuracy_after", "reward_after"):
        print(f"\nBest by reward after {evaluations} evaluations of each task: {figure.split('_')[0]}\n")
        print_table(runs, figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", default="score", choices=["score", "accuracy_found", "accuracy_test"])
    parser.add_argument("--after", type=int, metavar="N", help="the best by reward after N evaluations of each task")
    parser.add_argument("sweeps", nargs="+")
    arguments = parser.parse_args()
    folders = find_runs(arguments.sweeps)
    if arguments.after is not None:
        if h5py is None:
            raise SystemExit("--after reads run.h5: install h5py (python3-h5py)")
        print_after(folders, arguments.after)
        return
    print_table(read_runs(folders), arguments.figure)
    if h5py is not None:
        ended, above = count_episodes(folders)
        print(f"\n{ended} episodes, {above} above their budget")


if __name__ == "__main__":
    main()
