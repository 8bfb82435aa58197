# misfold case, version 1

def program(x0: "int32[3, 3]"):
    v0: "int32[3]" = torch.diagonal(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "diagonal of int32 gives float32",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "dtype"}],
}
