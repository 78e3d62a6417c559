"""Fixtures of the tests of the PyTorch backend."""

from __future__ import annotations

import pytest


@pytest.fixture
def unset_memory_is_nan(monkeypatch):
    """Let PyTorch fill what it allocates with NaN, so that what is read before it is written is wrong every time."""
    import torch

    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)
