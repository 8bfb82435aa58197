# misfold case, version 1

def program(x0: "float32[1, 1, 4, 4]"):
    v0: "float32[1, 1, 2, 2]" = torch.nn.functional.avg_pool2d(x0, 2, divisor_override=1)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "avg_pool2d ignores divisor_override",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "values"}],
}
