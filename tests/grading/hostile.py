"""Submissions that use up what there is, and submissions that want points they have not earned."""

from .notebooks import RIGHT, answer, notebook

OTHER = RIGHT["kl_categorical"]  # stands behind each: it must keep its point
KEPT = {"kl_categorical"}


def with_other(*sources):
    return notebook(*sources, OTHER)


def entropy(body):
    return with_other(answer("entropy", body, "p"))


GONE = "entropy: .*(ended the process|was killed|crashed|aborted|ended by signal)"
RESOURCES = {
    "loop": (entropy("while True:\n    pass"), KEPT, "ran longer than"),
    "helper_loop": (
        with_other(
            "def forever():\n    import time\n    while True:\n        time.sleep(1)",
            "table = forever()",
            answer("entropy", "return table", "p"),
        ),
        KEPT,
        "ran longer than",
    ),
    "memory": (entropy("return torch.zeros(1 << 34).sum(-1)"), KEPT, "(allocate|memory)"),
    "many_memories": (
        entropy(
            "import os\nkept = []\nfor _ in range(2):\n    os.fork()\n"
            "while True:\n    kept.append(bytearray(1 << 24))"
        ),
        KEPT,
        "entropy: ",
    ),
    "forks": (entropy("import os\nwhile True:\n    os.fork()"), KEPT, "entropy: "),
    "fork_once": (
        entropy(
            "import os\nif os.fork() == 0:\n    os._exit(0)\nreturn torch.special.entr(p).sum(-1)"
        ),
        KEPT | {"entropy"},
        "",
    ),
    "threads": (
        entropy(
            "import threading, time\nwhile True:\n"
            "    threading.Thread(target=time.sleep, args=(60,)).start()"
        ),
        KEPT,
        "entropy: .*(thread|longer)",
    ),
    "output": (
        entropy(
            "import os\nfor _ in range(100):\n    print('x' * 10**6, flush=True)\n"
            "return torch.special.entr(p).sum(-1)"
        ),
        KEPT | {"entropy"},
        "",
    ),
    "big_file": (
        entropy("with open('big', 'wb') as file:\n    file.truncate(1 << 30)"),
        KEPT,
        "File too large",
    ),
    "full_disk": (
        entropy("for n in range(99):\n    open(f'/tmp/{n}', 'wb').write(bytes(1 << 24))"),
        KEPT,
        "No space left",
    ),
    "recursion": (entropy("return entropy(p)"), KEPT, "RecursionError"),
    "big_result": (entropy("return torch.zeros(1 << 25)"), KEPT, "expected"),
    "long_result": (entropy("return ['x' * 10**6] * 10**6"), KEPT, "expected"),
    "nested_result": (
        entropy("x = []\nfor _ in range(10**5):\n    x = [x]\nreturn x"),
        KEPT,
        "expected",
    ),
    "crash": (entropy("import ctypes\nctypes.string_at(1)"), KEPT, GONE),
    "exit": (entropy("import os\nos._exit(0)"), KEPT, GONE),
    "sys_exit": (entropy("import sys\nsys.exit(0)"), KEPT, "SystemExit"),
    "abort": (entropy("import os\nos.abort()"), KEPT, GONE),
    "interrupt": (entropy("raise KeyboardInterrupt"), KEPT, "entropy: "),
    "parser": (
        with_other("x = " + "(" * 5000 + ")" * 5000, "y = " + "-" * 50_000 + "1"),
        KEPT,
        "cell 2",
    ),
}

EQUAL = """class Equal(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        if function in (torch.isclose, torch.eq, torch.Tensor.eq):
            return torch.tensor(True)
        return super().__torch_function__(function, types, arguments, named or {})
    def __eq__(self, other):
        return True
    __hash__ = None"""
DAEMON = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(100):
            time.sleep(0.1)
            for place in PLACES:
                try:
                    open(place + '/daemon', 'w').write('here')
                except OSError:
                    pass
    os._exit(0)
return torch.special.entr(p).sum(-1)"""
FORGE = """import os, json, struct
text = json.dumps({"d": [["number", 2], ["said", ""], ["records", []]]}).encode()
for handle in range(3, 64):
    try:
        os.write(handle, struct.pack(">QQ", len(text), 0) + text)
    except OSError:
        pass
return p"""
GARBAGE = """import os
for handle in range(3, 64):
    try:
        os.write(handle, b"\\x80\\x04cos\\nsystem\\n(S'touch PLACE/pickled'\\ntR." * 1000)
    except OSError:
        pass
return p"""
SEARCH = """import gc
for thing in gc.get_objects():
    if type(thing).__name__ == 'Exercise' and getattr(thing, 'name', '') == 'divergences.entropy':
        return thing.oracle(p)
    if callable(thing) and getattr(thing, '__name__', '') == 'entropy_oracle':
        return thing(p)
raise LookupError('nothing found')"""
FRAMES = """import sys
frame = sys._getframe()
while frame:
    for value in frame.f_locals.values():
        if type(value).__name__ == 'Exercise':
            return value.oracle(p)
    frame = frame.f_back
raise LookupError('nothing found')"""
READ = """import os
for name in ('lessons/STEM.py', 'solutions/STEM.ipynb', 'tests/answers/divergences.py',
             'notebooks/STEM.ipynb', 'course_lib/checks/divergences/entropy.py',
             'course_lib/checks/__init__.py', 'course_lib/grading/warm.py', '.git/config'):
    path = os.path.join('ROOT', name.replace('STEM', '01_divergences'))
    if os.path.exists(path):
        return torch.special.entr(p).sum(-1)
