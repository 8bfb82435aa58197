# misfold case, version 1

def program(x0: "float32[0]"):
    v0: "float32[0]" = torch.cumprod(x0, 0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "cumprod of an empty tensor ends the process",
    "expect": [{"target": "tvm", "result": "crash", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "crash"}],
}
