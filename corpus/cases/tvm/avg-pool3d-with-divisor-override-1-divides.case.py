# misfold case, version 1

def program(x0: "float32[1, 1, 2, 1]"):
    v0: "float32[1, 1, 1, 1]" = torch.nn.functional.avg_pool3d(x0, (1, 2, 1), divisor_override=1, stride=(1, 1, 3))
    return (v0,)

INPUTS = {
    "x0": {"draw": "constant", "value": 1},
}

PIPELINES = {
    "tvm": {"name": "default", "options": {"target": {"opt-level": 0}}},
}

ABOUT = {
    "seed": 12,
    "index": 249,
    "title": "avg_pool3d with divisor_override=1 divides all the same",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "values"}],
}
