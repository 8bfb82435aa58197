# misfold case, version 1

def program(x0: "int64[3]"):
    v0: "float32[3]" = torch.sigmoid(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [0, 1, 1]},
}

ABOUT = {
    "title": "sigmoid of integers: the operand is not promoted to float",
    "expect": [{"target": "tvm", "result": "compile-error", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "compile", "message": 'TypeError: ir.Op(span=None, ty=ir.Type(span=None), name="relax.sigmoid", description="", arguments=('}],
}
