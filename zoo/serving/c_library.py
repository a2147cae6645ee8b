"""TensorFlow's C library, by ctypes: its functions, and tensors in and out of NumPy."""

import contextlib
import ctypes
import functools
import importlib.util
import itertools
import math
import os
import sys
import threading
from pathlib import Path

import numpy as np

from zoo.application.command_line import notices
from zoo.errors import UserError
from zoo.serving.protobufs import DATA_TYPES, NUMPY_DTYPES, error_codes_pb2, types_pb2

_STRING_SIZE = 24  # bytes of a TF_TString


class SavedModelError(Exception):
    """What TensorFlow, or TensorFlow Serving before it runs a model, has to object.

    Attributes:
        code: the status code, an int of `error_codes_pb2.Code`, which are those of gRPC.
    """

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


class Buffer(ctypes.Structure):
    """TF_Buffer: a serialised message."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    )


class Output(ctypes.Structure):
    """TF_Output: one output of an operation of a graph."""

    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


_Deallocator = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)

_POINTER, _INT, _SIZE, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
_TEXTS, _POINTERS = ctypes.POINTER(_TEXT), ctypes.POINTER(_POINTER)
_SIZES, _BUFFER, _OUTPUTS = (ctypes.POINTER(t) for t in (ctypes.c_int64, Buffer, Output))
_FUNCTIONS = {  # name -> result, arguments...
    "TF_NewStatus": (_POINTER,),
    "TF_DeleteStatus": (None, _POINTER),
    "TF_GetCode": (_INT, _POINTER),
    "TF_Message": (_TEXT, _POINTER),
    "TF_NewBuffer": (_BUFFER,),
    "TF_DeleteBuffer": (None, _BUFFER),
    "TF_GetAllOpList": (_BUFFER,),
    "TF_NewGraph": (_POINTER,),
    "TF_DeleteGraph": (None, _POINTER),
    "TF_GraphOperationByName": (_POINTER, _POINTER, _TEXT),
    "TF_OperationNumOutputs": (_INT, _POINTER),
    "TF_NewSessionOptions": (_POINTER,),
    "TF_DeleteSessionOptions": (None, _POINTER),
    "TF_LoadSessionFromSavedModel": (
        *(_POINTER, _POINTER, _POINTER, _TEXT, _TEXTS, _INT),
        *(_POINTER, _BUFFER, _POINTER),
    ),
    "TF_CloseSession": (None, _POINTER, _POINTER),
    "TF_DeleteSession": (None, _POINTER, _POINTER),
    "TF_SessionRun": (
        *(None, _POINTER, _BUFFER, _OUTPUTS, _POINTERS, _INT, _OUTPUTS, _POINTERS, _INT),
        *(_POINTERS, _INT, _BUFFER, _POINTER),
    ),
    "TF_AllocateTensor": (_POINTER, _INT, _SIZES, _INT, _SIZE),
    "TF_NewTensor": (_POINTER, _INT, _SIZES, _INT, _POINTER, _SIZE, _Deallocator, _POINTER),
    "TF_DeleteTensor": (None, _POINTER),
    "TF_TensorType": (_INT, _POINTER),
    "TF_NumDims": (_INT, _POINTER),
    "TF_Dim": (ctypes.c_int64, _POINTER, _INT),
    "TF_TensorData": (_POINTER, _POINTER),
    "TF_StringInit": (None, _POINTER),
    "TF_StringCopy": (None, _POINTER, _TEXT, _SIZE),
    "TF_StringGetDataPointer": (_POINTER, _POINTER),
    "TF_StringGetSize": (_SIZE, _POINTER),
    "TF_StringDealloc": (None, _POINTER),
}


_loading = threading.RLock()  # re-entrant: the garbage collector may free a model at any point


def library():
    """The C library inside the installed `tensorflow` package, which is not imported.

    Raises:
        UserError: there is none.
    """
    with _loading:
        return _load_library()


@functools.cache
def _load_library():
    name = "libtensorflow_cc.2.dylib" if sys.platform == "darwin" else "libtensorflow_cc.so.2"
    spec = importlib.util.find_spec("tensorflow")
    folders = spec.submodule_search_locations if spec else []
    paths = [path for folder in folders if (path := Path(folder, name)).is_file()]
    if not paths:
        raise UserError(f"no {name}: install tensorflow as requirements.txt says")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors are raised, not printed
    with notices.held_back():
        tf = ctypes.CDLL(str(paths[0]))
    for function, (result, *arguments) in _FUNCTIONS.items():
        getattr(tf, function).restype = result
        getattr(tf, function).argtypes = arguments
    return tf


@contextlib.contextmanager
def checked():
    """A status to hand to a call; what it reports is raised on leaving.

    Raises:
        SavedModelError: with the code and message of the status.
    """
    tf = library()
    status = tf.TF_NewStatus()
    try:
        yield status
        code = tf.TF_GetCode(status)
        if code != error_codes_pb2.OK:
            raise SavedModelError(code, tf.TF_Message(status).decode(errors="replace"))
    finally:
        tf.TF_DeleteStatus(status)


def read_message(buffer, message):
    """Fills `message` with the content of a `Buffer`, and returns it."""
    content = buffer.contents
    message.ParseFromString(ctypes.string_at(content.data, content.length))
    return message


def new_tensor(array):
    """A TF_Tensor with a copy of the array's values, to be deleted by TF_DeleteTensor.

    Args:
        array: numpy array of a type in `DATA_TYPES`; an object array holds `bytes`.
    """
    sizes = (ctypes.c_int64 * array.ndim)(*array.shape)
    if array.dtype.kind == "O":
        return _new_string_tensor(array, sizes)
    array = np.ascontiguousarray(array)
    tf = library()
    tensor = tf.TF_AllocateTensor(DATA_TYPES[array.dtype], sizes, len(sizes), array.nbytes)
    if array.nbytes:
        ctypes.memmove(tf.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
    return tensor


# The memory of strings that TensorFlow may still read. A model can keep an input beyond its call
# (in a variable, or as an output), so TensorFlow says when the last reference is gone.
_string_memory = {}
_string_keys = itertools.count(1)


@_Deallocator
def _free_strings(data, length, key):
    tf = library()
    for string in range(data, data + length, _STRING_SIZE) if data else ():
        tf.TF_StringDealloc(string)
    del _string_memory[key]


def _new_string_tensor(array, sizes):
    tf = library()
    memory = ctypes.create_string_buffer(max(1, array.size) * _STRING_SIZE)
    start = ctypes.addressof(memory)
    for i, value in enumerate(array.flat):
        tf.TF_StringInit(start + i * _STRING_SIZE)
        tf.TF_StringCopy(start + i * _STRING_SIZE, value, len(value))
    key = next(_string_keys)
    _string_memory[key] = memory
    length = array.size * _STRING_SIZE
    return tf.TF_NewTensor(
        types_pb2.DT_STRING, sizes, len(sizes), start, length, _free_strings, key
    )


def read_tensor(tensor):
    """The values of a TF_Tensor, copied into a numpy array.

    Raises:
        SavedModelError: NumPy has no such type.
    """
    tf = library()
    data_type = tf.TF_TensorType(tensor)
    if data_type not in NUMPY_DTYPES:
        name = types_pb2.DataType.Name(data_type)
        raise SavedModelError(error_codes_pb2.UNIMPLEMENTED, f"{name} cannot be returned")
    shape = tuple(tf.TF_Dim(tensor, i) for i in range(tf.TF_NumDims(tensor)))
    values = np.empty(math.prod(shape), dtype=NUMPY_DTYPES[data_type])
    data = tf.TF_TensorData(tensor)
    if values.dtype.kind == "O":
        for i in range(len(values)):
            string = data + i * _STRING_SIZE
            text = tf.TF_StringGetDataPointer(string)
            values[i] = ctypes.string_at(text, tf.TF_StringGetSize(string))
    elif values.nbytes:
        ctypes.memmove(values.ctypes.data, data, values.nbytes)
    return values.reshape(shape)
