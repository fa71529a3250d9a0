"Several processes that train one model."
import os, re, time
import pytest, torch
from fastfound.distributed import Distributed
from fastfound.basics import test_near as near
from learners import run, three_classes, weights

pytestmark = pytest.mark.not_numerical

TOGETHER = '''
class Gradients(Callback):
    "Keeps the gradients of all steps"
    def before_fit(self): self.grads = []
    def before_step(self): self.grads.append(torch.cat([p.grad.flatten().clone() for p in model.parameters()]))

class Dicts:
    "Items whose targets are dicts"
    def __init__(self, rows): self.rows = rows
    def __len__(self): return len(self.rows)
    def __getitem__(self, i): return x[self.rows[i]],{'a': y[self.rows[i]], 'b': x[self.rows[i]].sum()}

class Two(nn.Linear):
    "Predictions that are dicts"
    def forward(self, x): return {'a': super().forward(x), 'b': x.sum(1)}

def loss_of_dicts(p, t): return F.cross_entropy(p['a'], t['a'])+F.mse_loss(p['b'], t['b'])
def size(p, t): return len(t['b'])+len(p['a'])

model,x = nn.Sequential(nn.Linear(8,6), nn.ReLU(), nn.Linear(6,2)).double(),x.double()
dls.train = DataLoader((x[:65], y[:65]), 16, shuffle=True, generator=3)  # the last batch has a single row
dls.valid = DataLoader((x[65:82], y[65:82]), 16)                         # this one, too
grads = Gradients()
learn = learner(cbs=[Distributed, grads])
learn.fit(3)
learn.fit(1, cbs=SaveBest('best'))
learn.save('weights')
set_seed(1)
dict_dls = DataLoaders(DataLoader(Dicts(range(70)), 16), DataLoader(Dicts(range(70,87)), 16))
dicts = Learner(dict_dls, Two(8,2).double(), loss_of_dicts, SGD, lr=0.1, metrics=size, cbs=Distributed)
dicts.fit(2, quiet=True)
set_seed(2)
weighted = Learner(dls, nn.Linear(8,2).double(), nn.CrossEntropyLoss(torch.tensor([1.,5.]).double()), SGD, lr=0.1, cbs=Distributed)
weighted.fit(2, quiet=True)
rank = os.environ.get('RANK', '0')
seen = {'grads': torch.stack(grads.grads), 'values': learn.recorder.values, 'shard': dls.train.shard, 'dicts': dicts.recorder.values,
        'weighted': weighted.recorder.values}
torch.save(seen, f'seen{rank}')
'''

def torchrun(n): return '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', n

ENV = {**os.environ, 'OMP_NUM_THREADS': '1', **({'USE_LIBUV': '0'} if os.name=='nt' else {})}

def train(folder, *command):
    "Run TOGETHER in `folder`: one table, whatever the number of processes"
    r = run(folder, TOGETHER, command=command, env=ENV)
    assert r.returncode==0, r.stderr
    assert r.stdout.count('train_loss')==2 and len(r.stdout.splitlines())==6, r.stdout
    return folder

@pytest.fixture(scope='module')
def one(tmp_path_factory):
    "The folder in which one process has run TOGETHER"
    return train(tmp_path_factory.mktemp('one'))

def float64(values): return torch.tensor(values, dtype=torch.float64)

@pytest.mark.long
@pytest.mark.parametrize('n', ['2', '3'])
def test_processes_together_train_like_one(one, tmp_path, n):
    "Gradients, record and weights are those of one process, also in batches of fewer rows than processes; one table, one file"
    many = train(tmp_path, *torchrun(n))
    alone,first = torch.load(one/'seen0'),torch.load(many/'seen0')
    near(first['grads'], alone['grads'], tol=1e-10)
    for key in ('values', 'dicts', 'weighted'): near(float64(first[key]), float64(alone[key]), tol=1e-10)
    assert first['dicts'][-1][-1]==34
    for rank in range(int(n)):
        seen = torch.load(many/f'seen{rank}')
        assert torch.equal(seen['grads'], first['grads']) and tuple(seen['shard'])==(0,1)
        assert all(seen[key]==first[key] for key in ('values', 'dicts'))
    for name in ('weights', 'best'):
        for k,v in weights(one/f'{name}.pth').items(): near(weights(many/f'{name}.pth')[k], v, tol=1e-10)

@pytest.mark.long
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

@pytest.mark.long
def test_too_few_rows_for_the_processes(tmp_path):
    "In the training set, or in a batch: each process refuses before it waits for the others"
    r = run(tmp_path, '''
    few,small = DataLoader((x[:1], y[:1]), 16),DataLoader((x[70:], y[70:]), 1)
    for learner_dls in (DataLoaders(few, dls.valid), DataLoaders(dls.train, small)):
        dls = learner_dls
        try: learner(cbs=Distributed).fit(1, quiet=True)
        except ValueError as e: print(e)
    ''', command=torchrun('2'), env=ENV)
    assert r.returncode==0, r.stderr
    for says in ('got 1 rows in batches of 16', r'got \d+ rows in batches of 1'):
        assert len(re.findall(f'Distributed: {says} for 2 processes, wanted a row for each', r.stdout))==2, r.stdout

def test_alone_it_does_nothing():
    learn = three_classes()
    before = learn.dls.train.shard
    learn.fit(1, cbs=Distributed, quiet=True)
    assert learn.dls.train.shard==before and not torch.distributed.is_initialized()

@pytest.mark.long
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
