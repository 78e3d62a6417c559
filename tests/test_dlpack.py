"""What is read from DLPack capsules: those of libraries as they are, and made ones that are wrong in every field."""

from __future__ import annotations

import ctypes

import pytest

from multirrelu.dlpack import _Tensor, _Versioned
from multirrelu.memory import Placement, placement

new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
NAMES = {_Tensor: b"dltensor", _Versioned: b"dltensor_versioned"}


class Exported:
    """An array that exports a capsule of this memory, and is of this shape."""

    def __init__(self, managed, shape=(2, 3), name=None):
        self.managed, self.shape, self.name = managed, shape, NAMES[type(managed)] if name is None else name

    def __dlpack__(self, max_version):
        return new(ctypes.addressof(self.managed), self.name or None, None)


def made(lengths=(2, 3), **fields):
    """A DLTensor of float32 on the CPU."""
    lengths = (ctypes.c_int64 * len(lengths))(*lengths)
    fields = {"data": 4096, "device": (1, 0), "ndim": len(lengths), "code": 2, "bits": 32, "lanes": 1, "shape": lengths, **fields}
    return _Tensor(**fields)


def versioned(version=(1, 0), flags=0, **fields):
    return _Versioned(version=version, flags=flags, tensor=made(**fields))


class Legacy:
    """An array of a library from before DLPack had versions, which refuses what it does not know with some error."""

    def __init__(self, array, error):
        self.array, self.error, self.shape = array, error, array.shape

    def __dlpack__(self, **options):
        if options:
            raise self.error
        return self.array.__dlpack__()


@pytest.mark.parametrize(
    "error", [TypeError("unexpected keyword"), ValueError("needs the version of 2023.12")], ids=["TypeError", "ValueError"]
)
def test_an_unversioned_capsule(np, error):
    x = np.zeros((2, 3), dtype=np.float32)
    assert placement(Legacy(x[:, 1:], error)) == Placement(x.ctypes.data + 4, (2, 2), (12, 4), 4)


@pytest.mark.filterwarnings("ignore:The 2021.12 version")
@pytest.mark.parametrize("version", ["2021.12", "2022.12", "2023.12", "2024.12"])
def test_every_version_of_the_standard(version):
    strict = pytest.importorskip("array_api_strict")
    with strict.ArrayAPIStrictFlags(api_version=version):
        assert placement(strict.zeros((2, 3))).strides == (24, 8)


@pytest.mark.parametrize(("kind", "stream"), [(1, None), (2, -1), (10, -1), (13, -1)])
@pytest.mark.parametrize("versions", [True, False])
def test_no_stream_waits(np, kind, stream, versions):
    """An array on a GPU gives its place without a stream that waits, which would break the capture of a graph."""
    x, asked = np.zeros(3), []

    class OnDevice:
        shape = (3,)

        def __dlpack_device__(self):
            return kind, 0

        def __dlpack__(self, **options):
            if "max_version" in options and not versions:
                raise TypeError
            asked.append(options.get("stream"))
            return x.__dlpack__()

    assert placement(OnDevice()).address == x.ctypes.data
    assert asked == [stream]


def test_no_strides_are_c_order():
    assert placement(Exported(made(byte_offset=64))) == Placement(4096 + 64, (2, 3), (12, 4), 4)


def test_strides_count_elements():
    strides = (ctypes.c_int64 * 2)(-1, 7)
    assert placement(Exported(versioned(strides=strides))) == Placement(4096, (2, 3), (-4, 28), 4)


@pytest.mark.parametrize(("flags", "read_only"), [(0, False), (1, True), (4, False), (5, True)])
def test_flags(flags, read_only):
    assert placement(Exported(versioned(flags=flags))).read_only is read_only


@pytest.mark.parametrize("data", [None, 4096])
@pytest.mark.parametrize("lengths", [(), (0,), (2, 0)])
def test_nothing_much(lengths, data):
    shape = {} if lengths else {"shape": None}
    assert placement(Exported(made(lengths, data=data, **shape), lengths)).shape == lengths


def test_a_copy_is_not_the_memory():
    assert placement(Exported(versioned(flags=2))) is None


