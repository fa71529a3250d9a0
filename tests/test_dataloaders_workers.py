"Workers of the DataLoader when they are killed, fail, or are left alone. Time limits are far beyond need, for machines under load."
import os, subprocess, sys, textwrap, time
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

HEAD = '''
import os, random, signal, sys, time, torch
from fastfound.dataloaders import DataLoader
class Data:
    def __init__(self, n=40, how='fine'): self.n,self.how = n,how
    def __len__(self): return self.n
    def __getitem__(self, i):
        if self.how=='killed' and i==17: os.kill(os.getpid(), signal.SIGKILL)
        if self.how=='fails' and i==17: raise KeyError('row 17 is not there')
        if self.how=='environ': return os.environ['COLOUR']
        if self.how=='slow': time.sleep(0.2)
        return i, torch.rand(()).item() if self.how=='random' else os.getpid()
def flat(dl, part=0): return torch.cat([b[part] for b in dl]).tolist()
'''

def run(tmp_path, body, **kw):
    (tmp_path/'page.py').write_text(HEAD + "if __name__ == '__main__':\n" + textwrap.indent(textwrap.dedent(body), '    '))
    return subprocess.run([sys.executable, 'page.py'], cwd=tmp_path, capture_output=True, text=True, timeout=900, **kw)

@pytest.mark.long
def test_workers_serve_the_same_batches(tmp_path):
    r = run(tmp_path, '''
        def loaders(data, numbers, **kw): return [DataLoader(data, 7, generator=5, num_workers=n, **kw) for n in numbers]
        none,two = loaders(Data(), (0,2), shuffle=True)
        for epoch in range(2): assert flat(none)==flat(two)
        pids = set(flat(two, 1))
        assert os.getpid() not in pids and 1<=len(pids)<=2, pids
        none,one,two = loaders(Data(how='random'), (0,1,2))
        for epoch in range(2): assert flat(none)==flat(one)==flat(two)==list(range(40))
        draws = flat(one, 1)
        assert draws==flat(two, 1) and len(set(draws))==40 and flat(one, 1)!=draws
        assert len([1 for a in two for b in two])==36  # one pass within another
        def order(n):
            torch.manual_seed(1)
            dl = DataLoader(Data(), 7, shuffle=True, num_workers=n)
            return flat(dl), flat(dl), torch.rand(())
        assert order(0)==order(1)  # with the numbers of the global generator, of which the workers use none
        early = iter(DataLoader(Data(how='slow'), batch_sampler=[[i+1,i] for i in range(0, 40, 2)], num_workers=1))
        assert next(early)[0].tolist()==[1,0]  # and then no more: the rest is dropped
        print('fine')''')
    assert r.stdout=='fine\n' and r.returncode==0, r.stderr

@pytest.mark.long
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
    assert len(lines)==3 and lines[0]==lines[1] and lines[2]=='True', r.stdout+r.stderr
    assert lines[0].startswith('DataLoader: a worker process died: it was killed')

@pytest.mark.long
def test_an_error_in_an_item_comes_through(tmp_path):
    r = run(tmp_path, "flat(DataLoader(Data(how='fails'), 5, num_workers=1))")
    assert r.returncode==1 and "KeyError: 'row 17 is not there'" in r.stderr and '__getitem__' in r.stderr

