"""``python -m multirrelu demo``: the same problem for every library, a right gradient, and honest figures."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from statistics import fmean, stdev

import pytest

from multirrelu.__main__ import main
from multirrelu.cli.demo import trainers

# What an old Matplotlib asks of a new pyparsing is not ours to put right.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(matplotlib|pyparsing)")

SMALL = {"seeds": 2, "epochs": 4, "hidden": (16, 12)}


@pytest.fixture(scope="module")
def demo():
    """The demo's modules, where its extra is installed."""
    for name in ("numpy", "sklearn", "matplotlib"):
        pytest.importorskip(name)
    from multirrelu.cli.demo import picture, result, table, task
    from multirrelu.cli.demo.trainers import numpy

    class Demo:
        pass

    for module in (picture, result, table, task):
        setattr(Demo, module.__name__.rpartition(".")[2], module)
    Demo.trainer = numpy
    return Demo


@pytest.fixture(scope="module")
def small(demo):
    """A task of a second's training."""
    return demo.task.make_task(3, demo.task.Settings(**SMALL))


@pytest.fixture
def made(demo):
    """A result of two seeds and two epochs with known figures."""
    point = demo.result.Point
    curves = [
        demo.result.Curve(name, seed, [point(2.0, 0.5, 2.5, 0.4), point(1.0, 1.0, 2.0, accuracy)])
        for seed, accuracies in enumerate([(0.5, 0.6), (0.6, 0.9)])
        for name, accuracy in zip(("ReLU", "RReLU"), accuracies, strict=True)
    ]
    return demo.result.Result("numpy", {"numpy": "2.0"}, {"epochs": 2, "train_images": 300}, curves)


# The problem


@pytest.mark.parametrize("name", ["ReLU", "leaky ReLU 0.01", "leaky ReLU 0.229", "RReLU"])
def test_activations(demo, np, name):
    from multirrelu import rrelu

    slope = {"ReLU": 0, "leaky ReLU 0.01": 0.01}.get(name, 11 / 48)
    x = np.linspace(-3, 3, 25)
    y = rrelu(x, *demo.task.ACTIVATIONS[name], training=name != "RReLU", rng=1)
    np.testing.assert_allclose(y, np.where(x > 0, x, slope * x), rtol=1e-15)


def test_keys_are_all_different(demo):
    settings = demo.task.Settings(**{**SMALL, "seeds": 3})
    keys = [key for seed in range(3) for epoch in demo.task.make_task(seed, settings).keys for step in epoch for key in step]
    assert len(set(keys)) == len(keys) == 3 * 4 * 10 * 2
    assert 0 <= min(keys) <= max(keys) < 2**64


def test_key_of_a_position(demo, small):
    assert small.keys[2][7][1] == demo.task.slope_key(3, 27, 1) == 3 * 2**40 + 27 * 2**8 + 1


def test_training_and_held_out_images_are_all_images_once(demo, np, small):
    images, labels = demo.task.digits()
    both = [np.concatenate([small.train[i], small.test[i]]) for i in (0, 1)]
    assert len(small.train[0]) == len(small.train[1]) == 300
    # Two digits are not one: sorted with their labels, the parts are the whole.
    one, other = (np.column_stack([x, y]) for x, y in (both, (images, labels)))
    np.testing.assert_array_equal(one[np.lexsort(one.T)], other[np.lexsort(other.T)])
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0, 1)


def test_each_epoch_takes_each_image_once(np, small):
    assert small.batches.shape == (4, 10, 30)
    for epoch in small.batches:
        np.testing.assert_array_equal(np.sort(epoch.ravel()), np.arange(300))
    assert not np.array_equal(small.batches[0], small.batches[1])


def test_a_seed_is_one_problem_and_another_seed_another(demo, np, small):
    again, other = (demo.task.make_task(seed, small.settings) for seed in (3, 4))
    for pick in (lambda t: t.train[0], lambda t: t.weights[1][0], lambda t: t.batches, lambda t: np.array(t.keys)):
        np.testing.assert_array_equal(pick(again), pick(small))
        assert not np.array_equal(pick(other), pick(small))


