# misfold case, version 1

def program(x0: "float32[]"):
    v0: "bool[]" = x0.any()
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [-2.5]},
}

PIPELINES = {
    "onnxruntime": {"name": "default"},
}

ABOUT = {
    "title": "any of a single negative number is False",
    "expect": [{"target": "onnxruntime", "result": "wrong", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "values"}],
}
