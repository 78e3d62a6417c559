"""`convert_rrelu` and its inverse: what they replace, what they leave, and what they say of it."""

from __future__ import annotations

import logging
from functools import partial

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812 - as models have it
from torch import nn  # noqa: E402

import multirrelu  # noqa: E402
from multirrelu.layers.torch import RReLU, convert_rrelu, restore_rrelu, rrelu  # noqa: E402

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.RReLU(0.1, 0.3)
        self.body = nn.Sequential(nn.Linear(6, 6), self.act, nn.ModuleDict({"x": nn.RReLU(inplace=True)})["x"])
        self.ours = RReLU(rng=3)
        self.other = nn.LeakyReLU()


def test_every_layer_of_a_model_is_converted():
    model = Model().eval()
    ours = model.ours
    assert convert_rrelu(model, rng=7, shared_axes=0) is model
    assert [type(m) for m in model.modules() if isinstance(m, nn.RReLU)] == [RReLU] * 3
    assert model.act is model.body[1]
    assert (model.act.lower, model.act.upper, model.act.inplace, model.act.training) == (0.1, 0.3, False, False)
    assert (model.act.rng, model.act.shared_axes) == (7, 0)
    assert model.body[2].inplace
    assert model.ours is ours
    assert type(model.other) is nn.LeakyReLU
    assert model.body(X).shape == X.shape


def test_a_layer_by_itself_is_converted():
    layer = nn.RReLU(0.1, 0.3).eval()
    assert convert_rrelu(layer, rng=7) is layer
    assert (type(layer), layer.lower, layer.training) == (RReLU, 0.1, False)
    assert torch.equal(layer.train()(X), multirrelu.rrelu(X, 0.1, 0.3, training=True, rng=7))


def test_a_layer_with_wrong_bounds_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.RReLU(), nn.RReLU(0.5, 0.1))
    with pytest.raises(ValueError, match=r"^lower must not exceed upper, got lower=0\.5 and upper=0\.1$"):
        convert_rrelu(model)
    assert [type(m) for m in model] == [nn.RReLU, nn.RReLU]


def test_hooks_see_the_layer():
    seen = []
    model = nn.Sequential(nn.RReLU())
    model[0].register_forward_hook(lambda module, args, output: seen.append(type(module)))
    convert_rrelu(model)(X)
    assert seen == [RReLU]


def test_how_many_were_replaced_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="multirrelu"):
        convert_rrelu(Model())
        restore_rrelu(nn.Sequential(RReLU()))
    assert caplog.messages == [
        "convert_rrelu replaced 2 layers of Model: act, body.2",
        "restore_rrelu replaced 1 layer of Sequential: 0",
    ]


def test_a_model_of_our_layers_alone_is_as_it_should_be():
    model = nn.Sequential(RReLU(rng=3))
    assert convert_rrelu(model, rng=7)[0].rng == 3


# What is left


class Subclass(nn.RReLU):
    pass


class Held(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value


class Functional(nn.Module):
    def forward(self, x):
        return self.block(x)

    def block(self, x):
        return torch.nn.functional.rrelu(x, training=self.training)


class InPlace(nn.Module):
    def forward(self, x):
        return [torch.rrelu_(y) for y in x]


class Ours(nn.Module):
    def forward(self, x):
        return rrelu(x) + multirrelu.rrelu(x) + torch.relu(x)


def traced():
    return torch.jit.trace(nn.Sequential(nn.RReLU()).eval(), X)


LIST = r"value{} \(in a plain container, which PyTorch does not see: use torch\.nn\.ModuleList or ModuleDict\)"
TAKEN = r"value{} \(PyTorch's function: take multirrelu\.layers\.torch\.rrelu\)"
CALLED = r"{} \(a call of PyTorch's function: call multirrelu\.layers\.torch\.rrelu there\)"
SCRIPTED = r" \(scripted or traced: convert the model before\)"


@pytest.mark.filterwarnings("ignore:.*is deprecated. Please switch to:DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: nn.Sequential(Subclass()), r"0 \(of Subclass, a subclass: derive it from multirrelu\.layers\.torch\.RReLU\)"),
        (lambda: Held([nn.RReLU()]), LIST.format(r"\[0\]")),
        (lambda: nn.Sequential(Held((nn.Tanh(), nn.Sequential(nn.RReLU())))), r"0\." + LIST.format(r"\[1\]")),
        (lambda: Held({"act": [nn.RReLU()]}), LIST.format(r"\['act'\]\[0\]")),
        (lambda: Held(F.rrelu), TAKEN.format("")),
        (lambda: Held(partial(F.rrelu_, training=True)), TAKEN.format("")),
        (lambda: Held(lambda x: F.rrelu(x, training=True)), CALLED.format("value")),
        (lambda: nn.Sequential(Functional()), CALLED.format(r"0\.block")),
        (InPlace, CALLED.format("forward")),
        (lambda: nn.Sequential(torch.jit.script(nn.RReLU())), "0" + SCRIPTED),
        (lambda: nn.Sequential(traced()), r"0\.0" + SCRIPTED),
        (traced, "0" + SCRIPTED),
        (lambda: torch.fx.symbolic_trace(Functional()), CALLED.format("forward")),
        (lambda: nn.Sequential(nn.Linear(2, 2)), None),
        (Ours, None),
    ],
)
def test_what_is_left_is_a_warning(make, reason):
    model = make()
    said = r": it has no torch\.nn\.RReLU" if reason is None else f", and left {reason}"
    with pytest.warns(UserWarning, match=rf"^convert_rrelu replaced no layer of {type(model).__name__}{said}$") as caught:
        assert convert_rrelu(model) is model
    assert [one.filename for one in caught] == [__file__]


