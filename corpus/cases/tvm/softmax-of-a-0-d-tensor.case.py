# misfold case, version 1

def program(x0: "float32[]"):
    v0: "float32[]" = torch.softmax(x0, 0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 0},
}

ABOUT = {
    "title": "softmax of a 0-d tensor",
    "expect": [{"target": "tvm", "result": "compile-error", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "compile", "message": 'ValueError: In ir.Op(span=None, ty=ir.Type(span=None), name="relax.nn.softmax", description="", argu'}],
}
