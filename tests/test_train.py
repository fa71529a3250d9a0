"The command that trains, resumes, evaluates and predicts, as a person runs it."
import re, os, shutil, signal, subprocess, sys
from pathlib import Path
import pytest, torch
from PIL import Image
from fastfound.train import MODELS, Trained

CMD = [shutil.which('fastfound_train', path=Path(sys.executable).parent)]

def run(*args, cwd, **kw): return subprocess.run([*CMD, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=300, **kw)

@pytest.fixture(scope='module')
def shapes(tmp_path_factory):
    "A folder with pictures of two classes: bars that stand and bars that lie, dark on light, in colour, of several sizes"
    folder = tmp_path_factory.mktemp('shapes')
    g = torch.Generator().manual_seed(0)
    for name,size in (('standing', (6,30)), ('lying', (30,6))):
        (folder/name).mkdir()
        for i in range(40):
            im = Image.new('RGB', (40+i,40+i), (250,240,230))
            x,y = torch.randint(0, 9, (2,), generator=g).tolist()
            im.paste((20,0,30), (x, y, x+size[0], y+size[1]))
            im.save(folder/name/f'{i}.{"png" if i%2 else "jpg"}')
    (folder/'notes.txt').write_text('no picture')
    return folder

def accuracy_of(out): return float(re.search(r'^all +\d+ +([\d.]+)%', out, re.M)[1])

def test_digits(tmp_path):
    "Train, evaluate and predict on the sample, with what a newcomer would type"
    r = run('train', '--data', 'sample', cwd=tmp_path)
    assert r.returncode==0 and r.stderr=='' and len(re.findall(r'^ +\d ', r.stdout, re.M))==5, r.stderr
    assert '3,334 pictures of 10 classes to learn from, 666 to judge by' in r.stdout and r.stdout.endswith('fastfound_train evaluate --file model.pth\n')
    assert [o.name for o in tmp_path.iterdir()]==['model.pth']
    r = run('evaluate', '--data', 'sample', cwd=tmp_path)
    assert r.returncode==0 and accuracy_of(r.stdout)>85, r.stdout+r.stderr

@pytest.mark.parametrize('model', MODELS)
def test_own_pictures(tmp_path, shapes, model):
    "Any of the models learns two shapes, reads new files, and says which is which"
    args = '--data',shapes,'--invert','--file',tmp_path/'bars.pth'
    r = run('train', '--model', model, '--epochs', 15, *args, '--quiet', cwd=tmp_path)
    assert r.returncode==0, r.stderr
    assert accuracy_of(run('evaluate', *args, cwd=tmp_path).stdout)>=90
    r = run('predict', shapes/'standing/3.png', shapes/'lying/4.jpg', '--file', tmp_path/'bars.pth', '--invert', cwd=tmp_path)
    assert [o.split()[1] for o in r.stdout.splitlines()[1:]]==['standing', 'lying'], r.stdout+r.stderr

@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT to send to another process')
def test_interrupted_and_resumed(tmp_path):
    "Ctrl-C leaf_modules a checkpoint and says what to do; --resume ends with the weights of a run that was left alone"
    args = 'train','--data','sample','--epochs','40','--model','deep'
    p = subprocess.Popen([*CMD, *args], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not re.match(r' +1 +\d', line := p.stdout.readline()): assert line, p.stderr.read()
    p.send_signal(signal.SIGINT)
    out,err = p.communicate(timeout=60)
    assert p.returncode==130 and '--resume goes on' in err and 'Traceback' not in err
    assert [o.name for o in tmp_path.iterdir()]==['model.pth.checkpoint']
    r = run(*args, cwd=tmp_path)
    assert r.returncode==1 and '--resume goes on with it' in r.stderr
    r = run(*args, '--bs', 32, '--resume', cwd=tmp_path)
    assert r.returncode==1 and 'got --bs 32, wanted --bs 64' in r.stderr
    r = run(*args, '--resume', cwd=tmp_path)
    assert r.returncode==0 and len(re.findall(r'^ +\d+ +\d\.', r.stdout, re.M))==40, r.stderr
    whole = run(*args, '--file', 'whole.pth', '--quiet', cwd=tmp_path)
    assert whole.returncode==0 and sorted(o.name for o in tmp_path.iterdir())==['model.pth', 'whole.pth']
    a,b = [Trained.load(tmp_path/o).model.state_dict() for o in ('model.pth', 'whole.pth')]
    assert all(torch.equal(a[k], b[k]) for k in a)

@pytest.mark.parametrize('args, message', [
    (['train', '--epochs', '0'], 'got --epochs 0, wanted a whole number from 1'), (['train', '--bs', '-3'], 'got --bs -3'), (['train', '--lr', 'nan'], 'got --lr nan, wanted a number above 0'),
    (['train', '--model', 'vgg'], 'got --model vgg, wanted one of linear'), (['train', '--data', 'nowhere'], 'got --data nowhere, wanted auto, full, sample or a folder'),
    (['train', '--file', 'no/model.pth'], 'wanted the name of a file in a folder that is there'), (['train', '--resume'], 'nothing to go on with'), (['train', '--lr', '1e38'], 'may be too large'),
    (['evaluate'], 'model.pth is not there'), (['evaluate', '--file', 'text.pth'], 'damaged or of another kind'), (['predict'], 'got no image files'), (['predict', 'x.png'], 'model.pth is not there')])
def test_bad_options(tmp_path, args, message):
    (tmp_path/'text.pth').write_text('not a model')
    r = run(*args, *(['--data', 'sample'] if '--data' not in args else []), '--quiet', cwd=tmp_path)
    assert r.returncode==1 and r.stderr.startswith('fastfound_train: ') and message in r.stderr and 'Traceback' not in r.stderr, r.stderr
    assert not (tmp_path/'model.pth').exists()

def test_bad_pictures(tmp_path, shapes):
    folder = tmp_path/'pictures'
    shutil.copytree(shapes, folder)
    (folder/'lying/bad.png').write_bytes((folder/'lying/1.png').read_bytes()[:60])
    r = run('train', '--data', folder, '--quiet', cwd=tmp_path)
    assert r.returncode==1 and 'bad.png' in r.stderr and 'Traceback' not in r.stderr, r.stderr
    (folder/'lying/bad.png').unlink()
    assert run('train', '--data', folder, '--epochs', 1, '--quiet', cwd=tmp_path).returncode==0
    (folder/'third').mkdir()
    shutil.copy(folder/'lying/1.png', folder/'third')
    r = run('evaluate', '--data', folder, cwd=tmp_path)
    assert r.returncode==1 and 'got pictures of third, wanted only lying, standing' in r.stderr
    r = run('evaluate', '--data', 'sample', cwd=tmp_path)
    assert r.returncode==1 and 'got a model of lying, standing' in r.stderr

def test_help(tmp_path):
    said = run('--help', cwd=tmp_path).stdout
    for option in ('files', 'data', 'model', 'epochs', 'bs', 'lr', 'seed', 'resume', 'invert', 'quiet', 'train,evaluate,predict', 'your own pictures'): assert option in said
