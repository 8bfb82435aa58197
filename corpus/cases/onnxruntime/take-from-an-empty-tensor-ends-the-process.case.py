# misfold case, version 1

def program(x0: "float32[0]", x1: "int64[0]"):
    v0: "float32[0]" = torch.take(x0, x1)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
    "x1": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "take from an empty tensor ends the process (SIGFPE)",
    "expect": [{"target": "onnxruntime", "result": "crash", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "crash"}],
}
