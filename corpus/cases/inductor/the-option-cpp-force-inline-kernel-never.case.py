# misfold case, version 1

def program(x0: "float32[20]"):
    v0: "float32[20]" = torch.sin(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 0},
}

PIPELINES = {
    "inductor": {"name": "force_inline_kernel", "options": {"config": {"cpp.force_inline_kernel": True}}},
}

ABOUT = {
    "title": "the option cpp.force_inline_kernel never compiles",
    "expect": [{"target": "inductor", "result": "compile-error", "versions": {"torch": ">=2.13.0"}, "oracle": "compile", "message": "torch._inductor.exc.CppCompileError: C++ compile error"}],
}
