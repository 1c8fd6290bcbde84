#!/usr/bin/python3
"""Pruned candidates per second in PyTorch, one after the other, to hold `dikdik bench search` against.

What a search does with each, as a user of PyTorch would write it: a random width for every block of ResNet-20 or -56, the
channels with the greatest weights kept, a smaller network built of them, its BatchNorms' statistics taken anew from training
images, the network scored on validation images. Images and the uncut network lie on the device; nothing is compiled, since
no two candidates have the same shapes. Networks and images are random: that costs as much as any other. Before it times, it
checks that a cut network computes what the uncut one does without the channels that were cut.

Needs Debian's python3-torch (./scripts/setup.sh --peers), or a newer PyTorch for --device cuda."""
import argparse
import json
import random
import sys
import time

import torch
from torch.nn import functional

from torch_resnet import CLASSES, DEPTHS, Resnet, stage_channels

DTYPES = ("f32", "tf32", "bf16")
CALIBRATION_BATCH = 256


def draw_widths(depth, step, rng):
    """Of every block, a multiple of step."""
    return [rng.randrange(step, channels + 1, step) for channels in stage_channels(depth)]


def keep_of(block, width):
    """Numbers of the channels with the greatest weights, ascending."""
    sizes = block.conv1.weight.detach().float().abs().sum(dim=(1, 2, 3))
    return torch.topk(sizes, width).indices.sort().values


def slim(network, widths):
    """A network of those channels alone, on the same device."""
    where = network.linear.weight
    small = Resnet(network.depth, widths).to(where.device, where.dtype, memory_format=torch.channels_last)
    state = dict(network.state_dict())
    for number, (block, width) in enumerate(zip(network.blocks, widths)):
        keep, name = keep_of(block, width), f"blocks.{number}."
        for tensor in ("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
            state[name + tensor] = state[name + tensor][keep]
        state[name + "conv2.weight"] = state[name + "conv2.weight"][:, keep]
    small.load_state_dict(state)
    return small


def recalibrate(network, images):
    """Every BatchNorm's mean and variance over these images."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches
    network.train()
    for batch in images.split(CALIBRATION_BATCH):
        network(batch)
    network.eval()


def score(network, images, labels, batch):
    right, loss = 0, 0.0
    for part, truth in zip(images.split(batch), labels.split(batch)):
        logits = network(part).float()
        right = right + (logits.argmax(dim=1) == truth).sum()
        loss = loss + functional.cross_entropy(logits, truth, reduction="sum")
    return int(right), float(loss)


def check(network, depth):
    """A cut network against the uncut one whose other channels are zero behind their BatchNorm."""
    widths = draw_widths(depth, 1, random.Random(5))
    images = torch.randn(4, 3, 32, 32, device=network.linear.weight.device, dtype=network.linear.weight.dtype)
    masked = Resnet(depth).to(images.device, images.dtype)
    masked.load_state_dict(network.state_dict())
    for block, width in zip(masked.blocks, widths):
        cut = torch.ones(len(block.bn1.weight), dtype=torch.bool, device=images.device)
        cut[keep_of(block, width)] = False
        block.bn1.weight.data[cut] = 0
        block.bn1.bias.data[cut] = 0
    got, expected = slim(network, widths).eval()(images).float(), masked.eval()(images).float()
    worst = float((got - expected).abs().max() / expected.abs().max())
    if worst > (1e-4 if images.dtype == torch.float32 else 5e-2):
        sys.exit(f"a cut network is off by {worst:g}: this measures nothing")


def measure(arguments, dtype):
    """Candidates per second."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = dtype == "tf32"
    kind = torch.bfloat16 if dtype == "bf16" else torch.float32
    device, depth = arguments.device, DEPTHS[arguments.model]
    torch.manual_seed(1)
    network = Resnet(depth).to(device, kind, memory_format=torch.channels_last).eval()
    images = torch.randn(arguments.calibration + arguments.images, 3, 32, 32).to(
        device, kind, memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (arguments.images,)).to(device)
    check(network, depth)
    rng, done, start = random.Random(1), 0, 0.0
    end = float("inf")
    while done < 2 or time.perf_counter() < end:
        if done == arguments.warm_up:
            start = time.perf_counter()
            end = start + arguments.seconds
        small = slim(network, draw_widths(depth, arguments.round_to, rng))
        recalibrate(small, images[:arguments.calibration])
        score(small, images[arguments.calibration:], labels, arguments.batch)
        done += 1
    return (done - arguments.warm_up) / (time.perf_counter() - start)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", choices=list(DEPTHS), default="resnet20")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, help="by default f32, on cuda all")
    parser.add_argument("--images", type=int, default=1000, metavar="N", help="to score on (default 1000)")
    parser.add_argument("--calibration", type=int, default=64, metavar="N", help="for statistics (default 64)")
    parser.add_argument("--batch", type=int, default=1000, metavar="N", help="of scoring (default 1000)")
    parser.add_argument("--round-to", type=int, default=2, metavar="N", help="widths are multiples of it (default 2)")
    parser.add_argument("--benchmark", action="store_true", help="cuDNN tries its algorithms for every new shape")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--warm-up", type=int, default=3, metavar="N", help="candidates before the clock starts")
    parser.add_argument("--seconds", type=float, default=5.0, help="time per figure (default 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    arguments.dtypes = arguments.dtypes or (list(DTYPES) if arguments.device == "cuda" else ["f32"])
    if min(arguments.images, arguments.batch, arguments.round_to, arguments.threads, arguments.warm_up) < 1:
        parser.error("images, batch, round-to, threads and warm-up must be positive")
    if arguments.calibration < 2 or arguments.seconds <= 0 or arguments.round_to > 16:
        parser.error("at least 2 images for statistics, a positive time, multiples of at most 16")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error(f"PyTorch {torch.__version__} finds no GPU")
    if arguments.device == "cpu" and arguments.dtypes != ["f32"]:
        parser.error("tf32 and bf16 need --device cuda")
    return arguments


def main():
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.benchmark = arguments.benchmark
    results = []
    out = sys.stderr if arguments.json else sys.stdout
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else f"{arguments.threads} threads"
    print(f"PyTorch {torch.__version__}, {where}; {arguments.model}, {arguments.calibration} images for statistics, "
          f"{arguments.images} to score", file=out)
    with torch.no_grad():
        for dtype in arguments.dtypes:
            rate = measure(arguments, dtype)
            results.append({"model": arguments.model, "dtype": dtype, "candidates_per_second": rate})
            print(f"{dtype:<6}{rate:>8.2f} candidates/s", file=out, flush=True)
    if arguments.json:
        print(json.dumps({"torch": torch.__version__, "device": where, "images": arguments.images,
                          "calibration": arguments.calibration, "results": results}))


if __name__ == "__main__":
    main()
