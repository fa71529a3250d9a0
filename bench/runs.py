"What these programs find out, and pages read with `read_runs`: files of JSON lines in fastfound/data, one run a line."
import json, platform
from importlib.metadata import version
from pathlib import Path
import torch
from fastfound import __version__
from fastfound.files import atomic_write

FOLDER = Path(__file__).parents[1]/'fastfound/data'

def load(file):
    "The runs in `file`, or none if there is no such file"
    return [json.loads(o) for o in file.read_text(encoding='utf-8').splitlines()] if file.exists() else []

def save(file, runs):
    "Write `runs` to `file`, whole or not at all"
    with atomic_write(file) as f: f.write_text(''.join(json.dumps(o, ensure_ascii=False) + '\n' for o in runs), encoding='utf-8')

def machine():
    "What a run is made on"
    info = Path('/proc/cpuinfo')
    names = [o.split(':')[1].strip() for o in info.read_text().splitlines() if o.startswith('model name')] if info.exists() else []
    versions = f'Python {platform.python_version()}, PyTorch {torch.__version__}, NumPy {version("numpy")}, fastfound {__version__}'
    cpu = names[0] if names else platform.processor() or platform.machine()
    return f'{cpu}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} thread, {versions}'
