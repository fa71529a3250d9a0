"The Learner where a notebook cannot go: killed processes, damaged files, terminals and pipes, several processes."
import os, pickle, random, re, signal, subprocess, sys, textwrap, time, zipfile
from functools import partial
from pathlib import Path
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound import learner
from fastfound.datasets import set_seed
from fastfound.learner import (Adam, AdamW, ActivationStats, Callback, Checkpoint, DataLoaders, EarlyStopping, GradientClip, Learner, MixedPrecision, RMSProp,
                               SaveBest, Scheduler, accuracy, one_cycle, read_state, weights_of)
from fastfound.matmul import test_near as near
from fastfound.mnist_sgd import SGD, DataLoader

PROGRAM = '''
import os, signal, sys, time, torch
import torch.nn.functional as F
from functools import partial
from torch import nn
from fastfound.datasets import set_seed
from fastfound.learner import *
from fastfound.mnist_sgd import SGD, DataLoader

set_seed(42)
x = torch.randn(90,8)
y = (x[:,0]>x[:,1]).long()
dls = DataLoaders(DataLoader((x[:70], y[:70]), 16, shuffle=True), DataLoader((x[70:], y[70:]), 16))
model = nn.Sequential(nn.Linear(8,6), nn.Dropout(0.2), nn.ReLU(), nn.Linear(6,2))
def learner(**kw): return Learner(dls, model, F.cross_entropy, lr=0.1, metrics=accuracy, **kw)
'''

def run(folder, body, *args, command=(), **kw):
    "Run PROGRAM and `body` in `folder`"
    (folder/'program.py').write_text(PROGRAM + textwrap.dedent(body))
    return subprocess.run([sys.executable, *command, 'program.py', *map(str, args)], cwd=folder, capture_output=True, text=True, timeout=300, **kw)

def weights(path): return torch.load(path, weights_only=True)['weights']

def same(a, b): return a.keys()==b.keys() and all(torch.equal(a[k], b[k]) for k in a)

# Killed and resumed

KILLED = '''
class Kill(Callback):
    order = -100
    def before_batch(self):
        if self.learn.training and self.learn.epoch*self.learn.n_iter+self.learn.iter==int(sys.argv[1]): end()

def end(): os.kill(os.getpid(), signal.SIGKILL) if hasattr(signal, 'SIGKILL') else os._exit(9)

if len(sys.argv)>2:  # in the middle of writing a file
    save,writes = torch.save,[]
    def half(state, path):
        save(state, path)
        writes.append(path)
        if len(writes)<int(sys.argv[2]): return
        path.write_bytes(path.read_bytes()[:1000])
        end()
    torch.save = half

learn = learner(opt_func=partial(SGD, momentum=0.9), cbs=[Checkpoint('checkpoint', every=1), Kill])
learn.fit_one_cycle(3, 0.2, quiet=True)
learn.save('weights')
torch.save({'losses': learn.recorder.losses, 'values': learn.recorder.values}, 'record')
'''

def test_killed_process_resumes(tmp_path):
    "SIGKILL between batches, at the first, in the middle of an epoch, at its end, and in the middle of writing; each restart goes on, and the end is the same to the last bit"
    (tmp_path/'whole').mkdir()
    assert run(tmp_path/'whole', KILLED, -1).returncode==0
    for cuts in ([(0,), (2,), (3,), (7,), (14,)], [(5,), (6,5), (6,6), (12,)]):
        folder = tmp_path/str(len(cuts))
        folder.mkdir()
        for cut in cuts: assert run(folder, KILLED, *cut).returncode not in (0, 1), cut
        left = run(folder, KILLED, -1)
        assert left.returncode==0, left.stderr
        assert same(weights(folder/'weights.pth'), weights(tmp_path/'whole/weights.pth'))
        assert torch.load(folder/'record')==torch.load(tmp_path/'whole/record')

class Cut(Exception): pass

class CutAt(Callback):
    def __init__(self, n, event):
        self.n,self.count = n,0
        setattr(self, event, self.act)
    def act(self):
        if not self.learn.training: return
        self.count += 1
        if self.count==self.n: raise Cut

