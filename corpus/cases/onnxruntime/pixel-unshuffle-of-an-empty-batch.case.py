# misfold case, version 1

def program(x0: "float32[0, 1, 2, 2]"):
    v0: "float32[0, 4, 1, 1]" = torch.nn.functional.pixel_unshuffle(x0, 2)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "pixel_unshuffle of an empty batch has another shape",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "shape"}],
}
