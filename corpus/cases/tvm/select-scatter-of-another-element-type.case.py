# misfold case, version 1

def program(x0: "int64[2]", x1: "float32[]"):
    v0 = torch.select_scatter(x0, x1, 0, 1)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": -9, "high": 9, "seed": 360},
    "x1": {"draw": "constant", "value": 3.5},
}

ABOUT = {
    "title": "select_scatter of another element type: torch.export's decomposition promotes the result",
    "expect": [{"target": "tvm", "result": "compile-error", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "compile", "message": "TypeError: Binary operators must have the same datatype for both operands.  However, R.where(lv2, lv"}, {"target": "misfold", "result": "ok"}, {"target": "inductor", "result": "ok"}],
}
