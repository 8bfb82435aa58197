# misfold case, version 1

def program(x0: "int64[3]"):
    v0: "float32[]" = torch.special.logsumexp(x0, 0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "special.logsumexp of integers gives integers",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "dtype"}],
}
