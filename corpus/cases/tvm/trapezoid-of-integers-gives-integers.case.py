# misfold case, version 1

def program(x0: "int64[4]"):
    v0: "float32[]" = torch.trapezoid(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "trapezoid of integers gives integers",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "dtype"}],
}
