#!/usr/bin/python3
"""Exported networks in ONNX Runtime: does it compute what dikdik does, and what do integers cost?

Needs CIFAR-10 and weights under DIKDIK_DATA and the built program. onnx and onnxruntime come from PyPI into a virtual
environment of their own, made on the first run; where they cannot be had, the script says so and ends. Every file goes
through onnx.checker with shape inference.

  float32   each network whole and cut to half the width, BatchNorm folded and kept, normalisation outside and inside:
            the classes and outputs of `dikdik eval --logits` on test images
  imported  PyTorch's exports under DIKDIK_DATA/onnx_exported, cut to half their multiply-adds, on random images
  nodes     each kind of node and random networks, as the test program onnx.export_round leaves them, with their outputs
  int8      --int8 ort and tensorrt beside float32: accuracy on the test images

It ends with 1 when a class differs, an output by more than 1e-4 of the greatest, or int8 loses more than 0.3 points."""
import argparse
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

PACKAGES = ["onnx==1.23.2", "onnxruntime==1.32.0", "numpy"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_DIFFERENCE, MOST_LOSS = 1e-4, 0.003
BATCH = 100
NETWORKS = ["clean_resnet20", "clean_resnet56", "clean_vgg16_bn", "clean_mobilenet_v2", "clean_densenet40",
            "cifar10_resnet20", "cifar10_resnet56"]
VARIANTS = {"folded": [], "kept, bytes": ["--batchnorm", "keep", "--input_values", "bytes"]}


# ---- in the virtual environment

def read_safetensors(path):
    import numpy
    data = pathlib.Path(path).read_bytes()
    end = 8 + struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    dtypes = {"F32": numpy.float32, "U8": numpy.uint8, "I32": numpy.int32}
    return {name: numpy.frombuffer(data[end + entry["data_offsets"][0]:end + entry["data_offsets"][1]],
                                   dtypes[entry["dtype"]]).reshape(entry["shape"]) for name, entry in header.items()}


def read_images(n):
    """The first n test images of CIFAR-10, [n, 3, 32, 32] bytes, and their labels."""
    import numpy
    rows = numpy.fromfile(pathlib.Path(os.environ["DIKDIK_DATA"]) / "cifar10/test_batch.bin", numpy.uint8)
    rows = rows.reshape(-1, 3073)[:n]
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0]


def open_model(path):
    """A session, and the function that makes the file's input of bytes."""
    import numpy
    import onnx
    import onnxruntime
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    mean, std = (numpy.array([float(x) for x in facts[key].split(",")], numpy.float32).reshape(1, -1, 1, 1)
                 for key in ("mean", "std"))
    change = {"bytes": lambda x: x,
              "pixels": lambda x: x.astype(numpy.float32) / 255,
              "normalised": lambda x: (x.astype(numpy.float32) / 255 - mean) / std}[facts["input_values"]]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]), change


def run_model(path, images):
    """Every output over all images, by name."""
    import numpy
    session, change = open_model(path)
    names = [output.name for output in session.get_outputs()]
    parts = [session.run(names, {session.get_inputs()[0].name: change(images[i:i + BATCH])})
             for i in range(0, len(images), BATCH)]
    return {name: numpy.concatenate([part[k] for part in parts]) for k, name in enumerate(names)}


def compare_logits(path, reference, own_images=None):
    """Beside dikdik's logits on test images, or on own_images, an .npy file of [n, h, w, c] bytes."""
    import numpy
    tensors = read_safetensors(reference)
    expected, rows = tensors["logits"], tensors["rows"]
    if own_images is None:
        images, labels = (part[rows] for part in read_images(rows.max() + 1))
    else:
        images, labels = numpy.load(own_images).transpose(0, 3, 1, 2), numpy.zeros(len(expected))
    got = next(iter(run_model(path, images).values()))
    return {"same": int((got.argmax(1) == expected.argmax(1)).sum()), "images": len(images),
            "difference": float(numpy.abs(got - expected).max() / numpy.abs(expected).max()),
            "accuracy": float((got.argmax(1) == labels).mean())}


def score(path, n):
    images, labels = read_images(n)
    got = next(iter(run_model(path, images).values()))
    return {"accuracy": float((got.argmax(1) == labels).mean()), "images": len(images)}


