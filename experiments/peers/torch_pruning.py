#!/usr/bin/python3
"""One-shot pruning by Torch-Pruning (Fang et al. 2023) beside `dikdik slim`: test accuracy and processor seconds.

Needs Debian's python3-torch (./scripts/setup.sh --peers), CIFAR-10 under DIKDIK_DATA and the built program. Torch-Pruning
comes from PyPI into a virtual environment of its own, made on the first run; where it cannot be had, the script says so and
ends. Each network is cut to each budget inside its blocks, residual streams whole, nothing is fine-tuned:

  torch-pruning   one global cut by the L1 norm, normalised by --normalizer, BatchNorm recomputed on 1,024 images
  its widths      the same widths, but cut and refitted by `dikdik slim --widths`
  global          `dikdik slim --global`
  uniform         `dikdik slim`

Processor seconds are user and system time of the whole process, from its start to the slimmed network; Torch-Pruning's ratio
for the budget, which it leaves to the user, is found before that."""
import argparse
import json
import os
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import time

VERSION = "torch-pruning==1.6.1"  # works with Debian's PyTorch 1.13
ROOT = pathlib.Path(__file__).resolve().parents[2]
CALIBRATION, BATCH = 1024, 128
DEPTHS = {"resnet20": 20, "resnet56": 56}


# ---- in the virtual environment: one network, one budget

def read_safetensors(path):
    """The tensors of a file as PyTorch's, and its metadata."""
    import torch
    data = bytearray(pathlib.Path(path).read_bytes())
    end = 8 + struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:end])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        if entry["dtype"] == "F32":
            flat = torch.frombuffer(data, dtype=torch.float32, count=(last - first) // 4, offset=end + first)
            tensors[name] = flat.reshape(entry["shape"]).clone()
    return tensors, metadata


def load_network(path):
    """ResNet in the CIFAR form; its file's names count blocks by stage, the model's from the first to the last."""
    from torch_nn import Resnet
    tensors, metadata = read_safetensors(path)
    depth = DEPTHS[metadata["architecture"]]
    model = Resnet(depth)
    state = {}
    for name, tensor in tensors.items():
        words = name.split(".")
        if words[0].startswith("layer"):
            block = (int(words[0][5:]) - 1) * ((depth - 2) // 6) + int(words[1])
            words[:2] = ["blocks", str(block)]
        state[".".join(words)] = tensor
    missing, _ = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing:
        sys.exit(f"{path}: no tensor for {missing[0]}")
    return model.eval(), metadata


def read_images(names, metadata):
    """Images [n, 3, 32, 32] as the network reads them, and labels."""
    import torch
    folder = pathlib.Path(os.environ["DIKDIK_DATA"]) / "cifar10"
    rows = bytearray(b"".join((folder / name).read_bytes() for name in names))
    rows = torch.frombuffer(rows, dtype=torch.uint8).reshape(-1, 3073)
    mean, std = (torch.tensor([float(x) for x in metadata[key].split(",")]).reshape(3, 1, 1) for key in ("mean", "std"))
    return (rows[:, 1:].reshape(-1, 3, 32, 32).float() / 255 - mean) / std, rows[:, 0].long()


def cut(model, ratio, normalizer):
    """One call: all channels inside the blocks ranked at once, the lowest `ratio` of them cut."""
    import torch
    import torch_pruning
    inner = {id(block.conv1) for block in model.blocks}
    kept = [m for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)) and id(m) not in inner]
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=1, group_reduction="mean", normalizer=normalizer)
    torch_pruning.pruner.MetaPruner(model, torch.zeros(1, 3, 32, 32), importance=importance, global_pruning=True,
                                    pruning_ratio=ratio, ignored_layers=kept).step()


def count_macs(model):
    """Multiply-adds of one image."""
    import torch
    total = 0

    def count(module, _, output):
        nonlocal total
        total += module.weight.numel() * (output.shape[2] * output.shape[3] if output.dim() == 4 else 1)

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    with torch.no_grad():
        model(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return total


def find_ratio(path, share, normalizer):
    """The least ratio that meets the budget, to a thousandth."""
    whole, low, high = count_macs(load_network(path)[0]), 0, 1000
    while high - low > 1:
        middle = (low + high) // 2
        model = load_network(path)[0]
        cut(model, middle / 1000, normalizer)
        low, high = (low, middle) if count_macs(model) <= share * whole else (middle, high)
    return high / 1000


def recalibrate(model, images):
    """BatchNorm's statistics become the average over batches of these images."""
    import torch
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    model.train()
    with torch.no_grad():
        for batch in images.split(BATCH):
            model(batch)
    model.eval()


def prune(path, ratio, normalizer):
    """Cuts once; the test set is read after the processor time was taken."""
    import torch
    model, metadata = load_network(path)
    whole = count_macs(model)
    cut(model, ratio, normalizer)
    images, _ = read_images(["data_batch_1.bin"], metadata)
    recalibrate(model, images[torch.randperm(len(images), generator=torch.Generator().manual_seed(1))[:CALIBRATION]])
    seconds = time.process_time()
    per_stage = len(model.blocks) // 3
    widths = {f"layer{i // per_stage + 1}.{i % per_stage}.conv1": block.conv1.out_channels
              for i, block in enumerate(model.blocks)}
    images, labels = read_images(["test_batch.bin"], metadata)
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in zip(images.split(250), labels.split(250)))
    return {"accuracy": right / len(labels), "macs": count_macs(model) / whole, "seconds": seconds, "widths": widths}


