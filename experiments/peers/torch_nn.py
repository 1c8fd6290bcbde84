#!/usr/bin/python3
"""Images per second of ResNet-20 and ResNet-56 (CIFAR form, option A) in PyTorch, to hold `dikdik bench nn` against.

Needs Debian's python3-torch (./scripts/setup.sh --peers), or a newer PyTorch for --device cuda and the compiler.
Inference is timed as plain modules under inference_mode (infer), traced, frozen and optimised by torch.jit (infer-jit), as a
CUDA graph (infer-graph) and by torch.compile (infer-compile); training is forward, backward and an SGD step with Nesterov
momentum, plain (train), as a CUDA graph (train-graph) and compiled (train-compile). Each at every batch size and in every
number format and memory format; the input is a ready tensor on the device. tf32 and bf16 are for a GPU; training in bf16 is
autocast. A figure is the batch over the median time of a call. What this PyTorch or device lacks is left out, said on
standard error."""
import argparse
import json
import sys
import warnings

import torch
from torch.nn import functional

from median_seconds import median_seconds
from torch_resnet import CLASSES, DEPTHS, Resnet

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
DTYPES = ("f32", "tf32", "bf16")


def infer_call(model, images, _):
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


def jit_call(model, images, arguments):
    return infer_call(jit_module(model, images), images, arguments)


def captured(step):
    """The step as a CUDA graph, after a few runs on a stream of their own."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def infer_graph_call(model, images, _):
    with torch.no_grad():
        return captured(lambda: model(images))


def infer_compile_call(model, images, arguments):
    return infer_call(torch.compile(model, mode=arguments.compile), images, arguments)


def train_step(model, images, arguments, network=None):
    """network: what computes for the model's weights, by default the model itself."""
    labels = torch.arange(len(images), device=images.device) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, nesterov=True)
    network = network or model

    def loss():
        if arguments.dtype != "bf16":
            return functional.cross_entropy(network(images), labels)
        with torch.autocast(images.device.type, torch.bfloat16):
            return functional.cross_entropy(network(images), labels)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
    return step


def train_graph_call(model, images, arguments):
    return captured(train_step(model, images, arguments))


def train_compile_call(model, images, arguments):
    return train_step(model, images, arguments, torch.compile(model, mode=arguments.compile_train))


MODES = {"infer": infer_call, "infer-jit": jit_call, "infer-graph": infer_graph_call,
         "infer-compile": infer_compile_call, "train": train_step, "train-graph": train_graph_call,
         "train-compile": train_compile_call}


def lacking(mode, dtype, device):
    """Why this cannot be measured, or None."""
    if mode.endswith("graph") and device != "cuda":
        return "CUDA graphs need --device cuda"
    if mode.endswith("compile") and not hasattr(torch, "compile"):
        return f"PyTorch {torch.__version__} has no torch.compile"
    if dtype != "f32" and device != "cuda":
        return f"{dtype} needs --device cuda"
    if mode == "infer-jit" and device != "cpu":
        return "torch.jit is for --device cpu"
    return None


def measure(name, mode, layout, batch, arguments):
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments.dtype == "tf32"
    trains = mode.startswith("train")
    # Of a trained network autocast makes bf16 itself.
    dtype = torch.bfloat16 if arguments.dtype == "bf16" and not trains else torch.float32
    model = Resnet(DEPTHS[name]).to(arguments.device, dtype, memory_format=FORMATS[layout])
    model.train(trains)
    images = torch.randn(batch, 3, 32, 32).to(arguments.device, dtype, memory_format=FORMATS[layout])
    finish = torch.cuda.synchronize if arguments.device == "cuda" else lambda: None
    seconds = median_seconds(MODES[mode](model, images, arguments), arguments.seconds, finish)
    return {"model": name, "mode": mode, "format": layout, "dtype": arguments.dtype, "batch": batch,
            "images_per_second": batch / seconds}


def best_of(results):
    """The fastest result of each model, for inference (any way) and for training."""
    best = {}
    for row in results:
        key = row["model"], row["mode"].split("-")[0]
        if key not in best or row["images_per_second"] > best[key]["images_per_second"]:
            best[key] = row
    return list(best.values())


def line_of(row):
    return (f"{row['model']:<10}{row['mode']:<15}{row['format']:<7}{row['dtype']:<6}{row['batch']:>5}"
            f"{row['images_per_second']:>12.0f}")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--models", nargs="+", choices=list(DEPTHS), default=list(DEPTHS))
    parser.add_argument("--modes", nargs="+", choices=list(MODES), help="by default those that the device has")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, help="by default f32, on cuda all")
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), help="by default both, on cuda nhwc")
    parser.add_argument("--batches", nargs="+", type=int, metavar="N",
                        help="by default 32 64 128 256, on cuda 128 512 1000")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--compile", default="max-autotune", metavar="MODE", help="of torch.compile, inference")
    parser.add_argument("--compile-train", default="reduce-overhead", metavar="MODE", help="of training")
    parser.add_argument("--seconds", type=float, default=2.0, help="time per figure (default 2)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    cuda = arguments.device == "cuda"
    arguments.modes = arguments.modes or [mode for mode in MODES if not lacking(mode, "f32", arguments.device)]
    arguments.dtypes = arguments.dtypes or (list(DTYPES) if cuda else ["f32"])
    arguments.formats = arguments.formats or (["nhwc"] if cuda else list(FORMATS))
    arguments.batches = arguments.batches or ([128, 512, 1000] if cuda else [32, 64, 128, 256])
    if arguments.threads < 1 or min(arguments.batches) < 1 or arguments.seconds <= 0:
        parser.error("threads, batches and seconds must be positive")
    if cuda and not torch.cuda.is_available():
        parser.error(f"PyTorch {torch.__version__} finds no GPU")
    return arguments


def cases(arguments):
    for name in arguments.models:
        for mode in arguments.modes:
            for dtype in arguments.dtypes:
                why = lacking(mode, dtype, arguments.device)
                if why:
                    print(f"{name} {mode} {dtype} is left out: {why}", file=sys.stderr)
                    continue
                for layout in arguments.formats:
                    for batch in arguments.batches:
                        yield name, mode, dtype, layout, batch


def main():
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.benchmark = True
    out = sys.stderr if arguments.json else sys.stdout
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else f"{arguments.threads} threads"
    print(f"PyTorch {torch.__version__}, {where}", file=out)
    print(f"{'model':<10}{'mode':<15}{'format':<7}{'dtype':<6}{'batch':>5}{'images/s':>12}", file=out)
    results = []
    for name, mode, dtype, layout, batch in cases(arguments):
        arguments.dtype = dtype
        try:
            results.append(measure(name, mode, layout, batch, arguments))
            print(line_of(results[-1]), file=out, flush=True)
        except RuntimeError as error:  # a compiler or memory that is not there
            print(f"{name} {mode} {dtype} {batch} is left out: {str(error).splitlines()[0]}", file=sys.stderr)
    print("\nbest:", file=out)
    for row in best_of(results):
        print(line_of(row), file=out)
    if arguments.json:
        print(json.dumps({"torch": torch.__version__, "device": where, "threads": arguments.threads,
                          "results": results, "best": best_of(results)}))


if __name__ == "__main__":
    main()
