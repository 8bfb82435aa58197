# misfold case, version 1

def program(x0: "float32[2, 3]"):
    v0, v1, v2 = torch.native_layer_norm(x0, [3], None, None, 1e-05)
    return v0, v1, v2

INPUTS = {
    "x0": {"draw": "normal", "seed": 0},
}

ABOUT = {
    "title": "native_layer_norm: mean and rstd have wrong shapes",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "shape"}],
}