def test_errors_in_workers(tmp_path):
    "Raised as they are where that can be; else their text is told. As without workers, a pass goes on after one"
    (tmp_path/'errors.py').write_text(textwrap.dedent("""
        import threading
        class Two(Exception):
            def __init__(self, a, b): super().__init__(f'{a} and {b}')
        class Twice(Exception):
            def __init__(self, a): super().__init__(f'<{a}>')
        class Locked(Exception):
            def __init__(self, a):
                super().__init__(a)
                self.lock = threading.Lock()
        class Items:
            def __len__(self): return 22
            def __getitem__(self, i):
                class Local(ValueError): pass
                errors = {1: KeyError('x'), 3: Two(5, 6), 5: Twice('t'), 7: Local('l'), 9: MemoryError('m'), 11: StopIteration('s'),
                          13: OSError(2, 'no', 'f'), 15: RuntimeError('DataLoader worker (pid 5) r'), 17: Locked('k'), 19: SystemExit('e')}
                if i in errors: raise errors[i]
                return i
        def pairs(items): return items if items[0]<20 else (o for o in items)  # which can't be sent back
        """))
    r = run(tmp_path, """
        from errors import Items, pairs
        def outcomes(n):
            it = iter(DataLoader(Items(), 2, num_workers=n, collate_fn=pairs))
            while True:
                try: yield next(it)
                except StopIteration: return
                except BaseException as e: yield e
        for a,b in zip(outcomes(0), outcomes(1), strict=True): print(type(a).__name__, a, type(b).__name__, ' '.join(str(b).split()))""")
    wanted = ["KeyError 'x' KeyError 'x'", 'Two 5 and 6 RuntimeError DataLoader: ... errors.Two: 5 and 6',
              'Twice <t> RuntimeError ... errors.Twice: <t>', 'Local l RuntimeError ...Local: l', 'MemoryError m MemoryError m',
              'RuntimeError DataLoader: an item raised StopIteration... RuntimeError DataLoader: an item raised StopIteration',
              'FileNotFoundError [Errno 2] no: ... FileNotFoundError [Errno 2] no: ',
              'RuntimeError DataLoader worker (pid 5) r RuntimeError DataLoader worker (pid 5) r',
              'Locked k RuntimeError ... errors.Locked: k', 'SystemExit e SystemExit e',
              "generator ... TypeError cannot pickle 'generator' object"]
    for line,parts in zip(r.stdout.splitlines(), wanted, strict=True):
        assert all(o in line for o in parts.split('...')), (line, parts, r.stderr)

def test_what_changes_between_passes_reaches_workers(tmp_path):
    "Any part of the dataset or of the function that makes a batch; where nothing changes, or what all can see, the same processes go on"
    (tmp_path/'many.py').write_text(textwrap.dedent("""
        import multiprocessing, os, numpy as np, torch
        class Many:
            def __init__(self):
                self.how,self.rows,self.array = 'one',[0,1,2],np.arange(3.)
                self.small,self.large,self.listed = torch.ones(2),torch.ones(2**19),[torch.ones(1, dtype=torch.bfloat16), torch.ones(3)]
                self.shared,self.counter = torch.ones(2).share_memory_(),multiprocessing.get_context('spawn').Value('i')
            def __len__(self): return len(self.rows)
            def __getitem__(self, i): return (self.how, self.rows[i], self.array[i%3].item(), self.small[0].item(), self.large[-1].item(),
                [o.tolist() for o in self.listed], self.shared[1].item(), self.counter.value, os.getpid())
        class Collate:
            extra = 0
            def __call__(self, items): return [(*o[:-1], self.extra) for o in items],items[0][-1]
        def other(items): return [o[:-1] for o in items],items[0][-1]
        def epoch(ds): ds.how = 'two'
        def longer(ds): ds.rows.append(70)
        def replaced(ds): ds.rows[0] = 71
        def array(ds): ds.array *= 3
        def small(ds): ds.small += 5
        def new_small(ds): ds.small = ds.small+1
        def large(ds): ds.large += 7
        def new_large(ds): ds.large = ds.large+9
        def listed(ds): ds.listed[1] += 8
        def shared(ds): ds.shared += 1
        def counter(ds): ds.counter.value += 1
        def nothing(ds): pass
        """))
    r = run(tmp_path, """
        from many import *
        ds,collate = Many(),Collate()
        dl,none = [DataLoader(ds, 2, num_workers=n, collate_fn=collate) for n in (1,0)]
        def look():
            (got,pids),(want,_) = zip(*dl),zip(*none)
            assert got==want, (got, want)
            return {*pids}
        before = look()
        for f in (nothing, epoch, nothing, longer, replaced, array, small, new_small, large, new_large, listed, shared, counter, nothing):
            f(ds)
            after = look()
            print(f.__name__, after==before)
            before = after
        collate.extra = 5
        look()
        for name,value in dict(collate_fn=other, dataset=[('a',1),('b',2)], batch_size=1).items():
            for o in (dl, none): setattr(o, name, value)
            look()
        dl.num_workers = 2
        assert len(look())==2
        print('fine')""")
    *lines,fine = r.stdout.splitlines() or ['']
    same = {k for k,v in map(str.split, lines) if v=='True'}
    assert fine=='fine' and len(lines)==14 and same=={'nothing','large','shared','counter'}, r.stdout+r.stderr

def test_a_dataset_of_many_tensors(tmp_path):
    "More than there may be open files"
    r = run(tmp_path, """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        data = [(torch.full((3,), float(i)), i) for i in range(2000)]
        data[:20] = [(torch.full((2,3), i).to(torch.complex64 if i%2 else torch.bool), i) for i in range(20)]
        rows = [[i] for i in range(20)]+[range(20, 2000)]
        for a,b in zip(*(DataLoader(data, batch_sampler=rows, num_workers=n) for n in (1,0)), strict=True):
            assert a[0].dtype==b[0].dtype and torch.equal(a[0], b[0])
        print('fine')""")
    assert r.stdout=='fine\n', r.stdout+r.stderr

