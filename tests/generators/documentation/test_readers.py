"""Readers: user modules in numpy's and Google's styles, ONNX schemas, TVM's docstrings."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from misfold.fuzz.cli import make_app
from misfold.generators.documentation import rules, survey
from misfold.generators.documentation.readers import modules, onnx
from misfold.programs.errors import UsageError

NUMPY = '''
def smooth(x, window, mode="same", axis=-1, *, weights=None):
    """
    Smooth a signal.

    Longer text, with a table of nothing.

    Parameters
    ----------
    x : array_like
        The signal. Must be two-dimensional.
    window : (M,) array_like or int
        The window, or its length, which must be at least 1.
    mode : {'full', 'valid', 'same'}, optional
        How borders are treated.
    axis : int, optional
        The axis to work along. Default is -1.
    weights : ndarray of shape (n_samples, n_features), optional
        Weights in [0, 1].

    Returns
    -------
    out : ndarray
        The smoothed signal.

    See Also
    --------
    other : something else.
    """
'''
GOOGLE = '''
def crop(image, size, padding_mode="constant", p=0.5):
    """Crop an image.

    Args:
        image (Tensor): image of shape (C, H, W) with C = 1 or 3. It is not
            changed.
        size (sequence or int): Desired output size. If it is an int,
            a square is made.
        padding_mode (str): Type of padding. Should be: constant, edge or reflect. Default is constant.

            - constant: pads with a constant value
            - reflect: pads with reflection

        p (float): probability that the image is cropped, a value between 0 and 1.
            Default value is 0.5

    Returns:
        Tensor: the cropped image.
    """
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A user's module with both styles."""
    (tmp_path / "user_signals.py").write_text(NUMPY + GOOGLE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "user_signals"
    sys.modules.pop("user_signals", None)


def constraints(name):
    items = survey.surveyed(modules.documented(name), rules.load())
    return {item.api: item.constraints for item in items}


def facts(known):
    return {f"{fact.category} {fact.value}" for fact in known.facts}


def test_numpy_style(module):
    known = constraints(module)["user_signals.smooth"]
    assert list(known) == ["x", "window", "mode", "axis", "weights"]
    assert {"structure tensor", "ndim 2"} <= facts(known["x"])
    assert {"structure tensor", "shape [m]", "dtype int"} <= facts(known["window"])
    assert {"enum full", "enum valid", "enum same", "optional yes", "default 'same'"} <= facts(known["mode"])
    assert {"structure tensor", "shape [n_samples,n_features]", "range [0,1]"} <= facts(known["weights"])


def test_google_style(module):
    known = constraints(module)["user_signals.crop"]
    assert list(known) == ["image", "size", "padding_mode", "p"]
    assert {"structure tensor", "shape [c,h,w]"} <= facts(known["image"])
    assert {"structure sequence", "dtype int"} <= facts(known["size"])
    assert {"dtype float", "range [0,1]", "default 0.5"} <= facts(known["p"])


def test_a_function_hides_the_module_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "user_package").mkdir()
    (tmp_path / "user_package" / "crop.py").write_text(GOOGLE)
    (tmp_path / "user_package" / "__init__.py").write_text("from .crop import crop\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert list(constraints("user_package.crop")) == ["user_package.crop"]
    finally:
        for name in ("user_package", "user_package.crop"):
            sys.modules.pop(name, None)


def test_infer_reads_a_users_module(module):
    found = CliRunner().invoke(make_app(), ["infer", "--docs", module])
    assert found.exit_code == 0
    assert "user_signals.crop" in found.stdout and "9 parameters" in found.stdout


def test_numpy_itself():
    known = constraints("numpy.linalg.qr")["numpy.linalg.qr"]
    assert {"enum reduced", "enum complete", "enum r", "enum raw"} <= facts(known["mode"])
    assert "structure tensor" in facts(known["a"])


def test_onnx_schemas():
    pytest.importorskip("onnx")
    (entry,) = onnx.documented("Conv")
    (item,) = survey.surveyed([entry], rules.load())
    assert {"structure tensor", "dtype float32"} <= facts(item.constraints["X"])
    assert {"dtype int", "default 1"} <= facts(item.constraints["group"])
    with pytest.raises(UsageError, match="no operator Comv; did you mean Conv"):
        onnx.documented("Comv")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameter", "expected"),
    [
        ("tvm.relax.op.nn.conv2d", "data", {"structure tensor"}),
        ("tvm.relax.op.nn.conv2d", "strides", {"dtype int", "structure tuple"}),
        (
            "tvm.topi.nn.conv2d",
            "filter",
            {"structure tensor", "shape [num_filter,in_channel,filter_height,filter_width]"},
        ),
    ],
)
def test_tvm_docstrings(name, parameter, expected):
    pytest.importorskip("tvm")
    assert expected <= facts(constraints(name)[name][parameter])
