#!/usr/bin/env python3
"""Speed of a network in ONNX Runtime, OpenVINO and PyTorch beside `dikdik bench FILE...`, in one run: latency with
--batches 1, throughput with more.

Reads NAME.safetensors (dikdik) and NAME.onnx (the others) of one network, pretrained or not. The others come from
PyPI into a virtual environment of their own (--venv); what cannot be had is named and left out. PyTorch knows the
ResNets of torch_nn.py only, frozen and optimised by torch.jit, in float32. int8 is ONNX Runtime's own static
quantisation (8-bit activations, signed 8-bit weights per channel), which OpenVINO reads too. With more than one
thread OpenVINO is timed twice at batches above 1: all threads on one batch, and one batch per thread (streams).

All take turns, round after round, and a figure is the median over rounds of the round's median time, in ms; `best` is
the round in which the machine was disturbed least. dikdik is given bytes and normalises them, the others ready
float32."""
import argparse
import importlib.util
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

# What each peer needs.
PACKAGES = {"ONNX Runtime": ["onnx", "onnxruntime"], "OpenVINO": ["onnx", "onnxruntime", "openvino"],
            "PyTorch": ["torch"]}
ROOT = pathlib.Path(__file__).resolve().parents[2]
CALIBRATION_IMAGES = 64
INPUTS = 8  # fresh ones in turn
WARM_UP = 20


def read_arguments():
    data = os.environ.get("DIKDIK_DATA", "")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", default=["cifar10_resnet20", "cifar10_resnet56"], metavar="NAME")
    parser.add_argument("--weights", type=pathlib.Path, default=pathlib.Path(data) / "weights",
                        help="folder of the networks (default $DIKDIK_DATA/weights)")
    parser.add_argument("--dikdik", default=str(ROOT / "build/release/dikdik"))
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "build/peers",
                        help="virtual environment of the others, made if it is not there (default build/peers)")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N")
    parser.add_argument("--batches", nargs="+", type=int, default=[1], metavar="N", help="images per call (default 1)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="per network, system and round (default 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args()


def missing(peer):
    return [name for name in PACKAGES[peer] if importlib.util.find_spec(name) is None]


def install(python):
    """Each on its own: what cannot be had must not keep out the others."""
    for packages in PACKAGES.values():
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=False, stdout=sys.stderr)


def enter_venv(venv):
    """Goes on inside the virtual environment, making it first if need be. Returns where that is no use."""
    if not any(missing(peer) for peer in PACKAGES) or os.environ.get("NETWORK_SPEED_INSIDE"):
        return
    python = venv / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False, stdout=sys.stderr)
    if python.exists():
        install(python)
        os.environ["NETWORK_SPEED_INSIDE"] = "yes"
        os.execv(str(python), [str(python), *sys.argv])


def images(n):
    import numpy
    return numpy.random.default_rng(0).standard_normal((n, 3, 32, 32)).astype(numpy.float32)


def quantise(path, out):
    """ONNX Runtime's static quantisation of a network, BatchNorm folded first."""
    import onnx
    from onnx import version_converter
    from onnxruntime import quantization
    from onnxruntime.quantization import shape_inference

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.rows = iter(images(CALIBRATION_IMAGES))

        def get_next(self):
            row = next(self.rows, None)
            return None if row is None else {"input": row[None]}

    newer, folded = out.with_suffix(".newer.onnx"), out.with_suffix(".folded.onnx")
    onnx.save(version_converter.convert_version(onnx.load(str(path)), 13), str(newer))  # scales per channel
    shape_inference.quant_pre_process(str(newer), str(folded), skip_symbolic_shape=True)
    quantization.quantize_static(str(folded), str(out), Reader(), quant_format=quantization.QuantFormat.QDQ,
                                 per_channel=True, activation_type=quantization.QuantType.QUInt8,
                                 weight_type=quantization.QuantType.QInt8)


def batches(batch):
    return [images(batch * INPUTS)[i * batch:(i + 1) * batch].copy() for i in range(INPUTS)]


def open_onnxruntime(path, threads, batch):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_free_dimension_override_by_name("N", batch)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    inputs = [{name: array} for array in batches(batch)]
    return lambda i: session.run(None, inputs[i % INPUTS])


def compile_openvino(path, threads, batch, streams):
    import openvino
    core = openvino.Core()
    model = core.read_model(str(path))
    model.reshape([batch, 3, 32, 32])
    return core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams, "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT"})


def open_openvino(path, threads, batch):
    import openvino
    request = compile_openvino(path, threads, batch, 1).create_infer_request()
    tensors = [openvino.Tensor(array) for array in batches(batch)]

    def call(i):
        request.set_input_tensor(tensors[i % INPUTS])
        request.infer()
    return call


def open_openvino_streams(path, threads, batch):
    """A call is one batch on every thread; only where that differs from the above."""
    if threads == 1 or batch == 1:
        return None
    import openvino
    compiled = compile_openvino(path, threads, batch, threads)
    requests = [compiled.create_infer_request() for _ in range(threads)]
    tensors = [openvino.Tensor(array) for array in batches(batch)]

    def call(i):
        for k, request in enumerate(requests):
            request.set_input_tensor(tensors[(i + k) % INPUTS])
            request.start_async()
        for request in requests:
            request.wait()
    call.batches = threads
    return call


