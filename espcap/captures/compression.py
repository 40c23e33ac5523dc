"""Decompresses captures: gzip with Python's zlib, zstd and lz4 with the C libraries that tshark uses too."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from ctypes import CDLL, POINTER, Structure, addressof, byref, c_char_p, c_size_t, c_uint, c_void_p, cast, string_at
from ctypes import create_string_buffer as buffer
from functools import cache
from typing import BinaryIO

GZIP = bytes.fromhex("1f8b")
ZSTD = bytes.fromhex("28b52ffd")
LZ4 = bytes.fromhex("04224d18")
_READ = 1 << 18
_INFLATED = 1 << 20
_LZ4_VERSION = 100


class NotInflated(Exception):
    """The data cannot be decompressed: it is damaged or cut off, or the library for it is not installed."""


def is_compressed(file: BinaryIO) -> bool:
    """Returns whether a file starts like gzip, zstd or lz4 data. Reads from its position and returns to its start."""
    head = file.read(4)
    file.seek(0)
    return head.startswith((GZIP, ZSTD, LZ4))


def inflated(file: BinaryIO) -> Iterator[bytes]:
    """Yields the decompressed content of a file in blocks. Raises NotInflated, also after some blocks."""
    head = file.read(4)
    file.seek(0)
    blocks = iter(lambda: file.read(_READ), b"")
    return {ZSTD: _zstd, LZ4: _lz4}.get(head, _gzip)(blocks)


def _gzip(blocks: Iterable[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            rest = block
            while rest:
                if inflate.eof:  # a gzip file may consist of several members, one after the other
                    inflate = zlib.decompressobj(wbits=31)
                yield inflate.decompress(rest, _INFLATED)
                rest = inflate.unconsumed_tail or inflate.unused_data
        yield inflate.flush()
    except zlib.error as error:
        raise NotInflated from error
    if not inflate.eof:
        raise NotInflated


_Step = Callable[[bytes, int], tuple[int, bytes, int]]
"""Decompresses a part of a block of compressed data, from an offset on.

Returns the number of bytes that it read, the decompressed data, and a number that is 0 only at the end of a zstd or
lz4 frame. A file may consist of several frames, one after the other."""


def _zstd(blocks: Iterable[bytes]) -> Iterator[bytes]:
    library, output = _libzstd(), buffer(_INFLATED)
    with ExitStack() as cleanup:
        stream = library.ZSTD_createDStream()
        cleanup.callback(library.ZSTD_freeDStream, stream)

        def step(block: bytes, at: int) -> tuple[int, bytes, int]:
            source, target = _Buffer(_address(block), len(block), at), _Buffer(addressof(output), _INFLATED, 0)
            missing = library.ZSTD_decompressStream(stream, byref(target), byref(source))
            if library.ZSTD_isError(missing):
                raise NotInflated
            return source.position - at, string_at(output, target.position), missing

        yield from _frames(blocks, step)


def _lz4(blocks: Iterable[bytes]) -> Iterator[bytes]:
    library, output, context = _liblz4(), buffer(_INFLATED), c_void_p()
    with ExitStack() as cleanup:
        library.LZ4F_createDecompressionContext(byref(context), _LZ4_VERSION)
        cleanup.callback(library.LZ4F_freeDecompressionContext, context)

        def step(block: bytes, at: int) -> tuple[int, bytes, int]:
            read, written = c_size_t(len(block) - at), c_size_t(_INFLATED)
            missing = library.LZ4F_decompress(context, output, byref(written), _address(block) + at, byref(read), None)
            if library.LZ4F_isError(missing):
                raise NotInflated
            return read.value, string_at(output, written.value), missing

        yield from _frames(blocks, step)


def _frames(blocks: Iterable[bytes], step: _Step) -> Iterator[bytes]:
    missing = 0
    for block in blocks:
        at, is_full = 0, False
        while at < len(block) or (is_full and missing):
            read, inside, missing = step(block, at)
            at += read
            is_full = len(inside) == _INFLATED
            yield inside
    if missing:
        raise NotInflated


class _Buffer(Structure):
    """The C structures `ZSTD_inBuffer` and `ZSTD_outBuffer`. zstd changes `position`."""

    _fields_ = (("start", c_void_p), ("size", c_size_t), ("position", c_size_t))


def _address(block: bytes) -> int:
    """The memory address of a block's bytes, valid while the block exists."""
    return cast(c_char_p(block), c_void_p).value or 0


@cache
def _libzstd() -> CDLL:
    library = _library("libzstd.so.1")
    library.ZSTD_createDStream.restype = c_void_p
    library.ZSTD_freeDStream.argtypes = [c_void_p]
    library.ZSTD_decompressStream.argtypes = [c_void_p, POINTER(_Buffer), POINTER(_Buffer)]
    library.ZSTD_decompressStream.restype = c_size_t
    library.ZSTD_isError.argtypes = [c_size_t]
    return library


@cache
def _liblz4() -> CDLL:
    library, sizes = _library("liblz4.so.1"), POINTER(c_size_t)
    library.LZ4F_createDecompressionContext.argtypes = [POINTER(c_void_p), c_uint]
    library.LZ4F_freeDecompressionContext.argtypes = [c_void_p]
    library.LZ4F_decompress.argtypes = [c_void_p, c_void_p, sizes, c_void_p, sizes, c_void_p]
    library.LZ4F_decompress.restype = c_size_t
    library.LZ4F_isError.argtypes = [c_size_t]
    return library


def _library(name: str) -> CDLL:
    try:
        return CDLL(name)
    except OSError as error:
        raise NotInflated from error
