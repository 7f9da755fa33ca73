"""Generated Python, by static analysis: does it parse, what pyflakes says, and what it must not use."""

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache

from .code import code_of
from .registry import validator
from .verdict import Verdict

# Characters. Parsing is one call into C, which nothing can stop, and takes up to 1 KB of memory a character.
MAX_CODE = 200_000
MAX_FOUND = 20  # places listed in details


@validator
def python_parses(output: str) -> Verdict | bool:
    """Passes when the output is Python that this interpreter's own parser takes; an empty text is not.

    Fails on a syntax error, and on code nested too deeply. Abstains when the output is NULL or longer than 200,000
    characters. Where there are Markdown fences, the blocks in them, one after the other, are the code. Nothing is run.
    details: {"line", "column"} of the error, from 1, in the code without the fence.
    """
    tree = _parse(output)
    return tree if isinstance(tree, Verdict) else True


def _parse(output: str) -> ast.Module | Verdict:
    code = "\n".join(code_of(output))
    if len(code) > MAX_CODE:
        return Verdict(None, reason=f"longer than {MAX_CODE:,} characters")
    if not code.strip():
        return Verdict(False, reason="no code")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as for "\\d", which is for a linter to say
            return ast.parse(code)
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        return Verdict(
            False,
            reason=f"{error.msg} at line {line} column {column}"[:300],
            details={"line": line, "column": column},
        )
    except ValueError as error:  # NUL, lone surrogates
        return Verdict(False, reason=str(error)[:300])
    except (RecursionError, MemoryError):
        return Verdict(False, reason="nested too deeply")


# After Bandit's tests of calls and imports (B1xx to B4xx): what runs text, starts processes, talks to the network,
# loads native code, unpickles, or climbs to the interpreter's own objects.
DENIED = (
    *("eval", "exec", "compile", "__import__", "importlib", "runpy", "code.interact", "code.InteractiveConsole"),
    *("subprocess", "os.system", "os.popen", "os.exec*", "os.spawn*", "os.posix_spawn*", "os.fork*", "pty", "pexpect"),
    *("multiprocessing", "asyncio.create_subprocess_*", "ctypes", "cffi", "_posixsubprocess"),
    *("socket", "socketserver", "ssl", "http.client", "http.server", "urllib.request", "ftplib", "smtplib", "poplib"),
    *("imaplib", "telnetlib", "nntplib", "xmlrpc", "webbrowser", "asyncio.open_connection", "asyncio.start_server"),
    *("requests", "httpx", "aiohttp", "urllib3", "websockets", "paramiko", "fabric", "pycurl", "boto3"),
    *("pickle", "marshal", "shelve", "dill", "cloudpickle"),
    *("*.__subclasses__", "*.__globals__", "*.__builtins__", "*.__code__", "*.__bases__", "*.__mro__"),
)


def _check_lint(*, deny: list[str], ignore: list[str], known: list[str]) -> None:
    kinds = _pyflakes()[1]
    for each in ignore:
        if each not in kinds:
            raise ValueError(f"ignore has {each!r}, expected names of pyflakes messages: {', '.join(sorted(kinds))}")


@validator(check=_check_lint)
def python_lint(
    output: str, *, deny: list[str] = DENIED, ignore: list[str] = (), known: list[str] = ()
) -> Verdict | bool:
    """Passes when pyflakes finds nothing in the output's Python and it uses nothing of `deny`. Nothing is run.

    Abstains when the output is NULL, longer than 200,000 characters or does not parse (which python_parses fails).
    deny: names that must not be used, called or imported, with all that is below them: "os.system", "subprocess";
        a * at the end of a name stands for the rest of it, "*.__globals__" is that attribute of anything. Default: what
        evaluates text, starts processes, talks to the network, loads native code, unpickles or climbs from an object
        to the interpreter; [] for nothing. Seen through import ... as, from ... import, x = eval, __import__("os"),
        getattr(os, "system"), vars(os)["system"] and texts added up. Not seen: names put together in loops, calls
        through objects, what imported modules do. A deny list is advice about honest code, not a sandbox.
    ignore: kinds of pyflakes messages, such as ["UnusedImport"]; default []. known: names that are defined elsewhere.
    details: {"found": [{"line", "rule", "message"}]}, up to 20; the rule is "denied" or the kind of pyflakes message.
    """
    tree = _parse(output)
    if isinstance(tree, Verdict):
        return Verdict(None, reason=tree.reason if tree.passed is None else f"does not parse: {tree.reason}")
    try:
        found = [*_denied(tree, deny), *_flakes(tree, ignore, known)]
    except RecursionError:
        return Verdict(None, reason="nested too deeply")
    if not found:
        return True
    found.sort(key=lambda each: each["line"])
    first = found[0]
    return Verdict(
        False,
        reason=f"{first['message']} at line {first['line']} ({first['rule']})",
        details={"found": found[:MAX_FOUND]},
    )


