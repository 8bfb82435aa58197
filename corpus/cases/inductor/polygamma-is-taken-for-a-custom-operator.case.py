# misfold case, version 1

def program(x0: "float32[3]"):
    v0: "float32[3]" = torch.neg(x0)
    v1: "float32[3]" = v0.polygamma_(1)
    return (v1,)

INPUTS = {
    "x0": {"draw": "uniform", "seed": 0, "low": -3.0, "high": -1.0},
}

ABOUT = {
    "title": "polygamma_ is taken for a custom operator",
    "expect": [{"target": "inductor", "result": "compile-error", "versions": {"torch": ">=2.13.0"}, "oracle": "compile", "message": "RuntimeError: Found a custom (non-ATen) operator whose output has alias annotations: aten::polygamma"}],
}