@pytest.mark.parametrize("kind", [4, 7, 8, 9, 12, 15, 16, 17, 0, -1, 2**31 - 1])
def test_handles_are_no_addresses(kind):
    """A buffer of Metal, OpenCL or Vulkan is a handle, and what lies between two handles says nothing."""
    assert placement(Exported(made(device=(kind, 0)))) is None


@pytest.mark.parametrize("error", [BufferError, RuntimeError, NotImplementedError])
def test_an_array_that_cannot_be_exported(error):
    class Kept:
        shape = (3,)

        def __dlpack__(self, **options):
            raise error

    assert placement(Kept()) is None


def test_an_error_of_the_library_s_own_comes_out():
    class Broken:
        shape = (3,)

        def __dlpack__(self, **options):
            raise OSError("the device is gone")

    with pytest.raises(OSError, match="the device is gone"):
        placement(Broken())


@pytest.mark.parametrize("device", [None, (), 3, ("gpu", 0), [2, 0]], ids=str)
def test_a_device_that_is_none_of_dlpack(device):
    class Lost(Exported):
        def __dlpack_device__(self):
            return device

    assert placement(Lost(made())).address == 4096


@pytest.mark.parametrize("name", [b"", b"used_dltensor", b"used_dltensor_versioned", b"dltensors", b"arrow_array"], ids=str)
def test_a_capsule_that_is_used_or_unnamed_or_another_s(name):
    with pytest.raises(TypeError, match=r"^Exported exports no DLPack capsule that can be read, but a PyCapsule: "):
        placement(Exported(made(), name=name))


def test_a_capsule_that_was_really_used(np):
    capsule = np.zeros((2, 3)).__dlpack__(max_version=(1, 0))

    class Once:
        shape = (2, 3)

        def __dlpack_device__(self):
            return 1, 0

        def __dlpack__(self, **options):
            return capsule

    assert placement(Once()).itemsize == 8
    np.from_dlpack(Once())
    with pytest.raises(TypeError, match="it may have been used before"):
        placement(Once())


@pytest.mark.parametrize("other", [None, 3, b"dltensor", object()], ids=lambda x: type(x).__name__)
def test_no_capsule(other):
    class Wrong:
        shape = (3,)

        def __dlpack__(self, **options):
            return other

    with pytest.raises(TypeError, match=f"^Wrong exports no DLPack capsule that can be read, but a {type(other).__name__}: "):
        placement(Wrong())


@pytest.mark.parametrize("ndim", [-1, -(2**31), 0, 1, 3, 2**31 - 1])
@pytest.mark.parametrize("form", [made, versioned])
def test_a_number_of_axes_that_is_not_the_array_s(ndim, form):
    with pytest.raises(ValueError, match=f"^Exported of 2 axes exports a DLPack capsule of {ndim} axes$"):
        placement(Exported(form(ndim=ndim)))


def test_no_shape():
    with pytest.raises(ValueError, match=r"^Exported of 2 axes exports a DLPack capsule without a shape$"):
        placement(Exported(made(shape=None)))


@pytest.mark.parametrize("lengths", [(3, 2), (2, -3), (2, 2**62)])
def test_a_shape_that_is_not_the_array_s(lengths):
    with pytest.raises(ValueError, match=r"^Exported of shape \(2, 3\) exports memory of shape \(\d, -?\d+\) with strides"):
        placement(Exported(made(lengths)))


@pytest.mark.parametrize(("bits", "lanes"), [(4, 1), (0, 1), (32, 0), (1, 1), (6, 2), (12, 1)])
def test_elements_of_no_whole_bytes(bits, lanes):
    with pytest.raises(ValueError, match=f"^Exported exports elements of {bits * lanes} bits by DLPack, which are no whole bytes$"):
        placement(Exported(made(bits=bits, lanes=lanes)))


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_a_version_whose_layout_is_not_known(version):
    with pytest.raises(ValueError, match=f"^Exported exports version {version} of DLPack, where version 1 was asked for$"):
        placement(Exported(versioned(version=(version, 0))))


def test_a_minor_version_to_come():
    assert placement(Exported(versioned(version=(1, 99)))).address == 4096