def compare_folder(folder):
    """The greatest difference over all files of the test program."""
    import numpy
    worst, files = {"difference": 0.0, "file": ""}, 0
    for reference in sorted(pathlib.Path(folder).glob("*.safetensors")):
        values = read_safetensors(reference)
        got = run_model(reference.with_suffix(""), values.pop("images").transpose(0, 3, 1, 2))
        for name, expected in values.items():
            expected = expected.transpose(0, 3, 1, 2)
            if expected.shape[2:] == (1, 1):
                expected = expected[:, :, 0, 0]
            scale = float(numpy.abs(expected).max()) or 1.0
            difference = float(numpy.abs(got[name] - expected).max() / scale) if got[name].shape == expected.shape else 9.9
            if difference > MOST_DIFFERENCE:
                print(f"  {reference.stem}: {name} differs by {difference:.2g}", file=sys.stderr)
            if not difference <= worst["difference"]:
                worst = {"difference": difference, "file": reference.stem}
        files += 1
    for path in sorted(pathlib.Path(folder).glob("*_0?[12].onnx")):  # int8: that it runs
        run_model(path, numpy.zeros((2, *[d for d in open_model(path)[0].get_inputs()[0].shape[1:]]), numpy.uint8))
        files += 1
    return {**worst, "files": files}


def work(arguments):
    """What the virtual environment's interpreter is started for."""
    task, *rest = arguments
    tasks = {"logits": lambda: compare_logits(*rest), "score": lambda: score(rest[0], int(rest[1])),
             "folder": lambda: compare_folder(*rest)}
    json.dump(tasks[task](), sys.stdout)


# ---- outside of it

def make_environment(folder):
    """Its interpreter; None, with the reason on standard error, where it cannot be had."""
    python = folder / "bin" / "python"
    probe = [python, "-I", "-c", "import numpy, onnx, onnxruntime"]
    if python.exists() and subprocess.run(probe, capture_output=True).returncode == 0:
        return python
    steps = [["/usr/bin/python3", "-m", "venv", folder], [python, "-m", "pip", "install", "--quiet", *PACKAGES], probe]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
            print(f"skipped: no onnxruntime in {folder}: {last}", file=sys.stderr)
            return None
    return python


def run(command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(str(word) for word in command)}")
    return done.stdout


