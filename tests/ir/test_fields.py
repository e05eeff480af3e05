"""What constructors take: the published positional order, and what they refuse and how they say so."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.declare import Array, array

# The published order of positional fields, "name" or "name=default".
PUBLISHED = {
    "Input": "input_type",
    "Output": "output_type",
    "Affine": "weight bias=None",
    "SpikingAffine": "weight bias=None spike_mode='binary' weight_bits=8 accumulator_bits=16",
    "Conv1d": "weight bias=None stride=1 padding=0 dilation=1 groups=1",
    "Conv2d": "weight bias=None stride=(1,1) padding=(0,0) dilation=(1,1) groups=1",
    "SConv": "weight bias=None stride=(1,1) padding=(0,0) dilation=(1,1) groups=1",
    "SDConv": "weight bias=None stride=(1,1) padding=(0,0) dilation=(1,1) groups=None",
    "SepConv2d": "depthwise_weight pointwise_weight depthwise_bias=None pointwise_bias=None"
    " stride=(1,1) padding=(0,0) dilation=(1,1)",
    "MaxPool2d": "kernel_size=(2,2) stride=None padding=(0,0) dilation=(1,1) ceil_mode=False",
    "AvgPool2d": "kernel_size=(2,2) stride=None padding=(0,0) ceil_mode=False count_include_pad=True",
    "Upsample": "scale_factor=2 size=None mode='nearest' align_corners=False",
    "Flatten": "start_dim=0 end_dim=-1",
    "LIF": "tau r v_leak v_threshold",
    "IF": "v_threshold",
    "Skip": "skip_type='residual'",
    "ReLU": "features negative_slope=0.0",
    "Sigmoid": "features",
    "Tanh": "features",
    "Softmax": "features dim=-1",
    "GELU": "features approximate=True",
    "ELU": "features alpha=1.0",
    "PReLU": "features weight",
    "BatchNorm1d": "num_features weight bias running_mean running_var eps=1e-5 momentum=0.1",
    "BatchNorm2d": "num_features weight bias running_mean running_var eps=1e-5 momentum=0.1",
    "LayerNorm": "normalized_shape weight=None bias=None eps=1e-5",
    "Dropout": "features p=0.5",
    "HybridRegion": "mode features name=None",
    "ChannelSplit": "split_sections dim=0",
    "Concat": "num_inputs=2 dim=0",
    "StepMean": "",
}
COMMON = (
    "input_type output_type metadata precision weight_t bias_t accum_t result_t reuse_factor core_id hardware_hints"
)


@pytest.mark.parametrize("name", PUBLISHED)
def test_positional_order_is_the_published_one(name: str) -> None:
    parameters = inspect.signature(getattr(ir, name)).parameters.values()
    own = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    wanted = [part.partition("=") for part in PUBLISHED[name].split()]
    assert [p.name for p in own] == [field for field, _, _ in wanted]
    for parameter, (field, given, default) in zip(own, wanted, strict=True):
        assert parameter.default == (eval(default) if given else inspect.Parameter.empty), field


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_all_nodes_take_is_keyword_only(name: str) -> None:
    parameters = inspect.signature(getattr(ir, name)).parameters
    for common in COMMON.split():
        if common not in PUBLISHED[name].split():
            assert parameters[common].kind is inspect.Parameter.KEYWORD_ONLY


def test_the_signature_of_a_graph_begins_with_nodes_and_edges() -> None:
    parameters = inspect.signature(ir.Graph).parameters
    assert list(parameters)[:2] == ["nodes", "edges"]
    for extra in ("dt", "metadata", "allow_cycles", "quantization_config", "execution_schedule", "target_hardware"):
        assert parameters[extra].kind is inspect.Parameter.KEYWORD_ONLY


ones = np.ones

# What is refused, the code, and the words the message must have: both fields and both numbers where two disagree.
REFUSED: list[tuple[Any, tuple[Any, ...], dict[str, Any], str, str]] = [
    (ir.Affine, (ones((3, 4)), ones(2)), {}, "T201", "bias weight 2 3"),
    (ir.Affine, (ones(4),), {}, "T201", "weight 2 (4,)"),
    (ir.Affine, (ones((2, 0)),), {}, "T201", "weight empty"),
    (ir.Affine, (ones((2, 2), complex),), {}, "T204", "weight complex128 float"),
    (ir.Affine, ([["a"]],), {}, "T204", "weight"),
    (ir.Affine, ([[1], [1, 2]],), {}, "T204", "weight rectangular"),
    (ir.Affine, (None,), {}, "T204", "weight NoneType"),
    (ir.Affine, (), {}, "T206", "weight none"),
    (ir.Affine, (ones((1, 1)), None, 3), {}, "T206", "2 3 keyword"),
    (ir.Affine, (ones((1, 1)),), {"weight": 1}, "T206", "weight twice"),
    (ir.Affine, (ones((1, 1)),), {"biass": 1}, "T206", "biass 'bias'"),
    (ir.SpikingAffine, (ones((1, 1)), None, "binary", 16, 8), {}, "T202", "accumulator_bits weight_bits 8 16"),
    (ir.SpikingAffine, (ones((1, 1)), None, "graded", 33), {}, "T202", "weight_bits 33 32"),
    (ir.SpikingAffine, (ones((1, 1)), None, "binray"), {}, "T202", "spike_mode 'binray' 'binary'"),
    (ir.Conv1d, (ones((4, 1, 3)), None, 0), {}, "T202", "stride 0 1"),
    (ir.Conv2d, (ones((4, 1, 3, 3)), ones(3)), {}, "T201", "bias weight 3 4"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"groups": 3}, "T202", "groups 3 4"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"padding": -1}, "T202", "padding -1 0"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"padding": "sane"}, "T204", "padding 'sane' 'same'"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"padding": "same", "stride": 2}, "T202", "padding stride 1 2"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"stride": (1, 2, 3)}, "T204", "stride 2"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"stride": 1.5}, "T204", "stride 1.5"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"stride": [[1], [1, 2]]}, "T204", "stride"),
    (ir.Conv2d, (ones((4, 1, 3, 3)),), {"stride": True}, "T204", "stride True"),
    (ir.SDConv, (ones((4, 2, 3, 3)),), {}, "T202", "weight (4, 2, 3, 3) (4, 1, kh, kw)"),
    (ir.SDConv, (ones((4, 1, 3, 3)),), {"groups": 2}, "T202", "groups 2 4"),
    (ir.SepConv2d, (ones((3, 1, 3, 3)), ones((5, 4, 1, 1))), {}, "T201", "pointwise_weight depthwise_weight 4 3"),
    (ir.SepConv2d, (ones((3, 1, 3, 3)), ones((5, 3, 3, 1))), {}, "T201", "pointwise_weight 3 1"),
    (ir.LIF, (0.5, 1, 0, 1), {}, "T202", "tau 0.5 1"),
    (ir.LIF, (np.inf, 1, 0, 1), {}, "T205", "tau inf"),
    (ir.LIF, (2, np.nan, 0, 1), {}, "T205", "r nan"),
    (ir.LIF, (ones(3), ones(4), 0, 1), {}, "T201", "r tau 4 3"),
    (ir.LIF, (2, 1, 0, 1), {"reset_delay": 2}, "T202", "reset_delay 2 1"),
    (ir.LIF, (2, 1, 0, 1), {"reset": "hard"}, "T202", "reset 'hard' 'subtract'"),
    (ir.IF, (1, 1), {}, "T206", "1 2 v_threshold"),
    (ir.BatchNorm1d, (3, ones(3), ones(3), ones(4), ones(3)), {}, "T201", "running_mean num_features 4 3"),
    (ir.BatchNorm2d, (2, None, None, ones(2), -ones(2)), {}, "T202", "running_var -1.0 0"),
    (ir.BatchNorm1d, (2, None, None, ones(2), ones(2), 0), {}, "T202", "eps 0"),
    (ir.LayerNorm, ((2, 3), ones((3, 2))), {}, "T201", "weight normalized_shape (3, 2) (2, 3)"),
    (ir.LayerNorm, ((),), {}, "T202", "normalized_shape ()"),
    (ir.PReLU, (3, ones(2)), {}, "T201", "weight features (2,) 3"),
    (ir.Dropout, (3, 1.5), {}, "T202", "p 1.5 1"),
    (ir.ReLU, (0,), {}, "T202", "features 0 1"),
    (ir.ReLU, ("3",), {}, "T204", "features '3'"),
    (ir.GELU, (3, 1), {}, "T204", "approximate 1"),
    (ir.ELU, (3, np.nan), {}, "T202", "alpha nan"),
    (ir.MaxPool2d, ((2, 2), None, (2, 0)), {}, "T202", "padding kernel_size 2 1"),
    (ir.AvgPool2d, (0,), {}, "T202", "kernel_size 0 1"),
    (ir.Upsample, (0.0,), {}, "T202", "scale_factor 0"),
    (ir.Upsample, (np.inf,), {}, "T202", "scale_factor inf"),
    (ir.Upsample, (object(),), {}, "T204", "scale_factor object"),
    (ir.Upsample, ([1, "2"],), {}, "T204", "scale_factor"),
    (ir.Upsample, ((1, 2, 3),), {}, "T204", "scale_factor 2"),
    (ir.Upsample, (None,), {}, "T202", "size scale_factor"),
    (ir.Upsample, (2, None, "nearest", True), {}, "T202", "align_corners bilinear"),
    (ir.Skip, ("concta",), {}, "T202", "skip_type 'concat'"),
    (ir.HybridRegion, ("cnn", 3), {}, "T202", "mode 'cnn' 'snn'"),
    (ir.ChannelSplit, ([2, 0],), {}, "T202", "split_sections 0 1"),
    (ir.ChannelSplit, ([],), {}, "T202", "split_sections"),
    (ir.Concat, (0,), {}, "T202", "num_inputs 0 1"),
    (ir.Input, ([3, 0],), {}, "T202", "input_type 0"),
    (ir.Input, ([[1], [1, 2]],), {}, "T204", "input_type"),
    (ir.Input, ("abc",), {}, "T204", "input_type"),
    (ir.Input, ([1.5],), {}, "T204", "input_type 1.5"),
    (ir.ReLU, (3,), {"metadata": {1: 2}}, "T204", "metadata 1"),
    (ir.ReLU, (3,), {"metadata": {"a": {"b": object()}}}, "T204", "metadata 'a' 'b' object"),
    (ir.ReLU, (3,), {"metadata": [1]}, "T204", "metadata list"),
    (ir.ReLU, (3,), {"core_id": -1}, "T202", "core_id -1 0"),
    (ir.ReLU, (3,), {"precision": 8}, "T204", "precision 8"),
]


@pytest.mark.parametrize(("cls", "args", "kwargs", "code", "words"), REFUSED)
def test_refused(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ir.TalonError) as caught:
        cls(*args, **kwargs)
    error, text = caught.value, str(caught.value)
    assert error.code == code, text
    assert isinstance(error, TypeError if code in ("T204", "T206") else ValueError)
    assert cls.__name__ in text
    assert error.help
    for word in words.split():
        assert word in text, text


def test_a_single_number_stands_for_both_axes() -> None:
    conv = ir.Conv2d(ones((2, 1, 3, 3)), None, 2, 1, np.int64(2))
    assert (conv.stride, conv.padding, conv.dilation) == ((2, 2), (1, 1), (2, 2))
    assert ir.MaxPool2d(3).kernel_size == (3, 3)
    assert ir.Conv2d(ones((2, 1, 3, 3)), None, np.array([1, 2])).stride == (1, 2)
    assert ir.Upsample(1.5).scale_factor == 1.5
    assert ir.Upsample([2, 3]).scale_factor == (2, 3)


def test_plain_numbers_become_floats_and_arrays_keep_their_dtype() -> None:
    lif = ir.LIF(2, np.float32(1), [0, 1], np.ones(2, np.float16))
    assert [getattr(lif, n).dtype for n in ("tau", "r", "v_leak", "v_threshold")] == [
        np.float64,
        np.float32,
        np.float64,
        np.float16,
    ]
    assert ir.Affine(ones((2, 2), np.int8)).weight.dtype == np.int8


def test_aliases_are_brought_to_one_word() -> None:
    assert [ir.Skip(word).skip_type for word in ("add", "concat", "identity")] == [
        "residual",
        "concatenate",
        "passthrough",
    ]


def test_a_step_axis_is_told_by_rank_and_never_unified() -> None:
    per_step = ir.Affine(ones((5, 3, 4)), ones((2, 3)))
    assert per_step.dims == {"out": 3, "in": 4}
    assert per_step.per_step("weight")
    assert per_step.per_step("bias")
    assert not ir.Affine(ones((3, 4)), ones(3)).per_step("weight")
    assert not ir.LayerNorm((4,), ones(4)).per_step("weight")
    assert ir.SepConv2d(ones((2, 3, 1, 3, 3)), ones((5, 3, 1, 1))).infer((3, 5, 5)) == (5, 3, 3)


def test_boundary_types_in_every_form() -> None:
    for form in ([3, 4], (3, 4), np.array([3, 4]), {"input": np.array([3, 4])}):
        node = ir.Input(form)
        assert node.shape == (3, 4)
        assert list(node.input_type) == ["input"]
        assert node.output_type["output"].tolist() == [3, 4]
    assert ir.Output((7,)).output_type["output"].tolist() == [7]
    assert ir.Input([]).shape == ()


def test_a_field_may_be_called_what_the_machinery_calls_its_tables() -> None:
    class Lookup(ir.Primitive):
        keys: Array = array("keys", doc="what is looked for")
        needed: Array = array("keys", doc="how often")
        names: Array = array("keys", doc="where it is", default=None)

    node = Lookup(np.arange(3.0), np.ones(3))
    assert (list(node.keys), list(node.needed), node.names, node.dims) == ([0, 1, 2], [1, 1, 1], None, {"keys": 3})
    with pytest.raises(ir.TalonTypeError, match="needs needed"):
        Lookup(np.arange(3.0))