def fit(path=None, cut=None, every=None, opt_func=partial(SGD, momentum=0.9), own=False, cbs=(), n_epoch=3):
    "A short fit with everything that draws random numbers or keeps notes; with its losses, its record and its callbacks"
    set_seed(42)
    x = torch.randn(90,8)
    y = (x[:,0]>x[:,1]).long()
    class Items:
        def __len__(self): return 70
        def __getitem__(self, i): return x[i]+0.1*torch.randn(8)+random.random(), y[i]
    train = DataLoader(Items(), 16, shuffle=True, generator=7 if own else None)
    model = nn.Sequential(nn.Linear(8,6), nn.BatchNorm1d(6), nn.Dropout(0.2), nn.ReLU(), nn.Linear(6,2))
    learn = Learner(DataLoaders(train, DataLoader((x[70:], y[70:]), 16)), model, F.cross_entropy, opt_func, lr=0.05, metrics=accuracy)
    stats = ActivationStats()
    cbs = [stats, *([Checkpoint(path, every)] if path else []), *[o() for o in cbs], *([cut] if cut else [])]
    learn.fit_one_cycle(n_epoch, 0.1, cbs=cbs, quiet=True)
    return {'weights': {k: v.clone() for k,v in weights_of(learn.model).items()}, 'values': learn.recorder.values, 'losses': learn.recorder.losses, 'lrs': learn.recorder.lrs, 'dead': stats.notes[0]['dead']}

def equal(a, b): return same(a['weights'], b['weights']) and all(a[k]==b[k] for k in a if k!='weights')

@pytest.mark.parametrize('kw', [dict(), dict(own=True), dict(opt_func=Adam), dict(opt_func=torch.optim.Adam), dict(opt_func=partial(RMSProp, momentum=0.5)),
                                dict(cbs=[partial(MixedPrecision, torch.float16), GradientClip]), dict(cbs=[partial(EarlyStopping, patience=1)])], ids=str)
def test_resume_at_any_batch(tmp_path, kw):
    whole = fit(**kw)
    for every in (1, 3, None):
        for n in (1, 2, 5, 6, 9, 14):
            for event in ('before_pred', 'after_step', 'after_batch'):
                path = tmp_path/f'{every}{n}{event}'
                if len(whole['losses'])<n: continue
                with pytest.raises(Cut): fit(path, CutAt(n, event), every, **kw)
                if n==9:  # and once more
                    with pytest.raises(Cut): fit(path, CutAt(2, event), every, **kw)
                assert equal(fit(path, None, every, **kw), whole), (every, n, event)

def test_a_fit_that_has_ended_stays_as_it_is(tmp_path):
    whole = fit(tmp_path/'c')
    assert equal(fit(tmp_path/'c'), whole)

def test_longer_fit_goes_on(tmp_path):
    fit(tmp_path/'c', n_epoch=2)
    assert len(fit(tmp_path/'c', n_epoch=4)['values'])==4

def test_checkpoint_of_something_else(tmp_path):
    "A checkpoint that does not fit is refused, and nothing is changed"
    fit(tmp_path/'c')
    before = (tmp_path/'c').read_bytes()
    for kw,message in ((dict(cbs=[MixedPrecision]), 'got a checkpoint of'), (dict(opt_func=Adam), 'wanted one of fastfound.learner.Adam')):
        with pytest.raises(ValueError, match=message): fit(tmp_path/'c', **kw)
    assert (tmp_path/'c').read_bytes()==before
    set_seed(0)
    learn = Learner(DataLoaders(DataLoader((torch.randn(8,3), torch.randn(8,1)), 4)), nn.Linear(3,1), F.mse_loss)
    start = {k: v.clone() for k,v in weights_of(learn.model).items()}
    with pytest.raises(ValueError, match='c: '): learn.fit(1, cbs=Checkpoint(tmp_path/'c'), quiet=True)
    assert same(weights_of(learn.model), start)

# Files

@pytest.fixture
def learn():
    set_seed(42)
    x = torch.randn(40,20)
    y = x.argmax(1)%3
    return Learner(DataLoaders(DataLoader((x[:30], y[:30]), 10), DataLoader((x[30:], y[30:]), 10)), nn.Sequential(nn.Linear(20,9), nn.BatchNorm1d(9), nn.Linear(9,3)), F.cross_entropy, lr=0.1, metrics=accuracy)

