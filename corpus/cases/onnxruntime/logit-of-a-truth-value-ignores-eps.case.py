# misfold case, version 1

def program(x0: "bool[]"):
    v0: "float32[]" = x0.logit(0.2)
    return (v0,)

INPUTS = {
    "x0": {"draw": "constant", "value": False},
}

PIPELINES = {
    "onnxruntime": {"name": "default"},
}

ABOUT = {
    "seed": 12,
    "index": 40,
    "title": "logit of a truth value ignores eps",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "values"}],
}
