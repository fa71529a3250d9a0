"""Let git merge notebooks cell by cell in this clone, and let the Jupyter of this environment save them clean.

As `nbdev_install_hooks`, but nothing is written to your own configuration, no environment has to be active when git merges,
and a commit message with an apostrophe loses no work.
"""
import shlex, shutil, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SAVE = '''# written by tools/hooks.py: notebooks of nbdev projects are saved without run counts and other noise
def clean(**kwargs):
    try: from nbdev.clean import clean_jupyter
    except Exception: return
    clean_jupyter(**kwargs)

c.ContentsManager.pre_save_hook = clean
'''

def git(root, *args):
    "What git says about `root`, or None where that is no clone or there is no git"
    try: r = subprocess.run(['git', '-C', str(root), *args], capture_output=True, text=True)
    except FileNotFoundError: return None
    return r.stdout.strip() if r.returncode==0 else None

def driver():
    "What git runs to merge a notebook: as text, and where that leaves conflicts, cell by cell"
    fix = shutil.which('nbdev_fix', path=Path(sys.executable).parent)
    if not fix: sys.exit(f'got no nbdev_fix beside {sys.executable}, wanted it: python -m pip install -e ".[dev]"')
    fix = shlex.quote(Path(fix).as_posix()).replace('%', '%%')
    return f'git merge-file -L HEAD -L BASE -L THEIRS %A %O %B || {{ test $? -lt 128 && {fix} %A; }}'  # from 128 on: an error

def main(root=ROOT, prefix=sys.prefix):
    config = Path(prefix)/'etc/jupyter/jupyter_server_config.py'
    config.parent.mkdir(parents=True, exist_ok=True)
    if not config.exists() or 'tools/hooks.py' in config.read_text(encoding='utf-8'): config.write_text(SAVE, encoding='utf-8')
    top = git(root, 'rev-parse', '--show-toplevel')
    if top is None or Path(top).resolve()!=Path(root).resolve(): return  # a downloaded archive, which may lie in another clone
    git(root, 'config', '--local', '--remove-section', 'merge.nbdev-merge')  # so that it comes after what nbdev_install_hooks wrote
    git(root, 'config', '--local', 'merge.nbdev-merge.name', 'notebooks, cell by cell')
    git(root, 'config', '--local', 'merge.nbdev-merge.driver', driver())

if __name__ == '__main__': main()
