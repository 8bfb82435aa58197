# misfold case, version 1

def program(x0: "float64[3]"):
    v0: "float64[3]" = torch.mul(x0, 2.0)
    v1: "float64[3]" = v0.log2_()
    return (v1,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "log2_ of float64 divides by a float32 constant",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "values"}],
}
