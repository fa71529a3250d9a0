"Each problem that the doctor knows, made to happen."
import json, os, re, subprocess, sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
import fastfound, pytest
from commandline import FASTFOUND, inside
from packaging.specifiers import SpecifierSet
from fastfound import datasets, doctor
from fastfound.datasets import MNIST_FILES
from fastfound.files import fastfound_home

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]

def row(name): return next(o for o in doctor.examine() if o['check']==name)

def test_digits_missing_are_a_note(files): assert row('digits')['status']=='note'

def test_digits_verified(files, monkeypatch):
    monkeypatch.setenv('FASTFOUND_DATA', str(files))
    assert (row('digits')['status'], row('digits')['found'])==('ok', f'all 4 files verified in {files}')

def damage(folder):
    "One file of the four, whole but with other contents"
    name = next(iter(MNIST_FILES))
    datasets.write_idx(folder/f'{name}.gz', datasets.torch.zeros(60,28,28, dtype=datasets.torch.uint8))

def test_damaged_data(files, monkeypatch):
    "The advice is about the folder with the damage, and not about the cache"
    monkeypatch.setenv('FASTFOUND_DATA', str(files))
    damage(files)
    o = row('digits')
    assert o['status']=='broken' and str(files) in o['advice'] and 'FASTFOUND_DATA' in o['advice'] and 'cache' not in o['advice']

def test_damaged_cache(files):
    fastfound_home().mkdir(parents=True)
    damage(fastfound_home())
    o = row('digits')
    assert o['status']=='broken' and str(fastfound_home()) in o['found'] and 'cache' in o['advice'] and 'FASTFOUND_DATA' not in o['advice']

def test_data_without_files(files, monkeypatch, tmp_path):
    monkeypatch.setenv('FASTFOUND_DATA', str(tmp_path))
    assert row('digits')['status']=='broken'

def test_cache_that_is_a_file(files, monkeypatch, tmp_path):
    (tmp_path/'file').write_text('')
    monkeypatch.setenv('FASTFOUND_HOME', str(tmp_path/'file'))
    assert row('cache')['status']=='broken' and 'FASTFOUND_HOME' in row('cache')['advice']

@pytest.mark.skipif(not Path('/proc/self').exists(), reason='needs a folder in which nobody can write')
def test_read_only_cache(files, monkeypatch):
    monkeypatch.setenv('FASTFOUND_HOME', '/proc/fastfound')
    assert row('cache')['status']=='broken'

def test_unknown_device(files, monkeypatch):
    monkeypatch.setenv('FASTFOUND_DEVICE', 'abacus')
    assert row('device')['status']=='broken' and 'abacus' in row('device')['found']

@pytest.mark.parametrize('got, status', [('2.5.1', 'broken'), ('2.6.0', 'note'), ('2.13.0+cpu', 'ok'), ('3.0', 'note')])
def test_versions(monkeypatch, got, status):
    monkeypatch.setattr(doctor, 'version', lambda name: got)
    o = doctor._check_version('torch', SpecifierSet('>=2.6'), SpecifierSet('==2.13.0'))
    assert o['status']==status and (status=='ok')==(not o['advice'])

def test_metadata(monkeypatch):
    "As in a wheel: minimum and tested versions, for this Python only"
    monkeypatch.setattr(doctor, 'requires', lambda _: ['torch>=2.6', 'numpy', 'nbdev; extra == "dev"', 'torch==2.13.0; extra == "tested"',
                                                       'numpy==1; python_version < "3" and extra == "tested"'])
    assert doctor._requirements()=={'torch': SpecifierSet('>=2.6'), 'numpy': SpecifierSet('')}
    assert doctor._requirements('tested')=={'torch': SpecifierSet('==2.13.0'), 'numpy': SpecifierSet('')}
    monkeypatch.setattr(doctor, 'requires', lambda _: ['torch>=2.6'])
    assert row('tested versions')['status']=='note'

def test_no_metadata(monkeypatch):
    def missing(_): raise PackageNotFoundError
    monkeypatch.setattr(doctor, 'requires', missing)
    assert row('fastfound')['status']=='note' and 'not installed' in row('fastfound')['found']

def test_no_packaging(monkeypatch):
    monkeypatch.setitem(sys.modules, 'packaging.specifiers', None)
    assert row('packaging')['status']=='broken'

def advice(monkeypatch, executable=sys.executable, env=()):
    "All that the doctor can advise where everything is wrong"
    monkeypatch.setattr(doctor, 'version', lambda name: '0.1')
    monkeypatch.setattr(doctor, 'requires', lambda _: ['torch>=2.6', 'numpy>=1'])
    monkeypatch.setattr(doctor.sys, 'executable', executable)
    for o in env: monkeypatch.setenv(o, '1')
    return [o['advice'] for o in [*doctor._check_versions(), doctor._finding('', '', doctor._mend('git'))]]

def test_hints_for_whoever_reads_them(monkeypatch, tmp_path):
    "The Python that runs is the one that installs; a notebook has its own command; and `make` and git are for those with a clone"
    monkeypatch.setattr(fastfound, '__file__', str(tmp_path/'site-packages/fastfound/__init__.py'))
    monkeypatch.setattr(doctor.shutil, 'which', lambda _: '/usr/bin/python')
    monkeypatch.delitem(sys.modules, 'ipykernel', raising=False)
    monkeypatch.delenv('COLAB_RELEASE_TAG', raising=False)
    everywhere = advice(monkeypatch, executable='/home/r r/.venv/bin/python')
    assert "'/home/r r/.venv/bin/python' -m pip install \"torch>=2.6\"" in ' '.join(everywhere)
    assert 'python -m pip install "torch>=2.6"' in [o.rpartition(': ')[2] for o in advice(monkeypatch, executable='/usr/bin/python')]
    colab = advice(monkeypatch, env=['COLAB_RELEASE_TAG'])
    assert any('%pip install "torch>=2.6", and restart' in o for o in colab)
    assert not re.search(r'\b(make|git|unset|export|repository)\b', ' '.join([*everywhere, *colab]))

def test_status_and_json(files, monkeypatch, tmp_path):
    r = inside('doctor', cwd=tmp_path)
    assert r.returncode==0 and re.search('^note    digits  ', r.stdout, re.M), r.stdout+r.stderr
    monkeypatch.setenv('FASTFOUND_DEVICE', 'abacus')
    r = inside('doctor', '--json', cwd=tmp_path)
    assert r.returncode==1 and [o['check'] for o in json.loads(r.stdout) if o['status']=='broken']==['device'], r.stdout+r.stderr

def test_torch_that_cannot_be_imported(tmp_path):
    "A finding with the message and exit status 1 instead of a traceback"
    (tmp_path/'torch').mkdir()
    (tmp_path/'torch/__init__.py').write_text("raise ImportError('DLL load failed')")
    env = {**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{ROOT}'}
    r = subprocess.run([*FASTFOUND, 'doctor'], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert r.returncode==1 and re.search('^broken  imports +DLL load failed', r.stdout, re.M) and not r.stderr, r.stdout+r.stderr
