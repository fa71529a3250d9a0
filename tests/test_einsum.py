"Our einsum against PyTorch's on 10,000 drawn specs, legal and illegal, with operands of all dtypes."
import random
import numpy, pytest, torch
from fastfound.einsum import einsum
from fastfound.basics import test_near

torch.backends.opt_einsum.enabled = False  # from left to right, as ours

def outcome(exc, f, *args):
    "What `f` returns, or None if it refuses with `exc`; any other error is a failure"
    try: return f(*args)
    except exc: return None

def draw_spec(rng):
    "A random spec and the shapes of its operands, legal as a rule"
    size = {o: rng.choice([0,1,2,3]) if rng.random()<.1 else rng.choice([1,2,3]) for o in 'abcdA'}
    dots = [rng.choice([1,2,3]) for _ in range(2)]
    terms,shapes = [],[]
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
        shapes.append(shape)
    spec = ','.join(terms)
    if rng.random()<.75:
        out = sorted({o for o in spec if o.isalpha()})
        rng.shuffle(out)
        out = out[:rng.randint(0,len(out))]
        if rng.random()<.5: out.insert(rng.randint(0,len(out)), '...')
        if rng.random()<.05: out.append(rng.choice('abz'))
        spec += '->' + ''.join(out)
    if rng.random()<.1: spec = spec.replace(',', ' , ').replace('->', ' -> ')
    if rng.random()<.02: shapes = shapes[:-1] or shapes*2
    return spec,shapes

def compare(rng, n, draw, tol, empty=True):
    "How many of `n` drawn specs PyTorch refuses and takes; ours must do the same, with the same result and dtype"
    counts = {True: 0, False: 0}
    for _ in range(n):
        spec,shapes = draw_spec(rng)
        while not empty and 0 in sum(shapes, []): spec,shapes = draw_spec(rng)
        ops = [draw(o) for o in shapes]
        want,got = outcome(RuntimeError, torch.einsum, spec, *ops),outcome((ValueError,TypeError), einsum, spec, *ops)
        case = spec,[(tuple(o.shape),o.dtype) for o in ops]
        assert (got is None)==(want is None), case
        counts[want is None] += 1
        if want is None: continue
        assert got.dtype==want.dtype, (case, got.dtype, want.dtype)
        if tol: test_near(got, want, tol=tol)
        else: assert torch.equal(got, want), case
    return counts

def test_like_torch():
    torch.manual_seed(0)
    counts = compare(random.Random(0), 10_000, lambda o: torch.randn(o, dtype=torch.float64), 1e-10)
    assert counts[False]>5000 and counts[True]>500, counts

def test_dtypes_like_torch():
    "Operands of different dtypes are converted or refused as PyTorch does; small whole numbers, so that every dtype is exact"
    rng = random.Random(1)
    g = torch.Generator().manual_seed(0)
    dtypes = torch.float32,torch.float64,torch.int64,torch.int32,torch.uint8,torch.bool,torch.complex64
    def draw(shape): return torch.randint(0, 2, shape, generator=g).to(rng.choice(dtypes))
    counts = compare(rng, 10_000, draw, None, empty=False)  # PyTorch does not look at the dtypes of empty operands
    assert counts[False]>4000 and counts[True]>2000, counts

def test_mixed_dtypes_by_hand():
    f,d,i = torch.ones(2,2),torch.ones(2,2).double(),torch.ones(2,2).long()
    with pytest.raises(TypeError, match='got float32 and float64, wanted the same dtype'): einsum('ij,jk->ik', f, d)
    with pytest.raises(TypeError, match='got int64 and float32, wanted the same dtype'): einsum('ij,ij->', i, f)
    with pytest.raises(TypeError, match='got bool, wanted'): einsum('ij,ij->', f.bool(), f.bool())
    assert einsum('i,j->ij', f[0], d[0]).dtype==torch.float64 and einsum('ij,ij->ij', i, f).dtype==torch.float32

def test_complex():
    torch.manual_seed(0)
    a,b = torch.randn(2,3,4, dtype=torch.complex128),torch.randn(2,4,3, dtype=torch.complex128)
    test_near(einsum('bij,bjk->bik', a.conj(), b), a.conj()@b, tol=1e-10)

def test_gradients():
    a,b = torch.randn(3,4, dtype=torch.float64, requires_grad=True),torch.randn(4,3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: einsum('ij,ji,j->i', a, b, b[:,0]), (a,b))

def test_uses_no_other(monkeypatch):
    def refuse(*args, **kw): raise AssertionError("somebody else's einsum")
    monkeypatch.setattr(torch, 'einsum', refuse)
    monkeypatch.setattr(numpy, 'einsum', refuse)
    a,b = torch.randn(4,2,3).double(),torch.randn(4,3,5).double()
    test_near(einsum('bij,bjk->bik', a, b), a@b, tol=1e-10)

@pytest.mark.parametrize('args, says', [
    (([[1.]], [0,1]), "einsum: got a spec of type list, wanted a string such as 'ik,kj->ij'"),
    ((torch.ones(2), [0]), 'got a spec of type Tensor'),
    (('i,i', torch.ones(2), [1.,2.]), 'einsum: got operand 1 of type list, wanted a tensor'),
    (('i', 3), 'einsum: got operand 0 of type int, wanted a tensor')])
def test_what_is_no_spec_and_no_tensor(args, says):
    with pytest.raises(TypeError) as e: einsum(*args)
    assert says in str(e.value)
