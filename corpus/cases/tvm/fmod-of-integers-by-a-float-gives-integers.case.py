# misfold case, version 1

def program(x0: "int64[]"):
    v0: "float32[]" = torch.fmod(x0, 1.0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "constant", "value": 0},
}

PIPELINES = {
    "tvm": {"name": "default", "options": {"target": {"opt-level": 0}}},
}

ABOUT = {
    "exact": True,
    "seed": 12,
    "index": 0,
    "title": "fmod of integers by a float gives integers",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "dtype"}],
}
