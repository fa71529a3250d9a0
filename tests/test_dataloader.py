"Our DataLoader against PyTorch's on drawn datasets, and its workers when they are killed, fail, or are left alone."
import os, random, subprocess, sys, textwrap, time
from pathlib import Path
import pytest, torch
from torch.utils import data as torch_data
from fastfound.mnist_sgd import DataLoader

def draw_item(rng, kind):
    "A function from a row number to an item"
    part = {'int': lambda i: i*7, 'float': lambda i: i/3, 'bool': lambda i: i%3==0, 'word': lambda i: f'w{i}',
            'tensor': lambda i: torch.full((2,3), float(i)), 'array': lambda i: torch.arange(3).numpy()+i}
    if kind=='tuple':
        parts = [rng.choice(list(part)) for _ in range(rng.randint(1,3))]
        return lambda i: tuple(part[o](i) for o in parts)
    if kind=='dict':
        parts = [rng.choice(list(part)) for _ in range(rng.randint(1,3))]
        return lambda i: {f'k{n}': part[o](i) for n,o in enumerate(parts)}
    return part[kind]

def plain(batch):
    "A batch as something to compare: tensors as type and numbers, sequences as tuples"
    if isinstance(batch, torch.Tensor): return (batch.dtype, batch.tolist())
    if isinstance(batch, dict): return {k: plain(v) for k,v in batch.items()}
    if isinstance(batch, (list,tuple)): return tuple(map(plain, batch))
    return batch

def rows(batches, key=lambda b: b): return [o for b in batches for o in key(b)]

def test_like_torch():
    rng = random.Random(0)
    for _ in range(400):
        n,bs,drop = rng.randint(1,20),rng.randint(1,8),rng.random()<.5
        kind = rng.choice(['int','float','bool','word','tensor','array','tuple','dict','tensors','TensorDataset','range'])
        tensors = torch.arange(n),torch.randn(n,2)
        if kind=='tensors': ours,theirs = tensors,torch_data.TensorDataset(*tensors)
        elif kind=='TensorDataset': ours = theirs = torch_data.TensorDataset(*tensors)
        elif kind=='range': ours = theirs = range(n)
        else: ours = theirs = [draw_item(rng, kind)(i) for i in range(n)] if kind not in ('tuple','dict') else list(map(draw_item(rng, kind), range(n)))
        got,want = DataLoader(ours, bs, drop_last=drop),torch_data.DataLoader(theirs, bs, drop_last=drop)
        assert len(got)==len(want)
        assert [plain(o) for o in got]==[plain(o) for o in want], (kind, n, bs)

def test_shuffling_is_a_new_order_of_the_same_rows():
    rng = random.Random(1)
    for _ in range(100):
        n,bs,seed = rng.randint(20,60),rng.randint(1,9),rng.randrange(1000)
        for ds in (range(n), [(i,) for i in range(n)], torch.arange(n), (torch.arange(n), torch.arange(n)*2)):
            dl = DataLoader(ds, bs, shuffle=True, generator=seed)
            first,second = ([x for b in dl for x in (b[0] if isinstance(b, tuple) else b).tolist()] for _ in range(2))
            assert sorted(first)==sorted(second)==list(range(n)) and first!=list(range(n)) and first!=second
            again = [x for b in DataLoader(ds, bs, shuffle=True, generator=torch.Generator().manual_seed(seed)) for x in (b[0] if isinstance(b, tuple) else b).tolist()]
            assert again==first

def test_tensors_are_served_by_slices():
    "One index a tensor and batch, however many rows"
    class Counted(torch.Tensor):
        calls = 0
        def __getitem__(self, i):
            Counted.calls += 1
            return self.as_subclass(torch.Tensor)[i]
        def index_select(self, dim, rows):
            Counted.calls += 1
            return self.as_subclass(torch.Tensor).index_select(dim, rows)
    x = torch.randn(1000,3).as_subclass(Counted)
    for shuffle in (False, True):
        Counted.calls = 0
        assert sum(len(b) for b in DataLoader(x, 64, shuffle=shuffle))==1000 and Counted.calls==16
    assert next(iter(DataLoader(torch.arange(10), 4))).untyped_storage().data_ptr()!=0