def test_weights(np, small):
    assert [(m.shape, b.shape) for m, b in small.weights] == [((64, 16), (16,)), ((16, 12), (12,)), ((12, 10), (10,))]
    assert all(array.dtype == np.float32 for layer in small.weights for array in layer)
    assert small.weights[0][0].std() == pytest.approx((2 / 64) ** 0.5, rel=0.1)


# NumPy's trainer; what all of them must do is in test_demo_trainers.py


@pytest.mark.parametrize("bounds", [(0.0, 0.0), (0.01, 0.01), (1 / 8, 1 / 3), (-0.5, 0.5)])
def test_gradient_is_that_of_the_loss(demo, np, small, bounds):
    """Central differences in float64 at fixed keys, of every bias and of some weights."""
    from multirrelu import rrelu

    layers = [(m.astype(np.float64), b + np.float64(0.1)) for m, b in small.weights]
    images, labels = small.train[0][:20].astype(np.float64), small.train[1][:20]
    keys = small.keys[1][5]

    def loss():
        x = images
        for (matrix, bias), key in zip(layers[:-1], keys, strict=True):
            x = rrelu(x @ matrix + bias, *bounds, training=True, rng=key)
        return -demo.trainer.log_softmax(x @ layers[-1][0] + layers[-1][1])[np.arange(20), labels].mean()

    parts = demo.trainer.gradient(layers, images, labels, bounds, keys)
    for layer, part in zip(layers, parts, strict=True):
        for array, slope in zip(layer, part, strict=True):
            assert array.shape == slope.shape
            flat = array.reshape(-1)
            for i in range(0, flat.size, 1 if array.ndim == 1 else 37):
                kept = flat[i]
                flat[i] = kept + 1e-6
                above = loss()
                flat[i] = kept - 1e-6
                below = loss()
                flat[i] = kept
                assert slope.reshape(-1)[i] == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-8)


def test_evaluation_of_known_logits(demo, np):
    """One layer, whose logits are the image's: a loss and an accuracy that can be worked out."""
    images = np.array([[0.0, np.log(3.0)], [np.log(3.0), 0.0]])
    loss, accuracy = demo.trainer.evaluate([(np.eye(2), np.zeros(2))], images, np.array([1, 1]), (0.0, 0.0))
    assert loss == pytest.approx((np.log(4 / 3) + np.log(4)) / 2)
    assert accuracy == 0.5


def test_further_trainers_are_found(tmp_path, monkeypatch):
    (tmp_path / "somelib.py").write_text("def train(task, bounds, done):\n    return 'trained'\n", encoding="utf-8")
    monkeypatch.setattr(trainers, "__path__", [*trainers.__path__, str(tmp_path)])
    assert trainers.names() == sorted(trainers.names())
    assert {"numpy", "somelib"} <= set(trainers.names())
    assert trainers.load("somelib")(None, None, None) == "trained"
    assert trainers.label("somelib") == "somelib"
    del sys.modules["multirrelu.cli.demo.trainers.somelib"]


# Results


def test_result_is_kept_whole(demo, made, tmp_path):
    demo.result.save(made, tmp_path / "curves.json")
    assert demo.result.load(tmp_path / "curves.json") == made


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"curves": [{"activation": "ReLU", "seed": 1, "points": [[1, 2]]}]}'])
def test_other_files_hold_no_curves(demo, tmp_path, text):
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.json holds no curves of the demo: "):
        demo.result.load(tmp_path / "other.json")


@pytest.mark.parametrize(("values", "expected"), [([3.0], (3.0, 0.0)), ([1.0, 2.0, 3.0], (2.0, 1.0))])
def test_mean_and_sample_deviation(demo, values, expected):
    assert demo.result.mean_and_spread(values) == expected


