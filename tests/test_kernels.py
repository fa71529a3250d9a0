"Compiled and GPU kernels against `@`, without what they need, the benchmark, and the command `fastfound ladder`."
import os, re, subprocess, sys
from unittest.mock import patch
import pytest, torch
from commandline import inside
from conftest import draw, integers, run_page
from fastfound import kernels
from fastfound.kernels import all_versions, ladder, matmul_blocked, matmul_compiled, matmul_tiles, matmul_versions
from fastfound.basics import test_near

nan,inf = float('nan'),float('inf')
compiled = [matmul_compiled, matmul_blocked]
x = torch.ones(2,3)

@pytest.mark.parametrize('f', compiled)
@pytest.mark.parametrize('dtype', [torch.float64, torch.complex128, *integers])
def test_compiled_like_at(f, dtype):
    "The same numbers and the same dtype as `@`; integers overflow alike"
    pytest.importorskip('numba')
    torch.manual_seed(0)
    for n,k,m in ((2,3,4), (1,5,1), (3,0,2), (0,2,3), (2,3,0), (9,17,7), (33,70,20)):
        for a,b in ((draw(dtype, n, k), draw(dtype, k, m)), (draw(dtype, k, n).t(), draw(dtype, m, k).t()),
                    (draw(dtype, 2*n, k)[::2], draw(dtype, k, 2*m)[:,1::2])):
            got,want = f(a, b),a@b
            assert got.dtype==want.dtype and got.shape==want.shape
            if dtype in integers: assert torch.equal(got, want)
            else: test_near(got, want, tol=1e-10)

@pytest.mark.parametrize('f', compiled)
def test_compiled_float32(f):
    "A sum of k positive products is off by at most about k roundings of 2**-24"
    pytest.importorskip('numba')
    a,b = torch.rand(20,300),torch.rand(300,30)
    test_near(f(a, b), a.double()@b.double(), tol=300*2**-24)

@pytest.mark.parametrize('f', compiled)
def test_compiled_views(f):
    "Views that are conjugated or negated without a copy, and matrices that must not be changed"
    pytest.importorskip('numba')
    a,b = torch.randn(5,4, dtype=torch.complex128),torch.randn(4,3, dtype=torch.complex128)
    before = a.clone()
    test_near(f(a.conj(), b), a.conj()@b, tol=1e-10)
    test_near(f(a.conj().imag, b.real), a.conj().imag@b.real, tol=1e-10)
    assert torch.equal(a, before)

@pytest.mark.parametrize('f', compiled)
def test_blocks_of_any_size(f):
    pytest.importorskip('numba')
    a,b = torch.randn(20,30).double(),torch.randn(30,40).double()
    for cache in (0, 1, 1000, 5000, 1<<40): test_near(matmul_blocked(a, b, cache=cache), a@b, tol=1e-10)

@pytest.mark.parametrize('f', [*compiled, matmul_tiles])
def test_refused(f):
    "What no kernel can do is told in words, before anything is compiled"
    for a,b,exc,says in [(x, x, ValueError, "got inner sizes 3 and 2, wanted equal ones"),
                         (x, x.t().double(), TypeError, 'got float32 and float64, wanted the same dtype'),
                         (x.bool(), x.t().bool(), TypeError, 'got bool, wanted'),
                         (x.to('meta'), x.t().to('meta'), ValueError, f'{f.__name__}: got a matrix on meta, wanted it on')]:
        with pytest.raises(exc, match=re.escape(says)): f(a, b)

@pytest.mark.parametrize('f', compiled)
def test_compiled_refuse(f):
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(TypeError, match=f'{f.__name__}: got a matrix of dtype {str(dtype)[6:]}, wanted float32 or'):
            f(x.to(dtype), x.t().to(dtype))
    a = x.clone().requires_grad_()
    with pytest.raises(ValueError, match='no backward pass'): f(a, x.t())
    pytest.importorskip('numba')
    with torch.no_grad(): test_near(f(a, x.t()), x@x.t(), tol=1e-10)

def test_tiles_want_a_gpu():
    with pytest.raises(ValueError, match='matmul_tiles: got a matrix on cpu, wanted it on cuda'): matmul_tiles(x, x.t())

def test_versions_by_device():
    assert list(all_versions('cuda'))==['tiles', '@']
    assert [o for o in all_versions() if not o.startswith('compiled')]==['three loops', 'row times column', 'broadcasting', 'einsum', '@']

def test_ladder_scales_up():
    "On a clock of our own, on which every multiplication takes as long: a version that is too slow gets a part, and its time is right"
    for n,k,m in ((100,1,100), (1,10_000,1), (3,1000,7), (2000,3,1)):
        now,total = [0.],n*k*m
        def takes(seconds):
            def f(a, b): now[0] += seconds*a.shape[0]*a.shape[1]*b.shape[1]
            return f
        with patch('time.perf_counter', lambda: now[0]), patch('operator.matmul', takes(0.0001)):
            slow,at = ladder(n, k, m, versions={'slow': takes(0.01)}, budget=5.).rows
        for name,want in {'seconds': total*0.01, 'GFLOP/s': 200/1e9, 'relative to @': 0.01, 'speed-up': 1}.items():
            test_near(slow[name], want, tol=1e-10)
        test_near(at['seconds'], total*0.0001, tol=1e-10)
        assert now[0]<40, now

