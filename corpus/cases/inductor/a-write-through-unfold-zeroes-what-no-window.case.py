# misfold case, version 1

def program(x0: "int64[3, 3]"):
    v0: "int64[2, 3, 1]" = x0.unfold(0, 1, 2)
    v1: "int64[2, 3, 1]" = v0.add_(1)
    return (v1,)

INPUTS = {
    "x0": {"draw": "integers", "seed": 0, "low": 1, "high": 9},
}

ABOUT = {
    "title": "a write through unfold zeroes what no window shows",
    "expect": [{"target": "inductor", "result": "wrong", "versions": {"torch": ">=2.13.0"}, "oracle": "mutation"}, {"target": "misfold", "result": "wrong", "versions": {"misfold": ">=0.1.0"}, "oracle": "mutation"}],
}
