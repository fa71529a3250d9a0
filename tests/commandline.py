"The command `fastfound`, run in this process as if it had been typed: a new one would need seconds to import PyTorch."
import io, os, sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace
from fastfound.cli import main

FASTFOUND = [sys.executable, '-m', 'fastfound']  # the command in a process of its own

def inside(*args, cwd):
    "What `fastfound` prints with these arguments in the folder `cwd`, and its exit status"
    before,out,err = os.getcwd(),io.StringIO(),io.StringIO()
    os.chdir(cwd)
    try:
        with redirect_stdout(out), redirect_stderr(err): status = main([str(o) for o in args])
    finally: os.chdir(before)
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())
