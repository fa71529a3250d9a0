"Several processes that train one model."
import os, time
import pytest, torch
from fastfound.distributed import Distributed
from fastfound.matmul import test_near as near
from learners import run, three_classes, weights

TOGETHER = '''
class Gradients(Callback):
    "Keeps the gradients of all steps"
    def before_fit(self): self.grads = []
    def before_step(self): self.grads.append(torch.cat([p.grad.flatten().clone() for p in model.parameters()]))

model,x = nn.Sequential(nn.Linear(8,6), nn.ReLU(), nn.Linear(6,2)).double(),x.double()
dls.train = DataLoader((x[:65], y[:65]), 16, shuffle=True, generator=3)  # the last batch has a single row
dls.valid = DataLoader((x[65:82], y[65:82]), 16)                         # this one, too
grads = Gradients()
learn = learner(cbs=[Distributed, grads])
learn.fit(3)
learn.fit(1, cbs=SaveBest('best'))
learn.save('weights')
rank = os.environ.get('RANK', '0')
torch.save({'grads': torch.stack(grads.grads), 'values': learn.recorder.values, 'shard': dls.train.shard}, f'seen{rank}')
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
    near(first['grads'], alone['grads'], tol=1e-10)
    near(torch.tensor(first['values'], dtype=torch.float64), torch.tensor(alone['values'], dtype=torch.float64), tol=1e-10)
    for rank in range(int(n)):
        seen = torch.load(many/f'seen{rank}')
        assert torch.equal(seen['grads'], first['grads']) and seen['values']==first['values'] and tuple(seen['shard'])==(0,1)
    for name in ('weights', 'best'):
        for k,v in weights(one/f'{name}.pth').items(): near(weights(many/f'{name}.pth')[k], v, tol=1e-10)

def test_processes_that_were_not_seeded_alike_still_agree(tmp_path):
    "The order of the batches and the first weights are those of the first process"
    body = '''
    torch.manual_seed(int(os.environ['RANK']))
    for p in model.parameters(): p.data = torch.randn_like(p)
    order = []
    class Rows(Callback):
        run_valid = False
        def before_batch(self): order.append(self.learn.xb[0].sum().item())
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

def test_alone_it_does_nothing():
    learn = three_classes()
    before = learn.dls.train.shard
    learn.fit(1, cbs=Distributed, quiet=True)
    assert learn.dls.train.shard==before and not torch.distributed.is_initialized()


def test_an_error_in_one_process_ends_all(tmp_path):
    "The others, which wait for its gradients, are stopped, and the error is told"
    start = time.monotonic()
    r = run(tmp_path, '''
    class Fails(Callback):
        def after_batch(self):
            if os.environ['RANK']=='1': raise RuntimeError('the second process gives up')
    learner(cbs=[Distributed, Fails]).fit(3, quiet=True)
    ''', command=torchrun('2'), env=ENV)
    assert r.returncode!=0 and 'the second process gives up' in r.stderr and time.monotonic()-start<600

def test_batches_smaller_than_the_number_of_processes(tmp_path):
    r = run(tmp_path, '''
    dls.valid = DataLoader((x[70:], y[70:]), 1)
    learner(cbs=Distributed).fit(1, quiet=True)
    ''', command=torchrun('2'), env=ENV)
    assert r.returncode!=0 and 'Distributed: got batches of 1 for 2 processes' in r.stderr

def test_targets_that_are_dicts(tmp_path):
    "Predictions and targets of any structure are gathered"
    body = '''
    class Two(nn.Linear):
        def forward(self, x): return {'a': super().forward(x), 'b': x.sum(1)}
    class Items:
        def __init__(self, rows): self.rows = rows
        def __len__(self): return len(self.rows)
        def __getitem__(self, i): return x[self.rows[i]].double(),{'a': y[self.rows[i]], 'b': x[self.rows[i]].double().sum()}
    def loss(p, t): return F.cross_entropy(p['a'], t['a'])+F.mse_loss(p['b'], t['b'])
    def size(p, t): return len(t['b'])+len(p['a'])
    dls = DataLoaders(DataLoader(Items(range(70)), 16), DataLoader(Items(range(70,87)), 16))
    set_seed(1)
    learn = Learner(dls, Two(8,2).double(), loss, lr=0.1, metrics=size, cbs=Distributed)
    learn.fit(2, quiet=True)
    if is_main_process(): print(*(f'{o:.9f}' for o in learn.recorder.values[-1]))
    '''
    one,two = run(tmp_path, body, env=ENV),run(tmp_path, body, command=torchrun('2'), env=ENV)
    assert one.returncode==two.returncode==0, one.stderr+two.stderr
    assert one.stdout==two.stdout and one.stdout.split()[-1]=='34.000000000'
