#!/usr/bin/env python3
"""Holds the event file of a run folder against its run.h5, with TensorBoard's own reader: read_events.py RUN [--live]

--live: what a reader sees while the run goes on, or after it was killed: both files may have rows that the other does
not have yet. Exit codes: 0 all the same, 1 something differs, 77 a reader is missing."""
import json
import pathlib
import sys

try:
    import h5py
    import numpy as np
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto import event_pb2
except ImportError as missing:
    print(f"skipped: {missing}; scripts/setup.sh --readers installs it", file=sys.stderr)
    raise SystemExit(77)

FAILED = (1, 2, 3, 4)  # failures whose episodes have no numbers


def expected(run):
    """{tag: [(step, value)]} by run.h5."""
    want = {}
    for table, prefix in (("updates", "update"), ("update_costs", "update_cost")):
        rows = run[table][:]
        for column in rows.dtype.names[1:]:
            want[f"{prefix}/{column}"] = list(zip(rows["update"], rows[column]))
    config = json.loads(run.attrs["config"])
    names = [task["name"] for task in config["tasks"]]
    episodes, costs = run["episodes"][:], run["episode_costs"][:]
    best = {}
    for step, (row, cost) in enumerate(zip(episodes, costs)):
        name = names[row["task"]]
        values = {column: row[column] for column in ("reward", "accuracy", "macs", "params", "bytes", "lag")}
        values["environment_seconds"] = cost["environment_seconds"]
        if row["failure"] in FAILED:
            values = {"failure": row["failure"]}
        else:
            if row["budget"] == 0:
                best[name] = max(best.get(name, row["reward"]), row["reward"])
            if name in best:
                values["best"] = best[name]
        for column, value in values.items():
            want.setdefault(f"{column}/{name}", []).append((step, value))
    return {tag: points for tag, points in want.items() if points}


def raw_events(folder):
    """All events of all files, as they lie there."""
    for path in sorted(folder.glob("*tfevents*")):
        for data in RawEventFileLoader(str(path)).Load():
            event = event_pb2.Event()
            event.ParseFromString(data)
            yield event


def check_raw(folder):
    events = list(raw_events(folder))
    assert events[0].file_version == "brain.Event:2", events[0]
    seen = set()
    for event in events:
        for value in event.summary.value:
            assert (value.tag, event.step) not in seen, f"{value.tag} has step {event.step} twice"
            seen.add((value.tag, event.step))


def main():
    folder, live = pathlib.Path(sys.argv[1]), "--live" in sys.argv
    check_raw(folder)
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    with h5py.File(folder / "run.h5", "r", swmr=live) as run:
        want = expected(run)
    tags = set(reader.Tags()["scalars"])
    if not live and tags != set(want):
        raise SystemExit(f"tags differ: {sorted(tags ^ set(want))}")
    compared = 0
    for tag in sorted(tags & set(want)):
        got = [(event.step, np.float32(event.value)) for event in reader.Scalars(tag)]
        due = [(step, np.float32(value)) for step, value in want[tag]]
        n = min(len(got), len(due)) if live else len(due)
        if (not live and len(got) != n) or not all(
            a[0] == b[0] and (a[1] == b[1] or (np.isnan(a[1]) and np.isnan(b[1]))) for a, b in zip(got[:n], due[:n])
        ):
            raise SystemExit(f"{tag}: {got[:8]}, expected {due[:8]}")
        compared += n
    if compared == 0:
        raise SystemExit("there is nothing to compare")
    print(f"{compared} scalars of {len(tags)} tags are the same")


main()