def open_torch(path, threads, batch):
    """Networks of torch_nn.py by name, freshly drawn: speed does not depend on the weights."""
    import torch
    import torch_nn
    depth = next((depth for name, depth in torch_nn.DEPTHS.items() if path.stem.endswith(name)), None)
    if depth is None:
        return None
    inputs = [torch.from_numpy(array).contiguous(memory_format=torch.channels_last) for array in batches(batch)]
    network = torch_nn.Resnet(depth).eval().to(memory_format=torch.channels_last)
    optimised = torch_nn.jit_module(network, inputs[0])

    def call(i):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            optimised(inputs[i % INPUTS])
    return call


# Every peer, the package that it is, and the number formats that it is timed with.
PEERS = {"ONNX Runtime": (open_onnxruntime, "ONNX Runtime", ("f32", "int8")),
         "OpenVINO": (open_openvino, "OpenVINO", ("f32", "int8")),
         "OpenVINO streams": (open_openvino_streams, "OpenVINO", ("f32", "int8")),
         "PyTorch": (open_torch, "PyTorch", ("f32",))}


def median_ms(call, window_s):
    """Of one batch."""
    for i in range(WARM_UP):
        call(i)
    times, end = [], time.perf_counter() + window_s
    while len(times) < 10 or time.perf_counter() < end:
        start = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times) / getattr(call, "batches", 1)


def dikdik_round(arguments, threads):
    """Medians of all networks, types and batches, {(name, dtype, batch): ms}, from one call of the command."""
    files = [str(arguments.weights / f"{name}.safetensors") for name in arguments.names]
    command = [arguments.dikdik, "bench", *files, "--batches", ",".join(map(str, arguments.batches)), "--threads",
               str(threads), "--seconds", str(arguments.seconds), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2):  # 2: unsteady, which the rounds even out
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    names = dict(zip(files, arguments.names))
    return {(names[r["file"]], r["dtype"], r["batch"]): r["median_ms"] for r in json.loads(done.stdout)["results"]}


def open_calls(arguments, folder):
    """Every peer on every network: {(system, name, dtype, batch, threads): call}."""
    peers = {system: peer for system, peer in PEERS.items() if not missing(peer[1])}
    calls = {}
    for name in arguments.names:
        paths = {"f32": arguments.weights / f"{name}.onnx"}
        if any("int8" in dtypes for _, _, dtypes in peers.values()):
            paths["int8"] = folder / f"{name}.int8.onnx"
            quantise(paths["f32"], paths["int8"])
        for system, (opener, _, dtypes) in peers.items():
            for dtype, batch, threads in itertools.product(dtypes, arguments.batches, arguments.threads):
                call = opener(paths[dtype], threads, batch)
                if call is not None:
                    calls[system, name, dtype, batch, threads] = call
    return calls


def measure(arguments, calls):
    """{(system, name, dtype, batch, threads): [ms of each round]}"""
    figures = {}
    for number in range(arguments.rounds):
        for threads in arguments.threads:
            for (name, dtype, batch), ms in dikdik_round(arguments, threads).items():
                figures.setdefault(("dikdik", name, dtype, batch, threads), []).append(ms)
            for key, call in calls.items():
                if key[-1] == threads:
                    figures.setdefault(key, []).append(median_ms(call, arguments.seconds))
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
    return figures


def rows_of(figures):
    rows = []
    for (system, *place), times in figures.items():
        own = figures["dikdik", *place]
        name, dtype, batch, threads = place
        ms = statistics.median(times)
        rows.append({"name": name, "dtype": dtype, "batch": batch, "threads": threads, "system": system,
                     "median_ms": ms, "best_ms": min(times), "images_per_second": 1e3 * batch / ms,
                     "ratio": statistics.median(theirs / mine for theirs, mine in zip(times, own)),
                     "best_ratio": min(times) / min(own)})
    return sorted(rows, key=lambda r: (r["name"], r["dtype"], r["batch"], r["threads"], r["system"] != "dikdik",
                                       r["system"]))


def print_table(rows):
    print(f"{'network':<18}{'dtype':<6}{'batch':>5}{'threads':>8}  {'system':<17}{'median ms':>10}{'best ms':>9}"
          f"{'images/s':>10}{'to dikdik':>11}{'best':>7}")
    for r in rows:
        print(f"{r['name']:<18}{r['dtype']:<6}{r['batch']:>5}{r['threads']:>8}  {r['system']:<17}{r['median_ms']:>10.3f}"
              f"{r['best_ms']:>9.3f}{r['images_per_second']:>10.0f}{r['ratio']:>11.2f}{r['best_ratio']:>7.2f}")


def main():
    arguments = read_arguments()
    for path in (arguments.weights / f"{name}{end}" for name in arguments.names for end in (".onnx", ".safetensors")):
        if not path.is_file():
            sys.exit(f"{path} is not there; set DIKDIK_DATA or say --weights FOLDER")
    enter_venv(arguments.venv)
    for package in PACKAGES:
        if missing(package):
            print(f"{package} is left out, for want of {', '.join(missing(package))} from PyPI", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        rows = rows_of(measure(arguments, open_calls(arguments, pathlib.Path(folder))))
    if arguments.json:
        print(json.dumps({"results": rows}))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
