# misfold case, version 1

def program(x0: "float32[2, 3]"):
    v0: "float32[3, 2]" = torch.permute(x0, [-1, 0])
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "permute: negative dimensions reach Transpose unchanged",
    "expect": [{"target": "onnxruntime", "result": "compile-error", "versions": {"onnxruntime": ">=1.31.1"}, "oracle": "compile", "message": "onnxruntime.capi.onnxruntime_pybind11_state.Fail: [ONNXRuntimeError] : 1 : FAIL : Node"}],
}
