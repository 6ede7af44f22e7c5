"""How an engine's own threads get along with Python's: `keep_thread_state` and `take_short_turns`."""

import ctypes
import sys
import threading

_SWITCH_INTERVAL_S = 0.001

_kept = threading.local()


def keep_thread_state() -> None:
    """Keeps the interpreter's state of a thread that the engine started, in that thread, from its first callback on.

    Without it the state is made for each callback and given back after it, with the memory of its stack: about 35 µs,
    a tenth of the time that a token takes. The state, about 20 kB, is given back when the program ends.
    """
    if not hasattr(_kept, "is_kept"):
        _kept.is_kept = True
        # One more holder than the callback, which takes and gives back its own.
        ctypes.pythonapi.PyGILState_Ensure()


def take_short_turns() -> None:
    """Has threads that compute in Python give way after a millisecond, instead of the interpreter's five.

    An engine calls back for each token of each draft, and as long as another thread has its turn, all drafts of the
    batch wait.
    """
    sys.setswitchinterval(min(_SWITCH_INTERVAL_S, sys.getswitchinterval()))
