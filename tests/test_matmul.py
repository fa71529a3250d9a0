"Broadcasting and einsum against PyTorch on thousands of drawn cases, the ladder's command, and the rungs that need something extra."
import os, random, re, shutil, subprocess, sys
from pathlib import Path
import pytest, torch
from conftest import run_page
from fastfound.matmul import broadcast_shape, einsum, explain_broadcast, test_near as near

def outcome(exc, f, *args):
    "What `f` returns, or None if it refuses with `exc`; any other error is a failure"
    try: return f(*args)
    except exc: return None

def test_broadcast_shape_like_torch():
    rng,counts = random.Random(0),{True: 0, False: 0}
    for _ in range(10_000):
        full = [rng.choice([0,1,2,3,7]) for _ in range(rng.randint(0,5))]
        shapes = [tuple(1 if rng.random()<.3 else rng.choice([0,1,2,3]) if rng.random()<.5 else n for n in full[rng.randint(0,len(full)):]) for _ in range(rng.randint(0,4))]
        want,got = outcome(RuntimeError, lambda: tuple(torch.broadcast_shapes(*shapes))),outcome(ValueError, broadcast_shape, *shapes)
        assert got==want, (shapes, got, want)
        counts[want is None] += 1
        e = explain_broadcast(*shapes)
        assert e.shape==want and (e.error is None)==(want is not None) and repr(e) and e._repr_html_()
        if want is None: assert re.fullmatch(r"can't broadcast \(.*\) with \(.*\): in dimension -\d the sizes \d and \d differ and neither is 1", e.error)
    print(counts)
    assert min(counts.values())>1000, counts

def draw_spec(rng):
    "A random spec and its operands, legal as a rule"
    size = {o: rng.choice([0,1,2,3]) if rng.random()<.1 else rng.choice([1,2,3]) for o in 'abcdA'}
    dots = [rng.choice([1,2,3]) for _ in range(2)]
    terms,ops = [],[]
    for _ in range(rng.choice([1,1,2,2,2,3,4])):
        term = [rng.choice('abcdA') for _ in range(rng.randint(0,3))]
        shape = [size[o] if rng.random()<.95 else rng.choice([1,2,3]) for o in term]
        if rng.random()<.3:
            at,n = rng.randint(0,len(term)),rng.randint(0,2)
            shape[at:at] = [1 if rng.random()<.2 else o for o in dots[2-n:]]
            term.insert(at, '...')
        if term and rng.random()<.03: term.pop(rng.randrange(len(term)))
        if rng.random()<.02: term.append(rng.choice(['.', '1', '...']))
        terms.append(''.join(term))
        ops.append(torch.randn(shape, dtype=torch.float64))
    spec = ','.join(terms)
    if rng.random()<.75:
        out = sorted({o for o in spec if o.isalpha()})
        rng.shuffle(out)
        out = out[:rng.randint(0,len(out))]
        if rng.random()<.5: out.insert(rng.randint(0,len(out)), '...')
        if rng.random()<.05: out.append(rng.choice('abz'))
        spec += '->' + ''.join(out)
    if rng.random()<.1: spec = spec.replace(',', ' , ').replace('->', ' -> ')
    if rng.random()<.02: ops = ops[:-1] or ops*2
    return spec,ops

def test_einsum_like_torch():
    rng,counts = random.Random(0),{True: 0, False: 0}
    torch.manual_seed(0)
    for _ in range(10_000):
        spec,ops = draw_spec(rng)
        want,got = outcome(RuntimeError, torch.einsum, spec, *ops),outcome(ValueError, einsum, spec, *ops)
        case = spec,[tuple(o.shape) for o in ops]
        assert (got is None)==(want is None), case
        counts[want is None] += 1
        if want is not None:
            assert got.shape==want.shape and torch.allclose(got, want, atol=1e-10), case
    print(counts)
    assert counts[False]>5000 and counts[True]>500, counts

def test_einsum_uses_no_other(monkeypatch):
    def refuse(*args, **kw): raise AssertionError("somebody else's einsum")
    monkeypatch.setattr(torch, 'einsum', refuse)
    import numpy
    monkeypatch.setattr(numpy, 'einsum', refuse)
    a,b = torch.randn(4,2,3),torch.randn(4,3,5)
    near(einsum('bij,bjk->bik', a, b), a@b)

def test_ladder_command(tmp_path):
    cmd = shutil.which('fastfound_ladder', path=Path(sys.executable).parent)
    r = subprocess.run([cmd, '--n', '3', '--k', '4', '--m', '2', '--budget', '0.01'], cwd=tmp_path, capture_output=True, text=True)
    assert r.returncode==0 and r.stdout.startswith('3x4 by 4x2, float32, 1 thread\nrung ') and '\n@ ' in r.stdout, r.stdout+r.stderr
    r = subprocess.run([cmd, '--k', '0'], cwd=tmp_path, capture_output=True, text=True)
    assert r.returncode==1 and 'wanted sizes from 1' in r.stderr and 'Traceback' not in r.stderr

def test_page_runs_without_numba(tmp_path):
    r = run_page('01_matmul', tmp_path, before="import sys; sys.modules['numba'] = None")
    assert r.returncode==0, r.stderr
    assert 'numba is not installed, so there are no compiled rungs here' in r.stdout
    check = "import sys; sys.modules['numba'] = None\nimport torch\nfrom fastfound.matmul import matmul_blocked\nmatmul_blocked(torch.ones(2,2), torch.ones(2,2))"
    r = subprocess.run([sys.executable, '-c', check], capture_output=True, text=True)
    assert "ImportError: the compiled rungs need numba, which is not installed: pip install 'fastfound[fast]'" in r.stderr

def test_import_is_light():
    "numba and triton are not imported until they are used"
    code = "import sys, fastfound.matmul; print([o for o in ('numba', 'triton', 'pandas', 'sympy') if o in sys.modules])"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout=='[]\n'

def test_gpu_kernel_in_the_interpreter():
    pytest.importorskip('triton', reason='triton runs the GPU kernel on a CPU, and is not installed')
    code = '''
import torch
from fastfound.matmul import matmul_tiles, test_near
for n,k,m in [(5,784,10), (70,33,90), (1,1,1), (32,32,32), (1,50,1), (0,3,2), (2,0,3)]:
    a,b = torch.randn(n,k),torch.randn(k,m)
    test_near(matmul_tiles(a, b), a@b)
a,b = torch.randn(40,70),torch.randn(40,50)
test_near(matmul_tiles(a.t(), b), a.t()@b)
print('fine')'''
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env={**os.environ, 'TRITON_INTERPRET': '1'})
    assert r.stdout=='fine\n', r.stderr