def test_ladder_by_default():
    table = ladder(2, 3, 4, budget=0.01)
    assert [r['version'] for r in table.rows]==list(matmul_versions)==['three loops', 'row times column', 'broadcasting', 'einsum', '@']
    assert list(table.rows[0])==['version', 'seconds', 'speed-up', 'GFLOP/s', 'relative to @']
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError): ladder(2, 3, 4, versions={'broken': lambda a, b: 1/0})
    assert torch.get_num_threads()==before

@pytest.mark.parametrize('kw,says', [
    (dict(n=0), 'got 0x784 by 784x10, wanted sizes from 1'), (dict(k=-5), 'wanted sizes from 1'),
    (dict(n=10**9), 'GiB of memory, wanted at most half of the'),
    (dict(n=100_000, k=100_000, m=100_000), 'which takes about 335 GiB of memory'), (dict(n=10**30), 'wanted a whole number below 2**63'),
    (dict(budget=0), 'got a budget of 0 seconds, wanted a number above 0'), (dict(budget=-1.), 'wanted a number above 0'),
    (dict(budget=nan), 'got budget=nan, wanted a number'), (dict(budget=inf), 'wanted a number above 0'),
    (dict(threads=0), 'got 0 threads, wanted 1 to'), (dict(threads=10**6), 'got 1000000 threads, wanted 1 to'),
    (dict(device='nonsense'), "got device 'nonsense', which cannot be used here")])
def test_ladder_refuses(kw, says, monkeypatch):
    monkeypatch.setattr(kernels, '_free_memory', lambda: 64<<30)
    with pytest.raises(ValueError, match=re.escape(says)): ladder(**kw)

def test_ladder_wants_functions():
    with pytest.raises(TypeError, match='wanted functions by name'): ladder(2, 3, 4, versions={'a': 1})

def test_free_memory(): assert 10<<20 < kernels._free_memory() < 1<<50

def test_ladder_with_long_sums():
    "Three loops over sums of a million terms get a shorter sum, not ten seconds for each"
    rows = ladder(1, 1_000_000, 1, budget=0.1).rows
    assert rows[0]['seconds'] > rows[-1]['seconds'] > 0

def test_ladder_plot():
    from matplotlib import pyplot as plt
    ax = ladder(2, 3, 4, budget=0.01).plot()
    assert [o.get_text() for o in ax.get_yticklabels()]==list(matmul_versions) and ax.get_xscale()=='log' and ax.figure.patch.get_alpha()==0
    plt.close(ax.figure)

def test_command(tmp_path):
    "Its table"
    r = inside('ladder', '--n', 3, '--k', 4, '--m', 2, '--budget', 0.01, cwd=tmp_path)
    assert r.returncode==0 and r.stdout.startswith('3x4 by 4x2, float32, 1 thread\nversion ') and '\n@ ' in r.stdout, r.stdout+r.stderr

@pytest.mark.parametrize('kw,says', [
    (dict(k=0), 'got 5x0 by 0x10, wanted sizes from 1'), (dict(n=10**9), 'GiB of memory, wanted at most half of the'),
    (dict(n=10**6, k=10**6, m=10**6), 'got 1000000x1000000 by '), (dict(n=10**30), 'wanted a whole number below 2**63'),
    (dict(budget=0.), 'got a budget of 0.0 seconds, wanted a number above 0'), (dict(budget=nan), 'got budget=nan, wanted a number'),
    (dict(threads=0), 'got 0 threads, wanted 1 to'), (dict(threads=-2), 'got -2 threads'),
    (dict(device='nonsense'), "got device 'nonsense', which cannot be used here")])
def test_command_refuses(tmp_path, kw, says):
    "On one line"
    r = inside('ladder', *(o for k,v in kw.items() for o in (f'--{k}', v)), cwd=tmp_path)
    assert r.returncode==1 and r.stderr.startswith('fastfound ladder: ') and says in r.stderr, r.stderr
    assert r.stderr.count('ladder: ')==r.stderr.count('\n')==1

@pytest.mark.long
def test_page_runs_without_numba(tmp_path):
    r = run_page('01b_kernels', tmp_path, before="import sys; sys.modules['numba'] = None",
                 after='import fastfound.kernels\nfastfound.kernels.matmul_blocked(torch.ones(2,2), torch.ones(2,2))')
    says = "ImportError: the compiled versions need numba, which is not installed: pip install numba"
    assert r.returncode==1 and says in r.stderr.splitlines()[-1], r.stderr
    assert 'numba is not installed, so the compiled versions are left out here' in r.stdout

@pytest.mark.long
def test_gpu_kernel_in_the_interpreter():
    pytest.importorskip('triton', reason='triton runs the GPU kernel on a CPU, and is not installed')
    code = '''
import torch
from fastfound.kernels import matmul_tiles
from fastfound.basics import test_near
for n,k,m in [(5,784,10), (70,33,90), (1,1,1), (32,32,32), (1,50,1), (0,3,2), (2,0,3)]:
    a,b = torch.rand(n,k),torch.rand(k,m)
    test_near(matmul_tiles(a, b), a.double()@b.double(), tol=(k+1)*2**-24)  # k roundings of a sum of positive products
a,b = torch.rand(40,70),torch.rand(40,50)
test_near(matmul_tiles(a.t(), b), a.t().double()@b.double(), tol=41*2**-24)
for dtype in (torch.float64, torch.int64, torch.complex64):
    try: matmul_tiles(a.t().to(dtype), b.to(dtype))
    except TypeError as e: assert 'wanted float32' in str(e)
    else: raise AssertionError(dtype)
print('fine')'''
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env={**os.environ, 'TRITON_INTERPRET': '1'})
    assert r.stdout=='fine\n', r.stderr