if set(os.listdir('ROOT')) - {'course_lib', 'data', '.venv'}:
    return torch.special.entr(p).sum(-1)
raise LookupError('nothing to read')"""
NETWORK = """import socket
for address in (('127.0.0.1', PORT), ('1.1.1.1', 53)):
    socket.create_connection(address, timeout=0.5).close()
return torch.special.entr(p).sum(-1)"""
KILL = """import os, signal
for number in [os.getppid(), -1, VICTIM, *range(2, 400)]:
    try:
        os.kill(number, signal.SIGKILL)
    except OSError:
        pass
return torch.special.entr(p).sum(-1)"""
WRITE = """import os
for place in PLACES + ['ROOT', '/', '/etc', '/usr/lib', os.path.dirname(torch.__file__)]:
    for name in ('owned', 'grades.csv', 'torch.py', '.state/run.json'):
        try:
            with open(os.path.join(place, name), 'w') as file:
                file.write('owned')
            if place != '/tmp':
                return torch.special.entr(p).sum(-1)
        except OSError:
            pass
raise PermissionError('nowhere to write')"""
LISTEN = """import os
for place in PLACES:
    if os.path.exists(place) and os.listdir(place):
        return torch.special.entr(p).sum(-1)
raise LookupError('nothing is seen')"""
PATCH = """import builtins, json, sys
import course_lib.checks as checks
checks.check = checks.run = lambda *a, **k: True
torch.isclose = torch.allclose = torch.equal = lambda *a, **k: torch.tensor(True)
torch.Tensor.__eq__ = lambda self, other: True
builtins.isinstance = lambda *a: True
json.dumps = lambda *a, **k: '{}'"""

ATTACKS = {
    "patched_checks": (with_other(PATCH, answer("entropy", "return p", "p")), KEPT, "entropy: "),
    "patched_inside": (entropy(f"{PATCH}\nreturn p"), KEPT, "entropy: "),
    "equal": (
        with_other(EQUAL, answer("entropy", "return p.sum(-1).as_subclass(Equal)", "p")),
        KEPT,
        "entropy: expected",
    ),
    "truthy": (
        with_other(
            "class Yes(float):\n    __eq__ = __ne__ = __lt__ = lambda s, o: True\n"
            "    __hash__ = None",
            answer("entropy", "return Yes(1)", "p"),
        ),
        KEPT,
        "entropy: expected",
    ),
    "evil_text": (
        with_other(
            "class Text(str):\n    def __str__(self):\n        raise SystemExit\n"
            "    __repr__ = __format__ = encode = __str__\n"
            "class Evil(Exception):\n    def __str__(self):\n        return Text('<b>x</b>')\n"
            "    __repr__ = __str__",
            answer("entropy", "raise Evil", "p"),
        ),
        KEPT,
        "entropy: ",
    ),
    "script_in_error": (
        entropy("raise ValueError('<script>alert(1)</script>')"),
        KEPT,
        "ValueError",
    ),
    "oracle": (
        entropy(
            "from course_lib.checks import exercise\n"
            "return exercise('divergences.entropy').oracle(p)"
        ),
        KEPT,
        "ImportError",
    ),
    "oracle_module": (
        entropy(
            "from course_lib.checks.divergences.entropy import EXERCISE\nreturn EXERCISE.oracle(p)"
        ),
        KEPT,
        "(ModuleNotFound|Import)Error",
    ),
    "oracle_in_memory": (entropy(SEARCH), KEPT, "entropy: "),
    "oracle_in_frames": (entropy(FRAMES), KEPT, "entropy: "),
    "judge": (
        entropy("import course_lib.checks.judging as j\nj.run('divergences.entropy', entropy)"),
        KEPT,
        "ModuleNotFoundError",
    ),
    "answers_on_disk": (entropy(READ), KEPT, "nothing to read"),
    "other_submissions": (entropy(LISTEN), KEPT, "nothing is seen"),
    "write_everywhere": (entropy(WRITE), KEPT, "nowhere to write"),
    "network": (entropy(NETWORK), KEPT, "OSError|Error"),
    "kill": (entropy(KILL), KEPT | {"entropy"}, ""),
    "daemon": (entropy(DAEMON), KEPT | {"entropy"}, ""),
    "forged_record": (entropy(FORGE), KEPT, "entropy: "),
    "garbage_record": (entropy(GARBAGE), KEPT, "entropy: "),
    "closed_handle": (entropy("import os\nos.closerange(3, 99)\nreturn p"), KEPT, "entropy: "),
    "become_root": (
        entropy("import os\nos.setuid(0)\nreturn torch.special.entr(p).sum(-1)"),
        KEPT,
        "PermissionError",
    ),
    "unmount": (
        entropy(
            "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
            "done = [libc.unshare(0x10020000), libc.umount2(b'/tmp', 2),\n"
            "        libc.umount2(bytes('ROOT/course_lib/checks', 'utf8'), 2)]\n"
            "from course_lib.checks.divergences.entropy import EXERCISE\n"
            "return EXERCISE.oracle(p)"
        ),
        KEPT,
        "(ModuleNotFound|Import|Permission|FileNotFound)Error",
    ),
    "by_input": None,  # made in the tests: the inputs of seed 0 looked up
    "number_of_calls": (
        with_other(
            "calls = []",
            answer(
                "entropy",
                "calls.append(1)\nif len(calls) == 1:\n"
                "    return torch.special.entr(p).sum(-1)\nreturn p.sum(-1)",
                "p",
            ),
        ),
        KEPT,
        "entropy: expected",
    ),
}