def test_what_is_left_is_said_with_what_is_replaced():
    model = nn.ModuleList([nn.RReLU(), *(Subclass() for _ in range(7))])
    with pytest.warns(UserWarning, match=r"^convert_rrelu replaced 1 layer of ModuleList, and left 1 \(.+\); 5 \(.+\); and 2 more$"):
        convert_rrelu(model)
    assert type(model[0]) is RReLU


def test_a_list_that_holds_itself():
    model = Held([])
    model.value += [model.value, nn.RReLU()]
    with pytest.warns(UserWarning, match="and left " + LIST.format(r"\[1\]") + "$"):
        convert_rrelu(model)


def test_layers_that_are_held_twice_are_replaced():
    model = nn.Sequential(nn.RReLU())
    model.names = {"first": model[0]}
    assert type(convert_rrelu(model).names["first"]) is RReLU


@pytest.mark.parametrize("function", [convert_rrelu, restore_rrelu])
@pytest.mark.parametrize(
    ("wrong", "got"), [([nn.RReLU()], "an object of type list"), (nn.RReLU, "the class RReLU"), (F.rrelu, "an object of type function")]
)
def test_what_is_no_module_is_refused(function, wrong, got):
    with pytest.raises(TypeError, match=rf"^{function.__name__} takes a torch\.nn\.Module, got {got}: pass a model, or one layer$"):
        function(wrong)


def test_a_compiled_model_is_converted():
    for compiled in (lambda m: torch.compile(m, backend="eager"), lambda m: m.compile(backend="eager") or m):
        model = nn.Sequential(nn.RReLU())
        call = compiled(model)
        call(X)
        convert_rrelu(call, rng=7)
        assert torch.equal(call(X), multirrelu.rrelu(X, training=True, rng=7))


# The inverse


def test_the_inverse():
    model = nn.Sequential(RReLU(0.1, 0.3, rng=7, shared_axes=0), RReLU(inplace=True)).eval()
    assert restore_rrelu(model) is model
    assert [type(one) for one in model] == [nn.RReLU] * 2
    assert repr(model) == repr(nn.Sequential(nn.RReLU(0.1, 0.3), nn.RReLU(inplace=True)))
    assert not model[0].training
    assert torch.equal(model[0](X), nn.RReLU(0.1, 0.3).eval()(X))


def test_back_and_forth_keeps_what_the_layer_was_told():
    model = nn.Sequential(RReLU(rng=7, shared_axes=0), RReLU(keep_input=True))
    convert_rrelu(restore_rrelu(model), rng=9)
    assert [(one.rng, one.shared_axes, one.keep_input) for one in model] == [(7, 0, False), (None, None, True)]


def test_nothing_to_restore_is_a_warning():
    with pytest.warns(UserWarning, match=r"^restore_rrelu replaced no layer of Linear: it has no RReLU of multirrelu$"):
        restore_rrelu(nn.Linear(2, 2))


def test_in_place_layers_keep_no_input():
    model = nn.Sequential(nn.RReLU(), nn.RReLU(inplace=True))
    with pytest.raises(ValueError, match=r"^inplace=True writes over the input, which keep_input=True keeps"):
        convert_rrelu(model, keep_input=True)
    assert [type(one) for one in model] == [nn.RReLU] * 2
    assert convert_rrelu(model[0], keep_input=True).keep_input
