"Versions of the matrix product against `@`, and broadcasting against PyTorch on thousands of drawn cases."
import random, re
from html import escape
import pytest, torch
from conftest import draw, integers
from fastcore.test import test_fail as fails
from fastfound.matmul import broadcast_shape, explain_broadcast
from fastfound.matmul import matmul, matmul_bcast, matmul_dot, matmul_einsum, matmul_loops
from fastfound.basics import test_near

naked = [matmul_loops, matmul_dot, matmul_bcast, matmul_einsum]  # of the lesson
versions = [*naked, matmul]

def outcome(exc, f, *args):
    "What `f` returns, or None if it refuses with `exc`; any other error is a failure"
    try: return f(*args)
    except exc: return None

@pytest.mark.parametrize('f', versions)
@pytest.mark.parametrize('dtype', [torch.float64, torch.complex128, *integers])
def test_versions_like_at(f, dtype):
    "The same numbers and the same dtype as `@`; integers overflow alike"
    torch.manual_seed(0)
    for n,k,m in ((2,3,4), (1,5,1), (3,0,2), (0,2,3), (2,3,0), (4,17,3)):
        for a,b in ((draw(dtype, n, k), draw(dtype, k, m)), (draw(dtype, k, n).t(), draw(dtype, m, k).t()),
                    (draw(dtype, 2*n, k)[::2], draw(dtype, k, 2*m)[:,1::2])):
            got,want = f(a, b),a@b
            assert got.dtype==want.dtype
            if dtype in integers: assert torch.equal(got, want)
            else: test_near(got, want, tol=1e-10)

@pytest.mark.parametrize('f', versions)
@pytest.mark.parametrize('dtype,bits', [(torch.float32,24), (torch.complex64,24), (torch.float16,11), (torch.bfloat16,8)])
def test_versions_in_low_precision(f, dtype, bits):
    "Positive parts, so that no terms cancel: each of 2k roundings is at most 2**-bits of the result, and complex ones take four products"
    torch.manual_seed(0)
    k = 9
    a,b = (torch.rand(o, dtype=torch.complex64 if dtype.is_complex else torch.float32).to(dtype) for o in ((3,k),(k,4)))
    wide = torch.complex128 if dtype.is_complex else torch.float64
    got = f(a, b)
    assert got.dtype==dtype
    test_near(got, a.to(wide)@b.to(wide), tol=(4 if dtype.is_complex else 1)*2*k*2**-bits)

@pytest.mark.parametrize('f', naked)
@pytest.mark.parametrize('rows', [1, 2, 4])
def test_inner_sizes_that_differ(f, rows):
    "Refused by the functions of the lesson, too, above all the 1 that PyTorch would stretch"
    with pytest.raises(AssertionError, match=f"^can't multiply 2x3 by {rows}x4$"): f(torch.ones(2,3), torch.ones(rows,4))
    with pytest.raises(AssertionError, match=f"^can't multiply 4x{rows} by 3x2$"): f(torch.ones(4,rows), torch.ones(3,2))

def test_refused_as_at_does():
    "Shapes, dtypes and devices that `@` refuses, in words"
    x = torch.ones(2,3)
    for a,b,exc,says in [(x, x, ValueError, "can't multiply 2x3 by 2x3: got inner sizes 3 and 2, wanted equal ones"),
                         (x, x[0], ValueError, "can't multiply 2x3 by 3: got rank 2 and 1, wanted two matrices"),
                         (torch.tensor(1.), x, ValueError, "can't multiply a number by 2x3: got rank 0 and 2"),
                         (x, x.t().double(), TypeError, 'got float32 and float64, wanted the same dtype'),
                         (x, x.t().long(), TypeError, 'got float32 and int64, wanted the same dtype'),
                         (x.int(), x.t().long(), TypeError, 'got int32 and int64'),
                         (x.cfloat(), x.t(), TypeError, 'got complex64 and float32'),
                         (x.bool(), x.t().bool(), TypeError, 'got bool, wanted floats, complex numbers or integers'),
                         (x.to(torch.uint16), x.t().to(torch.uint16), TypeError, 'got uint16, wanted'),
                         (x, torch.ones(3,2, device='meta'), ValueError, 'got matrices on cpu and meta, wanted the same device'),
                         (x, x.t().tolist(), TypeError, 'got list, wanted a tensor'),
                         (x.numpy(), x.t(), TypeError, 'got ndarray, wanted a tensor')]:
        with pytest.raises(exc, match=re.escape(says)): matmul(a, b)

def test_at_refuses_these_too():
    "What the test above says of `@`"
    x = torch.ones(2,3)
    for a,b in [(x, x), (x, x.t().double()), (x, x.t().long()), (x.int(), x.t().long()), (x.cfloat(), x.t()), (x.bool(), x.t().bool()),
                (x.to(torch.uint16), x.t().to(torch.uint16))]:
        with pytest.raises(RuntimeError): a@b

def test_versions_have_gradients():
    a,b = torch.randn(2,3, dtype=torch.float64, requires_grad=True),torch.randn(3,2, dtype=torch.float64, requires_grad=True)
    want = torch.autograd.grad((a@b).pow(2).sum(), (a,b))
    for f in versions:
        for got,o in zip(torch.autograd.grad(f(a,b).pow(2).sum(), (a,b)), want): test_near(got, o, tol=1e-10)

def test_broadcast_shape_like_torch():
    rng,counts = random.Random(0),{True: 0, False: 0}
    for _ in range(10_000):
        full = [rng.choice([0,1,2,3,7]) for _ in range(rng.randint(0,5))]
        shapes = [tuple(1 if rng.random()<.3 else rng.choice([0,1,2,3]) if rng.random()<.5 else n for n in full[rng.randint(0,len(full)):])
                  for _ in range(rng.randint(0,4))]
        want,got = outcome(RuntimeError, lambda: tuple(torch.broadcast_shapes(*shapes))),outcome(ValueError, broadcast_shape, *shapes)
        assert got==want, (shapes, got, want)
        counts[want is None] += 1
        e = explain_broadcast(*shapes)
        assert e.shape==want and (e.error is None)==(want is not None) and repr(e) and e._repr_html_()
        if want is None:
            assert re.fullmatch(r"can't broadcast \(.*\) with \(.*\): in dimension -\d the sizes \d and \d differ and neither is 1",
                                e.error)
    assert min(counts.values())>1000, counts

def test_broadcast_shape_by_hand():
    fails(lambda: broadcast_shape((256,256,3), (256,1), (2,256,1)),
          contains="can't broadcast (256, 256, 3) with (2, 256, 1): in dimension -3 the sizes 256 and 2 differ")
    for shapes in ((), ((),), ((3,),()), ((0,),(1,)), ((2,1,4),(3,1)), (5,(1,))):
        assert broadcast_shape(*shapes)==tuple(torch.broadcast_shapes(*shapes))

def test_explain_broadcast():
    lines = repr(explain_broadcast((256,256,3), (3,))).splitlines()
    assert [o.split() for o in lines]==[['dimension','-3','-2','-1'], ['(256,','256,','3)','256','256','3'],
                                        ['(3,)','·','→','256','·','→','256','3'], ['result','256','256','3']]
    assert len({len(o) for o in lines})==1
    bad = explain_broadcast((5,64), (5,))
    assert '✗' in repr(bad) and 'sizes 64 and 5 differ' in repr(bad) and bad.shape is None
    assert explain_broadcast(torch.ones(3,3), 3).shape==(3,3) and explain_broadcast().shape==()
    assert '<td' in bad._repr_html_() and escape("can't") in bad._repr_html_()
