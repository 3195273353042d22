"""TAP for tests in Python: a case a function, a line a case."""
import signal
import sys
import traceback


class Skip(Exception):
    """The case cannot run here; the text says why."""


class Tap:
    def __init__(self):
        self.count = self.failed = 0
        # Who is told to end removes what it made.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def case(self, name, function):
        """Runs FUNCTION; an exception is a failure and is told."""
        self.count += 1
        try:
            function()
            print(f"ok {self.count} - {name}")
        except Skip as reason:
            print(f"ok {self.count} - {name} # SKIP {reason}")
        except Exception:  # whatever it is, the other cases still run
            self.failed += 1
            print(f"not ok {self.count} - {name}")
            for line in traceback.format_exc().splitlines():
                print("#", line)
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)


_cases = []


def case(name):
    """@case("what holds") makes a case of a function of the stage."""
    def add(function):
        _cases.append((name, function))
        return function
    return add


def run_cases(stage, steps=False):
    """Runs the cases in their order, all on one STAGE, and ends. STEPS: each
    needs those before it, so the first that fails is the last."""
    tap = Tap()
    with stage as it:
        for name, function in _cases:
            tap.case(name, lambda function=function: function(it))
            if steps and tap.failed:
                break
    tap.end()


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def equal(got, wanted, what="value"):
    assert got == wanted, f"{what}: got {got!r}, wanted {wanted!r}"


def contains(text, part, what="text"):
    assert part in text, f"{what}: no {part!r} in {text!r}"