def work(arguments):
    """What the virtual environment's interpreter is started for."""
    sys.path.append(sys.path.pop(0))  # this file has the package's name and would be imported in its place
    path, normalizer, task, value = arguments
    if task == "find":
        result = {"ratio": find_ratio(path, float(value), normalizer)}
    else:
        result = prune(path, float(value), normalizer)
    json.dump(result, sys.stdout)


# ---- outside of it

def make_environment(folder):
    """Its interpreter; None, with the reason on standard error, where it cannot be had."""
    python = folder / "bin" / "python"
    probe = [python, "-I", "-c", "import torch, torch_pruning"]
    if python.exists() and subprocess.run(probe, capture_output=True).returncode == 0:
        return python
    if subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True).returncode != 0:
        print("skipped: PyTorch is missing; ./scripts/setup.sh --peers installs it", file=sys.stderr)
        return None
    steps = [["/usr/bin/python3", "-m", "venv", "--system-site-packages", folder],
             [python, "-m", "pip", "install", "--quiet", "--no-deps", VERSION], probe]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
            print(f"skipped: no {VERSION} in {folder}: {last}", file=sys.stderr)
            return None
    return python


def run_json(command):
    """The JSON object that a command prints, and its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in command)}:\n{done.stderr}")
    return json.loads(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def dikdik_row(method, dikdik, path, options, folder):
    out = folder / "slimmed.safetensors"
    slimmed, seconds = run_json([dikdik, "slim", path, "-o", out, "--data", "cifar10", "--json", *options])
    scored, _ = run_json([dikdik, "eval", out, "--data", "cifar10", "--json"])
    return {"method": method, "accuracy": scored["accuracy"], "macs": slimmed["macs"] / slimmed["macs_before"],
            "seconds": seconds}


def measure(python, arguments, path, share, folder):
    """Four rows of one network at one budget."""
    worker = [python, "-W", "ignore", __file__, "--work", path, arguments.normalizer]
    found, _ = run_json([*worker, "find", share])
    pruned, _ = run_json([*worker, "prune", found["ratio"]])
    widths = folder / "widths.json"
    widths.write_text(json.dumps(pruned.pop("widths")))
    budget = ["--macs", share, "--round-to", arguments.round_to]
    rows = [{"method": "torch-pruning", **pruned},
            dikdik_row("its widths", arguments.dikdik, path, ["--widths", widths], folder),
            dikdik_row("global", arguments.dikdik, path, ["--global", *budget], folder),
            dikdik_row("uniform", arguments.dikdik, path, budget, folder)]
    return [{"network": path.stem, "budget": share, **row} for row in rows]


def line_of(row):
    return (f"{row['network']:<20}{row['budget']:>7}  {row['method']:<14}{100 * row['accuracy']:>9.2f}"
            f"{row['macs']:>8.3f}{row['seconds']:>9.1f}")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["cifar10_resnet56", "cifar10_resnet20"], metavar="NAME",
                        help="ResNets in DIKDIK_DATA's folder weights (default cifar10_resnet56 cifar10_resnet20)")
    parser.add_argument("--macs", nargs="+", type=float, default=[0.5, 0.3], metavar="SHARE",
                        help="budgets of multiply-adds (default 0.5 0.3)")
    parser.add_argument("--normalizer", choices=["mean", "max"], default="mean", help="Torch-Pruning's (default mean)")
    parser.add_argument("--round-to", type=int, default=1, metavar="N",
                        help="dikdik's widths are multiples of it (default 1, as Torch-Pruning's)")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "build/peers/torch-pruning", metavar="FOLDER",
                        help="the virtual environment (default build/peers/torch-pruning)")
    parser.add_argument("--dikdik", type=pathlib.Path, default=ROOT / "build/release/dikdik", metavar="FILE",
                        help="the program (default build/release/dikdik)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args()


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
    out, results = sys.stderr if arguments.json else sys.stdout, []
    print(f"{'network':<20}{'budget':>7}  {'method':<14}{'test %':>9}{'MACs':>8}{'proc. s':>9}", file=out)
    weights = pathlib.Path(os.environ["DIKDIK_DATA"]) / "weights"
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.networks:
            for share in arguments.macs:
                rows = measure(python, arguments, weights / f"{name}.safetensors", share, pathlib.Path(folder))
                results += rows
                print("\n".join(line_of(row) for row in rows), file=out, flush=True)
    if arguments.json:
        print(json.dumps({"results": results}, indent=2))


if __name__ == "__main__":
    main()
