# misfold case, version 1

def program(x0: "float32[4]"):
    v0: "float32[]" = x0[-2]
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [5.0, 6.0, 7.0, 8.0]},
}

PIPELINES = {
    "tvm": {"name": "default"},
}

ABOUT = {
    "title": "an element counted from the end is read before the buffer begins",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "values"}],
}