HEAD = '''
import os, random, signal, sys, time, torch
from fastfound.mnist_sgd import DataLoader
class Data:
    def __init__(self, n=40, how='fine'): self.n,self.how = n,how
    def __len__(self): return self.n
    def __getitem__(self, i):
        if self.how=='killed' and i==17: os.kill(os.getpid(), signal.SIGKILL)
        if self.how=='fails' and i==17: raise KeyError('row 17 is not there')
        if self.how=='slow': time.sleep(0.2)
        return i, torch.rand(()).item() if self.how=='random' else os.getpid()
def flat(dl, part=0): return torch.cat([b[part] for b in dl]).tolist()
'''

def run(tmp_path, body, **kw):
    (tmp_path/'page.py').write_text(HEAD + "if __name__ == '__main__':\n" + textwrap.indent(textwrap.dedent(body), '    '))
    return subprocess.run([sys.executable, 'page.py'], cwd=tmp_path, capture_output=True, text=True, timeout=120, **kw)

def test_workers_serve_the_same_batches(tmp_path):
    r = run(tmp_path, '''
        for shuffle in (False, True):
            dls = [DataLoader(Data(), 7, shuffle=shuffle, generator=5, num_workers=n) for n in (0,2)]
            for epoch in range(2): assert flat(dls[0])==flat(dls[1])
        pids = set(flat(dls[1], 1))
        assert os.getpid() not in pids and 1<=len(pids)<=2, pids
        draws = [flat(DataLoader(Data(how='random'), 7, generator=5, num_workers=n), 1) for n in (1,2)]
        assert draws[0]==draws[1] and len(set(draws[0]))==40
        dl = DataLoader(Data(how='random'), 7, generator=5, num_workers=1)
        assert flat(dl, 1)!=flat(dl, 1)
        early = iter(DataLoader(Data(how='slow'), 2, num_workers=2))
        assert next(early)[0].tolist()==[0,1]
        print('fine')''')
    assert r.stdout=='fine\n' and r.returncode==0, r.stderr

def test_a_killed_worker_is_reported_and_replaced(tmp_path):
    r = run(tmp_path, '''
        data = Data(how='killed')
        dl = DataLoader(data, 5, num_workers=2)
        for _ in range(2):
            try: flat(dl)
            except RuntimeError as e: print(e)
        dl.dataset.how = 'fine'
        print(flat(dl)==list(range(40)))''')
    lines = r.stdout.splitlines()
    assert len(lines)==3 and lines[0]==lines[1] and lines[0].startswith('DataLoader: a worker process died: it was killed') and lines[2]=='True', r.stdout+r.stderr

def test_an_error_in_an_item_comes_through(tmp_path):
    r = run(tmp_path, "flat(DataLoader(Data(how='fails'), 5, num_workers=2))")
    assert r.returncode==1 and "KeyError: 'row 17 is not there'" in r.stderr and '__getitem__' in r.stderr

def test_a_dataset_that_cannot_travel(tmp_path):
    r = run(tmp_path, '''
        class Local(Data): pass
        local = Local()
        local.f = lambda: 1
        try: flat(DataLoader(local, 5, num_workers=1))
        except Exception as e: print(type(e).__name__, e)''')
    assert r.returncode==0 and 'pickle' in r.stdout.lower(), r.stdout+r.stderr

def test_a_file_without_the_guard_ends(tmp_path):
    (tmp_path/'page.py').write_text(HEAD + 'print(flat(DataLoader(Data(), 5, num_workers=1)))')
    r = subprocess.run([sys.executable, 'page.py'], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert r.returncode==1 and 'DataLoader: a worker process died' in r.stderr

@pytest.mark.skipif(sys.platform=='win32', reason='looks for processes by signal 0')
def test_workers_end_with_their_parent(tmp_path):
    (tmp_path/'page.py').write_text(HEAD + '''
if __name__ == '__main__':
    dl = iter(DataLoader(Data(), 1, num_workers=2))
    print(*{int(next(dl)[1]) for _ in range(4)}, flush=True)
    time.sleep(60)''')
    p = subprocess.Popen([sys.executable, 'page.py'], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    pids = [int(o) for o in p.stdout.readline().split()]
    p.kill()
    p.wait()
    p.stdout.close()
    def alive(pid):
        try: os.kill(pid, 0)
        except ProcessLookupError: return False
        stat = Path(f'/proc/{pid}/stat')
        return not stat.exists() or stat.read_text().split()[2]!='Z'  # a zombie has ended
    for _ in range(100):
        if not any(map(alive, pids)): break
        time.sleep(0.1)
    assert pids and not any(map(alive, pids)), pids
