# misfold case, version 1

def program(x0: "float32[3]", x1: "int64[2]", x2: "float32[2]"):
    v0: "float32[3]" = torch.scatter(x0, 0, x1, x2, reduce="add")
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
    "x1": {"draw": "values", "values": [0, 2]},
    "x2": {"draw": "integers", "low": 1, "high": 9, "seed": 1},
}

ABOUT = {
    "title": "scatter(reduce=add): the exporter knows four of its five arguments",
    "expect": [{"target": "onnxruntime", "result": "compile-error", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "compile", "message": "AssertionError: A mismatch between the number of arguments (5) and their descriptors (4) was found a"}],
}
