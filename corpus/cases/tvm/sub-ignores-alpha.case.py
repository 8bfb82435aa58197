# misfold case, version 1

def program(x0: "float32[3]", x1: "float32[3]"):
    v0: "float32[3]" = torch.sub(x0, x1, alpha=2)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
    "x1": {"draw": "integers", "low": 1, "high": 9, "seed": 1},
}

ABOUT = {
    "title": "sub ignores alpha",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "values"}],
}
