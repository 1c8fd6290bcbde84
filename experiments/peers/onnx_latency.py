#!/usr/bin/env python3
"""Latency of a network in ONNX Runtime and OpenVINO beside `dikdik bench FILE...`, one image at a time, in one run.

Reads NAME.safetensors (dikdik) and NAME.onnx (the others) of one network, pretrained or not. The others come from
PyPI into a virtual environment of their own (--venv); where they cannot be had, that is said and they are left out.
int8 is ONNX Runtime's own static quantisation (8-bit activations, signed 8-bit weights per channel), which both read.

All take turns, round after round, and a figure is the median over rounds of the round's median time, in ms; `best` is
the round in which the machine was disturbed least. dikdik is given bytes and normalises them, the others ready
float32."""
import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PACKAGES = ["onnxruntime", "openvino", "onnx"]
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
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="per network, system and round (default 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args()


def missing():
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def enter_venv(venv):
    """Goes on inside the virtual environment, making it first if need be. Returns where that is no use."""
    if not missing() or os.environ.get("ONNX_LATENCY_INSIDE"):
        return
    python = venv / "bin/python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False, stdout=sys.stderr)
        if made.returncode == 0:
            subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=False, stdout=sys.stderr)
    if python.exists():
        os.environ["ONNX_LATENCY_INSIDE"] = "yes"
        os.execv(str(python), [str(python), *sys.argv])


def images(numpy, n):
    return numpy.random.default_rng(0).standard_normal((n, 3, 32, 32)).astype(numpy.float32)


def quantise(path, out):
    """ONNX Runtime's static quantisation of a network, BatchNorm folded first."""
    import numpy
    import onnx
    from onnx import version_converter
    from onnxruntime import quantization
    from onnxruntime.quantization import shape_inference

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.rows = iter(images(numpy, CALIBRATION_IMAGES))

        def get_next(self):
            row = next(self.rows, None)
            return None if row is None else {"input": row[None]}

    newer, folded = out.with_suffix(".newer.onnx"), out.with_suffix(".folded.onnx")
    onnx.save(version_converter.convert_version(onnx.load(str(path)), 13), str(newer))  # scales per channel
    shape_inference.quant_pre_process(str(newer), str(folded), skip_symbolic_shape=True)
    quantization.quantize_static(str(folded), str(out), Reader(), quant_format=quantization.QuantFormat.QDQ,
                                 per_channel=True, activation_type=quantization.QuantType.QUInt8,
                                 weight_type=quantization.QuantType.QInt8)


def open_onnxruntime(path, threads):
    import numpy
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_free_dimension_override_by_name("N", 1)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    inputs = [{name: row[None].copy()} for row in images(numpy, INPUTS)]
    return lambda i: session.run(None, inputs[i % INPUTS])


def open_openvino(path, threads):
    import numpy
    import openvino
    core = openvino.Core()
    model = core.read_model(str(path))
    model.reshape([1, 3, 32, 32])
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    tensors = [openvino.Tensor(row[None].copy()) for row in images(numpy, INPUTS)]

    def call(i):
        request.set_input_tensor(tensors[i % INPUTS])
        request.infer()
    return call


PEERS = {"ONNX Runtime": open_onnxruntime, "OpenVINO": open_openvino}


def median_ms(call, window_s):
    for i in range(WARM_UP):
        call(i)
    times, end = [], time.perf_counter() + window_s
    while len(times) < 10 or time.perf_counter() < end:
        start = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def dikdik_round(arguments, threads):
    """Medians of all networks and types, {(name, dtype): ms}, from one call of the command."""
    files = [str(arguments.weights / f"{name}.safetensors") for name in arguments.names]
    command = [arguments.dikdik, "bench", *files, "--batches", "1", "--threads", str(threads), "--seconds",
               str(arguments.seconds), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2):  # 2: unsteady, which the rounds even out
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    names = dict(zip(files, arguments.names))
    return {(names[r["file"]], r["dtype"]): r["median_ms"] for r in json.loads(done.stdout)["results"]}


def open_calls(arguments, folder):
    """Every peer on every network: {(system, name, dtype, threads): call}."""
    calls = {}
    for name in arguments.names:
        paths = {"f32": arguments.weights / f"{name}.onnx", "int8": folder / f"{name}.int8.onnx"}
        quantise(paths["f32"], paths["int8"])
        for dtype, path in paths.items():
            for system, opener in PEERS.items():
                for threads in arguments.threads:
                    calls[system, name, dtype, threads] = opener(path, threads)
    return calls


def measure(arguments, calls):
    """{(system, name, dtype, threads): [ms of each round]}"""
    figures = {}
    for number in range(arguments.rounds):
        for threads in arguments.threads:
            for (name, dtype), ms in dikdik_round(arguments, threads).items():
                figures.setdefault(("dikdik", name, dtype, threads), []).append(ms)
            for key, call in calls.items():
                if key[3] == threads:
                    figures.setdefault(key, []).append(median_ms(call, arguments.seconds))
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
    return figures


def rows_of(figures):
    rows = []
    for (system, name, dtype, threads), times in figures.items():
        own = figures.get(("dikdik", name, dtype, threads))
        ratios = [ms / mine for ms, mine in zip(times, own)] if own else []
        rows.append({"name": name, "dtype": dtype, "threads": threads, "system": system,
                     "median_ms": statistics.median(times), "best_ms": min(times),
                     "ratio": statistics.median(ratios) if ratios else None,
                     "best_ratio": min(times) / min(own) if own else None})
    return sorted(rows, key=lambda r: (r["name"], r["dtype"], r["threads"], r["system"] != "dikdik", r["system"]))


def print_table(rows):
    print(f"{'network':<22}{'dtype':<6}{'threads':>7}  {'system':<14}{'median ms':>10}{'best ms':>9}"
          f"{'to dikdik':>11}{'best':>7}")
    for r in rows:
        ratio = f"{r['ratio']:>11.2f}{r['best_ratio']:>7.2f}" if r["ratio"] else f"{'-':>11}{'-':>7}"
        print(f"{r['name']:<22}{r['dtype']:<6}{r['threads']:>7}  {r['system']:<14}{r['median_ms']:>10.3f}"
              f"{r['best_ms']:>9.3f}{ratio}")


def main():
    arguments = read_arguments()
    for path in (arguments.weights / f"{name}{end}" for name in arguments.names for end in (".onnx", ".safetensors")):
        if not path.is_file():
            sys.exit(f"{path} is not there; set DIKDIK_DATA or say --weights FOLDER")
    enter_venv(arguments.venv)
    calls = {}
    with tempfile.TemporaryDirectory() as folder:
        if missing():
            print(f"left out, for want of {', '.join(missing())} from PyPI: {', '.join(PEERS)}", file=sys.stderr)
        else:
            calls = open_calls(arguments, pathlib.Path(folder))
        rows = rows_of(measure(arguments, calls))
    if arguments.json:
        print(json.dumps({"results": rows}))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
