"The machines of others: environments with the wheel of this tree or as hosts have them, and notebooks that run there alone."
import json, os, shutil, subprocess, sys, tempfile
from pathlib import Path
from packages import alone

ROOT = Path(__file__).parents[1]

def make_wheel(folder):
    "The wheel of this tree, made in `folder`"
    shutil.rmtree(ROOT/'build', ignore_errors=True)  # what an earlier build left there would come along
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', str(folder), str(ROOT)], check=True)
    return str(next(Path(folder).glob('*.whl')))

def make_environment(folder, versions=()):
    "The Python of a new environment: of `versions`, or else with the wheel, a Jupyter kernel and what constraints.txt says of their needs"
    python = str(alone(Path(folder).absolute(), ROOT/'constraints.txt'))
    fixed = [] if versions else ['-c', str(ROOT/'constraints.txt')]
    with tempfile.TemporaryDirectory() as d:
        what = versions or ['ipykernel', make_wheel(d)]
        subprocess.run([python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', *fixed, *what], check=True)
    return python

def kernel(python, folder):
    "Write the description of a kernel that `python` runs to `folder`, where Jupyter finds it by the name of `stranger`"
    path = Path(folder)/'kernels/stranger/kernel.json'
    path.parent.mkdir(parents=True)
    argv = [python, '-m', 'ipykernel_launcher', '-f', '{connection_file}']
    path.write_text(json.dumps({'argv': argv, 'display_name': 'Python', 'language': 'python'}), encoding='utf-8')
    return str(path.parents[1])

def strange(home, network=False):
    "The variables of somebody who has none of ours, whose home is `home` and who has no network unless told"
    env = {k: v for k,v in os.environ.items() if not k.startswith(('FASTFOUND_', 'XDG_')) and k not in ('IN_TEST', 'PYTHONPATH')}
    env |= dict.fromkeys(('HOME', 'USERPROFILE'), str(home))
    if network: return env
    proxies = dict.fromkeys(('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'), 'http://127.0.0.1:9')
    return env | proxies | {'FASTFOUND_OFFLINE': '1'}

def run_elsewhere(path, python, home=None, digits=None, network=False, change=None, **kw):
    """Run a copy of the notebook at `path` alone in an empty folder, with `python`; what went wrong or an empty string.

    The folder `home` is a new one by default; `digits` is a folder with all of MNIST for the cache in it; `change` may edit the notebook.
    """
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from run_nbs import run
    with tempfile.TemporaryDirectory() as d:
        copy = Path(d)/'here'/path.name
        copy.parent.mkdir()
        if not home: (home := Path(d)/'home').mkdir()
        shutil.copy(path, copy)
        if change: copy.write_text(json.dumps(change(json.loads(copy.read_text(encoding='utf-8')))), encoding='utf-8')
        if digits: shutil.copytree(digits, home/'.cache/fastfound')
        km = AsyncKernelManager(kernel_name='stranger', kernel_spec_manager=KernelSpecManager(kernel_dirs=[kernel(python, d)]))
        return run(copy, km=km, env=strange(home, network), **kw)
