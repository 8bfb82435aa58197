# misfold case, version 1

def program(x0: "bool[2, 3]"):
    v0: "bool[2, 3]" = torch.all(x0, dim=())
    return (v0,)

INPUTS = {
    "x0": {"draw": "bernoulli", "seed": 0},
}

ABOUT = {
    "title": "all(dim=()) of a tensor reduces all dimensions; eager keeps the shape",
    "expect": [{"target": "inductor", "result": "wrong", "versions": {"torch": ">=2.13.0"}, "oracle": "shape"}],
}