def test_table(demo, made):
    assert demo.table.HEADER == ("activation", "train", "test", "test - ReLU")
    # Leads seed by seed are 10 and 30 per cent: their spread is not that of the accuracies.
    assert demo.table.rows(made) == [
        ("ReLU", "100.00 ± 0.00", "55.00 ± 7.07", ""),
        ("RReLU", "100.00 ± 0.00", "75.00 ± 21.21", "+20.00 ± 14.14"),
    ]
    assert demo.table.title(made) == "numpy: accuracy in % after 2 epochs, mean ± sample standard deviation over 2 seeds"


def test_output_without_a_plus_minus_sign(demo, made, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert demo.table.percent([0.5, 0.75]) == "62.50 +/- 17.68"
    demo.table.title(made).encode("ascii")


@pytest.mark.parametrize("output", [io.StringIO(), None], ids=["text", "none"])
def test_output_without_an_encoding(demo, monkeypatch, output):
    monkeypatch.setattr(sys, "stdout", output)
    assert demo.table.percent([0.5, 0.75]) == "62.50 ± 17.68"


def test_band(demo, made):
    means, low, high = demo.picture.band(made, "RReLU", "test_accuracy")
    spread = stdev([0.6, 0.9])
    assert means == pytest.approx([0.4, 0.75])
    assert low == pytest.approx([0.4, 0.75 - spread])
    assert high == pytest.approx([0.4, 0.75 + spread])


def test_band_stays_above_zero(demo, made):
    wide = [replace(curve, points=[point._replace(train_loss=[1e-9, 1.0][curve.seed]) for point in curve.points]) for curve in made.curves]
    means, low, _ = demo.picture.band(replace(made, curves=wide), "ReLU", "train_loss")
    assert low == pytest.approx([means[0] / 10] * 2)


def test_legend(demo, made):
    def labels(results):
        return [(line.get_label(), line.get_linestyle()) for line in demo.picture.legend(results)]

    assert labels([made]) == [("ReLU", "-"), ("RReLU", "-")]
    assert labels([made, replace(made, label="torch")]) == [("ReLU", "-"), ("RReLU", "-"), ("numpy", "-"), ("torch", "--")]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_picture(demo, made, np, tmp_path, count):
    from matplotlib.image import imread

    demo.picture.draw([replace(made, label=f"run {i}") for i in range(count)], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    pixels = imread(tmp_path / "curves.png")
    assert pixels.shape[:2] == (840, 1200)
    for colour in demo.picture.COLOURS[:2]:
        wanted = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], dtype=np.float32)
        assert (abs(pixels[..., :3] - wanted).max(-1) < 0.01).sum() > 100


# The command


