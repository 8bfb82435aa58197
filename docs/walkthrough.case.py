# misfold case, version 1

def program(x0: "float32[6, 16]", x1: "float32[16]"):
    v0 = torch.mul(x0, 0.25)
    v1 = torch.add(v0, x1)
    v2 = torch.softmax(v1, -1)
    return (v2,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 1},
    "x1": {"draw": "normal", "seed": 2},
}
