#!/usr/bin/env python3
"""The schema of configs against PyPI's jsonschema: all configs and examples are good by it and by --check, and broken
ones, made from them by seeded changes, are refused by both. Exit code 77 where jsonschema cannot be had."""
import copy
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

BROKEN = 200
program, configs, venv = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])


def enter_venv():
    """Goes on with jsonschema in sight."""
    python = venv / "bin/python"
    if not (venv / "ready").exists():
        steps = [[sys.executable, "-m", "venv", venv], [python, "-m", "pip", "install", "--quiet", "jsonschema"]]
        for step in steps:
            if subprocess.run(step, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
                print("skipped: jsonschema is not installed and could not be fetched from PyPI")
                sys.exit(77)
        (venv / "ready").touch()
    sys.exit(subprocess.run([python, *sys.argv], check=False).returncode)


try:
    import jsonschema
except ImportError:
    enter_venv()


def run(*words):
    return subprocess.run([program, "config", *words], capture_output=True, text=True, check=False)


def places(value, schema, root, path=()):
    """Every value of a config with its part of the schema: (path, value, schema)."""
    while "$ref" in schema:
        part = root
        for key in schema["$ref"][2:].split("/"):
            part = part[key]
        schema = part
    yield path, value, schema
    if isinstance(value, dict):
        for key, member in value.items():
            if key in schema.get("properties", {}):
                yield from places(member, schema["properties"][key], root, (*path, key))
    if isinstance(value, list) and "items" in schema:
        for i, element in enumerate(value):
            yield from places(element, schema["items"], root, (*path, i))


def put(config, path, value):
    """The config with another value at the path; None: without it."""
    config = copy.deepcopy(config)
    at = config
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return config


def unknown_key(config, all_places, draw):
    path, value, schema = draw.choice([p for p in all_places if isinstance(p[1], dict)])
    key = draw.choice(list(schema["properties"])) + draw.choice("xyz")
    return put(config, (*path, key), 1) if key not in schema["properties"] else None


def wrong_type(config, all_places, draw):
    # A value of a sweep may stand alone or in a list.
    path, value, _ = draw.choice([p for p in all_places if p[0] and not (p[0][0] == "sweep" and len(p[0]) > 1)])
    other = 3 if isinstance(value, (str, bool, dict, list)) else draw.choice(["three", True, [3], {"three": 3}])
    return put(config, path, other)


def out_of_range(config, all_places, draw):
    path, _, schema = draw.choice([p for p in all_places if "minimum" in p[2]])
    return put(config, path, draw.choice([schema["minimum"] - 1, schema["maximum"] * 2 + 1]))


def wrong_choice(config, all_places, draw):
    chosen = [p for p in all_places if "enum" in p[2] or p[0] == ("environment",) or p[0][-2:] == ("space", "name")]
    trained = [(*path, "architecture") for path, value, _ in all_places
               if isinstance(value, dict) and "architecture" in value and not value.get("weights")]
    paths = [p[0] for p in chosen] + trained
    return put(config, draw.choice(paths), draw.choice(["", "no-such", "SYNC", "None"])) if paths else None


def missing(config, _, draw):
    paths = [(key,) for key in ("networks", "tasks") if key in config]
    for i, network in enumerate(config.get("networks", [])):
        paths += [("networks", i, "data"), ("networks", i, "data", "name")]
        if "space" in network:
            paths += [("networks", i, "space"), ("networks", i, "space", "name")]
        elif "weights" not in network:
            paths.append(("networks", i, "architecture"))
    for i, task in enumerate(config.get("tasks", [])):
        budgets = [key for key in ("macs", "params", "bytes") if key in task]
        if len(budgets) == 1:
            paths.append(("tasks", i, budgets[0]))
    if "model" in config:
        paths += [("model",), ("model", "architecture"), ("data",), ("data", "name")]
    return put(config, draw.choice(paths), None) if paths else None


def main():
    schema = json.loads(run("--schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    faults = []
    good = []
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(configs.glob("*.json"))
        for name in ("prune", "nas", "sweep"):
            files.append(pathlib.Path(folder, name + ".json"))
            files[-1].write_text(run("--example", name).stdout, encoding="utf-8")
        for file in files:
            text = file.read_text(encoding="utf-8")
            config = json.loads(re.sub(r"//.*", "", text)) if "//" in text else json.loads(text)
            good.append(config)
            faults += [f"{file.name} by the schema: {error.message}" for error in validator.iter_errors(config)]
            checked = run("--check", str(file))
            if checked.returncode != 0:
                faults.append(f"{file.name} by --check: {checked.stderr}")
        draw = random.Random(1)
        kinds = (unknown_key, wrong_type, out_of_range, wrong_choice, missing)
        made = 0
        while made < BROKEN:
            config = draw.choice(good)
            kind = kinds[made % len(kinds)]
            part = schema["$defs"]["train" if "model" in config else "run"]
            broken = kind(config, list(places(config, part, schema)), draw)
            if broken is None:
                continue
            made += 1
            file = pathlib.Path(folder, "broken.json")
            file.write_text(json.dumps(broken, indent=2), encoding="utf-8")
            by_schema, by_check = validator.is_valid(broken), run("--check", str(file))
            if by_schema or by_check.returncode != 1:
                faults.append(f"{kind.__name__} is taken by {'the schema' if by_schema else '--check'}: "
                              f"{json.dumps(broken)} {by_check.stderr}")
            elif "broken.json" not in by_check.stderr:
                faults.append(f"--check does not name the file: {by_check.stderr}")
    print(*faults[:10], sep="\n")
    print(f"{len(good)} good configs, {made} broken ones, {len(faults)} faults")
    return 1 if faults or len(good) < 15 else 0


if __name__ == "__main__":
    sys.exit(main())