def test_any_damage_is_noticed(learn, tmp_path):
    "Bits flipped anywhere, or an end that is missing: an error and unchanged weights, or (in bytes that mean nothing) the right weights"
    good = {k: v.clone() for k,v in weights_of(learn.model).items()}
    file = learn.save(tmp_path/'w')
    raw,g,refused = file.read_bytes(),random.Random(1),0
    def attempt(data):
        (tmp_path/'bad.pth').write_bytes(data)
        for p in learn.model.parameters(): p.data.zero_()
        zeros = {k: v.clone() for k,v in weights_of(learn.model).items()}
        try: learn.load(tmp_path/'bad')
        except ValueError as e:
            assert same(weights_of(learn.model), zeros) and 'bad.pth: got ' in str(e) or 'these weights are of another model' in str(e), e
            return 1
        assert same(weights_of(learn.model), good)
        return 0
    for _ in range(400):
        data = bytearray(raw)
        data[g.randrange(len(data))] ^= 1<<g.randrange(8)
        refused += attempt(bytes(data))
    assert refused>200
    for n in (0, 1, 100, len(raw)//2, len(raw)-1): assert attempt(raw[:n])==1
    assert attempt(raw)==0

def test_a_pickle_that_runs_a_program_is_refused(learn, tmp_path):
    class Evil:
        def __reduce__(self): return (Path.touch, (tmp_path/'touched',))
    torch.save({'kind': 'weights', 'weights': Evil()}, tmp_path/'evil.pth')
    (tmp_path/'plain.pth').write_bytes(pickle.dumps(Evil()))
    for name in ('evil', 'plain'):
        with pytest.raises(ValueError, match='damaged or of another kind'): learn.load(tmp_path/name)
    assert not (tmp_path/'touched').exists()

def test_full_disk_leaves_the_old_file(learn, tmp_path, monkeypatch):
    file = learn.save(tmp_path/'w')
    before,save = file.read_bytes(),torch.save
    def full(state, path):
        path.write_bytes(b'half')
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(torch, 'save', full)
    learn.model[0].weight.data.zero_()
    with pytest.raises(OSError): learn.save(file)
    assert file.read_bytes()==before and [o.name for o in tmp_path.iterdir()]==['w.pth']

def test_save_best_and_early_stopping_look_at_the_right_end(learn, tmp_path):
    "An accuracy should be high and a loss low; the saved weights are those of the best epoch"
    for monitor in ('valid_loss', 'accuracy'):
        learn.fit(12, cbs=SaveBest(tmp_path/monitor, monitor), quiet=True)
        column = learn.recorder[monitor]
        learn.load(tmp_path/monitor)
        best = (min if monitor=='valid_loss' else max)(column)
        assert learn.validate()[monitor=='accuracy']==pytest.approx(best)

def test_judging_is_not_training():
    "Dropout and batch normalisation know the difference, in a fit and outside it"
    set_seed(42)
    x = torch.randn(40,20)
    y = x.argmax(1)%3
    model = nn.Sequential(nn.Linear(20,9), nn.BatchNorm1d(9), nn.Dropout(0.5), nn.Linear(9,3))
    modes = []
    class Mode(Callback):
        def before_pred(self): modes.append((self.learn.training, model.training, model[2].training))
    learn = Learner(DataLoaders(DataLoader((x[:30], y[:30]), 10), DataLoader((x[30:], y[30:]), 10)), model, F.cross_entropy, lr=0.1, cbs=Mode)
    learn.fit(2, quiet=True)
    assert modes==2*(3*[(True,)*3] + [(False,)*3])
    model.train()
    mean = model[1].running_mean.clone()
    got = learn.validate(),learn.validate(),learn.get_preds()[0],learn.predict(x[30])
    assert torch.equal(mean, model[1].running_mean) and model.training
    model.eval()
    with torch.no_grad(): preds = model(x[30:])
    near(got[2], preds)
    near(got[3], preds[0])
    assert got[0]==got[1]==[pytest.approx(F.cross_entropy(preds, y[30:]).item(), rel=1e-5)]==[pytest.approx(learn.recorder.values[-1][1], rel=1e-5)]

def test_16_bits_end_with_the_fit(learn):
    "Also with one that ends in an error"
    class Fails(Callback):
        def after_pred(self): raise Cut
    assert learn.get_preds()[0].dtype==torch.float32
    learn.fit(1, cbs=MixedPrecision, quiet=True)
    assert learn.get_preds()[0].dtype==torch.float32
    with pytest.raises(Cut): learn.fit(1, cbs=[MixedPrecision, Fails], quiet=True)
    assert learn.get_preds()[0].dtype==torch.float32 and not torch.is_autocast_enabled('cpu')

# Terminals, pipes, interruptions

FITS = '''
learn = learner()
learn.fit(3)
learn.fit(2, quiet=True)
print(learn.recorder.values[-1][0]<1)
'''

def test_piped(tmp_path):
    r = run(tmp_path, FITS)
    assert r.returncode==0 and r.stderr=='', r.stderr
    lines = r.stdout.splitlines()
    assert lines[0].split()==['epoch', 'train_loss', 'valid_loss', 'accuracy', 'time'] and lines[-1]=='True' and '\r' not in r.stdout
    assert len(lines)==5 and all(re.fullmatch(rf' +{i} +\d\.\d{{6}} +\d\.\d{{6}} +[01]\.\d{{6}} +\d\d:\d\d', o) for i,o in enumerate(lines[1:4]))

@pytest.mark.skipif(os.name=='nt', reason='Windows has no pseudo-terminals in the standard library')
def test_terminal(tmp_path):
    "A bar moves on the terminal and is gone in the end; the rows stay"
    import fcntl, pty, struct, termios
    (tmp_path/'program.py').write_text(PROGRAM + '''
class Slow(Callback):
    def after_batch(self): time.sleep(0.15)
learner(cbs=Slow).fit(2)
''')
    main,end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    p = subprocess.Popen([sys.executable, 'program.py'], cwd=tmp_path, stdout=end, stderr=end)
    os.close(end)
    seen = b''
    while True:
        try: chunk = os.read(main, 4096)
        except OSError: break
        if not chunk: break
        seen += chunk
    text = seen.decode()
    assert p.wait(60)==0 and 'epoch 1 of 2:' in text and 'epoch 2 of 2:' in text and '5/5' in text
    screen = []
    for line in text.split('\n'):
        shown = ''
        for part in line.rstrip('\r').split('\r'): shown = part+shown[len(part):]
        screen.append(shown.strip())
    assert [o.split()[0] for o in screen if o]==['epoch', '0', '1'], screen

@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT to send to another process')
def test_ctrl_c_keeps_weights_and_record(tmp_path):
    body = '''
    learn = learner()
    class Tidy(Callback):
        def after_batch(self):
            if self.learn.epoch==5 and self.learn.iter==1: print('ready', flush=True)
        def after_fit(self): print('tidied up')
    try: learn.fit(30_000, cbs=Tidy, quiet=True)
    except KeyboardInterrupt: print('interrupted', len(learn.recorder.values)>0, len(learn.recorder.losses)>0)
    before = [p.detach().clone() for p in model.parameters()]
    assert all(torch.equal(a, b) for a,b in zip(before, model.parameters()))
    learn.fit(1, quiet=True)
    print(len(learn.recorder.values))
    '''
    (tmp_path/'program.py').write_text(PROGRAM + textwrap.dedent(body))
    p = subprocess.Popen([sys.executable, 'program.py'], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.stdout.readline()=='ready\n'
    p.send_signal(signal.SIGINT)
    out,err = p.communicate(timeout=60)
    assert (p.returncode, err)==(0, '') and out.split('\n')[:3]==['tidied up', 'interrupted True True', '1']

# Optimizers

@pytest.mark.parametrize('ours, theirs, draw', [
    (SGD, torch.optim.SGD, lambda g: {'momentum': g.choice([0., 0.5, 0.9])}),
    (RMSProp, torch.optim.RMSprop, lambda g: {'alpha': g.uniform(0.5, 0.99), 'eps': g.choice([1e-8, 1e-3]), 'momentum': g.choice([0., 0.9])}),
    (Adam, torch.optim.Adam, lambda g: {'betas': (g.uniform(0, 0.95), g.uniform(0.5, 0.999)), 'eps': g.choice([1e-8, 1e-3])}),
    (AdamW, torch.optim.AdamW, lambda g: {'betas': (g.uniform(0, 0.95), g.uniform(0.5, 0.999)), 'eps': g.choice([1e-8, 1e-3])})])
def test_optimizers_take_the_steps_of_pytorch(ours, theirs, draw):
    "Fifty drawn settings in two groups, twenty steps each, in float64"
    g = random.Random(0)
    for seed in range(50):
        settings,wd,lrs = draw(g),g.choice([0., 0.01, 0.3]),(g.uniform(1e-3, 0.1), g.uniform(1e-3, 0.1))
        def steps(opt_func, **kw):
            torch.manual_seed(seed)
            a,b = torch.randn(3,2, dtype=torch.float64).requires_grad_(),torch.randn(2, dtype=torch.float64).requires_grad_()
            opt = opt_func([{'params': [a], 'lr': lrs[0]}, {'params': [b], **{k: wd/2 for k in kw}}], lr=lrs[1], **settings, **kw)
            for x in torch.randn(20,5,3, dtype=torch.float64):
                (x@a+b).sin().pow(2).mean().backward()
                opt.step()
                opt.zero_grad()
            return torch.cat([a.detach().flatten(), b.detach()])
        near(steps(ours, wd=wd), steps(theirs, weight_decay=wd), tol=1e-6)

def test_state_of_an_optimizer_of_another_shape_is_refused():
    one,two = SGD([torch.zeros(2)], 0.1),SGD([torch.zeros(2), torch.zeros(2)], 0.1)
    with pytest.raises(ValueError, match='got the state of 1 parameters in 1 groups, wanted 2 in 1'): two.load_state_dict(one.state_dict())

# Several processes

TOGETHER = '''
class Gradients(Callback):
    "Keeps the gradients of all steps"
    def before_fit(self): self.grads = []
    def before_step(self): self.grads.append(torch.cat([p.grad.flatten().clone() for p in model.parameters()]))

model = nn.Sequential(nn.Linear(8,6), nn.ReLU(), nn.Linear(6,2))
dls.train = DataLoader((x[:65], y[:65]), 16, shuffle=True, generator=3)  # the last batch has a single row
dls.valid = DataLoader((x[65:82], y[65:82]), 16)                         # this one, too
grads = Gradients()
learn = learner(cbs=[Distributed, grads])
learn.fit(3)
learn.fit(1, cbs=SaveBest('best'))
learn.save('weights')
rank = os.environ.get('RANK', '0')
torch.save({'grads': torch.stack(grads.grads), 'values': learn.recorder.values, 'share': dls.train.shard}, f'seen{rank}')
'''

def torchrun(n): return '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', n

ENV = {**os.environ, 'OMP_NUM_THREADS': '1', **({'USE_LIBUV': '0'} if os.name=='nt' else {})}

@pytest.mark.parametrize('n', ['2', '3'])
def test_processes_together_train_like_one(tmp_path, n):
    "Each gradient, the record and the weights are those of one process; batches that cannot be shared evenly, and one with fewer rows than processes; one table, one file"
    one,many = tmp_path/'one',tmp_path/'many'
    for folder,command in ((one, ()), (many, torchrun(n))):
        folder.mkdir()
        r = run(folder, TOGETHER, command=command, env=ENV)
        assert r.returncode==0, r.stderr
        assert r.stdout.count('train_loss')==2 and len(r.stdout.splitlines())==6, r.stdout
    alone,first = torch.load(one/'seen0'),torch.load(many/'seen0')
    near(first['grads'], alone['grads'], tol=1e-6)
    near(torch.tensor(first['values']), torch.tensor(alone['values']), tol=1e-5)
    for rank in range(int(n)):
        seen = torch.load(many/f'seen{rank}')
        assert torch.equal(seen['grads'], first['grads']) and seen['values']==first['values'] and tuple(seen['share'])==(0,1)
    for name in ('weights', 'best'):
        for k,v in weights(one/f'{name}.pth').items(): near(weights(many/f'{name}.pth')[k], v, tol=1e-5)

def test_processes_that_were_not_seeded_alike_still_agree(tmp_path):
    "The order of the batches and the first weights are those of the first process"
    body = '''
    torch.manual_seed(int(os.environ['RANK']))
    for p in model.parameters(): p.data = torch.randn_like(p)
    order = []
    class Rows(Callback):
        def before_batch(self):
            if self.learn.training: order.append(self.learn.xb[0].sum().item())
    learner(cbs=[Distributed, Rows]).fit(1, quiet=True)
    torch.save([p.data for p in model.parameters()], 'end'+os.environ['RANK'])
    torch.save((torch.tensor(order), x[:70].sum()), 'order'+os.environ['RANK'])
    '''
    r = run(tmp_path, body, command=torchrun('2'), env=ENV)
    assert r.returncode==0, r.stderr
    assert all(torch.equal(a, b) for a,b in zip(torch.load(tmp_path/'end0'), torch.load(tmp_path/'end1')))
    (a,total),(b,_) = torch.load(tmp_path/'order0'),torch.load(tmp_path/'order1')
    near(a.sum()+b.sum(), total, tol=1e-4)  # every row once

def test_too_few_rows_for_the_processes(tmp_path):
    r = run(tmp_path, '''
    dls.train = DataLoader((x[:1], y[:1]), 16)
    learner(cbs=Distributed).fit(1, quiet=True)
    ''', command=torchrun('2'), env=ENV)
    assert r.returncode!=0 and 'Distributed: got 1 rows for 2 processes' in r.stderr

def test_alone_it_does_nothing(learn):
    before = learn.dls.train.shard
    learn.fit(1, cbs=learner.Distributed, quiet=True)
    assert learn.dls.train.shard==before and not torch.distributed.is_initialized()

# Speed of import

def test_import_is_light():
    "What only some need is not imported with the module"
    code = "import sys, fastfound.learner; print([o for o in ('pandas', 'sympy', 'numba', 'triton', 'IPython', 'torchvision') if o in sys.modules])"
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert r.stdout=='[]\n', r.stdout+r.stderr
