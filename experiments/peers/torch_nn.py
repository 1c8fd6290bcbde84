#!/usr/bin/python3
"""Images per second of ResNet-20 and ResNet-56 (CIFAR form, option A) in PyTorch, to hold `dikdik bench nn` against.

Needs Debian's python3-torch: ./scripts/setup.sh --peers
Inference is timed twice, as plain modules under inference_mode (infer) and traced, frozen and optimised by torch.jit
(infer-jit); training is forward, backward and an SGD step with Nesterov momentum. Each at every batch size and in both
memory formats; the input is a ready float32 tensor. A figure is the batch over the median time of a call."""
import argparse
import json
import sys
import warnings

import torch
from torch import nn
from torch.nn import functional

from median_seconds import median_seconds

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
DEPTHS = {"resnet20": 20, "resnet56": 56}
CLASSES = 10


class Block(nn.Module):
    """Two 3x3 convolutions and a sum; where the size changes, the shortcut takes every second pixel and
    zero channels on both sides (He et al. 2016, option A)."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride = stride
        self.pad = (channels - channels_in) // 2

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.stride != 1:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return functional.relu(y + x)


class Resnet(nn.Module):
    """Three stages of (depth - 2) / 6 blocks with 16, 32 and 64 channels on 32x32 images."""

    def __init__(self, depth):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks, channels_in = [], 16
        for channels in (16, 32, 64):
            for _ in range((depth - 2) // 6):
                blocks.append(Block(channels_in, channels, channels // channels_in))
                channels_in = channels
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(64, CLASSES)

    def forward(self, x):
        y = self.blocks(functional.relu(self.bn1(self.conv1(x))))
        return self.linear(y.mean(dim=(2, 3)))


def infer_call(model, images):
    def call():
        with torch.inference_mode():
            model(images)
    return call


def jit_module(model, images):
    """Traced, frozen and optimised for images of this shape."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.freeze(torch.jit.trace(model, images))
        return torch.jit.optimize_for_inference(traced)


def jit_call(model, images):
    return infer_call(jit_module(model, images), images)


def train_call(model, images):
    labels = torch.arange(len(images)) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, nesterov=True)

    def call():
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return call


MODES = {"infer": infer_call, "infer-jit": jit_call, "train": train_call}


def measure(name, mode, layout, batch, window_s):
    torch.manual_seed(1)
    model = Resnet(DEPTHS[name]).to(memory_format=FORMATS[layout])
    model.train(mode == "train")
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=FORMATS[layout])
    seconds = median_seconds(MODES[mode](model, images), window_s)
    return {"model": name, "mode": mode, "format": layout, "batch": batch, "images_per_second": batch / seconds}


def best_of(results):
    """The fastest result of each model, for inference (either way) and for training."""
    best = {}
    for row in results:
        key = row["model"], row["mode"].split("-")[0]
        if key not in best or row["images_per_second"] > best[key]["images_per_second"]:
            best[key] = row
    return list(best.values())


def line_of(row):
    return (f"{row['model']:<10}{row['mode']:<11}{row['format']:<7}{row['batch']:>5}"
            f"{row['images_per_second']:>12.0f}")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(DEPTHS), default=list(DEPTHS))
    parser.add_argument("--modes", nargs="+", choices=list(MODES), default=list(MODES))
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 64, 128, 256], metavar="N")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, help="time per figure (default 2)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    if arguments.threads < 1 or min(arguments.batches) < 1 or arguments.seconds <= 0:
        parser.error("threads, batches and seconds must be positive")
    return arguments


def main():
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    out = sys.stderr if arguments.json else sys.stdout
    print(f"PyTorch {torch.__version__}, {arguments.threads} threads", file=out)
    print(f"{'model':<10}{'mode':<11}{'format':<7}{'batch':>5}{'images/s':>12}", file=out)
    results = []
    for name in arguments.models:
        for mode in arguments.modes:
            for layout in arguments.formats:
                for batch in arguments.batches:
                    results.append(measure(name, mode, layout, batch, arguments.seconds))
                    print(line_of(results[-1]), file=out, flush=True)
    best = best_of(results)
    print("\nbest", file=out)
    for row in best:
        print(line_of(row), file=out)
    if arguments.json:
        print(json.dumps({"torch": torch.__version__, "threads": arguments.threads, "results": results,
                          "best": best}))


if __name__ == "__main__":
    main()
