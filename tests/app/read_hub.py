#!/usr/bin/env python3
"""Reads a folder that `dikdik export --hub` wrote as others do: read_hub.py DIR LOGITS.safetensors IMAGES LABELS

The weights with safetensors, model.onnx with ONNX Runtime on the images of an IDX file, prepared as
preprocessor_config.json says; what it gives must be the logits of `dikdik eval --logits`. The card's front matter must
be YAML with results. Exit codes: 0 fine, 1 something differs, 77 a reader is missing."""
import json
import pathlib
import sys

try:
    import numpy as np
    import onnxruntime
    import yaml
    from safetensors.numpy import load_file
    from safetensors import safe_open
except ImportError as missing:
    print(f"skipped: {missing}; scripts/setup.sh --readers installs it", file=sys.stderr)
    raise SystemExit(77)


def idx(path):
    data = pathlib.Path(path).read_bytes()
    dims = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(dims)).reshape(dims)


def prepare(images, how):
    """[n, h, w] bytes -> [n, 1, h, w] as the file wants them."""
    pixels = images[:, None]
    if how["do_rescale"]:
        pixels = pixels.astype(np.float32) * how["rescale_factor"]
    if how["do_normalize"]:
        shape = (1, -1, 1, 1)
        mean, std = (np.array(how[key], np.float32).reshape(shape) for key in ("image_mean", "image_std"))
        pixels = (pixels - mean) / std
    return pixels if not how["do_rescale"] else pixels.astype(np.float32)


def check_card(folder):
    text = (folder / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    card = yaml.safe_load(front)
    assert "license" not in card and "# license:" in front, front
    assert card["pipeline_tag"] == "image-classification" and "accuracy" in card["metrics"], card
    if "--results" in sys.argv:
        result = card["model-index"][0]["results"][0]
        value = result["metrics"][0]["value"]
        assert result["dataset"]["split"] == "test" and 0 < value <= 1, result
        assert f"{100 * value:.2f}%" in body and "How the results were got" in body, body
    else:
        assert "model-index" not in card and "No accuracies are recorded" in body, body


def main():
    folder, logits, images = pathlib.Path(sys.argv[1]), load_file(sys.argv[2]), idx(sys.argv[3])
    config = json.loads((folder / "config.json").read_text())
    how = json.loads((folder / "preprocessor_config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    for name, width in config["widths"].items():
        assert weights[f"{name}.weight"].shape[0] == width, (name, width)
    with safe_open(folder / "model.safetensors", "np") as file:
        assert file.metadata()["classes"] == str(config["num_classes"])
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    ready = prepare(images[logits["rows"]], how)
    got = session.run(None, {session.get_inputs()[0].name: ready})[0]
    want = logits["logits"]
    difference = np.abs(got - want).max() / np.abs(want).max()
    assert got.shape == want.shape and difference < 1e-4, (got.shape, want.shape, difference)
    assert ready.shape[1:] == (config["num_channels"], *config["image_size"]), ready.shape
    check_card(folder)
    print(f"{len(got)} images, greatest difference {difference:.2g} of the greatest score")


main()