@lru_cache(maxsize=1)
def _pyflakes():
    """Its checker, and its messages by name."""
    from pyflakes import checker, messages

    kinds = {name for name, kind in vars(messages).items() if isinstance(kind, type) and kind is not messages.Message}
    return checker.Checker, kinds


def _flakes(tree: ast.Module, ignore: list[str], known: list[str]) -> Iterator[dict]:
    for message in _pyflakes()[0](tree, builtins=known, withDoctest=False).messages:
        kind = type(message).__name__
        if kind not in ignore:
            text = message.message % message.message_args
            yield {"line": message.lineno, "rule": kind, "message": text[:200]}


def _denied(tree: ast.Module, deny: list[str]) -> Iterator[dict]:
    """Each use of a denied name, once a line. What a name is bound to anywhere, it may be everywhere."""
    bound = _bindings(tree)
    seen = set()
    for node in ast.walk(tree):
        for path in (*_imported(node), *(_paths(node, bound) if _is_read(node) else ())):
            name = _denied_name(path, deny)
            if name and (node.lineno, name) not in seen:
                seen.add((node.lineno, name))
                yield {"line": node.lineno, "rule": "denied", "message": f"uses {path[:100]}"}


def _is_read(node: ast.AST) -> bool:
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        return isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Call)


def _denied_name(path: str, deny: list[str]) -> str | None:
    for prefix in ("sys.modules.", "builtins.", "__builtins__."):
        path = path.removeprefix(prefix)
    return next((name for name in deny if _is_below(path, name)), None)


def _is_below(path: str, name: str) -> bool:
    if name.startswith("*."):
        return f"{name[1:]}." in f"{path}."
    if name.endswith("*"):
        return path.startswith(name[:-1])
    some_member = path.endswith(".?") and name.startswith(path[:-1])  # getattr(os, something), from os import *
    return path == name or path.startswith(f"{name}.") or some_member


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module or ''}.{alias.name.replace('*', '?')}" for alias in node.names)


def _bindings(tree: ast.Module) -> dict[str, set[str]]:
    """Which dotted paths a name may stand for, by imports and plain assignments."""
    bound: dict[str, set[str]] = {}
    assigned = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                path = alias.name if alias.asname else alias.name.partition(".")[0]
                bound.setdefault(alias.asname or path, set()).add(path)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name, set()).add(f"{node.module or ''}.{alias.name}")
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            assigned += ((target.id, node.value) for target in targets if isinstance(target, ast.Name))
    for _ in range(3):  # x = os; y = x; z = y: as far as that
        for name, value in assigned:
            if paths := _paths(value, bound):
                bound.setdefault(name, set()).update(paths[:10])
    return bound


def _paths(node: ast.AST, bound: dict[str, set[str]]) -> list[str]:
    """The dotted paths that an expression may stand for; "?" begins the path of an attribute of something unknown."""
    match node:
        case ast.Name(id=name):
            return sorted(bound.get(name, ())) or [name]
        case ast.Attribute(value=value, attr=name):
            return [f"{path}.{name}" for path in _paths(value, bound) or ["?"]]
        case ast.Call(func=ast.Name(id="getattr"), args=[value, name, *_]):
            return [f"{path}.{_text(name) or '?'}" for path in _paths(value, bound) or ["?"]]
        case ast.Call(func=function, args=[name, *_]) if set(_paths(function, bound)) & _IMPORTERS:
            return [_text(name) or "?"]
        case ast.Subscript(value=ast.Attribute(value=value, attr="__dict__"), slice=name):
            return [f"{path}.{_text(name) or '?'}" for path in _paths(value, bound)]
        case ast.Subscript(value=ast.Call(func=ast.Name(id="vars"), args=[value]), slice=name):
            return [f"{path}.{_text(name) or '?'}" for path in _paths(value, bound)]
        case ast.Subscript(value=ast.Call(func=ast.Name(id="globals" | "locals")), slice=name):
            return sorted(bound.get(_text(name) or "", ())) or [_text(name) or "?"]
        case ast.Subscript(value=value, slice=name) if _text(name):
            return [f"{path}.{_text(name)}" for path in _paths(value, bound) if path.endswith(_NAMESPACES)]
    return []


_IMPORTERS = {"__import__", "importlib.import_module", "importlib.__import__"}
_NAMESPACES = ("__builtins__", "sys.modules", "__globals__", "builtins")


def _text(node: ast.AST) -> str | None:
    """A constant text, also one that is added up of several."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = _text(left), _text(right)
            return None if None in parts else "".join(parts)
    return None