class Checks:
    def __init__(self, arguments, python, folder):
        self.arguments, self.python, self.folder = arguments, python, folder
        self.results, self.failed = [], False
        self.out = sys.stderr if arguments.json else sys.stdout

    def dikdik(self, *words):
        return run([self.arguments.dikdik, *words])

    def ask(self, *words):
        return json.loads(run([self.python, "-W", "ignore", __file__, "--work", *words]))

    def note(self, line, right, **result):
        self.failed = self.failed or not right
        self.results.append({**result, "right": right})
        print(line + ("" if right else "   WRONG"), file=self.out, flush=True)

    def float32(self, name, form, path):
        logits, file = self.folder / "logits.safetensors", self.folder / "net.onnx"
        self.dikdik("eval", path, "--data", "cifar10", "--limit", self.arguments.images, "--logits", logits, "--json")
        for variant, options in VARIANTS.items():
            self.dikdik("export", path, "-o", file, "--data", "cifar10", "--compare", 32, "--json", *options)
            found = self.ask("logits", file, logits)
            right = found["same"] == found["images"] and found["difference"] <= MOST_DIFFERENCE
            self.note(f"float32  {name:<20} {form:<6} {variant:<12} same class {found['same']} of {found['images']}, "
                      f"differs by {found['difference']:.1e}", right, check="float32", network=name, form=form,
                      variant=variant, **found)

    def int8(self, name, path):
        file, n = self.folder / "net.onnx", self.arguments.int8_images
        self.dikdik("export", path, "-o", file, "--data", "cifar10", "--compare", 0, "--json")
        whole = self.ask("score", file, n)["accuracy"]
        for taste in ("ort", "tensorrt"):
            self.dikdik("export", path, "-o", file, "--data", "cifar10", "--int8", taste, "--compare", 32, "--json")
            found = self.ask("score", file, n)
            self.note(f"int8     {name:<20} {taste:<9} {100 * found['accuracy']:.2f} % beside {100 * whole:.2f} % on "
                      f"{found['images']} images", whole - found["accuracy"] <= MOST_LOSS, check="int8", network=name,
                      taste=taste, float32=whole, **found)

    def imported(self, model):
        """Whole networks of other tools: cut, and out again."""
        import h5py
        import numpy
        half, logits = self.folder / "half.safetensors", self.folder / "logits.safetensors"
        file, pixels = self.folder / "net.onnx", self.folder / "pixels.npy"
        self.dikdik("slim", model, "-o", half, "--macs", 0.5, "--global", "--json")
        facts = json.loads(self.dikdik("inspect", half, "--json"))
        rng = numpy.random.default_rng(1)
        images = rng.integers(0, 256, (100, *facts["input"]), dtype=numpy.uint8)
        numpy.save(pixels, images)
        with h5py.File(self.folder / "pixels.h5", "w") as out:
            for part in ("train", "test"):
                out[part + "_images"] = images
                out[part + "_labels"] = numpy.arange(len(images), dtype=numpy.int32) % facts["classes"]
        self.dikdik("eval", half, "--data.name", "hdf5", "--data.path", self.folder / "pixels.h5", "--logits", logits, "--json")
        self.dikdik("export", half, "-o", file, "--input_values", "pixels", "--json")
        found = self.ask("logits", file, logits, pixels)
        found.pop("accuracy")
        share = facts["total"]["macs"] / facts["total_before"]["macs"]
        self.note(f"imported {model.parent.name:<28} {100 * share:.1f} % of its multiply-adds, differs by "
                  f"{found['difference']:.1e}", share <= 0.5 and found["difference"] <= MOST_DIFFERENCE, check="imported",
                  network=model.parent.name, share=share, **found)

    def nodes(self):
        folder = self.folder / "nodes"
        folder.mkdir()
        run([self.arguments.test_program, folder], stderr=subprocess.DEVNULL)
        found = self.ask("folder", folder)
        self.note(f"nodes    {found['files']} files, the worst differs by {found['difference']:.1e} ({found['file']})",
                  found["difference"] <= MOST_DIFFERENCE, check="nodes", **found)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=NETWORKS, metavar="NAME",
                        help=f"files in DIKDIK_DATA's folder weights (default {' '.join(NETWORKS)})")
    parser.add_argument("--int8", nargs="*", default=["clean_resnet20", "clean_resnet56"], metavar="NAME",
                        help="those whose accuracy in int8 is measured (default clean_resnet20 clean_resnet56)")
    parser.add_argument("--images", type=int, default=1000, help="test images for float32 (default 1000)")
    parser.add_argument("--int8-images", type=int, default=10000, help="test images for int8 (default 10000)")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "build/peers/onnxruntime", metavar="FOLDER",
                        help="the virtual environment (default build/peers/onnxruntime)")
    parser.add_argument("--dikdik", type=pathlib.Path, default=ROOT / "build/release/dikdik", metavar="FILE",
                        help="the program (default build/release/dikdik)")
    parser.add_argument("--test-program", type=pathlib.Path, metavar="FILE",
                        help="test_onnx_export_round, for the check of nodes (default: beside the program, if built)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    if arguments.test_program is None:
        arguments.test_program = arguments.dikdik.parent / "tests/onnx/test_onnx_export_round"
    return arguments


def main():
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2:])
        return
    arguments = read_arguments()
    if "DIKDIK_DATA" not in os.environ:
        sys.exit("DIKDIK_DATA does not say where the data are")
    python = make_environment(arguments.venv)
    if python is None:
        return
    weights = pathlib.Path(os.environ["DIKDIK_DATA"]) / "weights"
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(arguments, python, pathlib.Path(folder))
        if arguments.test_program.exists():
            checks.nodes()
        for model in sorted((weights.parent / "onnx_exported").glob("*/model.onnx")):
            checks.imported(model)
        for name in arguments.networks:
            path, slimmed = weights / f"{name}.safetensors", pathlib.Path(folder) / "slimmed.safetensors"
            checks.float32(name, "whole", path)
            checks.dikdik("slim", path, "-o", slimmed, "--share", 0.5, "--data", "cifar10", "--refit=false", "--json")
            checks.float32(name, "half", slimmed)
        for name in arguments.int8:
            checks.int8(name, weights / f"{name}.safetensors")
    if arguments.json:
        print(json.dumps({"results": checks.results}, indent=2))
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
