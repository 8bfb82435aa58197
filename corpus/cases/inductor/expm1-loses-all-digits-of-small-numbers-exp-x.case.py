# misfold case, version 1

def program(x0: "float32[64]"):
    v0: "float32[64]" = torch.mul(x0, 1.0)
    v1: "float32[64]" = v0.expm1_()
    return (v1,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 0, "scale": 1e-05},
}

ABOUT = {
    "title": "expm1_ loses all digits of small numbers (exp(x) - 1)",
    "expect": [{"target": "inductor", "result": "wrong", "versions": {"torch": ">=2.13.0"}, "oracle": "values"}],
}
