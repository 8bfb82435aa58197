# misfold case, version 1

def program(x0: "float32[]", x1: "int64[2]"):
    v2: "float32[]" = torch.neg(x0)
    v0: "float32[5, 5]" = v2.expand(5, 5)
    v1: "float32[5, 5]" = torch.index_fill(v0, 0, x1, 7.0)
    return (v1,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
    "x1": {"draw": "values", "values": [0, 2]},
}

ABOUT = {
    "title": "index_fill of an expanded intermediate keeps its strides (0, 0)",
    "expect": [{"target": "inductor", "result": "wrong", "versions": {"torch": ">=2.13.0"}, "oracle": "values"}],
}
