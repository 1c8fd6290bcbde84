#!/usr/bin/env python3
"""Checks who includes whom: folders only along the arrows, and each foreign library only in its wrapper.

The build refuses most wrong includes by itself; this also sees headers that lie in /usr/include, and holds the
folders' CMake targets to the same table."""
import fnmatch
import pathlib
import re
import sys

from sources import ROOT, sources

# Direct arrows; what a folder may see is everything reachable.
ARROWS = {
    "core": [],
    "compute": ["core"],
    "nn": ["compute"],
    "onnx": ["nn"],
    "data": ["core"],
    "transport": ["core"],
    "search_space": ["nn"],
    "tools": ["nn"],
    "train": ["search_space", "data", "transport"],
    "deploy": ["nn"],
    "agent": ["nn"],
    "envs": ["search_space", "data"],
    "actors": ["envs", "agent", "transport"],
    "learner": ["agent", "transport"],
    "run": ["actors", "learner", "train", "onnx"],
    "experiments": ["run", "deploy"],
    "app": ["run", "deploy", "experiments"],
}

# Header pattern: the files that may include it.
WRAPPERS = {
    "mpi.h": ["transport/collective_mpi.c", "transport/transport_mpi.c"],
    "hdf5*.h": ["core/hdf5_*.c"],
    "H5*.h": ["core/hdf5_*.c"],
    "cJSON.h": ["core/json.c"],
    "cjson/cJSON.h": ["core/json.c"],
    "dnnl*.h": ["compute/cpu/*"],
    "oneapi/*": ["compute/cpu/*"],
    "cblas*.h": ["compute/blas.c"],
    "lapack*.h": ["compute/blas.c"],
    "openblas*.h": ["compute/blas.c"],
    "cuda*.h": ["compute/cuda/*"],
    "cudnn*.h": ["compute/cuda/*"],
    "cublas*.h": ["compute/cuda/*"],
    "onnx.pb-c.h": ["onnx/model_*.c", "onnx/export_message.c", "tests/onnx/*"],
    "event.pb-c.h": ["core/event_file.c"],
    "protobuf-c/*": ["onnx/model_*.c", "onnx/export_message.c", "tests/onnx/*"],
    "zlib.h": ["data/*", "tests/data/*"],
    "png.h": ["data/image_png.c", "tests/data/*"],
    "jpeglib.h": ["data/image_jpeg.c"],
    "jerror.h": ["data/image_jpeg.c"],
    "turbojpeg.h": ["tests/data/*"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def visible(folder):
    """The folder itself and everything its arrows reach."""
    seen, queue = set(), [folder]
    while queue:
        here = queue.pop()
        if here not in seen:
            seen.add(here)
            queue.extend(ARROWS[here])
    return seen


def wrapper_error(name, header):
    for pattern, allowed in WRAPPERS.items():
        if fnmatch.fnmatch(header, pattern) and not any(fnmatch.fnmatch(name, a) for a in allowed):
            return f"<{header}> belongs in {', '.join(allowed)} alone"
    return None


def include_error(name, bracket, header):
    if bracket == "<":
        return wrapper_error(name, header)
    if "../" in header:
        return f'"{header}" climbs out of its folder; name it from the root'
    folder, target = name.split("/")[0], header.split("/")[0]
    if folder == target == "tests":
        return None if (ROOT / header).is_file() else f'"{header}" does not exist'
    if target not in ARROWS or "/" not in header:
        near = [pathlib.Path(name).parent, pathlib.Path("tests/support")]
        if folder == "tests" and any((ROOT / place / header).is_file() for place in near):
            return None
        return wrapper_error(name, header) or f'"{header}" is in no folder of ours; name it from the root'
    if not (ROOT / header).is_file():
        return f'"{header}" does not exist'
    if folder != "tests" and target not in visible(folder):
        return f'{folder} cannot see {target}: "{header}" goes against the arrows'
    return None


def check_includes(errors):
    names = sources("*.c", "*.h", "*.cu", "*.cuh")
    for name in names:
        if name.split("/")[0] not in [*ARROWS, "tests"]:
            errors.append(f"{name}: its folder is not in the table of tools/check_layers.py")
            continue
        for number, line in enumerate((ROOT / name).read_text().split("\n"), 1):
            match = INCLUDE.match(line)
            error = include_error(name, *match.groups()) if match else None
            if error:
                errors.append(f"{name}:{number}: {error}")
    return len(names)


def check_targets(errors):
    """The DEPS of module(NAME ...) stay within the table too."""
    for folder in ARROWS:
        path = ROOT / folder / "CMakeLists.txt"
        text = re.sub(r"#.*", "", path.read_text()) if path.is_file() else ""
        for name, rest in re.findall(r"\bmodule\(\s*(\w+)([^)]*)\)", text):
            deps = re.search(r"\bDEPS\b(.*?)(?:\b(?:LIBS|SRCS)\b|$)", rest, re.S)
            for dep in deps.group(1).split() if deps else []:
                if name not in ARROWS or dep not in visible(name):
                    errors.append(f"{folder}/CMakeLists.txt: {name} depends on {dep}, against the arrows")


def main():
    errors = []
    count = check_includes(errors)
    check_targets(errors)
    if errors:
        sys.exit("\n".join(errors))
    print(f"layers: {count} files")


if __name__ == "__main__":
    main()