def test_a_dataset_that_cannot_travel(tmp_path):
    r = run(tmp_path, '''
        class Local(Data): pass
        local = Local()
        local.f = lambda: 1
        try: flat(DataLoader(local, 5, num_workers=1))
        except Exception as e: print(type(e).__name__, e)''')
    assert r.returncode==0 and 'pickle' in r.stdout.lower(), r.stdout+r.stderr

@pytest.mark.long
@pytest.mark.skipif(sys.platform=='win32', reason='looks for processes by signal 0')
def test_workers_end_with_their_parent(tmp_path):
    (tmp_path/'page.py').write_text(HEAD + '''
if __name__ == '__main__':
    dl = iter(DataLoader(Data(), 1, num_workers=2))
    print(*{int(next(dl)[1]) for _ in range(4)}, flush=True)
    time.sleep(900)''')
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
    for _ in range(1200):
        if not any(map(alive, pids)): break
        time.sleep(0.1)
    assert pids and not any(map(alive, pids)), pids

@pytest.mark.long
def test_a_large_dataset_without_the_guard_ends(tmp_path):
    "More bytes than a pipe holds: the main process must not wait for workers that died before they took them all"
    (tmp_path/'page.py').write_text(HEAD + 'data = Data()\ndata.bytes = bytes(10**6)\nprint(flat(DataLoader(data, 5, num_workers=2)))')
    r = subprocess.run([sys.executable, 'page.py'], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert r.returncode==1 and 'DataLoader: a worker process died' in r.stderr

@pytest.mark.long
def test_loaders_with_workers_can_be_copied_and_leave_no_files(tmp_path):
    temp = tmp_path/'temp'
    temp.mkdir()
    r = run(tmp_path, """
        import copy, gc
        from multiprocessing import active_children
        dl = DataLoader(Data(), 7, sampler=range(9, -1, -1), num_workers=1)
        first = flat(dl)
        twin = copy.deepcopy(dl)
        print(len(active_children()), flat(twin)==first==list(range(9, -1, -1)), len(active_children()))
        del dl, twin
        gc.collect()
        print(active_children())""", env={**os.environ, 'TMPDIR': str(temp)})
    assert r.stdout=='1 True 2\n[]\n' and not list(temp.iterdir()), r.stdout+r.stderr

@pytest.mark.long
def test_workers_start_below_a_long_temporary_folder(tmp_path):
    "Where the address of a fork server would be too long"
    temp = tmp_path/('long'*20)
    temp.mkdir()
    r = run(tmp_path, "print(flat(DataLoader(Data(), 20, num_workers=1)))", env={**os.environ, 'TMPDIR': str(temp)})
    assert r.returncode==0 and len(r.stdout.split(','))==40 and not list(temp.iterdir()), r.stdout+r.stderr

def test_workers_have_the_environment_of_now(tmp_path):
    "Even where the server that they come from was started before a variable was set"
    r = run(tmp_path, '''
        os.environ['COLOUR'] = 'red'
        first = next(iter(DataLoader(Data(how='environ'), 1, num_workers=1)))
        os.environ['COLOUR'] = 'blue'
        print(*first, *next(iter(DataLoader(Data(how='environ'), 1, num_workers=1))))''')
    assert r.stdout=='red blue\n', r.stdout+r.stderr

@pytest.mark.long
def test_workers_that_the_garbage_collector_finds_are_told_to_end(tmp_path):
    "An error that somebody keeps keeps its loader in a cycle; its workers end by themselves, and nobody waits until they are killed"
    r = run(tmp_path, '''
        import gc, multiprocessing
        def fail():
            try: flat(DataLoader(Data(how='fails'), 7, num_workers=2))
            except KeyError as e: kept = e
        def leave():
            it = iter(DataLoader(Data(), 7, num_workers=2))
            cycle = [it, next(it)]
            cycle.append(cycle)
        gc.disable()
        for f in (fail, leave):
            f()
            workers = multiprocessing.active_children()
            assert len(workers)==2
            gc.collect()
            for o in workers: o.join()
            assert [o.exitcode for o in workers]==[0,0], (f, workers)
    ''')
    assert r.returncode==0, r.stderr
