"""Finds the user's handler as AWS's Python runtime does."""

import importlib
import sys

from .errors import RuntimeFault


def load_handler(name):
    """The function named "package/module.function".

    Raises RuntimeFault, or what the module itself raised.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        problem = "not enough values to unpack (expected 2, got 1)"
        raise RuntimeFault("MalformedHandlerName", f"Bad handler '{name}': {problem}")
    module = _load_module(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise RuntimeFault("HandlerNotFound", message) from None


def _load_module(name):
    if name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {name} as a handler module"
        raise RuntimeFault("BuiltInModuleConflict", message)
    try:
        return importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{name}': {error}"
        raise RuntimeFault("ImportModuleError", message) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{name}': {error}"
        raise RuntimeFault("UserCodeSyntaxError", message, trace) from error
