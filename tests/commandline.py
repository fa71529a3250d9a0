"A command of the package, run in this process, as if it had been typed: a new process would need seconds to import PyTorch."
import io, os
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace
from fastfound.cli import exit_with_message, parse_args

def inside(command, *args, cwd):
    "What `command` prints with these arguments in the folder `cwd`, and its exit status"
    func,before,out,err,status = command.__wrapped__,os.getcwd(),io.StringIO(),io.StringIO(),0
    os.chdir(cwd)
    try:
        with redirect_stdout(out), redirect_stderr(err), exit_with_message(func.__name__): func(**parse_args(func, [str(o) for o in args]))
    except SystemExit as e: status = e.code or 0
    finally: os.chdir(before)
    return SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())
