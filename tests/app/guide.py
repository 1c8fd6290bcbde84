#!/usr/bin/env python3
"""Runs every command of README.md and docs/guide.md: guide.py DIKDIK SOURCE [-v]

Commands are the lines of blocks that begin with ```sh. They run one after the other in a folder of their own, as they
stand, on small stand-ins: data sets of a few drawn images under their names, configs with few images, epochs and
evaluations, networks that such a config has trained. Every one has to exit with 0.

A comment before a block names commands by how they begin (or "all") that are not run, and why:
    <!-- not run: srun, cmake; a cluster, a build -->
Of those too the words are checked: the subcommand is one, its options are in its --help, files of the source tree exist.
A block of JSON behind "`own.json`:" is that file."""
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time

DOCUMENTS = ("README.md", "docs/guide.md")
MARK = re.compile(r"<!-- not run: (.*?); (.*?) -->")
SECONDS = 300  # for one command, on a slow machine
TRAIN, TEST = 600, 80


def commands(path):
    """(line number, command, why it is not run or None) of a document."""
    lines = path.read_text().splitlines()
    skip, reason, inside, number = [], "", False, 0
    while number < len(lines):
        line = lines[number]
        mark = MARK.search(line)
        if mark and not inside:
            skip, reason = [word.strip() for word in mark.group(1).split(",")], mark.group(2)
        elif line.strip().startswith("```"):
            inside = not inside and line.strip() == "```sh"
            if not inside and line.strip() == "```":
                skip = []
        elif inside and line.strip() and not line.strip().startswith("#"):
            first = number
            while line.endswith("\\"):
                number += 1
                line = line[:-1] + " " + lines[number].strip()
            line = line.strip()
            skipped = any(word == "all" or line.startswith(word) for word in skip)
            yield first + 1, line, reason if skipped else None
        elif line.strip():
            skip = skip if inside else []
        number += 1


# ---- stand-ins
def drawn(draw, kind, side, channels):
    """Bytes of an image: stripes whose distance is the class's."""
    pixels = bytearray()
    shift = draw.randrange(8)
    for y in range(side):
        for x in range(side):
            at = (x if kind % 2 else y) + shift
            value = 200 if at % (kind // 2 + 2) == 0 else 40
            pixels += bytes(min(255, value + draw.randrange(30)) for _ in range(channels))
    return bytes(pixels)


def planes(image):
    return b"".join(image[channel::3] for channel in range(3))


def write_cifar(folder, draw):
    folder.mkdir(parents=True)
    parts = [(f"data_batch_{i}.bin", TRAIN // 5) for i in range(1, 6)] + [("test_batch.bin", TEST)]
    for name, n in parts:
        (folder / name).write_bytes(
            b"".join(bytes([i % 10]) + planes(drawn(draw, i % 10, 32, 3)) for i in range(n))
        )


def write_idx(folder, draw):
    folder.mkdir(parents=True)
    for prefix, n in (("train", TRAIN), ("t10k", TEST)):
        images = b"".join(drawn(draw, i % 10, 28, 1) for i in range(n))
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, n, 28, 28) + images)
        labels = bytes(i % 10 for i in range(n))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, n) + labels)


def write_photos(folder, draw):
    """Pictures as a person has them: not square, of several sizes."""
    for part, n in (("train", 100), ("test", 12)):
        for kind, name in enumerate(("ants", "bees", "wasps")):
            (folder / part / name).mkdir(parents=True)
            for i in range(n):
                side = draw.choice((32, 40, 48))
                header = f"P6 {side} {side} 255\n".encode()
                (folder / part / name / f"{i}.ppm").write_bytes(header + drawn(draw, 2 * kind, side, 3))


def small(value):
    """A config that takes seconds: its networks (but for a large one among others) and up to three of their tasks, little
    of all else."""
    large = [network["name"] for network in value.get("networks", []) if network.get("architecture") == "resnet56"]
    if 0 < len(large) < len(value["networks"]):
        value["networks"] = [network for network in value["networks"] if network["name"] not in large]
        value["tasks"] = [task for task in value["tasks"] if task.get("network") not in large]
    for network in value.get("networks", []):
        network.setdefault("train", {}).update(epochs=1, batch=32)
        if "supernet" in network:
            network["supernet"].update(epochs=1, batch=32)
    if "tasks" in value:
        value.setdefault("scoring", {}).update(images=40, calibration_images=32, refit_images=32, validation_share=0.2)
        value.setdefault("search", {}).update(evaluations=4, best=1)
        value.setdefault("finetune", {}).update(epochs=1, batch=32)
        value.setdefault("learner", {}).update(taught_batches=2, distilled_batches=2, imagined_batches=2)
        value["tasks"] = value["tasks"][:3]
    else:
        value.setdefault("train", {}).update(epochs=1, batch=32, warmup_epochs=0)
    return value


