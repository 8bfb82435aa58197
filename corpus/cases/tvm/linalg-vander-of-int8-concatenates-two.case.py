# misfold case, version 1

def program(x0: "int8[3]"):
    v0: "int64[3, 3]" = torch.linalg.vander(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [1, 2, 3]},
}

ABOUT = {
    "title": "linalg.vander of int8 concatenates two element types",
    "expect": [{"target": "tvm", "result": "compile-error", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "compile", "message": "TypeError: Concat expects all input tensors to have the same dtype. However, the input contains tens"}],
}