def test_command(demo, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert main(["demo", "--quick", "--output", str(tmp_path / "a.png")]) == 0
    said, complaints = capsys.readouterr()
    lines = said.splitlines()
    assert complaints == ""
    assert not any(ord(character) < 32 for line in lines for character in line)  # no terminal, no control characters
    assert max(map(len, lines[:-2])) <= 100
    assert lines[-2:] == [f"picture: {tmp_path / 'a.png'}", f"curves:  {tmp_path / 'a.json'}"]
    kept = demo.result.load(tmp_path / "a.json")
    assert kept.activations() == list(demo.task.ACTIVATIONS)
    assert len(kept.curves) == 8
    assert {len(curve.points) for curve in kept.curves} == {3}
    assert set(kept.versions) == {"multirrelu", "numpy", "python"}
    # What is printed is what is kept.
    final = [curve.points[-1].test_accuracy for curve in kept.of("RReLU").values()]
    (row,) = [line for line in lines if line.strip().startswith("RReLU")]
    assert f" {100 * fmean(final):.2f} ± {100 * stdev(final):.2f} " in row


def test_files_that_are_there_are_not_written_over_unasked(demo, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["demo", "--seeds", "1", "--epochs", "1", "--hidden", "8"]
    for present in ("a.png", "a.json"):
        for file in tmp_path.iterdir():
            file.unlink()
        (tmp_path / present).write_text("mine", encoding="utf-8")
        assert main([*options, "--output", "a.png"]) == 2
        complaint = f"multirrelu: {present} would be written over: name another --output, or add --overwrite\n"
        assert capsys.readouterr() == ("", complaint)
        assert (tmp_path / present).read_text(encoding="utf-8") == "mine"
    assert main([*options, "--output", "a.png", "--overwrite"]) == 0
    assert demo.result.load(tmp_path / "a.json").activations()


def test_command_lays_curves_over_each_other(demo, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["demo", "--seeds", "1", "--epochs", "1", "--hidden", "8"]
    assert main(options) == 0
    assert main([*options, "--overlay", "multirrelu-demo-numpy.json", "--output", "both.png"]) == 0
    said = capsys.readouterr().out
    assert "\nmultirrelu-demo-numpy: accuracy" in said
    settings = json.loads((tmp_path / "both.json").read_text(encoding="utf-8"))["settings"]
    assert (settings["seeds"], settings["epochs"], settings["hidden"]) == (1, 1, [8])
    assert (tmp_path / "both.png").stat().st_size > 10_000


def test_table_of_curves_that_have_no_like(demo):
    points, curve = [demo.result.Point(0.5, 0.5, 0.5, 0.5)], demo.result.Curve
    alone = demo.result.Result("alone", {}, {"epochs": 1}, [curve("RReLU", seed, points) for seed in (3, 4)])
    other = demo.result.Result("other seeds", {}, {"epochs": 1}, [curve("RReLU", 3, points), curve("ReLU", 4, points)])
    assert [row[3] for row in demo.table.rows(alone)] == [""]
    assert [row[3] for row in demo.table.rows(other)] == ["", ""]
    assert demo.table.title(alone).endswith("over 2 seeds")


def test_progress_bar_in_a_terminal(demo, capsys, tmp_path, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["demo", "--quick", "--output", str(tmp_path / "a.png")]) == 0
    said, progress = capsys.readouterr()
    assert "seed 1, RReLU" in progress
    assert "100%" in progress
    assert "seed 1, RReLU" not in said


@pytest.mark.parametrize(("module", "package"), [("numpy", "numpy"), ("sklearn", "scikit-learn"), ("matplotlib", "matplotlib")])
def test_missing_extra(demo, capsys, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["demo"]) == 2
    said, complaint = capsys.readouterr()
    assert said == ""
    assert complaint == f'multirrelu: the demo needs {package}: pip install "multirrelu[demo]"\n'


def test_missing_library(demo, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["demo", "--library", "torch"]) == 2
    assert capsys.readouterr() == ("", 'multirrelu: the demo needs torch: pip install "multirrelu[demo,torch]"\n')


def test_library_that_fails_to_import(demo, capsys, tmp_path, monkeypatch):
    (tmp_path / "somelib.py").write_text("import somebody_nowhere\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))  # it is there, and what trains by it is there too
    monkeypatch.setattr(trainers, "__path__", [*trainers.__path__, str(tmp_path)])
    assert main(["demo", "--library", "somelib"]) == 2
    assert capsys.readouterr().err == "multirrelu: No module named 'somebody_nowhere'\n"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--output", "a.jpg"], "the picture is a PNG, so its name must end in .png: a.jpg"),
        (["--output", "nowhere/a.png"], "there is no folder nowhere"),
        (["--overlay", "nothing.json"], "[Errno 2] No such file or directory: 'nothing.json'"),
    ],
)
def test_bad_files_are_told_before_training(demo, capsys, tmp_path, monkeypatch, options, complaint):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *options]) == 2
    said, error = capsys.readouterr()
    assert (said, error) == ("", f"multirrelu: {complaint}\n")


@pytest.mark.parametrize("option", ["--seeds", "--epochs", "--hidden"])
@pytest.mark.parametrize(("value", "complaint"), [("0", "must be at least 1, got 0"), ("x", "invalid positive value: 'x'")])
def test_bad_numbers(capsys, option, value, complaint):
    with pytest.raises(SystemExit) as end:
        main(["demo", option, value])
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_unknown_library(capsys):
    with pytest.raises(SystemExit) as end:
        main(["demo", "--library", "abacus"])
    assert end.value.code == 2
    assert "invalid choice: 'abacus'" in capsys.readouterr().err