class Place:
    """The folder that the commands run in."""

    def __init__(self, program, source, folder):
        self.program, self.source, self.folder = program, source, folder
        bin_folder, data = folder / "bin", folder / "data"
        for name in ("bin", "build/release", "configs", "scripts"):
            (folder / name).mkdir(parents=True)
        for link in (bin_folder / "dikdik", folder / "build/release/dikdik"):
            link.symlink_to(program)
        draw = random.Random(1)
        write_cifar(data / "cifar10", draw)
        write_idx(data / "mnist", draw)
        write_idx(data / "fashion-mnist", draw)
        write_photos(folder / "photos", draw)
        for config in (source / "configs").glob("*.json"):
            (folder / "configs" / config.name).write_text(json.dumps(small(json.loads(config.read_text()))))
        self.environment = dict(
            os.environ,
            PATH=f"{bin_folder}:{os.environ['PATH']}",
            DIKDIK_DATA=str(data),
            UCX_HANDLE_ERRORS="none",
            OMP_NUM_THREADS="1",
        )
        self.make_networks(data / "weights")

    def make_networks(self, weights):
        weights.mkdir()
        for model, size in (("resnet20", 1), ("resnet56", 1)):
            config = {"model": {"architecture": model}, "data": {"name": "cifar10"}, "train": {"epochs": 1, "batch": 32}}
            config["train"]["validation_share"] = 0.2
            (self.folder / "make.json").write_text(json.dumps(config))
            self.must(f"dikdik train make.json --run-dir made-{model}")
            for name in (f"cifar10_{model}", f"clean_{model}"):
                shutil.copy(self.folder / f"made-{model}/network.safetensors", weights / f"{name}.safetensors")
        for name in ("FILE", "A.safetensors", "B.safetensors", "resnet20.safetensors", "small.safetensors"):
            shutil.copy(weights / "cifar10_resnet20.safetensors", self.folder / name)
        self.must("dikdik export FILE -o theirs.onnx --input-values pixels")
        (self.folder / "widths.json").write_text('{"layer1.0.conv1": 8}')
        photos = {"model": {"architecture": "convnet"}, "data": {"name": "folder", "path": "photos", "size": 32}}
        photos["train"] = {"epochs": 3, "batch": 30}
        (self.folder / "make.json").write_text(json.dumps(photos))
        self.must("dikdik train make.json --run-dir made-photos")
        self.must("dikdik export made-photos/network.safetensors -o mine.onnx --compare 0")

    def write_block(self, name, text):
        (self.folder / name).write_text(text)

    def run(self, command):
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )

    def must(self, command):
        done = self.run(command)
        if done.returncode != 0:
            raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def configs_in_text(path):
    """{name: text} of JSON blocks that a line before says the name of: `own.json`:"""
    text = path.read_text()
    return {m.group(1): m.group(2) for m in re.finditer(r"`([\w-]+\.json)`:\n+```json\n(.*?)```", text, re.S)}


# ---- commands that are only looked at
def help_of(place, words):
    known = getattr(place, "helps", {})
    key = tuple(words)
    if key not in known:
        known[key] = place.run(f"dikdik {' '.join(words)} --help")
        place.helps = known
    return known[key]


def check_words(place, command):
    """What is wrong with a command of ours that is not run; None: nothing."""
    words = shlex.split(command, comments=True)
    for word in words:
        if re.match(r"(\./)?(configs|scripts|tools|docs|experiments)/[\w./-]+$", word):
            if not (place.source / word).exists():
                return f"there is no {word}"
    at = next((i for i, word in enumerate(words) if pathlib.PurePath(word).name == "dikdik"), None)
    if at is None or at + 1 >= len(words) or "=" in words[at]:
        return None
    sub = [words[at + 1]]
    if sub[0].startswith("-"):
        return None
    if sub == ["bench"] and at + 2 < len(words) and words[at + 2] in ("nn", "search", "score"):
        sub.append(words[at + 2])
    shown = help_of(place, sub)
    if shown.returncode != 0:
        return f"dikdik {' '.join(sub)} --help: {shown.stderr.strip()}"
    options = {option.replace("-", "_") for option in re.findall(r"--([\w.-]+)", shown.stdout)}
    options |= {"data", "backend", "threads", "actors", "set", "help"}
    for word in words[at + 2 :]:
        name = word[2:].split("=")[0].replace("-", "_")
        if word.startswith("--") and name not in options:
            return f"dikdik {' '.join(sub)} has no option {word}"
    return None


def out_of_reach(command):
    """Why this machine cannot run it; None: it can."""
    scores_int8 = "dikdik eval" in command and "--int8" in command
    known = "avx512_vnni" in pathlib.Path("/proc/cpuinfo").read_text() if scores_int8 else True
    return None if known else "a processor without AVX512-VNNI"


def main():
    program, source = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    ran = looked = 0
    failures = []
    with tempfile.TemporaryDirectory(prefix="dikdik-guide-") as folder:
        place = Place(program, source, pathlib.Path(folder))
        for name in DOCUMENTS:
            for config, text in configs_in_text(source / name).items():
                place.write_block(config, json.dumps(small(json.loads(text))))
            for number, command, reason in commands(source / name):
                problem, reason = check_words(place, command), reason or out_of_reach(command)
                if problem is None and reason is None:
                    ran += 1
                    begun = time.monotonic()
                    try:
                        done = place.run(command)
                        if done.returncode != 0:
                            problem = f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
                    except subprocess.TimeoutExpired:
                        problem = f"took longer than {SECONDS} s"
                    if "-v" in sys.argv:
                        print(f"{time.monotonic() - begun:6.1f} s  {name}:{number}: {command}", flush=True)
                else:
                    looked += 1
                if problem:
                    failures.append(f"{name}:{number}: {command}\n    {problem}")
    print("\n".join(failures) if failures else f"{ran} commands ran, {looked} more were looked at")
    if ran < 20:
        failures.append("too few commands were found")
    raise SystemExit(1 if failures else 0)


main()
