"The main job, as a person runs it."
import os, re, signal, subprocess
import pytest, torch
from commandline import FASTFOUND, inside
from matplotlib.figure import Figure
from fastfound.learner import Callback
from fastfound import demo
from fastfound.datasets import get_mnist
from fastfound.basics import set_seed
from fastfound.handwriting import new_learner, normalized_sets

pytestmark = pytest.mark.not_numerical

def run(*args, cwd): return subprocess.run([*FASTFOUND, 'demo', *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=900)

def summary(out, name): return re.search(rf'^{name} +(.*)$', out, re.M)[1]

def is_png(path): return path.read_bytes()[:8]==b'\x89PNG\r\n\x1a\n' and path.read_bytes()[-8:-4]==b'IEND'

@pytest.mark.long
@pytest.mark.parametrize('model, passes, accuracy, parameters', [('resnet', 6, 97, '70,330'), ('by_hand', 20, 89, '39,760')])
def test_sample(tmp_path, model, passes, accuracy, parameters):
    "The whole job on the bundled sample: it learns, tells, and leaves one picture and nothing else"
    r = run('--source', 'sample', *([] if model=='resnet' else ['--model', model]), cwd=tmp_path)
    assert r.returncode==0 and r.stderr=='', r.stderr
    assert float(summary(r.stdout, 'test accuracy').rstrip('%'))>=accuracy
    assert [o.relative_to(tmp_path).as_posix() for o in tmp_path.rglob('*') if o.is_file()]==['fastfound_demo/digits.png']
    assert is_png(tmp_path/'fastfound_demo/digits.png')
    epochs = re.findall(r'^ +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +\d\d:\d\d$', r.stdout, re.M)
    assert [int(o[0]) for o in epochs]==list(range(passes))
    assert float(epochs[-1][1])<float(epochs[0][1])*0.7  # smoothed labels keep the loss of the residual network above 0.5
    for said in ('sample: 4,000 digits', 'FASTFOUND_DATA', 'three loops', 'Telling 3 from 7', f'{parameters} parameters'):
        assert said in r.stdout

@pytest.mark.long
@pytest.mark.skipif(not os.environ.get('FASTFOUND_DATA'), reason='FASTFOUND_DATA does not name a folder with all of MNIST')
def test_full(tmp_path):
    "One pass through all digits"
    r = run('--source', 'full', cwd=tmp_path)
    assert r.returncode==0 and float(summary(r.stdout, 'test accuracy').rstrip('%'))>=99 and '1 of 1' in r.stdout, r.stdout+r.stderr

def learn(seed, epochs=2):
    set_seed(seed)
    train_set,valid_set,test_set = normalized_sets(get_mnist('sample'))
    learn = new_learner(train_set, valid_set)
    learn.fit(epochs, quiet=True)
    return learn.recorder.values, [p.clone() for p in learn.model.parameters()]

def test_same_seed_same_result():
    (r1,p1),(r2,p2),(r3,_) = learn(1),learn(1),learn(2)
    assert r1==r2 and all(torch.equal(a, b) for a,b in zip(p1, p2)) and r1!=r3

@pytest.fixture
def untimed(monkeypatch):
    "Times no matrix products, which takes a second or two"
    monkeypatch.setattr(demo, 'ladder', lambda budget: 'a table')

@pytest.fixture
def only_training(monkeypatch, untimed):
    "Neither times matrix products nor draws a figure; both take time and neither draws random numbers for the training"
    monkeypatch.setattr(demo, 'results_figure', lambda *args: Figure(figsize=(1,1)))

@pytest.mark.long
def test_seed_option(tmp_path, only_training):
    "The whole record but its last column, the time, depends on the seed and on nothing else"
    def record(seed):
        r = inside('demo', '--source', 'sample', '--epochs', 2, '--seed', seed, cwd=tmp_path)
        return re.findall(r'^ +\d+ +[\d.]+ +[\d.]+ +[\d.]+', r.stdout, re.M)
    first = record(7)
    assert len(first)==2 and record(7)==first and record(8)!=first

def no_autograd(monkeypatch):
    "From here on, whoever asks PyTorch for a gradient gets an error"
    def refuse(*args, **kw): raise AssertionError('autograd was used')
    for name in ('backward', 'requires_grad_'): monkeypatch.setattr(torch.Tensor, name, refuse)
    for name in ('backward', 'grad'): monkeypatch.setattr(torch.autograd, name, refuse)

def test_no_autograd(tmp_path, monkeypatch, untimed):
    w = torch.ones(2, requires_grad=True)
    no_autograd(monkeypatch)
    with pytest.raises(AssertionError, match='autograd was used'): (w*w).sum().backward()  # the guard works
    seen = []
    monkeypatch.setattr(demo, 'new_learner', lambda *args, **kw: seen.append(new_learner(*args, **kw)) or seen[-1])
    demo.run_demo(model='by_hand', epochs=1, source='sample', out=str(tmp_path))
    model = seen[0].model
    for p in model.parameters(): assert not p.requires_grad and p.grad_fn is None and p.grad is None
    assert model.loss.out.grad_fn is None

def test_no_ready_made_layers(tmp_path, monkeypatch):
    "The demo by hand runs where PyTorch's modules, optimizers and functional layers refuse to work"
    def refuse(*args, **kw): raise AssertionError('a layer of PyTorch was used')
    optimizers = [o for o in vars(torch.optim).values() if isinstance(o, type) and issubclass(o, torch.optim.Optimizer)]
    ready_made = [(torch.nn.Module, '__init__'), *((o, '__init__') for o in optimizers if o is not torch.optim.Optimizer)]
    ready_made += [(torch.nn.functional, o) for o in ('linear', 'relu', 'cross_entropy', 'nll_loss', 'softmax', 'log_softmax', 'mse_loss')]
    for owner,name in ready_made: monkeypatch.setattr(owner, name, refuse)
    with pytest.raises(AssertionError, match='a layer of PyTorch was used'): torch.nn.Linear(2, 1)
    demo.run_demo(model='by_hand', epochs=1, source='sample', out=str(tmp_path))
    assert is_png(tmp_path/'digits.png')

def told_what_was_done(out, after, folder):
    "After Ctrl-C: the record so far, of `after` epochs or more, the picture, and the accuracy"
    done = int(re.search(r'interrupted after (\d+) of \d+ epochs', out)[1])
    assert done>=after
    record = out[out.index('interrupted'):].splitlines()[2:2+done]
    assert [int(o.split()[0]) for o in record]==list(range(done))
    assert is_png(folder/'digits.png') and [o.name for o in folder.iterdir()]==['digits.png']
    assert float(summary(out, 'test accuracy').rstrip('%'))>0

class Interrupt(Callback):
    "Ctrl-C in the second batch of epoch `after`"
    def __init__(self, after): self.after = after
    def after_batch(self):
        if (self.learn.epoch,self.learn.iter)==(self.after,1): signal.raise_signal(signal.SIGINT)

@pytest.mark.parametrize('model, learner, after', [
    ('by_hand', 'new_learner', 0), ('by_hand', 'new_learner', 3), ('resnet', 'resnet_learner', 1)])
def test_interrupt(tmp_path, monkeypatch, only_training, model, learner, after):
    "Ctrl-C during training: status 130"
    make = getattr(demo, learner)
    def interrupted(*args, **kw):
        learn = make(*args, **kw)
        learn.cbs.append(Interrupt(after))
        return learn
    monkeypatch.setattr(demo, learner, interrupted)
    r = inside('demo', '--source', 'sample', '--model', model, '--epochs', 6, '--out', 'o', cwd=tmp_path)
    assert r.returncode==130 and re.fullmatch(rf'fastfound demo: interrupted after {after} of 6 epochs\n', r.stderr), r.stderr
    told_what_was_done(r.stdout, after, tmp_path/'o')

@pytest.mark.long
@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT to send to another process')
def test_interrupted_process(tmp_path):
    "A program that gets Ctrl-C from outside, at any moment: the same, and no traceback"
    words = 'demo', '--source', 'sample', '--epochs', '2000', '--out', 'o'
    p = subprocess.Popen([*FASTFOUND, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not re.match(r' +0 +\d', line := p.stdout.readline()): assert line, p.stderr.read()
    p.send_signal(signal.SIGINT)
    rest,err = p.communicate(timeout=600)
    assert p.returncode==130 and re.fullmatch(r'fastfound demo: interrupted after \d+ of 2000 epochs\n', err), err
    told_what_was_done(rest, 1, tmp_path/'o')

@pytest.mark.parametrize('args, message', [
    (['--epochs', '0'], 'got --epochs 0, wanted a whole number from 1'), (['--bs', '-1'], 'got --bs -1'),
    (['--model', 'by_hand', '--hidden', '0'], 'got --hidden 0'),
    (['--hidden', '5'], 'got --hidden 5 with --model resnet, wanted it with --model by_hand'),
    (['--lr', '0'], 'got --lr 0.0, wanted a number above 0'), (['--lr', 'nan'], 'got --lr nan'),
    (['--model', 'by_hand', '--lr', '1e6'], '(both counted from 0); the learning rate of'),
    (['--model', 'by_hand', '--hidden', 10**12], 'got --hidden 1000000000000, wanted'),
    (['--seed', 2**70], f'got --seed {2**70}, wanted a whole number from 0 to'), (['--out', 'a_file/x'], 'a_file')])
def test_bad_options(tmp_path, args, message):
    (tmp_path/'a_file').write_text('')
    r = inside('demo', '--source', 'sample', *args, '--quiet', cwd=tmp_path)
    assert r.returncode==1 and r.stderr.startswith('fastfound demo: ') and message in r.stderr and 'Traceback' not in r.stderr
    assert not list(tmp_path.rglob('*.png'))

@pytest.mark.parametrize('wrong, message', [
    (dict(model='vgg'), 'got `model` vgg, wanted one of resnet, by_hand'),
    (dict(source='web'), 'got `source` web, wanted one of auto, full, sample'),
    (dict(hidden=5), 'got `hidden` 5 with `model` resnet'), (dict(epochs=1.5), 'got `epochs` 1.5, wanted a whole number')])
def test_bad_arguments(tmp_path, monkeypatch, wrong, message):
    "From Python, arguments have the names that a Python caller gave"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message): demo.run_demo(**wrong)
    assert not list(tmp_path.iterdir())

def test_full_disk(tmp_path, monkeypatch, untimed):
    "The picture cannot be written: an older one stays as it was"
    (tmp_path/'digits.png').write_bytes(b'old')
    def savefig(self, path, **kw):
        path.write_bytes(b'\x89PNG half')
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(Figure, 'savefig', savefig)
    r = inside('demo', '--epochs', 1, '--source', 'sample', '--out', '.', '--quiet', cwd=tmp_path)
    assert r.returncode==1 and 'No space left' in r.stderr
    assert [(o.name, o.read_bytes()) for o in tmp_path.iterdir()]==[('digits.png', b'old')]

def test_guessing_is_told(tmp_path, only_training):
    "A network that has learned nothing is not shown as a success"
    r = inside('demo', '--source', 'sample', '--model', 'by_hand', '--epochs', 1, '--lr', 1e-9, '--quiet', cwd=tmp_path)
    assert r.returncode==0 and 'hardly better than guessing' in r.stdout

def test_quiet(tmp_path, untimed):
    r = inside('demo', '--source', 'sample', '--epochs', '1', '--quiet', '--out', 'there', cwd=tmp_path)
    assert r.returncode==0 and r.stdout.strip().startswith('summary') and r.stderr==''
    assert is_png(tmp_path/'there/digits.png')
