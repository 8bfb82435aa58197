# misfold case, version 1

def program(x0: "float32[0, 5]"):
    v0: "float32[0, 5]" = torch.nn.functional.group_norm(x0, 1)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "group_norm of an empty batch ends the process",
    "expect": [{"target": "onnxruntime", "result": "crash", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "crash"}],
}
