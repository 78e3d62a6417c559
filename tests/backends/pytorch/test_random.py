"""Where keys come from: the global generator, its forks, and the workers of a loader."""

from __future__ import annotations

import os

import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, Dataset  # noqa: E402

from backends.pytorch.common import ours_and_theirs  # noqa: E402
from multirrelu import rrelu  # noqa: E402

X = -torch.ones(16)


def drawn():
    return rrelu(X, training=True)


def test_fork_rng_sets_the_state_back():
    torch.manual_seed(5)
    with torch.random.fork_rng():
        first = drawn()
    assert torch.equal(drawn(), first)
    assert not torch.equal(drawn(), first)


def test_a_call_takes_one_number_whatever_its_size():
    torch.manual_seed(5)
    drawn()
    after = torch.get_rng_state()
    torch.manual_seed(5)
    rrelu(-torch.ones(10_000), training=True)
    assert torch.equal(torch.get_rng_state(), after)


@ours_and_theirs("nn.RReLU draws only where the input is not positive, one after the other", AssertionError)
def test_a_sign_that_flips_moves_no_other_slope(layer):
    x = -torch.ones(100)
    torch.manual_seed(5)
    before = layer()(x)
    x[0] = 1.0
    torch.manual_seed(5)
    assert torch.equal(layer()(x)[1:], before[1:])


class Drawing(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return drawn()


def test_workers_of_a_loader_differ_and_are_ruled_by_the_seed():
    def epoch(seed):
        torch.manual_seed(seed)
        return [tuple(row.tolist()) for batch in DataLoader(Drawing(), batch_size=1, num_workers=2) for row in batch]

    first = epoch(5)
    assert len(set(first)) == 4
    assert epoch(5) == first
    assert epoch(6) != first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_goes_on_from_the_state_it_inherits():
    torch.manual_seed(5)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, ",".join(map(str, drawn().tolist())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert [float(number) for number in os.read(reader, 10_000).decode().split(",")] == drawn().tolist()
