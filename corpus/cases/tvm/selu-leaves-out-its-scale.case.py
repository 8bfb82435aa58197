# misfold case, version 1

def program(x0: "float32[4]"):
    v0: "float32[4]" = torch.nn.functional.selu(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [-2.0, -1.0, 1.0, 2.0]},
}

ABOUT = {
    "title": "selu leaves out its scale",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "values"}],
}
