# misfold case, version 1

def program(x0: "float32[]"):
    v0: "float32[]" = torch.nan_to_num(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "nan_to_num of a 0-d tensor gives shape [1]",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "shape"}],
}
