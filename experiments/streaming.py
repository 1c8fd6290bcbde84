#!/usr/bin/env python3
"""Training on a folder of JPEGs, in memory and streamed within a memory limit: images per second, the share of
the time spent waiting for pictures to be decoded, and the greatest resident size. Both trainings see the same batches,
so they must end with the same loss.

    experiments/streaming.py --program build/release/dikdik --images 20000 --memory 64 [--keep FOLDER]

With 32 x 32 pixels 200,000 images need 586 MiB, of which --memory 512 does not hold all. Needs Pillow and NumPy.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

CLASSES = 10


def draw(path, seed, side):
    """A JPEG of a smooth pattern that depends on its class, with noise."""
    import numpy
    from PIL import Image
    rng = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:side, 0:side] / side
    wave = numpy.sin((seed % CLASSES + 1) * numpy.pi * (x * rng.uniform(0.8, 1.2) + y))[..., None] * rng.uniform(20, 60, 3)
    pixels = 128 + wave + rng.normal(0, 12, (side, side, 3))
    Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(path, quality=90)


def make_folder(folder, images, side):
    for part, n in (("train", images), ("test", 100)):
        for k in range(CLASSES):
            (folder / part / f"class{k}").mkdir(parents=True, exist_ok=True)
        for i in range(n):
            path = folder / part / f"class{i % CLASSES}" / f"{i:07d}.jpg"
            if not path.exists():
                draw(path, i if part == "train" else images + CLASSES + i, side)


def train(arguments, data, config, name, memory):
    """One training; its report, and its greatest resident size in MiB."""
    run = config.parent / name
    command = [arguments.program, "train", str(config), "--run-dir", str(run), "--data.path", str(data),
               "--data.memory", str(memory), "--data.threads", str(arguments.threads), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return json.loads(output), usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/dikdik")
    parser.add_argument("--images", type=int, default=20000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--memory", type=int, default=16, help="MiB, of the streamed training")
    parser.add_argument("--threads", type=int, default=0, help="that decode; 0 = one per core")
    parser.add_argument("--architecture", default="resnet20")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--keep", help="a folder for the images, made once")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        data = pathlib.Path(arguments.keep) if arguments.keep else folder / "data"
        make_folder(data, arguments.images, arguments.side)
        config = folder / "config.json"
        config.write_text(json.dumps({
            "seed": 1, "model": {"architecture": arguments.architecture},
            "data": {"name": "folder", "size": arguments.side},
            "train": {"epochs": arguments.epochs, "batch": 128, "validation_share": 0}}))
        results = {}
        for name, memory in (("memory", 1 << 20), ("streamed", arguments.memory)):
            report, resident = train(arguments, data, config, name, memory)
            results[name] = {"images_per_second": report["train_images_per_second"],
                             "data_wait_share": report["data_wait_share"], "data_cores": report["data_cores"],
                             "resident_mib": resident, "losses": report["train_losses"]}
    same = results["memory"]["losses"] == results["streamed"]["losses"]
    share = results["streamed"]["images_per_second"] / results["memory"]["images_per_second"]
    if arguments.json:
        print(json.dumps({"images": arguments.images, "share_of_speed": share, "same_losses": same, **results}))
    else:
        for name, result in results.items():
            print(f"{name:<9} {result['images_per_second']:7.0f} images/s  waiting {100 * result['data_wait_share']:4.1f} %"
                  f"  decoding on {result['data_cores']:4.2f} cores"
                  f"  resident {result['resident_mib']:6.0f} MiB")
        print(f"streamed at {100 * share:.0f} % of the speed; losses {'are the same' if same else 'DIFFER'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
