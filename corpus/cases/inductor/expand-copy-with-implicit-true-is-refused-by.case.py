# misfold case, version 1

def program(x0: "float32[]"):
    v0: "float32[]" = torch.expand_copy(x0, (), implicit=True)
    return (v0,)

INPUTS = {
    "x0": {"draw": "constant", "value": 0},
}

PIPELINES = {
    "inductor": {"name": "inductor"},
}

ABOUT = {
    "title": "expand_copy with implicit=True is refused by its lowering",
    "expect": [{"target": "inductor", "result": "compile-error", "versions": {"torch": ">=2.13.0"}, "oracle": "compile", "message": "torch._inductor.exc.LoweringException: TypeError: expand() got an unexpected keyword argument 'impli"}],
}
